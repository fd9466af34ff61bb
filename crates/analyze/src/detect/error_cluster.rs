//! `error_cluster`: one exception, by its fingerprint, again and again.
//!
//! Evidence: at least [`MIN_COUNT`] executions that failed, or hold a failed span, with an exception of one
//! fingerprint; of statements of one text and, where the database names it, one constraint. An exception that passes up
//! through several spans counts once an execution, at the innermost. A call without a request above it is judged by how
//! its run ended: it counts once in each run that failed, as the last of its kind, since the program went on after the
//! others; where the run has not ended, or was ended by a signal, it is [`UNSURE`]. Silent
//! inside tests that passed, about exceptions on spans that did not fail (they were handled), about failed calls in runs that
//! ended well, about those within the process in a request that was answered all the same (a status below 500: an answer,
//! or a refusal, is how frameworks pass it on), about statements in a request that was refused (4xx: what was asked was
//! wrong), about scripts that a cache server asks to be sent, about types that the execution catches again and again, about exceptions that are control flow (exits,
//! cancellations, redirections), and about what is not there, or is there already (404, ENOENT, a unique key), in
//! [`PROBING`] of the executions and more that go well all the same, or are that call alone: they ask whether it is. In
//! fewer it is [`UNSURE`], and so is a call to the outside that failed while nothing above it did in [`HANDLED`] of the
//! cases: its caller was ready for that.

use std::collections::{BTreeMap, BTreeSet};

use kino_model::{Fingerprint, Span, SpanKind, names};

use super::Draft;
use super::detection::Detection;
use super::facts::{ANCESTORS_MAX, Facts, Group, top};
use super::failures::{asks_for_script, constraint, is_absence, is_control_flow, is_presence, is_statement};
use crate::errors::{Exception, exception, fingerprint_of};
use crate::execution::{RunEnd, has_failed, run_end};
use crate::finding::{Code, Number, UNSURE, Unit};
use crate::statement::normalise;

const MIN_COUNT: usize = 3;
/// What is missing, or there already, in this part of the executions is how the operation works; in fewer, it may be news.
const PROBING: f64 = 0.5;
/// A failure that nothing above shared in this part of the cases does not decide whether an execution goes well.
const HANDLED: f64 = 0.5;

/// The exception's type, and the (execution, span) cases.
type Cluster<'a> = (&'a str, Vec<(usize, usize)>);

/// What the cases of one cluster have in common: the exception, and of a statement its text and the constraint.
type ClusterKey = (Fingerprint, String);

fn is_outside(span: &Span) -> bool {
    matches!(span.kind, SpanKind::Client | SpanKind::Producer)
}

fn is_graphql(span: &Span) -> bool {
    span.attributes.iter().any(|(key, _)| key.starts_with("graphql."))
}

/// Whether a span failed within the process of a request that was answered nevertheless; of calls to the outside a
/// statement alone, in a request that was refused. Answers of GraphQL hold errors and go well.
fn is_answered(facts: &Facts<'_, '_>, index: usize) -> bool {
    let answers = match facts.span(index) {
        span if !is_outside(span) => 200..500,
        span if is_statement(span) => 400..500,
        _ => return false,
    };
    let mut at = index;
    for _ in 0..ANCESTORS_MAX {
        let span = facts.span(at);
        if is_graphql(span) {
            return false;
        }
        if span.kind == SpanKind::Server {
            return span.int("http.response.status_code").is_some_and(|status| answers.contains(&status));
        }
        match facts.tree.parent(at).filter(|_| at != facts.execution.entry) {
            Some(parent) => at = parent,
            None => break,
        }
    }
    false
}

/// Whether a call to the outside failed and nothing above it in the execution did. GraphQL answers failures as if they
/// were none.
fn is_handled(facts: &Facts<'_, '_>, index: usize) -> bool {
    if !is_outside(facts.span(index)) || index == facts.execution.entry {
        return false;
    }
    let mut at = index;
    for _ in 0..ANCESTORS_MAX {
        let Some(parent) = facts.tree.parent(at).filter(|_| at != facts.execution.entry) else { return true };
        if has_failed(facts.span(parent)) || is_graphql(facts.span(parent)) {
            return false;
        }
        at = parent;
    }
    false
}

/// What spans of one execution recorded, by exception type and message.
type Raised<'a> = BTreeMap<(&'a str, &'a str), Vec<(usize, Exception<'a>)>>;

