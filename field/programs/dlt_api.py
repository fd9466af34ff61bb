"""A code host's API to load from: repositories, issues with pages and a time they changed, and comments of each issue.

dlt_api.py PORT
"""

import json
import random
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

drawn = random.Random(4)
users = [{"id": n, "login": f"user{n}", "site_admin": n == 0} for n in range(15)]
issues = [{
    "id": 1000 + n, "number": n, "title": f"Issue {n}", "state": drawn.choice(("open", "closed")), "user": drawn.choice(users),
    "labels": [{"name": name} for name in drawn.sample(("bug", "question", "docs", "feature"), drawn.randrange(3))],
    "assignees": drawn.sample(users, drawn.randrange(3)), "body": "It does not work. " * drawn.randrange(1, 20),
    "updated_at": f"2026-{n // 30 + 1:02}-{n % 28 + 1:02}T10:00:00Z", "comments": drawn.randrange(6),
} for n in range(240)]
comments = {issue["number"]: [{"id": issue["number"] * 100 + n, "user": drawn.choice(users), "body": "I see it, too.", "created_at": issue["updated_at"]}
                              for n in range(issue["comments"])] for issue in issues}


class Host(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        time.sleep(0.02)
        address = urlsplit(self.path)
        asked = {key: value[0] for key, value in parse_qs(address.query).items()}
        parts = address.path.strip("/").split("/")
        if parts[-1] == "comments":
            found = comments[int(parts[-2])]
        elif parts[-1] == "issues":
            found = [it for it in issues if it["updated_at"] >= asked.get("since", "") and asked.get("state", "all") in ("all", it["state"])]
        else:
            found = [{"id": n, "name": f"repository {n}", "stars": n * 7} for n in range(12)]
        size, page = int(asked.get("per_page", 30)), int(asked.get("page", 1))
        data = json.dumps(found[(page - 1) * size:page * size]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if page * size < len(found):
            rest = "&".join(f"{key}={value}" for key, value in asked.items() if key != "page")
            self.send_header("Link", f'<http://{self.headers["Host"]}{address.path}?{rest}&page={page + 1}>; rel="next"')
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Host).serve_forever()
