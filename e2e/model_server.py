"""A local server that takes a model's place: it speaks the APIs that assistants ask, and has them execute given commands.

    Anthropic  POST …/v1/messages                        OpenAI  POST …/chat/completions, POST …/responses
    Google     POST …/models/MODEL:streamGenerateContent

It understands nothing. Where a request offers a tool that executes commands, the answer is the next command of its list, by how
many results the request has already; after the last, and to any other request, it is a text. Each request is stored.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# What assistants call the tool that executes a command.
SHELLS = ["Bash", "bash", "shell_command", "exec_command", "shell", "run_shell_command"]
TEXT = "All is done."
USAGE = {"input_tokens": 10, "output_tokens": 10, "total_tokens": 20}


def filled(schema, command):
    """Arguments that a tool's schema accepts, with the command where it belongs."""
    properties, made = schema.get("properties", {}), {}
    for name, of in properties.items():
        kind = of.get("type")
        if name in ("command", "cmd"):
            made[name] = ["bash", "-c", command] if kind == "array" else command
        elif name in schema.get("required", []):
            made[name] = of["enum"][0] if "enum" in of else {"boolean": False, "integer": 60, "number": 60, "array": []}.get(kind, "runs the tests")
    return made


class Request:
    """What of a request matters, whichever API it is of."""

    def __init__(self, path, body):
        self.path, self.body = path, body
        tools = {}
        for tool in body.get("tools") or []:
            for declared in tool.get("functionDeclarations", [tool]):
                function = declared.get("function", declared)
                schema = next((function[key] for key in ("input_schema", "parameters", "parametersJsonSchema") if key in function), {})
                tools[function.get("name")] = schema
        self.shell = next((name for name in SHELLS if name in tools), None)
        self.schema = tools.get(self.shell, {})
        self.results = self.count()

    def count(self):
        """How many results of tools it has."""
        text = lambda kind: sum(1 for part in self.parts() if kind(part))
        return text(lambda part: part.get("type") in ("tool_result", "function_call_output") or part.get("role") == "tool" or "functionResponse" in part)

    def parts(self):
        messages = self.body.get("messages") or self.body.get("input") or self.body.get("contents") or []
        for message in messages if isinstance(messages, list) else []:
            yield message
            inner = message.get("content", message.get("parts"))
            yield from (part for part in inner if isinstance(part, dict)) if isinstance(inner, list) else ()


class Model:
    """The server, at `url`; `requests` are all that came."""

    def __init__(self, commands):
        self.commands, self.requests = commands, []
        model = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_HEAD(self):
                self.answer("application/json", b"")

            def do_GET(self):
                self.answer("application/json", json.dumps({"data": [], "models": []}).encode())

            def do_POST(self):
                text = self.rfile.read(int(self.headers.get("content-length", 0)))
                try:
                    request = Request(self.path, json.loads(text or b"{}"))
                except (ValueError, AttributeError):
                    return self.answer("application/json", b"{}")
                model.requests.append(request)
                self.answer(*model.answer(request))

            def answer(self, kind, body):
                self.send_response(200)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def asked(self):
        """The requests that offered a tool for commands."""
        return [request for request in self.requests if request.shell]

    def answer(self, request):
        path = request.path.split("?")[0]
        command = self.commands[request.results] if request.shell and request.results < len(self.commands) else None
        call = command and (f"call_{request.results + 1:02}", request.shell, filled(request.schema, command))
        if path.endswith("/count_tokens") or path.endswith(":countTokens"):
            return plain({"input_tokens": 10, "totalTokens": 10})
        if path.endswith("/messages"):
            return anthropic(request, call)
        if path.endswith("/responses"):
            return responses(request, call)
        if path.endswith("/chat/completions"):
            return completions(request, call)
        if "enerateContent" in path:
            return gemini(request, call)
        return plain({})


def plain(value):
    return "application/json", json.dumps(value).encode()


def events(values, named=False, end=""):
    lines = [(f"event: {value['type']}\n" if named else "") + f"data: {json.dumps(value)}\n\n" for value in values]
    return "text/event-stream", ("".join(lines) + end).encode()


def anthropic(request, call):
    block = {"type": "tool_use", "id": f"toolu_{call[0]}", "name": call[1], "input": call[2]} if call else {"type": "text", "text": TEXT}
    reason = "tool_use" if call else "end_turn"
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": request.body.get("model", "m"), "content": [block],
               "stop_reason": reason, "stop_sequence": None, "usage": {"input_tokens": 10, "output_tokens": 10}}
    if not request.body.get("stream"):
        return plain(message)
    start, delta = ({**block, "input": {}}, {"type": "input_json_delta", "partial_json": json.dumps(call[2])}) if call else (
        {"type": "text", "text": ""}, {"type": "text_delta", "text": TEXT})
    return events([
        {"type": "message_start", "message": {**message, "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": start},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": {"output_tokens": 10}},
        {"type": "message_stop"},
    ], named=True)


def responses(request, call):
    item = {"type": "message", "id": "item_1", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": TEXT, "annotations": []}]}
    if call:
        item = {"type": "function_call", "id": f"fc_{call[0]}", "call_id": call[0], "name": call[1], "arguments": json.dumps(call[2]), "status": "completed"}
    whole = {"id": "resp_1", "object": "response", "created_at": 0, "model": request.body.get("model", "m"), "status": "completed", "output": [item],
             "usage": {**USAGE, "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}}
    if not request.body.get("stream"):
        return plain(whole)
    return events([
        {"type": "response.created", "sequence_number": 0, "response": {**whole, "status": "in_progress", "output": [], "usage": None}},
        {"type": "response.output_item.added", "sequence_number": 1, "output_index": 0, "item": item},
        {"type": "response.output_item.done", "sequence_number": 2, "output_index": 0, "item": item},
        {"type": "response.completed", "sequence_number": 3, "response": whole},
    ], named=True)


def completions(request, call):
    message = {"role": "assistant", "content": TEXT}
    if call:
        function = {"name": call[1], "arguments": json.dumps(call[2])}
        message = {"role": "assistant", "content": None, "tool_calls": [{"index": 0, "id": call[0], "type": "function", "function": function}]}
    reason = "tool_calls" if call else "stop"
    usage = {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20}
    whole = {"id": "chat_1", "created": 0, "model": request.body.get("model", "m")}
    if not request.body.get("stream"):
        return plain({**whole, "object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": reason}], "usage": usage})
    chunk = lambda delta, reason, **more: {**whole, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}], **more}
    return events([chunk(message, None), chunk({}, reason, usage=usage)], end="data: [DONE]\n\n")


def gemini(request, call):
    part = {"functionCall": {"id": call[0], "name": call[1], "args": call[2]}} if call else {"text": TEXT}
    answer = {"candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}],
              "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 10, "totalTokenCount": 20}, "modelVersion": "m"}
    return events([answer]) if "stream" in request.path else plain(answer)
