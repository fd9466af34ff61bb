//! What the targets hold true of every decoder, whatever the bytes.

use kino_ingest::otlp::{decode_logs, decode_traces, encode_logs, encode_traces};
use kino_ingest::{Decoded, Encoding, Limits};
use kino_model::batch::rows;
use kino_model::{Attributes, Value};

/// Counts agree with rows; rows that are written and read again are the same rows.
pub fn check(decoded: &Decoded) {
    let (spans, logs) = (rows::spans(&decoded.batch), rows::logs(&decoded.batch));
    assert_eq!(spans.len() as u64, decoded.spans);
    assert_eq!(logs.len() as u64, decoded.logs);
    let comparable = spans.iter().all(|span| {
        // NaN is equal to nothing, and an end at the epoch cannot be told from none.
        span.end.is_none_or(|end| end.0 != 0)
            && !nan(&span.attributes)
            && !nan(&span.resource.attributes)
            && !nan(&span.scope.attributes)
            && !span.events.iter().any(|event| nan(&event.attributes))
            && !span.links.iter().any(|link| nan(&link.attributes))
    });
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        let bytes = encode_traces(&spans, encoding);
        let again = decode_traces(&bytes, encoding, &Limits::default()).expect("what was written reads back");
        assert_eq!((again.spans, again.rejected_spans), (decoded.spans, 0));
        if comparable && unique(&spans) && encoding == Encoding::Protobuf {
            let mut read = rows::spans(&again.batch);
            let mut spans = spans.clone();
            read.sort_by_key(|span| (span.trace_id, span.span_id));
            spans.sort_by_key(|span| (span.trace_id, span.span_id));
            assert_eq!(read, spans);
        }
        let bytes = encode_logs(&logs, encoding);
        let again = decode_logs(&bytes, encoding, &Limits::default()).expect("what was written reads back");
        assert_eq!((again.logs, again.rejected_logs), (decoded.logs, 0));
    }
}

/// Spans that share their ids share their events; which of them came with which cannot be told.
fn unique(spans: &[kino_model::Span]) -> bool {
    let mut ids: Vec<_> = spans.iter().map(|span| (span.trace_id, span.span_id)).collect();
    ids.sort_unstable();
    ids.windows(2).all(|pair| pair[0] != pair[1])
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
