//! Statistics: quantiles, Student's t, a rank test, an interval for the ratio of medians.
//!
//! Everything is deterministic: there is no resampling, hence no seed.

pub(crate) mod student;

/// Up to this many pairs of a value before and a value after the rank test is exact; beyond, and with ties, the
/// normal approximation differs from it by less than the last digit shown.
const EXACT_PAIRS_MAX: usize = 2_500;

/// The quantile at `part` (0 to 1) of sorted values, interpolated linearly (Hyndman and Fan's type 7); 0 without any.
pub fn quantile(sorted: &[i64], part: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let at = part.clamp(0.0, 1.0) * last as f64;
    let low = sorted[at.floor() as usize] as f64;
    let high = sorted[at.ceil() as usize] as f64;
    low + (high - low) * at.fract()
}

/// The same for floating-point values.
pub(crate) fn quantile_f64(sorted: &[f64], part: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let at = part.clamp(0.0, 1.0) * last as f64;
    let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    low + (high - low) * at.fract()
}

/// The median; 0 without values.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    quantile_f64(&values, 0.5)
}

/// The lower of the two values in the middle where their number is even: of two, one that a disturbance made large does
/// not count. 0 of none.
pub(crate) fn lower_median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(0.0)
}

/// Spearman's rank correlation of (x, y) points, ties sharing their mean rank; 0 where one side is all alike.
pub(crate) fn rank_correlation(points: &[(f64, f64)]) -> f64 {
    let ranks = |value: fn(&(f64, f64)) -> f64| -> Vec<f64> {
        let mut order: Vec<usize> = (0..points.len()).collect();
        order.sort_by(|&a, &b| value(&points[a]).total_cmp(&value(&points[b])));
        let mut ranks = vec![0.0; points.len()];
        let mut from = 0;
        while from < order.len() {
            let tied =
                order[from..].iter().take_while(|&&at| value(&points[at]) <= value(&points[order[from]])).count();
            for &at in &order[from..from + tied] {
                ranks[at] = from as f64 + (tied as f64 - 1.0) / 2.0;
            }
            from += tied;
        }
        ranks
    };
    let (x, y) = (ranks(|point| point.0), ranks(|point| point.1));
    let mean = (points.len() as f64 - 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>();
    let spread = (product(&x, &x) * product(&y, &y)).sqrt();
    if spread > 0.0 { product(&x, &y) / spread } else { 0.0 }
}

/// More executions than this are never asked for: at this number the smallest p-value is below 1e-50.
const MAX_NEEDED: usize = 100;

/// The outcome of [`rank_test`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankTest {
    /// The two-sided p-value.
    pub p_value: f64,
    /// The chance that a value after is larger than one before, ties counted half.
    pub larger_after: f64,
}

/// The two-sided Mann–Whitney test: exact for small sets without ties (the distribution by the usual recurrence),
/// else the normal approximation with corrections for ties and continuity. An empty side gives a p-value of 1.
pub fn rank_test(before: &[f64], after: &[f64]) -> RankTest {
    let (m, n) = (before.len(), after.len());
    if m == 0 || n == 0 {
        return RankTest { p_value: 1.0, larger_after: 0.5 };
    }
    let mut all: Vec<(f64, bool)> =
        before.iter().map(|&value| (value, false)).chain(after.iter().map(|&value| (value, true))).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut rank_sum_after = 0.0;
    let mut tie_term = 0.0;
    let mut from = 0;
    while from < all.len() {
        let to = from + all[from..].partition_point(|(value, _)| *value <= all[from].0);
        let tied = (to - from) as f64;
        let rank = (from + to + 1) as f64 / 2.0;
        rank_sum_after += rank * all[from..to].iter().filter(|(_, is_after)| *is_after).count() as f64;
        tie_term += tied * tied * tied - tied;
        from = to;
    }
    let (m, n) = (m as f64, n as f64);
    let u = rank_sum_after - n * (n + 1.0) / 2.0;
    let larger_after = u / (m * n);
    let p_value = if tie_term == 0.0 && before.len() * after.len() <= EXACT_PAIRS_MAX {
        exact_p_value(before.len(), after.len(), u.min(m * n - u).round() as usize)
    } else {
        let total = m + n;
        let variance = m * n / 12.0 * (total + 1.0 - tie_term / (total * (total - 1.0)));
        let distance = ((u - m * n / 2.0).abs() - 0.5).max(0.0);
        if variance > 0.0 { 2.0 * normal_upper(distance / variance.sqrt()) } else { 1.0 }
    };
    RankTest { p_value: p_value.min(1.0), larger_after }
}

