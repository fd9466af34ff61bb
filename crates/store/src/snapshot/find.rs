//! `find`: traces by filter, newest first, page by page.
//!
//! Every source (a group, a batch in memory, the merged rows of split traces) yields its traces by descending start; a
//! heap merges them. Exactly one source yields a trace.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use foldhash::{HashMap, HashSet};
use futures::future::try_join_all;
use kino_model::columns::Table;
use kino_model::{DurationNanos, TraceId};

use super::filter::{SharedFilter, TraceFilter};
use super::group_spans::GroupSpans;
use super::piece_walk::PieceWalk;
use super::split::SplitView;
use super::walk::{Candidate, Question, WALKS_AT_ONCE, Walk};
use super::{Snapshot, answer};
use crate::error::ScanError;
use kino_lake::columns::{ids, trace_id_at};
use kino_lake::group::LakeTable;
use kino_lake::read::{Pick, Read};
use kino_lake::trace_row::{self, TraceRow};

/// Ids for which memory is reserved at once.
const IDS_AT_ONCE: usize = 16 * 1_024;
/// Bytes of an id: in the list, which grows by doubling, and in the heap before.
const ID_BYTES: usize = 96;

/// A part of an answer, with the cursor to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TracePage {
    /// The newest first; equal starts by trace id.
    pub rows: Vec<TraceRow>,
    /// The cursor of the next page; `None` on the last.
    pub next: Option<String>,
}

/// How long a trace took, and how large it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceSize {
    pub trace_id: TraceId,
    /// `None` while its root is open or missing.
    pub duration: Option<DurationNanos>,
    /// The spans that are known of it.
    pub span_count: u64,
}

/// The columns that a [`TraceSize`] is read from.
const SIZE_COLUMNS: [&str; 3] = ["trace_id", "duration_nanos", "span_count"];

/// The position of a trace in the answer: later starts first, then smaller ids.
type TracePosition = (i64, Reverse<TraceId>);

/// The source of a candidate: the walk, or the batch in memory, and the row there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum From {
    Walk(usize, usize),
    Hot(usize, usize),
}

/// A row of the answer: its content, or the walk and the row there.
enum Winner {
    Row(Box<TraceRow>),
    Walked(usize, usize),
}

impl Snapshot {
    /// Returns the newest traces that pass, at most `limit`, from `cursor` (of an earlier answer) on.
    ///
    /// # Errors
    /// Where a file cannot be read, or the cursor is not one of ours.
    pub async fn find(&self, filter: &TraceFilter, limit: usize, cursor: Option<&str>) -> Result<TracePage, ScanError> {
        answer!(self, |snapshot| snapshot.find_once(filter, limit, cursor))
    }

    async fn find_once(
        &self,
        filter: &TraceFilter,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<TracePage, ScanError> {
        let after =
            cursor.map(|cursor| parse(cursor).ok_or_else(|| ScanError::Cursor(cursor.to_owned()))).transpose()?;
        let mut search = TraceSearch::new(self, filter, after).await?;
        let mut winners = search.first(limit.saturating_add(1)).await?;
        let more = winners.len() > limit;
        winners.truncate(limit);
        let next = winners.last().filter(|_| more).map(|(place, _)| format!("{}:{}", place.0, place.1.0));
        Ok(TracePage { rows: search.rows(winners, None).await?, next })
    }

    /// Returns the sizes of the newest traces that pass, at most `limit`, the newest first: for less than
    /// [`Snapshot::find`] costs.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub async fn trace_sizes(&self, filter: &TraceFilter, limit: usize) -> Result<Vec<TraceSize>, ScanError> {
        answer!(self, |snapshot| snapshot.trace_sizes_once(filter, limit))
    }

    async fn trace_sizes_once(&self, filter: &TraceFilter, limit: usize) -> Result<Vec<TraceSize>, ScanError> {
        let mut search = TraceSearch::new(self, filter, None).await?;
        let winners = search.first(limit).await?;
        let rows = search.rows(winners, Some(&SIZE_COLUMNS)).await?.into_iter();
        let size =
            |row: TraceRow| TraceSize { trace_id: row.trace_id, duration: row.duration, span_count: row.span_count };
        Ok(rows.map(size).collect())
    }

