//! A map column in the making: two leaves, keys and values, whose levels say which entries belong to which row.

use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnDescPtr;

use super::chunk::{Chunk, PageParts};
use super::leaf::TextLeaf;
use super::view::{self, MapEntry};
use super::work::{Finished, Scratch, Work};
use super::{PAGE_ROWS, bits};
use crate::attribute_filter::{self, hash};
use crate::sort::RowAddress;

/// Remembered pairs of places, so that common pairs are added to the filter only once; a power of two.
const PAIRS_REMEMBERED: usize = 4_096;

/// A map from text to text.
pub(super) struct MapColumn {
    keys: (Chunk, TextLeaf),
    values: (Chunk, TextLeaf),
    /// For each entry whether it goes on with a row.
    goes_on: Vec<u32>,
    /// For each entry how far it is there.
    depths: Vec<u32>,
    rows: usize,
    /// What a row without entries counts as, one more than a row without a map where that is possible.
    empty: u32,
    pairs: Vec<u64>,
    block: u32,
}

impl MapColumn {
    pub(super) fn new(
        keys: &ColumnDescPtr,
        values: &ColumnDescPtr,
        properties: &WriterProperties,
        is_nullable: bool,
    ) -> Self {
        let leaf = |leaf: &ColumnDescPtr| {
            let chunk = Chunk::new(leaf.clone(), properties.compression(leaf.path()), false);
            (chunk, TextLeaf::new(properties.dictionary_enabled(leaf.path()), None))
        };
        Self {
            keys: leaf(keys),
            values: leaf(values),
            goes_on: Vec::new(),
            depths: Vec::new(),
            rows: 0,
            empty: u32::from(is_nullable),
            pairs: vec![0; PAIRS_REMEMBERED],
            block: 0,
        }
    }

    /// Adds rows.
    pub(super) fn put(
        &mut self,
        parts: &[Option<view::Map<'_>>],
        places: &[RowAddress],
        work: &mut Work<'_>,
    ) -> Result<(), ParquetError> {
        if let Some(filter) = work.filter.as_deref().filter(|filter| filter.block() != self.block) {
            self.block = filter.block();
            self.pairs.fill(0);
        }
        let (mut counts, mut entries) = (Vec::with_capacity(places.len()), Vec::new());
        view::gather_maps(parts, places, &mut counts, &mut entries);
        let mut rest = entries.as_slice();
        for count in counts {
            let (row, later) = rest.split_at(count.unwrap_or_default());
            rest = later;
            match (count, row) {
                (None, _) => self.put_level(0, 0),
                (_, []) => self.put_level(0, self.empty),
                (_, row) => self.put_row(row, work.filter.as_deref_mut()),
            }
            self.end_row(work)?;
        }
        Ok(())
    }

    /// Adds rows without a map.
    pub(super) fn put_none(&mut self, rows: usize, work: &mut Work<'_>) -> Result<(), ParquetError> {
        for _ in 0..rows {
            self.put_level(0, 0);
            self.end_row(work)?;
        }
        Ok(())
    }

    fn end_row(&mut self, work: &mut Work<'_>) -> Result<(), ParquetError> {
        self.rows += 1;
        let is_full = self.rows == PAGE_ROWS || self.keys.1.is_full() || self.values.1.is_full();
        if is_full { self.end_page(work) } else { Ok(()) }
    }

    fn put_level(&mut self, goes_on: u32, depth: u32) {
        self.goes_on.push(goes_on);
        self.depths.push(depth);
    }

    fn put_row(&mut self, entries: &[MapEntry<'_>], mut filter: Option<&mut attribute_filter::Builder>) {
        for (at, (key, value)) in entries.iter().enumerate() {
            self.put_level(u32::from(at > 0), self.empty + 1 + u32::from(value.is_some()));
            let key_place = self.keys.1.put(key, None);
            if let Some(value) = value {
                let value_place = self.values.1.put(value, None);
                if let Some(filter) = filter.as_deref_mut() {
                    self.note_pair(filter, (key, key_place), (value, value_place));
                }
            }
        }
    }

    /// Adds a pair to the filter, unless the same places were added for this block.
    fn note_pair(
        &mut self,
        filter: &mut attribute_filter::Builder,
        (key, key_place): (&[u8], Option<u32>),
        (value, value_place): (&[u8], Option<u32>),
    ) {
        if let Some((key, value)) = key_place.zip(value_place) {
            let pair = u64::from(key) << 32 | u64::from(value) | 1 << 63;
            let slot = &mut self.pairs[(key as usize * 61 + value as usize) % PAIRS_REMEMBERED];
            if std::mem::replace(slot, pair) == pair {
                return;
            }
        }
        let key = key_place.and_then(|place| self.keys.1.hash_at(place)).unwrap_or_else(|| hash(key, 0));
        filter.note(hash(value, key));
    }

    fn end_page(&mut self, work: &mut Work<'_>) -> Result<(), ParquetError> {
        let entries = self.depths.len();
        let deepest = self.empty + 2;
        let Scratch { levels, values, .. } = &mut *work.scratch;
        // The values' levels first: a key is as deep as an entry without a value.
        for ((chunk, texts), deepest) in [(&mut self.values, deepest), (&mut self.keys, deepest - 1)] {
            levels.clear();
            values.clear();
            bits::put_hybrid(levels, &self.goes_on, 1);
            let repetition_bytes = levels.len();
            self.depths.iter_mut().for_each(|depth| *depth = (*depth).min(deepest));
            bits::put_hybrid(levels, &self.depths, bits::width_of(deepest as usize + 1));
            let encoding = texts.take_page(values);
            let nulls = self.depths.iter().filter(|depth| **depth < deepest).count();
            let page = PageParts { levels, repetition_bytes, values, rows: self.rows, entries, nulls };
            chunk.add(encoding, &page, work.zstd)?;
        }
        self.goes_on.clear();
        self.depths.clear();
        self.rows = 0;
        Ok(())
    }

    /// Ends the row group: the finished chunks of keys and values.
    pub(super) fn finish(mut self, work: &mut Work<'_>) -> Result<Vec<Finished>, ParquetError> {
        if self.rows > 0 {
            self.end_page(work)?;
        }
        let finish = |(chunk, texts): (Chunk, TextLeaf), work: &mut Work<'_>| {
            chunk.finish(texts.into_dictionary(), None, work.zstd)
        };
        Ok(vec![finish(self.keys, work)?, finish(self.values, work)?])
    }
}
