//! What the product must make of a message, worked out from the independent decoder's view of it.
//!
//! This says again, in its own way, what the product's judge says; see `kino_ingest`'s documentation for the names.

use std::collections::BTreeMap;
use std::sync::Arc;

use kino_model as model;
use kino_model::{Attributes, SpanId, SpanKind, StatusCode, Text, TraceId, UnixNanos, Value};

use crate::messages::{
    AnyValue, Event, KeyValue, Kind, Link, LogRecord, LogsRequest, Resource, Scope, Span, Status, TracesRequest,
};

/// Spans in the order sent, and how many are refused for their ids.
pub(crate) fn spans(request: &TracesRequest) -> (Vec<model::Span>, u64) {
    let mut spans = Vec::new();
    let mut rejected = 0;
    for group in &request.resource_spans {
        let resource = resource(group.resource.as_ref(), &group.schema_url);
        for scoped in &group.scope_spans {
            let scope = scope(scoped.scope.as_ref(), &scoped.schema_url);
            for sent in &scoped.spans {
                match span(sent, &resource, &scope) {
                    Some(span) => spans.push(span),
                    None => rejected += 1,
                }
            }
        }
    }
    share(&mut spans);
    (spans, rejected)
}

/// Log records in the order sent.
pub(crate) fn logs(request: &LogsRequest) -> Vec<model::LogRecord> {
    let mut logs = Vec::new();
    for group in &request.resource_logs {
        let resource = resource(group.resource.as_ref(), &group.schema_url);
        for scoped in &group.scope_logs {
            let scope = scope(scoped.scope.as_ref(), &scoped.schema_url);
            logs.extend(scoped.log_records.iter().map(|sent| log(sent, &resource, &scope)));
        }
    }
    logs
}

fn span(sent: &Span, resource: &Arc<model::Resource>, scope: &Arc<model::Scope>) -> Option<model::Span> {
    let trace_id = id(&sent.trace_id).map(TraceId)?;
    let span_id = id(&sent.span_id).map(SpanId)?;
    let (start, end) = (sent.start_time_unix_nano, sent.end_time_unix_nano);
    let end = (end != 0).then(|| time(end));
    let start = if start == 0 { end.unwrap_or_default() } else { time(start) };
    let none = Status::default();
    let status = sent.status.as_ref().unwrap_or(&none);
    Some(model::Span {
        trace_id,
        span_id,
        parent_span_id: id(&sent.parent_span_id).map(SpanId),
        name: text(&sent.name),
        kind: match sent.kind {
            1 => SpanKind::Internal,
            2 => SpanKind::Server,
            3 => SpanKind::Client,
            4 => SpanKind::Producer,
            5 => SpanKind::Consumer,
            _ => SpanKind::Unspecified,
        },
        start,
        end: end.map(|end| end.max(start)),
        status: model::Status {
            code: match status.code {
                1 => StatusCode::Ok,
                2 => StatusCode::Error,
                _ => StatusCode::Unset,
            },
            message: text(&status.message),
        },
        trace_state: text(&sent.trace_state),
        flags: sent.flags,
        attributes: sorted(&sent.attributes),
        dropped_attributes_count: sent.dropped_attributes_count,
        events: sent.events.iter().map(event).collect(),
        dropped_events_count: sent.dropped_events_count,
        links: sent.links.iter().filter_map(link).collect(),
        dropped_links_count: sent.dropped_links_count,
        resource: Arc::clone(resource),
        scope: Arc::clone(scope),
        revision: 0,
    })
}

fn event(sent: &Event) -> model::Event {
    model::Event {
        time: time(sent.time_unix_nano),
        name: text(&sent.name),
        attributes: sorted(&sent.attributes),
        dropped_attributes_count: sent.dropped_attributes_count,
    }
}

fn link(sent: &Link) -> Option<model::Link> {
    Some(model::Link {
        trace_id: id(&sent.trace_id).map(TraceId)?,
        span_id: id(&sent.span_id).map(SpanId)?,
        trace_state: text(&sent.trace_state),
        flags: sent.flags,
        attributes: sorted(&sent.attributes),
        dropped_attributes_count: sent.dropped_attributes_count,
    })
}

