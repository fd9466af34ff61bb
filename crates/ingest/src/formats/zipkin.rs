//! Zipkin's JSON, version 2, as its query service, its UI and OpenTelemetry's exporter write it.
//!
//! ```text
//!  [{"traceId","id","parentId","name","kind","timestamp" µs,"duration" µs,"shared","debug",
//!    "localEndpoint":{"serviceName","ipv4","ipv6","port"},"remoteEndpoint":{…},
//!    "annotations":[{"timestamp" µs,"value"}],"tags":{"key":"value"}}]
//! ```
//!
//! Source: the OpenAPI description of Zipkin's API v2. The local endpoint is the service, the remote one the peer,
//! annotations are events; OpenTelemetry's exporters write the attributes of an event into its text, from where they are
//! read. Tags are texts; those that the semantic conventions define as whole numbers become numbers again. In Zipkin a client and its server may *share* one span id; a trace here has each id once, so the
//! server's half gets an id of its own and becomes the client's child, and the server's spans become children of it. A
//! half whose sender did not mark it as shared stays as it was sent.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use kino_model::{Attributes, Event, Resource, Span, SpanId, SpanKind, StatusCode, Text, Value, thin_vec};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::tags::{padded, read_conventions};
use crate::judge::{Judge, RawId};
use crate::{Harvest, Limits, Undecodable};

/// Combined with a shared span id, it gives the id of the server's half: the same for every import of the file.
const SERVER_HALF: u64 = 0x9e37_79b9_7f4a_7c15;

/// Attributes that are whole numbers by the semantic conventions, and that analyses read as such.
const NUMBERS: [&str; 12] = [
    "code.line.number",
    "code.lineno",
    "db.response.returned_rows",
    "http.request.body.size",
    "http.response.body.size",
    "http.response.status_code",
    "http.status_code",
    "messaging.batch.message_count",
    "net.peer.port",
    "rpc.grpc.status_code",
    "server.port",
    "thread.id",
];

