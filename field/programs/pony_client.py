"""Customers of the shop look, fill their carts and order; a keeper looks at orders and reports: pony_client.py URL"""

import json
import random
import sys
import time
import urllib.request

drawn = random.Random(5)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(path, body=None):
    time.sleep(0.03)
    data = None if body is None else json.dumps(body).encode()
    opener.open(urllib.request.Request(sys.argv[1] + path, data, {"Content-Type": "application/json"}), timeout=20).read()


for turn in range(15):
    ask(f"/products?page={turn % 6 + 1}")
    for _ in range(3):
        ask(f"/products/{drawn.randint(1, 120)}")
    person = turn + 1
    for _ in range(3):
        ask(f"/customers/{person}/cart", {"product": drawn.randint(1, 120)})
    ask(f"/customers/{person}/checkout", {})
    ask(f"/customers/{person}")
    ask("/customers")
    ask("/orders")
    ask("/report")
