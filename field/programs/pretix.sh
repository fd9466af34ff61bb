# pretix.sh PORT make: its tables and two events on the database at that port, kept in a file, since it has many migrations.
# pretix.sh PORT run: the shop on a database from that file, sold in for a day, and its pages crawled by an administrator.
# Requests to private networks are allowed, since the exporter of spans makes them.
export PRETIX_DATABASE_BACKEND=postgresql PRETIX_DATABASE_NAME=field PRETIX_DATABASE_USER=field PRETIX_DATABASE_HOST=127.0.0.1 PRETIX_DATABASE_PORT=$1
export DATA_DIR=$PLACE/data PRETIX_PRETIX_URL=http://127.0.0.1:21081 PRETIX_MAIL_HOST=127.0.0.1 PRETIX_MAIL_PORT=21082 PRETIX_DJANGO_DEBUG=false PRETIX_PRETIX_ALLOW_HTTP_TO_PRIVATE_NETWORKS=true
export DJANGO_SETTINGS_MODULE=pretix.settings
mkdir -p "$DATA_DIR"
if [ "$2" = make ]; then
  python -m pretix migrate -v0
  python -m pretix shell < "$PROGRAMS/pretix_shop.py"
  pg_dump -h 127.0.0.1 -p "$1" -U field field > shop.sql
else
  psql -q -h 127.0.0.1 -p "$1" -U field field -f shop.sql >/dev/null
  python3 -W ignore -m smtpd -n -c DebuggingServer 127.0.0.1:21082 >/dev/null 2>&1 & mails=$!
  python3 "$PROGRAMS/serve.py" --port 21081 --client "python3 $PROGRAMS/pretix_day.py http://127.0.0.1:21081 $(cat token)" --cookie "$(cat cookie)" \
    --crawl http://127.0.0.1:21081/control/event/fair/summer/ --pages 45 --crawl http://127.0.0.1:21081/fair/winter/ -- opentelemetry-instrument python -m pretix runserver --noreload 21081
  kill $mails
fi
