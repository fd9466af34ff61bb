# zenml.sh PORT: pipelines on a fresh local store, what the command line says of them, and the server with its dashboard's questions.
export ZENML_CONFIG_PATH="$PWD/conf" ZENML_ANALYTICS_OPT_IN=false ZENML_LOGGING_COLORS_DISABLED=true
rm -rf conf
opentelemetry-instrument python "$PROGRAMS/zenml_pipelines.py"
opentelemetry-instrument zenml pipeline runs list
opentelemetry-instrument zenml model list
opentelemetry-instrument zenml artifact version list
export ZENML_SERVER_AUTH_SCHEME=NO_AUTH ZENML_SERVER_DEPLOYMENT_TYPE=local
python3 "$PROGRAMS/serve.py" --port "$1" --client "python3 $PROGRAMS/zenml_dashboard.py http://127.0.0.1:$1" -- opentelemetry-instrument uvicorn zenml.zen_server.zen_server_api:app --port "$1"
