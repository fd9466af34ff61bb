//! A few rows of one row group: the pages that hold them, and one decompressor for all columns.
//!
//! Parquet's own way into a row group makes a compressor and a decompressor for each column, and copies the places of
//! all its pages. A trace is one page out of a thousand in each of some sixty columns: that was a third of the work of
//! reading it. Here columns share a decompressor, and a run of pages without a wanted row counts as one page.

use std::io::Cursor;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::arrow::arrow_reader::{RowGroups, RowSelection, RowSelector};
use parquet::basic::Compression;
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::serialized_reader::SerializedPageReader;
use zstd::bulk::Decompressor;
use zstd::zstd_safe::get_frame_content_size;

use super::pieces::Pieces;

/// If selected and skipped rows alternate more often than this, Parquet reads all rows between and filters them, which
/// needs pages that were not fetched.
const ROWS_A_TURN_MIN: usize = 32;

/// A row group of which a few rows are read.
pub(super) struct FewRows<'a> {
    metadata: &'a ParquetMetaData,
    group: usize,
    pieces: Arc<Pieces>,
    runs: Vec<Range<usize>>,
    zstd: Arc<Mutex<Decompressor<'static>>>,
}

impl<'a> FewRows<'a> {
    /// `None` where the file says nothing of its pages, or the rows are too scattered.
    pub(super) fn of(
        metadata: &'a ParquetMetaData,
        group: usize,
        pieces: &Pieces,
        selection: &RowSelection,
    ) -> Result<Option<Self>> {
        let runs = runs(selection);
        let rows = metadata.row_group(group).num_rows() as usize;
        let leaves = metadata.row_group(group).num_columns();
        let known = metadata.offset_index().and_then(|offsets| offsets.get(group));
        let known = known.is_some_and(|leaf| leaf.len() == leaves);
        // A turn for each run and for each gap around it.
        let turns = 2 * runs.len() + 1;
        let reach = runs.last().map_or(0, |run| run.end).min(rows);
        if !known || reach < turns * ROWS_A_TURN_MIN {
            return Ok(None);
        }
        let zstd = Arc::new(Mutex::new(Decompressor::new()?));
        Ok(Some(Self { metadata, group, pieces: Arc::new(pieces.clone()), runs, zstd }))
    }

    /// What to read of it: runs and gaps in turn, each gap in one.
    pub(super) fn selection(&self) -> RowSelection {
        RowSelection::from_consecutive_ranges(self.runs.iter().cloned(), RowGroups::num_rows(self))
    }

    fn column(&self, leaf: usize) -> Result<ColumnPages> {
        let chunk = self.metadata.row_group(self.group).column(leaf);
        let pages = self.metadata.offset_index().and_then(|offsets| offsets.get(self.group)?.get(leaf));
        let pages = pages.map(|pages| pages.page_locations().as_slice()).unwrap_or_default();
        let is_zstd = matches!(chunk.compression(), Compression::ZSTD(_));
        // With metadata that says "uncompressed", Parquet returns the pages as they are.
        let plain = if is_zstd { Some(uncompressed(chunk)?) } else { None };
        let pages = SerializedPageReader::new(
            Arc::clone(&self.pieces),
            plain.as_ref().unwrap_or(chunk),
            RowGroups::num_rows(self),
            Some(places(pages, &self.runs)),
        )?;
        Ok(ColumnPages { pages, zstd: is_zstd.then(|| Arc::clone(&self.zstd)) })
    }
}

impl RowGroups for FewRows<'_> {
    fn num_rows(&self) -> usize {
        self.metadata.row_group(self.group).num_rows() as usize
    }

    fn column_chunks(&self, leaf: usize) -> Result<Box<dyn PageIterator>> {
        Ok(Box::new(One(Some(self.column(leaf)?))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(std::iter::once(self.metadata.row_group(self.group)))
    }

    fn metadata(&self) -> &ParquetMetaData {
        self.metadata
    }
}

/// The wanted rows, run by run.
fn runs(selection: &RowSelection) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    let mut row = 0;
    let selectors: Vec<RowSelector> = selection.clone().into();
    for selector in selectors {
        let end = row + selector.row_count;
        match runs.last_mut() {
            _ if selector.skip || selector.row_count == 0 => {}
            Some(last) if last.end == row => last.end = end,
            _ => runs.push(row..end),
        }
        row = end;
    }
    runs
}

/// The pages with rows of these runs, and one for each run of pages without.
fn places(pages: &[PageLocation], runs: &[Range<usize>]) -> Vec<PageLocation> {
    let mut places = Vec::new();
    let mut next = 0;
    for run in runs {
        let row = |page: &PageLocation| page.first_row_index as usize;
        let from = pages.partition_point(|page| row(page) <= run.start).saturating_sub(1);
        let end = pages.partition_point(|page| row(page) < run.end);
        if from > next {
            places.push(pages[next].clone());
        }
        places.extend_from_slice(pages.get(from.max(next)..end).unwrap_or_default());
        next = end.max(next);
    }
    places.extend(pages.get(next).cloned());
    places
}

