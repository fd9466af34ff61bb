# A shop's data to fetch, and `dagster dev`: web server, daemon and the pipeline's own processes.
pages=$(mktemp -d)
python3 - "$pages" <<'P'
import json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
(folder / "customers.json").write_text(json.dumps([{"id": n, "name": f"Person {n}"} for n in range(100)]))
(folder / "orders.json").write_text(json.dumps([{"id": n, "customer_id": n * 7 % 100, "day": f"2024-01-{n % 30 + 1:02}"} for n in range(600)]))
(folder / "payments.json").write_text(json.dumps([{"id": n, "order_id": n * 2 % 600, "amount": n % 50 + 1} for n in range(800)]))
(folder / "tell.json").write_text('{"customers": 100}')
P
python3 -m http.server -b 127.0.0.1 -d "$pages" 21131 2>/dev/null & server=$!
export PAGES_URL=http://127.0.0.1:21131 SHOP_DATABASE=$PLACE/shop.db DAGSTER_HOME=$PLACE/dagster DAGSTER_DISABLE_TELEMETRY=1
rm -rf "$DAGSTER_HOME" "$SHOP_DATABASE"; mkdir "$DAGSTER_HOME"
printf 'telemetry:\n  enabled: false\n' > "$DAGSTER_HOME/dagster.yaml"
python3 "$PROGRAMS/serve.py" --port 21130 --client "sleep 8; python $PROGRAMS/dagster_client.py 21130" -- opentelemetry-instrument dagster dev -f "$PROGRAMS/dagster_shop.py" -h 127.0.0.1 -p 21130
kill $server
rm -rf "$pages"
