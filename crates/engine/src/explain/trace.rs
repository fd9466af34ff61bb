//! What sets a trace apart: its likes are found and loaded, compared, and put on the wire.
//!
//! A trace that went well and took as long as its likes costs one look at their durations, and nothing is said.

use std::sync::Arc;

use kino_analyze::apart::{self as analyze, LIKES_MAX};
use kino_analyze::errors::MAX_MESSAGE_CHARS;
use kino_analyze::execution::{EntrySpans, Execution, executions, has_failed};
use kino_analyze::failure::{Earlier, Failure, earlier, failure, is_usual};
use kino_analyze::log_lines::{LogLine, log_lines};
use kino_analyze::tree::{Tree, trees};
use kino_model::{DurationNanos, SpanId, Trace, TraceId, UnixNanos, names};
use kino_store::snapshot::{Snapshot, TraceFilter};
use kino_wire::Problem;
use kino_wire::apart as wire;
use kino_wire::explain::{ExplainTrace, LOG_LINES_MAX};
use tokio::sync::oneshot;

use crate::error::OrProblem;
use crate::load;
use crate::offload::offload;
use crate::temporary_worktrees::leave_out_temporary;
use crate::{Engine, to_wire};

/// Spans of all likes together that one question loads, the newest likes first. The rest is counted.
const LIKES_SPANS_MAX: u64 = 200_000;
/// Spans that a failure passed through, by name, in one answer; the rest is counted.
const PASSED_MAX: usize = 20;
/// The longest name that a command to ask next is given.
const NEXT_NAME_BYTES_MAX: usize = 120;

/// The execution that a trace is about.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    service: String,
    name: String,
    /// Whether it is the trace's root, so that its likes are found by their root.
    is_root: bool,
    span_id: SpanId,
    end: i64,
    duration: i64,
    /// Whether any span of it failed.
    has_failures: bool,
    project: Option<String>,
}

impl Subject {
    /// Of a trace with spans.
    pub(super) fn of(tree: &Tree<'_>) -> Option<Self> {
        let execution = analyze::subject(tree)?;
        let span = tree.span(execution.entry);
        Some(Self {
            service: span.service().to_owned(),
            name: span.name.to_string(),
            is_root: tree.root() == Some(execution.entry) && span.parent_span_id.is_none(),
            span_id: span.span_id,
            end: tree.end(execution.entry),
            duration: tree.duration(execution.entry),
            has_failures: execution.spans().iter().any(|&index| has_failed(tree.span(index as usize))),
            project: span.resource.text(names::PROJECT).map(str::to_owned),
        })
    }
}

/// What was loaded to compare with.
struct ContrastTraces {
    traces: Vec<Arc<Trace>>,
    traces_left_out: u64,
}

impl Engine {
    /// What sets the trace apart, where it failed or was slow; nothing of a trace without a subject.
    pub(super) async fn unusual(
        &self,
        snapshot: &Snapshot,
        trace: Arc<Trace>,
        subject: oneshot::Receiver<Option<Subject>>,
    ) -> Result<Unusual, Problem> {
        let Ok(Some(subject)) = subject.await else { return Ok(Unusual::default()) };
        let Some(likes) = self.likes(snapshot, trace.trace_id, &subject).await? else { return Ok(Unusual::default()) };
        offload(move || unusual(&trace, &subject, &likes)).await.or_problem()
    }