fn uncompressed(chunk: &ColumnChunkMetaData) -> Result<ColumnChunkMetaData> {
    ColumnChunkMetaData::builder(chunk.column_descr_ptr())
        .set_compression(Compression::UNCOMPRESSED)
        .set_num_values(chunk.num_values())
        .set_total_compressed_size(chunk.compressed_size())
        .set_data_page_offset(chunk.data_page_offset())
        .set_dictionary_page_offset(chunk.dictionary_page_offset())
        .build()
}

/// The one column chunk there is.
struct One(Option<ColumnPages>);

impl Iterator for One {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(Ok(Box::new(self.0.take()?)))
    }
}

impl PageIterator for One {}

/// The pages of a column, unpacked with what the columns share.
struct ColumnPages {
    pages: SerializedPageReader<Pieces>,
    zstd: Option<Arc<Mutex<Decompressor<'static>>>>,
}

impl Iterator for ColumnPages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for ColumnPages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let Some(mut page) = self.pages.get_next_page()? else { return Ok(None) };
        let Some(zstd) = &self.zstd else { return Ok(Some(page)) };
        let (bytes, levels) = match &mut page {
            Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. } => (buf, 0),
            Page::DataPageV2 { is_compressed: false, .. } => return Ok(Some(page)),
            Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, .. } => {
                (buf, *def_levels_byte_len as usize + *rep_levels_byte_len as usize)
            }
        };
        *bytes = unpack(bytes, levels, &mut zstd.lock().unwrap_or_else(PoisonError::into_inner))?;
        Ok(Some(page))
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.pages.at_record_boundary()
    }
}

/// Decompresses what follows the first `levels` bytes.
fn unpack(bytes: &Bytes, levels: usize, zstd: &mut Decompressor<'_>) -> Result<Bytes> {
    let damaged = || ParquetError::General("a page's size does not fit its content".into());
    let packed = bytes.get(levels..).ok_or_else(damaged)?;
    if packed.is_empty() {
        // A page of nulls alone.
        return Ok(bytes.clone());
    }
    let size = match get_frame_content_size(packed) {
        Ok(Some(size)) => i32::try_from(size).map_err(|_| damaged())? as usize,
        // A page's size has four bytes; a writer that did not say how long a page is wrote it in one stream.
        Ok(None) => {
            let mut unpacked = bytes[..levels].to_vec();
            zstd::stream::copy_decode(packed, &mut unpacked)?;
            return Ok(unpacked.into());
        }
        Err(_) => return Err(damaged()),
    };
    let mut unpacked = Vec::with_capacity(levels + size);
    unpacked.extend_from_slice(&bytes[..levels]);
    let mut place = Cursor::new(&mut unpacked);
    place.set_position(levels as u64);
    if zstd.decompress_to_buffer(packed, &mut place)? != size {
        return Err(damaged());
    }
    Ok(unpacked.into())
}

#[cfg(test)]
mod tests {
    use arrow_array::builder::{Int64Builder, ListBuilder};
    use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
    use parquet::arrow::{ArrowWriter, ProjectionMask};
    use parquet::basic::ZstdLevel;
    use parquet::file::metadata::PageIndexPolicy;
    use parquet::file::properties::WriterProperties;
    use parquet::schema::types::ColumnPath;
    use proptest::prelude::*;

    use super::super::ranged::RowGroupRows;
    use super::*;

