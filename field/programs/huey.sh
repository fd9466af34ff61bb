# The examples of huey: the simple one's tasks on a consumer, and the Flask application with a consumer of its own.
redis-server --port 6379 --bind 127.0.0.1 --save '' >/dev/null & store=$!
sleep 1
cd simple
PYTHONPATH=. opentelemetry-instrument huey_consumer tasks.huey -w 4 & consumer=$!
sleep 3
opentelemetry-instrument python "$PROGRAMS/huey_tasks.py"
opentelemetry-instrument python amain.py
printf '3\n4\n' | opentelemetry-instrument python main.py
kill $consumer; wait $consumer
cd ../flask_ex
opentelemetry-instrument huey_consumer main.huey -w 2 & consumer=$!
python3 "$PROGRAMS/serve.py" --port 5000 --client 'for n in $(seq 25); do curl -s -o /dev/null -d n=$n http://127.0.0.1:5000/; curl -s -o /dev/null http://127.0.0.1:5000/; done' -- opentelemetry-instrument python main.py
kill $consumer; wait $consumer
kill $store
