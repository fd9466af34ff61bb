//! Walks the merged rows of one piece from the newest to the oldest, as [`super::super::walk`] does for a file.

use std::sync::Arc;

use arrow_array::RecordBatch;
use foldhash::{HashMap, HashSet};
use futures::future::try_join_all;
use kino_model::TraceId;
use kino_model::columns::Table;

use super::pieces::GroupLists;
use super::{Entry, SplitTraces, SplitView};
use crate::error::ScanError;
use crate::snapshot::filter::Asked;
use crate::snapshot::find::WALKS_AT_ONCE;
use crate::snapshot::gather::TRACES_AT_A_TIME;
use crate::snapshot::group_spans::{GroupSpans, LOOKED_UP_MAX};
use crate::snapshot::walk::{CHUNK_GROWTH, CHUNK_ROWS, Candidate, Operations, Question};
use kino_lake::columns::{ids, int64, trace_id_at};
use kino_lake::group::GroupId;
use kino_lake::trace_row::{self, TraceRow};

/// A walk over one piece.
pub(in crate::snapshot) struct PieceWalk {
    split: Arc<SplitView>,
    in_lake: bool,
    piece: usize,
    /// Nothing untold starts later than this; `None` when all is told.
    pub(in crate::snapshot) bound: Option<i64>,
    /// Rows before this one are to be told yet.
    end: usize,
    chunk: usize,
    /// Rows so far whose traces' spans had to be looked into.
    asked: usize,
    operations: Operations,
}

impl PieceWalk {
    /// A walk over each piece.
    pub(in crate::snapshot) fn all(split: &Arc<SplitView>, asked: &Asked, latest: i64) -> Vec<Self> {
        let pieces = |in_lake: bool, traces: &SplitTraces| {
            let walk = |piece| Self::new(split, in_lake, piece, asked, latest);
            (0..traces.pieces.len()).map(walk).collect::<Vec<_>>()
        };
        let mut walks = pieces(true, &split.lake);
        walks.extend(pieces(false, &split.hot));
        walks
    }

