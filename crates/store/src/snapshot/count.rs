//! Exact counts: which traces lie in several sources, and what their repeats add to the sums of the rollups.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use arrow_array::RecordBatch;
use kino_model::columns::Table;
use kino_model::{SpanId, TraceId};

use super::lake_facts::Several;
use super::{Snapshot, answer};
use crate::file::{LakeTable, held_by_any};
use crate::lake::sort;
use crate::rollup::Rollups;
use crate::scan::columns::{SpanColumns, ids, trace_id_at};
use crate::scan::{Pick, Read, ScanError};

/// Traces whose spans are compared whole at a time.
const TRACES_AT_A_TIME: usize = 1_024;

/// Which sources are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Among {
    /// Each group with the others.
    Groups,
    /// All groups, as one, with each batch in memory.
    All,
}

/// What the sums over all sources count that is not so.
#[derive(Clone, Debug, Default)]
pub(super) struct Correction {
    /// As the sources count it.
    pub(super) counted: Rollups,
    /// As it is.
    pub(super) real: Rollups,
    pub(super) spans_counted: u64,
    pub(super) spans_real: u64,
    pub(super) duplicates_counted: u64,
    pub(super) duplicates_real: u64,
    /// How often traces were counted more than once, and how many were counted that are hidden.
    pub(super) traces_too_many: u64,
}

impl Correction {
    fn add(&mut self, other: &Self) {
        self.counted.merge(&other.counted);
        self.real.merge(&other.real);
        self.spans_counted += other.spans_counted;
        self.spans_real += other.spans_real;
        self.duplicates_counted += other.duplicates_counted;
        self.duplicates_real += other.duplicates_real;
        self.traces_too_many += other.traces_too_many;
    }
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

