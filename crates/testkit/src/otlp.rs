//! A plain OTLP/protobuf writer for test data, apart from the product's own, so that neither can hide the other's
//! mistakes. Field numbers are those of opentelemetry-proto 1.x.

use std::sync::Arc;

use kino_model::exact::protobuf::put_varint;
use kino_model::{Attributes, Event, Link, Resource, Scope, Span, Value};

/// The offsets of a written span's ids and times in the bytes, for patching them.
#[derive(Clone, Copy, Debug)]
pub struct Offsets {
    /// Of the 16 bytes of the trace id.
    pub trace_id: usize,
    /// Of the 8 bytes of the span id.
    pub span_id: usize,
    /// Of the 8 bytes of the parent's id.
    pub parent_span_id: Option<usize>,
    /// Of the start, 8 bytes little endian.
    pub start: usize,
    /// Of the end, 8 bytes little endian.
    pub end: usize,
}

/// An `ExportTraceServiceRequest` of `spans`, grouped by resource and scope in order of first appearance.
pub fn traces_request(spans: &[Span]) -> Vec<u8> {
    traces_request_with_offsets(spans).0
}

/// As [`traces_request`], with where each span (in the order written) has its ids and times, and its index in `spans`.
pub fn traces_request_with_offsets(spans: &[Span]) -> (Vec<u8>, Vec<(usize, Offsets)>) {
    let mut groups: Vec<(&Arc<Resource>, ByScope<'_>)> = Vec::new();
    for (index, span) in spans.iter().enumerate() {
        let group = position_or_push(&mut groups, &span.resource);
        let scope = position_or_push(&mut groups[group].1, &span.scope);
        groups[group].1[scope].1.push(index);
    }
    let mut request = Vec::new();
    let mut offsets = Vec::with_capacity(spans.len());
    for (resource, scopes) in groups {
        let mut body = Vec::new();
        let mut inner = Vec::new();
        message(&mut body, 1, &resource_message(resource));
        for (scope, members) in scopes {
            let mut scoped = Vec::new();
            message(&mut scoped, 1, &scope_message(scope));
            let mut places = Vec::with_capacity(members.len());
            for index in members {
                let (bytes, at) = span_message(&spans[index]);
                let start = message(&mut scoped, 2, &bytes);
                places.push((index, shifted(at, start)));
            }
            string(&mut scoped, 3, &scope.schema_url);
            let start = message(&mut body, 2, &scoped);
            inner.extend(places.into_iter().map(|(index, at)| (index, shifted(at, start))));
        }
        string(&mut body, 3, &resource.schema_url);
        let start = message(&mut request, 1, &body);
        offsets.extend(inner.into_iter().map(|(index, at)| (index, shifted(at, start))));
    }
    (request, offsets)
}

/// Indices of spans by their scope, in order of first appearance.
type ByScope<'a> = Vec<(&'a Arc<Scope>, Vec<usize>)>;

fn position_or_push<'a, T: PartialEq, M: Default>(groups: &mut Vec<(&'a Arc<T>, M)>, key: &'a Arc<T>) -> usize {
    groups.iter().position(|(known, _)| Arc::ptr_eq(known, key) || known == &key).unwrap_or_else(|| {
        groups.push((key, M::default()));
        groups.len() - 1
    })
}

fn shifted(at: Offsets, by: usize) -> Offsets {
    Offsets {
        trace_id: at.trace_id + by,
        span_id: at.span_id + by,
        parent_span_id: at.parent_span_id.map(|offset| offset + by),
        start: at.start + by,
        end: at.end + by,
    }
}

fn span_message(span: &Span) -> (Vec<u8>, Offsets) {
    let mut out = Vec::with_capacity(512);
    let trace_id = message(&mut out, 1, &span.trace_id.0);
    let span_id = message(&mut out, 2, &span.span_id.0);
    string(&mut out, 3, &span.trace_state);
    let parent_span_id = span.parent_span_id.map(|parent| message(&mut out, 4, &parent.0));
    string(&mut out, 5, &span.name);
    number(&mut out, 6, span.kind as u64);
    let start = fixed64(&mut out, 7, span.start.0 as u64);
    let end = fixed64(&mut out, 8, span.end.map_or(0, |end| end.0 as u64));
    attributes(&mut out, 9, &span.attributes);
    number(&mut out, 10, u64::from(span.dropped_attributes_count));
    for event in &span.events {
        message(&mut out, 11, &event_message(event));
    }
    number(&mut out, 12, u64::from(span.dropped_events_count));
    for link in &span.links {
        message(&mut out, 13, &link_message(link));
    }
    number(&mut out, 14, u64::from(span.dropped_links_count));
    let mut status = Vec::new();
    string(&mut status, 2, &span.status.message);
    number(&mut status, 3, span.status.code as u64);
    if !status.is_empty() {
        message(&mut out, 15, &status);
    }
    if span.flags != 0 {
        tag(&mut out, 16, 5);
        out.extend_from_slice(&span.flags.to_le_bytes());
    }
    (out, Offsets { trace_id, span_id, parent_span_id, start, end })
}

