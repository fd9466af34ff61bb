"""People who join the blog, write, read and remark over its API, and someone who looks at its status."""

import json
import random
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
drawn = random.Random(4)


def ask(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(sys.argv[1] + path, data, {"Content-Type": "application/json"}, method=method)
    try:
        with opener.open(request, timeout=20) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        print(path, error.code, error.read()[:200])
        return {}


people = [f"person{number}" for number in range(15)]
posts = []
for person in people:
    ask("POST", "/api/people", {"person": person, "password": "secret" + person})
    for number in range(drawn.randint(1, 5)):
        title = f"Post {number}"
        posts.append((person, title))
        ask("POST", f"/api/posts/{person}", {"password": "secret" + person, "title": title, "content": "Some text. " * 40})
    time.sleep(0.3)
for person in people:
    ask("GET", "/api/front")
    ask("GET", "/api/people")
    for writer, title in drawn.sample(posts, 4):
        path = f"{writer}/{urllib.parse.quote(title)}"
        ask("GET", f"/api/posts/{writer}")
        ask("GET", f"/api/posts/{path}")
        ask("POST", f"/api/comments/{path}", {"person": person, "password": "secret" + person, "comment": "Well said."})
        ask("GET", f"/api/posts/{path}")
    ask("GET", "/api/status")
    time.sleep(0.5)
ask("GET", "/api/swagger")
for room in ("lobby", "kitchen", "lobby"):
    ask("GET", f"/api/createChatRoom?name={room}")
time.sleep(15)
