//! The columnar walk against the way over rows, on what a shop sends and on what damage makes of it.

use kino_model::exact::protobuf::{put_bytes_field, put_message_field, put_varint_field};
use kino_model::{Attributes, Span, Text, UnixNanos, Value};
use kino_testkit::Shop;
use proptest::prelude::*;

use super::{logs, rowwise, traces};
use crate::{Decoded, Limits, Undecodable};

/// The same counts and rows, or refusals on both sides. Which of several faults is named may differ, since events
/// are walked later than by rows.
#[track_caller]
fn check(columnar: Result<Decoded, Undecodable>, by_rows: Result<Decoded, Undecodable>) {
    match (columnar, by_rows) {
        (Ok(columnar), Ok(by_rows)) => {
            let counts = |decoded: &Decoded| {
                (decoded.spans, decoded.logs, decoded.rejected_spans, decoded.issues.counts.clone())
            };
            assert_eq!(counts(&columnar), counts(&by_rows));
            assert_eq!(columnar.batch, by_rows.batch);
        }
        (columnar, by_rows) => assert_eq!(columnar.is_err(), by_rows.is_err(), "{columnar:?} against {by_rows:?}"),
    }
}

fn check_body(body: &[u8]) {
    // Limits that what is real stays within, and some at which it is cut.
    let usual = Limits { now: UnixNanos(1_760_000_000_000_000_000), ..Limits::default() };
    for limits in
        [usual.clone(), Limits { value_bytes_max: 12, ..usual.clone() }, Limits { attributes_max: 2, ..usual }]
    {
        check(traces(body, &limits), rowwise::traces(body, &limits));
        check(logs(body, &limits), rowwise::logs(body, &limits));
    }
}

fn shop(seed: u64) -> Vec<Span> {
    let mut shop = Shop::new(seed, UnixNanos(1_760_000_000_000_000_000));
    (0..4).flat_map(|_| shop.next_trace()).collect()
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Empty),
        "[a-zé]{0,20}".prop_map(Value::from),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<f64>().prop_filter("NaN equals nothing", |value| !value.is_nan()).prop_map(Value::Double),
        proptest::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| Value::Bytes(bytes.into())),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|members| Value::Array(members.into())),
            proptest::collection::vec(("[a-c]", inner), 0..4).prop_map(|members| Value::Map(named(members))),
        ]
    })
}

fn named<K: Into<Text>>(values: Vec<(K, Value)>) -> Attributes {
    values.into_iter().map(|(key, value)| (key.into(), value)).collect()
}

fn attributes() -> impl Strategy<Value = Attributes> {
    const KEYS: [&str; 9] =
        ["http.method", "http.request.method", "http.status_code", "cache.hit", "db.statement", "a", "b", "é", ""];
    proptest::collection::vec((proptest::sample::select(&KEYS[..]), value()), 0..8).prop_map(named)
}

/// A value as several fields of one message: the last wins, lists are joined.
fn layered(texts: &[Vec<u8>]) -> Vec<u8> {
    let mut body = Vec::new();
    put_message_field(&mut body, 1, |body| {
        put_message_field(body, 2, |body| {
            put_message_field(body, 2, |span| {
                put_bytes_field(span, 1, &[7; 16]);
                put_bytes_field(span, 2, &[8; 8]);
                put_message_field(span, 9, |attribute| {
                    for (index, text) in texts.iter().enumerate() {
                        put_bytes_field(attribute, 1, text);
                        put_message_field(attribute, 2, |value| match index % 4 {
                            0 | 1 => put_message_field(value, 5, |list| {
                                put_message_field(list, 1, |member| put_bytes_field(member, 1, text));
                            }),
                            2 => put_bytes_field(value, 1, text),
                            _ => put_varint_field(value, 3, index as u64),
                        });
                    }
                });
                put_bytes_field(span, 5, texts.first().map(Vec::as_slice).unwrap_or_default());
                put_bytes_field(span, 5, texts.last().map(Vec::as_slice).unwrap_or_default());
            });
        });
    });
    body
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn whole_requests_give_the_same_columns(seed in any::<u64>(), own in attributes(), others in attributes()) {
        let mut spans = shop(seed);
        let last = spans.len() - 1;
        for event in &mut spans[last / 2].events {
            event.attributes.clone_from(&others);
        }
        spans[last / 2].attributes = own.clone();
        spans[last].attributes = others;
        std::sync::Arc::make_mut(&mut spans[last].resource).attributes = own;
        check_body(&kino_testkit::otlp::traces_request(&spans));
    }

    #[test]
    fn damaged_requests_give_the_same_columns(
        seed in 0..50u64,
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::of(any::<proptest::sample::Index>()),
    ) {
        let mut body = kino_testkit::otlp::traces_request(&shop(seed));
        for (at, byte) in damage {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len()));
        }
        check_body(&body);
    }

    #[test]
    fn repeated_fields_give_the_same_columns(
        texts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..6), 0..6),
    ) {
        check_body(&layered(&texts));
    }
}
