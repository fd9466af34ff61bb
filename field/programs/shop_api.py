"""A shop's API for the HTTP clients of the study: products, users, orders, feeds, in memory. shop_api.py PORT

Product ids 58 to 60 were withdrawn (404). Pages have 20 entries and link to the next one.
"""

import json
import re
import sys
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

port = int(sys.argv[1])
products = {n: {"id": n, "name": f"Product {n}", "price": 3 + n * 7 % 50, "category": f"category-{n % 6}", "maker": 1 + n % 9} for n in range(1, 58)}
users = {n: {"id": n, "name": f"User {n}", "email": f"user{n}@example.org"} for n in range(1, 46)}
makers = {n: {"id": n, "name": f"Maker {n}", "country": f"Country {n % 4}"} for n in range(1, 10)}
orders = {n: {"id": n, "user": 1 + n % 45, "product": 1 + n * 5 % 57, "count": 1 + n % 3} for n in range(1, 81)}
tables = {"products": products, "users": users, "makers": makers, "orders": orders}


def feed(number):
    items = "".join(f"<item><title>Feed {number}, post {n}</title><link>http://127.0.0.1:{port}/posts/{number}/{n}</link><guid>{number}-{n}</guid><pubDate>Mon, {n + 1:02} Jun 2026 10:00:00 GMT</pubDate><description>Text of the post</description></item>" for n in range(12))
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>Feed {number}</title><link>http://127.0.0.1:{port}/</link><description>Posts</description>{items}</channel></rss>'


class Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def send(self, status, body, kind="application/json", headers=()):
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def body(self):
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            return json.loads(data or b"{}")
        except ValueError:
            return dict(urllib.parse.parse_qsl(data.decode("utf-8", "replace")))

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        parts = url.path.strip("/").split("/")
        if parts[0] == "v1":
            parts = parts[1:]
        if parts[0] == "feeds":
            return self.send(200, feed(parts[1]), "application/rss+xml")
        if parts[0] == "posts":
            return self.send(200, f"<html><head><title>Post {parts[-1]}</title></head><body><p>Text of the post.</p></body></html>", "text/html")
        if parts == ["token"]:
            return self.send(200, {"token": "t-1", "expires_in": 3600})
        table = tables.get(parts[0] if parts else "")
        if table is None:
            return self.send(404, {"error": "no such address"})
        if len(parts) == 2 and re.fullmatch(r"\d+", parts[1]):
            row = table.get(int(parts[1]))
            return self.send(200, row) if row else self.send(404, {"error": f"{parts[0]} has no {parts[1]}"})
        rows = [row for row in table.values() if all(str(row.get(key, value)) == value for key, value in query.items() if key != "page")]
        page = int(query.get("page", 1))
        shown = rows[20 * (page - 1):20 * page]
        following = f"http://127.0.0.1:{port}/{parts[0]}?page={page + 1}" if len(rows) > 20 * page else None
        headers = [("Link", f'<{following}>; rel="next"')] if following else []
        return self.send(200, {"items": shown, "total": len(rows), "next": following}, headers=headers)

    do_HEAD = do_GET

    def do_POST(self):
        table = tables.get(self.path.strip("/").removeprefix("v1/"))
        body = self.body()
        if self.path.strip("/") == "token":
            return self.send(200, {"token": "t-1", "expires_in": 3600})
        if table is None:
            return self.send(404, {"error": "no such address"})
        number = max(table) + 1
        table[number] = {"id": number} | body
        return self.send(201, table[number])

    def do_PUT(self):
        parts = self.path.strip("/").split("/")
        row = tables.get(parts[0], {}).get(int(parts[1]))
        body = self.body()
        if row is None:
            return self.send(404, {"error": "no such row"})
        row.update(body)
        return self.send(200, row)

    do_PATCH = do_PUT

    def do_DELETE(self):
        parts = self.path.strip("/").split("/")
        row = tables.get(parts[0], {}).pop(int(parts[1]), None)
        return self.send(200, row) if row else self.send(404, {"error": "no such row"})


ThreadingHTTPServer(("127.0.0.1", port), Shop).serve_forever()
