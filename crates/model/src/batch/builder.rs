//! Builds batches row by row, column by column.
//!
//! Columns are lazy: one that no row touches costs nothing, and a row that a column skips is filled with null when the
//! column is touched next, or at the end.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, FixedSizeBinaryBuilder, Int8Builder, Int32Builder, Int64Builder, MapBuilder,
    MapFieldNames, StringBuilder,
};
use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, DictionaryArray, RecordBatch, RecordBatchOptions, StringArray, builder::ArrayBuilder,
};
use arrow_schema::{Field, Schema};

use super::Batch;
use crate::attribute::{Attributes, Value};
use crate::columns::{Column, EVENTS, Kind, LINKS, SPANS, Source, Table, by_spelling};
use crate::exact::{self, Record, any_value};
use crate::span::{Event, Link, LogRecord, Resource, Scope, Span};

/// A span event's `source`.
pub(crate) const SPAN_EVENT: i8 = 0;
/// A log record's `source`.
pub(crate) const LOG_RECORD: i8 = 1;

/// How many of a row's keys are remembered for the next; OpenTelemetry's SDKs send 128 at most.
const MEMORY_MAX: usize = 128;

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
        row.id(const { place(SPANS, "trace_id") }, &span.trace_id.0);
        row.id(const { place(SPANS, "span_id") }, &span.span_id.0);
        if let Some(parent) = span.parent_span_id {
            row.id(const { place(SPANS, "parent_span_id") }, &parent.0);
        }
        row.int(const { place(SPANS, "start_unix_nanos") }, span.start.0);
        if let Some(duration) = span.duration() {
            row.int(const { place(SPANS, "duration_nanos") }, duration.0);
        }
        row.text(const { place(SPANS, "name") }, &span.name);
        row.int8(const { place(SPANS, "kind") }, span.kind as i8);
        row.int8(const { place(SPANS, "status_code") }, span.status.code as i8);
        row.text_unless_empty(const { place(SPANS, "status_message") }, &span.status.message);
        row.text_unless_empty(const { place(SPANS, "trace_state") }, &span.trace_state);
        row.flags(span.flags);
        row.count(const { place(SPANS, "revision") }, span.revision);
        row.resource(&span.resource);
        row.scope(&span.scope);
        row.attributes(&span.attributes, span.dropped_attributes_count);
        row.count(const { place(SPANS, "dropped_events_count") }, span.dropped_events_count);
        row.count(const { place(SPANS, "dropped_links_count") }, span.dropped_links_count);
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
        row.id(const { place(EVENTS, "trace_id") }, &span.trace_id.0);
        row.id(const { place(EVENTS, "span_id") }, &span.span_id.0);
        row.int8(const { place(EVENTS, "source") }, SPAN_EVENT);
        row.int32(const { place(EVENTS, "ordinal") }, ordinal as i32);
        row.event(event);
        row.promoted_resource(&span.resource);
        row.end_row();
    }

    fn push_link(&mut self, span: &Span, link: &Link, ordinal: usize) {
        let row = &mut self.links;
        row.id(const { place(LINKS, "trace_id") }, &span.trace_id.0);
        row.id(const { place(LINKS, "span_id") }, &span.span_id.0);
        row.int32(const { place(LINKS, "ordinal") }, ordinal as i32);
        row.id(const { place(LINKS, "linked_trace_id") }, &link.trace_id.0);
        row.id(const { place(LINKS, "linked_span_id") }, &link.span_id.0);
        row.text_unless_empty(const { place(LINKS, "trace_state") }, &link.trace_state);
        row.flags(link.flags);
        row.attributes(&link.attributes, link.dropped_attributes_count);
        row.end_row();
    }

    /// Adds a log record.
    pub fn push_log(&mut self, log: &LogRecord) {
        let row = &mut self.events;
        if let Some(trace_id) = log.trace_id {
            row.id(const { place(EVENTS, "trace_id") }, &trace_id.0);
        }
        if let Some(span_id) = log.span_id {
            row.id(const { place(EVENTS, "span_id") }, &span_id.0);
        }
        row.int8(const { place(EVENTS, "source") }, LOG_RECORD);
        row.event(&log.event);
        if let Some(observed) = log.observed {
            row.int(const { place(EVENTS, "observed_unix_nanos") }, observed.0);
        }
        if log.severity_number != 0 {
            row.int32(const { place(EVENTS, "severity_number") }, log.severity_number);
        }
        row.text_unless_empty(const { place(EVENTS, "severity_text") }, &log.severity_text);
        match &log.body {
            Value::Empty => {}
            Value::String(text) => row.text(const { place(EVENTS, "body") }, text),
            other => {
                row.text(const { place(EVENTS, "body") }, &other.to_text());
                let mut message = Vec::new();
                any_value::encode(other, &mut message);
                row.bytes(const { place(EVENTS, "body_exact") }, &message);
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
        Names { attributes: promoted(Source::Attribute), resource: promoted(Source::Resource) }
    })
});

