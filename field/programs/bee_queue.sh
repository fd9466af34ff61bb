# A web server that queues sums, reports and mails, and a worker with two processes' work, over Redis.
pages=$(mktemp -d)
redis-server --port 22070 --bind 127.0.0.1 --save '' --dir "$pages" >/dev/null & store=$!
for page in 0 1 2 3; do python3 -c "print('<p>' + ' '.join('word%d' % n for n in range(900 * ($page + 1))))" > "$pages/$page.html"; done
python3 -m http.server -b 127.0.0.1 -d "$pages" 22071 2>/dev/null & server=$!
sleep 1
NODE_OPTIONS="$TRACED" node "$PROGRAMS/bee_queue_shop.js" worker 22070 0 http://127.0.0.1:22071 & worker=$!
python3 "$PROGRAMS/serve.py" --port 22072 --client "python3 $PROGRAMS/bee_queue_client.py http://127.0.0.1:22072" -- \
  env NODE_OPTIONS="$TRACED" node "$PROGRAMS/bee_queue_shop.js" web 22070 22072
sleep 4
kill $worker; wait $worker
kill $server $store
rm -rf "$pages"
