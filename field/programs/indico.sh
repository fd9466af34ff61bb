# indico.sh DATABASE-PORT REDIS-PORT PORT: Indico with what its installation guide asks for, filled, served and used.
rm -rf place; mkdir -p place/cache place/tmp place/log place/archive
redis-server --port "$2" --bind 127.0.0.1 --save '' --dir "$PWD/place" >/dev/null & store=$!
cat > place/indico.conf <<END
SQLALCHEMY_DATABASE_URI = 'postgresql://field@127.0.0.1:$1/field'
SECRET_KEY = 'a key that is long enough for it to be taken'
BASE_URL = 'http://127.0.0.1:$3'
CELERY_BROKER = 'redis://127.0.0.1:$2/0'
REDIS_CACHE_URL = 'redis://127.0.0.1:$2/1'
DISABLE_CELERY_CHECK = True
DEFAULT_TIMEZONE = 'UTC'
CACHE_DIR = '$PWD/place/cache'
TEMP_DIR = '$PWD/place/tmp'
LOG_DIR = '$PWD/place/log'
STORAGE_BACKENDS = {'default': 'fs:$PWD/place/archive'}
SMTP_SERVER = ('127.0.0.1', 9)
SUPPORT_EMAIL = 'ann@example.com'
NO_REPLY_EMAIL = 'ann@example.com'
END
indico setup create-logging-config place
export INDICO_CONFIG="$PWD/place/indico.conf"
psql -q -h 127.0.0.1 -p "$1" -U field field -c 'CREATE EXTENSION unaccent; CREATE EXTENSION pg_trgm'
indico db prepare && python "$PROGRAMS/indico_events.py"
python3 "$PROGRAMS/serve.py" --port "$3" --client "python3 $PROGRAMS/indico_day.py http://127.0.0.1:$3" -- opentelemetry-instrument waitress-serve --listen "127.0.0.1:$3" --call indico.web.flask.app:make_app
kill $store
