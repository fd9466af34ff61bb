# mem0.sh MODEL-PORT PORT: the chat on a stand-in for the model, with fresh memories.
export OPENAI_BASE_URL="http://127.0.0.1:$1/v1" OPENAI_API_KEY=x MEM0_TELEMETRY=False MEM0_DIR="$PWD/mem0"
rm -rf qdrant history.db mem0
python3 "$PROGRAMS/mem0_model.py" "$1" & model=$!
python3 "$PROGRAMS/serve.py" --port "$2" --client "python3 $PROGRAMS/mem0_client.py http://127.0.0.1:$2" -- opentelemetry-instrument uvicorn --app-dir "$PROGRAMS" mem0_chat:app --port "$2"
kill $model
