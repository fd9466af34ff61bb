//! Walks the merged rows of one piece from the newest to the oldest, as [`super::super::walk`] does for a file.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::RecordBatch;
use futures::future::try_join_all;
use kino_model::TraceId;
use kino_model::columns::Table;
use tokio::sync::OnceCell;

use super::{Snapshot, SplitTraces, SplitView};
use crate::file::LakeTable;
use crate::scan::columns::{ids, int64, trace_id_at};
use crate::scan::predicate::Candidates;
use crate::scan::{Pick, ScanError};
use crate::snapshot::filter::Asked;
use crate::snapshot::find::WALKS_AT_ONCE;
use crate::snapshot::walk::{
    CHUNK_GROWTH, CHUNK_ROWS, FEW_ROWS, LOOKED_UP_MAX, Operations, Question, Told, spans_that_pass,
};
use crate::trace_row::{self, TraceRow};

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
    operations: Operations,
    spans: Arc<AskedSpans>,
}

/// What the groups' spans say of the attributes that are asked for: found out once, for all pieces.
#[derive(Default)]
struct AskedSpans {
    /// Where in each group's spans they may be.
    candidates: OnceCell<Vec<Option<Candidates>>>,
    /// The split traces with a span in some group that passes.
    passing: OnceCell<HashSet<TraceId>>,
}

impl PieceWalk {
    /// A walk over each piece.
    pub(in crate::snapshot) fn all(split: &Arc<SplitView>, asked: &Asked, latest: i64) -> Vec<Self> {
        let spans = Arc::new(AskedSpans::default());
        let pieces = |in_lake: bool, traces: &SplitTraces| {
            let walk = |piece| Self { spans: Arc::clone(&spans), ..Self::new(split, in_lake, piece, asked, latest) };
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
            operations: Operations::Any,
            spans: Arc::default(),
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

    /// Whether a row counts.
    fn is_live(&self, id: &TraceId) -> bool {
        self.traces().is_in(id, self.piece) && !(self.in_lake && self.split.hot.contains(id))
    }

    /// The merged row at a place.
    pub(in crate::snapshot) fn row(&self, place: usize) -> Option<TraceRow> {
        trace_row::decode(&self.rows().slice(place, 1)).pop()
    }

    /// Goes on, and tells the traces that pass.
    pub(in crate::snapshot) async fn advance(&mut self, question: &Question<'_>) -> Result<Vec<Told>, ScanError> {
        let first = self.end.saturating_sub(self.chunk);
        let rows = self.rows().slice(first, self.end - first);
        let is_long = self.chunk > LOOKED_UP_MAX;
        (self.end, self.chunk) = (first, self.chunk * CHUNK_GROWTH);
        let mut told: Vec<Told> = Vec::new();
        self.bound = None;
        if let Some((ids, starts)) = ids(&rows, "trace_id").zip(int64(&rows, "start_unix_nanos")) {
            let passed = question.asked.filter.mark(&rows);
            let named = self.operations.mark(&rows);
            for row in (0..rows.num_rows()).filter(|row| passed.value(*row) && named.value(*row)) {
                let id = trace_id_at(ids, row).filter(|id| self.is_live(id));
                told.extend(id.map(|id| (starts.value(row), id, first + row)));
            }
            let since = question.asked.filter.since.map_or(i64::MIN, |since| since.0);
            let earliest = (first > 0 && !starts.is_empty()).then(|| starts.value(0));
            self.bound = earliest.filter(|start| *start >= since);
        }
        if !question.asked.spans.attributes.is_empty() && !told.is_empty() {
            let passing = self.that_pass(question, &told, is_long).await?;
            told.retain(|told| passing.contains(&told.1));
        }
        Ok(told)
    }

    /// Those of these traces with a span that passes: first those with one in some source, then, of these, those with
    /// one that counts. Where few spans may pass, or many traces are asked about, the groups are asked as a whole.
    async fn that_pass(
        &self,
        question: &Question<'_>,
        told: &[Told],
        is_long: bool,
    ) -> Result<HashSet<TraceId>, ScanError> {
        let Question { snapshot, asked, .. } = question;
        let mut wanted: Vec<TraceId> = told.iter().map(|told| told.1).collect();
        wanted.sort_unstable();
        let candidates = self.spans.candidates.get_or_try_init(|| candidates(snapshot, asked)).await?;
        let mut some: HashSet<TraceId> = HashSet::new();
        if is_long || are_few(candidates) {
            let passing = self.spans.passing.get_or_try_init(|| passing(question, candidates)).await?;
            some.extend(wanted.iter().filter(|id| passing.contains(id)));
        } else {
            for (group, candidates) in snapshot.groups.iter().zip(candidates) {
                let held: Vec<TraceId> = wanted.iter().filter(|id| group.may_hold(**id)).copied().collect();
                let Some(candidates) = candidates.as_ref().filter(|_| !held.is_empty()) else { continue };
                some.extend(spans_that_pass(question, group, Pick::Traces(&held), candidates).await?);
            }
        }
        let marked = |rows: &RecordBatch| -> Vec<TraceId> {
            let (marks, ids) = (asked.spans.mark(rows), ids(rows, "trace_id"));
            let passed = (0..rows.num_rows()).filter(|row| marks.value(*row));
            passed.filter_map(|row| ids.and_then(|ids| trace_id_at(ids, row))).collect()
        };
        for part in snapshot.parts_of_memory(Table::Spans, &wanted)? {
            some.extend(marked(&part));
        }
        wanted.retain(|id| some.contains(id));
        let mut passing = HashSet::new();
        for wanted in wanted.chunks(crate::snapshot::gather::TRACES_AT_A_TIME) {
            passing.extend(marked(&snapshot.gather(wanted, &[Table::Spans]).await?.spans));
        }
        Ok(passing)
    }
}

/// Whether so few rows of spans may pass that looking into them costs less than looking traces up.
fn are_few(candidates: &[Option<Candidates>]) -> bool {
    let rows = candidates.iter().flatten().map(Candidates::row_count);
    rows.sum::<Option<usize>>().is_some_and(|rows| rows <= FEW_ROWS)
}

/// The split traces with a span in some group that passes.
async fn passing(question: &Question<'_>, candidates: &[Option<Candidates>]) -> Result<HashSet<TraceId>, ScanError> {
    let groups = question.snapshot.groups.iter().zip(candidates);
    let groups: Vec<_> = groups.filter_map(|(group, candidates)| Some((group, candidates.as_ref()?))).collect();
    let mut passing = HashSet::new();
    for some in groups.chunks(WALKS_AT_ONCE) {
        let asked = some.iter().map(|(group, candidates)| spans_that_pass(question, group, Pick::All, candidates));
        let found = try_join_all(asked).await?;
        passing.extend(found.into_iter().flatten().filter(|id| question.split.contains(id)));
    }
    Ok(passing)
}

async fn candidates(snapshot: &Snapshot, asked: &Asked) -> Result<Vec<Option<Candidates>>, ScanError> {
    let mut candidates = Vec::with_capacity(snapshot.groups.len());
    for group in snapshot.groups.iter() {
        candidates.push(match group.file(LakeTable::Spans) {
            Some(file) => asked.spans.candidates(&snapshot.reader, file).await?,
            None => None,
        });
    }
    Ok(candidates)
}
