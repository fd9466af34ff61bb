# The examples that ask a model, each several times; those that configure tracing themselves do so, the others by the package's switch.
python3 "$PROGRAMS/model.py" 18421 & server=$!
sleep 1
export OPENAI_BASE_URL=http://127.0.0.1:18421/v1 OPENAI_API_KEY=x LOGFIRE_SEND_TO_LOGFIRE=false
for round in 1 2 3; do
  for example in bank_support roulette_wheel pydantic_model flight_booking medical_agent_delegation; do
    yes yes | head -20 | timeout 60 opentelemetry-instrument python "$PROGRAMS/pydantic_ai_traced.py" $example || true
  done
done
kill $server
