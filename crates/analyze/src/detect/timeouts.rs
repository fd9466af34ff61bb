//! `timeout_cluster` and `timeout_budget_exceeded`: calls that end at the same limit, and work that goes on after its
//! caller gave up.
//!
//! Evidence: at least [`MIN_TIMEOUTS`] timeouts of one operation, four fifths of them within a tenth of their median
//! duration, which is then the limit. A budget is exceeded where in as many executions a caller timed out while a child
//! ran, and it ran on; what begins only afterwards was queued. Only the innermost of nested timeouts counts. Silent
//! inside tests that passed.

use std::collections::BTreeMap;

use super::Draft;
use super::detection::{Detection, Stretch};
use super::facts::{Facts, Group, median, shown, top};
use super::failures::is_timeout;
use crate::finding::{Code, Number, Unit};

const MIN_TIMEOUTS: usize = 3;
const TOLERANCE: f64 = 0.1;
const MIN_CLUSTERED: f64 = 0.8;

/// Execution, span, nanoseconds.
type TimeoutCase = (usize, usize, f64);
type Cases<'a> = BTreeMap<(&'a str, &'a str), Vec<TimeoutCase>>;

pub(super) fn detect(group: &Group<'_, '_>, findings: &mut Vec<Detection>) {
    let (mut timeouts, mut overruns) = (Cases::new(), Cases::new());
    let mut calls: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (number, facts) in group.facts.iter().enumerate().filter(|(_, facts)| !facts.is_passed_test()) {
        for index in facts.indices() {
            let span = facts.span(index);
            let operation = (span.service(), span.name.as_str());
            *calls.entry(operation).or_default() += 1;
            if !is_timeout(span) {
                continue;
            }
            let children = || facts.tree.children(index).iter().map(|&child| child as usize);
            if !children().any(|child| is_timeout(facts.span(child)) && is_near(facts, child, index)) {
                timeouts.entry(operation).or_default().push((number, index, facts.tree.duration(index) as f64));
            }
            let mut longest: BTreeMap<(&str, &str), TimeoutCase> = BTreeMap::new();
            let ran = |&child: &usize| facts.tree.is_awaited(child) && facts.tree.start(child) < facts.tree.end(index);
            for child in children().filter(ran) {
                let over = (facts.tree.end(child) - facts.tree.end(index)) as f64;
                if over > TOLERANCE * facts.tree.duration(index) as f64 {
                    let span = facts.span(child);
                    let case = longest.entry((span.service(), &span.name)).or_insert((number, child, over));
                    if case.2 < over {
                        *case = (number, child, over);
                    }
                }
            }
            for (operation, case) in longest {
                overruns.entry(operation).or_default().push(case);
            }
        }
    }
    for (operation, cases) in timeouts {
        if let Some(finding) = cluster(group, operation, &cases, calls[&operation]) {
            findings.push(finding);
        }
    }
    let is_enough = |cases: &[TimeoutCase]| executions_of(cases) >= group.cases(MIN_TIMEOUTS);
    for ((service, name), cases) in overruns.into_iter().filter(|(_, cases)| is_enough(cases)) {
        let over = median(cases.iter().map(|case| case.2).collect());
        let draft = Draft {
            code: Code::TimeoutBudgetExceeded,
            service,
            name,
            detail: "",
            numbers: vec![
                Number::new("cases", cases.len() as f64, Unit::Count),
                Number::new("after_caller", over, Unit::Nanos),
            ],
            saving_nanos: None,
            confidence: 0.9,
            executions: group.facts.len(),
            location: group.facts[cases[0].0].location(cases[0].1),
            evidence: evidence(group, &cases),
            text: format!(
                "{name} goes on for {} after its caller timed out, in {} cases: it is not cancelled with its caller.",
                shown(over),
                cases.len()
            ),
            next: Some(
                "give the inner call what is left of the caller's time, and cancel it with the caller".to_owned(),
            ),
        };
        findings.push(draft.finding(group));
    }
}

/// How many executions the cases, which are in their order, are of.
fn executions_of(cases: &[TimeoutCase]) -> usize {
    cases.chunk_by(|a, b| a.0 == b.0).count()
}

fn is_near(facts: &Facts<'_, '_>, child: usize, parent: usize) -> bool {
    facts.tree.duration(child) as f64 >= (1.0 - TOLERANCE) * facts.tree.duration(parent) as f64
}

fn cluster(
    group: &Group<'_, '_>,
    (service, name): (&str, &str),
    cases: &[TimeoutCase],
    calls: usize,
) -> Option<Detection> {
    let limit = median(cases.iter().map(|case| case.2).collect());
    let near = cases.iter().filter(|case| (case.2 - limit).abs() <= TOLERANCE * limit).count();
    if near < group.cases(MIN_TIMEOUTS) || (near as f64) < MIN_CLUSTERED * cases.len() as f64 {
        return None;
    }
    let draft = Draft {
        code: Code::TimeoutCluster,
        service,
        name,
        detail: "",
        numbers: vec![
            Number::new("timeouts", cases.len() as f64, Unit::Count),
            Number::new("calls", calls as f64, Unit::Count),
            Number::new("limit", limit, Unit::Nanos),
        ],
        saving_nanos: None,
        confidence: near as f64 / cases.len() as f64,
        executions: group.facts.len(),
        location: group.facts[cases[0].0].location(cases[0].1),
        evidence: evidence(group, cases),
        text: format!("{} of {calls} calls of {name} end at a limit of {}.", cases.len(), shown(limit)),
        next: Some(
            "see what differs in the calls that time out, or predict at which input they cross the limit".to_owned(),
        ),
    };
    let stretches: Vec<Stretch> = cases.iter().map(|&(number, index, _)| group.stretch(number, index)).collect();
    Some(draft.finding(group).about(cases.iter().map(|case| (case.0, case.1))).explaining(stretches))
}

fn evidence(group: &Group<'_, '_>, cases: &[TimeoutCase]) -> Vec<crate::finding::Evidence> {
    top(cases.iter().map(|&(number, index, nanos)| (nanos, group.facts[number].evidence(index))).collect())
}
