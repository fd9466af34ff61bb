//! Two sets of tests: what fails now, what passes again, what is flaky, what takes longer.
//!
//! A test that failed at a state of the code at which it also passed, on either side, is flaky, and neither a new failure
//! nor repaired. Slower is said of a test alone where all its executions that passed took longer than all before, by
//! [`SLOWER_FACTOR`] and [`SLOWER_NANOS`] beyond what the tests became slower together: the machine does that. It is what
//! was seen, and no verdict: that takes several runs a side, as everywhere.

use std::collections::BTreeMap;

use super::{Test, TestExecution, TestId, flake, median};
use crate::finding::Evidence;

/// How many times as long a test takes that is called slower.
const SLOWER_FACTOR: f64 = 1.5;
/// And by how many nanoseconds more: shorter ones come and go with the machine.
const SLOWER_NANOS: f64 = 1e7;
/// Tests on both sides from which on their median change counts as the machine's.
const COMMON_MIN: usize = 5;

/// What changed of one test.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed<'t, 'a> {
    /// The test before; `None` where there was none.
    pub before: Option<&'t Test<'a>>,
    /// The test after; `None` where there is none any more.
    pub after: Option<&'t Test<'a>>,
    /// How many times as long it takes; `None` where a side has no duration.
    pub factor: Option<f64>,
    /// Where both outcomes were seen, with the execution that failed and the one that passed.
    pub flake: Option<(String, Evidence, Evidence)>,
}

/// Two sets of tests, before and after.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Suites<'t, 'a> {
    /// Tests that fail now and did not before, those that are new among them.
    pub new_failures: Vec<Changed<'t, 'a>>,
    /// Tests that failed before and pass now.
    pub repaired: Vec<Changed<'t, 'a>>,
    /// Tests with both outcomes where nothing but chance lay between.
    pub flaky: Vec<Changed<'t, 'a>>,
    /// Tests that take longer, the largest factor first.
    pub slower: Vec<Changed<'t, 'a>>,
    /// Tests that fail on both sides.
    pub still_failing: u64,
    /// Tests that are on the second side alone.
    pub appeared: u64,
    /// Tests that are on the first side alone.
    pub vanished: u64,
    /// How many times as long the tests of both sides take together, by their median; `None` with few.
    pub together: Option<f64>,
}

/// Compares two sets of tests.
pub fn compare<'t, 'a>(before: &'t [Test<'a>], after: &'t [Test<'a>]) -> Suites<'t, 'a> {
    let mut pairs: BTreeMap<&TestId, [Option<&'t Test<'a>>; 2]> = BTreeMap::new();
    for (side, tests) in [before, after].into_iter().enumerate() {
        for test in tests {
            pairs.entry(&test.newest().id).or_default()[side] = Some(test);
        }
    }
    let mut changes: Vec<Changed<'t, 'a>> = pairs.into_values().map(changed).collect();
    let mut factors: Vec<f64> = changes.iter().filter_map(|change| change.factor).collect();
    factors.sort_by(f64::total_cmp);
    let together = (factors.len() >= COMMON_MIN).then(|| factors[factors.len() / 2]);
    let mut suites = Suites { together, ..Suites::default() };
    // Only forgives: where all became faster, one that did not is no slower for it.
    let machine = suites.together.unwrap_or(1.0).max(1.0);
    for change in changes.drain(..) {
        let failing = |test: Option<&Test<'_>>| test.is_some_and(|test| test.failing().is_some());
        let (failed, fails) = (failing(change.before), failing(change.after));
        suites.appeared += u64::from(change.before.is_none());
        suites.vanished += u64::from(change.after.is_none());
        if change.flake.is_some() {
            suites.flaky.push(change);
        } else if fails && failed {
            suites.still_failing += 1;
        } else if fails {
            suites.new_failures.push(change);
        } else if failed && change.after.is_some_and(passes) {
            suites.repaired.push(change);
        } else if is_slower(&change, machine) {
            suites.slower.push(change);
        }
    }
    let factor = |change: &Changed<'_, '_>| change.factor.unwrap_or(0.0);
    suites.slower.sort_by(|a, b| factor(b).total_cmp(&factor(a)));
    suites
}

