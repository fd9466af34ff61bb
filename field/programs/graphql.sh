# Lists, nested lists and a mutation of json-graphql-server's README.
ask() { curl -s -o /dev/null -H 'Content-Type: application/json' -d "{\"query\": \"$2\"}" "$1"; }
for round in $(seq 10); do
  ask "$1" "{ allPosts(page: 0, perPage: 10) { id title } }"
  ask "$1" "{ allPosts { title User { name } } }"
  ask "$1" "{ allPosts { title User { name } Comments { date body } } }"
  ask "$1" "{ allUsers { name Posts { title Comments { body } } } }"
  ask "$1" "mutation { createPost(id: 10$round, title: \\\"New\\\", views: 1, user_id: 2) { id } }"
done
