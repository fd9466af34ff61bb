//! Whether runs after a change take longer than runs before it: the run is the unit, its executions are repeated
//! measurements of it, since they share its memory layout, its caches and its moment.
//!
//! ```text
//!  in turn:  t test of the differences between the two runs of each turn
//!  apart:    Welch's t test, plus the variance between occasions where the sides do not alternate
//! ```
//!
//! Where there are too few runs (or occasions) to estimate the variance, it comes from [`History`](crate::noise), else
//! from measured defaults; by a default alone only a difference several times as large as the noise is called one.
//! `cargo xtask calibrate` measures the defaults and how often a verdict on unchanged code is wrong.

use crate::noise::{Located, Noise, OCCASION_GAP_NANOS};
use crate::statistics::student;

/// Runs a side (or turns) from which on their variance is estimated from themselves.
const RUNS_MIN: usize = 4;
/// Runs a side from which on history is not used.
const RUNS_ENOUGH: usize = 6;
/// Stretches a side from which on the sides count as alternating.
const STRETCHES_MIN: usize = 3;
/// Differences that a history must hold to be used.
const HISTORY_MIN: u32 = 4;
/// The degrees of freedom that history has at most: what it says may be out of date.
const HISTORY_FREEDOM_MAX: f64 = 6.0;
/// Differences of neighbours overlap: this part of them counts as degrees of freedom.
const NEIGHBOUR_FREEDOM: f64 = 2.0 / 3.0;
/// History is not used if the variance of the runs at hand is more than this many times its own.
const HISTORY_RATIO_MAX: f64 = 4.0;
/// The standard deviation of a run's location without any history: that of a machine whose cores are busy in bursts.
const RUN_SD: f64 = 0.2;
/// The standard deviation of an occasion without any history, at least.
const OCCASION_SD: f64 = 0.1;
/// The least standard deviation between stretches of runs within one occasion. They are taken to differ by as much as
/// single runs do, since other work on the machine comes and goes over minutes.
const STRETCH_SD: f64 = 0.005;
/// The degrees of freedom of that figure.
const STRETCH_FREEDOM: f64 = 4.0;
/// Standard errors that a difference must have if the variance is a default.
const SEVERAL: f64 = 5.0;
/// The standard error that more runs do not reduce: placement alone sets two builds or folders of one code apart.
const FLOOR: f64 = 0.003;
/// Factors of the standard error with one, two and three runs a side, for tails heavier than the normal distribution's.
const HEAVY_TAILS: [f64; 3] = [1.6, 1.3, 1.15];
/// By how much the time of a run may differ, as a logarithm, for all of the cores that other programs use: beside two
/// compilers on two cores programs take two to three times as long.
const CROWDED_SD: f64 = 1.0;
/// Shares of the cores that differ by less say nothing: the engine alone makes as much of a difference.
const CROWDING_MIN: f64 = 0.1;
/// A trend is extended from one side to the other if the time between them is at most this many times the longest time
/// between two runs of one side.
const PAUSE_RATIO_MAX: i64 = 2;
/// The chance of calling a trend one that is none.
const DRIFT_LEVEL: f64 = 0.01;
/// Runs of both sides from which on a trend is looked for.
const DRIFT_RUNS_MIN: usize = 8;

/// Where the noise figure comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoiseSource {
    /// The runs that are compared.
    TheseRuns,
    /// Earlier runs of the same code, with those that are compared.
    History,
    /// Nothing was known: what other programs showed.
    Default,
}

/// What keeps a verdict from being given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// This many more runs a side.
    Runs(u64),
    /// This many more occasions a side.
    Occasions(u64),
}

/// The outcome of comparing two sets of runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// The logarithm of the ratio, after over before.
    pub difference: f64,
    /// Its standard error, heavy tails and the floor included.
    pub error: f64,
    /// Degrees of freedom; infinite where a default decides.
    freedom: f64,
    /// What is missing for a verdict.
    pub missing: Option<Missing>,
    /// The standard deviation of one run's location (a logarithm: 0.03 is 3 %).
    pub run_sd: f64,
    /// Where that comes from.
    pub source: NoiseSource,
}

