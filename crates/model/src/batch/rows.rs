//! Rows to batches and back.
//!
//! Reads sparse batches, full ones, and batches read from Parquet, where labels are plain text. What comes back is
//! normalised: attributes sorted by key, repeats of a key in the sender's order; events and links in theirs.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, Int64Array, RecordBatch};
use foldhash::{HashMap, HashMapExt};
use serde::de::DeserializeOwned;

use super::builder::LOG_RECORD;
use super::cells::{Bytes, INLINE_BYTES_MAX, Ids, Int8s, Int32s, Int64s, Maps, SharedTexts, TextCells};
use super::{Batch, BatchBuilder};
use crate::attribute::{Attributes, Value};
use crate::columns::{Column, ColumnKind, ColumnSource, Table};
use crate::exact::{self, Record, any_value};
use crate::id::{SpanId, TraceId};
use crate::span::{Event, Link, LogRecord, Span, SpanKind, Status, StatusCode, Trace};
use crate::time::{DurationNanos, UnixNanos};
use crate::{Text, ThinVec};

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
    spans_of(batch, |_| true)
}

/// As [`spans`], those of the traces that are wanted.
pub fn spans_of(batch: &Batch, wanted: impl Fn(TraceId) -> bool) -> Vec<Span> {
    let mut spans = bare_spans_of(&batch.spans, &wanted);
    attach(&mut spans, &batch.events, &batch.links);
    spans
}

/// The spans of some rows in their order, without events and links, which [`attach`] gives them.
pub fn bare_spans(rows: &RecordBatch) -> Vec<Span> {
    bare_spans_of(rows, |_| true)
}

/// The number of log records of a batch.
pub fn log_count(batch: &Batch) -> usize {
    rows_of_logs(&batch.events, true).count()
}

/// Gives spans those of these events and links that carry their ids. Of several spans under one id, the first takes
/// them. Takes memory in proportion to the events and links, not to the spans.
pub fn attach(spans: &mut [Span], events: &RecordBatch, links: &RecordBatch) {
    const NOWHERE: usize = usize::MAX;
    let owners = [events, links].into_iter().flat_map(|rows| {
        let owners = Owners::of(rows);
        (0..rows.num_rows()).filter_map(move |row| owners.get(row))
    });
    let mut places: HashMap<(TraceId, SpanId), usize> = owners.map(|owner| (owner, NOWHERE)).collect();
    if places.is_empty() {
        return;
    }
    for (index, span) in spans.iter().enumerate() {
        if let Some(place) = places.get_mut(&(span.trace_id, span.span_id)) {
            *place = index.min(*place);
        }
    }
    let place = |owner| places.get(&owner).copied().filter(|place| *place != NOWHERE);
    for (place, event) in in_order(span_events(events, place)) {
        spans[place].events.push(event);
    }
    for (place, link) in in_order(span_links(links, place)) {
        spans[place].links.push(link);
    }
}

/// The traces of spans of which those of one trace follow each other; without logs.
pub fn traces_in_order(spans: Vec<Span>) -> Vec<Trace> {
    let mut traces: Vec<Trace> = Vec::new();
    let ends = spans.first().zip(spans.last()).map(|(first, last)| (first.trace_id, last.trace_id));
    if let Some((trace_id, last)) = ends
        && trace_id == last
    {
        // A large trace comes alone, and is not copied span by span.
        traces.push(Trace { trace_id, spans, ..Trace::default() });
    } else {
        for span in spans {
            match traces.last_mut().filter(|trace| trace.trace_id == span.trace_id) {
                Some(trace) => trace.spans.push(span),
                None => traces.push(Trace { trace_id: span.trace_id, spans: vec![span], ..Trace::default() }),
            }
        }
    }
    traces.iter_mut().for_each(Trace::settle);
    traces
}

