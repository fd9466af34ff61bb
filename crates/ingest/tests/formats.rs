//! The formats against each other: what one says, the others say.

use std::sync::Arc;

use kino_ingest::{Decoded, Encoding, Format, Issues, Limits, Undecodable, decode_file, decoder, otlp};
use kino_model::batch::rows;
use kino_model::{
    Attributes, Event, Link, LogRecord, Resource, Scope, Span, SpanId, SpanKind, StatusCode, TraceId, UnixNanos, Value,
    thin_vec,
};
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
    assert_eq!(root.events[0].attributes, [("x".into(), Value::Double(2.0))]);
    assert_eq!((root.service(), root.resource.text("hostname")), ("shop", Some("h")));
    assert_eq!(child.parent_span_id, Some(root.span_id));
    assert_eq!((later.parent_span_id, later.links[0].span_id), (None, root.span_id));
}

#[test]
fn times_out_of_range_are_counted_in_every_record() {
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

/// A span with `count` attributes, an event, a link, a resource and a scope with as many, and a log.
fn crowded(count: usize) -> (Span, LogRecord) {
    let attributes: Attributes = (0..count).map(|number| (format!("k{number:06}").into(), Value::from("v"))).collect();
    let event = Event { attributes: attributes.clone(), dropped_attributes_count: 1, ..Event::default() };
    let link =
        Link { trace_id: TraceId([1; 16]), span_id: SpanId([2; 8]), attributes: attributes.clone(), ..Link::default() };
    let resource = Arc::new(Resource { attributes: attributes.clone(), ..Resource::default() });
    let scope = Arc::new(Scope { attributes: attributes.clone(), ..Scope::default() });
    let span = Span {
        trace_id: TraceId([3; 16]),
        span_id: SpanId([4; 8]),
        start: UnixNanos(1_760_000_000_000_000_000),
        attributes,
        events: thin_vec![event.clone()],
        links: thin_vec![link],
        resource: Arc::clone(&resource),
        scope: Arc::clone(&scope),
        ..Span::default()
    };
    (span, LogRecord { event, resource, scope, ..LogRecord::default() })
}

#[test]
fn attributes_past_the_limit_are_left_out_counted_and_said_in_the_record() {
    let limits = Limits { attributes_max: 10, ..Limits::default() };
    let (span, log) = crowded(13);
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        let body = otlp::encode_traces(std::slice::from_ref(&span), encoding);
        let decoded = otlp::decode_traces(&body, encoding, &limits).unwrap();
        assert_eq!(decoded.issues.counts["attributes_cut"], 5 * 3, "{encoding:?}");
        let read = rows::spans(&decoded.batch).remove(0);
        assert_eq!((read.attributes.as_slice(), read.dropped_attributes_count), (&span.attributes[..10], 3));
        let (event, link) = (&read.events[0], &read.links[0]);
        assert_eq!((event.attributes.len(), event.dropped_attributes_count), (10, 1 + 3), "{encoding:?}");
        assert_eq!((link.attributes.len(), link.dropped_attributes_count), (10, 3), "{encoding:?}");
        assert_eq!((read.resource.attributes.len(), read.resource.dropped_attributes_count), (10, 3), "{encoding:?}");
        assert_eq!((read.scope.attributes.len(), read.scope.dropped_attributes_count), (10, 3), "{encoding:?}");

        let body = otlp::encode_logs(std::slice::from_ref(&log), encoding);
        let decoded = otlp::decode_logs(&body, encoding, &limits).unwrap();
        assert_eq!(decoded.issues.counts["attributes_cut"], 3 * 3, "{encoding:?}");
        let event = &rows::logs(&decoded.batch)[0].event;
        assert_eq!((event.attributes.len(), event.dropped_attributes_count), (10, 1 + 3), "{encoding:?}");
    }
}

