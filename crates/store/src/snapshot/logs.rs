//! Logs for themselves: those outside any trace, and of traces without spans, are found by no question about traces.
//!
//! They are read one source after another, a part of a file at a time, so that a store full of logs is never
//! in memory whole. A record that was sent twice is there twice as long as its copies are in different files.

use std::collections::HashSet;
use std::ops::Range;

use arrow_array::{Array, RecordBatch};
use arrow_schema::ArrowError;
use kino_model::batch::{conform, rows};
use kino_model::columns::Table;
use kino_model::{Batch, LogRecord, TraceId};

use super::{EventFilter, Snapshot};
use crate::error::ScanError;
use kino_lake::columns::{ids, int32, trace_id_at};
use kino_lake::group::{FileEntry, LakeTable};
use kino_lake::read::{Pick, Read};
use kino_lake::sort;

/// Rows of a file that are one source: some tens of megabytes of records.
const PART_ROWS: usize = 32 * 1_024;

/// What decides about a row before the rest of it is read.
const CONDITION: &[&str] = &["trace_id", "time_unix_nanos", "ordinal", "service_name", "kino_run_id", "kino_project"];

impl Snapshot {
    /// How many sources [`Snapshot::logs`] can be asked of: parts of files, and batches in memory.
    pub fn log_sources(&self) -> usize {
        self.event_parts().count() + self.hot.len()
    }

    /// The logs of one source that pass the filter, in the order of the lake. A damaged file has none; its group is
    /// left out of later answers, and the status says so.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub async fn logs(&self, source: usize, filter: &EventFilter) -> Result<Vec<LogRecord>, ScanError> {
        let parts = self.event_parts().count();
        let Some((file, rows)) = self.event_parts().nth(source) else {
            let Some(batch) = source.checked_sub(parts).and_then(|at| self.hot.get(at)) else { return Ok(Vec::new()) };
            return Ok(decode(std::slice::from_ref(&batch.events), filter, &self.hidden)?);
        };
        if filter.is_outside(file.meta.start_min, file.meta.start_max) {
            return Ok(Vec::new());
        }
        let test = filter.clone();
        let hidden = std::sync::Arc::clone(&self.hidden);
        let condition = move |batch: &RecordBatch| {
            (0..batch.num_rows()).map(|row| Some(test.is_log(batch, row, &hidden))).collect()
        };
        let read =
            Read { pick: Pick::Rows(rows), condition: Some((CONDITION, Box::new(condition))), ..Read::default() };
        match self.read(file, read).await {
            Err(error) if self.clone().leave_out_damaged(&error) => Ok(Vec::new()),
            batches => Ok(decode(&batches?, filter, &self.hidden)?),
        }
    }

    fn event_parts(&self) -> impl Iterator<Item = (&FileEntry, Range<usize>)> {
        let files = self.groups.iter().filter_map(|group| group.file(LakeTable::Events));
        files.flat_map(|file| {
            let rows = file.meta.rows as usize;
            (0..rows).step_by(PART_ROWS).map(move |from| (file, from..rows.min(from + PART_ROWS)))
        })
    }
}

impl EventFilter {
    fn is_log(&self, events: &RecordBatch, row: usize, hidden: &HashSet<TraceId>) -> bool {
        // A span's event has a place among the span's events, a log has none.
        let of_span = int32(events, "ordinal").is_some_and(|ordinals| ordinals.is_valid(row));
        let trace = ids(events, "trace_id").and_then(|ids| trace_id_at(ids, row));
        !of_span && trace.is_none_or(|trace| !hidden.contains(&trace)) && self.holds(events, row)
    }
}

fn decode(
    batches: &[RecordBatch],
    filter: &EventFilter,
    hidden: &HashSet<TraceId>,
) -> Result<Vec<LogRecord>, ArrowError> {
    let batches: Vec<&RecordBatch> = batches.iter().collect();
    let events = sort::sort(Table::Events, &sort::gather(Table::Events, &batches)?)?;
    let passes = (0..events.num_rows()).map(|row| Some(filter.is_log(&events, row, hidden))).collect();
    let events = arrow_select::filter::filter_record_batch(&events, &passes)?;
    Ok(rows::logs(&Batch { events: conform(&events, &Table::Events.schema()), ..Batch::empty() }))
}