    /// Returns all traces that pass, newest first.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub async fn trace_ids_of(&self, filter: &TraceFilter) -> Result<Vec<TraceId>, ScanError> {
        answer!(self, |snapshot| snapshot.trace_ids_of_once(filter))
    }

    async fn trace_ids_of_once(&self, filter: &TraceFilter) -> Result<Vec<TraceId>, ScanError> {
        let mut search = TraceSearch::new(self, filter, None).await?;
        let mut ids = Vec::new();
        while let Some((place, _)) = search.next().await? {
            if ids.len() % IDS_AT_ONCE == 0 {
                self.memory.grow((IDS_AT_ONCE * ID_BYTES) as u64).await?;
            }
            ids.push(place.1.0);
        }
        Ok(ids)
    }
}

fn parse(cursor: &str) -> Option<TracePosition> {
    let (start, id) = cursor.split_once(':')?;
    Some((start.parse().ok()?, Reverse(id.parse().ok()?)))
}

/// A walk over a group or over a piece of merged rows.
enum TraceSource {
    Group(Walk),
    Piece(PieceWalk),
}

impl TraceSource {
    /// The latest start that a trace of the rest can have, in Unix nanoseconds; `None` after the last.
    fn bound(&self) -> Option<i64> {
        match self {
            Self::Group(walk) => walk.bound,
            Self::Piece(walk) => walk.bound,
        }
    }

    async fn advance(&mut self, question: &Question<'_>) -> Result<Vec<Candidate>, ScanError> {
        match self {
            Self::Group(walk) => walk.advance(question).await,
            Self::Piece(walk) => walk.advance(question).await,
        }
    }
}

/// One question, and how far it was answered.
struct TraceSearch<'a> {
    snapshot: &'a Snapshot,
    asked: SharedFilter,
    after: Option<TracePosition>,
    /// The latest start that is asked for, in Unix nanoseconds.
    latest: i64,
    split: Arc<SplitView>,
    /// The spans of each of the snapshot's groups.
    spans: Vec<GroupSpans>,
    /// Split traces with a span in memory that passes.
    in_memory: HashSet<TraceId>,
    walks: Vec<TraceSource>,
    heap: BinaryHeap<(TracePosition, Reverse<From>)>,
    /// Number of walks that read at the same time.
    at_once: usize,
}

impl<'a> TraceSearch<'a> {
    async fn new(
        snapshot: &'a Snapshot,
        filter: &TraceFilter,
        after: Option<TracePosition>,
    ) -> Result<Self, ScanError> {
        let latest = filter.until.map_or(i64::MAX, |until| until.0.saturating_sub(1));
        let latest = after.map_or(latest, |place| latest.min(place.0));
        let asked = SharedFilter::new(filter);
        let split = Arc::clone(snapshot.split().await?);
        let spans =
            snapshot.groups.iter().map(|group| GroupSpans::new(group, &asked.spans, &snapshot.reader)).collect();
        let groups = snapshot.groups.iter().enumerate();
        let mut walks: Vec<TraceSource> =
            groups.map(|(place, group)| TraceSource::Group(Walk::new(place, group))).collect();
        walks.extend(PieceWalk::all(&split, &asked, latest).into_iter().map(TraceSource::Piece));
        let (in_memory, heap) = (HashSet::default(), BinaryHeap::new());
        let mut search = Self { snapshot, asked, after, latest, split, spans, in_memory, walks, heap, at_once: 1 };
        search.push_hot()?;
        Ok(search)
    }

    /// Pushes the traces in memory onto the heap.
    fn push_hot(&mut self) -> Result<(), ScanError> {
        for (at, batch) in self.snapshot.hot.iter().enumerate() {
            let index = batch.index()?;
            let spans = &self.asked.spans;
            let matched: Option<HashSet<TraceId>> = (!spans.is_empty()).then(|| {
                let marks = spans.mark(&batch.spans);
                let ids = ids(&batch.spans, "trace_id");
                let passed = index.rows(Table::Spans).iter().map(|row| *row as usize).filter(|row| marks.value(*row));
                passed.filter_map(|row| ids.and_then(|ids| trace_id_at(ids, row))).collect()
            });
            let is_split = |id: &&TraceId| self.split.contains(id);
            self.in_memory.extend(matched.iter().flatten().filter(is_split));
            for (row, trace) in index.traces.iter().enumerate() {
                let id = trace.trace_id;
                let passes =
                    self.asked.filter.admits_row(trace) && matched.as_ref().is_none_or(|matched| matched.contains(&id));
                if passes && trace.start.0 <= self.latest && !self.split.contains(&id) {
                    self.heap.push(((trace.start.0, Reverse(id)), Reverse(From::Hot(at, row))));
                }
            }
        }
        Ok(())
    }

