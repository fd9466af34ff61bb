"""A stand-in for a language model's HTTP API: chat completions, responses and embeddings, after 80 to 200 ms each.

It calls the first tool that is offered, with arguments made up by the tool's schema, until a tool has answered; where
a schema is wanted, it answers with JSON of that schema.
"""

import hashlib
import json
import random
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def example(schema, root=None):
    root = root or schema
    if "$ref" in schema:
        schema = root.get("$defs", {}).get(schema["$ref"].rsplit("/", 1)[-1], {})
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return example(schema[key][0], root)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        return {key: example(value, root) for key, value in schema.get("properties", {}).items()}
    if kind == "array":
        return [example(schema.get("items", {}), root)]
    return {"integer": 3, "number": 3.5, "boolean": True, "null": None}.get(kind, "a short text")


def usage(body, answer):
    sent, got = len(json.dumps(body)) // 4, len(json.dumps(answer)) // 4
    return sent, got


class Model(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        time.sleep(random.uniform(0.08, 0.2))
        if self.path.endswith("/embeddings"):
            answer = self.embeddings(body)
        elif self.path.endswith("/responses"):
            answer = self.response(body)
        else:
            answer = self.chat(body)
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def embeddings(self, body):
        texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
        vectors = [[byte / 255 for byte in hashlib.sha256(str(text).encode()).digest()] for text in texts]
        data = [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(vectors)]
        return {"object": "list", "data": data, "model": body["model"], "usage": {"prompt_tokens": 9, "total_tokens": 9}}

    def chat(self, body):
        messages, tools = body.get("messages", []), body.get("tools") or []
        message = {"role": "assistant", "content": "A short answer."}
        wanted = (body.get("response_format") or {}).get("json_schema", {}).get("schema")
        if wanted:
            message["content"] = json.dumps(example(wanted))
        elif tools and not any(it.get("role") == "tool" for it in messages):
            function = tools[0]["function"]
            call = {"name": function["name"], "arguments": json.dumps(example(function.get("parameters", {})))}
            message = {"role": "assistant", "content": None, "tool_calls": [{"id": "call_1", "type": "function", "function": call}]}
        sent, got = usage(body, message)
        reason = "tool_calls" if message.get("tool_calls") else "stop"
        return {"id": "chat-1", "object": "chat.completion", "created": int(time.time()), "model": body.get("model"),
                "choices": [{"index": 0, "message": message, "finish_reason": reason}],
                "usage": {"prompt_tokens": sent, "completion_tokens": got, "total_tokens": sent + got}}

    def response(self, body):
        tools, sent_items = body.get("tools") or [], body.get("input") or []
        has_answer = any(isinstance(it, dict) and it.get("type") == "function_call_output" for it in sent_items)
        form = (body.get("text") or {}).get("format") or {}
        functions = [tool for tool in tools if tool.get("type") == "function"]
        if functions and not has_answer:
            tool = functions[0]
            output = {"type": "function_call", "id": "fc_1", "call_id": f"call_{random.randrange(10**9)}", "status": "completed",
                      "name": tool["name"], "arguments": json.dumps(example(tool.get("parameters") or {}))}
        else:
            text = json.dumps(example(form["schema"])) if form.get("schema") else "A short answer."
            output = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
                      "content": [{"type": "output_text", "text": text, "annotations": []}]}
        sent, got = usage(body, output)
        return {"id": f"resp_{random.randrange(10**9)}", "object": "response", "created_at": time.time(), "status": "completed", "model": body.get("model"),
                "output": [output], "parallel_tool_calls": True, "tool_choice": "auto", "tools": tools, "temperature": 1.0, "top_p": 1.0,
                "error": None, "incomplete_details": None, "instructions": None, "metadata": {},
                "usage": {"input_tokens": sent, "output_tokens": got, "total_tokens": sent + got,
                          "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}}

    def log_message(self, *arguments):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Model).serve_forever()
