"""Reviewers look at dashboards, lists, requests and groups, as pages and over the API, and review: reviewboard_ask.py URL"""

import json
import os
import random
import subprocess
import sys
import urllib.parse

sys.path.insert(0, os.environ["PROGRAMS"])
from browser import Browser

drawn, person = random.Random(5), Browser(sys.argv[1])
person.submit("/account/login/", "password", username="ann", password="secret")


def ask(path, body=None, method=None):
    data = None if body is None else urllib.parse.urlencode(body).encode()
    text, _ = person.ask(f"/api/{path}", data, method, {"Accept": "application/json"})
    return json.loads(text) if text[:1] == "{" else {}


for turn in range(8):
    person.get("/dashboard/")
    person.get("/dashboard/?view=to-me")
    person.get("/r/")
    person.get("/users/")
    person.get("/groups/")
    person.get(f"/groups/{['design', 'server', 'docs', 'release'][turn % 4]}/")
    person.get(f"/users/person{turn}/")
    ask("review-requests/?max-results=25&counts-only=0")
    ask("review-requests/?to-groups=design&expand=submitter,target_people")
    ask("groups/")
    ask("users/?q=person")
    for number in drawn.sample(range(1, 60), 4):
        person.get(f"/r/{number}/")
        ask(f"review-requests/{number}/")
        ask(f"review-requests/{number}/reviews/")
        ask(f"review-requests/{number}/changes/")
        person.get(f"/r/{number}/_updates/")
    number = drawn.randint(1, 59)
    review = ask(f"review-requests/{number}/reviews/", {"body_top": "Looks fine.", "ship_it": "true"}).get("review", {}).get("id")
    if review:
        ask(f"review-requests/{number}/reviews/{review}/general-comments/", {"text": "One more thing.", "issue_opened": "true"})
        ask(f"review-requests/{number}/reviews/{review}/", {"public": "true"}, "PUT")
pages = ["/admin/", "/admin/db/", "/admin/db/reviews/reviewrequest/", "/admin/db/reviews/review/", "/admin/db/reviews/group/", "/admin/db/auth/user/"]
subprocess.run([sys.executable, os.environ["PROGRAMS"] + "/look_around.py", sys.argv[1], "--login", "/account/login/", "--rounds", "3", *pages], check=False)
