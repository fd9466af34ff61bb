//! One file: its footer from the cache, the pages that hold the asked traces, the rows that pass.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use kino_model::TraceId;
use object_store::ObjectStore;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, RowSelection};
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::page_index::column_index::ColumnIndexMetaData;

use super::ReadError;
use super::distinct::{self, Distinct};
use super::files::{Files, Object};
use super::pieces::Pieces;
use super::ranged::{RowGroupRows, beside};
use crate::attribute_filter::{ATTRIBUTE_FILTER_KEY, FilterLayout, Pair};
use crate::cache::Cache;
use crate::columns::{ids, trace_id_at};
use crate::group::{FileEntry, LakeTable};
use crate::rollup::GroupRollups;

/// Default for the bytes of cached footers: those of about 100 M spans.
pub const FOOTER_CACHE_BYTES: usize = 96 << 20;
/// Bytes first read from a file's end, usually enough for its whole footer.
const FOOTER_GUESS_BYTES: usize = 256 << 10;
const ROLLUP_CACHE_BYTES: usize = 32 << 20;
/// Bytes of cached distinct values of columns.
const DISTINCT_CACHE_BYTES: usize = 16 << 20;
/// The distinct values of a column that has more than this are not searched.
const DISTINCT_MAX: usize = 100_000;
/// A decoded rollup takes about this many times the room of its row.
const DECODED_GROWTH: usize = 4;
/// Row groups of a file that are read at the same time.
const GROUPS_AT_ONCE: usize = 2;

/// Reads the files of one lake; footers and rollups are cached within a bound, for as long as they are asked for.
#[derive(Debug)]
pub struct LakeReader {
    files: Arc<Files>,
    footers: Arc<Cache<Footer>>,
    rollups: Arc<Cache<GroupRollups>>,
    distinct: Arc<Cache<Distinct>>,
}

/// A file's footer, as readers of rows and of dictionaries want it.
#[derive(Debug)]
pub(super) struct Footer {
    rows: ArrowReaderMetadata,
    dictionaries: ArrowReaderMetadata,
    /// Where the file says which of its blocks may hold an attribute.
    attributes: Option<FilterLayout>,
    bytes: usize,
}

/// Which rows.
#[derive(Clone, Debug, Default)]
pub enum Pick<'a> {
    /// All of them.
    #[default]
    All,
    /// Those of these traces, sorted.
    Traces(&'a [TraceId]),
    /// Those of traces from the first id up to, not including, the second; without a second, also those outside any.
    Between(u128, Option<u128>),
    /// Those in this part of the file.
    Rows(Range<usize>),
    /// Those at these places in the file, sorted.
    Places(&'a [usize]),
}

/// What to read of a file.
#[derive(Default)]
pub struct Read<'a> {
    /// Which columns; `None` for all. Those that the file lacks are left out.
    pub columns: Option<&'a [&'a str]>,
    /// Which rows.
    pub pick: Pick<'a>,
    /// Of these only those in some of these parts of the file, sorted.
    pub within: Option<&'a [Range<usize>]>,
    /// Give all text dictionary-encoded, for conditions that look at each distinct text once.
    pub dictionaries: bool,
    /// A condition on the rows, and the columns it looks at.
    pub condition: Option<Condition<'a>>,
}

