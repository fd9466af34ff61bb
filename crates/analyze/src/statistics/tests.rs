//! The tests' own figures come from counting by hand and from simulation with a fixed seed.

use super::*;

/// The outcomes of rank tests of these sizes.
fn holm(tests: &[(f64, usize, usize)], level: f64) -> Vec<Option<bool>> {
    let tests: Vec<(f64, f64)> =
        tests.iter().map(|(p_value, before, after)| (*p_value, smallest_p_value(*before, *after))).collect();
    holm_testable(&tests, level).into_iter().map(|outcome| outcome.map(|(significant, _)| significant)).collect()
}
use crate::testing::Random;

#[test]
fn quantiles_interpolate() {
    assert!((quantile(&[1, 2, 3, 4], 0.5) - 2.5).abs() < 1e-12);
    assert!((quantile(&[10], 0.95) - 10.0).abs() < 1e-12);
    assert!(quantile(&[], 0.5).abs() < 1e-12);
}

#[test]
fn the_exact_test_counts_arrangements() {
    // Complete separation of 5 and 5: two of the 252 arrangements are as extreme.
    let test = rank_test(&[1.0, 2.0, 3.0, 4.0, 5.0], &[6.0, 7.0, 8.0, 9.0, 10.0]);
    assert!((test.p_value - 2.0 / 252.0).abs() < 1e-12, "{test:?}");
    assert!((test.larger_after - 1.0).abs() < 1e-12);
    // 3 and 3 with one inversion: statistics 0 and 1, one arrangement each, of 20.
    let test = rank_test(&[1.0, 2.0, 4.0], &[3.0, 5.0, 6.0]);
    assert!((test.p_value - 4.0 / 20.0).abs() < 1e-12, "{test:?}");
    assert!((rank_test(&[1.0], &[1.0]).p_value - 1.0).abs() < 1e-12);
    assert!((rank_test(&[], &[1.0]).p_value - 1.0).abs() < 1e-12);
}

#[test]
fn the_exact_test_agrees_with_enumeration() {
    let (m, n) = (4usize, 3usize);
    for chosen in (0u32..1 << (m + n)).filter(|bits| bits.count_ones() as usize == n) {
        let side = |is_after: bool| -> Vec<f64> {
            (0..m + n).filter(|rank| (chosen >> rank & 1 == 1) == is_after).map(|rank| rank as f64).collect()
        };
        let statistic = |bits: u32| {
            let after = (0..m + n).filter(|rank| bits >> rank & 1 == 1);
            let below = |rank: usize| (0..rank).filter(|other| bits >> other & 1 == 0).count();
            let u: usize = after.map(below).sum();
            u.min(m * n - u)
        };
        let all = (0u32..1 << (m + n)).filter(|bits| bits.count_ones() as usize == n);
        let (total, extreme) = all.fold((0, 0), |(total, extreme), bits| {
            (total + 1, extreme + usize::from(statistic(bits) <= statistic(chosen)))
        });
        let expected = f64::from(extreme as u32) / f64::from(total as u32);
        let found = rank_test(&side(false), &side(true)).p_value;
        // At the very middle the two tails share the middle statistic; the doubled tail is then capped at 1.
        assert!(found >= expected - 1e-9 && found <= (2.0 * expected).min(1.0), "{chosen:b}: {found} {expected}");
    }
}

#[test]
fn the_normal_tail_is_right_far_out() {
    for (z, tail) in [(0.0, 0.5), (1.959_964, 0.025), (3.290_527, 0.0005), (4.891_638, 5e-7)] {
        assert!((normal_upper(z) / tail - 1.0).abs() < 1e-4, "{z}");
    }
}

#[test]
fn how_many_it_takes_follows_from_the_level() {
    assert_eq!(executions_needed(0.01), 5);
    assert_eq!(executions_needed(0.001), 7);
    assert!(smallest_p_value(4, 4) > 0.01);
    assert!(smallest_p_value(0, 9) >= 1.0);
}

#[test]
fn tests_that_cannot_reach_their_share_do_not_cost_the_others() {
    let clear = (2.0 / 252.0, 5, 5);
    assert_eq!(holm(&[clear], 0.01), [Some(true)]);
    // Two at once need 0.005 each, which five a side cannot reach.
    assert_eq!(holm(&[clear, clear], 0.01), [None, None]);
    // Beside operations with one execution it is the only one tested.
    assert_eq!(holm(&[clear, (1.0, 1, 1), (1.0, 1, 1)], 0.01), [Some(true), None, None]);
    assert_eq!(
        holm(&[(0.004, 20, 20), (0.03, 20, 20), (0.006, 20, 20)], 0.01),
        [Some(false), Some(false), Some(false)]
    );
    assert_eq!(holm(&[(0.003, 20, 20), (0.03, 20, 20), (0.004, 20, 20)], 0.01), [Some(true), Some(false), Some(true)]);
}

/// How often the interval contains the true ratio, in simulated sets of log-normal durations.
fn coverage(count: usize, spread: f64, skewed: bool) -> f64 {
    const ROUNDS: usize = 3_000;
    let mut random = Random(42);
    let mut covered = 0;
    for _ in 0..ROUNDS {
        let mut draw = |scale: f64| -> Vec<f64> {
            let mut value = || {
                let z = random.normal();
                // A tail on one side alone, with the same median.
                (spread * if skewed && z > 0.0 { 4.0 * z } else { z }).exp() * scale
            };
            (0..count).map(|_| value()).collect()
        };
        let (before, after) = (draw(1e6), draw(1.3e6));
        let (_, [low, high]) = ratio_of_medians(&before, &after).unwrap();
        covered += usize::from(low <= 1.3 && 1.3 <= high);
    }
    covered as f64 / ROUNDS as f64
}

#[test]
fn the_interval_covers_the_true_ratio_as_often_as_it_says() {
    for (count, spread, skewed) in
        [(5, 0.1, false), (8, 0.3, true), (20, 0.05, false), (20, 0.3, true), (100, 0.2, true)]
    {
        let covered = coverage(count, spread, skewed);
        assert!((0.935..=0.99).contains(&covered), "{count} executions, spread {spread}: {covered}");
    }
}

#[test]
fn the_interval_holds_the_ratio_and_narrows_with_more() {
    let values = |count: usize, scale: f64| -> Vec<f64> {
        (1..=count).map(|i| scale * (100.0 + i as f64 / count as f64)).collect()
    };
    let width = |count| {
        let (ratio, [low, high]) = ratio_of_medians(&values(count, 1.0), &values(count, 2.0)).unwrap();
        assert!(low <= ratio && ratio <= high);
        assert!((ratio - 2.0).abs() < 0.01);
        high - low
    };
    assert!(width(20) > width(200));
    assert!(width(200) > width(5_000));
    assert!(ratio_of_medians(&[], &[1.0]).is_none());
    assert!(ratio_of_medians(&[0.0], &[1.0]).is_none());
}
