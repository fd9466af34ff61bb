# The generated project's server with two workers for tasks and the scheduler, over Redis.
cd blog
redis-server --port 23070 --bind 127.0.0.1 --save '' >/dev/null & store=$!
sleep 1
export REDIS_PORT=23070 PORT=23071
python3 "$PROGRAMS/serve.py" --port 23071 --client "python3 $PROGRAMS/actionhero_visitors.py http://127.0.0.1:23071" \
  --crawl http://127.0.0.1:23071/ --pages 10 -- env NODE_OPTIONS="$TRACED" node dist/server.js
kill $store
