"""A day of a queue by kue's JSON API: jobs are made, listed, sought, changed and deleted, and its pages are opened. kue_day.py URL"""

import json
import random
import sys
import urllib.error
import urllib.request

url = sys.argv[1]
drawn = random.Random(3)


def ask(method, path, body=None):
    data = json.dumps(body).encode() if body is not None else None
    try:
        with urllib.request.urlopen(urllib.request.Request(url + path, data, {"Content-Type": "application/json"}, method=method), timeout=20) as answer:
            text = answer.read()
            return json.loads(text) if answer.headers.get_content_type() == "application/json" else {}
    except urllib.error.HTTPError as error:
        print(method, path, error.code, error.read()[:100])
        return {}


for n in range(120):
    ask("POST", "/job", {"type": ["mail", "page", "invoice"][n % 3], "data": {"title": f"work {n} for person{n % 9}"},
                         "options": {"attempts": 3, "priority": "high", "searchKeys": ["title"]}})
for turn in range(10):
    ask("GET", "/stats")
    for state in ("inactive", "active", "failed", "complete", "delayed"):
        ask("GET", f"/jobs/{state}/0..20/asc")
    for kind in ("mail", "page", "invoice"):
        ask("GET", f"/jobs/{kind}/inactive/0..20/desc")
        ask("GET", f"/jobs/{kind}/inactive/stats")
    ask("GET", "/job/types")
    ask("GET", f"/job/search?q=person{turn % 9}")
    for _ in range(4):
        job = drawn.randint(1, 120)
        ask("GET", f"/job/{job}")
        ask("GET", f"/job/{job}/log")
        ask("PUT", f"/job/{job}/state/{drawn.choice(['active', 'failed', 'complete', 'delayed'])}")
        ask("PUT", f"/job/{job}/priority/{drawn.choice(['low', 'high'])}")
    ask("GET", "/inactive")
    ask("GET", "/failed")
    ask("DELETE", f"/job/{1 + turn}")
