//! `traces`: one row summarises a group's spans of one trace, so that most questions read no span.
//!
//! Rows are sorted by start, the newest last. A trace in several groups has a row in each; readers then
//! recompute the row from the trace's spans, after collapsing repeats.

use std::cmp::Ordering;
use std::sync::{Arc, LazyLock};

use arrow_array::builder::{
    FixedSizeBinaryBuilder, Int32Builder, Int64Builder, ListBuilder, StringBuilder, StringDictionaryBuilder,
};
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, ListArray, RecordBatch, UInt32Array};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use kino_model::columns::{Column, ColumnKind, field};
use kino_model::{DurationNanos, SpanId, TraceId, UnixNanos};

use crate::columns::{SpanColumns, TextColumn, ids, int64, lists, trace_id_at};
use crate::sort;

/// What is known of one trace as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceRow {
    pub trace_id: TraceId,
    /// The earliest-starting span without a parent; none while it is missing.
    pub root_span_id: Option<SpanId>,
    /// The root's service; empty while the root is missing.
    pub root_service: String,
    /// The root's name; empty while the root is missing.
    pub root_name: String,
    /// The root's start; the earliest span's while the root is missing.
    pub start: UnixNanos,
    /// The root's duration; `None` while it is open or missing.
    pub duration: Option<DurationNanos>,
    /// The latest start of a span.
    pub last_start: UnixNanos,
    /// The latest end of a span; `None` while none has ended.
    pub end: Option<UnixNanos>,
    pub span_count: u64,
    /// Failed spans among them.
    pub error_count: u64,
    /// The root's run, else the first of [`Self::run_ids`].
    pub run_id: Option<String>,
    /// The root's project, else the first of [`Self::projects`].
    pub project: Option<String>,
    /// The root's worktree, else the first in the alphabet.
    pub worktree: Option<String>,
    /// The root's code state, else the first in the alphabet.
    pub code_state: Option<String>,
    /// All runs its spans name, sorted.
    pub run_ids: Vec<String>,
    /// All projects its spans name, sorted.
    pub projects: Vec<String>,
}

/// The plain columns of `traces`, for `docs/schema.md`; [`TRACE_LISTS`] follow them.
pub const TRACES: &[Column] = &[
    field("trace_id", ColumnKind::TraceId, false, "The trace."),
    field("root_span_id", ColumnKind::SpanId, true, "The earliest-starting span without a parent; null while missing."),
    field("root_service", ColumnKind::Label, true, "The root's service; null while the root is missing or names none."),
    field("root_name", ColumnKind::Label, true, "The root's name; null while the root is missing."),
    field(
        "start_unix_nanos",
        ColumnKind::Int,
        false,
        "The root's start; the earliest span's while the root is missing.",
    ),
    field("duration_nanos", ColumnKind::Int, true, "The root's duration; null while it is open or missing."),
    field("last_start_unix_nanos", ColumnKind::Int, false, "The latest start of a span."),
    field("end_unix_nanos", ColumnKind::Int, true, "The latest end of a span; null while none has ended."),
    field("span_count", ColumnKind::Int, false, "Spans in this file's group."),
    field("error_count", ColumnKind::Int, false, "Failed spans among them."),
    field("kino_run_id", ColumnKind::Label, true, "The root's run, else the first in the alphabet."),
    field("kino_project", ColumnKind::Label, true, "The root's project, else the first in the alphabet."),
    field("kino_worktree", ColumnKind::Label, true, "The root's worktree, else the first in the alphabet."),
    field("kino_code_state", ColumnKind::Label, true, "The root's code state, else the first in the alphabet."),
];

/// The list columns of `traces`: name, and one line for `docs/schema.md`.
pub const TRACE_LISTS: &[(&str, &str)] = &[
    ("kino_run_ids", "All runs that the trace's spans name, where they are more than one."),
    ("kino_projects", "All projects that the trace's spans name, where they are more than one."),
    ("operations", "The `ordinal` in the same group's `rollups` of every operation that the trace's spans are of."),
];

/// The Arrow schema of `traces`.
pub fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let mut fields: Vec<Field> = TRACES.iter().map(Column::arrow).collect();
        for (name, _) in TRACE_LISTS {
            let item = if *name == "operations" { DataType::Int32 } else { DataType::Utf8 };
            fields.push(Field::new(*name, DataType::List(Arc::new(Field::new("item", item, true))), true));
        }
        Arc::new(Schema::new(fields))
    });
    Arc::clone(&SCHEMA)
}

