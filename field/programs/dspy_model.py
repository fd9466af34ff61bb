"""A stand-in for a language model that DSPy asks: it answers each field that the prompt names, in the form that the prompt wants.

As an agent it takes one tool after the other and then ends. Answers take 80 to 200 ms. Embeddings are made of the words.
"""

import hashlib
import json
import random
import re
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

drawn = random.Random(3)
FIELD = re.compile(r"`\[\[ ## (\w+) ## \]\]`(?: \(must be formatted as a valid Python ([^)]*)\))?")


def value(name, kind, prompt, words):
    if name == "next_tool_name":
        tools = re.findall(r"'([^']*)'", kind)
        return tools[min(prompt.count("[[ ## observation_"), len(tools) - 1)]
    if name == "next_tool_args":
        return json.dumps([{"query": " ".join(words[-6:])}, {"number": drawn.randrange(4)}, {}][min(prompt.count("[[ ## observation_"), 2)])
    if kind.startswith("Literal"):
        return drawn.choice(re.findall(r"'([^']*)'", kind))
    if kind.startswith("list"):
        return json.dumps([" ".join(words[:2]), " ".join(words[2:4])])
    return {"bool": "True", "int": "3", "float": "0.8"}.get(kind, " ".join(drawn.sample(words, min(8, len(words)))))


def answer(messages):
    prompt = messages[-1]["content"] if isinstance(messages[-1]["content"], str) else messages[-1]["content"][0]["text"]
    fields = FIELD.findall(prompt.rsplit("Respond with the corresponding output fields", 1)[-1])
    words = re.findall(r"[A-Za-z]+", prompt.split("Respond with")[0])[:60] or ["nothing"]
    parts = [f"[[ ## {name} ## ]]\n{value(name, kind, prompt, words)}\n" for name, kind in fields if name != "completed"]
    return "\n".join([*parts, "[[ ## completed ## ]]"])


def embedding(text):
    vector = [0.0] * 64
    for word in re.findall(r"\w+", text.lower()):
        vector[hashlib.sha256(word.encode()).digest()[0] % 64] += 1.0
    return vector


class Model(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        time.sleep(random.uniform(0.08, 0.2))
        if self.path.endswith("/embeddings"):
            texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
            data = [{"object": "embedding", "index": n, "embedding": embedding(text)} for n, text in enumerate(texts)]
            result = {"object": "list", "data": data, "model": body["model"], "usage": {"prompt_tokens": 9, "total_tokens": 9}}
        else:
            text = answer(body["messages"])
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
