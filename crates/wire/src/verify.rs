//! `verify`: a command executed before and after a change, and whether the change may stay.
//!
//! A verification outlives its client: its record is stored as runs are, grows while the command is executed,
//! and can be asked for again by its id.

use kino_model::{RunId, VerificationId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::compare::{Compare, Sides};
use crate::errors::ErrorGroup;
use crate::finding::{Finding, Number};
use crate::run::CodeState;

/// What the state before the change is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum VerifyBase {
    /// Earlier runs of the same command, at the last commit that has some.
    Previous,
    /// What a selector names: `run:ID`, `label:NAME`, `code:HASH` or `time:START..END`.
    Selector(String),
    /// Another revision, executed in turn with the present one.
    Revision {
        /// The whole commit.
        commit: String,
        /// As the user wrote it.
        revision: String,
    },
}

/// Starts a verification. The caller draws the id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyStart {
    pub id: VerificationId,
    /// The command and its arguments.
    pub command: Vec<String>,
    /// The working directory.
    pub directory: String,
    /// The code after the change.
    pub code: CodeState,
    /// The state before it.
    pub base: VerifyBase,
    /// Executions of the command that are planned for each side that is executed.
    pub planned: u64,
    /// The part by which an operation may be slower: 0.1 is 10 %.
    #[serde(default = "tolerated")]
    pub tolerate: f64,
    /// When it began.
    pub start_unix_nanos: i64,
}

/// The part by which an operation may be slower where nothing else is said.
pub const TOLERATED: f64 = 0.1;

fn tolerated() -> f64 {
    TOLERATED
}

/// The runs of one side so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct VerifyRuns {
    /// Those that count.
    pub runs: Vec<RunId>,
    /// Those that only warmed up (or built).
    pub warm_up_runs: Vec<RunId>,
    /// How many of those that count failed.
    pub failed_runs: u64,
}

/// Reports progress. Sent at least every [`HEARTBEAT_SECONDS`], or the verification counts as broken off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyProgress {
    /// The verification.
    pub id: VerificationId,
    /// Before the change; empty where the base is not executed.
    pub before: VerifyRuns,
    pub after: VerifyRuns,
}

/// Asks, between two turns, for an early verdict. Each evaluation spends a part of the chance of a false verdict, so it
/// is asked only after the turns that [`looks`] names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyLook {
    /// How far it is.
    pub progress: VerifyProgress,
}

/// Whether more turns are worth it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyLooked {
    /// Pass or fail where that is sure; `None` where it takes more turns.
    pub verdict: Option<VerifyVerdict>,
}

/// Returns the turns, of this many planned ones, after which the verdict is evaluated early: at growing distances, and
/// never after the last, which has the final verdict.
pub fn looks(planned: u64) -> Vec<u64> {
    /// Fewer turns say nothing of how much runs vary.
    const FIRST: u64 = 4;
    std::iter::successors(Some(FIRST), |turn| Some(turn + 1 + turn / 10)).take_while(|turn| *turn < planned).collect()
}

/// The seconds between two heartbeats of the process that executes.
pub const HEARTBEAT_SECONDS: u64 = 10;

/// How the executing ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerifyEnd {
    /// As planned.
    Whole,
    /// Early, by the user. What was recorded is compared.
    Interrupted,
    /// It could not go on, and nothing is compared: why.
    Failed(String),
}

/// Reports that everything was executed, and has the two sides compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyFinish {
    /// The final progress.
    pub progress: VerifyProgress,
    /// How it ended.
    pub end: VerifyEnd,
    /// Further notes for the reader; no recorded text.
    pub notes: Vec<String>,
    /// When it ended.
    pub end_unix_nanos: i64,
}

/// Asks for a verification, by its id or a unique prefix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyQuestion {
    /// The verification.
    pub id: String,
    /// How long to wait for its end before answering as it is. At most two minutes count.
    #[serde(default)]
    pub wait_millis: u64,
}

