"""People of a wallet service with its pretended backend: they sign up, make invoices, pay each other, and look at their payments.

    lnbits_people.py URL
"""

import http.cookiejar
import json
import random
import sys
import time
import urllib.error
import urllib.request

drawn = random.Random(5)


class Person:
    def __init__(self, name):
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), jar)
        self.token, self.key = None, None
        body = {"username": name, "email": f"{name}@example.com", "password": "a good secret", "password_repeat": "a good secret"}
        answer = self.ask("POST", "/api/v1/auth/register", body)
        if "access_token" not in answer:
            answer = self.ask("POST", "/api/v1/auth", {"username": name, "password": "a good secret"})
        self.token = answer.get("access_token")
        self.user = self.ask("GET", "/api/v1/auth")
        self.wallets = self.user.get("wallets") or []

    def ask(self, method, path, body=None, key=None):
        time.sleep(0.03)
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self.token}"} if self.token else {}) | ({"X-Api-Key": key} if key else {})
        try:
            with self.opener.open(urllib.request.Request(sys.argv[1] + path, data, headers, method=method), timeout=20) as answer:
                text = answer.read()
                return json.loads(text) if "json" in answer.headers.get("Content-Type", "") else {}
        except urllib.error.HTTPError as error:
            print(method, path, error.code, error.read()[:150])
            return {}


people = [Person(f"person{number}") for number in range(10)]
for person in people:
    person.ask("POST", "/api/v1/wallet", {"name": "Savings"}, person.wallets[0]["adminkey"])
    person.ask("GET", "/wallet")
for turn in range(6):
    for person in people:
        other = drawn.choice([one for one in people if one is not person])
        mine, theirs = person.wallets[0], other.wallets[0]
        made = person.ask("POST", "/api/v1/payments", {"out": False, "amount": 10 + turn, "memo": f"For lunch {turn}"}, mine["inkey"])
        person.ask("GET", f"/api/v1/payments/{made.get('payment_hash')}", key=mine["inkey"])
        if made.get("bolt11") and turn:
            other.ask("POST", "/api/v1/payments", {"out": True, "bolt11": made["bolt11"]}, theirs["adminkey"])
        person.ask("GET", "/api/v1/wallet", key=mine["inkey"])
        person.ask("GET", "/api/v1/payments?limit=20", key=mine["inkey"])
        person.ask("GET", "/api/v1/payments/paginated?limit=10&sortby=time&direction=desc", key=mine["inkey"])
        person.ask("GET", "/api/v1/payments/history?group=day", key=mine["inkey"])
        person.ask("GET", "/api/v1/payments/stats/daily")
        person.ask("GET", "/api/v1/wallet/paginated")
        person.ask("GET", "/payments")
