//! Queries against a naive evaluation over rows, wherever the rows are stored.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use arrow_array::builder::{
    FixedSizeBinaryBuilder, Int8Builder, Int32Builder, Int64Builder, MapBuilder, MapFieldNames, StringBuilder,
    StringDictionaryBuilder,
};
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{Field, Schema};
use kino_model::columns::Table;
use kino_model::{Batch, DurationNanos, SpanId, TraceId, UnixNanos};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use proptest::prelude::*;

use super::{Caches, OperationFilter, Operations, Snapshot, TraceFilter};
use crate::hot::{HotBatch, HotState};
use kino_lake::group::{FileEntry, FlushSet, Group, GroupId};
use kino_lake::read::{FOOTER_CACHE_BYTES, LakeReader};
use kino_lake::rollup::{OPERATIONS_MAX, OperationKey};
use kino_lake::trace_row::TraceRow;
use kino_lake::write::{self, Arrival};

/// A span of few columns, each from few values, so that everything collides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    trace: u8,
    span: u8,
    parent: Option<u8>,
    start: i64,
    duration: Option<i64>,
    name: &'static str,
    error: bool,
    revision: i32,
    service: Option<&'static str>,
    project: Option<&'static str>,
    run: Option<&'static str>,
    http_status: Option<i64>,
    color: Option<&'static str>,
}

fn trace_id(number: u8) -> TraceId {
    // Spread over the whole range, as real ids are, with neighbours that share their first half.
    let mut bytes = [(number / 2).wrapping_mul(40); 16];
    bytes[15] = number;
    TraceId(bytes)
}

fn span_id(number: u8) -> SpanId {
    SpanId([0, 0, 0, 0, 0, 0, 1, number])
}

/// A sparse batch, as decoders make it.
fn batch(rows: &[Row]) -> Batch {
    if rows.is_empty() {
        return Batch::empty();
    }
    let ids = |width: i32, bytes: &dyn Fn(&Row) -> Option<Vec<u8>>| -> ArrayRef {
        let mut builder = FixedSizeBinaryBuilder::new(width);
        for row in rows {
            match bytes(row) {
                Some(bytes) => builder.append_value(bytes).unwrap(),
                None => builder.append_null(),
            }
        }
        Arc::new(builder.finish())
    };
    let ints = |value: &dyn Fn(&Row) -> Option<i64>| -> ArrayRef {
        let mut builder = Int64Builder::new();
        for row in rows {
            builder.append_option(value(row));
        }
        Arc::new(builder.finish())
    };
    let labels = |value: &dyn Fn(&Row) -> Option<&'static str>| -> ArrayRef {
        let mut builder = StringDictionaryBuilder::<Int32Type>::new();
        for row in rows {
            builder.append_option(value(row));
        }
        Arc::new(builder.finish())
    };
    let mut names = StringBuilder::new();
    let (mut kinds, mut statuses, mut revisions) = (Int8Builder::new(), Int8Builder::new(), Int32Builder::new());
    let fields = MapFieldNames { entry: "entries".into(), key: "keys".into(), value: "values".into() };
    let mut maps = MapBuilder::new(Some(fields), StringBuilder::new(), StringBuilder::new());
    for row in rows {
        names.append_value(row.name);
        kinds.append_value(1);
        statuses.append_value(if row.error { 2 } else { 0 });
        revisions.append_option((row.revision > 0).then_some(row.revision));
        if let Some(color) = row.color {
            maps.keys().append_value("color");
            maps.values().append_value(color);
        }
        maps.append(row.color.is_some()).unwrap();
    }
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("trace_id", ids(16, &|row| Some(trace_id(row.trace).0.to_vec()))),
        ("span_id", ids(8, &|row| Some(span_id(row.span).0.to_vec()))),
        ("parent_span_id", ids(8, &|row| row.parent.map(|parent| span_id(parent).0.to_vec()))),
        ("start_unix_nanos", ints(&|row| Some(row.start))),
        ("duration_nanos", ints(&|row| row.duration)),
        ("name", Arc::new(names.finish())),
        ("kind", Arc::new(kinds.finish())),
        ("status_code", Arc::new(statuses.finish())),
        ("revision", Arc::new(revisions.finish())),
        ("service_name", labels(&|row| row.service)),
        ("kino_project", labels(&|row| row.project)),
        ("kino_run_id", labels(&|row| row.run)),
        ("http_response_status_code", ints(&|row| row.http_status)),
        ("attributes", Arc::new(maps.finish())),
    ];
    let declared = Table::Spans.schema();
    let needed = |name: &str, column: &ArrayRef| {
        !declared.field_with_name(name).unwrap().is_nullable() || column.null_count() < column.len()
    };
    let columns: Vec<_> = columns.into_iter().filter(|(name, column)| needed(name, column)).collect();
    let fields: Vec<Field> = columns.iter().map(|(name, _)| declared.field_with_name(name).unwrap().clone()).collect();
    let arrays = columns.into_iter().map(|(_, column)| column).collect();
    let spans = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
    Batch { spans, ..Batch::empty() }
}