/// The probability, doubled, of a statistic of at most `u` when nothing differs.
fn exact_p_value(m: usize, n: usize, u: usize) -> f64 {
    // ways[k]: the number of ways to choose n of m + n ranks with statistic k: the Gaussian binomial's coefficients,
    // as the product of (1 - x^(m+i)) / (1 - x^i). In floating point: the counts pass 2^64 soon, only ratios matter.
    let mut ways = vec![0.0f64; m * n + 1];
    ways[0] = 1.0;
    for i in 1..=n {
        for k in (m + i..ways.len()).rev() {
            ways[k] -= ways[k - m - i];
        }
        for k in i..ways.len() {
            ways[k] += ways[k - i];
        }
    }
    let total = choose(m + n, n);
    2.0 * ways[..=u].iter().sum::<f64>() / total
}

fn choose(n: usize, k: usize) -> f64 {
    (1..=k).map(|i| (n - k + i) as f64 / i as f64).product()
}

/// The smallest two-sided p-value that sets of these sizes can have.
pub fn smallest_p_value(before: usize, after: usize) -> f64 {
    if before == 0 || after == 0 { 1.0 } else { (2.0 / choose(before + after, after.min(before))).min(1.0) }
}

/// The fewest executions on each side with which a difference can show at `level`.
pub fn executions_needed(level: f64) -> usize {
    let mut count = 1;
    while smallest_p_value(count, count) > level && count < MAX_NEEDED {
        count += 1;
    }
    count
}

/// The chance of at least `bad` of the bad among `bad + good` drawn from all (Fisher's exact test, one side).
/// `ln_factorials` goes up to all of them.
pub(crate) fn fisher(bad: usize, good: usize, bad_total: usize, good_total: usize, ln_factorials: &[f64]) -> f64 {
    /// Terms this much smaller than the sum change nothing that is shown.
    const NEGLIGIBLE: f64 = 1e-12;
    if bad * good_total <= good * bad_total {
        return 1.0;
    }
    let drawn = bad + good;
    let ln_choose = |n: usize, k: usize| ln_factorials[n] - ln_factorials[k] - ln_factorials[n - k];
    let all = ln_choose(bad_total + good_total, drawn);
    let mut sum = 0.0;
    for bad in bad..=bad_total.min(drawn) {
        let term = (ln_choose(bad_total, bad) + ln_choose(good_total, drawn - bad) - all).exp();
        sum += term;
        if term < NEGLIGIBLE * sum {
            break;
        }
    }
    sum.min(1.0)
}

/// The natural logarithms of the factorials of 0 to `last`.
pub(crate) fn ln_factorials(last: usize) -> Vec<f64> {
    let mut logarithms = vec![0.0; last + 1];
    for number in 1..=last {
        logarithms[number] = logarithms[number - 1] + (number as f64).ln();
    }
    logarithms
}

/// The upper tail of the standard normal distribution (W. J. Cody-style rational fit of erfc, relative error < 1.2e-7:
/// Numerical Recipes' `erfcc`, exact enough for levels of 1e-6).
pub(crate) fn normal_upper(z: f64) -> f64 {
    const COEFFICIENTS: [f64; 10] = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.5 * x);
    let polynomial = COEFFICIENTS.iter().rev().fold(0.0, |sum, coefficient| sum * t + coefficient);
    let upper = t * (-x * x + polynomial).exp() / 2.0;
    if z >= 0.0 { upper } else { 1.0 - upper }
}

