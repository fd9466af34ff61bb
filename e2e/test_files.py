"""Files in and out: OTLP JSON, Jaeger JSON, Zipkin JSON, and the round trip through OTLP."""

import http.server
import json
import threading

from opentelemetry.exporter.zipkin.json import ZipkinExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind

from conftest import otlp, span, text

START = 1_760_000_000_000_000_000
MS = 1_000_000


def names(trace):
    return sorted(one["name"] for one in trace["spans"])


def spans_of(document):
    """All spans of an OTLP JSON document or of lines of them, by id, with their service."""
    found = {}
    for line in document.decode().splitlines():
        if not line.strip():
            continue
        for resource in json.loads(line).get("resourceSpans", []):
            attributes = {pair["key"]: pair["value"] for pair in resource["resource"]["attributes"]}
            for scope in resource["scopeSpans"]:
                for one in scope["spans"]:
                    found[one["spanId"]] = (attributes["service.name"]["stringValue"], scope["scope"]["name"], one)
    return found


def test_otlp_comes_back_as_it_was_sent(own_engine, tmp_path):
    sent = otlp("files", [
        span(0xA1, 1, "root", START, START + 9 * MS, kind=2, attributes=[
            text("plain", "täxt"), {"key": "whole", "value": {"intValue": "-7"}}, {"key": "half", "value": {"doubleValue": 0.5}},
            {"key": "yes", "value": {"boolValue": True}},
            {"key": "list", "value": {"arrayValue": {"values": [{"intValue": "1"}, {"stringValue": "two"}]}}},
        ]),
        span(0xA1, 2, "child", START + MS, START + 4 * MS, parent=1, kind=3, status={"code": 2, "message": "refused"},
             events=[{"timeUnixNano": str(START + 2 * MS), "name": "exception", "attributes": [text("exception.type", "Boom")]}],
             links=[{"traceId": f"{0xB2:032x}", "spanId": f"{5:016x}"}]),
    ])
    file = tmp_path / "spans.json"
    file.write_text(json.dumps(sent))
    imported = own_engine.json("import", file)
    assert "2" in json.dumps(imported), imported
    assert own_engine.json("find", "--service", "files", "--all")["items"][0]["span_count"] == 2
    written = tmp_path / "out.json"
    done = own_engine.kino("export", "--format", "otlp", "--all")
    back = spans_of(done.stdout)
    want = spans_of(file.read_bytes())
    assert back.keys() == want.keys()
    for identity, (service, scope, one) in want.items():
        other_service, other_scope, other = back[identity]
        assert (service, scope) == (other_service, other_scope)
        for field in ("name", "kind", "startTimeUnixNano", "endTimeUnixNano"):
            assert str(one[field]) == str(other[field]), field
        pairs = lambda of: sorted(json.dumps(pair, sort_keys=True) for pair in of.get("attributes", []))
        assert pairs(one) == pairs(other)
        assert [event["name"] for event in one.get("events", [])] == [event["name"] for event in other.get("events", [])]
        assert [link["spanId"] for link in one.get("links", [])] == [link["spanId"] for link in other.get("links", [])]


def test_jaeger_files_are_read(own_engine, tmp_path):
    trace = f"{0xC3:032x}"
    file = tmp_path / "jaeger.json"
    file.write_text(json.dumps({"data": [{
        "traceID": trace,
        "processes": {"p1": {"serviceName": "from-jaeger", "tags": []}},
        "spans": [
            {"traceID": trace, "spanID": f"{1:016x}", "operationName": "outer", "references": [], "startTime": START // 1000,
             "duration": 5000, "tags": [{"key": "span.kind", "type": "string", "value": "server"}], "logs": [], "processID": "p1"},
            {"traceID": trace, "spanID": f"{2:016x}", "operationName": "inner",
             "references": [{"refType": "CHILD_OF", "traceID": trace, "spanID": f"{1:016x}"}], "startTime": START // 1000 + 1000,
             "duration": 3000, "tags": [], "logs": [], "processID": "p1"},
        ],
    }]}))
    own_engine.kino("import", file)
    explained = own_engine.json("explain", trace)
    assert explained["spans"] == 2
    times = [(one["name"], one["end_unix_nanos"] - one["start_unix_nanos"]) for one in explained["critical_path"]]
    assert times == [("outer", MS), ("inner", 3 * MS), ("outer", MS)]


def sent_to_zipkin(use):
    """The bodies that OpenTelemetry's exporter sends to a Zipkin server while `use` makes spans with a tracer."""
    bodies = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        provider = TracerProvider(resource=Resource({"service.name": "from-zipkin"}))
        exporter = ZipkinExporter(endpoint=f"http://127.0.0.1:{server.server_port}/api/v2/spans")
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        use(provider.get_tracer("tracer", "1.0"))
        provider.shutdown()
        server.shutdown()
        thread.join()
    return bodies


def test_what_the_exporter_for_zipkin_sends_is_read(own_engine, tmp_path):
    def use(tracer):
        with tracer.start_as_current_span("outer", kind=SpanKind.SERVER) as outer:
            outer.set_attribute("http.status_code", 500)
            try:
                with tracer.start_as_current_span("inner", kind=SpanKind.CLIENT):
                    raise ValueError("no such user")
            except ValueError:
                pass

    file = tmp_path / "zipkin.json"
    file.write_bytes(b"\n".join(sent_to_zipkin(use)))
    imported = own_engine.json("import", file)
    assert "zipkin-json" in json.dumps(imported), imported
    back = spans_of(own_engine.kino("export", "--format", "otlp", "--service", "from-zipkin", "--all").stdout)
    (outer,) = (one for _, _, one in back.values() if one["name"] == "outer")
    (inner,) = (one for _, _, one in back.values() if one["name"] == "inner")
    assert {service for service, _, _ in back.values()} == {"from-zipkin"}
    assert {scope for _, scope, _ in back.values()} == {"tracer"}
    assert (outer["kind"], inner["kind"], inner["parentSpanId"]) == (2, 3, outer["spanId"])
    assert {"key": "http.status_code", "value": {"intValue": "500"}} in outer["attributes"]
    assert inner["status"] == {"code": 2, "message": "ValueError: no such user"}
    (event,) = inner["events"]
    assert event["name"] == "exception"
    assert text("exception.message", "no such user") in event["attributes"]


def test_a_file_that_is_nothing_is_refused_with_words(own_engine, tmp_path):
    file = tmp_path / "noise.json"
    file.write_text("{]")
    done = own_engine.kino("import", file, check=False)
    assert done.returncode != 0
    assert b"noise.json" in done.stderr
