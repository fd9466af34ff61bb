//! One column of a row group in the making: values go from the batches, where they lie, in the file's order into pages.

use arrow_array::Array;
use arrow_schema::{DataType, Field};
use kino_model::{SpanId, TraceId};
use parquet::basic::Encoding;
use parquet::data_type::{ByteArray, FixedLenByteArray};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::schema::types::ColumnDescPtr;

use super::chunk::{Chunk, PageParts};
use super::leaf::{NumberLeaf, TextLeaf};
use super::map::MapColumn;
use super::view::{self, GATHERED_ROWS, View, misfit};
use super::work::{Finished, Scratch, Work};
use super::{PAGE_ROWS, bits};
use crate::sort::RowAddress;

/// A column: flat, or a map.
pub(super) enum ColumnEncoder {
    Flat(Box<Flat>),
    Map(Box<MapColumn>),
}

/// A column with at most one value a row.
pub(super) struct Flat {
    chunk: Chunk,
    values: Values,
    /// For each row of the page whether it has a value; empty where every row must.
    present: Vec<u32>,
    rows: usize,
    nulls: usize,
    is_nullable: bool,
    statistics: EnabledStatistics,
}

enum Values {
    /// Bytes of one size, with the least and the greatest so far.
    Fixed {
        size: usize,
        bytes: Vec<u8>,
        range: Option<(Vec<u8>, Vec<u8>)>,
    },
    Numbers(NumberLeaf),
    Bools(Vec<u32>),
    Texts(TextLeaf),
}

impl ColumnEncoder {
    /// For a field whose leaves come next.
    pub(super) fn new(
        field: &Field,
        leaves: &mut impl Iterator<Item = ColumnDescPtr>,
        properties: &WriterProperties,
        covered_under: Option<u64>,
    ) -> Result<Self, ParquetError> {
        let mut next = || leaves.next().ok_or_else(|| misfit(field.name()));
        if matches!(field.data_type(), DataType::Map(..)) {
            let (keys, values) = (next()?, next()?);
            return Ok(Self::Map(Box::new(MapColumn::new(&keys, &values, properties, field.is_nullable()))));
        }
        let leaf = next()?;
        let path = leaf.path();
        let (has_dictionary, statistics) = (properties.dictionary_enabled(path), properties.statistics_enabled(path));
        let plain = properties.encoding(path);
        let values = match field.data_type() {
            DataType::FixedSizeBinary(size) => Values::Fixed { size: *size as usize, bytes: Vec::new(), range: None },
            DataType::Int64 => {
                let plain = plain.unwrap_or(Encoding::DELTA_BINARY_PACKED);
                Values::Numbers(NumberLeaf::new(size_of::<i64>(), has_dictionary, plain))
            }
            DataType::Int32 | DataType::Int8 => {
                Values::Numbers(NumberLeaf::new(size_of::<i32>(), has_dictionary, Encoding::PLAIN))
            }
            DataType::Boolean => Values::Bools(Vec::new()),
            DataType::Utf8 | DataType::Binary | DataType::Dictionary(..) => {
                Values::Texts(TextLeaf::new(has_dictionary, covered_under))
            }
            _ => return Err(misfit(field.name())),
        };
        let chunk = Chunk::new(leaf.clone(), properties.compression(path), statistics == EnabledStatistics::Page);
        let is_nullable = field.is_nullable();
        let (present, rows, nulls) = (Vec::new(), 0, 0);
        Ok(Self::Flat(Box::new(Flat { chunk, values, present, rows, nulls, is_nullable, statistics })))
    }

    /// What the hashes of its texts begin with, where numbers for texts are of use.
    pub(super) fn coded_under(&self) -> Option<u64> {
        match self {
            Self::Flat(flat) => match &flat.values {
                Values::Texts(texts) => texts.coded_under(),
                _ => None,
            },
            Self::Map(_) => None,
        }
    }

    /// Adds rows.
    pub(super) fn put(
        &mut self,
        view: &mut View<'_>,
        places: &[RowAddress],
        work: &mut Work<'_>,
    ) -> Result<(), ParquetError> {
        for places in places.chunks(GATHERED_ROWS) {
            match (&mut *self, &mut *view) {
                (Self::Flat(flat), view) => flat.put(view, places, work)?,
                (Self::Map(map), View::Maps(parts)) => map.put(parts, places, work)?,
                (Self::Map(map), _) => map.put_none(places.len(), work)?,
            }
        }
        Ok(())
    }

