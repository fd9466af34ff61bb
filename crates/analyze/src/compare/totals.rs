//! What whole runs did: how long they took altogether, and how often each root operation was executed in one.

use std::collections::BTreeMap;

use foldhash::HashSet;
use kino_model::{Value, names};

use super::sides::Sides;
use super::timing::{self, Timing};
use super::{Design, Verdict};
use crate::execution::{Execution, is_run};
use crate::noise::{Located, Timed, Total};
use crate::statistics::median;

/// The level of the test on numbers of executions that vary from run to run.
const LEVEL: f64 = 0.01;
/// A smaller change of a varying number of executions does not count.
const CHANGE_MIN: f64 = 0.1;

/// A total of whole runs on both sides.
#[derive(Clone, Debug, PartialEq)]
pub struct TotalComparison {
    /// What is summed up.
    pub total: Total,
    /// Median of the runs before, in nanoseconds.
    pub before_nanos: i64,
    /// Median of the runs after.
    pub after_nanos: i64,
    /// The ratio, after over before.
    pub effect: f64,
    /// Its interval at the level of the verdict; `None` where there are too few runs.
    pub interval: Option<[f64; 2]>,
    pub verdict: Verdict,
}

/// A root operation that runs execute more or less often than before.
#[derive(Clone, Debug, PartialEq)]
pub struct ExecutionsChanged {
    /// Service and name.
    pub operation: (String, String),
    /// Executions in one run before; the median.
    pub before: f64,
    pub after: f64,
}

/// The runs that a total is compared on, and what they show.
pub(super) struct TotalTiming {
    pub(super) total: Total,
    /// By side.
    pub(super) located: [Vec<Located>; 2],
    pub(super) timing: Timing,
}

/// What one run did.
#[derive(Clone, Debug, Default)]
pub(super) struct RunFigures {
    pub(super) run_id: String,
    pub(super) start: i64,
    totals: [f64; 3],
    /// The share of the machine's cores that other programs used meanwhile.
    pub(super) others_cpu: Option<f64>,
    /// By root operation.
    executions: BTreeMap<usize, u64>,
}

impl RunFigures {
    /// Each total that is known.
    pub(super) fn all_located(&self) -> impl Iterator<Item = (Total, Located)> + '_ {
        Total::ALL.into_iter().filter_map(|total| Some((total, self.located(total)?)))
    }

    fn located(&self, total: Total) -> Option<Located> {
        let nanos = self.totals[total as usize];
        (nanos > 0.0).then(|| Located::once(self.start, nanos.ln()).beside(self.others_cpu))
    }
}

/// The runs of one side: their wall and processor time from their own spans, the rest from the executions in them: the
/// run's id, the root operation and the duration of each.
pub(super) fn runs(all: &[Execution<'_, '_>], entries: &[(String, usize, i64)]) -> Vec<RunFigures> {
    let mut runs: BTreeMap<String, RunFigures> = BTreeMap::new();
    let mut seen = HashSet::default();
    for execution in all {
        let tree = execution.tree;
        if !seen.insert(std::ptr::from_ref(tree)) {
            continue;
        }
        for &root in tree.roots() {
            let span = tree.span(root as usize);
            let Some(id) = span.resource.text(names::RUN_ID).filter(|_| is_run(tree, root as usize)) else { continue };
            let run = runs.entry(id.to_owned()).or_default();
            id.clone_into(&mut run.run_id);
            run.start = span.start.0;
            if span.end.is_some() {
                run.totals[Total::Wall as usize] = tree.duration(root as usize) as f64;
            }
            run.totals[Total::Cpu as usize] = span.int(names::RUN_CPU_NANOS).unwrap_or_default() as f64;
            run.others_cpu = span.attribute(names::RUN_OTHERS_CPU).and_then(Value::as_f64);
        }
    }
    for (id, root, nanos) in entries {
        if let Some(run) = runs.get_mut(id) {
            run.totals[Total::Roots as usize] += *nanos as f64;
            *run.executions.entry(*root).or_default() += 1;
        }
    }
    runs.into_values().collect()
}

