# The shop's web server and worker over Redis, with pages to count.
pages=$(mktemp -d)
for page in 0 1 2 3; do python3 -c "print('<p>' + ' '.join('word%d' % n for n in range(900 * ($page + 1))))" > "$pages/$page.html"; done
redis-server --port 23050 --bind 127.0.0.1 --save '' --dir "$pages" >/dev/null & store=$!
python3 -m http.server -b 127.0.0.1 -d "$pages" 23051 2>/dev/null & server=$!
sleep 1
NODE_OPTIONS="$TRACED" node "$PROGRAMS/bullmq_shop.js" worker 23050 0 http://127.0.0.1:23051 & worker=$!
python3 "$PROGRAMS/serve.py" --port 23052 --client "python3 $PROGRAMS/bullmq_client.py http://127.0.0.1:23052" -- \
  env NODE_OPTIONS="$TRACED" node "$PROGRAMS/bullmq_shop.js" web 23050 23052
sleep 5
kill $worker; wait $worker
kill $server $store
rm -rf "$pages"
