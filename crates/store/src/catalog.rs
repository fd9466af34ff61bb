//! The catalog: which groups of files exist, in which state, and where the log is; beside it, in the same database, small
//! documents.
//!
//! Both are traits, so that a team's PostgreSQL can take the place of SQLite. Calls block and belong on a blocking thread.

mod check;
mod entries;
mod restore;
mod schema;
pub(crate) mod sqlite;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::Path;

use kino_model::{BlobHash, TraceId};

use crate::error::CatalogError;
use kino_lake::blobs::BlobLocation;
use kino_lake::describe::Inventory;
use kino_lake::entry::{GroupRow, PackRow};
use kino_lake::group::{FileEntry, GroupId};

/// A group or pack whose entry is not what was written.
#[derive(Clone, Debug)]
pub(crate) struct DamagedEntry {
    pub(crate) id: GroupId,
    pub(crate) is_pack: bool,
    /// Its spans, as far as the entry can be read.
    pub(crate) spans: u64,
    pub(crate) why: String,
}

/// The files of a group or pack that is not live.
#[derive(Clone, Debug)]
pub(crate) struct Leftover {
    pub(crate) id: GroupId,
    pub(crate) state: EntryState,
    /// When it came into this state, in Unix nanoseconds.
    pub(crate) since: i64,
    pub(crate) paths: Vec<String>,
}

/// The whole catalog, as a store reads it when it opens.
#[derive(Clone, Debug, Default)]
pub(crate) struct CatalogContents {
    pub(crate) groups: Vec<GroupRow>,
    pub(crate) packed: BTreeMap<BlobHash, BlobLocation>,
    pub(crate) pack_sizes: BTreeMap<GroupId, u64>,
    pub(crate) damaged: Vec<DamagedEntry>,
    pub(crate) leftovers: Vec<Leftover>,
    /// The first log segment that is still needed.
    pub(crate) wal_position: u64,
    pub(crate) tombstones: Vec<TraceId>,
    /// Whether the log may have rows that no file has: `false` after an orderly end; `None` where an earlier build wrote
    /// last.
    pub(crate) log_in_use: Option<bool>,
}

/// One transaction: all of it happens, or nothing.
#[derive(Debug, Default)]
pub(crate) struct Commit {
    /// Groups that become live. They are pending.
    pub(crate) add: Vec<GroupRow>,
    /// A pack that becomes live. It is pending.
    pub(crate) pack: Option<PackRow>,
    /// Groups and packs that are retired. They are live.
    pub(crate) retire: Vec<GroupId>,
    /// Damaged entries of groups or packs: they are retired in whatever state they are.
    pub(crate) discard: Vec<GroupId>,
    /// The log's new position.
    pub(crate) wal_position: Option<u64>,
    /// Traces whose forgetting is complete.
    pub(crate) forgotten: Vec<TraceId>,
    /// The time of the commit, in Unix nanoseconds.
    pub(crate) now: i64,
}

pub(crate) use restore::Restored;
pub(crate) use state::EntryState;

/// Groups, packs and the log's position. A change is durable when its method returns.
pub(crate) trait Catalog: Debug + Send + Sync {
    fn load(&self) -> Result<CatalogContents, CatalogError>;
    /// Fails where the database was removed or replaced: what is written then is lost with the process.
    fn check(&self) -> std::io::Result<()>;
    /// Returns the lake as it is now.
    fn state(&self) -> Result<Inventory, CatalogError>;
    /// Counts a change of the lake that changes no entry.
    fn touch(&self) -> Result<(), CatalogError>;
    /// Notes whether the log may have rows that no file has.
    fn set_log_in_use(&self, in_use: bool) -> Result<(), CatalogError>;
    /// Makes a pending entry for a new group or pack and returns its number, which was never given before. `paths` names
    /// the files that will be written for it.
    fn begin(&self, paths: &dyn Fn(GroupId) -> Vec<String>, now: i64) -> Result<GroupId, CatalogError>;
    /// Fails with [`CatalogError::Conflict`] where an entry is not in the state that the commit expects.
    fn commit(&self, commit: &Commit) -> Result<(), CatalogError>;
    /// Records the block sums that files of live groups did not have before.
    fn learn_blocks(&self, files: &[FileEntry]) -> Result<(), CatalogError>;
    /// Removes entries whose files are removed, unless they are live.
    fn remove(&self, ids: &[GroupId]) -> Result<(), CatalogError>;
    /// Records that these traces are being forgotten.
    fn hide(&self, traces: &[TraceId], now: i64) -> Result<(), CatalogError>;
    /// Returns the live packs, with the blobs in each that a live group or a document names.
    fn pack_usage(&self) -> Result<Vec<PackUsage>, CatalogError>;
    /// Makes a pack young again, because one of its blobs was stored again. Returns whether it is still live.
    fn touch_pack(&self, id: GroupId, now: i64) -> Result<bool, CatalogError>;
}

/// Small documents and counters that belong to no file. A change is durable when its method returns.
pub(crate) trait DocumentStore: Debug + Send + Sync {
    fn put_record(&self, kind: &str, id: &str, json: &serde_json::Value, now: i64) -> Result<(), CatalogError>;
    fn record(&self, kind: &str, id: &str) -> Result<Option<serde_json::Value>, CatalogError>;
    fn records(&self, kind: &str, limit: usize) -> Result<Vec<(String, serde_json::Value)>, CatalogError>;
    /// Returns documents of a kind whose id is from the first of `ids` up to, not including, the second; by id.
    fn records_between(
        &self,
        kind: &str,
        ids: [&str; 2],
        limit: usize,
    ) -> Result<Vec<(String, serde_json::Value)>, CatalogError>;
    fn remove_record(&self, kind: &str, id: &str) -> Result<bool, CatalogError>;
    fn remove_records(&self, kind: &str) -> Result<(), CatalogError>;
    fn add_counts(&self, counts: &BTreeMap<String, u64>) -> Result<(), CatalogError>;
    fn counts(&self) -> Result<BTreeMap<String, u64>, CatalogError>;
    /// Returns the number of changes of documents and counters so far.
    fn changes(&self) -> Result<u64, CatalogError>;
    /// Replaces the copy of documents and counters at `to`; returns the number of changes that it includes.
    fn copy_documents(&self, to: &Path) -> Result<u64, CatalogError>;
}

/// A live pack, and how much of it is still needed.
#[derive(Clone, Debug)]
pub(crate) struct PackUsage {
    pub(crate) id: GroupId,
    /// When it was written, or one of its blobs was last stored again, in Unix nanoseconds.
    pub(crate) since: i64,
    pub(crate) blobs: BTreeMap<BlobHash, BlobLocation>,
    /// Those that a live group or a document names.
    pub(crate) needed: BTreeSet<BlobHash>,
}
