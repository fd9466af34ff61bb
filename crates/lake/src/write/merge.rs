//! Merges groups into one: slice by slice of the trace ids' range, so that memory is bounded whatever the inputs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::{Field, Schema};
use kino_model::TraceId;
use kino_model::columns::Table;

use super::{Arrival, Assembly, LakeError};
use crate::columns::{TextColumn, ids, trace_id_at};
use crate::group::{FlushSet, Group, LakeTable};
use crate::read::{LakeReader, Pick, Read, ReadError};
use crate::trace_row::TextLists;

/// Bytes of footers that a merge keeps: its own inputs', read once.
const FOOTER_BYTES: usize = 32 << 20;

/// Makes one group out of several, leaving out the traces that `keep` does not want; it is asked for the zero id
/// about rows outside any trace. `live` are the groups that readers see; the inputs may be among them. One slice holds
/// about `slice_rows` rows of all inputs; a trace is never cut, so that a larger one is a slice of its own.
///
/// # Errors
/// Where an input cannot be read or its columns are not those of its table.
pub async fn merge(
    lake: &LakeReader,
    inputs: &[Arc<Group>],
    live: &[Arc<Group>],
    slice_rows: u64,
    keep: impl Fn(TraceId) -> bool + Send + Sync + 'static,
) -> Result<FlushSet, LakeError> {
    let reader = &lake.apart(FOOTER_BYTES);
    let others: Vec<Arc<Group>> =
        live.iter().filter(|group| inputs.iter().all(|input| input.id != group.id)).cloned().collect();
    let arrival = Arrival {
        min: inputs.iter().map(|group| group.meta.arrival_min).min().unwrap_or_default(),
        max: inputs.iter().map(|group| group.meta.arrival_max).max().unwrap_or_default(),
    };
    let mut schemas = Vec::new();
    for table in Table::ALL {
        schemas.push(schema_of(reader, inputs, table).await?);
    }
    let schemas: [Arc<Schema>; 3] = schemas.try_into().expect("one schema a table");
    let mut assembly = Assembly::new(schemas);
    let bounds = slices(reader, inputs, slice_rows).await?;
    for (at, from) in bounds.iter().enumerate() {
        let pick = Pick::Between(*from, bounds.get(at + 1).copied());
        for table in Table::ALL {
            let mut parts = Vec::new();
            for group in inputs {
                let Some(file) = group.file(table.into()) else { continue };
                let read = Read { pick: pick.clone(), ..Read::default() };
                for rows in reader.read(file, read).await.map_err(of(group))? {
                    parts.push(filter_traces(&rows, &keep)?);
                }
            }
            assembly.add(table, parts)?;
        }
        assembly.end_slice();
    }
    assembly.finish(arrival, &others)
}

fn of(group: &Group) -> impl Fn(ReadError) -> LakeError {
    let group = group.id;
    move |source| LakeError::Input { group, source }
}

/// The traces of a group that name one of `runs`, sorted.
///
/// # Errors
/// Where the group's `traces` cannot be read.
pub async fn traces_of_runs(
    lake: &LakeReader,
    group: &Group,
    runs: &BTreeSet<String>,
) -> Result<Vec<TraceId>, LakeError> {
    let reader = lake.apart(FOOTER_BYTES);
    let Some(file) = group.file(LakeTable::Traces) else { return Ok(Vec::new()) };
    let columns = ["trace_id", "kino_run_id", "kino_run_ids"];
    let read = Read { columns: Some(&columns), ..Read::default() };
    let mut traces = Vec::new();
    for batch in reader.read(file, read).await.map_err(of(group))? {
        let Some(ids) = ids(&batch, "trace_id") else { continue };
        let (single, lists) = (TextColumn::of(&batch, "kino_run_id"), TextLists::of(&batch, "kino_run_ids"));
        let named = (0..batch.num_rows()).filter(|row| lists.any(*row, single, |run| runs.contains(run)));
        traces.extend(named.filter_map(|row| trace_id_at(ids, row)));
    }
    traces.sort_unstable();
    Ok(traces)
}

fn filter_traces(rows: &RecordBatch, keep: &impl Fn(TraceId) -> bool) -> Result<RecordBatch, LakeError> {
    let ids = ids(rows, "trace_id");
    let mark = |row| Some(keep(ids.and_then(|ids| trace_id_at(ids, row)).unwrap_or_default()));
    let mask: BooleanArray = (0..rows.num_rows()).map(mark).collect();
    if mask.true_count() == rows.num_rows() {
        return Ok(rows.clone());
    }
    Ok(arrow_select::filter::filter_record_batch(rows, &mask)?)
}

/// The columns that any input has, in the table's order.
async fn schema_of(reader: &LakeReader, inputs: &[Arc<Group>], table: Table) -> Result<Arc<Schema>, LakeError> {
    let mut present = Vec::new();
    for group in inputs {
        if let Some(file) = group.file(table.into()) {
            present.push(reader.schema(file).await.map_err(of(group))?);
        }
    }
    let some = |name: &str| present.iter().any(|schema| schema.index_of(name).is_ok());
    let fields: Vec<Field> = table
        .columns()
        .iter()
        .filter(|column| !present.is_empty() && (!column.nullable || some(column.name)))
        .map(kino_model::columns::Column::arrow)
        .collect();
    Ok(Arc::new(Schema::new(fields)))
}

/// The first trace id of each slice; the first slice begins at zero.
async fn slices(reader: &LakeReader, inputs: &[Arc<Group>], slice_rows: u64) -> Result<Vec<u128>, LakeError> {
    let mut pages: BTreeMap<u128, u64> = BTreeMap::new();
    for group in inputs {
        for table in [LakeTable::Spans, LakeTable::Events, LakeTable::Links] {
            let Some(file) = group.file(table) else { continue };
            for (first, rows) in reader.trace_pages(file).await.map_err(of(group))? {
                *pages.entry(first).or_default() += rows;
            }
        }
    }
    let mut bounds = vec![0];
    let mut rows = 0;
    for (first, more) in pages {
        if rows >= slice_rows && bounds.last() != Some(&first) {
            bounds.push(first);
            rows = 0;
        }
        rows += more;
    }
    Ok(bounds)
}
