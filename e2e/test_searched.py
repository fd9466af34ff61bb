"""Spans of the ordinary OpenTelemetry SDK name no place in the code: it is searched in the repository that the caller is in."""

import json
import os
import re
import shutil
import subprocess

import pytest

from conftest import E2E, eventually
from test_mcp import session

APP = E2E / "apps" / "searched"
GIT = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"]


def repository(folder, *files):
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copy(file, folder)
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "first"]):
        subprocess.run([*GIT, *arguments], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def shop(engine, python):
    """The engine, in whose working directory the application is a repository and was recorded by the stock SDK."""
    folder = repository(engine.directory, APP / "shop.py", APP / "ask.py")
    environment = {
        **engine.environment, "OTEL_SERVICE_NAME": "shop", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{engine.otlp_http}", "OTEL_METRICS_EXPORTER": "none",
    }
    instrument = python.parent / "opentelemetry-instrument"
    done = subprocess.run([python, instrument, python, "ask.py"], cwd=folder, env=environment, capture_output=True,
                          text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    eventually(lambda: engine.kino("explain", "GET /health", check=False).returncode == 0)
    return engine


def line_of(text, file=APP / "shop.py"):
    return next(number for number, line in enumerate(file.read_text().splitlines(), 1) if text in line)


def rows(answer):
    return {(row["name"], row["statement"]): row for row in answer["breakdown"]}


def test_routes_and_statements_are_found_where_they_are_written_with_a_step_of_confidence(shop):
    health = rows(shop.json("explain", "GET /health"))["GET /health", None]
    assert health["code"] is None, "the SDK names no place"
    assert health["searched"] == {
        "confidence": "exact", "sought": "route", "text": "GET /health", "candidates": 1,
        "places": [{"path": "shop.py", "line": line_of('@app.get("/health")')}],
    }
    order = rows(shop.json("explain", "GET /orders/<int:order_id>"))
    route = order.pop(("GET /orders/<int:order_id>", None))["searched"]
    assert (route["confidence"], route["places"]) == ("likely", [{"path": "shop.py", "line": line_of("@orders.get")}])
    # One row for all three: it shows the statement that took the most time, and that one is searched for.
    [((name, statement), row)] = order.items()
    expected = {"id": ("exact", "SELECT id, state"), "count": ("likely", "composed = f")}
    confidence, text = expected[re.split(r"\W", statement)[1]]
    found = row["searched"]
    assert (name, found["sought"], found["text"]) == ("SELECT", "statement", statement)
    assert (found["confidence"], found["places"]) == (confidence, [{"path": "shop.py", "line": line_of(text)}])


def test_a_person_reads_that_a_place_was_searched_and_how_sure_it_is(shop):
    printed = shop.kino("explain", "GET /health").stdout.decode()
    assert f"at shop.py:{line_of('@app.get')} (found by searching, exact: only here is the route GET /health)" in printed, printed
    printed = " ".join(shop.kino("explain", "GET /orders/<int:order_id>").stdout.decode().split())
    assert f"probably at shop.py:{line_of('@orders.get')} (found by searching, likely:" in printed, printed


def test_assistants_get_it_beside_what_was_recorded(shop):
    async def ask(client):
        return await client.call_tool("explain", {"target": "GET /health", "all": True})

    for kind in ("stdio", "http"):
        answer = session(shop, kind, ask).structured_content
        table = answer["tables"]["breakdown"]
        row = dict(zip(table["columns"], table["rows"][0]))
        assert row.get("untrusted.code_at") is None, row
        # Over HTTP this client names no folder that it works in.
        expected = f"exact route: shop.py:{line_of('@app.get')}" if kind == "stdio" else None
        assert row.get("untrusted.searched") == expected, row


def asked(shop, worktree, key=None):
    body = {"operation": "GET /health", **({"worktree": str(worktree)} if worktree else {})}
    return shop.request(shop.http, "/api/v1/explain_operation", json.dumps(body).encode(),
                        {"content-type": "application/json", **shop.bearer(key)})


def test_over_rest_only_a_worktree_that_is_named_is_read_and_only_for_who_may_do_everything(shop, tmp_path):
    status, answer = asked(shop, None)
    assert status == 200 and "searched" not in json.loads(answer)["breakdown"][0]
    status, answer = asked(shop, shop.directory)
    assert status == 200 and json.loads(answer)["breakdown"][0]["searched"]["confidence"] == "exact"
    status, answer = asked(shop, "relative/path")
    assert status == 400 and "absolute" in answer.decode()
    for folder in (tmp_path, tmp_path / "missing"):
        status, answer = asked(shop, folder)
        assert status == 200 and "searched" not in json.loads(answer)["breakdown"][0]
    key = shop.json("key", "new", "reader", "--scope", "read")["key"]
    assert asked(shop, None, key)[0] == 200
    assert asked(shop, shop.directory, key)[0] == 401


def test_no_file_outside_of_the_repository_is_read_and_no_other_projects_spans_are_searched(shop, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.py").write_text((APP / "shop.py").read_text())
    (outside / "empty.py").write_text("")
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    (hostile / "link.py").symlink_to(outside / "secret.py")
    (hostile / "folder").symlink_to(outside, target_is_directory=True)
    os.mkfifo(hostile / "pipe.py")
    repository(hostile, outside / "empty.py")
    status, answer = asked(shop, hostile)
    assert status == 200 and "searched" not in json.loads(answer)["breakdown"][0]
    # The same file in another repository: these spans were sent from the first one.
    other = repository(tmp_path / "other", APP / "shop.py")
    status, answer = asked(shop, other)
    assert status == 200 and "searched" not in json.loads(answer)["breakdown"][0]
