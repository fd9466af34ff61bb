//! Writes one Parquet file: the encodings that pay for each column, small pages, a page index to find them by.
//!
//! ```text
//!  batches ─► view: values of many rows fetched ─► column, map: levels ─► leaf: dictionary or plain ─► chunk: pages
//!         └─► codes: few distinct texts numbered ──┘         └─► filter of attributes
//! ```
//!
//! The tables that batches carry are encoded here rather than by the `parquet` crate's Arrow writer: rows go into pages
//! from where they came in without being put together and sorted first, labels by their keys without being hashed
//! again, and a text's one hash serves dictionary and filter. The crate still writes headers, footer and page index,
//! and the derived tables, which are small. Columns are gone through one after another, since a column of all batches
//! fits a processor's cache and the batches do not.
//!
//! A column that is null throughout is left out of the file, so that rare columns cost nothing; readers put it back.
//! Labels are plain text in the file, whatever their encoding in memory. Columns that compression makes hardly smaller
//! go without it: a decompressor is the dearest part of a look-up.

use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Schema, SchemaRef};
use bytes::Bytes;
use kino_model::UnixNanos;
use kino_model::columns::SCHEMA_VERSION;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, KeyValue, RowGroupMetaData};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnPath, SchemaDescriptor};

use crate::attribute_filter::{self, ATTRIBUTE_FILTER_KEY};
use crate::columns::int64;
use crate::group::{BlockSums, FileMeta, LakeTable, NewFile};
use crate::rows::Rows;
use crate::sort::RowAddress;

mod bits;
mod chunk;
mod codes;
mod column;
mod dictionary;
mod labels;
mod leaf;
mod map;
mod view;
mod work;

use chunk::Zstd;
use codes::Ranks;
use column::ColumnEncoder;
use view::View;
use work::{Scratch, Work};

/// The key under which a file's metadata keeps the version of its schema.
pub const SCHEMA_VERSION_KEY: &str = "kino.schema_version";

/// Rows of a page: what one look-up decodes of each column.
const PAGE_ROWS: usize = 1_024;
/// Rows of a row group: enough for dictionaries to pay, little enough to buffer.
const ROW_GROUP_ROWS: usize = 256 * 1_024;
/// A look-up of one trace decodes the dictionary of every column it reads; past this a column is better off plain.
const DICTIONARY_BYTES_MAX: usize = 64 * 1_024;

/// Rows that are encoded beforehand to see which columns compress: this part of the first that come, within bounds.
const SAMPLE_PART: usize = 16;
const SAMPLE_ROWS_MIN: usize = 1_024;
const SAMPLE_ROWS_MAX: usize = 8 * 1_024;
/// A column is written uncompressed if compression saves less than one byte per this many rows.
const COMPRESSION_MIN_SAVING_ROWS_PER_BYTE: i64 = 20;

/// A file of one of the tables that batches carry, in the making.
pub(crate) struct TableWriter {
    table: LakeTable,
    schema: SchemaRef,
    /// Started with the first rows, from which the columns' encodings are chosen.
    file: Option<FileEncoder>,
    /// What the file's spans hold, for searches.
    filter: Option<attribute_filter::Builder>,
    rows: usize,
}

/// What has been begun.
struct FileEncoder {
    writer: SerializedFileWriter<Vec<u8>>,
    properties: WriterPropertiesPtr,
    columns: Vec<ColumnEncoder>,
    /// Rows of the row group.
    rows: usize,
    zstd: Zstd,
    scratch: Scratch,
}

impl TableWriter {
    /// Begins a file whose rows will have these columns.
    pub(crate) fn new(table: LakeTable, schema: SchemaRef) -> Self {
        let has = |name: &str| schema.column_with_name(name).is_some();
        let filter = (table == LakeTable::Spans).then(|| attribute_filter::Builder::new(has));
        Self { table, schema, file: None, filter, rows: 0 }
    }

