"""Visitors of the photos' API: pages of the list, single photos, albums and authors; some send new photos, change and delete them."""

import json
import random
import sys
import urllib.request

drawn = random.Random(2)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(path, body=None, method=None):
    data = None if body is None else json.dumps(body).encode()
    try:
        with opener.open(urllib.request.Request(sys.argv[1] + path, data, {"Content-Type": "application/json"}, method=method), timeout=30) as answer:
            return json.loads(answer.read() or b"null")
    except OSError as error:
        print(method, path, error)


for visitor in range(15):
    for page in range(3):
        rows = ask(f"/photos?page={page}")["rows"]
        for photo in drawn.sample(rows, 3):
            ask(f"/photos/{photo['id']}")
            ask(f"/photos/{photo['id']}/view", {})
    ask(f"/photos/search?q=photo+{visitor}")
    ask("/albums")
    for album in drawn.sample(range(1, 13), 2):
        ask(f"/albums/{album}")
    ask("/authors")
    ask(f"/authors/{visitor + 1}")
    if visitor % 3 == 0:
        made = ask("/photos", {"name": f"New {visitor}", "description": "Fresh", "filename": f"new-{visitor}.jpg", "author": {"id": visitor + 1},
                               "metadata": {"height": 100, "width": 100, "orientation": "portrait", "compressed": False, "comment": ""}})
        ask(f"/photos/{made['id']}", {"description": "Changed"}, "PUT")
        ask("/albums", {"name": f"Of visitor {visitor}", "photos": [made["id"], visitor + 1, visitor + 2]})
        ask("/statistics")
    if visitor % 5 == 0:
        ask(f"/photos/{visitor + 100}", method="DELETE")
