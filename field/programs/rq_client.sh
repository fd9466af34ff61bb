# People join, sites are counted, and somebody looks how the jobs stand; a newsletter twice.
curl -s -X POST "$1/cleaning"
for n in $(seq 15); do
  curl -s -o /dev/null -X POST "$1/people/person$n@example.com"
  jobs=$(curl -s -X POST "$1/sites/site$n" | tr -d '[]" ')
  sleep 1
  for job in $(echo "$jobs" | tr ',' ' '); do curl -s -o /dev/null "$1/jobs/$job"; done
  [ $((n % 5)) = 0 ] && { curl -s "$1/queues"; curl -s -o /dev/null "$1/jobs"; }
  [ $((n % 7)) = 0 ] && curl -s -o /dev/null -X POST "$1/news/30"
  sleep 1
done
sleep 20
curl -s "$1/queues"; curl -s "$1/jobs" | head -c 300
rq info --url "$RQ_REDIS_URL"
