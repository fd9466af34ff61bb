//! Appends spans to a channel as the bootstrap does, from a process of this binary.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use serde_json::{Value as Json, json};

/// Unread bytes of a channel beyond which nothing is appended: the same bound as the bootstrap's.
const UNREAD_BYTES_MAX: u64 = 64 << 20;

/// A process that appends.
#[derive(Debug)]
pub struct Writer {
    file: File,
    /// What is written of the process: its key, and the text before each of its records.
    key: String,
}

/// A span that has ended.
#[derive(Clone, Debug)]
pub struct Finished<'a> {
    /// Hex digits.
    pub trace_id: &'a str,
    /// Hex digits.
    pub span_id: &'a str,
    /// Hex digits; `None` for a root.
    pub parent_span_id: Option<&'a str>,
    pub name: &'a str,
    /// Unix nanoseconds.
    pub start: i64,
    /// Unix nanoseconds.
    pub end: i64,
    /// Whether it failed.
    pub has_failed: bool,
    /// Its attributes: texts, whole numbers, truth values, and lists of them.
    pub attributes: Vec<(&'a str, Json)>,
}

impl Writer {
    /// Opens the channel at `path` and introduces the process: its id, a `key` that no other process of the run has, and
    /// what its resource and scope say.
    ///
    /// # Errors
    /// Where the channel is gone, is sealed, or is full.
    pub fn open(path: &Path, key: &str, resource: &[(String, String)], scope: &str) -> io::Result<Self> {
        let flags = rustix::fs::OFlags::CLOEXEC | rustix::fs::OFlags::NOCTTY;
        let file = OpenOptions::new().append(true).custom_flags(flags.bits().cast_signed()).open(path)?;
        if file.metadata()?.blocks() * 512 > UNREAD_BYTES_MAX {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let mut writer = Self { file, key: key.to_owned() };
        let (resource, scope) = (resource_of(resource), scope_of(scope));
        writer.append(&json!({"process": key, "pid": std::process::id(), "resource": resource, "scope": scope}))?;
        Ok(writer)
    }

    /// Appends a span.
    ///
    /// # Errors
    /// Where the channel is sealed.
    pub fn span(&mut self, span: &Finished<'_>) -> io::Result<()> {
        let record = json!({"p": self.key, "spans": [written(span)]});
        self.append(&record)
    }

    fn append(&mut self, record: &Json) -> io::Result<()> {
        // One write, so that records of several processes do not mix.
        self.file.write_all(format!("\u{1e}{record}\n").as_bytes())
    }
}

/// Returns spans as one request of OTLP in JSON, on a line with its end.
pub fn request(resource: &[(String, String)], scope: &str, spans: &[Finished<'_>]) -> Vec<u8> {
    let spans: Vec<Json> = spans.iter().map(written).collect();
    let scope_spans = json!([{"scope": scope_of(scope), "spans": spans}]);
    let request = json!({"resourceSpans": [{"resource": resource_of(resource), "scopeSpans": scope_spans}]});
    format!("{request}\n").into_bytes()
}

fn resource_of(attributes: &[(String, String)]) -> Json {
    let attributes: Vec<Json> = attributes.iter().map(|(key, value)| attribute(key, &json!(value))).collect();
    json!({"attributes": attributes})
}

fn scope_of(name: &str) -> Json {
    json!({"name": name, "version": "1"})
}

/// A span as OTLP has it in JSON.
fn written(span: &Finished<'_>) -> Json {
    /// An error, in OTLP.
    const ERROR: u8 = 2;
    let attributes: Vec<Json> = span.attributes.iter().map(|(key, value)| attribute(key, value)).collect();
    json!({
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "parentSpanId": span.parent_span_id.unwrap_or_default(),
        "name": span.name,
        "kind": 1,
        "startTimeUnixNano": span.start.to_string(),
        "endTimeUnixNano": span.end.to_string(),
        "attributes": attributes,
        "status": {"code": if span.has_failed { ERROR } else { 0 }},
    })
}

fn attribute(key: &str, value: &Json) -> Json {
    json!({"key": key, "value": any_value(value)})
}

fn any_value(value: &Json) -> Json {
    match value {
        Json::Bool(truth) => json!({"boolValue": truth}),
        Json::Number(number) => json!({"intValue": number.to_string()}),
        Json::String(text) => json!({"stringValue": text}),
        Json::Array(values) => json!({"arrayValue": {"values": values.iter().map(any_value).collect::<Vec<_>>()}}),
        other => json!({"stringValue": other.to_string()}),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::channel::Channel;
    use crate::records::Records;

    #[test]
    fn what_is_appended_is_read_as_a_span_of_the_process() {
        let mut channel = Channel::open().unwrap();
        let resource = [("service.name".to_owned(), "shop\n\u{1e}\"".to_owned())];
        let mut writer = Writer::open(&channel.path(), "k", &resource, "kino.test").unwrap();
        let span = Finished {
            trace_id: "5b8efff798038103d269b633813fc60c",
            span_id: "eee19b7ec3c1b174",
            parent_span_id: None,
            name: "a::b \u{1e}\n",
            start: 1,
            end: 2,
            has_failed: true,
            attributes: vec![("test.case.name", json!("a::b")), ("n", json!(7)), ("t", json!(true))],
        };
        writer.span(&span).unwrap();
        let mut records = Records::default();
        let request = String::from_utf8(records.feed(&channel.read().unwrap(), &mut |_| None)).unwrap();
        let counts = records.finish();
        assert_eq!((counts.spans, counts.tests, counts.unreadable), (1, 1, 0));
        let request: Json = serde_json::from_str(&request).unwrap();
        let spans = &request["resourceSpans"][0];
        assert_eq!(spans["resource"]["attributes"][0]["value"]["stringValue"], "shop\n\u{1e}\"");
        let span = &spans["scopeSpans"][0]["spans"][0];
        assert_eq!((span["name"].as_str(), span["status"]["code"].as_u64()), (Some("a::b \u{1e}\n"), Some(2)));
        assert_eq!(span["attributes"][1]["value"]["intValue"], "7");
    }

    #[test]
    fn a_sealed_channel_takes_no_one_in() {
        let channel = Channel::open().unwrap();
        channel.seal().unwrap();
        assert!(Writer::open(&channel.path(), "k", &[], "s").is_err());
        assert!(Writer::open(Path::new("/proc/0/fd/1"), "k", &[], "s").is_err());
    }
}
