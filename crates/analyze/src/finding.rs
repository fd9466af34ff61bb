//! A finding: codes, numbers and ids, and a sentence rendered from them.

use std::fmt;

use kino_model::{Span, SpanId, TraceId};

/// At most this many examples stand in a finding or a row: enough to look at, few enough to read.
pub const MAX_EXAMPLES: usize = 3;
/// At most this many remarks stand in a finding; the last one counts those left out.
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
    pub fingerprint: String,
    /// One sentence.
    pub text: String,
    /// What to ask or do next.
    pub next: Option<String>,
    /// What else is to be said of the same calls, at most [`MAX_REMARKS`]: findings that this one includes, and what it
    /// follows from.
    pub remarks: Vec<String>,
    /// The fingerprint of the finding that explains most of this one's time: repair that one first.
    pub follows_from: Option<String>,
}

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// `operation`, `run`, `session` or `location`.
    pub kind: &'static str,
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
    /// The value.
    pub value: f64,
    /// What it counts.
    pub unit: Unit,
}

/// The units of [`Number`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds.
    Nanos,
    /// A plain count.
    Count,
    /// A part of a whole, or one value over another.
    Ratio,
    /// Tokens of a language model.
    Tokens,
    /// Bytes.
    Bytes,
    /// Money, in the currency of the configured prices.
    Money,
}

/// A place in the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file, as recorded.
    pub path: String,
    /// The line, from 1.
    pub line: Option<i64>,
    /// The function.
    pub function: Option<String>,
    /// `attribute` (the span's own) or `caller` (an ancestor's).
    pub known_by: &'static str,
}

/// A span to look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Evidence {
    /// The trace.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: Option<SpanId>,
}

/// What a fingerprint begins with: the same for findings of one code about the same statement, call or attribute, or,
/// where there is none, about operations of the same name, whatever entry they were found beneath.
pub fn family(fingerprint: &str) -> &str {
    fingerprint.get(..crate::fingerprint::FAMILY_DIGITS).unwrap_or(fingerprint)
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
    Some(Location { path, line: span.int("code.line.number"), function, known_by: "attribute" })
}

/// The span as evidence.
pub(crate) fn evidence(trace_id: TraceId, span: &Span) -> Evidence {
    Evidence { trace_id, span_id: Some(span.span_id) }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $name:literal,)*) => {
        /// The closed list of findings.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[$doc])* $code,)* }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$code,)*];

            /// The code of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.name() == name)
            }

            /// The name in snake case.
            pub fn name(self) -> &'static str {
                match self { $(Self::$code => $name,)* }
            }
        }
    };
}

codes! {
    /// A child operation dominates the critical path.
    Bottleneck = "bottleneck",
    /// Siblings run one after another without need.
    SequentialCouldBeParallel = "sequential_could_be_parallel",
    /// The same call again for each item of a list.
    NPlusOne = "n_plus_one",
    /// The same call with the same arguments again.
    RepeatedIdenticalCall = "repeated_identical_call",
    /// A failing call tried again and again.
    RetryStorm = "retry_storm",
    /// Calls end at the same limit.
    TimeoutCluster = "timeout_cluster",
    /// A child may wait longer than its caller.
    TimeoutBudgetExceeded = "timeout_budget_exceeded",
    /// A remote side refuses for too many requests.
    RateLimited = "rate_limited",
    /// One exception again and again.
    ErrorCluster = "error_cluster",
    /// An attribute separates the bad executions from the rest.
    WhatDiffers = "what_differs",
    /// Duration grows with an attribute.
    LatencyGrowsWithInput = "latency_grows_with_input",
    /// Tokens sent to a language model for nothing.
    LlmTokenWaste = "llm_token_waste",
    /// A cache that seldom has the answer.
    CacheIneffective = "cache_ineffective",
    /// One cache key for different inputs.
    CacheKeyCollision = "cache_key_collision",
    /// Waiting for a lock dominates.
    LockContention = "lock_contention",
    /// A circle of waits.
    Deadlock = "deadlock",
    /// Others have what executions wait for.
    HeldBy = "held_by",
    /// Time on the critical path that nothing explains.
    DeadTime = "dead_time",
    /// A process's memory grows and does not come back.
    MemoryGrowth = "memory_growth",
    /// Two senders' clocks disagree.
    ClockSkew = "clock_skew",
    /// A root operation became slower.
    Regression = "regression",
    /// A root operation became faster.
    Improvement = "improvement",
    /// Operations appeared or vanished.
    StructureChanged = "structure_changed",
    /// A trace that is not whole.
    BrokenTrace = "broken_trace",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Unit {
    /// As it is written: `ns`, `count`, `ratio`, `tokens`, `bytes`, `money`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nanos => "ns",
            Self::Count => "count",
            Self::Ratio => "ratio",
            Self::Tokens => "tokens",
            Self::Bytes => "bytes",
            Self::Money => "money",
        }
    }
}

impl Number {
    pub(crate) fn new(name: &'static str, value: f64, unit: Unit) -> Self {
        Self { name, value, unit }
    }
}
