//! `resolve`: what a whole id, the beginning of one, or a name means.

use kino_model::TraceId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ask::Scope;

/// The fewest digits that count as the beginning of an id.
pub const PREFIX_DIGITS_MIN: usize = 4;

/// Asks which trace, operation, run, verification, finding or blob a text means.
///
/// An operation of exactly that name comes first; then whole ids and beginnings of ids, at least
/// [`PREFIX_DIGITS_MIN`] hex digits in either case; then operations whose name contains the text. `trace:`, `run:`,
/// `verification:`, `finding:` and `blob:` before an id say its kind. Where several things fit, the problem lists them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ResolveQuestion {
    /// The text.
    pub what: String,
    /// The kinds that it may be of; empty for all.
    pub kinds: Vec<TargetKind>,
    /// Operations of exactly this service.
    pub service: Option<String>,
    /// Whose operations and findings. Other ids are never scoped.
    pub scope: Scope,
}

/// The kinds of things that have an id or a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// A trace.
    Trace,
    /// An operation: its id is its name.
    Operation,
    /// A recorded run.
    Run,
    /// A verification.
    Verification,
    /// A stored finding: its id is its fingerprint.
    Finding,
    /// A blob: its id is its hash.
    Blob,
}

impl TargetKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Trace, Self::Operation, Self::Run, Self::Verification, Self::Finding, Self::Blob];

    /// In lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Operation => "operation",
            Self::Run => "run",
            Self::Verification => "verification",
            Self::Finding => "finding",
            Self::Blob => "blob",
        }
    }
}

/// `kino.resolve.v1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Resolved {
    /// `kino.resolve.v1`.
    pub schema: String,
    /// The one thing that the text means.
    pub target: Target,
}

/// Something that has an id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Target {
    /// Its kind.
    pub kind: TargetKind,
    /// Its whole id; of an operation its name.
    pub id: String,
    /// What it is called: a trace's root, an operation's services, a command, a finding's code and place. Recorded text;
    /// empty where it is not read, as of a single match.
    #[serde(default)]
    pub name: String,
    /// When it began, or was seen last.
    #[serde(default)]
    pub time_unix_nanos: Option<i64>,
}

impl Target {
    /// The trace that it is; `None` where it is something else.
    pub fn trace(&self) -> Option<TraceId> {
        if self.kind == TargetKind::Trace { self.id.parse().ok() } else { None }
    }
}

crate::question!(ResolveQuestion, "resolve", Read, Rows, Resolved);
crate::schema!(Resolved, "kino.resolve.v1");
