"""Errors of programs that record none: read from what their runs printed, on every way to ask, as real interpreters print them."""

import asyncio
import json
import os
import pty
import subprocess
import sys
import time

import pytest
from mcp import Client, StdioServerParameters

from conftest import binary, eventually, otlp, span, text

PYTHON = '''
def load(order):
    return order["customer\\x1b[2J"]
def main():
    try:
        load({})
    except KeyError as error:
        raise RuntimeError("could not load order 17") from error
main()
'''
NODE = "function load(o) { return o.customer.name }\nload({})\n"


@pytest.fixture(scope="module")
def programs(engine):
    (engine.directory / "orders.py").write_text(PYTHON)
    (engine.directory / "orders.js").write_text(NODE)
    return engine


def run(engine, *command):
    done = engine.kino("run", "--json", "--no-inject", "--", *command, check=False)
    assert done.returncode == 1
    return json.loads(done.stderr.decode().splitlines()[-1]), done.stderr.decode()


def test_a_traceback_on_standard_error_is_an_error_with_its_place(programs):
    record, said = run(programs, sys.executable, "orders.py")
    assert "RuntimeError: could not load order 17 at " in said and f"kino errors --run {record['run_id'][:12]}" in said
    [error] = programs.json("errors", "--run", record["run_id"])["items"]
    assert (error["type"], error["message"], error["count"]) == ("RuntimeError", "could not load order 17", 1)
    assert error["frames"][0]["function"] == "main" and error["frames"][0]["path"].endswith("/orders.py")
    assert all(frame["in_project"] for frame in error["frames"])
    assert error["printed"] == {"count": 1, "outputs": [{"run_id": record["run_id"], "blob": record["stderr_blob"], "stream": "stderr"}]}
    shown = programs.kino("errors", "--run", record["run_id"]).stdout.decode()
    assert "read from the standard error of run" in shown and "no span recorded it" in shown
    again, _ = run(programs, sys.executable, "orders.py")
    [both] = [item for item in programs.json("errors", "--all")["items"] if item["type"] == "RuntimeError"]
    assert both["fingerprint"] == error["fingerprint"] and both["count"] >= 2
    assert [one["run_id"] for one in both["printed"]["outputs"]][0] == again["run_id"]


def test_nodes_uncaught_error_is_one_too(programs):
    record, _ = run(programs, "node", "orders.js")
    [error] = programs.json("errors", "--run", record["run_id"])["items"]
    assert error["type"] == "TypeError" and "reading 'name'" in error["message"]
    own = [frame for frame in error["frames"] if frame["in_project"]]
    assert own[0]["function"] == "load" and own[0]["path"].endswith("/orders.js") and own[0]["line"] == 1


def test_a_terminals_output_is_read_without_its_escapes(programs):
    """On a terminal both streams are one, and Python may colour what it prints."""
    leader, follower = pty.openpty()
    environment = {**programs.environment, "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    process = subprocess.Popen([binary(), "run", "--no-inject", "--", sys.executable, "orders.py"], env=environment, cwd=programs.directory,
                               stdin=follower, stdout=follower, stderr=follower, start_new_session=True)
    os.close(follower)
    written = b""
    while True:
        try:
            written += os.read(leader, 65536)
        except OSError:
            break
    assert process.wait() == 1, written
    newest = programs.json("runs", "--all", "--limit", "1")["items"][0]["run_id"]
    [error] = programs.json("errors", "--run", newest)["items"]
    assert error["printed"]["outputs"][0]["stream"] == "terminal", error
    assert error["message"] == "could not load order 17" and error["frames"][0]["function"] == "main"


def test_over_mcp_every_next_step_can_be_called(programs):
    record, _ = run(programs, sys.executable, "orders.py")
    server = StdioServerParameters(command=str(binary()), args=["mcp"], env=programs.environment, cwd=str(programs.directory))

    async def ask():
        async with asyncio.timeout(120):
            async with Client(server) as client:
                found = await client.call_tool("find_errors", {"run": record["run_id"]})
                table = found.structured_content["tables"]["errors"]
                row = dict(zip(table["columns"], table["rows"][0]))
                again = await client.call_tool("find_errors", {"fingerprint": row["fingerprint"], "all": True})
                opened = await client.call_tool("open_evidence", {"id": row["example"]})
                of_run = await client.call_tool("open_evidence", {"id": f"run:{record['run_id']}"})
                wrong = await client.call_tool("find_errors", {"fingerprint": "0000000000000000"})
                return row, again, opened, of_run, wrong

    row, again, opened, of_run, wrong = asyncio.run(ask())
    assert row["printed"] == 1 and row["example"] == f"blob:{record['stderr_blob']}"
    assert len(again.structured_content["tables"]["errors"]["rows"]) == 1
    text = opened.content[0].text
    assert "Traceback (most recent call last)" in text and "<recorded-" in text
    assert record["run_id"] in of_run.content[0].text and "orders.py" in of_run.content[0].text
    assert wrong.is_error and "fingerprint" in wrong.content[0].text


def test_the_findings_that_are_listed_can_be_opened(programs):
    """A finding by its fingerprint: on the command line, and over MCP as what `check_insights` names."""
    now = time.time_ns() - 120_000_000_000
    raised = [text("exception.type", "Sold"), text("exception.message", "out\x1b[2J")]
    for number in range(30):
        start = now + number * 1_000_000_000
        programs.send(otlp("shop", [span(0xF100 + number, 1, "POST /orders", start, start + 50_000_000, kind=2, status={"code": 2},
                                         events=[{"timeUnixNano": str(start), "name": "exception", "attributes": raised}])]))
    items = eventually(lambda: programs.json("insights", "--all")["items"])
    assert items, "thirty failures are a finding"
    finding = next(item for item in items if item["code"] == "error_cluster")
    shown = programs.kino("open", f"finding:{finding['fingerprint']}").stdout.decode()
    assert "error_cluster" in shown and "\x1b" not in shown
    assert programs.kino("open", finding["fingerprint"][:8]).stdout.decode().split("first seen")[0] == shown.split("first seen")[0]
    # What it proposes is a command.
    command = finding["next"].split()
    assert command[:3] == ["kino", "errors", "--fingerprint"]
    assert programs.json(*command[1:], "--all")["items"][0]["type"] == "Sold"

    server = StdioServerParameters(command=str(binary()), args=["mcp"], env=programs.environment, cwd=str(programs.directory))

    async def ask():
        async with asyncio.timeout(120):
            async with Client(server) as client:
                told = await client.call_tool("check_insights", {"all": True, "since": "1d"})
                table = told.structured_content["tables"]["findings"]
                named = [row[table["columns"].index("fingerprint")] for row in table["rows"]]
                return named, [await client.call_tool("open_evidence", {"id": f"finding:{one}"}) for one in named]

    named, opened = asyncio.run(ask())
    assert finding["fingerprint"] in named
    assert all(not one.is_error and fingerprint in one.content[0].text for fingerprint, one in zip(named, opened))
