"""Visitors of the shop: people register, order and look how it stands, a newsletter goes out, and pages are counted."""

import json
import sys
import time
import urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with opener.open(urllib.request.Request(sys.argv[1] + path, data, {"Content-Type": "application/json"}), timeout=30) as answer:
        return json.loads(answer.read())


people = [f"user{number}@example.com" for number in range(60)]
orders = []
for number, person in enumerate(people):
    ask("/register", {"email": person})
    if number % 3 == 0:
        orders.append(ask("/orders", {"email": person, "items": [f"item {n}" for n in range(1 + number % 5)]})["id"])
    if number % 5 == 0:
        ask("/words", {"page": number // 5 % 4})
        ask("/counts")
    for order in orders[-2:]:
        ask(f"/orders/{order}")
    time.sleep(0.3)
ask("/newsletter", {"emails": people})
for name in ("ann", "ben", "ann"):
    print(ask("/words", {"page": 1, "once": f"page-of-{name}"}))
time.sleep(8)
for page in range(3):
    for queue in ("mails", "pages", "orders"):
        ask(f"/board/api/queues?activeQueue={queue}&status=completed&page={page + 1}&jobsPerPage=10")
print([ask(f"/orders/{order}")["state"] for order in orders], ask("/counts"))
