# What the forum's pages ask for: lists, a person with posts, search, a new post, a change.
ask() { curl -s -o /dev/null -H 'Content-Type: application/json' -d "$1" "$2/graphql"; }
for round in 1 2 3 4 5 6; do
  ask '{"query": "query Posts { allPosts(first: 20, orderBy: ID_DESC) { totalCount nodes { id headline summary personByAuthorId { id fullName } } } }"}' "$1"
  ask '{"query": "query People { allPeople(first: 30) { nodes { id fullName latestPost { id headline } postsByAuthorId(first: 3) { totalCount nodes { headline } } } } }"}' "$1"
  ask "{\"query\": \"query Person(\$id: Int!) { personById(id: \$id) { fullName about postsByAuthorId { nodes { id headline body } } } }\", \"variables\": {\"id\": $round}}" "$1"
  ask "{\"query\": \"query Search { searchPosts(search: \\\"Headline $round\\\", first: 10) { nodes { id headline topic } } }\"}" "$1"
  ask "{\"query\": \"mutation New { createPost(input: {post: {authorId: $round, headline: \\\"New $round\\\", body: \\\"Text\\\", topic: HELP}}) { post { id personByAuthorId { fullName } } } }\"}" "$1"
  ask "{\"query\": \"mutation Change { updatePostById(input: {id: $round, postPatch: {headline: \\\"Changed\\\"}}) { post { id headline } } }\"}" "$1"
done
