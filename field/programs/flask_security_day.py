"""People sign in to the example's blogs and read, some sign up, programs use tokens, the administrator and the operator look."""

import json
import sys

from browser import Browser

base = sys.argv[1]


def sign_in(email, password):
    person = Browser(base)
    person.submit("/login", "password", email=email, password=password)
    return person


for number in range(24):
    person = sign_in(f"person{number}@me.com", "a good easy question")
    for path in ("/", "/myblogs", f"/blog/{number * 5 + 2}", f"/blog/{number * 5 + 3}", "/myblogs", "/"):
        person.get(path)
    person.ask("/logout", b"")
    if number % 4 == 0:
        new = Browser(base)
        new.submit("/register", "password", email=f"new{number}@me.com", password="a good easy question", password_confirm="a good easy question")
        new.get("/")
        new.ask("/logout", b"")
        sign_in(f"person{number}@me.com", "wrong").get("/")
    if number % 6 == 0:
        for email, path in (("admin@me.com", "/admin"), ("ops@me.com", "/ops"), ("reader@me.com", "/myblogs")):
            staff = sign_in(email, "password")
            staff.get("/")
            staff.get(path)
    if number % 3 == 0:
        program = Browser(base, headers=[("Content-Type", "application/json"), ("Accept", "application/json")])
        csrf = json.loads(program.get("/login"))["response"]["csrf_token"]
        body = json.dumps({"csrf_token": csrf, "email": f"person{number}@me.com", "password": "a good easy question"}).encode()
        answer = json.loads(program.ask("/login?include_auth_token", body, headers={"Content-Type": "application/json"})[0])
        token = answer["response"]["user"]["authentication_token"]
        reader = Browser(base, headers=[("Authentication-Token", token)])
        for path in ("/myblogs", f"/blog/{number * 5 + 2}", "/myblogs"):
            reader.get(path)
