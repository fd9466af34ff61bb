//! Walks the merged rows of one piece from the newest to the oldest, as [`super::walk`] does for a file.

use std::sync::Arc;

use arrow_array::RecordBatch;
use foldhash::{HashMap, HashSet};
use futures::future::try_join_all;
use kino_model::TraceId;
use kino_model::columns::Table;

use super::filter::SharedFilter;
use super::gather::TRACES_AT_A_TIME;
use super::group_spans::{GroupSpans, LOOKED_UP_MAX};
use super::split::{GroupLists, SplitTrace, SplitTraces, SplitView};
use super::walk::{CHUNK_GROWTH, CHUNK_ROWS, Candidate, OperationMatch, Question, WALKS_AT_ONCE};
use crate::error::ScanError;
use kino_lake::columns::{ids, int64, trace_id_at};
use kino_lake::group::GroupId;
use kino_lake::trace_row::{self, TraceRow};

/// A walk over one piece.
pub(super) struct PieceWalk {
    split: Arc<SplitView>,
    in_lake: bool,
    piece: usize,
    /// The latest start that a trace of the rest can have, in Unix nanoseconds; `None` after the last.
    pub(super) bound: Option<i64>,
    /// Rows before this one have not been read.
    end: usize,
    chunk: usize,
    /// Rows so far whose traces' spans had to be read.
    asked: usize,
    operations: OperationMatch,
}

impl PieceWalk {
    /// A walk over each piece.
    pub(super) fn all(split: &Arc<SplitView>, asked: &SharedFilter, latest: i64) -> Vec<Self> {
        let pieces = |in_lake: bool, traces: &SplitTraces| {
            let walk = |piece| Self::new(split, in_lake, piece, asked, latest);
            (0..traces.pieces.len()).map(walk).collect::<Vec<_>>()
        };
        let mut walks = pieces(true, &split.lake);
        walks.extend(pieces(false, &split.hot));
        walks
    }

    fn new(split: &Arc<SplitView>, in_lake: bool, piece: usize, asked: &SharedFilter, latest: i64) -> Self {
        let mut walk = Self {
            split: Arc::clone(split),
            in_lake,
            piece,
            bound: None,
            end: 0,
            chunk: CHUNK_ROWS,
            asked: 0,
            operations: OperationMatch::Any,
        };
        let keys = &walk.traces().pieces[piece].keys;
        if asked.spans.service.is_some() || asked.spans.name.is_some() {
            let admitted = keys.iter().zip(0..).filter(|(key, _)| asked.filter.admits(key));
            walk.operations = OperationMatch::these(admitted.map(|(_, number)| number).collect());
        }
        if let Some(starts) = int64(walk.rows(), "start_unix_nanos").filter(|_| !walk.operations.is_none()) {
            let end = starts.values().partition_point(|start| *start <= latest);
            let bound = end.checked_sub(1).map(|last| starts.value(last));
            (walk.end, walk.bound) = (end, bound);
        }
        walk
    }

    fn traces(&self) -> &SplitTraces {
        if self.in_lake { &self.split.lake } else { &self.split.hot }
    }

    fn rows(&self) -> &RecordBatch {
        &self.traces().pieces[self.piece].rows
    }

    /// What is known of a trace; `None` where its row in this piece does not count.
    fn entry(&self, id: &TraceId) -> Option<&SplitTrace> {
        self.traces().entry_in(id, self.piece).filter(|_| !(self.in_lake && self.split.hot.contains(id)))
    }

    /// The merged row at a place.
    pub(super) fn row(&self, place: usize) -> Option<TraceRow> {
        trace_row::decode(&self.rows().slice(place, 1)).pop()
    }

    /// Reads the next chunk and returns its traces that pass.
    pub(super) async fn advance(&mut self, question: &Question<'_>) -> Result<Vec<Candidate>, ScanError> {
        let first = self.end.saturating_sub(self.chunk);
        let rows = self.rows().slice(first, self.end - first);
        let Some((ids, starts)) = ids(&rows, "trace_id").zip(int64(&rows, "start_unix_nanos")) else {
            self.bound = None;
            return Ok(Vec::new());
        };
        let mut passed = question.asked.filter.mark(&rows).values().clone();
        if !matches!(self.operations, OperationMatch::Any) {
            passed = &passed & self.operations.mark(&rows).values();
        }
        let mut marked: Vec<usize> = passed.set_indices().collect();
        let asks_spans = !question.asked.spans.attributes.is_empty();
        let begin = if asks_spans {
            self.asked += marked.len();
            retain_with_spans(question, &rows, &mut marked, self.asked > LOOKED_UP_MAX).await?
        } else {
            0
        };
        // Where the chunk was too long, the next one is as long as what this one came to.
        self.chunk = if begin > 0 { rows.num_rows() - begin } else { self.chunk * CHUNK_GROWTH };
        self.end = first + begin;
        let since = question.asked.filter.since.map_or(i64::MIN, |since| since.0);
        let earliest = (self.end > 0).then(|| starts.value(begin));
        self.bound = earliest.filter(|start| *start >= since);
        let id = |row| trace_id_at(ids, row).filter(|id| self.entry(id).is_some());
        let mut candidates: Vec<Candidate> =
            marked.into_iter().filter_map(|row| Some((starts.value(row), id(row)?, first + row))).collect();
        if asks_spans {
            self.drop_superseded(question, &mut candidates).await?;
        }
        Ok(candidates)
    }

