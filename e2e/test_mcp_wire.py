"""MCP as bytes: what no SDK would send, calls that are cancelled, and clients that are killed."""

import json
import os
import subprocess
import sys
import time

import pytest

from conftest import binary, eventually, otlp, span

MS = 1_000_000
MIB = 1 << 20
INITIALIZE = {"protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "wire", "version": "1"}}
# A process, one below it, and one that leaves its parent, its session and its process group.
FAMILY = """
import os, subprocess, sys, time
def note(pid): open(os.path.join(sys.argv[1], str(pid)), "w").close()
note(os.getpid())
note(subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"]).pid)
subprocess.run(["sh", "-c", "setsid sh -c 'touch \\"$0/$$\\"; exec sleep 600' \\"$0\\" & sleep 0.3", sys.argv[1]])
time.sleep(600)
"""


class Wire:
    """One `kino mcp`, line by line."""

    def __init__(self, engine):
        self.process = subprocess.Popen(
            [binary(), "mcp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=engine.environment, cwd=engine.directory,
        )
        self.send({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": INITIALIZE})
        assert self.read()["result"]["serverInfo"]["name"] == "kinescope"
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def send(self, message):
        self.send_line(json.dumps(message).encode())

    def send_line(self, line):
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def read(self):
        line = self.process.stdout.readline()
        assert line, "kino mcp ended"
        return json.loads(line)

    def ask(self, message):
        self.send(message)
        return self.read()

    def call(self, tool, arguments, id=1, **more):
        self.send({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool, "arguments": arguments, **more}})

    def hang_up(self):
        self.process.stdin.close()
        assert self.process.wait(30) == 0
        self.process.stdout.close()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def wire(engine):
    opened = Wire(engine)
    yield opened
    opened.kill()


def refusal(answer):
    return answer["id"], answer["error"]["code"]


def test_every_line_that_is_no_message_is_answered(wire):
    for line, expected in [
        (b"{", (None, -32700)),
        (b"\xff\x00\xfe", (None, -32700)),
        (b"{}", (None, -32600)),
        (b"[]", (None, -32600)),
        (b'{"jsonrpc":"2.0","id":"seven"}', ("seven", -32600)),
        (b'{"jsonrpc":"1.0","id":7,"method":"ping"}', (7, -32600)),
        (b'{"jsonrpc":"2.0","id":8,"method":"tools/call","params":{"name":"explain","arguments":"str"}}', (8, -32602)),
        (b'{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":5}}', (9, -32602)),
        (b'{"jsonrpc":"2.0","id":10,"method":"tools/list","params":{"cursor":"zzz"}}', (10, -32602)),
        (b'{"jsonrpc":"2.0","id":11,"method":"no/such"}', (11, -32601)),
    ]:
        wire.send_line(line)
        assert refusal(wire.read()) == expected, line
    assert wire.ask({"jsonrpc": "2.0", "id": 12, "method": "ping"})["result"] == {}


@pytest.mark.parametrize("size", [17 * MIB, 200 * MIB])
def test_a_message_beyond_the_limit_is_answered_by_its_id_wherever_that_is(wire, size):
    # As the two official SDKs write it: the id first, or last.
    long = b"x" * size
    wire.send_line(b'{"jsonrpc":"2.0","id":41,"method":"tools/call","params":{"name":"explain","arguments":{"target":"' + long + b'"}}}')
    assert refusal(wire.read()) == (41, -32600)
    wire.send_line(b'{"method":"tools/call","params":{"name":"explain","arguments":{"target":"' + long + b'","id":3}},"jsonrpc":"2.0","id":42}')
    answer = wire.read()
    assert refusal(answer) == (42, -32600) and "16 MiB" in answer["error"]["message"]
    assert wire.ask({"jsonrpc": "2.0", "id": 43, "method": "ping"})["id"] == 43
    resident = int(next(line for line in open(f"/proc/{wire.process.pid}/status") if line.startswith("VmHWM")).split()[1])
    assert resident < 120 * 1024, f"{resident} KiB"


def test_a_giant_argument_costs_nothing(wire):
    wire.call("explain", {"target": "x" * (15 * MIB)})
    answer = wire.read()["result"]
    assert answer["isError"] and "at most 16384 bytes" in answer["content"][0]["text"]


def test_a_batch_is_answered_as_one(wire):
    ping = {"jsonrpc": "2.0", "method": "ping"}
    note = {"jsonrpc": "2.0", "method": "notifications/nothing"}
    answers = wire.ask([{**ping, "id": 1}, note, {**ping, "id": "two"}, {"jsonrpc": "2.0", "id": 3, "method": "tools/list"}, 5])
    assert {answer["id"] for answer in answers} == {1, "two", 3, None}
    assert next(answer for answer in answers if answer["id"] is None)["error"]["code"] == -32600
    assert len(next(answer for answer in answers if answer["id"] == 3)["result"]["tools"]) > 5


def test_over_http_a_body_that_is_no_message_is_answered_in_the_protocols_form(engine):
    headers = {**engine.bearer(), "content-type": "application/json", "accept": "application/json, text/event-stream"}
    for body, expected in [(b"{", -32700), (b"[]", -32600), (b"x" * (2 * MIB), -32600)]:
        status, answer = engine.request(engine.http, "/mcp", body, headers)
        assert status == (413 if len(body) > MIB else 400), answer
        assert json.loads(answer)["error"]["code"] == expected


def test_a_client_that_does_not_read_is_waited_for_and_one_that_leaves_is_not(engine):
    wire = Wire(engine)
    for number in range(3_000):
        wire.send({"jsonrpc": "2.0", "id": number, "method": "ping"})
        if number % 100 == 0:
            wire.send_line(b"{")
    got = [wire.read() for _ in range(3_000 + 30)]
    assert len({answer["id"] for answer in got if answer["id"] is not None}) == 3_000
    wire.hang_up()


@pytest.mark.parametrize("budget", [300, 350, 400, 1_500])
def test_pages_reach_every_row_of_every_table(engine, wire, budget):
    now = time.time_ns() - 60_000 * MS
    calls = [span(0x77, number, f"call {number} {'x' * 150}", now + number * MS, now + (number + 1) * MS, parent=1, kind=3) for number in range(2, 30)]
    engine.send(otlp("paged", [span(0x77, 1, "entry", now, now + 40 * MS, kind=2), *calls]))
    whole = rows(wire, "explain", {"target": f"{0x77:032x}", "budget_tokens": 20_000})
    paged = rows(wire, "explain", {"target": f"{0x77:032x}", "budget_tokens": budget})
    assert {name: len(table) for name, table in paged.items()} == {name: len(table) for name, table in whole.items()}
    assert len(whole["breakdown"]) > 20 and len(whole["critical_path"]) > 20
    ids = [row[-1] for row in paged["critical_path"]]
    assert len(set(ids)) == len({row[-1] for row in whole["critical_path"]})


def rows(wire, tool, arguments):
    """All rows by table, page by page."""
    found, cursor, seen = {}, None, set()
    while True:
        wire.call(tool, {**arguments, **({"cursor": cursor} if cursor else {})})
        content = wire.read()["result"]["structuredContent"]
        for name, table in content["tables"].items():
            found.setdefault(name, []).extend(table["rows"])
        cursor = content["next"]
        if cursor is None:
            return found
        assert cursor not in seen, "a page goes on where one before it did"
        seen.add(cursor)


def test_every_column_is_in_the_resource(engine, wire):
    answer = wire.ask({"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": "kino://answers"}})
    answers = json.loads(answer["result"]["contents"][0]["text"])
    listed = wire.ask({"jsonrpc": "2.0", "id": 2, "method": "tools/list"})["result"]["tools"]
    structured = {tool["name"] for tool in listed if "outputSchema" in tool}
    assert structured <= set(answers["tools"])
    wire.call("find_traces", {"all": True})
    tables = wire.read()["result"]["structuredContent"]["tables"]
    assert set(tables["traces"]["columns"]) <= set(answers["tools"]["find_traces"]["tables"]["traces"])


def test_the_names_to_ask_by_are_listed(engine, wire):
    now = time.time_ns() - 60_000 * MS
    engine.send(otlp("lister", [span(0x99, 1, "listed", now, now + MS, kind=2)]))
    engine.kino("run", "--label", "mine", "--", "true")

    def listed(names, **more):
        wire.call("find_traces", {"list": names, "all": True, **more})
        [(table, found)] = wire.read()["result"]["structuredContent"]["tables"].items()
        return table, [dict(zip(found["columns"], row)) for row in found["rows"]]

    table, services = listed("services")
    assert table == "services" and "lister" in {service["untrusted.service"] for service in services}
    table, operations = listed("operations", service="lister")
    assert table == "operations" and [row["untrusted.name"] for row in operations] == ["listed"]
    table, runs = listed("runs")
    assert table == "runs" and (runs[0]["untrusted.label"], runs[0]["untrusted.command"], runs[0]["ended"]) == ("mine", "true", "exit 0")
    table, operations = listed("operations", service="lister", since="30s")
    assert operations == [], "a minute ago is before that"
    table, operations = listed("operations", service="lister", since="2m", until="30s")
    assert [row["spans"] for row in operations] == [1]
    wire.call("find_traces", {"list": "operations", "service": "liste", "all": True})
    assert wire.read()["result"]["structuredContent"]["facts"]["untrusted.no_such_service_nearest"] == "lister"
    wire.call("find_traces", {"name": "liste", "all": True})
    assert wire.read()["result"]["structuredContent"]["facts"]["untrusted.no_such_name_nearest"] == "listed"
    wire.call("find_traces", {"list": "operations", "name": "listed", "all": True})
    refused = wire.read()["result"]
    assert refused["isError"] and "name: not with this list" in refused["content"][0]["text"]
    # What is listed is what other tools take.
    wire.call("compare_runs", {"before": "label:mine", "after": f"run:{runs[0]['run_id']}"})
    assert not wire.read()["result"].get("isError")


@pytest.fixture
def family(own_engine, tmp_path):
    """A repository with a program whose processes do not end by themselves."""
    folder, pids = own_engine.directory, tmp_path / "pids"
    pids.mkdir()
    (folder / "family.py").write_text(FAMILY)
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "a"]):
        subprocess.run(["git", "-C", folder, *words], check=True)
    own_engine.family = [sys.executable, "family.py", str(pids)]
    (own_engine.home / "config.toml").write_text(f"[verify]\nallow = [{json.dumps(own_engine.family)}]\nwait_seconds = 120\n")
    own_engine.living = lambda: [int(pid.name) for pid in pids.iterdir() if lives(int(pid.name))]
    own_engine.started = lambda: len(list(pids.iterdir())) >= 3
    return own_engine