/// A lake in memory, and what is in it.
struct Lake {
    objects: Arc<dyn ObjectStore>,
    /// One for all snapshots: what it cached for earlier ones must be right for later ones.
    reader: Arc<LakeReader>,
    caches: Arc<Caches>,
    groups: Vec<Arc<Group>>,
    /// Groups so far; no number is given twice.
    made: u64,
}

const ARRIVAL: Arrival = Arrival { min: UnixNanos(5), max: UnixNanos(9) };

impl Lake {
    fn new() -> Self {
        let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let reader = Arc::new(LakeReader::new(Arc::clone(&objects), FOOTER_CACHE_BYTES));
        Self { objects, reader, caches: Arc::default(), groups: Vec::new(), made: 0 }
    }

    async fn put(&mut self, set: FlushSet) {
        self.made += 1;
        let id = GroupId(self.made);
        let mut files = Vec::new();
        for file in set.files {
            let path = format!("{}/{}.parquet", file.meta.table.name(), id.0);
            self.objects.put(&Path::from(path.as_str()), PutPayload::from_bytes(file.bytes)).await.unwrap();
            files.push(FileEntry { group: id, path, meta: file.meta });
        }
        self.groups.push(Arc::new(Group::new(id, set.group, files).unwrap()));
    }

    async fn flush(&mut self, rows: &[Row]) {
        let halves = rows.split_at(rows.len() / 2);
        let set = write::build(&[batch(halves.0), batch(halves.1)], ARRIVAL, &self.groups).unwrap();
        self.put(set).await;
    }

    async fn merge(&mut self) {
        let inputs = self.groups.clone();
        let set = write::merge(&self.reader, &inputs, &inputs, 65_536, |_| true).await.unwrap();
        self.put(set).await;
        self.groups.drain(..inputs.len());
    }

    fn snapshot(&self, hot: &[Vec<Row>], hidden: &[u8]) -> Snapshot {
        self.snapshot_with(&in_memory(hot), hidden)
    }

    fn snapshot_with(&self, hot: &[Arc<HotBatch>], hidden: &[u8]) -> Snapshot {
        let shared = Arc::new(HotState::new(0));
        shared.view().groups = Arc::new(self.groups.clone());
        Snapshot {
            reader: Arc::clone(&self.reader),
            caches: Arc::clone(&self.caches),
            groups: Arc::new(self.groups.clone()),
            hot: hot.to_vec(),
            hidden: Arc::new(hidden.iter().map(|number| trace_id(*number)).collect()),
            shared,
            split: Arc::default(),
            memory: crate::Reservation::unbounded(),
        }
    }
}

fn in_memory(parts: &[Vec<Row>]) -> Vec<Arc<HotBatch>> {
    parts.iter().map(|rows| Arc::new(HotBatch::new(batch(rows)))).collect()
}

/// The rows that count: repeats collapsed, lower revisions gone, hidden traces gone.
fn settled(rows: &[Row], hidden: &[u8]) -> Vec<Row> {
    let distinct: BTreeSet<Row> = rows.iter().cloned().collect();
    let mut newest: BTreeMap<(u8, u8), i32> = BTreeMap::new();
    for row in &distinct {
        let best = newest.entry((row.trace, row.span)).or_default();
        *best = row.revision.max(*best);
    }
    let counts = |row: &Row| newest[&(row.trace, row.span)] == row.revision && !hidden.contains(&row.trace);
    distinct.into_iter().filter(counts).collect()
}

fn texts(texts: impl Iterator<Item = Option<&'static str>>) -> Vec<String> {
    texts.flatten().map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect()
}

