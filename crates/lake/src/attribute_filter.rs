//! Which blocks of a file of spans may hold an attribute of some value: a search for a rare one then reads a few
//! thousand rows instead of all of them.
//!
//! For each block of rows there is a split-block Bloom filter (as in Parquet's specification) over its pairs of a key
//! and a text. All blocks' filters have the same number of buckets, and a bucket is stored together for all
//! blocks, so that one short read answers for a pair:
//!
//! ```text
//!  bucket 0:  block 0 (32 bytes) · block 1 · …  crc32c u32
//!  bucket 1:  block 0 (32 bytes) · block 1 · …  crc32c u32      (little endian)
//! ```
//!
//! The filter is in the Parquet file, before its footer, whose metadata gives its place. It has false positives, but
//! never leaves out a row.

use std::ops::Range;

use kino_model::columns::{Column, ColumnKind, ColumnSource, Table};
use serde::{Deserialize, Serialize};

/// The key under which a file's metadata says where its filter is.
pub(crate) const ATTRIBUTE_FILTER_KEY: &str = "kino.attribute_filter";

/// Rows of a block: four pages. Smaller ones repeat the common pairs too often, larger ones cost more to look into.
const BLOCK_ROWS: usize = 4_096;
/// Bits of filter for each pair of a block: less than one block in a hundred is looked into in vain.
const BITS_PER_PAIR: u64 = 12;
/// Bytes of filter for each row, at most; a file of more pairs is looked into in vain more often.
const BYTES_PER_ROW_MAX: u64 = 4;
const BUCKET_BYTES: usize = 32;
const CHECKSUM_BYTES: usize = 4;
/// Pairs that are remembered so that the common ones are noted once; a power of two, within a processor's nearest
/// cache.
const REMEMBERED: usize = 4_096;
/// Parquet's odd constants, one for each word of a bucket.
const SALTS: [u32; 8] =
    [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];

/// A key and a text, hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pair(u32);

/// Where a file's filter is, as the file's metadata has it in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FilterLayout {
    offset: u64,
    buckets: u32,
    blocks: u32,
    block_rows: u32,
    /// The columns whose texts it covers beside the entries of `attributes`, under the column's name.
    columns: Vec<String>,
}

/// Builds a filter from the pairs of each block of rows, in the file's order.
#[derive(Debug)]
pub(crate) struct Builder {
    columns: Vec<&'static str>,
    /// The block that is turned to.
    block: usize,
    remembered: Vec<u32>,
    blocks: Vec<Vec<u32>>,
}

