# pgadmin.sh PORT: pgAdmin in desktop mode on the server at that port, which has the forum's database.
rm -rf data; mkdir -p data
cat > config_local.py <<PY
SERVER_MODE = False
DATA_DIR = "$PWD/data"
DEFAULT_SERVER_PORT = 22111
MASTER_PASSWORD_REQUIRED = False
USE_OS_SECRET_STORAGE = False
UPGRADE_CHECK_ENABLED = False
PY
cat > servers.json <<JSON
{"Servers": {"1": {"Name": "Forum", "Group": "Servers", "Host": "127.0.0.1", "Port": $1, "MaintenanceDB": "field", "Username": "field", "ConnectionParameters": {"sslmode": "prefer"}}}}
JSON
export PYTHONPATH="$PWD"
psql -q -h 127.0.0.1 -p "$1" -U field field -f "$PROGRAMS/forum.sql"
pgadmin4-cli setup-db
pgadmin4-cli load-servers servers.json
python3 "$PROGRAMS/serve.py" --port 22111 --client "python3 $PROGRAMS/pgadmin_day.py http://127.0.0.1:22111" -- opentelemetry-instrument pgadmin4
