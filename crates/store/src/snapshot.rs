//! One consistent view of the store: the groups that were live and the rows that were hot when it was taken.
//!
//! A snapshot costs no IO to take. As long as it lives, the files of its groups are not removed. The questions that it
//! answers are in the modules below.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use arrow_array::RecordBatch;
use kino_model::{Batch, TraceId};
use tokio::sync::OnceCell;

use crate::budget::Reservation;
use crate::error::ScanError;
use crate::hot::{HotBatch, HotState};
use kino_lake::group::{FileEntry, Group, LakeTable, may_be_in_any};
use kino_lake::read::{LakeReader, Read};
use kino_lake::rollup::GroupRollups;

mod ancestors;
mod caches;
mod count;
mod exceptions;
mod filter;
mod find;
mod gather;
mod group_spans;
mod latest;
mod logs;
mod operations;
mod overlay;
mod piece_walk;
mod prefix;
mod split;
#[cfg(test)]
mod tests;
mod trace_cache;
mod traces;
mod walk;
mod window;

pub(crate) use caches::Caches;
pub use exceptions::{EventFilter, ExceptionRow};
pub use filter::TraceFilter;
pub use find::{TracePage, TraceSize};
pub use latest::LatestTraces;
pub use operations::{NewestSpans, Operation, OperationFilter, Operations, SpanRef};
pub use overlay::Overlay;
pub(crate) use split::SplitView;

/// What a query reads.
#[derive(Clone)]
pub struct Snapshot {
    pub(crate) reader: Arc<LakeReader>,
    pub(crate) caches: Arc<Caches>,
    /// Live groups, by number. Their files are pinned while the list lives.
    pub(crate) groups: Arc<Vec<Arc<Group>>>,
    /// Rows in memory, in the order of their arrival.
    pub(crate) hot: Vec<Arc<HotBatch>>,
    /// Traces that are being forgotten: their rows are to be left out.
    pub(crate) hidden: Arc<HashSet<TraceId>>,
    pub(crate) shared: Arc<HotState>,
    /// The split traces of these sources, once a question has needed them.
    pub(crate) split: Arc<OnceCell<Arc<SplitView>>>,
    /// What the question has reserved of the memory that all questions may take together.
    pub(crate) memory: Arc<Reservation>,
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("groups", &self.groups.len())
            .field("hot", &self.hot.len())
            .finish_non_exhaustive()
    }
}

impl Snapshot {
    /// The same view for a question that reserves its memory in `memory`. Without this its memory is unbounded.
    #[must_use]
    pub fn within(self, memory: &Arc<Reservation>) -> Self {
        Self { memory: Arc::clone(memory), ..self }
    }

    /// The live files, group by group.
    pub fn files(&self) -> Vec<FileEntry> {
        self.groups.iter().flat_map(|group| group.files.iter().cloned()).collect()
    }

    /// As [`Snapshot::files`], for a caller that needs the blocks' checksums: computes those of files of an earlier
    /// version by reading them whole. Leaves damaged files out.
    ///
    /// # Errors
    /// Where a file cannot be reached.
    pub async fn files_with_blocks(&self) -> Result<Vec<FileEntry>, ScanError> {
        let mut snapshot = self.clone();
        loop {
            match snapshot.files_with_blocks_once().await {
                Err(error) if snapshot.leave_out_damaged(&error) => {}
                files => return files,
            }
        }
    }

    async fn files_with_blocks_once(&self) -> Result<Vec<FileEntry>, ScanError> {
        let files = self.files();
        for file in &files {
            self.reader.learn_blocks(file).await?;
        }
        Ok(files)
    }

    /// The rows in memory. Their columns are sparse; see [`kino_model::batch::conform`].
    pub fn hot(&self) -> Vec<Batch> {
        self.hot.iter().map(|batch| Batch::clone(batch)).collect()
    }

    /// Traces that are being forgotten: the caller leaves them out of [`Snapshot::files`] and [`Snapshot::hot`].
    pub fn hidden(&self) -> &HashSet<TraceId> {
        &self.hidden
    }

    /// Whether no row is only in memory.
    pub fn is_all_in_files(&self) -> bool {
        self.hot.is_empty()
    }

    /// The live files as they are now, to find out later which traces may be in them.
    pub fn trace_files(&self) -> TraceFiles {
        TraceFiles(Arc::clone(&self.groups))
    }

    /// Leaves the group of a file that is damaged or gone, as `error` says, out of this and of later snapshots, and
    /// reports it in the status. Returns whether the question can be asked again of the rest: `false` for any other
    /// error, and where the group was replaced meanwhile, since the rest is then not what a later snapshot has.
    pub(crate) fn leave_out_damaged(&mut self, error: &ScanError) -> bool {
        let Some(path) = error.path().filter(|_| error.is_damage()) else { return false };
        let Some(group) = self.groups.iter().find(|group| group.files.iter().any(|file| file.path == path)) else {
            return false;
        };
        if !self.shared.quarantine(group, error) {
            return false;
        }
        let id = group.id;
        self.groups = Arc::new(self.groups.iter().filter(|group| group.id != id).cloned().collect());
        self.split = Arc::default();
        true
    }

    /// Number of its groups that were found damaged since it was taken: earlier answers have their rows, later ones
    /// have not.
    pub fn lost_groups(&self) -> usize {
        let view = self.shared.view();
        self.groups.iter().filter(|group| view.quarantined.contains_key(&group.id)).count()
    }

    /// Reads rows of a file.
    pub(crate) async fn read(&self, file: &FileEntry, read: Read<'_>) -> Result<Vec<RecordBatch>, ScanError> {
        Ok(self.reader.read(file, read).await?)
    }

    /// Returns the rollups of a group, from the cache if possible.
    pub(crate) async fn rollups(&self, group: &Group) -> Result<Arc<GroupRollups>, ScanError> {
        match group.file(LakeTable::Rollups) {
            Some(file) => Ok(self.reader.rollups(file).await?),
            None => Ok(Arc::default()),
        }
    }
}

/// The files that were live at one moment. They are not removed while this lives.
#[derive(Clone, Default)]
pub struct TraceFiles(Arc<Vec<Arc<Group>>>);

impl TraceFiles {
    /// Returns those of `ids` of which these files may have rows; of the others they certainly have none.
    pub fn select_possible(&self, ids: &[TraceId]) -> HashSet<TraceId> {
        let found = may_be_in_any(&self.0, ids);
        ids.iter().zip(found).filter_map(|(id, may_be_here)| may_be_here.then_some(*id)).collect()
    }
}

impl fmt::Debug for TraceFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TraceFiles").field(&self.0.len()).finish()
    }
}

/// Asks a snapshot, and again without the group of a file that turns out to be damaged.
macro_rules! answer {
    ($self:ident, |$snapshot:ident| $ask:expr) => {{
        let mut $snapshot = $self.clone();
        loop {
            match $ask.await {
                Err(error) if $snapshot.leave_out_damaged(&error) => {}
                answer => break answer,
            }
        }
    }};
}
use answer;
