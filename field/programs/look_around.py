"""A person looks around a site: opens each of the pages, and from each some drawn links, for a number of rounds.

    look_around.py URL [--login PATH] [--rounds N] [--links N] PAGE...

With `--login`, the person logs in there as ann first.
"""

import argparse
import os
import random
import re
import sys
import urllib.parse

sys.path.insert(0, os.environ["PROGRAMS"])
from browser import Browser

LINK = re.compile(r"""href=["']([^"'#]+)""")
SKIPPED = re.compile(r"logout|signout|delete|remove|mailto:|javascript:|\.(?:js|css|png|jpg|svg|ico|woff2?|zip)(?:$|\?)")

parser = argparse.ArgumentParser()
parser.add_argument("url")
parser.add_argument("--login")
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--links", type=int, default=3)
parser.add_argument("pages", nargs="+")
arguments = parser.parse_args()
drawn = random.Random(6)
person = Browser(arguments.url)
if arguments.login:
    person.submit(arguments.login, "password", username="ann", password="secret")
for _ in range(arguments.rounds):
    for page in arguments.pages:
        text, address = person.ask(page)
        links = {urllib.parse.quote(urllib.parse.urljoin(address, link.replace("&amp;", "&")), safe="%/:=&?~#+!$,;@()*[]'") for link in LINK.findall(text) if not SKIPPED.search(link)}
        links = sorted(link for link in links if urllib.parse.urlsplit(link).netloc == urllib.parse.urlsplit(arguments.url).netloc)
        # What leads further into the page comes before what every page has.
        inner = [link for link in links if urllib.parse.urlsplit(link).path.startswith(urllib.parse.urlsplit(page).path)] or links
        for link in drawn.sample(inner, min(arguments.links, len(inner))):
            person.get(link)
print("looked around", len(arguments.pages), "pages")
