//! OTLP as JSON: ids in hex, 64-bit integers as text or number, enumerations as number or name, unknown fields
//! passed over.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use kino_model::exact::any_value::Faults;
use kino_model::exact::json_attributes::{AttributesSeed, ValueSeed};
use kino_model::{Attributes, Event, Link, LogRecord, Resource, Scope, Span, Status, Text, Value};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value as Json;

use crate::judge::{Judge, RawId};
use crate::{Harvest, Limits, Undecodable};

/// Decodes an `ExportTraceServiceRequest`.
pub(super) fn traces(body: &[u8], limits: &Limits) -> Result<Harvest, Undecodable> {
    let request: TracesRequest = read(body)?;
    let mut writer = HarvestWriter::new(limits);
    for group in request.resource_spans {
        let resource = Arc::new(group.resource.with_schema(group.schema_url, &mut writer));
        for scoped in group.scope_spans {
            let scope = Arc::new(scoped.scope.with_schema(scoped.schema_url, &mut writer));
            for span in scoped.spans {
                writer.span(span, &resource, &scope);
            }
        }
    }
    Ok(writer.finish())
}

/// Decodes an `ExportLogsServiceRequest`.
pub(super) fn logs(body: &[u8], limits: &Limits) -> Result<Harvest, Undecodable> {
    let request: LogsRequest = read(body)?;
    let mut writer = HarvestWriter::new(limits);
    for group in request.resource_logs {
        let resource = Arc::new(group.resource.with_schema(group.schema_url, &mut writer));
        for scoped in group.scope_logs {
            let scope = Arc::new(scoped.scope.with_schema(scoped.schema_url, &mut writer));
            for log in scoped.log_records {
                writer.log(log, &resource, &scope);
            }
        }
    }
    Ok(writer.finish())
}

/// Counts the data points of an `ExportMetricsServiceRequest`.
pub(super) fn metric_points(body: &[u8]) -> Result<u64, Undecodable> {
    let request: Json = serde_json::from_slice(body)
        .map_err(|error| Undecodable { expected: "OTLP JSON", problem: error.to_string() })?;
    if !request.is_object() {
        return Err(Undecodable { expected: "OTLP JSON", problem: "it is not an object".to_owned() });
    }
    let metrics = list(&request, "resourceMetrics")
        .iter()
        .flat_map(|resource| list(resource, "scopeMetrics"))
        .flat_map(|scope| list(scope, "metrics"));
    let kinds = ["gauge", "sum", "histogram", "exponentialHistogram", "summary"];
    let points = |metric: &Json| {
        kinds.iter().filter_map(|kind| metric.get(kind)).map(|data| list(data, "dataPoints").len() as u64).sum::<u64>()
    };
    Ok(metrics.map(points).sum())
}

fn list<'j>(json: &'j Json, key: &str) -> &'j [Json] {
    json.get(key).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

/// Reads a request. Deep nesting is the attributes' business, which bound it and name it: whatever else is nested is
/// skipped without recursion, so that the parser's own limit, which would refuse the whole body, is not needed.
fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Undecodable> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    deserializer.disable_recursion_limit();
    Message::<T>::deserialize(&mut deserializer)
        .and_then(|request| deserializer.end().map(|()| request.0))
        .map_err(|error| Undecodable { expected: "OTLP JSON", problem: error.to_string() })
}

/// Attributes, and how many of their values were nested too deep and left empty.
#[derive(Default)]
struct Pairs {
    attributes: Attributes,
    too_deep: u64,
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let too_deep = Cell::new(0);
        let attributes = AttributesSeed { depth: 0, too_deep: &too_deep }.deserialize(deserializer)?;
        Ok(Self { attributes, too_deep: too_deep.get() })
    }
}

/// A log's body; as [`Pairs`].
#[derive(Default)]
struct Body {
    value: Value,
    too_deep: u64,
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let too_deep = Cell::new(0);
        let value = ValueSeed { depth: 0, too_deep: &too_deep }.deserialize(deserializer)?;
        Ok(Self { value, too_deep: too_deep.get() })
    }
}

