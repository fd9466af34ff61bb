//! A column of all batches side by side, and the values of some rows gathered from it.
//!
//! Rows that lie together in the file lie far apart in memory. Values are therefore fetched for many rows at once, in
//! loops that do nothing else: the processor then waits for many of them at the same time. What needs thought, such as
//! the search in a dictionary, comes after.

use std::hint::black_box;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, RecordBatch};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field};
use parquet::errors::ParquetError;

use super::codes::{Codes, Ranks};
use super::dictionary::Dictionary;
use super::labels::Labels;
use crate::attribute_filter::hash;
use crate::sort::RowAddress;

/// Rows gathered at once: their values stay in a processor's nearest cache until they are encoded.
pub(super) const GATHERED_ROWS: usize = 256;

/// A column of every batch.
pub(super) enum View<'a> {
    /// Null throughout.
    Absent,
    Fixed(Vec<Option<Fixed<'a>>>),
    Longs(Vec<Option<NumberView<'a, i64>>>),
    Ints(Vec<Option<NumberView<'a, i32>>>),
    Smalls(Vec<Option<NumberView<'a, i8>>>),
    Bools(Vec<Option<&'a arrow_array::BooleanArray>>),
    Texts(Vec<Option<TextView<'a>>>),
    Labels(Vec<Option<Labels<'a>>>),
    /// Texts or labels that have been looked up.
    Codes(Codes),
    Maps(Vec<Option<Map<'a>>>),
}

/// Values of one size.
pub(super) struct Fixed<'a> {
    bytes: &'a [u8],
    nulls: Option<&'a NullBuffer>,
}

pub(super) struct NumberView<'a, T> {
    values: &'a [T],
    nulls: Option<&'a NullBuffer>,
}

/// Texts or bytes.
pub(super) struct TextView<'a> {
    offsets: &'a [i32],
    bytes: &'a [u8],
    nulls: Option<&'a NullBuffer>,
}

pub(super) struct Map<'a> {
    offsets: &'a [i32],
    nulls: Option<&'a NullBuffer>,
    keys: TextView<'a>,
    values: TextView<'a>,
}

/// An entry of a map: its key, and its value where it has one.
pub(super) type MapEntry<'a> = (&'a [u8], Option<&'a [u8]>);

impl<'a> View<'a> {
    /// The column for `field` of every batch.
    pub(super) fn of(batches: &'a [RecordBatch], field: &Field) -> Result<Self, ParquetError> {
        let misfit = || misfit(field.name());
        let there = |batch: &'a RecordBatch| {
            batch.column_by_name(field.name()).filter(|column| column.null_count() < column.len())
        };
        let columns: Vec<Option<&ArrayRef>> = batches.iter().map(there).collect();
        let complete = columns.iter().all(|column| column.is_some_and(|column| column.null_count() == 0));
        if !field.is_nullable() && !complete {
            return Err(misfit());
        }
        let Some(first) = columns.iter().flatten().next() else { return Ok(Self::Absent) };
        let is_text = matches!(field.data_type(), DataType::Utf8 | DataType::Dictionary(..));
        let actual = first.data_type();
        let fits =
            actual == field.data_type() || is_text && matches!(actual, DataType::Utf8 | DataType::Dictionary(..));
        if !fits || columns.iter().flatten().any(|column| column.data_type() != actual) {
            return Err(misfit());
        }
        let view = match actual {
            DataType::FixedSizeBinary(_) => each(&columns, Fixed::of).map(Self::Fixed),
            DataType::Int64 => each(&columns, numbers::<Int64Type>).map(Self::Longs),
            DataType::Int32 => each(&columns, numbers::<Int32Type>).map(Self::Ints),
            DataType::Int8 => each(&columns, numbers::<Int8Type>).map(Self::Smalls),
            DataType::Boolean => each(&columns, |column| column.as_boolean_opt()).map(Self::Bools),
            DataType::Utf8 | DataType::Binary => each(&columns, TextView::of).map(Self::Texts),
            DataType::Dictionary(..) => each(&columns, Labels::of).map(Self::Labels),
            DataType::Map(..) => each(&columns, Map::of).map(Self::Maps),
            _ => None,
        };
        view.ok_or_else(misfit)
    }

    /// Of a column, with hashes that begin with `seed`; `None` unless it is of texts that fit a dictionary. `room` is
    /// taken for the numbers then.
    pub(super) fn codes(&self, ranks: &Ranks, seed: u64, room: &mut Vec<u32>) -> Option<Codes> {
        room.clear();
        room.resize(ranks.rows, 0);
        let mut texts = Dictionary::of_texts();
        for (part, ranks) in ranks.parts.iter().enumerate() {
            let mut number = |text: &[u8]| Some(texts.place(text, hash(text, seed))? + 1);
            match self {
                Self::Texts(parts) => {
                    let Some(part) = &parts[part] else { continue };
                    part.each(|row, text| {
                        if let Some(code) = room.get_mut(ranks[row] as usize) {
                            *code = number(text)?;
                        }
                        Some(())
                    })?;
                }
                Self::Labels(parts) => {
                    let Some(labels) = &parts[part] else { continue };
                    let numbers: Vec<u32> =
                        labels.texts().map(|text| text.map_or(Some(0), &mut number)).collect::<Option<_>>()?;
                    for (rank, key) in ranks.iter().zip(labels.keys()) {
                        if let (Some(code), Some(key)) = (room.get_mut(*rank as usize), key) {
                            *code = numbers[key];
                        }
                    }
                }
                _ => return None,
            }
        }
        Some(Codes::new(std::mem::take(room), texts))
    }
}

/// What a reading of every column gives; `None` where one is not what it is read as.
fn each<'a, T>(columns: &[Option<&'a ArrayRef>], read: impl Fn(&'a dyn Array) -> Option<T>) -> Option<Vec<Option<T>>> {
    columns.iter().map(|column| column.map_or(Some(None), |column| read(column.as_ref()).map(Some))).collect()
}

fn numbers<T: ArrowPrimitiveType>(column: &dyn Array) -> Option<NumberView<'_, T::Native>> {
    let column = column.as_primitive_opt::<T>()?;
    Some(NumberView { values: column.values(), nulls: column.nulls() })
}