/// What one execution raised that may be why it fails. Spans that recorded one and the same are together, parents before
/// their children: each on its way up records it again, with the stack as seen from there.
fn raised<'a>(facts: &Facts<'_, 'a>) -> Raised<'a> {
    let mut raised: Raised<'_> = BTreeMap::new();
    for index in facts.indices().filter(|&index| facts.span(index).is_error()) {
        let root = facts.span(index).resource.text(names::WORKTREE);
        for event in &facts.span(index).events {
            if let Some(found) = exception(event, facts.evidence(index)) {
                let found = Exception { root, ..found };
                raised.entry((found.exception_type, found.message)).or_default().push((index, found));
            }
        }
    }
    let caught = caught(facts, &raised);
    raised.retain(|(exception_type, _), same| {
        !is_control_flow(exception_type)
            && !caught.contains(exception_type)
            && !same
                .iter()
                .all(|(index, found)| is_answered(facts, *index) || asks_for_script(facts.span(*index), found.message))
    });
    raised
}

/// Exception types that one execution catches, as far as it shows: the type comes with several messages, and each time but
/// the last the span above did not fail with it and went on with something else. What ends an execution comes once, and
/// what is tried again comes with the same message.
fn caught<'a>(facts: &Facts<'_, 'a>, raised: &Raised<'a>) -> BTreeSet<&'a str> {
    let mut by_type: BTreeMap<&str, Vec<&Vec<(usize, Exception<'_>)>>> = BTreeMap::new();
    for ((exception_type, _), same) in raised {
        by_type.entry(exception_type).or_default().push(same);
    }
    by_type.retain(|exception_type, messages| {
        let mut spans: Vec<usize> = messages.iter().flat_map(|same| same.iter().map(|(index, _)| *index)).collect();
        spans.sort_by_key(|&index| facts.tree.start(index));
        let earlier = &spans[..spans.len() - 1];
        messages.len() > 1 && earlier.iter().all(|&index| goes_on_after(facts, index, exception_type))
    });
    by_type.into_keys().collect()
}

/// Whether an exception ended a piece of work within the process, and the span above went on without it.
fn goes_on_after(facts: &Facts<'_, '_>, index: usize, exception_type: &str) -> bool {
    let Some(parent) = facts.tree.parent(index).filter(|_| index != facts.execution.entry) else { return false };
    let is_within = matches!(facts.span(index).kind, SpanKind::Internal | SpanKind::Unspecified);
    let is_passed_on = facts.span(parent).events.iter().any(|event| {
        exception(event, facts.evidence(parent)).is_some_and(|found| found.exception_type == exception_type)
    });
    let mut beside = facts.tree.children(parent).iter().map(|&child| child as usize);
    is_within && !is_passed_on && beside.any(|other| other != index && facts.tree.start(other) >= facts.tree.end(index))
}

pub(super) fn detect(group: &Group<'_, '_>, findings: &mut Vec<Detection>) {
    for (key, (exception_type, cases)) in clusters(group) {
        let cases = without_handled(group, cases);
        if cases.is_empty() || cases.len() < group.cases(MIN_COUNT) {
            continue;
        }
        let is_all_asked_for = cases.iter().all(|&case| is_asked_for(group, case));
        if cases.len() as f64 >= PROBING * group.facts.len() as f64 && is_all_asked_for {
            continue;
        }
        // Without a type it may be any value that was passed on, and nothing failed of it.
        let is_untyped = exception_type.is_empty();
        if is_untyped && cases.iter().all(|&(number, _)| !group.facts[number].execution.is_error()) {
            continue;
        }
        let is_handled = |&&(number, index): &&(usize, usize)| {
            let facts = &group.facts[number];
            let is_unknown = run_end(&facts.execution).is_some_and(|(_, end)| end == RunEnd::Unknown);
            is_unknown || is_handled(facts, index)
        };
        let handled = cases.iter().filter(is_handled).count();
        let is_unsure = is_all_asked_for || handled as f64 >= HANDLED * cases.len() as f64;
        findings.push(finding(group, &key, exception_type, &cases, is_unsure));
    }
}

/// The cases that may be why something failed: without calls of runs that ended well, and of each run that failed the last
/// call alone.
fn without_handled(group: &Group<'_, '_>, cases: Vec<(usize, usize)>) -> Vec<(usize, usize)> {
    let mut last: BTreeMap<(kino_model::TraceId, usize), (i64, (usize, usize))> = BTreeMap::new();
    let mut left = Vec::with_capacity(cases.len());
    for case in cases {
        let execution = &group.facts[case.0].execution;
        match run_end(execution) {
            Some((_, RunEnd::Well)) => {}
            Some((run, RunEnd::Failed)) => {
                let known = last.entry((execution.trace_id(), run)).or_insert((i64::MIN, case));
                *known = (*known).max((execution.start(), case));
            }
            Some((_, RunEnd::Unknown)) | None => left.push(case),
        }
    }
    left.extend(last.into_values().map(|(_, case)| case));
    left.sort_unstable();
    left
}

