//! `live`: whether something changed, answered when it has; and which services and operations there are, from maintained counts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ask::{Scope, UnknownName};
use crate::explain::{Quantiles, is_zero};

/// The longest that one `live` question waits.
pub const WAIT_MILLIS_MAX: u64 = 30_000;
/// How many operations or services an answer holds when nothing is said.
pub const DEFAULT_OPERATIONS: usize = 200;
/// The most operations or services of an answer.
pub const MAX_OPERATIONS: usize = 10_000;

/// Asks whether anything was recorded or forgotten since an earlier answer, and waits until it was.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LiveQuestion {
    /// `changes` of the earlier answer, of the same engine; without it, the answer comes at once.
    pub seen: Option<u64>,
    /// Answer after this long even if nothing changed; at most [`WAIT_MILLIS_MAX`].
    pub wait_millis: u64,
}

/// `kino.live.v1`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// `kino.live.v1`.
    pub schema: String,
    /// How often something changed since the engine started.
    pub changes: u64,
}

/// Asks for operations with their counts and durations. Read from rollups: costs no look at spans, but within a window,
/// whose spans are read and counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OperationsQuestion {
    /// Exact service name.
    pub service: Option<String>,
    /// Only operations at which traces begin.
    pub roots: bool,
    /// Only spans that started at or after this.
    pub since_unix_nanos: Option<i64>,
    /// Only spans that started before this.
    pub until_unix_nanos: Option<i64>,
    /// At most this many; 0 for the default.
    pub limit: usize,
    /// Whose traces.
    pub scope: Scope,
}

/// `kino.operations.v1`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Operations {
    /// `kino.operations.v1`.
    pub schema: String,
    /// The most total time first.
    pub items: Vec<OperationSummary>,
    /// Operations beyond these.
    pub left_out: u64,
    /// Spans of further operations, which the store counts together since one day had too many; of any project.
    pub other_spans: u64,
    /// Spans of files that reach into the window and were not looked at, the oldest; 0 without a window.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub not_looked_at: u64,
    /// Where there is none: whether that is because no service is called as the one asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown_service: Option<UnknownName>,
}

/// What is known of one operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperationSummary {
    pub service: String,
    /// The span name.
    pub name: String,
    pub spans: u64,
    /// Spans without a parent among them.
    pub roots: u64,
    /// Failed ones among them.
    pub errors: u64,
    /// Time of all together.
    pub total_nanos: i64,
    /// Durations of the ended ones; `null` where none has ended.
    pub duration: Option<Quantiles>,
}

/// Asks for services with their counts. Read from rollups, as [`OperationsQuestion`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ServicesQuestion {
    /// Only spans that started at or after this.
    pub since_unix_nanos: Option<i64>,
    /// Only spans that started before this.
    pub until_unix_nanos: Option<i64>,
    /// At most this many; 0 for the default.
    pub limit: usize,
    /// Whose traces.
    pub scope: Scope,
}

/// `kino.services.v1`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Services {
    /// `kino.services.v1`.
    pub schema: String,
    /// The most spans first; services with as many, by name.
    pub items: Vec<ServiceSummary>,
    /// Services beyond these.
    pub left_out: u64,
    /// Spans of further operations, whose services are not known, as in [`Operations::other_spans`].
    pub other_spans: u64,
    /// As in [`Operations::not_looked_at`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub not_looked_at: u64,
}

/// What is known of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceSummary {
    /// Its name; empty where its sender gave none.
    pub service: String,
    /// How many names its spans have.
    pub operations: u64,
    pub spans: u64,
    /// Spans without a parent among them.
    pub roots: u64,
    /// Failed ones among them.
    pub errors: u64,
}

crate::question!(LiveQuestion, "live", Read, Memory, Live);
crate::question!(OperationsQuestion, "operations", Read, Rows, Operations);
crate::question!(ServicesQuestion, "services", Read, Rows, Services);
crate::schema!(Live, "kino.live.v1");
crate::schema!(Operations, "kino.operations.v1");
crate::schema!(Services, "kino.services.v1");