/// `kino.verify.v1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verify {
    /// `kino.verify.v1`.
    pub schema: String,
    pub id: VerificationId,
    /// Whether it runs, is done, or could not be carried out.
    pub state: VerifyState,
    /// The verdict; `null` until it is done.
    pub verdict: Option<VerifyVerdict>,
    /// What the verdict rests on, the deciding ones first.
    pub reasons: Vec<Reason>,
    /// The command and its arguments, redacted.
    pub command: Vec<String>,
    /// Executions of the command that were planned for each side that is executed.
    pub planned: u64,
    /// The part by which an operation may be slower: 0.1 is 10 %.
    #[serde(default = "tolerated")]
    pub tolerate: f64,
    /// Before the change.
    pub before: VerifySide,
    pub after: VerifySide,
    /// The whole comparison; `null` until it is done.
    pub comparison: Option<Compare>,
    /// Calls that appeared or vanished.
    pub structure: Vec<StructureChange>,
    /// Errors after the change of a kind that was never seen before it. Their counts are those after it.
    pub new_errors: Vec<ErrorGroup>,
    /// Findings of the side before that are gone.
    pub findings_fixed: Vec<Finding>,
    /// Findings of the side after that were not there.
    pub findings_opened: Vec<Finding>,
    /// What does not count, and what is not shown.
    pub left_out: VerifyLeftOut,
    /// Further notes for the reader; no recorded text.
    pub notes: Vec<String>,
    /// When it began.
    pub start_unix_nanos: i64,
    /// When it ended.
    pub end_unix_nanos: Option<i64>,
}

/// How far a verification is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerifyState {
    /// The command is being executed.
    Running,
    /// There is a verdict.
    Done,
    /// It could not be carried out; the first reason says why.
    Failed,
}

/// Whether the change may stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerifyVerdict {
    /// Nothing speaks against it, and a slowdown by more than what is tolerated is excluded.
    Pass,
    /// Something got worse.
    Fail,
    /// It cannot be said; the reasons say what it takes.
    Undecided,
}

impl VerifyVerdict {
    /// As it is written: `pass`, `fail`, `undecided`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Undecided => "undecided",
        }
    }
}

/// One reason: a code, its numbers, and a sentence made of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// Closed list in snake case, e.g. `slower`, `more_statements`, `new_error`, `too_few_executions`.
    pub code: String,
    /// The verdict that it supports; `null` where it supports none.
    pub decides: Option<VerifyVerdict>,
    /// What it is about: a root operation, or empty for the command as a whole.
    pub operation: String,
    /// The operation's service, or empty.
    pub service: String,
    /// Measured values with their noise bounds.
    pub numbers: Vec<Number>,
    /// One sentence. Holds recorded names: untrusted.
    pub text: String,
}

/// One side of a verification.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct VerifySide {
    /// What it is, e.g. `HEAD~1 (4f2a91c0)`, `this directory`, `label:before`.
    pub what: String,
    /// The runs that count; empty where a selector names traces of no run.
    pub runs: Vec<RunId>,
    /// How many of them failed.
    pub failed_runs: u64,
    /// Executions compared.
    pub executions: u64,
}

/// Calls that appeared in or vanished from an operation's executions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StructureChange {
    /// The root operation's service.
    pub service: String,
    /// The root operation.
    pub operation: String,
    /// Operations called by every execution after and by none before.
    pub appeared: Vec<String>,
    /// The other way round.
    pub vanished: Vec<String>,
    /// Names beyond the ones shown.
    pub left_out: u64,
}

/// What does not count, and what is not shown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct VerifyLeftOut {
    /// Runs that only warmed up or built.
    pub warm_up_runs: Vec<RunId>,
    /// Traces beyond the newest ones that were compared.
    pub traces: Sides<u64>,
    /// Reasons beyond the ones shown.
    pub reasons: u64,
    /// Kinds of new errors beyond the ones shown.
    pub new_errors: u64,
    /// Findings beyond the ones shown.
    pub findings: u64,
    /// Findings of one side that the other side has too few executions to decide about.
    #[serde(rename = "findings_untold")]
    pub findings_undecided: u64,
    /// Planned executions that did not come about, of both sides.
    pub executions_missing: u64,
}

crate::question!(VerifyStart, "verify_start", Ingest, Memory, Verify);
crate::question!(VerifyProgress, "verify_progress", Ingest, Memory, crate::ask::Done);
crate::question!(VerifyLook, "verify_look", Ingest, Memory, VerifyLooked);
crate::question!(VerifyFinish, "verify_finish", Ingest, Memory, Verify);
crate::question!(VerifyQuestion, "verify", Read, Memory, Verify);
crate::schema!(Verify, "kino.verify.v1");
