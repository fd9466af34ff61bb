//! Walks the traces of one group from the newest to the oldest, as far as is asked and no further.
//!
//! `traces` is sorted by start, so a walk reads it from its end in growing chunks and yields traces by descending start.
//! Its bound is the latest start that a trace of the rest can have.

use std::sync::Arc;

use arrow_array::{Array, BooleanArray, Int32Array, RecordBatch};
use foldhash::HashSet;
use kino_model::TraceId;

use super::Snapshot;
use super::filter::SharedFilter;
use super::group_spans::{GroupSpans, LOOKED_UP_MAX};
use super::split::SplitView;
use crate::error::ScanError;
use kino_lake::columns::{ids, int64, lists, trace_id_at};
use kino_lake::group::{Group, GroupId, LakeTable};
use kino_lake::read::{Pick, Read};
use kino_lake::rollup::{GroupRollups, OTHER, OperationKey};

/// Rows of the first chunk: half a page of the file, more than an answer usually takes. Tests have few rows.
pub(super) const CHUNK_ROWS: usize = if cfg!(test) { 2 } else { 512 };
/// Each chunk is this many times as large as the one before.
pub(super) const CHUNK_GROWTH: usize = 4;
/// Groups that are searched at the same time once the newest did not have enough of what is rare.
pub(super) const WALKS_AT_ONCE: usize = 4;
/// At most this many traces with a span that passes are searched for in the whole file at once.
const FEW_TRACES: usize = 64;

/// A trace that a walk yields: its start in that group, its id, and its place in the group's file.
pub(super) type Candidate = (i64, TraceId, usize);

/// A walk over one group.
pub(super) struct Walk {
    pub(super) group: Arc<Group>,
    /// The group's place among those of the question.
    place: usize,
    /// No trace that is yet to be yielded starts later than this, in Unix nanoseconds; `None` after the last.
    pub(super) bound: Option<i64>,
    state: WalkState,
}

enum WalkState {
    /// Nothing has been read.
    New,
    /// Nothing more is to be read.
    Over,
    /// Rows before `end` have not been read.
    Open {
        end: usize,
        chunk: usize,
        operations: OperationMatch,
        /// Whether spans must be read too: for attributes, and where the group does not distinguish all its operations.
        ask_spans: bool,
    },
}

/// Which operations of the group can pass.
#[derive(Clone)]
pub(super) enum OperationMatch {
    /// The question does not ask for any.
    Any,
    /// Those with these ordinals.
    These(Arc<HashSet<i32>>),
    /// None of them.
    None,
}

/// The question that walks answer.
pub(super) struct Question<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) asked: &'a SharedFilter,
    /// The split traces, which only the walks over their merged rows yield.
    pub(super) split: &'a SplitView,
    /// The latest start that is asked for, in Unix nanoseconds.
    pub(super) latest: i64,
    /// The spans of each of the snapshot's groups.
    pub(super) spans: &'a [GroupSpans],
    /// Split traces with a span in memory that passes.
    pub(super) in_memory: &'a HashSet<TraceId>,
}

impl<'a> Question<'a> {
    /// The spans of a group.
    pub(super) fn spans_of(&self, group: GroupId) -> Option<&'a GroupSpans> {
        let place = self.spans.binary_search_by_key(&group, GroupSpans::id).ok()?;
        Some(&self.spans[place])
    }
}

impl Walk {
    /// A walk over the group at this place.
    pub(super) fn new(place: usize, group: &Arc<Group>) -> Self {
        let there = group.file(LakeTable::Traces).is_some();
        Self { group: Arc::clone(group), place, bound: there.then_some(group.meta.start_max.0), state: WalkState::New }
    }

