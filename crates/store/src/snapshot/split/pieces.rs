//! The merged rows of split traces, in few sorted pieces. Beside the columns of `traces` they have the groups with spans
//! of the trace: a question about spans then asks these groups alone.

use std::sync::{Arc, LazyLock};

use arrow_array::builder::{ListBuilder, UInt64Builder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, Int32Array, ListArray, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use arrow_select::filter::filter_record_batch;
use kino_model::TraceId;
use kino_model::batch::encoded_as;

use super::merged::{Merged, Numbered};
use super::{Correction, NO_PIECE, Piece, SplitTrace, SplitTraces};
use crate::error::ScanError;
use kino_lake::columns::{ids, lists, trace_id_at};
use kino_lake::group::GroupId;
use kino_lake::rollup::OperationKey;
use kino_lake::trace_row::{self, by_start};

/// The column with the groups of a trace.
const GROUPS: &str = "groups";
/// Pieces beyond this number are joined into one: each costs a question a step.
const PIECES_MAX: usize = 8;

/// Adds to rows of `traces` the groups that have spans of each.
pub(super) fn with_groups<'a>(
    rows: &RecordBatch,
    groups: impl Iterator<Item = &'a [GroupId]>,
) -> Result<RecordBatch, ArrowError> {
    let mut lists = ListBuilder::new(UInt64Builder::new());
    for groups in groups {
        lists.append_value(groups.iter().map(|group| Some(group.0)));
    }
    let mut columns = rows.columns().to_vec();
    columns.push(Arc::new(lists.finish()));
    RecordBatch::try_new(schema(), columns)
}

fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let mut fields = trace_row::schema().fields().to_vec();
        let item = Arc::new(Field::new("item", DataType::UInt64, true));
        fields.push(Arc::new(Field::new(GROUPS, DataType::List(item), false)));
        Arc::new(Schema::new(fields))
    });
    Arc::clone(&SCHEMA)
}

/// The groups of each row's trace, by their numbers.
pub(in crate::snapshot) struct GroupLists<'a> {
    offsets: &'a [i32],
    groups: &'a [u64],
}

impl<'a> GroupLists<'a> {
    /// Those of a piece's rows.
    pub(in crate::snapshot) fn of(rows: &'a RecordBatch) -> Option<Self> {
        let lists = lists(rows, GROUPS)?;
        let groups = lists.values().as_primitive_opt::<UInt64Type>()?.values();
        Some(Self { offsets: lists.value_offsets(), groups })
    }

    /// Those of one row.
    pub(in crate::snapshot) fn at(&self, row: usize) -> &'a [u64] {
        &self.groups[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }
}

impl SplitTraces {
    /// Puts in what was merged, of which nothing must be here.
    pub(super) fn add(&mut self, merged: Merged) -> Result<(), ScanError> {
        let Merged { rows, keys, entries } = merged;
        let mut correction = Correction::default();
        let piece = self.pieces.len() as u32;
        for (id, mut entry) in entries {
            correction.add_entry(&entry);
            if entry.piece != NO_PIECE {
                entry.piece = piece;
            }
            self.entries.insert(id, entry);
        }
        self.correction.add(&correction);
        let rows = by_start(&concat_batches(&schema(), &rows)?)?;
        if rows.num_rows() > 0 {
            self.pieces.push(Arc::new(Piece { rows, keys: keys.keys }));
        }
        let rows: usize = self.pieces.iter().map(|piece| piece.rows.num_rows()).sum();
        if self.pieces.len() > PIECES_MAX || rows > 2 * self.entries.len() {
            self.join_pieces()?;
        }
        Ok(())
    }

    /// Makes one piece of all, without the rows that count no more.
    fn join_pieces(&mut self) -> Result<(), ArrowError> {
        let mut keys = Numbered::default();
        let mut parts = Vec::with_capacity(self.pieces.len());
        for (at, piece) in self.pieces.iter().enumerate() {
            let rows = filter_record_batch(&piece.rows, &self.live(at, &piece.rows))?;
            parts.push(repacked(&rows, &piece.keys, &mut keys)?);
        }
        let rows = by_start(&concat_batches(&schema(), &parts)?)?;
        self.pieces = if rows.num_rows() > 0 { vec![Arc::new(Piece { rows, keys: keys.keys })] } else { Vec::new() };
        for entry in self.entries.values_mut().filter(|entry| entry.piece != NO_PIECE) {
            entry.piece = 0;
        }
        Ok(())
    }

    fn live(&self, piece: usize, rows: &RecordBatch) -> BooleanArray {
        let ids = ids(rows, "trace_id");
        let is_live =
            |row| ids.and_then(|ids| trace_id_at(ids, row)).and_then(|id| self.entry_in(&id, piece)).is_some();
        (0..rows.num_rows()).map(|row| Some(is_live(row))).collect()
    }

    /// The entry of a trace whose row that counts is in this piece.
    pub(in crate::snapshot) fn entry_in(&self, id: &TraceId, piece: usize) -> Option<&SplitTrace> {
        self.entries.get(id).filter(|entry| entry.piece as usize == piece)
    }
}

/// Rows with operations numbered by `numbers`, and with dictionaries of what they hold alone: joined again and again,
/// they would grow for ever.
fn repacked(rows: &RecordBatch, keys: &[OperationKey], numbers: &mut Numbered) -> Result<RecordBatch, ArrowError> {
    let repack = |column: &ArrayRef| -> Result<ArrayRef, ArrowError> {
        match column.data_type() {
            declared @ DataType::Dictionary(..) => encoded_as(&encoded_as(column, &DataType::Utf8)?, declared),
            _ => Ok(Arc::clone(column)),
        }
    };
    let mut columns = rows.columns().iter().map(repack).collect::<Result<Vec<_>, _>>()?;
    if let Some((at, lists)) =
        rows.schema_ref().index_of("operations").ok().and_then(|at| Some((at, rows.column(at).as_list_opt::<i32>()?)))
        && let Some(ordinals) = lists.values().as_primitive_opt::<Int32Type>()
    {
        let mut known: Vec<Option<i32>> = vec![None; keys.len()];
        let mut number = |ordinal: i32| {
            let place = ordinal as usize;
            *known[place].get_or_insert_with(|| numbers.number(&keys[place]) as i32)
        };
        let ordinals: Int32Array = ordinals.values().iter().map(|ordinal| Some(number(*ordinal))).collect();
        let DataType::List(field) = lists.data_type() else { return Ok(rows.clone()) };
        columns[at] = Arc::new(ListArray::try_new(
            Arc::clone(field),
            lists.offsets().clone(),
            Arc::new(ordinals),
            lists.nulls().cloned(),
        )?);
    }
    RecordBatch::try_new(rows.schema(), columns)
}
