//! `bottleneck`: an operation beneath the entry whose own time dominates the critical path.
//!
//! Evidence: at least [`MIN_EXECUTIONS`] executions, in four fifths of which it is called; its own time (without its
//! children's) is at least [`MIN_SHARE`] of the critical path on average. Told are its drag (how much the whole would
//! shrink without it, less than its time where something else runs meanwhile) and what half of it would save, both by
//! replaying the recorded executions, and its slack (how much later its calls off the critical path could end). A
//! process's first execution is left out where it has several. A call that is recorded by several libraries (of a
//! language model and the HTTP request that makes it) is one, by its uppermost name. Silent about the entry itself and
//! about time between an operation's children: that is `dead_time`. Unasked it is opened only where it says something to
//! act on ([`super::unasked`]).

use std::collections::BTreeMap;

use super::Draft;
use super::call::whole_call;
use super::dead_time::is_between;
use super::facts::{Facts, Group, shown, top};
use super::relate::Found;
use super::retime::retime;
use crate::finding::{Code, Number, Unit};
use crate::operation::Operations;

const MIN_EXECUTIONS: usize = 3;
const MIN_SHARE: f64 = 0.25;
const MIN_PRESENCE: f64 = 0.8;
/// Replaying is the cost here; the mean over this many of the newest executions is exact enough.
const MAX_REPLAYED: usize = 100;

#[derive(Default)]
struct Sum {
    own: f64,
    present: usize,
    /// Per execution, for the examples and the place in the code: time, execution, span.
    largest: Vec<(i64, usize, usize)>,
    /// Execution and span of all.
    spans: Vec<(usize, usize)>,
}

pub(super) fn detect(group: &Group<'_, '_>, findings: &mut Vec<Found>) {
    let executions = group.warm().count();
    if executions < MIN_EXECUTIONS {
        return;
    }
    let (operations, sums) = own_times(group);
    let total: f64 = group.warm().map(|(_, facts)| facts.duration()).sum();
    let warm: Vec<&Facts<'_, '_>> = group.warm().map(|(_, facts)| facts).collect();
    for (operation, sum) in sums {
        let share = sum.own / total;
        if share < group.part(MIN_SHARE) || (sum.present as f64) < group.part(MIN_PRESENCE) * executions as f64 {
            continue;
        }
        let name = operations.name(operation);
        let replayed = &warm[executions.saturating_sub(MAX_REPLAYED)..];
        let mean_saving = |factor: f64| {
            let saved = replayed.iter().map(|facts| {
                let is_it = |index: usize| {
                    let span = facts.span(whole_call(facts, index));
                    index != facts.execution.entry && (span.name == name.1 && span.service() == name.0)
                };
                facts.duration()
                    - retime(facts.tree, facts.execution.entry, |index| if is_it(index) { factor } else { 1.0 })
            });
            saved.sum::<f64>() / replayed.len() as f64
        };
        let (drag, half) = (mean_saving(0.0), mean_saving(0.5));
        let slack = mean_slack(replayed, name);
        let critical = sum.own / executions as f64;
        let examples =
            sum.largest.iter().map(|&(nanos, number, span)| (nanos as f64, group.facts[number].evidence(span)));
        let evidence = top(examples.collect());
        let slowest = sum.largest.iter().max().copied();
        let draft = Draft {
            code: Code::Bottleneck,
            service: name.0,
            name: name.1,
            detail: "",
            numbers: vec![
                Number::new("critical_share", share, Unit::Ratio),
                Number::new("critical_mean", critical, Unit::Nanos),
                Number::new("drag", drag, Unit::Nanos),
                Number::new("half_saves", half, Unit::Nanos),
                Number::new("slack", slack, Unit::Nanos),
            ],
            // What half of it would save is a thought, not a claim that half of it can go.
            saving_nanos: None,
            confidence: sum.present as f64 / executions as f64,
            executions,
            location: slowest.and_then(|(_, number, span)| group.facts[number].location(span)),
            evidence,
            text: format!(
                "{} holds {:.0} % of the critical path of {} ({} of {}): without it {} less, half of it saves {}.",
                name.1,
                share * 100.0,
                group.name,
                shown(critical),
                shown(total / executions as f64),
                shown(drag),
                shown(half)
            ),
            next: Some(format!("explain {}", name.1)),
        };
        let places = sum.spans.iter().copied();
        findings.push(draft.finding(group).about_own(places).concerning(half));
    }
}

/// How much later the operation's calls could end, by the mean over them, without anything waiting for them: 0 for
/// those on the critical path, else up to the end of the sibling that is waited for, or of the parent.
fn mean_slack(replayed: &[&Facts<'_, '_>], name: (&str, &str)) -> f64 {
    let (mut calls, mut slack) = (0u64, 0.0);
    for facts in replayed {
        let tree = facts.tree;
        let is_it = |index: &usize| facts.span(*index).name == name.1 && facts.span(*index).service() == name.0;
        for parent in facts.indices() {
            let children = || tree.children(parent).iter().map(|&child| child as usize);
            // When those siblings end that are waited for; found when a call first needs it.
            let mut waited: Option<Vec<i64>> = None;
            for index in children().filter(is_it) {
                calls += 1;
                if facts.critical(index) > 0 {
                    continue;
                }
                let waited = waited.get_or_insert_with(|| {
                    let on_path = children().filter(|&sibling| facts.critical(sibling) > 0);
                    let mut ends: Vec<i64> = on_path.map(|sibling| tree.end(sibling)).collect();
                    ends.sort_unstable();
                    ends
                });
                let next = waited.partition_point(|end| *end < tree.end(index));
                let until = waited.get(next).copied().unwrap_or(tree.end(parent));
                slack += (until - tree.end(index)).max(0) as f64;
            }
        }
    }
    slack / calls.max(1) as f64
}

/// Each operation's own time on the critical paths.
fn own_times<'a>(group: &Group<'_, 'a>) -> (Operations<'a>, BTreeMap<usize, Sum>) {
    let mut operations = Operations::default();
    let mut sums: BTreeMap<usize, Sum> = BTreeMap::new();
    for (number, facts) in group.warm() {
        let mut here: BTreeMap<usize, (i64, i64, usize)> = BTreeMap::new();
        for segment in facts.path() {
            if segment.span == facts.execution.entry || is_between(facts, segment.span) {
                continue;
            }
            let call = whole_call(facts, segment.span);
            let own = if call == segment.span { facts.own_critical(call) } else { facts.critical(call) };
            let operation = operations.of(facts.span(call));
            sums.entry(operation).or_default().spans.push((number, segment.span));
            let slot = here.entry(operation).or_insert((0, own, call));
            slot.0 += segment.duration();
            if own > slot.1 {
                (slot.1, slot.2) = (own, call);
            }
        }
        for (operation, (own, longest, span)) in here {
            let sum = sums.entry(operation).or_default();
            sum.own += own as f64;
            sum.present += 1;
            sum.largest.push((longest, number, span));
        }
    }
    (operations, sums)
}
