# People register, order and look how their orders stand; the staff lists orders, asks for reports, and writes news once.
for n in $(seq 40); do
  [ $((n % 4)) = 0 ] && curl -s -o /dev/null -d "name=new$n" "$1/customers"
  task=$(curl -s -d "customer=$((n % 60 + 1))" -d "dollars=$((n * 7 % 90))" "$1/orders" | sed 's/.*"task": "\([^"]*\)".*/\1/')
  curl -s -o /dev/null "$1/orders/$((n * 5))"
  curl -s -o /dev/null "$1/orders"
  sleep 1
  curl -s -o /dev/null "$1/tasks/$task"
  [ $((n % 10)) = 0 ] && curl -s -o /dev/null -X POST "$1/reports"
  [ $n = 20 ] && curl -s -o /dev/null -X POST "$1/news"
  [ $n = 30 ] && curl -s -o /dev/null -X POST "$1/evening"
done
sleep 15
curl -s "$1/orders" | head -c 300
