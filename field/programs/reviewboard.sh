# Review Board on a fresh database, installed by its own command, with people, groups, review requests and reviews; then used.
site="$PWD/site"
rm -rf "$site" cache
rb-site install --noinput --domain-name=127.0.0.1 --site-root=/ --static-url=static/ --media-url=media/ --db-type=postgresql --db-name=field --db-host="127.0.0.1:$1" --db-user=field --db-pass=x --cache-type=file --cache-info="$PWD/cache" --admin-user=ann --admin-password=secret --admin-email=ann@example.com --opt-out-support-data --allowed-host=127.0.0.1 "$site" >install.txt 2>&1 || exit 1
export DJANGO_SETTINGS_MODULE=reviewboard.settings PYTHONPATH="$site/conf"
rb-site manage "$site" shell < "$PROGRAMS/reviewboard_fill.py"
python3 "$PROGRAMS/serve.py" --port "$2" --client "python3 $PROGRAMS/reviewboard_ask.py http://127.0.0.1:$2" -- opentelemetry-instrument rb-site manage "$site" runserver --noreload "127.0.0.1:$2"
