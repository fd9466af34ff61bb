"""A library's catalogue kept over Advanced Alchemy's example API: authors added, paged through, searched, opened, changed and removed.

    authors_client.py URL [books]
"""

import json
import sys
import time
import urllib.error
import urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
with_books = "books" in sys.argv[2:]


def ask(path, body=None, method=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(sys.argv[1] + path, data, {"Content-Type": "application/json"}, method=method)
    time.sleep(0.05)
    try:
        with opener.open(request, timeout=20) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        print(method, path, error.code, error.read()[:300])
        return {}


for number in range(60):
    author = {"name": f"Author {number}"}
    if with_books:
        author["dob"] = f"19{number % 80 + 10}-05-06"
        author["books"] = [f"Book {number}.{book}" for book in range(number % 4 + 1)]
    ask("/authors", author)
for visit in range(15):
    page = ask(f"/authors?currentPage={visit % 4 + 1}&pageSize=20")
    found = ask(f"/authors?searchString={visit}&pageSize=20")
    items = page.get("items", [])
    for author in items[visit % 5::5]:
        ask(f"/authors/{author['id']}")
    if items:
        ask(f"/authors/{items[visit % len(items)]['id']}", {"name": f"Changed {visit}"}, method="PATCH")
    if with_books and len(items) > 3:
        ask("/authors?" + "&".join(f"ids={author['id']}" for author in items[:4]))
    if items and visit % 3 == 0:
        ask(f"/authors/{items[-1]['id']}", method="DELETE")
    ask("/authors", {"name": f"New {visit}"} | ({"books": ["First", "Second"]} if with_books else {}))
