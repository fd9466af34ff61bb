//! Whole traces, as rows.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use arrow_schema::ArrowError;
use futures::future::try_join_all;
use kino_model::batch::rows;
use kino_model::columns::{Source, Table};
use kino_model::{Batch, Event, Span, Trace, TraceId};

use super::gather::TRACES_AT_A_TIME;
use super::kept::{Sources, bytes_of};
use super::{Snapshot, answer};
use crate::scan::ScanError;
use crate::scan::columns::{ids, trace_id_at};

/// Spans that are put together on one thread.
const PIECE_ROWS: usize = 4 * 1_024;
/// What a question works out about a span: its place in the tree, its part of the critical path, what detectors note.
const QUESTION_SPAN_BYTES: usize = 160;

impl Snapshot {
    /// Everything that is known of a trace; `None` where nothing is.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub async fn trace(&self, trace_id: TraceId) -> Result<Option<Arc<Trace>>, ScanError> {
        Ok(self.traces(&[trace_id]).await?.pop())
    }

    /// Everything that is known of these traces, in the order asked; unknown ones are left out. Each span is there
    /// once: exact repeats collapse, the highest revision wins, differing duplicates stay and are counted. What was
    /// asked about lately need not be read again.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub async fn traces(&self, trace_ids: &[TraceId]) -> Result<Vec<Arc<Trace>>, ScanError> {
        answer!(self, |snapshot| snapshot.traces_once(trace_ids))
    }

    /// As [`Self::traces`], for those who ask about each trace once: it is not kept.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub async fn traces_unkept(&self, trace_ids: &[TraceId]) -> Result<Vec<Trace>, ScanError> {
        let read = answer!(self, |snapshot| snapshot.read_traces(trace_ids))?;
        let mut known: HashMap<TraceId, Trace> = read.into_iter().map(|trace| (trace.trace_id, trace)).collect();
        Ok(trace_ids.iter().filter_map(|id| known.remove(id)).collect())
    }

    async fn traces_once(&self, trace_ids: &[TraceId]) -> Result<Vec<Arc<Trace>>, ScanError> {
        let shown = self.shown(trace_ids);
        // What is in memory changes too often to keep what it is.
        let in_memory = self.in_memory(&shown);
        let in_files: Vec<TraceId> = shown.into_iter().filter(|id| !in_memory.contains(id)).collect();
        let mut sources: HashMap<TraceId, Sources> = in_files.iter().copied().zip(self.sources(&in_files)).collect();
        let kept = self.reader.kept.find(sources.iter().map(|(id, sources)| (*id, sources)));
        let mut known: HashMap<TraceId, Arc<Trace>> = kept.into_iter().map(|trace| (trace.trace_id, trace)).collect();
        let missing: Vec<TraceId> = trace_ids.iter().filter(|id| !known.contains_key(id)).copied().collect();
        let read: Vec<Arc<Trace>> = self.read_traces(&missing).await?.into_iter().map(Arc::new).collect();
        known.extend(read.iter().map(|trace| (trace.trace_id, Arc::clone(trace))));
        let with_sources = |trace: Arc<Trace>| Some((sources.remove(&trace.trace_id)?, trace));
        self.reader.kept.keep(read.into_iter().filter_map(with_sources));
        Ok(trace_ids.iter().filter_map(|id| known.remove(id)).collect())
    }

    /// Reads traces, in any order.
    async fn read_traces(&self, trace_ids: &[TraceId]) -> Result<Vec<Trace>, ScanError> {
        let mut traces = Vec::with_capacity(trace_ids.len());
        for chunk in trace_ids.chunks(TRACES_AT_A_TIME) {
            // What is promoted from a resource stands in the resource, which is read whole.
            let batch = self.gather_columns(chunk, &Table::ALL, |column| column.source != Source::Resource).await?;
            let held = self.memory.hold(assembled_bytes(&batch)).await?;
            let pieces = pieces(batch);
            let before = traces.len();
            for piece in try_join_all(pieces.into_iter().map(assembled)).await? {
                traces.extend(piece);
            }
            held.keep(traces[before..].iter().map(question_bytes).sum()).await?;
        }
        Ok(traces)
    }
}

