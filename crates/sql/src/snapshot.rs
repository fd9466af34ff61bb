//! Reads the engine's snapshot: the files, the rows beside them, and the traces whose rows in files do not count.

use std::collections::{BTreeMap, HashSet};
use std::io::{Cursor, Read as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_schema::SchemaRef;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kino_model::TraceId;
use kino_wire::Damage;
use kino_wire::sql::SqlSnapshot;

use crate::lake::Lake;

/// The tables a query may name.
pub(crate) const TABLES: [&str; 4] = ["spans", "events", "links", "traces"];

/// A snapshot, decoded.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// By name.
    pub tables: BTreeMap<String, TableSnapshot>,
    /// Traces whose rows in files do not count.
    pub replaced_traces: HashSet<[u8; 16]>,
    /// Reads the files.
    pub lake: Arc<Lake>,
    /// What is left out because it cannot be read, if anything.
    pub damage: Option<Damage>,
}

/// One table: files, and rows besides.
#[derive(Debug)]
pub(crate) struct TableSnapshot {
    /// The table's schema, as its files have it.
    pub schema: SchemaRef,
    /// URLs of Parquet files.
    pub files: Vec<String>,
    /// Rows besides the files'.
    pub rows: Vec<RecordBatch>,
}

/// Reads and decodes the file at `path`; `-` is standard input.
pub(crate) fn read(path: &Path) -> anyhow::Result<Snapshot> {
    let mut text = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut text).map(|_| ())
    } else {
        std::fs::read(path).map(|file| text = file)
    };
    read.with_context(|| format!("failed to read the snapshot {}", path.display()))?;
    let wire: SqlSnapshot = serde_json::from_slice(&text).context(
        "failed to read the snapshot: kino and kino-sql may be of different versions; build both from one checkout",
    )?;
    decode(&wire)
}

/// Decodes what the engine sent.
pub(crate) fn decode(wire: &SqlSnapshot) -> anyhow::Result<Snapshot> {
    if wire.schema != SqlSnapshot::SCHEMA {
        bail!(
            "the snapshot is {:?}, this kino-sql reads kino.sql_snapshot.v1: build both from one checkout",
            wire.schema
        );
    }
    let mut tables = BTreeMap::new();
    for rows in &wire.rows {
        let bytes = STANDARD.decode(&rows.ipc_base64).context("the snapshot's rows are not base64")?;
        let reader =
            StreamReader::try_new(Cursor::new(bytes), None).context("the snapshot's rows are not Arrow IPC")?;
        let schema = reader.schema();
        let rows_read = reader.collect::<Result<Vec<_>, _>>().context("the snapshot's rows are damaged")?;
        tables.insert(rows.table.clone(), TableSnapshot { schema, files: Vec::new(), rows: rows_read });
    }
    for name in TABLES {
        ensure!(
            tables.contains_key(name),
            "the snapshot lacks the table {name}: build kino and kino-sql from one checkout"
        );
    }
    for file in &wire.files {
        if let Some(table) = tables.get_mut(&file.table) {
            table.files.push(file.url.clone());
        }
    }
    let ids = STANDARD.decode(&wire.replaced_traces).context("the snapshot's trace ids are not base64")?;
    ensure!(ids.len() % TraceId::LEN == 0, "the snapshot's trace ids are cut short");
    let replaced_traces = ids.chunks_exact(TraceId::LEN).filter_map(|id| id.try_into().ok()).collect();
    let lake = Arc::new(Lake::of(&wire.files)?);
    Ok(Snapshot { tables, replaced_traces, lake, damage: wire.damage })
}