fn log(sent: &LogRecord, resource: &Arc<model::Resource>, scope: &Arc<model::Scope>) -> model::LogRecord {
    let observed = Some(time(sent.observed_time_unix_nano)).filter(|time| time.0 != 0);
    model::LogRecord {
        trace_id: id(&sent.trace_id).map(TraceId),
        span_id: id(&sent.span_id).map(SpanId),
        event: model::Event {
            time: Some(time(sent.time_unix_nano)).filter(|time| time.0 != 0).or(observed).unwrap_or_default(),
            name: text(&sent.event_name),
            attributes: sorted(&sent.attributes),
            dropped_attributes_count: sent.dropped_attributes_count,
        },
        observed,
        severity_number: sent.severity_number,
        severity_text: text(&sent.severity_text),
        body: value(sent.body.as_ref()),
        flags: sent.flags,
        resource: Arc::clone(resource),
        scope: Arc::clone(scope),
    }
}

fn resource(sent: Option<&Resource>, schema_url: &[u8]) -> Arc<model::Resource> {
    Arc::new(model::Resource {
        attributes: sent.map(|sent| pairs(&sent.attributes)).unwrap_or_default(),
        dropped_attributes_count: sent.map_or(0, |sent| sent.dropped_attributes_count),
        schema_url: text(schema_url),
    })
}

fn scope(sent: Option<&Scope>, schema_url: &[u8]) -> Arc<model::Scope> {
    let schema_url = text(schema_url);
    let Some(sent) = sent else { return Arc::new(model::Scope { schema_url, ..model::Scope::default() }) };
    Arc::new(model::Scope {
        name: text(&sent.name),
        version: text(&sent.version),
        attributes: pairs(&sent.attributes),
        dropped_attributes_count: sent.dropped_attributes_count,
        schema_url,
    })
}

/// Exactly as long as it must be, and not all zero.
fn id<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok().filter(|id| *id != [0; N])
}

fn time(nanos: u64) -> UnixNanos {
    UnixNanos(nanos.min(i64::MAX as u64) as i64)
}

fn text(bytes: &[u8]) -> Text {
    String::from_utf8_lossy(bytes).into()
}

fn sorted(sent: &[KeyValue]) -> Attributes {
    let mut attributes = pairs(sent);
    attributes.sort_by(|left, right| left.0.cmp(&right.0));
    attributes
}

fn pairs(sent: &[KeyValue]) -> Attributes {
    sent.iter().map(|pair| (text(&pair.key), value(pair.value.as_ref()))).collect()
}

fn value(sent: Option<&AnyValue>) -> Value {
    match sent.and_then(|sent| sent.kind.as_ref()) {
        None => Value::Empty,
        Some(Kind::Text(bytes)) => Value::String(text(bytes)),
        Some(Kind::Bool(truth)) => Value::Bool(*truth),
        Some(Kind::Int(int)) => Value::Int(*int),
        Some(Kind::Double(double)) => Value::Double(*double),
        Some(Kind::Array(array)) => Value::Array(array.values.iter().map(|member| value(Some(member))).collect()),
        Some(Kind::Map(map)) => Value::Map(pairs(&map.values)),
        Some(Kind::Bytes(bytes)) => Value::Bytes(bytes.clone().into()),
    }
}

/// Of several spans under one id the first takes all events and links, by their places in their spans: columns know
/// them by the span's id alone.
fn share(spans: &mut [model::Span]) {
    let mut same: BTreeMap<(TraceId, SpanId), Vec<usize>> = BTreeMap::new();
    for (index, span) in spans.iter().enumerate() {
        same.entry((span.trace_id, span.span_id)).or_default().push(index);
    }
    for members in same.into_values().filter(|members| members.len() > 1) {
        let (mut events, mut links) = (Vec::new(), Vec::new());
        for &member in &members {
            events.extend(std::mem::take(&mut spans[member].events).into_iter().enumerate());
            links.extend(std::mem::take(&mut spans[member].links).into_iter().enumerate());
        }
        events.sort_by_key(|(place, _)| *place);
        links.sort_by_key(|(place, _)| *place);
        spans[members[0]].events = events.into_iter().map(|(_, event)| event).collect();
        spans[members[0]].links = links.into_iter().map(|(_, link)| link).collect();
    }
}

/// NaN is equal to nothing, not even itself: it becomes a text on both sides of a comparison.
pub(crate) fn without_nan(value: &mut Value) {
    match value {
        Value::Double(double) if double.is_nan() => *value = Value::from("not a number"),
        Value::Array(members) => members.iter_mut().for_each(without_nan),
        Value::Map(members) => members.iter_mut().for_each(|(_, member)| without_nan(member)),
        _ => {}
    }
}