/// Bytes that are no filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read the filter of attributes: {0}")]
pub(crate) struct BadFilter(&'static str);

impl Pair {
    /// The pair of an attribute's key, or a column's name, and a text.
    pub(crate) fn of(key: &str, text: &str) -> Self {
        let hash = hash(text.as_bytes(), hash(key.as_bytes(), 0));
        Self((hash ^ (hash >> 32)) as u32)
    }

    fn bucket(self, buckets: u32) -> u32 {
        ((u64::from(self.0) * u64::from(buckets)) >> 32) as u32
    }

    /// The bit of each word of its bucket.
    fn bits(self) -> [u32; 8] {
        // The bucket took the upper bits; these must not follow from them.
        let low = mix(u64::from(self.0), 0x9fb2_1c65_1e98_df25) as u32;
        SALTS.map(|salt| 1 << (low.wrapping_mul(salt) >> 27))
    }
}

impl Builder {
    /// For a file of spans with these columns.
    pub(crate) fn new(has: impl Fn(&str) -> bool) -> Self {
        let covered = Table::Spans.columns().iter().filter(|column| is_covered(column) && has(column.name));
        Self {
            columns: covered.map(|column| column.name).collect(),
            block: 0,
            remembered: vec![0; REMEMBERED],
            blocks: Vec::new(),
        }
    }

    /// What the hashes of a column's texts begin with, where the filter covers the column. The hash of an entry of
    /// `attributes` begins with that of its key, which begins with zero.
    pub(crate) fn covers(&self, column: &str) -> Option<u64> {
        self.columns.contains(&column).then(|| hash(column.as_bytes(), 0))
    }

    /// Turns to the block that a row of the file is in; says how many rows are left of it from there. Rows may be gone
    /// through several times, once for each column.
    pub(crate) fn turn_to(&mut self, row: usize) -> usize {
        let block = row / BLOCK_ROWS;
        if self.blocks.len() <= block {
            self.blocks.resize_with(block + 1, Vec::new);
        }
        self.block = block;
        self.remembered.fill(0);
        (block + 1) * BLOCK_ROWS - row
    }

    /// The number of the block.
    pub(crate) fn block(&self) -> u32 {
        self.block as u32
    }

    /// Notes a pair, by its hash, in the block.
    pub(crate) fn note(&mut self, hash: u64) {
        let pair = (hash ^ (hash >> 32)) as u32;
        let slot = &mut self.remembered[pair as usize % REMEMBERED];
        if *slot != pair || pair == 0 {
            *slot = pair;
            self.blocks[self.block].push(pair);
        }
    }

    /// Returns the filter of a file of `rows` rows, and its place once it has been written at `offset`.
    pub(crate) fn finish(mut self, rows: usize, offset: u64) -> (Vec<u8>, FilterLayout) {
        self.blocks.resize_with(rows.div_ceil(BLOCK_ROWS), Vec::new);
        for pairs in &mut self.blocks {
            pairs.sort_unstable();
            pairs.dedup();
        }
        let blocks = self.blocks.len();
        let pairs: u64 = self.blocks.iter().map(|block| block.len() as u64).sum();
        let bytes = (pairs * BITS_PER_PAIR / 8).min(rows as u64 * BYTES_PER_ROW_MAX);
        let buckets = bytes.div_ceil((blocks.max(1) * BUCKET_BYTES) as u64).max(1) as u32;
        let row = blocks * BUCKET_BYTES + CHECKSUM_BYTES;
        let mut filter = vec![0; row * buckets as usize];
        for (block, pairs) in self.blocks.iter().enumerate() {
            for pair in pairs.iter().map(|pair| Pair(*pair)) {
                let at = pair.bucket(buckets) as usize * row + block * BUCKET_BYTES;
                for (word, bit) in filter[at..at + BUCKET_BYTES].chunks_exact_mut(4).zip(pair.bits()) {
                    word.iter_mut().zip(bit.to_le_bytes()).for_each(|(byte, bit)| *byte |= bit);
                }
            }
        }
        for bucket in filter.chunks_exact_mut(row) {
            let (words, checksum) = bucket.split_at_mut(row - CHECKSUM_BYTES);
            checksum.copy_from_slice(&crc32c::crc32c(words).to_le_bytes());
        }
        let columns = self.columns.into_iter().map(str::to_owned).collect();
        (filter, FilterLayout { offset, buckets, blocks: blocks as u32, block_rows: BLOCK_ROWS as u32, columns })
    }
}

impl FilterLayout {
    /// Parses the metadata of a file of `rows` rows and `bytes` bytes; `None` where it is invalid here, as in a file of
    /// a later version.
    pub(crate) fn parse(json: &str, rows: u64, bytes: u64) -> Option<Self> {
        let place: Self = serde_json::from_str(json).ok()?;
        let whole = place.block_rows > 0 && u64::from(place.blocks) == rows.div_ceil(u64::from(place.block_rows));
        let length = u64::from(place.buckets).checked_mul(place.bucket_bytes())?;
        let inside = place.buckets > 0 && place.offset.checked_add(length)? <= bytes;
        (whole && inside).then_some(place)
    }

    /// As the file's metadata has it.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers and names always serialize")
    }

    /// Whether it covers the texts of this column; it always covers the entries of `attributes`.
    pub(crate) fn covers(&self, column: &str) -> bool {
        self.columns.iter().any(|covered| covered == column)
    }

    /// Where in the file to read about a pair.
    pub(crate) fn range(&self, pair: Pair) -> Range<u64> {
        let start = self.offset + u64::from(pair.bucket(self.buckets)) * self.bucket_bytes();
        start..start + self.bucket_bytes()
    }

    /// Marks the blocks that may hold the pair, by what [`Self::range`] says to read.
    pub(crate) fn mark(&self, pair: Pair, bytes: &[u8], marks: &mut [bool]) -> Result<(), BadFilter> {
        let (words, checksum) = bytes.split_last_chunk().ok_or(BadFilter("it is cut short"))?;
        if words.len() != self.blocks() * BUCKET_BYTES {
            return Err(BadFilter("it is cut short"));
        }
        if crc32c::crc32c(words).to_le_bytes() != *checksum {
            return Err(BadFilter("its checksum does not fit"));
        }
        let bits = pair.bits();
        for (block, mark) in words.chunks_exact(BUCKET_BYTES).zip(marks) {
            let mut set = block.chunks_exact(4).zip(bits);
            *mark |= set.all(|(word, bit)| word.iter().zip(bit.to_le_bytes()).all(|(byte, bit)| byte & bit == bit));
        }
        Ok(())
    }

    /// How many blocks there are.
    pub(crate) fn blocks(&self) -> usize {
        self.blocks as usize
    }

    /// The rows of the marked blocks, neighbours joined.
    pub(crate) fn rows(&self, marks: &[bool]) -> Vec<Range<usize>> {
        let block_rows = self.block_rows as usize;
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for block in (0..marks.len()).filter(|block| marks[*block]) {
            let (start, end) = (block * block_rows, (block + 1) * block_rows);
            match ranges.last_mut() {
                Some(last) if last.end == start => last.end = end,
                _ => ranges.push(start..end),
            }
        }
        ranges
    }

    fn bucket_bytes(&self) -> u64 {
        u64::from(self.blocks) * BUCKET_BYTES as u64 + CHECKSUM_BYTES as u64
    }
}

