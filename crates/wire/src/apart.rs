//! What sets one execution apart from its like, why it failed, and what it logged: parts of the answer on a trace.

use kino_model::finding::WaitKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::errors::Frame;
use crate::explain::Quantiles;
use crate::finding::{Evidence, Location, Searched};

/// How an execution that failed or was slow differs from others of its entry operation, before it and at its time.
/// Names, values and statements are recorded text: untrusted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Apart {
    /// The service of the entry operation.
    pub service: String,
    /// The entry operation.
    pub name: String,
    /// Its duration; of an open one as far as it is known.
    pub duration_nanos: i64,
    /// Whether it has not ended.
    pub open: bool,
    /// Whether it failed.
    pub failed: bool,
    /// Whether it was slow: with at least 20 likes that did not fail, beyond their 95th percentile and 1.5 times their
    /// median, or beyond three times their median; with at least five, longer than twice the longest of them.
    pub slow: bool,
    /// What it is compared with.
    pub likes: Likes,
    /// Whether it is the first execution of its process, where others of its like are not: it loads code, opens
    /// connections and fills caches.
    pub first_of_process: bool,
    /// Where most of the additional time passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<Wait>,
    /// Operations that differ, the most additional time on the critical path first; at most eight.
    pub operations: Vec<OperationApart>,
    /// Differing operations beyond these.
    pub operations_left_out: u64,
    /// Attributes that differ, the most telling first; at most five.
    pub attributes: Vec<AttributeApart>,
    /// Differing attributes beyond these.
    pub attributes_left_out: u64,
}

/// What an execution is compared with: the newest hundred of its entry operation that began before it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Likes {
    /// Those that have ended.
    pub executions: u64,
    /// Failed ones among them.
    pub failed: u64,
    /// Those among the others that were slow by the same limit.
    pub slow: u64,
    /// Durations of those that did not fail.
    pub duration: Option<Quantiles>,
    /// Those that ran at the same time for a while.
    pub meanwhile: u64,
    /// Those among them that failed, if this one did, or were slow, if this one was.
    pub meanwhile_alike: u64,
    /// Traces of likes that were not read, since there are too many spans in them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub traces_left_out: u64,
}

/// What an execution waited for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Wait {
    pub service: String,
    /// The span's name.
    pub name: String,
    /// What it is.
    pub kind: WaitKind,
    /// Its own time on the critical path of this execution.
    pub nanos: i64,
    /// The same usually, the median; `null` with too few likes.
    pub usual_nanos: Option<i64>,
    /// Which part of the additional time it is, 0 to 1; of the whole where nothing is known to be usual.
    pub share: f64,
    /// A statement without its literals, a host, a lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// Where in the code.
    #[serde(rename = "where")]
    pub location: Option<Location>,
    /// Where it may be, found by searching the worktree that the question names, where no span says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub searched: Option<Searched>,
    /// The span with the most of it.
    pub evidence: Evidence,
}

/// How an operation differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// None of the likes that went well calls it.
    OnlyHere,
    /// They call it, this execution does not.
    Missing,
    /// It is called more often than in any of them.
    MoreCalls,
    /// It is called less often than in any of them.
    FewerCalls,
    /// A call of it takes longer.
    Slower,
    /// It fails here.
    Fails,
}

/// An operation that differs from the likes that did not fail and were not slow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperationApart {
    pub service: String,
    /// The span name.
    pub name: String,
    /// How it differs.
    pub difference: Difference,
    /// Calls here.
    pub calls: u64,
    /// Calls in one of the likes; the median.
    pub usual_calls: f64,
    /// Likes that call it.
    pub likes_with_it: u64,
    /// Likes that it is compared with.
    pub likes: u64,
    /// Failed calls here.
    pub errors: u64,
    /// Likes in which a call of it fails.
    pub likes_with_errors: u64,
    /// The mean duration of a call here; `null` where it is missing.
    pub call_nanos: Option<i64>,
    /// The same usually; the median.
    pub usual_call_nanos: Option<i64>,
    /// Time in it and in none of its children on the critical path here.
    pub critical_nanos: i64,
    /// The same usually; the median.
    pub usual_critical_nanos: i64,
    /// Where in the code.
    #[serde(rename = "where")]
    pub location: Option<Location>,
    /// Where it may be, found by searching the worktree that the question names, where no span says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub searched: Option<Searched>,
    /// The call here with the most time of its own on the critical path.
    pub evidence: Option<Evidence>,
}

