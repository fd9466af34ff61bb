//! Whether a change may stay: what a comparison, the errors and the findings of both sides say together.
//!
//! Each statement is a [`Reason`] with its numbers, and speaks for one verdict or for none:
//!
//! | | fails | leaves it open | is reported |
//! |---|---|---|---|
//! | time of a root operation | slower | too few runs, or what is tolerated is not excluded, unless it hardly matters | faster, no difference shown, slower within what is tolerated |
//! | executions in a run | – | more or fewer | – |
//! | root operations', wall and processor time of a run | slower | the wall time could be | faster |
//! | a root operation | gone, and no other came | gone, and others came: renamed or lost | new |
//! | errors, statements, tokens of an execution | more | – | fewer; unsteady |
//! | calls of an execution | more, of an operation called before | – | fewer; unsteady |
//! | calls below | – | all of them gone: cached or lost | some appeared or vanished |
//! | exceptions | of a new type | – | of a known type from a new place |
//! | the command itself | fails more often | always fails; fails now and then | failed before, and does not any more |
//! | findings | – | – | fixed and opened |
//!
//! Calls of an operation that was not there before do not fail by themselves: instrumentation may be what is new, and
//! what they cost shows in time, statements, tokens and errors. Errors inside a test that passed count for nothing.

mod reasons;

use std::collections::{BTreeMap, BTreeSet};

use kino_model::{Fingerprint, names};

use crate::compare::{Comparison, Count, CountVerdict, Design, compare_with};
use crate::detect::{self, DetectorConfig};
use crate::errors::{self, ErrorGroup};
use crate::execution::{Execution, is_run};
use crate::finding::{Code, Evidence, Finding, Number};
use crate::prevalence::{CHANCE, Prevalence};

/// What is known of one side.
#[derive(Clone, Copy, Debug)]
pub struct Side<'s, 't, 'a> {
    pub executions: &'s [Execution<'t, 'a>],
    /// How often the command was run, where that is known.
    pub runs: u64,
    /// How many of these runs failed.
    pub failed_runs: u64,
}

/// Whether a change may stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Something got worse.
    Fail,
    /// It cannot be said.
    Undecided,
    /// Nothing speaks against it.
    Pass,
}

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// In snake case, of a closed list.
    pub code: &'static str,
    /// The verdict that it supports; `None` where it is only reported.
    pub decides: Option<Verdict>,
    /// Service and name of the root operation it is about.
    pub operation: Option<(String, String)>,
    /// Measured values with their bounds.
    pub numbers: Vec<Number>,
    /// One sentence. Holds recorded names.
    pub text: String,
}

/// Calls that appeared in or vanished from every execution of a root operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StructureChange {
    /// The root operation: service and name.
    pub operation: (String, String),
    /// Called after and not before.
    pub appeared: Vec<String>,
    /// Called before and not after.
    pub vanished: Vec<String>,
}

/// What both sides say together.
#[derive(Clone, Debug, PartialEq)]
pub struct Verification {
    pub verdict: Verdict,
    /// The deciding ones first.
    pub reasons: Vec<Reason>,
    /// The comparison it rests on.
    pub comparison: Comparison,
    /// Calls that appeared or vanished.
    pub structure: Vec<StructureChange>,
    /// Groups of exceptions after that were not there before; those of a new type first.
    pub new_errors: Vec<ErrorGroup>,
    /// Findings that are gone.
    pub fixed: Vec<Finding>,
    /// Findings that were not there.
    pub opened: Vec<Finding>,
    /// Findings of one side for which the other has too few executions.
    pub unjudged: u64,
}

/// Codes that describe shares rather than accuse: there is always a bottleneck, and what stays the same has a larger part
/// once something else is gone.
const NOT_COMPARED: [Code; 5] =
    [Code::Bottleneck, Code::DeadTime, Code::WhatDiffers, Code::BrokenTrace, Code::ClockSkew];

/// Whether findings of this code are compared between two sets.
pub(crate) fn is_compared(code: Code) -> bool {
    !NOT_COMPARED.contains(&code)
}

