//! The texts of a column, which lie one behind the other in one buffer: which row holds a byte, and where long words are.

use std::cell::Cell;

use super::prefixed::{WORD_MIN, next_word};

/// Texts that are shorter on average are looked at one by one.
const SHORT_TEXT: usize = 32;

/// Texts that lie one behind the other.
pub(super) struct Texts<'a> {
    pub offsets: &'a [i32],
    pub bytes: &'a [u8],
    /// The row that was looked at last: the next one is seldom far behind it.
    row: Cell<usize>,
}

impl<'a> Texts<'a> {
    pub(super) fn new(offsets: &'a [i32], bytes: &'a [u8]) -> Self {
        Self { offsets, bytes, row: Cell::new(0) }
    }

    pub(super) fn start(&self) -> usize {
        self.offsets.first().map_or(0, |offset| *offset as usize)
    }

    pub(super) fn end(&self) -> usize {
        self.offsets.last().map_or(0, |offset| *offset as usize)
    }

    /// Calls `look` with each long word, and with the row that holds it and its bounds.
    pub(super) fn each_word(&self, mut look: impl FnMut((usize, usize, usize), (usize, usize))) {
        let rows = self.offsets.len() - 1;
        let bytes = &self.bytes[..self.end()];
        let mut from = self.start();
        // Short texts are mostly shorter than a word that is looked for, and make long ones where they lie side by side.
        if bytes.len() - from < rows * SHORT_TEXT {
            for row in (0..rows).map(|row| self.bounds(row)).filter(|(_, first, last)| last - first >= WORD_MIN) {
                let (mut at, text) = (row.1, &bytes[..row.2]);
                while let Some((start, end)) = next_word(text, at) {
                    look(row, (start, end));
                    at = end;
                }
            }
            return;
        }
        while let Some((start, end)) = next_word(bytes, from) {
            let (first, ..) = self.around(start);
            let rows = (first..rows).map(|row| self.bounds(row)).take_while(|(_, first, _)| *first < end);
            for row in rows.filter(|(_, first, last)| last.min(&end) - first.max(&start) >= WORD_MIN) {
                look(row, (start.max(row.1), end.min(row.2)));
            }
            from = end;
        }
    }

    /// The row that holds the byte at `at`, with its bounds.
    pub(super) fn around(&self, at: usize) -> (usize, usize, usize) {
        let begins_by = |row: usize| self.offsets.get(row).is_some_and(|offset| *offset as usize <= at);
        // From the row before, in steps that double: the last row that begins by then, empty ones before it.
        let mut row = if begins_by(self.row.get()) { self.row.get() } else { 0 };
        let mut step = 1;
        while begins_by(row + step) {
            row += step;
            step *= 2;
        }
        let rest = &self.offsets[row..self.offsets.len().min(row + step)];
        row += rest.partition_point(|offset| *offset as usize <= at) - 1;
        self.row.set(row);
        self.bounds(row)
    }

    fn bounds(&self, row: usize) -> (usize, usize, usize) {
        (row, self.offsets[row] as usize, self.offsets[row + 1] as usize)
    }
}
