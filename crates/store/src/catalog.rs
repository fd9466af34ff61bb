//! The catalog: which groups of files exist and where the log is; beside it, in the same database, small documents.
//!
//! ```text
//!  pending ──commit──► live ──commit──► retired ──grace, unpinned──► gone
//!     └───────────────── sweep ───────────────────────────────────────┘
//! ```
//!
//! It is a trait, so that a team's PostgreSQL can stand where SQLite does; calls block and belong on a blocking thread.

mod check;
mod entries;
mod restore;
mod schema;
pub(crate) mod sqlite;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::Path;

use kino_model::{BlobHash, TraceId};

use crate::error::CatalogError;
use kino_lake::blobs::Place;
use kino_lake::describe::Inventory;
use kino_lake::entry::{GroupRow, PackRow};
use kino_lake::group::{FileEntry, GroupId};

/// A live group or pack whose entry is not what was written.
#[derive(Clone, Debug)]
pub(crate) struct DamagedEntry {
    pub(crate) id: GroupId,
    pub(crate) is_pack: bool,
    /// As far as the entry says.
    pub(crate) spans: u64,
    pub(crate) why: String,
}

/// Files that are on their way in or out.
#[derive(Clone, Debug)]
pub(crate) struct Leftover {
    pub(crate) id: GroupId,
    /// Since when, in Unix nanoseconds.
    pub(crate) since: i64,
    pub(crate) paths: Vec<String>,
}

/// All that a store needs to know when it opens.
#[derive(Clone, Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) groups: Vec<GroupRow>,
    pub(crate) packed: BTreeMap<BlobHash, Place>,
    pub(crate) pack_sizes: BTreeMap<GroupId, u64>,
    pub(crate) damaged: Vec<DamagedEntry>,
    pub(crate) pending: Vec<Leftover>,
    pub(crate) retired: Vec<Leftover>,
    /// The first log segment that is still needed.
    pub(crate) wal_position: u64,
    pub(crate) tombstones: Vec<TraceId>,
    /// Whether the log may hold what no file has: not after an end in order. `None` where an earlier build wrote last.
    pub(crate) log_in_use: Option<bool>,
}

/// One step from one consistent state to the next. All of it happens, or nothing.
#[derive(Debug, Default)]
pub(crate) struct Commit {
    /// Groups that go live. Their ids are pending.
    pub(crate) add: Vec<GroupRow>,
    /// A pack that goes live. Its id is pending.
    pub(crate) pack: Option<PackRow>,
    /// Groups and packs that are live and retire.
    pub(crate) retire: Vec<GroupId>,
    /// Entries that cannot be read, of groups or packs: they retire whatever they say.
    pub(crate) discard: Vec<GroupId>,
    /// The log's new position.
    pub(crate) wal_position: Option<u64>,
    /// Traces whose forgetting is complete.
    pub(crate) forgotten: Vec<TraceId>,
    /// When, in Unix nanoseconds.
    pub(crate) now: i64,
}

pub(crate) use restore::Restored;

/// The transactions that a store needs.
pub(crate) trait Catalog: Debug + Send + Sync {
    fn load(&self) -> Result<Loaded, CatalogError>;
    /// Fails where the database is not there any more: what is written then is lost with the process.
    fn check(&self) -> std::io::Result<()>;
    /// The lake as it is now.
    fn state(&self) -> Result<Inventory, CatalogError>;
    /// Counts a change of the lake that is none of the catalog's own.
    fn touch(&self) -> Result<(), CatalogError>;
    /// Notes whether the log may hold what no file has.
    fn set_log_in_use(&self, in_use: bool) -> Result<(), CatalogError>;
    /// Gives a number for a group or pack and remembers the files that will be written for it. `paths` makes their
    /// names from the number.
    fn begin(&self, paths: &dyn Fn(GroupId) -> Vec<String>, now: i64) -> Result<GroupId, CatalogError>;
    fn commit(&self, commit: &Commit) -> Result<(), CatalogError>;
    /// Enters the block sums that a group's files did not have before.
    fn learn_blocks(&self, files: &[FileEntry]) -> Result<(), CatalogError>;
    /// Forgets entries whose files are gone.
    fn remove(&self, ids: &[GroupId]) -> Result<(), CatalogError>;
    fn hide(&self, traces: &[TraceId], now: i64) -> Result<(), CatalogError>;
    /// Live packs, with what in each is referred to by a live group or a document.
    fn pack_usage(&self) -> Result<Vec<PackUsage>, CatalogError>;
    /// Makes a pack young again, because one of its blobs was stored again. Returns whether it is still live.
    fn touch_pack(&self, id: GroupId, now: i64) -> Result<bool, CatalogError>;
}

/// Small documents and counters that belong to no file. A change is durable when its method returns.
pub(crate) trait DocumentStore: Debug + Send + Sync {
    fn put_record(&self, kind: &str, id: &str, json: &serde_json::Value, now: i64) -> Result<(), CatalogError>;
    fn record(&self, kind: &str, id: &str) -> Result<Option<serde_json::Value>, CatalogError>;
    fn records(&self, kind: &str, limit: usize) -> Result<Vec<(String, serde_json::Value)>, CatalogError>;
    fn remove_record(&self, kind: &str, id: &str) -> Result<bool, CatalogError>;
    fn remove_records(&self, kind: &str) -> Result<(), CatalogError>;
    fn add_counts(&self, counts: &BTreeMap<String, u64>) -> Result<(), CatalogError>;
    fn counts(&self) -> Result<BTreeMap<String, u64>, CatalogError>;
    /// How often documents or counters have changed.
    fn changes(&self) -> Result<u64, CatalogError>;
    /// Writes a copy of documents and counters in the place of the one before; says how many changes it has seen.
    fn copy_documents(&self, to: &Path) -> Result<u64, CatalogError>;
}

/// How much of a pack is still needed.
#[derive(Clone, Debug)]
pub(crate) struct PackUsage {
    pub(crate) id: GroupId,
    /// When it was made, or one of its blobs last stored again.
    pub(crate) since: i64,
    pub(crate) blobs: BTreeMap<BlobHash, Place>,
    /// Those of them that something refers to.
    pub(crate) needed: BTreeSet<BlobHash>,
}
