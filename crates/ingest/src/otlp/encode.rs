//! Spans and logs back to OTLP: what was sent comes out again, normalised (attributes sorted by key).

use std::sync::Arc;

use kino_model::exact::any_value;
use kino_model::exact::json_attributes::{JsonAttributes, JsonValue};
use kino_model::exact::protobuf::{
    put_bytes_field, put_fixed32_field, put_fixed64_field, put_message_field, put_varint_field,
};
use kino_model::{Attributes, Event, Link, LogRecord, Resource, Scope, Span, SpanId, TraceId, Value};
use serde_json::{Map, Value as Json, json};

use crate::Encoding;

/// Writes an `ExportTraceServiceRequest`, grouped by resource and scope in order of first appearance.
pub fn encode_traces(spans: &[Span], encoding: Encoding) -> Vec<u8> {
    let groups = grouped(spans, |span| (&span.resource, &span.scope));
    match encoding {
        Encoding::Protobuf => protobuf(&groups, put_span),
        Encoding::Json => json_text(&groups, ["resourceSpans", "scopeSpans", "spans"], span_json),
    }
}

/// Writes an `ExportLogsServiceRequest`, grouped by resource and scope in order of first appearance.
pub fn encode_logs(logs: &[LogRecord], encoding: Encoding) -> Vec<u8> {
    let groups = grouped(logs, |log| (&log.resource, &log.scope));
    match encoding {
        Encoding::Protobuf => protobuf(&groups, put_log),
        Encoding::Json => json_text(&groups, ["resourceLogs", "scopeLogs", "logRecords"], log_json),
    }
}

type Groups<'a, T> = Vec<(&'a Arc<Resource>, Vec<(&'a Arc<Scope>, Vec<&'a T>)>)>;

fn grouped<'a, T>(rows: &'a [T], origin: impl Fn(&'a T) -> (&'a Arc<Resource>, &'a Arc<Scope>)) -> Groups<'a, T> {
    let mut groups: Groups<'a, T> = Vec::new();
    for row in rows {
        let (resource, scope) = origin(row);
        let group = place(&mut groups, resource);
        let scoped = place(&mut groups[group].1, scope);
        groups[group].1[scoped].1.push(row);
    }
    groups
}

fn place<'a, K: PartialEq, V: Default>(groups: &mut Vec<(&'a Arc<K>, V)>, key: &'a Arc<K>) -> usize {
    // The latest is the likeliest: rows of one sender come together.
    groups.iter().rposition(|(known, _)| Arc::ptr_eq(known, key) || *known == key).unwrap_or_else(|| {
        groups.push((key, V::default()));
        groups.len() - 1
    })
}

fn protobuf<T>(groups: &Groups<'_, T>, put: impl Fn(&T, &mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    for (resource, scopes) in groups {
        put_message_field(&mut out, 1, |out| {
            put_message_field(out, 1, |out| {
                put_attributes(out, 1, &resource.attributes);
                put_number(out, 2, resource.dropped_attributes_count);
            });
            for (scope, rows) in scopes {
                put_message_field(out, 2, |out| {
                    put_message_field(out, 1, |out| put_scope(scope, out));
                    for row in rows {
                        put_message_field(out, 2, |out| put(row, out));
                    }
                    put_text(out, 3, &scope.schema_url);
                });
            }
            put_text(out, 3, &resource.schema_url);
        });
    }
    out
}

fn put_scope(scope: &Scope, out: &mut Vec<u8>) {
    put_text(out, 1, &scope.name);
    put_text(out, 2, &scope.version);
    put_attributes(out, 3, &scope.attributes);
    put_number(out, 4, scope.dropped_attributes_count);
}

