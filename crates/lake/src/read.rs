//! Reading lake files: open one through a cache of footers, pick the pages a question needs, decode only those.
//!
//! It knows Parquet and `object_store`, and nothing of what a question means.

use arrow_schema::ArrowError;
use parquet::errors::ParquetError;

use crate::group::FileEntry;

mod distinct;
mod few;
mod files;
mod folder;
mod local;
mod pieces;
mod predicate;
mod ranged;
mod reader;

pub use local::verify_local;
pub use predicate::{AttributeTest, Candidates, SpanTest};
pub use reader::{Condition, FOOTER_CACHE_BYTES, LakeReader, Passes, Pick, Read};

/// Why rows could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
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
}

impl ReadError {
    pub(crate) fn of(file: &FileEntry, source: ParquetError) -> Self {
        Self::File { path: file.path.clone(), source }
    }

    /// Whether the file itself is at fault, rather than the way to it.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::File { source: ParquetError::External(source), .. } => {
                source.downcast_ref().is_none_or(files::Fault::is_damage)
            }
            Self::File { .. } | Self::Rollups { .. } => true,
            Self::Rows(_) => false,
        }
    }

    /// The file that could not be read.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::File { path, .. } | Self::Rollups { path, .. } => Some(path),
            Self::Rows(_) => None,
        }
    }
}
