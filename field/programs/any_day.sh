# any_day.sh PORT [PAGE...]: migrations, data and a superuser without recording; then a traced server, whose administration somebody uses.
port=$1
shift
django-admin migrate -v0 && django-admin migrate -v0 --run-syncdb && django-admin shell < "$PROGRAMS/any_fill.py" || exit 1
python3 "$PROGRAMS/serve.py" --port "$port" --client "python3 $PROGRAMS/admin_day.py http://127.0.0.1:$port $*" -- opentelemetry-instrument django-admin runserver --noreload "$port"
