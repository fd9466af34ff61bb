//! Builds batches row by row, column by column.
//!
//! Columns are lazy: one that no row touches costs nothing, and a row that a column skips is filled with null when the
//! column is touched next, or at the end.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, FixedSizeBinaryBuilder, Int8Builder, Int32Builder, Int64Builder, MapBuilder,
    MapFieldNames, StringBuilder, StringDictionaryBuilder,
};
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, builder::ArrayBuilder};
use arrow_schema::{Field, Schema};

use super::Batch;
use crate::attribute::{Attributes, Value};
use crate::columns::{Column, Kind, Source, Table, by_spelling};
use crate::exact::{self, Record, any_value};
use crate::span::{Event, Link, LogRecord, Resource, Scope, Span};

/// A span event's `source`.
pub(crate) const SPAN_EVENT: i8 = 0;
/// A log record's `source`.
pub(crate) const LOG_RECORD: i8 = 1;

/// Builds a [`Batch`].
pub struct BatchBuilder {
    spans: TableBuilder,
    events: TableBuilder,
    links: TableBuilder,
}

impl std::fmt::Debug for BatchBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rows = [&self.spans, &self.events, &self.links].map(|table| table.rows);
        f.debug_struct("BatchBuilder").field("rows", &rows).finish()
    }
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl BatchBuilder {
    /// An empty builder.
    pub fn new() -> Self {
        Self {
            spans: TableBuilder::new(Table::Spans),
            events: TableBuilder::new(Table::Events),
            links: TableBuilder::new(Table::Links),
        }
    }

    /// Adds a span with its events and links.
    pub fn push_span(&mut self, span: &Span) {
        let row = &mut self.spans;
        row.id("trace_id", &span.trace_id.0);
        row.id("span_id", &span.span_id.0);
        if let Some(parent) = span.parent_span_id {
            row.id("parent_span_id", &parent.0);
        }
        row.int("start_unix_nanos", span.start.0);
        if let Some(duration) = span.duration() {
            row.int("duration_nanos", duration.0);
        }
        row.text("name", &span.name);
        row.int8("kind", span.kind as i8);
        row.int8("status_code", span.status.code as i8);
        row.text_unless_empty("status_message", &span.status.message);
        row.text_unless_empty("trace_state", &span.trace_state);
        row.flags(span.flags);
        row.count("revision", span.revision);
        row.resource(&span.resource);
        row.scope(&span.scope);
        row.attributes(&span.attributes, span.dropped_attributes_count);
        row.count("dropped_events_count", span.dropped_events_count);
        row.count("dropped_links_count", span.dropped_links_count);
        row.end_row();
        for (ordinal, event) in span.events.iter().enumerate() {
            self.push_event(span, event, ordinal);
        }
        for (ordinal, link) in span.links.iter().enumerate() {
            self.push_link(span, link, ordinal);
        }
    }

    fn push_event(&mut self, span: &Span, event: &Event, ordinal: usize) {
        let row = &mut self.events;
        row.id("trace_id", &span.trace_id.0);
        row.id("span_id", &span.span_id.0);
        row.int8("source", SPAN_EVENT);
        row.int32("ordinal", ordinal as i32);
        row.event(event);
        row.promoted_resource(&span.resource);
        row.end_row();
    }

    fn push_link(&mut self, span: &Span, link: &Link, ordinal: usize) {
        let row = &mut self.links;
        row.id("trace_id", &span.trace_id.0);
        row.id("span_id", &span.span_id.0);
        row.int32("ordinal", ordinal as i32);
        row.id("linked_trace_id", &link.trace_id.0);
        row.id("linked_span_id", &link.span_id.0);
        row.text_unless_empty("trace_state", &link.trace_state);
        row.flags(link.flags);
        row.attributes(&link.attributes, link.dropped_attributes_count);
        row.end_row();
    }

    /// Adds a log record.
    pub fn push_log(&mut self, log: &LogRecord) {
        let row = &mut self.events;
        if let Some(trace_id) = log.trace_id {
            row.id("trace_id", &trace_id.0);
        }
        if let Some(span_id) = log.span_id {
            row.id("span_id", &span_id.0);
        }
        row.int8("source", LOG_RECORD);
        row.event(&log.event);
        if let Some(observed) = log.observed {
            row.int("observed_unix_nanos", observed.0);
        }
        if log.severity_number != 0 {
            row.int32("severity_number", log.severity_number);
        }
        row.text_unless_empty("severity_text", &log.severity_text);
        match &log.body {
            Value::Empty => {}
            Value::String(text) => row.text("body", text),
            other => {
                row.text("body", &other.to_text());
                let mut message = Vec::new();
                any_value::encode(other, &mut message);
                row.bytes("body_exact", &message);
            }
        }
        row.flags(log.flags);
        row.resource(&log.resource);
        row.scope(&log.scope);
        row.end_row();
    }

    /// The batch of everything pushed.
    pub fn finish(self) -> Batch {
        Batch { spans: self.spans.finish(), events: self.events.finish(), links: self.links.finish() }
    }
}

