//! `n_plus_one`: the same call, with its data taken out, made again for each item of a list.
//!
//! Evidence: in at least half of the executions the call is repeated [`MIN_REPEATS`] times or more, and what one call instead of them
//! would save is at least [`MIN_SHARE`] of the execution (or [`MANY_REPEATS`] times, whatever the time). The subject is the nearest span
//! that has all the repeats beneath it, so that spread over several parents or interleaved they are still found. The
//! saving is their time on the critical path less that of one.
//!
//! Silent about batches, pages (by number, offset, cursor or last key), calls made at the same time, failed calls (retries), calls of one and the same data (`repeated_identical_call`), polling
//! (long pauses between), language models and the requests that ask them, health checks, transaction brackets and `SELECT 1`.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::Draft;
use super::call::{Calls, Kind, is_model};
use super::facts::{ANCESTORS_MAX, Facts, Group, median, shown, top};
use crate::finding::{Code, Finding, Number, Unit};

const MIN_REPEATS: usize = 5;
const MANY_REPEATS: usize = 20;
const MIN_SHARE: f64 = 0.05;
const MIN_PRESENCE: f64 = 0.5;
/// Repeats that hold less of the critical path than so many of them one after another run at the same time.
const SCATTERED: f64 = 2.0;
/// A request stands at most so far beneath the call of a language model that makes it.
const MAX_WITHIN_MODEL: usize = 4;
/// Pauses this many times the calls' own time are somebody waiting on purpose.
const POLLING_PAUSE: f64 = 10.0;

/// The spans that made one call in one execution.
struct Made<'a> {
    indices: Vec<u32>,
    /// The first one's call with all of its data, where that was recorded.
    whole: Option<&'a str>,
    /// Whether all others had the same data.
    is_identical: bool,
}

/// The repeats of one call in one execution.
struct Repeats {
    number: usize,
    ancestor: usize,
    count: usize,
    critical: f64,
    one: f64,
    slowest: usize,
}

pub(super) fn detect(group: &Group<'_, '_>, findings: &mut Vec<Finding>) {
    let mut calls = Calls::default();
    let mut by_call: BTreeMap<(Kind, Rc<str>), Vec<Repeats>> = BTreeMap::new();
    for (number, facts) in group.facts.iter().enumerate() {
        let mut here: BTreeMap<(Kind, Rc<str>), Made<'_>> = BTreeMap::new();
        for index in facts.indices().skip(1) {
            let call = calls.of(facts.span(index)).filter(|call| call.kind != Kind::Model && !call.batch && !call.page);
            let call = call.filter(|_| !is_within_model(facts, index));
            if let Some(call) = call.filter(|_| !facts.span(index).is_error()) {
                let first = || Made { indices: Vec::new(), whole: call.whole, is_identical: call.whole.is_some() };
                let made = here.entry((call.kind, call.key)).or_insert_with(first);
                made.is_identical &= made.whole == call.whole;
                made.indices.push(index as u32);
            }
        }
        for (key, made) in here {
            if let Some(repeats) = repeats(facts, number, &made) {
                by_call.entry(key).or_default().push(repeats);
            }
        }
    }
    for ((_, key), found) in by_call {
        let ended = group.facts.len();
        if (found.len() as f64) >= group.part(MIN_PRESENCE) * ended as f64 {
            findings.push(finding(group, &key, &found));
        }
    }
}

/// Whether it is how a language model is asked: the request beneath the call.
fn is_within_model(facts: &Facts<'_, '_>, index: usize) -> bool {
    let mut above = (0..MAX_WITHIN_MODEL).scan(index, |at, _| {
        *at = facts.tree.parent(*at).filter(|_| *at != facts.execution.entry)?;
        Some(*at)
    });
    above.any(|index| is_model(facts.span(index)))
}

