//! Gathers rows of one table, sorts them as the lake keeps them, and collapses what came twice.
//!
//! ```text
//!  spans   by trace, start, span      one row a (trace, span): the highest revision; differing rows of it all stay
//!  events  by trace, time, span       one row a (trace, time, span, source, ordinal, content); outside any trace last
//!  links   by trace, span, ordinal    one row a (trace, span, ordinal, content)
//! ```

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, FixedSizeBinaryArray, Int8Array, Int32Array, Int64Array, RecordBatch, RecordBatchOptions,
    UInt32Array,
};
use arrow_row::{RowConverter, SortField};
use arrow_schema::{ArrowError, Field, Schema};
use arrow_select::concat::concat_batches;
use arrow_select::take::take;
use kino_model::batch::{conform, encoded_as};
use kino_model::columns::Table;

use crate::columns::{ids, int8, int32, int64};

/// Where a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowAddress {
    /// Which batch.
    pub part: u32,
    /// Which row of it.
    pub row: u32,
}

/// Puts batches of one table together, keeping the columns that any of them has, in the table's order and types.
///
/// # Errors
/// Where a column is not of its table's type.
pub fn gather(table: Table, batches: &[&RecordBatch]) -> Result<RecordBatch, ArrowError> {
    let filled: Vec<&RecordBatch> = batches.iter().copied().filter(|batch| batch.num_rows() > 0).collect();
    let schema = gathered_schema(table, batches);
    let conformed: Vec<RecordBatch> = filled
        .iter()
        .map(|batch| Ok(conform(&as_declared(batch, &schema)?, &schema)))
        .collect::<Result<_, ArrowError>>()?;
    match conformed.as_slice() {
        [single] => Ok(single.clone()),
        several => concat_batches(&schema, several),
    }
}

/// The columns that [`gather`] gives.
pub(crate) fn gathered_schema(table: Table, batches: &[&RecordBatch]) -> Arc<Schema> {
    let filled: Vec<&RecordBatch> = batches.iter().copied().filter(|batch| batch.num_rows() > 0).collect();
    let some = |batch: &RecordBatch, name: &str| {
        batch.column_by_name(name).is_some_and(|column| column.null_count() < column.len())
    };
    let present = |name: &str| filled.iter().any(|batch| some(batch, name));
    let fields: Vec<Field> = table
        .columns()
        .iter()
        .filter(|column| !filled.is_empty() && (!column.nullable || present(column.name)))
        .map(kino_model::columns::Column::arrow)
        .collect();
    Arc::new(Schema::new(fields))
}

/// Casts columns that a file holds in another encoding (plain text for labels) to the declared one.
pub(crate) fn as_declared(batch: &RecordBatch, schema: &Schema) -> Result<RecordBatch, ArrowError> {
    let same = |field: &Arc<Field>| schema.field_with_name(field.name()).is_ok_and(|wanted| **field == *wanted);
    if batch.schema_ref().fields().iter().all(same) {
        return Ok(batch.clone());
    }
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        let Ok(wanted) = schema.field_with_name(field.name()) else { continue };
        fields.push(wanted.clone());
        columns.push(encoded_as(column, wanted.data_type())?);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
}

/// Sorts gathered rows and collapses repeats.
///
/// # Errors
/// Where a column is not of its table's type.
pub fn sort(table: Table, rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let order: Vec<u32> = order(table, rows)?.places.into_iter().map(|place| place.row).collect();
    if order.len() == rows.num_rows() && order.is_sorted() {
        return Ok(rows.clone());
    }
    take_rows(rows, &UInt32Array::from(order))
}

/// Sorts the rows of several batches and collapses repeats. Batches that are in order as they follow each other stay
/// as they are, so that what is made of one can be made without the others.
///
/// # Errors
/// Where a column is not of its table's type.
pub fn sorted_parts(table: Table, mut parts: Vec<RecordBatch>) -> Result<Vec<RecordBatch>, ArrowError> {
    declares_required(table, &parts)?;
    parts.retain(|part| part.num_rows() > 0);
    parts.sort_by_cached_key(|part| PartKeys::of(table, part).key(0));
    let keys = Keys { table, parts: parts.iter().map(|part| PartKeys::of(table, part)).collect() };
    if keys.is_settled() {
        return Ok(parts);
    }
    let together = gather(table, &parts.iter().collect::<Vec<_>>())?;
    drop(parts);
    Ok(vec![sort(table, &together)?])
}

/// Finds the order without moving the rows.
///
/// # Errors
/// Where a column is not of its table's type.
pub fn order(table: Table, rows: &RecordBatch) -> Result<Order, ArrowError> {
    let whole = |places: &[RowAddress]| take_rows(rows, &places.iter().map(|place| place.row).collect());
    order_of(table, std::slice::from_ref(rows), whole)
}

