//! Whole traces, as rows.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use arrow_schema::ArrowError;
use futures::StreamExt as _;
use futures::future::try_join_all;
use kino_model::batch::rows;
use kino_model::columns::{ColumnSource, Table};
use kino_model::{Batch, Link, LogRecord, Span, Trace, TraceId};

use super::gather::{Parts, TRACES_AT_A_TIME};
use super::trace_cache::{Sources, bytes_of};
use super::{Snapshot, answer};
use crate::error::ScanError;
use kino_lake::columns::{ids, trace_id_at};

/// Spans that are assembled on one thread.
const PIECE_ROWS: usize = 4 * 1_024;
/// Batches of a large trace's spans that are read beside each other.
const BATCHES_AT_ONCE: usize = 2;
/// What a question computes about a span: its place in the tree, its part of the critical path, what detectors note.
const QUESTION_SPAN_BYTES: usize = 192;

impl Snapshot {
    /// Returns all rows of a trace; `None` where there are none.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub async fn trace(&self, trace_id: TraceId) -> Result<Option<Arc<Trace>>, ScanError> {
        Ok(self.traces(&[trace_id]).await?.pop())
    }

    /// Returns these traces in the order of `trace_ids`, without unknown ones. Each span is there once: exact repeats
    /// collapse, the highest revision wins, differing duplicates stay and are counted. Traces that were asked for lately
    /// come from a cache.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub async fn traces(&self, trace_ids: &[TraceId]) -> Result<Vec<Arc<Trace>>, ScanError> {
        answer!(self, |snapshot| snapshot.traces_once(trace_ids))
    }

    /// As [`Self::traces`], without caching, for callers that read each trace once.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub async fn traces_uncached(&self, trace_ids: &[TraceId]) -> Result<Vec<Trace>, ScanError> {
        let read = answer!(self, |snapshot| snapshot.read_traces(trace_ids))?;
        let mut known: HashMap<TraceId, Trace> = read.into_iter().map(|trace| (trace.trace_id, trace)).collect();
        Ok(trace_ids.iter().filter_map(|id| known.remove(id)).collect())
    }

    async fn traces_once(&self, trace_ids: &[TraceId]) -> Result<Vec<Arc<Trace>>, ScanError> {
        let shown = self.shown(trace_ids);
        // Traces with rows in memory change too often to be cached.
        let in_memory = self.in_memory(&shown);
        let in_files: Vec<TraceId> = shown.into_iter().filter(|id| !in_memory.contains(id)).collect();
        let mut sources: HashMap<TraceId, Sources> = in_files.iter().copied().zip(self.sources(&in_files)).collect();
        let cached = self.caches.traces.find(sources.iter().map(|(id, sources)| (*id, sources)));
        let mut known: HashMap<TraceId, Arc<Trace>> = cached.into_iter().map(|trace| (trace.trace_id, trace)).collect();
        let missing: Vec<TraceId> = trace_ids.iter().filter(|id| !known.contains_key(id)).copied().collect();
        let read: Vec<Arc<Trace>> = self.read_traces(&missing).await?.into_iter().map(Arc::new).collect();
        known.extend(read.iter().map(|trace| (trace.trace_id, Arc::clone(trace))));
        let with_sources = |trace: Arc<Trace>| Some((sources.remove(&trace.trace_id)?, trace));
        self.caches.traces.insert(read.into_iter().filter_map(with_sources));
        Ok(trace_ids.iter().filter_map(|id| known.remove(id)).collect())
    }

    /// Reads traces, in any order.
    async fn read_traces(&self, trace_ids: &[TraceId]) -> Result<Vec<Trace>, ScanError> {
        let mut traces = Vec::with_capacity(trace_ids.len());
        for chunk in trace_ids.chunks(TRACES_AT_A_TIME) {
            // Values promoted from a resource are also in the resource, which is read whole.
            let parts = self.gather_parts(chunk, |column| column.source != ColumnSource::Resource).await?;
            let reserved = self.memory.reserve_part(assembled_bytes(&parts)).await?;
            let before = traces.len();
            for piece in try_join_all(pieces(parts).into_iter().map(assembled)).await? {
                traces.extend(piece);
            }
            reserved.keep(traces[before..].iter().map(question_bytes).sum()).await?;
        }
        Ok(traces)
    }
}

