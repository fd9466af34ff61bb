//! `what_differs`: the attribute that best separates failed (or slow) executions from the rest.
//!
//! Evidence: at least [`MIN_SIDE`] executions on each side. Bad are the failed ones; where too few failed, those slower
//! than twice the median. For numbers the best threshold on either side, for texts the best value; the chance of so
//! good a separation (Fisher's exact test) is multiplied by everything that was tried, thresholds included, and must
//! stay below [`LEVEL`]; the rule must hold for [`MIN_SUPPORT`] of the bad, with a lift of [`MIN_LIFT`]. Attributes
//! that tell of the outcome are not tried.

use std::collections::BTreeMap;

use super::Draft;
use super::facts::{Group, median, top};
use super::features::{Feature, Features};
use super::relate::Found;
use crate::finding::{Code, Number, Unit};
use crate::statistics::{fisher, ln_factorials};

const MIN_SIDE: usize = 5;
const LEVEL: f64 = 0.01;
const MIN_SUPPORT: f64 = 0.8;
const MIN_LIFT: f64 = 1.5;
const SLOW: f64 = 2.0;

/// A rule that separates, and how well.
struct Rule {
    key: String,
    condition: String,
    threshold: Option<f64>,
    bad: usize,
    good: usize,
    p_value: f64,
}

pub(super) fn detect(group: &Group<'_, '_>, findings: &mut Vec<Found>) {
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
    let Some(rule) = best_rule(group, &is_bad, bad_total, good_total) else { return };
    let support = rule.bad as f64 / bad_total as f64;
    let precision = rule.bad as f64 / (rule.bad + rule.good) as f64;
    let lift = precision / (bad_total as f64 / is_bad.len() as f64);
    if rule.p_value > LEVEL || support < MIN_SUPPORT || lift < MIN_LIFT {
        return;
    }
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
            rule.bad, group.name, rule.key, rule.condition, rule.good
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

fn best_rule(group: &Group<'_, '_>, is_bad: &[bool], bad_total: usize, good_total: usize) -> Option<Rule> {
    let mut known = Features::default();
    let mut numbers: BTreeMap<&str, Vec<(f64, bool)>> = BTreeMap::new();
    let mut texts: BTreeMap<&str, BTreeMap<&str, [usize; 2]>> = BTreeMap::new();
    for (facts, &bad) in group.facts.iter().zip(is_bad) {
        for (key, feature) in known.of(&facts.execution) {
            match feature {
                Feature::Number(value) => numbers.entry(key).or_default().push((value, bad)),
                Feature::Text(value) => texts.entry(key).or_default().entry(value).or_default()[usize::from(!bad)] += 1,
            }
        }
    }
    let mut tried = 0usize;
    let mut best: Option<Rule> = None;
    let mut consider = |rule: Rule| {
        let better = best.as_ref().is_none_or(|best| rule.p_value < best.p_value);
        if better {
            best = Some(rule);
        }
    };
    let ln_factorials = ln_factorials(is_bad.len());
    let p_value = |bad: usize, good: usize| fisher(bad, good, bad_total, good_total, &ln_factorials);
    for (key, values) in texts {
        for (value, [bad, good]) in values {
            tried += 1;
            let shown: String = value.chars().take(60).collect();
            consider(Rule {
                key: key.to_owned(),
                condition: format!("= {shown}"),
                threshold: None,
                bad,
                good,
                p_value: p_value(bad, good),
            });
        }
    }
    for (key, mut values) in numbers {
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        let bad_known = values.iter().filter(|(_, bad)| *bad).count();
        let good_known = values.len() - bad_known;
        let (mut bad_below, mut good_below) = (0, 0);
        for pair in values.windows(2) {
            *(if pair[0].1 { &mut bad_below } else { &mut good_below }) += 1;
            if pair[0].0 >= pair[1].0 {
                continue;
            }
            tried += 2;
            let threshold = f64::midpoint(pair[0].0, pair[1].0);
            let (bad_above, good_above) = (bad_known - bad_below, good_known - good_below);
            let above = p_value(bad_above, good_above);
            let below = p_value(bad_below, good_below);
            let key = key.to_owned();
            let shown = number(pair, threshold);
            consider(if above <= below {
                Rule {
                    key,
                    condition: format!("> {shown}"),
                    threshold: Some(threshold),
                    bad: bad_above,
                    good: good_above,
                    p_value: above,
                }
            } else {
                Rule {
                    key,
                    condition: format!("< {shown}"),
                    threshold: Some(threshold),
                    bad: bad_below,
                    good: good_below,
                    p_value: below,
                }
            });
        }
    }
    best.map(|rule| Rule { p_value: (rule.p_value * tried as f64).min(1.0), ..rule })
}

/// The threshold with as few digits as still separate the two values.
fn number(pair: &[(f64, bool)], threshold: f64) -> f64 {
    let (low, high) = (pair[0].0, pair[1].0);
    let mut step = 10f64.powf((high - low).log10().floor());
    for _ in 0..3 {
        let rounded = (threshold / step).round() * step;
        if rounded >= low && rounded < high {
            return rounded;
        }
        step /= 10.0;
    }
    threshold
}
