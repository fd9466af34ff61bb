# Two prompts, six cases, each with an assertion.
python3 "$PROGRAMS/model.py" 18210 & server=$!
sleep 1
cat > promptfooconfig.yaml <<YAML
prompts: ['Say hello to {{name}}', 'Greet {{name}} politely']
providers:
  - id: openai:chat:gpt-4o-mini
    config: { apiBaseUrl: 'http://127.0.0.1:18210/v1', apiKey: x }
tests:
YAML
for name in Ann Ben Cat Dan Eve Fay; do echo "  - { vars: { name: $name }, assert: [{ type: contains, value: a }] }" >> promptfooconfig.yaml; done
export PROMPTFOO_CONFIG_DIR="$PLACE/promptfoo" PROMPTFOO_DISABLE_TELEMETRY=1 PROMPTFOO_DISABLE_UPDATE=1 PROMPTFOO_DISABLE_REMOTE_GENERATION=1
NODE_OPTIONS="$TRACED" promptfoo eval --no-cache --no-progress-bar || true
NODE_OPTIONS="$TRACED" promptfoo eval --no-cache --no-progress-bar || true
kill $server
