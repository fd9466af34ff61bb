//! `explain`: where the time of a trace, of an operation, or of the whole system goes.

use kino_model::{SpanId, TraceId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::apart::{Apart, Failure, LogLine};
use crate::ask::Scope;
use crate::compare::CallsChanged;
use crate::finding::{Evidence, Finding};

/// How many executions `explain` looks at when nothing is said.
pub const DEFAULT_LAST: usize = 100;
/// The most executions one answer rests on.
pub const MAX_LAST: usize = 10_000;

/// Segments of a critical path in one answer, unless they are paged through.
pub const PATH_SEGMENTS_MAX: usize = 500;
/// Log lines in one answer.
pub const LOG_LINES_MAX: usize = 10;
/// Entries of a page of [`ExplainTraceQuestion::list`] when nothing is said.
pub const DEFAULT_PAGE: usize = 500;
/// The most entries of such a page.
pub const MAX_PAGE: usize = 10_000;

/// Asks about one trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainTraceQuestion {
    pub trace_id: TraceId,
    /// Of the trace this span alone, with everything below it: its id, or the beginning of it. A test of a suite, say,
    /// whose tests share a trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<String>,
    /// One list of the answer to page through; the answer's other lists are empty then. `None`: an overview, with what
    /// matters most of each list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<ExplainList>,
    /// Entries of the list to skip.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub offset: u64,
    /// At most this many entries of the list; 0 for [`DEFAULT_PAGE`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub limit: u64,
    /// A worktree whose files are searched for routes and statements of spans that name no place in the code: an absolute
    /// path. `None`: nothing is searched. It takes what `admin` allows, as the engine reads these files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worktree: Option<String>,
}

/// A list of [`ExplainTrace`] that has a next page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExplainList {
    /// `critical_path`, in time order.
    CriticalPath,
    /// `breakdown`, the largest critical share first.
    Breakdown,
    /// `findings`, causes first, then the largest saving.
    Findings,
    /// `other_roots`, those without a parent first, then by start.
    OtherRoots,
}

impl ExplainTraceQuestion {
    /// The question for the overview of a trace.
    pub fn overview(trace_id: TraceId) -> Self {
        Self { trace_id, span: None, list: None, offset: 0, limit: 0, worktree: None }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
pub(crate) fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// `kino.explain.v2`. Its lists are bounded: `left_out` counts what is beyond, and [`ExplainTraceQuestion::list`] pages
/// through it. In v1 they were whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExplainTrace {
    /// `kino.explain.v2`.
    pub schema: String,
    pub trace_id: TraceId,
    pub spans: u64,
    /// Spans whose parent is not in the trace.
    pub missing_parents: u64,
    /// Spans that are taken for children of a sibling without children that they ran in, though another parent was
    /// recorded: the sender does not nest them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub nested_by_time: u64,
    /// The root that the path and the breakdown are about.
    pub root: Option<RootSummary>,
    /// Roots besides it: other spans without a known parent. The first few of them.
    pub other_roots: Vec<RootSummary>,
    /// What it waited for, where others are seen to have had it meanwhile; the longest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waited_for: Vec<WaitedFor>,
    /// The whole critical path, of which `critical_path` may be a part.
    pub path: PathTotal,
    /// Segments in time order that do not overlap and together cover the root from start to end. Of more than
    /// [`PATH_SEGMENTS_MAX`] the longest.
    pub critical_path: Vec<PathSegment>,
    /// Time by operation, largest critical share first.
    pub breakdown: Vec<BreakdownRow>,
    /// What is wrong with it.
    pub findings: Vec<Finding>,
    /// What sets it apart from its like, where it failed or was slow; absent from the pages of a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apart: Option<Apart>,
    /// Why it failed, or what failed in it and was handled although that is rare; absent from the pages of a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Log lines of an execution that failed or was slow: warnings and errors first, then what was written near the
    /// failure; at most [`LOG_LINES_MAX`], by time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<LogLine>,
    /// What to ask next, as a command; absent where nothing is unusual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// What was left out, and how much of it.
    pub left_out: LeftOut,
    /// Where the list that was asked for goes on; `null` at its end, and in an overview.
    pub next_offset: Option<u64>,
}

/// What an execution waited for, and who had it meanwhile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WaitedFor {
    /// One sentence.
    pub text: String,
    /// The whole wait.
    pub wait_nanos: i64,
    /// That over the root's duration.
    pub share: f64,
    /// Who had it, for the longest part of the wait first; at most three.
    pub holders: Vec<Evidence>,
}

/// The extent of a critical path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PathTotal {
    pub segments: u64,
    /// The first one's start.
    pub start_unix_nanos: i64,
    /// The last one's end.
    pub end_unix_nanos: i64,
}

/// A root span.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RootSummary {
    pub span_id: SpanId,
    pub service: String,
    pub name: String,
    pub start_unix_nanos: i64,
    /// Its duration; `null` while open.
    pub duration_nanos: Option<i64>,
}

/// A stretch of the critical path on which one span was what the root waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PathSegment {
    pub span_id: SpanId,
    pub service: String,
    pub name: String,
    /// The stretch's start.
    pub start_unix_nanos: i64,
    /// The stretch's end; always later than its start.
    pub end_unix_nanos: i64,
}

