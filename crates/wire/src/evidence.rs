//! `open`: the whole of a trace, a span or a blob, with its recorded text.

use kino_model::{SpanId, SpanKind, StatusCode, TraceId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::insights::Insight;
use crate::run::Run;
use crate::verify::Verify;

/// What to open: `TRACE_ID`, `TRACE_ID/SPAN_ID`, `blob:HASH`, `run:ID`, `verification:ID` or `finding:FINGERPRINT`. The
/// beginning of an id will do, at least four digits, where it is unique; without a kind it may be a trace's, a run's, a
/// verification's or a finding's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OpenQuestion {
    pub id: String,
    /// Skip this many spans or bytes.
    pub offset: u64,
    /// At most this many spans or bytes; 0 for the default.
    pub limit: u64,
}

/// `kino.open.v1`. Everything under `spans`, `logs` and `text` is recorded, untrusted data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Open {
    /// `kino.open.v1`.
    pub schema: String,
    /// What was opened.
    pub id: String,
    /// Spans, by start; empty for blobs.
    pub spans: Vec<OpenSpan>,
    /// Logs within the trace, by time.
    pub logs: Vec<OpenEvent>,
    /// Logs of this page beyond the ones shown.
    #[serde(default)]
    pub logs_left_out: u64,
    /// A blob's text; bytes that are not UTF-8 are replaced by U+FFFD.
    pub text: Option<String>,
    /// Spans or bytes in all.
    pub total: u64,
    /// Where to go on; `null` at the end.
    pub next_offset: Option<u64>,
    /// The run, where one was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Box<Run>>,
    /// The verification, where one was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<Box<Verify>>,
    /// The finding, where one was opened; of several projects the first's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<Box<Insight>>,
}

/// A span with everything recorded on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OpenSpan {
    pub trace_id: TraceId,
    pub span_id: SpanId,
    pub parent_span_id: Option<SpanId>,
    pub service: String,
    pub name: String,
    /// Its kind, as OTLP has it.
    pub kind: SpanKind,
    pub start_unix_nanos: i64,
    /// Its duration; `null` while open.
    pub duration_nanos: Option<i64>,
    /// How it ended.
    pub status: StatusCode,
    /// The developer's words on the status.
    pub status_message: String,
    /// Attributes as plain JSON.
    pub attributes: serde_json::Map<String, Json>,
    /// The resource's attributes as plain JSON.
    pub resource: serde_json::Map<String, Json>,
    /// Events, by time; the first thousand.
    pub events: Vec<OpenEvent>,
    /// Events beyond the ones shown.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub events_left_out: u64,
    /// Linked spans; the first thousand.
    pub links: Vec<crate::finding::Evidence>,
    /// Links beyond the ones shown.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub links_left_out: u64,
}

/// An event or log with everything recorded on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OpenEvent {
    /// When.
    pub time_unix_nanos: i64,
    pub name: String,
    /// The span, for logs.
    pub span_id: Option<SpanId>,
    /// The sender's word for the severity, for logs.
    pub severity: String,
    /// The message, for logs.
    pub body: Option<Json>,
    /// Attributes as plain JSON.
    pub attributes: serde_json::Map<String, Json>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

crate::question!(OpenQuestion, "open", Read, Rows, Open);
crate::schema!(Open, "kino.open.v1");