fn put_span(span: &Span, out: &mut Vec<u8>) {
    put_bytes_field(out, 1, &span.trace_id.0);
    put_bytes_field(out, 2, &span.span_id.0);
    put_text(out, 3, &span.trace_state);
    if let Some(parent) = span.parent_span_id {
        put_bytes_field(out, 4, &parent.0);
    }
    put_text(out, 5, &span.name);
    put_number(out, 6, span.kind as u32);
    put_fixed64_field(out, 7, span.start.0.cast_unsigned());
    if let Some(end) = span.end {
        put_fixed64_field(out, 8, end.0.cast_unsigned());
    }
    put_attributes(out, 9, &span.attributes);
    put_number(out, 10, span.dropped_attributes_count);
    for event in &span.events {
        put_message_field(out, 11, |out| {
            put_fixed64_field(out, 1, event.time.0.cast_unsigned());
            put_text(out, 2, &event.name);
            put_attributes(out, 3, &event.attributes);
            put_number(out, 4, event.dropped_attributes_count);
        });
    }
    put_number(out, 12, span.dropped_events_count);
    for link in &span.links {
        put_message_field(out, 13, |out| put_link(link, out));
    }
    put_number(out, 14, span.dropped_links_count);
    if !span.status.message.is_empty() || span.status.code as i8 != 0 {
        put_message_field(out, 15, |out| {
            put_text(out, 2, &span.status.message);
            put_number(out, 3, span.status.code as u32);
        });
    }
    put_flags(out, 16, span.flags);
}

fn put_link(link: &Link, out: &mut Vec<u8>) {
    put_bytes_field(out, 1, &link.trace_id.0);
    put_bytes_field(out, 2, &link.span_id.0);
    put_text(out, 3, &link.trace_state);
    put_attributes(out, 4, &link.attributes);
    put_number(out, 5, link.dropped_attributes_count);
    put_flags(out, 6, link.flags);
}

fn put_log(log: &LogRecord, out: &mut Vec<u8>) {
    put_fixed64_field(out, 1, log.event.time.0.cast_unsigned());
    put_number(out, 2, log.severity_number.cast_unsigned());
    put_text(out, 3, &log.severity_text);
    if log.body != Value::Empty {
        put_message_field(out, 5, |out| any_value::encode(&log.body, out));
    }
    put_attributes(out, 6, &log.event.attributes);
    put_number(out, 7, log.event.dropped_attributes_count);
    put_flags(out, 8, log.flags);
    if let Some(trace_id) = log.trace_id {
        put_bytes_field(out, 9, &trace_id.0);
    }
    if let Some(span_id) = log.span_id {
        put_bytes_field(out, 10, &span_id.0);
    }
    if let Some(observed) = log.observed {
        put_fixed64_field(out, 11, observed.0.cast_unsigned());
    }
    put_text(out, 12, &log.event.name);
}

fn put_attributes(out: &mut Vec<u8>, field: u32, attributes: &Attributes) {
    for (key, value) in attributes {
        put_message_field(out, field, |out| any_value::encode_key_value(key, value, out));
    }
}

fn put_text(out: &mut Vec<u8>, field: u32, text: &str) {
    if !text.is_empty() {
        put_bytes_field(out, field, text.as_bytes());
    }
}

fn put_number(out: &mut Vec<u8>, field: u32, number: u32) {
    if number != 0 {
        put_varint_field(out, field, u64::from(number));
    }
}

fn put_flags(out: &mut Vec<u8>, field: u32, flags: u32) {
    if flags != 0 {
        put_fixed32_field(out, field, flags);
    }
}

fn json_text<T>(groups: &Groups<'_, T>, names: [&str; 3], row_json: impl Fn(&T) -> Json) -> Vec<u8> {
    let scoped = |(scope, rows): &(&Arc<Scope>, Vec<&T>)| {
        let mut object = Object::default();
        object.set("scope", scope_json(scope));
        object.set(names[2], rows.iter().map(|row| row_json(row)).collect::<Vec<_>>());
        object.text("schemaUrl", &scope.schema_url);
        object.finish()
    };
    let resources = groups.iter().map(|(resource, scopes)| {
        let mut inner = Object::default();
        inner.attributes(&resource.attributes, resource.dropped_attributes_count);
        let mut object = Object::default();
        object.set("resource", inner.finish());
        object.set(names[1], scopes.iter().map(scoped).collect::<Vec<_>>());
        object.text("schemaUrl", &resource.schema_url);
        object.finish()
    });
    json!({ names[0]: resources.collect::<Vec<_>>() }).to_string().into_bytes()
}

