//! What the columns of a file share while they are encoded.

use bytes::Bytes;
use parquet::column::writer::ColumnCloseResult;

use super::chunk::Zstd;
use crate::attribute_filter;

/// A finished chunk: its bytes, and what the footer says of it.
pub(super) type Finished = (Bytes, ColumnCloseResult);

/// What all columns of a file share while they are encoded.
pub(super) struct Work<'a> {
    pub(super) zstd: &'a mut Zstd,
    pub(super) filter: Option<&'a mut attribute_filter::Builder>,
    pub(super) scratch: &'a mut Scratch,
}

/// Room for rows that have been gathered and for a page's encoded parts.
#[derive(Default)]
pub(super) struct Scratch {
    pub(super) codes: Vec<u32>,
    pub(super) numbers: Vec<Option<i64>>,
    pub(super) levels: Vec<u8>,
    pub(super) values: Vec<u8>,
}
