//! `sql`: the pinned snapshot that `kino-sql` queries.
//!
//! Traces that need merging (hot ones, those in several files, forgotten ones) the store merges; here their rows get
//! the shape that the files have, and the snapshot stays pinned for as long as the query may read its files.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use kino_model::batch::encoded_as;
use kino_store::LakeTable;
use kino_store::Reservation;
use kino_wire::Problem;
use kino_wire::admin::LakeFile;
use kino_wire::ask::Done;
use kino_wire::sql::{SqlReleaseQuestion, SqlRows, SqlSnapshot, SqlSnapshotQuestion};

use crate::error::OrProblem;
use crate::offload::offload;
use crate::{Engine, random_hex};

/// Hot rows that travel beside the files; more are written to the lake first.
const HOT_ROWS_MAX: u64 = 50_000;
/// Rows, the same as plain text, as a stream, in base64, and in the answer: the sum, as a multiple of their room.
const ENCODED_GROWTH: u64 = 6;

impl Engine {
    pub(crate) async fn sql_snapshot(&self, _: SqlSnapshotQuestion) -> Result<SqlSnapshot, Problem> {
        if self.inner.store.status().hot_rows > HOT_ROWS_MAX && self.read_only().is_none() {
            self.inner.store.flush().await.or_problem()?;
        }
        let snapshot = self.snapshot();
        let overlay = snapshot.overlay().await.or_problem()?;
        let bytes = (overlay.batch.memory_size() + overlay.traces.get_array_memory_size()) as u64;
        let grown = self.memory.grow(bytes * ENCODED_GROWTH).await;
        grown.or_problem()?;
        let pin = random_hex().or_problem()?;
        let files = snapshot.files_with_blocks().await.or_problem()?;
        let files = files.into_iter().filter(|file| file.meta.table != LakeTable::Rollups).map(|file| {
            let blocks = file.meta.blocks.bytes().map(|sums| BASE64.encode(sums));
            LakeFile { blocks, ..self.file(file) }
        });
        let files = files.collect();
        // What is pinned are files: it takes no memory once the answer is written.
        self.inner.pins.pin(&pin, snapshot.within(&Reservation::unbounded()))?;
        let encode = move || {
            let batch = &overlay.batch;
            let tables = [
                (LakeTable::Spans, &batch.spans),
                (LakeTable::Events, &batch.events),
                (LakeTable::Links, &batch.links),
                (LakeTable::Traces, &overlay.traces),
            ];
            let rows = tables.into_iter().map(|(table, rows)| encode(table, rows)).collect::<Result<_, _>>();
            let replaced: Vec<u8> = overlay.replaced.iter().flat_map(|id| id.0).collect();
            Ok::<_, ArrowError>((rows?, BASE64.encode(replaced)))
        };
        let encoded = offload(encode).await.or_problem()?;
        let (rows, replaced_traces) = encoded.or_problem()?;
        Ok(SqlSnapshot { schema: SqlSnapshot::SCHEMA.to_owned(), pin, files, replaced_traces, damage: None, rows })
    }

    pub(crate) async fn sql_release(&self, question: SqlReleaseQuestion) -> Result<Done, Problem> {
        let is_released = self.inner.pins.release(&question.pin);
        if question.damaged {
            self.inner.store.check_files().await.or_problem()?;
        }
        Ok(Done { count: u64::from(is_released) })
    }
}

/// Rows as the files have them: labels as plain text.
fn encode(table: LakeTable, rows: &RecordBatch) -> Result<SqlRows, ArrowError> {
    let plain = |field: &Arc<Field>| match field.data_type() {
        DataType::Dictionary(_, values) => Arc::new(field.as_ref().clone().with_data_type(values.as_ref().clone())),
        _ => Arc::clone(field),
    };
    let schema = Arc::new(Schema::new(rows.schema().fields().iter().map(plain).collect::<Fields>()));
    let cast = |(column, field): (&ArrayRef, &Arc<Field>)| encoded_as(column, field.data_type());
    let columns = rows.columns().iter().zip(schema.fields()).map(cast).collect::<Result<_, _>>()?;
    let rows = RecordBatch::try_new(Arc::clone(&schema), columns)?;
    let mut ipc = Vec::new();
    let mut writer = StreamWriter::try_new(&mut ipc, &schema)?;
    writer.write(&rows)?;
    writer.finish()?;
    drop(writer);
    Ok(SqlRows { table: table.name().to_owned(), ipc_base64: BASE64.encode(ipc) })
}
