//! The last execution of an entry operation, where it was far slower than its like.
//!
//! For a failed one, its first cause is reported. A single slow execution is never sure: it counts for half of the time that
//! it took beyond the usual one, as if the next were to be well.

use std::collections::BTreeSet;

use kino_model::DurationNanos;

use super::words::RecordedWords;
use super::{Candidate, CandidateSource, ExecutionGroup, Loss, Next, Of};
use crate::apart::{Apart, apart};
use crate::finding::evidence;
use crate::fingerprint::fingerprint;

/// Characters of a recorded value that are shown.
const VALUE_CHARS_MAX: usize = 80;

/// The candidate; `None` where the last execution is as others are, or failed.
pub(super) fn candidate(group: &ExecutionGroup<'_, '_>) -> Option<Candidate> {
    let last = group.all.iter().rfind(|execution| !execution.is_open())?;
    let apart = apart(last, &group.all);
    let usual = apart.likes.duration.map(|duration| duration.p50)?;
    if apart.is_failed || !apart.is_slow || apart.is_first_of_process {
        return None;
    }
    let wait = apart.wait.as_ref();
    let place = wait.map(|wait| (wait.service.clone(), wait.name.clone()));
    let mut names = RecordedWords::default();
    for attribute in &apart.attributes {
        names.add(&attribute.key);
        names.add(&attribute.value);
    }
    Some(Candidate {
        source: CandidateSource::Unusual,
        entry: group.entry(),
        subject: place.unwrap_or_else(|| group.entry()),
        text: text(&apart, usual),
        loss: Loss { share: 0.5 * (1.0 - usual as f64 / apart.duration_nanos.max(1) as f64), of: Of::Time },
        confidence: 1.0,
        severity: 0.0,
        executions: apart.likes.executions + 1,
        location: wait.and_then(|wait| wait.location.clone()),
        evidence: vec![evidence(last.trace_id(), last.tree.span(last.entry))],
        fingerprint: fingerprint(&["unusual", group.service, group.name]),
        next: Next::Trace(last.trace_id()),
        traces: BTreeSet::from([last.trace_id()]),
        follows_from: None,
        suspects: Vec::new(),
        names,
    })
}

fn text(apart: &Apart, usual: i64) -> String {
    let shown = |nanos: i64| DurationNanos(nanos).to_string();
    let first =
        format!("The last execution of {} took {}, usually {}", apart.name, shown(apart.duration_nanos), shown(usual));
    let wait = apart.wait.as_ref();
    let wait = wait.map(|wait| format!("{:.0} % of what is more passed in {}", wait.share * 100.0, wait.name));
    let attribute = apart.attributes.first().map(|attribute| {
        let value: String = attribute.value.chars().take(VALUE_CHARS_MAX).collect();
        format!("set apart by {}={value}", attribute.key)
    });
    let parts: Vec<String> = [Some(first), wait, attribute].into_iter().flatten().collect();
    parts.join("; ") + "."
}
