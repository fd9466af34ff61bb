//! `diagnose`: what is wrong now, ranked over everything recorded, causes before what follows from them.

use kino_model::Fingerprint;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ask::Scope;
use crate::explain::is_zero;
use crate::finding::{Evidence, Location, Searched};

/// Entries of an answer when nothing is said.
pub const DEFAULT_LIMIT: usize = 8;
/// The most entries of an answer.
pub const MAX_LIMIT: usize = 50;
/// The most tokens that the answer takes as text, at four bytes each.
pub const TEXT_TOKENS_MAX: usize = 1_500;
/// The longest complaint, in bytes.
pub const WORDS_BYTES_MAX: usize = 4_096;

/// Asks what is wrong.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DiagnoseQuestion {
    /// Words of a complaint. They raise what they name; nothing else is read out of them.
    pub words: Option<String>,
    /// Only executions that started at or after this.
    pub since_unix_nanos: Option<i64>,
    /// At most this many entries; 0 for [`DEFAULT_LIMIT`].
    pub limit: usize,
    /// Whose traces.
    pub scope: Scope,
    /// A worktree whose files are searched for routes and statements of spans that name no place in the code: an absolute
    /// path. `None`: nothing is searched. It takes what `admin` allows, as the engine reads these files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worktree: Option<String>,
}

/// `kino.diagnose.v1`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Diagnose {
    /// `kino.diagnose.v1`.
    pub schema: String,
    /// What is wrong, the most severe first: one entry for each cause.
    pub entries: Vec<DiagnosisEntry>,
    /// What the answer rests on.
    pub looked_at: LookedAt,
    /// The words of the complaint, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<ComplaintWord>,
    /// What it does not rest on.
    pub left_out: DiagnosisLeftOut,
}

/// One cause, with all that was seen of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DiagnosisEntry {
    /// From 1.
    pub rank: u64,
    /// A finding's code, or `error`, `changed`, `unusual`.
    pub code: String,
    /// The entry operation in whose executions it was seen; of several the one that loses most.
    pub operation: DiagnosedOperation,
    /// What it is about: the operation itself, or one that it calls.
    pub subject: DiagnosedOperation,
    /// One or two sentences, with recorded names in them.
    pub text: String,
    /// The part of the operation's time or executions that is lost by it, 0 to 1.
    pub share: f64,
    /// What the share is of: `time`, `executions`, `tokens`, `memory`.
    pub share_of: String,
    /// What the order is by, 0 to 1 without words: the share, weighted by the operation's part of all recorded time, how
    /// recent it is and how sure; times `words_factor`.
    pub severity: f64,
    /// Executions that it rests on.
    pub executions: u64,
    /// Spans to look at; at most three.
    pub evidence: Vec<Evidence>,
    /// Where in the code, if that is known.
    #[serde(rename = "location")]
    pub location: Option<Location>,
    /// Where it may be, found by searching the worktree that the question names, where no span says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub searched: Option<Searched>,
    /// What to ask next: it shows the cause.
    pub next: NextCall,
    /// What else was seen of the same cause, the most severe first; at most three.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<AlsoSeen>,
    /// Further ones.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub also_left_out: u64,
    /// The words of the complaint that name something of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<String>,
    /// By how much these words raised it; 1 where they did not.
    pub words_factor: f64,
    /// Stable across renames of paths, ids and numbers.
    pub fingerprint: Fingerprint,
}

/// A service and the name of its spans.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DiagnosedOperation {
    pub service: String,
    /// The span name.
    pub name: String,
}

/// One call that shows a cause.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NextCall {
    /// The command with its arguments, as it is executed without a shell.
    pub command: Vec<String>,
    /// The tool of the same over MCP.
    pub tool: String,
    /// Its arguments: name and value.
    pub arguments: Vec<(String, String)>,
}

/// Something that follows from a cause, or says the same of another operation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AlsoSeen {
    /// As of [`DiagnosisEntry::code`].
    pub code: String,
    /// The entry operation.
    pub operation: DiagnosedOperation,
    /// One or two sentences.
    pub text: String,
}

/// A word that was asked with, and how many entries it matched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ComplaintWord {
    /// As written.
    pub word: String,
    /// Entries that it names something of, the left out ones included.
    pub entries: u64,
    /// Whether it names anything in what was looked at, wrong or not.
    pub recorded: bool,
}

/// What an answer rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LookedAt {
    /// Entry operations.
    pub operations: u64,
    /// Executions of them that have ended.
    pub executions: u64,
    /// Failed ones among them.
    pub failed: u64,
    /// Executions that have not ended.
    pub open_executions: u64,
    pub spans: u64,
    /// The earliest start of an execution; `null` without any.
    pub since_unix_nanos: Option<i64>,
    /// The latest start of an execution.
    pub until_unix_nanos: Option<i64>,
}

/// What an answer does not rest on, or does not hold. All zero: nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DiagnosisLeftOut {
    /// Entry operations with less recorded time than those looked at.
    pub operations: u64,
    /// Older executions of the operations looked at, as far as they are counted.
    pub executions: u64,
    /// Traces too large to be loaded beside the others.
    pub traces: u64,
    /// Entries beyond the limit.
    pub entries: u64,
    /// Words beyond the first few.
    pub words: u64,
}

crate::question!(DiagnoseQuestion, "diagnose", Read, Rows, Diagnose);
crate::schema!(Diagnose, "kino.diagnose.v1");