/// About how many bytes the attributes of a table's rows take as values, at most; the rows' other texts as well, and the
/// lists' own allocations. What only their exact side holds is counted at twice its bytes.
pub fn value_bytes(table: Table, rows: &RecordBatch) -> usize {
    /// What a list takes beside its members, and its allocation.
    const LIST_BYTES: usize = 32;
    /// What a text that does not lie within its value takes beside its bytes.
    const TEXT_BYTES: usize = 32;
    let cells = AttributeCells::of(table, rows);
    let promoted = cells.promoted.iter().map(|(_, _, cells)| cells.count());
    let attributes = cells.map.count() + promoted.sum::<usize>();
    let texts = table
        .columns()
        .iter()
        .filter(|column| column.kind == ColumnKind::Text && column.source != ColumnSource::Resource);
    let texts = texts.filter_map(|column| rows.column_by_name(column.name)).map(TextCells::from_array);
    let outside = |bytes: usize| bytes + TEXT_BYTES;
    let texts = texts.chain([cells.map.keys.texts(), cells.map.values.texts()]).flat_map(TextCells::lengths);
    attributes * size_of::<(Text, Value)>()
        + rows.num_rows() * LIST_BYTES
        + texts.filter(|bytes| *bytes > INLINE_BYTES_MAX).map(outside).sum::<usize>()
        + 2 * cells.exact.bytes()
}

/// The traces that are wanted, put together from the spans of all batches; in any order, and without logs. Nothing
/// collapses: what came twice is there twice, and counted.
pub fn traces<'a>(batches: impl IntoIterator<Item = &'a Batch>, wanted: impl Fn(TraceId) -> bool) -> Vec<Trace> {
    let mut traces: HashMap<TraceId, Trace> = HashMap::new();
    for batch in batches {
        let spans = spans_of(batch, &wanted);
        let Some(first) = spans.first().map(|span| span.trace_id) else { continue };
        if !traces.contains_key(&first) && spans.iter().all(|span| span.trace_id == first) {
            // A large trace comes alone, and is not copied span by span.
            traces.insert(first, Trace { trace_id: first, spans, ..Trace::default() });
            continue;
        }
        for span in spans {
            let trace = traces.entry(span.trace_id).or_default();
            trace.trace_id = span.trace_id;
            trace.spans.push(span);
        }
    }
    let mut traces: Vec<Trace> = traces.into_values().collect();
    traces.iter_mut().for_each(Trace::settle);
    traces
}

/// The log records of a batch, in its order.
pub fn logs(batch: &Batch) -> Vec<LogRecord> {
    let batch = &batch.events;
    let (owners, mut events) = (Owners::of(batch), Events::of(batch));
    let observed = Int64s::of(batch, "observed_unix_nanos");
    let severity_numbers = Int32s::of(batch, "severity_number");
    let mut severity_texts = SharedTexts::of(batch, "severity_text");
    let (bodies, exact_bodies) = (TextCells::of(batch, "body"), Bytes::of(batch, "body_exact"));
    let flags = Int64s::of(batch, "flags");
    let (mut resources, mut scopes) = (Origins::of(batch, "resource"), Origins::of(batch, "scope"));
    let body = |row| {
        let exact = exact_bodies.get(row).and_then(|message| any_value::decode(message).ok());
        exact.unwrap_or_else(|| bodies.get(row).map_or(Value::Empty, Value::from))
    };
    let log = |row| LogRecord {
        trace_id: owners.traces.get(row).and_then(TraceId::from_slice),
        span_id: owners.spans.get(row).and_then(SpanId::from_slice),
        event: events.get(row),
        observed: observed.get(row).map(UnixNanos),
        severity_number: severity_numbers.get(row).unwrap_or(0),
        severity_text: severity_texts.get(row),
        body: body(row),
        flags: flags.get(row).unwrap_or(0) as u32,
        resource: resources.get(row),
        scope: scopes.get(row),
    };
    rows_of_logs(batch, true).map(log).collect()
}

/// Rows of spans by place and ordinal, those of one ordinal in their order.
fn in_order<T>(mut rows: Vec<(usize, i32, T)>) -> impl Iterator<Item = (usize, T)> {
    rows.sort_by_key(|(place, ordinal, _)| (*place, *ordinal));
    rows.into_iter().map(|(place, _, row)| (place, row))
}

