//! `dead_time`: time on the critical path inside an operation, between its children, that nothing recorded explains.
//!
//! Evidence: at least [`MIN_EXECUTIONS`] executions; the operation has children, and its own time on the critical path
//! is [`MIN_SHARE`] of the execution or more, by the median; gaps shorter than [`MIN_GAP_NANOS`] do not count, since
//! recording itself takes that. A process's first execution is left out where it has several. Silent about leaves,
//! whose own time is their work, and about calls to the outside, which wait for somebody else. Nothing is claimed to be
//! saved.

use std::collections::BTreeMap;

use super::Draft;
use super::call::waits;
use super::facts::{Group, median, shown, top};
use crate::finding::{Code, Finding, Number, Unit};

const MIN_EXECUTIONS: usize = 3;
const MIN_SHARE: f64 = 0.3;
/// Starting and ending a span takes up to this long in slow languages, and no further span would explain it.
const MIN_GAP_NANOS: i64 = 100_000;

/// By execution: nanoseconds, and a span that holds some of them.
type OwnTimes = BTreeMap<usize, (f64, usize)>;

/// Whether a span's own time is that between its children.
pub(super) fn is_between(facts: &super::facts::Facts<'_, '_>, index: usize) -> bool {
    !facts.tree.children(index).is_empty() && !waits(facts.span(index))
}

pub(super) fn detect(group: &Group<'_, '_>, findings: &mut Vec<Finding>) {
    let warm = group.warm().count();
    if warm < MIN_EXECUTIONS {
        return;
    }
    let mut by_operation: BTreeMap<(&str, &str), OwnTimes> = BTreeMap::new();
    for (number, facts) in group.warm() {
        for gap in facts.path().iter().filter(|gap| gap.duration() >= MIN_GAP_NANOS && is_between(facts, gap.span)) {
            let span = facts.span(gap.span);
            let sums = by_operation.entry((span.service(), &span.name)).or_default();
            sums.entry(number).or_insert((0.0, gap.span)).0 += gap.duration() as f64;
        }
    }
    for ((service, name), sums) in by_operation {
        let own = median(group.warm().map(|(number, _)| sums.get(&number).map_or(0.0, |sum| sum.0)).collect());
        let share = own / group.median_duration().max(1.0);
        if share < group.part(MIN_SHARE) {
            continue;
        }
        let examples = sums.iter().map(|(&number, &(nanos, index))| (nanos, group.facts[number].evidence(index)));
        let first = sums.iter().next().map(|(&number, &(_, index))| group.facts[number].location(index));
        let draft = Draft {
            code: Code::DeadTime,
            service,
            name,
            detail: "",
            numbers: vec![Number::new("own", own, Unit::Nanos), Number::new("share", share, Unit::Ratio)],
            saving_nanos: None,
            confidence: 0.7,
            executions: warm,
            location: first.flatten(),
            evidence: top(examples.collect()),
            text: format!(
                "{} of {} ({:.0} %) pass in {name} between its calls, and nothing recorded says with what.",
                shown(own),
                group.name,
                share * 100.0
            ),
            next: Some(format!("add spans inside {name}, or profile it")),
        };
        findings.push(draft.finding(group));
    }
}
