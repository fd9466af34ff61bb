# Prompts with a system text, a conversation that goes on, a template, embeddings of files, and the log.
python3 "$PROGRAMS/model.py" 18122 & server=$!
sleep 1
export LLM_USER_PATH="$PLACE/llm" OPENAI_API_KEY=x OPENAI_BASE_URL=http://127.0.0.1:18122/v1
mkdir -p "$LLM_USER_PATH"
cat > "$LLM_USER_PATH/extra-openai-models.yaml" <<YAML
- model_id: local
  model_name: gpt-4o-mini
  api_base: http://127.0.0.1:18122/v1
YAML
run() { opentelemetry-instrument llm "$@" >/dev/null || true; }
for prompt in 1 2 3 4 5 6 7 8; do run -m local --no-stream "Say something about number $prompt" -s "Be brief"; done
for prompt in 1 2 3 4; do run -m local --no-stream -c "And then? $prompt"; done
run templates list; run models list; run logs list -n 20; run logs status; run logs list -q number
for number in $(seq 12); do echo "Text number $number" > "$PLACE/text-$number.txt"; done
run embed-multi texts --files "$PLACE" 'text-*.txt' -m 3-small --store
run collections list; run similar texts -c "number 3"
kill $server
