//! Typed views of a batch's columns, found by name once: reading a cell is then an index and a bit.
//!
//! A column that the batch lacks reads as null throughout. Labels may be dictionary-encoded or plain.

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Int8Type, Int32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, DictionaryArray, FixedSizeBinaryArray, Int32Array, MapArray, PrimitiveArray,
    RecordBatch, StringArray,
};

/// Ids of a fixed length.
#[derive(Clone, Copy)]
pub(super) struct Ids<'a>(Option<&'a FixedSizeBinaryArray>);

/// Whole numbers.
pub(super) struct Numbers<'a, T: ArrowPrimitiveType>(Option<&'a PrimitiveArray<T>>);

/// Bytes.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'a>(Option<&'a BinaryArray>);

/// Text.
#[derive(Clone, Copy)]
pub(super) enum Texts<'a> {
    Absent,
    Plain(&'a StringArray),
    Labels(&'a Int32Array, &'a StringArray),
}

/// Maps of text to text.
#[derive(Clone, Copy)]
pub(super) struct Maps<'a> {
    map: Option<&'a MapArray>,
    pub(super) keys: Texts<'a>,
    pub(super) values: Texts<'a>,
}

pub(super) type Int8s<'a> = Numbers<'a, Int8Type>;
pub(super) type Int32s<'a> = Numbers<'a, Int32Type>;
pub(super) type Int64s<'a> = Numbers<'a, Int64Type>;

impl<'a> Ids<'a> {
    pub(super) fn of(batch: &'a RecordBatch, name: &str) -> Self {
        Self(batch.column_by_name(name).map(AsArray::as_fixed_size_binary))
    }

    pub(super) fn get(self, row: usize) -> Option<&'a [u8]> {
        self.0.filter(|ids| ids.is_valid(row)).map(|ids| ids.value(row))
    }
}

impl<'a, T: ArrowPrimitiveType> Numbers<'a, T> {
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

    pub(super) fn get(self, row: usize) -> Option<&'a [u8]> {
        self.0.filter(|bytes| bytes.is_valid(row)).map(|bytes| bytes.value(row))
    }
}

impl<'a> Texts<'a> {
    pub(super) fn of(batch: &'a RecordBatch, name: &str) -> Self {
        batch.column_by_name(name).map_or(Self::Absent, Self::from_array)
    }

    pub(super) fn from_array(array: &'a ArrayRef) -> Self {
        match array.as_any().downcast_ref::<DictionaryArray<Int32Type>>() {
            Some(labels) => Self::Labels(labels.keys(), labels.values().as_string()),
            None => Self::Plain(array.as_string()),
        }
    }

    pub(super) fn get(self, row: usize) -> Option<&'a str> {
        match self {
            Self::Absent => None,
            Self::Plain(texts) => texts.is_valid(row).then(|| texts.value(row)),
            Self::Labels(keys, texts) => keys.is_valid(row).then(|| texts.value(keys.value(row) as usize)),
        }
    }

    /// The text, owned; empty where there is none.
    pub(super) fn owned(self, row: usize) -> String {
        self.get(row).unwrap_or_default().to_owned()
    }
}

impl<'a> Maps<'a> {
    pub(super) fn of(batch: &'a RecordBatch, name: &str) -> Self {
        let map = batch.column_by_name(name).map(AsArray::as_map);
        let texts = |array: Option<&'a ArrayRef>| array.map_or(Texts::Absent, Texts::from_array);
        Self { map, keys: texts(map.map(MapArray::keys)), values: texts(map.map(MapArray::values)) }
    }

    /// The places of a row's keys and values.
    pub(super) fn entries(self, row: usize) -> std::ops::Range<usize> {
        let Some(map) = self.map.filter(|map| map.is_valid(row)) else { return 0..0 };
        map.value_offsets()[row] as usize..map.value_offsets()[row + 1] as usize
    }
}
