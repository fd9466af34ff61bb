"""People who chat: each tells things, asks, searches, and looks through what is remembered, changing and deleting some of it."""

import json
import sys
import urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
things = ["I like green tea. My sister lives in Malmo", "I work in a library. On Mondays I start at ten", "My dog is called Bo. He is seven",
          "I cannot eat nuts. Bread is fine", "I am learning to sail. The course is in May", "I moved to the harbour last year. It is loud there"]
questions = ["What do I drink?", "When do I start on Mondays?", "What can I cook for dinner?"]


def ask(path, body=None, method=None):
    data = None if body is None else json.dumps(body).encode()
    try:
        with opener.open(urllib.request.Request(sys.argv[1] + path, data, {"Content-Type": "application/json"}, method=method), timeout=60) as answer:
            return json.loads(answer.read() or b"null")
    except OSError as error:
        print(method, path, error)


for person in range(10):
    user = f"person{person}"
    for number, thing in enumerate(things[person % 3:]):
        ask("/chat", {"message": f"{thing} since {2000 + person}", "user_id": user})
        if number % 2:
            ask("/chat", {"message": questions[number % 3], "user_id": user})
    ask("/search", {"query": "Where does my sister live?", "user_id": user})
    kept = ask(f"/memories?user_id={user}")["results"]
    for entry in kept[:2]:
        ask(f"/memories/{entry['id']}")
        ask(f"/memories/{entry['id']}/history")
    if kept and person % 2:
        ask(f"/memories/{kept[0]['id']}", {"text": "Likes black tea now"}, "PUT")
        ask(f"/memories/{kept[-1]['id']}", method="DELETE")
