"""Feeds that grow with the time, and a mailer's API: bree_pages.py PORT"""

import itertools
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

numbers, began = itertools.count(1), time.time()


class Pages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, value):
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        time.sleep(0.02)
        newest = int(time.time() - began) // 7 + 10
        self.answer({"items": [{"title": f"Item {n} of {self.path}"} for n in range(newest - 10, newest)]})

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        time.sleep(0.05)
        self.answer({"number": next(numbers)})

    def log_message(self, *arguments):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Pages).serve_forever()