fn is_covered(column: &Column) -> bool {
    column.source == ColumnSource::Attribute && column.kind == ColumnKind::Text
}

/// A hash that stays the same on every machine and in every version: files keep what follows from it.
#[inline]
pub(crate) fn hash(bytes: &[u8], seed: u64) -> u64 {
    let mut hash = mix(seed ^ 0x2d35_8dcc_aa6c_78a5, bytes.len() as u64 ^ 0x8bb8_4b93_962e_acc9);
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        let word = word.try_into().map(u64::from_le_bytes).unwrap_or_default();
        hash = mix(hash ^ word, 0x4b33_a62e_d433_d4a3);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        hash = mix(hash ^ u64::from_le_bytes(word), 0x4d5a_2da5_1de1_aa47);
    }
    mix(hash, 0xa076_1d64_78bd_642f)
}

/// Both halves of the product.
fn mix(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    (product as u64) ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(builder: &mut Builder, first: usize, texts: &[String]) {
        let seed = builder.covers("session_id").unwrap();
        let (mut rest, mut row) = (texts, first);
        while !rest.is_empty() {
            let (block, later) = rest.split_at(rest.len().min(builder.turn_to(row)));
            for text in block {
                builder.note(hash(text.as_bytes(), seed));
            }
            row += block.len();
            rest = later;
        }
    }

    /// A filter over `count` distinct texts, added in batches of several sizes.
    fn built(count: usize) -> (Vec<u8>, FilterLayout, Vec<String>) {
        let texts: Vec<String> = (0..count).map(|number| format!("session-{number}")).collect();
        let mut builder = Builder::new(|name| name == "session_id");
        let mut rest = texts.as_slice();
        for size in [1, 5_000, 100, 9_000].into_iter().cycle() {
            let (now, later) = rest.split_at(size.min(rest.len()));
            add(&mut builder, count - rest.len(), now);
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        let (bytes, place) = builder.finish(count, 4);
        (bytes, place, texts)
    }

    fn asked(bytes: &[u8], place: &FilterLayout, text: &str) -> Vec<bool> {
        let pair = Pair::of("session_id", text);
        let range = place.range(pair);
        let mut marks = vec![false; place.blocks()];
        place.mark(pair, &bytes[range.start as usize - 4..range.end as usize - 4], &mut marks).unwrap();
        marks
    }

    #[test]
    fn what_is_in_a_block_is_always_found_there() {
        for count in [1, 100, BLOCK_ROWS, BLOCK_ROWS + 1, 30_000] {
            let (bytes, place, texts) = built(count);
            assert_eq!(place.blocks(), count.div_ceil(BLOCK_ROWS));
            for (row, text) in texts.iter().enumerate() {
                assert!(asked(&bytes, &place, text)[row / BLOCK_ROWS], "row {row} of {count}");
            }
        }
    }

    #[test]
    fn what_is_nowhere_is_looked_for_in_less_than_one_block_of_fifty() {
        let (bytes, place, _) = built(40 * BLOCK_ROWS);
        let marked: usize = (0..1_000)
            .map(|number| asked(&bytes, &place, &format!("stranger-{number}")).into_iter().filter(|mark| *mark).count())
            .sum();
        assert!(marked < 40 * 1_000 / 50, "{marked} of 40,000");
        assert!(bytes.len() < 40 * BLOCK_ROWS * 2, "{} bytes", bytes.len());
    }

    #[test]
    fn the_same_pair_in_many_rows_is_stored_once() {
        let mut builder = Builder::new(|name| name == "session_id");
        add(&mut builder, 0, &vec!["same".to_owned(); 3 * BLOCK_ROWS]);
        let (bytes, place) = builder.finish(3 * BLOCK_ROWS, 4);
        assert_eq!(bytes.len(), 3 * BUCKET_BYTES + CHECKSUM_BYTES);
        assert_eq!(asked(&bytes, &place, "same"), [true; 3]);
    }

    #[test]
    fn rows_of_marked_blocks_are_joined() {
        let (_, place, _) = built(5 * BLOCK_ROWS);
        let rows = place.rows(&[true, true, false, false, true]);
        assert_eq!(rows, [0..2 * BLOCK_ROWS, 4 * BLOCK_ROWS..5 * BLOCK_ROWS]);
    }

    #[test]
    fn a_place_that_does_not_fit_its_file_is_none() {
        let (bytes, place, _) = built(10_000);
        let length = 4 + bytes.len() as u64;
        assert_eq!(FilterLayout::parse(&place.to_json(), 10_000, length), Some(place.clone()));
        for (rows, bytes) in [(10_000, length - 1), (1_000, length), (100_000, length)] {
            assert_eq!(FilterLayout::parse(&place.to_json(), rows, bytes), None);
        }
        assert_eq!(FilterLayout::parse("{}", 10_000, length), None);
    }

    #[test]
    fn a_filter_that_was_damaged_is_refused() {
        let (bytes, place, _) = built(10_000);
        let pair = Pair::of("session_id", "session-7");
        let range = place.range(pair);
        let mut read = bytes[range.start as usize - 4..range.end as usize - 4].to_vec();
        read[5] ^= 1;
        let mut marks = vec![false; place.blocks()];
        assert!(place.mark(pair, &read, &mut marks).is_err());
        assert!(place.mark(pair, &read[..10], &mut marks).is_err());
    }

    #[test]
    fn hashes_are_those_that_released_files_rest_on() {
        let pairs = [("", ""), ("client.address", "10.8.1.1"), ("session_id", "0123456789abcdef")];
        assert_eq!(pairs.map(|(key, text)| Pair::of(key, text).0), [3_807_224_396, 1_524_719_082, 4_076_422_487]);
    }
}