fn bare_spans_of(batch: &RecordBatch, wanted: impl Fn(TraceId) -> bool) -> Vec<Span> {
    let owners = Owners::of(batch);
    let parents = Ids::of(batch, "parent_span_id");
    let mut names = SharedTexts::of(batch, "name");
    let (kinds, status_codes) = (Int8s::of(batch, "kind"), Int8s::of(batch, "status_code"));
    let (starts, durations) = (Int64s::of(batch, "start_unix_nanos"), Int64s::of(batch, "duration_nanos"));
    let mut status_messages = SharedTexts::of(batch, "status_message");
    let mut trace_states = SharedTexts::of(batch, "trace_state");
    let flags = Int64s::of(batch, "flags");
    let mut attributes = AttributeCells::of(Table::Spans, batch);
    let dropped = ["dropped_attributes_count", "dropped_events_count", "dropped_links_count"];
    let [dropped_attributes, dropped_events, dropped_links] = dropped.map(|name| Int32s::of(batch, name));
    let (mut resources, mut scopes) = (Origins::of(batch, "resource"), Origins::of(batch, "scope"));
    let revisions = Int32s::of(batch, "revision");
    let span = |(row, trace_id)| {
        let start = UnixNanos(starts.get(row).unwrap_or_default());
        Span {
            trace_id,
            span_id: owners.spans.get(row).and_then(SpanId::from_slice).unwrap_or_default(),
            parent_span_id: parents.get(row).and_then(SpanId::from_slice),
            name: names.get(row),
            kind: SpanKind::from_number(kinds.get(row).unwrap_or(0).into()).unwrap_or_default(),
            start,
            end: durations.get(row).map(|nanos| start.plus(DurationNanos(nanos))),
            status: Status {
                code: StatusCode::from_number(status_codes.get(row).unwrap_or(0).into()).unwrap_or_default(),
                message: status_messages.get(row),
            },
            trace_state: trace_states.get(row),
            flags: flags.get(row).unwrap_or(0) as u32,
            attributes: attributes.get(row),
            dropped_attributes_count: dropped_attributes.count(row),
            events: ThinVec::new(),
            dropped_events_count: dropped_events.count(row),
            links: ThinVec::new(),
            dropped_links_count: dropped_links.count(row),
            resource: resources.get(row),
            scope: scopes.get(row),
            revision: revisions.count(row),
        }
    };
    let trace_id = |row| owners.traces.get(row).and_then(TraceId::from_slice).unwrap_or_default();
    let rows = (0..batch.num_rows()).map(|row| (row, trace_id(row)));
    rows.filter(|(_, trace_id)| wanted(*trace_id)).map(span).collect()
}

/// The events of those spans that `place` has a place for, with it and their ordinal.
fn span_events(batch: &RecordBatch, place: impl Fn((TraceId, SpanId)) -> Option<usize>) -> Vec<(usize, i32, Event)> {
    let (owners, mut events) = (Owners::of(batch), Events::of(batch));
    rows_of_logs(batch, false)
        .filter_map(|row| Some((place(owners.get(row)?)?, owners.ordinal(row), events.get(row))))
        .collect()
}

/// As [`span_events`], of links.
fn span_links(batch: &RecordBatch, place: impl Fn((TraceId, SpanId)) -> Option<usize>) -> Vec<(usize, i32, Link)> {
    let owners = Owners::of(batch);
    let (traces, spans) = (Ids::of(batch, "linked_trace_id"), Ids::of(batch, "linked_span_id"));
    let (mut trace_states, flags) = (SharedTexts::of(batch, "trace_state"), Int64s::of(batch, "flags"));
    let mut attributes = AttributeCells::of(Table::Links, batch);
    let dropped = Int32s::of(batch, "dropped_attributes_count");
    let mut link = |row| Link {
        trace_id: traces.get(row).and_then(TraceId::from_slice).unwrap_or_default(),
        span_id: spans.get(row).and_then(SpanId::from_slice).unwrap_or_default(),
        trace_state: trace_states.get(row),
        flags: flags.get(row).unwrap_or(0) as u32,
        attributes: attributes.get(row),
        dropped_attributes_count: dropped.count(row),
    };
    let rows = 0..batch.num_rows();
    rows.filter_map(|row| Some((place(owners.get(row)?)?, owners.ordinal(row), link(row)))).collect()
}

/// The rows that are log records, or those that are not.
fn rows_of_logs(batch: &RecordBatch, wanted: bool) -> impl Iterator<Item = usize> {
    let sources = Int8s::of(batch, "source");
    (0..batch.num_rows()).filter(move |row| (sources.get(*row).unwrap_or(0) == LOG_RECORD) == wanted)
}