def lives(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def verifying(engine, wire, **more):
    wire.call("verify_change", {"command": engine.family, "repeat": 2}, id=70, **more)
    assert eventually(engine.started, seconds=60)


def is_free(engine):
    """Whether another verification of the project may begin."""
    done = engine.kino("run", "--against", "HEAD", "--repeat", "1", "--", "true", check=False)
    return b"another verification" not in done.stderr


def test_a_cancelled_verification_ends_with_all_its_processes(family):
    wire = Wire(family)
    verifying(family, wire)
    wire.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 70, "reason": "changed my mind"}})
    assert eventually(lambda: not family.living(), seconds=30)
    assert wire.ask({"jsonrpc": "2.0", "id": 71, "method": "ping"})["id"] == 71
    assert eventually(lambda: is_free(family), seconds=30)
    assert eventually(lambda: not list((family.home / "scratch").iterdir()), seconds=30)
    wire.hang_up()


@pytest.mark.parametrize("end", ["hang_up", "kill"])
def test_a_verification_ends_with_its_client(family, end):
    wire = Wire(family)
    verifying(family, wire)
    getattr(wire, end)()
    assert eventually(lambda: not family.living(), seconds=30)
    assert eventually(lambda: is_free(family), seconds=30)


def test_a_call_that_waits_reports_its_progress(own_engine):
    folder = own_engine.directory
    (folder / "quick.py").write_text("print(1)\n")
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "a"]):
        subprocess.run(["git", "-C", folder, *words], check=True)
    command = [sys.executable, "-c", "import time; time.sleep(0.7)"]
    (own_engine.home / "config.toml").write_text(f"[verify]\nallow = [{json.dumps(command)}]\nwait_seconds = 120\n")
    wire = Wire(own_engine)
    wire.call("verify_change", {"command": command, "repeat": 4}, id=5, _meta={"progressToken": "mine"})
    reports = []
    while "result" not in (message := wire.read()):
        assert message["method"] == "notifications/progress" and message["params"]["progressToken"] == "mine", message
        reports.append(message["params"])
    assert [report["progress"] for report in reports] == sorted({report["progress"] for report in reports})
    assert len(reports) >= 2 and reports[-1]["total"] == 8, reports
    assert message["result"]["structuredContent"]["facts"]["verdict"] in ("pass", "undecided"), message
    wire.hang_up()