fn naive_row(rows: &[&Row]) -> TraceRow {
    let roots = || rows.iter().filter(|row| row.parent.is_none());
    let key = |row: &Row| (row.start, row.span, row.name, row.service, row.duration);
    let root = roots().min_by_key(|row| key(row));
    // Copies of the root that differ in what they name besides: the first in the alphabet that any names counts.
    let copies = || roots().filter(|row| root.is_some_and(|root| key(row) == key(root)));
    let run_ids = texts(rows.iter().map(|row| row.run));
    let projects = texts(rows.iter().map(|row| row.project));
    let owned = |text: Option<&str>| text.map(str::to_owned);
    TraceRow {
        trace_id: trace_id(rows[0].trace),
        root_span_id: root.map(|row| span_id(row.span)),
        root_service: root.and_then(|row| row.service).unwrap_or_default().to_owned(),
        root_name: root.map_or("", |row| row.name).to_owned(),
        start: UnixNanos(root.map_or_else(|| rows.iter().map(|row| row.start).min().unwrap(), |row| row.start)),
        duration: root.and_then(|row| row.duration).map(DurationNanos),
        last_start: UnixNanos(rows.iter().map(|row| row.start).max().unwrap()),
        end: rows.iter().filter_map(|row| Some(UnixNanos(row.start + row.duration?))).max(),
        span_count: rows.len() as u64,
        error_count: rows.iter().filter(|row| row.error).count() as u64,
        run_id: owned(copies().filter_map(|row| row.run).min()).or_else(|| run_ids.first().cloned()),
        project: owned(copies().filter_map(|row| row.project).min()).or_else(|| projects.first().cloned()),
        worktree: None,
        code_state: None,
        run_ids,
        projects,
    }
}

fn span_passes(row: &Row, filter: &TraceFilter) -> bool {
    let attribute = |(key, value): &(String, String)| match key.as_str() {
        "color" => row.color == Some(value),
        "http.status_code" => row.http_status.is_some_and(|status| status.to_string() == *value),
        _ => false,
    };
    let named = filter.service.as_deref().is_none_or(|wanted| row.service == Some(wanted))
        && filter.name.as_deref().is_none_or(|wanted| row.name == wanted);
    (filter.roots_only || named) && filter.attributes.iter().all(attribute)
}

fn naive_find(rows: &[Row], filter: &TraceFilter) -> Vec<TraceRow> {
    let mut traces: BTreeMap<u8, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        traces.entry(row.trace).or_default().push(row);
    }
    let mut found: Vec<TraceRow> = traces
        .values()
        .filter(|rows| rows.iter().any(|row| span_passes(row, filter)))
        .map(|rows| naive_row(rows))
        .filter(|row| {
            let is_root = |wanted: &Option<String>, text: &str| {
                !filter.roots_only
                    || wanted.as_deref().is_none_or(|wanted| row.root_span_id.is_some() && wanted == text)
            };
            is_root(&filter.service, &row.root_service)
                && is_root(&filter.name, &row.root_name)
                && filter.min_duration.is_none_or(|least| row.duration.is_some_and(|duration| duration >= least))
                && filter.since.is_none_or(|since| row.start >= since)
                && filter.until.is_none_or(|until| row.start < until)
                && (!filter.error || row.error_count > 0)
                && filter.run_ids.as_ref().is_none_or(|runs| runs.iter().any(|run| row.run_ids.contains(run)))
                && filter.project.as_ref().is_none_or(|one| row.projects.is_empty() || row.projects.contains(one))
        })
        .collect();
    found.sort_by_key(|row| (std::cmp::Reverse(row.start), row.trace_id));
    found
}

async fn find_in_pages(snapshot: &Snapshot, filter: &TraceFilter, limit: usize) -> Vec<TraceRow> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let page = snapshot.find(filter, limit, cursor.as_deref()).await.unwrap();
        assert!(page.rows.len() <= limit);
        all.extend(page.rows);
        cursor = page.next;
        if cursor.is_none() {
            return all;
        }
    }
}

async fn check(snapshot: &Snapshot, rows: &[Row], filters: &[TraceFilter]) {
    for filter in filters {
        let expected = naive_find(rows, filter);
        assert_eq!(find_in_pages(snapshot, filter, 2).await, expected, "{filter:?}");
        assert_eq!(find_in_pages(snapshot, filter, 100).await, expected, "{filter:?}");
    }
    assert_eq!(snapshot.span_count().await.unwrap(), rows.len() as u64);
    let traces: BTreeSet<u8> = rows.iter().map(|row| row.trace).collect();
    assert_eq!(snapshot.trace_count().await.unwrap(), traces.len() as u64);
    check_operations(snapshot, rows).await;
    check_newest(snapshot, rows).await;
    let ids: Vec<TraceId> = (0..8).map(trace_id).collect();
    let gathered = snapshot.gather(&ids, &[Table::Spans]).await.unwrap().spans;
    assert_eq!(gathered.num_rows(), rows.len());
}

