//! One column's part of a row group in the making: compressed pages with their headers, and what the footer says of
//! them.
//!
//! Pages stand in memory until the row group ends, since the dictionary, which goes before them, is complete only then.

use bytes::Bytes;
use parquet::basic::{BoundaryOrder, Compression, Encoding, EncodingMask, PageType, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats};
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::dictionary::Dictionary;

/// The one compressor of a file's columns.
pub(super) struct Zstd {
    compressor: zstd::bulk::Compressor<'static>,
    compressed: Vec<u8>,
}

impl Zstd {
    pub(super) fn new() -> Result<Self, ParquetError> {
        let compressor = zstd::bulk::Compressor::new(ZstdLevel::default().compression_level())?;
        Ok(Self { compressor, compressed: Vec::new() })
    }

    fn compress(&mut self, bytes: &[u8]) -> Result<&[u8], ParquetError> {
        self.compressed.clear();
        self.compressed.reserve(zstd::zstd_safe::compress_bound(bytes.len()));
        self.compressor.compress_to_buffer(bytes, &mut self.compressed)?;
        Ok(&self.compressed)
    }
}

#[derive(Debug, Default)]
pub(super) struct PageParts<'a> {
    /// Encoded levels, repetition before definition.
    pub(super) levels: &'a [u8],
    /// How much of them is repetition.
    pub(super) repetition_bytes: usize,
    /// Encoded values.
    pub(super) values: &'a [u8],
    /// Whole rows.
    pub(super) rows: usize,
    /// Values and nulls.
    pub(super) entries: usize,
    /// Entries without a value.
    pub(super) nulls: usize,
}

/// A column's pages.
pub(super) struct Chunk {
    column: ColumnDescPtr,
    compression: Compression,
    pages: TrackedWrite<Vec<u8>>,
    offsets: OffsetIndexBuilder,
    /// The encodings of the pages, in order, with how many there are of each.
    encodings: Vec<(Encoding, i32)>,
    rows: usize,
    entries: usize,
    nulls: usize,
    uncompressed: usize,
    ranges: Option<Ranges>,
}

/// The least and the greatest value of each page.
struct Ranges {
    index: ColumnIndexBuilder,
    last: Option<(Vec<u8>, Vec<u8>)>,
    ascending: bool,
}

impl Chunk {
    pub(super) fn new(column: ColumnDescPtr, compression: Compression, with_ranges: bool) -> Self {
        let index = ColumnIndexBuilder::new(column.physical_type());
        Self {
            column,
            compression,
            pages: TrackedWrite::new(Vec::new()),
            offsets: OffsetIndexBuilder::new(),
            encodings: Vec::new(),
            rows: 0,
            entries: 0,
            nulls: 0,
            uncompressed: 0,
            ranges: with_ranges.then_some(Ranges { index, last: None, ascending: true }),
        }
    }

    /// How many rows have no value so far.
    pub(super) fn nulls(&self) -> usize {
        self.nulls
    }

    /// Adds a page.
    pub(super) fn add(
        &mut self,
        encoding: Encoding,
        page: &PageParts<'_>,
        zstd: &mut Zstd,
    ) -> Result<(), ParquetError> {
        let mut compressed = None;
        if self.compression != Compression::UNCOMPRESSED && !page.values.is_empty() {
            compressed = Some(zstd.compress(page.values)?).filter(|bytes| bytes.len() < page.values.len());
        }
        let values = compressed.unwrap_or(page.values);
        let mut bytes = Vec::with_capacity(page.levels.len() + values.len());
        bytes.extend_from_slice(page.levels);
        bytes.extend_from_slice(values);
        let data = Page::DataPageV2 {
            buf: Bytes::from(bytes),
            num_values: page.entries as u32,
            encoding,
            num_nulls: page.nulls as u32,
            num_rows: page.rows as u32,
            def_levels_byte_len: (page.levels.len() - page.repetition_bytes) as u32,
            rep_levels_byte_len: page.repetition_bytes as u32,
            is_compressed: compressed.is_some(),
            statistics: None,
        };
        let written = SerializedPageWriter::new(&mut self.pages)
            .write_page(CompressedPage::new(data, page.levels.len() + page.values.len()))?;
        self.offsets.append_row_count(page.rows as i64);
        self.offsets.append_offset_and_size(written.offset as i64, written.compressed_size as i32);
        match self.encodings.last_mut() {
            Some((last, count)) if *last == encoding => *count += 1,
            _ => self.encodings.push((encoding, 1)),
        }
        self.rows += page.rows;
        self.entries += page.entries;
        self.nulls += page.nulls;
        self.uncompressed += written.uncompressed_size;
        Ok(())
    }

