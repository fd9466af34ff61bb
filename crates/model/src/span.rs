//! Spans, events, links, logs and the resources and scopes they came from, as rows.

use std::sync::Arc;

use foldhash::HashSet;
use serde::{Deserialize, Serialize};

use crate::attribute::{self, Attributes, Value};
use crate::closed::closed;
use crate::columns;
use crate::id::{SpanId, TraceId};
use crate::time::{DurationNanos, UnixNanos};
use crate::{Text, ThinVec};

/// One operation: OTLP's `Span` with the resource and scope it was sent under.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Span {
    /// The trace it belongs to.
    pub trace_id: TraceId,
    /// Its own id, unique within the trace.
    pub span_id: SpanId,
    /// The span that caused it; none for a root.
    pub parent_span_id: Option<SpanId>,
    /// The operation's name.
    pub name: Text,
    /// Its role between processes.
    pub kind: SpanKind,
    /// When it started.
    pub start: UnixNanos,
    /// When it ended; `None` while it is open. Never before `start`.
    pub end: Option<UnixNanos>,
    /// How it ended.
    pub status: Status,
    /// W3C `tracestate`.
    pub trace_state: Text,
    /// OTLP's `flags`: W3C trace flags and whether the parent is remote.
    pub flags: u32,
    /// Attributes in the sender's order.
    pub attributes: Attributes,
    /// Attributes the sender dropped.
    pub dropped_attributes_count: u32,
    /// Point events, in the sender's order.
    pub events: ThinVec<Event>,
    /// Events the sender dropped.
    pub dropped_events_count: u32,
    /// Links, in the sender's order.
    pub links: ThinVec<Link>,
    /// Links the sender dropped.
    pub dropped_links_count: u32,
    /// Who sent it.
    pub resource: Arc<Resource>,
    /// The instrumentation that made it.
    pub scope: Arc<Scope>,
    /// Our own producers may replace a span by one of a higher revision; 0 for everything that came over OTLP.
    pub revision: u32,
}

/// A point event on a span, or a log record's content.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// When it happened.
    pub time: UnixNanos,
    /// Its name; for logs OTLP's `event_name`.
    pub name: Text,
    /// Attributes in the sender's order.
    pub attributes: Attributes,
    /// Attributes the sender dropped.
    pub dropped_attributes_count: u32,
}

/// A log record: an event of its own, with the span during which it was written, if any.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogRecord {
    /// The trace it was written in.
    pub trace_id: Option<TraceId>,
    /// The span it was written in.
    pub span_id: Option<SpanId>,
    /// Name, time, attributes.
    pub event: Event,
    /// When the collector saw it; `None` when unset.
    pub observed: Option<UnixNanos>,
    /// OTLP's severity number, 0 when unset.
    pub severity_number: i32,
    /// The sender's word for the severity.
    pub severity_text: Text,
    /// The message.
    pub body: Value,
    /// OTLP's `flags`.
    pub flags: u32,
    /// Who sent it.
    pub resource: Arc<Resource>,
    /// The instrumentation that made it.
    pub scope: Arc<Scope>,
}

/// A causal link to another span.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Link {
    /// The linked span's trace.
    pub trace_id: TraceId,
    /// The linked span.
    pub span_id: SpanId,
    /// W3C `tracestate` of the linked span.
    pub trace_state: Text,
    /// OTLP's `flags`.
    pub flags: u32,
    /// Attributes in the sender's order.
    pub attributes: Attributes,
    /// Attributes the sender dropped.
    pub dropped_attributes_count: u32,
}

/// What sent a span: a process, a service, a host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Resource {
    /// Attributes in the sender's order.
    #[serde(default, skip_serializing_if = "ThinVec::is_empty", with = "crate::exact::json_attributes")]
    pub attributes: Attributes,
    /// Attributes the sender dropped.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped_attributes_count: u32,
    /// The schema of the resource's attributes.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub schema_url: Text,
}

