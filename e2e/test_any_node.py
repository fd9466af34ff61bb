"""Node programs that nobody prepared: the bootstrap records them, and they do not notice."""

import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest
from any_node import APPS, NEWER, PARENT, channel, compare, folder, node_masked, path_with, run
from conftest import free_port
from test_any_python import postgres  # noqa: F401


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return folder(tmp_path_factory.mktemp("any node") / "shop with spaces")


def line_of(file, text):
    """The only line of an application's file that has this text."""
    lines = [number for number, line in enumerate((APPS / file).read_text().splitlines(), 1) if text in line]
    assert len(lines) == 1, (file, text, lines)
    return lines[0]


def place(span):
    attributes = span["attributes"]
    return attributes["code.file.path"].rpartition("/")[2], attributes["code.line.number"]


def test_express_has_one_server_span_a_request_with_route_handler_and_statements(shop):
    ran = compare(["node", "serve.js"], shop)
    servers = [span for span in ran.spans if span["kind"] == 2]
    clients = [span for span in ran.spans if span["kind"] == 3 and span["name"] in ("GET", "POST")]
    assert len(servers) == 8
    assert len(clients) == 8
    assert {span["parentSpanId"] for span in servers} == {span["spanId"] for span in clients}
    shown = ran.named("GET /customers/:customer/orders/:id")
    assert len(shown) == 2
    assert all(ran.children(span) == ["SELECT orders"] for span in shown)
    assert place(shown[0]) == ("app.js", line_of("app.js", "function show"))
    assert shown[0]["attributes"]["code.function.name"] == "show"
    expected = {
        "http.request.method": "GET", "http.route": "/customers/:customer/orders/:id", "url.path": "/customers/7/orders/1",
        "url.query": "full=yes", "url.scheme": "http", "http.response.status_code": 200, "server.address": "127.0.0.1",
    }  # fmt: skip
    assert expected.items() <= shown[0]["attributes"].items()
    assert ran.children(ran.one("POST /echo")) == ["SELECT"]
    streamed = ran.one("GET /stream")
    assert int(streamed["endTimeUnixNano"]) - int(streamed["startTimeUnixNano"]) > 15_000_000
    assert all(ran.children(span) == ["sh"] for span in ran.named("GET /late"))


def test_a_failing_statement_and_its_request_say_where(shop):
    ran = compare(["node", "serve.js"], shop)
    broken, statement = ran.one("GET /broken"), ran.one("SELECT nowhere")
    line = line_of("app.js", "FROM nowhere")
    assert place(statement) == ("app.js", line)
    for span in (broken, statement):
        assert span["status"]["code"] == 2
        event, = span["events"]
        exception = {each["key"]: each["value"]["stringValue"] for each in event["attributes"]}
        assert exception["exception.type"] == "SqliteError"
        assert exception["exception.message"] == "no such table: nowhere"
        assert f"app.js:{line}:" in exception["exception.stacktrace"]
        assert "crates/inject" not in exception["exception.stacktrace"]
    assert statement["parentSpanId"] == broken["spanId"]


def test_es_modules_and_a_worker_thread_hang_together(shop):
    ran = compare(["node", "esm.mjs"], shop)
    assert ran.children(ran.one("GET /worker")) == ["SELECT", "connect", "echo"]
    assert len(ran.processes) == 2
    assert place(ran.one("SELECT")) == ("worker.mjs", 4)


def test_typescript_by_tsx_has_lines_of_its_source_and_only_the_program_makes_spans(shop):
    ran = compare(["npx", "tsx", "server.ts"], shop)
    assert ran.names() == ["SELECT", "SELECT nowhere", "connect", "true"]
    assert len(ran.processes) == 1
    for name, text in [("SELECT", "SELECT 1"), ("SELECT nowhere", "FROM nowhere"), ("true", "execFileSync('true')")]:
        assert place(ran.one(name)) == ("server.ts", line_of("server.ts", text))


def test_fastify_has_routes_handlers_and_errors(shop):
    ran = compare(["node", "fast.js"], shop)
    shown = ran.one("GET /api/orders/:id")
    assert place(shown) == ("fast.js", line_of("fast.js", "async function show"))
    broken = ran.one("GET /api/broken")
    assert broken["attributes"]["error.type"] == "TypeError"
    assert len([span for span in ran.spans if span["kind"] == 2]) == 3


