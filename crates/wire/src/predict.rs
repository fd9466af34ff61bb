//! `predict`: how long an operation would take at an input, from how its duration followed that input so far.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ask::Scope;

/// Over how many executions `predict` looks when nothing is said: growth wants more of them than a breakdown does.
pub const DEFAULT_LAST: usize = 1_000;

/// Asks how an operation's duration follows its inputs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PredictQuestion {
    /// Exact span name.
    pub operation: String,
    /// Exact service name; needed where several have such an operation.
    pub service: Option<String>,
    /// The numeric attribute, of any span of an execution. `None`: only which ones there are.
    pub attribute: Option<String>,
    /// The value to predict for; needs `attribute`.
    pub at: Option<f64>,
    /// The limit whose crossing is asked for. `None`: the one at which executions were seen to time out.
    pub limit_nanos: Option<i64>,
    /// Over how many executions, newest first; 0 for the default.
    pub last: usize,
    /// Whose traces.
    pub scope: Scope,
}

/// `kino.predict.v1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Predict {
    /// `kino.predict.v1`.
    pub schema: String,
    /// The span name.
    pub operation: String,
    pub service: String,
    /// The attribute; `null` where none was asked for.
    pub attribute: Option<String>,
    /// How many executions the model rests on: they went well and carry the attribute.
    pub executions: u64,
    /// Of how many runs they are; of processes where no run is known, of minutes where a process lasts longer than two.
    /// 0: of some nothing is known, or there is no model.
    #[serde(default)]
    pub runs: u64,
    /// `constant`, `logarithmic`, `linear`, `n_log_n`, `quadratic` or `cubic` (or worse); `null` where there is none.
    pub model: Option<String>,
    /// By how much the model is typically off on executions that it did not see, relative.
    pub held_out_error: Option<f64>,
    /// The part of the spread of durations that the attribute explains, 0 to 1.
    pub explained: Option<f64>,
    /// The smallest and the largest value seen.
    pub range: Option<[f64; 2]>,
    /// The value asked for.
    pub at: Option<f64>,
    /// The predicted duration.
    pub predicted_nanos: Option<i64>,
    /// The 95 % interval of a single execution of a run that was not seen; where `runs` is 0, of one like those seen.
    pub interval: Option<[i64; 2]>,
    /// Where a limit is crossed; `null` where there is no limit, or none is crossed within reach.
    pub crosses: Option<Crossing>,
    /// The limit, given or seen, in nanoseconds.
    pub limit_nanos: Option<i64>,
    /// Whether the limit is the one at which executions were seen to time out.
    pub limit_was_seen: bool,
    /// Why there is no prediction, where one was asked for.
    pub refused: Option<String>,
    /// What to record so that there is one.
    pub help: Option<String>,
    /// The numeric attributes of these executions, the one that explains most first. With an attribute asked for, only
    /// where none of the executions carries it.
    pub inputs: Vec<Input>,
    /// What was left out, and how much of it.
    pub left_out: LeftOut,
}

/// Where a limit is crossed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Crossing {
    pub limit_nanos: i64,
    /// The value of the attribute at which a typical execution crosses it.
    pub at: f64,
    /// From which value on single executions cross it, and from which on all do.
    pub interval: [f64; 2],
}

/// A numeric attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Input {
    /// Its key.
    pub attribute: String,
    /// How many executions that went well carry it.
    pub executions: u64,
    /// The smallest and the largest value.
    pub range: [f64; 2],
    /// As in [`Predict`].
    pub model: Option<String>,
    /// As in [`Predict`].
    pub explained: Option<f64>,
    /// Why there is no model.
    pub refused: Option<String>,
}

/// Executions that the model does not rest on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeftOut {
    /// Beyond the ones looked at, and those of other code that a verification ran.
    pub executions: u64,
    /// Among `executions`: those that a verification ran of other code, in a worktree of its own.
    #[serde(default, skip_serializing_if = "crate::explain::is_zero")]
    pub of_verifications: u64,
    /// Not ended.
    pub open_executions: u64,
    /// Failed: their durations say nothing of success.
    pub failed_executions: u64,
    /// The first of several in their process.
    pub cold_executions: u64,
    pub without_attribute: u64,
    /// Attributes beyond the ones shown.
    pub inputs: u64,
}

crate::question!(PredictQuestion, "predict", Read, Rows, Predict);
crate::schema!(Predict, "kino.predict.v1");