/// The time of one operation within what is explained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BreakdownRow {
    pub service: String,
    /// The span name.
    pub name: String,
    /// How often it was called; over many executions, in all of them together.
    pub count: u64,
    /// Time in it and in none of its children; over many executions, the mean of one.
    pub self_nanos: i64,
    /// Time on the critical path; over many executions, the mean of one.
    pub critical_nanos: i64,
    /// Critical time over the root's duration, 0 to 1.
    pub share: f64,
    /// Where in the code, where `code.*` was recorded.
    pub code: Option<crate::finding::Location>,
    /// Where it may be, found by searching the worktree that the question names, where no span says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub searched: Option<crate::finding::Searched>,
    /// The statement with its literals removed, where one was recorded.
    pub statement: Option<String>,
    /// At most three examples, slowest first.
    pub examples: Vec<Evidence>,
    /// Quantiles of its duration; only over many executions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Quantiles>,
}

/// Quantiles in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Quantiles {
    /// The median.
    pub p50_nanos: i64,
    /// The 95th percentile.
    pub p95_nanos: i64,
    /// The 99th percentile.
    pub p99_nanos: i64,
    /// The largest.
    pub max_nanos: i64,
}

/// What an answer does not rest on. All zero: on everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeftOut {
    /// Executions beyond the ones looked at, and those of other code that a verification ran in turn with this one.
    pub executions: u64,
    /// Executions that have not ended.
    pub open_executions: u64,
    /// Spans wholly outside their parent's time.
    pub spans_outside_parent: u64,
    pub open_spans: u64,
    /// Rows of the breakdown beyond the ones shown.
    pub breakdown_rows: u64,
    /// Findings beyond the ones shown.
    pub findings: u64,
    /// Among `executions`: those that a verification ran of other code, in a worktree of its own.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub of_verifications: u64,
    /// Executions of other states of the code.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub other_states: u64,
    /// Segments of the critical path beyond the ones shown.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub path_segments: u64,
    /// Other roots beyond the ones shown.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub other_roots: u64,
    /// Log records of an unusual execution beyond those that the lines shown stand for.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub logs: u64,
}

/// Asks about an operation over its last executions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExplainOperationQuestion {
    /// Exact span name.
    pub operation: String,
    /// Exact service name.
    pub service: Option<String>,
    /// Over how many executions, newest first; 0 for the default.
    pub last: usize,
    /// Over those of every state of the code, instead of the newest one that has enough.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub all_states: bool,
    /// Whose traces.
    pub scope: Scope,
    /// A worktree whose files are searched for routes and statements of spans that name no place in the code: an absolute
    /// path. `None`: nothing is searched. It takes what `admin` allows, as the engine reads these files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worktree: Option<String>,
}

/// `kino.explain_operation.v1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExplainOperation {
    /// `kino.explain_operation.v1`.
    pub schema: String,
    /// The span name.
    pub operation: String,
    /// What was asked for, where the operation's name only contains it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// The services it ran in.
    pub services: Vec<String>,
    /// The state of the code (`kino.code_state`) that all of these executions ran; `null` where it is unknown, or
    /// several are.
    #[serde(default)]
    pub code_state: Option<String>,
    /// How many executions this rests on.
    pub executions: u64,
    /// How many spans they have together.
    pub spans: u64,
    /// Spans among them that are taken for children of a sibling without children that they ran in, though another
    /// parent was recorded: the sender does not nest them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub nested_by_time: u64,
    /// Failed executions among them.
    pub errors: u64,
    /// The executions' duration.
    pub duration: Option<Quantiles>,
    /// Calls of which there are far more or fewer than at the code state before the newest one; the largest change first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls_changed: Vec<CallsChanged>,
    /// The largest critical share first.
    pub breakdown: Vec<BreakdownRow>,
    /// What is wrong with it.
    pub findings: Vec<Finding>,
    /// What was left out, and how much of it.
    pub left_out: LeftOut,
}

/// Asks how the whole system works.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExplainSystemQuestion {
    /// Over how many executions of each entry point; 0 for the default.
    pub last: usize,
    /// Whose traces.
    pub scope: Scope,
    /// A worktree whose files are searched for routes and statements of spans that name no place in the code: an absolute
    /// path. `None`: nothing is searched. It takes what `admin` allows, as the engine reads these files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worktree: Option<String>,
}

/// `kino.explain_system.v1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExplainSystem {
    /// `kino.explain_system.v1`.
    pub schema: String,
    /// Entry points, the most total time first.
    pub entry_points: Vec<EntryPoint>,
    /// Entry points beyond the ones shown.
    pub left_out: u64,
    /// Traces beyond the bound on spans, and of temporary worktrees: executions of the entry points that do not count.
    #[serde(default)]
    pub traces_left_out: u64,
}

/// An operation at which executions start, and the calls below it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EntryPoint {
    pub service: String,
    /// The span name.
    pub name: String,
    /// How many executions this rests on.
    pub executions: u64,
    /// Failed ones among them.
    pub errors: u64,
    /// Their duration.
    pub duration: Quantiles,
    /// The largest critical share first.
    pub breakdown: Vec<BreakdownRow>,
    /// Pairs of calls below it that overlap in time, the longest overlap first; at most five.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub concurrent: Vec<Concurrent>,
}

/// Two operations that one caller has under way at the same time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Concurrent {
    /// Their span names; twice the same where calls of one operation run together.
    pub names: [String; 2],
    /// Time together; the mean of one execution.
    pub overlap_nanos: i64,
    /// That over the executions' time.
    pub share: f64,
}

crate::question!(ExplainTraceQuestion, "explain_trace", Read, Rows, ExplainTrace);
crate::question!(ExplainOperationQuestion, "explain_operation", Read, Rows, ExplainOperation);
crate::question!(ExplainSystemQuestion, "explain_system", Read, Rows, ExplainSystem);
crate::schema!(ExplainSystem, "kino.explain_system.v1");
crate::schema!(ExplainTrace, "kino.explain.v2");
crate::schema!(ExplainOperation, "kino.explain_operation.v1");