/// The rows to write, in order, and counts of the others.
#[derive(Debug, Default)]
pub struct Order {
    /// The places of the rows to write, in order.
    pub places: Vec<RowAddress>,
    /// Rows that were exact repeats.
    pub repeats: u64,
    /// Spans under an id that another, differing span has.
    pub duplicate_span_ids: u64,
    /// Spans replaced by a higher revision.
    pub superseded: u64,
}

/// As [`order`], of the rows of several batches; `whole` gives those at some places, whose content must be compared.
pub(crate) fn order_of(
    table: Table,
    parts: &[RecordBatch],
    whole: impl Fn(&[RowAddress]) -> Result<RecordBatch, ArrowError>,
) -> Result<Order, ArrowError> {
    declares_required(table, parts)?;
    let keys = Keys { table, parts: parts.iter().map(|part| PartKeys::of(table, part)).collect() };
    let places = keys.order();
    let mut order = Order::default();
    let mut dropped = HashSet::new();
    let groups = keys.same(&places);
    if !groups.is_empty() {
        let candidates: Vec<RowAddress> = groups.iter().flatten().copied().collect();
        let contents = contents(table, &whole(&candidates)?)?;
        let mut at = 0;
        for group in &groups {
            let content = &contents[at..at + group.len()];
            at += group.len();
            let newest = group.iter().map(|place| keys.revision(*place)).max().unwrap_or_default();
            let mut seen = HashSet::new();
            for (place, bytes) in group.iter().zip(content) {
                if keys.revision(*place) < newest {
                    order.superseded += 1;
                    dropped.insert(*place);
                } else if !seen.insert(bytes.as_slice()) {
                    order.repeats += 1;
                    dropped.insert(*place);
                }
            }
            if table == Table::Spans {
                order.duplicate_span_ids += seen.len() as u64 - 1;
            }
        }
    }
    order.places = places;
    if !dropped.is_empty() {
        order.places.retain(|place| !dropped.contains(place));
    }
    Ok(order)
}

/// Fails where a batch with rows lacks a column that its table requires.
fn declares_required(table: Table, parts: &[RecordBatch]) -> Result<(), ArrowError> {
    for part in parts.iter().filter(|part| part.num_rows() > 0) {
        for column in table.columns().iter().filter(|column| !column.nullable) {
            part.schema_ref().field_with_name(column.name)?;
        }
    }
    Ok(())
}

/// The rows at the given places, in that order.
///
/// # Errors
/// Where a place is beyond the rows.
pub fn take_rows(rows: &RecordBatch, places: &UInt32Array) -> Result<RecordBatch, ArrowError> {
    let columns = rows.columns().iter().map(|column| take(column, places, None)).collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(places.len()));
    RecordBatch::try_new_with_options(rows.schema(), columns, &options)
}

/// Each row's whole content as comparable bytes, whatever columns the batch happens to lack.
fn contents(table: Table, rows: &RecordBatch) -> Result<Vec<Vec<u8>>, ArrowError> {
    let picked = conform(rows, &table.schema());
    let fields = picked.schema_ref().fields().iter().map(|field| SortField::new(field.data_type().clone())).collect();
    let converted = RowConverter::new(fields)?.convert_columns(picked.columns())?;
    Ok(converted.iter().map(|row| row.as_ref().to_vec()).collect())
}

/// A row's place in the order: outside any trace, trace, time, span, then source and ordinal.
type SortKey = (bool, u128, i64, u64, i64);

/// The columns that decide the order and the identity of rows.
struct Keys<'a> {
    table: Table,
    parts: Vec<PartKeys<'a>>,
}

/// Those of one batch.
struct PartKeys<'a> {
    rows: usize,
    traces: Option<&'a FixedSizeBinaryArray>,
    spans: Option<&'a FixedSizeBinaryArray>,
    times: Option<&'a Int64Array>,
    ordinals: Option<&'a Int32Array>,
    sources: Option<&'a Int8Array>,
    revisions: Option<&'a Int32Array>,
}

impl<'a> PartKeys<'a> {
    fn of(table: Table, rows: &'a RecordBatch) -> Self {
        let time = if table == Table::Spans { "start_unix_nanos" } else { "time_unix_nanos" };
        Self {
            rows: rows.num_rows(),
            traces: ids(rows, "trace_id"),
            spans: ids(rows, "span_id"),
            times: int64(rows, time),
            ordinals: int32(rows, "ordinal"),
            sources: int8(rows, "source"),
            revisions: int32(rows, "revision"),
        }
    }

    fn trace(&self, row: u32) -> Option<u128> {
        let row = row as usize;
        let ids = self.traces.filter(|ids| ids.is_valid(row))?;
        ids.value(row).try_into().map(u128::from_be_bytes).ok()
    }

