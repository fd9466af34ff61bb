//! Whether a figure per call moved between two sides: means of logarithms, and rates.
//!
//! Calls of one run, or of one trace, are no independent measurements: figures are summed up by such a *cluster*, and
//! the clusters say how much a figure varies.
//!
//! A whole system is somewhat faster or slower in one window than in another: other work on the machines, another load.
//! What times of many operations have in common is therefore no change of one of them ([`Common`]).

use std::collections::BTreeMap;

use crate::statistics::{median, normal_upper, student};

/// By how much runs of the same code differ, where there are too few of them to say so.
const RUN_SD: f64 = 0.1;
/// Figures of one kind from which on they say what they have in common.
pub(super) const COMMON_MIN: usize = 8;
/// The median of the absolute deviations of a normal distribution, in standard deviations.
const NORMAL_MAD: f64 = 0.6745;
/// Clusters from which on they say how much a count varies.
const CLUSTERS_MIN: usize = 3;
/// The chance at which a figure is taken to have a trend, and to differ from one.
const TREND: f64 = 0.05;
/// Points from which on a trend shows.
const TREND_MIN: usize = 5;
/// Standard errors between a figure and what it is at least or at most.
const ERRORS: f64 = 2.0;
/// Steps in which the end of an interval is searched: each halves what is left of it.
const HALVINGS: usize = 20;
/// The least that the number of calls, once in each call or more often, is taken to vary.
const DISPERSION_MIN: f64 = 0.1;

/// A figure of calls, summed up by cluster.
#[derive(Clone, Debug, Default)]
pub(super) struct Clusters {
    /// By cluster: the number of calls and the sum of the figure; ascending.
    sums: Vec<(u32, f64, f64)>,
}

impl Clusters {
    /// Adds `calls` calls of a cluster with the sum of their figures. Clusters come in ascending order.
    pub(super) fn add(&mut self, cluster: u32, calls: f64, sum: f64) {
        match self.sums.last_mut() {
            Some(last) if last.0 == cluster => {
                last.1 += calls;
                last.2 += sum;
            }
            _ => self.sums.push((cluster, calls, sum)),
        }
    }

    /// Hands each cluster's number and calls to `read`.
    pub(super) fn each(&self, mut read: impl FnMut(u32, f64)) {
        for (cluster, calls, _) in &self.sums {
            read(*cluster, *calls);
        }
    }

    pub(super) fn calls(&self) -> f64 {
        self.sums.iter().fold(0.0, |sum, (_, calls, _)| sum + calls)
    }

    /// The sum of the figure.
    pub(super) fn sum(&self) -> f64 {
        self.sums.iter().fold(0.0, |all, (.., sum)| all + sum)
    }

    /// The calls of these in which something did not happen that happened in others of them.
    pub(super) fn without(&self, happened: &Self) -> Self {
        let rest = |(cluster, calls, sum): &(u32, f64, f64)| (*cluster, *calls, sum - happened.of(*cluster));
        Self { sums: self.sums.iter().map(rest).collect() }
    }

    /// By cluster, how much of the figure there is in each of these calls.
    pub(super) fn course(&self, calls: &Self) -> Vec<(u32, f64)> {
        let of_calls = calls.sums.iter().filter(|(_, count, _)| *count > 0.0);
        of_calls.map(|(cluster, count, _)| (*cluster, self.of(*cluster) / count)).collect()
    }

    /// The same with this many times as many calls, and of what happened in them.
    pub(super) fn times(&self, factor: f64) -> Self {
        let sums = self.sums.iter().map(|(cluster, calls, sum)| (*cluster, calls * factor, sum * factor));
        Self { sums: sums.collect() }
    }

    /// The sum of a cluster.
    fn of(&self, cluster: u32) -> f64 {
        self.sums.binary_search_by_key(&cluster, |sum| sum.0).map_or(0.0, |at| self.sums[at].2)
    }

