# A worker over a broker in the file system; a client sends single tasks, a chain, a group and a chord.
cd "$PLACE/work" && mkdir -p broker results && cp "$PROGRAMS/celery_tasks.py" .
opentelemetry-instrument celery -A celery_tasks worker -c 2 -P threads -l warning & worker=$!
sleep 6
opentelemetry-instrument python celery_tasks.py
sleep 4
kill $worker; wait $worker