#[test]
fn a_resource_remembered_under_one_limit_is_cut_under_a_lower_one() {
    let (span, _) = crowded(13);
    let body = otlp::encode_traces(std::slice::from_ref(&span), Encoding::Protobuf);
    for (attributes_max, remaining) in [(100, 13), (10, 10), (100, 13)] {
        let limits = Limits { attributes_max, ..Limits::default() };
        let decoded = otlp::decode_traces(&body, Encoding::Protobuf, &limits).unwrap();
        assert_eq!(rows::spans(&decoded.batch)[0].resource.attributes.len(), remaining);
    }
}

#[test]
fn as_many_attributes_as_any_instrumentation_sends_stay() {
    // What OpenInference sets as the limit of its spans.
    let (span, _) = crowded(10_000);
    let body = otlp::encode_traces(std::slice::from_ref(&span), Encoding::Protobuf);
    let decoded = otlp::decode_traces(&body, Encoding::Protobuf, &Limits::default()).unwrap();
    assert!(decoded.issues.is_empty(), "{:?}", decoded.issues);
    assert_eq!(rows::spans(&decoded.batch)[0].attributes.len(), 10_000);
}

#[test]
fn ids_that_are_none_are_described_as_they_were_sent() {
    let json = |trace: &str, span: &str| {
        format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"{trace}","spanId":"{span}"}}]}}]}}]}}"#)
    };
    let jaeger = |trace: &str, span: &str| {
        format!(r#"{{"data":[{{"spans":[{{"traceID":"{trace}","spanID":"{span}"}}],"processes":{{}}}}]}}"#)
    };
    let (trace, span) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    for (body, said) in [
        (json(&trace[1..], span), "invalid_trace_id: it has 31 characters instead of 32 hex digits, of span \"\""),
        (json(span, span), "invalid_trace_id: it has 16 characters instead of 32 hex digits, of span \"\""),
        (
            json("CvdlGRbNQ92ESOshHIAxnA==", span),
            "invalid_trace_id: it has 24 characters instead of 32 hex digits, of span \"\"",
        ),
        (
            json(&trace.replace('0', "x"), span),
            "invalid_trace_id: it has characters other than hexadecimal digits, of span \"\"",
        ),
        (json("", span), "invalid_trace_id: it is missing, of span \"\""),
        (json(trace, "0000000000000000"), "invalid_span_id: it is all zeros, of span \"\""),
        (json(trace, "b7ad"), "invalid_span_id: it has 4 characters instead of 16 hex digits, of span \"\""),
        (
            jaeger(&format!("{trace}0"), span),
            "invalid_trace_id: it has 33 characters instead of 32 hex digits, of span \"\"",
        ),
        (jaeger(trace, "b7xd"), "invalid_span_id: it has characters other than hexadecimal digits, of span \"\""),
    ] {
        let (_, decoded) = decode_file(body.as_bytes(), &Limits::default()).unwrap();
        assert_eq!((decoded.spans, decoded.rejected_spans), (0, 1), "{body}");
        assert_eq!(decoded.issues.examples, [said], "{body}");
    }
    let mut bad = shop_spans(1).remove(0);
    bad.span_id = SpanId([0; 8]);
    bad.name = "checkout".into();
    let body = otlp::encode_traces(&[bad], Encoding::Protobuf);
    let decoded = otlp::decode_traces(&body, Encoding::Protobuf, &Limits::default()).unwrap();
    assert_eq!(decoded.issues.examples, ["invalid_span_id: it is all zeros, of span \"checkout\""]);
}