/// Which span a row belongs to, and its place among the span's rows.
struct Owners<'a> {
    traces: Ids<'a>,
    spans: Ids<'a>,
    ordinals: Int32s<'a>,
}

impl<'a> Owners<'a> {
    fn of(batch: &'a RecordBatch) -> Self {
        let (traces, spans) = (Ids::of(batch, "trace_id"), Ids::of(batch, "span_id"));
        Self { traces, spans, ordinals: Int32s::of(batch, "ordinal") }
    }

    fn get(&self, row: usize) -> Option<(TraceId, SpanId)> {
        Some((TraceId::from_slice(self.traces.get(row)?)?, SpanId::from_slice(self.spans.get(row)?)?))
    }

    fn ordinal(&self, row: usize) -> i32 {
        self.ordinals.get(row).unwrap_or(0)
    }
}

/// The columns that make an event.
struct Events<'a> {
    times: Int64s<'a>,
    names: SharedTexts<'a>,
    attributes: AttributeCells<'a>,
    dropped: Int32s<'a>,
}

impl<'a> Events<'a> {
    fn of(batch: &'a RecordBatch) -> Self {
        Self {
            times: Int64s::of(batch, "time_unix_nanos"),
            names: SharedTexts::of(batch, "name"),
            attributes: AttributeCells::of(Table::Events, batch),
            dropped: Int32s::of(batch, "dropped_attributes_count"),
        }
    }

    fn get(&mut self, row: usize) -> Event {
        Event {
            time: UnixNanos(self.times.get(row).unwrap_or_default()),
            name: self.names.get(row),
            attributes: self.attributes.get(row),
            dropped_attributes_count: self.dropped.count(row),
        }
    }
}

/// Resources or scopes, which repeat; each text is read once.
struct Origins<'a, T> {
    texts: TextCells<'a>,
    /// By the key of a label.
    by_key: HashMap<i32, Arc<T>>,
    by_text: HashMap<&'a str, Arc<T>>,
}

impl<'a, T: Default + DeserializeOwned> Origins<'a, T> {
    fn of(batch: &'a RecordBatch, name: &str) -> Self {
        Self { texts: TextCells::of(batch, name), by_key: HashMap::new(), by_text: HashMap::new() }
    }

    fn get(&mut self, row: usize) -> Arc<T> {
        let key = match self.texts {
            TextCells::Labels(keys, _) if keys.is_valid(row) => Some(keys.value(row)),
            _ => None,
        };
        if let Some(known) = key.and_then(|key| self.by_key.get(&key)) {
            return Arc::clone(known);
        }
        let json = self.texts.get(row).unwrap_or_default();
        // The column is written by the builder alone; damage to a file is found by its checksums before this.
        let read = self.by_text.entry(json).or_insert_with(|| Arc::new(exact_json(json).unwrap_or_default()));
        if let Some(key) = key {
            self.by_key.insert(key, Arc::clone(read));
        }
        Arc::clone(read)
    }
}

/// The columns that attributes are put together from.
struct AttributeCells<'a> {
    map: Maps<'a>,
    exact: Bytes<'a>,
    /// With their places among the table's columns; those without a value are left out.
    promoted: Vec<(usize, &'static Column, Promoted<'a>)>,
}

