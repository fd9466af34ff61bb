//! Any message that a sender may send, odd ones included.

use kino_model::columns::Table;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::messages::{
    AnyValue, ArrayValue, Event, KeyValue, KeyValueList, Kind, Link, LogRecord, LogsRequest, Resource, ResourceLogs,
    ResourceSpans, Scope, ScopeLogs, ScopeSpans, Span, Status, TracesRequest,
};

pub(crate) fn traces() -> impl Strategy<Value = TracesRequest> {
    let scoped = (option(scope()), vec(span(), 0..4), text()).prop_map(|(scope, spans, schema_url)| ScopeSpans {
        scope,
        spans,
        schema_url,
    });
    let group = (option(resource()), vec(scoped, 0..3), text())
        .prop_map(|(resource, scope_spans, schema_url)| ResourceSpans { resource, scope_spans, schema_url });
    vec(group, 0..3).prop_map(|resource_spans| TracesRequest { resource_spans })
}

pub(crate) fn logs() -> impl Strategy<Value = LogsRequest> {
    let scoped = (option(scope()), vec(log(), 0..4), text()).prop_map(|(scope, log_records, schema_url)| ScopeLogs {
        scope,
        log_records,
        schema_url,
    });
    let group = (option(resource()), vec(scoped, 0..3), text())
        .prop_map(|(resource, scope_logs, schema_url)| ResourceLogs { resource, scope_logs, schema_url });
    vec(group, 0..3).prop_map(|resource_logs| LogsRequest { resource_logs })
}

fn span() -> impl Strategy<Value = Span> {
    let ids = (id(16), id(8), prop_oneof![Just(Vec::new()), id(8)]);
    let texts = (text(), text());
    let numbers = (kind(), time(), time(), count(), count(), count(), any::<u32>());
    let lists = (attributes(), vec(event(), 0..3), vec(link(), 0..3), option((text(), kind())));
    (ids, texts, numbers, lists).prop_map(|(ids, texts, numbers, lists)| Span {
        trace_id: ids.0,
        span_id: ids.1,
        parent_span_id: ids.2,
        trace_state: texts.0,
        name: texts.1,
        kind: numbers.0,
        start_time_unix_nano: numbers.1,
        end_time_unix_nano: numbers.2,
        dropped_attributes_count: numbers.3,
        dropped_events_count: numbers.4,
        dropped_links_count: numbers.5,
        flags: numbers.6,
        attributes: lists.0,
        events: lists.1,
        links: lists.2,
        status: lists.3.map(|(message, code)| Status { message, code }),
    })
}

fn event() -> impl Strategy<Value = Event> {
    (time(), text(), attributes(), count()).prop_map(|(time_unix_nano, name, attributes, dropped_attributes_count)| {
        Event { time_unix_nano, name, attributes, dropped_attributes_count }
    })
}

fn link() -> impl Strategy<Value = Link> {
    (id(16), id(8), text(), attributes(), count(), count()).prop_map(
        |(trace_id, span_id, trace_state, attributes, dropped_attributes_count, flags)| Link {
            trace_id,
            span_id,
            trace_state,
            attributes,
            dropped_attributes_count,
            flags,
        },
    )
}

fn log() -> impl Strategy<Value = LogRecord> {
    let numbers = (time(), time(), any::<i32>(), count(), any::<u32>());
    let ids = (prop_oneof![Just(Vec::new()), id(16)], prop_oneof![Just(Vec::new()), id(8)]);
    (numbers, ids, text(), text(), option(value()), attributes()).prop_map(
        |(numbers, ids, severity_text, event_name, body, attributes)| LogRecord {
            time_unix_nano: numbers.0,
            observed_time_unix_nano: numbers.1,
            severity_number: numbers.2,
            dropped_attributes_count: numbers.3,
            flags: numbers.4,
            trace_id: ids.0,
            span_id: ids.1,
            severity_text,
            event_name,
            body,
            attributes,
        },
    )
}

fn resource() -> impl Strategy<Value = Resource> {
    (attributes(), count())
        .prop_map(|(attributes, dropped_attributes_count)| Resource { attributes, dropped_attributes_count })
}

fn scope() -> impl Strategy<Value = Scope> {
    (text(), text(), attributes(), count()).prop_map(|(name, version, attributes, dropped_attributes_count)| Scope {
        name,
        version,
        attributes,
        dropped_attributes_count,
    })
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    vec(pair(value()), 0..5)
}

fn pair(value: impl Strategy<Value = AnyValue>) -> impl Strategy<Value = KeyValue> {
    (key(), option(value)).prop_map(|(key, value)| KeyValue { key, value })
}

/// Keys that have a column of their own, under every spelling, and keys that repeat.
fn key() -> impl Strategy<Value = Vec<u8>> {
    let spellings: Vec<Vec<u8>> = Table::ALL
        .iter()
        .flat_map(|table| table.columns())
        .flat_map(|column| column.spellings)
        .map(|spelling| spelling.as_bytes().to_vec())
        .collect();
    prop_oneof![4 => select(spellings), 2 => select(vec![b"a".to_vec(), b"b".to_vec()]), 1 => text()]
}

fn value() -> impl Strategy<Value = AnyValue> {
    let plain = prop_oneof![
        4 => text().prop_map(Kind::Text),
        1 => any::<bool>().prop_map(Kind::Bool),
        2 => any::<i64>().prop_map(Kind::Int),
        1 => prop_oneof![any::<f64>(), select(vec![f64::NAN, f64::INFINITY, -0.0, 0.1])].prop_map(Kind::Double),
        1 => vec(any::<u8>(), 0..8).prop_map(Kind::Bytes),
    ];
    let plain = option(plain).prop_map(|kind| AnyValue { kind });
    plain.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(|values| Kind::Array(ArrayValue { values })),
            vec(pair(inner), 0..3).prop_map(|values| Kind::Map(KeyValueList { values })),
        ]
        .prop_map(|kind| AnyValue { kind: Some(kind) })
    })
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        2 => Just(Vec::new()),
        6 => "[ -~]{1,12}".prop_map(String::into_bytes),
        2 => ".{1,6}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 1..6),
    ]
}

/// Mostly as long as it must be; few different ones, so that ids repeat.
fn id(length: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => (1..40u8).prop_map(move |byte| vec![byte; length]),
        8 => vec(any::<u8>(), length),
        1 => Just(vec![0; length]),
        1 => vec(any::<u8>(), 0..20),
    ]
}

fn time() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => 1_700_000_000_000_000_000..1_700_000_000_000_001_000u64,
        1 => Just(0),
        1 => any::<u64>(),
    ]
}

fn count() -> impl Strategy<Value = u32> {
    prop_oneof![4 => Just(0), 1 => any::<u32>()]
}

fn kind() -> impl Strategy<Value = i32> {
    prop_oneof![8 => 0..7i32, 1 => any::<i32>()]
}

fn option<T: std::fmt::Debug>(of: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    proptest::option::weighted(0.9, of)
}