impl<'a> Fixed<'a> {
    fn of(column: &'a dyn Array) -> Option<Self> {
        let column = column.as_fixed_size_binary_opt()?;
        Some(Self { bytes: column.value_data(), nulls: column.nulls() })
    }
}

impl<'a> TextView<'a> {
    fn of(column: &'a dyn Array) -> Option<Self> {
        if let Some(texts) = column.as_string_opt::<i32>() {
            return Some(Self { offsets: texts.value_offsets(), bytes: texts.value_data(), nulls: texts.nulls() });
        }
        let bytes = column.as_binary_opt::<i32>()?;
        Some(Self { offsets: bytes.value_offsets(), bytes: bytes.value_data(), nulls: bytes.nulls() })
    }

    /// Goes through the rows that have a text, until that gives `None`.
    pub(super) fn each(&self, mut go: impl FnMut(usize, &'a [u8]) -> Option<()>) -> Option<()> {
        let mut go = |row| go(row, &self.bytes[self.offsets[row] as usize..self.offsets[row + 1] as usize]);
        match self.nulls {
            None => (0..self.offsets.len() - 1).try_for_each(&mut go),
            Some(nulls) => nulls.valid_indices().try_for_each(&mut go),
        }
    }

    #[inline]
    fn get(&self, row: usize) -> Option<&'a [u8]> {
        is_valid(self.nulls, row).then(|| &self.bytes[self.offsets[row] as usize..self.offsets[row + 1] as usize])
    }
}

impl<'a> Map<'a> {
    fn of(column: &'a dyn Array) -> Option<Self> {
        let map = column.as_map_opt()?;
        let (keys, values) = (TextView::of(map.keys())?, TextView::of(map.values())?);
        let complete = keys.nulls.is_none_or(|nulls| nulls.null_count() == 0);
        complete.then_some(Self { offsets: map.value_offsets(), nulls: map.nulls(), keys, values })
    }
}