/// The instrumentation library that made a span.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scope {
    /// The library's name.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub name: Text,
    /// The library's version.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub version: Text,
    /// Attributes in the sender's order.
    #[serde(default, skip_serializing_if = "ThinVec::is_empty", with = "crate::exact::json_attributes")]
    pub attributes: Attributes,
    /// Attributes the sender dropped.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped_attributes_count: u32,
    /// The schema of the spans' attributes.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub schema_url: Text,
}

/// All that is known of one trace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    pub trace_id: TraceId,
    /// Its spans, by start time, each exactly once.
    pub spans: Vec<Span>,
    /// Logs written within it, by time.
    pub logs: Vec<LogRecord>,
    /// Spans that came under an id that another, differing span already had; they are among `spans`.
    pub duplicate_span_ids: u64,
}

impl Trace {
    /// Puts the spans in order, and counts those whose id is another's.
    pub(crate) fn settle(&mut self) {
        let key = |span: &Span| (span.start, span.span_id);
        if !self.spans.is_sorted_by_key(key) {
            self.spans.sort_by_key(key);
        }
        let distinct: HashSet<SpanId> = self.spans.iter().map(|span| span.span_id).collect();
        self.duplicate_span_ids = (self.spans.len() - distinct.len()) as u64;
    }
}

/// How a span ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// OTLP's code.
    pub code: StatusCode,
    /// The developer's words, for errors.
    pub message: Text,
}

closed! {
    /// OTLP's status codes. Others come in as [`StatusCode::Unset`] and are a named issue.
    #[derive(Default)]
    #[repr(i8)]
    StatusCode {
        /// Nothing was said.
        #[default]
        Unset = "unset" as 0,
        /// The developer said it went well.
        Ok = "ok" as 1,
        /// It failed.
        Error = "error" as 2,
    }
}

closed! {
    /// OTLP's span kinds.
    #[derive(Default)]
    #[repr(i8)]
    SpanKind {
        /// Nothing was said; read as internal.
        #[default]
        Unspecified = "unspecified" as 0,
        /// Within one process.
        Internal = "internal" as 1,
        /// Handles a request.
        Server = "server" as 2,
        /// Makes a request.
        Client = "client" as 3,
        /// Sends a message and does not wait.
        Producer = "producer" as 4,
        /// Handles a message.
        Consumer = "consumer" as 5,
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl StatusCode {
    /// From OTLP's number.
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| *code as i64 == number)
    }
}

impl SpanKind {
    /// From OTLP's number.
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| *kind as i64 == number)
    }
}

impl Span {
    /// From start to end; `None` while the span is open.
    pub fn duration(&self) -> Option<DurationNanos> {
        self.end.map(|end| end.since(self.start))
    }

    /// The first value under `key`, in whatever released spelling the sender used: for a key whose meaning is a
    /// promoted column, all spellings of that column are tried, the asked one first.
    pub fn attribute(&self, key: &str) -> Option<&Value> {
        let Some(meaning) = columns::meaning(key) else { return attribute::find(&self.attributes, key) };
        let mut best: Option<(usize, &Value)> = None;
        for (name, value) in &self.attributes {
            let Some(spelling) = meaning.spelling(name) else { continue };
            if name == key {
                return Some(value);
            }
            if best.is_none_or(|(before, _)| spelling < before) {
                best = Some((spelling, value));
            }
        }
        best.map(|(_, value)| value)
    }

    /// The text under `key`; see [`Span::attribute`].
    pub fn text(&self, key: &str) -> Option<&str> {
        self.attribute(key).and_then(Value::as_str)
    }

    /// The integer under `key`; see [`Span::attribute`].
    pub fn int(&self, key: &str) -> Option<i64> {
        self.attribute(key).and_then(Value::as_int)
    }

    /// `service.name`, or the empty text.
    pub fn service(&self) -> &str {
        self.resource.service()
    }

    /// Whether it failed.
    pub fn is_error(&self) -> bool {
        self.status.code == StatusCode::Error
    }
}

impl Resource {
    /// `service.name`, or the empty text.
    pub fn service(&self) -> &str {
        self.text("service.name").unwrap_or_default()
    }

    /// The text under `key`.
    pub fn text(&self, key: &str) -> Option<&str> {
        attribute::find(&self.attributes, key).and_then(Value::as_str)
    }
}
