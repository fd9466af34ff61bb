# The pages of mountebank as a browser asks for them, and an imposter to be seen on them.
curl -s -o /dev/null -H 'Content-Type: application/json' -d '{"port": 22035, "protocol": "http", "name": "shown", "recordRequests": true, "stubs": [{"responses": [{"is": {"body": "hello"}}]}]}' "$1/imposters"
curl -s -o /dev/null http://127.0.0.1:22035/one; curl -s -o /dev/null http://127.0.0.1:22035/two
curl -s -H 'Accept: text/html' "$1/" | grep -o 'href="/[^"#]*"' | cut -d '"' -f 2 | grep -v '[.]\(css\|js\|png\|ico\)' | sort -u > pages
for round in 1 2; do
  for page in / /imposters /imposters/22035 /logs /config /feed /releases /metrics /sitemap $(cat pages); do curl -s -o /dev/null -w "%{http_code} $page\n" -H 'Accept: text/html' "$1$page"; done
done
curl -s -o /dev/null -X DELETE "$1/imposters"
