//! The merged rows of split traces, in few sorted pieces.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, BooleanArray, Int32Array, ListArray, RecordBatch};
use arrow_schema::{ArrowError, DataType};
use arrow_select::concat::concat_batches;
use arrow_select::filter::filter_record_batch;
use kino_model::TraceId;

use super::merge::{Merged, Numbered};
use super::{Correction, NO_PIECE, Piece, SplitTraces};
use crate::lake::by_start;
use crate::rollup::OperationKey;
use crate::scan::ScanError;
use crate::scan::columns::{ids, trace_id_at};
use crate::trace_row;

/// Pieces beyond this number are joined into one: each costs a question a step.
const PIECES_MAX: usize = 8;

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
        let rows = by_start(&concat_batches(&trace_row::schema(), &rows)?)?;
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
        let rows = by_start(&concat_batches(&trace_row::schema(), &parts)?)?;
        self.pieces = if rows.num_rows() > 0 { vec![Arc::new(Piece { rows, keys: keys.keys })] } else { Vec::new() };
        for entry in self.entries.values_mut().filter(|entry| entry.piece != NO_PIECE) {
            entry.piece = 0;
        }
        Ok(())
    }

    fn live(&self, piece: usize, rows: &RecordBatch) -> BooleanArray {
        let ids = ids(rows, "trace_id");
        let is_live = |row| ids.and_then(|ids| trace_id_at(ids, row)).is_some_and(|id| self.is_in(&id, piece));
        (0..rows.num_rows()).map(|row| Some(is_live(row))).collect()
    }

    /// Whether the row of this trace that counts is in this piece.
    pub(super) fn is_in(&self, id: &TraceId, piece: usize) -> bool {
        self.entries.get(id).is_some_and(|entry| entry.piece as usize == piece)
    }
}

/// Rows with operations numbered by `numbers`, and with dictionaries of what they hold alone: joined again and again,
/// they would grow for ever.
fn repacked(rows: &RecordBatch, keys: &[OperationKey], numbers: &mut Numbered) -> Result<RecordBatch, ArrowError> {
    let repack = |column: &ArrayRef| -> Result<ArrayRef, ArrowError> {
        match column.data_type() {
            declared @ DataType::Dictionary(..) => {
                arrow_cast::cast(&arrow_cast::cast(column, &DataType::Utf8)?, declared)
            }
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
