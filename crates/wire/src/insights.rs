//! `insights`: findings as the engine stores them. A finding opens, and is acknowledged, fixed, seen again, or decays.
//!
//! ```text
//!  open ──────────► fixed ──► recurring ──► fixed …        (each proved by executions)
//!    └► acknowledged ─┘            any ──► decayed          (its operation is not seen any more)
//! ```

use std::fmt;
use std::str::FromStr;

use kino_model::Fingerprint;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ask::Scope;
use crate::finding::{Code, Finding};

/// The findings of an answer where the question has no limit.
pub const DEFAULT_LIMIT: usize = 50;
/// The most findings of an answer.
pub const MAX_LIMIT: usize = 1_000;
/// The longest that [`FindingsChanged`] and [`InsightsQuestion`] wait, in milliseconds: shorter than what HTTP clients
/// and those between them take for silence.
pub const MAX_WAIT_MILLIS: u64 = 25_000;

/// Where in its life a finding is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingState {
    /// Seen, and not acknowledged.
    #[default]
    Open,
    /// Seen, and acknowledged by the user.
    Acknowledged,
    /// Later executions show it gone.
    Fixed,
    /// It was fixed, and later executions show it again.
    Recurring,
    /// Its operation has not been seen for a while: unknown whether it is still there.
    Decayed,
}

impl FindingState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Open, Self::Acknowledged, Self::Fixed, Self::Recurring, Self::Decayed];

    /// In snake case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acknowledged => "acknowledged",
            Self::Fixed => "fixed",
            Self::Recurring => "recurring",
            Self::Decayed => "decayed",
        }
    }

    /// Whether the fault is there, as far as is known.
    pub fn is_present(self) -> bool {
        matches!(self, Self::Open | Self::Acknowledged | Self::Recurring)
    }
}

impl fmt::Display for FindingState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for FindingState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|state| state.name() == text);
        found.ok_or_else(|| format!("{text:?} is none of {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// Asks for stored findings, what is worth most first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct InsightsQuestion {
    /// Only those located in one of these files; paths match where one ends in the other, in whole parts.
    pub files: Vec<String>,
    /// Only those that changed their state, or were seen for the first time, at or after this.
    pub since_unix_nanos: Option<i64>,
    /// At most this many; 0 for the default.
    pub limit: usize,
    /// Only those in one of these states; empty for `open` and `recurring`, the ones to act on.
    pub states: Vec<FindingState>,
    /// Only this one: a fingerprint, or a unique beginning of it.
    pub fingerprint: Option<String>,
    /// Only what this client has not received yet, as noted by [`InsightsReceived`].
    pub only_new_for: Option<String>,
    /// How long the engine may evaluate what has just arrived before it answers, in milliseconds.
    pub wait_millis: u64,
    /// Whose findings.
    pub scope: Scope,
    /// A worktree whose files are searched for routes and statements of spans that name no place in the code: an absolute
    /// path. `None`: nothing is searched. It takes what `admin` allows, as the engine reads these files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worktree: Option<String>,
}

/// `kino.insights.v1`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Insights {
    /// `kino.insights.v1`.
    pub schema: String,
    /// Findings, the most worth acting on first; of those that show one cause in several operations, the first.
    pub items: Vec<Insight>,
    /// Executions on which the last evaluations of the operations in scope rest.
    pub executions: u64,
    /// Their spans.
    pub spans: u64,
    pub operations: u64,
    /// The newest change; what [`FindingsChanged`] takes as `after`.
    pub sequence: u64,
    /// What the answer does not hold or does not rest on.
    pub left_out: InsightsLeftOut,
}

/// What an answer about findings does not hold or does not rest on. All zero: nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InsightsLeftOut {
    /// Findings beyond the limit.
    pub findings: u64,
    /// Findings that the client has received before.
    #[serde(rename = "told_before")]
    pub received_before: u64,
    /// Findings in scope in other states than those asked for, by state.
    pub other_states: std::collections::BTreeMap<String, u64>,
    /// Traces that have arrived and are not evaluated yet.
    pub waiting_traces: u64,
    /// Traces that arrived faster than they could be evaluated, since the engine started. Operations are judged by
    /// their newest executions, so that a finding that is there shows in the others.
    pub unseen_traces: u64,
    /// Findings that were not stored because there were too many, since the engine started.
    #[serde(rename = "not_kept")]
    pub not_stored: u64,
}

