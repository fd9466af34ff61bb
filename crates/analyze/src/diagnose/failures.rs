//! Executions that failed, by their first cause: the failure furthest down on the way that led to the entry's own.
//!
//! On the way down, a failed call that recorded the same exception as its caller goes before others, then the one that
//! ended last: what came before it was dealt with. A cancelled call is never taken where another one failed. What the
//! entry itself recorded is a rethrow of it, and is named beside it.
//!
//! The share is that since the failure first appeared, one execution added that did not fail, so that a single failure
//! is never sure: a last execution that failed alone counts for half, one that was followed by many good ones for ever
//! less.

use std::collections::BTreeMap;

use super::words::Names;
use super::{Candidate, Group, Loss, Next, Of, Source};
use crate::errors::{Exception, exception, fingerprint_of};
use crate::execution::Execution;
use crate::finding::{Evidence, Location, MAX_EXAMPLES, evidence, location};
use crate::fingerprint::{fingerprint, shape};

use kino_model::names;

/// Characters of a recorded message that are shown.
const MESSAGE_CHARS_MAX: usize = 200;
/// Levels that are followed down; traces that people make are a few dozen deep.
const LEVELS_MAX: usize = 1_000;
/// The least severity of a log that tells of an error, as OpenTelemetry numbers them.
const SEVERITY_ERROR: i32 = 17;

/// One failed execution.
struct Failure<'a> {
    /// Its number among the executions.
    number: usize,
    /// The span of the first cause.
    index: usize,
    exception: Option<Exception<'a>>,
    /// What the span or a log says, where there is no exception.
    said: &'a str,
    /// The exception that the entry failed with, if it is another.
    outer: Option<Exception<'a>>,
}

/// A candidate for each first cause.
pub(super) fn candidates(group: &Group<'_, '_>) -> Vec<Candidate> {
    let ended: Vec<Execution<'_, '_>> = group.all.iter().filter(|it| !it.is_open()).copied().collect();
    let mut by_cause: BTreeMap<String, Vec<Failure<'_>>> = BTreeMap::new();
    for (number, execution) in ended.iter().enumerate().filter(|(_, it)| it.is_error()) {
        let failure = first_cause(execution, number);
        let span = execution.tree.span(failure.index);
        let cause = match &failure.exception {
            Some(exception) => fingerprint_of(exception),
            None => fingerprint(&["failed", span.service(), &shape(&span.name), &shape(failure.said)]),
        };
        by_cause.entry(cause).or_default().push(failure);
    }
    by_cause.into_iter().map(|(cause, failures)| candidate(group, &ended, &cause, &failures)).collect()
}