    fn span(&self, row: u32) -> u64 {
        let row = row as usize;
        let ids = self.spans.filter(|ids| ids.is_valid(row));
        ids.and_then(|ids| ids.value(row).try_into().ok()).map_or(0, u64::from_be_bytes)
    }

    fn key(&self, row: u32) -> SortKey {
        let at = row as usize;
        let ordinal =
            self.ordinals.filter(|column| column.is_valid(at)).map_or(-1, |column| i64::from(column.value(at)));
        let source = self.sources.map_or(0, |column| i64::from(column.value(at)));
        let trace = self.trace(row);
        let time = self.times.map_or(0, |times| times.value(at));
        (trace.is_none(), trace.unwrap_or_default(), time, self.span(row), source << 40 | (ordinal + 1))
    }
}

impl Keys<'_> {
    fn trace(&self, place: RowAddress) -> Option<u128> {
        self.parts[place.part as usize].trace(place.row)
    }

    fn key(&self, place: RowAddress) -> SortKey {
        self.parts[place.part as usize].key(place.row)
    }

    fn revision(&self, place: RowAddress) -> i32 {
        let row = place.row as usize;
        let revisions = self.parts[place.part as usize].revisions.filter(|revisions| revisions.is_valid(row));
        revisions.map_or(0, |revisions| revisions.value(row))
    }

    /// The places of all rows as they came.
    fn places(&self) -> impl Iterator<Item = RowAddress> {
        (0..).zip(&self.parts).flat_map(|(part, keys)| (0..keys.rows as u32).map(move |row| RowAddress { part, row }))
    }

    fn is_sorted(&self) -> bool {
        self.places().map(|place| self.key(place)).is_sorted()
    }

    /// Whether all rows are in order as they came, and none has the identity of another.
    fn is_settled(&self) -> bool {
        self.is_sorted() && self.same(&self.places().collect::<Vec<_>>()).is_empty()
    }

    /// All rows in order; equal keys keep the order in which they came.
    fn order(&self) -> Vec<RowAddress> {
        if self.is_sorted() {
            // Rows of one file are in order already, and mostly those of files that follow each other.
            return self.places().collect();
        }
        // Half of the trace and the place in one number: they are compared at one go.
        let pack = |prefix: u64, place: RowAddress| {
            u128::from(prefix) << 64 | u128::from(place.part) << 32 | u128::from(place.row)
        };
        let place_of = |entry: u128| RowAddress { part: (entry >> 32) as u32, row: entry as u32 };
        let mut entries: Vec<u128> = Vec::with_capacity(self.parts.iter().map(|part| part.rows).sum());
        for (part, keys) in (0..).zip(&self.parts) {
            let prefix = |row| keys.trace(row).map_or(u64::MAX, |trace| (trace >> 64) as u64);
            entries.extend((0..keys.rows as u32).map(|row| pack(prefix(row), RowAddress { part, row })));
        }
        entries.sort_unstable();
        let mut order = Vec::with_capacity(entries.len());
        let mut keyed: Vec<(SortKey, RowAddress)> = Vec::new();
        for run in entries.chunk_by(|left, right| left >> 64 == right >> 64) {
            keyed.clear();
            keyed.extend(run.iter().map(|entry| (self.key(place_of(*entry)), place_of(*entry))));
            keyed.sort_unstable();
            order.extend(keyed.iter().map(|(_, place)| *place));
        }
        order
    }

    /// Groups of two and more rows in this order with the same identity.
    fn same(&self, order: &[RowAddress]) -> Vec<Vec<RowAddress>> {
        if self.table == Table::Spans { self.same_span(order) } else { self.same_key(order) }
    }

    /// Groups of two and more rows with the same key.
    fn same_key(&self, order: &[RowAddress]) -> Vec<Vec<RowAddress>> {
        let runs = order.chunk_by(|left, right| self.key(*left) == self.key(*right));
        runs.filter(|run| run.len() > 1).map(<[RowAddress]>::to_vec).collect()
    }

    /// Groups of two and more spans of one trace with the same id.
    fn same_span(&self, order: &[RowAddress]) -> Vec<Vec<RowAddress>> {
        debug_assert_eq!(self.table, Table::Spans);
        let mut groups = Vec::new();
        let mut spans: Vec<(u64, u32)> = Vec::new();
        for run in order.chunk_by(|left, right| self.trace(*left) == self.trace(*right)) {
            spans.clear();
            let span = |place: &RowAddress| self.parts[place.part as usize].span(place.row);
            spans.extend(run.iter().zip(0..).map(|(place, at)| (span(place), at)));
            spans.sort_unstable();
            let same = spans.chunk_by(|left, right| left.0 == right.0).filter(|same| same.len() > 1);
            groups.extend(same.map(|same| same.iter().map(|(_, at)| run[*at as usize]).collect()));
        }
        groups
    }
}
