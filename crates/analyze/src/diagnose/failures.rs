//! Executions that failed, by their first cause.
//!
//! The share is that since the failure first appeared, one execution added that did not fail, so that a single failure
//! is never sure: a last execution that failed alone counts for half, one that was followed by many good ones for ever
//! less.
//!
//! What was caught before the first cause, and what the failed executions have in common, is set against all others of
//! the operation that went well.

use std::collections::BTreeMap;

use kino_model::{Fingerprint, names};

use super::words::RecordedWords;
use super::{Candidate, CandidateSource, ExecutionGroup, Loss, Next, Of};
use crate::detect::rule::{Rule, separating};
use crate::errors::{Frame, exception, frames};
use crate::execution::{Execution, has_failed};
use crate::failure::{Earlier, Failure, earlier, failure};
use crate::finding::{Code, Evidence, Finding, KnownBy, Location, MAX_EXAMPLES};
use crate::fingerprint::{fingerprint, shape};

/// Characters of a recorded message that are shown.
const MESSAGE_CHARS_MAX: usize = 200;
/// Characters of a recorded value that are shown.
const VALUE_CHARS_MAX: usize = 60;
/// Callers of the first cause whose stacks are read for a place in the project.
const CALLERS_MAX: usize = 256;

/// A failure with the number of its execution.
type FailureCase = (usize, Failure);

/// A candidate for each first cause.
pub(super) fn candidates(group: &ExecutionGroup<'_, '_>) -> Vec<Candidate> {
    let ended: Vec<Execution<'_, '_>> = group.all.iter().filter(|it| !it.is_open()).copied().collect();
    let mut by_cause: BTreeMap<Fingerprint, Vec<FailureCase>> = BTreeMap::new();
    let failed = ended.iter().enumerate().filter(|(_, it)| has_failed(it.tree.span(it.entry)));
    let explained = failed.filter_map(|(number, execution)| Some((number, failure(execution)?)));
    for (number, failure) in explained {
        let cause = &failure.cause;
        let function = cause.frame.as_ref().map_or(String::new(), |frame| frame.function.clone());
        let what = if function.is_empty() { shape(&cause.message) } else { function };
        let key = fingerprint(&["error", group.service, group.name, &shape(&cause.name), &cause.error_type, &what]);
        by_cause.entry(key).or_default().push((number, failure));
    }
    let went_well = |it: &&Execution<'_, '_>| !it.is_open() && !has_failed(it.tree.span(it.entry));
    let good: Vec<Execution<'_, '_>> = group.all.iter().chain(&group.contrast).filter(went_well).copied().collect();
    by_cause.into_iter().map(|(fingerprint, cases)| candidate(group, &ended, &good, fingerprint, &cases)).collect()
}

/// Where the span of the first cause is.
fn position(execution: &Execution<'_, '_>, failure: &Failure) -> Option<usize> {
    let id = failure.cause.evidence.span_id;
    let mut spans = execution.spans().iter().map(|&index| index as usize);
    spans.find(|&index| Some(execution.tree.span(index).span_id) == id)
}

/// Whether these candidates already report the failed executions whose exceptions the finding is about.
pub(super) fn are_covered(candidates: &[Candidate], finding: &Finding) -> bool {
    let traces = || finding.evidence.iter().map(|evidence| evidence.trace_id);
    finding.code == Code::ErrorCluster && candidates.iter().any(|one| traces().all(|trace| one.traces.contains(&trace)))
}

/// What failed executions have in common, and the others do not.
struct SharedFeature {
    rule: Rule,
    failed: usize,
    good: usize,
}

fn common(ended: &[Execution<'_, '_>], good: &[Execution<'_, '_>], cases: &[FailureCase]) -> Option<SharedFeature> {
    let failed = cases.iter().map(|(number, _)| (ended[*number], true));
    let rule = separating(failed.chain(good.iter().map(|it| (*it, false))))?;
    Some(SharedFeature { rule, failed: cases.len(), good: good.len() })
}

fn candidate<'t, 'a>(
    group: &ExecutionGroup<'t, 'a>,
    ended: &[Execution<'t, 'a>],
    good: &[Execution<'t, 'a>],
    fingerprint: Fingerprint,
    cases: &[FailureCase],
) -> Candidate {
    let ((first, _), (last, failure)) = (&cases[0], &cases[cases.len() - 1]);
    let count = cases.len();
    // How many were expected to fail since the last one did, at the rate before.
    let rate = count as f64 / (last - first + 2) as f64;
    let missed = (ended.len() - 1 - last) as f64 * rate;
    let share = count as f64 / (ended.len() - first + 1) as f64 / (1.0 + missed);
    let evidence: Vec<Evidence> = cases.iter().rev().take(MAX_EXAMPLES).map(|(_, it)| it.cause.evidence).collect();
    let earlier = earlier(&ended[*last], failure, good);
    let common = common(ended, good, cases);
    let mut names = RecordedWords::default();
    if let Some(earlier) = &earlier {
        names.add(&earlier.name);
        names.add(&earlier.message);
        names.add(&earlier.error_type);
    }
    if let Some(common) = &common {
        names.add(&common.rule.key);
        names.add(&common.rule.condition);
    }
    let (reported_type, reported_message) = failure.reported.clone().unwrap_or_default();
    for text in [&failure.cause.error_type, &failure.cause.message, &reported_type, &reported_message] {
        names.add(text);
    }
    Candidate {
        source: CandidateSource::Error,
        entry: group.entry(),
        subject: (failure.cause.service.clone(), failure.cause.name.clone()),
        text: text(group, ended.len(), cases) + &before(earlier.as_ref()) + &shared(common.as_ref()),
        loss: Loss { share, of: Of::Executions },
        confidence: 1.0,
        severity: 0.0,
        executions: ended.len() as u64,
        location: place(&ended[*last], failure),
        traces: cases.iter().map(|(number, _)| ended[*number].trace_id()).collect(),
        next: Next::Trace(ended[*last].trace_id()),
        evidence,
        fingerprint,
        follows_from: None,
        suspects: Vec::new(),
        names,
    }
}

