"""Sends requests by several libraries to a server of its own, and starts commands."""

import http.client
import subprocess
import threading
import traceback
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests
import urllib3


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        code = 503 if self.path == "/down" else 200
        self.send_response(code)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"127.0.0.1:{server.server_port}"
    answer = requests.get(f"http://user:word@{base}/requests?a=1")
    print(answer.status_code, sorted(answer.request.headers))
    print(urllib3.PoolManager().request("GET", f"http://{base}/urllib3").status)
    print(urllib.request.urlopen(f"http://{base}/urllib").status)
    try:
        urllib.request.urlopen(f"http://{base}/down")
    except urllib.error.HTTPError as error:
        print(error)
    connection = http.client.HTTPConnection(base)
    connection.request("GET", "/plain")
    print(connection.getresponse().status)
    with ThreadPoolExecutor(2) as pool:
        print([each.status_code for each in pool.map(requests.get, [f"http://{base}/pool"] * 2)])
    try:
        requests.get("http://127.0.0.1:1/")
    except requests.ConnectionError:
        print(traceback.format_exc().count("File"))
    print(subprocess.run(["sh", "-c", "exit 4"]).returncode)
    try:
        subprocess.run(["/no/such/program"])
    except FileNotFoundError:
        traceback.print_exc()


main()