async fn check_operations(snapshot: &Snapshot, rows: &[Row]) {
    check_counts(snapshot.operations(Some("p1")).await.unwrap(), rows.iter());
    let starts: BTreeSet<i64> = rows.iter().map(|row| row.start).collect();
    let middle = starts.iter().nth(starts.len() / 2).copied();
    for (since, until) in [(None, None), (middle, None), (None, middle), (starts.first().copied(), middle)] {
        let filter = OperationFilter {
            project: Some("p1".into()),
            since: since.map(UnixNanos),
            until: until.map(UnixNanos),
            ..OperationFilter::default()
        };
        let within = snapshot.operations_within(&filter).await.unwrap();
        let passes = |row: &&Row| since.is_none_or(|since| row.start >= since) && until.is_none_or(|it| row.start < it);
        check_counts(within, rows.iter().filter(passes));
    }
}

fn check_counts<'a>(operations: Operations, rows: impl Iterator<Item = &'a Row>) {
    let mut expected: BTreeMap<OperationKey, (u64, u64, u64, u64, i64)> = BTreeMap::new();
    for row in rows.filter(|row| row.project.is_none_or(|project| project == "p1")) {
        let key = OperationKey {
            service: Some(row.service.unwrap_or_default().to_owned()),
            name: row.name.to_owned(),
            project: None,
        };
        let counts = expected.entry(key).or_default();
        counts.0 += 1;
        counts.1 += u64::from(row.error);
        counts.2 += u64::from(row.parent.is_none());
        counts.3 += u64::from(row.duration.is_some());
        counts.4 += row.duration.unwrap_or_default();
    }
    let counted: BTreeMap<_, _> = operations
        .operations
        .into_iter()
        .map(|operation| {
            let rollup = operation.rollup;
            let key = OperationKey { service: Some(operation.service), name: operation.name, project: None };
            (key, (rollup.count, rollup.errors, rollup.roots, rollup.sketch.count(), rollup.total_nanos))
        })
        .collect();
    assert_eq!(counted, expected);
    assert_eq!(operations.other.count, 0);
}

async fn check_newest(snapshot: &Snapshot, rows: &[Row]) {
    // Superseded spans may be among the newest: with revisions the rows alone do not say what to expect.
    if rows.iter().any(|row| row.revision > 0) {
        return;
    }
    let filter = OperationFilter { name: Some("b".into()), project: Some("p1".into()), ..OperationFilter::default() };
    let passes = |row: &&Row| row.name == "b" && row.project.is_none_or(|project| project == "p1");
    let mut expected: Vec<_> =
        rows.iter().filter(passes).map(|row| (-row.start, trace_id(row.trace), span_id(row.span))).collect();
    expected.sort_unstable();
    expected.dedup();
    for least in [0, 2, 100] {
        let latest = snapshot.latest_traces(&filter, least).await.unwrap();
        let ids: HashSet<TraceId> = latest.traces.iter().map(|(_, id)| *id).collect();
        assert_eq!(ids.len(), latest.traces.len());
        assert!(latest.traces.is_sorted_by_key(|(at, _)| std::cmp::Reverse(*at)));
        assert!(latest.traces.len() >= least || latest.rest.is_none());
        for row in rows.iter().filter(passes) {
            let at = latest.traces.iter().find(|(_, id)| *id == trace_id(row.trace));
            let bound = at.map(|(at, _)| *at).or(latest.rest);
            assert!(bound.is_some_and(|bound| bound.0 >= row.start), "{row:?} of {latest:?}");
        }
    }
    let newest = snapshot.newest_spans(&filter, 3).await.unwrap();
    let found: Vec<_> = newest.spans.iter().map(|span| (-span.start.0, span.trace_id, span.span_id)).collect();
    assert_eq!(newest.more, expected.len() > 3);
    expected.truncate(3);
    assert_eq!(found, expected);
}

