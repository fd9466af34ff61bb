"""Asks a service line by line, for a number of rounds: asks.py URL ROUNDS 'GET /notes/{n}' 'POST /notes {"title": "{n}"}' ...

`{n}` is a drawn number from 1 to 100, `{round}` the round. Cookies are sent again.
"""

import http.cookiejar
import random
import sys
import time
import urllib.error
import urllib.request

url, rounds, lines = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
drawn = random.Random(9)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
for turn in range(rounds):
    for line in lines:
        text = line.replace("{n}", str(drawn.randint(1, 100))).replace("{round}", str(turn))
        method, path, *body = text.split(" ", 2)
        data = body[0].encode() if body else None
        kind = "application/json" if data and data[:1] == b"{" else "application/x-www-form-urlencoded"
        time.sleep(0.02)
        try:
            with opener.open(urllib.request.Request(url + path, data, {"Content-Type": kind} if data else {}, method=method), timeout=20) as answer:
                answer.read()
        except urllib.error.HTTPError as error:
            print(text[:80], error.code, error.read()[:120])
