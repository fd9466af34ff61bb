//! Ancestors of given spans, from three columns of their traces.

use std::collections::{BTreeSet, HashMap};

use arrow_array::{Array, RecordBatch};
use kino_model::columns::Table;
use kino_model::{SpanId, TraceId};

use super::gather::TRACES_AT_A_TIME;
use super::{Snapshot, answer};
use crate::error::ScanError;
use kino_lake::columns::{ids, trace_id_at};
use kino_lake::group::LakeTable;
use kino_lake::read::{Pick, Read};

const COLUMNS: &[&str; 3] = &["trace_id", "span_id", "parent_span_id"];

/// The parent of spans, by trace and span.
type Parents = HashMap<(TraceId, SpanId), SpanId>;

impl Snapshot {
    /// The parent of each of these spans and of each of their ancestors, as far as they are known. Where
    /// an id was used twice, the first found counts.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub async fn ancestors(&self, of: &BTreeSet<(TraceId, SpanId)>) -> Result<Parents, ScanError> {
        answer!(self, |snapshot| snapshot.ancestors_once(of))
    }

    async fn ancestors_once(&self, of: &BTreeSet<(TraceId, SpanId)>) -> Result<Parents, ScanError> {
        let mut ancestors = Parents::new();
        let mut traces: Vec<TraceId> = of.iter().map(|(trace, _)| *trace).collect();
        traces.dedup();
        for traces in traces.chunks(TRACES_AT_A_TIME) {
            let parents = self.parents(traces).await?;
            let (Some(first), Some(last)) = (traces.first(), traces.last()) else { continue };
            let spans = of.range((*first, SpanId([0; 8]))..=(*last, SpanId([u8::MAX; 8])));
            for &(trace, span) in spans {
                let mut at = (trace, span);
                // What was walked before, or is its own ancestor, is not walked again.
                while let Some(parent) = parents.get(&at).filter(|_| !ancestors.contains_key(&at)) {
                    ancestors.insert(at, *parent);
                    at = (trace, *parent);
                }
            }
        }
        Ok(ancestors)
    }

    /// The parents of all spans of these traces.
    async fn parents(&self, traces: &[TraceId]) -> Result<Parents, ScanError> {
        let traces = self.shown(traces);
        let mut parents = Parents::new();
        for group in self.groups.iter() {
            let Some(file) = group.file(LakeTable::Spans) else { continue };
            let wanted_here: Vec<TraceId> = traces.iter().filter(|id| group.may_hold(**id)).copied().collect();
            if !wanted_here.is_empty() {
                let read = Read { columns: Some(COLUMNS), pick: Pick::Traces(&wanted_here), ..Read::default() };
                self.read(file, read).await?.iter().for_each(|rows| add(rows, &mut parents));
            }
        }
        self.parts_of_memory(Table::Spans, &traces)?.iter().for_each(|rows| add(rows, &mut parents));
        Ok(parents)
    }
}

fn add(rows: &RecordBatch, parents: &mut Parents) {
    let [traces, spans, above] = COLUMNS.map(|column| ids(rows, column));
    let (Some(traces), Some(spans), Some(above)) = (traces, spans, above) else { return };
    for row in (0..rows.num_rows()).filter(|row| above.is_valid(*row)) {
        let span = trace_id_at(traces, row).zip(SpanId::from_slice(spans.value(row)));
        if let Some((span, parent)) = span.zip(SpanId::from_slice(above.value(row))) {
            parents.entry(span).or_insert(parent);
        }
    }
}
