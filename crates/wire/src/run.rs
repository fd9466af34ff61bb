//! `run`: a recorded execution of a command.

use kino_model::lines::LineRange;
use kino_model::{BlobHash, RunId, SpanId, TraceId, VerificationId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ask::Scope;
use crate::finding::Finding;

/// The longest id of a tool call, in bytes: those of today's assistants have 20 to 60.
pub const CALL_BYTES_MAX: usize = 128;

/// Whether a text can be the id of a tool call: 1 to [`CALL_BYTES_MAX`] letters, digits and `_-.:` of ASCII, the first a
/// letter or digit.
pub fn is_call_id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
    text.len() <= CALL_BYTES_MAX
        && text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        && text.bytes().all(plain)
}

/// Reports that a run begins. The caller draws the ids, so that the child can start at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunStart {
    pub run_id: RunId,
    /// The trace its span is in.
    pub trace_id: TraceId,
    pub span_id: SpanId,
    /// The span that caused it (from `TRACEPARENT`).
    pub parent_span_id: Option<SpanId>,
    /// The user's label.
    pub label: Option<String>,
    /// The id of the tool call of an assistant that started it; `None` where none did, or it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// The command and its arguments.
    pub command: Vec<String>,
    /// The working directory.
    pub directory: String,
    /// What is known of the code.
    pub code: CodeState,
    /// The uncommitted diff, untracked files included, up to the caller's limit, with the number of bytes cut.
    pub diff: Option<RunOutput>,
    /// When it began.
    pub start_unix_nanos: i64,
    /// Who reports its end; where that is gone before it did, none will come.
    #[serde(default)]
    pub recorder: Option<Recorder>,
}

/// The process that records a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Recorder {
    /// Its process id.
    pub pid: u32,
    /// The namespace of process ids that it is in, as Linux names it; `None` elsewhere.
    pub namespace: Option<String>,
}

/// What is known of the code that runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CodeState {
    /// The common git directory.
    pub project: Option<String>,
    /// The worktree's root.
    pub worktree: Option<String>,
    pub commit: Option<String>,
    pub branch: Option<String>,
    /// The commit, plus `+` and a hash of the uncommitted diff where there is one.
    pub code_state: Option<String>,
    /// Whether anything is uncommitted.
    pub uncommitted: bool,
}

/// A captured stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunOutput {
    /// Its bytes, base64.
    pub base64: String,
    /// How many bytes beyond the limit were not recorded.
    pub cut_bytes: u64,
}

/// Reports that a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunFinish {
    pub run_id: RunId,
    /// The command's exit code; `None` when a signal ended it.
    pub exit_code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Standard output.
    pub stdout: RunOutput,
    /// Standard error.
    pub stderr: RunOutput,
    /// When it ended.
    pub end_unix_nanos: i64,
    /// Processor time of the command and its children, user and system; `None` where the system does not say.
    #[serde(default)]
    pub cpu_nanos: Option<i64>,
    /// The share of the machine's cores that other programs used meanwhile, from 0 to 1; `None` where the system does
    /// not say.
    #[serde(default)]
    pub others_cpu: Option<f64>,
    /// The most memory that one process of the command had at a time, in bytes; `None` where the system does not say, or
    /// it was less than that of the git commands before it.
    #[serde(default)]
    pub peak_memory_bytes: Option<u64>,
    /// Which changed lines it executed; `None` where that was not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<RunLines>,
}

/// Which changed lines a run executed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunLines {
    /// The changed files that its processes said anything of.
    pub files: Vec<FileLines>,
    /// Changed files that they were not asked about, as there were too many.
    #[serde(default)]
    pub files_left_out: u64,
}

/// Changed lines of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileLines {
    /// Its path, relative to the worktree.
    pub path: String,
    /// Those that were executed, ascending.
    pub executed: Vec<LineRange>,
    /// Those that can execute, ascending; `null` where no process said so.
    pub executable: Option<Vec<LineRange>>,
    /// Whether something made of the file was executed, by a way that leads not back to its lines.
    #[serde(default)]
    pub unmapped: bool,
}

/// Asks for a run's record. `run_id` may be a unique prefix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunQuestion {
    pub run_id: String,
}

