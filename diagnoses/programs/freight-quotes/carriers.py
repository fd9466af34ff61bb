"""Three carriers, none of them ours: one answers no more than four requests a second."""

import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LIMITS = {"kestrel": 4}
SECONDS = {"kestrel": 0.03, "boreas": 0.06, "ondine": 0.05}
lock = threading.Lock()
answered = {}


class Carrier(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        name = self.path.split("/")[1]
        now = int(time.monotonic())
        with lock:
            answered[name, now] = answered.get((name, now), 0) + 1
            refused = answered[name, now] > LIMITS.get(name, 10_000)
        time.sleep(0.003 if refused else SECONDS[name])
        body = json.dumps({"cents": 4_200}).encode()
        self.send_response(429 if refused else 200)
        if refused:
            self.send_header("Retry-After", "1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Carrier).serve_forever()
