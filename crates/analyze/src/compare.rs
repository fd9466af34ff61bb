//! Comparison of two sets of executions, with a verdict that noise alone seldom earns.
//!
//! Time: the unit is the run (see `units`), since executions of one process share its layout, its caches and its
//! moment. Each operation has one location a run, and [`timing`] tests their difference; where executions have no run,
//! they are compared by a Mann–Whitney rank test. The chance that *any* operation or total is called faster or slower
//! when nothing changed is at most [`LEVEL`]: root operations and the totals of whole runs share [`ROOT_SHARE`] of it
//! among themselves (Holm; and Tarone for rank tests that cannot reach it), the operations below share the rest, and
//! all of it once every root is shown to differ. The interval of a ratio has the level of its verdict, so that it
//! contains 1 exactly where no difference is shown.
//!
//! A process's first execution of an operation is left out of timing where it has three or more: it loads code, opens
//! connections and fills caches. Counts keep it.
//!
//! Programs that do not read `TRACEPARENT` have traces of their own beside their run's, which then is no execution but
//! their container: where both sides have other executions, runs are left out.
//!
//! Counts are exact, so one execution a side is enough; where the executions of one side disagree among themselves
//! the verdict is withheld. A set against itself shows no difference, however small it is.

mod calls;
mod counts;
mod examples;
mod findings;
mod kinds;
mod sides;
mod suspects;
pub mod timing;
mod totals;

use kino_model::{SpanId, TraceId};

pub use calls::{CallRate, CallsChanged, calls_changed};
pub use counts::{Count, CountComparison, CountVerdict};
pub use examples::{Examples, examples};
pub use findings::findings;
pub use suspects::{LooseLines, Suspect};
pub use totals::{ExecutionsChanged, TotalComparison};

use crate::execution::{Execution, is_run};
use crate::noise::{History, Located, Timed};
use crate::statistics::{
    executions_needed, holm_testable, quantile_f64, rank_test, ratio_of_medians, smallest_p_value,
};
use sides::{OperationSamples, Sides};
use timing::{Missing, NoiseSource, Timing};
use totals::TotalTiming;

/// The chance of any false verdict on time in a whole comparison.
pub const LEVEL: f64 = 0.01;
/// The part of it that all looks before the last turn of a verification have together.
pub const LOOKS_SHARE: f64 = 0.4;
/// The part of it that root operations and totals have: most, since they carry the verdict of the whole.
pub const ROOT_SHARE: f64 = 0.9;
/// Executions without a run whose ratio of medians is closer to 1 than this show no difference, whatever the test says.
pub const SMALLEST_EFFECT: f64 = 0.01;

/// How the two sets were recorded, and what is known of the noise.
#[derive(Clone, Copy, Debug)]
pub struct Design<'d> {
    /// The runs that were made in turn, before and after, in the order of the turns; `None` where they were not.
    pub in_turn: Option<&'d [(String, String)]>,
    /// What earlier runs say.
    pub history: &'d History,
    /// The chance of any false verdict on time, [`LEVEL`] where the sets are compared once.
    pub level: f64,
    /// By side: log lines of the same time that no trace has.
    pub lines: [&'d LooseLines; 2],
}

/// No turns, no history.
static NOTHING_KNOWN: History = History::new();
/// No lines beyond those of traces.
static NO_LINES: LooseLines = LooseLines::new();

impl Default for Design<'_> {
    fn default() -> Self {
        Self { in_turn: None, history: &NOTHING_KNOWN, level: LEVEL, lines: [&NO_LINES; 2] }
    }
}

