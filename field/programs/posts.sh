# The routes of json-server's README.
for round in $(seq 12); do
  for path in posts posts/1 'posts?author=ann' 'posts?_page=1&_limit=2' 'posts?_sort=title' 'posts?_embed=comments' \
    'comments?_expand=post' 'posts/1/comments' 'posts?q=other' profile db; do curl -s -o /dev/null "$1/$path"; done
  curl -s -o /dev/null -d "title=New $round&author=ben" "$1/posts"
  curl -s -o /dev/null -X PATCH -d "title=Changed $round" "$1/posts/2"
done
