"""People who chat: each with two threads that are read again, and what is remembered of them.

langgraph_client.py ADDRESS
"""

import json
import sys
import urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with opener.open(urllib.request.Request(sys.argv[1] + path, data, {"Content-Type": "application/json"}), timeout=60) as answer:
        return json.loads(answer.read())


said = ["Hello. Please remember that I like tea.", "Read page 3 for me.", "What does it say?", "Please remember that I live in Oslo.", "What is near me?"]
for person in range(8):
    ask(f"/users/person{person}/memories")
    for number in range(2):
        name = f"person{person}-{number}"
        ask(f"/threads/{name}")
        for text in said[: 3 + (person + number) % 3]:
            ask(f"/users/person{person}/threads/{name}", {"text": text})
        print(len(ask(f"/threads/{name}")), "messages")
    ask(f"/threads/person{person}-0/history")
    ask(f"/users/person{person}/memories")
