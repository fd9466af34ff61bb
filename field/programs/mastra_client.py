"""People who talk about the weather: each in two conversations of some turns, with plans made and older conversations opened again."""

import json
import sys
import urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
cities = ["Oslo", "Kyoto", "Quito", "Lagos", "Lima", "Perth", "Boston", "Malmo", "Cairo", "Hamburg"]


def ask(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    try:
        with opener.open(urllib.request.Request(sys.argv[1] + path, data, {"Content-Type": "application/json"}), timeout=60) as answer:
            return json.loads(answer.read() or b"null")
    except OSError as error:
        print(path, error)


for person in range(8):
    for talk in range(2):
        for turn in range(4):
            ask("/chat", {"person": f"person{person}", "thread": f"talk-{person}-{talk}", "message": f"How is the weather in {cities[(person + turn) % 10]}?"})
    print(ask("/plan", {"city": cities[person]}))
    threads = ask(f"/threads?person=person{person}") or []
    for thread in threads:
        ask(f"/messages?person=person{person}&thread={thread['id']}")
    ask("/runs")
