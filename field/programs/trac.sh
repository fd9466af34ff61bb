# A project's Trac with SQLite, served by waitress.
rm -rf project
trac-admin project initenv Project sqlite:db/trac.db >/dev/null
python "$PROGRAMS/trac_project.py" project
TRAC_ENV="$PWD/project" PYTHONPATH="$PROGRAMS" python3 "$PROGRAMS/serve.py" --port 22120 --client "python3 $PROGRAMS/trac_day.py http://127.0.0.1:22120" \
  --crawl http://127.0.0.1:22120/wiki --crawl http://127.0.0.1:22120/query --pages 60 -- opentelemetry-instrument waitress-serve --listen 127.0.0.1:22120 trac_wsgi:application
