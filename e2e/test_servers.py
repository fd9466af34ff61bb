"""Servers that never exit: reloads begin a new state of the code, and a terminal says what is new."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from conftest import binary, eventually, free_port
from test_any_python import current, exported  # noqa: F401

SERVER = """
import http.server, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(0.05 if self.path == "/slow" else 0)
        self.send_response(500 if self.path == "/down" else 200)
        self.send_header("content-length", "0")
        self.end_headers()
    def log_message(self, *_):
        print("served", self.path, flush=True)
        if self.path == "/prompt":
            sys.stdout.write("half a line")
            sys.stdout.flush()
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
print("ready", flush=True)
server.serve_forever()
"""
APPLICATION = """
from flask import Flask
app = Flask(__name__)
@app.get("/<name>")
def show(name):
    return "VERSION"
"""


def ask(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


class Terminal:
    """A command on a pseudo-terminal, and all that it has written there."""

    def __init__(self, command, **more):
        self.master, slave = pty.openpty()
        # Its terminal, in whose foreground it is, as in a shell.
        self.process = subprocess.Popen(command, preexec_fn=lambda: os.login_tty(slave), **more)
        os.close(slave)
        self.text = ""

    def read_until(self, pattern, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end and not re.search(pattern, self.text):
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.text += os.read(self.master, 65536).decode(errors="replace")
                except OSError:
                    break
        return re.search(pattern, self.text)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)
        os.close(self.master)


def test_on_a_terminal_a_burst_of_requests_is_one_line_between_lines_of_the_program(own_engine):
    if not hasattr(os, "login_tty"):
        pytest.skip("NOT TRIED: a terminal of its own needs Python 3.11")
    port = free_port()
    (own_engine.directory / "server.py").write_text(SERVER)
    terminal = Terminal(
        [binary(), "run", "--", sys.executable, "server.py", str(port)],
        env={**own_engine.environment, "TERM": "xterm"}, cwd=own_engine.directory,
    )  # fmt: skip
    assert terminal.read_until("ready"), terminal.text
    for path in ["/a", "/slow", "/down", "/b"]:
        ask(port, path)
    said = terminal.read_until(r"kino │ (.*)\r\n")
    assert said and re.fullmatch(r"4 requests · slowest GET [\d.]+ ms · 1 failed( · new: .*)?", said[1]), terminal.text
    before = terminal.text[: said.start()]
    assert before.endswith("served /b\r\n"), "it begins a line of its own"
    # A line that the program has not ended is left alone until it is.
    ask(port, "/prompt")
    assert not terminal.read_until(r"half a line[^$]*kino │", seconds=4), terminal.text
    ask(port, "/c")
    assert terminal.read_until(r"half a lineserved /c\r\nkino │ 2 requests"), terminal.text
    terminal.end()


def test_where_nobody_looks_nothing_is_said(own_engine):
    port = free_port()
    (own_engine.directory / "server.py").write_text(SERVER)
    process = subprocess.Popen(
        [binary(), "run", "--", sys.executable, "server.py", str(port)],
        env=own_engine.environment, cwd=own_engine.directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    ask(port, "/a")
    time.sleep(3)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert "request" not in errors.replace("1 span in", ""), errors


ASGI = """
from fastapi import FastAPI
app = FastAPI()
@app.get("/{name}")
def show(name: str):
    return "VERSION"
"""
NODE = """
const http = require('http');
http.createServer((request, response) => response.end('VERSION')).listen(Number(process.argv[2]), '127.0.0.1');
"""
PACKAGE = '{"name": "shop", "scripts": {"dev": "node --watch server.js"}}'
# By name: the files, the one that changes first, and the command.
RELOADS = {
    "flask": ({"app.py": APPLICATION}, ["PYTHON", "-m", "flask", "run", "--reload", "--port", "PORT"]),
    "uvicorn": ({"app.py": ASGI}, ["PYTHON", "-m", "uvicorn", "app:app", "--reload", "--port", "PORT"]),
    "node": ({"server.js": NODE}, ["node", "--watch", "server.js", "PORT"]),
    "npm": ({"server.js": NODE, "package.json": PACKAGE}, ["npm", "run", "dev", "--", "PORT"]),
}


def in_a_repository(directory, files):
    """Writes the files and commits them; returns the commit."""
    git = ["git", "-C", directory, "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for name, text in {**files, ".gitignore": "__pycache__\n"}.items():
        (directory / name).write_text(text)
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *words], check=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()


def said(port, path):
    """What the server answers, without the quotes of JSON."""
    answer = ask(port, path)
    return answer.strip('"') if isinstance(answer, str) else answer


def states(engine):
    """The states of the code in which requests were served, by their paths."""
    spans, services = exported(engine)
    served = {}
    for span in spans:
        path = next((each["value"]["stringValue"] for each in span["attributes"] if each["key"] == "url.path"), None)
        if path and span["kind"] == 2:
            served.setdefault(path, set()).add(services[span["spanId"]]["kino.code_state"])
    return served


@pytest.mark.parametrize("kind", RELOADS)
def test_a_server_that_reloads_begins_a_new_state_of_the_code(own_engine, current, kind):  # noqa: F811
    files, command = RELOADS[kind]
    directory, port = own_engine.directory, free_port()
    commit = in_a_repository(directory, files)
    process = subprocess.Popen(
        [binary(), "run", "--", *(str({"PYTHON": current, "PORT": port}.get(word, word)) for word in command)],
        env=own_engine.environment, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    changing = next(iter(files))
    try:
        for count, (path, version) in enumerate([("/first", "VERSION"), ("/second", "CHANGED"), ("/third", "AGAIN")], 1):
            if version != "VERSION":
                # Nobody saves twice in less time.
                time.sleep(1)
                (directory / changing).write_text(files[changing].replace("VERSION", version))
            assert eventually(lambda path=path, version=version: said(port, path) == version), (kind, version)
            # Git belongs to the group that gets the signal below, as it does on a terminal.
            assert eventually(lambda count=count: len(set().union(*states(own_engine).values())) == count), states(own_engine)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)
    served = states(own_engine)
    assert served["/first"] == {commit}, served
    # The old process may have answered first.
    second = served["/second"] - served["/first"]
    third = served["/third"] - served["/second"] - served["/first"]
    assert len(second) == len(third) == 1 and all(state.startswith(f"{commit}+") for state in second | third), served


@pytest.mark.parametrize("kind", ["uvicorn", "npm"])
def test_a_server_that_reloads_says_what_is_new_on_a_terminal(own_engine, current, kind):  # noqa: F811
    if not hasattr(os, "login_tty"):
        pytest.skip("NOT TRIED: a terminal of its own needs Python 3.11")
    files, command = RELOADS[kind]
    port = free_port()
    in_a_repository(own_engine.directory, files)
    terminal = Terminal(
        [binary(), "run", "--", *(str({"PYTHON": current, "PORT": port}.get(word, word)) for word in command)],
        env={**own_engine.environment, "TERM": "xterm"}, cwd=own_engine.directory,
    )  # fmt: skip
    changing = next(iter(files))
    try:
        for version in ("VERSION", "CHANGED"):
            if version != "VERSION":
                (own_engine.directory / changing).write_text(files[changing].replace("VERSION", version))
            assert eventually(lambda version=version: said(port, "/a") == version), terminal.text
            assert terminal.read_until(r"kino │ \d+ requests? · slowest [^\r]*\r\n"), terminal.text
            terminal.text = ""
    finally:
        terminal.end()
