//! A column of texts as numbers, so that bringing it into the file's order moves numbers instead of texts.
//!
//! Rows that lie together in the file lie far apart in memory, and to fetch a text from far away costs more than to
//! find it in a dictionary. All batches' texts are therefore looked up in the order in which they lie, and their
//! numbers, which a processor's cache holds, are put down in the file's order. Texts that are too many for a dictionary
//! are left alone: that shows after a few thousand of them.

use super::dictionary::Dictionary;
use crate::rows::UNMAPPED;
use crate::sort::RowAddress;

/// The texts of rows, in the file's order.
pub(super) struct Codes {
    /// For each row one more than its text's place in `texts`; zero for none.
    rows: Vec<u32>,
    /// How many rows have been asked for.
    asked: usize,
    texts: Dictionary,
    /// The texts' places in the column's dictionary, once they are known.
    pub(super) places: Vec<Option<u32>>,
}

/// Which row of the file each row of the batches becomes.
pub(super) struct Ranks {
    /// Batch by batch.
    pub(super) parts: Vec<Vec<u32>>,
    pub(super) rows: usize,
}

impl Ranks {
    /// The ranks of rows written in the order of `places`, from batches with these numbers of rows.
    pub(super) fn of(places: &[RowAddress], rows: impl Iterator<Item = usize>) -> Self {
        let mut parts: Vec<Vec<u32>> = rows.map(|rows| vec![UNMAPPED; rows]).collect();
        for (place, rank) in places.iter().zip(0..) {
            parts[place.part as usize][place.row as usize] = rank;
        }
        Self { parts, rows: places.len() }
    }
}

impl Codes {
    /// For rows in the file's order; `texts` are what the numbers in `rows` mean.
    pub(super) fn new(rows: Vec<u32>, texts: Dictionary) -> Self {
        let places = vec![None; texts.len()];
        Self { rows, asked: 0, texts, places }
    }

    /// Appends the codes of the next rows: one more than a text's place among the texts, or zero.
    pub(super) fn next(&mut self, rows: usize, out: &mut Vec<u32>) {
        out.extend_from_slice(&self.rows[self.asked..self.asked + rows]);
        self.asked += rows;
    }

    /// A text, with its hash.
    pub(super) fn text(&self, at: usize) -> (&[u8], u64) {
        (self.texts.value(at as u32), self.texts.hash(at as u32))
    }

    /// The room that it took.
    pub(super) fn into_room(self) -> Vec<u32> {
        self.rows
    }
}