#[tokio::test]
async fn one_root_of_two_runs_names_the_first_run_wherever_its_copies_are() {
    let root = |run: &'static str| Row {
        trace: 1,
        span: 0,
        parent: None,
        start: 3,
        duration: Some(4),
        name: "a",
        error: false,
        revision: 0,
        service: Some("s"),
        project: None,
        run: Some(run),
        http_status: None,
        color: None,
    };
    for [first, second] in [["r1", "r2"], ["r2", "r1"]] {
        let (first, second) = (vec![root(first)], vec![root(second)]);
        let both = [first.clone(), second.clone()].concat();
        let is_first = async |snapshot: Snapshot, place: &str| {
            check(&snapshot, &settled(&both, &[]), &[TraceFilter::default()]).await;
            let found = snapshot.find(&TraceFilter::default(), 2, None).await.unwrap().rows;
            assert_eq!(found.iter().map(|row| row.run_id.as_deref()).collect::<Vec<_>>(), [Some("r1")], "{place}");
        };
        let mut lake = Lake::new();
        is_first(lake.snapshot(std::slice::from_ref(&both), &[]), "one batch in memory").await;
        is_first(lake.snapshot(&[first.clone(), second.clone()], &[]), "two batches in memory").await;
        lake.flush(&first).await;
        is_first(lake.snapshot(std::slice::from_ref(&second), &[]), "a file and memory").await;
        lake.flush(&second).await;
        is_first(lake.snapshot(&[], &[]), "two groups").await;
        lake.merge().await;
        is_first(lake.snapshot(&[], &[]), "a merged group").await;
    }
}

fn some<T: Clone + std::fmt::Debug + 'static>(values: &'static [T]) -> impl Strategy<Value = Option<T>> {
    prop::option::of(prop::sample::select(values))
}

prop_compose! {
    fn row(revised: bool, traces: u8)(
        trace in 0..traces,
        span in 0u8..4,
        parent in prop::option::of(0u8..5),
        start in 0i64..40,
        duration in prop::option::of(0i64..30),
        name in prop::sample::select(&["a", "b", "c"][..]),
        error in prop::bool::weighted(0.2),
        revision in 0i32..3,
        service in some(&["s", "t"]),
        project in some(&["p1", "p2"]),
        run in some(&["r1", "r2"]),
        http_status in some(&[200i64, 500]),
        color in some(&["red", "blue"]),
    ) -> Row {
        let mut row = Row {
            trace, span, parent, start, duration, name, error, revision: 0, service, project, run, http_status, color,
        };
        if revised {
            // Our own producers replace a span by itself, later known: it keeps its place.
            row.revision = revision;
            row.start = i64::from(trace) * 7 + i64::from(span);
            row.parent = (span > 0).then_some(0);
        }
        row
    }
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    any::<bool>().prop_flat_map(|revised| prop::collection::vec(row(revised, 6), 0..25))
}