    /// Spans whose id another, differing span of the same trace has.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub async fn duplicate_span_ids(&self) -> Result<u64, ScanError> {
        answer!(self, |snapshot| snapshot.duplicate_span_ids_once())
    }

    async fn duplicate_span_ids_once(&self) -> Result<u64, ScanError> {
        let correction = self.correction().await?;
        let in_files: u64 = self.groups.iter().map(|group| group.meta.duplicate_span_ids).sum();
        let mut in_memory = 0;
        for batch in &self.hot {
            in_memory += batch.index()?.duplicate_span_ids;
        }
        Ok((in_files + in_memory + correction.duplicates_real).saturating_sub(correction.duplicates_counted))
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

    /// Traces that more than one source holds.
    pub(super) fn in_several(&self) -> Several {
        let lake = self.reader.facts.of(&self.groups);
        let mut in_memory: Vec<TraceId> = self.hot.iter().flat_map(|batch| batch.ids()).copied().collect();
        in_memory.sort_unstable();
        let repeated = in_memory.chunk_by(|left, right| left == right).filter(|same| same.len() > 1);
        let mut hot: HashSet<TraceId> = repeated.map(|same| same[0]).collect();
        in_memory.dedup();
        let in_files = held_by_any(&self.groups, &in_memory);
        hot.extend(in_memory.into_iter().zip(in_files).filter_map(|(id, is_there)| is_there.then_some(id)));
        Several::new(lake, hot)
    }

    /// What must be taken from the sums over all sources, and what put in its place. First the groups are set right
    /// among themselves, once for as long as they are the same; then they count as one source beside those in memory.
    pub(super) async fn correction(&self) -> Result<Correction, ScanError> {
        let several = self.in_several();
        let settled = several.lake.correction.get_or_try_init(|| async {
            let split: BTreeSet<TraceId> = several.lake.split.iter().copied().collect();
            let shown = Self { hidden: Arc::default(), hot: Vec::new(), ..self.clone() };
            shown.compare(split, Among::Groups).await
        });
        let mut correction = settled.await?.clone();
        let suspects: BTreeSet<TraceId> = several.hot().chain(self.hidden.iter()).copied().collect();
        correction.add(&self.compare(suspects, Among::All).await?);
        Ok(correction)
    }

    /// Compares these traces' spans over the sources.
    async fn compare(&self, suspects: BTreeSet<TraceId>, among: Among) -> Result<Correction, ScanError> {
        let suspects: Vec<TraceId> = suspects.into_iter().collect();
        let mut correction = Correction::default();
        for chunk in suspects.chunks(TRACES_AT_A_TIME) {
            self.compare_chunk(chunk, among, &mut correction).await?;
        }
        Ok(correction)
    }

    /// Compares the ids first, and whole rows only where ids repeat.
    async fn compare_chunk(
        &self,
        traces: &[TraceId],
        among: Among,
        correction: &mut Correction,
    ) -> Result<(), ScanError> {
        let mut sources: BTreeMap<TraceId, u64> = BTreeMap::new();
        let mut spans: HashSet<(TraceId, SpanId)> = HashSet::new();
        let mut repeated: HashSet<TraceId> = HashSet::new();
        for part in self.id_parts(traces, among).await? {
            let mut here: HashSet<(TraceId, SpanId)> = HashSet::new();
            for batch in &part {
                let (Some(ids), Some(span_ids)) = (ids(batch, "trace_id"), ids(batch, "span_id")) else { continue };
                let span = |row| SpanId::from_slice(span_ids.value(row)).unwrap_or_default();
                here.extend((0..batch.num_rows()).filter_map(|row| Some((trace_id_at(ids, row)?, span(row)))));
            }
            for trace in here.iter().map(|span| span.0).collect::<BTreeSet<_>>() {
                *sources.entry(trace).or_default() += 1;
            }
            repeated.extend(here.iter().filter(|span| spans.contains(span)).map(|(trace, _)| *trace));
            spans.extend(here);
        }
        for (trace, count) in &sources {
            correction.traces_too_many += if self.hidden.contains(trace) { *count } else { count - 1 };
        }
        let wrong = |id: &&TraceId| repeated.contains(id) || self.hidden.contains(id) && sources.contains_key(id);
        let wrong: Vec<TraceId> = traces.iter().filter(wrong).copied().collect();
        if wrong.is_empty() {
            return Ok(());
        }
        let mut parts = self.parts_of_files(Table::Spans, &wrong).await?;
        if among == Among::All {
            parts = vec![together(&parts)?];
            parts.extend(self.parts_of_memory(Table::Spans, &wrong)?);
        }
        for columns in parts.iter().filter_map(SpanColumns::of) {
            correction.counted.merge(&Rollups::of_spans(&columns, 0..columns.rows()));
            correction.spans_counted += columns.rows() as u64;
            correction.duplicates_counted += duplicates(&columns, 0..columns.rows());
        }
        let merged = together(&parts)?;
        if let Some(columns) = SpanColumns::of(&merged) {
            let real = |row: &usize| !self.hidden.contains(&columns.trace_id(*row));
            let rows: Vec<usize> = (0..columns.rows()).filter(real).collect();
            correction.spans_real += rows.len() as u64;
            correction.duplicates_real += duplicates(&columns, rows.iter().copied());
            correction.real.merge(&Rollups::of_spans(&columns, rows.into_iter()));
        }
        Ok(())
    }

    /// Trace and span ids of these traces' spans, source by source.
    async fn id_parts(&self, traces: &[TraceId], among: Among) -> Result<Vec<Vec<RecordBatch>>, ScanError> {
        let columns = ["trace_id", "span_id"];
        let mut parts = Vec::new();
        for group in self.groups.iter() {
            let held: Vec<TraceId> = traces.iter().filter(|id| group.may_hold(**id)).copied().collect();
            let Some(file) = group.file(LakeTable::Spans).filter(|_| !held.is_empty()) else { continue };
            let read = Read { columns: Some(&columns), pick: Pick::Traces(&held), ..Read::default() };
            parts.push(self.read(file, read).await?);
        }
        if among == Among::All {
            parts = vec![parts.into_iter().flatten().collect()];
            parts.extend(self.parts_of_memory(Table::Spans, traces)?.into_iter().map(|part| vec![part]));
        }
        Ok(parts)
    }
}

/// The rows of all parts, collapsed.
fn together(parts: &[RecordBatch]) -> Result<RecordBatch, ScanError> {
    let parts: Vec<&RecordBatch> = parts.iter().collect();
    Ok(sort::sort(Table::Spans, &sort::gather(Table::Spans, &parts)?)?)
}

/// Rows of one part that share their span's id with an earlier row. Repeats in it have collapsed.
fn duplicates(spans: &SpanColumns<'_>, rows: impl Iterator<Item = usize>) -> u64 {
    let mut seen = HashSet::new();
    rows.filter(|row| !seen.insert((spans.trace_id(*row), spans.span_id(*row)))).count() as u64
}
