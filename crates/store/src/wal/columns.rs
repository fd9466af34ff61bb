//! A batch's columns as bytes: their buffers one behind the other, without a schema, which the log's header names by
//! its version.
//!
//! ```text
//!  batch   MAGIC │ spans │ events │ links
//!  table   rows u32 │ columns u32 │ column …
//!  column  place in the table u32 │ nulls │ values by kind
//!  nulls   0 u8, or 1 u8 and a bit a row, the lowest first; a set bit is a value
//!  values  ids, short integers: as they are │ truth values: a bit a row │ text, bytes: strings
//!          integers of 64 bits: the least i64 │ what each is above it: narrow
//!          labels: count u32 │ strings │ keys: narrow
//!          maps: lengths: narrow │ keys: strings │ nulls │ values: strings
//!  strings lengths: narrow │ bytes
//!  narrow  bytes of each u8: 1, 2, 4 or 8 │ the numbers
//! ```
//!
//! All integers are little-endian. Written for speed: an Arrow stream of the same rows takes several times as long,
//! since it spells the schema and every buffer's place out for each of a few hundred rows. Numbers are narrow because
//! the system takes longer to write a byte than this takes to leave it out, and of a span a third are the high bytes of
//! small numbers.
//!
//! What [`OLD_MAGIC`] begins has its numbers at full width: offsets i32, one more than there are values and from 0,
//! instead of lengths; keys i32; integers as they are. It is read as ever.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, Int32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, DictionaryArray, FixedSizeBinaryArray, Int8Array, Int32Array,
    Int64Array, MapArray, RecordBatch, RecordBatchOptions, StringArray, StructArray,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Schema};
use kino_model::Batch;
use kino_model::columns::{ColumnKind, Table};

/// The first bytes. An Arrow payload begins with a length, which is never that large.
pub(super) const MAGIC: &[u8; 8] = b"columns\xfe";
/// The first bytes before numbers were narrow.
pub(super) const OLD_MAGIC: &[u8; 8] = b"columns\xff";

/// Why bytes are no batch.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PayloadError {
    #[error("a table's length runs past the end")]
    Short,
    #[error("not an Arrow stream")]
    Arrow(#[from] arrow_schema::ArrowError),
    #[error("a table arrived in {0} pieces")]
    Pieces(usize),
    #[error("there is no column {0}")]
    Column(usize),
    #[error("texts whose ends are not in order")]
    Offsets,
    #[error("numbers of {0} bytes")]
    Width(u8),
    #[error("{0} bytes too many")]
    Trailing(usize),
}

/// How numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberEncoding {
    /// Each at its full width.
    Full,
    /// All of a column in as few bytes as its largest needs.
    Narrow,
}

/// The bytes of a batch, if each of its columns has its table's own type.
pub(super) fn encode(batch: &Batch, out: &mut Vec<u8>) -> Option<()> {
    out.extend_from_slice(MAGIC);
    for table in Table::ALL {
        let rows = batch.table(table);
        put_u32(out, u32::try_from(rows.num_rows()).ok()?);
        put_u32(out, rows.num_columns() as u32);
        for (field, array) in rows.schema_ref().fields().iter().zip(rows.columns()) {
            let place = table.column_index(field.name())?;
            let column = &table.columns()[place];
            if *array.data_type() != column.kind.arrow() {
                return None;
            }
            put_u32(out, place as u32);
            put_nulls(out, array.nulls());
            put_values(out, column.kind, array)?;
        }
    }
    Some(())
}

