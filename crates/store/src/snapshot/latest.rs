//! The traces in which an operation ran last, from `traces` and the rollups alone: no span in a file is read.
//!
//! A group's row of a trace has the start of its latest span there, which is at or after every start of the operation.
//! So the groups are read from the latest on, until those that are left end before the traces found.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use kino_model::columns::Table;
use kino_model::{TraceId, UnixNanos};

use super::walk::OperationMatch;
use super::{OperationFilter, Snapshot, answer};
use crate::error::ScanError;
use kino_lake::columns::{ids, int64, trace_id_at};
use kino_lake::group::{FileEntry, Group, LakeTable};
use kino_lake::read::Read;

/// Traces in which an operation may have run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LatestTraces {
    /// With a time after which no span of the operation started in it, the latest first.
    pub traces: Vec<(UnixNanos, TraceId)>,
    /// No span of the operation in another trace started later; `None` where there are no other traces.
    pub rest: Option<UnixNanos>,
    /// Number of the operation's spans by the rollups, whatever run or time was asked for.
    pub known: u64,
    /// Number of those spans in the sources from which these traces are.
    pub counted: u64,
}

impl Snapshot {
    /// Returns at least `least` traces, if there are, in which the operation may have run last. Ignores the filter's
    /// runs and times.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub async fn latest_traces(&self, filter: &OperationFilter, least: usize) -> Result<LatestTraces, ScanError> {
        answer!(self, |snapshot| snapshot.latest_traces_once(filter, least))
    }

    async fn latest_traces_once(&self, filter: &OperationFilter, least: usize) -> Result<LatestTraces, ScanError> {
        let mut found = Latest { snapshot: self, by_trace: HashMap::new() };
        let mut counted = 0;
        for batch in &self.hot {
            let index = batch.index()?;
            counted += filter.count(&index.rollups);
            let marks = filter.mark(&batch.spans);
            let rows = index.rows(Table::Spans).iter().map(|row| *row as usize);
            found.extend(starts(&batch.spans, "start_unix_nanos", rows.filter(|row| marks.value(*row))));
        }
        let mut known = counted;
        let mut groups: Vec<(&Arc<Group>, OperationMatch, u64)> = Vec::new();
        for group in self.groups.iter() {
            let rollups = self.rollups(group).await?;
            let here = filter.count(&rollups.rollups);
            known += here;
            let operations = OperationMatch::of(&rollups, |key| filter.is_of(key));
            if !operations.is_none() && group.file(LakeTable::Traces).is_some() {
                groups.push((group, operations, here));
            }
        }
        groups.sort_by_key(|(group, ..)| group.meta.start_max);
        loop {
            let rest = groups.last().map(|(group, ..)| group.meta.start_max);
            let settled = rest.is_none_or(|rest| found.count_from(rest) >= least);
            let next = if settled { None } else { groups.pop() };
            let Some((group, operations, here)) = next else {
                let mut traces: Vec<(UnixNanos, TraceId)> = found.by_trace.iter().map(|(id, at)| (*at, *id)).collect();
                traces.retain(|(at, _)| rest.is_none_or(|rest| *at >= rest));
                traces.sort_unstable_by_key(|(at, id)| (std::cmp::Reverse(*at), *id));
                return Ok(LatestTraces { traces, rest, known, counted });
            };
            counted += here;
            let Some(file) = group.file(LakeTable::Traces) else { continue };
            found.extend(self.latest_in(file, filter, &operations).await?.iter().copied());
        }
    }

    /// Returns the traces of a file in which the operation ran, with their latest starts. Cached, since a file never
    /// changes.
    async fn latest_in(
        &self,
        file: &FileEntry,
        filter: &OperationFilter,
        operations: &OperationMatch,
    ) -> Result<Arc<Vec<(TraceId, UnixNanos)>>, ScanError> {
        let key = format!("{}#{:?}", file.path, (&filter.service, &filter.name, &filter.project));
        if let Some(known) = self.caches.latest.get(&key) {
            return Ok(known);
        }
        let mut traces = Vec::new();
        let read = Read { columns: Some(&["trace_id", "last_start_unix_nanos", "operations"]), ..Read::default() };
        for batch in self.read(file, read).await? {
            let marks = operations.mark(&batch);
            let rows = (0..batch.num_rows()).filter(|row| marks.value(*row));
            traces.extend(starts(&batch, "last_start_unix_nanos", rows));
        }
        traces.shrink_to_fit();
        let traces = Arc::new(traces);
        self.caches.latest.put(&key, &traces, key.len() + size_of_val(traces.as_slice()));
        Ok(traces)
    }
}

/// Returns the traces of these rows, with the times in the column `name`.
fn starts(
    batch: &RecordBatch,
    name: &str,
    rows: impl Iterator<Item = usize>,
) -> impl Iterator<Item = (TraceId, UnixNanos)> {
    let columns = ids(batch, "trace_id").zip(int64(batch, name));
    rows.filter_map(move |row| {
        let (traces, starts) = columns?;
        Some((trace_id_at(traces, row)?, UnixNanos(starts.value(row))))
    })
}

/// The latest start known of each trace.
struct Latest<'a> {
    snapshot: &'a Snapshot,
    by_trace: HashMap<TraceId, UnixNanos>,
}

impl Latest<'_> {
    fn extend(&mut self, traces: impl Iterator<Item = (TraceId, UnixNanos)>) {
        for (id, start) in traces.filter(|(id, _)| !self.snapshot.hidden.contains(id)) {
            self.by_trace.entry(id).and_modify(|latest| *latest = start.max(*latest)).or_insert(start);
        }
    }

    fn count_from(&self, time: UnixNanos) -> usize {
        self.by_trace.values().filter(|latest| **latest >= time).count()
    }
}
