//! The engine itself: its health, its files, and what changes them.

use std::collections::BTreeMap;

use kino_model::TraceId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ask::Scope;
use crate::forward::Forwarding;

/// Asks how the engine is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StatusQuestion {}

/// `kino.status.v1`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    /// `kino.status.v1`.
    pub schema: String,
    /// The engine's version.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// Where it keeps everything.
    pub home: String,
    /// When it started.
    pub started_unix_nanos: i64,
    /// Where it listens.
    pub listeners: Listeners,
    /// Why nothing can be written; absent where the store can be written to.
    pub read_only: Option<String>,
    /// Rows acknowledged since the start, by table.
    pub accepted: BTreeMap<String, u64>,
    /// Spans visible to queries: hot and in files.
    pub spans: u64,
    /// What was refused or mended since the store was made, by name.
    pub issues: BTreeMap<String, u64>,
    /// Redactions since the store was made, by rule.
    pub redactions: BTreeMap<String, u64>,
    /// Rows waiting in memory.
    pub hot_rows: u64,
    /// Bytes of memory they take.
    pub hot_bytes: u64,
    /// The limit of those bytes.
    pub hot_bytes_max: u64,
    /// Bytes in the write-ahead log.
    pub wal_bytes: u64,
    /// Live files in the lake.
    pub lake_files: u64,
    /// Their bytes.
    pub lake_bytes: u64,
    pub blob_bytes: u64,
    /// What went wrong and still matters, in sentences.
    pub warnings: Vec<String>,
    /// What is passed on to another OTLP endpoint; absent where nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward: Option<Forwarding>,
}

/// Addresses, as `HOST:PORT`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listeners {
    /// REST, MCP, health, metrics.
    pub http: String,
    /// OTLP over gRPC.
    pub otlp_grpc: String,
    /// OTLP over HTTP.
    pub otlp_http: String,
}

/// `engine.json` in the home: where its engine is, for programs other than `kino`, whose commands ask over the socket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineFile {
    /// The engine's version.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// REST, MCP, health, metrics: `HOST:PORT`.
    pub http: String,
    /// OTLP over gRPC: `HOST:PORT`.
    pub otlp_grpc: String,
    /// OTLP over HTTP: `HOST:PORT`.
    pub otlp_http: String,
    /// When it started.
    pub started_unix_nanos: i64,
    /// It still reads back what was not written out: its listeners take connections, and answer once it has.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub starting: bool,
    /// The socket that answers as `http` does, to this user alone. Empty in files of older versions.
    #[serde(default)]
    pub socket: String,
    /// The file in memory that takes spans of programs that no run records, for as long as the process lives; empty where the
    /// engine has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub channel: String,
    /// Opens every scope of this engine, until it ends: sent as `Authorization: Bearer TOKEN`. Whatever listens at
    /// `http` after the engine's end may be another user's.
    pub token: String,
}

/// What an engine that answers does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Readiness {
    /// It takes in and answers.
    #[default]
    Ok,
    /// It answers, but takes nothing in.
    ReadOnly,
}

/// What `/healthz` answers to everyone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Liveness {
    /// Whether it takes anything in.
    pub status: Readiness,
    /// The engine's version.
    pub version: String,
}

/// What `/healthz` answers to those who may read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// Whether it takes anything in.
    pub status: Readiness,
    /// The engine's version.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// Where it listens.
    pub listeners: Listeners,
    /// When it started.
    #[serde(default)]
    pub started_unix_nanos: i64,
}

/// Asks for the lake's current files.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LakeFilesQuestion {
    /// Write hot rows out first.
    pub flush: bool,
}

/// `kino.lake_files.v1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LakeFiles {
    /// `kino.lake_files.v1`.
    pub schema: String,
    /// The lake's URL.
    pub lake: String,
    /// Live files.
    pub files: Vec<LakeFile>,
}

