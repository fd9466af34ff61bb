//! `retry_storm`: a failing call made again and again, one right after another.
//!
//! Evidence: under one parent the same call (same data, where recorded) at least [`MIN_ATTEMPTS`] times in sequence,
//! all but perhaps the last failed; in [`MIN_EXECUTIONS`] executions, or once with [`CLEAR_ATTEMPTS`]. The saving is the
//! failed attempts' time on the critical path. Silent inside tests that passed, about failures of different items, and
//! about asking again for what is not there yet (404).

use std::collections::BTreeMap;

use kino_model::Span;

use super::Draft;
use super::call::Calls;
use super::facts::{Group, median, shown, top};
use crate::finding::{Code, Evidence, Finding, Number, Unit};

const MIN_ATTEMPTS: usize = 3;
const MIN_EXECUTIONS: usize = 2;
const CLEAR_ATTEMPTS: usize = 5;

struct Storm {
    number: usize,
    last: usize,
    attempts: usize,
    lost: f64,
}

pub(super) fn detect(group: &Group<'_, '_>, findings: &mut Vec<Finding>) {
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
        let most = storms.iter().map(|storm| storm.attempts).max().unwrap_or(0);
        let mut present: Vec<usize> = storms.iter().map(|storm| storm.number).collect();
        present.dedup();
        if present.len() < group.cases(MIN_EXECUTIONS) && most < CLEAR_ATTEMPTS {
            continue;
        }
        let attempts = median(storms.iter().map(|storm| storm.attempts as f64).collect());
        let lost = median(storms.iter().map(|storm| storm.lost).collect());
        let examples: Vec<(f64, Evidence)> =
            storms.iter().map(|it| (it.attempts as f64, group.facts[it.number].evidence(it.last))).collect();
        let location = group.facts[storms[0].number].location(storms[0].last);
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
                "{name} is tried {attempts} times in a row (at most {most}) in {} of {} executions of {}, {} lost to failed attempts.",
                present.len(),
                group.facts.len(),
                group.name,
                shown(lost)
            ),
            next: Some("see why the first attempt fails; bound the attempts and wait longer before each".to_owned()),
        };
        findings.push(draft.finding(group));
    }
}

/// Whether an attempt failed. «Not found» is an answer: whoever asks again waits for something to appear.
fn is_failure(span: &Span) -> bool {
    span.is_error() && span.int("http.response.status_code") != Some(404)
}

fn take<'a>(
    facts: &super::facts::Facts<'_, 'a>,
    number: usize,
    attempts: &mut Vec<usize>,
    by_operation: &mut BTreeMap<(&'a str, &'a str), Vec<Storm>>,
) {
    let attempts = std::mem::take(attempts);
    let Some(&last) = attempts.last().filter(|_| attempts.len() >= MIN_ATTEMPTS) else { return };
    let failed = attempts.iter().filter(|&&index| is_failure(facts.span(index)));
    let lost = failed.map(|&index| facts.critical(index) as f64).sum();
    let span = facts.span(last);
    let storm = Storm { number, last, attempts: attempts.len(), lost };
    by_operation.entry((span.service(), &span.name)).or_default().push(storm);
}
