//! Whole traces, as rows.

use std::collections::{HashMap, HashSet};

use kino_model::batch::rows;
use kino_model::columns::Table;
use kino_model::{SpanId, Trace, TraceId};

use super::gather::TRACES_AT_A_TIME;
use super::{Snapshot, answer};
use crate::scan::ScanError;

impl Snapshot {
    /// Everything that is known of a trace; `None` where nothing is.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub async fn trace(&self, trace_id: TraceId) -> Result<Option<Trace>, ScanError> {
        Ok(self.traces(&[trace_id]).await?.pop())
    }

    /// Everything that is known of these traces, in the order asked; unknown ones are left out. Each span is there
    /// once: exact repeats collapse, the highest revision wins, differing duplicates stay and are counted.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub async fn traces(&self, trace_ids: &[TraceId]) -> Result<Vec<Trace>, ScanError> {
        answer!(self, |snapshot| snapshot.traces_once(trace_ids))
    }

    async fn traces_once(&self, trace_ids: &[TraceId]) -> Result<Vec<Trace>, ScanError> {
        let mut traces = Vec::with_capacity(trace_ids.len());
        for chunk in trace_ids.chunks(TRACES_AT_A_TIME) {
            let batch = self.gather(chunk, &Table::ALL).await?;
            let mut known: HashMap<TraceId, Trace> = HashMap::new();
            let empty = |trace_id| Trace { trace_id, ..Trace::default() };
            for span in rows::spans(&batch) {
                known.entry(span.trace_id).or_insert_with_key(|id| empty(*id)).spans.push(span);
            }
            for log in rows::logs(&batch) {
                let Some(id) = log.trace_id else { continue };
                known.entry(id).or_insert_with_key(|id| empty(*id)).logs.push(log);
            }
            for id in chunk {
                let Some(mut trace) = known.remove(id) else { continue };
                trace.spans.sort_by_key(|span| (span.start, span.span_id));
                trace.logs.sort_by_key(|log| log.event.time);
                let distinct: HashSet<SpanId> = trace.spans.iter().map(|span| span.span_id).collect();
                trace.duplicate_span_ids = (trace.spans.len() - distinct.len()) as u64;
                traces.push(trace);
            }
        }
        Ok(traces)
    }
}
