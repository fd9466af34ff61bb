# Registers a user who writes twelve posts and edits three.
jar=$(mktemp); ask() { curl -s -o /dev/null -b "$jar" -c "$jar" "$@"; }
ask -d "username=ann&password=secret" "$1/auth/register"
ask -d "username=ann&password=secret" "$1/auth/login"
for post in 1 2 3 4 5 6 7 8 9 10 11 12; do ask -d "title=Post $post&body=What was done on day $post" "$1/create"; done
for post in 1 2 3; do ask "$1/$post/update"; ask -d "title=Post $post again&body=Better" "$1/$post/update"; done
for round in 1 2 3 4 5 6 7 8 9 10; do ask "$1/"; done
ask "$1/auth/logout"
