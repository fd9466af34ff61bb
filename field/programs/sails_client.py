"""Readers and cooks over Sails's blueprints: lists with what belongs to them, filters, single ones, new, changed and linked ones."""

import json
import sys
import urllib.parse
import urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(path, body=None, method=None):
    data = None if body is None else json.dumps(body).encode()
    try:
        with opener.open(urllib.request.Request(sys.argv[1] + path, data, {"Content-Type": "application/json"}, method=method), timeout=30) as answer:
            return json.loads(answer.read() or b"null")
    except OSError as error:
        print(method, path, error)


for reader in range(12):
    for page in range(3):
        rows = ask(f"/recipe?limit=20&skip={page * 20}&sort=title%20ASC")
        for recipe in rows[reader:reader + 3]:
            ask(f"/recipe/{recipe['id']}")
    ask("/recipe?populate=false&limit=50")
    ask("/recipe?where=" + urllib.parse.quote(json.dumps({"title": {"contains": str(reader)}, "minutes": {"<": 40}})))
    ask(f"/cook?town=Town%20{reader % 5}")
    ask(f"/cook/{reader + 1}")
    ask(f"/cook/{reader + 1}/recipes?limit=10")
    ask(f"/ingredient/{reader * 3 + 1}")
    ask("/ingredient?limit=50&populate=false")
    if reader % 2 == 0:
        made = ask("/recipe", {"title": f"New {reader}", "minutes": 20, "steps": "Stir.", "cook": reader + 1, "ingredients": [reader + 1, reader + 5, reader + 9]})
        ask(f"/recipe/{made['id']}", {"minutes": 25}, "PATCH")
        ask(f"/recipe/{made['id']}/ingredients/{reader + 20}", method="PUT")
        ask(f"/recipe/{made['id']}/ingredients/{reader + 5}", method="DELETE")
        ask(f"/recipe/{made['id']}")
    if reader % 4 == 0:
        ask(f"/recipe/{reader + 60}", method="DELETE")