fn put_values(out: &mut Vec<u8>, kind: ColumnKind, array: &ArrayRef) -> Option<()> {
    match kind {
        ColumnKind::TraceId | ColumnKind::SpanId => {
            let ids = array.as_fixed_size_binary();
            out.extend_from_slice(ids.values().get(..ids.len() * ids.value_length() as usize)?);
        }
        ColumnKind::Int => put_ints(out, array.as_primitive::<Int64Type>().values()),
        ColumnKind::Int32 => {
            put_numbers(out, array.as_primitive::<Int32Type>().values().iter().copied(), i32::to_le_bytes);
        }
        ColumnKind::Int8 => {
            put_numbers(out, array.as_primitive::<Int8Type>().values().iter().copied(), i8::to_le_bytes);
        }
        ColumnKind::Bool => put_bits(out, array.as_boolean().values()),
        ColumnKind::Text => {
            let texts = array.as_string::<i32>();
            put_strings(out, texts.value_offsets(), texts.value_data());
        }
        ColumnKind::Bytes => {
            let bytes = array.as_binary::<i32>();
            put_strings(out, bytes.value_offsets(), bytes.value_data());
        }
        ColumnKind::Label => {
            let labels = array.as_dictionary::<Int32Type>();
            let texts = labels.values().as_string_opt::<i32>().filter(|texts| texts.null_count() == 0)?;
            put_u32(out, texts.len() as u32);
            put_strings(out, texts.value_offsets(), texts.value_data());
            // A row without a label may have any key.
            let keys = labels.keys().values().iter().map(|key| u64::from(key.cast_unsigned()));
            put_narrow(out, keys, texts.len() as u64);
        }
        ColumnKind::Map => {
            let map = array.as_map();
            let first = *map.value_offsets().first()?;
            let last = *map.value_offsets().last()?;
            put_lengths(out, map.value_offsets());
            let entries = map.entries().slice(first as usize, (last - first) as usize);
            let (keys, values) = (entries.column(0).as_string::<i32>(), entries.column(1).as_string::<i32>());
            put_strings(out, keys.value_offsets(), keys.value_data());
            put_nulls(out, values.nulls());
            put_strings(out, values.value_offsets(), values.value_data());
        }
    }
    Some(())
}

fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put_numbers<T, const N: usize>(
    out: &mut Vec<u8>,
    values: impl ExactSizeIterator<Item = T>,
    bytes: impl Fn(T) -> [u8; N],
) {
    let start = out.len();
    out.resize(start + values.len() * N, 0);
    for (place, value) in out[start..].as_chunks_mut::<N>().0.iter_mut().zip(values) {
        *place = bytes(value);
    }
}

/// Numbers of which none is wider than `widest`.
fn put_narrow(out: &mut Vec<u8>, values: impl ExactSizeIterator<Item = u64>, widest: u64) {
    match widest {
        0..=0xff => {
            out.push(1);
            put_numbers(out, values, |value| [value as u8]);
        }
        0x100..=0xffff => {
            out.push(2);
            put_numbers(out, values, |value| (value as u16).to_le_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(4);
            put_numbers(out, values, |value| (value as u32).to_le_bytes());
        }
        _ => {
            out.push(8);
            put_numbers(out, values, u64::to_le_bytes);
        }
    }
}

fn put_ints(out: &mut Vec<u8>, values: &[i64]) {
    let least = values.iter().copied().min().unwrap_or(0);
    let most = values.iter().copied().max().unwrap_or(0);
    out.extend_from_slice(&least.to_le_bytes());
    let above = |value: &i64| value.wrapping_sub(least).cast_unsigned();
    put_narrow(out, values.iter().map(above), above(&most));
}

/// Appends the differences between consecutive offsets.
fn put_lengths(out: &mut Vec<u8>, offsets: &[i32]) {
    let lengths = || offsets.iter().zip(&offsets[1..]).map(|(start, end)| (end - start).cast_unsigned());
    let widest = lengths().fold(0, |bits, length| bits | length);
    put_narrow(out, lengths().map(u64::from), widest.into());
}

fn put_bits(out: &mut Vec<u8>, bits: &BooleanBuffer) {
    out.extend_from_slice(&bits.sliced()[..bits.len().div_ceil(8)]);
}

fn put_nulls(out: &mut Vec<u8>, nulls: Option<&NullBuffer>) {
    out.push(u8::from(nulls.is_some()));
    if let Some(nulls) = nulls {
        put_bits(out, nulls.inner());
    }
}

fn put_strings(out: &mut Vec<u8>, offsets: &[i32], bytes: &[u8]) {
    let (Some(&first), Some(&last)) = (offsets.first(), offsets.last()) else {
        unreachable!("offsets have one more than there are values");
    };
    put_lengths(out, offsets);
    out.extend_from_slice(&bytes[first as usize..last as usize]);
}

/// The batch in `bytes`, which begin behind the magic that said how numbers are written.
pub(super) fn decode(bytes: &[u8], numbers: NumberEncoding) -> Result<Batch, PayloadError> {
    let mut input = Input { bytes, numbers };
    let mut batch = Batch::empty();
    for table in Table::ALL {
        let rows = table_of(table, &mut input)?;
        match table {
            Table::Spans => batch.spans = rows,
            Table::Events => batch.events = rows,
            Table::Links => batch.links = rows,
        }
    }
    if input.bytes.is_empty() { Ok(batch) } else { Err(PayloadError::Trailing(input.bytes.len())) }
}

fn table_of(table: Table, input: &mut Input<'_>) -> Result<RecordBatch, PayloadError> {
    let (rows, columns) = (input.u32()?, input.u32()?);
    let (mut fields, mut arrays) = (Vec::new(), Vec::new());
    let schema = table.schema();
    for _ in 0..columns {
        let place = input.u32()?;
        let column = table.columns().get(place).ok_or(PayloadError::Column(place))?;
        fields.push(Arc::clone(&schema.fields()[place]));
        let nulls = input.nulls(rows)?;
        arrays.push(input.values(column.kind, rows, nulls)?);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)?)
}

