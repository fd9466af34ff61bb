# People order at the shop, look how their orders stand, and have pages counted; at the end a newsletter.
for n in $(seq 60); do
  curl -s -o /dev/null -H 'Content-Type: application/json' -d "{\"person\": \"person$((n % 15))@example.com\", \"total\": $((n * 7 % 300)), \"product\": $((n % 8))}" "$1/orders"
  [ $((n % 3)) = 0 ] && curl -s -o /dev/null "$1/orders/$((n / 2 + 1))"
  if [ $((n % 4)) = 0 ]; then
    job=$(curl -s "$1/pages/$((n / 4 % 4))" | cut -d '"' -f 4)
    sleep 2
    curl -s -o /dev/null "$1/jobs/$job"
  fi
  [ $((n % 20)) = 0 ] && curl -s -o /dev/null "$1/queues"
  sleep 0.4
done
curl -s "$1/newsletter"
sleep 40
curl -s "$1/orders/60"
curl -s "$1/queues" | head -c 300
