//! Typed views of a batch's columns, found by name once: reading a cell is then an index and a bit.
//!
//! A column that the batch lacks reads as null throughout. Labels may be dictionary-encoded or plain.

use std::hash::BuildHasher as _;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Int8Type, Int32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, DictionaryArray, FixedSizeBinaryArray, Int32Array, MapArray, PrimitiveArray,
    RecordBatch, StringArray,
};
use foldhash::fast::FixedState;

use crate::Text;

/// Texts of up to this many bytes lie within a [`Text`] and are not worth sharing.
pub(super) const INLINE_BYTES_MAX: usize = 23;
/// Long texts of a column that are shared while they repeat: statements and routes, of which a trace has some dozens.
const RECENT_TEXTS: usize = 256;

/// Ids of a fixed length.
#[derive(Clone, Copy)]
pub(super) struct Ids<'a>(Option<&'a FixedSizeBinaryArray>);

/// Whole numbers.
pub(super) struct NumberCells<'a, T: ArrowPrimitiveType>(Option<&'a PrimitiveArray<T>>);

#[derive(Clone, Copy)]
pub(super) struct Bytes<'a>(Option<&'a BinaryArray>);

#[derive(Clone, Copy)]
pub(super) enum TextCells<'a> {
    Absent,
    Plain(&'a StringArray),
    Labels(&'a Int32Array, &'a StringArray),
}

/// Text for rows that own theirs. A long one that came lately is shared, not copied once more.
pub(super) struct SharedTexts<'a> {
    texts: TextCells<'a>,
    /// Long texts by their hash, each in the place of the one before it; empty until the first comes.
    recent: Vec<Text>,
}

/// Maps of text to text.
pub(super) struct Maps<'a> {
    map: Option<&'a MapArray>,
    pub(super) keys: SharedTexts<'a>,
    pub(super) values: SharedTexts<'a>,
}

pub(super) type Int8s<'a> = NumberCells<'a, Int8Type>;
pub(super) type Int32s<'a> = NumberCells<'a, Int32Type>;
pub(super) type Int64s<'a> = NumberCells<'a, Int64Type>;

impl<'a> Ids<'a> {
    pub(super) fn of(batch: &'a RecordBatch, name: &str) -> Self {
        Self(batch.column_by_name(name).map(AsArray::as_fixed_size_binary))
    }

    pub(super) fn get(self, row: usize) -> Option<&'a [u8]> {
        self.0.filter(|ids| ids.is_valid(row)).map(|ids| ids.value(row))
    }
}

impl<'a, T: ArrowPrimitiveType> NumberCells<'a, T> {
    pub(super) fn of(batch: &'a RecordBatch, name: &str) -> Self {
        Self(batch.column_by_name(name).map(AsArray::as_primitive))
    }

    pub(super) fn get(&self, row: usize) -> Option<T::Native> {
        self.0.filter(|numbers| numbers.is_valid(row)).map(|numbers| numbers.value(row))
    }
}

impl Int32s<'_> {
    /// The cell as OTLP's unsigned counts, which the column holds bit by bit; 0 where it is null.
    pub(super) fn count(&self, row: usize) -> u32 {
        self.get(row).unwrap_or_default().cast_unsigned()
    }
}

impl<'a> Bytes<'a> {
    pub(super) fn of(batch: &'a RecordBatch, name: &str) -> Self {
        Self(batch.column_by_name(name).map(AsArray::as_binary))
    }

    /// Bytes of all rows.
    pub(super) fn bytes(self) -> usize {
        let offsets = self.0.map(BinaryArray::value_offsets).unwrap_or_default();
        offsets.last().zip(offsets.first()).map_or(0, |(end, start)| (end - start) as usize)
    }

    pub(super) fn get(self, row: usize) -> Option<&'a [u8]> {
        self.0.filter(|bytes| bytes.is_valid(row)).map(|bytes| bytes.value(row))
    }
}

impl<'a> TextCells<'a> {
    pub(super) fn of(batch: &'a RecordBatch, name: &str) -> Self {
        batch.column_by_name(name).map_or(Self::Absent, Self::from_array)
    }

    pub(super) fn from_array(array: &'a ArrayRef) -> Self {
        match array.as_any().downcast_ref::<DictionaryArray<Int32Type>>() {
            Some(labels) => Self::Labels(labels.keys(), labels.values().as_string()),
            None => Self::Plain(array.as_string()),
        }
    }

    /// The lengths of plain texts, in bytes.
    pub(super) fn lengths(self) -> impl Iterator<Item = usize> + 'a {
        let offsets = if let Self::Plain(texts) = self { texts.value_offsets() } else { &[] };
        offsets.windows(2).map(|pair| (pair[1] - pair[0]) as usize)
    }

    pub(super) fn get(self, row: usize) -> Option<&'a str> {
        match self {
            Self::Absent => None,
            Self::Plain(texts) => texts.is_valid(row).then(|| texts.value(row)),
            Self::Labels(keys, texts) => keys.is_valid(row).then(|| texts.value(keys.value(row) as usize)),
        }
    }
}

impl<'a> SharedTexts<'a> {
    pub(super) fn of(batch: &'a RecordBatch, name: &str) -> Self {
        Self::new(TextCells::of(batch, name))
    }

    pub(super) fn new(texts: TextCells<'a>) -> Self {
        Self { texts, recent: Vec::new() }
    }

    /// The texts as they are read.
    pub(super) fn texts(&self) -> TextCells<'a> {
        self.texts
    }

    /// The row's text; empty where there is none.
    pub(super) fn get(&mut self, row: usize) -> Text {
        let text = self.texts.get(row).unwrap_or_default();
        if text.len() <= INLINE_BYTES_MAX {
            return Text::new_inline(text);
        }
        self.recent.resize(RECENT_TEXTS, Text::default());
        let recent = &mut self.recent[FixedState::default().hash_one(text) as usize % RECENT_TEXTS];
        if recent != text {
            *recent = text.into();
        }
        recent.clone()
    }
}

impl<'a> Maps<'a> {
    pub(super) fn of(batch: &'a RecordBatch, name: &str) -> Self {
        let map = batch.column_by_name(name).map(AsArray::as_map);
        let texts =
            |array: Option<&'a ArrayRef>| SharedTexts::new(array.map_or(TextCells::Absent, TextCells::from_array));
        Self { map, keys: texts(map.map(MapArray::keys)), values: texts(map.map(MapArray::values)) }
    }

    /// Entries of all rows.
    pub(super) fn count(&self) -> usize {
        let offsets = self.map.map(MapArray::value_offsets).unwrap_or_default();
        offsets.last().zip(offsets.first()).map_or(0, |(end, start)| (end - start) as usize)
    }

    /// The places of a row's keys and values.
    pub(super) fn entries(&self, row: usize) -> std::ops::Range<usize> {
        let Some(map) = self.map.filter(|map| map.is_valid(row)) else { return 0..0 };
        map.value_offsets()[row] as usize..map.value_offsets()[row + 1] as usize
    }
}
