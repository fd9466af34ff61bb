# soda.sh PORT: a shop's contracts are verified as its pipeline does it: after each load of new orders, and all of them at night.
export SODA_CORE_TELEMETRY_ENABLED=false
psql -q -h 127.0.0.1 -p "$1" -U field field -f "$PROGRAMS/soda/shop.sql"
cd "$PROGRAMS/soda"
soda='opentelemetry-instrument soda'
$soda data-source test -ds source.yml
for load in 1 2 3 4; do
  psql -q -h 127.0.0.1 -p "$1" -U field field -c "INSERT INTO orders SELECT 20000 + $load * 1000 + n, n + 1, now(), 'open', n, NULL FROM generate_series(1, 500) n"
  $soda contract verify -ds source.yml -c orders.yml
  $soda contract verify -ds source.yml -c order_lines.yml
done
for contract in customers products orders order_lines; do $soda contract verify -ds source.yml -c $contract.yml; done
