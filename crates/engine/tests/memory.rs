//! What questions may take of memory, and how much an answer carries.

#![expect(clippy::unwrap_used, reason = "a test fails where its helpers do")]

use std::sync::Arc;

use kino_engine::{Encoding, Engine, EngineConfig, Signal};
use kino_model::UnixNanos;
use kino_testkit::TestClock;
use kino_wire::{Backend, ProblemKind};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

const NOW: i64 = 1_790_000_000_000_000_000;
/// Spans sent at once.
const SENT_AT_ONCE: u64 = 10_000;

async fn open(question_bytes_max: u64) -> (Engine, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut config = EngineConfig::new(folder.path());
    config.limits.question_bytes_max = question_bytes_max;
    let clock = Arc::new(TestClock::at(UnixNanos(NOW)));
    let (engine, _) = Engine::open(config, "0.0.1-test", clock).await.unwrap();
    (engine, folder)
}

/// A root with calls one after another, each of another length, and pauses between.
async fn send(engine: &Engine, trace: u8, calls: u64) -> String {
    let trace_id = format!("{trace:032x}");
    let at = |nanos: u64| (NOW as u64 - 1_000_000_000_000 + nanos).to_string();
    let whole = (calls + 1) * 100_000;
    let span = |number: u64| {
        let (start, end) = if number == 0 { (0, whole) } else { (number * 100_000, number * 100_000 + 1_000 + number) };
        let mut span = json!({
            "traceId": trace_id, "spanId": format!("{:016x}", number + 1), "name": "call", "kind": 3,
            "startTimeUnixNano": at(start), "endTimeUnixNano": at(end),
        });
        if number > 0 {
            span["parentSpanId"] = json!(format!("{:016x}", 1));
        }
        span
    };
    for from in (0..=calls).step_by(SENT_AT_ONCE as usize) {
        let spans: Vec<Json> = (from..=calls.min(from + SENT_AT_ONCE - 1)).map(span).collect();
        let body = json!({ "resourceSpans": [{ "resource": {}, "scopeSpans": [{ "spans": spans }] }] });
        engine.ingest(Signal::Traces, body.to_string().into(), Encoding::Json).await.unwrap();
    }
    trace_id
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_carries_the_longest_segments_and_pages_have_all_of_them() {
    let (engine, _folder) = open(1 << 30).await;
    let id = send(&engine, 1, 1_000).await;
    let overview = engine.ask_json("explain_trace", json!({ "trace_id": id })).await.unwrap();
    assert_eq!(overview["schema"], "kino.explain.v2");
    let shown = overview["critical_path"].as_array().unwrap();
    assert_eq!((shown.len(), &overview["path"]["segments"]), (500, &json!(2_001)));
    assert_eq!(overview["left_out"]["path_segments"], 1_501);
    let start = |segment: &Json| segment["start_unix_nanos"].as_i64().unwrap();
    let length = |segment: &Json| segment["end_unix_nanos"].as_i64().unwrap() - start(segment);
    assert!(shown.is_sorted_by_key(start));

    let mut all: Vec<Json> = Vec::new();
    let mut offset = json!(0);
    while !offset.is_null() {
        let question = json!({ "trace_id": id, "list": "critical_path", "offset": offset, "limit": 300 });
        let mut page = engine.ask_json("explain_trace", question).await.unwrap();
        assert!(page["breakdown"].as_array().unwrap().is_empty());
        all.append(page["critical_path"].as_array_mut().unwrap());
        offset = page["next_offset"].clone();
    }
    assert_eq!(all.len(), 2_001);
    assert!(all.windows(2).all(|pair| pair[0]["end_unix_nanos"] == pair[1]["start_unix_nanos"]), "gaps");
    let shortest_shown = shown.iter().map(length).min().unwrap();
    assert!(all.iter().filter(|segment| length(segment) > shortest_shown).count() < 500);
    let too_many = json!({ "trace_id": id, "list": "findings", "limit": 10_001 });
    assert_eq!(engine.ask_json("explain_trace", too_many).await.unwrap_err().kind, ProblemKind::Invalid);
    engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_takes_too_much_memory_is_refused_and_others_are_answered() {
    let (engine, _folder) = open(16 << 20).await;
    let (large, small) = (send(&engine, 1, 60_000).await, send(&engine, 2, 10).await);
    for asked in [json!({ "trace_id": large }), json!({ "trace_id": large, "list": "findings" })] {
        let problem = engine.ask_json("explain_trace", asked).await.unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Unavailable);
        assert!(problem.message.contains("limits.question_bytes_max"), "{problem}");
    }
    // What the refused ones had taken is free again, as often as one asks.
    for _ in 0..20 {
        let answer = engine.ask_json("explain_trace", json!({ "trace_id": small })).await.unwrap();
        assert_eq!(answer["spans"], 11);
    }
    engine.close().await.unwrap();
}
