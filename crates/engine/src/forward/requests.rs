//! Rows of the log as requests of OTLP.

use std::ops::Range;

use arrow_array::RecordBatch;
use kino_ingest::{Encoding, otlp};
use kino_model::batch::rows;
use kino_model::{Batch, LogRecord, Span};
use kino_store::{LogPiece, LoggedBatch};

use crate::ingest::Signal;

/// Bytes of a request's body, at most: receivers take a few mebibytes, the Collector 20.
pub(super) const REQUEST_BYTES_MAX: usize = 2 << 20;
/// Spans or log records of one request, at most: what OpenTelemetry's own batches have as a limit, four times.
const RECORDS_MAX: usize = 2_048;
/// Rows of a table that are made into records at once, which bounds memory.
const ROWS_AT_ONCE: usize = 8_192;

/// An `ExportTraceServiceRequest` or `ExportLogsServiceRequest` in protobuf.
pub(super) struct ForwardRequest {
    pub(super) signal: Signal,
    pub(super) body: Vec<u8>,
    /// Spans or log records in it.
    pub(super) records: u64,
}

/// The requests that a piece of the log makes.
#[derive(Default)]
pub(super) struct Requests {
    pub(super) requests: Vec<ForwardRequest>,
    pub(super) unsent: Unsent,
}

/// What is in no request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Unsent {
    /// Spans without an end: the same span with its end follows.
    pub(super) unfinished_spans: u64,
    /// Spans that alone are more than a request.
    pub(super) large_spans: u64,
    pub(super) large_log_records: u64,
    /// Spans that are older than the retention.
    pub(super) expired_spans: u64,
    pub(super) expired_log_records: u64,
}

impl Requests {
    /// Makes requests of a piece, without what arrived before `horizon`, in Unix nanoseconds.
    pub(super) fn of(piece: LogPiece, horizon: Option<i64>) -> Self {
        let mut made = Self::default();
        let (mut spans, mut logs) = (Vec::new(), Vec::new());
        for LoggedBatch { arrival, batch } in piece.batches {
            if horizon.is_some_and(|horizon| arrival < horizon) {
                made.unsent.expired_spans += batch.spans.num_rows() as u64;
                made.unsent.expired_log_records += rows::log_count(&batch) as u64;
                continue;
            }
            for range in ranges(&batch.spans) {
                let mut some = rows::bare_spans(&batch.spans.slice(range.start, range.len()));
                rows::attach(&mut some, &batch.events, &batch.links);
                let all = some.len();
                some.retain(|span| span.end.is_some());
                made.unsent.unfinished_spans += (all - some.len()) as u64;
                spans.extend(some);
                made.take_spans(&mut spans, RECORDS_MAX);
            }
            for range in ranges(&batch.events) {
                let events = batch.events.slice(range.start, range.len());
                logs.extend(rows::logs(&Batch { events, ..Batch::empty() }));
                made.take_logs(&mut logs, RECORDS_MAX);
            }
        }
        made.take_spans(&mut spans, 1);
        made.take_logs(&mut logs, 1);
        made
    }

    /// Makes requests of spans while there are `least` of them.
    fn take_spans(&mut self, spans: &mut Vec<Span>, least: usize) {
        while spans.len() >= least {
            let rest = spans.split_off(spans.len().min(RECORDS_MAX));
            let too_large =
                split(spans, &|spans| otlp::encode_traces(spans, Encoding::Protobuf), &mut |body, records| {
                    self.requests.push(ForwardRequest { signal: Signal::Traces, body, records });
                });
            self.unsent.large_spans += too_large;
            *spans = rest;
        }
    }

    fn take_logs(&mut self, logs: &mut Vec<LogRecord>, least: usize) {
        while logs.len() >= least {
            let rest = logs.split_off(logs.len().min(RECORDS_MAX));
            let too_large = split(logs, &|logs| otlp::encode_logs(logs, Encoding::Protobuf), &mut |body, records| {
                self.requests.push(ForwardRequest { signal: Signal::Logs, body, records });
            });
            self.unsent.large_log_records += too_large;
            *logs = rest;
        }
    }
}

fn ranges(rows: &RecordBatch) -> impl Iterator<Item = Range<usize>> {
    let count = rows.num_rows();
    (0..count).step_by(ROWS_AT_ONCE).map(move |start| start..count.min(start + ROWS_AT_ONCE))
}

/// Encodes records in as few bodies as fit; returns how many alone do not.
fn split<T>(records: &[T], encode: &impl Fn(&[T]) -> Vec<u8>, give: &mut impl FnMut(Vec<u8>, u64)) -> u64 {
    let body = encode(records);
    if body.len() <= REQUEST_BYTES_MAX {
        give(body, records.len() as u64);
        return 0;
    }
    drop(body);
    if records.len() == 1 {
        return 1;
    }
    let (first, second) = records.split_at(records.len() / 2);
    split(first, encode, give) + split(second, encode, give)
}

#[cfg(test)]
mod tests {
    use kino_ingest::Limits;
    use kino_model::{Text, UnixNanos, Value};
    use kino_store::LogPosition;

    use super::*;

    fn span(number: u8, bytes: usize) -> Span {
        let mut span = Span { trace_id: kino_model::TraceId([7; 16]), ..Span::default() };
        span.span_id = kino_model::SpanId([number.max(1); 8]);
        (span.start, span.end) = (UnixNanos(1), Some(UnixNanos(2)));
        span.attributes = [(Text::from("big"), Value::from("x".repeat(bytes).as_str()))].into_iter().collect();
        span
    }

    fn made(spans: &[Span], horizon: Option<i64>) -> Requests {
        let batch = Batch::from_rows(spans, &[]);
        let batches = vec![LoggedBatch { arrival: 10, batch }];
        Requests::of(LogPiece { batches, next: LogPosition::default(), ..LogPiece::default() }, horizon)
    }

    #[test]
    fn bodies_are_bounded_and_together_have_every_span() {
        let spans: Vec<Span> = (1..=9).map(|number| span(number, 700 << 10)).chain([span(10, 3 << 20)]).collect();
        let Requests { requests, unsent } = made(&spans, None);
        assert!(requests.iter().all(|request| request.body.len() <= REQUEST_BYTES_MAX));
        let decoded = requests
            .iter()
            .map(|request| otlp::decode_traces(&request.body, Encoding::Protobuf, &Limits::default()).unwrap().spans);
        assert_eq!(decoded.sum::<u64>(), 9);
        assert_eq!(unsent, Unsent { large_spans: 1, ..Unsent::default() });
    }

    #[test]
    fn spans_without_an_end_and_of_old_arrivals_are_counted() {
        let open = Span { end: None, ..span(1, 1) };
        let Requests { requests, unsent } = made(&[open, span(2, 1)], Some(10));
        assert_eq!((requests.len(), unsent.unfinished_spans), (1, 1));
        let Requests { requests, unsent } = made(&[span(2, 1)], Some(11));
        assert_eq!((requests.len(), unsent.expired_spans), (0, 1));
    }
}
