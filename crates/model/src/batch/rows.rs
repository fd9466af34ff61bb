//! Rows to batches and back.
//!
//! Reads sparse batches, full ones, and batches read from Parquet, where labels are plain text. What comes back is
//! normalised: attributes sorted by key, repeats of a key in the sender's order; events and links in theirs.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, MapArray, RecordBatch};
use arrow_schema::DataType;

use super::builder::LOG_RECORD;
use super::{Batch, BatchBuilder};
use crate::attribute::{Attributes, Value};
use crate::columns::{Column, Kind, Source, Table};
use crate::exact::{self, Record, any_value};
use crate::id::{SpanId, TraceId};
use crate::span::{Event, Link, LogRecord, Resource, Scope, Span, SpanKind, Status, StatusCode};
use crate::time::{DurationNanos, UnixNanos};

impl Batch {
    /// The batch of these rows.
    pub fn from_rows(spans: &[Span], logs: &[LogRecord]) -> Self {
        let mut builder = BatchBuilder::new();
        for span in spans {
            builder.push_span(span);
        }
        for log in logs {
            builder.push_log(log);
        }
        builder.finish()
    }
}

/// The spans of a batch in its order, with those of its events and links that carry their ids.
pub fn spans(batch: &Batch) -> Vec<Span> {
    let mut spans = bare_spans(&batch.spans);
    let mut places: HashMap<(TraceId, SpanId), Vec<usize>> = HashMap::new();
    if batch.events.num_rows() > 0 || batch.links.num_rows() > 0 {
        for (index, span) in spans.iter().enumerate() {
            places.entry((span.trace_id, span.span_id)).or_default().push(index);
        }
    }
    // Of several spans under one id, the first takes the events and links.
    let mut events: HashMap<usize, Vec<(i32, Event)>> = HashMap::new();
    for (trace_id, span_id, ordinal, event) in span_events(&batch.events) {
        if let Some(place) = places.get(&(trace_id, span_id)).and_then(|places| places.first()) {
            events.entry(*place).or_default().push((ordinal, event));
        }
    }
    let mut links: HashMap<usize, Vec<(i32, Link)>> = HashMap::new();
    for (trace_id, span_id, ordinal, link) in span_links(&batch.links) {
        if let Some(place) = places.get(&(trace_id, span_id)).and_then(|places| places.first()) {
            links.entry(*place).or_default().push((ordinal, link));
        }
    }
    for (index, span) in spans.iter_mut().enumerate() {
        span.events = events.remove(&index).map(in_order).unwrap_or_default();
        span.links = links.remove(&index).map(in_order).unwrap_or_default();
    }
    spans
}

/// The log records of a batch, in its order.
pub fn logs(batch: &Batch) -> Vec<LogRecord> {
    let rows = Rows::new(Table::Events, &batch.events);
    let mut origins = Origins::default();
    (0..batch.events.num_rows())
        .filter(|&row| rows.int8("source", row) == LOG_RECORD)
        .map(|row| LogRecord {
            trace_id: rows.id("trace_id", row).and_then(TraceId::from_slice),
            span_id: rows.id("span_id", row).and_then(SpanId::from_slice),
            event: rows.event(row),
            observed: rows.int("observed_unix_nanos", row).map(UnixNanos),
            severity_number: rows.int32("severity_number", row).unwrap_or(0),
            severity_text: rows.text("severity_text", row).unwrap_or_default().to_owned(),
            body: body(&rows, row),
            flags: rows.int("flags", row).unwrap_or(0) as u32,
            resource: origins.resource(rows.text("resource", row)),
            scope: origins.scope(rows.text("scope", row)),
        })
        .collect()
}

fn in_order<T>(mut rows: Vec<(i32, T)>) -> Vec<T> {
    rows.sort_by_key(|(ordinal, _)| *ordinal);
    rows.into_iter().map(|(_, row)| row).collect()
}

