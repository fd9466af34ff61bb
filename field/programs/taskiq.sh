# A worker over Redis and a program that sends tasks and waits for their results, twice: taskiq.sh DATABASE-PORT REDIS-PORT
export REDIS_PORT=$2 DATABASE_URL="postgresql://field@127.0.0.1:$1/field" PYTHONPATH="$PROGRAMS"
folder=$(mktemp -d)
psql -q -h 127.0.0.1 -p "$1" -U field field -f "$PROGRAMS/shelf.sql"
redis-server --port "$2" --bind 127.0.0.1 --save '' --dir "$folder" >/dev/null & store=$!
sleep 1
opentelemetry-instrument taskiq worker --workers 1 taskiq_tasks:broker & worker=$!
sleep 5
for round in 1 2; do opentelemetry-instrument python "$PROGRAMS/taskiq_tasks.py"; done
sleep 6
kill $worker; wait $worker
kill $store
rm -rf "$folder"
