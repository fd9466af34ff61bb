"""Sends diffs to a review service that needs longer for larger ones.

Fault:  the whole diff is sent in one request, which times out where the diff is large.
Repair: `--fixed` sends it in pieces that the service answers in time.
"""

import random
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

from traced import note, traced

DIFFS, SMALLEST, LARGEST = 45, 20_000, 1_200_000
TIMEOUT_SECONDS = 0.2
PIECE_BYTES = 250_000


class Reviewing(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        time.sleep(0.01 + len(body) / 3_000_000)
        try:
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()
        except BrokenPipeError:
            pass  # Nobody waits any more.

    def log_message(self, *_):
        pass


@traced("review.diff")
def review_diff(address, diff, fixed):
    note(diff_bytes=len(diff))
    step = PIECE_BYTES if fixed else len(diff)
    for start in range(0, len(diff), step):
        requests.post(address, data=diff[start : start + step], timeout=TIMEOUT_SECONDS).raise_for_status()


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Reviewing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sizes = random.Random(22)
    failed = 0
    for _ in range(DIFFS):
        # As many small ones as large ones, by order of magnitude.
        size = round(SMALLEST * (LARGEST / SMALLEST) ** sizes.random())
        try:
            review_diff(f"http://127.0.0.1:{server.server_port}/", b"+" * size, fixed="--fixed" in sys.argv)
        except requests.Timeout:
            failed += 1
    print(f"{failed} of {DIFFS} reviews timed out")


main()
