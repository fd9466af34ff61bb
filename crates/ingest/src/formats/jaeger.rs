//! Jaeger's JSON, as its query service and UI hand it out.
//!
//! ```text
//!  {"data":[{"traceID","spans":[{"traceID","spanID","operationName","references","startTime" µs,"duration" µs,
//!            "tags","logs","processID"}],"processes":{"p1":{"serviceName","tags"}}}]}
//! ```
//!
//! A CHILD_OF reference within the trace is the parent; every other reference is a link that says so in
//! `opentracing.ref_type`. Logs are events, tags attributes, and the tags that OpenTelemetry's exporters write for
//! kind, status, scope and flags are read back as those.

use std::collections::HashMap;
use std::sync::Arc;

use kino_model::{Attributes, Event, Link, Resource, Span, Text, Value, thin_vec};
use serde::Deserialize;
use serde_json::Value as Json;

use super::tags::{self, padded};
use crate::judge::{Judge, RawId};
use crate::{Decoded, Harvest, Limits, Undecodable};

/// Decodes a document of Jaeger's query service.
///
/// # Errors
/// When the body is not one.
pub fn decode(body: &[u8], limits: &Limits) -> Result<Decoded, Undecodable> {
    harvest(body, limits).map(Harvest::finish)
}

pub(crate) fn harvest(body: &[u8], limits: &Limits) -> Result<Harvest, Undecodable> {
    let document: JaegerDocument = serde_json::from_slice(body)
        .map_err(|error| Undecodable { expected: "Jaeger JSON", problem: error.to_string() })?;
    let mut judge = Judge::new(limits);
    let mut harvest = Harvest::default();
    for trace in document.data {
        let processes: HashMap<String, Arc<Resource>> =
            trace.processes.into_iter().map(|(id, process)| (id, Arc::new(process.resource(&mut judge)))).collect();
        for span in trace.spans {
            match span.read(&trace.trace_id, &processes, &mut judge) {
                Some(span) => harvest.spans.push(span),
                None => harvest.rejected_spans += 1,
            }
        }
    }
    harvest.issues = judge.issues;
    Ok(harvest)
}

#[derive(Deserialize)]
struct JaegerDocument {
    data: Vec<JaegerTrace>,
}

#[derive(Deserialize)]
struct JaegerTrace {
    #[serde(rename = "traceID", default)]
    trace_id: String,
    spans: Vec<JaegerSpan>,
    #[serde(default)]
    processes: HashMap<String, Process>,
}

#[derive(Deserialize)]
struct JaegerSpan {
    #[serde(rename = "traceID", default)]
    trace_id: String,
    #[serde(rename = "spanID")]
    span_id: String,
    #[serde(rename = "parentSpanID", default)]
    parent_span_id: String,
    #[serde(rename = "operationName", default)]
    operation_name: Text,
    #[serde(default)]
    references: Vec<Reference>,
    #[serde(rename = "startTime", default)]
    start_micros: u64,
    #[serde(rename = "duration", default)]
    duration_micros: u64,
    #[serde(default)]
    flags: u32,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    logs: Option<Vec<Log>>,
    #[serde(rename = "processID", default)]
    process_id: String,
    #[serde(default)]
    process: Option<Process>,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(rename = "refType")]
    kind: String,
    #[serde(rename = "traceID")]
    trace_id: String,
    #[serde(rename = "spanID")]
    span_id: String,
}

#[derive(Deserialize)]
struct Log {
    #[serde(rename = "timestamp", default)]
    micros: u64,
    #[serde(default)]
    fields: Vec<Tag>,
}