/// Where an attribute key goes: a column's place, and the spelling's place among its spellings.
type Promoted = HashMap<&'static str, (usize, usize)>;

struct Names {
    columns: HashMap<&'static str, usize>,
    attributes: Promoted,
    resource: Promoted,
}

static NAMES: LazyLock<[Names; 3]> = LazyLock::new(|| {
    Table::ALL.map(|table| {
        let promoted = |source| {
            let place = |(spelling, column): (&'static str, &'static Column)| {
                let index = table.column_index(column.name).expect("the column is of this table");
                let nth = column.spellings.iter().position(|known| *known == spelling);
                (spelling, (index, nth.expect("the spelling is one of the column's")))
            };
            by_spelling(table, source).into_iter().map(place).collect()
        };
        Names {
            columns: table.columns().iter().enumerate().map(|(index, column)| (column.name, index)).collect(),
            attributes: promoted(Source::Attribute),
            resource: promoted(Source::Resource),
        }
    })
});

enum Data {
    Id(FixedSizeBinaryBuilder),
    Text(StringBuilder),
    Label(StringDictionaryBuilder<Int32Type>),
    Int(Int64Builder),
    Int32(Int32Builder),
    Int8(Int8Builder),
    Bool(BooleanBuilder),
    Bytes(BinaryBuilder),
    Map(MapBuilder<StringBuilder, StringBuilder>),
}

struct TableBuilder {
    table: Table,
    rows: usize,
    columns: Vec<Option<Data>>,
    resource: Option<(Arc<Resource>, String)>,
    scope: Option<(Arc<Scope>, String)>,
    exact: Vec<u8>,
}

impl TableBuilder {
    fn new(table: Table) -> Self {
        let columns = table.columns().iter().map(|_| None).collect();
        Self { table, rows: 0, columns, resource: None, scope: None, exact: Vec::new() }
    }

