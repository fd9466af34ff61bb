//! Marks rows that name no project with the one of the process that sent them.
//!
//! Only the column is filled: the resource stays exactly as sent, and so does what an export gives back.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, DictionaryArray, Int32Array, RecordBatch, RecordBatchOptions, StringArray};
use arrow_schema::{ArrowError, FieldRef, Schema};
use kino_model::Batch;
use kino_model::columns::Table;

/// The column that [`kino_model::names::PROJECT`] is promoted to.
const COLUMN: &str = "kino_project";

/// Fills the project in where a row names none.
pub(crate) fn mark(batch: Batch, project: &str) -> Result<Batch, ArrowError> {
    Ok(Batch {
        spans: mark_table(Table::Spans, &batch.spans, project)?,
        events: mark_table(Table::Events, &batch.events, project)?,
        links: batch.links,
    })
}

fn mark_table(table: Table, rows: &RecordBatch, project: &str) -> Result<RecordBatch, ArrowError> {
    let named = rows.column_by_name(COLUMN).and_then(|column| column.as_dictionary_opt::<Int32Type>());
    if rows.num_rows() == 0 || named.is_some_and(|named| named.null_count() == 0) {
        return Ok(rows.clone());
    }
    let filled: ArrayRef = if let Some(named) = named.and_then(DictionaryArray::downcast_dict::<StringArray>) {
        let text = |row: usize| {
            let key = named.is_valid(row).then(|| named.keys().value(row) as usize);
            key.map_or(project, |key| named.values().value(key))
        };
        Arc::new((0..rows.num_rows()).map(text).collect::<DictionaryArray<Int32Type>>())
    } else {
        // One text for all rows needs no look at each.
        let keys = Int32Array::from(vec![0; rows.num_rows()]);
        Arc::new(DictionaryArray::<Int32Type>::try_new(keys, Arc::new(StringArray::from(vec![project])))?)
    };
    // The columns keep their table's order.
    let place = |name: &str| table.column_index(name);
    let own = place(COLUMN).expect("the tables that are marked have the column");
    let (mut fields, mut columns): (Vec<FieldRef>, Vec<ArrayRef>) = (Vec::new(), Vec::new());
    let put = |fields: &mut Vec<FieldRef>, columns: &mut Vec<ArrayRef>| {
        fields.push(Arc::clone(&table.schema().fields()[own]));
        columns.push(Arc::clone(&filled));
    };
    let mut is_put = false;
    for (field, column) in rows.schema_ref().fields().iter().zip(rows.columns()) {
        if !is_put && place(field.name()).is_some_and(|place| place >= own) {
            put(&mut fields, &mut columns);
            is_put = true;
        }
        if field.name() != COLUMN {
            fields.push(Arc::clone(field));
            columns.push(Arc::clone(column));
        }
    }
    if !is_put {
        put(&mut fields, &mut columns);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
}

#[cfg(test)]
mod tests {
    use kino_model::{Resource, Span, Value, names};

    use super::*;

    fn span(project: Option<&str>) -> Span {
        let attributes = project.map(|project| (names::PROJECT.into(), Value::from(project))).into_iter().collect();
        Span { resource: Arc::new(Resource { attributes, ..Resource::default() }), ..Span::default() }
    }

    fn projects(batch: &Batch) -> Vec<String> {
        let column = batch.spans.column_by_name(COLUMN).unwrap().as_dictionary::<Int32Type>();
        let column = column.downcast_dict::<arrow_array::StringArray>().unwrap();
        (0..batch.spans.num_rows())
            .map(|row| column.values().value(column.keys().value(row) as usize).to_owned())
            .collect()
    }

    #[test]
    fn rows_without_a_project_get_the_senders_and_the_others_keep_their_own() {
        let mixed = Batch::from_rows(&[span(None), span(Some("/own"))], &[]);
        assert_eq!(projects(&mark(mixed, "/sender").unwrap()), ["/sender", "/own"]);
        let none = Batch::from_rows(&[span(None)], &[]);
        let marked = mark(none.clone(), "/sender").unwrap();
        assert_eq!(projects(&marked), ["/sender"]);
        assert_eq!(kino_model::batch::rows::spans(&marked), kino_model::batch::rows::spans(&none));
    }

    #[test]
    fn nothing_stays_nothing() {
        assert_eq!(mark(Batch::empty(), "/sender").unwrap(), Batch::empty());
    }
}
