//! The bytes that a read needs of one row group, fetched together, and the rows decoded from them.
//!
//! The page index says beforehand which pages hold the picked rows, so that a row group costs one request to the
//! object store, and decoding needs no further IO: it can go on beside other work.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::{BooleanArray, RecordBatch};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection, RowSelectionPolicy,
};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ParquetMetaData;

use super::few::FewRows;
use super::files::Fault;
use super::pieces::Pieces;

/// Rows decoded at a time.
const BATCH_ROWS: usize = 16 * 1_024;
/// Bytes between two wanted ranges that are rather read along than asked around.
const GAP_BYTES_MAX: u64 = 8 << 10;
/// Decoding up to this many rows takes less than handing the work to another thread under load.
const INLINE_ROWS_MAX: usize = 2 * 1_024;

/// Which rows are read of one row group.
#[derive(Clone, Debug)]
pub(super) struct RowGroupRows {
    pub(super) group: usize,
    /// `None` for all its rows.
    pub(super) selection: Option<RowSelection>,
}

impl RowGroupRows {
    /// How many rows it asks for.
    pub(super) fn rows(&self, metadata: &ParquetMetaData) -> usize {
        let all = || metadata.row_group(self.group).num_rows() as usize;
        self.selection.as_ref().map_or_else(all, RowSelection::row_count)
    }

    /// Where the pages and dictionaries of these columns lie, sorted and joined.
    pub(super) fn ranges(&self, metadata: &ParquetMetaData, columns: &ProjectionMask) -> Vec<Range<u64>> {
        let mut ranges = Vec::new();
        for (leaf, chunk) in metadata.row_group(self.group).columns().iter().enumerate() {
            if !columns.leaf_included(leaf) {
                continue;
            }
            let (start, length) = chunk.byte_range();
            let pages = metadata.offset_index().and_then(|offsets| offsets.get(self.group)?.get(leaf));
            match (pages.map(|pages| pages.page_locations().as_slice()), &self.selection) {
                (Some(pages @ [first, ..]), Some(selection)) => {
                    let first = first.offset as u64;
                    ranges.extend((start < first).then_some(start..first));
                    ranges.extend(selection.scan_ranges(pages));
                }
                _ => ranges.push(start..start.saturating_add(length)),
            }
        }
        joined(ranges)
    }

    /// Decodes these columns of its rows.
    pub(super) fn decode(
        &self,
        pieces: &Pieces,
        metadata: &ArrowReaderMetadata,
        columns: &ProjectionMask,
    ) -> Result<Vec<RecordBatch>> {
        // Parquet makes room for a whole batch in each column.
        let batch_rows = self.rows(metadata.metadata()).clamp(1, BATCH_ROWS);
        if let Some(selection) = &self.selection
            && let Some(few) = FewRows::of(metadata.metadata(), self.group, pieces, selection)?
        {
            let schema = metadata.metadata().file_metadata().schema_descr();
            let levels = parquet_to_arrow_field_levels(schema, columns.clone(), Some(metadata.schema().fields()))?;
            let wanted = Some(few.selection());
            let reader = ParquetRecordBatchReader::try_new_with_row_groups(&levels, &few, batch_rows, wanted)?;
            return reader.map(|batch| batch.map_err(ParquetError::from)).collect();
        }
        let mut reader = ParquetRecordBatchReaderBuilder::new_with_metadata(pieces.clone(), metadata.clone())
            .with_row_groups(vec![self.group])
            .with_projection(columns.clone())
            .with_batch_size(batch_rows)
            // The other policy reads pages without a wanted row, which were not fetched.
            .with_row_selection_policy(RowSelectionPolicy::Selectors);
        if let Some(selection) = &self.selection {
            reader = reader.with_row_selection(selection.clone());
        }
        reader.build()?.map(|batch| batch.map_err(ParquetError::from)).collect()
    }

    /// Keeps the rows of its selection that are marked; `marks` has one entry for each.
    pub(super) fn refine(&mut self, marks: &[BooleanArray]) {
        let marked = RowSelection::from_filters(marks);
        self.selection = Some(self.selection.take().map_or_else(|| marked.clone(), |before| before.and_then(&marked)));
    }

    /// Whether any row is left.
    pub(super) fn is_empty(&self) -> bool {
        self.selection.as_ref().is_some_and(|selection| !selection.selects_any())
    }
}

/// Runs `decode` where it holds up nothing else: here if it is little, else on a thread for such work.
pub(super) async fn beside<T: Send + 'static>(
    rows: usize,
    decode: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    // A file without checksums may hold anything, and the decoder's own checks are not made for damage.
    let decode = move || catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| Err(Fault::Undecodable.into()));
    if rows <= INLINE_ROWS_MAX {
        return decode();
    }
    tokio::task::spawn_blocking(decode).await.map_err(|_| Fault::Stopping)?
}

fn joined(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_unstable_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(GAP_BYTES_MAX) => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_ranges_are_read_in_one() {
        let far = 100 + GAP_BYTES_MAX;
        assert_eq!(joined(vec![far..far + 1, 50..99, 0..60]), [0..99, far..far + 1]);
        assert_eq!(joined(vec![0..100, far..far + 5]), std::iter::once(0..far + 5).collect::<Vec<_>>());
    }
}
