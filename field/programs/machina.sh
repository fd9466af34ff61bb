# machina.sh member|chief: the forum's server; the member reads, searches and writes, the chief looks at its administration.
export DJANGO_SETTINGS_MODULE=machina_settings PYTHONPATH="$PROGRAMS" PYTHONDONTWRITEBYTECODE=1
address=http://127.0.0.1:23060
cookie=$(cat "cookie-$1")
if [ "$1" = member ]; then
  set -- --client "python3 $PROGRAMS/machina_member.py $address '$cookie'" --crawl $address/forum/ --pages 100
else
  set -- --crawl $address/admin/ --crawl $address/admin/forum_conversation/topic/ --pages 25
fi
python3 "$PROGRAMS/serve.py" --port 23060 --cookie "$cookie" "$@" -- opentelemetry-instrument python -m django runserver --noreload 23060
