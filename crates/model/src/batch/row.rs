//! Rows as a decoder has them before it: borrowed from the bytes it reads, for [`super::BatchBuilder`] to copy.
//!
//! Texts are bytes here, because a decoder need not look at each by itself: the builder asserts, column by column,
//! that they are UTF-8.

use crate::Text;
use crate::attribute::Value;
use crate::id::{SpanId, TraceId};
use crate::span::{SpanKind, StatusCode};
use crate::time::{DurationNanos, UnixNanos};

/// A key with its value. Both are UTF-8 where they are text.
pub trait Attribute {
    fn key(&self) -> &[u8];
    fn value(&self) -> ValueRef<'_>;
}

/// A borrowed [`Value`].
#[derive(Clone, Copy, Debug)]
pub enum ValueRef<'a> {
    /// No value at all.
    Empty,
    /// Text, in UTF-8.
    Text(&'a [u8]),
    /// A truth value.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    Double(f64),
    /// Bytes, a list or a map.
    Other(&'a Value),
}

impl<'a> From<&'a Value> for ValueRef<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Empty => Self::Empty,
            Value::String(text) => Self::Text(text.as_bytes()),
            Value::Bool(value) => Self::Bool(*value),
            Value::Int(value) => Self::Int(*value),
            Value::Double(value) => Self::Double(*value),
            Value::Bytes(_) | Value::Array(_) | Value::Map(_) => Self::Other(value),
        }
    }
}

impl ValueRef<'_> {
    pub(super) fn to_value(self) -> Value {
        match self {
            Self::Empty => Value::Empty,
            Self::Text(text) => Value::String(String::from_utf8_lossy(text).into()),
            Self::Bool(value) => Value::Bool(value),
            Self::Int(value) => Value::Int(value),
            Self::Double(value) => Value::Double(value),
            Self::Other(value) => value.clone(),
        }
    }
}

impl Attribute for (Text, Value) {
    fn key(&self) -> &[u8] {
        self.0.as_bytes()
    }

    fn value(&self) -> ValueRef<'_> {
        (&self.1).into()
    }
}

/// A span without attributes, events, links, resource and scope.
#[derive(Clone, Copy, Debug, Default)]
pub struct SpanRow<'a> {
    pub trace_id: TraceId,
    pub span_id: SpanId,
    pub parent_span_id: Option<SpanId>,
    pub start: UnixNanos,
    /// How long it took; `None` while it is open.
    pub duration: Option<DurationNanos>,
    pub name: &'a [u8],
    pub kind: SpanKind,
    /// How it ended.
    pub status_code: StatusCode,
    /// The developer's words on that.
    pub status_message: &'a [u8],
    /// W3C `tracestate`.
    pub trace_state: &'a [u8],
    /// OTLP's flags.
    pub flags: u32,
    /// Our own producers' revision.
    pub revision: u32,
    /// Attributes the sender dropped.
    pub dropped_attributes_count: u32,
    /// Events the sender dropped.
    pub dropped_events_count: u32,
    /// Links the sender dropped.
    pub dropped_links_count: u32,
}

/// An event of the span that was added last, without attributes.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventRow<'a> {
    /// The span's trace.
    pub trace_id: TraceId,
    pub span_id: SpanId,
    /// Its place among the span's events.
    pub ordinal: usize,
    /// When it happened.
    pub time: UnixNanos,
    pub name: &'a [u8],
    /// Attributes the sender dropped.
    pub dropped_attributes_count: u32,
}

/// A link of a span, without attributes.
#[derive(Clone, Copy, Debug, Default)]
pub struct LinkRow<'a> {
    /// The span's trace.
    pub trace_id: TraceId,
    pub span_id: SpanId,
    /// Its place among the span's links.
    pub ordinal: usize,
    /// The linked span's trace.
    pub linked_trace_id: TraceId,
    pub linked_span_id: SpanId,
    /// W3C `tracestate` of the linked span.
    pub trace_state: &'a [u8],
    /// OTLP's flags.
    pub flags: u32,
    /// Attributes the sender dropped.
    pub dropped_attributes_count: u32,
}
