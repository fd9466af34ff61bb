//! `lock_contention` and `deadlock`, for spans and events that carry `kino.lock.*`.
//!
//! Read are `kino.lock.name`, `kino.lock.wait_nanos`, `kino.lock.owner` (who waits) and `kino.lock.holder` (who has it).
//! Contention: in at least [`MIN_EXECUTIONS`] executions, waits for one lock fill [`MIN_SHARE`] of the execution, by
//! the median; a span's wait counts up to its time on the critical path. Deadlock: waits that never ended and form a
//! circle of owners and holders. Silent about short waits, however many.

use std::collections::{BTreeMap, BTreeSet};

use kino_model::{Attributes, attribute};

use super::Draft;
use super::detection::{Detection, Stretch};
use super::facts::{Group, median, shown, top};
use crate::finding::{Code, Evidence, Number, Unit, evidence};

const MIN_EXECUTIONS: usize = 3;
const MIN_SHARE: f64 = 0.1;
pub(super) const NAME: &str = "kino.lock.name";
pub(super) const WAIT: &str = "kino.lock.wait_nanos";
const OWNER: &str = "kino.lock.owner";
const HOLDER: &str = "kino.lock.holder";

pub(super) fn detect(group: &Group<'_, '_>, findings: &mut Vec<Detection>) {
    contention(group, findings);
    findings.extend(deadlock(group));
}

fn text<'a>(attributes: &'a Attributes, key: &str) -> Option<&'a str> {
    attribute::find(attributes, key)?.as_str()
}

fn contention(group: &Group<'_, '_>, findings: &mut Vec<Detection>) {
    let mut by_lock: BTreeMap<&str, Vec<(usize, usize, f64)>> = BTreeMap::new();
    for (number, facts) in group.facts.iter().enumerate() {
        for index in facts.indices() {
            let span = facts.span(index);
            let carriers = std::iter::once(&span.attributes).chain(span.events.iter().map(|event| &event.attributes));
            for attributes in carriers {
                let wait = attribute::find(attributes, WAIT).and_then(kino_model::Value::as_f64);
                if let (Some(lock), Some(wait)) = (text(attributes, NAME), wait) {
                    let counted = wait.min(facts.critical(index) as f64).max(0.0);
                    by_lock.entry(lock).or_default().push((number, index, counted));
                }
            }
        }
    }
    for (lock, waits) in by_lock {
        let mut per_execution: BTreeMap<usize, f64> = BTreeMap::new();
        for (number, _, nanos) in &waits {
            *per_execution.entry(*number).or_default() += nanos;
        }
        let wait = median(per_execution.values().copied().collect());
        let share = wait / group.median_duration().max(1.0);
        if per_execution.len() < group.cases(MIN_EXECUTIONS) || share < group.part(MIN_SHARE) {
            continue;
        }
        let Some(&(number, index, _)) = waits.iter().max_by(|a, b| a.2.total_cmp(&b.2)) else { continue };
        let span = group.facts[number].span(index);
        let draft = Draft {
            code: Code::LockContention,
            service: span.service(),
            name: &span.name,
            detail: lock,
            numbers: vec![
                Number::new("wait", wait, Unit::Nanos),
                Number::new("share", share, Unit::Ratio),
                Number::new("waits", waits.len() as f64, Unit::Count),
            ],
            saving_nanos: Some(wait),
            confidence: 0.85,
            executions: group.facts.len(),
            location: group.facts[number].location(index),
            evidence: top(waits
                .iter()
                .map(|&(number, index, nanos)| (nanos, group.facts[number].evidence(index)))
                .collect()),
            text: format!(
                "{} waits {} for the lock {lock} in an execution, {:.0} % of it.",
                group.title,
                shown(wait),
                share * 100.0
            ),
            next: Some("see who holds it meanwhile; hold it shorter, or split it".to_owned()),
        };
        // The wait's position in the span is not recorded: mostly it begins with the span.
        let waited = |&(execution, index, nanos): &(usize, usize, f64)| {
            let whole = group.stretch(execution, index);
            Stretch { end: whole.end.min(whole.start.saturating_add(nanos as i64)), ..whole }
        };
        let stretches: Vec<Stretch> = waits.iter().map(waited).collect();
        let places = waits.iter().map(|&(execution, index, _)| (execution, index));
        findings.push(draft.finding(group).about(places).explaining(stretches));
    }
}

fn deadlock(group: &Group<'_, '_>) -> Option<Detection> {
    let mut waits_for: BTreeMap<&str, (&str, Evidence, &str)> = BTreeMap::new();
    for execution in &group.all {
        for &index in execution.spans() {
            let span = execution.tree.span(index as usize);
            let carriers = std::iter::once(&span.attributes).chain(span.events.iter().map(|event| &event.attributes));
            for attributes in carriers.filter(|_| span.end.is_none()) {
                let (owner, holder) = (text(attributes, OWNER), text(attributes, HOLDER));
                if let (Some(owner), Some(holder)) = (owner, holder) {
                    let lock = text(attributes, NAME).unwrap_or_default();
                    waits_for.insert(owner, (holder, evidence(execution.trace_id(), span), lock));
                }
            }
        }
    }
    let circle = waits_for.keys().find_map(|&from| circle(from, &waits_for))?;
    let examples = circle.iter().map(|owner| (0.0, waits_for[owner].1)).collect();
    let locks: Vec<&str> = circle.iter().map(|owner| waits_for[owner].2).collect();
    let draft = Draft {
        code: Code::Deadlock,
        service: group.service,
        name: group.name,
        detail: &locks.join(" "),
        numbers: vec![Number::new("waiting", circle.len() as f64, Unit::Count)],
        saving_nanos: None,
        confidence: 0.95,
        executions: group.all.len(),
        location: None,
        evidence: top(examples),
        text: format!(
            "{} wait for each other in a circle below {}, for the locks {}.",
            circle.len(),
            group.title,
            locks.join(", ")
        ),
        next: Some("take these locks in one order everywhere".to_owned()),
    };
    Some(draft.finding(group))
}

/// The circle that `from` is part of.
fn circle<'a>(from: &'a str, waits_for: &BTreeMap<&'a str, (&'a str, Evidence, &'a str)>) -> Option<Vec<&'a str>> {
    let mut passed = Vec::new();
    let mut seen = BTreeSet::new();
    let mut at = from;
    while seen.insert(at) {
        passed.push(at);
        at = waits_for.get(at)?.0;
    }
    (at == from).then_some(passed)
}
