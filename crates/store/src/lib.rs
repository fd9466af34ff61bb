//! The store: what is acknowledged survives, what is stored can be asked, and nothing grows without a bound.
//!
//! ```text
//!  append ─► wal (checksummed segments) ─► hot (batches in memory) ─┐
//!                                                flush, commit      ├─► snapshot ─► scan (the product's questions)
//!  lake (Parquet files) ◄── catalog (SQLite: which files are live) ─┘
//! ```
//!
//! One process owns a store: an OS lock on the home decides. The store reads no environment and no clock of its own.

pub mod config;
pub mod error;
pub mod store;

mod attribute_filter;
mod background;
mod blobs;
pub mod budget;
mod catalog;
mod check;
mod claim;
mod columns;
mod commit;
mod compaction;
#[doc(hidden)]
pub mod describe;
mod descriptions;
pub mod disk;
mod documents;
mod entry;
mod flush;
pub mod forget;
mod hot;
mod inner;
pub mod kill_points;
mod lock;
mod paths;
mod rebuild;
mod recognise;
mod recover;
mod retained;
mod retention;
mod status;
mod storage;
pub mod wal;
mod written;

pub mod file;
pub mod filter;
pub mod lake;
pub mod rollup;
pub mod scan;
pub mod sketch;
pub mod snapshot;
pub mod trace_row;

pub use budget::{Budget, BudgetError, Reservation};
pub use check::{Checked, Lacked};
pub use claim::Claim;
pub use config::{StoreConfig, SyncPolicy};
pub use error::{AppendError, CatalogError, OpenError, StoreError};
pub use file::{FileEntry, FileMeta};
pub use forget::{Forget, Forgotten};
pub use kill_points::{KillMode, KillPoint, KillPoints};
pub use rebuild::{Documents, Rebuilt, rebuild};
pub use recover::OpenReport;
pub use retained::Exempt;
pub use snapshot::Snapshot;
pub use status::{Damage, StoreStatus};
pub use store::Store;
pub use wal::replay::WalReport;