fn changed<'t, 'a>([before, after]: [Option<&'t Test<'a>>; 2]) -> Changed<'t, 'a> {
    let medians = [before, after].map(|test| median(&test.map(Test::durations).unwrap_or_default()));
    let factor = match medians {
        [Some(before), Some(after)] if before > 0 => Some(after as f64 / before as f64),
        _ => None,
    };
    // The newest first: those after the change come before those before it.
    let both: Vec<&TestExecution<'a>> = [after, before].into_iter().flatten().flat_map(Test::judged).collect();
    let flake = flake(both.into_iter()).map(|flake| (flake.at.to_owned(), flake.failed, flake.passed));
    Changed { before, after, factor, flake }
}

fn passes(test: &Test<'_>) -> bool {
    test.judged().next().is_some_and(|newest| !newest.has_failed)
}

fn is_slower(change: &Changed<'_, '_>, machine: f64) -> bool {
    let (Some(before), Some(after)) = (change.before, change.after) else { return false };
    let (before, after) = (before.durations(), after.durations());
    let (Some(slowest), Some(fastest)) = (before.last(), after.first()) else { return false };
    let expected = *slowest as f64 * machine;
    *fastest as f64 >= expected * SLOWER_FACTOR && *fastest as f64 - expected >= SLOWER_NANOS
}

#[cfg(test)]
mod tests {
    use super::super::tests;
    use super::*;
    use crate::testing::{traces, trees};

    /// The names of new failures, repaired, flaky and slower tests.
    fn check(before: &str, after: &str, expected: [&str; 4]) {
        let sides = [traces(before), traces(after)];
        let trees = [trees(&sides[0]), trees(&sides[1])];
        let sides = [tests(&trees[0]), tests(&trees[1])];
        let suites = compare(&sides[0], &sides[1]);
        let names = |changes: &[Changed<'_, '_>]| {
            let name = |change: &Changed<'_, '_>| change.after.or(change.before).unwrap().newest().id.name.clone();
            changes.iter().map(name).collect::<Vec<_>>().join(" ")
        };
        let found = [&suites.new_failures, &suites.repaired, &suites.flaky, &suites.slower].map(|it| names(it));
        assert_eq!(found, expected);
    }

    fn passed(name: &str, millis: u32, more: &str) -> String {
        format!("{name} 0..{millis} test.case.name={name} {more}\n")
    }

    #[test]
    fn each_change_is_of_one_kind() {
        let before = [passed("a", 9, "run=1"), passed("b", 9, "run=1 !"), passed("c", 9, "run=1 !")].join("---\n");
        let after = [passed("a", 9, "run=2 !"), passed("b", 9, "run=2"), passed("c", 9, "run=2 !")].join("---\n");
        check(&before, &after, ["a", "b", "", ""]);
        check(&before, &before, ["", "", "", ""]);
    }

    #[test]
    fn a_new_test_that_fails_is_a_new_failure_and_one_that_is_gone_is_not_repaired() {
        check(&passed("a", 9, "!"), &passed("b", 9, "!"), ["b", "", "", ""]);
    }

    #[test]
    fn chance_is_no_change() {
        let both = [passed("a", 9, "run=1 !"), passed("a", 9, "run=1")].join("---\n");
        check(&passed("a", 9, "run=0"), &both, ["", "", "a", ""]);
        check(&both, &passed("a", 9, "run=2"), ["", "", "a", ""]);
    }

    #[test]
    fn slower_is_every_execution_beyond_every_one_before() {
        let join =
            |millis: &[u32]| millis.iter().map(|millis| passed("a", *millis, "")).collect::<Vec<_>>().join("---\n");
        check(&join(&[100, 110]), &join(&[200, 220]), ["", "", "", "a"]);
        check(&join(&[100, 180]), &join(&[200, 220]), ["", "", "", ""]);
        check(&join(&[1]), &join(&[8]), ["", "", "", ""]);
    }

    #[test]
    fn what_all_tests_share_is_the_machines() {
        let side = |factor: u32, last: u32| {
            let of = |name: &str| passed(name, 100 * factor, "");
            ["a", "b", "c", "d", "e"]
                .map(of)
                .into_iter()
                .chain([passed("f", last, "")])
                .collect::<Vec<_>>()
                .join("---\n")
        };
        check(&side(1, 100), &side(2, 200), ["", "", "", ""]);
        check(&side(1, 100), &side(2, 400), ["", "", "", "f"]);
    }

    #[test]
    fn what_was_skipped_says_nothing() {
        let skipped = passed("a", 9, "kino.test.outcome=skipped");
        check(&passed("a", 9, "!"), &skipped, ["", "", "", ""]);
        check(&skipped, &passed("a", 9, "!"), ["a", "", "", ""]);
    }
}