/// What the spans of one trace say of it, borrowed from their columns.
#[derive(Clone, Debug, Default)]
pub struct TraceFacts<'a> {
    pub trace_id: TraceId,
    root: Option<RootKey<'a>>,
    start_min: UnixNanos,
    /// The latest start of a span.
    pub last_start: UnixNanos,
    end: Option<UnixNanos>,
    pub span_count: u64,
    /// Failed spans among them.
    pub error_count: u64,
    run: TextChoice<'a>,
    project: TextChoice<'a>,
    worktree: TextChoice<'a>,
    code_state: TextChoice<'a>,
    /// Ordinals of the operations, sorted.
    pub operations: Vec<i32>,
}

/// The root, by what decides between several: start and id, then, between spans that share both, what they say. Of spans
/// that agree in all of this the run, project, worktree and code state are each the first in the alphabet that any of
/// them names, so that the order in which they are read decides nothing.
type RootKey<'a> = (UnixNanos, SpanId, Option<&'a str>, Option<&'a str>, Option<i64>);

/// The distinct texts that a trace's spans hold in one column, and the root's.
#[derive(Clone, Debug, Default)]
struct TextChoice<'a> {
    root: Option<&'a str>,
    all: Vec<&'a str>,
}

impl<'a> TextChoice<'a> {
    fn add(&mut self, text: Option<&'a str>) {
        // Spans that came together name the same text, not an equal one.
        let is_first = |text: &str| self.all.first().is_some_and(|first| std::ptr::eq(*first, text));
        if let Some(text) = text.filter(|text| !is_first(text))
            && let Err(place) = self.all.binary_search(&text)
        {
            self.all.insert(place, text);
        }
    }

    fn chosen(&self) -> Option<&'a str> {
        self.root.or(self.all.first().copied())
    }

    fn owned(&self) -> Vec<String> {
        self.all.iter().map(|text| (*text).to_owned()).collect()
    }
}

impl<'a> TraceFacts<'a> {
    /// Adds one span of the trace.
    pub fn add(&mut self, spans: &SpanColumns<'a>, row: usize) {
        let start = spans.start(row);
        if self.span_count == 0 {
            (self.trace_id, self.start_min, self.last_start) = (spans.trace_id(row), start, start);
        }
        self.start_min = self.start_min.min(start);
        self.last_start = self.last_start.max(start);
        let duration = spans.duration(row);
        self.end = self.end.max(duration.map(|nanos| start.plus(DurationNanos(nanos))));
        self.span_count += 1;
        self.error_count += u64::from(spans.is_error(row));
        let texts = [spans.run, spans.project, spans.worktree, spans.code_state].map(|column| column.get(row));
        let mut named = [&mut self.run, &mut self.project, &mut self.worktree, &mut self.code_state];
        named.iter_mut().zip(texts).for_each(|(named, text)| named.add(text));
        if !spans.is_root(row) {
            return;
        }
        let candidate = (start, spans.span_id(row), spans.name.get(row), spans.service.get(row), duration);
        match self.root.map(|root| candidate.cmp(&root)) {
            Some(Ordering::Greater) => {}
            Some(Ordering::Equal) => {
                let first = |named: Option<&'a str>, text: Option<&'a str>| named.into_iter().chain(text).min();
                named.iter_mut().zip(texts).for_each(|(named, text)| named.root = first(named.root, text));
            }
            Some(Ordering::Less) | None => {
                self.root = Some(candidate);
                named.iter_mut().zip(texts).for_each(|(named, text)| named.root = text);
            }
        }
    }

    /// Adds the operation of a span.
    pub fn add_operation(&mut self, ordinal: u32) {
        if let Err(place) = self.operations.binary_search(&(ordinal as i32)) {
            self.operations.insert(place, ordinal as i32);
        }
    }

    /// Gives the operations the numbers they have in the group, of which several may share one.
    pub fn renumber(&mut self, ordinals: &[u32]) {
        self.operations.iter_mut().for_each(|ordinal| *ordinal = ordinals[*ordinal as usize] as i32);
        self.operations.sort_unstable();
        self.operations.dedup();
    }

    /// The earliest and the latest start of a span.
    pub fn starts(&self) -> [i64; 2] {
        [self.start_min.0, self.last_start.0]
    }

    /// The trace's place in time.
    pub fn start(&self) -> UnixNanos {
        self.root.map_or(self.start_min, |root| root.0)
    }