    /// The mean of the clusters' means and its variance; `None` with fewer than two clusters.
    fn mean(&self) -> Option<(f64, f64, f64)> {
        let means: Vec<f64> = self.sums.iter().map(|(_, calls, sum)| sum / calls).collect();
        let count = means.len() as f64;
        if count < 2.0 {
            return None;
        }
        let mean = means.iter().sum::<f64>() / count;
        let squares: f64 = means.iter().map(|value| (value - mean).powi(2)).sum();
        Some((mean, squares / (count - 1.0) / count, count))
    }
}

/// What happens in calls of an operation.
#[derive(Clone, Debug, Default)]
pub(super) struct Happened {
    /// How often, in all calls.
    pub(super) times: Clusters,
    /// In how many calls at all.
    pub(super) calls: Clusters,
}

/// How far a figure moved: a difference of logarithms with its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shift {
    pub(super) difference: f64,
    error: f64,
    /// Degrees of freedom of the error; infinite for rates.
    freedom: f64,
    /// The chance of such a difference when nothing changed.
    pub(super) p_value: f64,
    /// What the difference is at least, without its sign; not above zero where it may be none.
    least: f64,
    /// No difference of this figure could have had a smaller [`Self::p_value`]: what happened few times cannot be clear.
    pub(super) least_p_value: f64,
}

/// What the times of most operations do from one side to the other: their median shift, and by how much operations
/// differ in it beyond their own errors. The few operations that a fault changes hardly move either.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Common {
    pub(super) difference: f64,
    variance: f64,
}

impl Common {
    /// Whether there are enough figures to say what they have in common.
    pub(super) fn is_known(&self) -> bool {
        *self != Self::default()
    }

    /// Of shifts of one kind; nothing where they are few.
    pub(super) fn of(shifts: &[Shift]) -> Self {
        if shifts.len() < COMMON_MIN {
            return Self::default();
        }
        let difference = median(shifts.iter().map(|shift| shift.difference).collect());
        let deviations = shifts.iter().map(|shift| (shift.difference - difference).abs()).collect();
        let all = (median(deviations) / NORMAL_MAD).powi(2);
        let errors = median(shifts.iter().map(|shift| shift.error.powi(2)).collect());
        Self { difference, variance: (all - errors).max(0.0) }
    }
}

impl Shift {
    /// Of means, by Welch's t test. `few_runs`: the runs of the smaller side where clusters are finer than runs, whose
    /// own variation the clusters cannot show.
    pub(super) fn of_means(before: &Clusters, after: &Clusters, few_runs: Option<usize>) -> Option<Self> {
        let (mean_before, variance_before, m) = before.mean()?;
        let (mean_after, variance_after, n) = after.mean()?;
        let mut squared = variance_before + variance_after;
        let parts = variance_before.powi(2) / (m - 1.0) + variance_after.powi(2) / (n - 1.0);
        let freedom = if parts > 0.0 { squared.powi(2) / parts } else { m + n - 2.0 };
        squared += between_runs(few_runs);
        let (difference, error) = (mean_after - mean_before, squared.sqrt());
        Some(Self::tested(difference, error, freedom))
    }

    /// Of several differences of means with their weights, their mean. They are of the same runs, whose own variation is
    /// not in their errors yet.
    pub(super) fn of_several(parts: &[(f64, Self)], few_runs: Option<usize>) -> Option<Self> {
        let all: f64 = parts.iter().map(|(weight, _)| weight).sum();
        if all <= 0.0 {
            return None;
        }
        let parts = || parts.iter().map(|(weight, shift)| (weight / all, shift));
        let difference = parts().map(|(weight, shift)| weight * shift.difference).sum();
        let squared = |(weight, shift): (f64, &Self)| (weight * shift.error).powi(2);
        let together: f64 = parts().map(squared).sum();
        let by_freedom: f64 = parts().map(|part| squared(part).powi(2) / part.1.freedom).sum();
        let freedom = if by_freedom > 0.0 { together.powi(2) / by_freedom } else { f64::INFINITY };
        Some(Self::tested(difference, (together + between_runs(few_runs)).sqrt(), freedom))
    }