fn repeats(facts: &Facts<'_, '_>, number: usize, made: &Made<'_>) -> Option<Repeats> {
    let count = made.indices.len();
    if count < MIN_REPEATS || made.is_identical {
        return None;
    }
    let indices = || made.indices.iter().map(|&index| index as usize);
    let durations: Vec<f64> = indices().map(|index| facts.tree.duration(index) as f64).collect();
    let total: f64 = durations.iter().sum();
    let one = median(durations);
    let critical: f64 = indices().map(|index| facts.critical(index) as f64).sum();
    if count < MANY_REPEATS && critical - one < MIN_SHARE * facts.duration() {
        return None;
    }
    let mut starts: Vec<i64> = indices().map(|index| facts.tree.start(index)).collect();
    starts.sort_unstable();
    let spread = (starts[count - 1] - starts[0]) as f64;
    if spread > POLLING_PAUSE * total
        && median(starts.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect())
            > POLLING_PAUSE * total / count as f64
        && busy_between(facts, &made.indices) < 0.5
    {
        return None;
    }
    // Nearly all at the same time: a scatter to shards, bounded by its slowest.
    if critical < one * SCATTERED {
        return None;
    }
    let slowest = indices().max_by_key(|&index| facts.tree.duration(index))?;
    Some(Repeats { number, ancestor: common_ancestor(facts, &made.indices), count, critical, one, slowest })
}

/// The part of the ancestor's time, between the first and the last call, in which anything at all was recorded.
fn busy_between(facts: &Facts<'_, '_>, indices: &[u32]) -> f64 {
    let ancestor = common_ancestor(facts, indices);
    let duration = facts.tree.duration(ancestor).max(1) as f64;
    1.0 - facts.tree.self_time(ancestor) as f64 / duration
}

/// The nearest span that has all of these beneath it; the entry where none of the nearest [`ANCESTORS_MAX`] has.
fn common_ancestor(facts: &Facts<'_, '_>, indices: &[u32]) -> usize {
    let entry = facts.execution.entry;
    let (first, last) = indices.iter().fold((usize::MAX, 0), |(first, last), &index| {
        let position = facts.tree.position_below(entry, index as usize);
        (first.min(position), last.max(position))
    });
    let mut ancestor = facts.tree.parent(indices[0] as usize).unwrap_or(entry);
    for _ in 0..ANCESTORS_MAX {
        let from = facts.tree.position_below(entry, ancestor);
        if ancestor == entry || from <= first && last < from + facts.tree.subtree(ancestor).len() {
            return ancestor;
        }
        ancestor = facts.tree.parent(ancestor).unwrap_or(entry);
    }
    entry
}

fn finding(group: &Group<'_, '_>, key: &str, found: &[Repeats]) -> Finding {
    let count = median(found.iter().map(|repeats| repeats.count as f64).collect());
    let most = found.iter().map(|repeats| repeats.count).max().unwrap_or(0);
    let critical = median(found.iter().map(|repeats| repeats.critical).collect());
    let saving = median(found.iter().map(|repeats| (repeats.critical - repeats.one).max(0.0)).collect());
    let worst = found.iter().max_by_key(|repeats| repeats.count).expect("a finding rests on an execution");
    let facts = &group.facts[worst.number];
    let ancestor = facts.span(worst.ancestor);
    let examples =
        found.iter().map(|repeats| (repeats.count as f64, group.facts[repeats.number].evidence(repeats.ancestor)));
    let varies = found.iter().any(|repeats| repeats.count != worst.count);
    let draft = Draft {
        code: Code::NPlusOne,
        service: ancestor.service(),
        name: &ancestor.name,
        detail: key,
        numbers: vec![
            Number::new("calls", count, Unit::Count),
            Number::new("calls_max", most as f64, Unit::Count),
            Number::new("critical", critical, Unit::Nanos),
            Number::new("saving", saving, Unit::Nanos),
        ],
        saving_nanos: Some(saving),
        // Repeats whose number follows the data are the pattern itself.
        confidence: if varies || count >= MANY_REPEATS as f64 { 0.95 } else { 0.8 },
        executions: group.facts.len(),
        location: facts.location(worst.slowest),
        evidence: top(examples.collect()),
        text: format!(
            "{count} calls of one kind beneath {} in an execution (at most {most}), {} on the critical path, where one would do: {key}",
            ancestor.name,
            shown(critical)
        ),
        next: Some("fetch all items in one call (a join, IN (…), or a bulk request) before the loop".to_owned()),
    };
    draft.finding(group)
}
