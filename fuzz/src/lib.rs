//! What the targets hold true of every decoder, whatever the bytes.

use std::fmt::Debug;

use kino_ingest::otlp::{decode_logs, decode_traces, encode_logs, encode_traces};
use kino_ingest::{Decoded, Encoding, Limits};
use kino_model::batch::{conform, rows};
use kino_model::columns::Table;
use kino_model::{Attributes, Batch, LogRecord, Resource, Scope, Span, Value};

/// Counts agree with rows; the full columns say what the sparse ones say; rows that are written and read again are the
/// same rows, in either encoding.
pub fn check(decoded: &Decoded) {
    let (spans, logs) = (rows::spans(&decoded.batch), rows::logs(&decoded.batch));
    assert_eq!(spans.len() as u64, decoded.spans);
    assert_eq!(logs.len() as u64, decoded.logs);
    // NaN is equal to nothing.
    let spans_compare = !spans.iter().any(span_nan) && unique(&spans);
    let logs_compare = !logs.iter().any(log_nan);
    let [full_spans, events, links] = Table::ALL.map(|table| conform(decoded.batch.table(table), &table.schema()));
    let full = Batch { spans: full_spans, events, links };
    if spans_compare {
        assert_eq!(rows::spans(&full), spans);
    }
    if logs_compare {
        assert_eq!(rows::logs(&full), logs);
    }
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        let bytes = encode_traces(&spans, encoding);
        let again = decode_traces(&bytes, encoding, &Limits::default()).expect("what was written reads back");
        assert_eq!((again.spans, again.rejected_spans), (decoded.spans, 0));
        if spans_compare {
            same(rows::spans(&again.batch), &spans);
        }
        let bytes = encode_logs(&logs, encoding);
        let again = decode_logs(&bytes, encoding, &Limits::default()).expect("what was written reads back");
        assert_eq!((again.logs, again.rejected_logs), (decoded.logs, 0));
        if logs_compare {
            same(rows::logs(&again.batch), &logs);
        }
    }
}

/// The same rows; writing groups them by their sender, so that their order may change.
fn same<T: Clone + Debug + PartialEq>(mut read: Vec<T>, written: &[T]) {
    if read == written {
        return;
    }
    let mut written = written.to_vec();
    for rows in [&mut read, &mut written] {
        rows.sort_by_cached_key(|row| format!("{row:?}"));
    }
    assert_eq!(read, written);
}

/// Spans that share their ids share their events; which of them came with which is unknown.
fn unique(spans: &[Span]) -> bool {
    let mut ids: Vec<_> = spans.iter().map(|span| (span.trace_id, span.span_id)).collect();
    ids.sort_unstable();
    ids.windows(2).all(|pair| pair[0] != pair[1])
}

fn span_nan(span: &Span) -> bool {
    nan(&span.attributes)
        || origin_nan(&span.resource, &span.scope)
        || span.events.iter().any(|event| nan(&event.attributes))
        || span.links.iter().any(|link| nan(&link.attributes))
}

fn log_nan(log: &LogRecord) -> bool {
    nan(&log.event.attributes) || value_nan(&log.body) || origin_nan(&log.resource, &log.scope)
}

fn origin_nan(resource: &Resource, scope: &Scope) -> bool {
    nan(&resource.attributes) || nan(&scope.attributes)
}

fn nan(attributes: &Attributes) -> bool {
    attributes.iter().any(|(_, value)| value_nan(value))
}

fn value_nan(value: &Value) -> bool {
    match value {
        Value::Double(value) => value.is_nan(),
        Value::Array(members) => members.iter().any(value_nan),
        Value::Map(members) => nan(members),
        _ => false,
    }
}
