"""What the pages of AdminJS ask while a keeper looks at lists, searches, opens, changes and adds records: adminjs_ask.py URL"""

import json
import random
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

drawn = random.Random(6)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(path, form=None):
    time.sleep(0.05)
    data = None if form is None else urllib.parse.urlencode(form).encode()
    try:
        with opener.open(urllib.request.Request(sys.argv[1] + path, data), timeout=60) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        print(path, error.code, error.read()[:200])


ask("/admin")
for turn in range(10):
    ask("/admin/api/dashboard")
    for resource in ("authors", "books", "reviews", "tags"):
        ask(f"/admin/api/resources/{resource}/actions/list?page={turn % 4 + 1}")
    ask(f"/admin/api/resources/books/actions/list?filters.title=Book+{turn}&sortBy=title&direction=asc")
    ask(f"/admin/api/resources/books/actions/list?perPage=50")
    ask(f"/admin/api/resources/authors/search/Author%20{turn}")
    for resource, most in (("books", 200), ("authors", 40), ("reviews", 500)):
        for _ in range(3):
            ask(f"/admin/api/resources/{resource}/records/{drawn.randint(1, most)}/show")
    number = drawn.randint(1, 200)
    ask(f"/admin/api/resources/books/records/{number}/edit")
    ask(f"/admin/api/resources/books/records/{number}/edit", {"title": f"Changed {turn}"})
    ask("/admin/api/resources/books/actions/new", {"title": f"New {turn}", "pages": 90, "author_id": 3})
    ask("/admin/api/resources/reviews/bulk/bulkDelete?recordIds=%s" % ",".join(str(turn * 5 + one + 1) for one in range(5)), {})
