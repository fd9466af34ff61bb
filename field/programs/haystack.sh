# The tutorials on a stand-in for the model, with pages to fetch.
export OPENAI_BASE_URL=http://127.0.0.1:23090/v1 OPENAI_API_KEY=x HAYSTACK_TELEMETRY_ENABLED=False
pages=$(mktemp -d)
for page in 0 1 2 3; do python3 -c "print('<html><body><article><h1>Page $page</h1><p>' + 'It stood by the sea and people came to see it. ' * 40 + '</p></article></body></html>')" > "$pages/$page.html"; done
python3 "$PROGRAMS/model.py" 23090 & model=$!
python3 -m http.server -b 127.0.0.1 -d "$pages" 23091 2>/dev/null & server=$!
sleep 1
for round in 1 2; do opentelemetry-instrument python "$PROGRAMS/haystack_tutorials.py" http://127.0.0.1:23091; done
kill $model $server
rm -rf "$pages"