    fn new(split: &Arc<SplitView>, in_lake: bool, piece: usize, asked: &Asked, latest: i64) -> Self {
        let mut walk = Self {
            split: Arc::clone(split),
            in_lake,
            piece,
            bound: None,
            end: 0,
            chunk: CHUNK_ROWS,
            asked: 0,
            operations: Operations::Any,
        };
        let keys = &walk.traces().pieces[piece].keys;
        if asked.spans.service.is_some() || asked.spans.name.is_some() {
            let admitted = keys.iter().zip(0..).filter(|(key, _)| asked.filter.admits(key));
            walk.operations = Operations::these(admitted.map(|(_, number)| number).collect());
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
    fn entry(&self, id: &TraceId) -> Option<&Entry> {
        self.traces().entry_in(id, self.piece).filter(|_| !(self.in_lake && self.split.hot.contains(id)))
    }

    /// The merged row at a place.
    pub(in crate::snapshot) fn row(&self, place: usize) -> Option<TraceRow> {
        trace_row::decode(&self.rows().slice(place, 1)).pop()
    }

    /// Goes on, and tells the traces that pass.
    pub(in crate::snapshot) async fn advance(&mut self, question: &Question<'_>) -> Result<Vec<Candidate>, ScanError> {
        let first = self.end.saturating_sub(self.chunk);
        let rows = self.rows().slice(first, self.end - first);
        let Some((ids, starts)) = ids(&rows, "trace_id").zip(int64(&rows, "start_unix_nanos")) else {
            self.bound = None;
            return Ok(Vec::new());
        };
        let mut passed = question.asked.filter.mark(&rows).values().clone();
        if !matches!(self.operations, Operations::Any) {
            passed = &passed & self.operations.mark(&rows).values();
        }
        let mut marked: Vec<usize> = passed.set_indices().collect();
        let asks_spans = !question.asked.spans.attributes.is_empty();
        let begin = if asks_spans {
            self.asked += marked.len();
            keep_with_spans(question, &rows, &mut marked, self.asked > LOOKED_UP_MAX).await?
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
        let mut told: Vec<Candidate> =
            marked.into_iter().filter_map(|row| Some((starts.value(row), id(row)?, first + row))).collect();
        if asks_spans {
            self.drop_superseded(question, &mut told).await?;
        }
        Ok(told)
    }

    /// Of traces with a span that passes, drops those where only spans that another replaces do.
    async fn drop_superseded(&self, question: &Question<'_>, told: &mut Vec<Candidate>) -> Result<(), ScanError> {
        let is_superseded = |id: &TraceId| self.entry(id).is_some_and(|entry| entry.is_superseded);
        let superseded: Vec<TraceId> = told.iter().map(|told| told.1).filter(is_superseded).collect();
        let mut dropped: HashSet<TraceId> = superseded.iter().copied().collect();
        for some in superseded.chunks(TRACES_AT_A_TIME) {
            let spans = question.snapshot.gather(some, &[Table::Spans]).await?.spans;
            let (marks, ids) = (question.asked.spans.mark(&spans), ids(&spans, "trace_id"));
            for id in (0..spans.num_rows()).filter(|row| marks.value(*row)).filter_map(|row| trace_id_at(ids?, row)) {
                dropped.remove(&id);
            }
        }
        told.retain(|told| !dropped.contains(&told.1));
        Ok(())
    }
}

/// Groups as the rows of traces list them: thousands of rows have the same few lists, and each is looked into once.
#[derive(Default)]
struct Lists<'a> {
    numbers: HashMap<&'a [u64], usize>,
    distinct: Vec<&'a [u64]>,
    /// Their groups that have not been read.
    unread: Vec<&'a GroupSpans>,
}

impl<'a> Lists<'a> {
    /// The number of a list.
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

    /// For each list, the traces with a span that passes in those of its groups that have been read, as far as there
    /// are any.
    fn passing(&self, question: &Question<'a>) -> Vec<Vec<&'a HashSet<TraceId>>> {
        let passing = |group: &u64| question.spans_of(GroupId(*group))?.passing().filter(|passing| !passing.is_empty());
        self.distinct.iter().map(|groups| groups.iter().filter_map(passing).collect()).collect()
    }
}

/// Keeps the rows of traces with a span in some source that passes. Goes from the newest row only as far as few groups
/// must be asked, and gives the row from which on all have been looked at.
async fn keep_with_spans(
    question: &Question<'_>,
    rows: &RecordBatch,
    marked: &mut Vec<usize>,
    many: bool,
) -> Result<usize, ScanError> {
    let Some((ids, groups)) = ids(rows, "trace_id").zip(GroupLists::of(rows)) else { return Ok(0) };
    let (mut lists, mut begin) = (Lists::default(), 0);
    // Rows with the number of their list, the newest first.
    let mut looked_at: Vec<(usize, usize)> = Vec::with_capacity(marked.len());
    for row in marked.drain(..).rev() {
        let of_row = groups.at(row);
        let same = looked_at.last().map(|(_, list)| *list).filter(|list| lists.distinct[*list] == of_row);
        looked_at.push((row, same.unwrap_or_else(|| lists.number(question, of_row))));
        if lists.unread.len() > WALKS_AT_ONCE {
            begin = row;
            break;
        }
    }
    try_join_all(lists.unread.iter().map(|spans| spans.read(many))).await?;
    // Of a group in which many may pass, only these traces are asked about.
    let asked = lists.unread.iter().filter(|spans| spans.passing().is_none()).map(async |spans| {
        let holds: Vec<bool> = lists.distinct.iter().map(|groups| groups.contains(&spans.id().0)).collect();
        let held = looked_at.iter().filter(|(_, list)| holds[*list]);
        let mut traces: Vec<TraceId> = held.filter_map(|(row, _)| trace_id_at(ids, *row)).collect();
        traces.sort_unstable();
        spans.among(&traces).await
    });
    let found: HashSet<TraceId> = try_join_all(asked).await?.into_iter().flatten().collect();
    let passing = lists.passing(question);
    let is_anywhere = !found.is_empty() || !question.in_memory.is_empty();
    let passes = |(row, list): &(usize, usize)| {
        let passing = &passing[*list];
        let holds = |id: TraceId| {
            question.in_memory.contains(&id) || found.contains(&id) || passing.iter().any(|held| held.contains(&id))
        };
        (is_anywhere || !passing.is_empty()) && trace_id_at(ids, *row).is_some_and(holds)
    };
    marked.extend(looked_at.iter().rev().filter(|looked_at| passes(looked_at)).map(|(row, _)| *row));
    Ok(begin)
}
