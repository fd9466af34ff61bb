//! Operations of a stretch of time, counted span by span: rollups know no times.
//!
//! Spans of a trace that is in one source are counted where they are read. A split trace is gathered once, so that
//! what its sources repeat or supersede counts as everywhere else.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::mem::size_of;

use arrow_array::RecordBatch;
use kino_model::columns::Table;
use kino_model::{TraceId, UnixNanos};

use super::exceptions::memory_size;
use super::gather::TRACES_AT_A_TIME;
use super::operations::{OperationFilter, Operations};
use super::{Snapshot, SplitView, answer};
use crate::error::ScanError;
use kino_lake::columns::{COUNTED_COLUMNS, SpanColumns};
use kino_lake::group::LakeTable;
use kino_lake::read::{Pick, Read};
use kino_lake::rollup::{OPERATIONS_MAX, Rollups};

/// Rows of files that one question looks at: a few seconds of reading. The newest files come first.
const ROWS_MAX: usize = 20_000_000;
/// Rows that are decoded at a time: of these few columns some ten megabytes.
const ROWS_AT_ONCE: usize = 256 * 1_024;

impl Snapshot {
    /// Counts and durations of every operation, of the spans that pass the filter alone. The newest files are read
    /// first, and [`Operations::not_looked_at`] says how much was beyond the bound.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub async fn operations_within(&self, filter: &OperationFilter) -> Result<Operations, ScanError> {
        answer!(self, |snapshot| snapshot.operations_within_once(filter, ROWS_MAX))
    }

    pub(super) async fn operations_within_once(
        &self,
        filter: &OperationFilter,
        rows_max: usize,
    ) -> Result<Operations, ScanError> {
        let split = Some(&**self.split().await?);
        let mut counting = Counting { filter, split, sum: Rollups::default(), split_traces: HashSet::new() };
        for batch in &self.hot {
            let rows = batch.index()?.rows(Table::Spans).iter().map(|row| *row as usize);
            counting.add(&batch.spans, rows);
        }
        let not_looked_at = self.count_files(&mut counting, rows_max).await?;
        let _reserved =
            self.memory.reserve_part((counting.split_traces.len() * 2 * size_of::<TraceId>()) as u64).await?;
        let mut split_traces: Vec<TraceId> = counting.split_traces.drain().collect();
        split_traces.sort_unstable();
        counting.split = None;
        for some in split_traces.chunks(TRACES_AT_A_TIME) {
            let spans = self.gather(some, &[Table::Spans]).await?.spans;
            counting.add(&spans, 0..spans.num_rows());
        }
        Ok(Operations { not_looked_at, ..Operations::of(counting.sum, None) })
    }

    /// Counts the spans of files, and returns how many rows of those that reach into the window were not looked at.
    async fn count_files(&self, counting: &mut Counting<'_>, rows_max: usize) -> Result<u64, ScanError> {
        let filter = counting.filter;
        let is_outside = |first: UnixNanos, last: UnixNanos| {
            filter.since.is_some_and(|since| last < since) || filter.until.is_some_and(|until| first >= until)
        };
        let groups = self.groups.iter().filter(|group| !is_outside(group.meta.start_min, group.meta.start_max));
        let mut groups: Vec<_> = groups.collect();
        groups.sort_by_key(|group| Reverse(group.meta.start_max));
        let (mut rest, mut not_looked_at) = (rows_max, 0);
        for file in groups.into_iter().filter_map(|group| group.file(LakeTable::Spans)) {
            let rows = file.meta.rows as usize;
            let looked_at = rows.min(rest);
            rest -= looked_at;
            not_looked_at += (rows - looked_at) as u64;
            for from in (0..looked_at).step_by(ROWS_AT_ONCE) {
                let pick = Pick::Rows(from..looked_at.min(from + ROWS_AT_ONCE));
                let read = Read { columns: Some(&COUNTED_COLUMNS), pick, dictionaries: true, ..Read::default() };
                let batches = self.read(file, read).await?;
                let _reserved = self.memory.reserve_part(memory_size(&batches)).await?;
                for batch in batches {
                    counting.add(&batch, 0..batch.num_rows());
                }
            }
        }
        Ok(not_looked_at)
    }
}

/// What was counted so far.
struct Counting<'a> {
    filter: &'a OperationFilter,
    /// Whose spans are put aside; `None` once they are gathered.
    split: Option<&'a SplitView>,
    sum: Rollups,
    /// Split traces with a span that passes.
    split_traces: HashSet<TraceId>,
}

impl Counting<'_> {
    fn add(&mut self, batch: &RecordBatch, rows: impl Iterator<Item = usize>) {
        let Some(spans) = SpanColumns::of(batch) else { return };
        let marks = self.filter.mark(batch);
        let mut whole = Vec::new();
        for row in rows.filter(|row| marks.value(*row)) {
            let trace_id = spans.trace_id(row);
            if self.split.is_some_and(|split| split.contains(&trace_id)) {
                self.split_traces.insert(trace_id);
            } else {
                whole.push(row);
            }
        }
        let here = Rollups::of_spans(&spans, whole.into_iter());
        for (key, rollup) in here.operations {
            // Names that contain ids are as many as spans: as in a group, those beyond the bound share one sum.
            if self.sum.operations.len() < OPERATIONS_MAX || self.sum.operations.contains_key(&key) {
                self.sum.operations.entry(key).or_default().merge(&rollup);
            } else {
                self.sum.other.merge(&rollup);
            }
        }
    }
}
