"""People's programs over the API: lists page by page, single entries, filters, schemas, new, changed and deleted ones."""

import json
import os
import sys

sys.path.insert(0, os.environ["PROGRAMS"])
from browser import Browser

kind = {"Content-Type": "application/json"}
for number in range(8):
    person = Browser(sys.argv[1], headers=[("Authorization", f"ApiKey person{number}:key-of-person{number}")])
    if number < 2:
        for path in ("", "entry/schema/", "user/schema/", "comment/schema/"):
            person.get(f"/api/v1/{path}")
    person.get("/api/v1/user/")
    path = "/api/v1/entry/?order_by=-pub_date"
    for page in range(3):
        answer = json.loads(person.get(path))
        for entry in answer["objects"][number:number + 3]:
            person.get(entry["resource_uri"])
            person.get(f"/api/v1/comment/?entry={entry['id']}")
        path = answer["meta"]["next"] or "/api/v1/entry/"
    person.get(f"/api/v1/entry/?user__username=person{number}")
    person.get("/api/v1/entry/?title__startswith=Entry 1&limit=50".replace(" ", "%20"))
    person.get(f"/api/v1/entry/set/{number + 1};{number + 2};{number + 3}/")
    for turn in range(3):
        body = {"title": f"Of person {number}, {turn}", "body": "Fresh. " * 10, "user": f"/api/v1/user/{number + 1}/"}
        person.ask("/api/v1/entry/", json.dumps(body).encode(), headers=kind)
    mine = json.loads(person.get(f"/api/v1/entry/?user__username=person{number}&order_by=-pub_date"))["objects"]
    for entry in mine[:2]:
        person.ask(entry["resource_uri"], json.dumps({"title": entry["title"] + ", changed"}).encode(), method="PATCH", headers=kind)
        person.ask("/api/v1/comment/", json.dumps({"entry": entry["resource_uri"], "name": "Me", "text": "See also."}).encode(), headers=kind)
    body = {"objects": [{"name": "Import", "text": f"Line {line}", "entry": mine[0]["resource_uri"]} for line in range(6)]}
    person.ask("/api/v1/comment/", json.dumps(body).encode(), method="PATCH", headers=kind)
    person.ask(mine[-1]["resource_uri"], method="DELETE")