impl Timing {
    /// The two-sided p-value. A difference that a default alone calls one has 0.
    pub fn p_value(&self) -> f64 {
        match self.source {
            _ if self.missing.is_some() => 1.0,
            NoiseSource::Default => 0.0,
            _ => student::two_sided(self.difference / self.error, self.freedom),
        }
    }

    /// The interval of the logarithm of the ratio at this level.
    pub fn interval(&self, level: f64) -> [f64; 2] {
        let half = self.half(level);
        [self.difference - half, self.difference + half]
    }

    /// The smallest difference (a logarithm) that would have shown at this level.
    pub fn half(&self, level: f64) -> f64 {
        let critical = if self.freedom.is_finite() { student::critical(level, self.freedom) } else { SEVERAL };
        critical * self.error
    }
}

/// Compares the two runs of each turn; `None` without any.
pub fn in_turn(turns: &[(Located, Located)], noise: &Noise) -> Option<Timing> {
    let differences: Vec<f64> = turns.iter().map(|(before, after)| after.location - before.location).collect();
    let count = differences.len();
    let (mean, variance) = moments(&differences)?;
    // A difference has the variance of two runs.
    let stall = stall(turns.iter().flat_map(|(before, after)| [before, after]));
    let spread = Spread::of(variance / 2.0, count.saturating_sub(1) as f64, count, noise, stall);
    let error = (2.0 * spread.variance / count as f64).sqrt();
    Some(spread.timing(mean, error, count, None))
}

/// Compares runs that were not made in turn; `None` where one side has none.
pub fn apart(before: &[Located], after: &[Located], noise: &Noise) -> Option<Timing> {
    let (mean_before, variance_before) = moments(&locations(before))?;
    let (mean_after, variance_after) = moments(&locations(after))?;
    let (m, n) = (before.len() as f64, after.len() as f64);
    let few = before.len().min(after.len());
    let own_freedom = m + n - 2.0;
    let pooled = ((m - 1.0) * variance_before + (n - 1.0) * variance_after) / own_freedom.max(1.0);
    let mut spread = Spread::of(pooled, own_freedom, few, noise, stall(before.iter().chain(after)));
    let mut difference = mean_after - mean_before;
    let mut error_squared = spread.variance * (1.0 / m + 1.0 / n);
    if few >= RUNS_MIN && spread.source == NoiseSource::TheseRuns {
        let parts = [variance_before / m, variance_after / n];
        error_squared = parts[0] + parts[1];
        let freedom = parts[0].powi(2) / (m - 1.0) + parts[1].powi(2) / (n - 1.0);
        spread.freedom = if freedom > 0.0 { error_squared.powi(2) / freedom } else { own_freedom };
    }
    let (stretches, gap) = stretches(before, after);
    let fewest = stretches[0].min(stretches[1]);
    let mut missing = None;
    if fewest < STRETCHES_MIN {
        let each = 1.0 / stretches[0] as f64 + 1.0 / stretches[1] as f64;
        if gap <= OCCASION_GAP_NANOS {
            let goes_on = few >= RUNS_MIN && gap <= PAUSE_RATIO_MAX * pause(before).max(pause(after));
            if let Some(trend) = trend(before, after).filter(|_| goes_on) {
                (difference, error_squared) = (trend.step, trend.step_error.powi(2));
                spread.freedom = trend.freedom;
            }
            let between = spread.variance.max(STRETCH_SD * STRETCH_SD) * each;
            spread.freedom = satterthwaite([(error_squared, spread.freedom), (between, STRETCH_FREEDOM)]);
            error_squared += between;
        } else {
            let known = noise.far.variance().filter(|_| noise.far.count >= HISTORY_MIN);
            let default = spread.variance.max(OCCASION_SD * OCCASION_SD);
            let between = known.map_or(default, |known| known.max(STRETCH_SD * STRETCH_SD)) * each;
            let freedom = known.map_or(f64::INFINITY, |_| f64::from(noise.far.count).min(HISTORY_FREEDOM_MAX));
            spread.freedom = satterthwaite([(error_squared, spread.freedom), (between, freedom)]);
            error_squared += between;
            if known.is_none() {
                spread.freedom = f64::INFINITY;
                spread.source = NoiseSource::Default;
                missing = Some(Missing::Occasions((STRETCHES_MIN - fewest) as u64));
            }
        }
    }
    if let Some([before, after]) = crowding(before, after) {
        error_squared += (CROWDED_SD * (after - before)).powi(2);
        spread.freedom = f64::INFINITY;
        spread.source = NoiseSource::Default;
        missing = missing.or(Some(Missing::Occasions(1)));
    }
    Some(spread.timing(difference, error_squared.sqrt(), few, missing))
}