/// A condition on rows: the columns it looks at, and which rows of a batch of them pass.
pub type Condition<'a> = (&'a [&'a str], Passes);

/// Which rows of a batch pass.
pub type Passes = Box<dyn FnMut(&RecordBatch) -> BooleanArray + Send + 'static>;

impl LakeReader {
    /// Reads from `store`, keeping at most `footer_bytes_max` bytes of footers.
    pub fn new(store: Arc<dyn ObjectStore>, footer_bytes_max: usize) -> Self {
        Self::of(Arc::new(Files::new(store, None)), footer_bytes_max)
    }

    fn of(files: Arc<Files>, footer_bytes_max: usize) -> Self {
        Self {
            files,
            footers: Cache::new(footer_bytes_max),
            rollups: Cache::new(ROLLUP_CACHE_BYTES),
            distinct: Cache::new(DISTINCT_CACHE_BYTES),
        }
    }

    /// As [`LakeReader::new`], of files that lie in this folder, where they do.
    pub fn in_folder(store: Arc<dyn ObjectStore>, folder: Option<PathBuf>, footer_bytes_max: usize) -> Self {
        Self::of(Arc::new(Files::new(store, folder)), footer_bytes_max)
    }

    /// A reader of the same files with caches of its own, for work that reads each of them once.
    pub(crate) fn apart(&self, footer_bytes_max: usize) -> Self {
        Self::of(Arc::clone(&self.files), footer_bytes_max)
    }

    /// Reads a whole file and compares it with its checksums.
    ///
    /// # Errors
    /// Where it is not what was written, or cannot be read.
    pub async fn verify(&self, file: &FileEntry) -> Result<(), ReadError> {
        self.files.read_through(file).await.map(drop).map_err(|fault| ReadError::of(file, fault.into()))
    }

    /// Makes the checksums of a file's blocks known where the catalog has none: reads the whole file for it, once. A
    /// file without any checksum stays without.
    ///
    /// # Errors
    /// As [`LakeReader::verify`].
    pub async fn learn_blocks(&self, file: &FileEntry) -> Result<(), ReadError> {
        self.files.sums(file).await.map(drop).map_err(|fault| ReadError::of(file, fault.into()))
    }

    /// Takes the files whose block checksums were learned since the last call, for the catalog.
    pub fn take_learned(&self) -> Vec<FileEntry> {
        self.files.take_learned()
    }

    /// Reads rows in the file's order.
    ///
    /// # Errors
    /// Where the file is damaged or cannot be read.
    pub async fn read(&self, file: &FileEntry, read: Read<'_>) -> Result<Vec<RecordBatch>, ReadError> {
        self.read_inner(file, read).await.map_err(|source| ReadError::of(file, source))
    }

    async fn read_inner(&self, file: &FileEntry, read: Read<'_>) -> Result<Vec<RecordBatch>, ParquetError> {
        let footer = self.footer(file).await?;
        let rows = if read.dictionaries { &footer.dictionaries } else { &footer.rows };
        let parquet_schema = rows.metadata().file_metadata().schema_descr_ptr();
        let mask = |columns: &[&str]| {
            let wanted = |root: usize| columns.contains(&parquet_schema.root_schema().get_fields()[root].name());
            let roots = (0..parquet_schema.root_schema().get_fields().len()).filter(|root| wanted(*root));
            ProjectionMask::roots(&parquet_schema, roots)
        };
        let columns = read.columns.map_or_else(ProjectionMask::all, mask);
        let mut parts = parts(rows.metadata(), pages(rows.metadata(), &read.pick));
        if let Some(within) = read.within {
            parts = in_both(parts, self::parts(rows.metadata(), row_ranges(rows.metadata(), within)));
        }
        let source = RangeSource { files: &self.files, file, rows, trace_id: mask(&["trace_id"]) };
        let test = trace_test(&read.pick).map(Arc::new);
        let Some((condition_columns, mut passes)) = read.condition else {
            let reads = parts.into_iter().map(|part| source.rows_of(part, test.clone(), &columns));
            let read: Vec<_> = futures::stream::iter(reads).buffered(GROUPS_AT_ONCE).try_collect().await?;
            return Ok(read.into_iter().flatten().collect());
        };
        let condition_columns = mask(condition_columns);
        let mut read = Vec::new();
        for part in parts {
            let (part, again) = source.passing(part, test.clone(), &condition_columns, passes).await?;
            passes = again;
            if !part.is_empty() {
                read.extend(source.rows_of(part, None, &columns).await?);
            }
        }
        Ok(read)
    }

    /// The columns that a file has.
    pub(crate) async fn schema(&self, file: &FileEntry) -> Result<Arc<Schema>, ReadError> {
        let footer = self.footer(file).await.map_err(|source| ReadError::of(file, source))?;
        Ok(Arc::clone(footer.rows.schema()))
    }

    /// The first trace id and the number of rows of each of a file's pages.
    ///
    /// # Errors
    /// Where the file is damaged or cannot be read.
    pub async fn trace_pages(&self, file: &FileEntry) -> Result<Vec<(u128, u64)>, ReadError> {
        let footer = self.footer(file).await.map_err(|source| ReadError::of(file, source))?;
        Ok(footer.trace_pages())
    }

    /// How many rows of a file sorted by start may start at or before `time`; the rest certainly do not.
    ///
    /// # Errors
    /// Where the file is damaged or cannot be read.
    pub async fn rows_until(&self, file: &FileEntry, time: i64) -> Result<usize, ReadError> {
        let footer = self.footer(file).await.map_err(|source| ReadError::of(file, source))?;
        Ok(footer.rows_until(time))
    }

    /// What a file of rollups holds.
    ///
    /// # Errors
    /// Where the file is damaged or cannot be read, or a sketch in it cannot be decoded.
    pub async fn rollups(&self, file: &FileEntry) -> Result<Arc<GroupRollups>, ReadError> {
        if let Some(rollups) = self.rollups.get(&file.path) {
            return Ok(rollups);
        }
        let batches = self.read(file, Read::default()).await?;
        let rollups = Arc::new(
            crate::rollup::decode(&batches).map_err(|source| ReadError::Rollups { path: file.path.clone(), source })?,
        );
        let bytes = batches.iter().map(RecordBatch::get_array_memory_size).sum::<usize>() * DECODED_GROWTH;
        self.rollups.put(&file.path, &rollups, bytes);
        Ok(rollups)
    }

    /// The distinct values of the column `leaf` under the column `root`, as far as they are in dictionaries.
    pub(super) async fn distinct(&self, file: &FileEntry, root: &str, leaf: &str) -> Result<Arc<Distinct>, ReadError> {
        let key = format!("{}#{root}.{leaf}", file.path);
        if let Some(distinct) = self.distinct.get(&key) {
            return Ok(distinct);
        }
        let distinct = self.distinct_inner(file, root, leaf).await.map_err(|source| ReadError::of(file, source))?;
        let bytes = match &distinct {
            Distinct::Among(values) => values.iter().map(|value| value.len() + size_of::<Bytes>()).sum(),
            Distinct::Absent | Distinct::Unknown => 0,
        };
        let distinct = Arc::new(distinct);
        self.distinct.put(&key, &distinct, bytes + key.len() + size_of::<Distinct>());
        Ok(distinct)
    }

    async fn distinct_inner(&self, file: &FileEntry, root: &str, leaf: &str) -> Result<Distinct, ParquetError> {
        let footer = self.footer(file).await?;
        let metadata = footer.rows.metadata();
        let Some(column) = distinct::leaf_of(metadata, root, leaf) else { return Ok(Distinct::Absent) };
        let Some(offsets) = metadata.offset_index() else { return Ok(Distinct::Unknown) };
        let mut object = Object { files: &self.files, file, metadata: Some(Arc::clone(metadata)) };
        let mut values = HashSet::new();
        for (group, pages) in metadata.row_groups().iter().zip(offsets) {
            let chunk = group.column(column);
            let Some(first) = pages[column].page_locations().first() else { return Ok(Distinct::Unknown) };
            let Some(range) = distinct::dictionary_range(chunk, first.offset as u64) else {
                return Ok(Distinct::Unknown);
            };
            let bytes = object.get_bytes(range.clone()).await?;
            let read = distinct::values(chunk, range.start, bytes, first.clone())?;
            // Copied, so that a few short values do not keep a whole dictionary in memory.
            values.extend(read.iter().map(|value| Bytes::copy_from_slice(value)));
            if values.len() > DISTINCT_MAX {
                return Ok(Distinct::Unknown);
            }
        }
        Ok(Distinct::Among(Arc::new(values)))
    }

    /// Where a file says which of its rows may hold an attribute; `None` for one that does not.
    pub(super) async fn attribute_filter(&self, file: &FileEntry) -> Result<Option<FilterLayout>, ReadError> {
        let footer = self.footer(file).await.map_err(|source| ReadError::of(file, source))?;
        Ok(footer.attributes.clone())
    }

    /// The parts of a file that may hold one of these pairs of attribute and text.
    pub(super) async fn blocks_with(
        &self,
        file: &FileEntry,
        filter: &FilterLayout,
        pairs: &[Pair],
    ) -> Result<Vec<Range<usize>>, ReadError> {
        let of_file = |source| ReadError::of(file, source);
        let ranges: Vec<Range<u64>> = pairs.iter().map(|pair| filter.range(*pair)).collect();
        let read = self.files.ranges(file, &ranges).await.map_err(|fault| of_file(fault.into()))?;
        let mut marks = vec![false; filter.blocks()];
        for (pair, bytes) in pairs.iter().zip(read) {
            let marked = filter.mark(*pair, &bytes, &mut marks);
            marked.map_err(|error| of_file(ParquetError::General(error.to_string())))?;
        }
        Ok(filter.rows(&marks))
    }

    /// The file's footer, from the cache where it is there.
    pub(super) async fn footer(&self, file: &FileEntry) -> Result<Arc<Footer>, ParquetError> {
        if let Some(footer) = self.footers.get(&file.path) {
            return Ok(footer);
        }
        let mut object = Object { files: &self.files, file, metadata: None };
        let metadata = ParquetMetaDataReader::new()
            .with_page_index_policy(PageIndexPolicy::Optional)
            .with_prefetch_hint(Some(FOOTER_GUESS_BYTES.min(file.meta.bytes as usize)))
            .load_and_finish(&mut object, file.meta.bytes)
            .await?;
        let footer = Arc::new(Footer::new(&Arc::new(metadata), file)?);
        self.footers.put(&file.path, &footer, footer.bytes);
        Ok(footer)
    }
}

impl Footer {
    fn new(metadata: &Arc<ParquetMetaData>, file: &FileEntry) -> Result<Self, ParquetError> {
        let bytes = metadata.memory_size();
        let plain = ArrowReaderMetadata::try_new(Arc::clone(metadata), ArrowReaderOptions::new())?;
        let with = |encode: &dyn Fn(&Field) -> bool| {
            let fields = plain.schema().fields().iter().map(|field| match field.data_type() {
                DataType::Utf8 if encode(field) => {
                    let labels = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
                    field.as_ref().clone().with_data_type(labels)
                }
                _ => field.as_ref().clone(),
            });
            let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields.collect::<Vec<_>>())));
            ArrowReaderMetadata::try_new(Arc::clone(metadata), options)
        };
        let declared = declared(file.meta.table);
        let rows = with(&|field| {
            declared
                .field_with_name(field.name())
                .is_ok_and(|wanted| matches!(wanted.data_type(), DataType::Dictionary(..)))
        })?;
        let said = metadata.file_metadata().key_value_metadata().into_iter().flatten();
        let attributes = said.filter(|said| said.key == ATTRIBUTE_FILTER_KEY).find_map(|said| said.value.as_deref());
        let rows_in_file = metadata.file_metadata().num_rows() as u64;
        let attributes = attributes.and_then(|json| FilterLayout::parse(json, rows_in_file, file.meta.bytes));
        Ok(Self { rows, dictionaries: with(&|_| true)?, attributes, bytes })
    }

    fn trace_pages(&self) -> Vec<(u128, u64)> {
        let metadata = self.rows.metadata();
        let (Some(columns), Some(offsets), Some(leaf)) =
            (metadata.column_index(), metadata.offset_index(), leaf(metadata, "trace_id"))
        else {
            return Vec::new();
        };
        let mut pages = Vec::new();
        for (group, group_metadata) in metadata.row_groups().iter().enumerate() {
            let ColumnIndexMetaData::FIXED_LEN_BYTE_ARRAY(index) = &columns[group][leaf] else { continue };
            let places = offsets[group][leaf].page_locations();
            for (page, place) in places.iter().enumerate() {
                let end = places.get(page + 1).map_or(group_metadata.num_rows(), |next| next.first_row_index);
                let first = index.min_value(page).and_then(|min| min.try_into().ok()).map(u128::from_be_bytes);
                pages.extend(first.map(|first| (first, (end - place.first_row_index) as u64)));
            }
        }
        pages
    }

    /// How many rows of a file sorted by `start_unix_nanos` may start before `time`; the rest certainly do not.
    fn rows_until(&self, time: i64) -> usize {
        let metadata = self.rows.metadata();
        let all = metadata.file_metadata().num_rows() as usize;
        let Some(leaf) = leaf(metadata, "start_unix_nanos") else { return all };
        let (Some(columns), Some(offsets)) = (metadata.column_index(), metadata.offset_index()) else { return all };
        let mut first = 0;
        for (group, metadata) in metadata.row_groups().iter().enumerate() {
            let ColumnIndexMetaData::INT64(index) = &columns[group][leaf] else { return all };
            for (page, place) in offsets[group][leaf].page_locations().iter().enumerate() {
                if index.min_value(page).is_some_and(|min| *min > time) {
                    return first + place.first_row_index as usize;
                }
            }
            first += metadata.num_rows() as usize;
        }
        all
    }
}

