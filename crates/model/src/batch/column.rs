//! One column in the making: plain buffers, and a bit for each row that has a value.
//!
//! A column that no row touches costs nothing, and rows that it skips become null when it is touched next, or at the
//! end. What is handed over at the end has no room to spare, and the room in which it was made serves the next batch.

use std::collections::HashMap;
use std::io::Write as _;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, DictionaryArray, FixedSizeBinaryArray, Int8Array, Int32Array, Int64Array,
    MapArray, StringArray, StructArray,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::DataType;

use super::row::ValueRef;
use crate::columns::ColumnKind;

/// Bytes of room that a buffer keeps for the next batch. Requests of some thousand spans need no more.
const REUSED_BYTES_MAX: usize = 128 * 1024;

/// A column in the making.
pub(super) struct ColumnBuilder {
    kind: ColumnKind,
    data: Data,
    /// Rows that have a place in `data`.
    len: usize,
    validity: Validity,
}

enum Data {
    Id(Vec<u8>),
    Text(Texts),
    Label(Label),
    Int(Vec<i64>),
    Int32(Vec<i32>),
    Int8(Vec<i8>),
    Bool(Vec<bool>),
    Map(Box<Entries>),
}

/// Which rows have a value.
#[derive(Default)]
struct Validity {
    words: Vec<u64>,
    count: usize,
}

/// Texts or byte strings, one behind the other.
#[derive(Default)]
struct Texts {
    /// Arrow's offsets: a zero, then where each value ends. Empty until the first value.
    offsets: Vec<i32>,
    bytes: Vec<u8>,
}

/// The entries of a map column.
#[derive(Default)]
struct Entries {
    offsets: Vec<i32>,
    keys: Texts,
    values: Texts,
}

/// Text with few distinct values. Rows of one sender follow each other, so the last value is tried first.
#[derive(Default)]
struct Label {
    keys: Vec<i32>,
    texts: Vec<Arc<str>>,
    by_text: HashMap<Arc<str>, i32>,
    last: usize,
}

impl ColumnBuilder {
    pub(super) fn new(kind: ColumnKind) -> Self {
        let data = match kind {
            ColumnKind::TraceId | ColumnKind::SpanId => Data::Id(Vec::new()),
            ColumnKind::Text | ColumnKind::Bytes => Data::Text(Texts::default()),
            ColumnKind::Label => Data::Label(Label::default()),
            ColumnKind::Int => Data::Int(Vec::new()),
            ColumnKind::Int32 => Data::Int32(Vec::new()),
            ColumnKind::Int8 => Data::Int8(Vec::new()),
            ColumnKind::Bool => Data::Bool(Vec::new()),
            ColumnKind::Map => Data::Map(Box::default()),
        };
        Self { kind, data, len: 0, validity: Validity::default() }
    }

    /// Whether `row` has a value already.
    pub(super) fn is_set(&self, row: usize) -> bool {
        self.len > row
    }

    /// Whether any row has a value.
    pub(super) fn has_values(&self) -> bool {
        self.validity.count > 0
    }

    /// Whether this column, one of promoted attributes, holds `value`.
    pub(super) fn takes(&self, value: ValueRef<'_>) -> bool {
        matches!(
            (self.kind, value),
            (ColumnKind::Text, ValueRef::Text(_))
                | (ColumnKind::Int, ValueRef::Int(_))
                | (ColumnKind::Bool, ValueRef::Bool(_))
        )
    }

    /// Sets a value that the column takes.
    pub(super) fn put(&mut self, row: usize, value: ValueRef<'_>) {
        match value {
            ValueRef::Text(text) => self.put_text(row, text),
            ValueRef::Int(value) => self.put_int(row, value),
            ValueRef::Bool(value) => {
                let Data::Bool(values) = &mut self.data else { unreachable!("the column is of another kind") };
                values.resize(row, false);
                values.push(value);
                self.set(row);
            }
            _ => unreachable!("only values that the column takes"),
        }
    }

    /// Text, which is UTF-8, or bytes.
    pub(super) fn put_text(&mut self, row: usize, text: &[u8]) {
        let Data::Text(texts) = &mut self.data else { unreachable!("the column is of another kind") };
        texts.fill(row);
        texts.push(text);
        self.set(row);
    }

    pub(super) fn put_id(&mut self, row: usize, id: &[u8]) {
        let Data::Id(bytes) = &mut self.data else { unreachable!("the column is of another kind") };
        bytes.resize(row * id.len(), 0);
        bytes.extend_from_slice(id);
        self.set(row);
    }

