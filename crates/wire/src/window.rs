//! `explain` of a window of time: what changed since then, against a window before it.

use kino_model::Fingerprint;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ask::Scope;
use crate::compare::{OperationComparison, OperationSide, Sides, Verdict};
use crate::errors::Frame;
use crate::finding::{Evidence, Location};

/// A stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// What started at or after this belongs to it.
    pub start_unix_nanos: i64,
    /// What started before this.
    pub end_unix_nanos: i64,
}

/// Asks what changed in a window of time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainWindowQuestion {
    /// Its start.
    pub since_unix_nanos: i64,
    /// Its end; now where nothing is said.
    #[serde(default)]
    pub until_unix_nanos: Option<i64>,
    /// What it is compared with; the stretch of the same length just before it where nothing is said.
    #[serde(default)]
    pub against: Option<Window>,
    /// Whose traces.
    #[serde(default)]
    pub scope: Scope,
}

/// `kino.explain_window.v1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExplainWindow {
    /// `kino.explain_window.v1`.
    pub schema: String,
    /// The window that is explained.
    pub window: Window,
    /// The one that it is compared with.
    pub against: Window,
    /// The root operations' verdict on time; `mixed` where they disagree.
    pub verdict: Verdict,
    /// Executions that each side rests on.
    pub executions: Sides<u64>,
    /// Executions of both sides that have not ended and do not count.
    pub open_executions: u64,
    /// Traces of each side that were not looked at: all but the newest, and those of verifications' worktrees.
    pub traces_left_out: Sides<u64>,
    /// What the answer cannot say, in sentences of its own.
    pub notes: Vec<String>,
    /// Ranked as by `compare`, the most likely cause first.
    pub suspects: Vec<WindowSuspect>,
    /// Root operations, those with a verdict first.
    pub operations: Vec<OperationComparison>,
    /// Operations that were not called before, the most calls first.
    pub appeared: Vec<OperationCalls>,
    /// Operations that are no longer called, the most calls first.
    pub vanished: Vec<OperationCalls>,
    /// Kinds of exceptions, those that grew most first.
    pub errors: Vec<ErrorChange>,
    /// Whether these rest on every exception; if not, on the newest of each side.
    pub error_counts_are_complete: bool,
    /// What is beyond the ones shown.
    pub left_out: WindowLeftOut,
    /// What to ask next.
    pub next: Option<String>,
}

/// A likely cause, with what it takes to look into it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WindowSuspect {
    pub service: String,
    /// The span name.
    pub name: String,
    /// 0 to 1: its part in the difference.
    pub score: f64,
    /// Why, in numbers. Holds recorded names and words of log lines: untrusted.
    pub reason: String,
    /// As in `compare`.
    #[serde(default = "crate::compare::is_shown")]
    pub shown: bool,
    /// Its calls and durations on both sides, where they were compared.
    pub calls: Option<Sides<OperationSide>>,
    /// Where in the code, where that was recorded.
    #[serde(rename = "where")]
    pub location: Option<Location>,
    /// Calls of the window to look at, failed ones first, then the longest; of what vanished, of before. At most three.
    pub evidence: Vec<Evidence>,
    /// What to ask next.
    pub next: Option<String>,
}

/// How often an operation was called in the window in which it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperationCalls {
    pub service: String,
    /// The span name.
    pub name: String,
    /// Whether executions start here.
    pub root: bool,
    pub calls: u64,
    /// Executions that called it.
    pub executions: u64,
    /// Failed calls.
    pub errors: u64,
    /// The longest call, failed ones before others.
    pub evidence: Option<Evidence>,
}

/// Exceptions of one fingerprint in both windows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorChange {
    /// The exception's type.
    #[serde(rename = "type")]
    pub error_type: String,
    /// The message of the latest. Recorded text: untrusted.
    pub message: String,
    /// As `kino errors` has it.
    pub fingerprint: Fingerprint,
    /// How often in the window before.
    pub before: u64,
    /// How often in the window that is explained.
    pub after: u64,
    /// The latest one's innermost frame of the project, else of the stack.
    pub frame: Option<Frame>,
    /// At most three, newest first.
    pub examples: Vec<Evidence>,
}

/// What is beyond the ones shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WindowLeftOut {
    pub suspects: u64,
    /// Root operations.
    pub operations: u64,
    /// Operations that appeared.
    pub appeared: u64,
    /// Operations that vanished.
    pub vanished: u64,
    /// Kinds of exceptions.
    pub errors: u64,
}

crate::question!(ExplainWindowQuestion, "explain_window", Read, Rows, ExplainWindow);
crate::schema!(ExplainWindow, "kino.explain_window.v1");
