"""Twelve pages watched, as changedetection.io's API takes them; some of them change between two looks."""

import glob
import json
import os
import re
import sys
import time
import urllib.request

server, pages, store, folder = sys.argv[1:]
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
key = re.search(r'"api_access_token":\s*"([0-9a-f]+)"', "".join(open(it).read() for it in glob.glob(store + "/*.json"))).group(1)


def ask(method, path, body=None):
    headers = {"x-api-key": key, "Content-Type": "application/json"}
    request = urllib.request.Request(f"{server}/api/v1{path}", body and json.dumps(body).encode(), headers, method=method)
    try:
        return json.loads(opener.open(request, timeout=20).read() or b"null")
    except Exception as error:
        print(method, path, error)


def write(round):
    for number in range(12):
        lines = [f"<p>Offer {line}: {line * 7 + (round if number % 3 == 0 else 0)} EUR</p>" for line in range(60)]
        open(os.path.join(folder, f"{number}.html"), "w").write(f"<h1>Shop {number}</h1>" + "".join(lines))


write(0)
for number in range(12):
    ask("POST", "/watch", {"url": f"{pages}/{number}.html", "title": f"Shop {number}", "tag": f"tag {number % 3}"})
time.sleep(8)
for round in (1, 2):
    write(round)
    ask("GET", "/watch?recheck_all=1")
    time.sleep(8)
for uuid in ask("GET", "/watch") or {}:
    ask("GET", f"/watch/{uuid}")
    history = ask("GET", f"/watch/{uuid}/history") or {}
    for moment in list(history)[:2]:
        ask("GET", f"/watch/{uuid}/history/{moment}")
ask("GET", "/tags"); ask("GET", "/systeminfo")
