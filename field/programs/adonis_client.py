"""People of the blog: they register or log in, read lists, posts and tags, write, comment and change what is theirs."""

import json
import random
import sys
import urllib.request

drawn = random.Random(4)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(path, body=None, method=None, token=None):
    headers = {"Content-Type": "application/json", "Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    try:
        with opener.open(urllib.request.Request(sys.argv[1] + path, data, headers, method=method), timeout=30) as answer:
            return json.loads(answer.read() or b"null")
    except OSError as error:
        print(method, path, error)


for person in range(20):
    if person % 4 == 3:
        token = ask("/register", {"fullName": f"New {person}", "email": f"new{person}@example.com", "password": "secret-word"})["token"]
    else:
        token = ask("/login", {"email": f"person{person}@example.com", "password": "secret-word"})["token"]
    ask("/me", token=token)
    ask("/tags")
    for page in range(1, 4):
        posts = ask(f"/posts?page={page}")["data"]
        for post in drawn.sample(posts, 3):
            ask(f"/posts/{post['slug']}")
            if drawn.random() < 0.3:
                ask(f"/posts/{post['id']}/comments", {"body": f"Well said, {person}"}, token=token)
    ask(f"/posts?tag=tag-{person % 12}")
    ask(f"/posts?q=Post+{person}")
    ask(f"/people/{person + 1}")
    if person % 2 == 0:
        made = ask("/posts", {"title": f"News of {person}", "body": "What was new.", "tags": [1, 2, person % 12 + 1][: 2 + (person % 12 > 1)]}, token=token)
        ask(f"/posts/{made['slug']}")
        ask(f"/posts/{made['id']}", {"title": f"Older news of {person}", "body": "What was new.", "tags": [3, 4]}, "PUT", token)
        if person % 6 == 0:
            ask(f"/posts/{made['id']}", method="DELETE", token=token)