fn filters() -> impl Strategy<Value = TraceFilter> {
    let text = |text: Option<&'static str>| text.map(str::to_owned);
    (
        (some(&["s", "t", "nowhere"]), some(&["a", "b", "nothing"]), any::<bool>(), prop::option::of(0i64..30)),
        (prop::option::of(0i64..40), prop::option::of(0i64..40), any::<bool>()),
        (some(&["r1", "r3"]), some(&["p1", "p3"]), some(&["red", "green"]), some(&["200", "0200"])),
    )
        .prop_map(
            move |((service, name, roots_only, duration), (since, until, error), (run, project, color, status))| {
                let mut attributes = Vec::new();
                attributes.extend(color.map(|color| ("color".to_owned(), color.to_owned())));
                attributes.extend(status.map(|status| ("http.status_code".to_owned(), status.to_owned())));
                TraceFilter {
                    service: text(service),
                    name: text(name),
                    roots_only,
                    min_duration: duration.map(DurationNanos),
                    since: since.map(UnixNanos),
                    until: until.map(UnixNanos),
                    error,
                    attributes,
                    run_ids: run.map(|run| vec![run.to_owned()]),
                    code_state: None,
                    project: text(project),
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn rows_answer_alike_in_memory_in_files_in_both_and_after_a_merge(
        rows in rows(),
        cuts in prop::collection::vec(0usize..25, 4),
        mut filters in prop::collection::vec(filters(), 6),
        hidden in prop::collection::vec(0u8..8, 0..3),
    ) {
        filters.push(TraceFilter::default());
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(rows.len())).collect();
        cuts.sort_unstable();
        cuts.push(rows.len());
        let mut parts = vec![rows[..cuts[0]].to_vec()];
        parts.extend(cuts.windows(2).map(|cut| rows[cut[0]..cut[1]].to_vec()));
        let settled_all = settled(&rows, &hidden);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            check(&Lake::new().snapshot(&parts, &hidden), &settled_all, &filters).await;
            let mut lake = Lake::new();
            for part in &parts[..3] {
                lake.flush(part).await;
            }
            check(&lake.snapshot(&parts[3..], &hidden), &settled_all, &filters).await;
            lake.merge().await;
            check(&lake.snapshot(&parts[3..], &hidden), &settled_all, &filters).await;
            for part in &parts[3..] {
                lake.flush(part).await;
            }
            check(&lake.snapshot(&[], &hidden), &settled_all, &filters).await;
            lake.merge().await;
            check(&lake.snapshot(&[], &hidden), &settled_all, &filters).await;
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn what_was_merged_before_a_change_fits_what_is_there_after_it(
        parts in prop::collection::vec(prop::collection::vec(row(false, 6), 0..8), 8),
        filters in prop::collection::vec(filters(), 2),
        hidden in 0u8..8,
        // Each flushes the oldest batch, merges all groups, expires the oldest group, hides a trace, or shows it again.
        changes in prop::collection::vec(0u8..6, 8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut lake = Lake::new();
            // What each group and each batch holds.
            let (mut stored, mut waiting) = (Vec::<Vec<Row>>::new(), Vec::<(Vec<Row>, Arc<HotBatch>)>::new());
            let mut hiding: &[u8] = &[];
            for (part, change) in parts.iter().zip(changes) {
                let arrived = in_memory(std::slice::from_ref(part)).remove(0);
                waiting.push((part.clone(), arrived));
                match change {
                    0 | 1 => {
                        let (rows, _) = waiting.remove(0);
                        if !rows.is_empty() {
                            lake.flush(&rows).await;
                            stored.push(rows);
                        }
                    }
                    2 if lake.groups.len() > 1 => {
                        lake.merge().await;
                        stored = vec![stored.concat()];
                    }
                    3 if !stored.is_empty() => {
                        lake.groups.remove(0);
                        stored.remove(0);
                    }
                    4 => hiding = std::slice::from_ref(&hidden),
                    5 => hiding = &[],
                    _ => {}
                }
                let hot: Vec<_> = waiting.iter().map(|(_, batch)| Arc::clone(batch)).collect();
                let rows: Vec<Row> = stored.iter().chain(waiting.iter().map(|(rows, _)| rows)).flatten().cloned().collect();
                check(&lake.snapshot_with(&hot, hiding), &settled(&rows, hiding), &filters).await;
            }
        });
    }
}

/// Parts of few rows each, of traces that lie in several of them; some rows come twice.
fn parts() -> impl Strategy<Value = Vec<Vec<Row>>> {
    let row =
        any::<bool>().prop_flat_map(|revised| prop::collection::vec((row(revised, 12), 0usize..10, 0usize..10), 60));
    row.prop_map(|rows| {
        let mut parts = vec![Vec::new(); 10];
        for (row, part, again) in rows {
            if again % 4 == 0 {
                parts[again].push(row.clone());
            }
            parts[part].push(row);
        }
        parts
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn traces_in_many_groups_are_found_by_what_one_of_their_spans_says(
        parts in parts(),
        mut filters in prop::collection::vec(filters(), 6),
        in_memory in 0usize..4,
        hidden in prop::collection::vec(0u8..12, 0..3),
    ) {
        for filter in filters.iter_mut().filter(|filter| filter.attributes.is_empty()) {
            let (key, value) = if filter.error { ("http.status_code", "200") } else { ("color", "red") };
            filter.attributes = vec![(key.to_owned(), value.to_owned())];
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut lake = Lake::new();
            let (stored, waiting) = parts.split_at(parts.len() - in_memory);
            for part in stored {
                lake.flush(part).await;
            }
            let snapshot = lake.snapshot(waiting, &hidden);
            let rows = settled(&parts.concat(), &hidden);
            for filter in &filters {
                let expected = naive_find(&rows, filter);
                for limit in [1, 3, 100] {
                    assert_eq!(find_in_pages(&snapshot, filter, limit).await, expected, "{filter:?}");
                }
                let ids: Vec<TraceId> = expected.iter().map(|row| row.trace_id).collect();
                assert_eq!(snapshot.trace_ids_of(filter).await.unwrap(), ids, "{filter:?}");
                let sizes = expected.iter().take(3).map(|row| (row.trace_id, row.duration, row.span_count));
                let found = snapshot.trace_sizes(filter, 3).await.unwrap().into_iter();
                let found: Vec<_> = found.map(|size| (size.trace_id, size.duration, size.span_count)).collect();
                assert_eq!(found, sizes.collect::<Vec<_>>(), "{filter:?}");
            }
        });
    }
}

fn plain(trace: u8, span: u8, start: i64) -> Row {
    Row {
        trace,
        span,
        parent: (span > 0).then_some(0),
        start,
        duration: Some(10),
        name: "a",
        error: false,
        revision: 0,
        service: Some("s"),
        project: None,
        run: None,
        http_status: None,
        color: None,
    }
}

#[tokio::test]
async fn a_trace_in_two_files_counts_its_repeats_once_and_takes_its_roots_place() {
    let mut lake = Lake::new();
    lake.flush(&[plain(1, 1, 5), plain(1, 2, 6), plain(2, 0, 50)]).await;
    lake.flush(&[plain(1, 0, 90), plain(1, 1, 5), plain(3, 0, 70)]).await;
    let snapshot = lake.snapshot(&[], &[]);
    assert_eq!(
        lake.groups[1].split().collect::<Vec<_>>(),
        [trace_id(1)],
        "the later group names what an earlier holds"
    );
    let found = snapshot.find(&TraceFilter::default(), 10, None).await.unwrap();
    let rows: Vec<_> = found.rows.iter().map(|row| (row.trace_id, row.start.0, row.span_count)).collect();
    assert_eq!(rows, [(trace_id(1), 90, 3), (trace_id(3), 70, 1), (trace_id(2), 50, 1)]);
    let overlay = snapshot.overlay().await.unwrap();
    assert_eq!((overlay.replaced, overlay.batch.spans.num_rows()), (vec![trace_id(1)], 3));
    assert_eq!(overlay.traces.num_rows(), 1);
}

#[tokio::test]
async fn a_root_that_came_twice_names_what_either_copy_names_in_any_order() {
    let root = |run, project| Row { project, run, ..plain(1, 0, 5) };
    let copies = [root(Some("r2"), None), root(None, Some("p1")), root(Some("r1"), None)];
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
        let rows = order.map(|at: usize| copies[at].clone());
        let mut lake = Lake::new();
        lake.flush(&rows[..2]).await;
        lake.flush(&rows[2..]).await;
        let found = lake.snapshot(&[], &[]).find(&TraceFilter::default(), 10, None).await.unwrap().rows;
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].run_id.as_deref(), found[0].project.as_deref()), (Some("r1"), Some("p1")), "{order:?}");
    }
}

