//! `bottleneck`: an operation below the entry whose own time dominates the critical path.
//!
//! Evidence: at least [`MIN_EXECUTIONS`] executions, in four fifths of which it is called; its own time (without its
//! children's) is at least [`MIN_SHARE`] of the critical path on average. Reports its drag (how much the whole would
//! shrink without it, less than its time where something else runs meanwhile) and what half of it would save, both by
//! replaying the recorded executions, and its slack (how much later its calls off the critical path could end); of calls
//! to a database the statement that takes the longest, where it takes most of that time. A process's first execution is left out where it has several. A call that is recorded by several libraries (of a
//! language model and the HTTP request that makes it) is one, by its uppermost name. Silent about the entry itself and
//! about time between an operation's children: that is `dead_time`. Unasked it is opened only where it says something to
//! act on ([`super::unasked`]).

use std::collections::BTreeMap;

use foldhash::HashMap;

use super::Draft;
use super::call::whole_call;
use super::command::word;
use super::dead_time::is_between;
use super::detection::Detection;
use super::facts::{Facts, Group, median, shown, top};
use super::retime::retime;
use crate::finding::{Code, Number, Unit};
use crate::operation::OperationIds;
use crate::statement::normalise;

const MIN_EXECUTIONS: usize = 3;
const MIN_SHARE: f64 = 0.25;
const MIN_PRESENCE: f64 = 0.8;
/// A statement that takes more than this part of an operation's time is named.
const MOST: f64 = 0.5;
/// Replaying is the cost here; the mean over this many of the newest executions is exact enough.
const MAX_REPLAYED: usize = 100;

#[derive(Default)]
struct Sum {
    own: f64,
    /// Its own time in each execution that calls it.
    by_execution: Vec<f64>,
    /// Per execution, for the examples and the place in the code: time, execution, span.
    largest: Vec<(i64, usize, usize)>,
    /// Execution and span of all.
    spans: Vec<(usize, usize)>,
}

pub(super) fn detect(group: &Group<'_, '_>, findings: &mut Vec<Detection>) {
    let executions = group.warm().count();
    if executions < MIN_EXECUTIONS {
        return;
    }
    let (operations, sums) = own_times(group);
    let total: f64 = group.warm().map(|(_, facts)| facts.duration()).sum();
    let warm: Vec<&Facts<'_, '_>> = group.warm().map(|(_, facts)| facts).collect();
    for (operation, sum) in sums {
        let share = sum.own / total;
        if share < group.part(MIN_SHARE)
            || (sum.by_execution.len() as f64) < group.part(MIN_PRESENCE) * executions as f64
        {
            continue;
        }
        let name = operations.name(operation);
        let replayed = &warm[executions.saturating_sub(MAX_REPLAYED)..];
        let marked: Vec<Vec<bool>> = replayed.iter().map(|facts| marked(facts, name)).collect();
        let mean_saving = |factor: f64| {
            let saved = replayed.iter().zip(&marked).map(|(facts, marked)| {
                let is_it = |index: usize| marked[facts.position(index)];
                facts.duration()
                    - retime(facts.tree, facts.execution.entry, |index| if is_it(index) { factor } else { 1.0 })
            });
            saved.sum::<f64>() / replayed.len() as f64
        };
        let (drag, half) = (mean_saving(0.0), mean_saving(0.5));
        let slack = mean_slack(replayed, name);
        let critical = sum.own / executions as f64;
        let present = sum.by_execution.len();
        let usual = usual(sum.by_execution, executions);
        let longest = LongestStatement::of(group, &sum.spans, executions);
        let mut numbers = vec![
            Number::new("critical_share", share, Unit::Ratio),
            Number::new("critical_mean", critical, Unit::Nanos),
            Number::new("critical_median", usual, Unit::Nanos),
            Number::new("drag", drag, Unit::Nanos),
            Number::new("half_saves", half, Unit::Nanos),
            Number::new("slack", slack, Unit::Nanos),
        ];
        let mut text = format!(
            "{} holds {:.0} % of the critical path of {} ({} of {}): without it {} less, half of it saves {}.",
            name.1,
            share * 100.0,
            group.title,
            shown(critical),
            shown(total / executions as f64),
            shown(drag),
            shown(half)
        );
        if let Some(longest) = longest {
            numbers.push(Number::new("statement_share", longest.share, Unit::Ratio));
            numbers.push(Number::new("statement_median", longest.usual, Unit::Nanos));
            if longest.share > MOST {
                text = format!("{text} {:.0} % of that time: {}", longest.share * 100.0, longest.statement);
            }
        }
        let examples =
            sum.largest.iter().map(|&(nanos, number, span)| (nanos as f64, group.facts[number].evidence(span)));
        let evidence = top(examples.collect());
        let slowest = sum.largest.iter().max().copied();
        let draft = Draft {
            code: Code::Bottleneck,
            service: name.0,
            name: name.1,
            detail: "",
            numbers,
            // What half of it would save is a thought, not a claim that half of it can go.
            saving_nanos: None,
            confidence: present as f64 / executions as f64,
            executions,
            location: slowest.and_then(|(_, number, span)| group.facts[number].location(span)),
            evidence,
            text,
            next: Some(format!("kino explain {}", word(name.1))),
        };
        let places = sum.spans.iter().copied();
        findings.push(draft.finding(group).about_own(places).concerning(half));
    }
}

