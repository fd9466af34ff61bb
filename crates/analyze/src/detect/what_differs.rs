//! `what_differs`: the attribute that best separates failed (or slow) executions from the rest.
//!
//! Evidence: at least [`MIN_SIDE`] executions on each side. Bad are the failed ones; where too few failed, those slower
//! than twice the median. For numbers the best threshold on either side, for texts the best value; the chance of so
//! good a separation (Fisher's exact test) is multiplied by everything that was tried, thresholds included, and must
//! stay below the level; the rule must hold for most of the bad, with a lift. Attributes that record the outcome are
//! not tried. The rules are [`super::rule`]'s.

use super::Draft;
use super::detection::Detection;
use super::facts::{Group, median, top};
use super::rule::{MIN_SIDE, separating};
use crate::finding::{Code, Number, Unit};

const SLOW: f64 = 2.0;

pub(super) fn detect(group: &Group<'_, '_>, findings: &mut Vec<Detection>) {
    let failed: Vec<bool> =
        group.facts.iter().map(|facts| facts.execution.is_error() && !facts.is_passed_test()).collect();
    let limit = SLOW * group.median_duration();
    let slow: Vec<bool> = group.facts.iter().map(|facts| facts.duration() > limit).collect();
    let enough = |is_bad: &[bool]| {
        let bad = is_bad.iter().filter(|&&bad| bad).count();
        bad >= MIN_SIDE && is_bad.len() - bad >= MIN_SIDE
    };
    let (what, is_bad) = match (enough(&failed), enough(&slow)) {
        (true, _) => ("failed", failed),
        (_, true) => ("slow", slow),
        _ => return,
    };
    let bad_total = is_bad.iter().filter(|&&bad| bad).count();
    let good_total = is_bad.len() - bad_total;
    let executions = group.facts.iter().zip(&is_bad).map(|(facts, &bad)| (facts.execution, bad));
    let Some(rule) = separating(executions) else { return };
    let support = rule.bad as f64 / bad_total as f64;
    let precision = rule.bad as f64 / (rule.bad + rule.good) as f64;
    let lift = precision / (bad_total as f64 / is_bad.len() as f64);
    let mut numbers = vec![
        Number::new("support", support, Unit::Ratio),
        Number::new("lift", lift, Unit::Ratio),
        Number::new("good_with_it", rule.good as f64, Unit::Count),
        Number::new("p_value_corrected", rule.p_value, Unit::Ratio),
    ];
    numbers.extend(rule.threshold.map(|threshold| Number::new("threshold", threshold, Unit::Count)));
    numbers.extend((what == "slow").then(|| Number::new("slower_by", slower_by(group, &is_bad), Unit::Nanos)));
    let examples = group.facts.iter().zip(&is_bad).filter(|(_, bad)| **bad);
    let examples = examples.map(|(facts, _)| (facts.duration(), facts.evidence(facts.execution.entry)));
    let draft = Draft {
        code: Code::WhatDiffers,
        service: group.service,
        name: group.name,
        detail: &rule.key,
        numbers,
        saving_nanos: None,
        confidence: (1.0 - rule.p_value) * precision,
        executions: is_bad.len(),
        location: group.facts.first().and_then(|facts| facts.location(facts.execution.entry)),
        evidence: top(examples.collect()),
        text: format!(
            "{} of {bad_total} {what} executions of {} have {} {}; so have {} of {good_total} others.",
            rule.bad, group.title, rule.key, rule.condition, rule.good
        ),
        next: Some(match rule.threshold {
            Some(_) => format!("see how {} is handled beyond that", rule.key),
            None => format!("see what is done differently where {} {}", rule.key, rule.condition),
        }),
    };
    findings.push(draft.finding(group));
}

/// How much longer the bad executions take than the others, by their medians, in nanoseconds.
fn slower_by(group: &Group<'_, '_>, is_bad: &[bool]) -> f64 {
    let of = |wanted: bool| {
        let side = group.facts.iter().zip(is_bad).filter(|(_, bad)| **bad == wanted);
        median(side.map(|(facts, _)| facts.duration()).collect())
    };
    of(true) - of(false)
}
