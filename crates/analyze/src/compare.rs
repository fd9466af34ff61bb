//! Comparison of two sets of executions, with a verdict that noise alone seldom earns.
//!
//! Time: for each operation a Mann–Whitney rank test on one value per execution, two-sided. The chance that *any*
//! operation is called faster or slower when nothing changed is at most [`LEVEL`]: root operations share
//! [`ROOT_SHARE`] of it among themselves (Holm, and Tarone for those that cannot reach it), the operations beneath
//! share the rest, and all of it once every root is shown to differ. A verdict also wants the interval of the ratio of
//! medians to exclude 1 and the ratio to be at least [`SMALLEST_EFFECT`] away from it: with thousands of executions a
//! drift of the machine becomes "significant" long before it matters.
//!
//! A process's first execution of an operation is left out of timing where it has three or more: it loads code, opens
//! connections and fills caches. Counts keep it.
//!
//! Programs that do not read `TRACEPARENT` have traces of their own beside their run's, which then is no execution but
//! what held them: where both sides have other executions, runs are left out.
//!
//! Counts are exact, so one execution a side is enough; where the executions of one side disagree among themselves
//! the verdict is withheld. A set against itself shows no difference, however small it is.

mod counts;
mod findings;
mod sides;
mod suspects;

use kino_model::{SpanId, TraceId};

pub use counts::{Count, CountComparison, CountVerdict};
pub use findings::findings;
pub use suspects::Suspect;

use crate::execution::{Execution, is_run};
use crate::statistics::{executions_needed, holm_testable, quantile_f64, rank_test, ratio_of_medians};
use sides::{OperationSamples, Sides};

/// The chance of any false verdict on time in a whole comparison.
pub const LEVEL: f64 = 0.01;
/// The root operations' part of it: most, since they carry the verdict of the whole. With one root operation five
/// executions a side can just reach it.
pub const ROOT_SHARE: f64 = 0.9;
/// A ratio of medians closer to 1 than this is no difference, whatever the test says.
pub const SMALLEST_EFFECT: f64 = 0.01;

/// A verdict on time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// After is faster.
    Faster,
    /// After is slower.
    Slower,
    /// The data shows no difference.
    NoDifferenceShown,
    /// Too few executions to tell.
    TooFewExecutions,
    /// Some root operations are faster and others slower. Only for the whole.
    Mixed,
}

/// What differs between two sets.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The root operations' verdict.
    pub verdict: Verdict,
    /// Executions before that have ended.
    pub executions_before: u64,
    /// Executions after that have ended.
    pub executions_after: u64,
    /// Executions on both sides that have not ended and are left out.
    pub open_executions: u64,
    /// Root operations first, then those with a verdict, then by the size of the effect.
    pub operations: Vec<OperationComparison>,
    /// Counts that differ first.
    pub counts: Vec<CountComparison>,
    /// Most likely cause first.
    pub suspects: Vec<Suspect>,
}

/// One operation on both sides.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationComparison {
    /// The service.
    pub service: String,
    /// The span name.
    pub name: String,
    /// Whether executions start here.
    pub root: bool,
    /// Before.
    pub before: OperationSide,
    /// After.
    pub after: OperationSide,
    /// The ratio of medians, after over before; `None` when there are too few.
    pub effect: Option<f64>,
    /// Its 95 % interval; `None` when there are too few.
    pub interval: Option<[f64; 2]>,
    /// The verdict.
    pub verdict: Verdict,
    /// How many more executions the smaller side needs; only with too few.
    pub executions_missing: Option<u64>,
}

/// One operation on one side. Of several calls in one execution the duration is their mean, since they are not
/// independent; calls that are executions of their own (server, consumer, test case) stand for themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OperationSide {
    /// Executions it was called in.
    pub executions: u64,
    /// Median of its duration.
    pub median_nanos: Option<i64>,
    /// 95th percentile of its duration.
    pub p95_nanos: Option<i64>,
    /// Calls in all executions.
    pub calls: u64,
    /// Failed calls among them.
    pub errors: u64,
}

