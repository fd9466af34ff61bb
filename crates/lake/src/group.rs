//! What a lake file is: the names and figures that the writer states, the catalog keeps and the readers go by.
//!
//! ```text
//!  one flush or merge  ──►  one group:  spans · events · links · traces · rollups   (a table without rows has no file)
//!                           + the group's figures: time ranges, trace filter, split traces, runs
//! ```
//!
//! The files of a group are made together, go live together and are retired together. It does no IO.

use std::sync::Arc;

use bytes::Bytes;
use kino_model::TraceId;
use kino_model::UnixNanos;
use kino_model::columns;
use serde::{Deserialize, Serialize};

use crate::trace_filter::TraceFilterSet;

mod blocks;

pub(crate) use blocks::Sums;
pub use blocks::{BLOCK_BYTES, BlockSums, cut, whole_blocks};

/// The tables of the lake: those that batches carry and those that the store derives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LakeTable {
    /// One row a span.
    Spans,
    /// One row a span event or log record.
    Events,
    /// One row a link.
    Links,
    /// One row a trace of the group.
    Traces,
    /// One row an operation (service, span name, project) of the group.
    Rollups,
}

impl LakeTable {
    /// All tables.
    pub const ALL: [Self; 5] = [Self::Spans, Self::Events, Self::Links, Self::Traces, Self::Rollups];

    /// The table's name in queries, paths and the catalog.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spans => "spans",
            Self::Events => "events",
            Self::Links => "links",
            Self::Traces => "traces",
            Self::Rollups => "rollups",
        }
    }

    /// The table called `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.name() == name)
    }
}

impl From<columns::Table> for LakeTable {
    fn from(table: columns::Table) -> Self {
        match table {
            columns::Table::Spans => Self::Spans,
            columns::Table::Events => Self::Events,
            columns::Table::Links => Self::Links,
        }
    }
}

/// The number of a group, given by the catalog; never given twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GroupId(pub u64);

/// What the writer knows of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileMeta {
    /// Whose rows it holds.
    pub table: LakeTable,
    pub rows: u64,
    pub bytes: u64,
    /// The earliest time in it: starts of spans and traces, times of events, zero for links and rollups.
    pub start_min: UnixNanos,
    /// The latest such time.
    pub start_max: UnixNanos,
    /// [`columns::SCHEMA_VERSION`] when it was written.
    pub schema_version: u32,
    /// CRC-32C of the whole file; `None` for files from before this was recorded.
    pub checksum: Option<u32>,
    /// CRC-32C of each of its blocks, once they are known.
    pub blocks: BlockSums,
}

/// One live file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// The group it belongs to.
    pub group: GroupId,
    /// Its path within the lake, for `object_store`.
    pub path: String,
    /// What the writer said of it.
    pub meta: FileMeta,
}

/// What the writer knows of a whole group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMeta {
    /// When the first of its rows arrived.
    pub arrival_min: UnixNanos,
    /// When the last of its rows arrived.
    pub arrival_max: UnixNanos,
    /// The earliest start of a span, or time of an event where it holds no span.
    pub start_min: UnixNanos,
    /// The latest such time.
    pub start_max: UnixNanos,
    /// Spans, exact repeats collapsed.
    pub spans: u64,
    /// Traces that have at least one span here.
    pub traces: u64,
    /// Spans whose id another, differing span of the same trace here has.
    pub duplicate_span_ids: u64,
    /// The trace ids of all its rows, as [`TraceFilterSet::to_bytes`] writes them.
    pub filter: Bytes,
    /// Traces that some other group, live when this one was made, may hold too: 16 bytes each, sorted.
    pub split: Bytes,
    /// The runs its spans name, sorted; `None` where they are more than [`RUNS_MAX`].
    pub runs: Option<Vec<String>>,
}

/// How many run ids a group's figures name at most: a catalog row stays small, and a group of more runs is looked
/// into rather than left out.
pub const RUNS_MAX: usize = 1_000;

/// A file that is encoded but not yet written anywhere.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// What it holds.
    pub meta: FileMeta,
    /// The whole file.
    pub bytes: Bytes,
}

/// What one flush or merge made: the files of one new group. Without rows, it has no files.
#[derive(Clone, Debug)]
pub struct FlushSet {
    /// The group's figures.
    pub group: GroupMeta,
    /// Its files, at most one a table.
    pub files: Vec<NewFile>,
    /// Rows that were exact repeats of others and collapsed.
    pub repeats: u64,
    /// Spans whose id another, differing span of the same trace and revision has; all are written.
    pub duplicate_span_ids: u64,
    /// Spans that a higher revision replaced.
    pub superseded: u64,
}

/// A live group with its files and its filter, ready for readers.
#[derive(Debug)]
pub struct Group {
    /// Its number.
    pub id: GroupId,
    /// Its figures.
    pub meta: GroupMeta,
    pub files: Vec<FileEntry>,
    filter: TraceFilterSet,
}

impl Group {
    /// Puts a group together from what the catalog keeps.
    ///
    /// # Errors
    /// Where the filter's bytes are not what a writer of this version makes.
    pub fn new(id: GroupId, meta: GroupMeta, files: Vec<FileEntry>) -> Result<Self, crate::trace_filter::BadFilter> {
        let filter = TraceFilterSet::from_bytes(&meta.filter)?;
        Ok(Self { id, meta, files, filter })
    }

    /// The file of `table`, if the group has rows of it.
    pub fn file(&self, table: LakeTable) -> Option<&FileEntry> {
        self.files.iter().find(|file| file.meta.table == table)
    }

    /// Whether the group may hold rows of this trace; `false` is certain.
    pub fn may_hold(&self, trace_id: TraceId) -> bool {
        self.filter.may_hold(trace_id)
    }

    /// The traces that other groups may hold too.
    pub fn split(&self) -> impl Iterator<Item = TraceId> + '_ {
        self.meta.split.chunks_exact(TraceId::LEN).filter_map(TraceId::from_slice)
    }
}

/// Returns for each trace whether any of the groups may contain it. It iterates group by group, so that a filter stays
/// in the processor's cache while it is asked about all traces: ten times faster with hundreds of groups.
pub fn may_be_in_any(groups: &[Arc<Group>], ids: &[TraceId]) -> Vec<bool> {
    let mut found = vec![false; ids.len()];
    for group in groups {
        for (id, found) in ids.iter().zip(&mut found) {
            *found = *found || group.may_hold(*id);
        }
    }
    found
}
