# evennia.sh new|play: makes a game with the tutorial's world and its players, or lets them play while its pages are read.
export EVENNIA_SUPERUSER_USERNAME=ann EVENNIA_SUPERUSER_PASSWORD=secret-words1 EVENNIA_SUPERUSER_EMAIL=ann@example.com
if [ "$1" = new ]; then
  rm -rf game
  evennia --init game
  cd game || exit
  cat "$PROGRAMS/evennia_settings.py" >>server/conf/settings.py
  evennia migrate
  sh "$PROGRAMS/evennia_start.sh"
  python3 "$PROGRAMS/evennia_players.py" build
  timeout 40 evennia stop
  python "$(command -v evennia)" shell -c 'from evennia import DefaultAccount
for name in ("ben", "cleo", "dan", "eve", "finn", "gus"): print(DefaultAccount.create(username=name, password="secret-words1", email=f"{name}@example.com"))'
else
  cd game || exit
  # The two programs that `evennia start` starts, the server in front so that it is instrumented.
  export DJANGO_SETTINGS_MODULE=server.conf.settings PYTHONPATH=$PWD
  server=$(python -c 'import evennia, os; print(os.path.dirname(evennia.__file__))')/server
  twistd --python="$server/portal/portal.py" --logger=evennia.utils.logger.GetPortalLogObserver --pidfile=server/portal.pid
  sleep 10
  opentelemetry-instrument twistd --nodaemon --python="$server/server.py" --logger=evennia.utils.logger.GetServerLogObserver --pidfile=server/server.pid &
  sleep 20
  python3 "$PROGRAMS/evennia_players.py" play
  python3 "$PROGRAMS/evennia_pages.py" http://127.0.0.1:23001
  sleep 6
  timeout 40 evennia stop
fi
sleep 5
