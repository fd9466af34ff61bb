# django_day.sh PORT FILL [ARGUMENT OF serve.py]...: migrations, data and a superuser's cookie without recording; then a traced server.
port=$1 fill=$2
shift 2
django-admin migrate -v0 && django-admin migrate -v0 --run-syncdb && django-admin shell < "$PROGRAMS/$fill" && django-admin shell < "$PROGRAMS/cookie.py" || exit 1
python3 "$PROGRAMS/serve.py" --port "$port" --cookie "$(cat cookie)" "$@" -- opentelemetry-instrument django-admin runserver --noreload "$port"
