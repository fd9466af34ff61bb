//! How a duration grows with an input: the shape of the growth, what it predicts, and where it refuses to.
//!
//! Nothing grows on the word of a few points far out: the ranks must agree without them.
//!
//! Shapes are fitted by least squares on relative errors (durations spread in proportion to themselves) and chosen by
//! cross-validation error: five folds along the input, and the simplest shape within one standard error of the best. The
//! interval of a prediction is that of the residuals outside the fit, so that it covers what the fit did not see; beyond the
//! largest input it also spans what every other shape says that fits as well, for there they part.
//!
//! Executions of one run share its layout and its moment, and the next execution is another run's: the interval also
//! spans how much runs differ, by the runs at hand where there are enough of them, else by a default.

use std::collections::BTreeMap;
use std::fmt;

use kino_model::DurationNanos;

use crate::statistics::{rank_correlation, student};

/// Fewer points carry no shape.
pub const MIN_POINTS: usize = 20;
/// The inputs must span this factor, else growth and chance look alike.
pub const MIN_RANGE: f64 = 3.0;
/// A prediction reaches at most this factor beyond the largest input seen.
pub const MAX_REACH: f64 = 2.0;
/// The fewest inputs within [`NEAR_REACH`] of one that is beyond the largest: one point supports no prediction.
const MIN_NEAR: usize = 3;
/// The factor within which inputs count as near.
const NEAR_REACH: f64 = 4.0;
/// An interval wider than this factor from end to end, beyond the largest input, is no prediction.
const MAX_DISAGREEMENT: f64 = 4.0;
const FOLDS: usize = 5;
/// A growing shape must cut the cross-validation error of no growth at least by this part.
const MIN_GAIN: f64 = 0.5;
/// Units (see [`crate::units`]) from which on their variance is estimated from themselves.
const UNITS_MIN: usize = 4;
/// The standard deviation of a unit's logarithm where there are fewer: what real programs show from run to run on a quiet
/// machine, of which half vary by more (docs/findings/calibration.md).
const UNIT_SD: f64 = 0.1;
/// The standard normal quantile of a 95 % interval.
const NORMAL_95: f64 = 1.96;
/// Inputs and durations must rise together (Spearman's rank correlation), even without the largest twentieth of the
/// inputs: a single point far out is an outlier, not a growth.
const MIN_AGREEMENT: f64 = 0.4;
const FAR_OUT_PART: usize = 20;

/// How a duration grows, the slowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// It does not.
    Constant,
    Logarithmic,
    /// In proportion.
    Linear,
    /// With n log n.
    Linearithmic,
    /// With the square.
    Quadratic,
    /// With the cube or worse.
    Cubic,
}

/// A fitted growth.
#[derive(Clone, Debug, PartialEq)]
pub struct Growth {
    pub shape: Shape,
    /// The duration at no input, in nanoseconds.
    pub base_nanos: f64,
    /// Nanoseconds for each unit of the shape's function.
    pub slope: f64,
    /// How many points this rests on.
    pub points: usize,
    /// The smallest input.
    pub smallest: f64,
    /// The largest input.
    pub largest: f64,
    /// Cross-validation error, relative: the root of the mean square.
    pub error: f64,
    /// The part of the spread that the input explains, 0 to 1: how much of the cross-validation error of no growth is gone.
    pub explained: f64,
    /// The 2.5 % and 97.5 % quantiles of measured over predicted, by cross-validation.
    residuals: [f64; 2],
    /// The shapes that fit as well, this one included: shape, base, slope.
    rivals: Vec<(Shape, f64, f64)>,
    /// Of the largest inputs, the smallest that still counts to [`MIN_NEAR`].
    third_largest: f64,
}

/// A predicted duration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    pub nanos: f64,
    /// The 95 % interval of a single execution, in nanoseconds.
    pub interval: [f64; 2],
}

