//! What can go wrong, by what the caller can do about it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use arrow_schema::ArrowError;
use kino_lake::read::ReadError;

use crate::budget::BudgetError;
use crate::kill_points::Killed;

/// Why a store did not open. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another engine owns the home.
    #[error("another engine (process {pid}) uses {}: stop it with `kino stop`, or choose another KINO_HOME", home.display())]
    Locked {
        home: PathBuf,
        /// The owner's process id, as it wrote it down.
        pid: String,
    },
    /// The home cannot be used.
    #[error("failed to use {}: check that the folder exists and that its owner may read and write it", path.display())]
    Home {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The lake's URL cannot be used.
    #[error("failed to use the lake at {url}: give a folder or a URL that this build supports")]
    Lake {
        url: String,
        /// Why.
        source: object_store::Error,
    },
    /// The catalog is not this lake's, or not its last.
    #[error(
        "the catalog {} does not know the lake that it finds ({what}): it was deleted, emptied, or replaced by an older \
         one. Nothing was changed: put the right one back, or run `kino doctor --rebuild`, which restores it from the \
         lake's files",
        database.display()
    )]
    UnknownLake {
        database: PathBuf,
        /// What it does not know.
        what: String,
    },
    /// The lake cannot say what a lost catalog said.
    #[error(
        "the catalog cannot be restored from the lake {}: it has no inventory that can be read ({why}). Put meta.sqlite \
         back from a backup",
        lake.display()
    )]
    NoInventory {
        lake: PathBuf,
        /// What is wrong with its inventory.
        why: String,
    },
    /// The metadata database cannot be used.
    #[error("failed to open the metadata database: if it is damaged, `kino doctor --rebuild` restores it")]
    Catalog(#[from] CatalogError),
}

/// Why rows were not taken.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Memory or the log's queue is at its limit; the same rows will be welcome later.
    #[error("the store is at its limit: retry in {} ms", retry_after.as_millis())]
    Full {
        /// When trying again makes sense.
        retry_after: Duration,
    },
    /// The disk is full or nearly so.
    #[error("the disk is full: free some space; nothing that was acknowledged is lost")]
    DiskFull {
        /// When trying again makes sense.
        retry_after: Duration,
    },
    /// The store is read-only, for the reason given.
    #[error("the store is read-only: {0}")]
    ReadOnly(String),
    /// One batch or blob is larger than the log takes.
    #[error("{bytes} bytes at once are more than the {limit} that the log takes")]
    TooLarge { bytes: usize, limit: usize },
    /// The log cannot be written.
    #[error("failed to write the log")]
    Io(#[source] io::Error),
    /// The store is closing.
    #[error("the store is closing")]
    Closed,
}

/// Why a step on files or metadata failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The lake's storage.
    #[error("failed to reach the lake")]
    Lake(#[from] object_store::Error),
    /// Files of rows.
    #[error("failed to read or write rows")]
    Rows(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The local disk.
    #[error("failed to use the disk")]
    Io(#[from] io::Error),
    /// The store is read-only, for the reason given.
    #[error("the store is read-only: {0}")]
    ReadOnly(String),
    /// The home, or a part of it, is not there any more.
    #[error("nothing can be written: {0}; rows in memory alone will be lost with the engine")]
    Gone(#[source] io::Error),
    /// The store is closing.
    #[error("the store is closing")]
    Closed,
    /// A crash test.
    #[error(transparent)]
    Killed(#[from] Killed),
    /// A background thread went away.
    #[error("a worker ended early: see the log for the panic before this")]
    Worker,
    #[error(transparent)]
    DamagedBlob(#[from] kino_lake::blobs::DamagedBlob),
    /// A blob that may be in a pack whose entry in the catalog is damaged.
    #[error("the blob {0} is not known; an entry of the catalog that may name it is damaged: run `kino doctor`")]
    LostBlob(String),
    /// A group was found damaged while something was to take its place.
    #[error("group {0} was found damaged meanwhile and stays as it is")]
    SetAside(u64),
    /// Rows for the log were refused.
    #[error(transparent)]
    Append(#[from] AppendError),
}

impl From<serde_json::Error> for StoreError {
    /// A description of the lake that could not be written.
    fn from(error: serde_json::Error) -> Self {
        Self::Rows(error.into())
    }
}

impl StoreError {
    /// Whether it is a large value that is at fault, rather than the store.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::DamagedBlob(_) | Self::LostBlob(_) | Self::Lake(object_store::Error::NotFound { .. }))
    }
}

/// Why a question over a snapshot has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// A file of the lake, or the rows in it, could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A cursor that no earlier answer gave.
    #[error("read the cursor {0:?}: take it from an earlier answer")]
    Cursor(String),
    /// The question takes more memory than there is for it now.
    #[error(transparent)]
    Memory(#[from] BudgetError),
}

impl ScanError {
    /// Whether a file itself is at fault, rather than the way to it.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Read(error) if error.is_damage())
    }

    /// The file that could not be read.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Read(error) => error.path(),
            Self::Cursor(_) | Self::Memory(_) => None,
        }
    }
}

impl From<ArrowError> for ScanError {
    fn from(error: ArrowError) -> Self {
        Self::Read(error.into())
    }
}

/// Why the metadata database failed.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The database, whichever it is.
    #[error("failed to use the metadata database")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There is no room for it on the disk.
    #[error("the disk is full: free some space for the metadata database")]
    Full(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A stored document is not what this version writes.
    #[error("failed to read an entry of the metadata database")]
    Entry(#[from] serde_json::Error),
    /// An entry is not what was written.
    #[error("{0}")]
    Damaged(String),
    /// The database is from a newer version.
    #[error("the metadata database has version {found}, this build knows {known}: upgrade kino")]
    Newer {
        /// Its version.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// The database's file is not where it was opened.
    #[error(transparent)]
    Gone(#[from] io::Error),
    /// Someone else changed the entries that this step was about.
    #[error("the catalog's files changed underneath: {0}")]
    Conflict(String),
}

/// An error with all that caused it, on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
