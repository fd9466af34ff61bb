//! The contract of questions: each has a name, an access, a cost and one shape of answer, over every transport.
//!
//! REST serves each question as `POST /api/v1/NAME` with the question as the body. MCP and the command line ask
//! through the same [`Backend`], in the engine's own process or over HTTP.

use std::future::Future;
use std::io;
use std::pin::Pin;

use kino_model::TraceId;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// A question that the engine answers, with its whole contract.
pub trait Question: Serialize + DeserializeOwned + JsonSchema + Send {
    /// Its name: the last segment of its REST path.
    const NAME: &'static str;
    /// What a key must allow for it.
    const ACCESS: Access;
    /// What answering it takes.
    const COST: Cost;
    /// What answers it. An answer with a `schema` has its name and version as `SCHEMA`.
    type Answer: Serialize + DeserializeOwned + JsonSchema + Send;
}

/// Declares the [`Question`] that `$question` is: its name, access, cost and answer.
#[macro_export]
macro_rules! question {
    ($question:ty, $name:literal, $access:ident, $cost:ident, $answer:ty) => {
        impl $crate::Question for $question {
            const NAME: &'static str = $name;
            const ACCESS: $crate::Access = $crate::Access::$access;
            const COST: $crate::Cost = $crate::Cost::$cost;
            type Answer = $answer;
        }
    };
}

/// Declares the name and version of an answer's shape.
#[macro_export]
macro_rules! schema {
    ($answer:ty, $schema:literal) => {
        impl $answer {
            /// The name and version of this shape, as `schema` has it.
            pub const SCHEMA: &'static str = $schema;
        }
    };
}

/// What a key allows, and what a question needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Adding records: OTLP, imports, runs, verifications.
    Ingest,
    /// Questions that change nothing.
    Read,
    /// Changing findings: acknowledging them.
    Write,
    /// Everything: forgetting, stopping and executing too.
    Admin,
}

/// What answering a question takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// It is answered from memory, or waits for changes.
    Memory,
    /// It reads rows and may compute for long: it is answered on a thread of its own.
    Rows,
}

/// Answers questions: the engine itself, or a client of one.
pub trait Backend: Send + Sync {
    /// Answers the question called `name`.
    fn ask_json(&self, name: &str, question: Json) -> Asked<'_>;
}

/// The future that [`Backend::ask_json`] returns.
pub type Asked<'a> = Pin<Box<dyn Future<Output = Result<Json, Problem>> + Send + 'a>>;

/// Asks a typed question.
///
/// # Errors
/// The backend's own, or [`ProblemKind::Internal`] where the answer is not of the promised shape.
pub async fn ask<Q: Question>(backend: &dyn Backend, question: &Q) -> Result<Q::Answer, Problem> {
    let body = serde_json::to_value(question).map_err(|error| Problem::internal(&error))?;
    let answer = backend.ask_json(Q::NAME, body).await?;
    serde_json::from_value(answer).map_err(|error| Problem::internal(&error))
}

/// Why a question has no answer: what was wrong, where, and what to do next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// What sort of problem.
    pub kind: ProblemKind,
    /// One or two sentences for a person.
    pub message: String,
    /// The nearest right names, best first, where a name was wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub did_you_mean: Vec<String>,
    /// What fits, where several things do: a part of it where the message says that there is more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Target>,
}

/// Sorts of problems, with their HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// The question itself is wrong. 400.
    Invalid,
    /// Nothing has that name or id. 404.
    NotFound,
    /// The engine is at a limit; ask again later. 429.
    Busy,
    /// It needs something that is not installed or not allowed. 501.
    Unavailable,
    /// A fault of ours or of the machine's. 500.
    Internal,
}

impl Problem {
    /// A problem with nothing more to say than this sentence.
    pub fn new(kind: ProblemKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), did_you_mean: Vec::new(), candidates: Vec::new() }
    }

    /// The question itself is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ProblemKind::Invalid, message)
    }

    /// Nothing has that name or id.
    pub fn not_found(message: impl Into<String>, did_you_mean: Vec<String>) -> Self {
        Self { did_you_mean, ..Self::new(ProblemKind::NotFound, message) }
    }

    /// It needs something that is not installed or not allowed.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ProblemKind::Unavailable, message)
    }

    /// The engine is at a limit.
    pub fn busy(message: impl Into<String>) -> Self {
        Self::new(ProblemKind::Busy, message)
    }

    /// What a failed step of the operating system is to the asker: busy where that passes ([`passes`]), else a fault.
    pub fn io(error: &io::Error) -> Self {
        if passes(error.kind()) { Self::busy(error_chain(error)) } else { Self::internal(error) }
    }

    /// A fault, with its chain of sources.
    pub fn internal(error: &dyn std::error::Error) -> Self {
        Self::new(ProblemKind::Internal, error_chain(error))
    }
}

/// Whether the same step may succeed later, with nothing changed but what the machine has to spare: room on the disk, memory,
/// processes.
pub fn passes(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{OutOfMemory, QuotaExceeded, ResourceBusy, StorageFull, WouldBlock};
    matches!(kind, OutOfMemory | QuotaExceeded | ResourceBusy | StorageFull | WouldBlock)
}

/// Returns an error's message with those of its sources: `failed to write the log: disk full`.
pub fn error_chain(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message.push_str(": ");
        message.push_str(&cause.to_string());
        source = cause.source();
    }
    message
}

/// Which traces a question is about: the caller's project unless widened. Traces of unknown project always count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Scope {
    /// The caller's project: the common git directory, an absolute path. `None`: all projects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// All projects, whatever `project` says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

impl ProblemKind {
    /// Returns its HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::NotFound => 404,
            Self::Busy => 429,
            Self::Internal => 500,
            Self::Unavailable => 501,
        }
    }
}

/// The answer of questions without results.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Done {
    /// How many things changed: rows hidden, files written, records stored.
    pub count: u64,
}

/// The kinds of things that have an id or a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    Trace,
    /// An operation: its id is its name.
    Operation,
    /// A recorded run.
    Run,
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

/// Something that has an id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Target {
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

/// Says that nothing stored has the name that a question asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnknownName {
    /// The nearest names there are; empty where none is near. Recorded text.
    pub did_you_mean: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_busy_and_the_rest_a_fault() {
        let kind = |kind: io::ErrorKind| Problem::io(&kind.into()).kind;
        for passing in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded, io::ErrorKind::WouldBlock] {
            assert_eq!(kind(passing), ProblemKind::Busy, "{passing}");
        }
        for lasting in [io::ErrorKind::NotFound, io::ErrorKind::PermissionDenied, io::ErrorKind::BrokenPipe] {
            assert_eq!(kind(lasting), ProblemKind::Internal, "{lasting}");
        }
    }
}