    /// Drops the traces of which only superseded spans pass.
    async fn drop_superseded(&self, question: &Question<'_>, candidates: &mut Vec<Candidate>) -> Result<(), ScanError> {
        let is_superseded = |id: &TraceId| self.entry(id).is_some_and(|entry| entry.is_superseded);
        let superseded: Vec<TraceId> = candidates.iter().map(|candidate| candidate.1).filter(is_superseded).collect();
        let mut dropped: HashSet<TraceId> = superseded.iter().copied().collect();
        for some in superseded.chunks(TRACES_AT_A_TIME) {
            let spans = question.snapshot.gather(some, &[Table::Spans]).await?.spans;
            let (marks, ids) = (question.asked.spans.mark(&spans), ids(&spans, "trace_id"));
            for id in (0..spans.num_rows()).filter(|row| marks.value(*row)).filter_map(|row| trace_id_at(ids?, row)) {
                dropped.remove(&id);
            }
        }
        candidates.retain(|candidate| !dropped.contains(&candidate.1));
        Ok(())
    }
}

/// Groups as the rows of traces list them: thousands of rows have the same few lists, and each is resolved once.
#[derive(Default)]
struct Lists<'a> {
    numbers: HashMap<&'a [u64], usize>,
    distinct: Vec<&'a [u64]>,
    /// Their groups that have not been read.
    unread: Vec<&'a GroupSpans>,
}

impl<'a> Lists<'a> {
    /// Returns the number of a list, after noting those of its groups that have not been read.
    fn number(&mut self, question: &Question<'a>, groups: &'a [u64]) -> usize {
        if let Some(number) = self.numbers.get(groups) {
            return *number;
        }
        for spans in groups.iter().filter_map(|group| question.spans_of(GroupId(*group))) {
            if spans.passing().is_none() && self.unread.iter().all(|unread| unread.id() != spans.id()) {
                self.unread.push(spans);
            }
        }
        self.distinct.push(groups);
        self.numbers.insert(groups, self.distinct.len() - 1);
        self.distinct.len() - 1
    }

    /// Returns, for each list, the traces with a span that passes in those of its groups that have been read, where there
    /// are any.
    fn passing(&self, question: &Question<'a>) -> Vec<Vec<&'a HashSet<TraceId>>> {
        let passing = |group: &u64| question.spans_of(GroupId(*group))?.passing().filter(|passing| !passing.is_empty());
        self.distinct.iter().map(|groups| groups.iter().filter_map(passing).collect()).collect()
    }
}

/// Drops the marked rows of traces without a span that passes in any source. Goes from the newest row only as far as few
/// groups must be read, and returns the first row that it examined.
async fn retain_with_spans(
    question: &Question<'_>,
    rows: &RecordBatch,
    marked: &mut Vec<usize>,
    many: bool,
) -> Result<usize, ScanError> {
    let Some((ids, groups)) = ids(rows, "trace_id").zip(GroupLists::of(rows)) else { return Ok(0) };
    let (mut lists, mut begin) = (Lists::default(), 0);
    // Rows with the number of their list, the newest first.
    let mut examined: Vec<(usize, usize)> = Vec::with_capacity(marked.len());
    for row in marked.drain(..).rev() {
        let of_row = groups.at(row);
        let same = examined.last().map(|(_, list)| *list).filter(|list| lists.distinct[*list] == of_row);
        examined.push((row, same.unwrap_or_else(|| lists.number(question, of_row))));
        if lists.unread.len() > WALKS_AT_ONCE {
            begin = row;
            break;
        }
    }
    try_join_all(lists.unread.iter().map(|spans| spans.read(many))).await?;
    // A group in which many may pass is asked for these traces alone.
    let asked = lists.unread.iter().filter(|spans| spans.passing().is_none()).map(async |spans| {
        let has_group: Vec<bool> = lists.distinct.iter().map(|groups| groups.contains(&spans.id().0)).collect();
        let listed = examined.iter().filter(|(_, list)| has_group[*list]);
        let mut traces: Vec<TraceId> = listed.filter_map(|(row, _)| trace_id_at(ids, *row)).collect();
        traces.sort_unstable();
        spans.among(&traces).await
    });
    let found: HashSet<TraceId> = try_join_all(asked).await?.into_iter().flatten().collect();
    let passing = lists.passing(question);
    let is_anywhere = !found.is_empty() || !question.in_memory.is_empty();
    let passes = |(row, list): &(usize, usize)| {
        let passing = &passing[*list];
        let has_span = |id: TraceId| {
            question.in_memory.contains(&id) || found.contains(&id) || passing.iter().any(|traces| traces.contains(&id))
        };
        (is_anywhere || !passing.is_empty()) && trace_id_at(ids, *row).is_some_and(has_span)
    };
    marked.extend(examined.iter().rev().filter(|row| passes(row)).map(|(row, _)| *row));
    Ok(begin)
}