/// Compares two sets of executions.
pub fn compare(before: &[Execution<'_, '_>], after: &[Execution<'_, '_>]) -> Comparison {
    let is_work = |execution: &&Execution<'_, '_>| !is_run(execution.tree, execution.entry);
    let work = [before, after].map(|side| side.iter().filter(is_work).copied().collect::<Vec<_>>());
    let [before, after] = if work.iter().any(Vec::is_empty) { [before, after] } else { [&work[0][..], &work[1][..]] };
    let sides = Sides::new(before, after);
    let identical = same_executions(before, after);
    let mut tests: Vec<Test> = (0..sides.operations.len()).map(|operation| Test::new(&sides, operation)).collect();
    judge(&mut tests);
    if identical {
        for test in &mut tests {
            test.verdict = Verdict::NoDifferenceShown;
        }
    }
    let verdict = overall(&tests, identical);
    let counts = counts::compare(&sides);
    let suspects = suspects::rank(&sides, &tests, verdict);
    let mut operations: Vec<OperationComparison> = tests.iter().map(|test| test.comparison(&sides)).collect();
    operations.sort_by(|a, b| {
        let key = |it: &OperationComparison| {
            let shown = matches!(it.verdict, Verdict::Faster | Verdict::Slower);
            (!it.root, !shown)
        };
        let size = |it: &OperationComparison| it.effect.map_or(0.0, |effect| effect.ln().abs());
        key(a).cmp(&key(b)).then(size(b).total_cmp(&size(a))).then((&a.service, &a.name).cmp(&(&b.service, &b.name)))
    });
    Comparison {
        verdict,
        executions_before: sides.ended[0],
        executions_after: sides.ended[1],
        open_executions: sides.open,
        operations,
        counts,
        suspects,
    }
}

/// What is known of the time of one operation by its samples alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeVerdict {
    /// The verdict.
    pub verdict: Verdict,
    /// The ratio of medians, after over before; `None` when there are too few.
    pub effect: Option<f64>,
    /// Its 95 % interval.
    pub interval: Option<[f64; 2]>,
    /// How many more the smaller side needs; only with too few.
    pub executions_missing: Option<u64>,
}

/// Judges pairs of samples (before and after, nanoseconds, none zero) as the root operations of one comparison.
pub fn judge_samples(pairs: &[(Vec<f64>, Vec<f64>)]) -> Vec<TimeVerdict> {
    let test = |(before, after): &(Vec<f64>, Vec<f64>)| Test {
        operation: 0,
        root: true,
        verdict: Verdict::TooFewExecutions,
        p_value: rank_test(before, after).p_value,
        sizes: (before.len(), after.len()),
        ratio: ratio_of_medians(before, after),
        executions_missing: None,
    };
    let mut tests: Vec<Test> = pairs.iter().map(test).collect();
    judge(&mut tests);
    let verdict = |test: &Test| {
        let ratio = test.ratio.filter(|_| test.verdict != Verdict::TooFewExecutions);
        TimeVerdict {
            verdict: test.verdict,
            effect: ratio.map(|(effect, _)| effect),
            interval: ratio.map(|(_, interval)| interval),
            executions_missing: test.executions_missing,
        }
    };
    tests.iter().map(verdict).collect()
}

fn same_executions(before: &[Execution<'_, '_>], after: &[Execution<'_, '_>]) -> bool {
    let ids = |executions: &[Execution<'_, '_>]| {
        let mut ids: Vec<(TraceId, SpanId)> = executions.iter().map(|it| (it.trace_id(), it.span_id())).collect();
        ids.sort_unstable();
        ids
    };
    before.len() == after.len() && ids(before) == ids(after)
}

/// What is tested of one operation, and the outcome.
pub(crate) struct Test {
    pub(crate) operation: usize,
    pub(crate) root: bool,
    pub(crate) verdict: Verdict,
    p_value: f64,
    /// The sizes of the two samples.
    sizes: (usize, usize),
    ratio: Option<(f64, [f64; 2])>,
    executions_missing: Option<u64>,
}

impl Test {
    fn new(sides: &Sides<'_>, operation: usize) -> Self {
        let [before, after] = [0, 1].map(|side| &sides.samples[side][operation]);
        Self {
            operation,
            root: sides.is_root[operation],
            verdict: Verdict::TooFewExecutions,
            p_value: rank_test(&before.durations, &after.durations).p_value,
            sizes: (before.durations.len(), after.durations.len()),
            ratio: ratio_of_medians(&before.durations, &after.durations),
            executions_missing: None,
        }
    }

