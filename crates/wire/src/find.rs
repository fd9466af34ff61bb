//! `find`: traces by filter, newest first.

use kino_model::TraceId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ask::{Scope, UnknownName};

/// How many items an answer holds when nothing is said.
pub const DEFAULT_LIMIT: usize = 20;
/// The most items one answer holds.
pub const MAX_LIMIT: usize = 100_000;

/// Which traces to find. `service`, `name` and `attributes` hold together on one span, any in the trace; `error`
/// asks for any failed span; `min_duration_nanos` and the times are the root's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FindQuestion {
    /// Exact service name of the span.
    pub service: Option<String>,
    /// Exact name of the span.
    pub name: Option<String>,
    /// The root lasted at least this long.
    pub min_duration_nanos: Option<i64>,
    /// The trace started at or after this.
    pub since_unix_nanos: Option<i64>,
    /// The trace started before this.
    pub until_unix_nanos: Option<i64>,
    /// Some span failed.
    pub error: bool,
    /// Attributes of the span, or of its resource, in any released spelling: key and value as text.
    pub attributes: Vec<(String, String)>,
    /// Traces of this run; never scoped.
    pub run_id: Option<String>,
    /// At most this many items; 0 for the default.
    pub limit: usize,
    /// Goes on where an earlier answer stopped.
    pub cursor: Option<String>,
    /// Whose traces.
    pub scope: Scope,
}

/// `kino.find.v1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Find {
    /// `kino.find.v1`.
    pub schema: String,
    /// Newest first.
    pub items: Vec<FindItem>,
    /// Whether there are more items than these.
    pub more: bool,
    /// Where to go on; `null` when there is no more.
    pub cursor: Option<String>,
    /// Where nothing was found: whether that is because no service is called as the one asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown_service: Option<UnknownName>,
    /// Where nothing was found: whether that is because no span is called as the one asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown_name: Option<UnknownName>,
}

/// One trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FindItem {
    pub trace_id: TraceId,
    /// The root span's service; empty while the root is missing.
    pub root_service: String,
    /// The root span's name; empty while the root is missing.
    pub root_name: String,
    /// The root's start.
    pub start_unix_nanos: i64,
    /// The root's duration; `null` while it is open or missing.
    pub duration_nanos: Option<i64>,
    /// Spans known so far.
    pub span_count: u64,
    /// Failed spans among them.
    pub error_count: u64,
    /// The run that produced it, as its resource says.
    pub run_id: Option<String>,
    /// Whether `kino run` recorded a run of that id. Else the id is the program's own text.
    #[serde(default)]
    pub run_recorded: bool,
}

crate::question!(FindQuestion, "find", Read, Rows, Find);
crate::schema!(Find, "kino.find.v1");
