"""People in the chat: they register, log in, write, read what was written page by page, change and take back messages.

feathers_client.py ADDRESS
"""

import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(method, path, body=None, token=None, **query):
    url = sys.argv[1] + path + ("?" + urllib.parse.urlencode(query) if query else "")
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    try:
        with opener.open(urllib.request.Request(url, None if body is None else json.dumps(body).encode(), headers, method=method), timeout=30) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        print(method, path, error.code, error.read()[:300])
        return {}


people = []
for number in range(15):
    login = {"email": f"user{number}@example.com", "password": "supersecret"}
    ask("POST", "/users", login)
    people.append(ask("POST", "/authentication", {"strategy": "local"} | login)["accessToken"])
latest = {"$limit": 25, "$sort[createdAt]": -1}
for turn in range(12):
    for number, token in enumerate(people):
        if (turn + number) % 3 == 0:
            written = ask("POST", "/messages", {"text": f"Message {turn} of user {number}"}, token)
        if (turn + number) % 5 == 0:
            ask("GET", "/messages", None, token, **latest)
        if (turn + number) % 15 == 0:
            ask("PATCH", f"/messages/{written['id']}", {"text": "Changed"}, token)
            ask("GET", f"/messages/{written['id']}", None, token)
    ask("GET", "/users", None, people[turn], **{"$limit": 20})
    time.sleep(0.3)
for token in people[:5]:
    for skip in range(3):
        found = ask("GET", "/messages", None, token, **latest | {"$skip": skip * 25})
    print(found.get("total"), "messages")
    ask("DELETE", f"/messages/{ask('POST', '/messages', {'text': 'Taken back'}, token)['id']}", None, token)
ask("GET", "/messages")
ask("POST", "/authentication", {"strategy": "local", "email": "user1@example.com", "password": "wrong"})
