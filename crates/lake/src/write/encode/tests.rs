//! What is written is what a Parquet reader that knows nothing of it reads back.

use std::sync::Arc;

use arrow_array::builder::{MapBuilder, StringBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, DictionaryArray, FixedSizeBinaryArray, Int8Array, Int32Array, Int64Array,
    RecordBatch, StringArray,
};
use arrow_schema::Schema;
use kino_model::columns::Table;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;

use super::TableWriter;
use crate::group::LakeTable;
use crate::rows::Rows;
use crate::sort;

/// Numbers from a seed.
struct Source(u64);

impl Source {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        self.0 ^ self.0 >> 29
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// One of `distinct` values, or sometimes none.
    fn some(&mut self, distinct: u64) -> Option<u64> {
        (self.below(5) > 0).then(|| self.below(distinct))
    }
}

/// Text of about a number: short, long or empty.
fn text(number: u64) -> String {
    match number % 7 {
        0 => String::new(),
        1 => format!("{number} ").repeat(40),
        _ => format!("value-{number}"),
    }
}

/// A batch of spans with at most `distinct` values per column; some columns are missing.
fn batch(source: &mut Source, rows: usize, distinct: u64, first: usize) -> RecordBatch {
    let texts = |source: &mut Source| -> StringArray { (0..rows).map(|_| source.some(distinct).map(text)).collect() };
    let fixed = |values: Vec<Option<Vec<u8>>>, size| -> ArrayRef {
        Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(values.into_iter(), size).unwrap())
    };
    let wide = |number: u64| (u128::from(number) << 64 | u128::from(number * 31)).to_be_bytes().to_vec();
    let traces = (0..rows).map(|_| Some(wide(source.below(rows as u64)))).collect();
    let spans = (0..rows).map(|row| Some(((first + row) as u64).to_be_bytes().to_vec())).collect();
    let parents = (0..rows).map(|_| source.some(distinct).map(|number| number.to_be_bytes().to_vec())).collect();
    let mut maps = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    for _ in 0..rows {
        let entries = source.below(4);
        for entry in 0..entries {
            maps.keys().append_value(format!("key-{entry}-{}", source.below(distinct)));
            maps.values().append_option(source.some(distinct).map(text));
        }
        maps.append(entries > 0 || source.below(2) == 0).unwrap();
    }
    let wide_numbers: Int64Array = (0..rows)
        .map(|_| source.some(distinct).map(|number| (number as i64).wrapping_mul(0x6000_0000_0000_0001)))
        .collect();
    let labels: DictionaryArray<Int32Type> = texts(source).iter().collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("trace_id", fixed(traces, 16)),
        ("span_id", fixed(spans, 8)),
        ("parent_span_id", fixed(parents, 8)),
        ("start_unix_nanos", Arc::new((0..rows).map(|_| Some(source.next() as i64)).collect::<Int64Array>())),
        ("name", Arc::new((0..rows).map(|_| Some(text(source.below(distinct)))).collect::<StringArray>())),
        ("kind", Arc::new((0..rows).map(|_| Some(source.below(6) as i8)).collect::<Int8Array>())),
        ("status_code", Arc::new(Int8Array::from(vec![0; rows]))),
        (
            "revision",
            Arc::new((0..rows).map(|_| source.some(distinct).map(|number| number as i32 - 9)).collect::<Int32Array>()),
        ),
        ("service_name", Arc::new(labels)),
        ("http_response_status_code", Arc::new(wide_numbers)),
        ("session_id", Arc::new(texts(source))),
        ("cache_hit", Arc::new((0..rows).map(|_| source.some(2).map(|bit| bit == 1)).collect::<BooleanArray>())),
        ("attributes", Arc::new(maps.finish())),
        (
            "attributes_exact",
            Arc::new((0..rows).map(|_| source.some(distinct).map(text)).collect::<BinaryArray>()) as ArrayRef,
        ),
    ];
    let schema = Table::Spans.schema();
    let present: Vec<_> = columns
        .into_iter()
        .map(|(name, column)| (schema.field_with_name(name).unwrap().clone(), column))
        .filter(|(field, _)| !field.is_nullable() || source.below(4) > 0)
        .collect();
    let fields: Vec<_> = present.iter().map(|(field, _)| field.clone()).collect();
    let arrays = present.into_iter().zip(&fields).map(|((_, array), field)| {
        // The builder names the parts of a map in its own way.
        kino_model::batch::encoded_as(&array, field.data_type()).unwrap()
    });
    RecordBatch::try_new(Arc::new(Schema::new(fields.clone())), arrays.collect()).unwrap()
}

