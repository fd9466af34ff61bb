//! Exact counts: which traces lie in several sources, and what their repeats add to the sums of the rollups.

use std::collections::{HashMap, HashSet};

use arrow_array::RecordBatch;
use kino_model::columns::Table;
use kino_model::{SpanId, TraceId};

use super::{Snapshot, answer};
use crate::file::LakeTable;
use crate::lake::sort;
use crate::rollup::Rollups;
use crate::scan::columns::{SpanColumns, ids, trace_id_at};
use crate::scan::{Pick, Read, ScanError};

/// Traces whose spans are compared whole at a time.
const TRACES_AT_A_TIME: usize = 1_024;

/// What the sums over all sources count that is not so.
#[derive(Debug, Default)]
pub(super) struct Correction {
    /// As the sources count it.
    pub(super) counted: Rollups,
    /// As it is.
    pub(super) real: Rollups,
    pub(super) spans_counted: u64,
    pub(super) spans_real: u64,
    /// How often traces were counted more than once, and how many were counted that are hidden.
    pub(super) traces_too_many: u64,
}

impl Snapshot {
    /// Spans, each counted once.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub async fn span_count(&self) -> Result<u64, ScanError> {
        answer!(self, |snapshot| snapshot.span_count_once())
    }

    async fn span_count_once(&self) -> Result<u64, ScanError> {
        let correction = self.correction().await?;
        let in_files: u64 = self.groups.iter().map(|group| group.meta.spans).sum();
        let mut in_memory = 0;
        for batch in &self.hot {
            in_memory += batch.index()?.spans;
        }
        Ok((in_files + in_memory + correction.spans_real).saturating_sub(correction.spans_counted))
    }

    /// Traces that have at least one span.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub async fn trace_count(&self) -> Result<u64, ScanError> {
        answer!(self, |snapshot| snapshot.trace_count_once())
    }

    async fn trace_count_once(&self) -> Result<u64, ScanError> {
        let correction = self.correction().await?;
        let in_files: u64 = self.groups.iter().map(|group| group.meta.traces).sum();
        let mut in_memory = 0;
        for batch in &self.hot {
            in_memory += batch.index()?.traces.len() as u64;
        }
        Ok((in_files + in_memory).saturating_sub(correction.traces_too_many))
    }

    /// Traces that more than one source holds, as far as the filters tell; one too many costs time, not truth.
    pub(super) fn in_several(&self) -> Result<HashSet<TraceId>, ScanError> {
        let mut several: HashSet<TraceId> = self.groups.iter().flat_map(|group| group.split()).collect();
        let mut in_memory: HashSet<TraceId> = HashSet::new();
        for batch in &self.hot {
            for id in &batch.index()?.ids {
                if !in_memory.insert(*id) {
                    several.insert(*id);
                }
            }
        }
        let in_files = |id: &&TraceId| self.groups.iter().any(|group| group.may_hold(**id));
        let mut shared: Vec<TraceId> =
            in_memory.iter().filter(|id| !several.contains(id)).filter(in_files).copied().collect();
        shared.sort_unstable();
        several.extend(shared);
        Ok(several)
    }

    /// What must be taken from the sums over all sources, and what put in its place.
    pub(super) async fn correction(&self) -> Result<Correction, ScanError> {
        let mut suspects = self.in_several()?;
        suspects.extend(self.hidden.iter().copied());
        let mut suspects: Vec<TraceId> = suspects.into_iter().collect();
        suspects.sort_unstable();
        let mut correction = Correction::default();
        for chunk in suspects.chunks(TRACES_AT_A_TIME) {
            self.correct(chunk, &mut correction).await?;
        }
        Ok(correction)
    }

    /// Compares these traces' spans over all sources, by their ids first.
    async fn correct(&self, traces: &[TraceId], correction: &mut Correction) -> Result<(), ScanError> {
        let mut sources: HashMap<TraceId, u64> = HashMap::new();
        let mut spans: HashSet<(TraceId, SpanId)> = HashSet::new();
        let mut repeated: HashSet<TraceId> = HashSet::new();
        for part in self.id_parts(traces).await? {
            let (Some(trace_ids), Some(span_ids)) = (ids(&part, "trace_id"), ids(&part, "span_id")) else { continue };
            let mut here: HashSet<(TraceId, SpanId)> = HashSet::new();
            let mut before = None;
            for row in 0..part.num_rows() {
                let Some(trace) = trace_id_at(trace_ids, row) else { continue };
                if before != Some(trace) {
                    *sources.entry(trace).or_default() += 1;
                    before = Some(trace);
                }
                here.insert((trace, SpanId::from_slice(span_ids.value(row)).unwrap_or_default()));
            }
            repeated.extend(here.iter().filter(|span| spans.contains(span)).map(|(trace, _)| *trace));
            spans.extend(here);
        }
        for (trace, count) in sources.iter().collect::<std::collections::BTreeMap<_, _>>() {
            correction.traces_too_many += if self.hidden.contains(trace) { *count } else { count - 1 };
        }
        let mut wrong: Vec<TraceId> =
            traces.iter().filter(|id| repeated.contains(id) || self.hidden.contains(id)).copied().collect();
        wrong.retain(|id| sources.contains_key(id));
        if wrong.is_empty() {
            return Ok(());
        }
        let shown = Snapshot { hidden: std::sync::Arc::default(), ..self.clone() };
        let parts = shown.parts(Table::Spans, &wrong).await?;
        for columns in parts.iter().filter_map(SpanColumns::of) {
            correction.counted.merge(&Rollups::of_spans(&columns, 0..columns.rows()));
            correction.spans_counted += columns.rows() as u64;
        }
        let parts: Vec<&RecordBatch> = parts.iter().collect();
        let merged = sort::sort(Table::Spans, &sort::gather(Table::Spans, &parts)?)?.rows;
        if let Some(columns) = SpanColumns::of(&merged) {
            let real = |row: &usize| !self.hidden.contains(&columns.trace_id(*row));
            let rows: Vec<usize> = (0..columns.rows()).filter(real).collect();
            correction.spans_real += rows.len() as u64;
            correction.real.merge(&Rollups::of_spans(&columns, rows.into_iter()));
        }
        Ok(())
    }

    /// Trace and span ids of these traces' spans, one batch a source.
    async fn id_parts(&self, traces: &[TraceId]) -> Result<Vec<RecordBatch>, ScanError> {
        let columns = ["trace_id", "span_id"];
        let mut parts = Vec::new();
        for group in self.groups.iter() {
            let held: Vec<TraceId> = traces.iter().filter(|id| group.may_hold(**id)).copied().collect();
            let Some(file) = group.file(LakeTable::Spans).filter(|_| !held.is_empty()) else { continue };
            let read = Read { columns: Some(&columns), pick: Pick::Traces(&held), ..Read::default() };
            let batches = self.read(file, read).await?;
            if let Some(first) = batches.first() {
                parts.push(arrow_select::concat::concat_batches(&first.schema(), &batches)?);
            }
        }
        for batch in &self.hot {
            let held: Vec<TraceId> = {
                let ids = &batch.index()?.ids;
                traces.iter().filter(|id| ids.binary_search(id).is_ok()).copied().collect()
            };
            if !held.is_empty() {
                let picked = batch.pick(Table::Spans, &held)?;
                if picked.num_rows() > 0 {
                    parts.push(picked);
                }
            }
        }
        Ok(parts)
    }
}