    pub(super) fn put_int(&mut self, row: usize, value: i64) {
        let Data::Int(values) = &mut self.data else { unreachable!("the column is of another kind") };
        values.resize(row, 0);
        values.push(value);
        self.set(row);
    }

    pub(super) fn put_int32(&mut self, row: usize, value: i32) {
        let Data::Int32(values) = &mut self.data else { unreachable!("the column is of another kind") };
        values.resize(row, 0);
        values.push(value);
        self.set(row);
    }

    pub(super) fn put_int8(&mut self, row: usize, value: i8) {
        let Data::Int8(values) = &mut self.data else { unreachable!("the column is of another kind") };
        values.resize(row, 0);
        values.push(value);
        self.set(row);
    }

    /// Sets one text for rows that follow each other.
    pub(super) fn put_label(&mut self, rows: Range<usize>, text: &str) {
        let Data::Label(label) = &mut self.data else { unreachable!("the column is of another kind") };
        label.keys.resize(rows.start, 0);
        let key = label.key(text);
        label.keys.resize(rows.end, key);
        self.len = rows.end;
        self.validity.set(rows);
    }

    /// Adds an entry to the map of the row that [`Self::end_entries`] will name.
    pub(super) fn put_entry(&mut self, key: &[u8], value: ValueRef<'_>) {
        let Data::Map(entries) = &mut self.data else { unreachable!("the column is of another kind") };
        entries.keys.fill(0);
        entries.values.fill(0);
        entries.keys.push(key);
        entries.values.push_value(value);
    }

    /// Ends the row's map.
    pub(super) fn end_entries(&mut self, row: usize) {
        let Data::Map(entries) = &mut self.data else { unreachable!("the column is of another kind") };
        let before = entries.offsets.last().copied().unwrap_or(0);
        entries.offsets.resize(row + 1, before);
        entries.offsets.push(entries.keys.len() as i32);
        self.set(row);
    }

    #[inline]
    fn set(&mut self, row: usize) {
        self.len = row + 1;
        self.validity.set_one(row);
    }

    /// The column of `rows` rows. What remains is an empty column.
    pub(super) fn finish(&mut self, rows: usize) -> ArrayRef {
        let nulls = self.validity.finish(rows);
        self.len = 0;
        match &mut self.data {
            Data::Id(bytes) => {
                let width = if self.kind == ColumnKind::TraceId { 16 } else { 8 };
                Arc::new(FixedSizeBinaryArray::new(width as i32, Buffer::from_vec(filled(bytes, rows * width)), nulls))
            }
            Data::Text(texts) if self.kind == ColumnKind::Bytes => {
                let (offsets, bytes) = texts.finish(rows);
                Arc::new(BinaryArray::new(offsets, bytes, nulls))
            }
            Data::Text(texts) => Arc::new(texts.finish_text(rows, nulls)),
            Data::Label(label) => Arc::new(label.finish(rows, nulls)),
            Data::Int(values) => Arc::new(Int64Array::new(filled(values, rows).into(), nulls)),
            Data::Int32(values) => Arc::new(Int32Array::new(filled(values, rows).into(), nulls)),
            Data::Int8(values) => Arc::new(Int8Array::new(filled(values, rows).into(), nulls)),
            Data::Bool(values) => Arc::new(BooleanArray::new(BooleanBuffer::from(filled(values, rows)), nulls)),
            Data::Map(entries) => Arc::new(entries.finish(rows, nulls)),
        }
    }
}

/// Hands the values over, filled up to `rows`. Their room stays here, unless there is much of it.
fn filled<T: Copy + Default>(values: &mut Vec<T>, rows: usize) -> Vec<T> {
    values.resize(rows, T::default());
    handed_over(values)
}

fn handed_over<T: Copy>(values: &mut Vec<T>) -> Vec<T> {
    if values.capacity() * size_of::<T>() <= REUSED_BYTES_MAX {
        let exact = values.clone();
        values.clear();
        return exact;
    }
    let mut all = std::mem::take(values);
    all.shrink_to_fit();
    all
}

impl Validity {
    #[inline]
    fn set_one(&mut self, row: usize) {
        let word = row / 64;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (row % 64);
        self.count += 1;
    }

