# A store with a shop's keys, and Redis Commander on it.
redis-server --port 22010 --bind 127.0.0.1 --save '' >/dev/null & store=$!
sleep 1
python3 "$PROGRAMS/shop_keys.py" | redis-cli -p 22010 >/dev/null
python3 "$PROGRAMS/serve.py" --port 22011 --client "python3 $PROGRAMS/redis_browse.py http://127.0.0.1:22011" -- \
  env NODE_OPTIONS="$TRACED" redis-commander --redis-host 127.0.0.1 --redis-port 22010 --address 127.0.0.1 --port 22011 --nosave --noload
kill $store
