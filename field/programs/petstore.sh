# Valid and invalid requests to the mock.
for round in $(seq 15); do
  curl -s -o /dev/null "$1/pets?limit=10"; curl -s -o /dev/null "$1/pets/$round"
  curl -s -o /dev/null -H 'Content-Type: application/json' -d "{\"id\": $round, \"name\": \"Rex\"}" "$1/pets"
  [ $((round % 5)) = 0 ] && curl -s -o /dev/null "$1/pets?limit=1000" && curl -s -o /dev/null "$1/none"
done