    fn set(&mut self, rows: Range<usize>) {
        self.words.resize(rows.end.div_ceil(64).max(self.words.len()), 0);
        for (word, bits) in self.words.iter_mut().enumerate().take(rows.end.div_ceil(64)).skip(rows.start / 64) {
            let from = rows.start.saturating_sub(word * 64);
            let to = (rows.end - word * 64).min(64);
            *bits |= (u64::MAX >> (64 - (to - from))) << from;
        }
        self.count += rows.len();
    }

    fn finish(&mut self, rows: usize) -> Option<NullBuffer> {
        let count = std::mem::take(&mut self.count);
        if count == rows {
            self.words.clear();
            return None;
        }
        let mut words = filled(&mut self.words, rows.div_ceil(64));
        // Arrow's bits are those of bytes, the lowest first.
        for word in &mut words {
            *word = word.to_le();
        }
        Some(NullBuffer::new(BooleanBuffer::new(Buffer::from_vec(words), 0, rows)))
    }
}

impl Texts {
    /// Makes the texts up to `row` empty where there are none.
    #[inline]
    fn fill(&mut self, row: usize) {
        if self.offsets.len() <= row {
            self.offsets.resize(row + 1, self.bytes.len() as i32);
        }
    }

    /// How many there are.
    fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Adds one; the first comes after [`Self::fill`].
    #[inline]
    fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.seal();
    }

    #[inline]
    fn seal(&mut self) {
        let end = i32::try_from(self.bytes.len()).expect("a body, and so a batch, holds less than 2 GiB of text");
        self.offsets.push(end);
    }

    /// As [`crate::Value::to_text`].
    fn push_value(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::Empty => {}
            ValueRef::Text(text) => self.bytes.extend_from_slice(text),
            ValueRef::Int(value) => self.bytes.extend_from_slice(itoa::Buffer::new().format(value).as_bytes()),
            ValueRef::Bool(value) => self.bytes.extend_from_slice(if value { b"true" } else { b"false" }),
            ValueRef::Double(value) => write!(self.bytes, "{value}").expect("writing to memory does not fail"),
            ValueRef::Other(value) => self.bytes.extend_from_slice(value.to_text().as_bytes()),
        }
        self.seal();
    }

    fn finish(&mut self, rows: usize) -> (OffsetBuffer<i32>, Buffer) {
        self.fill(rows);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(handed_over(&mut self.offsets)));
        (offsets, Buffer::from_vec(handed_over(&mut self.bytes)))
    }

    /// One look over all texts at once says that they are UTF-8.
    fn finish_text(&mut self, rows: usize, nulls: Option<NullBuffer>) -> StringArray {
        let (offsets, bytes) = self.finish(rows);
        StringArray::try_new(offsets, bytes, nulls).expect("texts are made valid before they are put here")
    }
}

impl Entries {
    fn finish(&mut self, rows: usize, nulls: Option<NullBuffer>) -> MapArray {
        let count = self.keys.len();
        self.offsets.resize(rows + 1, count as i32);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(handed_over(&mut self.offsets)));
        let DataType::Map(field, ordered) = ColumnKind::Map.arrow() else { unreachable!("a map is a map") };
        let DataType::Struct(fields) = field.data_type().clone() else { unreachable!("entries are pairs") };
        let (keys, values) = (self.keys.finish_text(count, None), self.values.finish_text(count, None));
        let entries = StructArray::new(fields, vec![Arc::new(keys), Arc::new(values)], None);
        MapArray::new(field, offsets, entries, nulls, ordered)
    }
}

impl Label {
    fn finish(&mut self, rows: usize, nulls: Option<NullBuffer>) -> DictionaryArray<Int32Type> {
        let values = StringArray::from_iter_values(self.texts.drain(..));
        self.by_text.clear();
        self.last = 0;
        let keys = Int32Array::new(filled(&mut self.keys, rows).into(), nulls);
        DictionaryArray::try_new(keys, Arc::new(values)).expect("every key was given to a text")
    }

    fn key(&mut self, text: &str) -> i32 {
        if self.texts.get(self.last).is_none_or(|last| **last != *text) {
            self.last = if let Some(known) = self.by_text.get(text) {
                *known as usize
            } else {
                let shared: Arc<str> = text.into();
                self.texts.push(Arc::clone(&shared));
                self.by_text.insert(shared, self.texts.len() as i32 - 1);
                self.texts.len() - 1
            };
        }
        self.last as i32
    }
}
