//! One table in the making.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{FieldRef, Schema};

use super::column::ColumnBuilder;
use super::origin::{NAMES, ResourceText, ScopeText};
use super::row::{Attribute, ValueRef};
use crate::columns::Table;
use crate::exact::{self, Record, any_value};

/// Sets of keys remembered: programs send the same few again and again.
const SHAPES_MAX: usize = 64;
/// Keys of a set that is remembered; OpenTelemetry's SDKs send 128 at most.
const SHAPE_KEYS_MAX: usize = 128;
/// Bytes of such a set's keys, so that the cache is bounded in bytes, too.
const SHAPE_BYTES_MAX: usize = 8 * 1024;

/// Tables cached for later batches: as many as requests are decoded at one time on a few cores.
const SPARE_MAX: usize = 4;

/// Tables without rows, with the room and the sets of keys of those that were made of them.
static SPARE: [Mutex<Vec<TableBuilder>>; 3] = [const { Mutex::new(Vec::new()) }; 3];

/// A table in the making.
pub(super) struct TableBuilder {
    table: Table,
    pub(super) rows: usize,
    columns: Vec<ColumnBuilder>,
    places: ColumnIndexes,
    exact: Vec<u8>,
    shapes: Vec<RowKeys>,
}

/// Where the columns lie that several tables have; none is asked of a table that lacks it.
struct ColumnIndexes {
    flags: usize,
    resource: usize,
    scope: usize,
    attributes: usize,
    attributes_exact: usize,
    dropped_attributes: usize,
}

/// A row's keys as they were sent, and what becomes of each.
#[derive(Default)]
struct RowKeys {
    keys: Vec<u8>,
    ends: Vec<usize>,
    /// In the order of the keys.
    steps: Vec<AttributeStep>,
}

/// What becomes of an attribute.
#[derive(Clone, Copy)]
struct AttributeStep {
    /// Its place among the row's attributes as they were sent.
    index: usize,
    /// Whether its key came before.
    repeats: bool,
    /// The promoted column and the spelling's place.
    column: Option<(usize, usize)>,
}

impl TableBuilder {
    /// A table without rows.
    pub(super) fn new(table: Table) -> Self {
        if let Some(spare) = spare(table).pop() {
            return spare;
        }
        let columns = table.columns().iter().map(|column| ColumnBuilder::new(column.kind)).collect();
        let place = |name| table.column_index(name).unwrap_or(usize::MAX);
        let places = ColumnIndexes {
            flags: place("flags"),
            resource: place("resource"),
            scope: place("scope"),
            attributes: place("attributes"),
            attributes_exact: place("attributes_exact"),
            dropped_attributes: place("dropped_attributes_count"),
        };
        let mut shapes = Vec::new();
        shapes.resize_with(SHAPES_MAX, RowKeys::default);
        Self { table, rows: 0, columns, places, exact: Vec::new(), shapes }
    }

    pub(super) fn id(&mut self, column: usize, id: &[u8]) {
        self.columns[column].put_id(self.rows, id);
    }

    pub(super) fn int(&mut self, column: usize, value: i64) {
        self.columns[column].put_int(self.rows, value);
    }

    pub(super) fn int32(&mut self, column: usize, value: i32) {
        self.columns[column].put_int32(self.rows, value);
    }

    pub(super) fn int8(&mut self, column: usize, value: i8) {
        self.columns[column].put_int8(self.rows, value);
    }

    pub(super) fn text(&mut self, column: usize, value: &[u8]) {
        self.columns[column].put_text(self.rows, value);
    }

    pub(super) fn text_unless_empty(&mut self, column: usize, value: &[u8]) {
        if !value.is_empty() {
            self.text(column, value);
        }
    }

    /// A 32-bit count, null for zero. Stored bit for bit: counts past `i32::MAX` read back as sent.
    pub(super) fn count(&mut self, column: usize, value: u32) {
        if value != 0 {
            self.int32(column, value.cast_signed());
        }
    }

    pub(super) fn flags(&mut self, flags: u32) {
        if flags != 0 {
            self.int(self.places.flags, i64::from(flags));
        }
    }

    /// The resource and scope of rows that follow each other.
    pub(super) fn origin(&mut self, rows: Range<usize>, resource: &ResourceText, scope: &ScopeText) {
        if rows.is_empty() {
            return;
        }
        self.promoted_resource(rows.clone(), resource);
        if let Some(json) = &resource.json {
            self.columns[self.places.resource].put_label(rows.clone(), json);
        }
        if let Some(json) = &scope.json {
            self.columns[self.places.scope].put_label(rows, json);
        }
    }

    pub(super) fn promoted_resource(&mut self, rows: Range<usize>, resource: &ResourceText) {
        if rows.is_empty() {
            return;
        }
        for (column, text) in &resource.promoted[self.table as usize] {
            self.columns[*column].put_label(rows.clone(), text);
        }
    }