fn check(seed: u64, sizes: &[usize], distinct: u64) {
    let mut source = Source(seed);
    let mut first = 0;
    let mut batches = Vec::new();
    for rows in sizes {
        batches.push(batch(&mut source, *rows, distinct, first));
        first += rows;
    }
    let schema = sort::gathered_schema(Table::Spans, &batches.iter().collect::<Vec<_>>());
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let (now, later) = batches.split_at(batches.len() / 2);
    let mut writer = TableWriter::new(LakeTable::Spans, Arc::clone(&schema));
    let mut expected = Vec::new();
    for parts in [now, later] {
        let rows = Rows::arrange(Table::Spans, parts.to_vec()).unwrap();
        writer.write(&rows).unwrap();
        let columns = rows.columns(Table::Spans, &names).unwrap();
        if columns.num_rows() > 0 {
            expected.push(kino_model::batch::conform(&columns, &schema));
        }
    }
    let expected = arrow_select::concat::concat_batches(&schema, &expected).unwrap();
    let file = writer.finish(None).unwrap().unwrap();
    assert_eq!(file.meta.rows, expected.num_rows() as u64);
    let reader = ParquetRecordBatchReaderBuilder::try_new(file.bytes).unwrap();
    let group = reader.metadata().row_group(0);
    let start = group.columns().iter().find(|column| column.column_path().string() == "start_unix_nanos").unwrap();
    assert!(start.statistics().is_some_and(|statistics| statistics.null_count_opt() == Some(0)));
    let read = reader.with_batch_size(1 << 20).build().unwrap().collect::<Result<Vec<_>, _>>().unwrap();
    let read = arrow_select::concat::concat_batches(&read[0].schema(), &read).unwrap();
    let read = sort::as_declared(&read, &schema).unwrap();
    for name in names {
        assert_eq!(read.column_by_name(name).unwrap(), expected.column_by_name(name).unwrap(), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_rows_are_read_back_in_their_order(
        seed: u64,
        sizes in prop::collection::vec(1..1_500_usize, 1..5),
        distinct in 1..3_000_u64,
    ) {
        check(seed, &sizes, distinct);
    }
}

#[test]
fn columns_that_outgrow_their_dictionary_are_read_back() {
    check(1, &[9_000, 11_000, 6_000, 4_000], 1 << 40);
}

#[test]
fn values_larger_than_a_page_are_read_back() {
    let schema = Arc::new(Schema::new(
        ["trace_id", "span_id", "start_unix_nanos", "name", "kind", "status_code"]
            .map(|name| Table::Spans.schema().field_with_name(name).unwrap().clone())
            .to_vec(),
    ));
    let rows = 40;
    let names: StringArray = (0..rows).map(|row| Some("long ".repeat(40_000 + row))).collect();
    let mut batch = batch(&mut Source(3), rows, 2, 0);
    let columns = schema.fields().iter().map(|field| match field.name().as_str() {
        "name" => Arc::new(names.clone()) as ArrayRef,
        name => Arc::clone(batch.column_by_name(name).unwrap()),
    });
    batch = RecordBatch::try_new(Arc::clone(&schema), columns.collect()).unwrap();
    let rows = Rows::arrange(Table::Spans, vec![batch]).unwrap();
    let expected = rows.columns(Table::Spans, &["name"]).unwrap();
    let mut writer = TableWriter::new(LakeTable::Spans, schema);
    writer.write(&rows).unwrap();
    let file = writer.finish(None).unwrap().unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file.bytes).unwrap().build().unwrap();
    let read = reader.collect::<Result<Vec<_>, _>>().unwrap();
    assert_eq!(read[0].column_by_name("name").unwrap(), expected.column(0));
}