    fn tested(difference: f64, error: f64, freedom: f64) -> Self {
        let p_value = student::two_sided(difference / error.max(f64::MIN_POSITIVE), freedom);
        Self { difference, error, freedom, p_value, least: difference.abs() - ERRORS * error, least_p_value: 0.0 }
    }

    /// What is left of a difference of means without what is common to all.
    pub(super) fn beyond(self, common: &Common) -> Self {
        let error = (self.error.powi(2) + common.variance).sqrt();
        Self::tested(self.difference - common.difference, error, self.freedom)
    }

    /// Of rates: how often something happened in calls that are counted elsewhere. The test is the likelihood ratio of
    /// two Poisson rates, corrected for how much the clusters vary.
    pub(super) fn of_rates(before: (&Clusters, &Clusters), after: (&Clusters, &Clusters)) -> Option<Self> {
        let calls = [before.1.sum(), after.1.sum()];
        let happened = [before.0.sum(), after.0.sum()];
        if calls[0] < 1.0 || calls[1] < 1.0 || happened == [0.0, 0.0] {
            return None;
        }
        let rate = |side: usize| (happened[side] + 0.5) / (calls[side] + 1.0);
        let spread = [dispersion(before), dispersion(after)]
            .into_iter()
            .flatten()
            .fold(None, |most: Option<f64>, it| Some(most.map_or(it, |most| most.max(it))));
        let spread = spread.unwrap_or(1.0);
        let common = (happened[0] + happened[1]) / (calls[0] + calls[1]);
        let term = |side: usize| {
            if happened[side] > 0.0 { happened[side] * (happened[side] / (common * calls[side])).ln() } else { 0.0 }
        };
        let ratio = (2.0 * (term(0) + term(1))).max(0.0) / spread;
        let variance = spread * (1.0 / (happened[0] + 0.5) + 1.0 / (happened[1] + 0.5));
        // As if all of it had happened on the side with fewer calls.
        let all = happened[0] + happened[1];
        let most = 2.0 * all * ((calls[0] + calls[1]) / calls[0].min(calls[1])).ln() / spread;
        Some(Self {
            difference: rate(1).ln() - rate(0).ln(),
            error: variance.sqrt(),
            freedom: f64::INFINITY,
            p_value: 2.0 * normal_upper(ratio.sqrt()),
            least: least_ratio(happened, calls, spread),
            least_p_value: 2.0 * normal_upper(most.sqrt()),
        })
    }

    /// The clearer of how often something happened and in how many calls it did not: what all calls did before and some
    /// do no longer shows in the second. Its sign is that of how often it happened.
    pub(super) fn of_happening(before: (&Happened, &Clusters), after: (&Happened, &Clusters)) -> Option<Self> {
        let times = Self::of_rates((&before.0.times, before.1), (&after.0.times, after.1))?;
        let lacking = [before, after].map(|(happened, calls)| calls.without(&happened.calls));
        let calls = Self::of_rates((&lacking[0], before.1), (&lacking[1], after.1));
        let Some(calls) = calls else { return Some(times) };
        let least_p_value = times.least_p_value.min(calls.least_p_value);
        let clearer =
            if calls.p_value < times.p_value { Self { difference: -calls.difference, ..calls } } else { times };
        Some(Self { least_p_value, ..clearer })
    }

    /// What the difference is at least, without its sign; not above zero where it may be none.
    pub(super) fn at_least(&self) -> f64 {
        self.least
    }

    /// What it is at most.
    pub(super) fn at_most(&self) -> f64 {
        self.difference.abs() + ERRORS * self.error
    }

    /// The same change where its size is `difference` on another scale.
    pub(super) fn on_scale(self, difference: f64) -> Self {
        let part = if self.difference == 0.0 { 0.0 } else { (difference / self.difference).abs() };
        Self { difference: part * self.difference, error: part * self.error, least: part * self.least, ..self }
    }

    /// This part of it.
    pub(super) fn times(self, part: f64) -> Self {
        let least = self.least * part.abs();
        Self { difference: self.difference * part, error: self.error * part.abs(), least, ..self }
    }
}

