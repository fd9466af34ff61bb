//! The formats against each other: what one says, the others say.

use kino_ingest::{Encoding, Format, Limits, decode_file, otlp};
use kino_model::batch::rows;
use kino_model::{Span, SpanKind, StatusCode, UnixNanos, Value};
use kino_testkit::Shop;
use proptest::prelude::*;

fn shop_spans(traces: usize) -> Vec<Span> {
    let mut shop = Shop::new(3, UnixNanos(1_760_000_000_000_000_000));
    let mut spans: Vec<Span> = (0..traces).flat_map(|_| shop.next_trace()).collect();
    for span in &mut spans {
        span.attributes.sort_by(|left, right| left.0.cmp(&right.0));
        for event in &mut span.events {
            event.attributes.sort_by(|left, right| left.0.cmp(&right.0));
        }
    }
    spans
}

fn sorted(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by_key(|span| (span.trace_id, span.start, span.span_id));
    spans
}

#[test]
fn what_an_independent_writer_sends_comes_in_as_it_is() {
    let spans = shop_spans(50);
    let body = kino_testkit::otlp::traces_request(&spans);
    let decoded = otlp::decode_traces(&body, Encoding::Protobuf, &Limits::default()).unwrap();
    assert!(decoded.issues.is_empty(), "{:?}", decoded.issues);
    assert_eq!(decoded.spans, spans.len() as u64);
    assert_eq!(sorted(rows::spans(&decoded.batch)), sorted(spans));
}

#[test]
fn export_gives_back_what_came_in_and_json_says_what_protobuf_says() {
    let spans = shop_spans(50);
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        let body = otlp::encode_traces(&spans, encoding);
        let decoded = otlp::decode_traces(&body, encoding, &Limits::default()).unwrap();
        assert_eq!(sorted(rows::spans(&decoded.batch)), sorted(spans.clone()), "{encoding:?}");
    }
}

#[test]
fn a_bad_span_costs_its_neighbours_nothing() {
    let mut spans = shop_spans(3);
    let all = spans.len() as u64;
    spans[0].span_id = kino_model::SpanId([0; 8]);
    spans[1].end = Some(UnixNanos(spans[1].start.0 - 5));
    let body = kino_testkit::otlp::traces_request(&spans);
    let decoded = otlp::decode_traces(&body, Encoding::Protobuf, &Limits::default()).unwrap();
    assert_eq!((decoded.spans, decoded.rejected_spans), (all - 1, 1));
    assert_eq!(decoded.issues.counts["invalid_span_id"], 1);
    assert_eq!(decoded.issues.counts["end_before_start"], 1);
}

#[test]
fn jaeger_json_comes_in_with_references_tags_and_logs() {
    let document = br#"{"data":[{"traceID":"abc","spans":[
        {"traceID":"abc","spanID":"1","operationName":"root","references":[],"startTime":1000,"duration":500,
         "tags":[{"key":"span.kind","type":"string","value":"server"},{"key":"n","type":"int64","value":7},
                 {"key":"error","type":"bool","value":true}],
         "logs":[{"timestamp":1200,"fields":[{"key":"event","type":"string","value":"boom"},{"key":"x","type":"float64","value":2}]}],
         "processID":"p1"},
        {"traceID":"abc","spanID":"2","operationName":"child","references":[{"refType":"CHILD_OF","traceID":"abc","spanID":"1"}],
         "startTime":1100,"duration":100,"tags":[],"processID":"p1"},
        {"traceID":"abc","spanID":"3","operationName":"later","references":[{"refType":"FOLLOWS_FROM","traceID":"abc","spanID":"1"}],
         "startTime":1500,"duration":100,"tags":[],"processID":"p1"}],
        "processes":{"p1":{"serviceName":"shop","tags":[{"key":"hostname","type":"string","value":"h"}]}}}]}"#;
    let (format, decoded) = decode_file(document, &Limits::default()).unwrap();
    assert_eq!(format, Format::JaegerJson);
    let spans = rows::spans(&decoded.batch);
    let [root, child, later] = spans.as_slice() else { panic!("{spans:?}") };
    assert_eq!(root.trace_id.to_string(), "00000000000000000000000000000abc");
    assert_eq!((root.start.0, root.end.unwrap().0), (1_000_000, 1_500_000));
    assert_eq!((root.kind, root.status.code), (SpanKind::Server, StatusCode::Error));
    assert_eq!(root.int("n"), Some(7));
    assert_eq!((root.events[0].name.as_str(), root.events[0].time.0), ("boom", 1_200_000));
    assert_eq!(root.events[0].attributes, [("x".to_owned(), Value::Double(2.0))]);
    assert_eq!((root.service(), root.resource.text("hostname")), ("shop", Some("h")));
    assert_eq!(child.parent_span_id, Some(root.span_id));
    assert_eq!((later.parent_span_id, later.links[0].span_id), (None, root.span_id));
}