    pub(super) fn attributes<A: Attribute>(&mut self, attributes: &[A], dropped: u32) {
        self.count(self.places.dropped_attributes, dropped);
        if attributes.is_empty() {
            return;
        }
        let slot = slot(attributes);
        let mut shape = std::mem::take(&mut self.shapes[slot]);
        if !shape.is_of(attributes) {
            shape.learn(self.table, attributes);
        }
        self.attributes_in(&shape, attributes);
        if shape.ends.len() <= SHAPE_KEYS_MAX && shape.keys.len() <= SHAPE_BYTES_MAX {
            self.shapes[slot] = shape;
        }
    }

    fn attributes_in<A: Attribute>(&mut self, shape: &RowKeys, attributes: &[A]) {
        let row = self.rows;
        self.exact.clear();
        let mut entries = 0;
        for step in &shape.steps {
            let attribute = &attributes[step.index];
            let value = attribute.value();
            if step.repeats {
                let mut message = Vec::new();
                let key = String::from_utf8_lossy(attribute.key());
                any_value::encode_key_value(&key, &value.to_value(), &mut message);
                exact::write(Record::Extra { message: &message }, &mut self.exact);
                continue;
            }
            if let Some((place, spelling)) = step.column {
                let column = &mut self.columns[place];
                if !column.is_set(row) && column.takes(value) {
                    column.put(row, value);
                    if spelling != 0 {
                        exact::write(Record::Spelling { column: place, spelling }, &mut self.exact);
                    }
                    continue;
                }
            }
            note_type(entries, value, &mut self.exact);
            self.columns[self.places.attributes].put_entry(attribute.key(), value);
            entries += 1;
        }
        if entries > 0 {
            self.columns[self.places.attributes].end_entries(row);
        }
        if !self.exact.is_empty() {
            self.columns[self.places.attributes_exact].put_text(row, &self.exact);
        }
    }

    pub(super) fn end_row(&mut self) {
        self.rows += 1;
    }

    pub(super) fn finish(mut self) -> RecordBatch {
        let rows = std::mem::take(&mut self.rows);
        let schema = self.table.schema();
        let mut fields: Vec<FieldRef> = Vec::new();
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for (field, data) in schema.fields().iter().zip(&mut self.columns) {
            // Every row fills the columns that are not nullable, so that one without values is of a table without rows.
            if !data.has_values() {
                continue;
            }
            fields.push(Arc::clone(field));
            arrays.push(data.finish(rows));
        }
        let mut spare = spare(self.table);
        if spare.len() < SPARE_MAX {
            spare.push(self);
        }
        drop(spare);
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
            .expect("every column was filled to the same length")
    }
}

fn spare(table: Table) -> MutexGuard<'static, Vec<TableBuilder>> {
    SPARE[table as usize].lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where rows with keys of these lengths and ends are remembered. Cheap, not fair: a wrong guess costs a sort.
fn slot<A: Attribute>(attributes: &[A]) -> usize {
    let mut hash = attributes.len() as u64;
    for attribute in attributes {
        let key = attribute.key();
        let mark = (key.len() as u64) << 8 | u64::from(key.last().copied().unwrap_or(0));
        hash = (hash ^ mark).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    (hash >> 32) as usize % SHAPES_MAX
}

impl RowKeys {
    fn is_of<A: Attribute>(&self, attributes: &[A]) -> bool {
        let mut start = 0;
        self.ends.len() == attributes.len()
            && self.ends.iter().zip(attributes).all(|(&end, attribute)| {
                let same = self.keys[start..end] == *attribute.key();
                start = end;
                same
            })
    }

    fn learn<A: Attribute>(&mut self, table: Table, attributes: &[A]) {
        self.keys.clear();
        self.ends.clear();
        for attribute in attributes {
            self.keys.extend_from_slice(attribute.key());
            self.ends.push(self.keys.len());
        }
        let mut order: Vec<usize> = (0..attributes.len()).collect();
        order.sort_by_key(|&index| attributes[index].key());
        let promoted = &NAMES[table as usize].attributes;
        self.steps.clear();
        let mut previous = None;
        for index in order {
            let key = attributes[index].key();
            let repeats = previous == Some(key);
            previous = Some(key);
            self.steps.push(AttributeStep { index, repeats, column: promoted.get(key).copied() });
        }
    }
}

fn note_type(entry: usize, value: ValueRef<'_>, exact: &mut Vec<u8>) {
    match value {
        ValueRef::Text(_) => {}
        ValueRef::Empty => exact::write(Record::Empty { entry }, exact),
        ValueRef::Int(_) => exact::write(Record::Int { entry }, exact),
        ValueRef::Bool(_) => exact::write(Record::Bool { entry }, exact),
        ValueRef::Double(value) => exact::write(Record::Double { entry, value }, exact),
        ValueRef::Other(value) => {
            let mut message = Vec::new();
            any_value::encode(value, &mut message);
            exact::write(Record::Value { entry, message: &message }, exact);
        }
    }
}