/// The ratio of medians, after over before, with its 95 % interval; `None` where a side is empty or not positive.
///
/// Each median's interval on the log scale comes from order statistics, interpolated to 95 % (Hettmansperger and
/// Sheather); the two are joined by the method of variance estimates recovery (Donner and Zou). It assumes nothing
/// of the distribution, contains the ratio itself, and needs no resampling; tests hold its coverage.
pub fn ratio_of_medians(before: &[f64], after: &[f64]) -> Option<(f64, [f64; 2])> {
    let (median_before, low_before, high_before) = median_interval(before)?;
    let (median_after, low_after, high_after) = median_interval(after)?;
    let difference = median_after - median_before;
    let low = difference - (median_after - low_after).hypot(high_before - median_before);
    let high = difference + (high_after - median_after).hypot(median_before - low_before);
    Some((difference.exp(), [low.exp(), high.exp()]))
}

/// The median's logarithm with the ends of its 95 % interval. With fewer than six values the interval is the range.
fn median_interval(values: &[f64]) -> Option<(f64, f64, f64)> {
    if values.is_empty() || values.iter().any(|value| *value <= 0.0) {
        return None;
    }
    let mut logs: Vec<f64> = values.iter().map(|value| value.ln()).collect();
    logs.sort_by(f64::total_cmp);
    let count = logs.len();
    // Of an even number the middle is taken before the logarithm, so that the ratio is that of the medians shown.
    let middle: Vec<f64> = [(count - 1) / 2, count / 2].iter().map(|&at| logs[at].exp()).collect();
    let median = f64::midpoint(middle[0], middle[1]).ln();
    // coverage(d): the chance that the median is between the d-th value from below and the d-th from above.
    let mut term = 0.5f64.powi(count.min(1_000) as i32);
    if count > 1_000 {
        let depth = (count as f64 / 2.0 - 1.96 * (count as f64).sqrt() / 2.0).max(1.0);
        let low = quantile_f64(&logs, (depth - 1.0) / (count - 1) as f64);
        let high = quantile_f64(&logs, (count as f64 - depth) / (count - 1) as f64);
        return Some((median, low.min(median), high.max(median)));
    }
    let mut tail = 0.0;
    let mut depth = 0;
    let mut inner = 1.0;
    let mut outer = 1.0;
    while depth < count.div_ceil(2) {
        tail += term;
        term *= (count - depth) as f64 / (depth + 1) as f64;
        let coverage = 1.0 - 2.0 * tail;
        outer = inner;
        inner = coverage;
        if coverage < 0.95 {
            break;
        }
        depth += 1;
    }
    let at = |depth: usize| (logs[depth.max(1) - 1], logs[count - depth.max(1)]);
    let (outer_low, outer_high) = at(depth);
    if depth == 0 || depth >= count.div_ceil(2) {
        return Some((median, outer_low, outer_high));
    }
    let (inner_low, inner_high) = at(depth + 1);
    let part = (outer - 0.95) / (outer - inner);
    let weight = (count - depth) as f64 * part / (depth as f64 + (count as f64 - 2.0 * depth as f64) * part);
    let low = outer_low + (inner_low - outer_low) * weight;
    let high = outer_high + (inner_high - outer_high) * weight;
    Some((median, low.min(median), high.max(median)))
}

/// Holm's correction within one family of tests at `level`, leaving out those that cannot reach their share of it
/// however clear the data (Tarone): `None` for these. Given are the p-value and the smallest that the test could have;
/// the answer says whether it is significant, and the level at which that was decided.
pub(crate) fn holm_testable(tests: &[(f64, f64)], level: f64) -> Vec<Option<(bool, f64)>> {
    let mut smallest: Vec<f64> = tests.iter().map(|test| test.1).collect();
    smallest.sort_by(f64::total_cmp);
    let reaching = |count: usize| smallest.partition_point(|&p_value| p_value <= level / count as f64);
    let count = (1..=tests.len()).find(|&count| reaching(count) <= count).unwrap_or(1);
    let mut order: Vec<usize> = (0..tests.len()).filter(|&index| tests[index].1 <= level / count as f64).collect();
    order.sort_by(|&a, &b| tests[a].0.total_cmp(&tests[b].0));
    let mut outcomes = vec![None; tests.len()];
    let mut stopped: Option<f64> = None;
    for (rank, index) in order.into_iter().enumerate() {
        let level = stopped.unwrap_or(level / (count - rank) as f64);
        let significant = stopped.is_none() && tests[index].0 <= level;
        if !significant {
            stopped = Some(level);
        }
        outcomes[index] = Some((significant, level));
    }
    outcomes
}

#[cfg(test)]
mod tests;
