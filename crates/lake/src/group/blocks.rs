//! Checksums of a file's blocks: they say of any part of a file whether its bytes are those that were written.
//!
//! ```text
//!  file    │ block 0 │ block 1 │ … │ rest │        each [`BLOCK_BYTES`] long, but for the last
//!  sums    │ CRC-32C │ CRC-32C │ … │ CRC-32C │     four little-endian bytes a block
//! ```
//!
//! They cover the whole file, whatever a byte in it is for: pages and their headers, indexes, filters, the footer. A
//! part is read in whole blocks, verified, and cut to what was asked for.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

/// Bytes of a block: what an operating system reads at a time. Smaller ones would make the sums larger, larger ones
/// would make a look at a single page slower.
pub const BLOCK_BYTES: u64 = 4 << 10;

/// The checksums of one file's blocks. Clones share them: what one of them learns all know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockSums(Arc<OnceLock<Bytes>>);

impl BlockSums {
    /// Those of a whole file.
    pub fn of(file: &[u8]) -> Self {
        let mut sums = Sums::default();
        sums.add(file);
        Self::from_bytes(sums.finish())
    }

    /// Those that [`BlockSums::bytes`] gave.
    pub fn from_bytes(bytes: Bytes) -> Self {
        Self(Arc::new(OnceLock::from(bytes)))
    }

    /// Four little-endian bytes a block; `None` while they are not known, of a file that was written before they were.
    pub fn bytes(&self) -> Option<&Bytes> {
        self.0.get()
    }

    /// Makes them known. Says whether they were not before.
    pub(crate) fn learn(&self, bytes: Bytes) -> bool {
        self.0.set(bytes).is_ok()
    }
}

/// The blocks that hold a part of a file of `length` bytes; `None` for a part that the file does not have.
pub fn whole_blocks(part: &Range<u64>, length: u64) -> Option<Range<u64>> {
    if part.start > part.end || part.end > length {
        return None;
    }
    let start = part.start / BLOCK_BYTES * BLOCK_BYTES;
    Some(start..part.end.next_multiple_of(BLOCK_BYTES).min(length).max(start))
}

/// Returns the offset of the first block whose bytes differ from those that were written. `bytes` begin at `start`,
/// the start of a block, and end with a block; `sums` are those of the whole file.
fn first_changed(sums: &[u8], start: u64, bytes: &[u8]) -> Option<u64> {
    let first = (start / BLOCK_BYTES) as usize;
    bytes.chunks(BLOCK_BYTES as usize).enumerate().find_map(|(at, block)| {
        let expected = sums.as_chunks().0.get(first + at);
        let is_same = expected == Some(&crc32c::crc32c(block).to_le_bytes());
        (!is_same).then_some((first + at) as u64 * BLOCK_BYTES)
    })
}

/// A part of a file, cut out of the `blocks` that hold it once these have proved to be what was written.
///
/// # Errors
/// With the offset of the first block that differs from what was written.
pub fn cut(sums: &[u8], part: &Range<u64>, blocks: &Range<u64>, bytes: &Bytes) -> Result<Bytes, u64> {
    match first_changed(sums, blocks.start, bytes) {
        Some(at) => Err(at),
        None => Ok(bytes.slice((part.start - blocks.start) as usize..(part.end - blocks.start) as usize)),
    }
}

/// Block sums in the making, of a file that comes in pieces.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    done: Vec<u8>,
    open: u32,
    open_bytes: usize,
}

impl Sums {
    pub(crate) fn add(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() {
            let (now, later) = piece.split_at(piece.len().min(BLOCK_BYTES as usize - self.open_bytes));
            self.open = crc32c::crc32c_append(self.open, now);
            self.open_bytes += now.len();
            if self.open_bytes == BLOCK_BYTES as usize {
                self.end_block();
            }
            piece = later;
        }
    }

    pub(crate) fn finish(mut self) -> Bytes {
        if self.open_bytes > 0 {
            self.end_block();
        }
        self.done.into()
    }

    fn end_block(&mut self) {
        self.done.extend(self.open.to_le_bytes());
        (self.open, self.open_bytes) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at * at % 251) as u8).collect()
    }

    proptest! {
        #[test]
        fn every_flipped_bit_of_a_part_is_noticed(
            length in 1u64..20_000,
            from in any::<prop::sample::Index>(),
            to in any::<prop::sample::Index>(),
            flipped in any::<prop::sample::Index>(),
            bit in 0u8..8,
        ) {
            let mut file = file(length as usize);
            let sums = BlockSums::of(&file);
            let sums = sums.bytes().expect("known");
            let (from, to) = (from.index(length as usize + 1) as u64, to.index(length as usize + 1) as u64);
            let blocks = whole_blocks(&(from.min(to)..from.max(to)), length).expect("within the file");
            let read = |file: &[u8]| file[blocks.start as usize..blocks.end as usize].to_vec();
            prop_assert_eq!(first_changed(sums, blocks.start, &read(&file)), None);
            let flipped = flipped.index(length as usize);
            file[flipped] ^= 1 << bit;
            let block = flipped as u64 / BLOCK_BYTES * BLOCK_BYTES;
            let expected = blocks.contains(&(flipped as u64)).then_some(block);
            prop_assert_eq!(first_changed(sums, blocks.start, &read(&file)), expected);
        }
    }

    #[test]
    fn a_file_in_pieces_has_the_sums_of_the_whole() {
        let file = file(10_000);
        for size in [1, 4_095, 4_096, 5_000, 20_000] {
            let mut sums = Sums::default();
            file.chunks(size).for_each(|piece| sums.add(piece));
            assert_eq!(Some(&sums.finish()), BlockSums::of(&file).bytes(), "{size}");
        }
    }

    #[test]
    fn a_part_beyond_the_end_has_no_blocks() {
        assert_eq!(whole_blocks(&(0..5_000), 5_000), Some(0..5_000));
        assert_eq!(whole_blocks(&(4_097..4_098), 5_000), Some(4_096..5_000));
        assert_eq!(whole_blocks(&(5..5), 5_000), Some(0..4_096));
        assert_eq!(whole_blocks(&(0..5_001), 5_000), None);
    }

    #[test]
    fn what_one_clone_learns_all_know() {
        let sums = BlockSums::default();
        let clone = sums.clone();
        assert!(clone.learn(Bytes::from_static(b"1234")) && !sums.learn(Bytes::new()));
        assert_eq!(sums.bytes(), Some(&Bytes::from_static(b"1234")));
    }
}
