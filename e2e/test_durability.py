"""What was acknowledged survives a kill, and strangers on the web get no answer."""

import time

from conftest import otlp, span


def test_acknowledged_spans_survive_a_kill(own_engine):
    now = time.time_ns()
    for batch in range(20):
        own_engine.send(otlp("kill", [span(0x1000 + batch, 1 + n, "work", now, now + 1_000) for n in range(5)]))
    own_engine.kill()
    own_engine.start()
    items = own_engine.json("find", "--service", "kill", "--limit", "100", "--all")["items"]
    assert len(items) == 20
    assert sum(item["span_count"] for item in items) == 100


def test_a_resent_batch_counts_once(own_engine):
    now = time.time_ns()
    batch = otlp("again", [span(0x2000, 1, "work", now, now + 1_000)])
    own_engine.send(batch)
    own_engine.send(batch)
    assert own_engine.json("find", "--service", "again", "--all")["items"][0]["span_count"] == 1


def test_foreign_hosts_and_origins_are_refused(engine):
    for path in ("/api/v1/status", "/mcp"):
        body, kind = b"{}", {"content-type": "application/json", "accept": "application/json, text/event-stream"}
        status, _ = engine.request(engine.http, path, body, {**kind, "host": "evil.example"})
        assert status in (400, 403, 421), f"{path}: a foreign Host got {status}"
        status, _ = engine.request(engine.http, path, body, {**kind, "origin": "https://evil.example"})
        assert status in (400, 403), f"{path}: a foreign Origin got {status}"


def test_a_body_that_is_no_trace_is_refused_whole(engine):
    status, _ = engine.request(engine.otlp_http, "/v1/traces", b"\xff" * 64, {"content-type": "application/x-protobuf"})
    assert status == 400
    status, _ = engine.request(engine.otlp_http, "/v1/traces", b"{}", {"content-type": "text/plain"})
    assert status == 415
