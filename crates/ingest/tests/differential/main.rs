//! Our decoder of OTLP against prost's: what one reads, the other reads; what one refuses, the other refuses.
//!
//! The messages of [`messages`] were declared by hand for this test. Where the two may differ:
//!
//! | | prost | ours |
//! |---|---|---|
//! | groups among unknown fields | passed over | refused: OTLP never had any |
//! | nesting | refuses a body nested deeper than 100 messages | keeps values nested 64 deep, empties deeper ones |
//! | text that is no UTF-8 | refused, were it declared as text | replaced by U+FFFD and named |
//!
//! Whatever the judge mends or refuses (ids of a wrong length, an end before its start, …) is worked out a second time
//! in [`expected`].

mod expected;
mod generate;
mod messages;
mod mutate;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use kino_ingest::{Encoding, Limits, Undecodable, otlp};
use kino_model::batch::{conform, rows};
use kino_model::columns::Table;
use kino_model::{Attributes, Batch, LogRecord, Resource, Scope, Span, UnixNanos};
use kino_testkit::{Random, Shop};
use proptest::prelude::*;
use prost::Message;

use messages::{LogsRequest, TracesRequest};
use mutate::Signal;

/// What both decoders made of a body; `None` when both refused it.
type Read<T> = Option<(T, T)>;

fn traces(body: &[u8]) -> Read<(Vec<Span>, u64)> {
    let ours = otlp::decode_traces(body, Encoding::Protobuf, &Limits::default()).map(|decoded| {
        let spans = rows::spans(&decoded.batch);
        assert_eq!(spans.len() as u64, decoded.spans);
        (comparable_spans(spans), decoded.rejected_spans)
    });
    let theirs = TracesRequest::decode(body).map(|request| {
        let (spans, rejected) = expected::spans(&request);
        (comparable_spans(spans), rejected)
    });
    settle(ours, theirs)
}

fn logs(body: &[u8]) -> Read<Vec<LogRecord>> {
    let ours = otlp::decode_logs(body, Encoding::Protobuf, &Limits::default()).map(|decoded| {
        let logs = rows::logs(&decoded.batch);
        assert_eq!((logs.len() as u64, decoded.rejected_logs), (decoded.logs, 0));
        comparable_logs(logs)
    });
    let theirs = LogsRequest::decode(body).map(|request| comparable_logs(expected::logs(&request)));
    settle(ours, theirs)
}

/// Both, or neither, or one of the documented differences.
fn settle<T>(ours: Result<T, Undecodable>, theirs: Result<T, prost::DecodeError>) -> Read<T> {
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => Some((ours, theirs)),
        (Err(_), Err(_)) => None,
        (Err(ours), Ok(_)) => {
            assert!(ours.problem.contains("a group"), "only we refuse: {ours}");
            None
        }
        (Ok(_), Err(theirs)) => {
            let theirs = theirs.to_string();
            // Groups may be nested, too, but those we refuse.
            assert!(theirs.contains("recursion limit"), "only prost refuses: {theirs}");
            None
        }
    }
}

fn comparable_spans(mut spans: Vec<Span>) -> Vec<Span> {
    for span in &mut spans {
        comparable(&mut span.attributes);
        span.events.iter_mut().for_each(|event| comparable(&mut event.attributes));
        span.links.iter_mut().for_each(|link| comparable(&mut link.attributes));
        comparable_origin(&mut span.resource, &mut span.scope);
    }
    spans
}

fn comparable_logs(mut logs: Vec<LogRecord>) -> Vec<LogRecord> {
    for log in &mut logs {
        comparable(&mut log.event.attributes);
        expected::without_nan(&mut log.body);
        comparable_origin(&mut log.resource, &mut log.scope);
    }
    logs
}

fn comparable_origin(resource: &mut Arc<Resource>, scope: &mut Arc<Scope>) {
    comparable(&mut Arc::make_mut(resource).attributes);
    comparable(&mut Arc::make_mut(scope).attributes);
}

fn comparable(attributes: &mut Attributes) {
    for (_, value) in attributes {
        expected::without_nan(value);
    }
}