/// Text with few distinct values. Rows of one sender follow each other, so the last value is tried first.
#[derive(Default)]
struct Label {
    keys: Int32Builder,
    texts: Vec<Arc<str>>,
    by_text: HashMap<Arc<str>, i32>,
    last: usize,
}

impl Label {
    fn put(&mut self, text: &str) {
        if self.texts.get(self.last).is_none_or(|last| **last != *text) {
            self.last = if let Some(known) = self.by_text.get(text) {
                *known as usize
            } else {
                let kept: Arc<str> = text.into();
                self.texts.push(Arc::clone(&kept));
                self.by_text.insert(kept, self.texts.len() as i32 - 1);
                self.texts.len() - 1
            };
        }
        self.keys.append_value(self.last as i32);
    }

    fn finish(&mut self) -> ArrayRef {
        let values = StringArray::from_iter_values(self.texts.iter().map(|text| &**text));
        let labels = DictionaryArray::<Int32Type>::try_new(self.keys.finish(), Arc::new(values));
        Arc::new(labels.expect("every key was given to a text"))
    }
}

enum Data {
    Id(FixedSizeBinaryBuilder),
    Text(StringBuilder),
    Label(Label),
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
    places: Places,
    origin: Option<Origin>,
    scope: Option<(Arc<Scope>, Option<String>)>,
    exact: Vec<u8>,
    /// The order in which the current row's attributes are taken.
    order: Vec<usize>,
    /// The keys of the last row in that order, and where they went: programs send the same keys again and again.
    memory: Vec<(String, Option<(usize, usize)>)>,
}

/// Where the columns lie that several tables have; none is asked of a table that lacks it.
struct Places {
    flags: usize,
    resource: usize,
    scope: usize,
    attributes: usize,
    attributes_exact: usize,
    dropped_attributes: usize,
}

/// A resource and what its rows hold of it.
struct Origin {
    resource: Arc<Resource>,
    json: Option<String>,
    promoted: Vec<(usize, String)>,
}

impl Origin {
    fn new(resource: &Arc<Resource>, columns: &Promoted) -> Self {
        let mut promoted: Vec<(usize, String)> = Vec::new();
        for (key, value) in &resource.attributes {
            if let Some(&(column, _)) = columns.get(key.as_str())
                && let Value::String(text) = value
                && !promoted.iter().any(|(taken, _)| *taken == column)
            {
                promoted.push((column, text.clone()));
            }
        }
        let json = serde_json::to_string(&**resource).expect("a resource is plain data");
        Self {
            resource: Arc::clone(resource),
            json: Some(json).filter(|_| **resource != Resource::default()),
            promoted,
        }
    }
}

/// The place of the column called `name`, found when the program is compiled.
const fn place(columns: &[Column], name: &str) -> usize {
    let mut index = 0;
    while index < columns.len() {
        if same(columns[index].name.as_bytes(), name.as_bytes()) {
            return index;
        }
        index += 1;
    }
    panic!("a column of this table")
}

const fn same(left: &[u8], right: &[u8]) -> bool {
    let mut index = 0;
    while index < left.len() && index < right.len() && left[index] == right[index] {
        index += 1;
    }
    left.len() == right.len() && index == left.len()
}