/// By position in the execution: whether the span is part of a call of this operation, the entry not counted.
fn marked(facts: &Facts<'_, '_>, (service, name): (&str, &str)) -> Vec<bool> {
    let is_it = |index: usize| {
        let span = facts.span(whole_call(facts, index));
        index != facts.execution.entry && span.name == name && span.service() == service
    };
    facts.indices().map(is_it).collect()
}

/// The median over all executions; those without a value count as 0.
fn usual(mut values: Vec<f64>, executions: usize) -> f64 {
    values.resize(values.len().max(executions), 0.0);
    median(values)
}

/// Of an operation that calls a database, the statement, with its data taken out, that takes the longest.
struct LongestStatement {
    statement: String,
    /// Of the operation's time on the critical paths.
    share: f64,
    /// Its time on the critical path of an execution, in nanoseconds.
    usual: f64,
}

impl LongestStatement {
    fn of(group: &Group<'_, '_>, places: &[(usize, usize)], executions: usize) -> Option<Self> {
        // By the text, with its data and without: the same texts come again and again.
        let mut shapes: HashMap<&str, usize> = HashMap::default();
        let mut statements: BTreeMap<String, usize> = BTreeMap::new();
        let mut times: Vec<Vec<(usize, f64)>> = Vec::new();
        let mut total = 0.0;
        let mut places = places.to_vec();
        places.sort_unstable();
        places.dedup();
        for (number, span) in places {
            let facts = &group.facts[number];
            let own = facts.own_critical(span) as f64;
            total += own;
            let Some(text) = facts.span(span).text("db.query.text") else { continue };
            let statement = *shapes.entry(text).or_insert_with(|| {
                let next = statements.len();
                *statements.entry(normalise(text)).or_insert(next)
            });
            times.resize_with(statements.len(), Vec::new);
            match times[statement].last_mut() {
                Some((last, sum)) if *last == number => *sum += own,
                _ => times[statement].push((number, own)),
            }
        }
        let sum = |statement: usize| times[statement].iter().map(|(_, own)| own).sum::<f64>();
        let sums = statements.into_iter().map(|(text, statement)| (sum(statement), text, statement));
        let (sum, statement, number) = sums.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))?;
        let times = times[number].iter().map(|(_, own)| *own).collect();
        Some(Self { statement, share: sum / total, usual: usual(times, executions) })
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
fn own_times<'a>(group: &Group<'_, 'a>) -> (OperationIds<'a>, BTreeMap<usize, Sum>) {
    let mut operations = OperationIds::default();
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
            sum.by_execution.push(own as f64);
            sum.largest.push((longest, number, span));
        }
    }
    (operations, sums)
}