/// The part by which an operation may be slower where nothing else is said.
pub const TOLERATED: f64 = 0.1;

/// What a change is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'d> {
    /// How the sides were recorded.
    pub design: Design<'d>,
    /// The part by which an operation may be slower: 0.1 is 10 %.
    pub tolerate: f64,
    /// What detectors go by.
    pub config: &'d DetectorConfig,
}

/// Judges a change by the executions before and after it.
pub fn verify(before: Side<'_, '_, '_>, after: Side<'_, '_, '_>, terms: &Terms<'_>) -> Verification {
    let work = |side: Side<'_, '_, '_>| side.executions.iter().any(|it| !is_run(it.tree, it.entry));
    let keep_runs = !work(before) && !work(after);
    let executions = [before, after].map(|side| {
        let judged = side.executions.iter().filter(|it| keep_runs || !is_run(it.tree, it.entry));
        judged.copied().collect::<Vec<_>>()
    });
    // Runs are no executions where there is other work, and have its totals.
    let comparison = compare_with(before.executions, after.executions, &terms.design);
    let structure = structure(&comparison);
    let errors = NewErrors::of(&executions[0], &executions[1]);
    let (fixed, opened, unjudged) = findings(&executions[0], &executions[1], terms.config);

    let mut reasons: Vec<Reason> = reasons::of_runs(before, after).into_iter().collect();
    if executions.iter().any(Vec::is_empty) {
        reasons.push(reasons::nothing_to_compare(&executions[0], &executions[1]));
    } else {
        reasons.extend(reasons::of_time(&comparison, terms.tolerate));
        reasons.extend(reasons::of_executions(&comparison));
        reasons.extend(reasons::of_totals(&comparison, terms.tolerate));
        reasons.extend(reasons::of_drift(&comparison));
        reasons.extend(reasons::of_others(&comparison));
        reasons.extend(reasons::of_counts(&comparison));
        reasons.extend(reasons::of_structure(&comparison, &structure));
    }
    reasons.extend(reasons::of_errors(&errors, executions[1].len()));
    reasons.extend(reasons::of_findings(&fixed, &opened));
    reasons.sort_by_key(|reason| reason.decides.map_or(3, |verdict| verdict as u8));
    let verdict = reasons.iter().filter_map(|reason| reason.decides).min().unwrap_or(Verdict::Undecided);
    Verification { verdict, reasons, comparison, structure, new_errors: errors.groups, fixed, opened, unjudged }
}

fn structure(comparison: &Comparison) -> Vec<StructureChange> {
    let mut changed: BTreeMap<&(String, String), [Vec<String>; 2]> = BTreeMap::new();
    for count in comparison.counts.iter().filter(|it| it.count == Count::Calls) {
        let Some((_, name)) = &count.operation else { continue };
        match count.verdict {
            CountVerdict::More if count.before < 0.5 => changed.entry(&count.root).or_default()[0].push(name.clone()),
            CountVerdict::Fewer if count.after < 0.5 => changed.entry(&count.root).or_default()[1].push(name.clone()),
            _ => {}
        }
    }
    let change = |(operation, [appeared, vanished]): (&(String, String), [Vec<String>; 2])| StructureChange {
        operation: operation.clone(),
        appeared,
        vanished,
    };
    changed.into_iter().map(change).collect()
}

/// Exceptions after that were not there before.
struct NewErrors {
    groups: Vec<ErrorGroup>,
    /// Of each group, in how many executions it was seen.
    executions: Vec<usize>,
    /// How many groups, from the first, are of a type that is new.
    of_new_types: usize,
}