    /// Reads the next chunk and returns its traces that pass.
    pub(super) async fn advance(&mut self, question: &Question<'_>) -> Result<Vec<Candidate>, ScanError> {
        let group = Arc::clone(&self.group);
        let Some(file) = group.file(LakeTable::Traces) else {
            self.bound = None;
            return Ok(Vec::new());
        };
        if let WalkState::New = self.state {
            let Some(state) = self.open(question).await? else {
                self.bound = None;
                return Ok(Vec::new());
            };
            self.state = state;
        }
        self.read_spans(question).await?;
        let WalkState::Open { end, chunk, operations, ask_spans } = &mut self.state else {
            self.bound = None;
            return Ok(Vec::new());
        };
        let range = end.saturating_sub(*chunk)..*end;
        (*end, *chunk) = (range.start, *chunk * CHUNK_GROWTH);
        let operations = operations.clone();
        let mut columns = question.asked.filter.columns();
        if let OperationMatch::These(_) = operations {
            columns.push("operations");
        }
        let read =
            Read { columns: Some(&columns), pick: Pick::Rows(range.clone()), dictionaries: true, ..Read::default() };
        let batches = question.snapshot.read(file, read).await?;
        let spans = &question.spans[self.place];
        let known = spans.passing().filter(|_| *ask_spans);
        let mut candidates: Vec<Candidate> = Vec::new();
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
                // Of all traces of the group, only few may be known to pass.
                let passes = passed.value(row) && named.value(row) && known.is_none_or(|known| known.contains(&id));
                if passes && !question.split.contains(&id) {
                    candidates.push((start, id, place + row));
                }
            }
            place += batch.num_rows();
        }
        let since = question.asked.filter.since.map_or(i64::MIN, |since| since.0);
        self.bound = earliest.filter(|start| range.start > 0 && *start >= since);
        if *ask_spans && known.is_none() {
            let mut wanted: Vec<TraceId> = candidates.iter().map(|candidate| candidate.1).collect();
            wanted.sort_unstable();
            let passing = spans.among(&wanted).await?;
            candidates.retain(|candidate| passing.contains(&candidate.1));
        }
        Ok(candidates)
    }

    /// Reads the spans of the whole group at once where that costs less than to look traces up. Ends the walk where no
    /// span passes.
    async fn read_spans(&mut self, question: &Question<'_>) -> Result<(), ScanError> {
        let WalkState::Open { end, chunk, ask_spans: true, .. } = &mut self.state else { return Ok(()) };
        let spans = &question.spans[self.place];
        spans.read(*chunk > LOOKED_UP_MAX).await?;
        match spans.passing().map(HashSet::len) {
            Some(0) => self.state = WalkState::Over,
            Some(1..=FEW_TRACES) => *chunk = *end,
            _ => {}
        }
        Ok(())
    }

    async fn open(&self, question: &Question<'_>) -> Result<Option<WalkState>, ScanError> {
        let filter = &question.asked.filter;
        let outside = filter.since.is_some_and(|since| self.group.meta.start_max < since)
            || self.group.meta.start_min.0 > question.latest;
        if outside {
            return Ok(None);
        }
        let spans = &question.asked.spans;
        let mut operations = OperationMatch::Any;
        let mut ask_spans = !spans.attributes.is_empty();
        if spans.service.is_some() || spans.name.is_some() {
            let rollups = question.snapshot.rollups(&self.group).await?;
            ask_spans |= rollups.has_other;
            operations = OperationMatch::of(&rollups, |key| filter.admits(key));
            if operations.is_none() {
                return Ok(None);
            }
        }
        let runs = filter.run_ids.as_ref().zip(self.group.meta.runs.as_ref());
        if runs.is_some_and(|(wanted, named)| wanted.iter().all(|run| named.binary_search(run).is_err())) {
            return Ok(None);
        }
        let Some(file) = self.group.file(LakeTable::Traces) else { return Ok(None) };
        if ask_spans {
            let spans = &question.spans[self.place];
            spans.read(false).await?;
            if spans.passing().is_some_and(HashSet::is_empty) {
                return Ok(None);
            }
        }
        let end = question.snapshot.reader.rows_until(file, question.latest).await?;
        Ok(Some(WalkState::Open { end, chunk: CHUNK_ROWS, operations, ask_spans }))
    }
}

impl OperationMatch {
    /// Those of a group that are admitted, and those that it does not distinguish.
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
        let Some(lists) = lists(traces, "operations") else { return BooleanArray::from(vec![false; rows]) };
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
