# A worker over Redis, pages to read, and a program that asks for jobs, twice.
export REDIS_PORT=23040 PAGES_URL=http://127.0.0.1:23041 PYTHONPATH="$PROGRAMS" PYTHONDONTWRITEBYTECODE=1
pages=$(mktemp -d)
for page in 0 1 2 3; do python3 -c "print('<p>' + ' '.join('word%d' % n for n in range(900 * ($page + 1))))" > "$pages/$page.html"; done
redis-server --port 23040 --bind 127.0.0.1 --save '' --dir "$pages" >/dev/null & store=$!
python3 -m http.server -b 127.0.0.1 -d "$pages" 23041 2>/dev/null & server=$!
sleep 1
opentelemetry-instrument arq arq_tasks.WorkerSettings & worker=$!
sleep 3
opentelemetry-instrument python "$PROGRAMS/arq_tasks.py"
sleep 10
opentelemetry-instrument python "$PROGRAMS/arq_tasks.py"
arq --check arq_tasks.WorkerSettings
sleep 10
kill $worker; wait $worker
kill $server $store
