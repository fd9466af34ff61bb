"""Real programs with the ordinary OpenTelemetry packages, through `kino run`, and what is said of them."""

import json
import subprocess

import pytest

from conftest import E2E, eventually

NODE = E2E / "node"


@pytest.fixture(scope="module")
def shop(engine, python, tmp_path_factory):
    """The Flask application, auto-instrumented, run once under `kino run`."""
    database = tmp_path_factory.mktemp("shop") / "shop.sqlite"
    instrument = python.parent / "opentelemetry-instrument"
    done = engine.kino("run", "--label", "shop", "--", instrument, python, E2E / "apps" / "shop.py", database, check=False)
    assert done.returncode == 0, done.stderr.decode()
    eventually(lambda: engine.json("find", "--name", "GET /broken", "--all")["items"])
    return engine


def test_the_repeated_statement_is_counted(shop):
    explained = shop.json("explain", "GET /orders", "--all")
    assert explained["executions"] == 3
    statements = [row for row in explained["breakdown"] if row["name"] == "SELECT"]
    repeated = max(statements, key=lambda row: row["count"])
    # One statement for each of twelve orders, and one for their list, in three executions.
    assert sum(row["count"] for row in statements) == 3 * 13, statements
    assert "items" in json.dumps(repeated), repeated
    assert any(finding["code"] == "n_plus_one" for finding in explained["findings"]), explained["findings"]


def test_a_trace_is_found_and_its_critical_path_covers_it(shop):
    found = shop.json("find", "--name", "GET /orders", "--limit", "1", "--all")["items"]
    explained = shop.json("explain", found[0]["trace_id"])
    path = explained["critical_path"]
    assert all(one["end_unix_nanos"] == other["start_unix_nanos"] for one, other in zip(path, path[1:]))
    covered = path[-1]["end_unix_nanos"] - path[0]["start_unix_nanos"]
    assert covered == found[0]["duration_nanos"]


def test_the_exception_has_the_frames_of_the_application(shop):
    groups = shop.json("errors", "--all")["items"]
    group = next(group for group in groups if group["type"] == "KeyError")
    assert group["count"] == 2
    assert any(frame["function"] == "price_of" and frame["path"].endswith("shop.py") for frame in group["frames"])


def test_the_exit_code_of_a_program_is_passed_on(engine):
    assert engine.kino("run", "--", "sh", "-c", "exit 7", check=False).returncode == 7


def test_uv_run_is_no_part_of_the_program_that_it_starts(engine, python, tmp_path):
    program = "import sqlite3, sys\nprint(sqlite3.connect(':memory:').execute('select 41 + 1').fetchone())\nsys.exit(3)\n"
    (tmp_path / "tally.py").write_text(program)
    uv = [python.parent / "uv", "run", "--offline", "--no-config", "--no-project", "--python", python, tmp_path / "tally.py"]
    bare = subprocess.run(uv, env=engine.environment, cwd=engine.directory, capture_output=True)
    recorded = engine.kino("run", "--label", "uv", "--", *uv, check=False)
    assert (recorded.returncode, recorded.stdout) == (bare.returncode, bare.stdout) == (3, b"(42,)\n"), recorded.stderr
    trace = engine.json("find", "--name", "SELECT", "--service", "tally", "--all")["items"][0]["trace_id"]
    spans = engine.json("open", trace)["spans"]
    assert {span["service"] for span in spans if span["name"] != "uv"} == {"tally"}, spans


def test_a_node_program_is_traced(engine):
    environment = {**engine.environment, "NODE_PATH": str(NODE / "node_modules"), "OTEL_SERVICE_NAME": "poll",
                   "OTEL_TRACES_EXPORTER": "otlp", "OTEL_LOGS_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none",
                   "OTEL_NODE_RESOURCE_DETECTORS": "env"}
    register = NODE / "node_modules" / "@opentelemetry" / "auto-instrumentations-node" / "build" / "src" / "register.js"
    from conftest import binary

    done = subprocess.run(
        [binary(), "run", "--", "node", "--require", register, E2E / "apps" / "poll.js"],
        env=environment, cwd=engine.directory, capture_output=True, timeout=120, check=True,
    )
    assert b"/missing 404" in done.stdout
    operations = {item["root_name"] for item in engine.json("find", "--service", "poll", "--all")["items"]}
    assert eventually(lambda: len(engine.json("find", "--service", "poll", "--name", "GET", "--all")["items"])), operations
    explained = engine.json("explain", "GET", "--service", "poll", "--all")
    assert explained["spans"] >= 8, "four requests, each seen by the client and by the server"


@pytest.mark.parametrize(("program", "waits", "holders", "meanwhile"), [
    ("pool", "POST /screen", "executions with customer=halden", "in match"),
    ("loop", "GET /item", "executions of GET /export", "in layout"),
])
def test_who_holds_what_others_wait_for_is_named(engine, python, program, waits, holders, meanwhile):
    engine.kino("run", "--", python, E2E / "apps" / "holders.py", program)
    findings = engine.json("explain", waits, "--all")["findings"]
    held = next(finding for finding in findings if finding["code"] == "held_by")
    assert holders in held["text"] and meanwhile in held["text"], held["text"]
