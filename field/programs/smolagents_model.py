"""A stand-in for a language model that smolagents can work with, and the pages and services that its tools ask.

    smolagents_model.py PORT

It answers after 0.3 to 0.9 s. An agent that writes code gets the next step of the script for its task, counted by the
steps in its memory; one that calls tools gets the next call. A plan or a summary gets a few sentences.
"""

import json
import random
import re
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

# What the task says, and the steps that are taken for it.
CODE = [
    (r"most expensive receipt", ["rows = sql_engine(query=\"SELECT customer_name, price FROM receipts ORDER BY price DESC LIMIT 1\")\nprint(rows)",
                                 "final_answer(rows)"]),
    (r"waiter got more total", ["print(sql_engine(query=\"SELECT * FROM waiters LIMIT 5\"))",
                                "print(sql_engine(query=\"SELECT w.waiter_name, SUM(r.tip) AS tips FROM receipts r JOIN waiters w ON r.id = w.receipt_id GROUP BY w.waiter_name\"))",
                                "final_answer(sql_engine(query=\"SELECT w.waiter_name FROM receipts r JOIN waiters w ON r.id = w.receipt_id GROUP BY w.waiter_name ORDER BY SUM(r.tip) DESC LIMIT 1\"))"]),
    (r"receipts of (?P<who>\w+)", ["rows = sql_engine(query=\"SELECT id, price, tip FROM receipts WHERE customer_name LIKE '%{who}%'\")\nprint(rows)",
                                   "final_answer(rows)"]),
    (r"weather in (?P<city>\w+)", ["report = get_weather(location=\"{city}\")\nprint(report)", "final_answer(report)"]),
    (r"Convert (?P<amount>\d+) dollars", ["final_answer(convert_currency(amount={amount}, from_currency=\"USD\", to_currency=\"EUR\"))"]),
    (r"pack for a trip to (?P<cities>[\w, ]+)\?", ["cities = [it.strip() for it in \"{cities}\".split(\",\")]\nfor city in cities:\n    print(city, get_weather(location=city))",
                                                   "print(convert_currency(amount=500, from_currency=\"USD\", to_currency=\"EUR\"))",
                                                   "final_answer(\"A coat, and 450 euros.\")"]),
    (r"guide to (?P<topic>\w+)", ["facts = search_agent(task=\"Find what the pages say about {topic}.\")\nprint(facts)",
                                  "more = search_agent(task=\"Find what is new about {topic}.\")\nprint(more)",
                                  "final_answer(\"A guide to {topic}\")"]),
]


def reply(messages, tools):
    """The message that comes next."""
    task, steps = "", 0
    for message in messages:
        content = message["content"]
        text = content if isinstance(content, str) else "".join(part.get("text") or "" for part in content or [])
        if message["role"] == "user" and ("New task:" in text or "You're a helpful agent named" in text):
            task, steps = text, 0
        # Plans are the agent's words, too, but no steps.
        steps += message["role"] == "assistant" and ("<code>" in text or "Calling tools" in text or "visit_webpage" in text)
    names = [tool["function"]["name"] for tool in tools]
    if "visit_webpage" in names:
        pages = [f"http://127.0.0.1:{sys.argv[1]}/pages/{n}" for n in ((len(task) + step) % 6 for step in range(2))]
        if steps < len(pages):
            return call("visit_webpage", {"url": pages[steps]})
        return call("final_answer", {"answer": "### 1. Task outcome (short version):\nFound.\n### 2. Task outcome (extremely detailed version):\nTwo pages tell.\n### 3. Additional context (if relevant):\nNone."})
    for pattern, script in CODE:
        found = re.search(pattern, task)
        if found:
            code = script[min(steps, len(script) - 1)]
            for name, value in found.groupdict().items():
                code = code.replace("{" + name + "}", value)
            return {"role": "assistant", "content": f"Thought: I take step {steps + 1}.\n<code>\n{code}\n</code>"}
    return {"role": "assistant", "content": "Here are the facts that I know and my plan: first look, then answer.\n<end_plan>"}


def call(name, arguments):
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"role": "assistant", "content": None, "tool_calls": [{"id": f"call_{random.randrange(10**9)}", "type": "function", "function": function}]}


class Model(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, text, kind="application/json"):
        data = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        address = urlsplit(self.path)
        query = {key: value[0] for key, value in parse_qs(address.query).items()}
        time.sleep(random.uniform(0.05, 0.15))
        if address.path == "/weather":
            self.answer(json.dumps({"location": query.get("city"), "temperature": 11, "description": "light rain"}))
        elif address.path == "/rates":
            self.answer(json.dumps({"base": query.get("from"), "rate": 0.9}))
        else:
            self.answer("<html><body>" + "".join(f"<h2>Part {n}</h2><p>{'Words of the page. ' * 30}</p>" for n in range(8)) + "</body></html>", "text/html")

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        time.sleep(random.uniform(0.3, 0.9))
        message = reply(body.get("messages", []), body.get("tools") or [])
        sent, got = len(json.dumps(body)) // 4, len(json.dumps(message)) // 4
        self.answer(json.dumps({"id": "chat-1", "object": "chat.completion", "created": int(time.time()), "model": body.get("model"),
                                "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if message.get("tool_calls") else "stop"}],
                                "usage": {"prompt_tokens": sent, "completion_tokens": got, "total_tokens": sent + got}}))

    def log_message(self, *arguments):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Model).serve_forever()
