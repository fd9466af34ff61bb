//! Exceptions: the events that carry `exception.type` or `exception.message`.

use std::collections::BTreeSet;
use std::ops::Range;

use arrow_array::{Array, RecordBatch};
use kino_model::{SpanId, TraceId, UnixNanos, names};

use super::{Snapshot, answer};
use crate::error::ScanError;
use kino_lake::columns::{TextColumn, ids, int32, int64, trace_id_at};
use kino_lake::group::LakeTable;
use kino_lake::read::{Pick, Read};

/// Which exceptions, or which logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Exact service name.
    pub service: Option<String>,
    /// Exceptions of this project, or of none.
    pub project: Option<String>,
    /// Exceptions of these runs.
    pub run_ids: Option<Vec<String>>,
    /// Seen at or after this.
    pub since: Option<UnixNanos>,
    /// Seen before this.
    pub until: Option<UnixNanos>,
}

/// One exception. Ordered by time, the newest first, then by what it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExceptionRow {
    /// When it was recorded, newest first.
    pub time: std::cmp::Reverse<UnixNanos>,
    /// The trace; `None` for a log outside any.
    pub trace_id: Option<TraceId>,
    /// The span; `None` for a log outside any.
    pub span_id: Option<SpanId>,
    /// Its place among the span's events; `None` for a log.
    pub ordinal: Option<i32>,
    /// The service; empty where the resource names none.
    pub service: String,
    pub exception_type: Option<String>,
    /// `exception.message`.
    pub message: Option<String>,
    /// `exception.stacktrace`.
    pub stacktrace: Option<String>,
    pub run_id: Option<String>,
    pub project: Option<String>,
    /// `kino.worktree` of the resource: the root of the code that ran.
    pub worktree: Option<String>,
}

/// Rows of a file that are looked at at a time: stacks are kilobytes each.
const ROWS_AT_ONCE: usize = 16 * 1_024;

const COLUMNS: &[&str] = &[
    "time_unix_nanos",
    "trace_id",
    "span_id",
    "ordinal",
    "service_name",
    "exception_type",
    "exception_message",
    "exception_stacktrace",
    "kino_run_id",
    "kino_project",
    "resource",
];

impl Snapshot {
    /// The newest exceptions that pass, at most `limit`, and whether there are more.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub async fn exceptions(&self, filter: &EventFilter, limit: usize) -> Result<(Vec<ExceptionRow>, bool), ScanError> {
        answer!(self, |snapshot| snapshot.exceptions_once(filter, limit))
    }

    async fn exceptions_once(
        &self,
        filter: &EventFilter,
        limit: usize,
    ) -> Result<(Vec<ExceptionRow>, bool), ScanError> {
        let mut found: BTreeSet<ExceptionRow> = BTreeSet::new();
        let mut keep = |rows: Vec<ExceptionRow>| {
            found.extend(rows.into_iter().filter(|row| row.trace_id.is_none_or(|id| !self.hidden.contains(&id))));
            while found.len() > limit + 1 {
                found.pop_last();
            }
            (found.len() > limit).then(|| found.last().map(|row| row.time.0)).flatten()
        };
        let mut needed = None;
        for batch in &self.hot {
            needed = keep(filter.rows(&batch.events));
        }
        let mut files: Vec<_> = self.groups.iter().filter_map(|group| group.file(LakeTable::Events)).collect();
        files.sort_by_key(|file| std::cmp::Reverse(file.meta.start_max));
        for file in files {
            let outside = filter.is_outside(file.meta.start_min, file.meta.start_max)
                || needed.is_some_and(|needed| file.meta.start_max < needed);
            if outside {
                continue;
            }
            let rows = file.meta.rows as usize;
            for from in (0..rows).step_by(ROWS_AT_ONCE) {
                let batches = self.read(file, filter.read(from..rows.min(from + ROWS_AT_ONCE))).await?;
                let _reserved = self.memory.reserve_part(memory_size(&batches)).await?;
                for batch in batches {
                    needed = keep(filter.rows(&batch));
                }
            }
        }
        let more = found.len() > limit;
        Ok((found.into_iter().take(limit).collect(), more))
    }
}