fn scope_json(scope: &Scope) -> Json {
    let mut object = Object::default();
    object.text("name", &scope.name);
    object.text("version", &scope.version);
    object.attributes(&scope.attributes, scope.dropped_attributes_count);
    object.finish()
}

fn span_json(span: &Span) -> Json {
    let mut object = Object::default();
    object.ids(Some(span.trace_id), Some(span.span_id));
    object.text("traceState", &span.trace_state);
    if let Some(parent) = span.parent_span_id {
        object.set("parentSpanId", parent.to_string());
    }
    object.text("name", &span.name);
    object.number("kind", span.kind as u32);
    object.set("startTimeUnixNano", span.start.0.to_string());
    if let Some(end) = span.end {
        object.set("endTimeUnixNano", end.0.to_string());
    }
    object.attributes(&span.attributes, span.dropped_attributes_count);
    if !span.events.is_empty() {
        object.set("events", span.events.iter().map(event_json).collect::<Vec<_>>());
    }
    object.number("droppedEventsCount", span.dropped_events_count);
    if !span.links.is_empty() {
        object.set("links", span.links.iter().map(link_json).collect::<Vec<_>>());
    }
    object.number("droppedLinksCount", span.dropped_links_count);
    let mut status = Object::default();
    status.text("message", &span.status.message);
    status.number("code", span.status.code as u32);
    object.set("status", status.finish());
    object.number("flags", span.flags);
    object.finish()
}

fn event_json(event: &Event) -> Json {
    let mut object = Object::default();
    object.set("timeUnixNano", event.time.0.to_string());
    object.text("name", &event.name);
    object.attributes(&event.attributes, event.dropped_attributes_count);
    object.finish()
}

fn link_json(link: &Link) -> Json {
    let mut object = Object::default();
    object.ids(Some(link.trace_id), Some(link.span_id));
    object.text("traceState", &link.trace_state);
    object.attributes(&link.attributes, link.dropped_attributes_count);
    object.number("flags", link.flags);
    object.finish()
}

fn log_json(log: &LogRecord) -> Json {
    let mut object = Object::default();
    object.set("timeUnixNano", log.event.time.0.to_string());
    if let Some(observed) = log.observed {
        object.set("observedTimeUnixNano", observed.0.to_string());
    }
    object.number("severityNumber", log.severity_number.cast_unsigned());
    object.text("severityText", &log.severity_text);
    if log.body != Value::Empty {
        object.set("body", serde_json::to_value(JsonValue(&log.body)).expect("a value is plain data"));
    }
    object.attributes(&log.event.attributes, log.event.dropped_attributes_count);
    object.number("flags", log.flags);
    object.ids(log.trace_id, log.span_id);
    object.text("eventName", &log.event.name);
    object.finish()
}

/// A JSON object whose default values are left out, as Protobuf's JSON mapping does.
#[derive(Default)]
struct Object(Map<String, Json>);

impl Object {
    fn set(&mut self, name: &str, value: impl Into<Json>) {
        self.0.insert(name.to_owned(), value.into());
    }

    fn text(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.set(name, text);
        }
    }

    fn number(&mut self, name: &str, number: u32) {
        if number != 0 {
            self.set(name, number);
        }
    }

    fn ids(&mut self, trace_id: Option<TraceId>, span_id: Option<SpanId>) {
        if let Some(trace_id) = trace_id {
            self.set("traceId", trace_id.to_string());
        }
        if let Some(span_id) = span_id {
            self.set("spanId", span_id.to_string());
        }
    }

    fn attributes(&mut self, attributes: &Attributes, dropped: u32) {
        if !attributes.is_empty() {
            let list = serde_json::to_value(JsonAttributes(attributes)).expect("attributes are plain data");
            self.set("attributes", list);
        }
        self.number("droppedAttributesCount", dropped);
    }

    fn finish(self) -> Json {
        Json::Object(self.0)
    }
}
