//! What was caught before a failure and is not found where executions went well.
//!
//! A failure often follows from another one that something caught: a line that could not be read and was skipped, a call
//! that failed and was taken for an empty answer. Nothing in the trace connects the two. What does is that the good likes
//! have nothing of the kind: an exception, or a failed span, of the same operation, type and shape of the message.

use std::collections::{BTreeMap, BTreeSet};

use kino_model::{Span, UnixNanos};

use super::{CLOCK_GRAIN_NANOS, Failure, Failures, error_type, root};
use crate::apart::{FEW_LIKES_MIN, LIKES_MIN, RARE};
use crate::detect::features::{Feature, Features};
use crate::errors::{Frame, frames};
use crate::execution::{Execution, has_failed};
use crate::finding::{Evidence, evidence};
use crate::fingerprint::shape;

/// Good likes from which on nothing of the kind in any of them says something.
const GOOD_MIN: usize = 3;
/// Attributes of the span that are reported.
const ATTRIBUTES_MAX: usize = 3;
/// Spans of its operation that its attributes are compared with.
const SPANS_MAX: usize = 2_000;
/// A key with more values than this part of these spans names single things.
const DISTINCT: f64 = 0.5;

/// A failure that was caught, before the first cause of an execution that failed. Its texts are as recorded: untrusted.
#[derive(Clone, Debug, PartialEq)]
pub struct Earlier {
    pub service: String,
    /// The operation.
    pub name: String,
    /// The exception's type; else what the span says of its failure; may be empty.
    pub error_type: String,
    /// The exception's message, else the status message; may be empty.
    pub message: String,
    /// When it was recorded; the span's end where nothing says.
    pub time: UnixNanos,
    /// The innermost frame of the project, else of the stack.
    pub frame: Option<Frame>,
    /// What sets its span apart from others of its operation, the rarest first; at most three.
    pub attributes: Vec<EarlierAttribute>,
    /// Executions that went well and were examined.
    pub likes: u64,
    /// Those among them that have one of the kind.
    pub likes_with_it: u64,
    /// Failures of other kinds that were caught before the first cause and are as rare.
    pub others: u64,
    /// The span that recorded it.
    pub evidence: Evidence,
}

/// An attribute of the span on which a failure was caught.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlierAttribute {
    /// The key, as recorded.
    pub key: String,
    /// The value, as text.
    pub value: String,
    /// Other spans of the operation with the key.
    pub others: u64,
    /// Those among them with this value.
    pub others_with_it: u64,
}

/// By what failures are taken for alike: service, operation, type and message, without data.
type FailureKind<'a> = (&'a str, String, String, String);

/// Something that failed.
struct Trouble<'a> {
    index: usize,
    kind: FailureKind<'a>,
    message: &'a str,
    stacktrace: &'a str,
    time: i64,
}

/// The first failure that was caught before the first cause and that hardly any of `good`, which went well, has;
/// `None` without one, or with too few of them.
pub fn earlier<'a>(execution: &Execution<'_, 'a>, failure: &Failure, good: &[Execution<'_, 'a>]) -> Option<Earlier> {
    if failure.is_handled || good.len() < GOOD_MIN {
        return None;
    }
    let tree = execution.tree;
    let of_span = |index: &u32| Some(tree.span(*index as usize).span_id) == failure.cause.evidence.span_id;
    let cause = *execution.spans().iter().find(|index| of_span(index))? as usize;
    let failures = Failures::new(execution);
    let mut before = troubles(&failures);
    // What the failure itself is made of.
    let texts =
        failure.reported.iter().map(|it| (&it.0, &it.1)).chain([(&failure.cause.error_type, &failure.cause.message)]);
    let own: BTreeSet<(String, String)> = texts.map(|(kind, message)| (kind.clone(), shape(message))).collect();
    before.retain(|it| {
        let is_on_path = tree.is_at_or_below(cause, it.index);
        let is_early = if it.index == cause || is_on_path {
            // Its own span, or a caller: only an exception of another kind before.
            failures.recorded.contains_key(&it.index) && it.time < failure.cause.time.0
        } else {
            it.time <= failure.cause.time.0.saturating_add(CLOCK_GRAIN_NANOS)
        };
        is_early && !own.contains(&(it.kind.2.clone(), it.kind.3.clone()))
    });
    if before.is_empty() {
        return None;
    }
    let mut known: BTreeMap<FailureKind<'_>, usize> = BTreeMap::new();
    for like in good {
        let kinds: BTreeSet<FailureKind<'_>> = troubles(&Failures::new(like)).into_iter().map(|it| it.kind).collect();
        for kind in kinds {
            *known.entry(kind).or_default() += 1;
        }
    }
    let with_it = |it: &Trouble<'_>| known.get(&it.kind).copied().unwrap_or(0);
    let is_rare = |count: usize| count == 0 || (good.len() >= LIKES_MIN && count as f64 <= RARE * good.len() as f64);
    before.retain(|it| is_rare(with_it(it)));
    before.sort_by_key(|it| (it.time, it.index));
    let first = before.first()?;
    let kinds: BTreeSet<&FailureKind<'_>> = before.iter().map(|it| &it.kind).collect();
    let span = tree.span(first.index);
    let stack = frames(first.stacktrace, root(span));
    let frame = stack.iter().find(|frame| frame.in_project).or_else(|| stack.first()).cloned();
    Some(Earlier {
        service: span.service().to_owned(),
        name: span.name.to_string(),
        error_type: first.kind.2.clone(),
        message: first.message.to_owned(),
        time: UnixNanos(first.time),
        frame: frame.or_else(|| failures.callers_frame(first.index)),
        attributes: attributes(execution, first.index, good),
        likes: good.len() as u64,
        likes_with_it: with_it(first) as u64,
        others: kinds.len() as u64 - 1,
        evidence: evidence(tree.trace().trace_id, span),
    })
}

