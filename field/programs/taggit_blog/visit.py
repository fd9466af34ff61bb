"""Writers send posts with tags, an editor works in the administration, another program uses the API."""

import json
import os
import re
import sys

sys.path.insert(0, os.environ["PROGRAMS"])
from browser import Browser

writer = Browser(sys.argv[1])
for number in range(12):
    writer.get(f"/?page={number % 5}")
    writer.submit("/", "title", title=f"Written {number}", description="A new one. " * 8, tags=f"tea, new bread, day {number}, writing")
    writer.get("/tags/")
editor = Browser(sys.argv[1], headers=[("Cookie", open("cookie").read())])
for number in range(6):
    text = editor.get(f"/admin/taggit_blog/post/?p={number % 2 + 1}")
    for change in re.findall(r'href="(/admin/taggit_blog/post/\d+/change/)', text)[number * 2:number * 2 + 2]:
        editor.get(change)
        writer.get(change.replace("/admin/taggit_blog/post/", "/api/posts/").replace("change/", ""))
    editor.get(f"/admin/taggit/tag/?q={'bread garden tea film old new'.split()[number]}")
    editor.get(f"/admin/taggit/tag/{number + 1}/change/")
program = Browser(sys.argv[1], headers=[("Content-Type", "application/json")])
for page in range(1, 6):
    listed = json.loads(program.get(f"/api/posts/?page={page}&format=json"))["results"]
    body = {"title": f"Imported {page}", "slug": f"imported-{page}", "description": "From elsewhere", "tags": ["tea", "old books", "imported"]}
    program.ask("/api/posts/", json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    for post in listed[:3]:
        change = json.dumps({"tags": post["tags"] + ["seen"]}).encode()
        program.ask(f"/api/posts/{post['id']}/", change, method="PATCH", headers={"Content-Type": "application/json"})