    /// The newest traces with an execution of the same entry operation that began before this one ended; `None` where
    /// their durations show that nothing is unusual.
    async fn likes(
        &self,
        snapshot: &Snapshot,
        own: TraceId,
        subject: &Subject,
    ) -> Result<Option<ContrastTraces>, Problem> {
        let filter = TraceFilter {
            service: Some(subject.service.clone()),
            name: Some(subject.name.clone()),
            roots_only: subject.is_root,
            until: Some(UnixNanos(subject.end.saturating_add(1))),
            project: subject.project.clone(),
            ..TraceFilter::default()
        };
        let mut rows = snapshot.trace_sizes(&filter, LIKES_MAX + 1).await.or_problem()?;
        rows.retain(|row| row.trace_id != own);
        rows.truncate(LIKES_MAX);
        if subject.is_root && !subject.has_failures {
            let mut durations: Vec<i64> =
                rows.iter().filter_map(|row| row.duration.map(|DurationNanos(nanos)| nanos)).collect();
            if analyze::slow_limit(&mut durations).is_none_or(|limit| subject.duration <= limit) {
                return Ok(None);
            }
        }
        let mut spans = 0;
        let fits = rows.iter().take_while(|row| {
            spans += row.span_count;
            spans <= LIKES_SPANS_MAX
        });
        let ids: Vec<TraceId> = fits.map(|row| row.trace_id).collect();
        let beyond = rows.len() - ids.len();
        let spans_max = usize::try_from(LIKES_SPANS_MAX).unwrap_or(usize::MAX);
        let (mut traces, rest) = load::traces_within(snapshot, ids.into_iter(), spans_max).await?;
        let temporary = leave_out_temporary(&mut traces, &self.scratch());
        let traces_left_out = (beyond + rest.len() + temporary.len()) as u64;
        Ok(Some(ContrastTraces { traces, traces_left_out }))
    }
}

/// What is unusual, as it is answered.
#[derive(Default)]
pub(super) struct Unusual {
    apart: Option<wire::Apart>,
    failure: Option<wire::Failure>,
    logs: Vec<wire::LogLine>,
    logs_left_out: u64,
    next: Option<String>,
}

impl Unusual {
    pub(super) fn add_to(self, answer: &mut ExplainTrace) {
        answer.apart = self.apart;
        answer.failure = self.failure;
        answer.logs = self.logs;
        answer.left_out.logs = self.logs_left_out;
        answer.next = self.next;
    }
}

fn unusual(trace: &Arc<Trace>, subject: &Subject, likes: &ContrastTraces) -> Unusual {
    let own = Tree::new(trace);
    let trees = trees(&likes.traces);
    let entry = EntrySpans::Operation { service: Some(&subject.service), name: &subject.name };
    let is_subject = |execution: &&Execution<'_, '_>| execution.span_id() == subject.span_id;
    let all_here = executions(std::slice::from_ref(&own), EntrySpans::Outermost);
    let Some(execution) = all_here.iter().find(is_subject) else { return Unusual::default() };
    // Those of the same trace are its like too, as the tests of one run are.
    let mut alike = executions(&trees, entry);
    alike.extend(executions(std::slice::from_ref(&own), entry).iter().filter(|it| !is_subject(it)));
    alike.retain(|like| like.start() < subject.end);
    alike.sort_by_key(|like| std::cmp::Reverse(like.start()));
    alike.truncate(LIKES_MAX);
    let apart = analyze::apart(execution, &alike);
    let failed = failure(execution).filter(|failure| !failure.is_handled || !is_usual(failure, &alike));
    if !apart.is_unusual() && failed.is_none() {
        return Unusual::default();
    }
    let moment = failed.as_ref().map_or_else(|| slowest(&own, &apart).unwrap_or(subject.end), |it| it.cause.time.0);
    let went_well = |like: &&Execution<'_, '_>| !like.is_open() && !has_failed(like.tree.span(like.entry));
    let good: Vec<Execution<'_, '_>> = alike.iter().filter(went_well).copied().collect();
    let before = failed.as_ref().and_then(|failed| earlier(execution, failed, &good));
    let (logs, logs_left_out) = log_lines(execution, &good, moment, LOG_LINES_MAX);
    Unusual {
        next: next(&apart, failed.as_ref()),
        apart: apart.is_unusual().then(|| apart_answer(apart, likes.traces_left_out)),
        failure: failed.map(|failed| failure_answer(failed, before)),
        logs: logs.into_iter().map(log_answer).collect(),
        logs_left_out,
    }
}

