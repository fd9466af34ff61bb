//! What `explain` of an operation says of what ran beside it, and of the code before.

#![expect(clippy::unwrap_used, reason = "a test fails where its helpers do")]

use std::sync::Arc;

use kino_engine::{Encoding, Engine, EngineConfig, Signal};
use kino_model::UnixNanos;
use kino_testkit::TestClock;
use kino_wire::Backend;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

const NOW: i64 = 1_790_000_000_000_000_000;
const MILLI: i64 = 1_000_000;

async fn open() -> (Engine, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(TestClock::at(UnixNanos(NOW)));
    let (engine, _) = Engine::open(EngineConfig::new(folder.path()), "0.0.1-test", clock).await.unwrap();
    (engine, folder)
}

/// A span in milliseconds before now; `parent` 0 is none.
fn span(trace: u64, id: u64, parent: u64, name: &str, range: (i64, i64)) -> Json {
    let at = |millis: i64| (NOW - 100_000 * MILLI + millis * MILLI).to_string();
    let parent = if parent == 0 { String::new() } else { format!("{parent:016x}") };
    json!({
        "traceId": format!("{trace:032x}"), "spanId": format!("{id:016x}"), "parentSpanId": parent, "name": name,
        "kind": if parent.is_empty() { 2 } else { 3 },
        "startTimeUnixNano": at(range.0), "endTimeUnixNano": at(range.1),
    })
}

async fn send(engine: &Engine, code: &str, spans: Vec<Json>) {
    let attributes: Vec<Json> = [("service.name", "shop"), ("kino.code_state", code)]
        .map(|(key, value)| json!({ "key": key, "value": { "stringValue": value } }))
        .to_vec();
    let body = json!({ "resourceSpans": [{
        "resource": { "attributes": attributes }, "scopeSpans": [{ "spans": spans }],
    }] });
    let taken = engine.ingest(Signal::Traces, body.to_string().into(), Encoding::Json).await.unwrap();
    assert_eq!(taken.rejected, 0, "{}", taken.message);
}

async fn explain(engine: &Engine, operation: &str) -> Json {
    engine.ask_json("explain_operation", json!({ "operation": operation })).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_holds_a_connection_is_found_among_other_operations() {
    let (engine, _folder) = open().await;
    // One connection. Each second a bulk job has it for 300 ms; items that come meanwhile wait for its end.
    let mut spans = Vec::new();
    for job in 0..8u64 {
        let start = job as i64 * 1_000 + job as i64 * job as i64 * 13 % 300;
        spans.push(span(1 + job, 1, 0, "POST /bulk", (start, start + 300)));
        spans.push(span(1 + job, 2, 1, "connect", (start, start + 1)));
        for item in 0..10u64 {
            let (trace, at) = (100 + job * 10 + item, start - 100 + item as i64 * 61);
            let got = if at > start && at < start + 300 { start + 300 + item as i64 * 3 } else { at };
            spans.push(span(trace, 1, 0, "GET /item", (at, got + 3)));
            spans.push(span(trace, 2, 1, "connect", (at, got)));
        }
    }
    send(&engine, "abc", spans).await;
    let explained = explain(&engine, "GET /item").await;
    let findings = explained["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["code"] == "held_by").unwrap();
    assert!(finding["text"].as_str().unwrap().contains("executions of POST /bulk had it"), "{finding}");
    assert_eq!(explained["executions"], 80, "what ran beside is not explained");

    // An item of the fourth second, which came while that second's job had the connection.
    let trace = engine.ask_json("explain_trace", json!({ "trace_id": format!("{:032x}", 134) })).await.unwrap();
    let waited = trace["waited_for"][0]["text"].as_str().unwrap();
    assert!(
        waited.starts_with("waited 168 ms for connect (98 % of its time); meanwhile it was with POST /bulk"),
        "{waited}"
    );
    assert!(waited.contains(&format!("{:032x}", 4)), "{waited}");
    engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn far_more_calls_than_at_the_code_state_before_are_reported_unasked() {
    let (engine, _folder) = open().await;
    let import = |trace: u64, calls: u64| {
        let at = trace as i64 * 1_000;
        let call = |call: u64| span(trace, 2 + call, 1, "SELECT vendor", (at + call as i64, at + call as i64 + 1));
        let mut spans = vec![span(trace, 1, 0, "POST /import", (at, at + 900))];
        spans.extend((0..calls).map(call));
        spans
    };
    for trace in 1..4 {
        send(&engine, "before-the-change", import(trace, 1)).await;
    }
    assert_eq!(explain(&engine, "POST /import").await.get("calls_changed"), None, "there is no code before");
    for trace in 4..6 {
        send(&engine, "after-the-change", import(trace, 500)).await;
    }
    let changed = &explain(&engine, "POST /import").await["calls_changed"];
    assert_eq!(
        changed[0]["text"],
        "POST /import calls SELECT vendor 500 times an execution; 1 time at code state before-the-c (3 executions)"
    );
    assert_eq!(
        (&changed[0]["after"]["per_execution"], &changed[0]["before"]["executions"]),
        (&json!(500.0), &json!(3))
    );
    engine.close().await.unwrap();
}
