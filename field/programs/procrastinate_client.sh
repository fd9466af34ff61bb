# Readers look at the front page and articles; an article is published now and then.
for n in $(seq 40); do
  curl -s -o /dev/null "$1/"
  curl -s -o /dev/null "$1/articles/$((n * 3 % 120 + 1))"
  [ $((n % 3)) = 0 ] && curl -s -o /dev/null -d "title=New $n" -d "topic=topic $((n / 3 % 4))" "$1/articles"
  [ $((n % 10)) = 0 ] && curl -s "$1/jobs"
  sleep 1
done
