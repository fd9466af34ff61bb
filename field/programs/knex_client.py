"""Customers of the store: lists, searches, products with reviews; some order, review, change and cancel."""

import json
import random
import sys
import urllib.request

drawn = random.Random(13)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(path, body=None, method=None):
    data = None if body is None else json.dumps(body).encode()
    try:
        with opener.open(urllib.request.Request(sys.argv[1] + path, data, {"Content-Type": "application/json"}, method=method), timeout=30) as answer:
            return json.loads(answer.read() or b"null")
    except OSError as error:
        print(method, path, error)


for customer in range(1, 26):
    ask("/categories")
    ask("/best")
    ask(f"/products?category={customer % 12 + 1}&sort=price")
    ask(f"/products?q=product+{customer}&most=20")
    for page in range(2):
        for product in drawn.sample(ask(f"/products?page={page + customer % 5}")["items"], 3):
            ask(f"/products/{product['id']}")
            if drawn.random() < 0.2:
                ask(f"/products/{product['id']}/reviews", {"person_id": customer, "stars": 4, "words": "Good"})
    ask(f"/people/{customer}")
    if customer % 2 == 0:
        made = ask("/orders", {"person": customer, "lines": [{"product": product, "quantity": 1} for product in drawn.sample(range(1, 301), drawn.randrange(1, 6))]})
        ask(f"/orders/{made['id']}")
        ask(f"/orders/{made['id']}", {"state": "sent"}, "PATCH")
        if customer % 6 == 0:
            ask(f"/orders/{made['id']}", method="DELETE")
    if customer % 5 == 0:
        ask("/people", {"name": f"New {customer}", "email": f"person{customer + 70}@example.com"}, "PUT")