impl TableBuilder {
    fn new(table: Table) -> Self {
        let columns = table.columns().iter().map(|_| None).collect();
        let place = |name| table.column_index(name).unwrap_or(usize::MAX);
        let places = Places {
            flags: place("flags"),
            resource: place("resource"),
            scope: place("scope"),
            attributes: place("attributes"),
            attributes_exact: place("attributes_exact"),
            dropped_attributes: place("dropped_attributes_count"),
        };
        let (exact, order, memory) = (Vec::new(), Vec::new(), Vec::new());
        Self { table, rows: 0, columns, places, origin: None, scope: None, exact, order, memory }
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

    fn is_set(&self, index: usize) -> bool {
        self.columns[index].as_ref().is_some_and(|column| column.len() > self.rows)
    }

    fn id(&mut self, column: usize, id: &[u8]) {
        let Data::Id(column) = self.touch(column) else { unreachable!("the column is of another kind") };
        column.append_value(id).expect("ids have their column's length");
    }

    fn int(&mut self, column: usize, value: i64) {
        let Data::Int(column) = self.touch(column) else { unreachable!("the column is of another kind") };
        column.append_value(value);
    }

    fn int32(&mut self, column: usize, value: i32) {
        let Data::Int32(column) = self.touch(column) else { unreachable!("the column is of another kind") };
        column.append_value(value);
    }

    fn int8(&mut self, column: usize, value: i8) {
        let Data::Int8(column) = self.touch(column) else { unreachable!("the column is of another kind") };
        column.append_value(value);
    }

    fn bytes(&mut self, column: usize, value: &[u8]) {
        let Data::Bytes(column) = self.touch(column) else { unreachable!("the column is of another kind") };
        column.append_value(value);
    }

    fn text(&mut self, column: usize, value: &str) {
        self.touch(column).put_text(value);
    }

    fn text_unless_empty(&mut self, column: usize, value: &str) {
        if !value.is_empty() {
            self.text(column, value);
        }
    }

    /// A 32-bit count, null for zero. Kept bit for bit: counts past `i32::MAX` read back as sent.
    fn count(&mut self, column: usize, value: u32) {
        if value != 0 {
            self.int32(column, value.cast_signed());
        }
    }

    fn flags(&mut self, flags: u32) {
        if flags != 0 {
            self.int(self.places.flags, i64::from(flags));
        }
    }

    fn event(&mut self, event: &Event) {
        self.int(const { place(EVENTS, "time_unix_nanos") }, event.time.0);
        self.text(const { place(EVENTS, "name") }, &event.name);
        self.attributes(&event.attributes, event.dropped_attributes_count);
    }

    fn resource(&mut self, resource: &Arc<Resource>) {
        let origin = self.origin(resource);
        for (column, text) in &origin.promoted {
            self.touch(*column).put_text(text);
        }
        if let Some(json) = &origin.json {
            self.text(self.places.resource, json);
        }
        self.origin = Some(origin);
    }

    fn promoted_resource(&mut self, resource: &Arc<Resource>) {
        let origin = self.origin(resource);
        for (column, text) in &origin.promoted {
            self.touch(*column).put_text(text);
        }
        self.origin = Some(origin);
    }

    /// What a resource's rows hold: worked out once for the rows of one resource that follow each other.
    fn origin(&mut self, resource: &Arc<Resource>) -> Origin {
        let known = self.origin.take();
        let known = known.filter(|known| Arc::ptr_eq(&known.resource, resource) || known.resource == *resource);
        known.unwrap_or_else(|| Origin::new(resource, &self.names().resource))
    }

    fn scope(&mut self, scope: &Arc<Scope>) {
        let known = self.scope.take().filter(|(known, _)| Arc::ptr_eq(known, scope) || known == scope);
        let (kept, json) = known.unwrap_or_else(|| {
            let json = serde_json::to_string(&**scope).expect("a scope is plain data");
            (Arc::clone(scope), Some(json).filter(|_| **scope != Scope::default()))
        });
        if let Some(json) = &json {
            self.text(self.places.scope, json);
        }
        self.scope = Some((kept, json));
    }

    fn attributes(&mut self, attributes: &Attributes, dropped: u32) {
        self.count(self.places.dropped_attributes, dropped);
        let mut order = std::mem::take(&mut self.order);
        order.clear();
        order.extend(0..attributes.len());
        if !attributes.is_sorted_by(|left, right| left.0 <= right.0) {
            order.sort_by(|&left, &right| attributes[left].0.cmp(&attributes[right].0));
        }
        self.exact.clear();
        let mut exact = std::mem::take(&mut self.exact);
        let mut entries = 0;
        let mut previous: Option<&str> = None;
        for (position, &index) in order.iter().enumerate() {
            let (key, value) = &attributes[index];
            if previous == Some(key) {
                let mut message = Vec::new();
                any_value::encode_key_value(key, value, &mut message);
                exact::write(Record::Extra { message: &message }, &mut exact);
                continue;
            }
            previous = Some(key);
            if let Some((column, spelling)) = self.promoted(key, position)
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
            let Data::Map(map) = self.touch(self.places.attributes) else { unreachable!("attributes is a map") };
            map.keys().append_value(key);
            match value {
                Value::String(text) => map.values().append_value(text),
                other => map.values().append_value(other.to_text()),
            }
            entries += 1;
        }
        if entries > 0 {
            let Data::Map(map) = self.touch(self.places.attributes) else { unreachable!("attributes is a map") };
            map.append(true).expect("as many keys as values");
        }
        if !exact.is_empty() {
            self.bytes(self.places.attributes_exact, &exact);
        }
        self.exact = exact;
        self.order = order;
    }

    /// The promoted column of `key`, which is at `position` among its row's sorted keys.
    fn promoted(&mut self, key: &str, position: usize) -> Option<(usize, usize)> {
        if let Some((known, column)) = self.memory.get(position)
            && known == key
        {
            return *column;
        }
        let column = self.names().attributes.get(key).copied();
        if let Some(stale) = self.memory.get_mut(position) {
            key.clone_into(&mut stale.0);
            stale.1 = column;
        } else if position == self.memory.len() && position < MEMORY_MAX {
            self.memory.push((key.to_owned(), column));
        }
        column
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
            Kind::Label => Self::Label(Label::default()),
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
            Self::Label(column) => column.keys.len(),
            Self::Int(column) => column.len(),
            Self::Int32(column) => column.len(),
            Self::Int8(column) => column.len(),
            Self::Bool(column) => column.len(),
            Self::Bytes(column) => column.len(),
            Self::Map(column) => column.len(),
        }
    }

