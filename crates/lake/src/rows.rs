//! Rows of one table in the order of a file: the batches that they arrived in, and the places of the rows to write.
//!
//! Arranging moves no values: they are copied once, from their batch into the file's pages.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow_schema::{ArrowError, Field, Schema};
use arrow_select::interleave::interleave;
use kino_model::TraceId;
use kino_model::batch::encoded_as;
use kino_model::columns::Table;

use crate::columns::{ids, int64, trace_id_at};
use crate::sort::{self, RowAddress};

/// The number of a row that is not written.
pub const UNMAPPED: u32 = u32::MAX;

/// Rows in a file's order.
#[derive(Debug)]
pub struct Rows {
    /// The batches; some lack columns that others have.
    pub parts: Vec<RecordBatch>,
    /// The rows to write, in order.
    pub places: Vec<RowAddress>,
    /// Rows that were exact repeats.
    pub repeats: u64,
    /// Spans under an id that another, differing span has.
    pub duplicate_span_ids: u64,
    /// Spans replaced by a higher revision.
    pub superseded: u64,
}

impl Rows {
    /// Arranges the rows of `parts` and collapses repeats.
    ///
    /// # Errors
    /// Where a column is not of its table's type.
    pub fn arrange(table: Table, parts: Vec<RecordBatch>) -> Result<Self, ArrowError> {
        let parts: Vec<RecordBatch> = parts.into_iter().filter(|part| part.num_rows() > 0).collect();
        let sorted = sort::order_of(table, &parts, |places| {
            picked(&parts, places, &table.schema().fields().iter().map(AsRef::as_ref).collect::<Vec<_>>())
        })?;
        let sort::Order { places, repeats, duplicate_span_ids, superseded } = sorted;
        Ok(Self { parts, places, repeats, duplicate_span_ids, superseded })
    }

    /// The traces of the arranged rows: one per run of rows of the same trace.
    pub fn traces(&self) -> impl Iterator<Item = TraceId> + '_ {
        let mut before = None;
        self.trace_ids().filter_map(move |id| {
            let begins = id != before;
            before = id;
            id.filter(|_| begins)
        })
    }

    /// Returns for each row of each part the number of its trace, counted in the order of the arranged rows, or
    /// [`UNMAPPED`]; and how many traces there are.
    pub fn trace_numbers(&self) -> (Vec<Vec<u32>>, usize) {
        let mut numbers: Vec<Vec<u32>> = self.parts.iter().map(|part| vec![UNMAPPED; part.num_rows()]).collect();
        let (mut before, mut traces) = (None, 0);
        for (place, id) in self.places.iter().zip(self.trace_ids()) {
            if before != Some(id) {
                before = Some(id);
                traces += 1;
            }
            numbers[place.part as usize][place.row as usize] = traces as u32 - 1;
        }
        (numbers, traces)
    }

    fn trace_ids(&self) -> impl Iterator<Item = Option<TraceId>> + '_ {
        let ids: Vec<_> = self.parts.iter().map(|part| ids(part, "trace_id")).collect();
        self.places.iter().map(move |place| trace_id_at(ids[place.part as usize]?, place.row as usize))
    }

    /// The times of the arranged rows.
    pub fn times(&self, name: &str) -> impl Iterator<Item = i64> + '_ {
        let times: Vec<_> = self.parts.iter().map(|part| int64(part, name)).collect();
        self.places
            .iter()
            .filter_map(move |place| times[place.part as usize].map(|part| part.value(place.row as usize)))
    }

    /// Some columns of the arranged rows, in order.
    #[cfg(test)]
    pub(crate) fn columns(&self, table: Table, names: &[&str]) -> Result<RecordBatch, ArrowError> {
        let schema = table.schema();
        let there = |name: &&&str| self.parts.iter().any(|part| part.column_by_name(name).is_some());
        let fields =
            names.iter().filter(there).map(|name| schema.field_with_name(name)).collect::<Result<Vec<_>, _>>()?;
        picked(&self.parts, &self.places, &fields)
    }
}

/// The rows at `places`, with these columns.
fn picked(parts: &[RecordBatch], places: &[RowAddress], fields: &[&Field]) -> Result<RecordBatch, ArrowError> {
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
        Some(column) => encoded_as(column, field.data_type()),
        None => Ok(new_null_array(field.data_type(), part.num_rows())),
    };
    parts.iter().map(piece).collect()
}
