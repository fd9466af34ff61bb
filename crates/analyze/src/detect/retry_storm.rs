//! `retry_storm`: a failing call made again and again, one right after another.
//!
//! Evidence: under one parent the same call (same data, where recorded) at least [`MIN_ATTEMPTS`] times in sequence,
//! all but perhaps the last failed; in [`MIN_EXECUTIONS`] executions, or once with [`CLEAR_ATTEMPTS`] that follow each
//! other closely: who waits longer between, once, waits until something is up. The saving is an
//! execution's time on the critical path from a first attempt to the last one, pauses included. Silent inside tests that
//! passed, about failures of different items, and about asking again for what is not there
//! (404, ENOENT and the like).

use std::collections::BTreeMap;

use kino_model::Span;

use super::Draft;
use super::call::Calls;
use super::detection::{Detection, SpanRef, Stretch};
use super::facts::{Facts, Group, median, shown, top};
use super::failures::is_absence;
use crate::finding::{Code, Evidence, Number, Unit};

const MIN_ATTEMPTS: usize = 3;
const MIN_EXECUTIONS: usize = 2;
const CLEAR_ATTEMPTS: usize = 5;

/// Pauses of this many times the attempts' own time are waits on purpose.
const PATIENT_PAUSE: f64 = 5.0;

struct Storm {
    number: usize,
    attempts: Vec<usize>,
    failed: usize,
    /// From the first attempt to the last one, or to its end if it failed as well; of the attempts' parent.
    lost: Stretch,
}

impl Storm {
    /// Whether most of its time passes between the attempts.
    fn is_patient(&self, facts: &Facts<'_, '_>) -> bool {
        let trying: i64 = self.attempts.iter().map(|&attempt| facts.tree.duration(attempt)).sum();
        let whole = facts.tree.end(self.last()) - facts.tree.start(self.attempts[0]);
        (whole - trying) as f64 > PATIENT_PAUSE * trying as f64
    }

    fn last(&self) -> usize {
        self.attempts[self.attempts.len() - 1]
    }
}

pub(super) fn detect(group: &Group<'_, '_>, findings: &mut Vec<Detection>) {
    let mut calls = Calls::default();
    let mut by_operation: BTreeMap<(&str, &str), Vec<Storm>> = BTreeMap::new();
    for (number, facts) in group.facts.iter().enumerate().filter(|(_, facts)| !facts.is_passed_test()) {
        for parent in facts.indices() {
            let mut attempts: Vec<usize> = Vec::new();
            for &child in facts.tree.children(parent) {
                let child = child as usize;
                let span = facts.span(child);
                let again = attempts.last().is_some_and(|&last| {
                    let before = facts.span(last);
                    let data = |call: Option<super::call::Call<'_>>| {
                        call.map(|call| (call.key, call.whole.map(str::to_owned)))
                    };
                    is_failure(before)
                        && before.name == span.name
                        && facts.follows(last, child)
                        && data(calls.of(before)) == data(calls.of(span))
                });
                if !again {
                    take(facts, number, &mut attempts, &mut by_operation);
                }
                attempts.push(child);
            }
            take(facts, number, &mut attempts, &mut by_operation);
        }
    }
    for ((service, name), storms) in by_operation {
        let most = storms.iter().map(|storm| storm.attempts.len()).max().unwrap_or(0);
        let mut present: Vec<usize> = storms.iter().map(|storm| storm.number).collect();
        present.dedup();
        let is_clear =
            most >= CLEAR_ATTEMPTS && !storms.iter().all(|storm| storm.is_patient(&group.facts[storm.number]));
        if present.len() < group.cases(MIN_EXECUTIONS) && !is_clear {
            continue;
        }
        let attempts = median(storms.iter().map(|storm| storm.attempts.len() as f64).collect());
        // Several storms in one execution lose time together.
        let mut by_execution: BTreeMap<usize, [f64; 2]> = BTreeMap::new();
        for storm in &storms {
            let [lost, failed] = by_execution.entry(storm.number).or_default();
            let Stretch { place, start, end } = storm.lost;
            *lost += group.facts[storm.number].critical_within(place.span, start, end) as f64;
            *failed += storm.failed as f64;
        }
        let of = |which: usize| median(by_execution.values().map(|sums| sums[which]).collect());
        let (lost, failed) = (of(0), of(1));
        let examples: Vec<(f64, Evidence)> =
            storms.iter().map(|it| (it.attempts.len() as f64, group.facts[it.number].evidence(it.last()))).collect();
        let location = group.facts[storms[0].number].location(storms[0].last());
        let draft = Draft {
            code: Code::RetryStorm,
            service,
            name,
            detail: "",
            numbers: vec![
                Number::new("attempts", attempts, Unit::Count),
                Number::new("attempts_max", most as f64, Unit::Count),
                Number::new("lost", lost, Unit::Nanos),
            ],
            saving_nanos: Some(lost),
            confidence: 0.9,
            executions: group.facts.len(),
            location,
            evidence: top(examples),
            text: format!(
                "{name} is tried {attempts} times in a row (at most {most}) in {} of {} executions of {}, {} lost to failed attempts and the pauses between.",
                present.len(),
                group.facts.len(),
                group.title,
                shown(lost)
            ),
            next: Some("see why the first attempt fails; bound the attempts and wait longer before each".to_owned()),
        };
        let attempted = storms.iter().flat_map(|storm| storm.attempts.iter().map(|&span| (storm.number, span)));
        let lost = storms.iter().map(|storm| storm.lost);
        findings.push(draft.finding(group).about(attempted).explaining(lost).saving_calls(failed));
    }
}

/// Whether an attempt failed. «Not found» is an answer: a program that asks again waits for something to appear.
fn is_failure(span: &Span) -> bool {
    span.is_error() && !is_absence(span)
}

fn take<'a>(
    facts: &super::facts::Facts<'_, 'a>,
    number: usize,
    attempts: &mut Vec<usize>,
    by_operation: &mut BTreeMap<(&'a str, &'a str), Vec<Storm>>,
) {
    let attempts = std::mem::take(attempts);
    let Some(&last) = attempts.last().filter(|_| attempts.len() >= MIN_ATTEMPTS) else { return };
    let failed = attempts.iter().filter(|&&index| is_failure(facts.span(index))).count();
    let span = facts.span(last);
    let end = if is_failure(span) { facts.tree.end(last) } else { facts.tree.start(last) };
    let parent = facts.tree.parent(last).unwrap_or(facts.execution.entry);
    let place = SpanRef { execution: number, span: parent };
    let lost = Stretch { place, start: facts.tree.start(attempts[0]), end };
    let storm = Storm { number, attempts, failed, lost };
    by_operation.entry((span.service(), &span.name)).or_default().push(storm);
}
