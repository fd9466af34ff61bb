//! Nesting without end in one value costs that value alone, and says so.

use kino_ingest::otlp::{decode_logs, decode_traces, encode_traces};
use kino_ingest::{Encoding, Limits, decode_file};
use kino_model::attribute::MAX_VALUE_DEPTH;
use kino_model::batch::rows;
use kino_model::{Span, SpanId, TraceId, UnixNanos, Value};

fn nested(depth: usize) -> String {
    let (open, close) = (r#"{"arrayValue":{"values":["#, "]}}");
    format!("{}{{\"intValue\":\"1\"}}{}", open.repeat(depth), close.repeat(depth))
}

fn body(depth: usize) -> String {
    let span = |id: u8, value: &str| {
        format!(
            r#"{{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b1{id:02}","name":"n",
            "startTimeUnixNano":"1700000000000000000","endTimeUnixNano":1700000000000000001,
            "attributes":[{{"key":"k","value":{value}}}]}}"#
        )
    };
    let spans = [span(11, &nested(depth)), span(22, r#"{"stringValue":"fine"}"#)].join(",");
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#)
}

#[test]
fn a_bottomless_value_costs_nothing_but_itself() {
    let decoded = decode_traces(body(10_000).as_bytes(), Encoding::Json, &Limits::default()).unwrap();
    assert_eq!((decoded.spans, decoded.rejected_spans), (2, 0));
    assert_eq!(decoded.issues.counts.get("value_too_deep"), Some(&1));
    let spans = rows::spans(&decoded.batch);
    assert_eq!(spans[1].attributes, [("k".into(), Value::from("fine"))]);
}

#[test]
fn a_file_with_a_bottomless_value_is_still_recognised() {
    let (_, decoded) = decode_file(body(10_000).as_bytes(), &Limits::default()).unwrap();
    assert_eq!(decoded.spans, 2);
}

#[test]
fn the_deepest_value_allowed_passes_through_json_both_ways() {
    let decoded = decode_traces(body(MAX_VALUE_DEPTH).as_bytes(), Encoding::Json, &Limits::default()).unwrap();
    assert!(decoded.issues.is_empty());
    let spans = rows::spans(&decoded.batch);
    let again = encode_traces(&spans, Encoding::Json);
    let again = decode_traces(&again, Encoding::Json, &Limits::default()).unwrap();
    assert_eq!(rows::spans(&again.batch), spans);
}

#[test]
fn nesting_in_unknown_and_wrong_places_is_passed_over() {
    let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
    let body = format!(
        r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"timeUnixNano":{open}{close},"unheardOf":{open}{close},
        "body":{{"stringValue":"plain"}}}}]}}]}}]}}"#
    );
    let decoded = decode_logs(body.as_bytes(), Encoding::Json, &Limits::default()).unwrap();
    assert_eq!(rows::logs(&decoded.batch)[0].body, Value::from("plain"));
    assert_eq!(decoded.issues.counts.get("invalid_time"), Some(&1));
}

#[test]
fn what_follows_the_document_is_refused() {
    let span = Span {
        trace_id: TraceId([1; 16]),
        span_id: SpanId([2; 8]),
        start: UnixNanos(1_700_000_000_000_000_000),
        ..Span::default()
    };
    let mut body = encode_traces(&[span], Encoding::Json);
    body.extend_from_slice(b" {}");
    assert!(decode_traces(&body, Encoding::Json, &Limits::default()).is_err());
}