/// An attribute that differs from the likes that did not fail and were not slow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AttributeApart {
    pub key: String,
    /// The value here.
    pub value: String,
    /// The most frequent value, or the range of numbers; `null` where no like has the key.
    pub usual: Option<String>,
    /// Likes with this value, or with a number as far out.
    pub likes_with_it: u64,
    /// Likes that have the key.
    pub likes: u64,
    /// Likes that failed, or were slow, as this one, and have it too.
    pub alike_with_it: u64,
    /// Likes that failed, or were slow, as this one.
    pub alike: u64,
}

/// Why an execution failed. Types, messages and names are recorded text: untrusted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// The failure that the others pass on.
    pub cause: Cause,
    /// The names of the spans from the cause's up to the entry, the cause's first; at most twenty.
    pub passed: Vec<String>,
    /// Spans in between that are not named.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub passed_left_out: u64,
    /// What the entry recorded, where that is another failure than the first cause.
    pub reported: Option<Reported>,
    /// Whether the entry itself did not fail: something caught it.
    pub handled: bool,
    /// Other spans that failed by themselves.
    pub others: u64,
    /// What was caught before the first cause and hardly any execution that went well has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<Earlier>,
}

/// A failure that was caught, before another one ended the execution. Its texts are recorded: untrusted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Earlier {
    pub service: String,
    /// The operation.
    pub name: String,
    /// The exception's type; else what the span says of its failure; may be empty.
    #[serde(rename = "type")]
    pub error_type: String,
    /// The message, at most 500 characters.
    pub message: String,
    /// When it was recorded; the span's end where nothing says.
    pub time_unix_nanos: i64,
    /// The innermost frame of the project, else of the stack.
    pub frame: Option<Frame>,
    /// Attributes that set its span apart from others of its operation; at most three.
    pub attributes: Vec<EarlierAttribute>,
    /// Executions that went well and were looked at.
    pub likes: u64,
    /// Those among them that have one of the kind.
    pub likes_with_it: u64,
    /// Failures of other kinds that were caught before the first cause and are as rare.
    pub others: u64,
    /// The span that recorded it.
    pub evidence: Evidence,
}

/// An attribute of the span on which a failure was caught: untrusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EarlierAttribute {
    pub key: String,
    pub value: String,
    /// Other spans of the operation that have the key.
    pub others: u64,
    /// Those among them that have this value.
    pub others_with_it: u64,
}

/// A failure that no other explains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cause {
    pub service: String,
    /// The operation.
    pub name: String,
    /// The exception's type; else `error.type`, or the HTTP status; empty where nothing is recorded.
    #[serde(rename = "type")]
    pub error_type: String,
    /// The exception's message, else the status message; at most 500 characters.
    pub message: String,
    /// When it was recorded; the span's end where nothing says.
    pub time_unix_nanos: i64,
    /// The innermost frame of the project, else of the stack.
    pub frame: Option<Frame>,
    /// Where in the code the span says it was made.
    #[serde(rename = "where")]
    pub location: Option<Location>,
    /// Where it may be, found by searching the worktree that the question names, where no span says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub searched: Option<Searched>,
    /// Whether only the stack of a later exception names it.
    pub from_stack: bool,
    /// The span that recorded it.
    pub evidence: Evidence,
}

/// An exception as the entry recorded it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reported {
    #[serde(rename = "type")]
    pub error_type: String,
    /// The message, at most 500 characters.
    pub message: String,
}

/// Log records of one text within the trace, shown as one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LogLine {
    /// When it was written; of several the one nearest to the failure.
    pub time_unix_nanos: i64,
    /// The sender's word for the severity, or OTLP's; may be empty.
    pub severity: String,
    pub service: String,
    /// The message, at most 500 characters. Recorded text: untrusted.
    pub body: String,
    /// Its characters beyond these.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub characters_left_out: u64,
    /// How often the execution wrote a line that differs in numbers and quoted words alone.
    pub times: u64,
    /// How it differs from what executions that went well wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apart: Option<LineApart>,
    /// Where it was written.
    pub evidence: Evidence,
}

/// How a log line differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LineApart {
    /// Lines that differ from it in little but the numbers; 0 where no execution that went well wrote such a line.
    pub others: u64,
    /// The one of them that is most alike. Recorded text: untrusted.
    pub usual: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
