# Eight users sign up, write five messages each, follow each other, and read their own and the public pages.
users="ann ben cat dan eve fay gus hal"
for user in $users; do
  jar=$(mktemp); ask() { curl -s -o /dev/null -b "$jar" -c "$jar" "$@"; }
  ask -d "username=$user&password=secret&email=$user@example.com" "$1/join/"
  for message in 1 2 3 4 5; do ask -d "content=Message $message of $user" "$1/create/"; done
  for other in $users; do [ $other = $user ] || ask -X POST "$1/users/$other/follow/"; done
  for page in "" public/ following/ followers/ users/ users/ann/ users/ben/; do ask "$1/$page"; ask "$1/$page"; done
  ask "$1/logout/"
done
