//! The store: what is acknowledged survives, what is stored can be asked, and nothing grows without a bound.
//!
//! ```text
//!  append ─► wal (checksummed segments) ─► hot (batches in memory) ─┐
//!                                                flush, commit      ├─► snapshot ─► scan (the product's questions)
//!  lake (Parquet files) ◄── catalog (SQLite: which files are live) ─┘
//! ```
//!
//! The lake's files, and how they are read and written, belong to `kino-lake`.
//!
//! One process owns a store: an OS lock on the home decides. The store reads no environment and no clock of its own.

pub mod config;
pub mod error;
pub mod store;

mod background;
pub mod budget;
mod catalog;
mod check;
mod claim;
mod commit;
mod compaction;
mod descriptions;
pub mod disk;
mod documents;
mod flush;
pub mod forget;
mod hot;
mod inner;
pub mod kill_points;
mod lock;
pub mod log;
mod log_position;
mod rebuild;
mod recognise;
mod recover;
mod retained;
mod retention;
mod status;
mod storage;
pub mod wal;
mod written;

pub mod snapshot;

pub use kino_lake::group::{FileEntry, FileMeta, LakeTable};
pub use kino_lake::trace_row::TraceRow;

pub use budget::{Budget, BudgetError, Reservation};
pub use check::{Checked, Lacked};
pub use claim::Claim;
pub use config::{StoreConfig, SyncPolicy};
pub use error::{AppendError, CatalogError, OpenError, ScanError, StoreError};
pub use forget::{Forget, Forgotten};
pub use kill_points::{KillMode, KillPoint, KillPoints};
pub use log::{LogPiece, LoggedBatch};
pub use log_position::LogPosition;
pub use rebuild::{Documents, Rebuilt, rebuild, rebuild_on};
pub use recover::OpenReport;
pub use retained::Exempt;
pub use snapshot::Snapshot;
pub use status::{Damage, StoreStatus};
pub use store::{Store, document_id};
pub use wal::replay::WalReport;
