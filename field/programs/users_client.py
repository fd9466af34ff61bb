"""People with accounts: they register, verify, log in by token or cookie, keep notes, change and reset passwords; one looks after the others."""

import json
import sys
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar


class Person:
    def __init__(self, email):
        self.email, self.token = email, None
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar()))

    def ask(self, path, body=None, method=None, form=None):
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self.token}"} if self.token else {})
        data = None if body is None else json.dumps(body).encode()
        if form:
            data, headers["Content-Type"] = urllib.parse.urlencode(form).encode(), "application/x-www-form-urlencoded"
        try:
            with self.opener.open(urllib.request.Request(sys.argv[1] + path, data, headers, method=method), timeout=30) as answer:
                return json.loads(answer.read() or b"null")
        except OSError as error:
            print(method, path, error)

    def login(self, password, by="jwt"):
        answer = self.ask(f"/auth/{by}/login", form={"username": self.email, "password": password})
        self.token = answer["access_token"] if answer and by == "jwt" else None


for number in range(24):
    fresh = number % 3 == 0
    one = Person(f"new{number}@example.com" if fresh else f"person{number % 20}@example.com")
    if fresh:
        one.ask("/auth/register", {"email": one.email, "password": "secret-word"})
        one.ask("/auth/request-verify-token", {"email": one.email})
        one.ask("/auth/verify", {"token": one.ask(f"/mailed/{one.email}")})
    one.login("secret-word", "cookie" if number % 2 else "jwt")
    one.ask("/users/me")
    for step in range(3):
        made = one.ask("/notes", {"words": f"Remember {step}"})
        one.ask("/notes")
    one.ask(f"/notes/{made['id']}", method="DELETE")
    if number % 6 == 3:
        one.ask("/auth/forgot-password", {"email": one.email})
        one.ask("/auth/reset-password", {"token": one.ask(f"/mailed/{one.email}"), "password": "another-word"})
        one.login("another-word")
        one.ask("/users/me", {"password": "secret-word"}, "PATCH")
        one.ask("/auth/jwt/login", form={"username": one.email, "password": "wrong"})
    one.ask(f"/auth/{'cookie' if number % 2 else 'jwt'}/logout", {})
boss = Person("person0@example.com")
boss.login("secret-word")
boss.ask("/everyone")
some = []
for number in range(5):
    person = Person(f"person{number + 1}@example.com")
    person.login("secret-word")
    some.append(person.ask("/users/me")["id"])
for number in some:
    boss.ask(f"/users/{number}")
    boss.ask(f"/users/{number}", {"is_verified": False}, "PATCH")
boss.ask(f"/users/{some[0]}", method="DELETE")
