//! Reading lake files: open one through a cache of footers, pick the pages a question needs, decode only those.
//!
//! It knows Parquet and `object_store`; what the rows mean is [`crate::snapshot`]'s business.

use arrow_schema::ArrowError;
use parquet::errors::ParquetError;

mod cache;
mod distinct;
mod few;
pub(crate) mod files;
mod folder;
mod pieces;
pub(crate) mod predicate;
mod ranged;
mod reader;

pub(crate) use cache::Cache;
pub use reader::{FOOTER_CACHE_BYTES, LakeReader};
pub(crate) use reader::{Pick, Read};

/// Why rows could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The file is damaged or of another format.
    #[error("read {path} of the lake")]
    File {
        /// Which file.
        path: String,
        /// What Parquet says.
        #[source]
        source: ParquetError,
    },
    /// Rows that do not fit their table.
    #[error("put rows together")]
    Rows(#[from] ArrowError),
    /// A rollup that cannot be read.
    #[error("read the rollups in {path}")]
    Rollups {
        /// Which file.
        path: String,
        /// What is wrong with it.
        #[source]
        source: crate::sketch::BadSketch,
    },
    /// A cursor that no earlier answer gave.
    #[error("read the cursor {0:?}: take it from an earlier answer")]
    Cursor(String),
    /// The question takes more memory than there is for it now.
    #[error(transparent)]
    Memory(#[from] crate::budget::BudgetError),
}

impl ScanError {
    /// Whether the file itself is at fault, rather than the way to it.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::File { source: ParquetError::External(source), .. } => {
                source.downcast_ref().is_none_or(files::Fault::is_damage)
            }
            Self::File { .. } | Self::Rollups { .. } => true,
            Self::Rows(_) | Self::Cursor(_) | Self::Memory(_) => false,
        }
    }
}

impl ScanError {
    /// The file that could not be read.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::File { path, .. } | Self::Rollups { path, .. } => Some(path),
            Self::Rows(_) | Self::Cursor(_) | Self::Memory(_) => None,
        }
    }
}
