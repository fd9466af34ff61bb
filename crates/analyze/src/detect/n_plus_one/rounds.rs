//! Which calls of a program are of one round: a program that works, sleeps and works again does the same work in each round,
//! and no call could stand for those of several.
//!
//! ```text
//!  A A A · · · · A A A · · · · A A A    three rounds of three calls
//!  A A A A A A A A A · · · · A A A A    one loop that stopped once
//! ```
//!
//! A round ends with a silence, in which no call of the program is under way, that fills most of the time from one of the
//! calls to the next. Rounds are a timer's where [`MIN_ROUNDS`] and more begin at times as far apart from each other.

use super::{TIMER_MIN, TIMER_SPREAD};
use crate::detect::facts::Facts;

/// Fewer show no interval.
const MIN_ROUNDS: usize = 3;
/// The part of the time from one call to the next that is silent between rounds.
const SILENT: f64 = 0.5;

/// The times from and to which no call below the execution's entry is under way, in order; shorter ones than [`TIMER_MIN`]
/// are left out.
pub(super) fn silences(facts: &Facts<'_, '_>) -> Vec<(i64, i64)> {
    let tree = facts.tree;
    let children = tree.children(facts.execution.entry).iter().map(|&child| child as usize);
    let mut spans: Vec<(i64, i64)> = children.map(|child| (tree.start(child), tree.end(child))).collect();
    spans.sort_unstable();
    let mut silences = Vec::new();
    let mut reached = i64::MAX;
    for (start, end) in spans {
        if reached < start && (start - reached) as f64 >= TIMER_MIN {
            silences.push((reached, start));
        }
        reached = if reached == i64::MAX { end } else { reached.max(end) };
    }
    silences
}

/// Leaves the most calls of one round, where a timer makes rounds.
pub(super) fn in_one_round(facts: &Facts<'_, '_>, indices: &mut Vec<u32>, silences: &[(i64, i64)]) {
    if silences.len() + 1 < MIN_ROUNDS {
        return;
    }
    let start = |index: u32| facts.tree.start(index as usize);
    indices.sort_by_key(|&index| start(index));
    let is_within = |before: u32, after: u32| {
        let (from, to) = (start(before), start(after));
        let first = silences.partition_point(|silence| silence.0 < from);
        let between = silences[first..].iter().take_while(|silence| silence.1 <= to);
        let silent: i64 = between.map(|silence| silence.1 - silence.0).sum();
        silent == 0 || (silent as f64) < SILENT * (to - from) as f64
    };
    let rounds: Vec<&[u32]> = indices.chunk_by(|&before, &after| is_within(before, after)).collect();
    if rounds.len() < MIN_ROUNDS {
        return;
    }
    let starts: Vec<i64> = rounds.iter().map(|round| start(round[0])).collect();
    let mut intervals: Vec<f64> = starts.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
    intervals.sort_by(f64::total_cmp);
    let quartile = |part: usize| intervals[intervals.len() * part / 4];
    if quartile(3) - quartile(1) <= TIMER_SPREAD * quartile(2) {
        *indices = rounds.iter().rev().max_by_key(|round| round.len()).map(|round| round.to_vec()).unwrap_or_default();
    }
}