/// A verdict on time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// After is faster.
    Faster,
    /// After is slower.
    Slower,
    /// The data shows no difference.
    NoDifferenceShown,
    /// Too few executions for a verdict, of those that have no run.
    TooFewExecutions,
    /// Too few runs to estimate how much they vary.
    TooFewRuns,
    /// Each side was recorded on too few occasions to estimate how much these differ.
    TooFewOccasions,
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
    /// Runs (or other units) before.
    pub runs_before: u64,
    pub runs_after: u64,
    /// Occasions before: stretches of time without a gap of ten minutes.
    pub occasions_before: u64,
    pub occasions_after: u64,
    /// Root operations first, then those with a verdict, then by the size of the effect.
    pub operations: Vec<OperationComparison>,
    /// Totals of whole runs; none where executions have no run.
    pub totals: Vec<TotalComparison>,
    /// Root operations that runs execute more or less often than before.
    pub executions_changed: Vec<ExecutionsChanged>,
    /// By which factor the runs of both sides became slower from the first to the last; `None` where no trend shows.
    pub drift: Option<f64>,
    /// The mean share of the machine's cores that other programs used during the runs of each side, where it is known of
    /// all and differs so much that it says something.
    pub others_cpu: Option<[f64; 2]>,
    /// Calls whose number changed by an order of magnitude, the largest change first.
    pub calls_changed: Vec<CallsChanged>,
    /// Counts that differ first.
    pub counts: Vec<CountComparison>,
    /// Most likely cause first.
    pub suspects: Vec<Suspect>,
}

/// One operation on both sides.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationComparison {
    pub service: String,
    /// The span name; of a client span that names a method alone, with its route.
    pub name: String,
    /// Which of the operation's executions; `None` means all of them.
    pub kind: Option<String>,
    /// Whether executions start here.
    pub root: bool,
    pub before: OperationSide,
    pub after: OperationSide,
    /// The ratio, after over before: of locations of runs, else of medians. Also where there are too few for a verdict.
    pub effect: Option<f64>,
    /// Its interval at the level of the verdict; `None` when there are too few.
    pub interval: Option<[f64; 2]>,
    pub verdict: Verdict,
    /// The smallest change that would have shown: 0.05 is 5 %. `None` where executions have no run, or too few.
    pub smallest_shown: Option<f64>,
    /// How many more executions the smaller side needs; only with too few.
    pub executions_missing: Option<u64>,
    /// How many more runs or occasions a side it takes; only with too few.
    pub missing: Option<Missing>,
    /// By how much one run differs from the next (0.03 is 3 %), and where that figure comes from; `None` where
    /// executions have no run.
    pub run_noise: Option<(f64, NoiseSource)>,
}

/// One operation on one side. Of several calls in one execution the duration is their mean, since they are not
/// independent; calls that are executions of their own (server, consumer, test case) stand for themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OperationSide {
    /// Executions it was called in.
    pub executions: u64,
    /// Runs it was timed in; 0 where executions have no run.
    pub runs: u64,
    /// Median of its duration.
    pub median_nanos: Option<i64>,
    /// 95th percentile of its duration.
    pub p95_nanos: Option<i64>,
    /// Calls in all executions.
    pub calls: u64,
    /// Failed calls among them.
    pub errors: u64,
}

/// Compares two sets of executions that were not recorded in turn, without knowing earlier runs.
pub fn compare(before: &[Execution<'_, '_>], after: &[Execution<'_, '_>]) -> Comparison {
    compare_with(before, after, &Design::default())
}

