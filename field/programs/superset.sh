# superset.sh PORT make: tables, an administrator and the examples on the database at that port, kept in a file.
# superset.sh PORT run: the server on a database from that file, with its examples looked at in a browser's way.
export SUPERSET_DATABASE=$1 SUPERSET_CONFIG_PATH=$PROGRAMS/superset_config.py FLASK_APP=superset SUPERSET_HOME=$PLACE/superset PYTHONDONTWRITEBYTECODE=1
if [ "$2" = make ]; then
  # The examples with millions of values are left out, since loading them takes many minutes.
  examples=$(python -c 'import importlib.util as u; print(u.find_spec("superset").submodule_search_locations[0])')/examples
  for name in deckgl_demo fcc_new_coder_survey misc_charts world_health; do rm -rf "$examples/$name"; done
  superset db upgrade
  superset fab create-admin --username ann --firstname Ann --lastname Lee --email ann@example.com --password secret
  superset init
  superset load_examples
  pg_dump -h 127.0.0.1 -p "$1" -U field field > superset.sql
else
  psql -q -h 127.0.0.1 -p "$1" -U field field -f superset.sql >/dev/null
  python3 "$PROGRAMS/serve.py" --port 21121 --client "python3 $PROGRAMS/superset_day.py http://127.0.0.1:21121" -- opentelemetry-instrument superset run -p 21121 --with-threads
fi
