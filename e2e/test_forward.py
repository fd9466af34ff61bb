"""Passing recordings on: to a collector that is not ours, and to endpoints that answer badly, hang, or come and go.

What arrives is read by OpenTelemetry's own protobuf classes. `rotel` is a collector in Rust by others, from PyPI.
"""

import gzip
import http.server
import importlib.util
import json
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from conftest import COMMAND_SECONDS_MAX, Engine, binary, eventually, free_port, otlp, span, text
from test_security import as_stranger, disk, interpreter, needs_root, open_the_way_to  # noqa: F401

START = 1_790_000_000_000_000_000
MS = 1_000_000
# AWS's own example of a key, which its documentation shows.
SECRET = "AKIAIOSFODNN7EXAMPLE"


class Sink(http.server.BaseHTTPRequestHandler):
    """An OTLP endpoint over HTTP. `answers` of its server are used up first; then everything is taken."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        is_logs = self.path.endswith("/v1/logs")
        request = logs_service_pb2.ExportLogsServiceRequest() if is_logs else trace_service_pb2.ExportTraceServiceRequest()
        request.ParseFromString(body)
        with self.server.lock:
            answer = self.server.answers.pop(0) if self.server.answers else None
            self.server.seen.append((time.monotonic(), self.path, dict(self.headers), len(body), body))
        if answer is not None and answer(self, request) != "take":
            return
        with self.server.lock:
            self.server.taken.append(request)
        if answer is None:
            self.reply(200)

    def reply(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in {"content-type": "application/x-protobuf", "content-length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Endpoint:
    def __init__(self, port=None):
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.server = None
        self.answers, self.taken, self.seen = [], [], []

    def start(self):
        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            # A connection that is cut is what some tests want.
            handle_error = lambda *_: None

        self.server = Server(("127.0.0.1", self.port), Sink)
        self.server.lock = threading.Lock()
        self.server.answers, self.server.taken, self.server.seen = self.answers, self.taken, self.seen
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def spans(self):
        """What was taken: spans by trace and span id, with their resource's attributes and scope; the last of each."""
        found = {}
        for request in list(self.taken):
            for resource in getattr(request, "resource_spans", []):
                for scope in resource.scope_spans:
                    for one in scope.spans:
                        found[(one.trace_id.hex(), one.span_id.hex())] = (values(resource.resource.attributes), scope.scope, one)
        return found

    def logs(self):
        found = {}
        for request in list(self.taken):
            for resource in getattr(request, "resource_logs", []):
                for scope in resource.scope_logs:
                    for one in scope.log_records:
                        found[one.body.string_value] = (values(resource.resource.attributes), one)
        return found


def values(attributes):
    return {pair.key: pair.value for pair in attributes}


@pytest.fixture
def endpoint():
    one = Endpoint()
    yield one
    one.stop()


def home_with(folder, config):
    home = folder / "home"
    home.mkdir(parents=True, mode=0o700)
    home.chmod(0o700)
    (home / "config.toml").write_text(config)
    (home / "config.toml").chmod(0o600)
    return home


@pytest.fixture
def forwarding(tmp_path, endpoint):
    """An engine that passes on to the endpoint, which does not listen yet."""
    started = []

    def start(more="", url=None):
        running = Engine(home_with(tmp_path, f'[forward]\nurl = "{url or endpoint.url}"\n{more}'))
        started.append(running)
        return running

    yield start
    for running in started:
        running.stop()


def status(engine):
    return engine.json("status")["forward"]


def spans(first, count, trace_number=1, service="forward", **more):
    return otlp(service, [span(trace_number, first + n, f"op {first + n}", START, START + MS, **more) for n in range(count)])


def send_logs(engine, bodies):
    records = [{
        "timeUnixNano": str(START), "observedTimeUnixNano": str(START + 1), "severityNumber": 13, "severityText": "WARN",
        "body": {"stringValue": body}, "attributes": [text("thread", "main")], "traceId": f"{1:032x}", "spanId": f"{1:016x}",
    } for body in bodies]
    document = {"resourceLogs": [{"resource": {"attributes": [text("service.name", "forward")]},
                                  "scopeLogs": [{"scope": {"name": "e2e"}, "logRecords": records}]}]}
    code, answer = engine.request(engine.otlp_http, "/v1/logs", json.dumps(document).encode(), {"content-type": "application/json"})
    assert code == 200, answer


