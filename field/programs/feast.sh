# feast.sh sqlite|redis: the quickstart with its own workflow, then the feature server, with features stored in SQLite or in Redis.
export FEAST_USAGE=False
rm -rf "drivers_$1"
feast init "drivers_$1"
cd "drivers_$1/feature_repo"
python "$PROGRAMS/feast_drivers.py" data/driver_stats.parquet
if [ "$1" = redis ]; then
  redis-server --port 22060 --bind 127.0.0.1 --save '' >/dev/null & store=$!
  sleep 1
  python -c "
import yaml
settings = yaml.safe_load(open('feature_store.yaml'))
settings['online_store'] = {'type': 'redis', 'connection_string': '127.0.0.1:22060'}
yaml.safe_dump(settings, open('feature_store.yaml', 'w'))"
fi
opentelemetry-instrument feast apply
opentelemetry-instrument feast materialize-incremental "$(date -u +%Y-%m-%dT%H:%M:%S)"
python3 "$PROGRAMS/serve.py" --port 22061 --client "python3 $PROGRAMS/feast_client.py http://127.0.0.1:22061" -- opentelemetry-instrument feast serve -h 127.0.0.1 -p 22061
opentelemetry-instrument python test_workflow.py
[ -z "$store" ] || kill $store
