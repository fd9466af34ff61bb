"""Visitors: people register and get mails, sums are asked for, a newsletter goes out, pages are counted, and the board is looked at."""

import json
import sys
import time
import urllib.error
import urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    try:
        with opener.open(urllib.request.Request(sys.argv[1] + path, data, {"Content-Type": "application/json"}), timeout=30) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        print(path, error.code)


people = [f"user{number}@example.com" for number in range(60)]
mails = []
for number, person in enumerate(people):
    mails.append(ask("/mails", {"to": person})["id"])
    ask(f"/run/{number}/{number * 2}", {})
    if number % 5 == 0:
        print(ask(f"/words/{number // 5 % 4}", {"once": number}))
        ask("/board")
    for mail in mails[-2:]:
        ask(f"/mails/{mail}")
    time.sleep(0.3)
print(ask("/newsletter", {"people": people}))
time.sleep(6)
ask("/board")
print([ask(f"/mails/{mail}")["status"] for mail in mails[::4]])