/// Bytes from outside: every length is checked before it is believed.
struct Input<'a> {
    bytes: &'a [u8],
    numbers: NumberEncoding,
}

impl<'a> Input<'a> {
    fn take(&mut self, count: usize, width: usize) -> Result<&'a [u8], PayloadError> {
        let length = count.checked_mul(width).ok_or(PayloadError::Short)?;
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or(PayloadError::Short)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn u32(&mut self) -> Result<usize, PayloadError> {
        Ok(self.numbers(1, u32::from_le_bytes)?[0] as usize)
    }

    fn numbers<T, const N: usize>(
        &mut self,
        count: usize,
        number: impl Fn([u8; N]) -> T,
    ) -> Result<Vec<T>, PayloadError> {
        let (numbers, _) = self.take(count, N)?.as_chunks::<N>();
        Ok(numbers.iter().map(|bytes| number(*bytes)).collect())
    }

    fn bits(&mut self, rows: usize) -> Result<BooleanBuffer, PayloadError> {
        let bytes = self.take(rows.div_ceil(8), 1)?;
        Ok(BooleanBuffer::new(Buffer::from(bytes), 0, rows))
    }

    fn nulls(&mut self, rows: usize) -> Result<Option<NullBuffer>, PayloadError> {
        match self.take(1, 1)?[0] {
            0 => Ok(None),
            _ => Ok(Some(NullBuffer::new(self.bits(rows)?))),
        }
    }

    /// Numbers that [`put_narrow`] wrote.
    fn narrow<T>(&mut self, count: usize, number: impl Fn(u64) -> T) -> Result<Vec<T>, PayloadError> {
        match self.take(1, 1)?[0] {
            1 => self.numbers(count, |bytes| number(u8::from_le_bytes(bytes).into())),
            2 => self.numbers(count, |bytes| number(u16::from_le_bytes(bytes).into())),
            4 => self.numbers(count, |bytes| number(u32::from_le_bytes(bytes).into())),
            8 => self.numbers(count, |bytes| number(u64::from_le_bytes(bytes))),
            width => Err(PayloadError::Width(width)),
        }
    }

    fn ints(&mut self, count: usize) -> Result<Vec<i64>, PayloadError> {
        if self.numbers == NumberEncoding::Full {
            return self.numbers(count, i64::from_le_bytes);
        }
        let least = self.numbers(1, i64::from_le_bytes)?[0];
        self.narrow(count, |above| least.wrapping_add(above.cast_signed()))
    }

