# apscheduler.sh: the service with Redis, a database at port 22020 and pages to fetch, and people that use it.
export PYTHONPATH="$PROGRAMS" PYTHONDONTWRITEBYTECODE=1
pages=$(mktemp -d)
for page in 0 1 2 3; do python3 -c "print('<p>' + ' '.join('word%d' % n for n in range(900 * ($page + 1))))" > "$pages/$page.html"; done
redis-server --port 22021 --bind 127.0.0.1 --save '' --dir "$pages" >/dev/null & store=$!
python3 -m http.server -b 127.0.0.1 -d "$pages" 22022 2>/dev/null & server=$!
sleep 1
python3 "$PROGRAMS/serve.py" --port 22023 --client "python3 $PROGRAMS/apscheduler_client.py http://127.0.0.1:22023" -- opentelemetry-instrument python "$PROGRAMS/apscheduler_news.py" 22020 22021 22022 22023
kill $store $server
rm -rf "$pages"