    /// Notes the range of the page that is about to be added; `None` for one without a value.
    pub(super) fn note_range(&mut self, range: Option<(&[u8], &[u8])>, nulls: usize) {
        let Some(ranges) = &mut self.ranges else { return };
        let owned = range.map(|(min, max)| (min.to_vec(), max.to_vec()));
        let (min, max) = owned.clone().unwrap_or_default();
        ranges.index.append(range.is_none(), min, max, nulls as i64);
        if let (Some((min, max)), Some((last_min, last_max))) = (&owned, &ranges.last) {
            ranges.ascending &= last_min <= min && last_max <= max;
        }
        ranges.last = owned.or(ranges.last.take());
    }

    /// The finished chunk: its bytes, and what the footer says of it.
    pub(super) fn finish(
        self,
        dictionary: Option<Dictionary>,
        statistics: Option<Statistics>,
        zstd: &mut Zstd,
    ) -> Result<(Bytes, ColumnCloseResult), ParquetError> {
        let is_used = self.encodings.iter().any(|(encoding, _)| *encoding == Encoding::RLE_DICTIONARY);
        let mut chunk = TrackedWrite::new(Vec::new());
        let mut used = Vec::new();
        let mut uncompressed = self.uncompressed;
        if let Some(dictionary) = dictionary.filter(|_| is_used) {
            let count = dictionary.len() as u32;
            let page = dictionary.into_page();
            let plain = page.len();
            let buf = match self.compression {
                Compression::UNCOMPRESSED => Bytes::from(page),
                _ => Bytes::copy_from_slice(zstd.compress(&page)?),
            };
            let page = Page::DictionaryPage { buf, num_values: count, encoding: Encoding::PLAIN, is_sorted: false };
            let written = SerializedPageWriter::new(&mut chunk).write_page(CompressedPage::new(page, plain))?;
            uncompressed += written.uncompressed_size;
            used.push(PageEncodingStats { page_type: PageType::DICTIONARY_PAGE, encoding: Encoding::PLAIN, count: 1 });
        }
        let before_pages = chunk.bytes_written() as i64;
        let mut chunk = chunk.into_inner()?;
        chunk.extend_from_slice(&self.pages.into_inner()?);
        let data = |(encoding, count)| PageEncodingStats { page_type: PageType::DATA_PAGE_V2, encoding, count };
        used.extend(self.encodings.into_iter().map(data));
        let encodings: Vec<Encoding> = used.iter().map(|used| used.encoding).chain([Encoding::RLE]).collect();
        let mut metadata = ColumnChunkMetaData::builder(self.column)
            .set_compression(self.compression)
            .set_encodings_mask(EncodingMask::new_from_encodings(encodings.iter()))
            .set_page_encoding_stats(used)
            .set_total_compressed_size(chunk.len() as i64)
            .set_total_uncompressed_size(uncompressed as i64)
            .set_num_values(self.entries as i64)
            .set_data_page_offset(before_pages)
            .set_dictionary_page_offset((before_pages > 0).then_some(0));
        if let Some(statistics) = statistics {
            metadata = metadata.set_statistics(statistics);
        }
        let mut offsets = self.offsets.build();
        offsets.page_locations.iter_mut().for_each(|page| page.offset += before_pages);
        let column_index = self.ranges.map(|mut ranges| {
            let order = if ranges.ascending { BoundaryOrder::ASCENDING } else { BoundaryOrder::UNORDERED };
            ranges.index.set_boundary_order(order);
            ranges.index.build()
        });
        let close = ColumnCloseResult {
            bytes_written: chunk.len() as u64,
            rows_written: self.rows as u64,
            metadata: metadata.build()?,
            bloom_filter: None,
            column_index: column_index.transpose()?,
            offset_index: Some(offsets),
        };
        Ok((Bytes::from(chunk), close))
    }
}