def numbers(endpoint):
    return {int(span_id, 16) for _, span_id in endpoint.spans()}


def start_rotel(target, folder):
    spec = importlib.util.find_spec("rotel")
    if spec is None:
        pytest.skip("rotel, a collector from PyPI, is not installed: it has no package for this system")
    agent = Path(spec.origin).parent / "rotel-agent"
    port, clean = free_port(), {k: v for k, v in os.environ.items() if not k.startswith(("ROTEL_", "OTEL_"))}
    def run():
        process = subprocess.Popen(
            [agent, "start", "--pid-file", folder / "rotel.pid", "--otlp-grpc-endpoint", f"127.0.0.1:{free_port()}",
             "--otlp-http-endpoint", f"127.0.0.1:{port}", "--exporter", "otlp", "--otlp-exporter-endpoint", target,
             "--otlp-exporter-protocol", "http", "--batch-timeout", "100ms"],
            env=clean, stdout=(folder / "rotel.log").open("a"), stderr=subprocess.STDOUT,
        )
        return process
    return port, run


def test_spans_of_an_sdk_and_logs_arrive_through_a_foreign_collector(tmp_path, endpoint, forwarding):
    endpoint.start()
    port, run = start_rotel(endpoint.url, tmp_path)
    collector = run()
    try:
        engine = forwarding(url=f"http://127.0.0.1:{port}")
        provider = TracerProvider(resource=Resource.create({"service.name": "sdk", "deployment.environment": "test"}))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"http://{engine.otlp_http}/v1/traces")))
        tracer = provider.get_tracer("shop", "1.2", schema_url="https://opentelemetry.io/schemas/1.30.0")
        sent = {}
        for number in range(50):
            with tracer.start_as_current_span(f"outer {number}", kind=trace.SpanKind.SERVER) as outer:
                outer.set_attributes({"täxt": "ü\n\"", "whole": -7, "half": 0.5, "yes": True, "list": ["a", "b"], "wide": 2**62})
                outer.add_event("happened", {"n": number})
                with tracer.start_as_current_span("inner", links=[trace.Link(outer.get_span_context(), {"why": "x"})]) as inner:
                    inner.set_status(trace.Status(trace.StatusCode.ERROR, "no"))
                    sent[f"{inner.context.span_id:016x}"] = inner
                sent[f"{outer.context.span_id:016x}"] = outer
        provider.shutdown()
        send_logs(engine, [f"line {number}" for number in range(20)])
        assert eventually(lambda: len(endpoint.spans()) >= 100 and len(endpoint.logs()) >= 20, 60), (
            len(endpoint.spans()), len(endpoint.logs()), status(engine), (tmp_path / "rotel.log").read_text())
        got = {span_id: rest for (_, span_id), rest in endpoint.spans().items()}
        assert got.keys() == sent.keys()
        for span_id, original in sent.items():
            resource, scope, one = got[span_id]
            assert one.trace_id.hex() == f"{original.context.trace_id:032x}"
            assert one.parent_span_id.hex() == (f"{original.parent.span_id:016x}" if original.parent else "")
            assert (one.name, one.start_time_unix_nano, one.end_time_unix_nano) == (
                original.name, original.start_time, original.end_time)
            assert (one.kind, one.status.code, one.status.message) == (
                original.kind.value + 1, original.status.status_code.value, original.status.description or "")
            plain = {pair.key: plain_value(pair.value) for pair in one.attributes}
            assert plain == {key: list(v) if isinstance(v, tuple) else v for key, v in original.attributes.items()}
            assert [(event.name, event.time_unix_nano) for event in one.events] == [
                (event.name, event.timestamp) for event in original.events]
            assert [link.span_id.hex() for link in one.links] == [f"{link.context.span_id:016x}" for link in original.links]
            assert (scope.name, scope.version) == ("shop", "1.2")
            said = {key: plain_value(value) for key, value in resource.items()}
            assert original.resource.attributes.items() <= said.items()
        resource, log = endpoint.logs()["line 7"]
        assert (log.time_unix_nano, log.severity_number, log.severity_text) == (START, 13, "WARN")
        assert (log.trace_id.hex(), log.span_id.hex()) == (f"{1:032x}", f"{1:016x}")
        assert plain_value(values(log.attributes)["thread"]) == "main"
        assert eventually(lambda: status(engine)["passed_spans"] >= 100)
        said = status(engine)
        assert (said["passed_spans"], said["passed_log_records"], said["state"]) == (100, 20, "sending"), said

        # The collector dies without a word; what comes meanwhile arrives once it is back.
        collector.kill()
        collector.wait()
        engine.send(spans(9000, 5))
        assert eventually(lambda: status(engine)["state"] == "waiting")
        collector = run()
        assert eventually(lambda: set(range(9000, 9005)) <= numbers(endpoint), 60), status(engine)
    finally:
        collector.kill()
        collector.wait()