/// A batch as it comes back from the lake: every column there, labels as plain text.
fn from_lake(batch: &Batch) -> Batch {
    let [spans, events, links] = Table::ALL.map(|table| plain(&conform(batch.table(table), &table.schema())));
    Batch { spans, events, links }
}

fn plain(batch: &RecordBatch) -> RecordBatch {
    let text = |array: &ArrayRef| -> ArrayRef {
        match array.data_type() {
            DataType::Dictionary(..) => {
                let labels = array.as_dictionary::<Int32Type>();
                let texts = labels.downcast_dict::<StringArray>().expect("labels are texts");
                Arc::new(texts.into_iter().collect::<StringArray>())
            }
            _ => Arc::clone(array),
        }
    };
    let columns: Vec<ArrayRef> = batch.columns().iter().map(text).collect();
    let fields: Vec<Field> = std::iter::zip(batch.schema_ref().fields(), &columns)
        .map(|(field, column)| Field::new(field.name(), column.data_type().clone(), field.is_nullable()))
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("as many rows as before")
}

/// Export groups rows by sender, so their order among each other may change.
fn in_any_order<T: std::fmt::Debug>(mut rows: Vec<T>) -> Vec<T> {
    rows.sort_by_cached_key(|row| format!("{row:?}"));
    rows
}