/// Why there is no prediction.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum NoPrediction {
    /// Too few points.
    #[error("only {found} executions carry the attribute; {MIN_POINTS} are needed")]
    TooFew {
        /// How many there are.
        found: usize,
    },
    /// All inputs are about the same.
    #[error("the attribute only ranges from {smallest} to {largest}; a factor of {MIN_RANGE} is needed")]
    TooNarrow {
        /// The smallest input.
        smallest: f64,
        /// The largest input.
        largest: f64,
    },
    /// The input in question is too far from those seen.
    #[error("{at} is too far outside {smallest} to {largest}, the range that was recorded")]
    OutOfReach {
        /// What was asked.
        at: f64,
        /// The smallest input.
        smallest: f64,
        /// The largest input.
        largest: f64,
    },
    /// Too little was seen near the question.
    #[error("only few of the inputs are near {at}: the third largest is {third_largest}")]
    Thin {
        /// What was asked.
        at: f64,
        /// How far at least `MIN_NEAR` inputs reach.
        third_largest: f64,
    },
    /// Shapes that fit equally well part beyond what was seen.
    #[error("beyond {largest} the shapes that fit equally well part: from {low} to {high} at {at}")]
    Undecided {
        /// What was asked.
        at: f64,
        /// The largest input.
        largest: f64,
        /// The least they say.
        low: DurationNanos,
        /// The most they say.
        high: DurationNanos,
    },
}

impl NoPrediction {
    /// What to record so that the answer can be had.
    pub fn help(&self) -> String {
        match self {
            Self::TooFew { found } => {
                format!("record {} more executions that carry the attribute", MIN_POINTS.saturating_sub(*found))
            }
            Self::TooNarrow { smallest, .. } => {
                format!("record executions up to at least {:.0}", MIN_RANGE * smallest.max(1.0))
            }
            Self::OutOfReach { at, smallest, .. } if at < smallest => {
                format!("record executions down to {:.0}", at * MAX_REACH)
            }
            Self::OutOfReach { at, .. } => format!("record executions up to at least {:.0}", at / MAX_REACH),
            Self::Thin { at, .. } => format!("record at least {MIN_NEAR} executions from {:.0} up", at / NEAR_REACH),
            Self::Undecided { at, .. } => format!("record executions nearer to {at}, or more of them"),
        }
    }
}

impl Shape {
    /// As the wire writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Logarithmic => "logarithmic",
            Self::Linear => "linear",
            Self::Linearithmic => "n_log_n",
            Self::Quadratic => "quadratic",
            Self::Cubic => "cubic",
        }
    }

    const ALL: [Self; 6] =
        [Self::Constant, Self::Logarithmic, Self::Linear, Self::Linearithmic, Self::Quadratic, Self::Cubic];

    fn of(self, input: f64) -> f64 {
        match self {
            Self::Constant => 0.0,
            Self::Logarithmic => input.ln_1p(),
            Self::Linear => input,
            Self::Linearithmic => input * input.ln_1p(),
            Self::Quadratic => input * input,
            Self::Cubic => input * input * input,
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Constant => "constant",
            Self::Logarithmic => "logarithmic",
            Self::Linear => "linear",
            Self::Linearithmic => "n log n",
            Self::Quadratic => "quadratic",
            Self::Cubic => "cubic or worse",
        })
    }
}

/// Fits (input, nanoseconds) points. Inputs below zero and durations of zero are left out.
///
/// # Errors
/// Where the points are too few or too alike to carry a shape.
pub fn growth(points: &[(f64, f64)]) -> Result<Growth, NoPrediction> {
    let mut points: Vec<(f64, f64)> =
        points.iter().copied().filter(|(input, nanos)| *input >= 0.0 && *nanos > 0.0).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    if points.len() < MIN_POINTS {
        return Err(NoPrediction::TooFew { found: points.len() });
    }
    let (smallest, largest) = (points[0].0, points[points.len() - 1].0);
    if largest < MIN_RANGE * smallest.max(1.0) {
        return Err(NoPrediction::TooNarrow { smallest, largest });
    }
    let candidates: Vec<(Shape, Vec<f64>)> =
        Shape::ALL.into_iter().filter_map(|shape| Some((shape, cross_validated(&points, shape)?))).collect();
    let summary = |ratios: &[f64]| {
        let squares: Vec<f64> = ratios.iter().map(|ratio| ratio.ln().powi(2)).collect();
        let mean = squares.iter().sum::<f64>() / squares.len() as f64;
        let variance = squares.iter().map(|square| (square - mean).powi(2)).sum::<f64>() / squares.len() as f64;
        (mean, (variance / squares.len() as f64).sqrt())
    };
    let of_constant = summary(&candidates[0].1).0;
    let (best, spread) = candidates
        .iter()
        .map(|(_, ratios)| summary(ratios))
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .unwrap_or((of_constant, 0.0));
    let near = &points[..points.len() - points.len().div_ceil(FAR_OUT_PART)];
    let grows = best <= (1.0 - MIN_GAIN) * of_constant && rank_correlation(near).abs() >= MIN_AGREEMENT;
    let chosen = candidates.iter().find(|(shape, ratios)| {
        if grows { *shape != Shape::Constant && summary(ratios).0 <= best + spread } else { *shape == Shape::Constant }
    });
    let (shape, mut ratios) = chosen.cloned().unwrap_or_else(|| candidates[0].clone());
    let left = summary(&ratios).0;
    ratios.sort_by(f64::total_cmp);
    let residuals = [0.025, 0.975].map(|part| crate::statistics::quantile_f64(&ratios, part));
    let (base_nanos, slope) = fit(&points, shape);
    let fits_as_well = |candidate: &&(Shape, Vec<f64>)| match (shape, candidate.0) {
        (shape, other) if shape == other => true,
        (Shape::Constant, _) | (_, Shape::Constant) => false,
        _ => summary(&candidate.1).0 <= best + spread,
    };
    let rivals = candidates.iter().filter(fits_as_well).map(|(shape, _)| {
        let (base, slope) = fit(&points, *shape);
        (*shape, base, slope)
    });
    Ok(Growth {
        shape,
        base_nanos,
        slope,
        points: points.len(),
        smallest,
        largest,
        error: left.sqrt(),
        explained: if of_constant > 0.0 { (1.0 - left / of_constant).clamp(0.0, 1.0) } else { 0.0 },
        residuals,
        rivals: rivals.collect(),
        third_largest: points[points.len() - MIN_NEAR].0,
    })
}

