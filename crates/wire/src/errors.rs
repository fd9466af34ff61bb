//! `errors`: exceptions grouped by fingerprint.

use kino_model::{BlobHash, Fingerprint, RunId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ask::{Scope, UnknownName};
use crate::finding::Evidence;

/// Which errors.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ErrorsQuestion {
    /// Exact service name.
    pub service: Option<String>,
    /// Seen at or after this.
    pub since_unix_nanos: Option<i64>,
    /// Seen before this.
    pub until_unix_nanos: Option<i64>,
    /// Errors of this run; never scoped.
    pub run_id: Option<String>,
    /// Only the group of this fingerprint, or of the only one that begins so, at least four digits.
    pub fingerprint: Option<String>,
    /// At most this many groups; 0 for the default.
    pub limit: usize,
    /// Whose traces.
    pub scope: Scope,
}

/// `kino.errors.v1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Errors {
    /// `kino.errors.v1`.
    pub schema: String,
    /// The most recent first.
    pub items: Vec<ErrorGroup>,
    /// Whether there are more groups than these.
    pub more: bool,
    /// Whether the groups rest on every exception; if not, on the newest ones, and on the ends of long outputs.
    #[serde(default = "complete")]
    pub counts_are_complete: bool,
    /// Exceptions left out because they were recorded in worktrees that were made for one verification, which run other
    /// code. Asked for by its run they are shown.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out_temporary: u64,
    /// Runs whose output was not searched for errors: older than those that were, or damaged.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub outputs_left_out: u64,
    /// Where nothing was found: whether that is because no service is called as the one asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown_service: Option<UnknownName>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn complete() -> bool {
    true
}

/// Exceptions of one fingerprint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorGroup {
    #[serde(rename = "type")]
    pub exception_type: String,
    /// The message of the latest, at most 500 characters. Recorded text: untrusted.
    pub message: String,
    /// Stable across line numbers, ids and numbers in the message.
    pub fingerprint: Fingerprint,
    /// How often it was raised; what several spans recorded of one exception counts once.
    pub count: u64,
    /// The first time.
    pub first_seen_unix_nanos: i64,
    /// The last time.
    pub last_seen_unix_nanos: i64,
    /// How often on each UTC day, oldest first.
    pub per_day: Vec<DayCount>,
    /// The latest one's stack, innermost first.
    pub frames: Vec<Frame>,
    /// At most three, newest first.
    pub examples: Vec<Evidence>,
    /// Those among them that were read in the output of runs; absent where all were recorded by spans or logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub printed: Option<PrintedErrors>,
}

/// Errors that no span and no log recorded: a run printed them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PrintedErrors {
    /// How many of the group's.
    pub count: u64,
    /// Where they were read, at most three, newest first.
    pub outputs: Vec<PrintedIn>,
}

/// The output of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PrintedIn {
    pub run_id: RunId,
    /// Its output: what `open blob:HASH` takes.
    pub blob: BlobHash,
    /// What the output is.
    pub stream: PrintedStream,
}

/// What an error was printed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PrintedStream {
    /// Standard error.
    Stderr,
    /// A terminal, which shows standard output and standard error as one.
    Terminal,
}

/// A count on a UTC day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DayCount {
    /// `YYYY-MM-DD`.
    pub day: String,
    /// How often.
    pub count: u64,
}

/// One stack frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Frame {
    /// The file, as recorded.
    pub path: String,
    /// The line, from 1.
    pub line: Option<i64>,
    pub function: String,
    /// Whether it is the user's code rather than a library's.
    pub in_project: bool,
}

crate::question!(ErrorsQuestion, "errors", Read, Rows, Errors);
crate::schema!(Errors, "kino.errors.v1");
