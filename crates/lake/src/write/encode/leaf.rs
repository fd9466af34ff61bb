//! The values of one leaf column on their way into pages: a dictionary while it pays, plain after that.

use arrow_array::Array;
use parquet::basic::Encoding;

use super::bits;
use super::codes::Codes;
use super::dictionary::Dictionary;
use super::labels::Labels;
use crate::attribute_filter::{self, hash};

/// Bytes of values after which a page ends before it has its rows.
const PAGE_BYTES_MAX: usize = 1 << 20;

/// Values of any length.
pub(super) struct TextLeaf {
    dictionary: Option<Dictionary>,
    /// What earlier pages refer to, once the column has outgrown it.
    outgrown: Option<Dictionary>,
    /// The page's values by their places in the dictionary, or
    places: Vec<u32>,
    /// as they are.
    lengths: Vec<i64>,
    bytes: Vec<u8>,
    /// What hashes begin with.
    seed: u64,
    /// Whether the file's filter covers the values under the seed.
    is_covered: bool,
    /// For each place in the dictionary, one more than the filter's last block that it was added to; 0 before that.
    noted: Vec<u32>,
}

/// Whole numbers of four or eight bytes.
pub(super) struct NumberLeaf {
    dictionary: Option<Dictionary>,
    outgrown: Option<Dictionary>,
    places: Vec<u32>,
    values: Vec<i64>,
    /// The value before, with its place.
    last: Option<(i64, u32)>,
    width: usize,
    plain: Encoding,
    range: Option<(i64, i64)>,
}

impl TextLeaf {
    pub(super) fn new(has_dictionary: bool, covered_under: Option<u64>) -> Self {
        Self {
            dictionary: has_dictionary.then(Dictionary::of_texts),
            outgrown: None,
            places: Vec::new(),
            lengths: Vec::new(),
            bytes: Vec::new(),
            seed: covered_under.unwrap_or_default(),
            is_covered: covered_under.is_some(),
            noted: Vec::new(),
        }
    }

    /// Adds a value. Gives its place in the dictionary, if it has one.
    pub(super) fn put(&mut self, value: &[u8], filter: Option<&mut attribute_filter::Builder>) -> Option<u32> {
        if self.dictionary.is_none() && !self.is_covered {
            self.put_plain(value);
            return None;
        }
        self.put_hashed(value, hash(value, self.seed), filter)
    }

    /// As [`Self::put`], of a value whose hash is known.
    fn put_hashed(&mut self, value: &[u8], hash: u64, filter: Option<&mut attribute_filter::Builder>) -> Option<u32> {
        if let Some(dictionary) = &mut self.dictionary {
            if let Some(place) = dictionary.place(value, hash) {
                self.put_place(place, filter);
                return Some(place);
            }
            self.outgrow();
        }
        if let Some(filter) = filter.filter(|_| self.is_covered) {
            filter.note(hash);
        }
        self.put_plain(value);
        None
    }

    /// Adds the value at a place of the dictionary.
    fn put_place(&mut self, place: u32, filter: Option<&mut attribute_filter::Builder>) {
        self.places.push(place);
        let (Some(filter), Some(dictionary)) = (filter.filter(|_| self.is_covered), &self.dictionary) else { return };
        if self.noted.len() <= place as usize {
            self.noted.resize(dictionary.len(), 0);
        }
        if self.noted[place as usize] <= filter.block() {
            self.noted[place as usize] = filter.block() + 1;
            filter.note(dictionary.hash(place));
        }
    }

    fn put_plain(&mut self, value: &[u8]) {
        self.lengths.push(value.len() as i64);
        self.bytes.extend_from_slice(value);
    }

    /// Adds a batch's label, if the row has one; says whether.
    pub(super) fn put_label(
        &mut self,
        labels: &mut Labels<'_>,
        row: usize,
        filter: Option<&mut attribute_filter::Builder>,
    ) -> bool {
        if !labels.keys.is_valid(row) {
            return false;
        }
        let key = labels.keys.value(row) as usize;
        if let Some(place) = labels.places[key].filter(|_| self.dictionary.is_some()) {
            self.put_place(place, filter);
            return true;
        }
        if !labels.values.is_valid(key) {
            return false;
        }
        labels.places[key] = self.put(labels.values.value(key).as_bytes(), filter);
        true
    }

    /// What hashes begin with, where numbers for texts are of use: while there is a dictionary.
    pub(super) fn coded_under(&self) -> Option<u64> {
        self.dictionary.as_ref().map(|_| self.seed)
    }

