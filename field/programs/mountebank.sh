# A real service for the proxy to record, and mountebank: once with its imposters in memory and its pages read, once with them in files.
pages=$(mktemp -d)
for page in 0 1 2 3; do python3 -c "import json; print(json.dumps([{'id': n, 'name': 'Product %d' % n} for n in range($page * 40, $page * 40 + 40)]))" > "$pages/$page.json"; done
python3 -m http.server -b 127.0.0.1 -d "$pages" 22020 2>/dev/null & real=$!
python3 "$PROGRAMS/serve.py" --port 22021 --client "python3 $PROGRAMS/imposters.py http://127.0.0.1:22021 22030 http://127.0.0.1:22020" --client "sh $PROGRAMS/mountebank_pages.sh http://127.0.0.1:22021" -- \
  env NODE_OPTIONS="$TRACED" mb --port 22021 --pidfile "$pages/mb.pid" --nologfile
python3 "$PROGRAMS/serve.py" --port 22022 --client "python3 $PROGRAMS/imposters.py http://127.0.0.1:22022 22040 http://127.0.0.1:22020" -- \
  env OTEL_NODE_ENABLED_INSTRUMENTATIONS=http,express,net,dns,fs NODE_OPTIONS="$TRACED" mb --port 22022 --pidfile "$pages/mb2.pid" --nologfile --datadir "$pages/imposters"
kill $real
rm -rf "$pages"