    /// All runs its spans name.
    pub fn runs(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.run.all.iter().copied()
    }

    fn root_name(&self) -> Option<&'a str> {
        self.root.and_then(|root| root.2)
    }

    fn root_service(&self) -> Option<&'a str> {
        self.root.and_then(|root| root.3)
    }

    fn duration(&self) -> Option<i64> {
        self.root.and_then(|root| root.4)
    }

    /// The row that owns its texts.
    pub fn to_row(&self) -> TraceRow {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        TraceRow {
            trace_id: self.trace_id,
            root_span_id: self.root.map(|root| root.1),
            root_service: self.root_service().unwrap_or_default().to_owned(),
            root_name: self.root_name().unwrap_or_default().to_owned(),
            start: self.start(),
            duration: self.duration().map(DurationNanos),
            last_start: self.last_start,
            end: self.end,
            span_count: self.span_count,
            error_count: self.error_count,
            run_id: owned(self.run.chosen()),
            project: owned(self.project.chosen()),
            worktree: owned(self.worktree.chosen()),
            code_state: owned(self.code_state.chosen()),
            run_ids: self.run.owned(),
            projects: self.project.owned(),
        }
    }
}

/// Gathers facts about each trace of a batch that is sorted by trace.
pub fn of_sorted<'a>(spans: &SpanColumns<'a>) -> Vec<TraceFacts<'a>> {
    let mut traces: Vec<TraceFacts<'a>> = Vec::new();
    for row in 0..spans.rows() {
        let trace_id = spans.trace_id(row);
        if traces.last().is_none_or(|last| last.trace_id != trace_id) {
            traces.push(TraceFacts::default());
        }
        let Some(last) = traces.last_mut() else { continue };
        last.add(spans, row);
    }
    traces
}

/// Encodes facts, which must be sorted as the file is to be, in [`schema`].
pub fn encode(traces: &[TraceFacts<'_>]) -> RecordBatch {
    let mut trace_ids = FixedSizeBinaryBuilder::with_capacity(traces.len(), TraceId::LEN as i32);
    let mut roots = FixedSizeBinaryBuilder::with_capacity(traces.len(), SpanId::LEN as i32);
    let mut ints: [Int64Builder; 6] = Default::default();
    let mut labels: [StringDictionaryBuilder<Int32Type>; 6] = Default::default();
    let mut lists = [ListBuilder::new(StringBuilder::new()), ListBuilder::new(StringBuilder::new())];
    let mut operations = ListBuilder::new(Int32Builder::new());
    for trace in traces {
        trace_ids.append_value(trace.trace_id.0).expect("a trace id has its length");
        match trace.root {
            Some((_, id, ..)) => roots.append_value(id.0).expect("a span id has its length"),
            None => roots.append_null(),
        }
        let values = [
            Some(trace.start().0),
            trace.duration(),
            Some(trace.last_start.0),
            trace.end.map(|end| end.0),
            Some(trace.span_count as i64),
            Some(trace.error_count as i64),
        ];
        ints.iter_mut().zip(values).for_each(|(builder, value)| builder.append_option(value));
        let texts = [
            trace.root_service(),
            trace.root_name(),
            trace.run.chosen(),
            trace.project.chosen(),
            trace.worktree.chosen(),
            trace.code_state.chosen(),
        ];
        labels.iter_mut().zip(texts).for_each(|(builder, text)| builder.append_option(text));
        for (list, named) in lists.iter_mut().zip([&trace.run, &trace.project]) {
            let several = named.all.len() > 1;
            named.all.iter().filter(|_| several).for_each(|text| list.values().append_value(text));
            list.append(several);
        }
        operations.values().append_slice(&trace.operations);
        operations.append(true);
    }
    let [start, duration, last_start, end, spans, errors] = ints.map(|mut builder| Arc::new(builder.finish()));
    let [service, name, run, project, worktree, code] = labels.map(|mut builder| Arc::new(builder.finish()));
    let [runs, projects] = lists.map(|mut builder| Arc::new(builder.finish()));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(trace_ids.finish()),
        Arc::new(roots.finish()),
        service,
        name,
        start,
        duration,
        last_start,
        end,
        spans,
        errors,
        run,
        project,
        worktree,
        code,
        runs,
        projects,
        Arc::new(operations.finish()),
    ];
    RecordBatch::try_new(schema(), columns).expect("the columns were built in the schema's order")
}

