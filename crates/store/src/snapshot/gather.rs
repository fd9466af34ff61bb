//! All rows of given traces, wherever they lie: read from every group that may hold them, picked from memory, put
//! together, repeats collapsed. What a trace holds is decided here and nowhere else.

use std::collections::{BTreeSet, HashSet};

use arrow_array::RecordBatch;
use futures::future::try_join_all;
use kino_model::columns::{Column, Table};
use kino_model::{Batch, TraceId};

use super::Snapshot;
use crate::error::ScanError;
use kino_lake::group::{Group, LakeTable};
use kino_lake::read::{Pick, Read};
use kino_lake::sort;

/// Traces whose rows are put together at a time, so that a long list does not stand in memory twice.
pub(super) const TRACES_AT_A_TIME: usize = 1_024;
/// What a row of a large trace takes while it is decoded and sorted: its columns twice, its key and its place.
const READING_ROW_BYTES: u64 = 256;

/// Rows of some traces, sorted and collapsed.
#[derive(Debug)]
pub(super) struct Parts {
    /// Those of `spans`, over all batches.
    pub(super) spans: Vec<RecordBatch>,
    pub(super) events: RecordBatch,
    pub(super) links: RecordBatch,
}

impl Snapshot {
    /// The rows of these traces from every source, sorted and collapsed.
    pub(crate) async fn gather(&self, trace_ids: &[TraceId], tables: &[Table]) -> Result<Batch, ScanError> {
        let sorted = self.shown(trace_ids);
        let _reserved = self.memory.reserve_part(self.reading_bytes(&sorted).await?).await?;
        let gather = async |table: Table| {
            let columns: Vec<&str> = table.columns().iter().map(|column| column.name).collect();
            let parts = self.parts_of(table, &sorted, &columns).await?;
            Ok::<_, ScanError>((table, together(table, parts)?))
        };
        let mut batch = Batch::empty();
        for (table, rows) in try_join_all(tables.iter().map(|table| gather(*table))).await? {
            match table {
                Table::Spans => batch.spans = rows,
                Table::Events => batch.events = rows,
                Table::Links => batch.links = rows,
            }
        }
        Ok(batch)
    }

    /// As [`Self::gather`], of all tables and the columns wanted alone; spans that lie in order stay in the batches in
    /// which they were read. What is left out must follow from what is not, or rows that differ would count as repeats.
    pub(super) async fn gather_parts(
        &self,
        trace_ids: &[TraceId],
        wanted: impl Fn(&Column) -> bool,
    ) -> Result<Parts, ScanError> {
        let sorted = self.shown(trace_ids);
        let _reserved = self.memory.reserve_part(self.reading_bytes(&sorted).await?).await?;
        let columns =
            Table::ALL.map(|table| table.columns().iter().filter(|column| wanted(column)).map(|column| column.name));
        let columns = columns.map(Iterator::collect::<Vec<&str>>);
        let parts = async |table: Table| self.parts_of(table, &sorted, &columns[table as usize]).await;
        let (spans, events, links) =
            futures::try_join!(parts(Table::Spans), parts(Table::Events), parts(Table::Links))?;
        Ok(Parts {
            spans: sort::sorted_parts(Table::Spans, spans)?,
            events: together(Table::Events, events)?,
            links: together(Table::Links, links)?,
        })
    }

    /// About how much memory the rows of these sorted traces take while they are decoded and put in order: of the large
    /// ones, which fill whole pages of their files. The others are small, and bounded by their number.
    async fn reading_bytes(&self, sorted: &[TraceId]) -> Result<u64, ScanError> {
        let mut rows = 0;
        for group in self.groups.iter() {
            let wanted_here: Vec<u128> =
                sorted.iter().filter(|id| group.may_hold(**id)).map(|id| u128::from_be_bytes(id.0)).collect();
            let Some(file) = group.file(LakeTable::Spans).filter(|_| !wanted_here.is_empty()) else { continue };
            let pages = self.reader.trace_pages(file).await?;
            let whole =
                pages.windows(2).filter(|pair| pair[0].0 == pair[1].0 && wanted_here.binary_search(&pair[0].0).is_ok());
            rows += whole.map(|pair| pair[0].1).sum::<u64>();
        }
        Ok(rows * READING_ROW_BYTES)
    }

    /// Which of these are not hidden, sorted.
    pub(super) fn shown(&self, trace_ids: &[TraceId]) -> Vec<TraceId> {
        let shown = trace_ids.iter().filter(|id| !self.hidden.contains(id)).copied();
        shown.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The rows of these sorted traces, those of each group and of each batch in memory that has any sorted and collapsed
    /// in themselves.
    async fn parts_of(
        &self,
        table: Table,
        sorted: &[TraceId],
        columns: &[&str],
    ) -> Result<Vec<RecordBatch>, ScanError> {
        let mut parts = self.columns_of_files(table, sorted, columns).await?;
        for part in self.parts_of_memory(table, sorted)? {
            let fields = part.schema_ref().fields().iter().enumerate();
            let wanted = fields.filter(|(_, field)| columns.contains(&field.name().as_str())).map(|(at, _)| at);
            parts.push(part.project(&wanted.collect::<Vec<_>>())?);
        }
        Ok(parts)
    }

    async fn columns_of_files(
        &self,
        table: Table,
        sorted: &[TraceId],
        columns: &[&str],
    ) -> Result<Vec<RecordBatch>, ScanError> {
        let reads = self.groups.iter().map(|group| self.part_of_group(group, table, sorted, columns));
        let parts = try_join_all(reads).await?.into_iter();
        Ok(parts.flatten().filter(|part| part.num_rows() > 0).collect())
    }

    /// The part of [`Self::parts_of`] that is in memory, of sorted ids, hidden or not.
    pub(super) fn parts_of_memory(&self, table: Table, sorted: &[TraceId]) -> Result<Vec<RecordBatch>, ScanError> {
        let picked = self.hot.iter().filter_map(|batch| batch.pick(table, sorted).transpose());
        Ok(picked.collect::<Result<_, _>>()?)
    }

    /// Those of these sorted traces that have rows in memory.
    pub(super) fn in_memory(&self, sorted: &[TraceId]) -> HashSet<TraceId> {
        self.hot.iter().flat_map(|batch| batch.present(sorted)).collect()
    }

    async fn part_of_group(
        &self,
        group: &Group,
        table: Table,
        wanted: &[TraceId],
        columns: &[&str],
    ) -> Result<Vec<RecordBatch>, ScanError> {
        let Some(file) = group.file(LakeTable::from(table)) else { return Ok(Vec::new()) };
        let wanted_here: Vec<TraceId> = wanted.iter().filter(|id| group.may_hold(**id)).copied().collect();
        if wanted_here.is_empty() {
            return Ok(Vec::new());
        }
        let read = Read { columns: Some(columns), pick: Pick::Traces(&wanted_here), ..Read::default() };
        self.read(file, read).await
    }
}

/// Parts of one table as one batch, sorted and collapsed.
fn together(table: Table, parts: Vec<RecordBatch>) -> Result<RecordBatch, ScanError> {
    let all = sort::gather(table, &parts.iter().collect::<Vec<_>>())?;
    drop(parts);
    Ok(sort::sort(table, &all)?)
}
