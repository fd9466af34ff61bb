# dlt.sh PORT: the pipelines on the database at the port, with a code host's API to load from.
rm -rf pipelines
psql -q -h 127.0.0.1 -p "$1" -U field field -f "$PROGRAMS/dlt_shop.sql"
python3 "$PROGRAMS/dlt_api.py" 22051 & server=$!
sleep 1
opentelemetry-instrument python "$PROGRAMS/dlt_pipelines.py" http://127.0.0.1:22051 "postgresql://field:none@127.0.0.1:$1/field"
kill $server