#[test]
fn times_that_cannot_be_kept_are_named_wherever_they_stand() {
    let traces = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"000000000000000000000000000000aa",
        "spanId":"00000000000000aa","startTimeUnixNano":"1760000000000000000","endTimeUnixNano":"1760000000000000001",
        "events":[{"timeUnixNano":"18446744073709551615"},{"timeUnixNano":"5"}]}]}]}]}"#;
    let decoded = otlp::decode_traces(traces, Encoding::Json, &Limits::default()).unwrap();
    assert_eq!(decoded.issues.iter().collect::<Vec<_>>(), [("time_out_of_range", 1)]);
    let spans = rows::spans(&decoded.batch);
    assert_eq!(spans[0].events.iter().map(|event| event.time.0).collect::<Vec<_>>(), [i64::MAX, 5]);
    // As protobuf: fixed64 fields of a log record, its time and its observed time.
    let log = [&[0x09][..], &1_760_000_000_000_000_000u64.to_le_bytes(), &[0x59], &[0xff; 8]].concat();
    let nest = |field: u8, inner: &[u8]| [&[field << 3 | 2, inner.len() as u8][..], inner].concat();
    let body = nest(1, &nest(2, &nest(2, &log)));
    let decoded = otlp::decode_logs(&body, Encoding::Protobuf, &Limits::default()).unwrap();
    assert_eq!(decoded.issues.iter().collect::<Vec<_>>(), [("time_out_of_range", 1)]);
    let jaeger = br#"{"data":[{"traceID":"abc","spans":[{"traceID":"abc","spanID":"1","operationName":"root",
        "startTime":18446744073709551615,"duration":1,"logs":[{"timestamp":18446744073709551615,"fields":[]}],
        "processID":"p1"}],"processes":{"p1":{"serviceName":"shop"}}}]}"#;
    let (_, decoded) = decode_file(jaeger, &Limits::default()).unwrap();
    assert_eq!(decoded.issues.counts["time_out_of_range"], 3, "the start, the end, and the log");
}

#[test]
fn a_bad_line_costs_the_other_lines_nothing() {
    let spans = shop_spans(4);
    let mut text = otlp::encode_traces(&spans[..4], Encoding::Json);
    text.extend_from_slice(b"\n{\"resourceSpans\": oops}\n");
    text.extend(otlp::encode_traces(&spans[4..], Encoding::Json));
    let (format, decoded) = decode_file(&text, &Limits::default()).unwrap();
    assert_eq!(format, Format::OtlpJson);
    assert_eq!(decoded.spans, spans.len() as u64);
    assert_eq!(decoded.issues.counts["undecodable_line"], 1);
}

#[test]
fn what_is_no_trace_is_said_to_be_none() {
    for bytes in [&b""[..], b"hello", b"[1,2]", b"{\"a\":1}", b"{", &[0x0a, 0xff, 0xff]] {
        assert!(decode_file(bytes, &Limits::default()).is_err(), "{bytes:?}");
    }
}

proptest! {
    #[test]
    fn no_prefix_and_no_flipped_bit_makes_a_decoder_panic(cut in 0usize..4_000, flip in 0usize..4_000, bit in 0u8..8) {
        let spans = shop_spans(1);
        for encoding in [Encoding::Protobuf, Encoding::Json] {
            let whole = otlp::encode_traces(&spans, encoding);
            let prefix = &whole[..cut.min(whole.len())];
            drop(otlp::decode_traces(prefix, encoding, &Limits::default()));
            drop(otlp::decode_logs(prefix, encoding, &Limits::default()));
            drop(otlp::count_metrics(prefix, encoding, &Limits::default()));
            let mut damaged = whole.clone();
            let at = flip % damaged.len();
            damaged[at] ^= 1 << bit;
            drop(otlp::decode_traces(&damaged, encoding, &Limits::default()));
            drop(decode_file(&damaged, &Limits::default()));
        }
    }
}