#[tokio::test]
async fn a_change_merges_again_only_what_it_touches() {
    let mut lake = Lake::new();
    let spans = |traces: std::ops::Range<u8>, span| -> Vec<Row> {
        traces.map(|trace| plain(trace, span, 100 + i64::from(trace))).collect()
    };
    // A hundred traces in two groups each.
    lake.flush(&spans(0..100, 1)).await;
    lake.flush(&spans(0..100, 0)).await;
    let ask = async |lake: &Lake, hot: &[Arc<HotBatch>]| {
        let before = lake.caches.split.merged();
        assert_eq!(
            lake.snapshot_with(hot, &[]).find(&TraceFilter::default(), 500, None).await.unwrap().rows.len(),
            100
        );
        lake.caches.split.merged() - before
    };
    assert_eq!(ask(&lake, &[]).await, 100);
    assert_eq!(ask(&lake, &[]).await, 0);
    // Three of them come once more, first in memory, then in a third group.
    let mut hot = in_memory(&[spans(3..6, 2)]);
    assert_eq!(ask(&lake, &hot).await, 3);
    assert_eq!(ask(&lake, &hot).await, 0);
    hot.extend(in_memory(&[spans(5..7, 3)]));
    assert_eq!(ask(&lake, &hot).await, 2, "one that is new in memory, and one that is there twice");
    lake.flush(&spans(3..6, 2)).await;
    hot.remove(0);
    // The three between the groups, and the two that are in memory, as one of their sources is another.
    assert!(ask(&lake, &hot).await <= 6);
    assert_eq!(ask(&lake, &hot).await, 0);
}

#[tokio::test]
async fn a_merge_leaves_out_what_is_not_wanted() {
    let mut lake = Lake::new();
    lake.flush(&[plain(1, 0, 5), plain(2, 0, 50)]).await;
    lake.flush(&[plain(2, 1, 51), plain(3, 0, 70)]).await;
    let inputs = lake.groups.clone();
    let set = write::merge(&lake.reader, &inputs, &inputs, 65_536, |trace| trace != trace_id(2)).await.unwrap();
    assert_eq!((set.group.spans, set.group.traces, set.group.start_max), (2, 2, UnixNanos(70)));
    assert_eq!(set.group.arrival_max, ARRIVAL.max);
    let none = write::merge(&lake.reader, &inputs, &inputs, 65_536, |_| false).await.unwrap();
    assert!(none.files.is_empty() && none.group.spans == 0);
}

