"""People of the service: they add sites, look at jobs and readings, change and stop some, and ask to be reminded; for a minute and a half."""

import json
import random
import sys
import time
import urllib.request

drawn = random.Random(7)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(path, body=None, method=None):
    data = None if body is None else json.dumps(body).encode()
    try:
        with opener.open(urllib.request.Request(sys.argv[1] + path, data, {"Content-Type": "application/json"}, method=method), timeout=30) as answer:
            return json.loads(answer.read() or b"null")
    except OSError as error:
        print(method, path, error)


for site in range(20):
    ask("/sites", {"site": site, "seconds": 10 + site % 4 * 5})
for step in range(40):
    ask("/jobs")
    ask(f"/jobs/site-{drawn.randrange(20)}")
    ask("/reminders", {"person": f"person-{step % 9}", "words": f"Think of {step}", "in": drawn.randrange(5, 40)})
    if step % 4 == 0:
        ask("/readings")
    if step % 8 == 3:
        ask(f"/jobs/site-{step % 20}", {"seconds": 20}, "PUT")
    if step % 10 == 5:
        ask(f"/jobs/site-{step % 20}/pause", {})
        ask(f"/jobs/site-{(step - 10) % 20}/resume", {})
    if step % 13 == 12:
        ask(f"/jobs/site-{drawn.randrange(10)}", method="DELETE")
    time.sleep(2)
