# The service with the documentation's tutorials on a stand-in for the model, asked by four people.
python3 "$PROGRAMS/model.py" 21110 & model=$!
sleep 1
export OPENAI_BASE_URL=http://127.0.0.1:21110/v1
python3 "$PROGRAMS/serve.py" --port 21111 --client 'for n in $(seq 20); do for page in answer agent chat people label summary; do curl -s -o /dev/null -w "%{http_code} $page\n" "http://127.0.0.1:21111/$page?q=number-$n&who=person$((n % 4))"; done; done' -- \
  env NODE_OPTIONS="$TRACED" node "$PROGRAMS/langchain_tutorials.js" 21111
kill $model
