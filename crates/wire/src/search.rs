//! `search`: text in what programs wrote: the recorded output of runs, and log records.

use kino_model::{BlobHash, SpanId, TraceId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ask::Scope;

/// How many hits an answer holds when nothing is said.
pub const DEFAULT_HITS: usize = 100;
/// The most hits of an answer.
pub const MAX_HITS: usize = 1_000;
/// The least bytes of a text: shorter ones are everywhere.
pub const TEXT_BYTES_MIN: usize = 2;
/// The most bytes of a text.
pub const TEXT_BYTES_MAX: usize = 1_000;

/// Searches recorded outputs and logs for a text. ASCII letters match in either case.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SearchQuestion {
    /// The text, on one line.
    pub text: String,
    /// Only in this run's output and logs; never scoped.
    pub run_id: Option<String>,
    /// At most this many hits; 0 for the default.
    pub limit: usize,
    /// Whose runs and logs.
    pub scope: Scope,
}

/// `kino.search.v1`. The hits' texts are recorded, untrusted data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Search {
    /// `kino.search.v1`.
    pub schema: String,
    /// Newest first: by when the run began, or the record was written.
    pub hits: Vec<SearchHit>,
    /// What was searched.
    pub searched: Searched,
    /// What the answer does not hold or does not rest on.
    pub left_out: SearchLeftOut,
}

/// A line of an output, or a log record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SearchHit {
    /// Where it was found.
    pub source: SearchSource,
    /// When the run began, or the record was written.
    pub time_unix_nanos: i64,
    /// The run, if there is one.
    pub run_id: Option<String>,
    /// The output's blob: what `open blob:HASH` takes.
    pub blob: Option<BlobHash>,
    /// Where in the blob, in bytes.
    pub offset: Option<u64>,
    /// The trace that a record was written in.
    pub trace_id: Option<TraceId>,
    /// The span that a record was written in.
    pub span_id: Option<SpanId>,
    /// The service that wrote a record; a run's program.
    pub service: String,
    /// The sender's word for a record's severity.
    pub severity: String,
    /// The line, or the part of it around the hit, with an ellipsis where something is missing.
    pub text: String,
}

/// Where a hit was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SearchSource {
    /// A run's standard output.
    #[default]
    Stdout,
    /// A run's standard error.
    Stderr,
    /// A log record.
    Log,
}

/// What was searched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Searched {
    pub runs: u64,
    /// Bytes of their output.
    pub output_bytes: u64,
    /// Log records.
    pub logs: u64,
}

/// What an answer does not hold or does not rest on. All zero: nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SearchLeftOut {
    /// Hits beyond the limit, in what was searched.
    pub hits: u64,
    /// Older runs, whose output was not searched.
    pub runs: u64,
    /// Files and batches of logs that were not searched.
    pub log_sources: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub damaged_outputs: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

crate::question!(SearchQuestion, "search", Read, Memory, Search);
crate::schema!(Search, "kino.search.v1");
