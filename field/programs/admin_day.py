"""Somebody keeps a site in its administration: looks at each list, searches, opens rows, the form for a new one and the history, saves a
row as it is; and looks at further pages with some of their links.

    admin_day.py URL [--rounds N] [PAGE...]
"""

import argparse
import os
import random
import re
import sys
import urllib.parse

sys.path.insert(0, os.environ["PROGRAMS"])
from browser import Browser, Forms

parser = argparse.ArgumentParser()
parser.add_argument("url")
parser.add_argument("--rounds", type=int, default=6)
parser.add_argument("pages", nargs="*")
arguments = parser.parse_args()
LINK = re.compile(r"""href=["']([^"'#]+)""")
SKIPPED = re.compile(r"logout|signout|delete|remove|mailto:|javascript:|\.(?:js|css|png|jpg|svg|ico|woff2?|zip)(?:$|\?)")
drawn = random.Random(7)
person = Browser(arguments.url)


def save(row):
    """Sends the form of a row, the page's largest, as it stands."""
    text, url = person.ask(row)
    parser = Forms()
    parser.feed(text)
    fields = max((form["fields"] for form in parser.forms), key=len, default=[])
    person.ask(url, urllib.parse.urlencode(fields).encode(), headers={"Referer": url})


person.submit("/admin/login/", "password", username="ann", password="secret")
lists = sorted(set(re.findall(r'href="(/admin/\w+/\w+/)"', person.get("/admin/"))))
for number in range(arguments.rounds):
    person.get("/admin/")
    for page in lists:
        text = person.get(page)
        rows = [row for row in sorted(set(re.findall(rf'href="({re.escape(page)}[^"?]+/change/)', text)))]
        for row in drawn.sample(rows, min(2, len(rows))):
            person.get(row)
        if number % 3 == 0:
            person.get(page + "?q=amber")
            person.get(page + "add/")
            for row in rows[:1]:
                person.get(row.replace("/change/", "/history/"))
                save(row)
    for page in arguments.pages:
        text, address = person.ask(page)
        links = {urllib.parse.quote(urllib.parse.urljoin(address, link.replace("&amp;", "&")), safe="%/:=&?~#+!$,;@()*[]'") for link in LINK.findall(text) if not SKIPPED.search(link)}
        links = sorted(link for link in links if urllib.parse.urlsplit(link).netloc == urllib.parse.urlsplit(arguments.url).netloc and "/admin/" not in link)
        inner = [link for link in links if urllib.parse.urlsplit(link).path.startswith(urllib.parse.urlsplit(page).path)] or links
        for link in drawn.sample(inner, min(3, len(inner))):
            person.get(link)
print("kept", len(lists), "lists and", len(arguments.pages), "pages")
