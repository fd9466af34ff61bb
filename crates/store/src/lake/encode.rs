//! Writes one Parquet file: the encodings that pay for each column, small pages, a page index to find them by.
//!
//! A column that is null throughout is left out of the file, so that rare columns cost nothing; readers put it back.
//! Labels are plain text in the file, whatever their encoding in memory. Columns that compression makes hardly smaller
//! go without it: a decompressor is the dearest part of a look-up.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_schema::{DataType, SchemaRef};
use bytes::Bytes;
use kino_model::UnixNanos;
use kino_model::columns::SCHEMA_VERSION;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, RowGroupMetaData};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;

use crate::attribute_filter::{self, ATTRIBUTE_FILTER_KEY};
use crate::file::{FileMeta, LakeTable, NewFile};

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
/// A column that compression spares less than one byte in so many rows goes without.
const SPARING_ROWS: i64 = 20;

/// A file in the making.
pub(crate) struct TableWriter {
    table: LakeTable,
    schema: SchemaRef,
    /// Begun with the first rows, which tell how to encode the columns.
    writer: Option<ArrowWriter<Vec<u8>>>,
    /// What the file's spans hold, for searches.
    attributes: Option<attribute_filter::Builder>,
    times: Option<(i64, i64)>,
    rows: u64,
}

impl TableWriter {
    /// Begins a file whose batches will have this schema.
    pub(crate) fn new(table: LakeTable, schema: SchemaRef) -> Self {
        let has = |name: &str| schema.column_with_name(name).is_some();
        let attributes = (table == LakeTable::Spans).then(|| attribute_filter::Builder::new(has));
        Self { table, schema, writer: None, attributes, times: None, rows: 0 }
    }

    /// Adds rows, which must come in the file's order.
    pub(crate) fn write(&mut self, rows: &RecordBatch) -> Result<(), ParquetError> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        self.rows += rows.num_rows() as u64;
        let times = time_column(self.table).and_then(|name| rows.column_by_name(name)?.as_primitive_opt::<Int64Type>());
        for time in times.into_iter().flat_map(|times| times.iter().flatten()) {
            let (min, max) = self.times.unwrap_or((time, time));
            self.times = Some((min.min(time), max.max(time)));
        }
        if let Some(attributes) = &mut self.attributes {
            attributes.add(rows);
        }
        let writer = if let Some(writer) = &mut self.writer {
            writer
        } else {
            let plain = incompressible(self.table, rows)?;
            self.writer.insert(writer(Arc::clone(&self.schema), properties(self.table, &self.schema, &plain))?)
        };
        writer.write(rows)
    }

    /// The finished file; `None` without rows.
    pub(crate) fn finish(self) -> Result<Option<NewFile>, ParquetError> {
        let Some(mut writer) = self.writer else { return Ok(None) };
        if let Some(attributes) = self.attributes {
            writer.flush()?;
            let (filter, place) = attributes.finish(writer.bytes_written() as u64);
            writer.write_all(&filter)?;
            writer.append_key_value_metadata(KeyValue::new(ATTRIBUTE_FILTER_KEY.to_owned(), place.to_json()));
        }
        let bytes = Bytes::from(writer.into_inner()?);
        let (start_min, start_max) = self.times.unwrap_or_default();
        let meta = FileMeta {
            table: self.table,
            rows: self.rows,
            bytes: bytes.len() as u64,
            start_min: UnixNanos(start_min),
            start_max: UnixNanos(start_max),
            schema_version: SCHEMA_VERSION,
            checksum: Some(crc32c::crc32c(&bytes)),
        };
        Ok(Some(NewFile { meta, bytes }))
    }
}

fn writer(schema: SchemaRef, properties: WriterProperties) -> Result<ArrowWriter<Vec<u8>>, ParquetError> {
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    ArrowWriter::try_new_with_options(Vec::new(), schema, options)
}

/// The columns, by their paths in the file, that compression makes hardly smaller, going by the first of these rows.
fn incompressible(table: LakeTable, rows: &RecordBatch) -> Result<Vec<ColumnPath>, ParquetError> {
    let count = (rows.num_rows() / SAMPLE_PART).clamp(SAMPLE_ROWS_MIN, SAMPLE_ROWS_MAX).min(rows.num_rows());
    let sample = rows.slice(0, count);
    let mut writer = writer(sample.schema(), properties(table, &sample.schema(), &[]))?;
    writer.write(&sample)?;
    let metadata = writer.close()?;
    let chunks = metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
    let hardly = chunks.filter(|chunk| {
        let spared = chunk.uncompressed_size() - chunk.compressed_size();
        // A column without a value in the sample says nothing of those to come.
        let root = chunk.column_path().parts().first();
        let column = root.and_then(|root| sample.column_by_name(root));
        let said = column.is_some_and(|column| column.null_count() < column.len());
        said && spared * SPARING_ROWS < count as i64
    });
    Ok(hardly.map(|chunk| chunk.column_path().clone()).collect())
}

fn time_column(table: LakeTable) -> Option<&'static str> {
    match table {
        LakeTable::Spans | LakeTable::Traces => Some("start_unix_nanos"),
        LakeTable::Events => Some("time_unix_nanos"),
        LakeTable::Links | LakeTable::Rollups => None,
    }
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
        // The least and the greatest text of a chunk tell a reader nothing: rows lie by trace. Comparing every text to
        // find them is a large part of writing a file. Pages are found by few columns alone, since an index of every
        // column's pages would fill the readers' memory.
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
