"""Small servers with the APIs of Jaeger's query service and of Tempo, for what `kino import --from` asks.

Their answers have the shapes that the projects document:
- Jaeger, `/api/services`, `/api/traces`: `cmd/jaeger/internal/extension/jaegerquery/internal/http_handler.go`, `query_parser.go`
  and `fixture/otlp2jaeger-out.json` of github.com/jaegertracing/jaeger; `/api/v3/…`: `apiv3/http_gateway.go` and
  `apiv3/snapshots/FindTraces.json`.
- Tempo: `docs/sources/tempo/api_docs/_index.md` and `pkg/tempopb/tempo.proto` of github.com/grafana/tempo.

They search as these do: Jaeger lists traces by spans of the service that began within the times, both included; Tempo lists
any N of the traces that overlap the seconds.
"""

import http.server
import json
import re
import threading
import urllib.parse
from dataclasses import dataclass, field

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, TracesData


@dataclass
class Spanned:
    """A span: times are nanoseconds."""

    trace: str
    span: str
    service: str
    name: str
    start: int
    duration: int
    parent: str = ""


@dataclass
class Store:
    spans: list = field(default_factory=list)

    def traces(self):
        found = {}
        for one in self.spans:
            found.setdefault(one.trace, []).append(one)
        return found

    def services(self):
        return sorted({one.service for one in self.spans})


class Server:
    """Serves until it is closed; `asked` has the path, query and headers of each request."""

    def __init__(self, answer):
        self.asked = []
        self.answer = answer
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                url = urllib.parse.urlsplit(self.path)
                query = {name: values[0] for name, values in urllib.parse.parse_qs(url.query, keep_blank_values=True).items()}
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.asked.append((url.path, query, headers))
                try:
                    outer.answer(self, url.path, query, headers)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def send(self, body, status=200, content_type="application/json", **headers):
                body = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def structured(data, total=0, errors=None):
    return {"data": data, "total": total, "limit": 0, "offset": 0, "errors": errors}


