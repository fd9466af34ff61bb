# evennia_start.sh [WRAPPER]: starts the game in this folder; its portal may be slower than its launcher waits, so the launcher is asked again.
for round in 1 2 3 4 5; do
  $1 evennia start </dev/null
  sleep 3
  [ -e server/server.pid ] && break
done
# The first start ends with a restart.
sleep 12