    /// Ends the row group: the finished chunks of the column's leaves, in order.
    pub(super) fn finish(self, work: &mut Work<'_>) -> Result<Vec<Finished>, ParquetError> {
        match self {
            Self::Flat(flat) => Ok(vec![flat.finish(work)?]),
            Self::Map(map) => map.finish(work),
        }
    }
}

impl Flat {
    fn put(&mut self, view: &mut View<'_>, places: &[RowAddress], work: &mut Work<'_>) -> Result<(), ParquetError> {
        match (&mut self.values, view) {
            (Values::Texts(_), View::Texts(parts)) => {
                let mut texts = Vec::with_capacity(places.len());
                view::gather_texts(parts, places, &mut texts);
                for text in texts {
                    self.put_text(text, work)?;
                }
            }
            (Values::Texts(_), View::Labels(parts)) => {
                for place in places {
                    let Values::Texts(texts) = &mut self.values else { break };
                    let part = parts[place.part as usize].as_mut();
                    let present = part
                        .is_some_and(|labels| texts.put_label(labels, place.row as usize, work.filter.as_deref_mut()));
                    let is_full = texts.is_full();
                    self.end_row(present, is_full, work)?;
                }
            }
            (Values::Texts(_), View::Codes(codes)) => {
                let mut room = std::mem::take(&mut work.scratch.codes);
                room.clear();
                codes.next(places.len(), &mut room);
                let mut rest = room.as_slice();
                while !rest.is_empty() {
                    let (now, later) = rest.split_at(rest.len().min(PAGE_ROWS - self.rows));
                    let Values::Texts(texts) = &mut self.values else { break };
                    for at in now.iter().filter_map(|code| code.checked_sub(1)) {
                        texts.put_code(codes, at as usize, work.filter.as_deref_mut());
                    }
                    let is_full = texts.is_full();
                    self.nulls += now.iter().filter(|code| **code == 0).count();
                    if self.is_nullable {
                        self.present.extend(now.iter().map(|code| u32::from(*code != 0)));
                    }
                    self.rows += now.len();
                    if self.rows == PAGE_ROWS || is_full {
                        self.end_page(work)?;
                    }
                    rest = later;
                }
                work.scratch.codes = room;
            }
            (_, view) => {
                let mut rest = places;
                while !rest.is_empty() {
                    let (now, later) = rest.split_at(rest.len().min(PAGE_ROWS - self.rows));
                    self.put_small(view, now, &mut work.scratch.numbers);
                    self.rows += now.len();
                    if self.rows == PAGE_ROWS {
                        self.end_page(work)?;
                    }
                    rest = later;
                }
            }
        }
        Ok(())
    }

    fn put_text(&mut self, text: Option<&[u8]>, work: &mut Work<'_>) -> Result<(), ParquetError> {
        let Values::Texts(texts) = &mut self.values else { return Ok(()) };
        if let Some(text) = text {
            texts.put(text, work.filter.as_deref_mut());
        }
        let is_full = texts.is_full();
        self.end_row(text.is_some(), is_full, work)
    }

    fn end_row(&mut self, present: bool, is_full: bool, work: &mut Work<'_>) -> Result<(), ParquetError> {
        self.nulls += usize::from(!present);
        if self.is_nullable {
            self.present.push(u32::from(present));
        }
        self.rows += 1;
        if self.rows == PAGE_ROWS || is_full { self.end_page(work) } else { Ok(()) }
    }

    /// Adds rows that the page has room for, of values that are small, or of none.
    fn put_small(&mut self, view: &View<'_>, places: &[RowAddress], room: &mut Vec<Option<i64>>) {
        let Self { values, present, nulls, is_nullable, .. } = self;
        let mut note = |there: bool| {
            *nulls += usize::from(!there);
            if *is_nullable {
                present.push(u32::from(there));
            }
        };
        match (values, view) {
            (Values::Fixed { size: TraceId::LEN, bytes, .. }, View::Fixed(parts)) => {
                view::gather_fixed::<{ TraceId::LEN }>(parts, places, bytes, note);
            }
            (Values::Fixed { size: SpanId::LEN, bytes, .. }, View::Fixed(parts)) => {
                view::gather_fixed::<{ SpanId::LEN }>(parts, places, bytes, note);
            }
            (Values::Numbers(numbers), view @ (View::Longs(_) | View::Ints(_) | View::Smalls(_))) => {
                room.clear();
                match view {
                    View::Longs(parts) => view::gather_numbers(parts, places, room),
                    View::Ints(parts) => view::gather_numbers(parts, places, room),
                    View::Smalls(parts) => view::gather_numbers(parts, places, room),
                    _ => {}
                }
                for number in room {
                    note(number.is_some());
                    if let Some(number) = number {
                        numbers.put(*number);
                    }
                }
            }
            (Values::Bools(bools), View::Bools(parts)) => {
                for place in places {
                    let row = place.row as usize;
                    let part = parts[place.part as usize].filter(|part| part.is_valid(row));
                    note(part.is_some());
                    bools.extend(part.map(|part| u32::from(part.value(row))));
                }
            }
            _ => places.iter().for_each(|_| note(false)),
        }
    }