/// The mean share of the cores that other programs used during the runs of each side, where it is known of all runs and
/// the sides differ by so much that their times may differ for it.
pub fn crowding(before: &[Located], after: &[Located]) -> Option<[f64; 2]> {
    let mean = |runs: &[Located]| {
        let shares = runs.iter().map(|run| run.others_cpu).collect::<Option<Vec<f64>>>()?;
        moments(&shares).map(|(mean, _)| mean)
    };
    let sides = [mean(before)?, mean(after)?];
    ((sides[1] - sides[0]).abs() >= CROWDING_MIN).then_some(sides)
}

/// How much one run varies.
struct Spread {
    variance: f64,
    freedom: f64,
    source: NoiseSource,
}

impl Spread {
    /// From the variance of the runs at hand, of which the smaller side has `few`, and from history; a default has
    /// that of a stall in addition.
    fn of(own: f64, own_freedom: f64, few: usize, noise: &Noise, stall: f64) -> Self {
        let history = noise.near.variance().filter(|_| noise.near.count >= HISTORY_MIN && few < RUNS_ENOUGH);
        let history = history.filter(|known| own_freedom < 1.0 || own <= HISTORY_RATIO_MAX * known);
        if let Some(known) = history {
            let freedom = (f64::from(noise.near.count) * NEIGHBOUR_FREEDOM).min(HISTORY_FREEDOM_MAX);
            let pooled = (freedom * known + own_freedom * own) / (freedom + own_freedom);
            // The quieter of two answers may be chance.
            let variance = if own_freedom > 0.0 { pooled.max(own) } else { pooled };
            return Self { variance, freedom: freedom + own_freedom, source: NoiseSource::History };
        }
        if few >= RUNS_MIN {
            return Self { variance: own, freedom: own_freedom, source: NoiseSource::TheseRuns };
        }
        let variance = own.max(RUN_SD * RUN_SD + stall * stall);
        Self { variance, freedom: f64::INFINITY, source: NoiseSource::Default }
    }

    fn timing(&self, difference: f64, error: f64, few: usize, missing: Option<Missing>) -> Timing {
        let heavy = HEAVY_TAILS.get(few.saturating_sub(1)).copied().unwrap_or(1.0);
        let error = (error * heavy).hypot(FLOOR);
        let by_default = self.source == NoiseSource::Default;
        let is_clear = difference.abs() >= SEVERAL * error;
        let missing = missing.or_else(|| by_default.then(|| Missing::Runs(RUNS_MIN.saturating_sub(few).max(1) as u64)));
        Timing {
            difference,
            error,
            freedom: self.freedom,
            missing: missing.filter(|_| !is_clear),
            run_sd: self.variance.sqrt(),
            source: self.source,
        }
    }
}

/// The largest part by which a stall may change one of the runs.
fn stall<'r>(runs: impl Iterator<Item = &'r Located>) -> f64 {
    runs.map(|run| run.stall).fold(0.0, f64::max)
}

fn locations(runs: &[Located]) -> Vec<f64> {
    runs.iter().map(|run| run.location).collect()
}

/// The mean and the variance (0 of a single value); `None` without any.
fn moments(values: &[f64]) -> Option<(f64, f64)> {
    let count = values.len() as f64;
    if values.is_empty() {
        return None;
    }
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((mean, squares / (count - 1.0).max(1.0)))
}

/// The degrees of freedom of a sum of variances that are estimated apart (Satterthwaite).
fn satterthwaite(parts: [(f64, f64); 2]) -> f64 {
    let sum: f64 = parts.iter().map(|(variance, _)| variance).sum();
    let each = parts.iter().filter(|(_, freedom)| freedom.is_finite());
    let weighted: f64 = each.map(|(variance, freedom)| variance * variance / freedom).sum();
    let is_known = parts.iter().all(|(_, freedom)| freedom.is_finite());
    if is_known && weighted > 0.0 { sum * sum / weighted } else { f64::INFINITY }
}