/// The text of a statement and the constraint that it broke; nothing of other spans.
fn statement_of(span: &Span, message: &str) -> String {
    let text = span.text("db.query.text").map(normalise);
    [text, constraint(message).map(str::to_owned)].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// What the executions raised, by what the cases have in common.
fn clusters<'a>(group: &Group<'_, 'a>) -> BTreeMap<ClusterKey, Cluster<'a>> {
    let mut known: BTreeMap<(&str, &str, &str, Option<&str>), Fingerprint> = BTreeMap::new();
    let mut clusters: BTreeMap<ClusterKey, Cluster<'_>> = BTreeMap::new();
    for (number, facts) in group.facts.iter().enumerate().filter(|(_, facts)| !facts.is_passed_test()) {
        let raised = raised(facts);
        let mut here: BTreeMap<ClusterKey, (&str, usize)> = BTreeMap::new();
        for same in raised.values() {
            let by_span: Vec<&[(usize, Exception<'_>)]> = same.chunk_by(|left, right| left.0 == right.0).collect();
            for (position, (index, found)) in
                by_span.iter().enumerate().flat_map(|(at, own)| own.iter().map(move |it| (at, it)))
            {
                let next = by_span.get(position + 1).and_then(|inner| inner.first());
                if next.is_some_and(|(inner, _)| facts.tree.is_at_or_below(*inner, *index)) {
                    continue;
                }
                let key = (found.exception_type, found.message, found.stacktrace, found.root);
                let fingerprint = *known.entry(key).or_insert_with(|| fingerprint_of(found));
                let statement = statement_of(facts.span(*index), found.message);
                here.insert((fingerprint, statement), (found.exception_type, *index));
            }
        }
        for (key, (exception_type, index)) in here {
            clusters.entry(key).or_insert((exception_type, Vec::new())).1.push((number, index));
        }
    }
    clusters
}

/// Whether a failure says that something is not there, or is there already, and its execution goes well or is that call.
fn is_asked_for(group: &Group<'_, '_>, (number, index): (usize, usize)) -> bool {
    let span = group.facts[number].span(index);
    let execution = &group.facts[number].execution;
    (!execution.is_error() || index == execution.entry) && (is_absence(span) || is_presence(span))
}

/// How many executions there are; where each is nothing but a statement, those of the same text.
fn alike(group: &Group<'_, '_>, span: &Span, is_entry: bool) -> usize {
    let Some(text) = span.text("db.query.text").filter(|_| is_entry).map(normalise) else { return group.facts.len() };
    let entries = group.facts.iter().map(|facts| facts.span(facts.execution.entry));
    let texts = entries.filter_map(|entry| entry.text("db.query.text"));
    texts.filter(|other| normalise(other) == text).count()
}

fn finding(
    group: &Group<'_, '_>,
    (fingerprint, statement): &ClusterKey,
    exception_type: &str,
    cases: &[(usize, usize)],
    is_unsure: bool,
) -> Detection {
    let (number, index) = cases[cases.len() - 1];
    let span = group.facts[number].span(index);
    let executions = alike(group, span, index == group.facts[number].execution.entry);
    let detail = format!("{fingerprint} {statement}");
    let examples = cases.iter().map(|&(number, index)| (number as f64, group.facts[number].evidence(index)));
    let draft = Draft {
        code: Code::ErrorCluster,
        service: span.service(),
        name: &span.name,
        detail: detail.trim_end(),
        numbers: vec![
            Number::new("executions_failed", cases.len() as f64, Unit::Count),
            Number::new("share", cases.len() as f64 / executions as f64, Unit::Ratio),
        ],
        saving_nanos: None,
        confidence: if is_unsure { UNSURE } else { 0.95 },
        executions,
        location: group.facts[number].location(index),
        evidence: top(examples.collect()),
        text: format!(
            "{exception_type} in {} of {executions} executions of {}, raised in {}.",
            cases.len(),
            group.title,
            span.name
        ),
        next: Some(format!("kino errors --fingerprint {fingerprint}")),
    };
    draft.finding(group)
}
