# langgraph.sh PORT: the tutorials, then the chat's server with the database at the port, on a stand-in for the model and with pages to read.
export OPENAI_BASE_URL=http://127.0.0.1:22041/v1 OPENAI_API_KEY=x LANGSMITH_TRACING=false
rm -f talks.db
pages=$(mktemp -d)
for page in 0 1 2 3; do python3 -c "print('<p>' + 'It stood by the sea and people came to see it. ' * 40)" > "$pages/$page.html"; done
python3 "$PROGRAMS/model.py" 22041 & model=$!
python3 -m http.server -b 127.0.0.1 -d "$pages" 22042 2>/dev/null & server=$!
sleep 1
opentelemetry-instrument python "$PROGRAMS/langgraph_tutorials.py" http://127.0.0.1:22042
python3 "$PROGRAMS/serve.py" --port 22043 --client "python3 $PROGRAMS/langgraph_client.py http://127.0.0.1:22043" -- \
  opentelemetry-instrument python "$PROGRAMS/langgraph_server.py" "postgresql://field@127.0.0.1:$1/field" http://127.0.0.1:22042 22043
kill $model $server
rm -rf "$pages"
