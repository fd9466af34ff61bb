# mastra.sh DATABASE-PORT MODEL-PORT WEATHER-PORT PORT: the service, a stand-in for the model, and the weather.
export OPENAI_BASE_URL="http://127.0.0.1:$2/v1" MASTRA_TELEMETRY_DISABLED=1
python3 "$PROGRAMS/mastra_model.py" "$2" & model=$!
python3 "$PROGRAMS/mastra_skies.py" "$3" & skies=$!
python3 "$PROGRAMS/serve.py" --port "$4" --client "python3 $PROGRAMS/mastra_client.py http://127.0.0.1:$4" -- env NODE_OPTIONS="$TRACED" node "$PROGRAMS/mastra_weather.js" "$1" "$3" "$4"
kill $model $skies