    /// Adds one of the texts that have been looked up. Gives its place in the dictionary, if it has one.
    pub(super) fn put_code(
        &mut self,
        codes: &mut Codes,
        at: usize,
        filter: Option<&mut attribute_filter::Builder>,
    ) -> Option<u32> {
        if let Some(place) = codes.places[at].filter(|_| self.dictionary.is_some()) {
            self.put_place(place, filter);
            return Some(place);
        }
        let (text, hash) = codes.text(at);
        let place = self.put_hashed(text, hash, filter);
        codes.places[at] = place;
        place
    }

    /// Goes on without the dictionary.
    fn outgrow(&mut self) {
        let Some(dictionary) = self.dictionary.take() else { return };
        for place in std::mem::take(&mut self.places) {
            self.put_plain(dictionary.value(place));
        }
        self.outgrown = Some(dictionary);
    }

    /// The hash that a value of the dictionary was added under.
    pub(super) fn hash_at(&self, place: u32) -> Option<u64> {
        self.dictionary.as_ref().map(|dictionary| dictionary.hash(place))
    }

    /// Whether the page has as many bytes as a page may have.
    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= PAGE_BYTES_MAX
    }

    /// Encodes the page's values and begins the next page.
    pub(super) fn take_page(&mut self, out: &mut Vec<u8>) -> Encoding {
        if let Some(dictionary) = &self.dictionary {
            put_places(out, &mut self.places, dictionary);
            return Encoding::RLE_DICTIONARY;
        }
        bits::put_deltas(out, &self.lengths);
        out.extend_from_slice(&self.bytes);
        self.lengths.clear();
        self.bytes.clear();
        Encoding::DELTA_LENGTH_BYTE_ARRAY
    }

    /// The dictionary that pages refer to.
    pub(super) fn into_dictionary(self) -> Option<Dictionary> {
        self.outgrown.or(self.dictionary)
    }
}

impl NumberLeaf {
    /// Numbers of `width` bytes, encoded in `plain` without a dictionary.
    pub(super) fn new(width: usize, has_dictionary: bool, plain: Encoding) -> Self {
        Self {
            dictionary: has_dictionary.then(Dictionary::of_numbers),
            outgrown: None,
            places: Vec::new(),
            values: Vec::new(),
            last: None,
            width,
            plain,
            range: None,
        }
    }

    /// Adds a value.
    pub(super) fn put(&mut self, value: i64) {
        let (min, max) = self.range.unwrap_or((value, value));
        self.range = Some((min.min(value), max.max(value)));
        let Some(dictionary) = &mut self.dictionary else {
            self.values.push(value);
            return;
        };
        if let Some((_, place)) = self.last.filter(|(last, _)| *last == value) {
            self.places.push(place);
            return;
        }
        let bytes = value.to_le_bytes();
        let bytes = &bytes[..self.width];
        if let Some(place) = dictionary.place(bytes, hash(bytes, 0)) {
            self.last = Some((value, place));
            self.places.push(place);
            return;
        }
        self.outgrow();
        self.values.push(value);
    }

    fn outgrow(&mut self) {
        let Some(dictionary) = self.dictionary.take() else { return };
        for place in std::mem::take(&mut self.places) {
            let value = match dictionary.value(place).try_into().map(i64::from_le_bytes) {
                Ok(long) => long,
                Err(_) => i64::from(dictionary.value(place).try_into().map_or(0, i32::from_le_bytes)),
            };
            self.values.push(value);
        }
        self.outgrown = Some(dictionary);
    }

    /// Whether they are of eight bytes.
    pub(super) fn is_long(&self) -> bool {
        self.width == size_of::<i64>()
    }

    /// The least and the greatest value so far.
    pub(super) fn range(&self) -> Option<(i64, i64)> {
        self.range
    }

    /// Encodes the page's values and begins the next page.
    pub(super) fn take_page(&mut self, out: &mut Vec<u8>) -> Encoding {
        if let Some(dictionary) = &self.dictionary {
            put_places(out, &mut self.places, dictionary);
            return Encoding::RLE_DICTIONARY;
        }
        if self.plain == Encoding::DELTA_BINARY_PACKED {
            bits::put_deltas(out, &self.values);
        } else {
            self.values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()[..self.width]));
        }
        self.values.clear();
        self.plain
    }

    /// The dictionary that pages refer to.
    pub(super) fn into_dictionary(self) -> Option<Dictionary> {
        self.outgrown.or(self.dictionary)
    }
}

fn put_places(out: &mut Vec<u8>, places: &mut Vec<u32>, dictionary: &Dictionary) {
    let width = bits::width_of(dictionary.len());
    out.push(width as u8);
    bits::put_hybrid(out, places, width);
    places.clear();
}