/// What decoded rows take.
pub(super) fn memory_size(batches: &[RecordBatch]) -> u64 {
    batches.iter().map(RecordBatch::get_array_memory_size).sum::<usize>() as u64
}

impl EventFilter {
    /// Reads the exceptions that pass among some rows of a file.
    fn read(&self, rows: Range<usize>) -> Read<'static> {
        let test = self.clone();
        let condition =
            move |batch: &RecordBatch| (0..batch.num_rows()).map(|row| Some(test.passes(batch, row))).collect();
        Read {
            columns: Some(COLUMNS),
            pick: Pick::Rows(rows),
            dictionaries: true,
            condition: Some((
                &[
                    "time_unix_nanos",
                    "service_name",
                    "exception_type",
                    "exception_message",
                    "kino_run_id",
                    "kino_project",
                ],
                Box::new(condition),
            )),
            ..Read::default()
        }
    }

    /// Whether nothing that was seen from the first to the second moment can pass.
    pub(super) fn is_outside(&self, first: UnixNanos, last: UnixNanos) -> bool {
        self.since.is_some_and(|since| last < since) || self.until.is_some_and(|until| first >= until)
    }

    fn passes(&self, events: &RecordBatch, row: usize) -> bool {
        let text = |name: &str| TextColumn::of(events, name).get(row);
        if text("exception_type").is_none() && text("exception_message").is_none() {
            return false;
        }
        self.holds(events, row)
    }

    /// Everything but that it is an exception.
    pub(super) fn holds(&self, events: &RecordBatch, row: usize) -> bool {
        let text = |name: &str| TextColumn::of(events, name).get(row);
        let time = int64(events, "time_unix_nanos").map_or(0, |times| times.value(row));
        self.since.is_none_or(|since| time >= since.0)
            && self.until.is_none_or(|until| time < until.0)
            && self.service.as_deref().is_none_or(|wanted| text("service_name") == Some(wanted))
            && self.project.as_deref().is_none_or(|wanted| text("kino_project").is_none_or(|text| text == wanted))
            && self
                .run_ids
                .as_ref()
                .is_none_or(|wanted| text("kino_run_id").is_some_and(|run| wanted.iter().any(|wanted| wanted == run)))
    }

    fn rows(&self, events: &RecordBatch) -> Vec<ExceptionRow> {
        if TextColumn::of(events, "exception_type").is_absent()
            && TextColumn::of(events, "exception_message").is_absent()
        {
            return Vec::new();
        }
        let text = |name: &str, row: usize| TextColumn::of(events, name).get(row).map(str::to_owned);
        let row = |row: usize| ExceptionRow {
            time: std::cmp::Reverse(UnixNanos(int64(events, "time_unix_nanos").map_or(0, |times| times.value(row)))),
            trace_id: ids(events, "trace_id").and_then(|ids| trace_id_at(ids, row)),
            span_id: ids(events, "span_id")
                .filter(|ids| ids.is_valid(row))
                .and_then(|ids| SpanId::from_slice(ids.value(row))),
            ordinal: int32(events, "ordinal").filter(|column| column.is_valid(row)).map(|column| column.value(row)),
            service: text("service_name", row).unwrap_or_default(),
            exception_type: text("exception_type", row),
            message: text("exception_message", row),
            stacktrace: text("exception_stacktrace", row),
            run_id: text("kino_run_id", row),
            project: text("kino_project", row),
            worktree: TextColumn::of(events, "resource").get(row).and_then(worktree),
        };
        (0..events.num_rows()).filter(|at| self.passes(events, *at)).map(row).collect()
    }
}

/// The worktree that a resource, as JSON, names.
fn worktree(resource: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Resource {
        #[serde(default)]
        attributes: Vec<Attribute>,
    }
    #[derive(serde::Deserialize)]
    struct Attribute {
        key: String,
        value: serde_json::Value,
    }
    // Most resources name none, and then need no parsing.
    resource.contains(names::WORKTREE).then_some(())?;
    let attributes = serde_json::from_str::<Resource>(resource).ok()?.attributes;
    let named = attributes.into_iter().find(|attribute| attribute.key == names::WORKTREE)?;
    Some(named.value.get("stringValue")?.as_str()?.to_owned())
}
