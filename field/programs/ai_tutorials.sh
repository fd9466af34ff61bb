# The service with the documentation's examples on a stand-in for the model, asked 25 times over.
python3 "$PROGRAMS/model.py" 22090 & model=$!
sleep 1
export OPENAI_BASE_URL=http://127.0.0.1:22090/v1
python3 "$PROGRAMS/serve.py" --port 22091 --client 'for n in $(seq 25); do for page in text recipe tools agent retrieval chain; do curl -s -w " %{http_code} $page\n" "http://127.0.0.1:22091/$page?q=number-$n"; done; done' -- \
  env NODE_OPTIONS="$TRACED" node "$PROGRAMS/ai_tutorials.mjs" 22091
kill $model
