"""Places and their weather, as Open-Meteo's API has them: mastra_skies.py PORT"""

import json
import sys
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Skies(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        time.sleep(0.03)
        number = zlib.crc32(self.path.encode())
        if self.path.startswith("/search"):
            value = {"latitude": number % 90, "longitude": number % 180, "name": self.path.rsplit("=", 1)[-1]}
        else:
            value = {"date": "2024-05-06", "max": number % 20 + 10, "min": number % 10, "rain": number % 100}
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Skies).serve_forever()