    fn names(&self) -> &'static Names {
        &NAMES[self.table as usize]
    }

    /// The column, filled with null up to this row.
    fn touch(&mut self, index: usize) -> &mut Data {
        let rows = self.rows;
        let column = self.columns[index].get_or_insert_with(|| Data::new(self.table.columns()[index].kind));
        column.fill(rows);
        column
    }

    fn named(&mut self, name: &str) -> &mut Data {
        let index = *self.names().columns.get(name).expect("a column of this table");
        self.touch(index)
    }

    fn is_set(&self, index: usize) -> bool {
        self.columns[index].as_ref().is_some_and(|column| column.len() > self.rows)
    }

    fn id(&mut self, name: &str, id: &[u8]) {
        let Data::Id(column) = self.named(name) else { unreachable!("{name} holds ids") };
        column.append_value(id).expect("ids have their column's length");
    }

    fn int(&mut self, name: &str, value: i64) {
        let Data::Int(column) = self.named(name) else { unreachable!("{name} holds integers") };
        column.append_value(value);
    }

    fn int32(&mut self, name: &str, value: i32) {
        let Data::Int32(column) = self.named(name) else { unreachable!("{name} holds 32-bit integers") };
        column.append_value(value);
    }

    fn int8(&mut self, name: &str, value: i8) {
        let Data::Int8(column) = self.named(name) else { unreachable!("{name} holds small integers") };
        column.append_value(value);
    }

    fn bytes(&mut self, name: &str, value: &[u8]) {
        let Data::Bytes(column) = self.named(name) else { unreachable!("{name} holds bytes") };
        column.append_value(value);
    }

    fn text(&mut self, name: &str, value: &str) {
        self.named(name).put_text(value);
    }

    fn text_unless_empty(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.text(name, value);
        }
    }

    /// A 32-bit count, null for zero. Kept bit for bit: counts past `i32::MAX` read back as sent.
    fn count(&mut self, name: &str, value: u32) {
        if value != 0 {
            self.int32(name, value.cast_signed());
        }
    }

    fn flags(&mut self, flags: u32) {
        if flags != 0 {
            self.int("flags", i64::from(flags));
        }
    }

    fn event(&mut self, event: &Event) {
        self.int("time_unix_nanos", event.time.0);
        self.text("name", &event.name);
        self.attributes(&event.attributes, event.dropped_attributes_count);
    }

    fn resource(&mut self, resource: &Arc<Resource>) {
        self.promoted_resource(resource);
        if **resource == Resource::default() {
            return;
        }
        let known = self.resource.take().filter(|(known, _)| Arc::ptr_eq(known, resource) || known == resource);
        let (kept, json) = known.unwrap_or_else(|| {
            (Arc::clone(resource), serde_json::to_string(&**resource).expect("a resource is plain data"))
        });
        self.text("resource", &json);
        self.resource = Some((kept, json));
    }

    fn scope(&mut self, scope: &Arc<Scope>) {
        if **scope == Scope::default() {
            return;
        }
        let known = self.scope.take().filter(|(known, _)| Arc::ptr_eq(known, scope) || known == scope);
        let (kept, json) = known
            .unwrap_or_else(|| (Arc::clone(scope), serde_json::to_string(&**scope).expect("a scope is plain data")));
        self.text("scope", &json);
        self.scope = Some((kept, json));
    }

    fn promoted_resource(&mut self, resource: &Resource) {
        for (key, value) in &resource.attributes {
            if let Some(&(column, _)) = self.names().resource.get(key.as_str())
                && let Value::String(text) = value
                && !self.is_set(column)
            {
                self.touch(column).put_text(text);
            }
        }
    }

    fn attributes(&mut self, attributes: &Attributes, dropped: u32) {
        self.count("dropped_attributes_count", dropped);
        let mut order: Vec<usize> = (0..attributes.len()).collect();
        order.sort_by(|&left, &right| attributes[left].0.cmp(&attributes[right].0));
        self.exact.clear();
        let mut exact = std::mem::take(&mut self.exact);
        let mut entries = 0;
        let mut previous: Option<&str> = None;
        for index in order {
            let (key, value) = &attributes[index];
            if previous == Some(key) {
                let mut message = Vec::new();
                any_value::encode_key_value(key, value, &mut message);
                exact::write(Record::Extra { message: &message }, &mut exact);
                continue;
            }
            previous = Some(key);
            if let Some(&(column, spelling)) = self.names().attributes.get(key.as_str())
                && !self.is_set(column)
                && self.table.columns()[column].kind.takes(value)
            {
                self.touch(column).put(value);
                if spelling != 0 {
                    exact::write(Record::Spelling { column, spelling }, &mut exact);
                }
                continue;
            }
            note_type(entries, value, &mut exact);
            let Data::Map(map) = self.named("attributes") else { unreachable!("attributes is a map") };
            map.keys().append_value(key);
            map.values().append_value(value.to_text());
            entries += 1;
        }
        if entries > 0 {
            let Data::Map(map) = self.named("attributes") else { unreachable!("attributes is a map") };
            map.append(true).expect("as many keys as values");
        }
        if !exact.is_empty() {
            self.bytes("attributes_exact", &exact);
        }
        self.exact = exact;
    }

    fn end_row(&mut self) {
        self.rows += 1;
    }

    fn finish(mut self) -> RecordBatch {
        let rows = self.rows;
        let mut fields = Vec::new();
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for (column, data) in self.table.columns().iter().zip(&mut self.columns) {
            let Some(data) = data else { continue };
            data.fill(rows);
            let array = data.finish();
            if column.nullable && array.null_count() == rows {
                continue;
            }
            fields.push(Field::new(column.name, array.data_type().clone(), column.nullable));
            arrays.push(array);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
            .expect("every column was filled to the same length")
    }
}

