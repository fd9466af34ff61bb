# bree.sh DATABASE-PORT PAGES-PORT PORT: the news service for a minute and a half, with readers and new people.
export DATABASE_URL="postgres://field@127.0.0.1:$1/field" PAGES_URL="http://127.0.0.1:$2"
python3 "$PROGRAMS/bree_pages.py" "$2" & pages=$!
python3 "$PROGRAMS/serve.py" --port "$3" --client "for n in \$(seq 20); do for path in items mails jobs; do curl -s -o /dev/null http://127.0.0.1:$3/\$path; done; curl -s -o /dev/null -H 'Content-Type: application/json' -d \"{\\\"email\\\": \\\"new\$n@example.com\\\"}\" http://127.0.0.1:$3/people; sleep 4; done" -- \
  env NODE_OPTIONS="$TRACED" node "$PROGRAMS/bree_news/app.js" "$3"
kill $pages
