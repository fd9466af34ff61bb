//! Which traces: the conditions of `find`, on a whole trace and on its columns.

use std::sync::Arc;

use arrow_array::{Array, BooleanArray, RecordBatch};
use kino_model::{DurationNanos, UnixNanos};

use kino_lake::columns::{TextColumn, ids, int64};
use kino_lake::read::{AttributeTest, SpanTest};
use kino_lake::rollup::OperationKey;
use kino_lake::trace_row::{TextLists, TraceRow};

/// Which traces. `service`, `name` and `attributes` hold together on one span, any in the trace; the duration and
/// the times are the root's. An empty filter means all traces.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TraceFilter {
    /// Exact service name of the span.
    pub service: Option<String>,
    /// Exact name of the span.
    pub name: Option<String>,
    /// `service` and `name` are those of the root rather than of any span.
    pub roots_only: bool,
    /// The root lasted at least this long.
    pub min_duration: Option<DurationNanos>,
    /// The trace started at or after this.
    pub since: Option<UnixNanos>,
    /// The trace started before this.
    pub until: Option<UnixNanos>,
    /// Some span failed.
    pub error: bool,
    /// Attributes of the span or of its resource, in any released spelling: key, and value as text.
    pub attributes: Vec<(String, String)>,
    /// Some span names one of these runs.
    pub run_ids: Option<Vec<String>>,
    /// The trace's code state begins with this.
    pub code_state: Option<String>,
    /// Some span is of this project, or none of them names any.
    pub project: Option<String>,
}

/// The columns of `traces` that every walk reads.
pub(super) const WALK_COLUMNS: &[&str] = &["trace_id", "start_unix_nanos"];

impl TraceFilter {
    /// What one span of the trace must be.
    pub(super) fn span_test(&self) -> SpanTest {
        let any = |text: &Option<String>| text.clone().filter(|_| !self.roots_only);
        SpanTest {
            service: any(&self.service),
            name: any(&self.name),
            attributes: self.attributes.iter().map(|(key, value)| AttributeTest::new(key, value)).collect(),
        }
    }

    /// Whether an operation's spans can pass, by what the rollups know of them.
    pub(super) fn admits(&self, key: &OperationKey) -> bool {
        let root = self.roots_only;
        let service = root || self.service.is_none() || self.service == key.service;
        service && (root || self.name.as_ref().is_none_or(|name| *name == key.name))
    }

    /// Whether the trace as a whole passes; its spans are another matter.
    pub(super) fn admits_row(&self, row: &TraceRow) -> bool {
        let root = |wanted: &Option<String>, text: &String| {
            !self.roots_only || wanted.as_ref().is_none_or(|wanted| row.root_span_id.is_some() && wanted == text)
        };
        root(&self.service, &row.root_service)
            && root(&self.name, &row.root_name)
            && self.min_duration.is_none_or(|least| row.duration.is_some_and(|duration| duration >= least))
            && self.since.is_none_or(|since| row.start >= since)
            && self.until.is_none_or(|until| row.start < until)
            && (!self.error || row.error_count > 0)
            && self.run_ids.as_ref().is_none_or(|wanted| row.run_ids.iter().any(|run| wanted.contains(run)))
            && self
                .code_state
                .as_ref()
                .is_none_or(|wanted| row.code_state.as_ref().is_some_and(|state| state.starts_with(wanted.as_str())))
            && self.project.as_ref().is_none_or(|wanted| row.projects.is_empty() || row.projects.contains(wanted))
    }

    /// The columns of `traces` that [`Self::mark`] looks at.
    pub(super) fn columns(&self) -> Vec<&'static str> {
        let mut columns = WALK_COLUMNS.to_vec();
        let asked = [
            (self.roots_only, &["root_span_id", "root_service", "root_name"][..]),
            (self.min_duration.is_some(), &["duration_nanos"]),
            (self.error, &["error_count"]),
            (self.run_ids.is_some(), &["kino_run_id", "kino_run_ids"]),
            (self.code_state.is_some(), &["kino_code_state"]),
            (self.project.is_some(), &["kino_project", "kino_projects"]),
        ];
        asked.iter().filter(|(asked, _)| *asked).for_each(|(_, names)| columns.extend(*names));
        columns
    }

    /// Marks the rows of `traces` that [`Self::admits_row`] lets pass.
    pub(super) fn mark(&self, traces: &RecordBatch) -> BooleanArray {
        let rows = traces.num_rows();
        let mut passed = vec![true; rows];
        let mut keep = |test: &dyn Fn(usize) -> bool| {
            passed.iter_mut().enumerate().for_each(|(row, passed)| *passed = *passed && test(row));
        };
        let at_least = |name: &str, least: i64| {
            let column = int64(traces, name).cloned();
            move |row: usize| column.as_ref().is_some_and(|column| column.is_valid(row) && column.value(row) >= least)
        };
        if let Some(since) = self.since {
            keep(&at_least("start_unix_nanos", since.0));
        }
        if let Some(until) = self.until {
            let later = at_least("start_unix_nanos", until.0);
            keep(&|row| !later(row));
        }
        if let Some(least) = self.min_duration {
            keep(&at_least("duration_nanos", least.0));
        }
        if self.error {
            keep(&at_least("error_count", 1));
        }
        for (name, wanted) in [("root_service", &self.service), ("root_name", &self.name)] {
            let Some(wanted) = wanted.as_ref().filter(|_| self.roots_only) else { continue };
            let marks = TextColumn::of(traces, name).matches(rows, |text| text == wanted);
            // A root without a service has the empty one.
            let roots = ids(traces, "root_span_id");
            let column = TextColumn::of(traces, name);
            let unnamed = |row| wanted.is_empty() && column.get(row).is_none();
            keep(&|row| (marks.value(row) || unnamed(row)) && roots.is_some_and(|roots| roots.is_valid(row)));
        }
        if let Some(wanted) = &self.run_ids {
            let (single, lists) = (TextColumn::of(traces, "kino_run_id"), TextLists::of(traces, "kino_run_ids"));
            keep(&|row| lists.any(row, single, |run| wanted.iter().any(|wanted| wanted == run)));
        }
        if let Some(wanted) = &self.code_state {
            let marks = TextColumn::of(traces, "kino_code_state").matches(rows, |text| text.starts_with(wanted));
            keep(&|row| marks.value(row));
        }
        if let Some(wanted) = &self.project {
            let (single, lists) = (TextColumn::of(traces, "kino_project"), TextLists::of(traces, "kino_projects"));
            keep(&|row| single.get(row).is_none() || lists.any(row, single, |project| project == wanted));
        }
        BooleanArray::from(passed)
    }
}

/// A shared filter with the span test it implies.
#[derive(Clone, Debug)]
pub(super) struct SharedFilter {
    pub(super) filter: Arc<TraceFilter>,
    pub(super) spans: Arc<SpanTest>,
}

impl SharedFilter {
    pub(super) fn new(filter: &TraceFilter) -> Self {
        Self { filter: Arc::new(filter.clone()), spans: Arc::new(filter.span_test()) }
    }
}
