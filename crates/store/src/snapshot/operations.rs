//! Operations from their rollups, and the newest spans of one.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arrow_array::{BooleanArray, RecordBatch};
use kino_model::columns::Table;
use kino_model::{SpanId, TraceId, UnixNanos};

use super::{Snapshot, answer};
use crate::error::ScanError;
use kino_lake::columns::{TextColumn, ids, int64, trace_id_at};
use kino_lake::group::LakeTable;
use kino_lake::read::Read;
use kino_lake::read::SpanTest;
use kino_lake::rollup::{OperationKey, Rollup, Rollups};

/// Which spans of which operations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperationFilter {
    /// Exact service name.
    pub service: Option<String>,
    /// Exact span name.
    pub name: Option<String>,
    /// Spans of this project, or of none.
    pub project: Option<String>,
    /// Spans of these runs.
    pub run_ids: Option<Vec<String>>,
    /// Spans that started at or after this.
    pub since: Option<UnixNanos>,
    /// Spans that started before this.
    pub until: Option<UnixNanos>,
}

/// One operation, over all projects asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operation {
    /// The service; empty where the resource names none.
    pub service: String,
    /// The span name.
    pub name: String,
    /// Counts and durations.
    pub rollup: Rollup,
}

/// All operations, and what the bound on their number left together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operations {
    /// By service and name.
    pub operations: Vec<Operation>,
    /// Spans of operations without a rollup of their own in some group; of any project.
    pub other: Rollup,
    /// Rows of files that reach into the window asked for and were not looked at; 0 without a window.
    pub not_looked_at: u64,
}

/// Where a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanRef {
    /// When it started.
    pub start: UnixNanos,
    pub trace_id: TraceId,
    pub span_id: SpanId,
}

/// The newest spans of an operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewestSpans {
    /// Newest first.
    pub spans: Vec<SpanRef>,
    /// Whether there are more.
    pub more: bool,
    /// All spans of the operation that the rollups count, whatever run or time was asked.
    pub known: u64,
}

impl Operation {
    /// The duration below which the share `q` of the ended spans stays, within 0.8 %.
    pub fn quantile(&self, q: f64) -> Option<i64> {
        self.rollup.sketch.quantile(q)
    }
}

impl Operations {
    /// The operations of `project` (and of unknown projects), or of all, over all their projects.
    pub(super) fn of(rollups: Rollups, project: Option<&str>) -> Self {
        let mut operations: BTreeMap<(String, String), Rollup> = BTreeMap::new();
        for (key, rollup) in rollups.operations {
            if project.is_none() || key.project.is_none() || key.project.as_deref() == project {
                operations.entry((key.service.unwrap_or_default(), key.name)).or_default().merge(&rollup);
            }
        }
        let operation = |((service, name), rollup)| Operation { service, name, rollup };
        Self { operations: operations.into_iter().map(operation).collect(), other: rollups.other, not_looked_at: 0 }
    }
}