/// The chance that two figures which have nothing to do with each other go along by cluster as these do, in the same
/// direction; 1 where that cannot be said.
pub(super) fn go_along(left: &[(u32, f64)], right: &[(u32, f64)]) -> f64 {
    let right: BTreeMap<u32, f64> = right.iter().copied().collect();
    let pairs: Vec<(f64, f64)> =
        left.iter().filter_map(|(cluster, value)| Some((*value, *right.get(cluster)?))).collect();
    let count = pairs.len() as f64;
    let freedom = count - 2.0;
    if freedom < 1.0 {
        return 1.0;
    }
    let (x, y) = pairs.iter().fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0 / count, sum.1 + pair.1 / count));
    let sum = |of: fn(f64, f64) -> f64| pairs.iter().map(|pair| of(pair.0 - x, pair.1 - y)).sum::<f64>();
    let (both, squares) = (sum(|x, y| x * y), sum(|x, _| x * x) * sum(|_, y| y * y));
    if both <= 0.0 || squares <= 0.0 {
        return 1.0;
    }
    let squared = (both * both / squares).min(1.0);
    student::two_sided((squared * freedom / (1.0 - squared).max(f64::EPSILON)).sqrt(), freedom)
}

/// Whether what differs is a trend that was there before and went on: it rises or falls on the first side, significantly so
/// and the way that the second one is, and beyond a slope that both have in common nothing is left. Of pairs of a time and
/// a figure, in the order of time.
pub(super) fn goes_on(before: &[(f64, f64)], after: &[(f64, f64)]) -> bool {
    let [Some(one), Some(other)] = [Line::through(before), Line::through(after)] else { return false };
    let moved = other.mean.1 - one.mean.1;
    let slope = one.products / one.squares;
    let freedom = one.count - 2.0;
    let left = (one.variation - slope * one.products).max(0.0) / freedom;
    let steepness = slope / (left / one.squares).sqrt().max(f64::MIN_POSITIVE);
    if slope * moved <= 0.0 || student::two_sided(steepness, freedom) > TREND {
        return false;
    }
    let squares = one.squares + other.squares;
    let common = (one.products + other.products) / squares;
    let apart = other.mean.0 - one.mean.0;
    let step = moved - common * apart;
    let freedom = one.count + other.count - 3.0;
    let left = (one.variation + other.variation - common * (one.products + other.products)).max(0.0) / freedom;
    let error = (left * (1.0 / one.count + 1.0 / other.count + apart * apart / squares)).sqrt();
    step * moved <= 0.0 || student::two_sided(step / error.max(f64::MIN_POSITIVE), freedom) > TREND
}

/// Sums of squares and products about the mean of points.
struct Line {
    count: f64,
    mean: (f64, f64),
    squares: f64,
    products: f64,
    variation: f64,
}

impl Line {
    /// `None` with too few points, or with all at one time.
    fn through(points: &[(f64, f64)]) -> Option<Self> {
        let count = points.len() as f64;
        let sum = |of: &dyn Fn(f64, f64) -> f64| points.iter().map(|(x, y)| of(*x, *y)).sum::<f64>();
        let mean = (sum(&|x, _| x) / count, sum(&|_, y| y) / count);
        let squares = sum(&|x, _| (x - mean.0).powi(2));
        let products = sum(&|x, y| (x - mean.0) * (y - mean.1));
        let variation = sum(&|_, y| (y - mean.1).powi(2));
        (points.len() >= TREND_MIN && squares > 0.0).then_some(Self { count, mean, squares, products, variation })
    }
}

/// What two sides differ by because each has few runs.
fn between_runs(few_runs: Option<usize>) -> f64 {
    few_runs.map_or(0.0, |runs| 2.0 * RUN_SD * RUN_SD / runs.max(1) as f64)
}

