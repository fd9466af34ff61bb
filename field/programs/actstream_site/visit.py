"""People read their streams, write, comment and follow; other programs read feeds and the API."""

import os
import re
import sys

sys.path.insert(0, os.environ["PROGRAMS"])
from browser import Browser

for number in range(8):
    person = Browser(sys.argv[1])
    person.submit("/login/?next=/", "username", username=f"person{number}", password="secret")
    text = person.get("/")
    for path in list(dict.fromkeys(re.findall(r'href="(/people/[^"]+|/articles/[^"]+)"', text)))[:6]:
        person.get(path)
    person.get("/all/")
    person.submit("/", "title", title=f"From person {number}", body="A few lines. " * 10)
    for article in range(number * 3 + 1, number * 3 + 4):
        text, url = person.ask(f"/articles/{article}/")
        person.send(text, url, "comment", text="I think so, too.")
    other = person.get(f"/people/person{number + 9}/")
    for link in re.findall(r'href="(/activity/(?:un)?follow/[^"]+)"', other):
        person.get(link)
    person.get("/activity/feed/json/")
    person.get("/activity/feed/atom/")
program = Browser(sys.argv[1], headers=[("Cookie", open("cookie").read())])
for number in range(5):
    for path in ("actions/", "actions/streams/my-actions/", "actions/streams/following/", "follows/", "follows/following/", f"actions/{number + 1}/"):
        program.get(f"/activity/api/{path}?format=json")