#[test]
fn lists_do_not_pass_for_the_objects_that_otlp_json_is_made_of() {
    let span = r#"{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331"}"#;
    let whole = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}"#);
    let decode = |body: &str| otlp::decode_traces(body.as_bytes(), Encoding::Json, &Limits::default());
    assert_eq!(decode(&whole).unwrap().spans, 1);
    assert_eq!(decode("{}").unwrap().spans, 0);
    for body in [
        "[]".to_owned(),
        "[[]]".to_owned(),
        "null".to_owned(),
        "1".to_owned(),
        r#""{}""#.to_owned(),
        format!("[{whole}]"),
        r#"{"resourceSpans":[[]]}"#.to_owned(),
        r#"{"resourceSpans":[{"resource":[],"scopeSpans":[]}]}"#.to_owned(),
        r#"{"resourceSpans":[{"scopeSpans":[[]]}]}"#.to_owned(),
        r#"{"resourceSpans":[{"scopeSpans":[{"scope":[]}]}]}"#.to_owned(),
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":[["0af7651916cd43dd8448eb211c80319c"]]}]}]}"#.to_owned(),
        whole.replace("\"}]", "\",\"status\":[]}]"),
        whole.replace("\"}]", "\",\"events\":[[]]}]"),
        whole.replace("\"}]", "\",\"links\":[[]]}]"),
    ] {
        let refused = decode(&body).map(|decoded| decoded.spans).unwrap_err();
        assert!(refused.to_string().contains("expected an object"), "{body}: {refused}");
    }
    for body in ["[]", "1", "null"] {
        assert!(otlp::decode_logs(body.as_bytes(), Encoding::Json, &Limits::default()).is_err(), "{body}");
        assert!(otlp::count_metrics(body.as_bytes(), Encoding::Json, &Limits::default()).is_err(), "{body}");
    }
    let points = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"sum":{"dataPoints":[{},{}]}}]}]}]}"#;
    assert_eq!(otlp::count_metrics(points.as_bytes(), Encoding::Json, &Limits::default()), Ok(2));
}

/// What a decoder gives of a text that is fed in pieces that end at these places.
fn in_pieces(text: &[u8], cuts: &[usize]) -> Result<(Format, Vec<Span>, u64, Issues), Undecodable> {
    let mut decoder = decoder(&text[..8], &Limits::default());
    let (mut spans, mut issues, mut rejected) = (Vec::new(), Issues::default(), 0);
    let mut add = |decoded: Decoded| {
        spans.extend(rows::spans(&decoded.batch));
        issues.merge(decoded.issues);
        rejected += decoded.rejected_spans;
    };
    let mut from = 0;
    for cut in cuts {
        let cut = (*cut).clamp(from, text.len());
        decoder.feed(&text[from..cut]);
        add(decoder.take());
        from = cut;
    }
    let (format, decoded) = decoder.finish(&text[from..])?;
    add(decoded);
    Ok((format, spans, rejected, issues))
}

proptest! {
    #[test]
    fn an_input_in_pieces_gives_the_same_as_the_whole(
        mut cuts in proptest::collection::vec(0usize..6_000, 0..6),
        form in 0u8..8,
    ) {
        let spans = shop_spans(3);
        let json = |spans: &[Span]| otlp::encode_traces(spans, Encoding::Json);
        let lines = [json(&spans[..3]), b"{\"resourceSpans\": oops}".to_vec(), Vec::new(), json(&spans[3..])].join(&b'\n');
        let text = match form {
            0 => json(&spans),
            1 => lines,
            2 => [b"\xef\xbb\xbf  \n".to_vec(), lines].concat(),
            3 => [b"{\"a\": oops}\n".to_vec(), lines].concat(),
            5 => [b" \n\n".to_vec(), json(&spans)].concat(),
            4 => String::from_utf8(json(&spans)).unwrap().replace("},{", "},\n{").into_bytes(),
            6 => br#"[{"traceId":"a","id":"1","timestamp":1760000000000000},
                {"traceId":"a","id":"2","parentId":"1","timestamp":1760000000000001,"tags":{"k":"v"}}]"#.to_vec(),
            _ => otlp::encode_traces(&spans, Encoding::Protobuf),
        };
        cuts.sort_unstable();
        let (format, whole) = decode_file(&text, &Limits::default()).unwrap();
        let pieces = in_pieces(&text, &cuts).unwrap();
        prop_assert_eq!(pieces, (format, rows::spans(&whole.batch), whole.rejected_spans, whole.issues));
    }
}
