# A worker over Redis with its web page, pages to read, and a program that enqueues jobs, three times.
export REDIS_PORT=22060 PAGES_URL=http://127.0.0.1:22061 PYTHONPATH="$PROGRAMS" PYTHONDONTWRITEBYTECODE=1
pages=$(mktemp -d)
for page in 0 1 2 3; do python3 -c "print('<p>' + ' '.join('word%d' % n for n in range(900 * ($page + 1))))" > "$pages/$page.html"; done
redis-server --port 22060 --bind 127.0.0.1 --save '' --dir "$pages" >/dev/null & store=$!
python3 -m http.server -b 127.0.0.1 -d "$pages" 22061 2>/dev/null & server=$!
sleep 1
opentelemetry-instrument saq saq_tasks.settings --web --port 22062 & worker=$!
sleep 4
for round in 1 2 3; do
  opentelemetry-instrument python "$PROGRAMS/saq_tasks.py"
  for path in / /queues/default /api/queues /api/queues/default; do curl -s -o "$pages/answer" -w "%{http_code} $path\n" "http://127.0.0.1:22062$path"; done
  opentelemetry-instrument saq saq_tasks.settings --check
  sleep 8
done
kill $worker; wait $worker
kill $server $store
rm -rf "$pages"
