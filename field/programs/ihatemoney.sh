# A project with six members and twenty bills.
jar=$(mktemp)
api() { curl -s -o /dev/null -u "trip:secret" "$@"; }
curl -s -o /dev/null -d "name=Trip&id=trip&password=secret&contact_email=ann@example.com&default_currency=XXX" "$1/api/projects"
for member in Ann Ben Cat Dan Eve Fay; do api -d "name=$member" "$1/api/projects/trip/members"; done
for bill in $(seq 20); do
  api -d "date=2024-05-$((bill % 28 + 1))&what=Bill $bill&payer=$((bill % 6 + 1))&payed_for=1&payed_for=2&payed_for=3&payed_for=4&amount=$((bill * 3))" "$1/api/projects/trip/bills"
done
for round in 1 2 3 4 5 6; do
  for page in "" /members /bills /statistics; do api "$1/api/projects/trip$page"; done
done
token=$(curl -s -u "trip:secret" "$1/api/projects/trip/token" | sed 's/.*"token": *"\([^"]*\)".*/\1/')
for round in 1 2 3 4 5 6; do
  for page in join/$token "" settle_bills statistics edit history; do curl -s -L -o /dev/null -b "$jar" -c "$jar" "$1/trip/$page"; done
done