    fn keys(&mut self, count: usize) -> Result<Vec<i32>, PayloadError> {
        match self.numbers {
            NumberEncoding::Full => self.numbers(count, i32::from_le_bytes),
            NumberEncoding::Narrow => self.narrow(count, |key| key as i32),
        }
    }

    fn offsets(&mut self, count: usize) -> Result<(OffsetBuffer<i32>, usize), PayloadError> {
        let offsets = match self.numbers {
            NumberEncoding::Full => {
                self.numbers(count.checked_add(1).ok_or(PayloadError::Short)?, i32::from_le_bytes)?
            }
            NumberEncoding::Narrow => {
                let mut end = 0_i32;
                // What does not add up to an offset goes back, and is refused below.
                let lengths = self.narrow(count, |length| length)?;
                let ends = lengths.into_iter().map(|length| {
                    end = i32::try_from(length).ok().and_then(|length| end.checked_add(length)).unwrap_or(-1);
                    end
                });
                [0].into_iter().chain(ends).collect()
            }
        };
        if offsets.first() != Some(&0) || !offsets.is_sorted() {
            return Err(PayloadError::Offsets);
        }
        let end = offsets.last().copied().unwrap_or(0) as usize;
        Ok((OffsetBuffer::new(ScalarBuffer::from(offsets)), end))
    }

    fn strings(&mut self, count: usize) -> Result<(OffsetBuffer<i32>, Buffer), PayloadError> {
        let (offsets, end) = self.offsets(count)?;
        Ok((offsets, Buffer::from(self.take(end, 1)?)))
    }