def test_statements_of_pg_hang_below_their_callers_and_one_connection_is_opened(shop, postgres):  # noqa: F811
    parts = dict(part.split("=") for part in postgres.split())
    database = f"postgres://{parts['user']}@{parts['host']}:{parts['port']}/{parts['dbname']}"
    ran = compare(["node", "postgres.js"], shop, DATABASE=database)
    assert ran.names() == ["SELECT", "SELECT", "SELECT nowhere", "SELECT pg_class", "connect"]
    assert place(ran.one("SELECT pg_class")) == ("postgres.js", line_of("postgres.js", "count(*)"))
    failed = ran.one("SELECT nowhere")
    assert place(failed) == ("postgres.js", line_of("postgres.js", "FROM nowhere"))
    assert failed["attributes"]["server.port"] == int(parts["port"])
    texts = {span["attributes"].get("db.query.text") for span in ran.spans}
    assert "SELECT $1::int AS two" in texts


@pytest.fixture(scope="module")
def mariadb():
    """A server that speaks MySQL's protocol, on a port of its own: host, port, user and database."""
    install, server = shutil.which("mariadb-install-db"), shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin")
    if not install or not server:
        pytest.skip("NOT TRIED: MariaDB's server is not installed (Debian: mariadb-server)")
    place, port = Path(tempfile.mkdtemp(prefix="kino-any-mariadb-", dir="/tmp")), free_port()
    as_user = ["--user=root"] if os.getuid() == 0 else []
    made = [install, "--no-defaults", f"--datadir={place / 'data'}", "--auth-root-authentication-method=normal", *as_user]
    subprocess.run(made, check=True, capture_output=True)
    options = [f"--datadir={place / 'data'}", f"--socket={place / 'socket'}", f"--port={port}", "--bind-address=127.0.0.1"]
    process = subprocess.Popen([server, "--no-defaults", *options, *as_user], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        assert process.poll() is None, "the server ended"
        yield "127.0.0.1", port, "root", "test"
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(place)


def test_statements_of_mysql2_hang_below_their_callers_and_one_connection_is_opened(shop, mariadb):
    ran = compare(["node", "mysql.js"], shop, DATABASE=" ".join(map(str, mariadb)))
    assert ran.names() == [
        "CREATE orders", "DROP orders", "INSERT orders", "SELECT nowhere", "SELECT orders", "SELECT orders", "SELECT orders",
        "connect",
    ], ran.names()  # fmt: skip
    counted = [span for span in ran.named("SELECT orders") if "count" in span["attributes"]["db.query.text"]]
    assert place(counted[0]) == ("mysql.js", line_of("mysql.js", "count(*)"))
    failed = ran.one("SELECT nowhere")
    assert place(failed) == ("mysql.js", line_of("mysql.js", "FROM nowhere")) and failed["status"]["code"] == 2
    assert failed["attributes"]["error.type"] == "ER_NO_SUCH_TABLE"
    for span in ran.spans:
        known = span["attributes"]
        assert (known["db.system.name"], known["db.namespace"], known["server.port"]) == ("mysql", "test", mariadb[1]), span
    texts = {span["attributes"].get("db.query.text") for span in ran.spans}
    assert "SELECT price FROM orders WHERE id = ?" in texts
    assert "secret" not in str(ran.spans)


def test_redis_clients_record_keys_and_no_values(shop):
    if not shutil.which("redis-server"):
        pytest.skip("redis-server is not installed")
    port = free_port()
    server = subprocess.Popen(["redis-server", "--port", str(port), "--save", ""], stdout=subprocess.DEVNULL)
    try:
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        ran = compare(["node", "redis.js"], shop, REDIS_PORT=str(port))
    finally:
        server.terminate()
        server.wait()
    assert ran.names() == ["GET", "LPUSH", "MGET", "MSET", "SET", "connect", "connect"]
    assert ran.one("MSET")["attributes"]["db.query.text"] == "MSET a ? b ?"
    assert ran.one("SET")["attributes"]["db.query.text"] == "SET name ?"
    assert ran.one("LPUSH")["status"]["code"] == 2
    assert "secret" not in str(ran.spans)


@pytest.mark.parametrize("how", ["exit", "throw", "reject", "kill", "terminate", "abort"])
def test_each_way_to_end_keeps_its_spans_and_its_output(shop, how):
    ran = compare(["node", "ends.js", how], shop)
    assert ran.code == {"exit": 3, "throw": 1, "reject": 1, "kill": -signal.SIGKILL, "terminate": -signal.SIGTERM, "abort": 0}[how]
    assert len(ran.named("true")) == 1
    servers = [span for span in ran.spans if span["kind"] == 2]
    assert len(servers) == (0 if how in ("kill", "terminate") else 1)
    if how in ("throw", "reject"):
        assert servers[0]["attributes"]["error.type"] == {"throw": "Error", "reject": "TypeError"}[how]


def test_no_stack_shows_a_frame_of_the_bootstrap(shop):
    assert compare(["node", "stacks.js"], shop).named("SELECT uncaught")
    assert compare(["node", "--stack-trace-limit=3", "stacks.js"], shop).named("SELECT uncaught")
    assert compare(["node", "--enable-source-maps", "stacks.js"], shop).named("SELECT uncaught")


def test_manual_spans_of_the_api_join_the_others(shop):
    ran = compare(["node", "api.js"], shop)
    outer = ran.one("outer")
    assert ran.children(outer) == ["inner", "true"]
    assert outer["parentSpanId"] == PARENT
    assert outer["attributes"] == {"order.id": 7}
    assert ran.one("inner")["status"] == {"code": 2, "message": "bad"}


def test_a_program_with_its_own_sdk_has_the_same_spans_and_none_of_ours(shop):
    ran = compare(["node", "own_sdk.js"], shop, OTEL_TRACES_EXPORTER="none")
    assert "GET /orders/:id 1" in ran.output
    assert ran.spans == []


@pytest.mark.parametrize("version", NEWER)
def test_sqlite_of_node_is_recorded(shop, version):
    ran = compare(["node", "sqlite.mjs"], shop, PATH=path_with(version))
    assert ran.names() == ["CREATE orders", "SELECT nowhere", "SELECT orders", "connect"]


@pytest.mark.parametrize("version", NEWER)
@pytest.mark.parametrize("how", ["exit", "throw", "kill"])
def test_newer_versions_of_node_end_as_they_did(shop, version, how):
    ran = compare(["node", "ends.js", how], shop, PATH=path_with(version))
    assert len(ran.named("true")) == 1
    assert [span["kind"] for span in ran.spans].count(2) == (0 if how == "kill" else 1)


@pytest.mark.parametrize("version", NEWER)
def test_newer_versions_of_node_run_frameworks_and_types_by_themselves(shop, version):
    path = path_with(version)
    assert len([span for span in compare(["node", "fast.js"], shop, PATH=path).spans if span["kind"] == 2]) == 3
    ran = compare(["node", "types.ts"], shop, times_masked, PATH=path)
    assert outcomes(ran) == {"answers": "passed", "fails": "failed"}
    assert place(ran.one("answers")) == ("types.ts", line_of("types.ts", "test('answers'"))
    assert place(ran.one("GET")) == ("types.ts", line_of("types.ts", "await fetch("))
    assert ran.children(ran.one("answers")) == ["GET"] and ran.children(ran.one("GET")) == ["GET /orders/:id"]


@pytest.mark.parametrize("version", ["tsx", *NEWER])
def test_a_handler_in_typescript_has_its_place_whatever_file_it_is_in(shop, version):
    command = ["npx", "tsx", "routes.ts"] if version == "tsx" else ["node", "routes.ts"]
    given = {} if version == "tsx" else {"PATH": path_with(version)}
    ran = compare(command, shop, **given)
    places = {span["name"]: (*place(span), span["attributes"].get("code.function.name")) for span in ran.spans if span["kind"] == 2}
    assert places == {
        "GET /orders/:id": ("handlers.ts", line_of("handlers.ts", "export function show"), "show"),
        "GET /orders": ("handlers.ts", line_of("handlers.ts", "async list("), "list"),
        "GET /inline": ("routes.ts", line_of("routes.ts", "const inline"), "inline"),
        "GET /anonymous": ("routes.ts", line_of("routes.ts", "'/anonymous', ("), None),
    }


def outcomes(ran):
    return {
        span["attributes"]["test.case.name"]: span["attributes"]["kino.test.outcome"]
        for span in ran.spans if "test.case.name" in span["attributes"]
    }  # fmt: skip


def times_masked(text):
    text = re.sub(r"duration_ms.*|Duration .*|Start at .*|^Time: .*", "T", node_masked(text), flags=re.MULTILINE)
    return re.sub(r" ?\(?\b[\d.]+ ?m?s\b\)?", "", text)


# Vitest writes a test that takes longer than 300 ms in another way, which would depend on the machine.
VITEST = ["npx", "vitest", "run", "--slowTestThreshold=600000"]
SUITES = {
    "node:test": ["node", "--test", "suite/shop.test.mjs"],
    "node:test alone": ["node", "suite/shop.test.mjs"],
    "vitest forks": [*VITEST, "--pool=forks", "suite/shop.spec.mjs"],
    "vitest threads": [*VITEST, "--pool=threads", "suite/shop.spec.mjs"],
    "jest": ["npx", "jest", "--runInBand"],
}


@pytest.mark.parametrize("runner", SUITES)
def test_tests_are_spans_and_the_reporter_prints_the_same(shop, runner):
    # A runner orders files by how long they took before.
    ran = compare(SUITES[runner], shop, times_masked)
    expected = {"adds": "passed", "lists": "passed", "fails": "failed"}
    if not runner.startswith("vitest"):
        expected |= {"is skipped": "skipped"}
    if runner.startswith("node"):
        expected |= {"parent": "passed", "child": "passed", "to do": "expected_failure", "slow": "timed_out"}
    assert outcomes(ran) == expected
    lists = ran.one("lists")
    assert lists["attributes"]["test.suite.name"] == "orders"
    request, = (span for span in ran.spans if span["parentSpanId"] == lists["spanId"])
    assert ran.children(request) == ["GET /customers/:customer/orders/:id"]
    assert ran.children(ran.one("GET /customers/:customer/orders/:id")) == ["SELECT orders"]
    fails = ran.one("fails")
    assert fails["attributes"]["test.case.result.status"] == "fail"
    assert fails["status"] == {"code": 2, "message": "wrong"}
    if not runner.startswith("vitest"):
        assert place(lists) == ("cases.js", line_of("suite/cases.js", "test('lists'"))
    if runner.startswith("node"):
        assert ran.one("child")["parentSpanId"] == ran.one("parent")["spanId"]


def test_tools_and_other_commands_make_no_spans(shop):
    for command in (["npm", "--version"], ["npx", "tsx", "--version"], ["node", "-e", "0"]):
        assert compare(command, shop).spans == []


def test_existing_options_of_node_stay(shop):
    options = '--no-deprecation --title="a b"'
    ran = compare(["node", "-p", "process.noDeprecation + process.title"], shop, NODE_OPTIONS=options)
    assert ran.code == 0 and "truea b" in ran.output


def test_without_a_channel_nothing_happens(shop):
    ran = run(["node", "api.js"], shop)
    assert ran.code == 0 and ran.spans == []


def test_spans_go_to_the_engine_once_the_channel_cannot_be_opened(shop, tmp_path):
    bodies = []

    class Engine(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    engine = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Engine)
    threading.Thread(target=engine.serve_forever, daemon=True).start()
    missing = tmp_path / "no" / "channel"
    address = f"http://127.0.0.1:{engine.server_address[1]}"
    code = "require('child_process').execFileSync('true'); setTimeout(() => {}, 1500)"
    ran = run(["node", "-e", code], shop, missing, KINO_OTLP=address)
    engine.shutdown()
    assert ran.code == 0 and ran.errors == ""
    names = [span["name"] for body in bodies for span in body["resourceSpans"][0]["scopeSpans"][0]["spans"]]
    assert names == ["true"], "the bootstrap's own request is no span"
    # With no engine either, the program still ends as it did.
    assert compare_ends(shop, missing) == (0, "")


EXPORTS = """
const http = require('http');
const body = JSON.stringify({ resourceSpans: [] });
const port = process.argv[1];
async function main() {
  for (const host of ['127.0.0.1', 'localhost']) {
    await new Promise((done, fail) => {
      const request = http.request({ host, port, path: '/v1/traces', method: 'POST' }, (answer) => answer.resume().on('end', done));
      request.on('error', fail);
      request.end(body);
    });
    await (await fetch(`http://${host}:${port}/v1/traces`, { method: 'POST', body })).text();
  }
  console.log('sent');
}
main();
"""


def test_what_a_program_exports_to_the_engine_by_itself_makes_no_spans(shop):
    class Engine(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    engine = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Engine)
    threading.Thread(target=engine.serve_forever, daemon=True).start()
    port = engine.server_address[1]
    command = ["node", "-e", EXPORTS, str(port)]
    assert compare(command, shop, KINO_OTLP=f"http://127.0.0.1:{port}").spans == []
    others = compare(command, shop, KINO_OTLP="http://127.0.0.1:1").spans
    assert len([span for span in others if span["name"] == "POST"]) == 4, "to any other address they do"
    engine.shutdown()


def compare_ends(shop, missing):
    ran = run(["node", "-e", "require('child_process').execFileSync('true')"], shop, missing, KINO_OTLP="http://127.0.0.1:9")
    return ran.code, ran.output + ran.errors


def test_kino_run_records_an_unprepared_program(shop, engine):
    engine.kino("run", "--", "sh", "-c", f"cd '{shop}' && exec node serve.js")
    found = json.loads(engine.kino("find", "--name", "GET /customers/:customer/orders/:id", "--json").stdout)
    assert found, "the request is found by its route"
