//! What changed: the newest state of the code against the one that ran before, for one entry operation.
//!
//! A slower operation loses the time that it did not take before. Where its time shows no difference but something is
//! suspected nevertheless (calls that vanished, lines that came), the strength of the suspicion replaces the loss, and
//! counts for less: that something differs does not say that it is wrong.

use std::collections::BTreeSet;

use kino_model::DurationNanos;

use super::words::RecordedWords;
use super::{Candidate, CandidateSource, ExecutionGroup, Loss, Next, Of, code_state};
use crate::compare::{Comparison, Design, Verdict, compare_with};
use crate::execution::Execution;
use crate::finding::{MAX_EXAMPLES, evidence};
use crate::fingerprint::fingerprint;
use crate::noise::History;

/// Suspects that may explain what else was found.
const SUSPECTS_MAX: usize = 3;
/// Digits of a commit that are shown.
const SHOWN_DIGITS: usize = 10;

/// The candidate; `None` where one state alone is known, or nothing is suspected.
pub(super) fn candidate(group: &ExecutionGroup<'_, '_>, history: &History) -> Option<Candidate> {
    let newest = code_state(group.all.last()?)?;
    let others = group.all.iter().rev().filter_map(code_state);
    let before = others.into_iter().find(|state| *state != newest)?;
    let of = |state: &str| -> Vec<Execution<'_, '_>> {
        group.all.iter().filter(|it| code_state(it) == Some(state)).copied().collect()
    };
    let (then, now) = (of(before), of(newest));
    let mut compared = compare_with(&then, &now, &Design { history, ..Design::default() });
    // What is ranked beside other causes must be shown by itself.
    compared.suspects.retain(|suspect| suspect.shown);
    let root = compared.operations.iter().find(|operation| operation.root && operation.kind.is_none());
    let effect = root.and_then(|root| root.effect);
    let is_slower = root.is_some_and(|root| root.verdict == Verdict::Slower);
    let loss = match (effect, compared.suspects.first()) {
        (Some(effect), _) if is_slower && effect > 1.0 => Loss { share: 1.0 - 1.0 / effect, of: Of::Time },
        (_, Some(suspect)) => Loss { share: suspect.score, of: Of::Executions },
        _ => return None,
    };
    let suspects: Vec<(String, String)> = compared
        .suspects
        .iter()
        .take(SUSPECTS_MAX)
        .map(|suspect| (suspect.service.clone(), suspect.name.clone()))
        .collect();
    let slowest = now.iter().rev().take(MAX_EXAMPLES);
    Some(Candidate {
        source: CandidateSource::Changed,
        entry: group.entry(),
        subject: suspects.first().cloned().unwrap_or_else(|| group.entry()),
        text: text(group, &compared, is_slower, [before, newest]),
        loss,
        confidence: 1.0,
        severity: 0.0,
        executions: (then.len() + now.len()) as u64,
        location: None,
        evidence: slowest.map(|it| evidence(it.trace_id(), it.tree.span(it.entry))).collect(),
        fingerprint: fingerprint(&["changed", group.service, group.name]),
        follows_from: None,
        next: next(group, before, newest),
        traces: BTreeSet::new(),
        suspects,
        names: RecordedWords::default(),
    })
}

fn text(group: &ExecutionGroup<'_, '_>, compared: &Comparison, is_slower: bool, [before, newest]: [&str; 2]) -> String {
    let shown = |nanos: Option<i64>| DurationNanos(nanos.unwrap_or(0)).to_string();
    let root = compared.operations.iter().find(|operation| operation.root && operation.kind.is_none());
    let first = match root {
        Some(root) if is_slower => format!(
            "{} takes {} since code {}, before (code {}) {}",
            group.name,
            shown(root.after.median_nanos),
            short(newest),
            short(before),
            shown(root.before.median_nanos)
        ),
        _ => format!("{} does otherwise since code {} than at {}", group.name, short(newest), short(before)),
    };
    let suspect = compared.suspects.first();
    let suspect = suspect.map(|suspect| format!("first suspect {}: {}", suspect.name, suspect.reason));
    let changed = compared.calls_changed.first().map(|changed| changed.sentence("before"));
    let parts: Vec<String> = [Some(first), suspect, changed].into_iter().flatten().collect();
    parts.join("; ") + "."
}

/// The comparison, where both states look like states of the code: any program may send any text as one.
fn next(group: &ExecutionGroup<'_, '_>, before: &str, after: &str) -> Next {
    let is_state =
        |state: &str| !state.is_empty() && state.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'+');
    if is_state(before) && is_state(after) {
        return Next::Compare { before: format!("code:{before}"), after: format!("code:{after}") };
    }
    Next::Operation { service: group.service.to_owned(), name: group.name.to_owned() }
}

fn short(state: &str) -> String {
    let (commit, changes) = state.split_once('+').map_or((state, ""), |(commit, _)| (commit, "+"));
    let commit: String = commit.chars().take(SHOWN_DIGITS).collect();
    format!("{commit}{changes}")
}