/// `kino.run.v1`: a run's record, and a summary of its spans.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// `kino.run.v1`.
    pub schema: String,
    pub run_id: RunId,
    /// The trace its span is in.
    pub trace_id: TraceId,
    /// The user's label.
    pub label: Option<String>,
    /// The id of the tool call of an assistant that started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// The command and its arguments, redacted.
    pub command: Vec<String>,
    /// What was known of the code.
    pub code: CodeState,
    /// When it began.
    pub start_unix_nanos: i64,
    /// How long it took; `null` while it runs, and where it is lost.
    pub duration_nanos: Option<i64>,
    /// Whether the process that recorded it is gone without a report of its end.
    #[serde(default, skip_serializing_if = "is_false")]
    pub lost: bool,
    /// Processor time of the command and its children, user and system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_nanos: Option<i64>,
    /// The share of the machine's cores that other programs used meanwhile, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others_cpu: Option<f64>,
    /// The most memory that one of its processes had at a time, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
    /// The command's exit code.
    pub exit_code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Hashes of the blobs: what `open blob:HASH` takes.
    pub stdout_blob: Option<BlobHash>,
    /// As `stdout_blob`.
    pub stderr_blob: Option<BlobHash>,
    /// As `stdout_blob`.
    pub diff_blob: Option<BlobHash>,
    /// Bytes of standard output, standard error and diff that were beyond the limit and not recorded.
    #[serde(default)]
    pub cut_bytes: u64,
    /// Spans the run sent, its own not counted.
    pub spans: u64,
    /// Traces it sent.
    pub traces: u64,
    /// Failed spans among them.
    pub errors: u64,
    /// Traces beyond those that the breakdown and the findings rest on.
    #[serde(default)]
    pub left_out_traces: u64,
    /// Services it sent from.
    pub services: Vec<String>,
    /// The operations that took most of the critical path.
    pub breakdown: Vec<crate::explain::BreakdownRow>,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// Stored findings of its project that opened or changed their state while it ran, in that order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings_changed: Vec<crate::insights::FindingChange>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

/// How many runs an answer holds when nothing is said.
pub const DEFAULT_RUNS: usize = 50;
/// The most runs of an answer.
pub const MAX_RUNS: usize = 1_000;

/// Asks for the newest recorded runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RunsQuestion {
    /// Only runs with exactly this label.
    pub label: Option<String>,
    /// Only runs that this tool call of an assistant started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// Only runs whose command failed: another exit code than 0, or a signal.
    pub failed: bool,
    /// Only runs that started at or after this.
    pub since_unix_nanos: Option<i64>,
    /// Only runs that started before this.
    pub until_unix_nanos: Option<i64>,
    /// At most this many; 0 for the default.
    pub limit: usize,
    /// Goes on where an earlier answer stopped.
    pub cursor: Option<String>,
    /// Whose runs.
    pub scope: Scope,
}

/// `kino.runs.v1`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Runs {
    /// `kino.runs.v1`.
    pub schema: String,
    /// Newest first.
    pub items: Vec<RunItem>,
    /// Runs beyond these; `cursor` leads to them.
    pub left_out: u64,
    /// Where to go on; `null` when there is no more.
    #[serde(default)]
    pub cursor: Option<String>,
    /// Whether there may be older runs that the question did not read: it reads the newest 10,000.
    #[serde(default)]
    pub older_not_read: bool,
}

/// One run, as its command reported it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunItem {
    pub run_id: RunId,
    /// The trace its span is in.
    pub trace_id: TraceId,
    /// The user's label.
    pub label: Option<String>,
    /// The id of the tool call of an assistant that started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// The command and its arguments, redacted.
    pub command: Vec<String>,
    /// When it began.
    pub start_unix_nanos: i64,
    /// How long it took; `null` while it runs, and where it is lost.
    pub duration_nanos: Option<i64>,
    /// Whether the process that recorded it is gone without a report of its end.
    #[serde(default, skip_serializing_if = "is_false")]
    pub lost: bool,
    /// The command's exit code.
    pub exit_code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The commit, plus `+` and a hash of the uncommitted diff where there is one.
    #[serde(default)]
    pub code_state: Option<String>,
    #[serde(default)]
    pub branch: Option<String>,
    /// The worktree's root.
    #[serde(default)]
    pub worktree: Option<String>,
    /// The verification that executed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<RunVerification>,
    /// Processor time of the command and its children, user and system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_nanos: Option<i64>,
    /// The share of the machine's cores that other programs used meanwhile, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others_cpu: Option<f64>,
    /// What it had sent when it ended; `null` while it runs, and where an earlier version recorded it.
    #[serde(default)]
    pub sent: Option<RunSent>,
}

/// The verification that a run belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunVerification {
    /// Its id: what `open verification:ID` takes.
    pub id: VerificationId,
    /// What it is compared as.
    pub side: Side,
}

/// A side of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Without the change.
    Before,
    /// With it.
    After,
}

impl Side {
    /// Returns the name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

/// How much a run had sent shortly after its end, its own span not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunSent {
    pub traces: u64,
    /// Executions: requests, jobs, tests, or whatever else its outermost spans are.
    pub executions: u64,
    pub spans: u64,
    /// Failed spans among them.
    pub errors: u64,
    /// Findings in its traces.
    pub findings: u64,
    /// Traces beyond those whose spans, executions and findings are counted.
    pub left_out_traces: u64,
}

crate::question!(RunStart, "run_start", Ingest, Memory, crate::ask::Done);
crate::question!(RunFinish, "run_finish", Ingest, Memory, Run);
crate::question!(RunQuestion, "run", Read, Memory, Run);
crate::question!(RunsQuestion, "runs", Read, Memory, Runs);
crate::schema!(Runs, "kino.runs.v1");
crate::schema!(Run, "kino.run.v1");