/// Compares two sets of executions.
pub fn compare_with<'a>(
    all_before: &[Execution<'_, 'a>],
    all_after: &[Execution<'_, 'a>],
    design: &Design<'a>,
) -> Comparison {
    let is_work = |execution: &&Execution<'_, 'a>| !is_run(execution.tree, execution.entry);
    let work = [all_before, all_after].map(|side| side.iter().filter(is_work).copied().collect::<Vec<_>>());
    let runs_only = work.iter().any(Vec::is_empty);
    let [before, after] = if runs_only { [all_before, all_after] } else { [&work[0][..], &work[1][..]] };
    let mut sides = Sides::new(before, after, design.in_turn.is_some());
    let runs = [(all_before, 0), (all_after, 1)].map(|(all, side)| totals::runs(all, &sides.entries[side]));
    for (units, runs) in sides.units.iter_mut().zip(&runs) {
        for unit in &mut units.all {
            let run = unit.run_id.as_ref().and_then(|id| runs.iter().find(|run| run.run_id == *id));
            unit.others_cpu = run.and_then(|run| run.others_cpu);
        }
    }
    let runs = [&runs[0][..], &runs[1][..]];
    let identical = same_executions(before, after);
    let mut tests: Vec<Test> =
        (0..sides.operations.len()).map(|operation| Test::new(&sides, operation, design)).collect();
    let operations = tests.len();
    // A run that is its only execution is timed as that.
    let totals = if runs_only { Vec::new() } else { totals::timings(runs, design) };
    tests.extend(totals.iter().map(|total| Test::of_total(&total.located, total.timing)));
    judge(&mut tests, design.level);
    if identical {
        for test in &mut tests {
            test.verdict = Verdict::NoDifferenceShown;
        }
    }
    let judged_totals = tests.split_off(operations);
    let verdict = overall(&tests, identical);
    let counts = counts::compare(&sides);
    let suspects =
        if identical { Vec::new() } else { suspects::rank([before, after], &mut sides, verdict, design.lines) };
    let mut operations: Vec<OperationComparison> =
        tests.iter().filter(|test| !sides.is_split(test.operation)).map(|test| test.comparison(&sides)).collect();
    operations.sort_by(|a, b| {
        let key = |it: &OperationComparison| {
            let shown = matches!(it.verdict, Verdict::Faster | Verdict::Slower);
            (!it.root, !shown)
        };
        let size = |it: &OperationComparison| it.effect.map_or(0.0, |effect| effect.ln().abs());
        let name = |it: &OperationComparison| (it.service.clone(), it.name.clone(), it.kind.clone());
        key(a).cmp(&key(b)).then(size(b).total_cmp(&size(a))).then_with(|| name(a).cmp(&name(b)))
    });
    let located = sides.units.each_ref().map(|units| {
        units.all.iter().map(|unit| Located::new(unit.start, 0.0).beside(unit.others_cpu)).collect::<Vec<_>>()
    });
    let crowding = design.in_turn.is_none().then(|| timing::crowding(&located[0], &located[1])).flatten();
    Comparison {
        verdict,
        executions_before: sides.ended[0],
        executions_after: sides.ended[1],
        open_executions: sides.open,
        runs_before: located[0].len() as u64,
        runs_after: located[1].len() as u64,
        occasions_before: timing::occasions(&located[0]) as u64,
        occasions_after: timing::occasions(&located[1]) as u64,
        operations,
        totals: totals.iter().zip(&judged_totals).map(|(total, test)| test.total(total)).collect(),
        executions_changed: totals::executions_changed(runs, &sides),
        drift: drift(&tests, &totals),
        others_cpu: crowding,
        calls_changed: if identical { Vec::new() } else { calls::calls_changed(before, after) },
        counts,
        suspects,
    }
}

/// The trend of whole runs, else of the first root operation.
fn drift(tests: &[Test], totals: &[TotalTiming]) -> Option<f64> {
    let of_totals = totals.first().map(|total| &total.located);
    let of_roots = || tests.iter().find(|test| test.root && !test.located[0].is_empty()).map(|test| &test.located);
    let [before, after] = of_totals.or_else(of_roots)?;
    timing::drift(before, after)
}

/// The locations of runs of one set, as history keeps them: of their totals, then of each operation.
pub fn located(executions: &[Execution<'_, '_>]) -> Vec<(Timed, String, Located)> {
    let is_work = |execution: &&Execution<'_, '_>| !is_run(execution.tree, execution.entry);
    let work: Vec<Execution<'_, '_>> = executions.iter().filter(is_work).copied().collect();
    let counted = if work.is_empty() { executions } else { &work[..] };
    let sides = Sides::new(counted, &[], true);
    let runs = totals::runs(executions, &sides.entries[0]);
    let of_totals = runs
        .iter()
        .flat_map(|run| run.all_located().map(|(total, located)| (Timed::Total(total), run.run_id.clone(), located)));
    let mut found: Vec<_> = of_totals.collect();
    for operation in 0..sides.operations.len() {
        let (service, name) = sides.operations.name(operation);
        for (unit, located) in sides.samples[0][operation].located(&sides.units[0]).into_iter().flatten() {
            if let Some(run) = &sides.units[0].all[unit as usize].run_id {
                found.push((Timed::Operation(service.to_owned(), name.to_owned()), run.clone(), located));
            }
        }
    }
    found
}