    fn end_page(&mut self, work: &mut Work<'_>) -> Result<(), ParquetError> {
        let Scratch { levels, values, .. } = &mut *work.scratch;
        levels.clear();
        values.clear();
        if self.is_nullable {
            match self.nulls {
                0 => bits::put_run(levels, 1, self.rows, 1),
                nulls if nulls == self.rows => bits::put_run(levels, 0, self.rows, 1),
                _ => bits::put_hybrid(levels, &self.present, 1),
            }
        }
        let encoding = match &mut self.values {
            Values::Fixed { size, bytes, range } => {
                if self.statistics == EnabledStatistics::Page {
                    let (min, max) = (bytes.chunks_exact(*size).min(), bytes.chunks_exact(*size).max());
                    let page = min.zip(max);
                    self.chunk.note_range(page, self.nulls);
                    if let Some((min, max)) = page {
                        let (least, greatest) = range.get_or_insert_with(|| (min.to_vec(), max.to_vec()));
                        if min < least.as_slice() {
                            *least = min.to_vec();
                        }
                        if max > greatest.as_slice() {
                            *greatest = max.to_vec();
                        }
                    }
                }
                std::mem::swap(values, bytes);
                bytes.clear();
                Encoding::PLAIN
            }
            Values::Numbers(numbers) => numbers.take_page(values),
            Values::Bools(bools) => {
                values.extend_from_slice(&[0; size_of::<u32>()]);
                bits::put_hybrid(values, bools, 1);
                let length = (values.len() - size_of::<u32>()) as u32;
                values[..size_of::<u32>()].copy_from_slice(&length.to_le_bytes());
                bools.clear();
                Encoding::RLE
            }
            Values::Texts(texts) => texts.take_page(values),
        };
        let page =
            PageParts { levels, repetition_bytes: 0, values, rows: self.rows, entries: self.rows, nulls: self.nulls };
        self.chunk.add(encoding, &page, work.zstd)?;
        self.present.clear();
        (self.rows, self.nulls) = (0, 0);
        Ok(())
    }

    fn finish(mut self, work: &mut Work<'_>) -> Result<Finished, ParquetError> {
        if self.rows > 0 {
            self.end_page(work)?;
        }
        let nulls = Some(self.chunk.nulls() as u64);
        let has_statistics = self.statistics != EnabledStatistics::None;
        let (dictionary, statistics) = match self.values {
            Values::Fixed { range, .. } => {
                let (min, max) = range.map(|(min, max)| (bytes_of(min), bytes_of(max))).unzip();
                (None, Statistics::from(ValueStatistics::new(min, max, None, nulls, false)))
            }
            Values::Numbers(numbers) => {
                let (min, max) = numbers.range().unzip();
                let statistics = if numbers.is_long() {
                    ValueStatistics::new(min, max, None, nulls, false).with_backwards_compatible_min_max(true).into()
                } else {
                    let (min, max) = (min.map(|min| min as i32), max.map(|max| max as i32));
                    ValueStatistics::new(min, max, None, nulls, false).with_backwards_compatible_min_max(true).into()
                };
                (numbers.into_dictionary(), statistics)
            }
            Values::Bools(_) => (None, ValueStatistics::<bool>::new(None, None, None, nulls, false).into()),
            Values::Texts(texts) => {
                let none = ValueStatistics::<ByteArray>::new(None, None, None, nulls, false);
                (texts.into_dictionary(), none.into())
            }
        };
        self.chunk.finish(dictionary, has_statistics.then_some(statistics), work.zstd)
    }
}

fn bytes_of(bytes: Vec<u8>) -> FixedLenByteArray {
    FixedLenByteArray::from(bytes)
}
