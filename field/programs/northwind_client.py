"""The trader's staff: page through lists, look at customers, products and orders, search, place orders and change them."""

import json
import sys
import time
import urllib.error
import urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(path, body=None, method=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(sys.argv[1] + path, data, {"Content-Type": "application/json"}, method=method)
    time.sleep(0.05)
    try:
        with opener.open(request, timeout=20) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        print(method, path, error.code)


for person in range(12):
    for page in range(2):
        ask(f"/customers?limit=50&offset={page * 50}")
    for customer in range(person * 6 + 1, person * 6 + 5):
        ask(f"/customers/{customer}")
    ask(f"/search-customers?term={person}")
    ask(f"/products?limit=20&offset={person % 4 * 20}")
    for product in range(person * 5 + 1, person * 5 + 4):
        ask(f"/products/{product}")
    ask(f"/search-products?term=product%20{person}")
    ask("/suppliers?limit=10")
    ask(f"/suppliers/{person + 1}")
    ask("/employees?limit=20")
    ask(f"/employees/{person + 1}")
    for page in range(2):
        ask(f"/orders?limit=50&offset={page * 50}")
    for number in range(3):
        lines = [{"product": (person * 11 + number * 5 + line) % 80 + 1, "quantity": line + 1} for line in range(2 + number)]
        order = ask("/orders", {"customer": person * 3 + number + 1, "employee": person + 1, "name": f"Ship {number}", "lines": lines})
        ask(f"/orders/{order['id']}")
    ask(f"/orders/{person * 40 + 1}")
    ask(f"/orders/{person * 40 + 2}", method="DELETE")
    new = ask("/customers", {"company": f"New {person}", "contact": "Ann", "city": "Ulm"})
    ask(f"/customers/{new['id']}", {"contact": "Ben"}, method="PATCH")