/// The least logarithm of a ratio of two rates, by their likelihood: none smaller is [`ERRORS`] standard errors away, in
/// which a rate of nothing at all needs no approximation.
fn least_ratio(happened: [f64; 2], calls: [f64; 2], spread: f64) -> f64 {
    let higher = usize::from(happened[1] * calls[0] > happened[0] * calls[1]);
    let (most, few) = (happened[higher], happened[1 - higher]);
    let term = |count: f64, part: f64| if count > 0.0 { count * part.ln() } else { 0.0 };
    let likelihood = |part: f64| term(most, part) + term(few, 1.0 - part);
    let best = likelihood(most / (most + few));
    let is_within = |ratio: f64| {
        let weighted = ratio.exp() * calls[higher];
        2.0 * (best - likelihood(weighted / (weighted + calls[1 - higher]))) <= ERRORS * ERRORS * spread
    };
    let (mut outside, mut within) = (0.0, (most / calls[higher] * calls[1 - higher] / few.max(0.5)).max(1.0).ln());
    if is_within(outside) {
        return 0.0;
    }
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(outside, within);
        if is_within(middle) { within = middle } else { outside = middle }
    }
    outside
}

/// By how much counts vary between clusters, as a part of what chance alone would make; `None` where that cannot be
/// estimated. What happens in every call may vary by less than chance, since it is the program's way.
fn dispersion((happened, calls): (&Clusters, &Clusters)) -> Option<f64> {
    let rate = happened.sum() / calls.sum().max(1.0);
    if rate <= 0.0 || calls.sums.len() < CLUSTERS_MIN {
        return None;
    }
    let squares = calls.sums.iter().map(|(cluster, _, calls)| {
        let expected = rate * calls;
        (happened.of(*cluster) - expected).powi(2) / expected.max(f64::MIN_POSITIVE)
    });
    let least = if rate >= 1.0 { DISPERSION_MIN } else { 1.0 };
    Some((squares.sum::<f64>() / (calls.sums.len() - 1) as f64).max(least))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clusters(values: &[f64]) -> Clusters {
        let mut clusters = Clusters::default();
        values.iter().zip(0..).for_each(|(value, at)| clusters.add(at, 1.0, *value));
        clusters
    }

    #[test]
    fn clusters_say_how_much_a_mean_varies() {
        let shift = Shift::of_means(&clusters(&[1.0, 1.1, 0.9]), &clusters(&[2.0, 2.1, 1.9]), None).unwrap();
        assert!((shift.difference - 1.0).abs() < 1e-9 && shift.p_value < 0.01 && shift.at_least() > 0.8, "{shift:?}");
        assert!(Shift::of_means(&clusters(&[1.0]), &clusters(&[2.0, 2.0]), None).is_none());
    }

    #[test]
    fn a_shift_that_most_operations_share_is_none_of_one() {
        let shift = |by: f64| {
            let values = |center: f64| (0..20).map(|at| center + 0.01 * f64::from(at % 5)).collect::<Vec<_>>();
            Shift::of_means(&clusters(&values(1.0)), &clusters(&values(1.0 + by)), None).unwrap()
        };
        let mut shifts: Vec<Shift> = (0..11).map(|at| shift(0.08 + 0.004 * f64::from(at % 3))).collect();
        assert!(shifts.iter().all(|shift| shift.p_value < 1e-6), "each alone is clear");
        shifts.push(shift(0.5));
        let common = Common::of(&shifts);
        let left: Vec<Shift> = shifts.iter().map(|shift| shift.beyond(&common)).collect();
        assert!(left[..11].iter().all(|shift| shift.p_value > 0.1), "{left:?}");
        assert!(left[11].p_value < 1e-6 && left[11].at_least() > 0.35, "{left:?}");
        assert_eq!(Common::of(&shifts[..7]), Common::default(), "few say nothing of what is common");
    }

    #[test]
    fn one_in_fifty_is_no_change_of_a_rate_and_all_is() {
        let (calls, none) = (clusters(&[1.0; 50]), clusters(&[0.0; 50]));
        let mut one = clusters(&[0.0; 49]);
        one.add(49, 1.0, 1.0);
        let shift = |after: &Clusters| Shift::of_rates((&none, &calls), (after, &calls)).unwrap();
        assert!(shift(&one).p_value > 0.05);
        assert!(shift(&calls).p_value < 1e-6 && shift(&calls).at_least() > 1.0);
    }

    #[test]
    fn what_never_happened_before_is_bounded_by_its_likelihood() {
        let calls = |count: usize| clusters(&vec![1.0; count]);
        let happened = |count: usize, of: usize| {
            let values: Vec<f64> = (0..of).map(|at| f64::from(u8::from(at * count % of < count))).collect();
            clusters(&values)
        };
        let none = clusters(&[0.0; 76]);
        let shift = Shift::of_rates((&none, &calls(76)), (&happened(15, 67), &calls(67))).unwrap();
        // 15 ln p >= -2, p the share of the side where it happened: a ratio of 7.9 of the rates.
        assert!((shift.at_least() - 2.07).abs() < 0.02, "{shift:?}");
        let gone = Shift::of_rates((&happened(15, 67), &calls(67)), (&none, &calls(76))).unwrap();
        assert!((gone.at_least() - shift.at_least()).abs() < 1e-9 && gone.difference < 0.0, "{gone:?}");
        let same = Shift::of_rates((&happened(15, 67), &calls(67)), (&happened(16, 67), &calls(67))).unwrap();
        assert!(same.at_least() <= 0.0, "{same:?}");
    }

    #[test]
    fn figures_that_rise_and_fall_together_go_along() {
        let course = |of: fn(u32) -> f64| (0..20).map(|at| (at, of(at))).collect::<Vec<_>>();
        let (one, other) = (course(|at| f64::from(at * 7 % 10)), course(|at| f64::from(at * 13 % 20)));
        let along = course(|at| 3.0 * f64::from(at * 7 % 10) + f64::from(at % 3));
        assert!(go_along(&one, &along) < 1e-6);
        assert!(go_along(&one, &other) > 0.01);
        let against: Vec<(u32, f64)> = along.iter().map(|(at, value)| (*at, -value)).collect();
        assert!(go_along(&one, &against) > 0.99);
        assert!(go_along(&one, &course(|_| 1.0)) > 0.99, "what is always the same says nothing");
        assert!(go_along(&one[..2], &along) > 0.99);
    }

    #[test]
    fn a_trend_that_goes_on_is_no_difference_and_a_step_or_a_new_trend_is_one() {
        let points = |from: u32, of: &dyn Fn(f64) -> f64| {
            let noise = |at: u32| 0.4 * (f64::from(at * 7 % 10) - 4.5) / 4.5;
            (from..from + 20).map(|at| (f64::from(at), of(f64::from(at)) + noise(at))).collect::<Vec<_>>()
        };
        let rising = |at: f64| 1.0 + 0.1 * at;
        let flat = points(0, &|_| 1.0);
        assert!(goes_on(&points(0, &rising), &points(21, &rising)));
        assert!(!goes_on(&points(0, &rising), &points(21, &|at| rising(at) + 2.0)), "a step");
        assert!(!goes_on(&points(0, &rising), &points(21, &|at| rising(at) - 9.0)), "the other way");
        assert!(!goes_on(&flat, &points(21, &|_| 3.0)));
        assert!(!goes_on(&flat, &points(21, &|at| 1.0 + 0.1 * (at - 20.0))), "it began after");
        assert!(!goes_on(&points(0, &rising)[..4], &points(21, &rising)), "too few to say");
    }

    #[test]
    fn several_that_moved_a_little_moved_together() {
        let spread = |center: f64| (0..10).map(|at| center + 0.25 * f64::from(at % 5 - 2)).collect::<Vec<_>>();
        let shift = Shift::of_means(&clusters(&spread(1.0)), &clusters(&spread(1.5)), None).unwrap();
        let together = Shift::of_several(&[(1.0, shift); 5], None).unwrap();
        assert!((together.difference - 0.5).abs() < 1e-9);
        assert!(together.p_value < shift.p_value / 100.0, "{shift:?} {together:?}");
        let of_one_run = Shift::of_several(&[(1.0, shift); 5], Some(1)).unwrap();
        assert!(of_one_run.p_value > together.p_value, "what runs differ by does not average out");
        assert_eq!(Shift::of_several(&[(0.0, shift)], None), None);
    }
}