/// What fails, where it was first raised, and since when.
fn text(group: &ExecutionGroup<'_, '_>, executions: usize, cases: &[FailureCase]) -> String {
    let (last, failure) = &cases[cases.len() - 1];
    let cause = &failure.cause;
    let what = what(&cause.error_type, &cause.message, &cause.name);
    let name = group.name;
    let first = match (cases.len(), executions) {
        (1, 1) => format!("The only execution of {name} failed: {what}"),
        (1, _) if last + 1 == executions => {
            format!("The last execution of {name} failed, of {executions} no other that way: {what}")
        }
        (count, _) => format!("{count} of {executions} executions of {name} failed: {what}"),
    };
    let reported = failure.reported.as_ref().map(|(error_type, _)| error_type);
    let reported = reported.filter(|it| !it.is_empty() && **it != cause.error_type);
    let (before, good_since) = (cases[0].0, executions - 1 - last);
    let parts = [
        Some(first),
        (cause.name != name).then(|| format!(", first in {}", cause.name)),
        reported.map(|reported| format!(", passed on as {reported}")),
        (cases.len() > 1 && before > 0).then(|| format!("; none of the {before} before the first")),
        (good_since > 0).then(|| format!("; the last {good_since} did not")),
        Some(".".to_owned()),
    ];
    parts.into_iter().flatten().collect()
}

/// The type and message of a failure; where it has neither, that `who` says nothing.
fn what(error_type: &str, message: &str, who: &str) -> String {
    match (error_type, message) {
        ("", "") => format!("{who} says nothing of why"),
        (error_type, "") => error_type.to_owned(),
        ("", message) => cut(message, MESSAGE_CHARS_MAX),
        (error_type, message) => format!("{error_type}: {}", cut(message, MESSAGE_CHARS_MAX)),
    }
}

/// What was caught before.
fn before(earlier: Option<&Earlier>) -> String {
    let Some(earlier) = earlier else { return String::new() };
    let what = what(&earlier.error_type, &earlier.message, "a failure that");
    let likes = match earlier.likes_with_it {
        0 => "none".to_owned(),
        some => format!("only {some}"),
    };
    let place = earlier.frame.as_ref().map(|frame| {
        let file = frame.path.rsplit(['/', '\\']).next().unwrap_or_default();
        let line = frame.line.map(|line| format!(":{line}")).unwrap_or_default();
        format!(" at {file}{line} in {}", frame.function)
    });
    let attributes: Vec<String> =
        earlier.attributes.iter().map(|it| format!("{}={}", it.key, cut(&it.value, VALUE_CHARS_MAX))).collect();
    let with = if attributes.is_empty() { String::new() } else { format!(" with {}", attributes.join(", ")) };
    let others = match earlier.others {
        0 => String::new(),
        others => format!(", and {others} of other kinds"),
    };
    format!(
        " Caught before it, and in {likes} of the {} that went well: {what}, in {}{with}{}{others}.",
        earlier.likes,
        earlier.name,
        place.unwrap_or_default()
    )
}

/// What they have in common.
fn shared(common: Option<&SharedFeature>) -> String {
    let Some(SharedFeature { rule, failed, good }) = common else { return String::new() };
    let all = if rule.bad == *failed { format!("All {failed}") } else { format!("{} of the {failed}", rule.bad) };
    let none = if rule.good == 0 { "none".to_owned() } else { rule.good.to_string() };
    format!(" {all} have {} {}; of {good} that went well {none}.", rule.key, rule.condition)
}

/// The text, or its beginning with an ellipsis where it is longer.
fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The innermost frame of the project that the first cause or one of its callers recorded, else where the span says that
/// it was made, else the innermost frame.
fn place(execution: &Execution<'_, '_>, failure: &Failure) -> Option<Location> {
    let of_frame = |frame: &Frame| Location {
        path: frame.path.clone(),
        line: frame.line,
        function: Some(frame.function.clone()),
        known_by: KnownBy::Stack,
    };
    let known = failure.cause.frame.as_ref();
    let own = known.filter(|frame| frame.in_project).map(of_frame);
    own.or_else(|| callers_frame(execution, failure).as_ref().map(of_frame))
        .or_else(|| failure.cause.location.clone())
        .or_else(|| known.map(of_frame))
}

fn callers_frame(execution: &Execution<'_, '_>, failure: &Failure) -> Option<Frame> {
    let tree = execution.tree;
    let mut at = position(execution, failure)?;
    for _ in 0..CALLERS_MAX {
        let span = tree.span(at);
        let root = span.resource.text(names::WORKTREE);
        for found in span.events.iter().filter_map(|event| exception(event, failure.cause.evidence)) {
            if let Some(own) = frames(found.stacktrace, root).into_iter().find(|frame| frame.in_project) {
                return Some(own);
            }
        }
        at = tree.parent(at).filter(|_| at != execution.entry)?;
    }
    None
}