/// Measured over predicted for each point, by a fit that did not see it; `None` if a fit predicts nothing positive.
fn cross_validated(points: &[(f64, f64)], shape: Shape) -> Option<Vec<f64>> {
    let mut ratios = Vec::with_capacity(points.len());
    for fold in 0..FOLDS {
        let in_fold = |(at, _): &(usize, &(f64, f64))| at % FOLDS == fold;
        let seen: Vec<(f64, f64)> =
            points.iter().enumerate().filter(|it| !in_fold(it)).map(|(_, point)| *point).collect();
        let (base, slope) = fit(&seen, shape);
        for (_, (input, nanos)) in points.iter().enumerate().filter(in_fold) {
            let predicted = base + slope * shape.of(*input);
            if predicted <= 0.0 {
                return None;
            }
            ratios.push(nanos / predicted);
        }
    }
    Some(ratios)
}

/// Least squares on relative errors: (base, slope).
fn fit(points: &[(f64, f64)], shape: Shape) -> (f64, f64) {
    // Scaled, so that cubes of large inputs keep their digits.
    let scale = points.iter().map(|(input, _)| shape.of(*input)).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let (mut w, mut x, mut y, mut xx, mut xy) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (input, nanos) in points {
        let weight = 1.0 / (nanos * nanos);
        let value = shape.of(*input) / scale;
        w += weight;
        x += weight * value;
        y += weight * nanos;
        xx += weight * value * value;
        xy += weight * value * nanos;
    }
    let determinant = w * xx - x * x;
    if shape == Shape::Constant || determinant <= 1e-12 * w * xx {
        return (y / w, 0.0);
    }
    let slope = (w * xy - x * y) / determinant;
    ((y - slope * x) / w, slope / scale)
}

impl Growth {
    /// Makes the interval one for an execution of a unit that was not seen. Returns the number of units among the points;
    /// 0 and no change where some execution is of no known unit.
    pub(crate) fn widen_for_another_unit(&mut self, points: &[(f64, f64)], units: &[Option<u32>]) -> usize {
        let mut by_unit: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
        for ((input, nanos), unit) in points.iter().zip(units) {
            let Some(unit) = unit else { return 0 };
            let predicted = self.base_nanos + self.slope * self.shape.of(*input);
            if *input >= 0.0 && *nanos > 0.0 && predicted > 0.0 {
                by_unit.entry(*unit).or_default().push((nanos / predicted).ln());
            }
        }
        let count = by_unit.len() as f64;
        let missing = if by_unit.len() < UNITS_MIN {
            UNIT_SD.powi(2)
        } else {
            let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
            let variance = |values: &[f64]| {
                let middle = mean(values);
                values.iter().map(|value| (value - middle).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0).max(1.0)
            };
            let within: Vec<f64> = by_unit.values().map(|unit| variance(unit) / unit.len() as f64).collect();
            let means: Vec<f64> = by_unit.values().map(|unit| mean(unit)).collect();
            let between = (variance(&means) - mean(&within)).max(0.0);
            let tails = student::critical(0.05, count - 1.0) / NORMAL_95;
            // The residuals hold the part of it by which the units at hand differ.
            between * (tails.powi(2) * (1.0 + 1.0 / count) - (count - 1.0) / count)
        };
        let widened = |ratio: f64| ratio.ln().hypot(NORMAL_95 * missing.max(0.0).sqrt());
        let [low, high] = self.residuals;
        self.residuals = [(-widened(low)).exp(), widened(high).exp()];
        by_unit.len()
    }

