"""Readers and writers of the API: the feed by pages and words, posts, people and categories; some sign up, write, publish and delete."""

import json
import random
import sys
import urllib.request

drawn = random.Random(8)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(path, body=None, method=None):
    data = None if body is None else json.dumps(body).encode()
    try:
        with opener.open(urllib.request.Request(sys.argv[1] + path, data, {"Content-Type": "application/json"}, method=method), timeout=30) as answer:
            return json.loads(answer.read() or b"null")
    except OSError as error:
        print(method, path, error)


for person in range(20):
    ask("/categories")
    for page in range(3):
        for post in drawn.sample(ask(f"/feed?take=20&skip={page * 20}")["posts"], 2):
            ask(f"/post/{post['id']}")
            ask(f"/post/{post['id']}/views", {}, "PUT")
    ask(f"/feed?searchString=post+{person}")
    ask(f"/categories/{person % 10 + 1}")
    ask(f"/users/{person + 1}")
    ask(f"/user/{person + 1}/drafts")
    if person % 2 == 0:
        email = f"new{person}@prisma.io"
        ask("/signup", {"name": f"New {person}", "email": email, "posts": [{"title": "Hello", "content": "I am new"}]})
        made = ask("/post", {"title": f"News {person}", "content": "Words", "authorEmail": email, "categories": [f"Category {person % 10 + 1}", f"Topic {person % 3}"]})
        ask(f"/publish/{made['id']}", {}, "PUT")
        ask(f"/users/{person + 1}/profile", {"bio": "Written anew"}, "PUT")
        if person % 6 == 0:
            ask(f"/post/{made['id']}", method="DELETE")
    if person % 4 == 0:
        ask("/users")
        ask("/authors")
