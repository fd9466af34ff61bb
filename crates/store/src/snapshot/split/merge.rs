//! Merges traces from their sources: reads the few columns that their rows are made of, and whole spans only where an id
//! comes more than once, since only spans that are equal in all columns are repeats.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::ArrowError;
use arrow_select::filter::filter_record_batch;
use foldhash::{HashMap, HashSet};
use futures::future::try_join_all;
use kino_model::columns::Table;
use kino_model::{SpanId, TraceId};

use super::merged::Merged;
use super::pieces::with_groups;
use super::{NO_PIECE, RemovedSpan, Snapshot, SplitTrace, Wrong};
use crate::error::ScanError;
use kino_lake::columns::{SPAN_COLUMNS, SpanColumns, ids, trace_id_at};
use kino_lake::group::{GroupId, LakeTable};
use kino_lake::read::{Pick, Read};
use kino_lake::rollup::{OperationCounter, OperationKey};
use kino_lake::rows::{Rows, UNMAPPED};
use kino_lake::trace_row::{self, TraceFacts};

/// Traces whose rows are merged at a time: sorted, so that most pages of a file are read for one part alone, and few
/// enough that their columns take some tens of megabytes.
const TRACES_AT_A_TIME: usize = 4_096;

/// A span, by its trace and id.
type SpanKey = (TraceId, SpanId);

/// Rows of some traces, by source.
#[derive(Debug)]
struct Chunk {
    traces: Vec<TraceId>,
    hidden: Vec<bool>,
    /// The groups, which come first among the sources.
    groups: Vec<GroupId>,
    /// For each source its rows, in [`SPAN_COLUMNS`] or more.
    sources: Vec<Vec<RecordBatch>>,
    /// Spans whose id comes more than once.
    shared: HashSet<SpanKey>,
    /// All columns of these.
    whole: Vec<RecordBatch>,
}

/// What the sources have of one trace.
#[derive(Clone, Debug, Default)]
struct TraceSources {
    sources: u32,
    /// The groups among them.
    groups: Vec<GroupId>,
    /// One more than the last source that was counted.
    last: usize,
    removed: Vec<u32>,
    duplicates: i64,
}

impl Snapshot {
    /// Merges these traces, which must be sorted, from all sources.
    pub(super) async fn merge_traces(&self, traces: &[TraceId]) -> Result<Merged, ScanError> {
        let mut merged = Merged::default();
        self.caches.split.merged.fetch_add(traces.len() as u64, Ordering::Relaxed);
        for traces in traces.chunks(TRACES_AT_A_TIME) {
            let sources = self.split_parts(traces).await?;
            let shared = shared(&sources);
            let whole = self.whole_spans(&shared).await?;
            let hidden = traces.iter().map(|id| self.hidden.contains(id)).collect();
            let groups = self.groups.iter().map(|group| group.id).collect();
            let chunk = Chunk { traces: traces.to_vec(), hidden, groups, sources, shared, whole };
            // It takes milliseconds, which the runtime's own threads do not have.
            let add = move || chunk.merge_into(&mut merged).map(|()| merged);
            merged = tokio::task::spawn_blocking(add)
                .await
                .map_err(|error| ScanError::from(ArrowError::ExternalError(Box::new(error))))??;
        }
        Ok(merged)
    }

    async fn split_parts(&self, traces: &[TraceId]) -> Result<Vec<Vec<RecordBatch>>, ScanError> {
        let read = async |group: &Arc<kino_lake::group::Group>| {
            let here: Vec<TraceId> = traces.iter().filter(|id| group.may_hold(**id)).copied().collect();
            let Some(file) = group.file(LakeTable::Spans).filter(|_| !here.is_empty()) else { return Ok(Vec::new()) };
            let pick = Pick::Traces(&here);
            self.read(file, Read { columns: Some(&SPAN_COLUMNS), pick, dictionaries: true, ..Read::default() }).await
        };
        let mut sources = try_join_all(self.groups.iter().map(read)).await?;
        sources.extend(self.parts_of_memory(Table::Spans, traces)?.into_iter().map(|part| vec![part]));
        Ok(sources)
    }

