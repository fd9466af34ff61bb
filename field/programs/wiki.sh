# The wiki's server: a day of readers and writers, then its pages crawled as its chief.
export DJANGO_SETTINGS_MODULE=wiki_settings PYTHONPATH="$PROGRAMS" PYTHONDONTWRITEBYTECODE=1
address=http://127.0.0.1:22080
python3 "$PROGRAMS/serve.py" --port 22080 --client "python3 $PROGRAMS/wiki_day.py $address" --cookie "$(cat cookie)" --crawl $address/ --crawl $address/admin/ --pages 70 \
  -- opentelemetry-instrument python -m django runserver --noreload 22080