proptest! {
    #[test]
    fn both_read_any_message_alike(request in generate::traces(), logs_request in generate::logs()) {
        let (ours, theirs) = traces(&request.encode_to_vec()).expect("a message");
        prop_assert_eq!(ours, theirs);
        let (ours, theirs) = logs(&logs_request.encode_to_vec()).expect("a message");
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn both_read_or_refuse_a_message_with_changed_fields(
        request in generate::traces(), logs_request in generate::logs(), seed in any::<u64>(), times in 1..6u64,
    ) {
        let mut random = Random::new(seed);
        let body = mutate::fields(&request.encode_to_vec(), Signal::Traces, times, &mut random);
        if let Some((ours, theirs)) = traces(&body) {
            prop_assert_eq!(ours, theirs);
        }
        let body = mutate::fields(&logs_request.encode_to_vec(), Signal::Logs, times, &mut random);
        if let Some((ours, theirs)) = logs(&body) {
            prop_assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn both_read_or_refuse_a_message_with_changed_bytes(
        request in generate::traces(), logs_request in generate::logs(), seed in any::<u64>(), times in 1..4u64,
    ) {
        let mut random = Random::new(seed);
        let mut body = request.encode_to_vec();
        mutate::bytes(&mut body, times, &mut random);
        if let Some((ours, theirs)) = traces(&body) {
            prop_assert_eq!(ours, theirs);
        }
        let mut body = logs_request.encode_to_vec();
        mutate::bytes(&mut body, times, &mut random);
        if let Some((ours, theirs)) = logs(&body) {
            prop_assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn export_says_what_was_sent(request in generate::traces(), logs_request in generate::logs()) {
        for encoding in [Encoding::Protobuf, Encoding::Json] {
            let decoded = otlp::decode_traces(&request.encode_to_vec(), Encoding::Protobuf, &Limits::default()).unwrap();
            let exported = otlp::encode_traces(&rows::spans(&from_lake(&decoded.batch)), encoding);
            let exported = as_protobuf_traces(exported, encoding);
            let exported = TracesRequest::decode(&*exported).expect("export writes messages");
            let (sent, _) = expected::spans(&request);
            let (exported, rejected) = expected::spans(&exported);
            prop_assert_eq!(rejected, 0);
            prop_assert_eq!(in_any_order(comparable_spans(exported)), in_any_order(comparable_spans(sent)));

            let body = logs_request.encode_to_vec();
            let decoded = otlp::decode_logs(&body, Encoding::Protobuf, &Limits::default()).unwrap();
            let exported = otlp::encode_logs(&rows::logs(&from_lake(&decoded.batch)), encoding);
            let exported = as_protobuf_logs(exported, encoding);
            let exported = LogsRequest::decode(&*exported).expect("export writes messages");
            prop_assert_eq!(
                in_any_order(comparable_logs(expected::logs(&exported))),
                in_any_order(comparable_logs(expected::logs(&logs_request)))
            );
        }
    }

    #[test]
    fn both_read_or_refuse_changed_traces_of_a_shop(seed in any::<u64>(), times in 0..4u64, blind in any::<bool>()) {
        let mut random = Random::new(seed);
        let mut shop = Shop::new(seed, UnixNanos(1_760_000_000_000_000_000));
        let mut body = kino_testkit::otlp::traces_request(&shop.next_trace());
        if blind {
            mutate::bytes(&mut body, times, &mut random);
        } else {
            body = mutate::fields(&body, Signal::Traces, times, &mut random);
        }
        if let Some((ours, theirs)) = traces(&body) {
            prop_assert_eq!(ours, theirs);
        }
    }
}

/// JSON has no second decoder here: it is read by ours and goes on as protobuf.
fn as_protobuf_traces(body: Vec<u8>, encoding: Encoding) -> Vec<u8> {
    if encoding == Encoding::Protobuf {
        return body;
    }
    let decoded = otlp::decode_traces(&body, encoding, &Limits::default()).expect("export writes JSON");
    otlp::encode_traces(&rows::spans(&decoded.batch), Encoding::Protobuf)
}

fn as_protobuf_logs(body: Vec<u8>, encoding: Encoding) -> Vec<u8> {
    if encoding == Encoding::Protobuf {
        return body;
    }
    let decoded = otlp::decode_logs(&body, encoding, &Limits::default()).expect("export writes JSON");
    otlp::encode_logs(&rows::logs(&decoded.batch), Encoding::Protobuf)
}

/// One span whose only attribute is an integer within `depth` lists.
fn nested(depth: usize) -> Vec<u8> {
    use messages::{AnyValue, ArrayValue, KeyValue, Kind, ResourceSpans, ScopeSpans};
    let innermost = AnyValue { kind: Some(Kind::Int(7)) };
    let value =
        (0..depth).fold(innermost, |inner, _| AnyValue { kind: Some(Kind::Array(ArrayValue { values: vec![inner] })) });
    let span = messages::Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        attributes: vec![KeyValue { key: b"deep".to_vec(), value: Some(value) }],
        ..messages::Span::default()
    };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    TracesRequest { resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }] }.encode_to_vec()
}

#[test]
fn values_as_deep_as_prost_reads_them_are_read_alike() {
    let mut deepest = 0;
    for depth in 0..64 {
        if let Some((ours, theirs)) = traces(&nested(depth)) {
            assert_eq!(ours, theirs);
            deepest = depth;
        }
    }
    assert!(deepest >= 40, "prost stops at {deepest}");
}

#[test]
fn an_enumeration_beyond_32_bits_is_cut_as_every_decoder_cuts_it() {
    use messages::{ResourceSpans, ScopeSpans};
    let span = messages::Span { trace_id: vec![1; 16], span_id: vec![2; 8], ..messages::Span::default() };
    let mut span = span.encode_to_vec();
    // kind: 2^32 + 2
    span.extend([0x30, 0x82, 0x80, 0x80, 0x80, 0x10]);
    let span = messages::Span::decode(&*span).expect("a span");
    assert_eq!(span.kind, 2);
    let mut scoped = ScopeSpans::default().encode_to_vec();
    let mut raw = messages::Span { kind: 0, ..span }.encode_to_vec();
    raw.extend([0x30, 0x82, 0x80, 0x80, 0x80, 0x10]);
    prost::encoding::bytes::encode(2, &raw, &mut scoped);
    let mut group = ResourceSpans::default().encode_to_vec();
    prost::encoding::bytes::encode(2, &scoped, &mut group);
    let mut body = Vec::new();
    prost::encoding::bytes::encode(1, &group, &mut body);
    let (ours, theirs) = traces(&body).expect("a message");
    assert_eq!(theirs.0[0].kind, kino_model::SpanKind::Server);
    assert_eq!(ours, theirs);
}
