//! Walks the traces of one group from the newest to the oldest, as far as is asked and no further.
//!
//! `traces` is sorted by start, so a walk reads it from its end in growing chunks. Until it has read on, it promises
//! only that nothing it has not told yet starts later than its bound.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, BooleanArray, Int32Array, RecordBatch};
use kino_model::TraceId;

use super::Snapshot;
use super::filter::Asked;
use super::split::SplitView;
use crate::file::{Group, LakeTable};
use crate::rollup::{GroupRollups, OTHER, OperationKey};
use crate::scan::columns::{ids, int64, trace_id_at};
use crate::scan::predicate::Candidates;
use crate::scan::{Pick, Read, ScanError};

/// Rows of the first chunk: half a page of the file, more than an answer usually takes.
pub(super) const CHUNK_ROWS: usize = 512;
/// Each chunk is this many times as large as the one before.
pub(super) const CHUNK_GROWTH: usize = 4;
/// Up to here the spans of a chunk's traces are looked up by trace; beyond, one pass over the file costs less.
pub(super) const LOOKED_UP_MAX: usize = 512;
/// Where so few rows of spans may pass, they are looked into at once.
pub(super) const FEW_ROWS: usize = 64 * 1_024;
/// Where so few traces have a span that passes, they are looked for in the whole file at once.
const FEW_TRACES: usize = 64;

/// A trace that a walk tells of: its start in that group, its id, and its place in the group's file.
pub(super) type Told = (i64, TraceId, usize);

/// A walk over one group.
pub(super) struct Walk {
    pub(super) group: Arc<Group>,
    /// Nothing untold starts later than this; `None` when all is told.
    pub(super) bound: Option<i64>,
    state: State,
}

enum State {
    /// Nothing has been read.
    New,
    /// Nothing more is to be read.
    Over,
    /// Rows before `end` are to be read yet.
    Open {
        end: usize,
        chunk: usize,
        operations: Operations,
        /// What of the spans must be looked into: for attributes, and where the group does not tell all its operations
        /// apart.
        ask_spans: Option<Candidates>,
        /// The traces whose spans pass, once the whole file has been asked.
        matched: Option<HashSet<TraceId>>,
    },
}

/// Which operations of the group can pass.
#[derive(Clone)]
pub(super) enum Operations {
    /// The question does not ask for any.
    Any,
    /// Those with these ordinals.
    These(Arc<HashSet<i32>>),
    /// None of them.
    None,
}

/// What a walk is asked.
pub(super) struct Question<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) asked: &'a Asked,
    /// Traces that lie in several sources: told by the walks over their merged rows alone.
    pub(super) split: &'a SplitView,
    /// Tell nothing that starts after this.
    pub(super) latest: i64,
}

impl Walk {
    pub(super) fn new(group: &Arc<Group>) -> Self {
        let there = group.file(LakeTable::Traces).is_some();
        Self { group: Arc::clone(group), bound: there.then_some(group.meta.start_max.0), state: State::New }
    }

    /// Reads on, and tells the traces found.
    pub(super) async fn advance(&mut self, question: &Question<'_>) -> Result<Vec<Told>, ScanError> {
        let group = Arc::clone(&self.group);
        let Some(file) = group.file(LakeTable::Traces) else {
            self.bound = None;
            return Ok(Vec::new());
        };
        if let State::New = self.state {
            let Some(state) = self.open(question).await? else {
                self.bound = None;
                return Ok(Vec::new());
            };
            self.state = state;
        }
        self.look_into_spans(question).await?;
        let State::Open { end, chunk, operations, ask_spans, matched, .. } = &mut self.state else {
            self.bound = None;
            return Ok(Vec::new());
        };
        let range = end.saturating_sub(*chunk)..*end;
        (*end, *chunk) = (range.start, *chunk * CHUNK_GROWTH);
        let operations = operations.clone();
        let mut columns = question.asked.filter.columns();
        if let Operations::These(_) = operations {
            columns.push("operations");
        }
        let read =
            Read { columns: Some(&columns), pick: Pick::Rows(range.clone()), dictionaries: true, ..Read::default() };
        let batches = question.snapshot.read(file, read).await?;
        let mut told: Vec<Told> = Vec::new();
        let mut place = range.start;
        let mut earliest = None;
        for batch in &batches {
            let (Some(ids), Some(starts)) = (ids(batch, "trace_id"), int64(batch, "start_unix_nanos")) else {
                continue;
            };
            let passed = question.asked.filter.mark(batch);
            let named = operations.mark(batch);
            for row in 0..batch.num_rows() {
                let Some(id) = trace_id_at(ids, row) else { continue };
                let start = starts.value(row);
                earliest.get_or_insert(start);
                if start > question.latest {
                    continue;
                }
                if passed.value(row) && named.value(row) && !question.split.contains(&id) {
                    told.push((start, id, place + row));
                }
            }
            place += batch.num_rows();
        }
        let since = question.asked.filter.since.map_or(i64::MIN, |since| since.0);
        self.bound = earliest.filter(|start| range.start > 0 && *start >= since);
        let Some(candidates) = ask_spans else { return Ok(told) };
        let looked_up;
        let passing = if let Some(matched) = matched {
            &*matched
        } else {
            let mut wanted: Vec<TraceId> = told.iter().map(|told| told.1).collect();
            wanted.sort_unstable();
            looked_up = spans_that_pass(question, &group, Pick::Traces(&wanted), candidates).await?;
            &looked_up
        };
        told.retain(|told| passing.contains(&told.1));
        Ok(told)
    }