/// A Parquet file that is live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LakeFile {
    /// `spans`, `events`, `links`, `traces` or `rollups`.
    pub table: String,
    /// Its path within the lake.
    pub path: String,
    pub url: String,
    pub rows: u64,
    pub bytes: u64,
    /// The earliest start in it.
    pub start_unix_nanos_min: i64,
    /// The latest start in it.
    pub start_unix_nanos_max: i64,
    /// For `kino-sql`: base64 of the CRC-32C, in four little-endian bytes, of each 4,096 bytes of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<String>,
}

/// Which traces to hide at once and remove for good.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ForgetQuestion {
    pub trace_ids: Vec<TraceId>,
    /// Traces of this run.
    pub run_id: Option<String>,
    /// Traces that started before this.
    pub before_unix_nanos: Option<i64>,
    pub everything: bool,
    /// Whose traces, for `before_unix_nanos`.
    pub scope: Scope,
}

/// `kino.forget.v1`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Forget {
    /// `kino.forget.v1`.
    pub schema: String,
    /// Traces hidden.
    pub traces: u64,
    /// Spans hidden.
    pub spans: u64,
}

/// Hands over one file's bytes to read in. The body travels as the request's body, not in here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Import {
    /// `kino.import.v1`.
    pub schema: String,
    /// What the bytes turned out to be: `otlp-json`, `otlp-protobuf`, `jaeger-json`, `zipkin-json`.
    pub format: String,
    /// Spans taken in.
    pub spans: u64,
    /// Span events and logs taken in.
    pub events: u64,
    /// Links taken in.
    pub links: u64,
    /// What was refused or mended, by name.
    pub issues: BTreeMap<String, u64>,
    /// The first few, in words.
    pub issue_examples: Vec<String>,
}

/// Stops the engine after it has written everything out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StopQuestion {}

/// Asks for the end of the engine's own log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogsQuestion {
    /// At most this many lines, the last ones; 0 for the default.
    pub lines: usize,
}

/// `kino.logs.v1`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Logs {
    /// `kino.logs.v1`.
    pub schema: String,
    /// The file.
    pub path: String,
    /// Its last lines, oldest first.
    pub lines: Vec<String>,
    /// Bytes of the file before the first of those lines.
    pub earlier_bytes: u64,
}

/// Asks the engine to check what only it can: that every live file reads, and that its store takes writes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DoctorQuestion {}

/// `kino.doctor.v1`. The command adds the checks that need no engine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Doctor {
    /// `kino.doctor.v1`.
    pub schema: String,
    /// The checks, in the order in which they ran.
    pub checks: Vec<Check>,
}

/// What `doctor` looked at, and what it found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// What: `home`, `engine`, `ports`, `disk`, `write_ahead_log`, `lake`, `version` …
    pub name: String,
    /// Its outcome.
    pub state: CheckState,
    /// What was seen.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The outcome of a check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// Nothing to do.
    #[default]
    Ok,
    /// Worth knowing; nothing is lost by it.
    Warning,
    /// Broken until a person acts.
    Failed,
}

crate::question!(StatusQuestion, "status", Read, Rows, Status);
crate::question!(LakeFilesQuestion, "lake_files", Read, Memory, LakeFiles);
crate::question!(ForgetQuestion, "forget", Admin, Memory, Forget);
crate::question!(StopQuestion, "stop", Admin, Memory, crate::ask::Done);
crate::question!(LogsQuestion, "logs", Read, Rows, Logs);
crate::question!(DoctorQuestion, "doctor", Read, Memory, Doctor);
crate::schema!(Import, "kino.import.v1");
crate::schema!(Check, "kino.check.v1");
crate::schema!(Status, "kino.status.v1");
crate::schema!(LakeFiles, "kino.lake_files.v1");
crate::schema!(Forget, "kino.forget.v1");
crate::schema!(Doctor, "kino.doctor.v1");
crate::schema!(Logs, "kino.logs.v1");
