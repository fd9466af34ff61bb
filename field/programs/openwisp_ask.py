"""A program asks for people and organizations over REST; a keeper looks through the administration: openwisp_ask.py URL"""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.environ["PROGRAMS"])
from browser import Browser

program = Browser(sys.argv[1])
text, _ = program.ask("/api/v1/users/token/", json.dumps({"username": "ann", "password": "secret"}).encode(), headers={"Content-Type": "application/json"})
key = "Bearer " + json.loads(text)["token"]


def ask(path, body=None, method=None):
    text, _ = program.ask(path, None if body is None else json.dumps(body).encode(), method, {"Authorization": key, "Content-Type": "application/json"})
    return json.loads(text) if text[:1] == "{" else {}


for number in range(8):
    people = ask(f"/api/v1/users/user/?page={number % 4 + 1}").get("results", [])
    for one in people[:4]:
        ask(f"/api/v1/users/user/{one['id']}/")
        ask(f"/api/v1/users/user/{one['id']}/email/")
    for one in ask("/api/v1/users/organization/").get("results", [])[:3]:
        ask(f"/api/v1/users/organization/{one['id']}/")
    ask("/api/v1/users/group/")
    ask("/api/v1/users/user/", {"username": f"new{number}", "email": f"new{number}@example.com", "password": "a good secret 1", "is_active": True})
    ask("/api/v1/users/organization/", {"name": f"New {number}", "slug": f"new-{number}"})
pages = [f"/admin/openwisp_users/{name}/" for name in ("user", "organization", "organizationuser", "organizationowner", "group")] + ["/admin/"]
subprocess.run([sys.executable, os.environ["PROGRAMS"] + "/look_around.py", sys.argv[1], "--login", "/admin/login/", "--rounds", "5", *pages], check=False)
