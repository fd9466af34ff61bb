"""A stand-in for a language model that Mem0 asks: it remembers each sentence that a person said, and answers shortly, after 80 to 200 ms."""

import hashlib
import json
import random
import re
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def answer(body):
    text = body["messages"][-1]["content"]
    if (body.get("response_format") or {}).get("type") != "json_object":
        return "I remember that. Shall I look for more of it?"
    said = re.findall(r"user: (.*)", text.rsplit("New Messages", 1)[-1])
    sentences = [sentence.strip() for line in said for sentence in line.split(". ") if not sentence.strip().endswith("?")]
    return json.dumps({"memory": [{"id": str(n), "text": f"User said: {sentence}", "attributed_to": "user"} for n, sentence in enumerate(sentences)]})


def embedding(text, size):
    vector = [0.01] * size
    for word in re.findall(r"\w+", text.lower()):
        vector[int(hashlib.sha256(word.encode()).hexdigest(), 16) % size] += 1.0
    return vector


class Model(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        time.sleep(random.uniform(0.08, 0.2))
        if self.path.endswith("/embeddings"):
            texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
            data = [{"object": "embedding", "index": n, "embedding": embedding(text, body.get("dimensions", 1536))} for n, text in enumerate(texts)]
            result = {"object": "list", "data": data, "model": body["model"], "usage": {"prompt_tokens": 9, "total_tokens": 9}}
        else:
            text = answer(body)
            sent, got = len(json.dumps(body)) // 4, len(text) // 4
            result = {"id": "chat-1", "object": "chat.completion", "created": int(time.time()), "model": body["model"],
                      "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
                      "usage": {"prompt_tokens": sent, "completion_tokens": got, "total_tokens": sent + got}}
        data = json.dumps(result).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Model).serve_forever()