impl Snapshot {
    /// Counts and durations of every operation of `project` (and of unknown projects), or of all. Reads rollups, and
    /// spans only of traces that lie in several places, once for as long as these stay the same.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub async fn operations(&self, project: Option<&str>) -> Result<Operations, ScanError> {
        answer!(self, |snapshot| snapshot.operations_once(project))
    }

    async fn operations_once(&self, project: Option<&str>) -> Result<Operations, ScanError> {
        Ok(Operations::of(self.rolled_up().await?, project))
    }

    async fn rolled_up(&self) -> Result<Rollups, ScanError> {
        let mut sum = Rollups::default();
        for group in self.groups.iter() {
            sum.merge(&self.rollups(group).await?.rollups);
        }
        for batch in &self.hot {
            sum.merge(&batch.index()?.rollups);
        }
        sum.subtract(&self.split().await?.correction.removed);
        Ok(sum)
    }

    /// The newest spans that pass, at most `last`, by their start.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub async fn newest_spans(&self, filter: &OperationFilter, last: usize) -> Result<NewestSpans, ScanError> {
        answer!(self, |snapshot| snapshot.newest_spans_once(filter, last))
    }

    async fn newest_spans_once(&self, filter: &OperationFilter, last: usize) -> Result<NewestSpans, ScanError> {
        let mut found: HashSet<SpanRef> = HashSet::new();
        let mut known = 0;
        for batch in &self.hot {
            known += filter.count(&batch.index()?.rollups);
            let marks = filter.mark(&batch.spans);
            let rows = batch.index()?.rows(Table::Spans).iter().copied();
            self.collect(&batch.spans, rows.map(|row| row as usize).filter(|row| marks.value(*row)), &mut found);
        }
        let mut groups: Vec<_> = self.groups.iter().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.meta.start_max));
        let mut earliest_needed = None;
        for group in groups {
            let rollups = self.rollups(group).await?;
            let here = filter.count(&rollups.rollups);
            known += here;
            let outside = filter.since.is_some_and(|since| group.meta.start_max < since)
                || filter.until.is_some_and(|until| group.meta.start_min >= until)
                || earliest_needed.is_some_and(|needed| group.meta.start_max < needed);
            let (Some(file), false) = (group.file(LakeTable::Spans), outside || here == 0 && !rollups.has_other) else {
                continue;
            };
            let (columns, test) = (filter.columns(), filter.clone());
            let read = Read {
                columns: Some(&["trace_id", "span_id", "start_unix_nanos"]),
                dictionaries: true,
                condition: Some((&columns, Box::new(move |batch| test.mark(batch)))),
                ..Read::default()
            };
            for batch in self.read(file, read).await? {
                self.collect(&batch, 0..batch.num_rows(), &mut found);
            }
            // One more than asked, to know whether there are more.
            if found.len() > last {
                let mut starts: Vec<UnixNanos> = found.iter().map(|span| span.start).collect();
                starts.sort_unstable_by_key(|start| std::cmp::Reverse(*start));
                earliest_needed = Some(starts[last]);
            }
        }
        let mut spans: Vec<SpanRef> = found.into_iter().collect();
        spans.sort_unstable_by_key(|span| (std::cmp::Reverse(span.start), span.trace_id, span.span_id));
        let more = spans.len() > last;
        spans.truncate(last);
        Ok(NewestSpans { spans, more, known })
    }

    fn collect(&self, batch: &RecordBatch, rows: impl Iterator<Item = usize>, found: &mut HashSet<SpanRef>) {
        let (Some(traces), Some(spans), Some(starts)) =
            (ids(batch, "trace_id"), ids(batch, "span_id"), int64(batch, "start_unix_nanos"))
        else {
            return;
        };
        found.extend(rows.filter_map(|row| {
            let trace_id = trace_id_at(traces, row).filter(|id| !self.hidden.contains(id))?;
            let span_id = SpanId::from_slice(spans.value(row))?;
            Some(SpanRef { start: UnixNanos(starts.value(row)), trace_id, span_id })
        }));
    }
}

impl OperationFilter {
    fn test(&self) -> SpanTest {
        SpanTest { service: self.service.clone(), name: self.name.clone(), attributes: Vec::new() }
    }

    fn columns(&self) -> Vec<&'static str> {
        let mut columns = self.test().columns();
        columns.push("start_unix_nanos");
        columns.extend(self.project.as_ref().map(|_| "kino_project"));
        columns.extend(self.run_ids.as_ref().map(|_| "kino_run_id"));
        columns
    }

    pub(super) fn mark(&self, spans: &RecordBatch) -> BooleanArray {
        let marks = self.test().mark(spans);
        let starts = int64(spans, "start_unix_nanos");
        let (project, run) = (TextColumn::of(spans, "kino_project"), TextColumn::of(spans, "kino_run_id"));
        let passes = |row: usize| {
            let start = starts.map_or(0, |starts| starts.value(row));
            marks.value(row)
                && self.since.is_none_or(|since| start >= since.0)
                && self.until.is_none_or(|until| start < until.0)
                && self.project.as_deref().is_none_or(|wanted| project.get(row).is_none_or(|text| text == wanted))
                && self
                    .run_ids
                    .as_ref()
                    .is_none_or(|wanted| run.get(row).is_some_and(|text| wanted.iter().any(|wanted| wanted == text)))
        };
        (0..spans.num_rows()).map(|row| Some(passes(row))).collect()
    }

    pub(super) fn count(&self, rollups: &Rollups) -> u64 {
        rollups.operations.iter().filter(|(key, _)| self.is_of(key)).map(|(_, rollup)| rollup.count).sum()
    }

    /// Whether it asks for this operation's spans.
    pub(super) fn is_of(&self, key: &OperationKey) -> bool {
        (self.service.is_none() || self.service == key.service)
            && self.name.as_ref().is_none_or(|name| *name == key.name)
            && (self.project.is_none() || key.project.is_none() || self.project == key.project)
    }
}

/// Groups are shared between snapshots, and so must what reads them be.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Arc<Snapshot>>();
};