/// When what it waited for began.
fn slowest(tree: &Tree<'_>, apart: &analyze::Apart) -> Option<i64> {
    let span = apart.wait.as_ref()?.evidence.span_id?;
    tree.trace().spans.iter().find(|it| it.span_id == span).map(|it| it.start.0)
}

/// What to ask next: of a failure the span that holds it, of a wait the operation that was waited for, where its name
/// can be part of a command.
fn next(apart: &analyze::Apart, failed: Option<&Failure>) -> Option<String> {
    let open = |evidence: kino_analyze::finding::Evidence| {
        evidence.span_id.map(|span| format!("kino open {}/{span}", evidence.trace_id))
    };
    match (failed, &apart.wait) {
        (Some(failed), _) if !failed.is_handled || !apart.is_slow => open(failed.cause.evidence),
        (_, Some(wait)) => operation_command(&wait.service, &wait.name).or_else(|| open(wait.evidence)),
        _ => operation_command(&apart.service, &apart.name),
    }
}

/// The command that explains an operation; `None` where its names hold characters that a shell or a reader may take for
/// something else.
fn operation_command(service: &str, name: &str) -> Option<String> {
    let is_plain = |text: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" _-./:=@%+,{}<>()[]*#?&".contains(&byte);
        !text.is_empty() && !text.starts_with('-') && text.len() <= NEXT_NAME_BYTES_MAX && text.bytes().all(plain)
    };
    let quoted = |text: &str| {
        let is_word = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./:".contains(&byte));
        if is_word { text.to_owned() } else { format!("'{text}'") }
    };
    let of_service = match service {
        "" => String::new(),
        service if is_plain(service) => format!(" --service {}", quoted(service)),
        _ => return None,
    };
    is_plain(name).then(|| format!("kino explain {}{of_service}", quoted(name)))
}

fn apart_answer(apart: analyze::Apart, traces_left_out: u64) -> wire::Apart {
    let likes = apart.likes;
    wire::Apart {
        service: apart.service,
        name: apart.name,
        duration_nanos: apart.duration_nanos,
        open: apart.is_open,
        failed: apart.is_failed,
        slow: apart.is_slow,
        likes: wire::Likes {
            executions: likes.executions,
            failed: likes.failed,
            slow: likes.slow,
            duration: likes.duration.map(to_wire::quantiles),
            meanwhile: likes.meanwhile,
            meanwhile_alike: likes.meanwhile_alike,
            traces_left_out,
        },
        first_of_process: apart.is_first_of_process,
        wait: apart.wait.map(wait_answer),
        operations: apart.operations.into_iter().map(operation_answer).collect(),
        operations_left_out: apart.operations_left_out,
        attributes: apart.attributes.into_iter().map(attribute_answer).collect(),
        attributes_left_out: apart.attributes_left_out,
    }
}

fn wait_answer(wait: analyze::Wait) -> wire::Wait {
    wire::Wait {
        service: wait.service,
        name: wait.name,
        kind: wait.kind,
        nanos: wait.nanos,
        usual_nanos: wait.usual_nanos,
        share: wait.share,
        what: wait.what,
        location: wait.location.map(to_wire::location),
        searched: None,
        evidence: to_wire::evidence(&wait.evidence),
    }
}

fn operation_answer(row: analyze::OperationApart) -> wire::OperationApart {
    use analyze::Difference as From;
    wire::OperationApart {
        service: row.service,
        name: row.name,
        difference: match row.difference {
            From::OnlyHere => wire::Difference::OnlyHere,
            From::Missing => wire::Difference::Missing,
            From::MoreCalls => wire::Difference::MoreCalls,
            From::FewerCalls => wire::Difference::FewerCalls,
            From::Slower => wire::Difference::Slower,
            From::Fails => wire::Difference::Fails,
        },
        calls: row.calls,
        usual_calls: row.usual_calls,
        likes_with_it: row.likes_with_it,
        likes: row.likes,
        errors: row.errors,
        likes_with_errors: row.likes_with_errors,
        call_nanos: row.call_nanos,
        usual_call_nanos: row.usual_call_nanos,
        critical_nanos: row.critical_nanos,
        usual_critical_nanos: row.usual_critical_nanos,
        location: row.location.map(to_wire::location),
        searched: None,
        evidence: row.evidence.as_ref().map(to_wire::evidence),
    }
}

