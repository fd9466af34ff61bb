//! `compare`: two sets of traces, with a statistical verdict.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ask::Scope;

/// Which two sets to compare. A selector is `run:ID`, `label:NAME`, `commit:SHA`, `code:HASH` or `time:START..END`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// Runs (else processes, else minutes) each side rests on: what counts for time. 0 where executions have none.
    #[serde(default)]
    pub runs: Sides<u64>,
    /// Occasions each side was recorded on: stretches of time without a gap of ten minutes.
    #[serde(default)]
    pub occasions: Sides<u64>,
    /// Executions of both sides that have not ended and do not count.
    #[serde(default)]
    pub open_executions: u64,
    /// Traces of each side beyond the newest ones, which were looked at.
    #[serde(default)]
    pub traces_left_out: Sides<u64>,
    /// Root operations first, then by the size of the effect.
    pub operations: Vec<OperationComparison>,
    /// Totals of whole runs; none where executions have no run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub totals: Vec<TotalComparison>,
    /// Root operations that a run executes more or less often than before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub executions_changed: Vec<ExecutionsChanged>,
    /// By which factor both sides became slower from the first run to the last, where a trend shows. It is not charged
    /// to the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<f64>,
    /// The mean share of the machine's cores, from 0 to 1, that other programs used during the runs of each side; absent
    /// where it is not known or does not differ. Where it does, times that differ may differ for it, and there is a
    /// verdict on time only beyond that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others_cpu: Option<Sides<f64>>,
    /// Calls whose number changed by an order of magnitude, per item or per call of what makes them; the largest change
    /// first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls_changed: Vec<CallsChanged>,
    /// Counts, compared from one execution a side on.
    pub counts: Vec<CountComparison>,
    /// Ranked, most likely cause first.
    pub suspects: Vec<Suspect>,
    /// Operations, counts and suspects beyond the ones shown.
    pub left_out: u64,
    /// Tests that changed; absent where a side has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<crate::suite::TestsCompared>,
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
    /// Too few executions that belong to no run.
    #[serde(rename = "too few executions")]
    TooFewExecutions,
    /// Too few runs to know how much they vary.
    #[serde(rename = "too few runs")]
    TooFewRuns,
    /// Recorded on too few occasions to know how much these differ.
    #[serde(rename = "too few occasions")]
    TooFewOccasions,
    /// Root operations disagree. Only for the whole.
    #[serde(rename = "mixed")]
    Mixed,
}

/// Which way a count went, and whether that says anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CountVerdict {
    /// After has fewer.
    Fewer,
    /// After has more.
    More,
    /// Both have the same; where it varies from one execution to the next, it does so alike on both sides.
    Same,
    /// It varies from one execution to the next, and not alike on both sides.
    Unstable,
}

/// A value for each side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sides<T> {
    /// Before the change.
    pub before: T,
    pub after: T,
}

/// One operation on both sides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperationComparison {
    pub service: String,
    /// The span name; of a client span that names a method alone, with its route.
    pub name: String,
    /// Which of the operation's executions, where those of several kinds are compared apart: `with query`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Whether executions start here.
    pub root: bool,
    /// Before the change.
    pub before: OperationSide,
    pub after: OperationSide,
    /// The ratio, after over before: of the runs' locations (medians of logarithms), averaged, else of medians. With
    /// too few runs it is what was observed.
    pub effect: Option<f64>,
    /// Its interval at the level of the verdict, so that it contains 1 exactly where no difference is shown; `null` when
    /// there are too few.
    pub interval: Option<[f64; 2]>,
    /// The verdict at the 1 % level, corrected for the operations tried.
    pub verdict: Verdict,
    /// The smallest change that would have shown (0.05 is 5 %); absent where executions have no run, or too few.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smallest_shown: Option<f64>,
    /// By how much a run differs from the next (0.03 is 3 %); absent where executions have no run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_noise: Option<f64>,
    /// Where that figure comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise_source: Option<NoiseSource>,
    /// How many more runs a side a verdict takes; only with `too few runs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs_missing: Option<u64>,
    /// How many more occasions a side a verdict takes; only with `too few occasions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occasions_missing: Option<u64>,
    /// How many more executions a side a verdict takes; only with `too few executions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executions_missing: Option<u64>,
}

/// What an operation did in one of the two sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperationSide {
    /// Executions it was called in.
    pub executions: u64,
    /// Runs it was timed in; 0 where executions have no run.
    #[serde(default)]
    pub runs: u64,
    /// Median of its duration; `null` where it was not called.
    pub median_nanos: Option<i64>,
    /// 95th percentile of its duration; `null` where it was not called.
    pub p95_nanos: Option<i64>,
    /// Calls in all executions.
    pub calls: u64,
    /// Failed calls among them.
    pub errors: u64,
}

/// Where a figure of noise comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoiseSource {
    /// The runs that are compared.
    TheseRuns,
    /// Earlier runs of the same code on this machine, with those that are compared.
    History,
    /// Nothing was known: what other programs showed.
    Default,
}

/// A total of whole runs on both sides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TotalComparison {
    /// `roots` (the durations of all root executions), `wall` or `cpu` (processor time).
    pub what: String,
    /// Median of the runs before, in nanoseconds.
    pub before_nanos: i64,
    /// Median of the runs after.
    pub after_nanos: i64,
    /// The ratio, after over before.
    pub effect: f64,
    /// Its interval at the level of the verdict; `null` when there are too few runs.
    pub interval: Option<[f64; 2]>,
    pub verdict: Verdict,
}

/// A root operation that a run executes more or less often than before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExecutionsChanged {
    pub service: String,
    /// The operation.
    pub name: String,
    /// Executions in one run before; the median.
    pub before: f64,
    pub after: f64,
}

/// One kind of call, made by one operation, of which there are far more or fewer than before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CallsChanged {
    /// One sentence.
    pub text: String,
    /// The operation at which the executions start.
    pub root: String,
    /// The operation that makes the calls.
    pub parent: String,
    /// The called operation's service.
    pub service: String,
    /// The called operation.
    pub name: String,
    /// The statement or request without its data, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// The numeric attribute of the parent that the count is in proportion to, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// Before the change.
    pub before: CallRate,
    pub after: CallRate,
}

/// How often a call is made on one side; medians.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CallRate {
    /// Executions this rests on.
    pub executions: u64,
    /// Calls in an execution.
    pub per_execution: f64,
    /// Calls for each call of the parent; absent where that was not called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_parent: Option<f64>,
    /// Calls for each item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_item: Option<f64>,
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
    /// The fewest and the most in one execution before; absent where all have as many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range_before: Option<[u64; 2]>,
    /// The fewest and the most in one execution after; absent where all have as many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range_after: Option<[u64; 2]>,
    pub verdict: CountVerdict,
}

/// A likely cause of the difference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Suspect {
    pub service: String,
    /// The span name.
    pub name: String,
    /// 0 to 1: its part in the difference.
    pub score: f64,
    /// Why, in one sentence of numbers.
    pub reason: String,
    /// Whether a test of its own shows that it changed. Where `false`, executions as wholes changed, no operation by itself
    /// is shown to have, and the suspects are those that chance explains least.
    #[serde(default = "is_shown")]
    pub shown: bool,
}

/// Answers of before this was said have no other suspects.
pub(crate) fn is_shown() -> bool {
    true
}

crate::question!(CompareQuestion, "compare", Read, Rows, Compare);
crate::schema!(Compare, "kino.compare.v1");
