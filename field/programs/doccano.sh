# doccano's web server and its queue for imports and exports, on SQLite as it comes.
export DOCCANO_HOME=$PLACE/doccano DJANGO_SETTINGS_MODULE=config.settings.production
rm -rf "$DOCCANO_HOME"
doccano init >/dev/null
doccano createuser --username admin --password password
PYTHONPATH=$(python -c 'import importlib.util as u; print(u.find_spec("backend").submodule_search_locations[0])')
export PYTHONPATH
export MEDIA_ROOT=$DOCCANO_HOME/media DATABASE_URL=sqlite:///$DOCCANO_HOME/db.sqlite3 STANDALONE=True
opentelemetry-instrument doccano task --concurrency 1 & queue=$!
python3 "$PROGRAMS/serve.py" --port 21100 --client "python3 $PROGRAMS/doccano_client.py http://127.0.0.1:21100" -- opentelemetry-instrument doccano webserver --port 21100 --workers 2
kill $queue; wait $queue