fn declared(table: LakeTable) -> Arc<Schema> {
    use kino_model::columns::Table;
    match table {
        LakeTable::Spans => Table::Spans.schema(),
        LakeTable::Events => Table::Events.schema(),
        LakeTable::Links => Table::Links.schema(),
        LakeTable::Traces => crate::trace_row::schema(),
        LakeTable::Rollups => crate::rollup::schema(),
    }
}

fn leaf(metadata: &ParquetMetaData, name: &str) -> Option<usize> {
    metadata.file_metadata().schema_descr().columns().iter().position(|column| column.path().string() == name)
}

/// Whether a page with these bounds is needed; one without bounds holds nulls alone.
type NeedsPage<'a> = dyn Fn(Option<(&[u8], &[u8])>) -> bool + 'a;

/// Which pages a pick needs.
enum Pages {
    All,
    None,
    Some(Vec<usize>, RowSelection),
}

fn pages(metadata: &ParquetMetaData, pick: &Pick<'_>) -> Pages {
    let needs: Box<NeedsPage<'_>> = match pick {
        Pick::All => return Pages::All,
        Pick::Rows(range) => return row_ranges(metadata, std::slice::from_ref(range)),
        Pick::Places(places) => {
            let alone: Vec<Range<usize>> = places.iter().map(|place| *place..place + 1).collect();
            return row_ranges(metadata, &alone);
        }
        Pick::Traces([]) => return Pages::None,
        Pick::Traces(traces) => Box::new(|bounds| {
            bounds.is_some_and(|(min, max)| {
                let first = traces.partition_point(|id| id.0.as_slice() < min);
                traces.get(first).is_some_and(|id| id.0.as_slice() <= max)
            })
        }),
        Pick::Between(from, to) => Box::new(move |bounds| match bounds {
            None => to.is_none(),
            Some((min, max)) => {
                let (from, to) = (from.to_be_bytes(), to.map(u128::to_be_bytes));
                (to.is_none() || max >= from.as_slice()) && to.is_none_or(|to| min < to.as_slice())
            }
        }),
    };
    let (Some(columns), Some(offsets), Some(leaf)) =
        (metadata.column_index(), metadata.offset_index(), leaf(metadata, "trace_id"))
    else {
        return Pages::All;
    };
    let mut groups = Vec::new();
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut first = 0;
    for (group, group_metadata) in metadata.row_groups().iter().enumerate() {
        let ColumnIndexMetaData::FIXED_LEN_BYTE_ARRAY(index) = &columns[group][leaf] else { return Pages::All };
        let rows = group_metadata.num_rows() as usize;
        let places = offsets[group][leaf].page_locations();
        let before = ranges.len();
        for (page, place) in places.iter().enumerate() {
            let bounds = index.min_value(page).zip(index.max_value(page));
            if needs(bounds) {
                let end = places.get(page + 1).map_or(rows, |next| next.first_row_index as usize);
                ranges.push(first + place.first_row_index as usize..first + end);
            }
        }
        if ranges.len() > before {
            // The selection counts the rows of the chosen row groups alone.
            groups.push(group);
            first += rows;
        }
    }
    if groups.is_empty() {
        return Pages::None;
    }
    let selection = RowSelection::from_consecutive_ranges(ranges.into_iter(), first);
    Pages::Some(groups, selection)
}

