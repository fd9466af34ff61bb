# dbt.sh PORT: the tutorial's first day on the database at that port, and the next morning's runs.
mkdir -p jaffle_shop && cd jaffle_shop && python3 "$PROGRAMS/jaffle_shop.py" "$1"
export DBT_PROFILES_DIR="$PWD" DO_NOT_TRACK=1
for line in debug seed run test 'docs generate' snapshot; do opentelemetry-instrument dbt $line; done
for morning in 1 2; do
  opentelemetry-instrument dbt build
  opentelemetry-instrument dbt run --select daily_orders
  opentelemetry-instrument dbt show --select customers --limit 10
done
opentelemetry-instrument dbt run --full-refresh