/// About what traces take once they are put together from these rows: what they hold, and as much again for the texts
/// that shared a dictionary.
fn assembled_bytes(batch: &Batch) -> u64 {
    let rows = [&batch.spans, &batch.events, &batch.links].map(RecordBatch::num_rows);
    let fixed = rows[0] * (size_of::<Span>() + QUESTION_SPAN_BYTES) + (rows[1] + rows[2]) * size_of::<Event>();
    (fixed + 2 * batch.memory_size()) as u64
}

/// What a trace takes of a question's memory: itself, and the tree and the sums that are made of it.
fn question_bytes(trace: &Trace) -> u64 {
    (bytes_of(trace) + trace.spans.len() * QUESTION_SPAN_BYTES) as u64
}

/// Puts a piece's traces together, beside other work where there is much to do.
async fn assembled(batch: Batch) -> Result<Vec<Trace>, ScanError> {
    let rows = batch.spans.num_rows() + batch.events.num_rows();
    let assemble = move || assemble(&batch).into_values().collect();
    if rows < PIECE_ROWS {
        return Ok(assemble());
    }
    tokio::task::spawn_blocking(assemble).await.map_err(|error| {
        // It has nothing to fail at; the runtime may be at its end.
        ScanError::Rows(ArrowError::ExternalError(Box::new(error)))
    })
}

fn assemble(batch: &Batch) -> HashMap<TraceId, Trace> {
    let traces = rows::traces([batch], |_| true).into_iter();
    let mut known: HashMap<TraceId, Trace> = traces.map(|trace| (trace.trace_id, trace)).collect();
    let mut logs = rows::logs(batch);
    logs.sort_by_key(|log| log.event.time);
    for log in logs {
        let Some(id) = log.trace_id else { continue };
        let trace = known.entry(id).or_insert_with(|| Trace { trace_id: id, ..Trace::default() });
        trace.logs.push(log);
    }
    known
}

/// Cuts sorted tables between traces, into pieces of about [`PIECE_ROWS`] spans.
fn pieces(batch: Batch) -> Vec<Batch> {
    let mut pieces = Vec::new();
    let mut rest = batch;
    while let Some(cut) = cut(&rest.spans) {
        let [spans, events, links] = Table::ALL.map(|table| halves(rest.table(table), cut));
        pieces.push(Batch { spans: spans.0, events: events.0, links: links.0 });
        rest = Batch { spans: spans.1, events: events.1, links: links.1 };
    }
    pieces.push(rest);
    pieces
}

/// The trace at which the second piece begins; a trace of more rows than a piece stays whole.
fn cut(spans: &RecordBatch) -> Option<TraceId> {
    let ids = ids(spans, "trace_id").filter(|ids| ids.len() > PIECE_ROWS)?;
    let first = trace_id_at(ids, 0);
    // Of a trace that fills the piece the end is looked for.
    let mut later = (PIECE_ROWS..ids.len()).map(|row| trace_id_at(ids, row));
    later.find(|id| *id != first)?
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

    #[test]
    fn pieces_keep_traces_whole_and_lose_no_row() {
        let trace = |number: usize| TraceId((number as u128 + 1).to_be_bytes());
        let sizes = [10, PIECE_ROWS * 2, 5, PIECE_ROWS - 5, 1, 300];
        let span =
            |number, start: usize| Span { trace_id: trace(number), start: UnixNanos(start as i64), ..Span::default() };
        let spans: Vec<Span> =
            sizes.iter().enumerate().flat_map(|(number, size)| (0..*size).map(move |at| span(number, at))).collect();
        let logs: Vec<LogRecord> = (0..sizes.len())
            .map(|number| LogRecord { trace_id: Some(trace(number)), ..LogRecord::default() })
            .collect();
        let batch = Batch::from_rows(&spans, &logs);
        let mut known: HashMap<TraceId, Trace> = HashMap::new();
        let pieces = pieces(batch);
        assert!(pieces.len() > 2);
        for traces in pieces.iter().map(assemble) {
            let before = known.len();
            let more = traces.len();
            known.extend(traces);
            assert_eq!(known.len(), before + more, "a trace in two pieces");
        }
        for (number, size) in sizes.iter().enumerate() {
            let found = &known[&trace(number)];
            assert_eq!((found.spans.len(), found.logs.len()), (*size, 1), "trace {number}");
        }
    }
}