fn row_ranges(metadata: &ParquetMetaData, wanted: &[Range<usize>]) -> Pages {
    let mut groups = Vec::new();
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let (mut first, mut total) = (0, 0);
    for (group, group_metadata) in metadata.row_groups().iter().enumerate() {
        let rows = group_metadata.num_rows() as usize;
        let before = ranges.len();
        for range in wanted {
            let (start, end) = (range.start.max(first), range.end.min(first + rows));
            if start < end {
                ranges.push(total + start - first..total + end - first);
            }
        }
        if ranges.len() > before {
            groups.push(group);
            total += rows;
        }
        first += rows;
    }
    if groups.is_empty() {
        return Pages::None;
    }
    Pages::Some(groups, RowSelection::from_consecutive_ranges(ranges.into_iter(), total))
}

/// The row groups that a read needs, each with its part of the selection.
fn parts(metadata: &ParquetMetaData, pages: Pages) -> Vec<RowGroupRows> {
    match pages {
        Pages::None => Vec::new(),
        Pages::All => (0..metadata.num_row_groups()).map(|group| RowGroupRows { group, selection: None }).collect(),
        Pages::Some(groups, mut selection) => {
            let part = |group: usize| {
                let rows = metadata.row_group(group).num_rows() as usize;
                RowGroupRows { group, selection: Some(selection.split_off(rows)) }
            };
            groups.into_iter().map(part).collect()
        }
    }
}