/// A number, or a text that holds one. Lists and objects are neither; they are skipped.
#[derive(Default)]
enum Scalar {
    #[default]
    Null,
    Number(serde_json::Number),
    Text(String),
    Other,
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or a text")
    }

    fn visit_unit<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    fn visit_u64<E>(self, number: u64) -> Result<Scalar, E> {
        Ok(Scalar::Number(number.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Scalar, E> {
        Ok(Scalar::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Scalar, E> {
        Ok(serde_json::Number::from_f64(number).map_or(Scalar::Other, Scalar::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Scalar, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TracesRequest {
    #[serde(deserialize_with = "messages")]
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ResourceSpans {
    #[serde(deserialize_with = "message")]
    resource: JsonResource,
    #[serde(deserialize_with = "messages")]
    scope_spans: Vec<ScopeSpans>,
    #[serde(deserialize_with = "nullable")]
    schema_url: Text,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ScopeSpans {
    #[serde(deserialize_with = "message")]
    scope: JsonScope,
    #[serde(deserialize_with = "messages")]
    spans: Vec<JsonSpan>,
    #[serde(deserialize_with = "nullable")]
    schema_url: Text,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct LogsRequest {
    #[serde(deserialize_with = "messages")]
    resource_logs: Vec<ResourceLogs>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ResourceLogs {
    #[serde(deserialize_with = "message")]
    resource: JsonResource,
    #[serde(deserialize_with = "messages")]
    scope_logs: Vec<ScopeLogs>,
    #[serde(deserialize_with = "nullable")]
    schema_url: Text,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ScopeLogs {
    #[serde(deserialize_with = "message")]
    scope: JsonScope,
    #[serde(deserialize_with = "messages")]
    log_records: Vec<JsonLog>,
    #[serde(deserialize_with = "nullable")]
    schema_url: Text,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct JsonResource {
    attributes: Pairs,
    dropped_attributes_count: u32,
}

impl JsonResource {
    fn with_schema(self, schema_url: Text, writer: &mut HarvestWriter<'_>) -> Resource {
        let (attributes, dropped_attributes_count) = writer.attributes(self.attributes, self.dropped_attributes_count);
        Resource { attributes, dropped_attributes_count, schema_url }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct JsonScope {
    #[serde(deserialize_with = "nullable")]
    name: Text,
    #[serde(deserialize_with = "nullable")]
    version: Text,
    attributes: Pairs,
    dropped_attributes_count: u32,
}

impl JsonScope {
    fn with_schema(self, schema_url: Text, writer: &mut HarvestWriter<'_>) -> Scope {
        let (attributes, dropped_attributes_count) = writer.attributes(self.attributes, self.dropped_attributes_count);
        Scope { name: self.name, version: self.version, attributes, dropped_attributes_count, schema_url }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct JsonSpan {
    #[serde(deserialize_with = "nullable")]
    trace_id: Text,
    #[serde(deserialize_with = "nullable")]
    span_id: Text,
    #[serde(deserialize_with = "nullable")]
    trace_state: Text,
    #[serde(deserialize_with = "nullable")]
    parent_span_id: Text,
    #[serde(deserialize_with = "nullable")]
    name: Text,
    kind: Scalar,
    start_time_unix_nano: Scalar,
    end_time_unix_nano: Scalar,
    attributes: Pairs,
    dropped_attributes_count: u32,
    #[serde(deserialize_with = "messages")]
    events: Vec<JsonEvent>,
    dropped_events_count: u32,
    #[serde(deserialize_with = "messages")]
    links: Vec<JsonLink>,
    dropped_links_count: u32,
    #[serde(deserialize_with = "message")]
    status: JsonStatus,
    flags: u32,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct JsonEvent {
    time_unix_nano: Scalar,
    #[serde(deserialize_with = "nullable")]
    name: Text,
    attributes: Pairs,
    dropped_attributes_count: u32,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct JsonLink {
    #[serde(deserialize_with = "nullable")]
    trace_id: Text,
    #[serde(deserialize_with = "nullable")]
    span_id: Text,
    #[serde(deserialize_with = "nullable")]
    trace_state: Text,
    attributes: Pairs,
    dropped_attributes_count: u32,
    flags: u32,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct JsonStatus {
    #[serde(deserialize_with = "nullable")]
    message: Text,
    code: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct JsonLog {
    time_unix_nano: Scalar,
    observed_time_unix_nano: Scalar,
    severity_number: Scalar,
    #[serde(deserialize_with = "nullable")]
    severity_text: Text,
    body: Body,
    attributes: Pairs,
    dropped_attributes_count: u32,
    flags: u32,
    #[serde(deserialize_with = "nullable")]
    trace_id: Text,
    #[serde(deserialize_with = "nullable")]
    span_id: Text,
    #[serde(deserialize_with = "nullable")]
    event_name: Text,
}

/// Reads `null` as the default, as Protobuf's JSON mapping has it.
fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A message of Protocol Buffers, which in JSON is an object. Without this, a list would do as well, with the fields'
/// values in their order.
#[derive(Default)]
struct Message<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Message<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MessageVisitor(PhantomData))
    }
}

struct MessageVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for MessageVisitor<T> {
    type Value = Message<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Message<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Message)
    }
}

fn message<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    nullable::<D, Message<T>>(deserializer).map(|message| message.0)
}

fn messages<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let messages: Vec<Message<T>> = nullable(deserializer)?;
    Ok(messages.into_iter().map(|message| message.0).collect())
}

struct HarvestWriter<'l> {
    judge: Judge<'l>,
    harvest: Harvest,
}

impl<'l> HarvestWriter<'l> {
    fn new(limits: &'l Limits) -> Self {
        Self { judge: Judge::new(limits), harvest: Harvest::default() }
    }

    fn finish(mut self) -> Harvest {
        self.harvest.issues = self.judge.issues;
        self.harvest
    }

    fn span(&mut self, json: JsonSpan, resource: &Arc<Resource>, scope: &Arc<Scope>) {
        let (trace_id, span_id) = (RawId::Text(&json.trace_id), RawId::Text(&json.span_id));
        let Some((trace_id, span_id)) = self.judge.ids(trace_id, span_id, &json.name) else {
            self.harvest.rejected_spans += 1;
            return;
        };
        let (start, end) = (self.nanos(&json.start_time_unix_nano), self.nanos(&json.end_time_unix_nano));
        let (start, end) = self.judge.span_times(start, end);
        let kind = enumeration(&json.kind, &SPAN_KINDS);
        let code = enumeration(&json.status.code, &STATUS_CODES);
        let (attributes, dropped_attributes_count) = self.attributes(json.attributes, json.dropped_attributes_count);
        let span = Span {
            trace_id,
            span_id,
            parent_span_id: self.judge.parent(RawId::Text(&json.parent_span_id)),
            name: json.name,
            kind: self.judge.kind(kind),
            start,
            end,
            status: Status { code: self.judge.status(code), message: json.status.message },
            trace_state: json.trace_state,
            flags: json.flags,
            attributes,
            dropped_attributes_count,
            events: json.events.into_iter().map(|event| self.event(event)).collect(),
            dropped_events_count: json.dropped_events_count,
            links: json.links.into_iter().filter_map(|link| self.link(link)).collect(),
            dropped_links_count: json.dropped_links_count,
            resource: Arc::clone(resource),
            scope: Arc::clone(scope),
            revision: 0,
        };
        self.harvest.spans.push(span);
    }

    fn event(&mut self, json: JsonEvent) -> Event {
        let time = self.nanos(&json.time_unix_nano);
        let (attributes, dropped_attributes_count) = self.attributes(json.attributes, json.dropped_attributes_count);
        Event { time: self.judge.time_within_range(time), name: json.name, attributes, dropped_attributes_count }
    }

    fn link(&mut self, json: JsonLink) -> Option<Link> {
        let (trace_id, span_id) = self.judge.link_ids(RawId::Text(&json.trace_id), RawId::Text(&json.span_id))?;
        let (attributes, dropped_attributes_count) = self.attributes(json.attributes, json.dropped_attributes_count);
        let (trace_state, flags) = (json.trace_state, json.flags);
        Some(Link { trace_id, span_id, trace_state, flags, attributes, dropped_attributes_count })
    }

    fn log(&mut self, json: JsonLog, resource: &Arc<Resource>, scope: &Arc<Scope>) {
        let (trace_id, span_id) = self.judge.log_ids(RawId::Text(&json.trace_id), RawId::Text(&json.span_id));
        let observed = self.nanos(&json.observed_time_unix_nano);
        let observed = (observed != 0).then(|| self.judge.time_within_range(observed));
        let time = match (self.nanos(&json.time_unix_nano), observed) {
            (0, Some(observed)) => observed,
            (time, _) => self.judge.time(time),
        };
        let Body { value: mut body, too_deep } = json.body;
        self.judge.faults(Faults { too_deep, invalid_utf8: 0 });
        self.judge.value(&mut body);
        let severity_number = enumeration(&json.severity_number, &[]) as i32;
        let (attributes, dropped_attributes_count) = self.attributes(json.attributes, json.dropped_attributes_count);
        self.harvest.logs.push(LogRecord {
            trace_id,
            span_id,
            event: Event { time, name: json.event_name, attributes, dropped_attributes_count },
            observed,
            severity_number,
            severity_text: json.severity_text,
            body,
            flags: json.flags,
            resource: Arc::clone(resource),
            scope: Arc::clone(scope),
        });
    }

    /// The attributes that stay, and how many the sender or the limit dropped.
    fn attributes(&mut self, pairs: Pairs, mut dropped: u32) -> (Attributes, u32) {
        let Pairs { mut attributes, too_deep } = pairs;
        self.judge.attributes(&mut attributes, &mut dropped);
        self.judge.faults(Faults { too_deep, invalid_utf8: 0 });
        for (_, value) in &mut attributes {
            self.judge.value(value);
        }
        (attributes, dropped)
    }

    /// A `fixed64`: a number, or a number as text. Anything else counts as unset and is named.
    fn nanos(&mut self, json: &Scalar) -> u64 {
        let nanos = match json {
            Scalar::Null => Some(0),
            Scalar::Number(number) => number.as_u64(),
            Scalar::Text(text) if text.is_empty() => Some(0),
            Scalar::Text(text) => text.parse().ok(),
            Scalar::Other => None,
        };
        nanos.unwrap_or_else(|| {
            self.judge.issues.add("invalid_time", || match json {
                Scalar::Number(number) => number.to_string(),
                Scalar::Text(text) => text.clone(),
                _ => "neither a number nor a text".to_owned(),
            });
            0
        })
    }
}

const SPAN_KINDS: [&str; 6] = [
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];
const STATUS_CODES: [&str; 3] = ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];

/// An enumeration's number, given as a number, as text, or by name; unknown names are -1.
fn enumeration(json: &Scalar, names: &[&str]) -> i64 {
    match json {
        Scalar::Null => 0,
        Scalar::Number(number) => number.as_i64().unwrap_or(-1),
        Scalar::Text(text) => names
            .iter()
            .position(|name| name == text)
            .map_or_else(|| text.parse().unwrap_or(-1), |number| number as i64),
        Scalar::Other => -1,
    }
}