#[tokio::test]
async fn pages_of_a_large_file_are_found_by_trace_and_by_place() {
    let rows: Vec<Row> = (0..250u8)
        .flat_map(|trace| (0..40u8).map(move |span| plain(trace, span, i64::from(trace) * 1_000 + i64::from(span))))
        .collect();
    let mut lake = Lake::new();
    lake.flush(&rows).await;
    let snapshot = lake.snapshot(&[], &[]);
    for trace in [0, 1, 77, 249] {
        let rows = snapshot.gather(&[trace_id(trace)], &[Table::Spans]).await.unwrap().spans;
        assert_eq!(rows.num_rows(), 40);
    }
    let until = TraceFilter { until: Some(UnixNanos(120_000)), ..TraceFilter::default() };
    let found = snapshot.find(&until, 3, None).await.unwrap();
    assert_eq!(found.rows.iter().map(|row| row.start.0).collect::<Vec<_>>(), [119_000, 118_000, 117_000]);
    assert!(snapshot.gather(&[trace_id(251)], &[Table::Spans]).await.unwrap().spans.num_rows() == 0);
    let ids: HashSet<TraceId> = snapshot.trace_ids_of(&TraceFilter::default()).await.unwrap().into_iter().collect();
    assert_eq!(ids.len(), 250);
}

#[tokio::test]
async fn a_window_beyond_the_bound_counts_the_newest_files_and_says_how_much_is_left() {
    let mut lake = Lake::new();
    lake.flush(&[plain(1, 0, 5), plain(1, 1, 6)]).await;
    lake.flush(&[plain(2, 0, 50), plain(2, 1, 51), plain(2, 2, 52)]).await;
    lake.flush(&[plain(3, 0, 900)]).await;
    let snapshot = lake.snapshot(&[], &[]);
    let filter = OperationFilter { until: Some(UnixNanos(900)), ..OperationFilter::default() };
    let counts = async |rows_max: usize| {
        let within = snapshot.operations_within_once(&filter, rows_max).await.unwrap();
        (within.operations.iter().map(|operation| operation.rollup.count).sum::<u64>(), within.not_looked_at)
    };
    assert_eq!(counts(5).await, (5, 0), "the file after the window is not read");
    assert_eq!(counts(4).await, (4, 1));
    assert_eq!(counts(3).await, (3, 2));
}

#[tokio::test]
async fn operations_beyond_the_bound_are_counted_together_and_still_found() {
    let beyond = 40;
    let rows: Vec<Row> = (0..OPERATIONS_MAX + beyond)
        .map(|number| {
            let mut row = plain((number % 250) as u8, (number / 250) as u8, number as i64);
            row.name = Box::leak(format!("operation {number}").into_boxed_str());
            row
        })
        .collect();
    let mut lake = Lake::new();
    lake.flush(&rows).await;
    let snapshot = lake.snapshot(&[], &[]);
    let operations = snapshot.operations(None).await.unwrap();
    assert_eq!((operations.operations.len(), operations.other.count), (OPERATIONS_MAX, beyond as u64));
    for row in [&rows[0], &rows[5_000], &rows[OPERATIONS_MAX + beyond - 1]] {
        let named = TraceFilter { name: Some(row.name.to_owned()), ..TraceFilter::default() };
        assert_eq!(snapshot.trace_ids_of(&named).await.unwrap(), [trace_id(row.trace)], "{}", row.name);
        let one = OperationFilter { name: Some(row.name.to_owned()), ..OperationFilter::default() };
        let newest = snapshot.newest_spans(&one, 5).await.unwrap();
        assert_eq!(newest.spans.iter().map(|span| span.span_id).collect::<Vec<_>>(), [span_id(row.span)]);
    }
}

#[tokio::test]
async fn a_damaged_file_costs_its_group_and_a_wrong_cursor_is_refused() {
    let mut lake = Lake::new();
    lake.flush(&[plain(1, 0, 5)]).await;
    lake.flush(&[plain(2, 0, 6)]).await;
    let path = lake.groups[0].files.iter().find(|file| file.path.starts_with("traces")).unwrap().path.clone();
    lake.objects.put(&Path::from(path.as_str()), PutPayload::from_static(b"PAR1 not any more")).await.unwrap();
    let snapshot = lake.snapshot(&[], &[]);
    let found = snapshot.find(&TraceFilter::default(), 1, None).await.unwrap();
    assert_eq!(found.rows.iter().map(|row| row.trace_id).collect::<Vec<_>>(), [trace_id(2)]);
    assert!(snapshot.shared.warnings()[0].contains(&path), "{:?}", snapshot.shared.warnings());
    let error = snapshot.find(&TraceFilter::default(), 1, Some("nonsense")).await.unwrap_err();
    assert!(error.to_string().contains("nonsense"), "{error}");
}