def plain_value(value):
    kind = value.WhichOneof("value")
    return [plain_value(one) for one in value.array_value.values] if kind == "array_value" else getattr(value, kind)


def test_nothing_is_lost_over_restarts_and_kills(endpoint, forwarding):
    engine = forwarding()
    sent = 0
    for round_number in range(6):
        for _ in range(4):
            engine.send(spans(sent + 1, 25))
            sent += 25
        send_logs(engine, [f"round {round_number}"])
        if round_number == 0:
            engine.kill()
            engine.start()
        elif round_number == 1:
            endpoint.start()
        elif round_number == 2:
            engine.kino("lake", "files", "--flush", check=False)
            engine.kill()
            endpoint.stop()
            engine.start()
        elif round_number == 3:
            engine.stop()
            engine.start()
            endpoint.start()
        elif round_number == 4:
            time.sleep(0.3)
            engine.kill()
            engine.start()
    assert eventually(lambda: numbers(endpoint) == set(range(1, sent + 1)), 60), (sent, len(numbers(endpoint)), status(engine))
    assert eventually(lambda: len(endpoint.logs()) == 6)
    said = status(engine)
    assert (said["missed_spans"], said["missed_segments"], said["refused_spans"]) == (0, 0, 0), said
    assert eventually(lambda: status(engine)["behind_bytes"] == 0)


def test_answers_are_obeyed_as_otlp_says(endpoint, forwarding):
    endpoint.start()
    engine = forwarding()
    partial = trace_service_pb2.ExportTraceServiceResponse()
    partial.partial_success.rejected_spans = 2
    partial.partial_success.error_message = "\x1b[31mignore previous instructions"

    def in_turn(answer, first, count):
        endpoint.answers[:] = [answer]
        engine.send(spans(first, count))

    in_turn(lambda sink, _: sink.reply(429, retry_after="3"), 1, 3)
    assert eventually(lambda: status(engine)["state"] == "waiting")
    assert "429" in status(engine)["why"] and "429" in engine.kino("status").stdout.decode()
    assert eventually(lambda: numbers(endpoint) == {1, 2, 3})
    first, second = [at for at, *_ in endpoint.seen[-2:]]
    assert second - first >= 2.9, "Retry-After"
    for code in (502, 503, 504):
        in_turn(lambda sink, _, code=code: sink.reply(code), code, 1)
        assert eventually(lambda code=code: code in numbers(endpoint)), code
    refused = 0
    for code in (400, 401, 404, 408, 413, 500, 501, 301):
        before = len(endpoint.seen)
        in_turn(lambda sink, _, code=code: sink.reply(code, location="http://127.0.0.1:1/"), 1000 + code, 1)
        refused += 1
        assert eventually(lambda: status(engine)["refused_spans"] == refused), (code, status(engine))
        assert str(code) in status(engine)["why"]
        assert len(endpoint.seen) == before + 1, f"{code} is final"
    before = len(endpoint.seen)
    in_turn(lambda sink, _: sink.reply(200, partial.SerializeToString()) or "take", 2000, 5)
    assert eventually(lambda: status(engine)["refused_spans"] == refused + 2), status(engine)
    time.sleep(1)
    assert len(endpoint.seen) == before + 1, "a partial success is not sent again"
    shown = engine.kino("status").stdout.decode() + json.dumps(engine.json("status"))
    assert "instructions" not in shown and "\x1b" not in shown, "the endpoint's words are not shown"
    page = engine.request(engine.http, "/metrics", headers=engine.bearer())[1].decode()
    assert f'kino_forward_refused_total{{signal="traces"}} {refused + 2}' in page
    assert status(engine)["state"] == "sending"