/// A column that holds one attribute's values.
enum Promoted<'a> {
    Ints(&'a Int64Array),
    Bools(&'a BooleanArray),
    Texts(&'a ArrayRef, SharedTexts<'a>),
}

impl<'a> AttributeCells<'a> {
    fn of(table: Table, batch: &'a RecordBatch) -> Self {
        let columns = table.columns().iter().enumerate().filter(|(_, column)| column.source == ColumnSource::Attribute);
        let promoted = columns.filter_map(|(index, column)| {
            let array = batch.column_by_name(column.name).filter(|array| array.null_count() < array.len())?;
            let cells = match column.kind {
                ColumnKind::Int => Promoted::Ints(array.as_primitive()),
                ColumnKind::Bool => Promoted::Bools(array.as_boolean()),
                _ => Promoted::Texts(array, SharedTexts::new(TextCells::from_array(array))),
            };
            Some((index, column, cells))
        });
        let promoted = promoted.collect();
        Self { map: Maps::of(batch, "attributes"), exact: Bytes::of(batch, "attributes_exact"), promoted }
    }

    fn get(&mut self, row: usize) -> Attributes {
        let entries = self.map.entries(row);
        let in_map = entries.len();
        let promoted = self.promoted.iter().filter(|(_, _, cells)| cells.is_valid(row)).count();
        let mut attributes = ThinVec::with_capacity(in_map + promoted);
        attributes.extend(entries.map(|at| (self.map.keys.get(at), Value::String(self.map.values.get(at)))));
        let (mut spellings, mut extras) = (Vec::new(), Vec::new());
        for record in self.exact.get(row).into_iter().flat_map(exact::records).map_while(Result::ok) {
            match record {
                Record::Spelling { column, spelling } => spellings.push((column, spelling)),
                Record::Extra { message } => extras.extend(any_value::decode_key_value(message).ok()),
                typed => set_type(&mut attributes[..in_map], typed),
            }
        }
        for (index, column, cells) in self.promoted.iter_mut().filter(|(_, _, cells)| cells.is_valid(row)) {
            let spelling =
                spellings.iter().rev().find(|(column, _)| column == index).map_or(0, |(_, spelling)| *spelling);
            let key = column.spellings.get(spelling).or(column.spellings.first()).copied().unwrap_or(column.name);
            attributes.push((Text::new_static(key), cells.get(row)));
        }
        attributes.sort_by(|left, right| left.0.cmp(&right.0));
        if !extras.is_empty() {
            attributes.extend(extras);
            // Stable: the first of a key stays before its repeats.
            attributes.sort_by(|left, right| left.0.cmp(&right.0));
        }
        attributes
    }
}

impl Promoted<'_> {
    fn is_valid(&self, row: usize) -> bool {
        match self {
            Self::Ints(ints) => ints.is_valid(row),
            Self::Bools(bools) => bools.is_valid(row),
            Self::Texts(texts, _) => texts.is_valid(row),
        }
    }

    /// Rows with a value.
    fn count(&self) -> usize {
        match self {
            Self::Ints(ints) => ints.len() - ints.null_count(),
            Self::Bools(bools) => bools.len() - bools.null_count(),
            Self::Texts(texts, _) => texts.len() - texts.null_count(),
        }
    }

    fn get(&mut self, row: usize) -> Value {
        match self {
            Self::Ints(ints) => Value::Int(ints.value(row)),
            Self::Bools(bools) => Value::Bool(bools.value(row)),
            Self::Texts(_, texts) => Value::String(texts.get(row)),
        }
    }
}

fn set_type(entries: &mut [(Text, Value)], record: Record<'_>) {
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

fn parsed<T: std::str::FromStr>(entries: &[(Text, Value)], entry: usize) -> Option<T> {
    entries.get(entry)?.1.as_str()?.parse().ok()
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
    use crate::span::{Resource, Scope};
    use crate::thin_vec;

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
            attributes: thin_vec![
                ("array".into(), Value::Array(thin_vec![Value::Int(1), Value::Empty])),
                ("bytes".into(), Value::Bytes(thin_vec![0, 255])),
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
            events: thin_vec![
                Event { time: UnixNanos(20), name: "b".into(), ..Event::default() },
                Event { time: UnixNanos(12), name: "a".into(), ..Event::default() },
            ],
            dropped_events_count: 1,
            links: thin_vec![Link { trace_id: TraceId([4; 16]), span_id: SpanId([5; 8]), flags: 3, ..Link::default() }],
            dropped_links_count: 2,
            resource: Arc::new(Resource {
                attributes: thin_vec![("service.name".into(), Value::from("shop")), ("pid".into(), Value::Int(1))],
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
        let log = LogRecord { body: Value::Map(thin_vec![("k".into(), Value::Int(1))]), ..LogRecord::default() };
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
        let deepest =
            (0..crate::attribute::MAX_VALUE_DEPTH).fold(Value::Int(1), |inner, _| Value::Array(thin_vec![inner]));
        let attributes = thin_vec![("deep".into(), deepest), ("service.name".into(), "shop".into())];
        let span = Span { resource: Arc::new(Resource { attributes, ..Resource::default() }), ..awkward() };
        assert_eq!(spans(&Batch::from_rows(std::slice::from_ref(&span), &[])), [span]);
    }
}
