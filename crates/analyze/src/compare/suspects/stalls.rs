//! Calls that take several times as long as nearly all calls of their operation: what waits for a lock, or for a core
//! that others use, does so in some of its calls, and their mean hardly moves.
//!
//! On the scale of times a stall counts as little as it can: its logarithm is larger by that of [`TIMES`] at least.

use std::collections::BTreeMap;

use super::profile::OperationProfile;
use super::shift::{COMMON_MIN, Clusters, Shift};
use crate::statistics::{median, quantile_f64};

/// The part of the calls of the faster side that take no longer than what is usual.
const USUAL_PART: f64 = 0.9;
/// How many times as long as usual a stall takes at least: a machine's pace, or a few more rows, make less.
const TIMES: f64 = 2.0;
/// Calls of a side from which on it says what nine of ten take.
const CALLS_MIN: usize = 10;

/// How often an operation stalls, on both sides.
pub(super) struct Stalls {
    /// Whose calls these are.
    pub(super) operation: usize,
    /// Its calls that have a time of their own, by side.
    pub(super) calls: [Clusters; 2],
    /// Calls among them that take at least [`Self::from_nanos`], by side.
    pub(super) stalled: [Clusters; 2],
    /// From which own time on a call stalls, in nanoseconds.
    pub(super) from_nanos: f64,
}

impl Stalls {
    /// `None` with few calls. `floor` is what is added to times, so that small ones hardly count.
    pub(super) fn of(operation: usize, sides: [&OperationProfile; 2], floor: f64) -> Option<Self> {
        let usual = sides.map(|side| {
            let mut times: Vec<f64> = side.each.iter().map(|(_, nanos)| nanos + floor).collect();
            times.sort_by(f64::total_cmp);
            (times.len() >= CALLS_MIN).then(|| quantile_f64(&times, USUAL_PART))
        });
        let [Some(before), Some(after)] = usual else { return None };
        let from_nanos = TIMES * before.min(after) - floor;
        let count = |side: &OperationProfile, is_counted: &dyn Fn(f64) -> bool| {
            let mut by_cluster: BTreeMap<u32, f64> = BTreeMap::new();
            for (cluster, nanos) in &side.each {
                *by_cluster.entry(*cluster).or_default() += f64::from(u8::from(is_counted(*nanos)));
            }
            let mut clusters = Clusters::default();
            for (cluster, count) in by_cluster {
                clusters.add(cluster, count, count);
            }
            clusters
        };
        let calls = sides.map(|side| count(side, &|_| true));
        let stalled = sides.map(|side| count(side, &|nanos| nanos > from_nanos));
        Some(Self { operation, calls, stalled, from_nanos })
    }

    /// How much more often each stalls, beyond what most do where there are enough to say so: a machine that others use as
    /// well stalls everything. `None` for one that never stalls, or no more than most do.
    pub(super) fn shifts(all: &[Self]) -> Vec<Option<Shift>> {
        let shift = |stalls: &Self, common: f64| {
            let after = stalls.calls[1].times(common);
            let [before_stalled, after_stalled] = &stalls.stalled;
            Shift::of_rates((before_stalled, &stalls.calls[0]), (after_stalled, &after))
        };
        let alone = || all.iter().map(|stalls| shift(stalls, 1.0).map_or(0.0, |shift| shift.difference)).collect();
        let common = if all.len() < COMMON_MIN { 1.0 } else { median(alone()).exp() };
        let on_scale = |stalls: &Self| {
            let [alone, beyond] = [shift(stalls, 1.0)?, shift(stalls, common)?];
            // What most do explains a difference away, and never makes one.
            if alone.difference * beyond.difference <= 0.0 {
                return None;
            }
            let (factor, found) = if beyond.p_value < alone.p_value { (1.0, alone) } else { (common, beyond) };
            let [before, after] = [0, 1].map(|side| stalls.stalled[side].sum() / stalls.calls[side].sum().max(1.0));
            Some(found.on_scale((after - factor * before) * TIMES.ln()))
        };
        all.iter().map(on_scale).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An operation with these own times in milliseconds, in twenty batches.
    fn profile(millis: impl Iterator<Item = f64>) -> OperationProfile {
        let each = millis.enumerate().map(|(at, millis)| (at as u32 / 5, millis * 1e6)).collect();
        OperationProfile { each, ..OperationProfile::default() }
    }

    fn usual(at: u32) -> f64 {
        8.0 + 0.2 * f64::from(at * 7 % 10)
    }

    fn shift(stalls: &[Stalls]) -> Shift {
        Stalls::shifts(stalls)[0].unwrap()
    }

    #[test]
    fn a_lock_taken_a_third_of_the_time_shows_and_a_slower_pace_does_not() {
        let before = profile((0..100).map(usual));
        let locked = profile((0..100).map(|at| usual(at) + if at % 3 == 0 { f64::from(at * 13 % 60) } else { 0.0 }));
        let stalls = [Stalls::of(0, [&before, &locked], 4e5).unwrap()];
        assert!(stalls[0].stalled[0].sum() < 0.5 && (27.0..29.0).contains(&stalls[0].stalled[1].sum()));
        for operations in [1, 9] {
            let after = |at: usize| if at == 0 { &locked } else { &before };
            let all: Vec<Stalls> =
                (0..operations).map(|at| Stalls::of(at, [&before, after(at)], 4e5).unwrap()).collect();
            let found = shift(&all);
            assert!(found.p_value < 1e-6 && found.difference > 0.0, "{found:?}");
            // 28 of 100 take at least twice as long: 0.19 more on the scale of logarithms.
            assert!((0.05..0.19).contains(&found.at_least()), "{found:?}");
        }
        let slower = profile((0..100).map(|at| 1.3 * usual(at)));
        assert_eq!(Stalls::shifts(&[Stalls::of(0, [&before, &slower], 4e5).unwrap()]), [None]);
        assert!(Stalls::of(0, [&profile((0..9).map(usual)), &locked], 4e5).is_none(), "too few");
    }

    #[test]
    fn what_stalls_everything_is_no_stall_of_one_operation() {
        let stalling = |of: u32, part: u32| {
            profile((0..200).map(move |at| if (at + of) * 37 % 100 < part { 40.0 } else { usual(at) }))
        };
        let all = |part: u32, first: u32| -> Vec<Stalls> {
            let after = |at: u32| if at == 0 { first } else { part };
            (0..9).map(|at| Stalls::of(0, [&stalling(at, 2), &stalling(at, after(at))], 4e5).unwrap()).collect()
        };
        let same = all(8, 8);
        assert!(Stalls::shifts(&same)[0].is_none_or(|shift| shift.p_value > 0.05), "{:?}", Stalls::shifts(&same)[0]);
        // One that does as before has not improved where all others stall.
        assert_eq!(Stalls::shifts(&all(40, 2))[0], None);
        assert!(shift(&all(2, 8)).p_value < 0.01, "{:?}", shift(&all(2, 8)));
        assert!(shift(&all(8, 40)).p_value < 1e-4, "{:?}", shift(&all(8, 40)));
    }
}
