"""What the pages of the Lift-off tutorial ask for: the home page, a track, its modules one after the other, and a view that is counted.

    apollo_students.py URL
"""

import json
import random
import sys
import time
import urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
chance = random.Random(3)


def ask(query, **variables):
    body = json.dumps({"query": query, "variables": variables}).encode()
    time.sleep(0.05)
    with opener.open(urllib.request.Request(sys.argv[1], body, {"Content-Type": "application/json"}), timeout=20) as answer:
        return json.load(answer)["data"]


HOME = "query GetTracks { tracksForHome { id title thumbnail length modulesCount author { id name photo } } }"
TRACK = """query GetTrack($id: ID!) { track(id: $id) { id title author { id name photo } thumbnail length modulesCount numberOfViews
    modules { id title length } description } }"""
VIEW = "mutation Increment($id: ID!) { incrementTrackViews(id: $id) { code success message track { id numberOfViews } } }"
MODULE = """query GetModuleAndParentTrack($module: ID!, $track: ID!) { module(id: $module) { id title content videoUrl }
    track(id: $track) { id title modules { id title length } } }"""
for student in range(30):
    tracks = ask(HOME)["tracksForHome"]
    for track in chance.sample(tracks, 2):
        ask(VIEW, id=track["id"])
        found = ask(TRACK, id=track["id"])["track"]
        for module in found["modules"][:3]:
            ask(MODULE, module=module["id"], track=track["id"])
print("students:", student + 1)