#[inline]
fn is_valid(nulls: Option<&NullBuffer>, row: usize) -> bool {
    nulls.is_none_or(|nulls| nulls.is_valid(row))
}

/// Places that follow each other in one batch: what is asked of a batch is asked once for all of them.
fn runs(places: &[RowAddress]) -> impl Iterator<Item = (usize, &[RowAddress])> {
    places.chunk_by(|left, right| left.part == right.part).map(|run| (run[0].part as usize, run))
}

/// Appends the values of one size at `places` and says for each row whether there is one.
pub(super) fn gather_fixed<const SIZE: usize>(
    parts: &[Option<Fixed<'_>>],
    places: &[RowAddress],
    bytes: &mut Vec<u8>,
    mut present: impl FnMut(bool),
) {
    bytes.reserve(places.len() * SIZE);
    for (part, run) in runs(places) {
        let Some(Fixed { bytes: values, nulls }) = &parts[part] else {
            for _ in run {
                present(false);
            }
            continue;
        };
        let (values, _) = values.as_chunks::<SIZE>();
        for row in run.iter().map(|place| place.row as usize) {
            let valid = is_valid(*nulls, row);
            present(valid);
            if valid {
                bytes.extend_from_slice(&values[row]);
            }
        }
    }
}

/// The numbers at `places`.
pub(super) fn gather_numbers<T: Copy + Into<i64>>(
    parts: &[Option<NumberView<'_, T>>],
    places: &[RowAddress],
    out: &mut Vec<Option<i64>>,
) {
    for (part, run) in runs(places) {
        let rows = run.iter().map(|place| place.row as usize);
        match &parts[part] {
            None => out.extend(rows.map(|_| None)),
            Some(NumberView { values, nulls: None }) => out.extend(rows.map(|row| Some(values[row].into()))),
            Some(NumberView { values, nulls: Some(nulls) }) => {
                out.extend(rows.map(|row| nulls.is_valid(row).then(|| values[row].into())));
            }
        }
    }
}

/// The texts at `places`.
pub(super) fn gather_texts<'a>(parts: &[Option<TextView<'a>>], places: &[RowAddress], out: &mut Vec<Option<&'a [u8]>>) {
    for (part, run) in runs(places) {
        match &parts[part] {
            None => out.extend(run.iter().map(|_| None)),
            Some(part) => out.extend(run.iter().map(|place| part.get(place.row as usize))),
        }
    }
    touch(out.iter().flatten().copied());
}

/// The maps at `places`: the number of each one's entries, and the entries.
pub(super) fn gather_maps<'a>(
    parts: &[Option<Map<'a>>],
    places: &[RowAddress],
    counts: &mut Vec<Option<usize>>,
    entries: &mut Vec<MapEntry<'a>>,
) {
    for (part, run) in runs(places) {
        let Some(part) = &parts[part] else {
            counts.extend(run.iter().map(|_| None));
            continue;
        };
        for row in run.iter().map(|place| place.row as usize) {
            if !is_valid(part.nulls, row) {
                counts.push(None);
                continue;
            }
            let range = part.offsets[row] as usize..part.offsets[row + 1] as usize;
            counts.push(Some(range.len()));
            entries.extend(range.map(|entry| (part.keys.get(entry).unwrap_or_default(), part.values.get(entry))));
        }
    }
    touch(entries.iter().map(|(key, _)| *key));
    touch(entries.iter().filter_map(|(_, value)| *value));
}

/// Brings values into the nearest cache.
fn touch<'a>(values: impl Iterator<Item = &'a [u8]>) {
    black_box(values.filter_map(<[u8]>::first).fold(0, |all, byte| all ^ byte));
}

/// A column that is not what its table says.
pub(super) fn misfit(name: &str) -> ParquetError {
    ParquetError::General(format!("the column {name} is not what its table says"))
}