    fn decide(&mut self, significant: bool) {
        let Some((effect, [low, high])) = self.ratio else { return };
        let is_large = (effect - 1.0).abs() >= SMALLEST_EFFECT;
        self.verdict = match significant && is_large {
            true if low > 1.0 => Verdict::Slower,
            true if high < 1.0 => Verdict::Faster,
            _ => Verdict::NoDifferenceShown,
        };
    }

    fn comparison(&self, sides: &Sides<'_>) -> OperationComparison {
        let (service, name) = sides.operations.name(self.operation);
        let side = |side: usize| operation_side(&sides.samples[side][self.operation]);
        let enough = self.verdict != Verdict::TooFewExecutions && self.sizes.0.min(self.sizes.1) > 1;
        let ratio = self.ratio.filter(|_| enough);
        OperationComparison {
            service: service.to_owned(),
            name: name.to_owned(),
            root: self.root,
            before: side(0),
            after: side(1),
            effect: ratio.map(|(effect, _)| effect),
            interval: ratio.map(|(_, interval)| interval),
            verdict: self.verdict,
            executions_missing: self.executions_missing.filter(|_| !enough),
        }
    }
}

fn operation_side(samples: &OperationSamples) -> OperationSide {
    let mut durations = samples.durations.clone();
    durations.sort_by(f64::total_cmp);
    let at = |part| (!durations.is_empty()).then(|| quantile_f64(&durations, part).round() as i64);
    OperationSide {
        executions: samples.executions,
        median_nanos: at(0.5),
        p95_nanos: at(0.95),
        calls: samples.calls,
        errors: samples.errors,
    }
}

fn judge(tests: &mut [Test]) {
    let has_inner = tests.iter().any(|test| !test.root);
    judge_family(tests, true, if has_inner { LEVEL * ROOT_SHARE } else { LEVEL });
    let differs = |test: &Test| matches!(test.verdict, Verdict::Faster | Verdict::Slower);
    let all_roots_differ = tests.iter().filter(|test| test.root).all(differs);
    judge_family(tests, false, if all_roots_differ { LEVEL } else { LEVEL * (1.0 - ROOT_SHARE) });
}

fn judge_family(tests: &mut [Test], root: bool, level: f64) {
    let mut family: Vec<&mut Test> =
        tests.iter_mut().filter(|test| test.root == root && test.sizes.0 > 0 && test.sizes.1 > 0).collect();
    let given: Vec<(f64, usize, usize)> =
        family.iter().map(|test| (test.p_value, test.sizes.0, test.sizes.1)).collect();
    let outcomes = holm_testable(&given, level);
    let count = family.len();
    for (test, outcome) in family.iter_mut().zip(outcomes) {
        if let Some(significant) = outcome {
            test.decide(significant);
        } else {
            let needed = executions_needed(level / count as f64);
            let missing = needed.saturating_sub(test.sizes.0.min(test.sizes.1));
            test.executions_missing = Some(missing.max(1) as u64);
        }
    }
    if root {
        // A root that one side lacks altogether still says how many it takes.
        for test in tests.iter_mut().filter(|test| test.root && test.sizes.0.min(test.sizes.1) == 0) {
            test.executions_missing = Some(executions_needed(level / count.max(1) as f64) as u64);
        }
    }
}

fn overall(tests: &[Test], identical: bool) -> Verdict {
    if identical {
        return Verdict::NoDifferenceShown;
    }
    let of = |root: bool| -> Vec<Verdict> {
        tests.iter().filter(|test| test.root == root).map(|test| test.verdict).collect()
    };
    let roots = of(true);
    let has = |verdict| roots.contains(&verdict);
    match (has(Verdict::Faster), has(Verdict::Slower)) {
        (true, true) => Verdict::Mixed,
        (true, false) => Verdict::Faster,
        (false, true) => Verdict::Slower,
        (false, false) if has(Verdict::NoDifferenceShown) => Verdict::NoDifferenceShown,
        (false, false) => Verdict::TooFewExecutions,
    }
}

#[cfg(test)]
mod tests;
