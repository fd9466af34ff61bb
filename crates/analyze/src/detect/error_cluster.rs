//! `error_cluster`: one exception, by its fingerprint, again and again.
//!
//! Evidence: at least [`MIN_COUNT`] executions that failed, or hold a failed span, with an exception of one
//! fingerprint. An exception that passes up through several spans counts once an execution, at the innermost. Silent
//! inside tests that passed, about exceptions on spans that did not fail (they were handled), about those within the
//! process in a request that was answered all the same (a status below 500: an answer, or a refusal, is how frameworks
//! pass it on), about types that the execution catches again and again, about exceptions that are control flow (exits,
//! cancellations, redirections), and about what is not there, or is there already (404, ENOENT, a unique key), in
//! [`PROBING`] of the executions and more that go well all the same, or are that call alone: they ask whether it is. In
//! fewer it is [`UNSURE`], and so is a call to the outside that failed while nothing above it did in [`HANDLED`] of the
//! cases: its caller was ready for that.

use std::collections::{BTreeMap, BTreeSet};

use kino_model::{Fingerprint, Span, SpanKind, names};

use super::Draft;
use super::facts::{ANCESTORS_MAX, Facts, Group, top};
use super::failures::{is_absence, is_control_flow, is_presence};
use super::found::Found;
use crate::errors::{Exception, exception, fingerprint_of};
use crate::execution::has_failed;
use crate::finding::{Code, Number, UNSURE, Unit};

const MIN_COUNT: usize = 3;
/// What is missing, or there already, in this part of the executions is how the operation works; in fewer, it may be news.
const PROBING: f64 = 0.5;
/// A failure that nothing above shared in this part of the cases does not decide whether an execution goes well.
const HANDLED: f64 = 0.5;

/// The exception's type, and the (execution, span) cases.
type Cluster<'a> = (&'a str, Vec<(usize, usize)>);

fn is_outside(span: &Span) -> bool {
    matches!(span.kind, SpanKind::Client | SpanKind::Producer)
}

fn is_graphql(span: &Span) -> bool {
    span.attributes.iter().any(|(key, _)| key.starts_with("graphql."))
}

/// Whether a span failed within the process of a request that was answered nevertheless. Answers of GraphQL hold errors
/// and go well.
fn is_answered(facts: &Facts<'_, '_>, index: usize) -> bool {
    if is_outside(facts.span(index)) {
        return false;
    }
    let mut at = index;
    for _ in 0..ANCESTORS_MAX {
        let span = facts.span(at);
        if is_graphql(span) {
            return false;
        }
        if span.kind == SpanKind::Server {
            return span.int("http.response.status_code").is_some_and(|status| (200..500).contains(&status));
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
            && !same.iter().all(|(index, _)| is_answered(facts, *index))
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

pub(super) fn detect(group: &Group<'_, '_>, findings: &mut Vec<Found>) {
    for (fingerprint, (exception_type, cases)) in clusters(group) {
        if cases.len() < group.cases(MIN_COUNT) {
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
        let handled = cases.iter().filter(|(number, index)| is_handled(&group.facts[*number], *index)).count();
        let is_unsure = is_all_asked_for || handled as f64 >= HANDLED * cases.len() as f64;
        findings.push(finding(group, fingerprint, exception_type, &cases, is_unsure));
    }
}

/// What the executions raised, by fingerprint.
fn clusters<'a>(group: &Group<'_, 'a>) -> BTreeMap<Fingerprint, Cluster<'a>> {
    let mut known: BTreeMap<(&str, &str, &str, Option<&str>), Fingerprint> = BTreeMap::new();
    let mut by_fingerprint: BTreeMap<Fingerprint, Cluster<'_>> = BTreeMap::new();
    for (number, facts) in group.facts.iter().enumerate().filter(|(_, facts)| !facts.is_passed_test()) {
        let raised = raised(facts);
        let mut here: BTreeMap<Fingerprint, (&str, usize)> = BTreeMap::new();
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
                here.insert(fingerprint, (found.exception_type, *index));
            }
        }
        for (fingerprint, (exception_type, index)) in here {
            by_fingerprint.entry(fingerprint).or_insert((exception_type, Vec::new())).1.push((number, index));
        }
    }
    by_fingerprint
}

/// Whether a failure says that something is not there, or is there already, and its execution goes well or is that call.
fn is_asked_for(group: &Group<'_, '_>, (number, index): (usize, usize)) -> bool {
    let span = group.facts[number].span(index);
    let execution = &group.facts[number].execution;
    (!execution.is_error() || index == execution.entry) && (is_absence(span) || is_presence(span))
}

fn finding(
    group: &Group<'_, '_>,
    fingerprint: Fingerprint,
    exception_type: &str,
    cases: &[(usize, usize)],
    is_unsure: bool,
) -> Found {
    let executions = group.facts.len();
    let (number, index) = cases[cases.len() - 1];
    let span = group.facts[number].span(index);
    let examples = cases.iter().map(|&(number, index)| (number as f64, group.facts[number].evidence(index)));
    let draft = Draft {
        code: Code::ErrorCluster,
        service: span.service(),
        name: &span.name,
        detail: &fingerprint.to_string(),
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
