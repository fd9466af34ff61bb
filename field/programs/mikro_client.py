"""Readers and authors of the blog: pages of articles, single ones, tags, searches, people; some write, comment, change and delete."""

import json
import random
import sys
import urllib.request

drawn = random.Random(9)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(path, body=None, method=None):
    data = None if body is None else json.dumps(body).encode()
    try:
        with opener.open(urllib.request.Request(sys.argv[1] + path, data, {"Content-Type": "application/json"}, method=method), timeout=30) as answer:
            return json.loads(answer.read() or b"null")
    except OSError as error:
        print(method, path, error)


for person in range(1, 21):
    ask("/tags")
    for page in range(3):
        for article in drawn.sample(ask(f"/articles?page={page}")["items"], 2):
            ask(f"/articles/{article['slug']}")
            if drawn.random() < 0.3:
                ask(f"/articles/{article['slug']}/comment", {"text": "Well said", "author": person})
    ask(f"/articles?search=article+{person}")
    ask(f"/articles?tag=tag-{person % 12}")
    ask(f"/users/{person}")
    if person % 2 == 0:
        made = ask("/articles", {"title": f"News {person}", "slug": f"news-{person}", "description": "New", "text": "Words", "author": person,
                                 "tags": [f"tag-{person % 12}", "news", f"of-{person}"]})
        ask(f"/articles/news-{person}")
        ask(f"/articles/{made['id']}", {"description": "Changed"}, "PATCH")
        if person % 6 == 0:
            ask(f"/articles/{made['id']}", method="DELETE")
    if person % 4 == 0:
        ask("/statistics")