#[derive(Deserialize)]
struct Process {
    #[serde(rename = "serviceName", default)]
    service_name: String,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
struct Tag {
    key: Text,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    value: Json,
}

impl Process {
    fn resource(self, judge: &mut Judge<'_>) -> Resource {
        let mut attributes = thin_vec![("service.name".into(), Value::from(self.service_name))];
        attributes.extend(self.tags.into_iter().map(|tag| tag.read(judge)));
        let mut resource = Resource { attributes, ..Resource::default() };
        judge.attributes(&mut resource.attributes, &mut resource.dropped_attributes_count);
        resource
    }
}

impl JaegerSpan {
    fn read(self, trace_id: &str, processes: &HashMap<String, Arc<Resource>>, judge: &mut Judge<'_>) -> Option<Span> {
        let own_trace = if self.trace_id.is_empty() { trace_id } else { &self.trace_id };
        let (trace_id, span_id) = (padded(own_trace, 32), padded(&self.span_id, 16));
        let (trace_id, span_id) = judge.ids(RawId::Text(&trace_id), RawId::Text(&span_id), &self.operation_name)?;
        let (start, end) = judge.span_times(
            self.start_micros.saturating_mul(1_000),
            self.start_micros.saturating_add(self.duration_micros).saturating_mul(1_000),
        );
        let resource = match self.process {
            Some(process) => Arc::new(process.resource(judge)),
            None => processes.get(&self.process_id).cloned().unwrap_or_else(|| {
                judge.issues.add("unknown_process", || format!("{:?}", self.process_id));
                Arc::default()
            }),
        };
        let mut span = Span {
            trace_id,
            span_id,
            name: self.operation_name,
            start,
            end,
            flags: self.flags,
            resource,
            ..Span::default()
        };
        span.parent_span_id = judge.parent(RawId::Text(&padded(&self.parent_span_id, 16)));
        for reference in self.references {
            refer(&mut span, &reference, judge);
        }
        span.attributes = self.tags.into_iter().map(|tag| tag.read(judge)).collect();
        judge.attributes(&mut span.attributes, &mut span.dropped_attributes_count);
        span.events = self.logs.unwrap_or_default().into_iter().map(|log| log.read(judge)).collect();
        tags::read_conventions(&mut span);
        Some(span)
    }
}

fn refer(span: &mut Span, reference: &Reference, judge: &mut Judge<'_>) {
    let (trace_id, span_id) = (padded(&reference.trace_id, 32), padded(&reference.span_id, 16));
    let Some((trace_id, span_id)) = judge.link_ids(RawId::Text(&trace_id), RawId::Text(&span_id)) else {
        return;
    };
    let child_of = reference.kind == "CHILD_OF";
    if child_of && trace_id == span.trace_id && span.parent_span_id.is_none() {
        span.parent_span_id = Some(span_id);
    } else if !child_of || span.parent_span_id != Some(span_id) {
        let kind = if child_of { "child_of" } else { "follows_from" };
        let attributes = thin_vec![("opentracing.ref_type".into(), Value::from(kind))];
        span.links.push(Link { trace_id, span_id, attributes, ..Link::default() });
    }
}

impl Log {
    fn read(self, judge: &mut Judge<'_>) -> Event {
        let mut attributes: Attributes = self.fields.into_iter().map(|tag| tag.read(judge)).collect();
        let name = attributes
            .iter()
            .position(|(key, value)| key == "event" && value.as_str().is_some())
            .map(|index| Text::from(attributes.remove(index).1.to_text()))
            .unwrap_or_default();
        let time = judge.time_within_range(self.micros.saturating_mul(1_000));
        let mut event = Event { time, name, attributes, ..Event::default() };
        judge.attributes(&mut event.attributes, &mut event.dropped_attributes_count);
        event
    }
}

impl Tag {
    fn read(self, judge: &mut Judge<'_>) -> (Text, Value) {
        let mut value = match (self.kind.as_str(), &self.value) {
            ("bool", Json::String(text)) => text.parse().map_or_else(|_| Value::from(text.as_str()), Value::Bool),
            ("int64", Json::String(text)) => text.parse().map_or_else(|_| Value::from(text.as_str()), Value::Int),
            ("float64", Json::String(text)) => text.parse().map_or_else(|_| Value::from(text.as_str()), Value::Double),
            ("float64", Json::Number(number)) => Value::Double(number.as_f64().unwrap_or(f64::NAN)),
            (_, Json::Bool(value)) => Value::Bool(*value),
            (_, Json::Number(number)) => {
                number.as_i64().map_or_else(|| Value::Double(number.as_f64().unwrap_or(f64::NAN)), Value::Int)
            }
            (_, Json::String(text)) => Value::from(text.as_str()),
            (_, Json::Null) => Value::Empty,
            (_, other) => Value::from(other.to_string()),
        };
        judge.value(&mut value);
        (self.key, value)
    }
}
