//! Traces by the beginning of their id, and the rows that summarise given traces.
//!
//! Spans are sorted by trace id, with the bounds of each page of ids in the footer. So a file answers with the few pages
//! that the range of ids touches, however many traces it has.

use std::collections::{BTreeMap, BTreeSet};

use kino_lake::columns::{ids, trace_id_at};
use kino_lake::group::LakeTable;
use kino_lake::read::{Pick, Read};
use kino_lake::trace_row::{self, TraceRow};
use kino_model::TraceId;

use super::{Snapshot, answer};
use crate::error::ScanError;

impl Snapshot {
    /// Returns the traces with ids from `first` to `last`, both included, by id: all of them up to `limit`, or any
    /// `limit` where there are more. A trace that has logs alone is not found.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub async fn traces_between(&self, first: TraceId, last: TraceId, limit: usize) -> Result<Vec<TraceId>, ScanError> {
        answer!(self, |snapshot| snapshot.traces_between_once(first, last, limit))
    }

    async fn traces_between_once(
        &self,
        first: TraceId,
        last: TraceId,
        limit: usize,
    ) -> Result<Vec<TraceId>, ScanError> {
        let mut found = BTreeSet::new();
        for batch in &self.hot {
            let traces = &batch.index()?.traces;
            let from = traces.partition_point(|row| row.trace_id < first);
            let here = traces[from..].iter().map(|row| row.trace_id).take_while(|id| *id <= last);
            found.extend(here.filter(|id| !self.hidden.contains(id)).take(limit));
        }
        let end = u128::from_be_bytes(last.0).checked_add(1);
        let columns = ["trace_id"];
        for group in self.groups.iter() {
            if found.len() >= limit {
                break;
            }
            let Some(file) = group.file(LakeTable::Spans) else { continue };
            let pick = Pick::Between(u128::from_be_bytes(first.0), end);
            for batch in self.read(file, Read { columns: Some(&columns), pick, ..Read::default() }).await? {
                let Some(ids) = ids(&batch, "trace_id") else { continue };
                let here = (0..batch.num_rows()).filter_map(|row| trace_id_at(ids, row));
                found.extend(here.filter(|id| !self.hidden.contains(id)));
            }
        }
        Ok(found.into_iter().take(limit).collect())
    }

    /// Returns the rows that summarise these traces, in the order of `wanted`, without unknown ones. Of a trace that is
    /// in several places the row of the place that has its root, as it is there: it may count a part of the spans.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub async fn trace_rows(&self, wanted: &[TraceId]) -> Result<Vec<TraceRow>, ScanError> {
        answer!(self, |snapshot| snapshot.trace_rows_once(wanted))
    }

    async fn trace_rows_once(&self, wanted: &[TraceId]) -> Result<Vec<TraceRow>, ScanError> {
        let mut rows: BTreeMap<TraceId, TraceRow> = BTreeMap::new();
        let mut add = |row: TraceRow| {
            let known = rows.entry(row.trace_id).or_insert_with(|| row.clone());
            if known.root_span_id.is_none() && row.root_span_id.is_some() {
                *known = row;
            }
        };
        for batch in &self.hot {
            let traces = &batch.index()?.traces;
            for id in wanted {
                let at = traces.partition_point(|row| row.trace_id < *id);
                traces.get(at).filter(|row| row.trace_id == *id).cloned().into_iter().for_each(&mut add);
            }
        }
        for group in self.groups.iter() {
            let mut here: Vec<TraceId> = wanted.iter().filter(|id| group.may_hold(**id)).copied().collect();
            here.sort_unstable();
            let Some(file) = group.file(LakeTable::Traces).filter(|_| !here.is_empty()) else { continue };
            let batches = self.read(file, Read { pick: Pick::Traces(&here), ..Read::default() }).await?;
            batches.iter().flat_map(trace_row::decode).for_each(&mut add);
        }
        Ok(wanted.iter().filter_map(|id| rows.remove(id)).collect())
    }
}