/// The rows that two reads have in common.
fn in_both(left: Vec<RowGroupRows>, right: Vec<RowGroupRows>) -> Vec<RowGroupRows> {
    let mut right: HashMap<usize, RowGroupRows> = right.into_iter().map(|part| (part.group, part)).collect();
    let both = left.into_iter().filter_map(|part| {
        let other = right.remove(&part.group)?;
        let selection = match (part.selection, other.selection) {
            (Some(left), Some(right)) => Some(left.intersection(&right)),
            (left, right) => left.or(right),
        };
        Some(RowGroupRows { group: part.group, selection })
    });
    both.filter(|part| !part.is_empty()).collect()
}

/// A file to read parts of.
struct RangeSource<'a> {
    files: &'a Files,
    file: &'a FileEntry,
    rows: &'a ArrowReaderMetadata,
    trace_id: ProjectionMask,
}

impl RangeSource<'_> {
    /// The bytes behind these columns of a part, and how many rows they may have to be decoded for.
    async fn fetch(
        &self,
        part: &RowGroupRows,
        test: Option<&Arc<TraceTest>>,
        columns: &ProjectionMask,
    ) -> Result<(Pieces, usize), ParquetError> {
        let mut needed = columns.clone();
        if test.is_some() {
            needed.union(&self.trace_id);
        }
        let ranges = part.ranges(self.rows.metadata(), &needed);
        let read = self.files.ranges(self.file, &ranges).await?;
        let pieces = Pieces::new(ranges.iter().map(|range| range.start).zip(read));
        Ok((pieces, part.rows(self.rows.metadata())))
    }

    /// Narrows a part to the rows that pass the test.
    fn narrow(
        &self,
        pieces: &Pieces,
        test: Option<Arc<TraceTest>>,
    ) -> impl Fn(&mut RowGroupRows) -> Result<(), ParquetError> + Send + 'static {
        let (pieces, metadata, trace_id) = (pieces.clone(), self.rows.clone(), self.trace_id.clone());
        move |part| {
            let Some(test) = &test else { return Ok(()) };
            let ids = part.decode(&pieces, &metadata, &trace_id)?;
            part.refine(&ids.iter().map(|batch| mark_traces(batch, test)).collect::<Vec<_>>());
            Ok(())
        }
    }

    /// The rows of a part that pass the test.
    async fn rows_of(
        &self,
        mut part: RowGroupRows,
        test: Option<Arc<TraceTest>>,
        columns: &ProjectionMask,
    ) -> Result<Vec<RecordBatch>, ParquetError> {
        let (pieces, rows) = self.fetch(&part, test.as_ref(), columns).await?;
        let (metadata, columns, narrow) = (self.rows.clone(), columns.clone(), self.narrow(&pieces, test));
        let decode = move || {
            narrow(&mut part)?;
            if part.is_empty() { Ok(Vec::new()) } else { part.decode(&pieces, &metadata, &columns) }
        };
        beside(rows, decode).await
    }

    /// The rows of a part that pass the test and the condition, as a part; the condition is given back.
    async fn passing(
        &self,
        mut part: RowGroupRows,
        test: Option<Arc<TraceTest>>,
        columns: &ProjectionMask,
        mut passes: Passes,
    ) -> Result<(RowGroupRows, Passes), ParquetError> {
        let (pieces, rows) = self.fetch(&part, test.as_ref(), columns).await?;
        let (metadata, columns, narrow) = (self.rows.clone(), columns.clone(), self.narrow(&pieces, test));
        let decode = move || {
            narrow(&mut part)?;
            if !part.is_empty() {
                let batches = part.decode(&pieces, &metadata, &columns)?;
                part.refine(&batches.iter().map(&mut passes).collect::<Vec<_>>());
            }
            Ok((part, passes))
        };
        beside(rows, decode).await
    }
}