fn event_message(event: &Event) -> Vec<u8> {
    let mut out = Vec::new();
    fixed64(&mut out, 1, event.time.0 as u64);
    string(&mut out, 2, &event.name);
    attributes(&mut out, 3, &event.attributes);
    number(&mut out, 4, u64::from(event.dropped_attributes_count));
    out
}

fn link_message(link: &Link) -> Vec<u8> {
    let mut out = Vec::new();
    message(&mut out, 1, &link.trace_id.0);
    message(&mut out, 2, &link.span_id.0);
    string(&mut out, 3, &link.trace_state);
    attributes(&mut out, 4, &link.attributes);
    number(&mut out, 5, u64::from(link.dropped_attributes_count));
    if link.flags != 0 {
        tag(&mut out, 6, 5);
        out.extend_from_slice(&link.flags.to_le_bytes());
    }
    out
}

fn resource_message(resource: &Resource) -> Vec<u8> {
    let mut out = Vec::new();
    attributes(&mut out, 1, &resource.attributes);
    number(&mut out, 2, u64::from(resource.dropped_attributes_count));
    out
}

fn scope_message(scope: &Scope) -> Vec<u8> {
    let mut out = Vec::new();
    string(&mut out, 1, &scope.name);
    string(&mut out, 2, &scope.version);
    attributes(&mut out, 3, &scope.attributes);
    number(&mut out, 4, u64::from(scope.dropped_attributes_count));
    out
}

fn attributes(out: &mut Vec<u8>, field: u64, attributes: &Attributes) {
    for (key, value) in attributes {
        message(out, field, &key_value(key, value));
    }
}

fn key_value(key: &str, value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(key.len() + 32);
    message(&mut out, 1, key.as_bytes());
    message(&mut out, 2, &any_value(value));
    out
}

fn any_value(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    match value {
        Value::Empty => {}
        Value::String(text) => {
            message(&mut out, 1, text.as_bytes());
        }
        Value::Bool(value) => {
            tag(&mut out, 2, 0);
            put_varint(&mut out, u64::from(*value));
        }
        Value::Int(value) => {
            tag(&mut out, 3, 0);
            put_varint(&mut out, *value as u64);
        }
        Value::Double(value) => {
            tag(&mut out, 4, 1);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Value::Array(members) => {
            let mut list = Vec::new();
            for member in members {
                message(&mut list, 1, &any_value(member));
            }
            message(&mut out, 5, &list);
        }
        Value::Map(members) => {
            let mut list = Vec::new();
            for (key, value) in members {
                message(&mut list, 1, &key_value(key, value));
            }
            message(&mut out, 6, &list);
        }
        Value::Bytes(bytes) => {
            message(&mut out, 7, bytes);
        }
    }
    out
}

/// Writes a length-delimited field; returns where its content starts.
fn message(out: &mut Vec<u8>, field: u64, content: &[u8]) -> usize {
    tag(out, field, 2);
    put_varint(out, content.len() as u64);
    let start = out.len();
    out.extend_from_slice(content);
    start
}

fn string(out: &mut Vec<u8>, field: u64, text: &str) {
    if !text.is_empty() {
        message(out, field, text.as_bytes());
    }
}

fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    if value != 0 {
        tag(out, field, 0);
        put_varint(out, value);
    }
}

fn fixed64(out: &mut Vec<u8>, field: u64, value: u64) -> usize {
    tag(out, field, 1);
    let start = out.len();
    out.extend_from_slice(&value.to_le_bytes());
    start
}

fn tag(out: &mut Vec<u8>, field: u64, wire_type: u64) {
    put_varint(out, field << 3 | wire_type);
}