    /// The next trace that passes.
    async fn next(&mut self) -> Result<Option<(TracePosition, Winner)>, ScanError> {
        loop {
            let top = self.heap.peek().map(|(place, _)| place.0);
            // These may still yield a trace that comes before the top of the heap.
            let behind = |walk: &TraceSource| walk.bound().filter(|bound| top.is_none_or(|top| *bound >= top));
            let mut behind: Vec<(i64, usize)> =
                self.walks.iter().enumerate().filter_map(|(at, walk)| Some((behind(walk)?, at))).collect();
            if !behind.is_empty() {
                behind.sort_unstable_by_key(|walk| Reverse(*walk));
                behind.truncate(self.at_once);
                self.advance(&behind.iter().map(|(_, at)| *at).collect::<Vec<_>>()).await?;
                if !self.asked.spans.attributes.is_empty() {
                    self.at_once = WALKS_AT_ONCE;
                }
                continue;
            }
            let Some((place, Reverse(from))) = self.heap.pop() else { return Ok(None) };
            if self.after.is_some_and(|after| place >= after) {
                continue;
            }
            let winner = match from {
                From::Walk(walk, row) => Winner::Walked(walk, row),
                From::Hot(batch, row) => Winner::Row(Box::new(self.snapshot.hot[batch].index()?.traces[row].clone())),
            };
            return Ok(Some((place, winner)));
        }
    }

    async fn advance(&mut self, places: &[usize]) -> Result<(), ScanError> {
        let question = Question {
            snapshot: self.snapshot,
            asked: &self.asked,
            split: &self.split,
            latest: self.latest,
            spans: &self.spans,
            in_memory: &self.in_memory,
        };
        let chosen = self.walks.iter_mut().enumerate().filter(|(at, _)| places.contains(at));
        let reads = chosen.map(|(at, walk)| {
            let question = &question;
            async move { Ok::<_, ScanError>((at, walk.advance(question).await?)) }
        });
        for (at, candidates) in try_join_all(reads).await? {
            let placed = |(start, id, row)| ((start, Reverse(id)), Reverse(From::Walk(at, row)));
            self.heap.extend(candidates.into_iter().map(placed));
        }
        Ok(())
    }

    /// The next traces that pass, at most `count`.
    async fn first(&mut self, count: usize) -> Result<Vec<(TracePosition, Winner)>, ScanError> {
        let mut winners = Vec::new();
        while winners.len() < count {
            match self.next().await? {
                Some(winner) => winners.push(winner),
                None => break,
            }
        }
        Ok(winners)
    }

    /// Reads the rows of the winners, in their order; of `columns` alone where these are given, others being empty or zero.
    async fn rows(
        &self,
        winners: Vec<(TracePosition, Winner)>,
        columns: Option<&[&str]>,
    ) -> Result<Vec<TraceRow>, ScanError> {
        let mut wanted: HashMap<usize, Vec<usize>> = HashMap::default();
        for (_, winner) in &winners {
            if let Winner::Walked(walk, row) = winner {
                wanted.entry(*walk).or_default().push(*row);
            }
        }
        let mut walks: Vec<(usize, Vec<usize>)> = wanted.into_iter().collect();
        walks.sort_unstable();
        let mut read: HashMap<TraceId, TraceRow> = HashMap::default();
        for (walk, mut rows) in walks {
            rows.sort_unstable();
            let group = match &self.walks[walk] {
                TraceSource::Group(walk) => Arc::clone(&walk.group),
                TraceSource::Piece(walk) => {
                    read.extend(rows.into_iter().filter_map(|row| walk.row(row)).map(|row| (row.trace_id, row)));
                    continue;
                }
            };
            let Some(file) = group.file(LakeTable::Traces) else { continue };
            let batches =
                self.snapshot.read(file, Read { columns, pick: Pick::Places(&rows), ..Read::default() }).await?;
            let rows = batches.iter().flat_map(trace_row::decode);
            read.extend(rows.map(|row| (row.trace_id, row)));
        }
        let row = |(place, winner): (TracePosition, Winner)| match winner {
            Winner::Row(row) => Some(*row),
            Winner::Walked(..) => read.remove(&place.1.0),
        };
        Ok(winners.into_iter().filter_map(row).collect())
    }
}
