# pg_boss.sh PORT: the shop's web server and worker on the database at that port, with pages to count.
database="postgres://field@127.0.0.1:$1/field"
pages=$(mktemp -d)
for page in 0 1 2 3; do python3 -c "print('<p>' + ' '.join('word%d' % n for n in range(900 * ($page + 1))))" > "$pages/$page.html"; done
python3 -m http.server -b 127.0.0.1 -d "$pages" 22051 2>/dev/null & server=$!
# The web server comes first, since both make the schema if it is missing.
python3 "$PROGRAMS/serve.py" --port 22052 --client "sh $PROGRAMS/pg_boss_client.sh http://127.0.0.1:22052" -- \
  env NODE_OPTIONS="$TRACED" node "$PROGRAMS/pg_boss_shop.js" web "$database" 22052 & web=$!
sleep 4
NODE_OPTIONS="$TRACED" node "$PROGRAMS/pg_boss_shop.js" worker "$database" 0 http://127.0.0.1:22051 & worker=$!
wait $web
kill $worker; wait $worker
kill $server
rm -rf "$pages"