/// Estimates the memory that traces take while they are assembled from these rows and examined: their content, and the
/// batches that are being read.
fn assembled_bytes(parts: &Parts) -> u64 {
    let spans = |rows: &RecordBatch| {
        rows.num_rows() * (size_of::<Span>() + QUESTION_SPAN_BYTES) + rows::value_bytes(Table::Spans, rows)
    };
    let children =
        [(Table::Events, &parts.events, size_of::<LogRecord>()), (Table::Links, &parts.links, size_of::<Link>())];
    let children = children.map(|(table, rows, bytes)| {
        rows.num_rows() * bytes + rows::value_bytes(table, rows) + rows.get_array_memory_size()
    });
    let made = parts.spans.iter().map(spans).sum::<usize>() + children.iter().sum::<usize>();
    let largest = parts.spans.iter().map(RecordBatch::get_array_memory_size).max().unwrap_or(0);
    (made + BATCHES_AT_ONCE * largest) as u64
}

/// Estimates what a trace takes of a question's memory: itself, and the tree and the sums that are made of it.
fn question_bytes(trace: &Trace) -> u64 {
    (bytes_of(trace) + trace.spans.len() * QUESTION_SPAN_BYTES) as u64
}

/// Assembles a piece's traces, on threads for blocking work where there are many rows. Each batch of spans is dropped as
/// soon as it is read, so that a large trace is not in memory twice.
async fn assembled(piece: Parts) -> Result<Vec<Trace>, ScanError> {
    let rows: usize = piece.spans.iter().map(RecordBatch::num_rows).sum();
    let Parts { spans: batches, events, links } = piece;
    let mut spans = Vec::with_capacity(rows);
    if rows + events.num_rows() < PIECE_ROWS {
        for batch in &batches {
            spans.extend(rows::bare_spans(batch));
        }
        return Ok(assemble(spans, &events, &links));
    }
    let read = batches.into_iter().map(|batch| blocking(move || rows::bare_spans(&batch)));
    let mut read = futures::stream::iter(read).buffered(BATCHES_AT_ONCE);
    while let Some(more) = read.next().await {
        spans.extend(more?);
    }
    blocking(move || assemble(spans, &events, &links)).await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ScanError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        // The work itself cannot fail; the runtime may be shutting down.
        ScanError::from(ArrowError::ExternalError(Box::new(error)))
    })
}

/// Makes traces of sorted spans, and of the events, links and logs of all of them.
fn assemble(mut spans: Vec<Span>, events: &RecordBatch, links: &RecordBatch) -> Vec<Trace> {
    rows::attach(&mut spans, events, links);
    let mut traces = rows::traces_in_order(spans);
    let mut logs = rows::logs(&Batch { events: events.clone(), ..Batch::empty() });
    if logs.is_empty() {
        return traces;
    }
    let mut places: HashMap<TraceId, usize> =
        traces.iter().enumerate().map(|(place, trace)| (trace.trace_id, place)).collect();
    logs.sort_by_key(|log| log.event.time);
    for log in logs {
        let Some(trace_id) = log.trace_id else { continue };
        let place = *places.entry(trace_id).or_insert_with(|| {
            traces.push(Trace { trace_id, ..Trace::default() });
            traces.len() - 1
        });
        traces[place].logs.push(log);
    }
    traces
}

