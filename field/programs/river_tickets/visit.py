"""The staff's day: people see what waits for them, take tickets further, report new ones; a lead looks into the administration."""

import json
import os
import sys
import urllib.parse

sys.path.insert(0, os.environ["PROGRAMS"])
from browser import Browser

people = []
for number in range(8):
    person = Browser(sys.argv[1])
    person.submit("/admin/login/", "password", username=f"person{number}", password="secret")
    people.append(person)


def send(person, path, **fields):
    return person.ask(path, urllib.parse.urlencode(fields).encode())[0]


def work(person, amount, choose=0):
    for ticket in json.loads(person.get("/mine/"))["tickets"][:amount]:
        following = json.loads(person.get(f"/tickets/{ticket['id']}/"))["next"]
        if following:
            send(person, f"/tickets/{ticket['id']}/approve/", state=following[min(choose, len(following) - 1)]["id"])
    person.get("/mine/")


for round in range(4):
    for number in range(4):
        send(people[number], "/tickets/", no=f"N-{round}-{number}", subject=f"Another thing {round}.{number}")
        work(people[number], 4)
        work(people[number], 2)
    work(people[4], 3, choose=1)
    work(people[5], 2)
    work(people[6], 3)
lead = Browser(sys.argv[1])
lead.submit("/admin/login/", "password", username="ann", password="secret")
for path in ("river_tickets/ticket/", "river/state/", "river/workflow/", "river/transitionmeta/", "river/transitionapprovalmeta/"):
    lead.get(f"/admin/{path}")
    for number in range(1, 4):
        lead.get(f"/admin/{path}{number}/change/")
for number in range(4):
    lead.submit(f"/admin/river_tickets/ticket/{number + 20}/change/", "subject", subject=f"Renamed {number}")
