//! `dead_time`: time on the critical path inside an operation, between its children, that nothing recorded explains.
//!
//! Evidence: at least [`MIN_EXECUTIONS`] executions; the operation has children, and its own time on the critical path
//! is [`MIN_SHARE`] of the execution and [`MIN_OWN_NANOS`] or more, by the median; gaps shorter than [`MIN_GAP_NANOS`] do not count, since
//! recording itself takes that. A process's first execution is left out where it has several. Silent about leaves,
//! whose own time is their work, and about calls to the outside, which wait for another process. Nothing is claimed to be
//! saved. Unasked it is opened only where it sets the operation apart ([`super::unasked`]).

use std::collections::BTreeMap;

use super::Draft;
use super::call::waits;
use super::detection::Detection;
use super::facts::{Group, median, shown, top};
use crate::finding::{Code, Number, Unit};

const MIN_EXECUTIONS: usize = 3;
const MIN_SHARE: f64 = 0.3;
/// The shortest wait that a person notices. Programs compute between their calls, and less of that is no news.
const MIN_OWN_NANOS: f64 = 1e8;
/// Starting and ending a span takes up to this long in slow languages, and no further span would explain it.
const MIN_GAP_NANOS: i64 = 100_000;

/// By execution: nanoseconds, and the spans that hold them.
type OwnTimes = BTreeMap<usize, (f64, Vec<usize>)>;

/// Whether a span's own time is that between its children.
pub(super) fn is_between(facts: &super::facts::Facts<'_, '_>, index: usize) -> bool {
    !facts.tree.children(index).is_empty() && !waits(facts.span(index))
}

pub(super) fn detect(group: &Group<'_, '_>, findings: &mut Vec<Detection>) {
    let warm = group.warm().count();
    if warm < MIN_EXECUTIONS {
        return;
    }
    let mut by_operation: BTreeMap<(&str, &str), OwnTimes> = BTreeMap::new();
    for (number, facts) in group.warm() {
        for gap in facts.path().iter().filter(|gap| gap.duration() >= MIN_GAP_NANOS && is_between(facts, gap.span)) {
            let span = facts.span(gap.span);
            let sums = by_operation.entry((span.service(), &span.name)).or_default();
            let (nanos, spans) = sums.entry(number).or_default();
            *nanos += gap.duration() as f64;
            if spans.last() != Some(&gap.span) {
                spans.push(gap.span);
            }
        }
    }
    for ((service, name), sums) in by_operation {
        let own = median(group.warm().map(|(number, _)| sums.get(&number).map_or(0.0, |sum| sum.0)).collect());
        let share = own / group.median_duration().max(1.0);
        if share < group.part(MIN_SHARE) || own < group.part(MIN_OWN_NANOS) {
            continue;
        }
        let examples = sums.iter().map(|(&number, (nanos, spans))| (*nanos, group.facts[number].evidence(spans[0])));
        let first = sums.iter().next().map(|(&number, (_, spans))| group.facts[number].location(spans[0]));
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
                group.title,
                share * 100.0
            ),
            next: Some(format!("add spans inside {name}, or profile it")),
        };
        let places = sums.iter().flat_map(|(&number, (_, spans))| spans.iter().map(move |&span| (number, span)));
        findings.push(draft.finding(group).about_own(places).concerning(own));
    }
}
