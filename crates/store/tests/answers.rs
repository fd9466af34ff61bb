//! A store of realistic traces answers from memory, from files, and from both, with what was put in.

use std::collections::BTreeMap;
use std::sync::Arc;

use kino_model::batch::rows;
use kino_model::{Attributes, Batch, Event, LogRecord, Span, SpanId, TraceId, UnixNanos, Value, thin_vec};
use kino_store::snapshot::{EventFilter, TraceFilter};
use kino_store::{Store, StoreConfig};
use kino_testkit::{Shop, TestClock};

const START: UnixNanos = UnixNanos(1_760_000_000_000_000_000);

async fn open(home: &tempfile::TempDir) -> Store {
    let config = StoreConfig { compaction: false, ..StoreConfig::new(home.path()) };
    Store::open(config, Arc::new(TestClock::at(START))).await.expect("a fresh store opens").0
}

fn log(span: &Span, time: i64, message: &str) -> LogRecord {
    LogRecord {
        trace_id: Some(span.trace_id),
        span_id: Some(span.span_id),
        event: Event { time: UnixNanos(time), ..Event::default() },
        body: Value::from(message),
        resource: Arc::clone(&span.resource),
        ..LogRecord::default()
    }
}

fn exception(time: UnixNanos, kind: &str) -> Event {
    let attributes: Attributes =
        thin_vec![("exception.message".into(), Value::from("it broke")), ("exception.type".into(), Value::from(kind))];
    Event { time, name: "exception".into(), attributes, dropped_attributes_count: 0 }
}

/// What a batch of these rows gives back, by trace: attributes in their normal order, spans by start.
fn normal(spans: &[Span], logs: &[LogRecord]) -> BTreeMap<TraceId, (Vec<Span>, Vec<LogRecord>)> {
    let batch = Batch::from_rows(spans, logs);
    let mut traces: BTreeMap<TraceId, (Vec<Span>, Vec<LogRecord>)> = BTreeMap::new();
    for span in rows::spans(&batch) {
        traces.entry(span.trace_id).or_default().0.push(span);
    }
    for log in rows::logs(&batch) {
        if let Some(id) = log.trace_id {
            traces.entry(id).or_default().1.push(log);
        }
    }
    for (spans, logs) in traces.values_mut() {
        spans.sort_by_key(|span| (span.start, span.span_id));
        logs.sort_by_key(|log| log.event.time);
    }
    traces
}

async fn check(store: &Store, expected: &BTreeMap<TraceId, (Vec<Span>, Vec<LogRecord>)>) {
    let snapshot = store.snapshot();
    let ids: Vec<TraceId> = expected.keys().copied().collect();
    let traces = snapshot.traces(&ids).await.expect("the files are readable");
    assert_eq!(traces.len(), ids.len());
    for trace in traces {
        let (spans, logs) = &expected[&trace.trace_id];
        assert_eq!(&trace.spans, spans);
        assert_eq!(&trace.logs, logs);
        assert_eq!(trace.duplicate_span_ids, 0);
    }
    let spans: usize = expected.values().map(|(spans, _)| spans.len()).sum();
    assert_eq!(snapshot.span_count().await.expect("the files are readable"), spans as u64);
    assert_eq!(snapshot.trace(TraceId([9; 16])).await.expect("the files are readable"), None);
    let found = snapshot.find(&TraceFilter::default(), ids.len(), None).await.expect("the files are readable");
    assert_eq!((found.rows.len(), found.next), (ids.len(), None));
    for row in found.rows {
        let (spans, _) = &expected[&row.trace_id];
        assert_eq!(row.span_count, spans.len() as u64);
        assert_eq!(row.error_count, spans.iter().filter(|span| span.is_error()).count() as u64);
    }
}

#[tokio::test]
async fn answers_have_every_row_wherever_it_is_stored() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let store = open(&home).await;
    let mut shop = Shop::new(11, START);
    let mut spans: Vec<Span> = (0..60).flat_map(|_| shop.next_trace()).collect();
    let broken = exception(spans[3].start, "Broken");
    spans[3].events.push(broken);
    let logs: Vec<LogRecord> =
        spans.iter().step_by(9).map(|span| log(span, span.start.0 + 1, "a line in a log")).collect();
    let expected = normal(&spans, &logs);
    // Cut without regard to traces, so that some lie on both sides; and some spans come twice.
    let (early, late) = spans.split_at(spans.len() / 2);
    let (early_logs, late_logs) = logs.split_at(logs.len() / 2);
    store.append(Batch::from_rows(early, early_logs)).await.expect("the store takes it");
    store.append(Batch::from_rows(&early[5..40], &[])).await.expect("the store takes it");
    store.flush().await.expect("the flush succeeds");
    store.append(Batch::from_rows(late, late_logs)).await.expect("the store takes it");
    store.append(Batch::from_rows(&spans[early.len() - 30..early.len() + 30], &[])).await.expect("the store takes it");
    check(&store, &expected).await;
    store.flush().await.expect("the flush succeeds");
    check(&store, &expected).await;
    store.compact().await.expect("the merge succeeds");
    check(&store, &expected).await;
    store.close().await.expect("the store closes");
}