    /// Two row groups of small pages: numbers, texts with and without a dictionary, nulls, lists that span rows unevenly.
    fn file() -> Bytes {
        let rows = 1_500;
        let mut lists = ListBuilder::new(Int64Builder::new());
        for row in 0..rows {
            (0..row % 4).for_each(|value| lists.values().append_value(value));
            lists.append(row % 7 != 0);
        }
        let texts = |each: &dyn Fn(i64) -> Option<String>| Arc::new((0..rows).map(each).collect::<StringArray>());
        let batch = RecordBatch::try_from_iter_with_nullable([
            ("number", Arc::new(Int64Array::from_iter_values(0..rows)) as ArrayRef, false),
            ("label", texts(&|row| Some(format!("label {}", row % 5))), true),
            ("rare", texts(&|row| (row % 300 == 7).then(|| format!("rare {row}"))), true),
            ("text", texts(&|row| Some(format!("{row}").repeat((row % 9) as usize))), true),
            ("list", Arc::new(lists.finish()), true),
        ]);
        let batch = batch.expect("columns of one length");
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(1_000))
            .set_data_page_row_count_limit(64)
            .set_write_batch_size(16)
            .set_column_dictionary_enabled(ColumnPath::from("text"), false)
            .build();
        let mut file = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), Some(properties)).expect("a writer");
        writer.write(&batch).expect("writes");
        writer.close().expect("closes");
        file.into()
    }

    proptest! {
        #[test]
        fn a_few_rows_are_those_that_parquet_reads(
            group in 0usize..2,
            wanted in prop::collection::btree_map(0usize..490, 1usize..9, 1..4),
        ) {
            let file = file();
            let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
            let metadata = ArrowReaderMetadata::load(&file, options).expect("a footer");
            let rows = metadata.metadata().row_group(group).num_rows() as usize;
            let mut runs: Vec<Range<usize>> = Vec::new();
            for (start, length) in wanted {
                if runs.last().is_none_or(|last| last.end <= start) {
                    runs.push(start..start + length);
                }
            }
            let selection = RowSelection::from_consecutive_ranges(runs.into_iter(), rows);
            let pieces = Pieces::new([(0, file.clone())]);
            let scattered = FewRows::of(metadata.metadata(), group, &pieces, &selection).expect("known pages").is_none();
            let expected = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone())
                .with_row_groups(vec![group])
                .with_row_selection(selection.clone())
                .build()
                .expect("a reader");
            let expected: Vec<RecordBatch> = expected.map(|batch| batch.expect("rows")).collect();
            let part = RowGroupRows { group, selection: Some(selection) };
            let read = part.decode(&pieces, &metadata, &ProjectionMask::all()).expect("rows");
            prop_assert_eq!(read, expected, "scattered: {}", scattered);
        }
    }

    fn pages(firsts: &[usize]) -> Vec<PageLocation> {
        let page = |(number, first): (usize, &usize)| PageLocation {
            offset: number as i64,
            compressed_page_size: 1,
            first_row_index: *first as i64,
        };
        firsts.iter().enumerate().map(page).collect()
    }

    fn places_of(runs: &[Range<usize>]) -> Vec<i64> {
        places(&pages(&[0, 10, 20, 30, 40]), runs).iter().map(|place| place.offset).collect()
    }

    #[test]
    fn pages_without_a_wanted_row_count_as_one() {
        assert_eq!(places_of(std::slice::from_ref(&(32..33))), [0, 3, 4]);
        assert_eq!(places_of(std::slice::from_ref(&(0..10))), [0, 1]);
        assert_eq!(places_of(std::slice::from_ref(&(9..11))), [0, 1, 2]);
        assert_eq!(places_of(&[5..6, 7..8, 45..50]), [0, 1, 4]);
        assert_eq!(places_of(&[]), [0]);
    }

    #[test]
    fn a_page_without_a_frame_or_of_another_size_is_refused() {
        let mut zstd = Decompressor::new().expect("memory");
        let packed = zstd::bulk::compress(b"some text, some text", 1).expect("packs");
        let page = Bytes::from([b"lv".as_slice(), &packed].concat());
        assert_eq!(unpack(&page, 2, &mut zstd).expect("whole"), b"lvsome text, some text".as_slice());
        assert!(unpack(&page, 3, &mut zstd).is_err());
        assert!(unpack(&page, page.len() + 1, &mut zstd).is_err());
        assert!(unpack(&page.slice(..page.len() - 1), 2, &mut zstd).is_err());
    }

    #[test]
    fn a_frame_without_its_size_is_read_too() {
        let mut zstd = Decompressor::new().expect("memory");
        let packed = zstd::stream::encode_all(b"some text".as_slice(), 1).expect("packs");
        assert_eq!(unpack(&packed.into(), 0, &mut zstd).expect("whole"), b"some text".as_slice());
    }

    proptest! {
        #[test]
        fn each_wanted_row_is_on_the_page_that_holds_it(
            sizes in prop::collection::vec(1usize..20, 1..30),
            wanted in prop::collection::vec(any::<bool>(), 0..200),
        ) {
            let firsts: Vec<usize> = sizes.iter().scan(0, |at, size| { *at += size; Some(*at - size) }).collect();
            let all = pages(&firsts);
            let rows: usize = sizes.iter().sum();
            let selectors: Vec<RowSelector> = wanted.iter().take(rows)
                .map(|wanted| if *wanted { RowSelector::select(1) } else { RowSelector::skip(1) }).collect();
            let places = places(&all, &runs(&RowSelection::from(selectors)));
            let page_of = |pages: &[PageLocation], row: usize| {
                pages[..pages.partition_point(|page| page.first_row_index as usize <= row)].last().map(|page| page.offset)
            };
            for row in (0..rows.min(wanted.len())).filter(|row| wanted[*row]) {
                prop_assert_eq!(page_of(&places, row), page_of(&all, row));
            }
            // What follows a wanted page begins where the page ends.
            for (number, page) in all.iter().enumerate() {
                let end = firsts.get(number + 1).copied().unwrap_or(rows);
                let is_wanted = (firsts[number]..end).any(|row| wanted.get(row) == Some(&true));
                let at = places.iter().position(|place| place.offset == page.offset);
                prop_assert!(!is_wanted || at.is_some());
                if let Some(at) = at.filter(|_| is_wanted) {
                    prop_assert_eq!(places.get(at + 1).map_or(rows, |next| next.first_row_index as usize), end);
                }
            }
        }
    }
}