/// A stored finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Insight {
    /// What was found, as of when it was last seen.
    #[serde(flatten)]
    pub finding: Finding,
    /// Where in its life it is.
    pub state: FindingState,
    /// The operation whose executions show it.
    pub entry: Operation,
    /// Findings in the same state that show the same repeated calls in executions of other operations, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_in: Vec<AlsoIn>,
    /// The project it is in: the common git directory.
    pub project: Option<String>,
    /// The file of `where`, relative to the worktree it was recorded in.
    pub file: Option<String>,
    /// When it was first seen.
    pub first_seen_unix_nanos: i64,
    /// The start of the newest execution that it was last seen in or among.
    pub last_seen_unix_nanos: i64,
    /// When it came into its state.
    pub changed_unix_nanos: i64,
    /// The number of that change; later changes have larger ones.
    pub sequence: u64,
    /// The state of the code (`kino.code_state`) in which it was first seen.
    pub opened_at_code: Option<String>,
    /// The state of the code in which it was last seen.
    pub last_seen_at_code: Option<String>,
    /// The first state of the code without it, while it is fixed.
    pub fixed_at_code: Option<String>,
    /// What its last repair did, while it is fixed or recurring.
    pub fix: Option<Fix>,
    /// The newest deliveries to assistants, the newest last: at most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delivered: Vec<Delivered>,
    /// How often it came back after it was fixed.
    pub recurrences: u64,
    /// What repaired another finding of its kind in this project.
    pub worked_here: Option<WorkedHere>,
    /// What acting on it would save in a day at the rate of its operation's newest executions, times its confidence.
    /// The order of the answer.
    pub worth_nanos_per_day: i64,
}

/// One delivery of a finding to a reader that did not ask for it by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Delivered {
    /// When.
    pub at_unix_nanos: i64,
    /// Through which channel: `hook:AGENT`, or `mcp` for `check_insights`.
    pub channel: String,
    /// A hash of the session it was delivered to; `null` where the channel has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
}

/// A finding of the same cause in another operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlsoIn {
    /// That finding, which changes its state by itself.
    pub fingerprint: Fingerprint,
    /// The operation whose executions show it.
    pub entry: Operation,
}

/// A service and the name of its spans.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Operation {
    pub service: String,
    /// The span name.
    pub name: String,
}

/// What a repair did, measured on the operation whose executions showed the finding.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fix {
    /// The last state of the code that showed the finding.
    pub before_code: Option<String>,
    /// The first that did not.
    pub after_code: Option<String>,
    /// Executions the finding was last seen in or among.
    pub executions_before: u64,
    /// Executions that show it gone.
    pub executions_after: u64,
    /// The operation's median duration before.
    pub median_nanos_before: Option<i64>,
    /// And after.
    pub median_nanos_after: Option<i64>,
    /// After over before.
    pub effect: Option<f64>,
    /// When it was seen to be gone.
    pub at_unix_nanos: i64,
}

/// A repair that worked on a finding like this one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkedHere {
    /// The fingerprint of the finding that was repaired.
    pub fingerprint: Fingerprint,
    /// What the repair did.
    pub fix: Fix,
    /// How to see it: `kino compare --before … --after …`, where both states of the code are known.
    pub next: Option<String>,
}

/// Acknowledges a finding, which is then no longer shown by default, or undoes that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgeFinding {
    /// The finding; a unique beginning is enough.
    pub fingerprint: String,
    #[serde(default)]
    pub undo: bool,
    /// Whose findings.
    #[serde(default)]
    pub scope: Scope,
}

/// Notes which findings a client has received: `only_new_for` leaves them out until they change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InsightsReceived {
    /// The client, as in [`InsightsQuestion::only_new_for`].
    pub client: String,
    /// The findings' fingerprints.
    pub fingerprints: Vec<Fingerprint>,
    /// Whose findings.
    #[serde(default)]
    pub scope: Scope,
}

/// Waits until findings change: answers at once where one has since `after`, else when one does or the time is up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FindingsChanged {
    /// The `sequence` of the answer before; `None` for the present one at once, without changes.
    pub after: Option<u64>,
    /// How long to wait, in milliseconds.
    pub wait_millis: u64,
    /// Whose findings.
    pub scope: Scope,
}

/// `kino.findings_changed.v1`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Changes {
    /// `kino.findings_changed.v1`.
    pub schema: String,
    /// What to ask with next.
    pub sequence: u64,
    /// What changed, in its order: each finding once, in the state it is in now.
    pub items: Vec<FindingChange>,
    /// Whether findings were removed for good, so that a list of all is not whole any more.
    pub removed: bool,
}

/// One finding that opened or changed its state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FindingChange {
    /// The finding.
    pub fingerprint: Fingerprint,
    /// Its kind.
    pub code: Code,
    /// Its state now.
    pub state: FindingState,
    /// The number of its last change.
    pub sequence: u64,
    /// When that was.
    pub changed_unix_nanos: i64,
}

/// `kino.finding.v1`: a finding after it was acknowledged, or that was undone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Acknowledged {
    /// `kino.finding.v1`.
    pub schema: String,
    /// The finding.
    #[serde(flatten)]
    pub insight: Insight,
}

crate::question!(InsightsQuestion, "insights", Read, Memory, Insights);
crate::question!(AcknowledgeFinding, "acknowledge_finding", Write, Memory, Acknowledged);
crate::question!(InsightsReceived, "insights_told", Write, Memory, crate::ask::Done);
crate::question!(FindingsChanged, "findings_changed", Read, Memory, Changes);
crate::schema!(Acknowledged, "kino.finding.v1");
crate::schema!(Changes, "kino.findings_changed.v1");
crate::schema!(Insights, "kino.insights.v1");
