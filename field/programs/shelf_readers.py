"""Readers of a small book service: lists by pages, single books and authors, searches, reviews, and an editor's changes.

    shelf_readers.py URL
"""

import json
import random
import sys
import time
import urllib.error
import urllib.request

drawn = random.Random(11)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(method, path, body=None):
    time.sleep(0.03)
    data = None if body is None else json.dumps(body).encode()
    try:
        with opener.open(urllib.request.Request(sys.argv[1] + path, data, {"Content-Type": "application/json"}, method=method), timeout=20) as answer:
            text = answer.read()
            return json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        print(method, path, error.code, error.read()[:200])
        return None


for turn in range(15):
    for page in range(2):
        ask("GET", f"/books?page={(turn + page) % 6}")
    ask("GET", f"/authors?page={turn % 3}")
    ask("GET", f"/tags")
    for _ in range(4):
        ask("GET", f"/books/{drawn.randint(1, 200)}")
    for _ in range(2):
        ask("GET", f"/authors/{drawn.randint(1, 40)}")
    ask("GET", f"/tags/{drawn.randint(1, 12)}")
    ask("GET", f"/books?q={drawn.randint(1, 19)}")
    ask("POST", f"/books/{drawn.randint(1, 200)}/reviews", {"stars": drawn.randint(1, 5), "text": "Worth reading."})
    made = ask("POST", "/books", {"title": f"New {turn}", "author_id": turn + 1, "tags": drawn.sample(range(1, 13), 3)})
    if made:
        ask("PUT", f"/books/{made['id']}", {"title": f"New {turn}, again", "tags": drawn.sample(range(1, 13), 2)})
        if turn % 4 == 0:
            ask("DELETE", f"/books/{made['id']}")
    ask("GET", "/popular")
