"""A member logs in, reads threads, posts, looks at people and searches, as Misago's pages ask its API: misago_ask.py URL"""

import json
import os
import random
import re
import sys

sys.path.insert(0, os.environ["PROGRAMS"])
from browser import Browser

drawn, member = random.Random(5), Browser(sys.argv[1])
member.get("/")


def ask(path, body=None, method=None):
    token = next((cookie.value for handler in member.opener.handlers if hasattr(handler, "cookiejar") for cookie in handler.cookiejar if cookie.name == "csrftoken"), "")
    text, _ = member.ask(path, None if body is None else json.dumps(body).encode(), method, {"Content-Type": "application/json", "X-CSRFToken": token, "X-Requested-With": "XMLHttpRequest"})
    return json.loads(text) if text[:1] in ("{", "[") else {}


ask("/api/auth/", {"username": "ann", "password": "a good secret 1"})
front = member.get("/")
threads = sorted(set(re.findall(r'"(/t/[^/"]+/\d+/)"', front)) | set(re.findall(r'"(/t/[^/"]+/\d+/)"', member.get("/threads/"))))
categories = sorted(set(re.findall(r'"(/c/[^/"]+/\d+/)"', front + member.get("/categories/"))))
print(len(threads), "threads", len(categories), "categories")
for turn in range(8):
    for page in ("/", "/categories/", "/users/", "/users/active-posters/", "/search/threads/?q=the", "/search/users/?q=a", "/notifications/", "/options/"):
        member.get(page)
    for thread in drawn.sample(threads, min(5, len(threads))):
        member.get(thread)
        number = int(thread.rstrip("/").rsplit("/", 1)[1])
        ask(f"/api/threads/{number}/")
        ask(f"/api/threads/{number}/posts/")
        if drawn.random() < 0.5:
            ask(f"/api/threads/{number}/posts/", {"post": "What I think of it, in some words that are long enough."})
    for category in drawn.sample(categories, min(2, len(categories))):
        member.get(category)
        ask(f"/api/threads/?category={category.rstrip('/').rsplit('/', 1)[1]}&list=all")
    ask("/api/threads/?list=all&start=0")
    ask("/api/users/?list=active")
    ask("/api/users/?list=rank&rank=2")
    for number in range(turn * 3 + 2, turn * 3 + 5):
        member.get(f"/api/users/{number}/")
        member.get(f"/api/users/{number}/threads/")
        member.get(f"/api/users/{number}/posts/")
    ask("/api/v2/notifications/?limit=20")
    ask("/api/categories/")
    ask("/api/search/?q=post")