fn bare_spans(batch: &RecordBatch) -> Vec<Span> {
    let rows = Rows::new(Table::Spans, batch);
    let mut origins = Origins::default();
    (0..batch.num_rows())
        .map(|row| {
            let start = UnixNanos(rows.int("start_unix_nanos", row).unwrap_or_default());
            Span {
                trace_id: rows.id("trace_id", row).and_then(TraceId::from_slice).unwrap_or_default(),
                span_id: rows.id("span_id", row).and_then(SpanId::from_slice).unwrap_or_default(),
                parent_span_id: rows.id("parent_span_id", row).and_then(SpanId::from_slice),
                name: rows.text("name", row).unwrap_or_default().to_owned(),
                kind: SpanKind::from_number(rows.int8("kind", row).into()).unwrap_or_default(),
                start,
                end: rows.int("duration_nanos", row).map(|nanos| start.plus(DurationNanos(nanos))),
                status: Status {
                    code: StatusCode::from_number(rows.int8("status_code", row).into()).unwrap_or_default(),
                    message: rows.text("status_message", row).unwrap_or_default().to_owned(),
                },
                trace_state: rows.text("trace_state", row).unwrap_or_default().to_owned(),
                flags: rows.int("flags", row).unwrap_or(0) as u32,
                attributes: rows.attributes(row),
                dropped_attributes_count: rows.count("dropped_attributes_count", row),
                events: Vec::new(),
                dropped_events_count: rows.count("dropped_events_count", row),
                links: Vec::new(),
                dropped_links_count: rows.count("dropped_links_count", row),
                resource: origins.resource(rows.text("resource", row)),
                scope: origins.scope(rows.text("scope", row)),
                revision: rows.count("revision", row),
            }
        })
        .collect()
}

fn span_events(batch: &RecordBatch) -> Vec<(TraceId, SpanId, i32, Event)> {
    let rows = Rows::new(Table::Events, batch);
    let of_spans = (0..batch.num_rows()).filter(|&row| rows.int8("source", row) != LOG_RECORD);
    of_spans
        .filter_map(|row| rows.owner(row).map(|(trace, span)| (trace, span, rows.ordinal(row), rows.event(row))))
        .collect()
}

fn span_links(batch: &RecordBatch) -> Vec<(TraceId, SpanId, i32, Link)> {
    let rows = Rows::new(Table::Links, batch);
    let link = |row| Link {
        trace_id: rows.id("linked_trace_id", row).and_then(TraceId::from_slice).unwrap_or_default(),
        span_id: rows.id("linked_span_id", row).and_then(SpanId::from_slice).unwrap_or_default(),
        trace_state: rows.text("trace_state", row).unwrap_or_default().to_owned(),
        flags: rows.int("flags", row).unwrap_or(0) as u32,
        attributes: rows.attributes(row),
        dropped_attributes_count: rows.count("dropped_attributes_count", row),
    };
    (0..batch.num_rows())
        .filter_map(|row| rows.owner(row).map(|(trace, span)| (trace, span, rows.ordinal(row), link(row))))
        .collect()
}

fn body(rows: &Rows<'_>, row: usize) -> Value {
    if let Some(value) = rows.bytes("body_exact", row).and_then(|message| any_value::decode(message).ok()) {
        return value;
    }
    rows.text("body", row).map_or(Value::Empty, Value::from)
}

/// Resources and scopes repeat; each text is read once.
#[derive(Default)]
struct Origins {
    resources: HashMap<String, Arc<Resource>>,
    scopes: HashMap<String, Arc<Scope>>,
}

impl Origins {
    fn resource(&mut self, json: Option<&str>) -> Arc<Resource> {
        let json = json.unwrap_or_default();
        if let Some(known) = self.resources.get(json) {
            return Arc::clone(known);
        }
        // The column is written by the builder alone; damage to a file is found by its checksums before this.
        let read = Arc::new(exact_json::<Resource>(json).unwrap_or_default());
        self.resources.insert(json.to_owned(), Arc::clone(&read));
        read
    }

    fn scope(&mut self, json: Option<&str>) -> Arc<Scope> {
        let json = json.unwrap_or_default();
        if let Some(known) = self.scopes.get(json) {
            return Arc::clone(known);
        }
        let read = Arc::new(exact_json::<Scope>(json).unwrap_or_default());
        self.scopes.insert(json.to_owned(), Arc::clone(&read));
        read
    }
}

/// A table's columns by name.
struct Rows<'a> {
    table: Table,
    by_name: HashMap<&'a str, &'a ArrayRef>,
    promoted: Vec<(usize, &'static Column, &'a ArrayRef)>,
}

impl<'a> Rows<'a> {
    fn new(table: Table, batch: &'a RecordBatch) -> Self {
        let schema = batch.schema_ref();
        let by_name: HashMap<&str, &ArrayRef> =
            schema.fields().iter().zip(batch.columns()).map(|(field, array)| (field.name().as_str(), array)).collect();
        let columns = table.columns().iter().enumerate().filter(|(_, column)| column.source == Source::Attribute);
        let promoted = columns
            .filter_map(|(index, column)| by_name.get(column.name).map(|array| (index, column, *array)))
            .filter(|(_, _, array)| array.null_count() < array.len())
            .collect();
        Self { table, by_name, promoted }
    }

