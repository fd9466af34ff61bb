# q2_shop.sh PORT: the shop on the database at that port: a cluster that works its tasks, its web server, and the administration.
export SHOP_DATABASE=$1 PAGES_URL=http://127.0.0.1:21061 PYTHONPATH="$PROGRAMS" DJANGO_SETTINGS_MODULE=q2_shop.settings PYTHONDONTWRITEBYTECODE=1
pages=$(mktemp -d)
echo '{"rate": 0.9}' > "$pages/rate.json"
python3 -m http.server -b 127.0.0.1 -d "$pages" 21061 2>/dev/null & server=$!
python -m django migrate -v0 --run-syncdb
python -m django createcachetable
python -m django shell -c 'from q2_shop.models import *; from django_q.models import Schedule; from django_q.tasks import schedule
people = Customer.objects.bulk_create(Customer(name=f"person{n}", email=f"person{n}@example.com") for n in range(60))
Order.objects.bulk_create(Order(customer=people[n % 60], dollars=n % 40 + 5) for n in range(200))
schedule("q2_shop.tasks.clean", name="clean", schedule_type=Schedule.MINUTES, minutes=1)'
python -m django shell < "$PROGRAMS/cookie.py"
opentelemetry-instrument python -m django qcluster & cluster=$!
python3 "$PROGRAMS/serve.py" --port 21062 --client "sh $PROGRAMS/q2_shop_client.sh http://127.0.0.1:21062" --cookie "$(cat cookie)" --crawl http://127.0.0.1:21062/admin/django_q/ --pages 20 -- \
  opentelemetry-instrument python -m django runserver --noreload 21062
kill $cluster; wait $cluster
kill $server
rm -rf "$pages"