/// Cuts sorted tables between traces, into pieces of [`PIECE_ROWS`] spans and the rest of a trace.
fn pieces(parts: Parts) -> Vec<Parts> {
    let Parts { spans: batches, mut events, mut links } = parts;
    let mut pieces = Vec::new();
    let (mut spans, mut rows, mut last) = (Vec::new(), 0, None);
    for mut batch in batches {
        while let Some((row, first)) = cut(&batch, PIECE_ROWS.saturating_sub(rows), last) {
            spans.push(batch.slice(0, row));
            batch = batch.slice(row, batch.num_rows() - row);
            let [(own_events, other_events), (own_links, other_links)] =
                [&events, &links].map(|rows| halves(rows, first));
            pieces.push(Parts { spans: std::mem::take(&mut spans), events: own_events, links: own_links });
            (events, links) = (other_events, other_links);
            (rows, last) = (0, None);
        }
        rows += batch.num_rows();
        last = ids(&batch, "trace_id").and_then(|ids| trace_id_at(ids, batch.num_rows().checked_sub(1)?)).or(last);
        spans.push(batch);
    }
    pieces.push(Parts { spans, events, links });
    pieces
}

/// The first row at or behind `from` that begins a trace, and that trace; `last` is the trace before the first row.
fn cut(spans: &RecordBatch, from: usize, last: Option<TraceId>) -> Option<(usize, TraceId)> {
    let ids = ids(spans, "trace_id")?;
    let mut before =
        if from == 0 { last } else { trace_id_at(ids, from.checked_sub(1).filter(|row| *row < ids.len())?) };
    for row in from..ids.len() {
        let id = trace_id_at(ids, row);
        if before.is_some() && id != before {
            return id.map(|id| (row, id));
        }
        before = id;
    }
    None
}

/// The rows of traces before `cut`, and the others.
fn halves(rows: &RecordBatch, cut: TraceId) -> (RecordBatch, RecordBatch) {
    let Some(ids) = ids(rows, "trace_id") else { return (rows.slice(0, 0), rows.clone()) };
    let places: Vec<usize> = (0..rows.num_rows()).collect();
    let before = places.partition_point(|row| trace_id_at(ids, *row).is_some_and(|id| id < cut));
    (rows.slice(0, before), rows.slice(before, rows.num_rows() - before))
}

#[cfg(test)]
mod tests {
    use kino_model::{LogRecord, UnixNanos};

    use super::*;

    #[tokio::test]
    async fn pieces_keep_traces_whole_and_lose_no_row() {
        let trace = |number: usize| TraceId((number as u128 + 1).to_be_bytes());
        let sizes = [10, PIECE_ROWS * 2, 5, PIECE_ROWS - 5, 1, 300];
        let span =
            |number, start: usize| Span { trace_id: trace(number), start: UnixNanos(start as i64), ..Span::default() };
        let spans: Vec<Span> =
            sizes.iter().enumerate().flat_map(|(number, size)| (0..*size).map(move |at| span(number, at))).collect();
        let logs: Vec<LogRecord> = (0..sizes.len())
            .map(|number| LogRecord { trace_id: Some(trace(number)), ..LogRecord::default() })
            .collect();
        let Batch { spans, events, links } = Batch::from_rows(&spans, &logs);
        let batches =
            (0..spans.num_rows()).step_by(1_000).map(|row| spans.slice(row, (spans.num_rows() - row).min(1_000)));
        let parts = Parts { spans: batches.collect(), events, links };
        let mut known: HashMap<TraceId, Trace> = HashMap::new();
        let pieces = pieces(parts);
        assert!(pieces.len() > 2);
        for piece in pieces {
            for trace in assembled(piece).await.unwrap() {
                assert!(known.insert(trace.trace_id, trace).is_none(), "a trace in two pieces");
            }
        }
        for (number, size) in sizes.iter().enumerate() {
            let found = &known[&trace(number)];
            assert_eq!((found.spans.len(), found.logs.len()), (*size, 1), "trace {number}");
        }
    }
}
