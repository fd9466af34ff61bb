//! What the spans of one group say to a question: found at most once, for the walk over the group and for the walks over
//! traces that lie in several groups.

use std::sync::Arc;

use arrow_array::Array;
use foldhash::HashSet;
use kino_model::TraceId;
use tokio::sync::OnceCell;

use crate::error::ScanError;
use kino_lake::columns::{ids, trace_id_at};
use kino_lake::group::{Group, GroupId, LakeTable};
use kino_lake::read::{Candidates, SpanTest};
use kino_lake::read::{LakeReader, Pick, Read};

/// Up to this number traces are looked up by their ids; for more, one pass over the file costs less. Tests
/// have few.
pub(super) const LOOKED_UP_MAX: usize = if cfg!(test) { 4 } else { 512 };
/// Where at most this many rows of spans may pass, all of them are read at once.
const FEW_ROWS: usize = if cfg!(test) { 4 } else { 64 * 1_024 };

pub(super) struct GroupSpans {
    group: Arc<Group>,
    test: Arc<SpanTest>,
    reader: Arc<LakeReader>,
    /// Where in the file spans that pass may be; `None` where there are certainly none.
    candidates: OnceCell<Option<Candidates>>,
    /// All traces with a span that passes.
    passing: OnceCell<HashSet<TraceId>>,
}

impl GroupSpans {
    /// Of a group whose spans must pass the test; nothing is read yet.
    pub(super) fn new(group: &Arc<Group>, test: &Arc<SpanTest>, reader: &Arc<LakeReader>) -> Self {
        let (group, test, reader) = (Arc::clone(group), Arc::clone(test), Arc::clone(reader));
        Self { group, test, reader, candidates: OnceCell::new(), passing: OnceCell::new() }
    }

    /// The number of the group.
    pub(super) fn id(&self) -> GroupId {
        self.group.id
    }

    /// All traces with a span that passes; `None` as long as the whole group has not been read.
    pub(super) fn passing(&self) -> Option<&HashSet<TraceId>> {
        self.passing.get()
    }

    /// Reads the whole group where that costs less than looking traces up: where few spans may pass, or where `many`
    /// traces are asked about. [`Self::passing`] then has the result.
    pub(super) async fn read(&self, many: bool) -> Result<(), ScanError> {
        let Some(candidates) = self.candidates().await? else {
            self.passing.get_or_init(async || HashSet::default()).await;
            return Ok(());
        };
        if many || candidates.row_count().is_some_and(|rows| rows <= FEW_ROWS) {
            self.passing.get_or_try_init(|| self.spans_that_pass(Pick::All, candidates)).await?;
        }
        Ok(())
    }

    /// Those of these sorted traces with a span that passes.
    pub(super) async fn among(&self, wanted: &[TraceId]) -> Result<HashSet<TraceId>, ScanError> {
        if let Some(passing) = self.passing() {
            return Ok(wanted.iter().filter(|id| passing.contains(*id)).copied().collect());
        }
        match self.candidates().await? {
            Some(candidates) => self.spans_that_pass(Pick::Traces(wanted), candidates).await,
            None => Ok(HashSet::default()),
        }
    }

    async fn candidates(&self) -> Result<Option<&Candidates>, ScanError> {
        let find = async || match self.group.file(LakeTable::Spans) {
            Some(file) => self.test.candidates(&self.reader, file).await,
            None => Ok(None),
        };
        Ok(self.candidates.get_or_try_init(find).await?.as_ref())
    }

    async fn spans_that_pass(&self, pick: Pick<'_>, candidates: &Candidates) -> Result<HashSet<TraceId>, ScanError> {
        let Some(file) = self.group.file(LakeTable::Spans) else { return Ok(HashSet::default()) };
        let spans = Arc::clone(&self.test);
        let read = Read {
            columns: Some(&["trace_id"]),
            pick,
            within: candidates.rows.as_deref(),
            dictionaries: true,
            condition: Some((&candidates.columns, Box::new(move |batch| spans.mark(batch)))),
        };
        let batches = self.reader.read(file, read).await?;
        let ids = batches.iter().filter_map(|batch| ids(batch, "trace_id"));
        Ok(ids.flat_map(|ids| (0..ids.len()).filter_map(|row| trace_id_at(ids, row))).collect())
    }
}
