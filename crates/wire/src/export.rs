//! `export`: recorded traces and logs given back as OTLP. The answer travels as a body of its own, not as JSON.

use kino_model::TraceId;
use serde::{Deserialize, Serialize};

use crate::find::FindQuestion;

/// The most traces that go into one OTLP message; an export is as many messages as it takes.
pub const TRACES_PER_MESSAGE: usize = 100;

/// The answer's header with a [`Damage`](crate::Damage) as JSON, where something is left out of it.
pub const DAMAGE_HEADER: &str = "kino-damage";

/// What to export, and how it is written. Served as `POST /api/v1/export`, whose answer's body is
/// `application/x-ndjson` (one OTLP JSON message a line) or `application/x-protobuf` (each message is a
/// `TracesData` or `LogsData`; concatenated messages of one kind are one message).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExportQuestion {
    /// These traces; where empty, those that `filter` finds.
    pub trace_ids: Vec<TraceId>,
    /// Which traces, as in `find`; a `limit` of 0 means all of them, and `cursor` is ignored.
    pub filter: FindQuestion,
    /// Traces or logs.
    pub signal: Signal,
    /// How they are written.
    pub encoding: ExportEncoding,
}

/// What is exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Spans with their events and links.
    #[default]
    Traces,
    /// Log records: where the question names traces, or what only a trace or span has (an attribute, a duration), those
    /// written within them; else those of the service, time, run and project, in a trace or outside any.
    Logs,
}

/// How an export is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportEncoding {
    /// OTLP JSON, one message a line.
    #[default]
    Json,
    /// OTLP protobuf.
    Protobuf,
}