impl NewErrors {
    fn of(before: &[Execution<'_, '_>], after: &[Execution<'_, '_>]) -> Self {
        let known = errors::group(before.iter().flat_map(exceptions));
        let types: BTreeSet<&str> = known.iter().map(|group| group.exception_type.as_str()).collect();
        let fingerprints: BTreeSet<Fingerprint> = known.iter().map(|group| group.fingerprint).collect();
        let mut groups = errors::group(after.iter().flat_map(exceptions));
        groups.retain(|group| !fingerprints.contains(&group.fingerprint));
        let is_known = |group: &ErrorGroup| !group.exception_type.is_empty() && types.contains(&*group.exception_type);
        groups.sort_by_key(is_known);
        let of_new_types = groups.iter().filter(|group| !is_known(group)).count();
        let mut seen: BTreeMap<Fingerprint, usize> = BTreeMap::new();
        for execution in after {
            let own: BTreeSet<Fingerprint> = exceptions(execution).iter().map(errors::fingerprint_of).collect();
            for fingerprint in own {
                *seen.entry(fingerprint).or_default() += 1;
            }
        }
        let executions = groups.iter().map(|group| seen.get(&group.fingerprint).copied().unwrap_or(0)).collect();
        Self { groups, executions, of_new_types }
    }
}

/// What was thrown in an execution, each exception once; nothing where that is a test that passed.
pub(crate) fn exceptions<'a>(execution: &Execution<'_, 'a>) -> Vec<errors::Exception<'a>> {
    if execution.is_passed_test() {
        return Vec::new();
    }
    let trace_id = execution.trace_id();
    let spans = execution.spans().iter().map(|&index| execution.tree.span(index as usize));
    let mut found: Vec<errors::Exception<'a>> = Vec::new();
    let mut ids = BTreeSet::new();
    for span in spans {
        ids.insert(span.span_id);
        let evidence = Evidence { trace_id, span_id: Some(span.span_id) };
        let root = span.resource.text(names::WORKTREE);
        let on_span = span.events.iter().filter_map(|event| errors::exception(event, evidence));
        found.extend(on_span.map(|exception| errors::Exception { root, ..exception }));
    }
    let in_logs = execution.tree.trace().logs.iter().filter(|log| log.span_id.is_some_and(|id| ids.contains(&id)));
    let in_log = |exception| errors::Exception { in_log: true, ..exception };
    let log_of = |span_id| Evidence { trace_id, span_id };
    found.extend(in_logs.filter_map(|log| errors::exception(&log.event, log_of(log.span_id)).map(in_log)));
    if errors::recorded_alike(&found).is_empty() {
        return found;
    }
    let spans = execution.spans().iter().map(|&index| execution.tree.span(index as usize));
    let parents = spans.filter_map(|span| Some(((trace_id, span.span_id), span.parent_span_id?))).collect();
    errors::occurrences(found, &parents)
}

/// Findings that are gone, findings that are new, and how many could not be judged.
fn findings(
    before: &[Execution<'_, '_>],
    after: &[Execution<'_, '_>],
    config: &DetectorConfig,
) -> (Vec<Finding>, Vec<Finding>, u64) {
    let [old, new] = [before, after].map(|executions| {
        let mut findings = detect::findings(executions, config);
        findings.retain(|finding| is_compared(finding.code));
        findings
    });
    let only = |these: &[Finding], those: &[Finding], here: &[Execution<'_, '_>], there: &[Execution<'_, '_>]| {
        let known: BTreeSet<Fingerprint> = those.iter().map(|finding| finding.fingerprint).collect();
        let missing = these.iter().filter(|finding| !known.contains(&finding.fingerprint)).cloned();
        // The other side must have had as much chance to show it.
        missing.partition::<Vec<_>, _>(|finding| match Prevalence::of(finding, here, config) {
            Some(often) => often.fell_to(Prevalence::among(finding.fingerprint, finding.code, there, config), CHANCE),
            None => there.len() as u64 >= finding.executions,
        })
    };
    let (fixed, unjudged_fixed) = only(&old, &new, before, after);
    let (opened, unjudged_opened) = only(&new, &old, after, before);
    let unjudged = (unjudged_fixed.len() + unjudged_opened.len()) as u64;
    (fixed, opened, unjudged)
}

#[cfg(test)]
mod tests;