/// What failed or was recorded as an exception in an execution.
fn troubles<'a>(failures: &Failures<'_, '_, 'a>) -> Vec<Trouble<'a>> {
    let mut found = Vec::new();
    for &(_, index) in &failures.spans {
        let span = failures.tree.span(index);
        let recorded = failures.recorded.get(&index);
        let kind = |error_type: &str, message: &str| {
            (span.service(), shape(&span.name), error_type.to_owned(), shape(message))
        };
        found.extend(recorded.into_iter().flatten().map(|it| Trouble {
            index,
            kind: kind(it.exception_type, it.message),
            message: it.message,
            stacktrace: it.stacktrace,
            time: it.time.0,
        }));
        if recorded.is_none() && has_failed(span) {
            found.push(Trouble {
                index,
                kind: kind(&error_type(span), &span.status.message),
                message: &span.status.message,
                stacktrace: "",
                time: failures.tree.end(index),
            });
        }
    }
    found
}

/// What sets a span apart from others of its operation, in its execution and in those that went well.
fn attributes(execution: &Execution<'_, '_>, index: usize, good: &[Execution<'_, '_>]) -> Vec<EarlierAttribute> {
    let subject = execution.tree.span(index);
    let name = shape(&subject.name);
    let mut features = Features::default();
    let own: Vec<(&str, Feature<'_>)> = features.of_spans(std::iter::once(subject));
    let mut others: Vec<BTreeMap<&str, Feature<'_>>> = Vec::new();
    for it in std::iter::once(execution).chain(good) {
        let alike = |span: &&Span| {
            (span.trace_id, span.span_id) != (subject.trace_id, subject.span_id)
                && span.service() == subject.service()
                && shape(&span.name) == name
        };
        let room = SPANS_MAX - others.len();
        let spans = it.spans().iter().map(|&index| it.tree.span(index as usize)).filter(alike).take(room);
        others.extend(spans.map(|span| features.of_spans(std::iter::once(span)).into_iter().collect()));
    }
    let mut rows: Vec<EarlierAttribute> = Vec::new();
    for (key, value) in own {
        let known: Vec<String> = others.iter().filter_map(|other| other.get(key)).map(ToString::to_string).collect();
        let value = value.to_string();
        let with_it = known.iter().filter(|other| **other == value).count();
        let distinct = known.iter().collect::<BTreeSet<_>>().len();
        let is_name = distinct as f64 > DISTINCT * known.len() as f64;
        if known.len() < FEW_LIKES_MIN || is_name || with_it as f64 > RARE * known.len() as f64 {
            continue;
        }
        rows.push(EarlierAttribute {
            key: key.to_owned(),
            value,
            others: known.len() as u64,
            others_with_it: with_it as u64,
        });
    }
    // Stable: of equally rare ones that which the span says first.
    rows.sort_by_key(|row| row.others_with_it);
    rows.truncate(ATTRIBUTES_MAX);
    rows
}