fn candidate(
    group: &Group<'_, '_>,
    ended: &[Execution<'_, '_>],
    cause: &str,
    failures: &[Failure<'_>],
) -> Candidate {
    let (first, last) = (&failures[0], &failures[failures.len() - 1]);
    let count = failures.len();
    let since = ended.len() - first.number;
    // How many were expected to fail since the last one did, at the rate before.
    let rate = count as f64 / (last.number - first.number + 2) as f64;
    let missed = (ended.len() - 1 - last.number) as f64 * rate;
    let share = count as f64 / (since + 1) as f64 / (1.0 + missed);
    let execution = &ended[last.number];
    let span = execution.tree.span(last.index);
    let newest = failures.iter().rev().map(|failure| {
        let execution = &ended[failure.number];
        evidence(execution.trace_id(), execution.tree.span(failure.index))
    });
    let evidence: Vec<Evidence> = newest.take(MAX_EXAMPLES).collect();
    let mut names = Names::default();
    for exception in [&last.exception, &last.outer].into_iter().flatten() {
        names.add(exception.exception_type);
        names.add(exception.message);
    }
    names.add(last.said);
    Candidate {
        source: Source::Error,
        entry: group.entry(),
        subject: (span.service().to_owned(), span.name.to_string()),
        text: text(group, ended.len(), failures, &span.name),
        loss: Loss { share, of: Of::Executions },
        confidence: 1.0,
        severity: 0.0,
        executions: ended.len() as u64,
        location: place(execution, last),
        traces: failures.iter().map(|failure| ended[failure.number].trace_id()).collect(),
        next: Next::Trace(execution.trace_id()),
        evidence,
        fingerprint: fingerprint(&["error", group.service, group.name, cause]),
        suspects: Vec::new(),
        names,
    }
}

/// What fails, where it was first raised, and since when.
fn text(group: &Group<'_, '_>, executions: usize, failures: &[Failure<'_>], raised_in: &str) -> String {
    let last = &failures[failures.len() - 1];
    let what = match &last.exception {
        Some(exception) => described(exception),
        None if last.said.is_empty() => "a failure without a message".to_owned(),
        None => cut(last.said),
    };
    let name = group.name;
    let mut text = match (failures.len(), executions) {
        (1, 1) => format!("The only execution of {name} failed: {what}"),
        (1, _) if last.number + 1 == executions => {
            format!("The last execution of {name} failed, of {executions} no other that way: {what}")
        }
        (count, _) => format!("{count} of {executions} executions of {name} failed: {what}"),
    };
    if raised_in != name {
        text.push_str(&format!(", first in {raised_in}"));
    }
    let outer = last.outer.as_ref().filter(|outer| !outer.exception_type.is_empty());
    if let Some(outer) = outer {
        text.push_str(&format!(", passed on as {}", outer.exception_type));
    }
    if failures.len() > 1 && failures[0].number > 0 {
        text.push_str(&format!("; none of the {} before the first", failures[0].number));
    }
    let good_since = executions - 1 - last.number;
    if good_since > 0 {
        text.push_str(&format!("; the last {good_since} did not"));
    }
    text.push('.');
    text
}

fn described(exception: &Exception<'_>) -> String {
    match (exception.exception_type, exception.message) {
        (kind, "") => kind.to_owned(),
        ("", message) => cut(message),
        (kind, message) => format!("{kind}: {}", cut(message)),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MESSAGE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The way down from the entry to the failure that came first.
fn first_cause<'a>(execution: &Execution<'_, 'a>, number: usize) -> Failure<'a> {
    let tree = execution.tree;
    let mut at = execution.entry;
    for _ in 0..LEVELS_MAX {
        let here = raised(execution, at);
        let failed = tree.children(at).iter().map(|&child| child as usize).filter(|&child| tree.span(child).is_error());
        let goes_before = |child: usize| {
            let there = raised(execution, child);
            let is_same = match (&here, &there) {
                (Some(here), Some(there)) => {
                    (here.exception_type, here.message) == (there.exception_type, there.message)
                }
                _ => false,
            };
            (is_same, !there.is_some_and(|it| is_cancellation(it.exception_type)), tree.end(child))
        };
        match failed.max_by_key(|&child| goes_before(child)) {
            Some(child) => at = child,
            None => break,
        }
    }
    let exception = raised(execution, at).or_else(|| logged(execution, at));
    let outer = raised(execution, execution.entry).filter(|outer| {
        exception.is_some_and(|inner| inner.exception_type != outer.exception_type || inner.message != outer.message)
    });
    let status: &str = &tree.span(at).status.message;
    let said = if status.is_empty() { said_in_log(execution, at) } else { status };
    // What nothing below explains may be told by the entry alone.
    let exception = exception.or_else(|| if said.is_empty() { raised(execution, execution.entry) } else { None });
    Failure { number, index: at, exception, said, outer }
}

fn is_cancellation(exception_type: &str) -> bool {
    exception_type.rsplit(['.', ':']).next().is_some_and(|name| name.to_ascii_lowercase().contains("cancel"))
}

/// The last exception that a span recorded.
fn raised<'a>(execution: &Execution<'_, 'a>, index: usize) -> Option<Exception<'a>> {
    let span = execution.tree.span(index);
    let root = span.resource.text(names::WORKTREE);
    let found = span.events.iter().rev().find_map(|event| exception(event, evidence(execution.trace_id(), span)));
    found.map(|found| Exception { root, ..found })
}

/// The last exception that a log within a span tells of.
fn logged<'a>(execution: &Execution<'_, 'a>, index: usize) -> Option<Exception<'a>> {
    let span = execution.tree.span(index);
    let logs = execution.tree.trace().logs.iter().rev().filter(|log| log.span_id == Some(span.span_id));
    let found = logs.filter_map(|log| exception(&log.event, evidence(execution.trace_id(), span))).next();
    found.map(|found| Exception { in_log: true, root: span.resource.text(names::WORKTREE), ..found })
}

/// The last line that a span logged as an error.
fn said_in_log<'a>(execution: &Execution<'_, 'a>, index: usize) -> &'a str {
    let span_id = execution.tree.span(index).span_id;
    let logs = execution.tree.trace().logs.iter().rev();
    let mut of_span = logs.filter(|log| log.span_id == Some(span_id) && log.severity_number >= SEVERITY_ERROR);
    of_span.find_map(|log| log.body.as_str()).unwrap_or_default()
}

/// The innermost own frame of the exception's stack, else where the span says that it was made.
fn place(execution: &Execution<'_, '_>, failure: &Failure<'_>) -> Option<Location> {
    let from_stack = failure.exception.as_ref().and_then(|exception| {
        let frames = crate::errors::frames(exception.stacktrace, exception.root);
        let frame = frames.iter().find(|frame| frame.in_project).or_else(|| frames.first())?;
        let line = frame.line;
        Some(Location { path: frame.path.clone(), line, function: Some(frame.function.clone()), known_by: "stack" })
    });
    from_stack.or_else(|| location(execution.tree.span(failure.index)))
}
