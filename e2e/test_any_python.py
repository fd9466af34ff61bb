"""Unprepared Python programs: the bootstrap records them, and they do not notice."""

import ctypes
import fcntl
import http.server
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from any_python import APPS, BOOTSTRAP, PARENT, channel, clean_environment, compare, environment_for, interpreters, masked, run, value_of
from conftest import free_port

VERSIONS = interpreters("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
HOW = ["plainly", "exit_now", "killed", "terminated", "raises", "exits", "forks", "becomes", "late_thread", "prints", "no_files"]


@pytest.fixture(scope="session")
def current():
    """An interpreter with today's libraries."""
    return environment_for(interpreters("3.12", "3.13", "3.11", "3.14")[0], "requirements.txt")


@pytest.fixture(scope="session")
def old():
    """An interpreter with libraries of years ago."""
    found = interpreters("3.9", "3.10")
    if not found:
        pytest.skip("the old libraries need CPython 3.9 or 3.10")
    return environment_for(found[0], "requirements-old.txt")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """A server of PostgreSQL on a port of its own: its connection string."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs or not shutil.which("runuser"):
        pytest.skip("PostgreSQL's server is not installed")
    folder, port = Path(tempfile.mkdtemp(prefix="kino-any-postgres-", dir="/tmp")), free_port()
    folder.chmod(0o755)
    as_user = []
    if os.getuid() == 0:
        shutil.chown(folder, "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]
    start = [*as_user, programs[-1] / "initdb", "-D", folder / "data", "-A", "trust", "-U", "postgres"]
    subprocess.run(start, check=True, capture_output=True, cwd="/")
    control = [*as_user, programs[-1] / "pg_ctl", "-D", folder / "data", "-w"]
    options = ["-o", f"-p {port} -k {folder}", "-l", folder / "log", "start"]
    subprocess.run([*control, *options], check=True, capture_output=True, cwd="/")
    yield f"host=127.0.0.1 port={port} user=postgres dbname=postgres"
    subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True, cwd="/")
    shutil.rmtree(folder)


@pytest.mark.parametrize("python", VERSIONS, ids=lambda path: path.parent.parent.name)
@pytest.mark.parametrize("how", HOW)
def test_each_way_to_end_keeps_its_spans_and_its_output(python, how):
    ran = compare([python, "ends.py", how])
    expected = {"forks": 4, "becomes": 2, "late_thread": 2, "no_files": 1, "raises": 2, "prints": 2}.get(how, 1)
    assert len([name for name in ran.names() if name.startswith("SELECT")]) == expected, ran.names()
    assert len(ran.named("connect")) == (2 if how == "becomes" else 1)
    assert len(ran.processes) == {"forks": 4, "becomes": 2}.get(how, 1)
    assert {span.get("parentSpanId") for span in ran.spans} == {PARENT}


@pytest.mark.parametrize("python", VERSIONS, ids=lambda path: path.parent.parent.name)
def test_a_program_that_closes_every_descriptor_is_recorded_and_its_files_are_its_own(python, tmp_path):
    ran = compare([python, "ends.py", "closes_all", tmp_path / "foreign"])
    assert len(ran.named("SELECT")) == 2
    assert (tmp_path / "foreign").stat().st_size == 0


def test_a_program_that_locks_itself_in_is_recorded(current):
    if os.getuid() != 0:
        pytest.skip("chroot is root's")
    ran = compare([interpreters("3.12", "3.13", "3.11", "3.14")[0], "ends.py", "locked_in", "/tmp"])
    assert len(ran.named("SELECT")) == 2


def test_the_resource_names_the_process_and_no_arguments(current):
    ran = compare([current, "ends.py", "plainly"])
    (process,) = ran.processes.values()
    attributes = {each["key"]: next(iter(each["value"].values())) for each in process["resource"]["attributes"]}
    assert attributes["service.name"] == "any" and attributes["kino.run.id"] == "1 2" and attributes["team"] == "a"
    assert attributes["process.pid"] == str(process["pid"])
    assert attributes["telemetry.sdk.language"] == "python" and attributes["telemetry.sdk.name"] == "kino"
    assert "process.command_args" not in attributes and process["scope"] == {"name": "kino.python", "version": "1"}


def test_a_statement_has_its_attributes_and_its_line(current):
    ran = compare([current, "ends.py", "raises"])
    good, bad = ran.one("SELECT")["attributes"], ran.one("SELECT missing")
    assert good["db.system.name"] == "sqlite" and good["db.namespace"] == ":memory:"
    assert good["db.query.text"] == "select 1" and good["db.operation.name"] == "SELECT"
    assert good["code.file.path"] == str(APPS / "ends.py") and good["code.function.name"] == "ask"
    assert "return database.execute" in (APPS / "ends.py").read_text().splitlines()[good["code.line.number"] - 1]
    assert bad["status"]["code"] == 2 and bad["attributes"]["error.type"] == "sqlite3.OperationalError"
    (event,) = bad["events"]
    said = {each["key"]: next(iter(each["value"].values())) for each in event["attributes"]}
    assert event["name"] == "exception" and said["exception.message"] == "no such table: missing"


@pytest.mark.parametrize("which", ["current", "old"])
def test_a_suite_of_pytest_prints_the_same_and_each_test_is_an_execution(which, request):
    python = request.getfixturevalue(which)
    command = [python, "-m", "pytest", "-p", "no:cacheprovider", "-W", "ignore", "shop_suite.py"]
    deselected = [] if which == "current" else ["--deselect", "shop_suite.py::test_slow"]
    ran = compare(command + deselected)
    outcomes = {
        span["name"]: (span["attributes"]["kino.test.outcome"], span["attributes"].get("test.case.result.status"))
        for span in ran.spans
        if "test.case.name" in span["attributes"]
    }
    expected = {
        "test_found": ("passed", "pass"), "test_wrong": ("failed", "fail"), "test_unusable": ("error", "fail"),
        "test_skipped": ("skipped", None), "test_expected": ("expected_failure", "pass"),
        "test_unexpected": ("unexpected_success", "fail"), "test_each[1]": ("passed", "pass"),
        "test_each[a::b]": ("passed", "pass"), "test_slow": ("timed_out", "fail"), "test_method": ("failed", "fail"),
        "test_parts": ("failed", "fail"),
    }  # fmt: skip
    if which == "old":
        del expected["test_slow"]
    assert outcomes == expected
    method, found = ran.one("test_method"), ran.one("test_found")
    assert method["attributes"]["test.suite.name"] == "shop_suite.py::TestClass"
    assert found["attributes"]["test.suite.name"] == "shop_suite.py"
    assert found["attributes"]["code.file.path"] == str(APPS / "shop_suite.py")
    assert ran.children(found) == ["GET /orders/<int:order>"]
    request_span = ran.spans[[span.get("parentSpanId") for span in ran.spans].index(found["spanId"])]
    assert ran.children(request_span) == ["SELECT orders"] and request_span["kind"] == 2
    assert request_span["attributes"]["http.route"] == "/orders/<int:order>"
    assert request_span["attributes"]["code.function.name"] == "show"
    assert [event["name"] for event in method["events"]] == ["exception"]


def test_workers_of_xdist_record_their_tests(current):
    command = [current, "-m", "pytest", "-p", "no:cacheprovider", "-n", "2", "-q", "shop_suite.py"]
    with channel() as place:
        ran = run(command, APPS, place)
    tests = [span for span in ran.spans if "test.case.name" in span["attributes"]]
    assert ran.code == 1 and len(tests) == 11 and len({span["process"] for span in tests}) == 2


@pytest.mark.parametrize("python", VERSIONS, ids=lambda path: path.parent.parent.name)
def test_a_suite_of_unittest_prints_the_same_and_each_test_is_an_execution(python):
    ran = compare([python, "unit_suite.py", "-v"])
    outcomes = {span["name"]: span["attributes"]["kino.test.outcome"] for span in ran.spans if span["name"].startswith("test_")}
    assert outcomes == {
        "test_good": "passed", "test_bad": "failed", "test_worse": "error", "test_parts": "failed",
        "test_expected": "expected_failure", "test_unexpected": "unexpected_success", "test_skipped": "skipped",
        "test_waits": "passed",
    }  # fmt: skip
    assert ran.children(ran.one("test_waits")) == ["SELECT", "connect"]
    assert ran.one("test_good")["attributes"]["test.suite.name"] == "__main__.Plain"


@pytest.mark.parametrize("which", ["current", "old"])
def test_a_request_has_one_client_and_one_server_span(which, request):
    ran = compare([request.getfixturevalue(which), "calls.py"])
    clients = [span for span in ran.spans if span["kind"] == 3]
    servers = [span for span in ran.spans if span["kind"] == 2]
    assert len(servers) == 7 and len(clients) == 8
    assert {ran.parent(span)["spanId"] for span in servers} <= {span["spanId"] for span in clients}
    assert all("word" not in span["attributes"]["url.full"] for span in clients)
    (refused,) = [span for span in clients if span["attributes"]["server.port"] == 1]
    assert refused["attributes"]["error.type"] == "requests.exceptions.ConnectionError"
    (down,) = [span for span in clients if span["attributes"].get("http.response.status_code") == 503]
    assert down["status"]["code"] == 2 and down["attributes"]["error.type"] == "503"
    (command,) = ran.named("sh")
    assert command["attributes"]["process.exit.code"] == 4 and command["status"]["code"] == 2
    assert ran.one("program")["attributes"]["error.type"] == "FileNotFoundError"


def test_fastapi_and_both_clients_of_postgresql(current, postgres):
    ran = compare([current, "api.py"], DATABASE=postgres)
    show, old_one, broken = (ran.one(f"GET /v1/orders/{end}") for end in ("{order}", "old/{order}", "broken/now"))
    assert ran.children(show) == ["SELECT", "connect"]
    assert ran.children(old_one) == ["SELECT pg_class", "connect"]
    assert broken["status"]["code"] == 2 and broken["attributes"]["error.type"] == "psycopg.errors.UndefinedTable"
    statement = ran.one("SELECT pg_class")["attributes"]
    assert statement["db.system.name"] == "postgresql" and statement["db.namespace"] == "postgres"
    assert statement["db.query.text"] == "select %s as found from pg_class limit 1" and statement["server.port"]
    assert show["attributes"]["code.function.name"] == "show"


def test_asyncpg_alone_in_a_pool_and_below_sqlalchemy(current, postgres):
    ran = compare([current, "pools.py"], DATABASE=postgres)
    text = [span["attributes"].get("db.query.text", "connect") for span in ran.spans]
    assert text.count("select $1::int * 2 as double") == 4 and text.count("select $1::text as word") == 2
    assert len([each for each in text if each.startswith("select") and "mapped" in each]) == 1, "SQLAlchemy speaks alone"
    (many,) = ran.named("INSERT orders")
    assert many["attributes"]["db.operation.batch.size"] == 3
    found = ran.one("SELECT pg_class")["attributes"]
    assert (found["db.system.name"], found["db.namespace"]) == ("postgresql", "postgres") and found["server.port"]
    assert found["code.function.name"] == "alone" and found["code.file.path"] == str(APPS / "pools.py")
    assert ran.one("SELECT missing")["attributes"]["error.type"].endswith("UndefinedTableError")
    assert {"GET", "SELECT", "connect"} & set(ran.names()) == {"SELECT", "connect"}


def test_starlette_under_uvicorn_is_taken_for_what_it_is(current):
    ran = compare([current, "bare.py"])
    served = ran.one("GET /v1/orders/{number:int}")
    assert "order 7" in ran.output and "missing 3 required positional arguments" in ran.output
    assert served["kind"] == 2 and served["attributes"]["code.function.name"] == "order"


@pytest.mark.parametrize("which", ["current", "old"])
def test_django_over_wsgi_and_asgi(which, request):
    ran = compare([request.getfixturevalue(which), "pages.py"])
    routes = sorted(span["attributes"].get("http.route", "-") for span in ran.spans if span["kind"] == 2)
    assert routes == ["-", "/broken", "/broken", "/orders/<int:number>/", "/orders/<int:number>/", "/page", "/waits"]
    broken = ran.named("GET /broken")[0]
    assert broken["attributes"]["http.response.status_code"] == 500 and broken["attributes"]["error.type"] == "ValueError"
    assert ran.one("GET /page")["attributes"]["code.function.name"] == "Page.get"


def test_workers_of_gunicorn_are_processes_of_their_own(current):
    port = free_port()
    with channel() as place:
        environment = {
            **clean_environment(), "PYTHONPATH": str(BOOTSTRAP / "site"), "KINO_CHANNEL": str(place),
            "KINO_PROJECT_DIR": str(APPS), "TRACEPARENT": f"00-{'a' * 32}-{'b' * 16}-01",
        }  # fmt: skip
        command = [current.parent / "gunicorn", "-w", "2", "--preload", "-b", f"127.0.0.1:{port}", "shop:app"]
        server = subprocess.Popen(command, cwd=APPS, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            answers = [asked(f"http://127.0.0.1:{port}/orders/1") for _ in range(6)]
        finally:
            server.send_signal(signal.SIGTERM)
            output = server.communicate(timeout=30)[0].decode()
        ran = run(["true"], APPS, place)
    assert answers == [b'{"name":"tea"}\n'] * 6 and server.returncode == 0, output
    served = ran.named("GET /orders/<int:order>")
    assert len(served) == 6 and all(ran.children(span) == ["SELECT orders"] for span in served)
    master = ran.one("connect")["process"]
    assert master not in {span["process"] for span in served} and "Traceback" not in output


def asked(address, seconds=30):
    end = time.monotonic() + seconds
    while True:
        try:
            return urllib.request.urlopen(address, timeout=5).read()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def test_a_program_with_an_sdk_of_its_own_is_left_alone(current):
    ran = compare([current, "own_sdk.py"])
    assert ran.spans == [] and "order None {'number': 7}" in ran.output


def test_manual_spans_of_the_api_join(current):
    ran = compare([current, "api_only.py"])
    order, pay = ran.one("order"), ran.one("pay")
    assert ran.children(order) == ["SELECT", "pay"] and ran.children(pay) == ["SELECT"]
    assert order["attributes"]["number"] == 7 and pay["events"][0]["name"] == "paid"
    assert ran.one("fails")["status"]["code"] == 2


def test_a_provider_that_is_set_later_takes_over(current):
    ran = compare([current, "api_only.py", "later"])
    assert "recorded by its own None" in ran.output
    assert ran.named("recorded by its own") == [] and len(ran.named("SELECT")) == 2


def test_hostile_statements_are_bounded_and_named_plainly(current):
    ran = compare([current, "many.py", "20000"])
    assert len(ran.spans) == 20_000 + 1 + 16
    for span in ran.spans:
        assert len(span["attributes"].get("db.query.text", "")) <= 8 * 1024
        assert span["name"].isprintable() and len(span["name"]) < 200


@pytest.mark.parametrize("options", [["-I"], ["-E"], ["-S"]], ids=lambda options: options[0])
def test_options_that_shut_the_environment_out_shut_the_bootstrap_out(current, options):
    assert compare([current, *options, "ends.py", "plainly"]).spans == []


@pytest.mark.parametrize("options", [["-O"], ["-OO"], ["-B"], ["-P"], ["-s"], ["-X", "dev"]], ids=" ".join)
def test_other_options_of_the_interpreter_change_nothing(current, options):
    assert compare([current, *options, "ends.py", "prints"]).named("connect")


@pytest.mark.parametrize("tool", [["-m", "pip", "--version"], ["-m", "venv", "--help"], ["-m", "compileall", "--help"]], ids=lambda t: t[1])
def test_tools_make_no_spans(current, tool):
    ran = compare([current, *tool])
    assert ran.spans == [] and ran.processes == {}


def test_a_hidden_sitecustomize_runs_and_is_what_import_finds(current, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("print('mine')\nvalue = 5\n")
    program = "import sys, sitecustomize; print(sitecustomize.value, sitecustomize.__file__, sys.path)"
    with channel() as place:
        environment = {**clean_environment(), "KINO_CHANNEL": str(place)}
        both = {"PYTHONPATH": f"{BOOTSTRAP / 'site'}:{tmp_path}"}
        outputs = [
            subprocess.run([current, "-c", program], env={**environment, **path}, capture_output=True, text=True, cwd="/")
            for path in ({"PYTHONPATH": str(tmp_path)}, both)
        ]
    assert outputs[0].stdout.startswith("mine\n5 ") and outputs[0].stdout == outputs[1].stdout
    assert outputs[1].stderr == ""


@pytest.mark.parametrize("python", interpreters("2.7", "3.6", "3.8"), ids=lambda path: path.parent.parent.name)
def test_an_interpreter_that_is_not_supported_runs_as_before(python):
    ran = compare([python, "-c", "import sys; print(sys.path, sys.version_info[:2], 'sitecustomize' in sys.modules)"])
    assert ran.spans == []


def test_a_channel_that_is_gone_costs_the_program_nothing(current):
    bare = run([current, "ends.py", "plainly"], APPS)
    with channel() as place:
        ran = run([current, "ends.py", "plainly"], APPS, place, PYTHONHASHSEED="1")
        place_gone = place.with_name("kino-any-no-such-file")
    environment = {**clean_environment(), "PYTHONPATH": str(BOOTSTRAP / "site"), "KINO_CHANNEL": str(place_gone)}
    environment["KINO_OTLP"] = "http://127.0.0.1:1"
    gone = subprocess.run([current, "ends.py", "plainly"], cwd=APPS, env=environment, capture_output=True, text=True)
    assert (bare.output, bare.errors) == (ran.output, ran.errors) == (gone.stdout, gone.stderr)
    assert gone.returncode == 0


@pytest.fixture
def taker():
    """What an engine's OTLP listener is for the bootstrap: its address and the spans that came."""
    came = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            document = json.loads(self.rfile.read(int(self.headers["content-length"])))
            came.extend(document["resourceSpans"][0]["scopeSpans"][0]["spans"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", came
    server.shutdown()


def test_after_the_file_is_sealed_spans_go_to_the_engine(current, taker):
    address, came = taker
    seal_write, add_seals, allow_sealing = 8, 1033, 2
    memory = ctypes.CDLL(None).memfd_create(b"kino-spans", allow_sealing)
    assert memory >= 0
    environment = {
        **clean_environment(), "PYTHONPATH": str(BOOTSTRAP / "site"), "KINO_OTLP": address,
        "KINO_CHANNEL": f"/proc/{os.getpid()}/fd/{memory}",
    }  # fmt: skip
    program = (
        "import sqlite3, sys\nd = sqlite3.connect(':memory:')\nd.execute('select 1')\nprint('sealed now?', flush=True)\n"
        "sys.stdin.readline()\nfor n in range(300): d.execute('select 2')\n"
    )
    process = subprocess.Popen(
        [current, "-c", program], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.readline()
    fcntl.fcntl(memory, add_seals, seal_write)
    output = process.communicate(b"yes\n", timeout=30)
    written = os.pread(memory, 1 << 20, 0)
    os.close(memory)
    assert process.returncode == 0 and output == (b"", b"")
    assert written.count(b"\x1e") == 3 and written.count(b"select 1") == 1
    assert len(came) == 300 and {span["name"] for span in came} == {"SELECT"}


EXPORTS = """
import asyncio, http.client, json, sys, urllib.request
import aiohttp, httpx, requests, urllib3
address = sys.argv[1]
body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": []}]}]}).encode()
for base in (f"http://127.0.0.1:{address}", f"http://localhost:{address}"):
    url = base + "/v1/traces"
    requests.post(url, data=body)
    urllib3.PoolManager().request("POST", url, body=body)
    urllib.request.urlopen(url, body).read()
    httpx.post(url, content=body)
connection = http.client.HTTPConnection("127.0.0.1", int(address))
connection.request("POST", "/v1/traces", body)
connection.getresponse().read()
async def main():
    async with aiohttp.ClientSession() as session:
        async with session.post(url, data=body) as answer:
            await answer.read()
asyncio.run(main())
print("sent")
"""


def test_what_a_program_exports_to_the_engine_by_itself_makes_no_spans(current, taker):
    address, _ = taker
    command = [current, "-c", EXPORTS, address.rpartition(":")[2]]
    assert compare(command, KINO_OTLP=address).spans == []
    assert len(compare(command, KINO_OTLP="http://127.0.0.1:1").spans) == 10, "to any other address they do"


def exported(engine):
    """All spans that an engine has, and the services that they are of."""
    spans, services = [], {}
    for line in engine.kino("export").stdout.decode().splitlines():
        for resource in json.loads(line)["resourceSpans"]:
            attributes = {each["key"]: value_of(each["value"]) for each in resource["resource"]["attributes"]}
            for scope in resource["scopeSpans"]:
                spans.extend(scope["spans"])
                services.update({span["spanId"]: attributes for span in scope["spans"]})
    return spans, services


def test_kino_run_records_an_unprepared_suite(own_engine, current):
    shutil.copytree(APPS, own_engine.directory, dirs_exist_ok=True)
    command = [current, "-m", "pytest", "-q", "-p", "no:cacheprovider", "shop_suite.py"]
    bare = run(command, own_engine.directory)
    ran = own_engine.kino("run", "--", *command, check=False)
    assert ran.returncode == bare.code == 1
    assert masked(ran.stdout.decode()) == masked(bare.output)
    spans, services = exported(own_engine)
    tests = [span for span in spans if span["name"].startswith("test_")]
    assert len(tests) == 11 and len({span["traceId"] for span in spans}) == 1
    (root,) = [span for span in spans if not span.get("parentSpanId")]
    assert {span["parentSpanId"] for span in tests} == {root["spanId"]}
    (found,) = [span for span in tests if span["name"] == "test_found"]
    (request,) = [span for span in spans if span.get("parentSpanId") == found["spanId"]]
    (statement,) = [span for span in spans if span.get("parentSpanId") == request["spanId"]]
    assert (request["name"], statement["name"]) == ("GET /orders/<int:order>", "SELECT orders")
    assert services[statement["spanId"]]["telemetry.sdk.language"] == "python"


def test_kino_run_keeps_the_spans_of_a_program_that_is_killed(own_engine, current):
    shutil.copytree(APPS, own_engine.directory, dirs_exist_ok=True)
    own_engine.kino("run", "--", current, "ends.py", "killed", check=False)
    spans, _ = exported(own_engine)
    assert sorted(span["name"] for span in spans if span.get("parentSpanId")) == ["SELECT", "connect"]