    fn cell(&self, name: &str, row: usize) -> Option<&'a ArrayRef> {
        self.by_name.get(name).copied().filter(|array| array.is_valid(row))
    }

    fn id(&self, name: &str, row: usize) -> Option<&'a [u8]> {
        self.cell(name, row).map(|array| array.as_fixed_size_binary().value(row))
    }

    fn int(&self, name: &str, row: usize) -> Option<i64> {
        self.cell(name, row).map(|array| array.as_primitive::<Int64Type>().value(row))
    }

    fn int32(&self, name: &str, row: usize) -> Option<i32> {
        self.cell(name, row).map(|array| array.as_primitive::<Int32Type>().value(row))
    }

    fn count(&self, name: &str, row: usize) -> u32 {
        self.int32(name, row).unwrap_or(0).cast_unsigned()
    }

    fn ordinal(&self, row: usize) -> i32 {
        self.int32("ordinal", row).unwrap_or(0)
    }

    fn int8(&self, name: &str, row: usize) -> i8 {
        self.cell(name, row).map_or(0, |array| array.as_primitive::<Int8Type>().value(row))
    }

    fn bytes(&self, name: &str, row: usize) -> Option<&'a [u8]> {
        self.cell(name, row).map(|array| array.as_binary::<i32>().value(row))
    }

    fn text(&self, name: &str, row: usize) -> Option<&'a str> {
        self.cell(name, row).map(|array| text_at(array, row))
    }

    fn owner(&self, row: usize) -> Option<(TraceId, SpanId)> {
        let trace_id = TraceId::from_slice(self.id("trace_id", row)?)?;
        Some((trace_id, SpanId::from_slice(self.id("span_id", row)?)?))
    }

    fn event(&self, row: usize) -> Event {
        Event {
            time: UnixNanos(self.int("time_unix_nanos", row).unwrap_or_default()),
            name: self.text("name", row).unwrap_or_default().to_owned(),
            attributes: self.attributes(row),
            dropped_attributes_count: self.count("dropped_attributes_count", row),
        }
    }

    fn attributes(&self, row: usize) -> Attributes {
        let mut attributes = self.map_entries(row);
        let in_map = attributes.len();
        let mut spellings: HashMap<usize, usize> = HashMap::new();
        let mut extras = Vec::new();
        for record in self.bytes("attributes_exact", row).into_iter().flat_map(exact::records).map_while(Result::ok) {
            match record {
                Record::Spelling { column, spelling } => {
                    spellings.insert(column, spelling);
                }
                Record::Extra { message } => extras.extend(any_value::decode_key_value(message).ok()),
                typed => set_type(&mut attributes[..in_map], typed),
            }
        }
        for (index, column, array) in self.promoted.iter().filter(|(_, _, array)| array.is_valid(row)) {
            let spelling = spellings.get(index).copied().unwrap_or(0);
            let key = column.spellings.get(spelling).or(column.spellings.first()).copied().unwrap_or(column.name);
            attributes.push((key.to_owned(), promoted_value(column.kind, array, row)));
        }
        attributes.sort_by(|left, right| left.0.cmp(&right.0));
        attributes.extend(extras);
        // Stable: the first of a key stays before its repeats.
        attributes.sort_by(|left, right| left.0.cmp(&right.0));
        attributes
    }

    fn map_entries(&self, row: usize) -> Attributes {
        let Some(array) = self.cell("attributes", row) else { return Vec::new() };
        debug_assert!(self.table.column_index("attributes").is_some(), "every table has attributes");
        let map: &MapArray = array.as_map();
        let (keys, values) = (map.keys(), map.values());
        let range = map.value_offsets()[row] as usize..map.value_offsets()[row + 1] as usize;
        range.map(|entry| (text_at(keys, entry).to_owned(), Value::from(text_at(values, entry)))).collect()
    }
}

fn set_type(entries: &mut [(String, Value)], record: Record<'_>) {
    let (entry, value) = match record {
        Record::Int { entry } => (entry, parsed(entries, entry).map(Value::Int)),
        Record::Bool { entry } => (entry, parsed(entries, entry).map(Value::Bool)),
        Record::Double { entry, value } => (entry, Some(Value::Double(value))),
        Record::Empty { entry } => (entry, Some(Value::Empty)),
        Record::Value { entry, message } => (entry, any_value::decode(message).ok()),
        Record::Spelling { .. } | Record::Extra { .. } => return,
    };
    if let (Some(entry), Some(value)) = (entries.get_mut(entry), value) {
        entry.1 = value;
    }
}

fn parsed<T: std::str::FromStr>(entries: &[(String, Value)], entry: usize) -> Option<T> {
    entries.get(entry)?.1.as_str()?.parse().ok()
}

fn promoted_value(kind: Kind, array: &ArrayRef, row: usize) -> Value {
    match kind {
        Kind::Int => Value::Int(array.as_primitive::<Int64Type>().value(row)),
        Kind::Bool => Value::Bool(array.as_boolean().value(row)),
        _ => Value::from(text_at(array, row)),
    }
}

