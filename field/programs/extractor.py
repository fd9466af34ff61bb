"""A stand-in for a language model that extracts: chat completions with a forced tool or a schema, whole or streamed.

The texts that it fills in are words of the last message, the numbers are those found there, so that what is extracted
looks like what was asked about. A tool that is forced is called whatever came before, as the API does it.
"""

import json
import random
import re
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

drawn = random.Random(5)


class Filler:
    """Fills a schema with pieces of a text."""

    def __init__(self, text, root):
        self.words = re.findall(r"\S+", text) or ["nothing"]
        self.numbers = [int(number) for number in re.findall(r"\b\d{1,4}\b", text)] or [3]
        self.root = root

    def fill(self, schema, depth=0):
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[-1]
            schema = (self.root.get("$defs") or self.root.get("definitions") or {}).get(name, {})
        for key in ("anyOf", "oneOf", "allOf"):
            if key in schema:
                choices = schema[key]
                # What refers to itself ends at some depth.
                empty = [it for it in choices if it.get("type") == "null"]
                return self.fill((empty or choices)[0] if depth > 4 else choices[0], depth)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return drawn.choice(schema["enum"])
        kind = schema.get("type")
        if kind == "object" or "properties" in schema:
            return {key: self.fill(value, depth + 1) for key, value in schema.get("properties", {}).items()}
        if kind == "array":
            low = schema.get("minItems", 0 if depth > 4 else 2)
            return [self.fill(schema.get("items", {}), depth + 1) for _ in range(min(low, schema.get("maxItems", low)))]
        if kind in ("integer", "number"):
            low, high = schema.get("minimum", 0), schema.get("maximum", 9999)
            number = min(max(drawn.choice(self.numbers), low), high)
            return number if kind == "integer" else float(number)
        if kind == "boolean":
            return True
        if kind == "null":
            return None
        if schema.get("format") in ("date-time", "date"):
            return "2024-05-06T07:08:09Z" if schema["format"] == "date-time" else "2024-05-06"
        start = drawn.randrange(len(self.words))
        return " ".join(self.words[start:start + 5])


class Model(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        message = self.message(body)
        time.sleep(drawn.uniform(0.08, 0.2))
        sent, got = len(json.dumps(body)) // 4, len(json.dumps(message)) // 4
        usage = {"prompt_tokens": sent, "completion_tokens": got, "total_tokens": sent + got}
        whole = {"id": f"chatcmpl-{drawn.randrange(10**9)}", "created": int(time.time()), "model": body.get("model")}
        reason = "tool_calls" if message.get("tool_calls") else "stop"
        self.send_response(200)
        if body.get("stream"):
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            for piece in self.pieces(message):
                self.event(whole | {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": piece, "finish_reason": None}]})
                time.sleep(0.01)
            self.event(whole | {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
            if (body.get("stream_options") or {}).get("include_usage"):
                self.event(whole | {"object": "chat.completion.chunk", "choices": [], "usage": usage})
            self.wfile.write(b"data: [DONE]\n\n")
            self.close_connection = True
            return
        answer = whole | {"object": "chat.completion", "usage": usage,
                          "choices": [{"index": 0, "message": message, "finish_reason": reason}]}
        data = json.dumps(answer).encode()
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def event(self, data):
        self.wfile.write(b"data: " + json.dumps(data).encode() + b"\n\n")

    def pieces(self, message):
        """The message in pieces of twenty characters."""
        calls = message.get("tool_calls")
        text = calls[0]["function"]["arguments"] if calls else message["content"]
        if calls:
            function = {"name": calls[0]["function"]["name"], "arguments": ""}
            yield {"role": "assistant", "content": None, "tool_calls": [{"index": 0, "id": calls[0]["id"], "type": "function", "function": function}]}
        for at in range(0, len(text), 20):
            part = text[at:at + 20]
            yield {"tool_calls": [{"index": 0, "function": {"arguments": part}}]} if calls else {"content": part}

    def message(self, body):
        messages, tools = body.get("messages", []), body.get("tools") or []
        parts = [it.get("content") or "" for it in messages if it.get("role") in ("user", "tool")] or [""]
        text = " ".join(part if isinstance(part, str) else " ".join(p.get("text", "") for p in part) for part in parts[-1:])
        schema = (body.get("response_format") or {}).get("json_schema", {}).get("schema")
        if schema:
            return {"role": "assistant", "content": json.dumps(Filler(text, schema).fill(schema))}
        choice = body.get("tool_choice")
        is_answered = any(it.get("role") == "tool" for it in messages)
        if tools and (choice == "required" or isinstance(choice, dict) or not is_answered):
            name = choice["function"]["name"] if isinstance(choice, dict) and "function" in choice else tools[0]["function"]["name"]
            called = tools if choice == "auto" else [it for it in tools if it["function"]["name"] == name]
            calls = []
            for tool in called:
                schema = tool["function"].get("parameters", {})
                function = {"name": tool["function"]["name"], "arguments": json.dumps(Filler(text, schema).fill(schema))}
                calls.append({"id": f"call_{drawn.randrange(10**9)}", "type": "function", "function": function})
            return {"role": "assistant", "content": None, "tool_calls": calls}
        return {"role": "assistant", "content": "A short answer."}

    def log_message(self, *arguments):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Model).serve_forever()