fn attribute_answer(row: analyze::AttributeApart) -> wire::AttributeApart {
    wire::AttributeApart {
        key: row.key,
        value: row.value,
        usual: row.usual,
        likes_with_it: row.likes_with_it,
        likes: row.likes,
        alike_with_it: row.alike_with_it,
        alike: row.alike,
    }
}

fn failure_answer(mut failure: Failure, earlier: Option<Earlier>) -> wire::Failure {
    let passed_left_out = failure.passed.len().saturating_sub(PASSED_MAX) as u64;
    // The outermost stays, since it is what failed in the end.
    let outermost = failure.passed.pop();
    failure.passed.truncate(PASSED_MAX - 1);
    failure.passed.extend(outermost);
    let cause = failure.cause;
    wire::Failure {
        cause: wire::Cause {
            service: cause.service,
            name: cause.name,
            error_type: cut(&cause.error_type),
            message: cut(&cause.message),
            time_unix_nanos: cause.time.0,
            frame: cause.frame.map(to_wire::frame),
            location: cause.location.map(to_wire::location),
            searched: None,
            from_stack: cause.is_from_stack,
            evidence: to_wire::evidence(&cause.evidence),
        },
        passed: failure.passed,
        passed_left_out,
        reported: failure
            .reported
            .map(|(error_type, message)| wire::Reported { error_type: cut(&error_type), message: cut(&message) }),
        handled: failure.is_handled,
        others: failure.others,
        earlier: earlier.map(earlier_answer),
    }
}

/// What is answered of a recorded text.
fn cut(text: &str) -> String {
    text.chars().take(MAX_MESSAGE_CHARS).collect()
}

fn earlier_answer(earlier: Earlier) -> wire::Earlier {
    wire::Earlier {
        service: earlier.service,
        name: earlier.name,
        error_type: cut(&earlier.error_type),
        message: cut(&earlier.message),
        time_unix_nanos: earlier.time.0,
        frame: earlier.frame.map(to_wire::frame),
        attributes: earlier
            .attributes
            .into_iter()
            .map(|it| wire::EarlierAttribute {
                key: it.key,
                value: it.value,
                others: it.others,
                others_with_it: it.others_with_it,
            })
            .collect(),
        likes: earlier.likes,
        likes_with_it: earlier.likes_with_it,
        others: earlier.others,
        evidence: to_wire::evidence(&earlier.evidence),
    }
}

fn log_answer(line: LogLine) -> wire::LogLine {
    wire::LogLine {
        time_unix_nanos: line.time.0,
        severity: line.severity,
        service: line.service,
        body: line.body,
        characters_left_out: line.characters_left_out,
        times: line.times,
        apart: line.apart.map(|apart| wire::LineApart { others: apart.others, usual: apart.usual }),
        evidence: to_wire::evidence(&line.evidence),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_holds_no_name_that_may_be_taken_for_something_else() {
        let command = |service: &str, name: &str| operation_command(service, name);
        assert_eq!(command("shop", "GET /cart/{id}").as_deref(), Some("kino explain 'GET /cart/{id}' --service shop"));
        assert_eq!(command("", "load").as_deref(), Some("kino explain load"));
        for name in ["", "--all", "a'; rm -rf ~", "$(x)", "a\nb", "`x`", "a\u{202e}b", &"a".repeat(200), "\"x\"", "a!b"]
        {
            assert_eq!(command("shop", name), None, "{name:?}");
            assert_eq!(command(name, "load").filter(|_| !name.is_empty()), None, "{name:?}");
        }
    }
}