fn text_at(array: &ArrayRef, row: usize) -> &str {
    match array.data_type() {
        DataType::Dictionary(..) => {
            let labels = array.as_dictionary::<Int32Type>();
            let key = labels.keys().value(row) as usize;
            labels.values().as_string::<i32>().value(key)
        }
        _ => array.as_string::<i32>().value(row),
    }
}

/// Reads a resource or scope. Their values are nested up to [`crate::attribute::MAX_VALUE_DEPTH`], which is deeper in
/// JSON than the parser allows by itself; attributes bound their own depth, and unknown fields are skipped without
/// recursion.
fn exact_json<'a, T: serde::Deserialize<'a>>(json: &'a str) -> serde_json::Result<T> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    deserializer.disable_recursion_limit();
    T::deserialize(&mut deserializer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::conform;

    fn awkward() -> Span {
        Span {
            trace_id: TraceId([1; 16]),
            span_id: SpanId([2; 8]),
            parent_span_id: Some(SpanId([3; 8])),
            name: "GET /".into(),
            kind: SpanKind::Server,
            start: UnixNanos(10),
            end: Some(UnixNanos(30)),
            status: Status { code: StatusCode::Error, message: "no".into() },
            trace_state: "a=b".into(),
            flags: 0x101,
            attributes: vec![
                ("array".into(), Value::Array(vec![Value::Int(1), Value::Empty])),
                ("bytes".into(), Value::Bytes(vec![0, 255])),
                ("db.statement".into(), Value::from("SELECT 1")),
                ("double".into(), Value::Double(0.1)),
                ("empty".into(), Value::Empty),
                ("http.request.method".into(), Value::Int(5)),
                ("http.status_code".into(), Value::Int(500)),
                ("http.status_code".into(), Value::Int(501)),
                ("int".into(), Value::Int(-7)),
                ("text".into(), Value::from("plain")),
                ("yes".into(), Value::Bool(true)),
                ("yes".into(), Value::from("again")),
            ],
            dropped_attributes_count: u32::MAX,
            events: vec![
                Event { time: UnixNanos(20), name: "b".into(), ..Event::default() },
                Event { time: UnixNanos(12), name: "a".into(), ..Event::default() },
            ],
            dropped_events_count: 1,
            links: vec![Link { trace_id: TraceId([4; 16]), span_id: SpanId([5; 8]), flags: 3, ..Link::default() }],
            dropped_links_count: 2,
            resource: Arc::new(Resource {
                attributes: vec![("service.name".into(), Value::from("shop")), ("pid".into(), Value::Int(1))],
                dropped_attributes_count: 9,
                schema_url: "https://example.test/1".into(),
            }),
            scope: Arc::new(Scope { name: "lib".into(), version: "1".into(), ..Scope::default() }),
            revision: 0,
        }
    }

    #[test]
    fn rows_come_back_as_they_went_in() {
        let open = Span { end: None, resource: Arc::default(), ..awkward() };
        let rows = vec![Span { span_id: SpanId([9; 8]), ..awkward() }, open];
        let log = LogRecord { body: Value::Map(vec![("k".into(), Value::Int(1))]), ..LogRecord::default() };
        let batch = Batch::from_rows(&rows, std::slice::from_ref(&log));
        assert_eq!(spans(&batch), rows);
        assert_eq!(logs(&batch), std::slice::from_ref(&log));
        let full = Batch {
            spans: conform(&batch.spans, &Table::Spans.schema()),
            events: conform(&batch.events, &Table::Events.schema()),
            links: conform(&batch.links, &Table::Links.schema()),
        };
        assert_eq!(spans(&full), rows);
        assert_eq!(logs(&full), [log]);
    }

    #[test]
    fn columns_that_no_row_touched_are_left_out() {
        let span = Span { span_id: SpanId([1; 8]), ..Span::default() };
        let batch = Batch::from_rows(&[span], &[]);
        assert!(batch.spans.column_by_name("db_query_text").is_none());
        assert!(batch.spans.column_by_name("attributes").is_none());
        assert_eq!(batch.events.num_rows(), 0);
    }

    #[test]
    fn the_deepest_value_of_a_resource_does_not_cost_the_resource() {
        let deepest = (0..crate::attribute::MAX_VALUE_DEPTH).fold(Value::Int(1), |inner, _| Value::Array(vec![inner]));
        let attributes = vec![("deep".into(), deepest), ("service.name".into(), "shop".into())];
        let span = Span { resource: Arc::new(Resource { attributes, ..Resource::default() }), ..awkward() };
        assert_eq!(spans(&Batch::from_rows(std::slice::from_ref(&span), &[])), [span]);
    }
}
