# A worker over Redis, pages to read, and a program that asks for tasks.
export REDIS_URL=redis://127.0.0.1:18412/0 PAGES_URL=http://127.0.0.1:18413 PYTHONPATH="$PROGRAMS"
pages=$(mktemp -d)
for page in 0 1 2 3; do python3 -c "print('<p>' + ' '.join('word%d' % n for n in range(900 * ($page + 1))))" > "$pages/$page.html"; done
redis-server --port 18412 --save '' --dir "$pages" >/dev/null & store=$!
python3 -m http.server -b 127.0.0.1 -d "$pages" 18413 2>/dev/null & server=$!
sleep 1
opentelemetry-instrument dramatiq dramatiq_tasks --processes 1 --threads 4 & worker=$!
sleep 3
opentelemetry-instrument python "$PROGRAMS/dramatiq_tasks.py"
sleep 6
kill $worker; wait $worker
kill $server $store
