//! A columnar batch: what decoders produce, the log stores, and queries read.
//!
//! Three Arrow record batches whose columns are those of [`crate::columns`], in that order. Batches are *sparse*: a
//! nullable column that would be null throughout is left out; [`conform`] puts it back where a full schema is needed.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow_schema::{Schema, SchemaRef};

use crate::columns::Table;

pub mod builder;
mod cells;
mod column;
mod encoding;
mod origin;
pub mod row;
pub mod rows;
mod table;

pub use builder::{BatchBuilder, Mark};
pub use encoding::encoded_as;
pub use origin::{ResourceText, ScopeText};

/// Spans, events and links that arrived together.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Rows of `spans`.
    pub spans: RecordBatch,
    /// Rows of `events`.
    pub events: RecordBatch,
    /// Rows of `links`.
    pub links: RecordBatch,
}

impl Batch {
    /// A batch without rows.
    pub fn empty() -> Self {
        let table = |_| RecordBatch::new_empty(Arc::new(Schema::empty()));
        let [spans, events, links] = Table::ALL.map(table);
        Self { spans, events, links }
    }

    /// The rows of `table`.
    pub fn table(&self, table: Table) -> &RecordBatch {
        match table {
            Table::Spans => &self.spans,
            Table::Events => &self.events,
            Table::Links => &self.links,
        }
    }

    /// Whether no table has a row.
    pub fn is_empty(&self) -> bool {
        Table::ALL.iter().all(|table| self.table(*table).num_rows() == 0)
    }

    /// Returns the bytes of the columns' buffers, those shared with other batches included.
    pub fn memory_size(&self) -> usize {
        Table::ALL.iter().map(|table| self.table(*table).get_array_memory_size()).sum()
    }
}

/// Fills a sparse batch of `table` up to `schema`: columns missing from it become null.
pub fn conform(sparse: &RecordBatch, schema: &SchemaRef) -> RecordBatch {
    if sparse.schema_ref() == schema {
        return sparse.clone();
    }
    let rows = sparse.num_rows();
    let column = |field: &Arc<arrow_schema::Field>| -> ArrayRef {
        sparse.column_by_name(field.name()).cloned().unwrap_or_else(|| new_null_array(field.data_type(), rows))
    };
    let columns = schema.fields().iter().map(column).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
        .expect("a sparse batch holds its table's columns, and every required one")
}
