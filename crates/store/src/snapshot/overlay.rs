//! What a reader of the plain files must know besides them: traces whose rows there do not count, and rows that do.

use arrow_array::RecordBatch;
use kino_model::columns::Table;
use kino_model::{Batch, TraceId};

use super::{Snapshot, answer};
use crate::error::ScanError;
use kino_lake::columns::SpanColumns;
use kino_lake::sort;
use kino_lake::trace_row::{self, TraceFacts};

/// Makes the files whole: a table's rows are those of its files whose trace is not in `replaced`, and these.
#[derive(Clone, Debug)]
pub struct Overlay {
    /// Traces that lie in several places or are being forgotten, sorted.
    pub replaced: Vec<TraceId>,
    /// Rows of spans, events and links, sorted and collapsed, with every column of their tables.
    pub batch: Batch,
    /// Rows of `traces`, with every column; `operations` is empty in them.
    pub traces: RecordBatch,
}

impl Snapshot {
    /// Everything that the files alone do not say.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub async fn overlay(&self) -> Result<Overlay, ScanError> {
        answer!(self, |snapshot| snapshot.overlay_once())
    }

    async fn overlay_once(&self) -> Result<Overlay, ScanError> {
        let mut replaced: Vec<TraceId> = self.split().await?.ids().chain(self.hidden.iter()).copied().collect();
        replaced.sort_unstable();
        replaced.dedup();
        let mut wanted = replaced.clone();
        let mut loose = Vec::new();
        for batch in &self.hot {
            wanted.extend(batch.ids());
            loose.push(batch.loose_events()?);
        }
        let mut batch = self.gather(&wanted, &Table::ALL).await?;
        let events: Vec<&RecordBatch> = std::iter::once(&batch.events).chain(&loose).collect();
        batch.events = sort::sort(Table::Events, &sort::gather(Table::Events, &events)?)?;
        let facts = SpanColumns::of(&batch.spans).map_or_else(Vec::new, |spans| trace_row::of_sorted(&spans));
        let mut facts: Vec<TraceFacts<'_>> = facts;
        facts.sort_by_key(|facts| (facts.start(), facts.trace_id));
        let traces = trace_row::encode(&facts);
        let whole = |table: Table, rows: &RecordBatch| kino_model::batch::conform(rows, &table.schema());
        let batch = Batch {
            spans: whole(Table::Spans, &batch.spans),
            events: whole(Table::Events, &batch.events),
            links: whole(Table::Links, &batch.links),
        };
        Ok(Overlay { replaced, batch, traces })
    }
}