fn note_type(entry: usize, value: &Value, exact: &mut Vec<u8>) {
    match value {
        Value::String(_) => {}
        Value::Empty => exact::write(Record::Empty { entry }, exact),
        Value::Int(_) => exact::write(Record::Int { entry }, exact),
        Value::Bool(_) => exact::write(Record::Bool { entry }, exact),
        Value::Double(value) => exact::write(Record::Double { entry, value: *value }, exact),
        Value::Bytes(_) | Value::Array(_) | Value::Map(_) => {
            let mut message = Vec::new();
            any_value::encode(value, &mut message);
            exact::write(Record::Value { entry, message: &message }, exact);
        }
    }
}

impl Kind {
    /// Whether a promoted column of this kind holds `value`.
    fn takes(self, value: &Value) -> bool {
        matches!(
            (self, value),
            (Self::Text | Self::Label, Value::String(_)) | (Self::Int, Value::Int(_)) | (Self::Bool, Value::Bool(_))
        )
    }
}

impl Data {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::TraceId => Self::Id(FixedSizeBinaryBuilder::new(16)),
            Kind::SpanId => Self::Id(FixedSizeBinaryBuilder::new(8)),
            Kind::Text => Self::Text(StringBuilder::new()),
            Kind::Label => Self::Label(StringDictionaryBuilder::new()),
            Kind::Int => Self::Int(Int64Builder::new()),
            Kind::Int32 => Self::Int32(Int32Builder::new()),
            Kind::Int8 => Self::Int8(Int8Builder::new()),
            Kind::Bool => Self::Bool(BooleanBuilder::new()),
            Kind::Bytes => Self::Bytes(BinaryBuilder::new()),
            Kind::Map => {
                let names = MapFieldNames { entry: "entries".into(), key: "keys".into(), value: "values".into() };
                Self::Map(MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new()))
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Id(column) => column.len(),
            Self::Text(column) => column.len(),
            Self::Label(column) => column.len(),
            Self::Int(column) => column.len(),
            Self::Int32(column) => column.len(),
            Self::Int8(column) => column.len(),
            Self::Bool(column) => column.len(),
            Self::Bytes(column) => column.len(),
            Self::Map(column) => column.len(),
        }
    }

    fn fill(&mut self, rows: usize) {
        for _ in self.len()..rows {
            match self {
                Self::Id(column) => column.append_null(),
                Self::Text(column) => column.append_null(),
                Self::Label(column) => column.append_null(),
                Self::Int(column) => column.append_null(),
                Self::Int32(column) => column.append_null(),
                Self::Int8(column) => column.append_null(),
                Self::Bool(column) => column.append_null(),
                Self::Bytes(column) => column.append_null(),
                Self::Map(column) => column.append(false).expect("no keys without values"),
            }
        }
    }

    fn put_text(&mut self, text: &str) {
        match self {
            Self::Text(column) => column.append_value(text),
            Self::Label(column) => column.append_value(text),
            _ => unreachable!("a column of text"),
        }
    }

    fn put(&mut self, value: &Value) {
        match (self, value) {
            (column, Value::String(text)) => column.put_text(text),
            (Self::Int(column), Value::Int(value)) => column.append_value(*value),
            (Self::Bool(column), Value::Bool(value)) => column.append_value(*value),
            _ => unreachable!("only values that the column takes"),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Id(column) => Arc::new(column.finish()),
            Self::Text(column) => Arc::new(column.finish()),
            Self::Label(column) => Arc::new(column.finish()),
            Self::Int(column) => Arc::new(column.finish()),
            Self::Int32(column) => Arc::new(column.finish()),
            Self::Int8(column) => Arc::new(column.finish()),
            Self::Bool(column) => Arc::new(column.finish()),
            Self::Bytes(column) => Arc::new(column.finish()),
            Self::Map(column) => Arc::new(column.finish()),
        }
    }
}
