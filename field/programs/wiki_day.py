"""A day in the wiki: readers look and search, writers edit, add pages, look at changes, move one and follow others.

wiki_day.py ADDRESS
"""

import sys

from browser import Browser

base = sys.argv[1]
reader = Browser(base)
for number in range(10):
    reader.get("/")
    reader.get(f"/topic-{number}/")
    reader.get(f"/topic-{number}/part-{number % 8}/")
    reader.get(f"/_search/?q={('text', 'part', 'topic+3', 'about')[number % 4]}")

for name in range(3):
    writer = Browser(base)
    writer.submit("/_accounts/login/", "password", username=f"writer{name}", password="secret")
    for number in range(6):
        page = f"/topic-{number + name}/part-{number}/"
        writer.get(page)
        writer.get(f"{page}_history/")
        text, url = writer.ask(f"{page}_edit/")
        writer.send(text, url, "content", content=f"# Part {number}\n\nBetter words by writer {name}.\n\n* [Topic](wiki:/topic-{number}/)\n", summary="Better words")
        writer.get(page)
        writer.get(f"{page}_dir/")
        writer.get(f"{page}_plugin/attachments/")
        writer.get(f"{page}_settings/")
    writer.submit(f"/topic-{name}/_create/", "slug", title=f"New page {name}", slug=f"new-{name}", content="What is new.\n\n[article_list depth:1]", summary="")
    writer.get(f"/topic-{name}/")
    writer.get("/_dir/")
    writer.get("/topic-4/_dir/")
    writer.get("/_plugin/globalhistory/")
    writer.get("/notifications/")
