//! Folds candidates into causes: one entry for each, which lists the candidates that follow from it or say the same.
//!
//! Candidates are taken the best at naming a cause first, so that what only says where or when the time goes finds the
//! causes that are there. Each joins a cause of the same entry operation that explains it, else it is a cause of its own.
//! At last causes that several entry operations share become one.

use super::{Candidate, CandidateSource, Cause, Of, WHERE};
use crate::finding::{Code, family};

/// The causes, in no particular order; severities are those of their members.
pub(super) fn fold(mut candidates: Vec<Candidate>) -> Vec<Cause> {
    candidates.retain(|candidate| candidate.severity > 0.0);
    candidates.sort_by(|a, b| {
        (a.source.class().cmp(&b.source.class()))
            .then(a.follows_from.is_some().cmp(&b.follows_from.is_some()))
            .then(b.severity.total_cmp(&a.severity))
            .then_with(|| a.fingerprint.cmp(&b.fingerprint))
    });
    let mut causes: Vec<Cause> = Vec::new();
    for candidate in candidates {
        match causes.iter_mut().find(|cause| explains(cause, &candidate)) {
            Some(cause) => join(cause, candidate),
            None => causes.push(Cause {
                severity: candidate.severity,
                lead: candidate,
                also: Vec::new(),
                words: Vec::new(),
                words_factor: 1.0,
            }),
        }
    }
    let mut causes = across_operations(causes);
    for cause in &mut causes {
        cause.also.sort_by(|a, b| (a.source.class().cmp(&b.source.class())).then(b.severity.total_cmp(&a.severity)));
    }
    causes
}

/// Whether a candidate of the same entry operation follows from a cause, or is another side of it.
fn explains(cause: &Cause, candidate: &Candidate) -> bool {
    let lead = &cause.lead;
    if lead.entry != candidate.entry {
        return false;
    }
    let mut known = std::iter::once(lead).chain(&cause.also).map(|one| one.fingerprint);
    if candidate.follows_from.is_some_and(|from| known.any(|known| known == from)) {
        return true;
    }
    if lead.subject == candidate.subject {
        // Failures of different causes stay apart, wherever they were raised.
        return (lead.source, candidate.source) != (CandidateSource::Error, CandidateSource::Error);
    }
    let in_its_executions = lead.source == CandidateSource::Error
        && !candidate.traces.is_empty()
        && candidate.traces.is_subset(&lead.traces);
    match candidate.source {
        // The failure itself reports what began to fail with a change.
        CandidateSource::Changed => candidate.suspects.contains(&lead.subject) || lead.source == CandidateSource::Error,
        CandidateSource::Finding(Code::Bottleneck | Code::DeadTime | Code::LatencyGrowsWithInput) => {
            lead.source.class() <= 1
                && matches!(lead.loss.of, Of::Time | Of::Executions)
                && 2.0 * lead.loss.share >= candidate.loss.share
        }
        // A slow last execution is one of those that a cause slows down.
        CandidateSource::Unusual => {
            lead.source.class() <= 1 && lead.loss.of == Of::Time && 2.0 * lead.loss.share >= candidate.loss.share
        }
        CandidateSource::Finding(Code::WhatDiffers | Code::ErrorCluster | Code::TimeoutCluster | Code::RetryStorm) => {
            in_its_executions
        }
        _ => false,
    }
}

fn join(cause: &mut Cause, candidate: Candidate) {
    // What only says where does not make its cause more severe.
    if candidate.source.class() < WHERE {
        cause.severity = cause.severity.max(candidate.severity);
    }
    if cause.lead.location.is_none() {
        cause.lead.location.clone_from(&candidate.location);
    }
    cause.also.push(candidate);
}

/// How clearly a candidate shows its cause, whatever part of all time its operation has.
fn clarity(candidate: &Candidate) -> f64 {
    candidate.loss.share * candidate.confidence
}

/// Joins causes of one kind about the same statement, call or exception in several entry operations.
fn across_operations(causes: Vec<Cause>) -> Vec<Cause> {
    let mut joined: Vec<Cause> = Vec::new();
    for cause in causes {
        let same = |other: &&mut Cause| {
            let (lead, one) = (&other.lead, &cause.lead);
            let same_kind = lead.source == one.source && lead.subject == one.subject && lead.entry != one.entry;
            let same_family = match lead.source {
                // Who holds it is the same, however it was seen from either.
                CandidateSource::Finding(Code::HeldBy) => true,
                CandidateSource::Finding(_) => family(lead.fingerprint) == family(one.fingerprint),
                CandidateSource::Error => lead.location.is_some() && lead.location == one.location,
                CandidateSource::Changed | CandidateSource::Unusual => false,
            };
            same_kind && same_family
        };
        match joined.iter_mut().find(same) {
            Some(other) => {
                other.severity = (other.severity + cause.severity).min(1.0);
                let mut second = cause.lead;
                if clarity(&second) > clarity(&other.lead) {
                    std::mem::swap(&mut second, &mut other.lead);
                }
                other.also.push(second);
                other.also.extend(cause.also);
            }
            None => joined.push(cause),
        }
    }
    joined
}