    /// Adds rows, which must come in the file's order.
    pub(crate) fn write(&mut self, rows: &Rows) -> Result<(), ParquetError> {
        if rows.places.is_empty() {
            return Ok(());
        }
        if self.file.is_none() {
            let sample = &rows.places[..sample_rows(rows.places.len())];
            let plain = incompressible(self.table, &self.schema, &rows.parts, sample)?;
            self.file = Some(FileEncoder::new(self.table, &self.schema, &plain, self.filter.as_ref())?);
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        let mut rest = rows.places.as_slice();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(ROW_GROUP_ROWS - file.rows));
            file.add(self.rows, &self.schema, &rows.parts, now, self.filter.as_mut())?;
            self.rows += now.len();
            if file.rows == ROW_GROUP_ROWS {
                file.end_row_group(&self.schema, self.filter.as_ref())?;
            }
            rest = later;
        }
        Ok(())
    }

    /// The finished file, of rows of these times; `None` without rows.
    pub(crate) fn finish(self, times: Option<(i64, i64)>) -> Result<Option<NewFile>, ParquetError> {
        let Some(mut file) = self.file else { return Ok(None) };
        if file.rows > 0 {
            file.end_row_group(&self.schema, self.filter.as_ref())?;
        }
        let mut writer = file.writer;
        if let Some(filter) = self.filter {
            let (filter, place) = filter.finish(self.rows, writer.bytes_written() as u64);
            writer.write_all(&filter)?;
            writer.append_key_value_metadata(KeyValue::new(ATTRIBUTE_FILTER_KEY.to_owned(), place.to_json()));
        }
        let encoded: i64 =
            writer.flushed_row_groups().iter().map(parquet::file::metadata::RowGroupMetaData::num_rows).sum();
        assert_eq!(encoded, self.rows as i64, "{}: each row is in one row group", self.table.name());
        Ok(Some(new_file(self.table, self.rows as u64, times, writer.into_inner()?)))
    }
}

impl FileEncoder {
    fn new(
        table: LakeTable,
        schema: &SchemaRef,
        plain: &[ColumnPath],
        filter: Option<&attribute_filter::Builder>,
    ) -> Result<Self, ParquetError> {
        let properties = Arc::new(properties(table, schema, plain));
        let root = ArrowSchemaConverter::new().convert(schema)?.root_schema_ptr();
        let writer = SerializedFileWriter::new(Vec::new(), root, Arc::clone(&properties))?;
        let columns = columns(schema, writer.schema_descr(), &properties, filter)?;
        Ok(Self { writer, properties, columns, rows: 0, zstd: Zstd::new()?, scratch: Scratch::default() })
    }

    /// Adds rows of the row group; `first` is the number of the file's rows before them.
    fn add(
        &mut self,
        first: usize,
        schema: &Schema,
        parts: &[RecordBatch],
        places: &[RowAddress],
        mut filter: Option<&mut attribute_filter::Builder>,
    ) -> Result<(), ParquetError> {
        let mut views: Vec<View<'_>> =
            schema.fields().iter().map(|field| View::of(parts, field)).collect::<Result<_, _>>()?;
        let all: usize = parts.iter().map(RecordBatch::num_rows).sum();
        let ranks = (places.len() * 2 >= all).then(|| Ranks::of(places, parts.iter().map(RecordBatch::num_rows)));
        let mut room = Vec::new();
        for (column, view) in self.columns.iter_mut().zip(&mut views) {
            // Where few of the batches' rows are wanted, to look up all of their texts would be a waste.
            if let (Some(ranks), Some(seed)) = (&ranks, column.coded_under())
                && let Some(codes) = view.codes(ranks, seed, &mut room)
            {
                *view = View::Codes(codes);
            }
            let (mut rest, mut row) = (places, first);
            while !rest.is_empty() {
                let most = filter.as_mut().map_or(rest.len(), |filter| filter.turn_to(row));
                let (block, later) = rest.split_at(rest.len().min(most));
                let mut work = Work { zstd: &mut self.zstd, filter: filter.as_deref_mut(), scratch: &mut self.scratch };
                column.put(view, block, &mut work)?;
                row += block.len();
                rest = later;
            }
            if let View::Codes(codes) = std::mem::replace(view, View::Absent) {
                room = codes.into_room();
            }
        }
        self.rows += places.len();
        Ok(())
    }

