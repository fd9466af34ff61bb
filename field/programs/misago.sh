# Misago on a fresh database, with what its own commands make up; then used by a member and crawled by a guest.
export PYTHONPATH="$PROGRAMS" DJANGO_SETTINGS_MODULE=misago_site FIELD_PORT=$1
django-admin migrate -v0 || exit 1
echo 'from django.contrib.auth import get_user_model; get_user_model().objects.create_superuser("ann", "ann@example.com", "a good secret 1")' | django-admin shell
for line in "createfakecategories 6" "createfakeusers 30" "createfakethreads 60" "createfakeposts 300" "createfakefollowers 20" "createfakewatchedthreads 20" "createfakenotifications" "rebuildpostssearch" "synchronizethreads" "synchronizecategories" "buildactivepostersranking"; do
  django-admin $line </dev/null >>filled.txt 2>&1 || echo "failed: $line"
done
python3 "$PROGRAMS/serve.py" --port "$2" --client "python3 $PROGRAMS/misago_ask.py http://127.0.0.1:$2" --crawl "http://127.0.0.1:$2/" --pages 60 -- opentelemetry-instrument django-admin runserver --noreload --insecure "$2"
