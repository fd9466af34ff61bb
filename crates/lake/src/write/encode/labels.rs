//! A batch's column of labels: keys into distinct texts, each with its place in the dictionary of the file.

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, Int32Array, StringArray};

/// Labels of a batch, with their places in the column's dictionary once they are known.
pub(super) struct Labels<'a> {
    pub(super) keys: &'a Int32Array,
    pub(super) values: &'a StringArray,
    pub(super) places: Vec<Option<u32>>,
}

impl<'a> Labels<'a> {
    pub(super) fn of(column: &'a dyn Array) -> Option<Self> {
        let labels = column.as_dictionary_opt::<Int32Type>()?;
        let values = labels.values().as_string_opt::<i32>()?;
        Some(Self { keys: labels.keys(), values, places: vec![None; values.len()] })
    }

    /// The distinct texts; some may be none.
    pub(super) fn texts(&self) -> impl Iterator<Item = Option<&'a [u8]>> {
        self.values.iter().map(|text| text.map(str::as_bytes))
    }

    /// For each row the place of its text.
    pub(super) fn keys(&self) -> impl Iterator<Item = Option<usize>> {
        self.keys.iter().map(|key| key.map(|key| key as usize))
    }
}