/// The exact test behind a pick; owned, since the decoder keeps it.
enum TraceTest {
    Among(Vec<TraceId>),
    Between(u128, Option<u128>),
}

fn trace_test(pick: &Pick<'_>) -> Option<TraceTest> {
    match pick {
        Pick::All | Pick::Rows(_) | Pick::Places(_) => None,
        Pick::Traces(traces) => Some(TraceTest::Among(traces.to_vec())),
        Pick::Between(from, to) => Some(TraceTest::Between(*from, *to)),
    }
}

fn mark_traces(batch: &RecordBatch, test: &TraceTest) -> BooleanArray {
    let Some(ids) = ids(batch, "trace_id") else { return BooleanArray::from(vec![false; batch.num_rows()]) };
    let passes = |id: Option<TraceId>| match (test, id) {
        (TraceTest::Among(_), None) => false,
        (TraceTest::Among(traces), Some(id)) => traces.binary_search(&id).is_ok(),
        (TraceTest::Between(_, to), None) => to.is_none(),
        (TraceTest::Between(from, to), Some(id)) => {
            let id = u128::from_be_bytes(id.0);
            id >= *from && to.is_none_or(|to| id < to)
        }
    };
    let mut before = (None, passes(None));
    let mark = |row| {
        let id = trace_id_at(ids, row);
        if id != before.0 {
            before = (id, passes(id));
        }
        Some(before.1)
    };
    (0..batch.num_rows()).map(mark).collect()
}