    /// All columns of these spans from all sources.
    async fn whole_spans(&self, spans: &HashSet<SpanKey>) -> Result<Vec<RecordBatch>, ScanError> {
        let mut traces: Vec<TraceId> = spans.iter().map(|span| span.0).collect();
        traces.sort_unstable();
        traces.dedup();
        let wanted = Arc::new(spans.clone());
        let read = async |group: &Arc<kino_lake::group::Group>| {
            let here: Vec<TraceId> = traces.iter().filter(|id| group.may_hold(**id)).copied().collect();
            let Some(file) = group.file(LakeTable::Spans).filter(|_| !here.is_empty()) else { return Ok(Vec::new()) };
            let wanted = Arc::clone(&wanted);
            let read = Read {
                pick: Pick::Traces(&here),
                condition: Some((&["trace_id", "span_id"], Box::new(move |rows| among(rows, &wanted)))),
                ..Read::default()
            };
            self.read(file, read).await
        };
        let mut parts: Vec<RecordBatch> =
            try_join_all(self.groups.iter().map(read)).await?.into_iter().flatten().collect();
        for part in self.parts_of_memory(Table::Spans, &traces)? {
            parts.push(filter_record_batch(&part, &among(&part, spans))?);
        }
        Ok(parts)
    }
}

/// Marks the rows of these spans.
fn among(rows: &RecordBatch, spans: &HashSet<SpanKey>) -> BooleanArray {
    let columns = ids(rows, "trace_id").zip(ids(rows, "span_id"));
    let key = |row| {
        let (traces, spans) = columns?;
        trace_id_at(traces, row).zip(SpanId::from_slice(spans.value(row)))
    };
    (0..rows.num_rows()).map(|row| Some(key(row).is_some_and(|key| spans.contains(&key)))).collect()
}

/// The spans whose id comes more than once in a trace.
fn shared(sources: &[Vec<RecordBatch>]) -> HashSet<SpanKey> {
    let mut keys: Vec<SpanKey> = Vec::new();
    for rows in sources.iter().flatten() {
        let Some((traces, spans)) = ids(rows, "trace_id").zip(ids(rows, "span_id")) else { continue };
        let key = |row| trace_id_at(traces, row).zip(SpanId::from_slice(spans.value(row)));
        keys.extend((0..rows.num_rows()).filter_map(key));
    }
    keys.sort_unstable();
    keys.chunk_by(|left, right| left == right).filter(|same| same.len() > 1).map(|same| same[0]).collect()
}

impl Chunk {
    /// Adds the traces' rows, and the spans that the sources count and that do not count.
    fn merge_into(self, merged: &mut Merged) -> Result<(), ScanError> {
        let whole = Rows::arrange(Table::Spans, self.whole.clone())?;
        // A row that has no trace number is a repeat, or superseded.
        let (numbers_of_whole, _) = whole.trace_numbers();
        let mut facts = vec![TraceFacts::default(); self.traces.len()];
        let mut found = vec![TraceSources::default(); self.traces.len()];
        let mut operations = OperationCounter::default();
        let mut removed = Removed::default();
        for (source, rows) in self.sources.iter().enumerate() {
            let mut in_source: HashSet<SpanKey> = HashSet::default();
            for spans in rows.iter().filter_map(SpanColumns::of) {
                let numbers = self.numbers(&spans);
                let mut once: Vec<usize> = Vec::new();
                for (row, number) in numbers.iter().enumerate() {
                    let found = &mut found[*number];
                    if found.last <= source {
                        (found.last, found.sources) = (source + 1, found.sources + 1);
                        found.groups.extend(self.groups.get(source));
                    }
                    let key = (spans.trace_id(row), spans.span_id(row));
                    let is_shared = self.shared.contains(&key);
                    // The source has counted it as one of several of that id.
                    found.duplicates += i64::from(is_shared && !in_source.insert(key));
                    if self.hidden[*number] {
                        found.removed.push(removed.add(&spans, row));
                    } else if !is_shared {
                        once.push(row);
                    }
                }
                operations.add(&spans, once.into_iter(), |row, operation| {
                    facts[numbers[row]].add(&spans, row);
                    facts[numbers[row]].add_operation(operation);
                });
            }
        }
        let mut known: HashSet<SpanKey> = HashSet::default();
        for (rows, numbers_of_part) in whole.parts.iter().zip(&numbers_of_whole) {
            let Some(spans) = SpanColumns::of(rows) else { continue };
            let numbers = self.numbers(&spans);
            let visible = |row: &usize| !self.hidden[numbers[*row]];
            for row in (0..spans.rows()).filter(visible) {
                let found = &mut found[numbers[row]];
                if numbers_of_part[row] == UNMAPPED {
                    found.removed.push(removed.add(&spans, row));
                } else {
                    found.duplicates -= i64::from(!known.insert((spans.trace_id(row), spans.span_id(row))));
                }
            }
            let counts = (0..spans.rows()).filter(visible).filter(|row| numbers_of_part[*row] != UNMAPPED);
            operations.add(&spans, counts, |row, operation| {
                facts[numbers[row]].add(&spans, row);
                facts[numbers[row]].add_operation(operation);
            });
        }
        let ordinals: Vec<u32> = operations.finish().map(|(key, _)| merged.keys.number(&key)).collect();
        for facts in &mut facts {
            facts.renumber(&ordinals);
        }
        let has_row: Vec<bool> = facts.iter().map(|facts| facts.span_count > 0).collect();
        facts.retain(|facts| facts.span_count > 0);
        let groups = found.iter().zip(&has_row).filter_map(|(found, has_row)| has_row.then_some(&found.groups[..]));
        merged.rows.push(with_groups(&trace_row::encode(&facts), groups)?);
        for (number, found) in found.into_iter().enumerate() {
            let mut entry = found.entry(has_row[number], self.hidden[number], &removed);
            entry.is_superseded &= whole.superseded > 0;
            merged.entries.push((self.traces[number], entry));
        }
        Ok(())
    }

