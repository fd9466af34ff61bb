//! What the tests of other tools say of the same recorded runs: of their wall time, one side after the other.
//!
//! - `hyperfine` 1.19 compares in `scripts/welch_ttest.py`: Welch's t test on the times, two-sided, at 5 %.
//! - `criterion` 0.5 compares Welch's t with those of 100,000 pairs of samples drawn from both sides together, at 5 %;
//!   the 95 % interval of the change of the mean must be beyond 1 %, too. Here 1,000 pairs are drawn.

use super::replay::{Recording, Row, WALL};

const LEVEL: f64 = 0.05;
const NOISE: f64 = 0.01;
const RESAMPLES: usize = 1_000;
/// Runs a side: what `hyperfine` runs at least.
const COUNT: usize = 10;

/// Both tests on each recording of unchanged programs.
pub(crate) fn rows(recordings: &[Recording]) -> Vec<Row> {
    let mut rows = Vec::new();
    for recording in recordings.iter().filter(|it| it.extra == 0.0) {
        let pairs: Vec<[Vec<f64>; 2]> = recording.located(WALL).flat_map(|runs| pairs(&runs)).collect();
        for (tool, test) in [("hyperfine", hyperfine as fn(&[Vec<f64>; 2]) -> bool), ("criterion", criterion)] {
            let wrong = pairs.iter().filter(|pair| test(pair)).count();
            let comparison = format!("{tool}'s test, wall time, {COUNT} a side");
            rows.push(Row {
                recording: recording.name.clone(),
                comparison,
                tries: pairs.len(),
                wrong,
                decided: pairs.len(),
            });
        }
    }
    rows
}

/// Times of runs that followed each other, in nanoseconds.
fn pairs(locations: &[f64]) -> Vec<[Vec<f64>; 2]> {
    let nanos = |runs: &[f64]| runs.iter().map(|location| location.exp()).collect::<Vec<_>>();
    let both = locations.chunks_exact(2 * COUNT);
    both.map(|runs| [nanos(&runs[..COUNT]), nanos(&runs[COUNT..])]).collect()
}

fn hyperfine(pair: &[Vec<f64>; 2]) -> bool {
    let (t, freedom) = welch(pair);
    2.0 * upper(t.abs(), freedom) < LEVEL
}

fn criterion(pair: &[Vec<f64>; 2]) -> bool {
    let mut state = 1_u64;
    let mut draw = |from: &[f64]| -> Vec<f64> {
        // Knuth's constants (MMIX); the high bits are random enough to pick one of twenty.
        let mut one = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            from[(state >> 33) as usize % from.len()]
        };
        (0..COUNT).map(|_| one()).collect()
    };
    let observed = welch(pair).0.abs();
    let all: Vec<f64> = pair.concat();
    let beyond = (0..RESAMPLES).filter(|_| welch(&[draw(&all), draw(&all)]).0.abs() > observed).count();
    let mut changes: Vec<f64> = (0..RESAMPLES).map(|_| mean(&draw(&pair[1])) / mean(&draw(&pair[0])) - 1.0).collect();
    changes.sort_by(f64::total_cmp);
    let tail = (RESAMPLES as f64 * LEVEL / 2.0) as usize;
    let (low, high) = (changes[tail], changes[RESAMPLES - 1 - tail]);
    (beyond as f64 / RESAMPLES as f64) < LEVEL && (low > NOISE || high < -NOISE)
}

/// Welch's t and its degrees of freedom.
fn welch(pair: &[Vec<f64>; 2]) -> (f64, f64) {
    let [before, after] = pair.each_ref().map(|side| {
        let (mean, count) = (mean(side), side.len() as f64);
        let variance = side.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count, count)
    });
    let error = before.1 + after.1;
    let freedom = error.powi(2) / (before.1.powi(2) / (before.2 - 1.0) + after.1.powi(2) / (after.2 - 1.0));
    ((after.0 - before.0) / error.sqrt(), freedom)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The chance that Student's t exceeds `t`: the density summed up by the midpoint rule, relative to all of it.
fn upper(t: f64, freedom: f64) -> f64 {
    let density = |x: f64| (1.0 + x * x / freedom).powf(-f64::midpoint(freedom, 1.0));
    let step = 0.001;
    let sum = |from: f64, to: f64| -> f64 {
        let steps = ((to - from) / step) as usize;
        (0..steps).map(|at| density(from + (at as f64 + 0.5) * step)).sum()
    };
    let limit = t.max(0.0) + 200.0;
    sum(t, limit) / (2.0 * sum(0.0, limit))
}