def test_hostile_answers_cost_neither_memory_nor_time(endpoint, forwarding):
    endpoint.start()
    engine = forwarding()

    def huge(sink, _):
        sink.send_response(200)
        sink.send_header("content-length", str(1 << 40))
        sink.end_headers()
        try:
            for _ in range(4096):
                sink.wfile.write(b"\x0a" * 65536)
        except OSError:
            sink.close_connection = True
        return "take"

    def junk(sink, _):
        sink.wfile.write(b"\x00\xff SSH-2.0\r\n" * 1000)
        sink.close_connection = True

    def drip(sink, _):
        sink.send_response(200)
        sink.send_header("content-length", "1000")
        sink.end_headers()
        for _ in range(1000):
            sink.wfile.write(b"\x0a")
            sink.wfile.flush()
            time.sleep(0.5)

    def headers(sink, _):
        sink.close_connection = True
        sink.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * (8 << 20) + b"\r\n\r\n")

    def hang(sink, _):
        time.sleep(60)

    def raw(*parts, times=1):
        def answer(sink, _):
            sink.close_connection = True
            sink.wfile.write(b"".join(parts[:-1]) + parts[-1] * times)
        return answer

    chunked = (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",)
    # The last two say that it was taken before they become nonsense: it is not sent again, and what they refuse is not read.
    refused = {
        "chunks of no size": raw(*chunked, b"zzzz\r\nabc\r\n"), "a chunk without end": raw(*chunked, b"7fffffffffffffff\r\n", b"x" * 65536, times=64),
        "headers without number": raw(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n", times=200_000), "no end to 100": raw(b"HTTP/1.1 100 Continue\r\n\r\n", times=100_000),
        "status out of range": raw(b"HTTP/1.1 99999 OK\r\n\r\n"), "two lengths": raw(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 7\r\n\r\nabcdefg"),
        "a negative length": raw(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"), "a zip bomb's beginning": raw(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n\x1f\x8b\x08", b"\xff", times=100_000),
    }
    for number, (name, answer) in enumerate(refused.items(), start=100):
        endpoint.answers[:] = [answer]
        before = status(engine)["passed_spans"]
        engine.send(spans(number, 1))
        settled = lambda: number in numbers(endpoint) or status(engine)["passed_spans"] > before
        assert eventually(lambda: not endpoint.answers) and eventually(settled), (name, status(engine))
    for number, answer in enumerate((huge, junk, headers), start=1):
        endpoint.answers[:] = [answer]
        engine.send(spans(number, 1))
        assert eventually(lambda number=number: number in numbers(endpoint)), (answer.__name__, status(engine))
    resident = int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{engine.process.pid}/status").read_text())[1])
    print(f"peak memory of the engine: {resident} KiB")
    # A peer that hangs or drips holds up its own requests alone: everything else goes on, and ends at once.
    document = spans(10_000, 500)
    quick = [timed(engine, document) for _ in range(20)]
    for number, answer in ((10, drip), (11, hang)):
        endpoint.answers[:] = [answer]
        engine.send(spans(number, 1))
        assert eventually(lambda: not endpoint.answers)
        slow = [timed(engine, document) for _ in range(20)]
        print(f"an append with a peer that {answer.__name__}s takes {sorted(slow)[10] / sorted(quick)[10]:.2f} times as long")
        assert engine.json("status")["spans"] >= 500
    begin = time.monotonic()
    engine.stop()
    print(f"the engine stopped in {time.monotonic() - begin:.1f} s while its peer hung")
    assert engine.process.returncode == 0


def checked(engine):
    """What `doctor` says of passing on."""
    [check] = [check for check in engine.json("doctor", check=False)["checks"] if check["name"] == "forwarding"]
    return check


def test_doctor_says_whether_the_endpoint_is_reached_and_what_waits(endpoint, forwarding):
    engine = forwarding()
    engine.send(spans(1, 5))
    assert eventually(lambda: status(engine)["behind_bytes"] > 0)
    down = checked(engine)
    assert down["state"] == "warning" and endpoint.url in down["message"] and "not reached" in down["message"], down
    assert re.search(r"[1-9]\d* bytes of the log are to go", down["message"]) and "start the endpoint" in down["next"], down
    endpoint.start()
    assert eventually(lambda: numbers(endpoint) == set(range(1, 6)) and status(engine)["behind_bytes"] == 0)
    up = checked(engine)
    assert up["state"] == "ok" and "is reached" in up["message"] and " 0 bytes of the log" in up["message"], up
    endpoint.answers[:] = [lambda sink, _: sink.reply(400)]
    engine.send(spans(6, 2))
    assert eventually(lambda: status(engine)["refused_spans"] == 2)
    said = checked(engine)
    assert said["state"] == "warning" and "2 refused there" in said["message"], said
    shown = engine.kino("doctor", check=False).stdout.decode()
    assert "forwarding" in shown and endpoint.url in shown, shown
    engine.stop()
    (engine.home / "config.toml").write_text("")
    engine.start()
    assert "forwarding" not in [check["name"] for check in engine.json("doctor", check=False)["checks"]]


@needs_root
def test_what_was_acknowledged_arrives_though_the_disk_is_full(disk, endpoint):  # noqa: F811
    engine = Engine(home_with(disk, f'[forward]\nurl = "{endpoint.url}"\n[limits]\ndisk_reserve_bytes = 0\n'))
    endpoint.start()
    endpoint.answers[:] = [lambda sink, _: sink.reply(503, retry_after="1")] * 10_000
    try:
        engine.send(spans(1, 50))
        with (disk / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError):
            while True:
                filler.write(b"x" * 65_536)
        taken = set(range(1, 51))
        for number in range(100, 400):
            body = json.dumps(spans(number, 1, attributes=[text("filler", "x" * 4_000)])).encode()
            code, _ = engine.request(engine.otlp_http, "/v1/traces", body, {"content-type": "application/json"})
            if code == 200:
                taken.add(number)
        assert len(taken) < 350, "the disk was not full"
        endpoint.answers.clear()
        assert eventually(lambda: taken <= numbers(endpoint), 60), (len(taken), len(numbers(endpoint)))
        # What was refused may have been passed on, as it may have been stored; nothing else is there.
        assert numbers(endpoint) <= set(range(1, 51)) | set(range(100, 400))
        (disk / "filler").unlink()
        accepted = lambda: engine.request(engine.otlp_http, "/v1/traces", json.dumps(spans(1000, 1)).encode(), {"content-type": "application/json"})[0] == 200
        assert eventually(accepted, 60) and eventually(lambda: 1000 in numbers(endpoint), 60), status(engine)
        engine.kill()
        engine.start()
        assert eventually(lambda: status(engine)["behind_bytes"] == 0)
        assert status(engine)["missed_spans"] == 0
    finally:
        engine.stop()


STRANGE = """
import os, sys, urllib.request
home, otlp, pid = sys.argv[1:]
for path in (home + "/config.toml", home + "/meta.sqlite", home + "/wal", f"/proc/{pid}/environ", f"/proc/{pid}/fd"):
    try:
        print(path, os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(64))
    except PermissionError:
        pass
print(open(f"/proc/{pid}/cmdline").read())
for ids in ("a" * 32, ",".join(f"{n:032x}" for n in range(5000)), "\xff" * 1000):
    request = urllib.request.Request(f"http://{otlp}/v1/traces", b"{}", {"content-type": "application/json", "kino-forwarders": ids})
    try:
        urllib.request.urlopen(request, timeout=10).read()
    except OSError as error:
        print(error)
"""


@needs_root
def test_another_user_learns_nothing_and_stops_nothing(endpoint, forwarding):
    endpoint.start()
    engine = forwarding('headers = { Authorization = "Bearer hush" }\n')
    engine.send(spans(1, 1))
    open_the_way_to(engine.home)
    out, err = as_stranger(interpreter(), "-c", STRANGE, str(engine.home), engine.otlp_http, str(engine.process.pid)).communicate(timeout=COMMAND_SECONDS_MAX)
    assert "serve" in out and "hush" not in out and str(engine.home) not in out and "/proc/" not in out, (out, err)
    engine.send(spans(2, 1))
    assert eventually(lambda: numbers(endpoint) == {1, 2}), status(engine)
    sent = {name.lower(): value for name, value in endpoint.seen[-1][2].items()}["kino-forwarders"]
    assert len(sent.split(",")) <= 65 and status(engine)["state"] == "sending"


def timed(engine, document):
    begin = time.monotonic()
    engine.send(document)
    return time.monotonic() - begin


def test_secrets_are_gone_before_anything_is_passed_on(endpoint, forwarding):
    endpoint.start()
    engine = forwarding()
    engine.send(spans(1, 1, attributes=[text("aws.key", SECRET), text("plain", "stays")]))
    send_logs(engine, [f"the key is {SECRET}"])
    assert eventually(lambda: len(endpoint.spans()) == 1 and len(endpoint.logs()) == 1)
    assert not any(SECRET.encode() in body for *_, body in endpoint.seen)
    _, _, one = next(iter(endpoint.spans().values()))
    assert plain_value(values(one.attributes)["plain"]) == "stays"


def test_the_log_stays_within_its_bound_and_what_was_missed_is_counted(endpoint, forwarding):
    engine = forwarding("log_bytes_max = 60000\n")
    sent = 0
    for _ in range(12):
        engine.send(spans(sent + 1, 100, attributes=[text("filler", "x" * 200)]))
        sent += 100
        engine.json("lake", "files", "--flush")
    said = status(engine)
    assert said["missed_spans"] > 0 and said["missed_spans"] % 100 == 0, said
    assert said["log_bytes"] <= 60_000 and said["log_bytes_max"] == 60_000
    assert "missed" in engine.kino("status").stdout.decode()
    engine.kill()
    engine.start()
    endpoint.start()
    missed = said["missed_spans"]
    assert eventually(lambda: numbers(endpoint) == set(range(missed + 1, sent + 1)), 60), (missed, len(numbers(endpoint)))
    assert eventually(lambda: status(engine)["behind_bytes"] == 0)
    assert status(engine)["missed_spans"] == missed
    page = engine.request(engine.http, "/metrics", headers=engine.bearer())[1].decode()
    assert f'kino_forward_missed_total{{signal="traces"}} {missed}' in page


def test_what_is_forgotten_is_not_passed_on_later(endpoint, forwarding):
    engine = forwarding()
    engine.send(spans(1, 10, trace_number=0xF0))
    assert eventually(lambda: status(engine)["state"] == "waiting")
    engine.json("lake", "files", "--flush")
    engine.send(spans(11, 10, trace_number=0xF0))
    engine.kino("forget", f"{0xF0:032x}", "--yes", "--all")
    said = status(engine)
    assert (said["missed_spans"], said["log_bytes"]) == (20, 0), said
    left = [path for path in (engine.home / "wal").rglob("*.wal") if b"op 1" in path.read_bytes()]
    assert not left
    endpoint.start()
    engine.send(spans(21, 1))
    assert eventually(lambda: 21 in numbers(endpoint), 60), status(engine)
    assert numbers(endpoint) == {21}


def test_circles_are_refused(tmp_path, endpoint):
    home = home_with(tmp_path / "own", "")
    port = free_port()
    environment = {**os.environ, "KINO_HOME": str(home)}
    serve = lambda *more: subprocess.run(
        [binary(), "serve", "--addr", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", f"127.0.0.1:{port}", *more],
        env=environment, capture_output=True, text=True, timeout=COMMAND_SECONDS_MAX)
    for own in (f"http://127.0.0.1:{port}", f"http://localhost:{port}/v1/traces"):
        done = serve("--forward", own)
        assert done.returncode != 0 and "own address" in done.stderr, done
    for url, said in ((f"http://me:hush@127.0.0.1:{port + 1}", "headers"), ("https://example.org", "TLS"),
                      ("http://192.0.2.7:4318", "--forward-insecure"), ("nonsense", "URL")):
        done = serve("--forward", url)
        assert done.returncode != 0 and said in done.stderr and "hush" not in done.stderr, done
    # Two engines that pass on to each other: each span is at both, and both stop.
    first, second = Engine(home_with(tmp_path / "a", "")), None
    try:
        second = Engine(home_with(tmp_path / "b", f'[forward]\nurl = "http://{first.otlp_http}"\n'))
        first.stop()
        address = second.otlp_http
        (first.home / "config.toml").write_text(
            f'[forward]\nurl = "http://{address}"\n[listen]\n')
        keep = first.otlp_http
        restart_on(first, keep)
        for number in range(1, 6):
            first.send(spans(number, 1))
            time.sleep(0.5)
        ended = lambda: "stopped" in (status(first)["state"], status(second)["state"])
        assert eventually(ended, 60), (status(first), status(second))
        time.sleep(1)
        before = [engine.json("status")["accepted"].get("spans", 0) for engine in (first, second)]
        time.sleep(2)
        assert before == [engine.json("status")["accepted"].get("spans", 0) for engine in (first, second)]
    finally:
        first.stop()
        if second:
            second.stop()


def restart_on(engine, otlp_http):
    """Starts an engine with its port of OTLP over HTTP as before."""
    engine.http, engine.otlp_grpc, engine.otlp_http = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}", otlp_http
    engine.process = subprocess.Popen(
        [binary(), "serve", "--addr", engine.http, "--otlp-http", otlp_http, "--otlp-grpc", engine.otlp_grpc],
        env=engine.environment, cwd=engine.directory, stdout=subprocess.PIPE, stderr=(engine.home.parent / "serve.log").open("a"),
        text=True)
    assert engine.process.stdout.readline()


def test_headers_come_from_the_users_file_and_environment_and_are_never_shown(tmp_path, endpoint, forwarding):
    endpoint.start()
    engine = forwarding('headers = { Authorization = "Bearer hush-file", X-Team = "file" }\n')
    engine.stop()
    engine.environment["KINO_FORWARD_HEADERS"] = "x-team=env,x-more=a%2Cb"
    engine.start()
    engine.send(spans(1, 1))
    assert eventually(lambda: 1 in numbers(endpoint))
    headers = {name.lower(): value for name, value in endpoint.seen[-1][2].items()}
    assert (headers["authorization"], headers["x-team"], headers["x-more"]) == ("Bearer hush-file", "env", "a,b")
    assert headers["content-type"] == "application/x-protobuf"
    shown = [engine.kino("config", "show").stdout, engine.kino("config", "show", "--json").stdout,
             engine.kino("status", "--json").stdout, (engine.home.parent / "serve.log").read_bytes()]
    assert not any(b"hush" in one for one in shown) and b"Authorization" in shown[0]
    engine.stop()
    # Another endpoint, by an argument, does not get what the file says for its own.
    other = Endpoint().start()
    try:
        ports = [word for name in ("--addr", "--otlp-grpc") for word in (name, "127.0.0.1:0")]
        engine.process = subprocess.Popen(
            [binary(), "serve", *ports, "--otlp-http", engine.otlp_http, "--forward", other.url],
            env=engine.environment, cwd=engine.directory, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert engine.process.stdout.readline()
        engine.send(spans(2, 1))
        assert eventually(lambda: 2 in numbers(other))
        headers = {name.lower(): value for name, value in other.seen[-1][2].items()}
        assert "authorization" not in headers and headers["x-team"] == "env"
        assert numbers(endpoint) == {1}
    finally:
        other.stop()


def test_large_records_travel_in_bounded_requests(endpoint, forwarding):
    endpoint.start()
    engine = forwarding()
    big = [text("big", "x" * 900_000)]
    engine.send(spans(1, 12, attributes=big))
    engine.send(spans(100, 1, attributes=[text("big", "y" * 3_000_000)]))
    engine.send(spans(200, 5000))
    want = set(range(1, 13)) | set(range(200, 5200))
    assert eventually(lambda: want <= numbers(endpoint), 60), (len(numbers(endpoint)), status(engine))
    assert max(length for *_, length, _ in endpoint.seen) <= 2 << 20
    assert status(engine)["refused_spans"] == (0 if 100 in numbers(endpoint) else 1)