def jaeger_trace(trace, spans):
    services = sorted({one.service for one in spans})
    process = {service: f"p{number + 1}" for number, service in enumerate(services)}
    return {
        "traceID": trace,
        "spans": [
            {
                "traceID": trace, "spanID": one.span, "operationName": one.name,
                "references": [{"refType": "CHILD_OF", "traceID": trace, "spanID": one.parent}] if one.parent else [],
                "startTime": one.start // 1000, "duration": one.duration // 1000,
                "tags": [{"key": "span.kind", "type": "string", "value": "server"}, {"key": "items", "type": "int64", "value": 3}],
                "logs": [{"timestamp": one.start // 1000, "fields": [{"key": "event", "type": "string", "value": "begun"}]}],
                "processID": process[one.service], "warnings": None,
            }
            for one in spans
        ],
        "processes": {key: {"serviceName": service, "tags": []} for service, key in process.items()},
        "warnings": None,
    }


def jaeger_matches(store, service, start, end, limit):
    """Traces with a span of the service that began within these microseconds; of many, the latest."""
    inside = lambda one: one.service == service and start <= one.start // 1000 <= end
    found = [(trace, spans) for trace, spans in store.traces().items() if any(map(inside, spans))]
    found.sort(key=lambda pair: -min(one.start for one in pair[1]))
    return found[:limit]


def jaeger(store):
    """Jaeger's query service over what is in the store."""

    def answer(handler, path, query, _headers):
        if path == "/api/services":
            return handler.send(structured(store.services() or None, len(store.services())))
        if path != "/api/traces":
            return handler.send(b"404 page not found\n", 404, "text/plain")
        if "service" not in query:
            error = {"code": 400, "msg": "parameter 'service' is required"}
            return handler.send(structured(None, errors=[error]), 400)
        start, end, limit = int(query["start"]), int(query["end"]), int(query.get("limit", 100))
        found = jaeger_matches(store, query["service"], start, end, limit)
        handler.send(structured([jaeger_trace(trace, spans) for trace, spans in found]))

    return Server(answer)


def resource_spans(spans):
    """OTLP protobuf, a resource a service."""
    found = []
    for service in sorted({one.service for one in spans}):
        resource = Resource(attributes=[KeyValue(key="service.name", value=AnyValue(string_value=service))])
        made = [
            Span(
                trace_id=bytes.fromhex(one.trace.zfill(32)), span_id=bytes.fromhex(one.span), name=one.name, kind=2,
                parent_span_id=bytes.fromhex(one.parent), start_time_unix_nano=one.start,
                end_time_unix_nano=one.start + one.duration,
            )
            for one in spans if one.service == service
        ]
        found.append(ResourceSpans(resource=resource, scope_spans=[ScopeSpans(spans=made)]))
    return found


def jaeger_v3(store):
    """Jaeger where only the third version of its API is served."""

    def otlp_json(spans):
        return [
            {
                "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]},
                "scopeSpans": [{"scope": {}, "spans": [
                    {
                        "traceId": one.trace, "spanId": one.span, "name": one.name, "kind": 2, "parentSpanId": one.parent,
                        "startTimeUnixNano": str(one.start), "endTimeUnixNano": str(one.start + one.duration), "status": {},
                    }
                    for one in spans if one.service == service
                ]}],
            }
            for service in sorted({one.service for one in spans})
        ]

    def micros(text):
        from datetime import datetime, timedelta

        whole, fraction = re.fullmatch(r"(.*?)(?:\.(\d+))?Z", text).groups()
        since = datetime.fromisoformat(whole) - datetime(1970, 1, 1)
        return since // timedelta(microseconds=1) + int((fraction or "0").ljust(9, "0")) // 1000

    def answer(handler, path, query, _headers):
        if path == "/api/v3/services":
            return handler.send({"services": store.services()})
        if path != "/api/v3/traces":
            return handler.send(b"404 page not found\n", 404, "text/plain")
        start, end = micros(query["query.start_time_min"]), micros(query["query.start_time_max"])
        found = jaeger_matches(store, query["query.service_name"], start, end, int(query["query.search_depth"]))
        if not found:
            return handler.send({"error": {"httpCode": 404, "message": "No traces found"}}, 404)
        handler.send({"result": {"resourceSpans": [entry for _, spans in found for entry in otlp_json(spans)]}})

    return Server(answer)


def length_delimited(number, body):
    """A field of protobuf."""
    length, encoded = len(body), bytearray([number << 3 | 2])
    while length > 127:
        encoded.append(length & 127 | 128)
        length >>= 7
    return bytes(encoded) + bytes([length]) + body


def tempo(store, tenant=None, has_v2=True, has_traceql=True, range_seconds_max=168 * 3600):
    """Tempo over what is in the store, for one tenant where one is named."""

    def searched(query):
        if "q" in query:
            if not has_traceql:
                return None
            service = re.fullmatch(r'\{ resource\.service\.name = "(.*)" \}', query["q"])
            assert service or query["q"] == "{}", query
            return (lambda spans: any(one.service == service[1] for one in spans)) if service else lambda spans: True
        service = re.fullmatch(r'(?:service\.name="(.*)")?', query.get("tags", ""))
        assert service, query
        return lambda spans: not service[1] or any(service[1].lower() in one.service.lower() for one in spans)

    def answer(handler, path, query, headers):
        if tenant and headers.get("x-scope-orgid") != tenant:
            return handler.send(b"no org id\n", 401, "text/plain")
        if path == "/api/search":
            matches = searched(query)
            start, end, limit = int(query["start"]), int(query["end"]), int(query.get("limit", 20))
            if matches is None:
                return handler.send(b"invalid tags", 400, "text/plain")
            if end <= start:
                return handler.send(b"http parameter start must be before end", 400, "text/plain")
            if end - start > range_seconds_max:
                return handler.send(b"range specified by start and end exceeds", 400, "text/plain")
            found = []
            for trace, spans in store.traces().items():
                first, last = min(one.start for one in spans), max(one.start + one.duration for one in spans)
                if matches(spans) and first // 10**9 <= end and last // 10**9 >= start:
                    root = min(spans, key=lambda one: one.start)
                    found.append({
                        "traceID": trace.lstrip("0"), "rootServiceName": root.service, "rootTraceName": root.name,
                        "startTimeUnixNano": str(first), "durationMs": (last - first) // 10**6,
                    })
            return handler.send({**({"traces": found[:limit]} if found else {}), "metrics": {"totalBlocks": 13}})
        fetched = re.fullmatch(r"/api(/v2)?/traces/([0-9a-f]+)", path)
        if not fetched or fetched[1] and not has_v2:
            return handler.send(b"404 page not found\n", 404, "text/plain")
        assert headers["accept"] == "application/protobuf", headers
        spans = {trace.zfill(32): spans for trace, spans in store.traces().items()}.get(fetched[2].zfill(32))
        if spans is None:
            return handler.send(b"", 404, "text/plain")
        body = TracesData(resource_spans=resource_spans(spans)).SerializeToString()
        handler.send(length_delimited(1, body) if fetched[1] else body, content_type="application/protobuf")

    return Server(answer)
