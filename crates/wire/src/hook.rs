//! `after_call`: what a tool call of an assistant brought to light, for a hook to pass on. Codes, numbers, ids and paths
//! alone: no recorded text.

use kino_model::{Fingerprint, RunId, TraceId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ask::Scope;
use crate::finding::{Code, Number};
use crate::insights::FindingState;

/// The longest that [`AfterCallQuestion`] waits, in milliseconds: an assistant waits for its hook.
pub const MAX_WAIT_MILLIS: u64 = 20;
/// Findings that are delivered to a session at most: more would be read as noise.
pub const SESSION_FINDINGS_MAX: usize = 3;
/// How long an answer waits to be delivered, in milliseconds: far longer than a hook lives.
pub const OFFERED_MILLIS: u64 = 2_000;
/// The longest name of a session, in bytes: those of today's assistants have 20 to 60.
pub const SESSION_BYTES_MAX: usize = 256;

/// Where in a session an assistant's hook was called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallMoment {
    /// A call that executes a command begins, or the session does: nothing is delivered.
    Begins,
    /// A call has ended, well or not.
    #[default]
    Ended,
    /// The answer at the end of a call has reached the assistant: what it names counts as delivered.
    Delivered,
}

/// Announces a tool call of an assistant; once it has ended, asks for the findings that are new since the session began and
/// that runs of its calls show. At most [`SESSION_FINDINGS_MAX`] are answered in a session, and none again that was delivered,
/// or was answered within the last [`OFFERED_MILLIS`]. An answer counts as delivered once [`CallMoment::Delivered`] says that it
/// was. What is found later is in the answer after a later call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AfterCallQuestion {
    /// The assistant, as `kino hook` names it. Part of the channel that is recorded.
    pub agent: String,
    /// The assistant's session. Its hash is recorded.
    pub session: String,
    /// The call's id; `None` for the calls of the session that have begun and not ended.
    pub call: Option<String>,
    /// Begins or ended.
    pub moment: CallMoment,
    /// Whether the call executes a command.
    pub is_command: bool,
    /// How long the call took, in milliseconds; `None` where that is not known.
    pub call_millis: Option<u64>,
    /// How long the engine may evaluate what has just arrived, in milliseconds.
    pub wait_millis: u64,
    /// With [`CallMoment::Delivered`]: the findings that the assistant has received. Others than those that its session was
    /// answered do not count.
    pub delivered: Vec<Fingerprint>,
    /// Whose findings: exactly this project's.
    pub scope: Scope,
}

/// `kino.after_call.v1`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AfterCall {
    /// `kino.after_call.v1`.
    pub schema: String,
    /// The newest run of the call, where `kino run --call` recorded one.
    pub run_id: Option<RunId>,
    /// New findings, the most worth acting on first.
    pub items: Vec<NewFinding>,
    /// New findings beyond what a session is given.
    pub left_out: u64,
}

/// A finding that is new to a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NewFinding {
    /// The finding.
    pub fingerprint: Fingerprint,
    /// Its kind.
    pub code: Code,
    /// `open`, or `recurring` where it was fixed before.
    pub state: FindingState,
    /// Measured values.
    pub numbers: Vec<Number>,
    /// What acting on it would save in one execution; `null` where nothing is claimed.
    pub saving_nanos: Option<i64>,
    /// How many executions it rests on.
    pub executions: u64,
    /// The file, relative to its worktree, as it was recorded: whether there is one is for the caller to see. `null` where
    /// none is known.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<i64>,
    /// An execution that shows it.
    pub trace_id: Option<TraceId>,
}

crate::question!(AfterCallQuestion, "after_call", Write, Memory, AfterCall);
crate::schema!(AfterCall, "kino.after_call.v1");