    fn end_row_group(
        &mut self,
        schema: &Schema,
        filter: Option<&attribute_filter::Builder>,
    ) -> Result<(), ParquetError> {
        let next = columns(schema, self.writer.schema_descr(), &self.properties, filter)?;
        let mut group = self.writer.next_row_group()?;
        for column in std::mem::replace(&mut self.columns, next) {
            let mut work = Work { zstd: &mut self.zstd, filter: None, scratch: &mut self.scratch };
            for (bytes, close) in column.finish(&mut work)? {
                group.append_column(&bytes, close)?;
            }
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }
}

/// The columns of a row group that begins.
fn columns(
    schema: &Schema,
    leaves: &SchemaDescriptor,
    properties: &WriterProperties,
    filter: Option<&attribute_filter::Builder>,
) -> Result<Vec<ColumnEncoder>, ParquetError> {
    let mut leaves = leaves.columns().iter().cloned();
    let covered = |name: &str| filter.and_then(|filter| filter.covers(name));
    schema
        .fields()
        .iter()
        .map(|field| ColumnEncoder::new(field, &mut leaves, properties, covered(field.name())))
        .collect()
}

/// How many of the first rows are encoded beforehand.
fn sample_rows(rows: usize) -> usize {
    (rows / SAMPLE_PART).clamp(SAMPLE_ROWS_MIN, SAMPLE_ROWS_MAX).min(rows)
}

/// The columns, by their paths in the file, that compression makes hardly smaller, going by these rows.
fn incompressible(
    table: LakeTable,
    schema: &SchemaRef,
    parts: &[RecordBatch],
    sample: &[RowAddress],
) -> Result<Vec<ColumnPath>, ParquetError> {
    let mut file = FileEncoder::new(table, schema, &[], None)?;
    file.add(0, schema, parts, sample, None)?;
    let mut plain = Vec::new();
    for (column, field) in file.columns.into_iter().zip(schema.fields()) {
        let has_value = |place: &RowAddress| {
            let column = parts[place.part as usize].column_by_name(field.name());
            column.is_some_and(|column| column.is_valid(place.row as usize))
        };
        // A column without a value in the sample says nothing of those to come.
        if sample.iter().any(has_value) {
            let mut work = Work { zstd: &mut file.zstd, filter: None, scratch: &mut file.scratch };
            let finished = column.finish(&mut work)?;
            let hardly =
                finished.iter().map(|(_, close)| &close.metadata).filter(|chunk| is_spared(chunk, sample.len()));
            plain.extend(hardly.map(|chunk| chunk.column_path().clone()));
        }
    }
    Ok(plain)
}

/// Whether a column of `rows` rows is hardly smaller when compressed, and so can be written uncompressed.
fn is_spared(chunk: &ColumnChunkMetaData, rows: usize) -> bool {
    let smaller = chunk.uncompressed_size() - chunk.compressed_size();
    smaller * COMPRESSION_MIN_SAVING_ROWS_PER_BYTE < rows as i64
}

/// A whole file of a table that the store derives; `None` without rows.
pub(crate) fn whole(table: LakeTable, rows: &RecordBatch) -> Result<Option<NewFile>, ParquetError> {
    if rows.num_rows() == 0 {
        return Ok(None);
    }
    let schema = rows.schema();
    let begin = |plain: &[ColumnPath]| {
        let options =
            ArrowWriterOptions::new().with_properties(properties(table, &schema, plain)).with_skip_arrow_metadata(true);
        ArrowWriter::try_new_with_options(Vec::new(), Arc::clone(&schema), options)
    };
    let sample = rows.slice(0, sample_rows(rows.num_rows()));
    let mut tried = begin(&[])?;
    tried.write(&sample)?;
    let metadata = tried.close()?;
    let has_value = |chunk: &&ColumnChunkMetaData| {
        let root = chunk.column_path().parts().first();
        let column = root.and_then(|root| sample.column_by_name(root));
        column.is_some_and(|column| column.null_count() < column.len())
    };
    let chunks = metadata.row_groups().iter().flat_map(RowGroupMetaData::columns).filter(has_value);
    let plain: Vec<ColumnPath> =
        chunks.filter(|chunk| is_spared(chunk, sample.num_rows())).map(|chunk| chunk.column_path().clone()).collect();
    let mut writer = begin(&plain)?;
    writer.write(rows)?;
    let starts = int64(rows, "start_unix_nanos");
    let starts = || starts.into_iter().flat_map(|starts| starts.iter().flatten());
    let times = starts().min().zip(starts().max());
    Ok(Some(new_file(table, rows.num_rows() as u64, times, writer.into_inner()?)))
}

/// The finished file.
fn new_file(table: LakeTable, rows: u64, times: Option<(i64, i64)>, bytes: Vec<u8>) -> NewFile {
    let bytes = Bytes::from(bytes);
    let (start_min, start_max) = times.unwrap_or_default();
    let meta = FileMeta {
        table,
        rows,
        bytes: bytes.len() as u64,
        start_min: UnixNanos(start_min),
        start_max: UnixNanos(start_max),
        schema_version: SCHEMA_VERSION,
        checksum: Some(crc32c::crc32c(&bytes)),
        blocks: BlockSums::of(&bytes),
    };
    NewFile { meta, bytes }
}

fn properties(table: LakeTable, schema: &SchemaRef, plain: &[ColumnPath]) -> WriterProperties {
    let version = KeyValue::new(SCHEMA_VERSION_KEY.to_owned(), SCHEMA_VERSION.to_string());
    let mut properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PAGE_ROWS)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_dictionary_page_size_limit(DICTIONARY_BYTES_MAX)
        // Rows are sorted by trace, so the least and the greatest text of a chunk do not help a reader, and comparing
        // every text to find them is a large part of writing a file. Only a few columns have a page index: one for
        // every column would fill the readers' memory.
        .set_statistics_enabled(EnabledStatistics::None)
        .set_key_value_metadata(Some(vec![version]));
    let paged: &[&str] = match table {
        LakeTable::Traces => &["trace_id", "start_unix_nanos", "duration_nanos", "error_count"],
        _ => &["trace_id"],
    };
    for name in paged {
        properties = properties.set_column_statistics_enabled(ColumnPath::from(*name), EnabledStatistics::Page);
    }
    for path in plain {
        properties = properties.set_column_compression(path.clone(), Compression::UNCOMPRESSED);
    }
    for field in schema.fields() {
        let path = ColumnPath::from(field.name().as_str());
        // Whole chunks' ranges of numbers let other tools skip row groups. Pages are found by trace and time alone: an
        // index of every column's pages would fill the readers' memory.
        if field.data_type().is_primitive() && !paged.contains(&field.name().as_str()) {
            properties = properties.set_column_statistics_enabled(path.clone(), EnabledStatistics::Chunk);
        }
        if matches!(field.data_type(), DataType::Boolean | DataType::Int8 | DataType::Int32) {
            // A few bits a row already; a decompressor for each of them is a cost of every look-up.
            properties = properties.set_column_compression(path.clone(), Compression::UNCOMPRESSED);
        }
        let encoding = match (field.name().as_str(), field.data_type()) {
            ("span_id" | "root_span_id" | "trace_id", _)
                if field.name() != "trace_id" || table == LakeTable::Traces =>
            {
                // Random bytes, each once: neither a dictionary nor compression helps.
                properties = properties.set_column_compression(path.clone(), Compression::UNCOMPRESSED);
                Encoding::PLAIN
            }
            ("start_unix_nanos" | "duration_nanos" | "time_unix_nanos" | "end_unix_nanos", _)
            | (_, DataType::FixedSizeBinary(_)) => Encoding::PLAIN,
            ("last_start_unix_nanos" | "observed_unix_nanos", _) => Encoding::DELTA_BINARY_PACKED,
            _ => continue,
        };
        properties = properties.set_column_dictionary_enabled(path.clone(), false).set_column_encoding(path, encoding);
    }
    properties.build()
}

#[cfg(test)]
mod tests;
