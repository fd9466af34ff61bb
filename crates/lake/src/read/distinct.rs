//! The distinct values of a column, from its dictionaries alone: where a value is in none of them, no row has it.
//!
//! A dictionary is one small read a row group. Where some page of a row group went without (the column has too many
//! values), its distinct values are not known.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use parquet::basic::{Encoding, Type};
use parquet::column::page::{Page, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::serialized_reader::SerializedPageReader;

use super::pieces::Pieces;

/// What is known of a column's values.
#[derive(Clone, Debug)]
pub(crate) enum Distinct {
    /// The file has no such column.
    Absent,
    /// Every value is among these: text as it is, integers in little-endian bytes.
    Among(Arc<HashSet<Bytes>>),
    /// Nothing.
    Unknown,
}

impl Distinct {
    /// Whether some value may pass.
    pub(crate) fn may(&self, passes: impl Fn(&[u8]) -> bool) -> bool {
        match self {
            Self::Absent => false,
            Self::Unknown => true,
            Self::Among(values) => values.iter().any(|value| passes(value)),
        }
    }
}

/// Where a row group keeps the dictionary of a column; `None` unless all its pages are written with it.
pub(super) fn dictionary_range(chunk: &ColumnChunkMetaData, first_page: u64) -> Option<std::ops::Range<u64>> {
    let only = |encoding| matches!(encoding, Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY);
    let whole = chunk.page_encoding_stats_mask().is_some_and(|mask| mask.encodings().all(only));
    let start = u64::try_from(chunk.dictionary_page_offset()?).ok()?;
    (whole && start < first_page).then_some(start..first_page)
}

/// The leaf columns whose path begins with `root` and ends with `leaf`.
pub(super) fn leaf_of(metadata: &ParquetMetaData, root: &str, leaf: &str) -> Option<usize> {
    let columns = metadata.file_metadata().schema_descr().columns();
    columns.iter().position(|column| {
        let parts = column.path().parts();
        parts.first().is_some_and(|part| part == root) && parts.last().is_some_and(|part| part == leaf)
    })
}

/// Reads the values of one dictionary, whose bytes begin at `offset` of the file.
pub(super) fn values(
    chunk: &ColumnChunkMetaData,
    offset: u64,
    bytes: Bytes,
    first_page: PageLocation,
) -> Result<Vec<Bytes>> {
    let piece = Arc::new(Pieces::new([(offset, bytes)]));
    let mut pages = SerializedPageReader::new(piece, chunk, chunk.num_values() as usize, Some(vec![first_page]))?;
    let Some(Page::DictionaryPage { buf, num_values, .. }) = pages.get_next_page()? else {
        return Err(ParquetError::General("a dictionary was expected".into()));
    };
    split(chunk.column_type(), buf, num_values as usize)
}

/// Plain values: texts with their lengths before them, integers one after another.
fn split(kind: Type, mut bytes: Bytes, count: usize) -> Result<Vec<Bytes>> {
    let mut values = Vec::new();
    for _ in 0..count {
        let length = match kind {
            Type::BYTE_ARRAY if bytes.len() >= 4 => bytes.get_u32_le() as usize,
            Type::INT64 => 8,
            _ => return Err(ParquetError::General("a dictionary of text or integers was expected".into())),
        };
        if bytes.len() < length {
            return Err(ParquetError::EOF("a dictionary is cut short".into()));
        }
        values.push(bytes.split_to(length));
    }
    Ok(values)
}
