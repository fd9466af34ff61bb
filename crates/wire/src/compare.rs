//! `compare`: two sets of traces, with a statistical verdict.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ask::Scope;

/// Which two sets to compare. A selector is `run:ID`, `label:NAME`, `commit:SHA`, `code:HASH` or `time:START..END`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CompareQuestion {
    /// The set before the change.
    pub before: String,
    /// The set after it.
    pub after: String,
    /// Whose traces; `run:` is never scoped.
    pub scope: Scope,
}

/// `kino.compare.v1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Compare {
    /// `kino.compare.v1`.
    pub schema: String,
    /// The root operations' verdict; `mixed` where they disagree.
    pub verdict: Verdict,
    /// Executions each side rests on.
    pub executions: Sides<u64>,
    /// Executions of both sides that have not ended and do not count.
    #[serde(default)]
    pub open_executions: u64,
    /// Traces of each side beyond the newest ones, which were looked at.
    #[serde(default)]
    pub traces_left_out: Sides<u64>,
    /// Root operations first, then by the size of the effect.
    pub operations: Vec<OperationComparison>,
    /// Counts, compared from one execution a side on.
    pub counts: Vec<CountComparison>,
    /// Ranked, most likely cause first.
    pub suspects: Vec<Suspect>,
    /// Operations, counts and suspects beyond the ones shown.
    pub left_out: u64,
}

/// A verdict on time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Verdict {
    /// After is faster.
    #[serde(rename = "faster")]
    Faster,
    /// After is slower.
    #[serde(rename = "slower")]
    Slower,
    /// The data shows no difference.
    #[serde(rename = "no difference shown")]
    NoDifferenceShown,
    /// Too few executions to tell.
    #[serde(rename = "too few executions")]
    TooFewExecutions,
    /// Root operations disagree. Only for the whole.
    #[serde(rename = "mixed")]
    Mixed,
}

/// A verdict on a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CountVerdict {
    /// After has fewer.
    Fewer,
    /// After has more.
    More,
    /// Both have the same.
    Same,
    /// Repeats of one side disagree among themselves.
    Unstable,
}

/// A value for each side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sides<T> {
    /// Before the change.
    pub before: T,
    /// After it.
    pub after: T,
}

/// One operation on both sides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperationComparison {
    /// The service.
    pub service: String,
    /// The span name.
    pub name: String,
    /// Whether executions start here.
    pub root: bool,
    /// Before the change.
    pub before: OperationSide,
    /// After it.
    pub after: OperationSide,
    /// The ratio of medians, after over before; `null` when there are too few.
    pub effect: Option<f64>,
    /// Its 95 % interval; `null` when there are too few.
    pub interval: Option<[f64; 2]>,
    /// The verdict at the 1 % level, corrected for the operations tried.
    pub verdict: Verdict,
    /// How many more executions a side a verdict takes; only with `too few executions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executions_missing: Option<u64>,
}

/// One operation on one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperationSide {
    /// Executions it was called in.
    pub executions: u64,
    /// Median of its duration; `null` where it was not called.
    pub median_nanos: Option<i64>,
    /// 95th percentile of its duration; `null` where it was not called.
    pub p95_nanos: Option<i64>,
    /// Calls in all executions.
    pub calls: u64,
    /// Failed calls among them.
    pub errors: u64,
}

/// One count on both sides, per execution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CountComparison {
    /// What is counted: `calls`, `errors`, `statements`, `input_tokens`, `output_tokens`, with the operation.
    pub what: String,
    /// Per execution before the change (the median where repeats disagree).
    pub before: f64,
    /// Per execution after it.
    pub after: f64,
    /// The verdict.
    pub verdict: CountVerdict,
}

/// A likely cause of the difference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Suspect {
    /// The service.
    pub service: String,
    /// The span name.
    pub name: String,
    /// 0 to 1: its part in the difference.
    pub score: f64,
    /// Why, in one sentence of numbers.
    pub reason: String,
}

crate::question!(CompareQuestion, "compare", Compare);