    /// The duration at an input.
    ///
    /// # Errors
    /// Where the input is further from those seen than the data supports.
    pub fn predict(&self, at: f64) -> Result<Prediction, NoPrediction> {
        if !at.is_finite() || at < 0.0 || at > self.largest * MAX_REACH || at < self.smallest / MAX_REACH {
            return Err(NoPrediction::OutOfReach { at, smallest: self.smallest, largest: self.largest });
        }
        let nanos = self.base_nanos + self.slope * self.shape.of(at);
        let mut interval = self.residuals.map(|ratio| ratio * nanos);
        if at > self.largest {
            if self.third_largest < at / NEAR_REACH {
                return Err(NoPrediction::Thin { at, third_largest: self.third_largest });
            }
            for (shape, base, slope) in &self.rivals {
                let other = (base + slope * shape.of(at)).max(0.0);
                interval[0] = interval[0].min(self.residuals[0] * other);
                interval[1] = interval[1].max(self.residuals[1] * other);
            }
            // What scatter alone makes wide is an honest interval; what the shapes make wide is no answer.
            let by_scatter = self.residuals[1] / self.residuals[0];
            if interval[1] > MAX_DISAGREEMENT.max(by_scatter * 2.0) * interval[0] {
                let [low, high] = interval.map(|nanos| DurationNanos(nanos.round() as i64));
                return Err(NoPrediction::Undecided { at, largest: self.largest, low, high });
            }
        }
        Ok(Prediction { nanos, interval })
    }

