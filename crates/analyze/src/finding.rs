//! A finding: codes, numbers and ids, and a sentence rendered from them.

pub use kino_model::finding::{Code, KnownBy, SubjectKind, Unit};
use kino_model::{Fingerprint, Span, SpanId, TraceId};

/// The most examples in a finding or a row: enough to follow up, few enough to read.
pub const MAX_EXAMPLES: usize = 3;
/// The most remarks in a finding; the last one counts those left out.
pub const MAX_REMARKS: usize = 4;
/// The confidence in what may as well be otherwise, for want of something recorded that would say so.
pub(crate) const UNSURE: f64 = 0.5;

/// What is wrong, what it rests on, and what to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What kind of finding.
    pub code: Code,
    /// What it is about.
    pub subject: Subject,
    /// Measured values.
    pub numbers: Vec<Number>,
    /// What acting on it would take off the critical path of one execution, less what another finding explains; `None`
    /// where nothing is claimed.
    pub saving_nanos: Option<i64>,
    /// 0 to 1.
    pub confidence: f64,
    /// How many executions it rests on.
    pub executions: u64,
    /// Where in the code.
    pub location: Option<Location>,
    /// At most [`MAX_EXAMPLES`] spans to look at.
    pub evidence: Vec<Evidence>,
    /// Stable across renames of paths, ids and numbers; begins with its [`family`].
    pub fingerprint: Fingerprint,
    /// One sentence.
    pub text: String,
    /// What to ask or do next.
    pub next: Option<String>,
    /// What else is to be said of the same calls, at most [`MAX_REMARKS`]: findings that this one includes, and what it
    /// follows from.
    pub remarks: Vec<String>,
    /// The fingerprint of the finding that explains most of this one's time: repair that one first.
    pub follows_from: Option<Fingerprint>,
}

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Of what kind that is.
    pub kind: SubjectKind,
    /// The service, for operations.
    pub service: String,
    /// The span name, run id, session id, or path and line.
    pub name: String,
}

/// A measured value with its unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    /// Snake case.
    pub name: &'static str,
    pub value: f64,
    /// What it counts.
    pub unit: Unit,
}

/// A place in the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file, as recorded.
    pub path: String,
    /// The line, from 1.
    pub line: Option<i64>,
    pub function: Option<String>,
    /// How it is known.
    pub known_by: KnownBy,
}

/// A span to look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Evidence {
    pub trace_id: TraceId,
    pub span_id: Option<SpanId>,
}

/// Returns the first half of a finding's fingerprint: the same for findings of one code about the same statement, call or attribute, or,
/// where there is none, about operations of the same name, whatever entry they were found below.
pub fn family(Fingerprint([a, b, c, d, ..]): Fingerprint) -> [u8; 4] {
    [a, b, c, d]
}

/// Where in the code a span says it was made: `code.file.path` and its kin.
pub fn location(span: &Span) -> Option<Location> {
    let function = span.text("code.function.name");
    let namespace = span.text("code.namespace");
    let function = match (namespace, function) {
        (Some(namespace), Some(function)) => Some(format!("{namespace}.{function}")),
        (_, function) => function.map(str::to_owned),
    };
    let path = span.text("code.file.path").unwrap_or_default().to_owned();
    if path.is_empty() && function.is_none() {
        return None;
    }
    Some(Location { path, line: span.int("code.line.number"), function, known_by: KnownBy::Attribute })
}

/// The span as evidence.
pub(crate) fn evidence(trace_id: TraceId, span: &Span) -> Evidence {
    Evidence { trace_id, span_id: Some(span.span_id) }
}

impl Number {
    pub(crate) fn new(name: &'static str, value: f64, unit: Unit) -> Self {
        Self { name, value, unit }
    }
}
