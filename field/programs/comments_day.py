"""A day of the blog: visitors read, readers log in, comment, reply and like, a page's script asks the API for comments.

comments_day.py ADDRESS
"""

import json
import re
import sys

from browser import Browser

base = sys.argv[1]
visitor = Browser(base)
for number in range(4):
    visitor.get(f"/?page={number + 1}")
for number in range(40):
    visitor.get(f"/post/post-{number}/")
visitor.submit("/post/post-3/", "comment", name="A visitor", email="visitor@example.com", comment="Hello from outside.", honeypot="")
for name in range(5):
    reader = Browser(base)
    reader.submit("/login/", "password", username=f"reader{name}", password="secret")
    for number in range(6):
        post = f"/post/post-{name * 7 + number}/"
        text, url = reader.ask(post)
        reader.send(text, url, "comment", comment=f"A word by reader {name}.", honeypot="")
        page = reader.get(post)
        replies = re.findall(r'href="(/comments/reply/\d+/)"', page)
        if replies:
            reader.submit(replies[0], "comment", comment="An answer to it.", honeypot="")
        likes = re.findall(r'"(/comments/(?:like|dislike)/\d+/)', page)
        for like in likes[:2]:
            reader.submit(like, "csrfmiddlewaretoken")
    reader.get("/")
script = Browser(base)
script.submit("/login/", "password", username="reader9", password="secret")
for number in range(15):
    script.get(f"/comments/api/comments_blog-post/{number + 1}/count/")
    found = json.loads(script.get(f"/comments/api/comments_blog-post/{number + 1}/") or "[]")
    print(number, len(found) if isinstance(found, list) else found)
