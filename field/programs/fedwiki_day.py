"""A day of a federated wiki: pages are read, written and changed as its client does, and looked for. fedwiki_day.py URL"""

import json
import sys
import urllib.error
import urllib.parse
import urllib.request

url = sys.argv[1]


def ask(method, path, body=None):
    data = urllib.parse.urlencode(body).encode() if body is not None else None
    try:
        with urllib.request.urlopen(urllib.request.Request(url + path, data, method=method), timeout=20) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        print(method, path, error.code, error.read()[:100])
        return b""


for n in range(15):
    page = {"title": f"Page {n}", "story": [{"type": "paragraph", "id": f"{n:016x}", "text": f"Words of page {n}, see [[Page {n * 7 % 15}]]."}]}
    ask("PUT", f"/page/page-{n}/action", {"action": json.dumps({"type": "create", "id": f"{n:016x}", "item": page, "date": 1_790_000_000_000 + n})})
for turn in range(8):
    for n in range(0, 15, 3):
        ask("GET", f"/page-{n}.json")
        ask("GET", f"/page-{n}.html")
        ask("GET", f"/view/page-{n}")
        item = {"type": "paragraph", "id": f"{turn:08x}{n:08x}", "text": f"Added in turn {turn}."}
        ask("PUT", f"/page/page-{n}/action", {"action": json.dumps({"type": "add", "id": item["id"], "item": item, "after": f"{n:016x}", "date": 1_790_000_100_000 + turn})})
    for path in ("/welcome-visitors.json", "/system/sitemap.json", "/system/site-index.json", "/system/plugins.json", "/system/factories.json", "/system/slugs.json", "/favicon.png", "/recent-changes.json", "/page-99.json"):
        ask("GET", path)