/// Decodes one list of spans, of any number of traces.
pub(crate) fn harvest(body: &[u8], limits: &Limits) -> Result<Harvest, Undecodable> {
    let list: Vec<ZipkinSpan> = serde_json::from_slice(body)
        .map_err(|error| Undecodable { expected: "Zipkin JSON", problem: error.to_string() })?;
    let mut judge = Judge::new(limits);
    let mut resources = HashMap::new();
    let mut harvest = Harvest::default();
    let mut are_shared = Vec::new();
    for span in list {
        let is_shared = span.shared;
        match span.read(&mut resources, &mut judge) {
            Some(span) => {
                are_shared.push(is_shared);
                harvest.spans.push(span);
            }
            None => harvest.rejected_spans += 1,
        }
    }
    split_shared(&mut harvest.spans, &are_shared);
    harvest.issues = judge.issues;
    Ok(harvest)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ZipkinSpan {
    #[serde(default)]
    trace_id: String,
    #[serde(default)]
    id: String,
    parent_id: Option<String>,
    #[serde(default)]
    name: Option<Text>,
    kind: Option<String>,
    #[serde(rename = "timestamp", default)]
    start_micros: u64,
    /// Absent where the span did not end before it was written.
    #[serde(rename = "duration")]
    duration_micros: Option<u64>,
    #[serde(default)]
    shared: bool,
    local_endpoint: Option<Endpoint>,
    remote_endpoint: Option<Endpoint>,
    #[serde(default)]
    annotations: Vec<Annotation>,
    #[serde(default)]
    tags: BTreeMap<Text, Text>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint {
    #[serde(default)]
    service_name: Option<String>,
    ipv4: Option<String>,
    ipv6: Option<String>,
    port: Option<u16>,
}

#[derive(Deserialize)]
struct Annotation {
    #[serde(rename = "timestamp", default)]
    micros: u64,
    #[serde(default)]
    value: Text,
}

impl ZipkinSpan {
    fn read(self, resources: &mut HashMap<String, Arc<Resource>>, judge: &mut Judge<'_>) -> Option<Span> {
        let name = self.name.unwrap_or_default();
        let (trace_id, span_id) = (padded(&self.trace_id, 32), padded(&self.id, 16));
        let (trace_id, span_id) = judge.ids(RawId::Text(&trace_id), RawId::Text(&span_id), &name)?;
        let end = self.duration_micros.map_or(0, |duration| self.start_micros.saturating_add(duration));
        let (start, end) = judge.span_times(self.start_micros.saturating_mul(1_000), end.saturating_mul(1_000));
        let parent = self.parent_id.unwrap_or_default();
        let mut span = Span {
            trace_id,
            span_id,
            parent_span_id: judge.parent(RawId::Text(&padded(&parent, 16))),
            name,
            kind: kind(self.kind.as_deref(), judge),
            start,
            end,
            ..Span::default()
        };
        let service = self.local_endpoint.as_ref().and_then(|local| local.service_name.as_deref());
        let tags =
            self.tags.into_iter().filter(|(key, value)| key != "service.name" || Some(value.as_str()) != service);
        span.attributes = tags.map(attribute).collect();
        // Any value but this one says that the span failed, and why.
        if let Some((_, Value::String(message))) = span.attributes.iter().find(|(key, _)| key == "error")
            && message.as_str() != "false"
        {
            span.status.code = StatusCode::Error;
            span.status.message.clone_from(message);
        }
        if let Some(local) = self.local_endpoint {
            local.describe("network.local.address", "network.local.port", &mut span);
            span.resource = local.resource(resources);
        }
        if let Some(remote) = self.remote_endpoint {
            if let Some(service) = remote.service_name.clone().filter(|service| !service.is_empty()) {
                span.attributes.push(("peer.service".into(), Value::from(service)));
            }
            remote.describe("network.peer.address", "network.peer.port", &mut span);
        }
        for (_, value) in &mut span.attributes {
            judge.value(value);
        }
        judge.attributes(&mut span.attributes, &mut span.dropped_attributes_count);
        span.events = self.annotations.into_iter().map(|annotation| annotation.read(judge)).collect();
        read_conventions(&mut span);
        Some(span)
    }
}

fn attribute((key, value): (Text, Text)) -> (Text, Value) {
    let number = NUMBERS.contains(&key.as_str()).then(|| value.parse().ok()).flatten();
    let value = number.map_or(Value::String(value), Value::Int);
    (key, value)
}

impl Annotation {
    fn read(self, judge: &mut Judge<'_>) -> Event {
        let time = judge.time_within_range(self.micros.saturating_mul(1_000));
        let mut event = Event { time, ..Event::default() };
        match event_of(&self.value) {
            Some((name, attributes)) => {
                event.name = name;
                event.attributes = attributes;
            }
            None => event.name = self.value,
        }
        for (_, value) in &mut event.attributes {
            judge.value(value);
        }
        judge.attributes(&mut event.attributes, &mut event.dropped_attributes_count);
        event
    }
}

/// Reads an event with attributes, as OpenTelemetry's exporters write it: `{"name": {…}}`, `"name": {…}` or `name: {…}`.
fn event_of(text: &str) -> Option<(Text, Attributes)> {
    let (name, fields) = match serde_json::from_str::<Map<String, Json>>(text) {
        Ok(object) if object.len() == 1 => object.into_iter().next()?,
        _ => {
            let (name, fields) = text.split_once(": {")?;
            (name.trim_matches('"').to_owned(), serde_json::from_str(&format!("{{{fields}")).ok()?)
        }
    };
    let Json::Object(fields) = fields else { return None };
    let attributes = fields.into_iter().map(|(key, value)| {
        let value = match value {
            Json::String(text) => Value::from(text),
            Json::Bool(value) => Value::Bool(value),
            Json::Number(number) => {
                number.as_i64().map_or_else(|| Value::Double(number.as_f64().unwrap_or(f64::NAN)), Value::Int)
            }
            other => Value::from(other.to_string()),
        };
        (Text::from(key), value)
    });
    Some((Text::from(name), attributes.collect()))
}

fn kind(name: Option<&str>, judge: &mut Judge<'_>) -> SpanKind {
    match name {
        // Zipkin has no word for work within a process.
        None => SpanKind::Internal,
        Some("CLIENT") => SpanKind::Client,
        Some("SERVER") => SpanKind::Server,
        Some("PRODUCER") => SpanKind::Producer,
        Some("CONSUMER") => SpanKind::Consumer,
        Some(other) => {
            judge.issues.add("unknown_span_kind", || other.to_owned());
            SpanKind::Unspecified
        }
    }
}

impl Endpoint {
    /// Adds address and port to the span's attributes.
    fn describe(&self, address: &'static str, port: &'static str, span: &mut Span) {
        if let Some(found) = self.ipv4.as_ref().or(self.ipv6.as_ref()) {
            span.attributes.push((address.into(), Value::from(found.as_str())));
        }
        if let Some(found) = self.port.filter(|port| *port > 0) {
            span.attributes.push((port.into(), Value::Int(i64::from(found))));
        }
    }

    /// Returns the resource of this service: one for all of its spans.
    fn resource(self, resources: &mut HashMap<String, Arc<Resource>>) -> Arc<Resource> {
        let service = self.service_name.unwrap_or_default();
        let make = || {
            let attributes = thin_vec![("service.name".into(), Value::from(service.as_str()))];
            Arc::new(Resource { attributes, ..Resource::default() })
        };
        Arc::clone(resources.entry(service.clone()).or_insert_with(make))
    }
}

/// Gives the server's half of each shared span an id of its own below the client's half, if the client's half is here;
/// `are_shared` says of each span whether its sender marked it so.
fn split_shared(spans: &mut [Span], are_shared: &[bool]) {
    let ids = |span: &Span| (span.trace_id, span.span_id);
    let with_marks = || spans.iter().zip(are_shared);
    let clients: HashSet<_> = with_marks().filter(|(_, shared)| !**shared).map(|(span, _)| ids(span)).collect();
    let halves = with_marks().filter(|(span, shared)| **shared && clients.contains(&ids(span)));
    let servers: HashMap<_, String> = halves.map(|(span, _)| (ids(span), span.service().to_owned())).collect();
    for (span, shared) in spans.iter_mut().zip(are_shared) {
        if *shared && servers.contains_key(&ids(span)) {
            span.parent_span_id = Some(span.span_id);
            span.span_id = server_half(span.span_id);
        } else if let Some(parent) = span.parent_span_id
            && servers.get(&(span.trace_id, parent)).is_some_and(|service| service == span.service())
        {
            span.parent_span_id = Some(server_half(parent));
        }
    }
}

fn server_half(id: SpanId) -> SpanId {
    SpanId((u64::from_be_bytes(id.0) ^ SERVER_HALF).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use kino_model::batch::rows;

    use super::*;
    use crate::{Format, decode_file};

    fn decoded(list: &str) -> Vec<Span> {
        let (format, decoded) = decode_file(list.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(format, Format::ZipkinJson);
        rows::spans(&decoded.batch)
    }

    #[test]
    fn a_span_has_the_fields_of_its_service_its_peer_and_its_tags() {
        let spans = decoded(
            r#"[{"traceId":"5af7183fb1d4cf5f","parentId":"6b221d5bc9e6496c","id":"352bff9a74ca9ad2","kind":"CLIENT",
            "name":"get /api","timestamp":1760000000000001,"duration":1431,
            "localEndpoint":{"serviceName":"backend","ipv4":"192.168.99.1","port":3306},
            "remoteEndpoint":{"serviceName":"users","ipv6":"::1","port":58648},
            "annotations":[{"timestamp":1760000000000100,"value":"ws"}],
            "tags":{"http.method":"GET","error":"timeout","otel.scope.name":"urllib3"}}]"#,
        );
        let [span] = spans.as_slice() else { panic!("{spans:?}") };
        assert_eq!(span.trace_id.to_string(), "00000000000000005af7183fb1d4cf5f");
        assert_eq!(span.parent_span_id.unwrap().to_string(), "6b221d5bc9e6496c");
        assert_eq!((span.name.as_str(), span.kind, span.service()), ("get /api", SpanKind::Client, "backend"));
        assert_eq!(span.start.0, 1_760_000_000_000_001_000);
        assert_eq!(span.end.unwrap().0 - span.start.0, 1_431_000);
        assert_eq!((span.status.code, span.status.message.as_str()), (StatusCode::Error, "timeout"));
        assert_eq!((span.text("peer.service"), span.text("network.peer.address")), (Some("users"), Some("::1")));
        assert_eq!((span.int("network.local.port"), span.text("http.method")), (Some(3306), Some("GET")));
        assert_eq!((span.events[0].name.as_str(), span.events[0].time.0), ("ws", 1_760_000_000_000_100_000));
        assert_eq!((span.scope.name.as_str(), span.text("otel.scope.name")), ("urllib3", None));
    }

    #[test]
    fn an_event_that_opentelemetry_wrote_has_its_name_and_attributes() {
        let spans = decoded(
            r#"[{"traceId":"a","id":"1","timestamp":1760000000000000,"tags":{"http.status_code":"404","version":"3"},
                "annotations":[{"timestamp":1,"value":"{\"tick\": {\"n\": 1}}"},
                               {"timestamp":2,"value":"\"tock\": {\"ok\":true,\"list\":[1]}"},
                               {"timestamp":3,"value":"{\"one\": 1, \"two\": {}}"}, {"timestamp":4,"value":"a: {b"}]}]"#,
        );
        let [tick, tock, other, text] = spans[0].events.as_slice() else { panic!("{spans:?}") };
        assert_eq!(
            (tick.name.as_str(), tick.attributes.as_slice()),
            ("tick", [("n".into(), Value::Int(1))].as_slice())
        );
        assert_eq!((tock.name.as_str(), tock.attributes.len()), ("tock", 2));
        assert_eq!((other.name.as_str(), text.name.as_str()), (r#"{"one": 1, "two": {}}"#, "a: {b"));
        assert_eq!((spans[0].int("http.status_code"), spans[0].text("version")), (Some(404), Some("3")));
    }

    #[test]
    fn the_server_of_a_shared_span_becomes_the_clients_child_and_its_spans_follow() {
        let spans = decoded(
            r#"[{"traceId":"a","id":"1","kind":"CLIENT","name":"ask","timestamp":1760000000000000,"duration":9,
                "localEndpoint":{"serviceName":"web"}},
               {"traceId":"a","id":"1","kind":"SERVER","shared":true,"name":"answer","timestamp":1760000000000001,
                "duration":7,"localEndpoint":{"serviceName":"api"}},
               {"traceId":"a","id":"2","parentId":"1","name":"query","timestamp":1760000000000002,"duration":3,
                "localEndpoint":{"serviceName":"api"}},
               {"traceId":"a","id":"3","parentId":"1","name":"connect","timestamp":1760000000000000,"duration":1,
                "localEndpoint":{"serviceName":"web"}}]"#,
        );
        let [ask, answer, query, connect] = spans.as_slice() else { panic!("{spans:?}") };
        assert_ne!(ask.span_id, answer.span_id);
        assert_eq!(answer.parent_span_id, Some(ask.span_id));
        assert_eq!(query.parent_span_id, Some(answer.span_id));
        assert_eq!(connect.parent_span_id, Some(ask.span_id));
    }

    #[test]
    fn a_server_whose_client_was_not_written_stays_as_it_was_sent() {
        let spans = decoded(
            r#"[{"traceId":"a","id":"2","parentId":"1","kind":"SERVER","shared":true,"timestamp":1760000000000001,
                "duration":7,"localEndpoint":{"serviceName":"api"}},
               {"traceId":"a","id":"3","parentId":"2","timestamp":1760000000000002,"tags":{"error":"false"}}]"#,
        );
        let [server, child] = spans.as_slice() else { panic!("{spans:?}") };
        assert_eq!((server.span_id, child.parent_span_id), (SpanId([0, 0, 0, 0, 0, 0, 0, 2]), Some(server.span_id)));
        assert_eq!((child.end, child.status.code, child.kind), (None, StatusCode::Unset, SpanKind::Internal));
    }

    #[test]
    fn a_bad_span_is_refused_by_name_and_the_others_stay() {
        let list = br#"[{"traceId":"a","id":"1","kind":"BOTH","timestamp":1760000000000000,"duration":1},
            {"traceId":"zz","id":"2"},{"id":"3"}]"#;
        let (_, decoded) = decode_file(list, &Limits::default()).unwrap();
        assert_eq!((decoded.spans, decoded.rejected_spans), (1, 2));
        let issues: Vec<_> = decoded.issues.iter().collect();
        assert_eq!(issues, [("invalid_trace_id", 2), ("unknown_span_kind", 1)]);
    }

    #[test]
    fn lists_one_a_line_are_read_as_lines() {
        let lines = "[{\"traceId\":\"a\",\"id\":\"1\",\"timestamp\":1760000000000000}]\n\
                     [{\"traceId\":\"b\",\"id\":\"1\",\"timestamp\":1760000000000000}]\n";
        assert_eq!(decoded(lines).len(), 2);
    }
}