/// How often each side has an uninterrupted stretch of runs in the order of time, and the shortest time between a run
/// of one side and the next one of the other.
fn stretches(before: &[Located], after: &[Located]) -> ([usize; 2], i64) {
    let sides = [before, after];
    let mut all: Vec<(i64, usize)> =
        sides.iter().enumerate().flat_map(|(side, runs)| runs.iter().map(move |run| (run.start, side))).collect();
    all.sort_unstable();
    let mut count = [0; 2];
    let mut gap = i64::MAX;
    for (at, (start, side)) in all.iter().enumerate() {
        if at == 0 || all[at - 1].1 != *side {
            count[*side] += 1;
            if at > 0 {
                gap = gap.min(start.saturating_sub(all[at - 1].0));
            }
        }
    }
    (count, gap)
}

/// The longest time between the starts of two runs that follow each other.
fn pause(runs: &[Located]) -> i64 {
    let mut starts: Vec<i64> = runs.iter().map(|run| run.start).collect();
    starts.sort_unstable();
    starts.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0)
}

/// How many occasions runs were made on.
pub fn occasions(runs: &[Located]) -> usize {
    let mut starts: Vec<i64> = runs.iter().map(|run| run.start).collect();
    starts.sort_unstable();
    starts.chunk_by(|left, right| right - left <= OCCASION_GAP_NANOS).count()
}

/// A trend along the time of both sides, and the step between them beside it.
struct Trend {
    slope: f64,
    p_value: f64,
    step: f64,
    step_error: f64,
    freedom: f64,
}

/// The trend that both sides share, by least squares; `None` where it is not shown, or there are too few runs.
fn trend(before: &[Located], after: &[Located]) -> Option<Trend> {
    let (m, n) = (before.len() as f64, after.len() as f64);
    if before.is_empty() || after.is_empty() || before.len() + after.len() < DRIFT_RUNS_MIN {
        return None;
    }
    let origin = before.iter().chain(after).map(|run| run.start).min()?;
    let seconds = |run: &Located| run.start.saturating_sub(origin) as f64 / 1e9;
    let mean = |runs: &[Located], of: &dyn Fn(&Located) -> f64| runs.iter().map(of).sum::<f64>() / runs.len() as f64;
    let times = [before, after].map(|runs| mean(runs, &seconds));
    let means = [before, after].map(|runs| mean(runs, &|run| run.location));
    let (mut xx, mut xy) = (0.0, 0.0);
    for (side, runs) in [before, after].into_iter().enumerate() {
        for run in runs {
            xx += (seconds(run) - times[side]).powi(2);
            xy += (seconds(run) - times[side]) * (run.location - means[side]);
        }
    }
    let freedom = m + n - 3.0;
    if xx <= 0.0 || freedom < 1.0 {
        return None;
    }
    let slope = xy / xx;
    let mut residuals = 0.0;
    for (side, runs) in [before, after].into_iter().enumerate() {
        let off = |run: &Located| run.location - means[side] - slope * (seconds(run) - times[side]);
        residuals += runs.iter().map(|run| off(run).powi(2)).sum::<f64>();
    }
    let variance = residuals / freedom;
    let apart = times[1] - times[0];
    let trend = Trend {
        slope,
        p_value: student::two_sided(slope / (variance / xx).sqrt().max(f64::MIN_POSITIVE), freedom),
        step: means[1] - means[0] - slope * apart,
        step_error: (variance * (1.0 / m + 1.0 / n + apart * apart / xx)).sqrt(),
        freedom,
    };
    (trend.p_value <= DRIFT_LEVEL).then_some(trend)
}

/// The ratio by which runs of both sides became slower from the first to the last, where that is more than chance.
pub fn drift(before: &[Located], after: &[Located]) -> Option<f64> {
    let trend = trend(before, after)?;
    let starts = || before.iter().chain(after).map(|run| run.start);
    let seconds = (starts().max()? - starts().min()?) as f64 / 1e9;
    Some((trend.slope * seconds).exp())
}

#[cfg(test)]
mod tests;
