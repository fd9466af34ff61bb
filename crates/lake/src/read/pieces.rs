//! Bytes of a file that were fetched in several pieces, as a file that Parquet can read.

use std::io::Cursor;
use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

/// Pieces of a file, each at its place, in the order of the file.
#[derive(Clone, Debug)]
pub(super) struct Pieces(Arc<[(u64, Bytes)]>);

impl Pieces {
    pub(super) fn new(pieces: impl IntoIterator<Item = (u64, Bytes)>) -> Self {
        Self(pieces.into_iter().collect())
    }

    fn from(&self, start: u64) -> Result<Bytes> {
        let after = self.0.partition_point(|(offset, _)| *offset <= start);
        let piece = after.checked_sub(1).and_then(|at| self.0.get(at));
        let piece = piece.filter(|(offset, bytes)| start - offset <= bytes.len() as u64);
        let (offset, bytes) = piece.ok_or_else(outside)?;
        Ok(bytes.slice((start - offset) as usize..))
    }
}

fn outside() -> ParquetError {
    ParquetError::EOF("outside the pieces that were read".into())
}

impl Length for Pieces {
    fn len(&self) -> u64 {
        self.0.last().map_or(0, |(offset, bytes)| offset + bytes.len() as u64)
    }
}

impl ChunkReader for Pieces {
    type T = Cursor<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(Cursor::new(self.from(start)?))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let bytes = self.from(start)?;
        if bytes.len() < length {
            return Err(outside());
        }
        Ok(bytes.slice(..length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_give_what_they_hold_and_nothing_else() {
        let pieces = Pieces::new([(10, Bytes::from_static(b"abc")), (20, Bytes::from_static(b"def"))]);
        assert_eq!(pieces.get_bytes(11, 2).ok(), Some(Bytes::from_static(b"bc")));
        assert_eq!(pieces.get_bytes(20, 3).ok(), Some(Bytes::from_static(b"def")));
        for (start, length) in [(9, 1), (11, 3), (14, 1), (22, 2), (24, 1)] {
            assert!(pieces.get_bytes(start, length).is_err(), "{start} {length}");
        }
    }
}
