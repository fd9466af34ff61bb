//! A finding: the unit of insight everywhere. Codes, numbers and ids; text is rendered from templates over these.

pub use kino_model::finding::{Code, KnownBy, SearchConfidence, SoughtKind, SubjectKind, Unit};
use kino_model::{Fingerprint, SpanId, TraceId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A fault of an operation, with what was measured and where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What kind of finding.
    pub code: Code,
    /// What it is about.
    pub subject: Subject,
    /// Measured values.
    pub numbers: Vec<Number>,
    /// What acting on it would save on the critical path of one execution, less what another finding explains; `null`
    /// where nothing is claimed.
    pub saving_nanos: Option<i64>,
    /// 0 to 1.
    pub confidence: f64,
    /// How many executions it rests on.
    pub executions: u64,
    /// Where in the code, if that is known.
    #[serde(rename = "where")]
    pub location: Option<Location>,
    /// Where it may be, found by searching the worktree that the question names, where no span says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub searched: Option<Searched>,
    /// The spans to look at; at most three.
    pub evidence: Vec<Evidence>,
    /// Stable across renames of paths, ids and numbers.
    pub fingerprint: Fingerprint,
    /// One sentence for a person, rendered from the fields above.
    pub text: String,
    /// What to ask next.
    pub next: Option<String>,
    /// What else is to be said of the same calls, a sentence each: findings that this one includes, and what it follows
    /// from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// The fingerprint of the finding that explains most of this one's time: repair that one first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows_from: Option<Fingerprint>,
}

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Subject {
    /// Of what kind that is.
    pub kind: SubjectKind,
    /// The service, for operations.
    pub service: String,
    /// The span name, run id, session id, or path and line.
    pub name: String,
}

/// A measured value with its unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Number {
    /// What was measured, in snake case.
    pub name: String,
    pub value: f64,
    /// What it counts.
    pub unit: Unit,
}

/// A place in the code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Location {
    /// The file, as recorded.
    pub path: String,
    /// The line, from 1.
    pub line: Option<i64>,
    pub function: Option<String>,
    /// How it is known.
    pub known_by: KnownBy,
}

/// Where in the code something may be: found by searching a worktree for what a span recorded, and recorded by none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Searched {
    /// How sure.
    pub confidence: SearchConfidence,
    /// What was searched for.
    pub sought: SoughtKind,
    /// The route with its method, or the statement without its literals; at most 300 characters. Recorded text: untrusted.
    pub text: String,
    /// Places that fit equally well.
    pub candidates: u64,
    /// The first of them by path and line; at most three.
    pub places: Vec<SourceLine>,
    /// Source files beyond the bounds of a search.
    #[serde(default, skip_serializing_if = "crate::explain::is_zero")]
    pub files_left_out: u64,
}

/// A line of a file of the worktree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SourceLine {
    /// The path, relative to the worktree.
    pub path: String,
    /// From 1, in the file as it is now.
    pub line: u32,
}

/// A span to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    pub trace_id: TraceId,
    pub span_id: Option<SpanId>,
}
