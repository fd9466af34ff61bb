"""A stand-in for a language model's API: a local HTTP server that takes its time, scaled down, and counts tokens."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests
from opentelemetry.trace import SpanKind

from traced import here, tracer

MODEL = "stand-in-small"
BYTES_PER_TOKEN = 4


class Answering(BaseHTTPRequestHandler):
    def do_POST(self):
        asked = self.rfile.read(int(self.headers["content-length"]))
        # As with real ones: some time to the first token, and some for what has to be read.
        time.sleep(0.02 + len(asked) / 1_000_000)
        usage = {"input_tokens": len(asked) // BYTES_PER_TOKEN, "output_tokens": 60}
        body = json.dumps({"text": "Looks good to me. " * 12, "usage": usage}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve():
    """Starts the server and returns its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/chat"


def chat(address, messages):
    """Asks the model once, in a span as instrumentations of model clients make it."""
    attributes = {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "stand-in", "gen_ai.request.model": MODEL, **here(chat),
    }
    with tracer.start_as_current_span(f"chat {MODEL}", kind=SpanKind.CLIENT, attributes=attributes) as span:
        answer = requests.post(address, json=messages, timeout=30).json()
        for key, tokens in answer["usage"].items():
            span.set_attribute(f"gen_ai.usage.{key}", tokens)
        return answer["text"]