    fn fill(&mut self, rows: usize) {
        let missing = rows - self.len();
        if missing == 0 {
            return;
        }
        match self {
            Self::Int(column) => return column.append_nulls(missing),
            Self::Int32(column) => return column.append_nulls(missing),
            Self::Int8(column) => return column.append_nulls(missing),
            Self::Bool(column) => return column.append_nulls(missing),
            Self::Label(column) => return column.keys.append_nulls(missing),
            _ => {}
        }
        for _ in 0..missing {
            match self {
                Self::Id(column) => column.append_null(),
                Self::Text(column) => column.append_null(),
                Self::Bytes(column) => column.append_null(),
                Self::Map(column) => column.append(false).expect("no keys without values"),
                _ => unreachable!("the others were filled above"),
            }
        }
    }

    fn put_text(&mut self, text: &str) {
        match self {
            Self::Text(column) => column.append_value(text),
            Self::Label(column) => column.put(text),
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
            Self::Label(column) => column.finish(),
            Self::Int(column) => Arc::new(column.finish()),
            Self::Int32(column) => Arc::new(column.finish()),
            Self::Int8(column) => Arc::new(column.finish()),
            Self::Bool(column) => Arc::new(column.finish()),
            Self::Bytes(column) => Arc::new(column.finish()),
            Self::Map(column) => Arc::new(column.finish()),
        }
    }
}
