//! A batch's columns as bytes: their buffers one behind the other, without a schema, which the log's header names by
//! its version.
//!
//! ```text
//!  batch   MAGIC │ spans │ events │ links
//!  table   rows u32 │ columns u32 │ column …
//!  column  place in the table u32 │ nulls │ values by kind
//!  nulls   0 u8, or 1 u8 and a bit a row, the lowest first; a set bit is a value
//!  values  ids, integers: as they are │ truth values: a bit a row │ text, bytes: strings
//!          labels: count u32 │ strings │ key i32 a row
//!          maps: offset i32 a row and one more │ keys: strings │ nulls │ values: strings
//!  strings offset i32 each and one more, from 0 │ bytes
//! ```
//!
//! All integers are little-endian. Written for speed: an Arrow stream of the same rows takes several times as long,
//! since it spells the schema and every buffer's place out for each of a few hundred rows.

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
use kino_model::columns::{Kind, Table};

use super::payload::PayloadError;

/// The first bytes. An Arrow payload begins with a length, which is never that large.
pub(super) const MAGIC: &[u8; 8] = b"columns\xff";

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

fn put_values(out: &mut Vec<u8>, kind: Kind, array: &ArrayRef) -> Option<()> {
    match kind {
        Kind::TraceId | Kind::SpanId => {
            let ids = array.as_fixed_size_binary();
            out.extend_from_slice(ids.values().get(..ids.len() * ids.value_length() as usize)?);
        }
        Kind::Int => put_numbers(out, array.as_primitive::<Int64Type>().values(), i64::to_le_bytes),
        Kind::Int32 => put_numbers(out, array.as_primitive::<Int32Type>().values(), i32::to_le_bytes),
        Kind::Int8 => put_numbers(out, array.as_primitive::<Int8Type>().values(), i8::to_le_bytes),
        Kind::Bool => put_bits(out, array.as_boolean().values()),
        Kind::Text => {
            let texts = array.as_string::<i32>();
            put_strings(out, texts.value_offsets(), texts.value_data());
        }
        Kind::Bytes => {
            let bytes = array.as_binary::<i32>();
            put_strings(out, bytes.value_offsets(), bytes.value_data());
        }
        Kind::Label => {
            let labels = array.as_dictionary::<Int32Type>();
            let texts = labels.values().as_string_opt::<i32>().filter(|texts| texts.null_count() == 0)?;
            put_u32(out, texts.len() as u32);
            put_strings(out, texts.value_offsets(), texts.value_data());
            put_numbers(out, labels.keys().values(), i32::to_le_bytes);
        }
        Kind::Map => {
            let map = array.as_map();
            let first = *map.value_offsets().first()?;
            let last = *map.value_offsets().last()?;
            put_offsets(out, map.value_offsets(), first);
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

fn put_numbers<T: Copy, const N: usize>(out: &mut Vec<u8>, values: &[T], bytes: impl Fn(T) -> [u8; N]) {
    let start = out.len();
    out.resize(start + values.len() * N, 0);
    for (place, value) in out[start..].as_chunks_mut::<N>().0.iter_mut().zip(values) {
        *place = bytes(*value);
    }
}

/// Offsets, as if what they count from began at `first`.
fn put_offsets(out: &mut Vec<u8>, offsets: &[i32], first: i32) {
    put_numbers(out, offsets, |offset| (offset - first).to_le_bytes());
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
    put_offsets(out, offsets, first);
    out.extend_from_slice(&bytes[first as usize..last as usize]);
}

/// The batch in `bytes`, which begin behind the magic.
pub(super) fn decode(bytes: &[u8]) -> Result<Batch, PayloadError> {
    let mut input = Input { bytes };
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

    fn offsets(&mut self, count: usize) -> Result<(OffsetBuffer<i32>, usize), PayloadError> {
        let offsets = self.numbers(count.checked_add(1).ok_or(PayloadError::Short)?, i32::from_le_bytes)?;
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

    fn values(&mut self, kind: Kind, rows: usize, nulls: Option<NullBuffer>) -> Result<ArrayRef, PayloadError> {
        Ok(match kind {
            Kind::TraceId | Kind::SpanId => {
                let width = if kind == Kind::TraceId { 16 } else { 8 };
                let bytes = Buffer::from(self.take(rows, width)?);
                Arc::new(FixedSizeBinaryArray::try_new(width as i32, bytes, nulls)?)
            }
            Kind::Int => Arc::new(Int64Array::try_new(self.numbers(rows, i64::from_le_bytes)?.into(), nulls)?),
            Kind::Int32 => Arc::new(Int32Array::try_new(self.numbers(rows, i32::from_le_bytes)?.into(), nulls)?),
            Kind::Int8 => Arc::new(Int8Array::try_new(self.numbers(rows, i8::from_le_bytes)?.into(), nulls)?),
            Kind::Bool => Arc::new(BooleanArray::new(self.bits(rows)?, nulls)),
            Kind::Text => {
                let (offsets, bytes) = self.strings(rows)?;
                Arc::new(StringArray::try_new(offsets, bytes, nulls)?)
            }
            Kind::Bytes => {
                let (offsets, bytes) = self.strings(rows)?;
                Arc::new(BinaryArray::try_new(offsets, bytes, nulls)?)
            }
            Kind::Label => {
                let count = self.u32()?;
                let (offsets, bytes) = self.strings(count)?;
                let texts = StringArray::try_new(offsets, bytes, None)?;
                let keys = Int32Array::try_new(self.numbers(rows, i32::from_le_bytes)?.into(), nulls)?;
                Arc::new(DictionaryArray::<Int32Type>::try_new(keys, Arc::new(texts))?)
            }
            Kind::Map => {
                let (offsets, count) = self.offsets(rows)?;
                let (key_offsets, key_bytes) = self.strings(count)?;
                let value_nulls = self.nulls(count)?;
                let (value_offsets, value_bytes) = self.strings(count)?;
                let keys = StringArray::try_new(key_offsets, key_bytes, None)?;
                let values = StringArray::try_new(value_offsets, value_bytes, value_nulls)?;
                let DataType::Map(field, ordered) = Kind::Map.arrow() else { unreachable!("a map is a map") };
                let DataType::Struct(pair) = field.data_type().clone() else { unreachable!("entries are pairs") };
                let entries = StructArray::try_new(pair, vec![Arc::new(keys), Arc::new(values)], None)?;
                Arc::new(MapArray::try_new(field, offsets, entries, nulls, ordered)?)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use kino_model::{LogRecord, UnixNanos};
    use kino_testkit::Shop;

    use super::*;

    fn shop() -> Batch {
        let mut shop = Shop::new(5, UnixNanos(1_760_000_000_000_000_000));
        let spans: Vec<_> = (0..20).flat_map(|_| shop.next_trace()).collect();
        Batch::from_rows(&spans, &[LogRecord::default()])
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
            assert_eq!(decode(&bytes[MAGIC.len()..]).unwrap(), cut);
        }
        assert_eq!(decode(&bytes_of(&Batch::empty())[MAGIC.len()..]).unwrap(), Batch::empty());
    }

    #[test]
    fn no_prefix_and_no_damage_makes_reading_panic() {
        let bytes = bytes_of(&shop());
        for cut in (MAGIC.len()..bytes.len()).step_by(97) {
            assert!(decode(&bytes[MAGIC.len()..cut]).is_err());
            let mut damaged = bytes.clone();
            damaged[cut] ^= 0xa5;
            drop(decode(&damaged[MAGIC.len()..]));
        }
    }

    #[test]
    fn a_column_of_another_type_is_left_to_the_other_encoding() {
        let labels: ArrayRef = Arc::new(StringArray::from(vec!["shop"]));
        let spans = RecordBatch::try_from_iter([("service_name", labels)]).unwrap();
        assert!(encode(&Batch { spans, ..Batch::empty() }, &mut Vec::new()).is_none());
    }
}
