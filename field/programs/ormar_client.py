"""Listeners: pages of albums, single ones, artists, searches; some add albums and tags, change and delete them."""

import json
import random
import sys
import urllib.request

drawn = random.Random(3)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(path, body=None, method=None):
    data = None if body is None else json.dumps(body).encode()
    try:
        with opener.open(urllib.request.Request(sys.argv[1] + path, data, {"Content-Type": "application/json"}, method=method), timeout=30) as answer:
            return json.loads(answer.read() or b"null")
    except OSError as error:
        print(method, path, error)


for listener in range(20):
    for page in range(1, 4):
        for album in drawn.sample((ask(f"/albums?page={page}") or {"items": [{"id": 1}] * 2})["items"], 2):
            ask(f"/albums/{album['id']}")
    ask("/artists")
    ask(f"/artists/{listener + 1}")
    ask(f"/tracks?q=track+{listener}")
    ask(f"/tracks?tag=tag-{listener % 10}")
    ask(f"/tracks/{drawn.randrange(1, 400)}/tags/mine-{listener % 5}", {})
    if listener % 3 == 0:
        made = ask("/albums", {"name": f"New {listener}", "year": 2020, "artist": {"id": listener + 1, "name": f"Artist {listener}"},
                               "tracks": [{"title": f"New {listener}.{n}", "position": n} for n in range(8)]})
        if made:
            ask(f"/albums/{made['id']}", {"name": f"Older {listener}"}, "PUT")
            if listener % 6 == 0:
                ask(f"/albums/{made['id']}", method="DELETE")
    ask("/statistics")