    fn values(&mut self, kind: ColumnKind, rows: usize, nulls: Option<NullBuffer>) -> Result<ArrayRef, PayloadError> {
        Ok(match kind {
            ColumnKind::TraceId | ColumnKind::SpanId => {
                let width = if kind == ColumnKind::TraceId { 16 } else { 8 };
                let bytes = Buffer::from(self.take(rows, width)?);
                Arc::new(FixedSizeBinaryArray::try_new(width as i32, bytes, nulls)?)
            }
            ColumnKind::Int => Arc::new(Int64Array::try_new(self.ints(rows)?.into(), nulls)?),
            ColumnKind::Int32 => Arc::new(Int32Array::try_new(self.numbers(rows, i32::from_le_bytes)?.into(), nulls)?),
            ColumnKind::Int8 => Arc::new(Int8Array::try_new(self.numbers(rows, i8::from_le_bytes)?.into(), nulls)?),
            ColumnKind::Bool => Arc::new(BooleanArray::new(self.bits(rows)?, nulls)),
            ColumnKind::Text => {
                let (offsets, bytes) = self.strings(rows)?;
                Arc::new(StringArray::try_new(offsets, bytes, nulls)?)
            }
            ColumnKind::Bytes => {
                let (offsets, bytes) = self.strings(rows)?;
                Arc::new(BinaryArray::try_new(offsets, bytes, nulls)?)
            }
            ColumnKind::Label => {
                let count = self.u32()?;
                let (offsets, bytes) = self.strings(count)?;
                let texts = StringArray::try_new(offsets, bytes, None)?;
                let keys = Int32Array::try_new(self.keys(rows)?.into(), nulls)?;
                Arc::new(DictionaryArray::<Int32Type>::try_new(keys, Arc::new(texts))?)
            }
            ColumnKind::Map => {
                let (offsets, count) = self.offsets(rows)?;
                let (key_offsets, key_bytes) = self.strings(count)?;
                let value_nulls = self.nulls(count)?;
                let (value_offsets, value_bytes) = self.strings(count)?;
                let keys = StringArray::try_new(key_offsets, key_bytes, None)?;
                let values = StringArray::try_new(value_offsets, value_bytes, value_nulls)?;
                let DataType::Map(field, ordered) = ColumnKind::Map.arrow() else { unreachable!("a map is a map") };
                let DataType::Struct(pair) = field.data_type().clone() else { unreachable!("entries are pairs") };
                let entries = StructArray::try_new(pair, vec![Arc::new(keys), Arc::new(values)], None)?;
                Arc::new(MapArray::try_new(field, offsets, entries, nulls, ordered)?)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use kino_model::thin_vec;
    use kino_model::{Event, Link, LogRecord, Resource, Span, SpanId, TraceId, UnixNanos, Value};
    use kino_testkit::Shop;

    use super::*;

    fn shop() -> Batch {
        let mut shop = Shop::new(5, UnixNanos(1_760_000_000_000_000_000));
        let spans: Vec<_> = (0..20).flat_map(|_| shop.next_trace()).collect();
        Batch::from_rows(&spans, &[LogRecord::default()])
    }

    /// What [`written_before`] holds, as it was written when numbers had their full width.
    const OLD: &str = "636f6c756d6e73ff020000001000000000000000000707070707070707070707070707070707070707070707070707070707\
        0707070100000000010101010101010102020202020202020200000001020000000000000000010101010101010103000000\
        000000b0d4acc66c18a086b1d4acc66c1804000000010190d003000000000000000000000000000500000000000000000900\
        00000f000000474554202f6361727453454c45435406000000000000070000000000000a0000000101010100000000000000\
        000000000000000c000000010101000000000000000400000073686f70000000000000000017000000010100000000050000\
        00050000002f63617274380000000101013900000001010100000000000000460000007b2261747472696275746573223a5b\
        7b226b6579223a22736572766963652e6e616d65222c2276616c7565223a7b22737472696e6756616c7565223a2273686f70\
        227d7d5d7d00000000000000003b000000010100000000020000000200000000000000010000000c0000006e746872656164\
        2e6e616d6500000000000100000005000000356d61696e3c0000000101000000000400000004000000c50301003e00000001\
        0200000000030000000100000007000000000000000007070707070707070707070707070707010000000001010101010101\
        01020000000000000000000000000300000000000400000000000000000500000000000000000500000072657472790f0000\
        000001000000000000000400000073686f700000000001000000050000000000000000070707070707070707070707070707\
        0701000000000101010101010101020000000000000000030000000008080808080808080808080808080808040000000009\
        09090909090909";

    fn written_before() -> Batch {
        let text = |key: &str, value: &str| (kino_model::Text::from(key), Value::from(value));
        let resource = Resource { attributes: thin_vec![text("service.name", "shop")], ..Resource::default() };
        let first = Span {
            trace_id: TraceId([7; 16]),
            span_id: SpanId([1; 8]),
            start: UnixNanos(1_760_000_000_000_000_000),
            end: Some(UnixNanos(1_760_000_000_000_250_000)),
            name: "GET /cart".into(),
            flags: 0x101,
            resource: Arc::new(resource),
            attributes: thin_vec![
                text("http.route", "/cart"),
                text("thread.name", "main"),
                ("cache.hit".into(), Value::Bool(true)),
                ("n".into(), Value::Int(5)),
            ],
            events: thin_vec![Event { name: "retry".into(), ..Event::default() }],
            links: thin_vec![Link { trace_id: TraceId([8; 16]), span_id: SpanId([9; 8]), ..Link::default() }],
            ..Span::default()
        };
        let second = Span {
            trace_id: TraceId([7; 16]),
            span_id: SpanId([2; 8]),
            parent_span_id: Some(SpanId([1; 8])),
            start: UnixNanos(1_760_000_000_000_100_000),
            name: "SELECT".into(),
            dropped_events_count: 3,
            ..Span::default()
        };
        Batch::from_rows(&[first, second], &[])
    }

    #[test]
    fn batches_of_full_width_are_read() {
        let digits: Vec<u32> = OLD.chars().map(|digit| digit.to_digit(16).unwrap()).collect();
        let bytes: Vec<u8> = digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect();
        assert_eq!(super::super::payload::decode(&bytes).unwrap(), written_before());
    }

    #[test]
    fn numbers_of_every_width_read_back() {
        for widest in [0, 0xff, 0x100, 0xffff, 0x1_0000, 0xffff_ffff, 0x1_0000_0000, i64::MAX, -1, i64::MIN] {
            let columns: [(&str, ArrayRef); 2] = [
                ("start_unix_nanos", Arc::new(Int64Array::from(vec![0, widest, widest.wrapping_add(1)]))),
                ("duration_nanos", Arc::new(Int64Array::from(vec![Some(i64::MAX), None, Some(widest)]))),
            ];
            let batch = Batch { spans: RecordBatch::try_from_iter(columns).unwrap(), ..Batch::empty() };
            let read = decode(&bytes_of(&batch)[MAGIC.len()..], NumberEncoding::Narrow).unwrap();
            assert_eq!(read.spans.columns(), batch.spans.columns());
        }
        for length in [0, 0xff, 0x100, 0xffff, 0x1_0000] {
            let names: ArrayRef = Arc::new(StringArray::from(vec![String::new(), "x".repeat(length), "y".to_owned()]));
            let batch = Batch { spans: RecordBatch::try_from_iter([("name", names)]).unwrap(), ..Batch::empty() };
            let read = decode(&bytes_of(&batch)[MAGIC.len()..], NumberEncoding::Narrow).unwrap();
            assert_eq!(read.spans.columns(), batch.spans.columns());
        }
    }

    #[test]
    fn lengths_that_add_up_to_no_offset_are_refused() {
        for lengths in [vec![u64::from(u32::MAX); 3], vec![i32::MAX as u64, 1], vec![u64::MAX, 1]] {
            let mut bytes = Vec::new();
            put_narrow(&mut bytes, lengths.iter().copied(), lengths[0]);
            let mut input = Input { bytes: &bytes, numbers: NumberEncoding::Narrow };
            assert!(matches!(input.offsets(lengths.len()), Err(PayloadError::Offsets)));
        }
        let mut input = Input { bytes: &[3, 0, 0, 0], numbers: NumberEncoding::Narrow };
        assert!(matches!(input.offsets(1), Err(PayloadError::Width(3))));
    }

    fn bytes_of(batch: &Batch) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(batch, &mut bytes).expect("every column has its table's type");
        bytes
    }

    #[test]
    fn batches_read_back_whole_and_sliced() {
        let batch = shop();
        for (from, rows) in [(0, batch.spans.num_rows()), (3, 50), (9, 0), (13, 1)] {
            let cut = |table: &RecordBatch| {
                table.slice(from.min(table.num_rows()), rows.min(table.num_rows() - from.min(table.num_rows())))
            };
            let cut = Batch { spans: cut(&batch.spans), events: cut(&batch.events), links: cut(&batch.links) };
            let bytes = bytes_of(&cut);
            assert_eq!(decode(&bytes[MAGIC.len()..], NumberEncoding::Narrow).unwrap(), cut);
        }
        assert_eq!(decode(&bytes_of(&Batch::empty())[MAGIC.len()..], NumberEncoding::Narrow).unwrap(), Batch::empty());
    }

    #[test]
    fn no_prefix_and_no_damage_makes_reading_panic() {
        let bytes = bytes_of(&shop());
        for cut in (MAGIC.len()..bytes.len()).step_by(97) {
            assert!(decode(&bytes[MAGIC.len()..cut], NumberEncoding::Narrow).is_err());
            let mut damaged = bytes.clone();
            damaged[cut] ^= 0xa5;
            drop(decode(&damaged[MAGIC.len()..], NumberEncoding::Narrow));
            drop(decode(&damaged[MAGIC.len()..], NumberEncoding::Full));
        }
    }

    #[test]
    fn a_column_of_another_type_is_left_to_the_other_encoding() {
        let labels: ArrayRef = Arc::new(StringArray::from(vec!["shop"]));
        let spans = RecordBatch::try_from_iter([("service_name", labels)]).unwrap();
        assert!(encode(&Batch { spans, ..Batch::empty() }, &mut Vec::new()).is_none());
    }
}