/// One root operation's locations on both sides.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// By run; or one for each execution, where they have no run.
    pub before: Vec<Located>,
    /// The same after.
    pub after: Vec<Located>,
    /// Whether they are runs.
    pub are_runs: bool,
    /// Whether the runs were made in turn: the first before with the first after, and so on.
    pub in_turn: bool,
    /// What is known of their noise.
    pub noise: crate::noise::Noise,
}

/// What is known of the time of one operation by its samples alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeVerdict {
    pub verdict: Verdict,
    /// The ratio, after over before; `None` when there are too few.
    pub effect: Option<f64>,
    pub interval: Option<[f64; 2]>,
    /// How many more executions the smaller side needs; only with too few.
    pub executions_missing: Option<u64>,
    /// How many more runs or occasions a side it takes; only with too few.
    pub missing: Option<Missing>,
}

/// Judges samples as the root operations and totals of one comparison, at most `level` of which are wrong.
pub fn judge_samples(samples: &[Samples], level: f64) -> Vec<TimeVerdict> {
    let nanos = |runs: &[Located]| runs.iter().map(|run| run.location.exp()).collect::<Vec<f64>>();
    let test = |samples: &Samples| {
        let basis = if samples.are_runs {
            let timing = if samples.in_turn {
                let turns = samples.before.iter().copied().zip(samples.after.iter().copied());
                timing::in_turn(&turns.collect::<Vec<_>>(), &samples.noise)
            } else {
                timing::apart(&samples.before, &samples.after, &samples.noise)
            };
            timing.map_or(Basis::Nothing, Basis::Runs)
        } else {
            Basis::of_ranks(&nanos(&samples.before), &nanos(&samples.after))
        };
        Test::on(0, true, basis)
    };
    let mut tests: Vec<Test> = samples.iter().map(test).collect();
    judge(&mut tests, level);
    let verdict = |test: &Test| TimeVerdict {
        verdict: test.verdict,
        effect: test.effect,
        interval: test.interval,
        executions_missing: test.executions_missing,
        missing: test.missing(),
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

/// What a test rests on.
#[derive(Clone, Copy)]
enum Basis {
    /// One side has nothing.
    Nothing,
    /// Locations of runs.
    Runs(Timing),
    /// Executions without a run.
    Ranks { p_value: f64, sizes: (usize, usize), ratio: Option<(f64, [f64; 2])> },
}

impl Basis {
    fn of_ranks(before: &[f64], after: &[f64]) -> Self {
        let sizes = (before.len(), after.len());
        if sizes.0.min(sizes.1) == 0 {
            return Self::Nothing;
        }
        Self::Ranks { p_value: rank_test(before, after).p_value, sizes, ratio: ratio_of_medians(before, after) }
    }

    fn p_value(&self) -> f64 {
        match self {
            Self::Nothing => 1.0,
            Self::Runs(timing) => timing.p_value(),
            Self::Ranks { p_value, .. } => *p_value,
        }
    }

    /// The smallest p-value that it could have; `None` where it can have none.
    fn smallest_p_value(&self) -> Option<f64> {
        match self {
            Self::Nothing => None,
            Self::Runs(timing) => timing.missing.is_none().then_some(0.0),
            Self::Ranks { sizes, .. } => Some(smallest_p_value(sizes.0, sizes.1)),
        }
    }
}

/// What is tested of one operation, and the outcome.
pub(crate) struct Test {
    pub(crate) operation: usize,
    pub(crate) root: bool,
    pub(crate) verdict: Verdict,
    basis: Basis,
    /// By side; none where executions have no run.
    located: [Vec<Located>; 2],
    effect: Option<f64>,
    interval: Option<[f64; 2]>,
    executions_missing: Option<u64>,
}

impl Test {
    fn on(operation: usize, root: bool, basis: Basis) -> Self {
        let effect = match &basis {
            Basis::Runs(timing) => Some(timing.difference.exp()),
            _ => None,
        };
        let verdict = match &basis {
            Basis::Runs(Timing { missing: Some(Missing::Occasions(_)), .. }) => Verdict::TooFewOccasions,
            Basis::Runs(_) => Verdict::TooFewRuns,
            _ => Verdict::TooFewExecutions,
        };
        let located = [Vec::new(), Vec::new()];
        Self { operation, root, verdict, basis, located, effect, interval: None, executions_missing: None }
    }

    fn new(sides: &Sides<'_>, operation: usize, design: &Design<'_>) -> Self {
        let root = sides.is_root[operation];
        let samples = [0, 1].map(|side| &sides.samples[side][operation]);
        let located = [0, 1].map(|side| samples[side].located(&sides.units[side]));
        let [Some(before), Some(after)] = &located else {
            return Self::on(operation, root, Basis::of_ranks(&samples[0].durations, &samples[1].durations));
        };
        let (service, name) = sides.operations.name(operation);
        let noise = design.history.of(&Timed::Operation(service.to_owned(), name.to_owned()));
        let plain = |runs: &[(u32, Located)]| runs.iter().map(|(_, located)| *located).collect::<Vec<_>>();
        let timing = match design.in_turn {
            Some(turns) => {
                let of_run = |side: usize, run: &str| {
                    let is_it = |unit: u32| sides.units[side].all[unit as usize].run_id.as_deref() == Some(run);
                    let runs = if side == 0 { before } else { after };
                    runs.iter().find(|(unit, _)| is_it(*unit)).map(|(_, located)| *located)
                };
                let pair = |(one, other): &(String, String)| Some((of_run(0, one)?, of_run(1, other)?));
                timing::in_turn(&turns.iter().filter_map(pair).collect::<Vec<_>>(), &noise)
            }
            None => timing::apart(&plain(before), &plain(after), &noise),
        };
        let mut test = Self::on(operation, root, timing.map_or(Basis::Nothing, Basis::Runs));
        test.located = [plain(before), plain(after)];
        test
    }

    fn of_total(located: &[Vec<Located>; 2], timing: Timing) -> Self {
        let mut test = Self::on(usize::MAX, true, Basis::Runs(timing));
        test.located.clone_from(located);
        test
    }

    fn missing(&self) -> Option<Missing> {
        match &self.basis {
            Basis::Runs(timing) => timing.missing,
            _ => None,
        }
    }

    /// `level` is the one at which it was decided.
    fn decide(&mut self, significant: bool, level: f64) {
        match self.basis {
            Basis::Nothing | Basis::Ranks { ratio: None, .. } => {}
            Basis::Runs(timing) => {
                self.interval = Some(timing.interval(level).map(f64::exp));
                self.verdict = match significant {
                    true if timing.difference > 0.0 => Verdict::Slower,
                    true => Verdict::Faster,
                    false => Verdict::NoDifferenceShown,
                };
            }
            Basis::Ranks { ratio: Some((effect, [low, high])), .. } => {
                let is_large = (effect - 1.0).abs() >= SMALLEST_EFFECT;
                self.effect = Some(effect);
                self.verdict = match significant && is_large {
                    true if low > 1.0 => Verdict::Slower,
                    true if high < 1.0 => Verdict::Faster,
                    _ => Verdict::NoDifferenceShown,
                };
                // The interval is at 95 % for one ratio, the verdict at 1 % for all: where they disagree the wider counts.
                let is_shown = self.verdict != Verdict::NoDifferenceShown;
                self.interval = Some(if is_shown { [low, high] } else { [low.min(1.0), high.max(1.0)] });
            }
        }
    }

    fn total(&self, TotalTiming { total, located: [before, after], timing }: &TotalTiming) -> TotalComparison {
        TotalComparison {
            total: *total,
            before_nanos: totals::median_nanos(before),
            after_nanos: totals::median_nanos(after),
            effect: timing.difference.exp(),
            interval: self.interval,
            verdict: self.verdict,
        }
    }

    fn comparison(&self, sides: &Sides<'_>) -> OperationComparison {
        let kind = sides.kinds.get(&self.operation);
        let (service, name) = sides.operations.name(kind.map_or(self.operation, |(root, _)| *root));
        let side = |side: usize| operation_side(&sides.samples[side][self.operation], self.located[side].len());
        let is_lone = matches!(self.basis, Basis::Ranks { sizes, .. } if sizes.0.min(sizes.1) < 2);
        let is_open = self.verdict == Verdict::TooFewExecutions;
        OperationComparison {
            service: service.to_owned(),
            name: name.to_owned(),
            kind: kind.map(|(_, kind)| kind.clone()),
            root: self.root,
            before: side(0),
            after: side(1),
            effect: self.effect.filter(|_| !is_lone),
            interval: self.interval.filter(|_| !is_lone),
            verdict: self.verdict,
            smallest_shown: self
                .interval
                .zip(self.effect)
                .filter(|_| matches!(self.basis, Basis::Runs(_)))
                .map(|([_, high], effect)| high / effect - 1.0),
            executions_missing: self.executions_missing.filter(|_| is_open || is_lone),
            missing: self.missing(),
            run_noise: match &self.basis {
                Basis::Runs(timing) => Some((timing.run_sd, timing.source)),
                _ => None,
            },
        }
    }
}

fn operation_side(samples: &OperationSamples, runs: usize) -> OperationSide {
    let mut durations = samples.durations.clone();
    durations.sort_by(f64::total_cmp);
    let at = |part| (!durations.is_empty()).then(|| quantile_f64(&durations, part).round() as i64);
    OperationSide {
        executions: samples.executions,
        runs: runs as u64,
        median_nanos: at(0.5),
        p95_nanos: at(0.95),
        calls: samples.calls,
        errors: samples.errors,
    }
}

fn judge(tests: &mut [Test], level: f64) {
    let has_inner = tests.iter().any(|test| !test.root);
    judge_family(tests, true, if has_inner { level * ROOT_SHARE } else { level });
    let differs = |test: &Test| matches!(test.verdict, Verdict::Faster | Verdict::Slower);
    let all_roots_differ = tests.iter().filter(|test| test.root).all(differs);
    judge_family(tests, false, if all_roots_differ { level } else { level * (1.0 - ROOT_SHARE) });
}

fn judge_family(tests: &mut [Test], root: bool, level: f64) {
    let mut family: Vec<(&mut Test, f64)> = tests
        .iter_mut()
        .filter(|test| test.root == root)
        .filter_map(|test| test.basis.smallest_p_value().map(|smallest| (test, smallest)))
        .collect();
    let given: Vec<(f64, f64)> = family.iter().map(|(test, smallest)| (test.basis.p_value(), *smallest)).collect();
    let outcomes = holm_testable(&given, level);
    let count = family.len();
    for ((test, _), outcome) in family.iter_mut().zip(outcomes) {
        if let Some((significant, level)) = outcome {
            test.decide(significant, level);
        } else if let Basis::Ranks { sizes, .. } = test.basis {
            let needed = executions_needed(level / count as f64);
            test.executions_missing = Some(needed.saturating_sub(sizes.0.min(sizes.1)).max(1) as u64);
        }
    }
    if root {
        // A root that one side lacks altogether still says how many it takes.
        for test in tests.iter_mut().filter(|test| test.root && matches!(test.basis, Basis::Nothing)) {
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
        (false, false) => [Verdict::NoDifferenceShown, Verdict::TooFewOccasions, Verdict::TooFewRuns]
            .into_iter()
            .find(|verdict| has(*verdict))
            .unwrap_or(Verdict::TooFewExecutions),
    }
}

#[cfg(test)]
mod tests;