/// Reads rows back from a batch that holds every column of [`schema`] that any of its rows needs.
pub fn decode(batch: &RecordBatch) -> Vec<TraceRow> {
    let Some(trace_ids) = ids(batch, "trace_id") else { return Vec::new() };
    let roots = ids(batch, "root_span_id");
    let ints = |name: &str| int64(batch, name);
    let starts = ints("start_unix_nanos");
    let (durations, ends, last_starts) =
        (ints("duration_nanos"), ints("end_unix_nanos"), ints("last_start_unix_nanos"));
    let (spans, errors) = (ints("span_count"), ints("error_count"));
    let text = |name: &str| TextColumn::of(batch, name);
    let (service, name) = (text("root_service"), text("root_name"));
    let (run, project) = (text("kino_run_id"), text("kino_project"));
    let (worktree, code_state) = (text("kino_worktree"), text("kino_code_state"));
    let (runs, projects) = (TextLists::of(batch, "kino_run_ids"), TextLists::of(batch, "kino_projects"));
    let int = |column: Option<&arrow_array::PrimitiveArray<Int64Type>>, row: usize| {
        column.filter(|column| column.is_valid(row)).map(|column| column.value(row))
    };
    let owned = |column: TextColumn<'_>, row| column.get(row).map(str::to_owned);
    (0..batch.num_rows())
        .map(|row| TraceRow {
            trace_id: TraceId::from_slice(trace_ids.value(row)).unwrap_or_default(),
            root_span_id: roots.filter(|ids| ids.is_valid(row)).and_then(|ids| SpanId::from_slice(ids.value(row))),
            root_service: owned(service, row).unwrap_or_default(),
            root_name: owned(name, row).unwrap_or_default(),
            start: UnixNanos(int(starts, row).unwrap_or_default()),
            duration: int(durations, row).map(DurationNanos),
            last_start: UnixNanos(int(last_starts, row).unwrap_or_default()),
            end: int(ends, row).map(UnixNanos),
            span_count: int(spans, row).unwrap_or_default() as u64,
            error_count: int(errors, row).unwrap_or_default() as u64,
            run_ids: runs.at(row, run),
            projects: projects.at(row, project),
            run_id: owned(run, row),
            project: owned(project, row),
            worktree: owned(worktree, row),
            code_state: owned(code_state, row),
        })
        .collect()
}

/// `traces` in the order of its file: by start, then trace.
///
/// # Errors
/// Where rows cannot be moved, which Arrow alone decides.
pub fn by_start(traces: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let (Some(starts), Some(ids)) = (int64(traces, "start_unix_nanos"), ids(traces, "trace_id")) else {
        return Ok(traces.clone());
    };
    let mut order: Vec<u32> = (0..traces.num_rows() as u32).collect();
    order.sort_unstable_by_key(|row| (starts.value(*row as usize), trace_id_at(ids, *row as usize)));
    sort::take_rows(traces, &UInt32Array::from(order))
}

/// A list column that is null where the single column beside it says everything.
#[derive(Clone, Copy)]
pub struct TextLists<'a>(Option<&'a ListArray>);

impl<'a> TextLists<'a> {
    /// The column called `name`; null throughout where the batch lacks it.
    pub fn of(batch: &'a RecordBatch, name: &str) -> Self {
        Self(lists(batch, name))
    }

    /// Whether some text of the row passes.
    pub fn any(self, row: usize, single: TextColumn<'_>, passes: impl Fn(&str) -> bool) -> bool {
        match self.0.filter(|lists| lists.is_valid(row)) {
            None => single.get(row).is_some_and(passes),
            Some(lists) => {
                let texts = TextColumn::from_array(lists.values());
                let offsets = lists.value_offsets();
                (offsets[row] as usize..offsets[row + 1] as usize).any(|entry| texts.get(entry).is_some_and(&passes))
            }
        }
    }

    fn at(self, row: usize, single: TextColumn<'_>) -> Vec<String> {
        match self.0.filter(|lists| lists.is_valid(row)) {
            None => single.get(row).map(str::to_owned).into_iter().collect(),
            Some(lists) => {
                let texts = TextColumn::from_array(lists.values());
                let offsets = lists.value_offsets();
                let entries = offsets[row] as usize..offsets[row + 1] as usize;
                entries.filter_map(|entry| texts.get(entry).map(str::to_owned)).collect()
            }
        }
    }
}
