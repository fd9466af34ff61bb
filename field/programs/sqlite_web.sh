# Queries and exports, as somebody does who looks for a place.
for round in 1 2 3; do
  for country in 1 4 9; do
    curl -s -o /dev/null --data-urlencode "sql=SELECT * FROM places WHERE country_id = $country ORDER BY height DESC" "$1/query/"
    curl -s -o /dev/null --data-urlencode "sql=SELECT c.country, COUNT(*) FROM places p JOIN country c ON c.id = p.country_id GROUP BY 1 LIMIT $country" "$1/places/query/"
  done
  curl -s -o /dev/null --data-urlencode "sql=SELECT * FROM places" -d "export_json=1" "$1/query/"
  for page in 1 2 3 4; do curl -s -o /dev/null "$1/places/content/?page=$page&ordering=-height"; done
done