    /// The input at which `limit_nanos` is crossed, with the interval in which single executions begin to cross it and
    /// all have; `None` where it is not crossed within reach.
    pub fn crossing(&self, limit_nanos: f64) -> Option<(f64, [f64; 2])> {
        let reach = self.largest * MAX_REACH;
        let crosses = |(shape, base, slope): (Shape, f64, f64), limit: f64| -> Option<f64> {
            let at = |input: f64| base + slope * shape.of(input);
            if slope <= 0.0 || at(reach) < limit {
                return None;
            }
            let (mut low, mut high) = (0.0, reach);
            for _ in 0..100 {
                let middle = f64::midpoint(low, high);
                *(if at(middle) < limit { &mut low } else { &mut high }) = middle;
            }
            Some(high)
        };
        let chosen = (self.shape, self.base_nanos, self.slope);
        let input = crosses(chosen, limit_nanos)?;
        let mut first = crosses(chosen, limit_nanos / self.residuals[1]).unwrap_or(input);
        let mut last = crosses(chosen, limit_nanos / self.residuals[0]).unwrap_or(reach);
        if input > self.largest {
            for &rival in &self.rivals {
                first = first.min(crosses(rival, limit_nanos / self.residuals[1]).unwrap_or(first));
                last = last.max(crosses(rival, limit_nanos / self.residuals[0]).unwrap_or(reach));
            }
        }
        Some((input, [first, last]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    fn points(count: usize, noise: f64, seed: u64, nanos: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        let mut random = Random(seed);
        (0..count)
            .map(|_| {
                let input = (1_000.0 * (6.0 * random.uniform()).exp()).round();
                (input, nanos(input) * (noise * random.normal()).exp())
            })
            .collect()
    }

    #[test]
    fn shapes_are_distinguished_at_modest_noise() {
        let check = |shape: Shape, nanos: fn(f64) -> f64| {
            let right = (0..20).filter(|&seed| growth(&points(60, 0.08, seed, nanos)).unwrap().shape == shape).count();
            assert!(right >= 17, "{shape}: {right} of 20");
        };
        check(Shape::Constant, |_| 5e6);
        check(Shape::Linear, |input| 1e6 + 100.0 * input);
        check(Shape::Quadratic, |input| 1e6 + 0.01 * input * input);
        check(Shape::Cubic, |input| 1e6 + 1e-6 * input * input * input);
    }

    #[test]
    fn predictions_hold_what_the_fit_did_not_see() {
        let mut covered = 0;
        for seed in 0..100 {
            let grown = growth(&points(60, 0.1, seed, |input| 1e6 + 100.0 * input)).unwrap();
            let measured = (1e6 + 100.0 * 300_000.0) * (0.1 * Random(seed + 1_000).normal()).exp();
            let [low, high] = grown.predict(300_000.0).unwrap().interval;
            covered += usize::from((low..=high).contains(&measured));
        }
        assert!((85..=100).contains(&covered), "{covered} of 100 in the 95 % interval");
    }

    #[test]
    fn predictions_hold_for_a_run_that_was_not_seen() {
        for runs in [1, 3, 5, 10] {
            let mut covered = [0; 2];
            for seed in 0..300 {
                let mut random = Random(1_000 * runs + seed);
                let offsets: Vec<f64> = (0..=runs).map(|_| 0.08 * random.normal()).collect();
                let mut points = points(60, 0.03, seed, |input| 1e6 + 100.0 * input);
                let unit = |at: usize| (at as u64 % runs) as u32;
                for (at, point) in points.iter_mut().enumerate() {
                    point.1 *= offsets[unit(at) as usize].exp();
                }
                let mut grown = growth(&points).unwrap();
                let of_another = (offsets[runs as usize] + 0.03 * random.normal()).exp();
                let measured = (1e6 + 100.0 * 200_000.0) * of_another;
                let holds = |grown: &Growth| {
                    let [low, high] = grown.predict(200_000.0).unwrap().interval;
                    u32::from((low..=high).contains(&measured))
                };
                covered[0] += holds(&grown);
                let units: Vec<Option<u32>> = (0..points.len()).map(|at| Some(unit(at))).collect();
                assert_eq!(grown.widen_for_another_unit(&points, &units), runs as usize);
                covered[1] += holds(&grown);
            }
            assert!(
                covered[1] >= 270 && covered[0] < covered[1],
                "{runs} runs: {covered:?} of 300 in the 95 % interval"
            );
        }
    }

    #[test]
    fn a_limit_is_crossed_where_the_curve_meets_it() {
        let grown = growth(&points(100, 0.02, 3, |input| 1e6 + 100.0 * input)).unwrap();
        let (input, [first, last]) = grown.crossing(2e7).unwrap();
        assert!((input / 190_000.0 - 1.0).abs() < 0.03, "{input}");
        assert!(first < input && input < last);
        assert!(grown.crossing(1e12).is_none());
    }

    #[test]
    fn beyond_what_was_seen_the_interval_spans_the_shapes_that_fit_as_well() {
        let grown = growth(&points(40, 0.3, 5, |input| 1e6 + 100.0 * input)).unwrap();
        assert!(grown.rivals.len() > 1, "{:?}", grown.rivals);
        let width = |at: f64| grown.predict(at).map(|it| it.interval[1] / it.interval[0]);
        let inside = width(grown.largest * 0.9).unwrap();
        assert!(
            width(grown.largest * 1.9).is_ok_and(|wide| wide > inside),
            "{inside} {:?}",
            width(grown.largest * 1.9)
        );
    }

    #[test]
    fn every_refusal_says_what_would_help() {
        let few = growth(&points(15, 0.1, 1, |input| input)).unwrap_err();
        assert_eq!(few.help(), "record 5 more executions that carry the attribute");
        let far = NoPrediction::OutOfReach { at: 8_000.0, smallest: 10.0, largest: 1_000.0 };
        assert_eq!(far.help(), "record executions up to at least 4000");
    }

    #[test]
    fn what_the_data_cannot_carry_is_refused() {
        let grown = growth(&points(60, 0.02, 3, |input| input)).unwrap();
        assert!(matches!(grown.predict(grown.largest * 2.1), Err(NoPrediction::OutOfReach { .. })));
        assert!(grown.predict(grown.largest * 1.9).is_ok());
        assert!(matches!(growth(&points(19, 0.1, 1, |input| input)), Err(NoPrediction::TooFew { found: 19 })));
        let far: Vec<(f64, f64)> = (1..60).map(|i| (f64::from(i), f64::from(i))).chain([(1_000.0, 1_000.0)]).collect();
        let alone = growth(&far).unwrap();
        assert!(matches!(alone.predict(1_500.0), Err(NoPrediction::Thin { .. })), "{alone:?}");
        assert!(alone.predict(100.0).is_ok(), "between what was seen");
        let narrow: Vec<(f64, f64)> = (0..30).map(|i| (1_000.0 + f64::from(i), 5.0)).collect();
        assert!(matches!(growth(&narrow), Err(NoPrediction::TooNarrow { .. })));
    }
}
