//! `check`: what a repository expects of its executions, and whether they meet it.

use std::fmt;

use kino_model::Fingerprint;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ask::Scope;
use crate::finding::Evidence;
use crate::run::CodeState;

/// Traces that a check rests on when nothing is said.
pub const DEFAULT_LAST: usize = 500;
/// The most traces that a check rests on.
pub const MAX_LAST: usize = 5_000;

/// Which executions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CheckSet {
    /// A selector. `None`: the newest code state of this worktree that was run, else the newest traces.
    pub selector: Option<String>,
    /// The caller's code.
    pub code: CodeState,
    /// At most this many traces, the newest; 0 for the default.
    pub last: usize,
    /// Whose traces.
    pub scope: Scope,
}

/// Asks whether executions meet their expectations.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CheckQuestion {
    /// Which executions.
    pub set: CheckSet,
    /// What is expected.
    pub expectations: Vec<Expectation>,
    /// Earlier measurements that must not get worse.
    pub baseline: Option<Baseline>,
}

/// What should hold, as it was written and as it is understood.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// As it was written.
    pub text: String,
    /// What it means.
    pub expected: Expected,
}

/// What is expected. An operation is a span's exact name, or, where it begins with `/`, a route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Expected {
    /// A figure of an operation's durations stays under a limit.
    Time {
        operation: String,
        /// Which figure.
        measure: Measure,
        limit_nanos: i64,
        /// Whether the limit itself is still fine.
        or_equal: bool,
    },
    /// The part of an operation's executions that fail stays under a limit.
    ErrorRate {
        operation: String,
        /// The limit, 0 to 1.
        limit: f64,
        /// Whether the limit itself is still fine.
        or_equal: bool,
    },
    /// Each execution of an operation does at most so much.
    AtMost {
        limit: u64,
        /// Of what.
        count: Counted,
        operation: String,
    },
    /// There is no finding, of one code or of any.
    NoFinding {
        /// The code; any where there is none.
        code: Option<String>,
        /// In this operation; anywhere where there is none.
        operation: Option<String>,
    },
    /// Nothing fails.
    NoErrors {
        /// In this operation; anywhere where there is none.
        operation: Option<String>,
    },
    /// No error is of a type that was not seen before these executions.
    NoNewErrors,
}

/// Figures of durations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// The 50th percentile.
    Median,
    /// The 75th.
    P75,
    /// The 90th.
    P90,
    /// The 95th.
    P95,
    /// The 99th.
    P99,
    /// The largest.
    Max,
    /// The arithmetic mean.
    Mean,
}

/// What is counted in an execution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// Spans below it.
    Calls,
    /// Spans of this name below it.
    CallsOf(String),
    /// Database statements.
    Statements,
    /// HTTP requests that it sends.
    HttpCalls,
    /// Calls of language models.
    LlmCalls,
    /// Failed spans.
    Errors,
    /// Tokens sent to language models and received from them.
    Tokens,
}

/// `kino.check.v1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// `kino.check.v1`.
    pub schema: String,
    /// Which executions it rests on, in words.
    pub set: String,
    /// How many traces these are.
    pub traces: u64,
    /// Traces beyond the newest ones that were looked at.
    pub traces_left_out: u64,
    /// One for each expectation, in their order, then those of the baseline.
    pub lines: Vec<CheckLine>,
}

/// What became of one expectation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckLine {
    /// What is expected. Names in a baseline's lines are recorded: untrusted.
    pub text: String,
    /// Whether it comes from the baseline rather than from an expectation.
    pub from_baseline: bool,
    /// Whether it holds.
    pub outcome: CheckOutcome,
    /// How many executions that rests on.
    pub executions: u64,
    /// What was measured, in one sentence. Holds recorded names: untrusted.
    pub measured: String,
    /// Examples of what does not hold; at most three.
    pub evidence: Vec<Evidence>,
}

/// Whether an expectation holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// It does.
    Pass,
    /// It does not.
    Fail,
    /// Nothing was recorded that could say so.
    NoData,
}

/// Asks for what a baseline file holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BaselineQuestion {
    /// Of which executions.
    pub set: CheckSet,
}

/// `kino.baseline.v1`: measurements of executions, to be committed and compared with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// `kino.baseline.v1`.
    pub schema: String,
    /// The state of the code, if all executions share one.
    pub code_state: Option<String>,
    /// Executions it rests on.
    pub executions: u64,
    /// Root operations, by service and name.
    pub operations: Vec<BaselineOperation>,
    /// Errors that are known.
    pub errors: Vec<BaselineError>,
    /// Findings that are known.
    pub findings: Vec<BaselineFinding>,
}

/// A root operation in a baseline.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BaselineOperation {
    pub service: String,
    pub name: String,
    /// How often it was executed.
    pub executions: u64,
    /// Durations, ascending: all of them, or evenly spaced quantiles where they are many.
    pub durations_nanos: Vec<i64>,
    /// The runs it was executed in, the newest; none where executions have no run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<BaselineRun>,
    /// Per execution: `errors`, `statements`, `input_tokens`, `output_tokens`; only those whose executions agree.
    pub counts: std::collections::BTreeMap<String, u64>,
}

/// An operation in one run of a baseline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BaselineRun {
    /// The run's first execution of it.
    pub start_unix_nanos: i64,
    /// The median of its durations in that run.
    pub median_nanos: f64,
}

/// A known error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BaselineError {
    #[serde(rename = "type")]
    pub exception_type: String,
    pub fingerprint: Fingerprint,
}

/// A known finding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BaselineFinding {
    pub code: String,
    /// What it is about.
    pub subject: String,
    pub fingerprint: Fingerprint,
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Median => "median",
            Self::P75 => "p75",
            Self::P90 => "p90",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::Max => "max",
            Self::Mean => "mean",
        })
    }
}

crate::question!(CheckQuestion, "check", Read, Memory, Check);
crate::question!(BaselineQuestion, "baseline", Read, Memory, Baseline);
crate::schema!(Check, "kino.check.v1");
crate::schema!(Baseline, "kino.baseline.v1");
