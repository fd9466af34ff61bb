# The tutorials on a stand-in for the model, with pages to read; DSPy's cache begins empty.
export OPENAI_API_BASE=http://127.0.0.1:22120/v1 OPENAI_BASE_URL=http://127.0.0.1:22120/v1 OPENAI_API_KEY=x LITELLM_LOCAL_MODEL_COST_MAP=True DSPY_CACHEDIR="$PWD/cache"
rm -rf cache; mkdir -p pages
for page in 0 1 2 3; do python3 -c "print('<html><body><h1>Page $page</h1><p>' + 'It stood by the sea and people came to see it. ' * 40 + '</p></body></html>')" > "pages/$page.html"; done
python3 "$PROGRAMS/dspy_model.py" 22120 & model=$!
python3 -m http.server -b 127.0.0.1 -d pages 22121 2>/dev/null & server=$!
sleep 1
opentelemetry-instrument python "$PROGRAMS/dspy_tutorials.py" http://127.0.0.1:22121
kill $model $server
