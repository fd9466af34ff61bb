//! Rows of one table as they are to lie in a file: the batches they came in, and the order of the kept ones.
//!
//! Nothing is moved for it: what is wide is copied once, from where it came into the file's pages. Only the columns
//! that decide the order are put together, and the few that derived tables are made of.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow_schema::{ArrowError, Field, Schema};
use arrow_select::interleave::interleave;
use kino_model::TraceId;
use kino_model::columns::Table;

use super::sort;
use crate::scan::columns::{ids, trace_id_at};

/// The columns that decide order and identity, of whichever table has them.
const KEYS: [&str; 7] = ["trace_id", "span_id", "start_unix_nanos", "time_unix_nanos", "source", "ordinal", "revision"];

/// Where a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which batch.
    pub(crate) part: u32,
    /// Which row of it.
    pub(crate) row: u32,
}

/// Rows in a file's order.
#[derive(Debug)]
pub(crate) struct Rows {
    /// The batches; some lack columns that others have.
    pub(crate) parts: Vec<RecordBatch>,
    /// The kept rows, in order.
    pub(crate) places: Vec<Place>,
    /// The columns that decided the order, of all parts' rows one after another.
    keys: RecordBatch,
    /// The kept rows' places in `keys`, in order.
    order: Vec<u32>,
    /// Rows that were exact repeats.
    pub(crate) repeats: u64,
    /// Spans under an id that another, differing span has.
    pub(crate) duplicate_span_ids: u64,
    /// Spans replaced by a higher revision.
    pub(crate) superseded: u64,
}

impl Rows {
    /// Arranges the rows of `parts` and collapses repeats.
    pub(crate) fn arrange(table: Table, parts: Vec<RecordBatch>) -> Result<Self, ArrowError> {
        let parts: Vec<RecordBatch> = parts.into_iter().filter(|part| part.num_rows() > 0).collect();
        let keys = keys_of(table, &parts)?;
        let all: Vec<Place> = (0..).zip(&parts).flat_map(|(part, rows)| places_of(part, rows)).collect();
        let sorted = sort::order_by(table, &keys, |rows| {
            let places: Vec<Place> = rows.iter().map(|row| all[*row as usize]).collect();
            picked(&parts, &places, &table.schema().fields().iter().map(AsRef::as_ref).collect::<Vec<_>>())
        })?;
        let order = sorted.order;
        let places = order.iter().map(|row| all[*row as usize]).collect();
        let (repeats, duplicate_span_ids, superseded) = (sorted.repeats, sorted.duplicate_span_ids, sorted.superseded);
        Ok(Self { parts, places, keys, order, repeats, duplicate_span_ids, superseded })
    }

    /// The traces of the kept rows, each once for every time it begins.
    pub(crate) fn traces(&self) -> impl Iterator<Item = TraceId> + '_ {
        let ids = ids(&self.keys, "trace_id");
        let mut before = None;
        self.order.iter().filter_map(move |row| {
            let id = trace_id_at(ids?, *row as usize);
            let begins = id != before;
            before = id;
            id.filter(|_| begins)
        })
    }

    /// The times of the kept rows.
    pub(crate) fn times(&self, name: &str) -> impl Iterator<Item = i64> + '_ {
        let times = crate::scan::columns::int64(&self.keys, name);
        self.order.iter().filter_map(move |row| times.map(|times| times.value(*row as usize)))
    }

    /// Some columns of the kept rows, moved into their order.
    pub(crate) fn columns(&self, table: Table, names: &[&str]) -> Result<RecordBatch, ArrowError> {
        let schema = table.schema();
        let there = |name: &&&str| self.parts.iter().any(|part| part.column_by_name(name).is_some());
        let fields =
            names.iter().filter(there).map(|name| schema.field_with_name(name)).collect::<Result<Vec<_>, _>>()?;
        picked(&self.parts, &self.places, &fields)
    }
}

fn places_of(part: u32, rows: &RecordBatch) -> impl Iterator<Item = Place> {
    (0..rows.num_rows() as u32).map(move |row| Place { part, row })
}

fn keys_of(table: Table, parts: &[RecordBatch]) -> Result<RecordBatch, ArrowError> {
    let narrow = |part: &RecordBatch| {
        let of = part.schema_ref().fields().iter().enumerate();
        let wanted: Vec<usize> =
            of.filter(|(_, field)| KEYS.contains(&field.name().as_str())).map(|(at, _)| at).collect();
        part.project(&wanted)
    };
    let narrow = parts.iter().map(narrow).collect::<Result<Vec<_>, _>>()?;
    let fields: Vec<Field> = table
        .columns()
        .iter()
        .filter(|column| KEYS.contains(&column.name))
        .filter(|column| !column.nullable || narrow.iter().any(|part| part.column_by_name(column.name).is_some()))
        .map(kino_model::columns::Column::arrow)
        .collect();
    let columns = fields.iter().map(|field| {
        let pieces = pieces(&narrow, field)?;
        match pieces.as_slice() {
            [] => Ok(new_null_array(field.data_type(), 0)),
            [single] => Ok(Arc::clone(single)),
            several => arrow_select::concat::concat(&several.iter().map(AsRef::as_ref).collect::<Vec<_>>()),
        }
    });
    let columns = columns.collect::<Result<Vec<_>, ArrowError>>()?;
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

/// The rows at `places`, with these columns.
fn picked(parts: &[RecordBatch], places: &[Place], fields: &[&Field]) -> Result<RecordBatch, ArrowError> {
    let places: Vec<(usize, usize)> = places.iter().map(|place| (place.part as usize, place.row as usize)).collect();
    let columns = fields.iter().map(|field| {
        let pieces = pieces(parts, field)?;
        if pieces.is_empty() {
            return Ok(new_null_array(field.data_type(), 0));
        }
        interleave(&pieces.iter().map(AsRef::as_ref).collect::<Vec<_>>(), &places)
    });
    let columns = columns.collect::<Result<Vec<_>, ArrowError>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(places.len()));
    let schema = Schema::new(fields.iter().map(|field| (*field).clone()).collect::<Vec<_>>());
    RecordBatch::try_new_with_options(Arc::new(schema), columns, &options)
}

/// Each part's column, of the declared type.
fn pieces(parts: &[RecordBatch], field: &Field) -> Result<Vec<ArrayRef>, ArrowError> {
    let piece = |part: &RecordBatch| match part.column_by_name(field.name()) {
        Some(column) if column.data_type() == field.data_type() => Ok(Arc::clone(column)),
        Some(column) => arrow_cast::cast(column, field.data_type()),
        None => Ok(new_null_array(field.data_type(), part.num_rows())),
    };
    parts.iter().map(piece).collect()
}