#[tokio::test]
async fn exceptions_come_newest_first_and_once() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let store = open(&home).await;
    let mut shop = Shop::new(5, START);
    let mut trace = shop.next_trace();
    for span in &mut trace {
        span.events.clear();
    }
    for (number, kind) in ["First", "Second", "Third"].into_iter().enumerate() {
        trace[number].events = thin_vec![exception(UnixNanos(START.0 + number as i64), kind)];
    }
    store.append(Batch::from_rows(&trace, &[])).await.expect("the store takes it");
    store.flush().await.expect("the flush succeeds");
    store.append(Batch::from_rows(&trace[1..], &[])).await.expect("the store takes it");
    let snapshot = store.snapshot();
    let kinds = |rows: &[kino_store::snapshot::ExceptionRow]| -> Vec<String> {
        rows.iter().filter_map(|row| row.exception_type.clone()).collect()
    };
    let (rows, more) = snapshot.exceptions(&EventFilter::default(), 2).await.expect("the files are readable");
    assert_eq!((kinds(&rows), more), (vec!["Third".to_owned(), "Second".to_owned()], true));
    let until = EventFilter { until: Some(UnixNanos(START.0 + 2)), ..EventFilter::default() };
    let (rows, more) = snapshot.exceptions(&until, 10).await.expect("the files are readable");
    assert_eq!((kinds(&rows), more), (vec!["Second".to_owned(), "First".to_owned()], false));
    assert_eq!(rows[0].message.as_deref(), Some("it broke"));
}

#[tokio::test]
async fn logs_outside_any_trace_stay_beside_the_traces() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let store = open(&home).await;
    let loose =
        LogRecord { event: Event { time: START, ..Event::default() }, body: "alone".into(), ..LogRecord::default() };
    store.append(Batch::from_rows(&[], std::slice::from_ref(&loose))).await.expect("the store takes it");
    let overlay = store.snapshot().overlay().await.expect("nothing to read");
    assert_eq!((overlay.batch.events.num_rows(), overlay.traces.num_rows()), (1, 0));
    store.flush().await.expect("the flush succeeds");
    let snapshot = store.snapshot();
    assert_eq!(snapshot.files().iter().map(|file| file.meta.rows).sum::<u64>(), 1);
    assert_eq!(snapshot.trace_count().await.expect("the files are readable"), 0);
    assert!(snapshot.find(&TraceFilter::default(), 5, None).await.expect("the files are readable").rows.is_empty());
}

#[tokio::test]
async fn all_ancestors_are_found_in_any_source_and_no_others() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let store = open(&home).await;
    let trace_id = TraceId([3; 16]);
    let id = |number: u64| SpanId(number.to_be_bytes());
    let span = |number: u64, parent: Option<u64>| Span {
        trace_id,
        span_id: id(number),
        parent_span_id: parent.map(id),
        start: UnixNanos(START.0 + number as i64),
        end: Some(START),
        name: "work".into(),
        ..Span::default()
    };
    // 1 above 2 above 3; 4 below 1; 5 and 6 above each other.
    let spans =
        [span(1, None), span(2, Some(1)), span(3, Some(2)), span(4, Some(1)), span(5, Some(6)), span(6, Some(5))];
    store.append(Batch::from_rows(&spans[..2], &[])).await.expect("the store takes it");
    store.flush().await.expect("the flush succeeds");
    store.append(Batch::from_rows(&spans[2..], &[])).await.expect("the store takes it");
    let snapshot = store.snapshot();
    let above = async |of: &[u64]| {
        let of = of.iter().map(|number| (trace_id, id(*number))).chain([(TraceId([9; 16]), id(1))]).collect();
        let found = snapshot.ancestors(&of).await.expect("the files are readable");
        found.into_iter().map(|((_, span), parent)| (span, parent)).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(above(&[3]).await, BTreeMap::from([(id(3), id(2)), (id(2), id(1))]));
    assert_eq!(above(&[4, 5]).await, BTreeMap::from([(id(4), id(1)), (id(5), id(6)), (id(6), id(5))]));
    assert_eq!(above(&[1]).await, BTreeMap::new());
}
