# procrastinate.sh PORT: the news site's worker and web server on the database at that port, and feeds to read (one is gone).
export DATABASE_URL=postgresql://field@127.0.0.1:$1/field PAGES_URL=http://127.0.0.1:21021 PYTHONPATH="$PROGRAMS" PYTHONDONTWRITEBYTECODE=1
pages=$(mktemp -d)
for page in 0 1 2 3; do python3 -c "print('<p>' + ' '.join('word%d' % n for n in range(900 * ($page + 1))))" > "$pages/$page.html"; done
python3 -m http.server -b 127.0.0.1 -d "$pages" 21021 2>/dev/null & server=$!
python "$PROGRAMS/procrastinate_news.py"
procrastinate --app procrastinate_news.app schema --apply
opentelemetry-instrument procrastinate --app procrastinate_news.app worker --concurrency 4 & worker=$!
sleep 4
python3 "$PROGRAMS/serve.py" --port 21022 --client "sh $PROGRAMS/procrastinate_client.sh http://127.0.0.1:21022" -- opentelemetry-instrument flask --app 'procrastinate_news:web()' run -p 21022
sleep 3
opentelemetry-instrument procrastinate --app procrastinate_news.app healthchecks
kill -INT $worker; wait $worker
kill $server
rm -rf "$pages"
