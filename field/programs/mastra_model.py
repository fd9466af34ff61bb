"""A stand-in for OpenAI's chat completions, whole or streamed: it calls the first tool that is offered until a tool has answered.

Where an object is wanted, it is made of what its schema says. The first piece comes after 80 to 200 ms.
"""

import json
import random
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORDS = "It looks like a good day for a walk by the harbour, so take a jacket and leave early."


def example(schema, said):
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "object":
        return {key: example(value, said) for key, value in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        return [example(schema.get("items", {}), said) for _ in range(3)]
    return {"integer": 3, "number": 3.5, "boolean": True}.get(schema.get("type"), said.split()[-1].strip("?.") if said else "Oslo")


class Model(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def send(self, kind, data):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        time.sleep(random.uniform(0.08, 0.2))
        messages, tools = body["messages"], body.get("tools") or []
        last = max((n for n, it in enumerate(messages) if it["role"] == "user"), default=0)
        said = messages[last]["content"]
        said = said if isinstance(said, str) else " ".join(part.get("text", "") for part in said)
        wanted = (body.get("response_format") or {}).get("json_schema", {}).get("schema")
        calls, text = None, WORDS
        if wanted:
            text = json.dumps(example(wanted, said))
        elif tools and not any(it["role"] == "tool" for it in messages[last:]):
            function = tools[0]["function"]
            arguments = json.dumps(example(function["parameters"], said))
            calls, text = [{"index": 0, "id": f"call_{random.randrange(10**9)}", "type": "function", "function": {"name": function["name"], "arguments": arguments}}], None
        reason, sent, got = "tool_calls" if calls else "stop", len(json.dumps(body)) // 4, len(text or "tool") // 4
        base = {"id": f"chat-{random.randrange(10**9)}", "created": int(time.time()), "model": body["model"]}
        usage = {"prompt_tokens": sent, "completion_tokens": got, "total_tokens": sent + got}
        if not body.get("stream"):
            message = {"role": "assistant", "content": text} | ({"tool_calls": calls} if calls else {})
            answer = base | {"object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": reason}], "usage": usage}
            return self.send("application/json", json.dumps(answer).encode())
        pieces = [{"role": "assistant", "content": ""}, {"tool_calls": calls} if calls else {"content": text}]
        chunks = [base | {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": piece, "finish_reason": None}]} for piece in pieces]
        chunks.append(base | {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        chunks.append(base | {"object": "chat.completion.chunk", "choices": [], "usage": usage})
        self.send("text/event-stream", "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks).encode() + b"data: [DONE]\n\n")

    def log_message(self, *arguments):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Model).serve_forever()
