"""Asks a gateway for a library's and a shop's pages. gateway_readers.py URL"""

import random
import sys
import urllib.error
import urllib.request

drawn = random.Random(3)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(path, body=None):
    try:
        with opener.open(urllib.request.Request(sys.argv[1] + path, body, {"Content-Type": "application/json"}), timeout=20) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        print(path, error.code, error.read()[:100])


for turn in range(15):
    ask("/health")
    ask(f"/library/books?page={turn % 5}")
    ask("/library/popular")
    for _ in range(3):
        ask(f"/library/books/{drawn.randint(1, 200)}")
        ask(f"/shop/products/{drawn.randint(1, 60)}")
    ask(f"/shop/products?page={turn % 3 + 1}")
    ask("/both/books?page=1")
    ask("/both/users?page=1")
    ask("/shop/orders", b'{"user": 3, "product": 7, "count": 2}')