    /// The number of each row's trace. All rows are of these traces.
    fn numbers(&self, spans: &SpanColumns<'_>) -> Vec<usize> {
        let mut last = 0;
        let number = |row| {
            let id = spans.trace_id(row);
            if self.traces[last] != id {
                last = self.traces.binary_search(&id).unwrap_or_default();
            }
            last
        };
        (0..spans.rows()).map(number).collect()
    }
}

impl TraceSources {
    fn entry(self, has_row: bool, is_hidden: bool, removed: &Removed<'_>) -> SplitTrace {
        let wrong = Wrong {
            removed: self.removed.iter().map(|place| removed.span(*place)).collect(),
            duplicates: self.duplicates,
        };
        let is_right = wrong.removed.is_empty() && wrong.duplicates == 0;
        SplitTrace {
            piece: if has_row { 0 } else { NO_PIECE },
            counted_again: if is_hidden { self.sources } else { self.sources.saturating_sub(1) },
            is_superseded: !wrong.removed.is_empty(),
            fingerprint: 0,
            wrong: (!is_right).then(|| Arc::new(wrong)),
        }
    }
}

/// A removed span: its operation's place, duration, whether it failed, whether it is a root.
type RemovedAt = (usize, Option<i64>, bool, bool);

/// Spans that do not count, and their operations, each once.
#[derive(Default)]
struct Removed<'a> {
    spans: Vec<RemovedAt>,
    operations: Vec<Arc<OperationKey>>,
    by_texts: HashMap<[Option<&'a str>; 3], usize>,
}

impl<'a> Removed<'a> {
    fn add(&mut self, spans: &SpanColumns<'a>, row: usize) -> u32 {
        let texts = [spans.service, spans.name, spans.project].map(|column| column.get(row));
        let operation = *self.by_texts.entry(texts).or_insert_with(|| {
            let [service, name, project] = texts.map(|text| text.map(str::to_owned));
            self.operations.push(Arc::new(OperationKey { service, name: name.unwrap_or_default(), project }));
            self.operations.len() - 1
        });
        self.spans.push((operation, spans.duration(row), spans.is_error(row), spans.is_root(row)));
        self.spans.len() as u32 - 1
    }

    fn span(&self, place: u32) -> RemovedSpan {
        let (operation, duration, is_error, is_root) = self.spans[place as usize];
        RemovedSpan { operation: Arc::clone(&self.operations[operation]), duration, is_error, is_root }
    }
}