    /// Asks the whole file of spans at once where that costs less than looking traces up. Where none passes, the walk
    /// is over.
    async fn look_into_spans(&mut self, question: &Question<'_>) -> Result<(), ScanError> {
        let State::Open { end, chunk, ask_spans: Some(candidates), matched: matched @ None, .. } = &mut self.state
        else {
            return Ok(());
        };
        let few = candidates.row_count().is_some_and(|rows| rows <= FEW_ROWS);
        if !few && *chunk <= LOOKED_UP_MAX {
            return Ok(());
        }
        let found = spans_that_pass(question, &self.group, Pick::All, candidates).await?;
        if found.len() <= FEW_TRACES {
            *chunk = *end;
        }
        let over = found.is_empty();
        *matched = Some(found);
        if over {
            self.state = State::Over;
        }
        Ok(())
    }

    async fn open(&self, question: &Question<'_>) -> Result<Option<State>, ScanError> {
        let filter = &question.asked.filter;
        let outside = filter.since.is_some_and(|since| self.group.meta.start_max < since)
            || self.group.meta.start_min.0 > question.latest;
        if outside {
            return Ok(None);
        }
        let spans = &question.asked.spans;
        let mut operations = Operations::Any;
        let mut ask_spans = !spans.attributes.is_empty();
        if spans.service.is_some() || spans.name.is_some() {
            let rollups = question.snapshot.rollups(&self.group).await?;
            ask_spans |= rollups.has_other;
            operations = Operations::of(&rollups, |key| filter.admits(key));
            if operations.is_none() {
                return Ok(None);
            }
        }
        let runs = filter.run_ids.as_ref().zip(self.group.meta.runs.as_ref());
        if runs.is_some_and(|(wanted, named)| wanted.iter().all(|run| named.binary_search(run).is_err())) {
            return Ok(None);
        }
        let Some(file) = self.group.file(LakeTable::Traces) else { return Ok(None) };
        let mut candidates = None;
        if ask_spans {
            let Some(file) = self.group.file(LakeTable::Spans) else { return Ok(None) };
            candidates = spans.candidates(&question.snapshot.reader, file).await?;
            if candidates.is_none() {
                return Ok(None);
            }
        }
        let end = question.snapshot.reader.rows_until(file, question.latest).await?;
        Ok(Some(State::Open { end, chunk: CHUNK_ROWS, operations, ask_spans: candidates, matched: None }))
    }
}

impl Operations {
    /// Those of a group that are admitted, and those that it does not tell apart.
    pub(super) fn of(rollups: &GroupRollups, admits: impl Fn(&OperationKey) -> bool) -> Self {
        let mut wanted: HashSet<i32> =
            rollups.ordinals.iter().filter(|(key, _)| admits(key)).map(|(_, ordinal)| *ordinal).collect();
        if rollups.has_other {
            wanted.insert(OTHER as i32);
        }
        Self::these(wanted)
    }

    /// Those of these numbers.
    pub(super) fn these(wanted: HashSet<i32>) -> Self {
        if wanted.is_empty() { Self::None } else { Self::These(Arc::new(wanted)) }
    }

    /// Whether none can pass.
    pub(super) fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Marks the rows of `traces` with an operation that can pass.
    pub(super) fn mark(&self, traces: &RecordBatch) -> BooleanArray {
        let rows = traces.num_rows();
        let wanted = match self {
            Self::Any => return BooleanArray::from(vec![true; rows]),
            Self::None => return BooleanArray::from(vec![false; rows]),
            Self::These(wanted) => wanted,
        };
        let Some(lists) = traces.column_by_name("operations").and_then(|column| column.as_list_opt::<i32>()) else {
            return BooleanArray::from(vec![false; rows]);
        };
        let Some(ordinals) = lists.values().as_any().downcast_ref::<Int32Array>() else {
            return BooleanArray::from(vec![false; rows]);
        };
        let offsets = lists.value_offsets();
        let any = |row: usize| {
            ordinals.values()[offsets[row] as usize..offsets[row + 1] as usize]
                .iter()
                .any(|ordinal| wanted.contains(ordinal))
        };
        (0..rows).map(|row| Some(any(row))).collect()
    }
}

/// The traces with a span in this group, among the candidates, that passes.
pub(super) async fn spans_that_pass(
    question: &Question<'_>,
    group: &Group,
    pick: Pick<'_>,
    candidates: &Candidates,
) -> Result<HashSet<TraceId>, ScanError> {
    let Some(file) = group.file(LakeTable::Spans) else { return Ok(HashSet::new()) };
    let spans = Arc::clone(&question.asked.spans);
    let read = Read {
        columns: Some(&["trace_id"]),
        pick,
        within: candidates.rows.as_deref(),
        dictionaries: true,
        condition: Some((&candidates.columns, Box::new(move |batch| spans.mark(batch)))),
    };
    let batches = question.snapshot.read(file, read).await?;
    let ids = batches.iter().filter_map(|batch| ids(batch, "trace_id"));
    Ok(ids.flat_map(|ids| (0..ids.len()).filter_map(|row| trace_id_at(ids, row))).collect())
}
