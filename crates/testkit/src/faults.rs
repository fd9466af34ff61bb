//! Faults planted among realistic noise, and look-alikes that are no faults: what detectors are measured on.
//!
//! A suite holds, for one kind of finding, builders of planted cases and of look-alikes. A case is a set of traces of
//! one entry operation (two sets for comparisons), among traces of the [`crate::Shop`] and among calls that any service
//! makes besides: connection checks, transaction brackets, health checks, a cache's hits. Every number in a case
//! (counts, durations, their log-normal spread) is drawn from its seed.
//!
//! A fault "at the minimum" has exactly as many executions and repeats as its detector's stated minimum, and shares of
//! time about half as large again as the stated ones; "above" has several times as much.

mod calls;
mod connections;
mod failures;
mod pairs;
mod plan;
mod resources;
mod sequences;
mod shape;
mod waiting;

use kino_model::{Trace, UnixNanos};

use crate::random::mix;
use crate::shop::Shop;
use plan::Scene;

pub use plan::is_own;

/// Builds the traces of one case; the flag asks for the minimum evidence.
type Build = fn(&mut Scene, bool) -> Vec<Trace>;
/// Builds the two sets of a comparison.
type BuildPair = fn(&mut Scene, bool) -> [Vec<Trace>; 2];

/// A kind of fault: how it looks, and on which operation it is to be found.
struct Planted {
    name: &'static str,
    /// The span name that the finding is about.
    subject: &'static str,
    build: Build,
}

/// What looks like a fault and is none.
struct LookAlike {
    name: &'static str,
    build: Build,
}

/// All that there is for one code.
struct Suite {
    code: &'static str,
    planted: &'static [Planted],
    look_alikes: &'static [LookAlike],
}

/// The same for a code that comparisons give.
struct PairSuite {
    code: &'static str,
    planted: &'static [(&'static str, BuildPair)],
    look_alikes: &'static [(&'static str, BuildPair)],
}

/// What is true of a case, for its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// The fault is there.
    Planted {
        /// With no more than the stated minimum evidence.
        at_minimum: bool,
        /// The span name that the finding is about.
        subject: &'static str,
    },
    /// It only looks so.
    LookAlike,
}

/// A labelled set of traces.
#[derive(Clone, Debug)]
pub struct Case {
    /// The finding that it is about.
    pub code: &'static str,
    /// Which form of the fault, or which look-alike.
    pub name: &'static str,
    /// Whether the fault is there.
    pub truth: Truth,
    /// The traces before a change; empty except for comparisons.
    pub before: Vec<Trace>,
    /// The traces; after the change, for comparisons. Those of this case pass [`is_own`], the others are noise.
    pub traces: Vec<Trace>,
}

/// From which ranges a case draws its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ranges {
    /// Those that detectors may be tuned on.
    Tuning,
    /// Wider noise and other scales of time, which no detector was tuned on: for the published measure.
    Evaluation,
}

/// Shop traces among those of a case.
const NOISE_TRACES: usize = 20;
/// When cases begin.
const BEGIN: UnixNanos = UnixNanos(1_790_000_000_000_000_000);

/// The codes there are cases for.
pub fn codes() -> Vec<&'static str> {
    suites().map(|suite| suite.code).chain(pairs::SUITES.iter().map(|suite| suite.code)).collect()
}

fn suites() -> impl Iterator<Item = &'static Suite> {
    let all = [
        calls::SUITES,
        connections::SUITES,
        sequences::SUITES,
        failures::SUITES,
        resources::SUITES,
        shape::SUITES,
        waiting::SUITES,
    ];
    all.into_iter().flatten()
}

/// Every case of `code` for one seed.
pub fn cases(code: &str, seed: u64, ranges: Ranges) -> Vec<Case> {
    let mut cases = Vec::new();
    let scene = |name: &str| {
        let salt = name.bytes().fold(mix(seed), |hash, byte| mix(hash ^ u64::from(byte)));
        Scene::new(salt, BEGIN, ranges)
    };
    let truths = |subject| [true, false].map(|at_minimum| Truth::Planted { at_minimum, subject });
    for suite in suites().filter(|suite| suite.code == code) {
        let mut add = |name, truth, build: Build, least| {
            let mut scene = scene(name);
            let traces = with_noise(build(&mut scene, least), seed);
            cases.push(Case { code: suite.code, name, truth, before: Vec::new(), traces });
        };
        for planted in suite.planted {
            for truth in truths(planted.subject) {
                add(planted.name, truth, planted.build, matches!(truth, Truth::Planted { at_minimum: true, .. }));
            }
        }
        for look_alike in suite.look_alikes {
            add(look_alike.name, Truth::LookAlike, look_alike.build, false);
        }
    }
    for suite in pairs::SUITES.iter().filter(|suite| suite.code == code) {
        let mut add = |name, truth, build: BuildPair, least| {
            let [before, traces] = build(&mut scene(name), least);
            cases.push(Case { code: suite.code, name, truth, before, traces });
        };
        for (name, build) in suite.planted {
            for truth in truths(pairs::ROOT) {
                add(name, truth, *build, matches!(truth, Truth::Planted { at_minimum: true, .. }));
            }
        }
        for (name, build) in suite.look_alikes {
            add(name, Truth::LookAlike, *build, false);
        }
    }
    cases
}

/// A pair of sets that do not differ, of 20 executions a side at 5 % noise.
pub fn equal_pair(seed: u64) -> [Vec<Trace>; 2] {
    pairs::equal(&mut Scene::new(mix(seed), BEGIN, Ranges::Evaluation))
}

/// A pair of which the second is 10 % slower, of 20 executions a side at 5 % noise.
pub fn slower_pair(seed: u64) -> [Vec<Trace>; 2] {
    pairs::slower_tenth(&mut Scene::new(mix(seed), BEGIN, Ranges::Evaluation))
}

/// Traces of the shop, in which nothing is planted.
pub fn plain(seed: u64, count: usize) -> Vec<Trace> {
    let mut shop = Shop::new(seed, BEGIN);
    let traces = (0..count).map(|_| {
        let mut spans = shop.next_trace();
        spans.sort_by_key(|span| span.start);
        Trace { trace_id: spans[0].trace_id, spans, ..Trace::default() }
    });
    traces.collect()
}

fn with_noise(mut traces: Vec<Trace>, seed: u64) -> Vec<Trace> {
    traces.extend(plain(seed, NOISE_TRACES));
    traces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_repeat_from_their_seed_and_are_whole() {
        for code in codes() {
            let cases = |seed| cases(code, seed, Ranges::Tuning);
            let (first, again, other) = (cases(3), cases(3), cases(4));
            assert!(first.iter().any(|case| case.truth == Truth::LookAlike), "{code} has look-alikes");
            assert!(first.iter().any(|case| case.truth != Truth::LookAlike), "{code} has faults");
            for (case, (again, other)) in first.iter().zip(again.iter().zip(&other)) {
                assert_eq!(case.traces, again.traces, "{code} {}", case.name);
                assert_ne!(case.traces, other.traces, "{code} {}", case.name);
                for trace in &case.traces {
                    assert!(trace.spans.is_sorted_by_key(|span| span.start), "{code} {}", case.name);
                    assert!(trace.spans.iter().all(|span| span.end.is_none_or(|end| end >= span.start)));
                }
            }
        }
    }
}