/// The totals that both sides have. Where runs have one execution each, its own time says what the sum of all would.
fn located(runs: [&[RunFigures]; 2], total: Total) -> Option<[Vec<Located>; 2]> {
    let has_several = |run: &RunFigures| run.executions.values().sum::<u64>() > 1;
    let is_needed = total != Total::Roots || runs.iter().flat_map(|side| side.iter()).any(has_several);
    let sides = runs.map(|side| side.iter().filter_map(|run| run.located(total)).collect::<Vec<_>>());
    (is_needed && sides.iter().all(|side| !side.is_empty())).then_some(sides)
}

/// The median of locations, in nanoseconds.
pub(super) fn median_nanos(runs: &[Located]) -> i64 {
    median(runs.iter().map(|run| run.location.exp()).collect()).round() as i64
}

/// The timing of totals, in the order of [`Total::ALL`].
pub(super) fn timings(runs: [&[RunFigures]; 2], design: &Design<'_>) -> Vec<TotalTiming> {
    let timing = |total: Total| {
        let [before, after] = located(runs, total)?;
        let noise = design.history.of(&Timed::Total(total));
        let of_run =
            |side: usize, run: &str| runs[side].iter().find(|it| it.run_id == run).and_then(|it| it.located(total));
        let found = match design.in_turn {
            Some(turns) => {
                let pair = |(before, after): &(String, String)| Some((of_run(0, before)?, of_run(1, after)?));
                timing::in_turn(&turns.iter().filter_map(pair).collect::<Vec<_>>(), &noise)
            }
            None => timing::apart(&before, &after, &noise),
        };
        Some(TotalTiming { total, located: [before, after], timing: found? })
    };
    Total::ALL.into_iter().filter_map(timing).collect()
}

/// Root operations whose number of executions in a run changed: exactly, where the runs of each side agree; else where
/// the numbers differ by more than they vary.
pub(super) fn executions_changed(runs: [&[RunFigures]; 2], sides: &Sides<'_>) -> Vec<ExecutionsChanged> {
    if runs.iter().any(|side| side.is_empty()) {
        return Vec::new();
    }
    let mut changed = Vec::new();
    let roots: std::collections::BTreeSet<usize> =
        runs.iter().flat_map(|side| side.iter()).flat_map(|run| run.executions.keys().copied()).collect();
    for root in roots {
        let counts = runs.map(|side| {
            side.iter().map(|run| run.executions.get(&root).copied().unwrap_or(0) as f64).collect::<Vec<_>>()
        });
        if counts.iter().any(|side| side.iter().all(|count| *count == 0.0)) || !differ(&counts) {
            continue;
        }
        let (service, name) = sides.operations.name(root);
        let operation = (service.to_owned(), name.to_owned());
        let [before, after] = counts.map(median);
        changed.push(ExecutionsChanged { operation, before, after });
    }
    changed
}

fn differ(counts: &[Vec<f64>; 2]) -> bool {
    let is_other = |one: f64, other: f64| (one - other).abs() >= 0.5;
    let is_steady = |counts: &[f64]| !counts.windows(2).any(|pair| is_other(pair[0], pair[1]));
    if counts.iter().all(|side| is_steady(side)) {
        return is_other(counts[0][0], counts[1][0]);
    }
    let located = |counts: &[f64]| -> Vec<Located> {
        // Which came first says nothing of a count.
        let start = |at: usize| at as i64;
        counts.iter().enumerate().map(|(at, count)| Located::new(start(at), count.ln_1p())).collect()
    };
    let [before, after] = counts.each_ref().map(|side| located(side));
    let Some(timing) = timing::apart(&before, &after, &crate::noise::Noise::default()) else { return false };
    timing.missing.is_none() && timing.p_value() <= LEVEL && timing.difference.abs() >= CHANGE_MIN
}
