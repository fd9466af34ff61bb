//! Simulated runs: how often unchanged code is called different, and how often a change is found.

use super::*;
use crate::testing::Random;

/// Tries of each simulation.
const TRIES: usize = 4_000;
/// The level at which each is tested.
const LEVEL: f64 = 0.01;

/// Runs of one side, `seconds` apart, from `start` on.
fn runs(random: &mut Random, count: usize, start: i64, sd: f64, shift: f64) -> Vec<Located> {
    let run = |at: usize| Located::new(start + at as i64 * 1_000_000_000, shift + sd * draw(random));
    (0..count).map(run).collect()
}

/// Standard normal, but one in twenty is four times as far out.
fn draw(random: &mut Random) -> f64 {
    let tail = if random.below(20) == 0 { 4.0 } else { 1.0 };
    tail * random.normal()
}

fn part(timings: impl Iterator<Item = Option<Timing>>) -> f64 {
    let shown = timings.flatten().filter(|timing| timing.p_value() <= LEVEL).count();
    shown as f64 / TRIES as f64
}

fn turns(random: &mut Random, count: usize, sd: f64, shift: f64) -> Vec<(Located, Located)> {
    let [before, after] = [0.0, shift].map(|shift| runs(random, count, 0, sd, shift));
    before.into_iter().zip(after).collect()
}

#[test]
fn pairs_of_unchanged_code_differ_in_one_of_a_hundred_at_most() {
    for count in [4, 6, 10, 20] {
        let mut random = Random(count as u64);
        let false_ones = part((0..TRIES).map(|_| in_turn(&turns(&mut random, count, 0.03, 0.0), &Noise::default())));
        assert!(false_ones <= 0.014, "{count} pairs: {false_ones}");
    }
}

#[test]
fn ten_pairs_find_a_tenth_where_runs_vary_by_three_percent() {
    let mut random = Random(1);
    let shift = 1.1f64.ln();
    let found = part((0..TRIES).map(|_| in_turn(&turns(&mut random, 10, 0.03, shift), &Noise::default())));
    assert!(found >= 0.9, "{found}");
}

#[test]
fn history_lets_few_runs_speak_and_holds_the_level() {
    for count in [1, 2, 3] {
        let mut random = Random(10 + count as u64);
        let timing = |_| {
            let noise = Noise::of(&runs(&mut random, 20, 0, 0.03, 0.0));
            in_turn(&turns(&mut random, count, 0.03, 0.0), &noise)
        };
        let false_ones = part((0..TRIES).map(timing));
        assert!(false_ones <= 0.014, "{count} pairs: {false_ones}");
    }
}

#[test]
fn without_history_few_runs_say_how_many_are_missing_unless_the_difference_is_large() {
    let mut random = Random(2);
    let small = in_turn(&turns(&mut random, 2, 0.01, 0.1), &Noise::default()).unwrap();
    assert_eq!((small.missing, small.source), (Some(Missing::Runs(2)), NoiseSource::Default));
    let large = in_turn(&turns(&mut random, 2, 0.01, 1.6), &Noise::default()).unwrap();
    assert_eq!(large.missing, None);
    assert!(large.p_value() <= 0.0 && large.interval(LEVEL)[0] > 0.0);
}

#[test]
fn days_that_differ_are_not_charged_to_a_change() {
    let mut random = Random(3);
    let hour = 3_600_000_000_000;
    let mut days = |known: bool| {
        let shifts = [0.05 * random.normal(), 0.05 * random.normal()];
        let sides = [0, 1].map(|day| runs(&mut random, 10, day as i64 * 20 * hour, 0.02, shifts[day]));
        let history: Vec<Located> = (0..8)
            .flat_map(|day| {
                let shift = 0.05 * random.normal();
                runs(&mut random, 5, (100 + day) * hour, 0.02, shift)
            })
            .collect();
        apart(&sides[0], &sides[1], &if known { Noise::of(&history) } else { Noise::default() })
    };
    let with_history = part((0..TRIES).map(|_| days(true)));
    assert!(with_history <= 0.015, "{with_history}");
    let without = part((0..TRIES).map(|_| days(false)));
    assert!(without <= 0.002, "{without}");
    assert!(matches!(days(false).unwrap().missing, Some(Missing::Occasions(2))));
}

#[test]
fn a_trend_of_the_machine_is_reported_and_not_charged() {
    let mut random = Random(4);
    let mut sides = [0, 1].map(|side| runs(&mut random, 10, side * 10_000_000_000, 0.005, 0.0));
    for run in sides.iter_mut().flatten() {
        run.location += 0.01 * (run.start / 1_000_000_000) as f64;
    }
    let timing = apart(&sides[0], &sides[1], &Noise::default()).unwrap();
    assert!(timing.p_value() > LEVEL, "{timing:?}");
    let drift = drift(&sides[0], &sides[1]).unwrap();
    assert!((1.15..1.3).contains(&drift), "{drift}");
}

#[test]
fn sides_that_alternate_need_no_occasions() {
    let mut random = Random(5);
    let day = 86_400_000_000_000;
    let mut alternate = |shift: f64| {
        let mut sides = [Vec::new(), Vec::new()];
        for at in 0..8i64 {
            let common = 0.05 * random.normal();
            for (side, runs) in sides.iter_mut().enumerate() {
                let location = common + shift * side as f64 + 0.01 * random.normal();
                runs.push(Located::new(at * day + side as i64, location));
            }
        }
        apart(&sides[0], &sides[1], &Noise::default()).unwrap()
    };
    assert_eq!(alternate(0.0).missing, None);
    let found = part((0..TRIES).map(|_| Some(alternate(0.0))));
    assert!(found <= 0.014, "{found}");
}

#[test]
fn one_stall_of_the_machine_sets_no_short_run_apart() {
    let turn = |[before, after]: [f64; 2]| {
        let once = |start, millis: f64| Located::once(start, (millis * 1e6).ln());
        in_turn(&[(once(0, before), once(1, after))], &Noise::default()).unwrap()
    };
    // A command of 12 ms that waits for a disk once, and one of a second that takes fifteen times as long.
    assert_eq!(turn([12.0, 180.0]).missing, Some(Missing::Runs(3)));
    assert_eq!(turn([1_000.0, 15_000.0]).missing, None);
}

#[test]
fn beside_programs_that_took_the_cores_on_one_side_alone_only_a_large_difference_is_one() {
    let runs = |location: f64, others: Option<f64>, offset: i64| -> Vec<Located> {
        let one = |run: i64| Located::new(offset + run * 1_000_000_000, location + 0.001 * (run % 3) as f64);
        (0..12).map(|run| one(run).beside(others)).collect()
    };
    let judged = |others: [Option<f64>; 2], factor: f64| {
        let (before, after) = (runs(0.0, others[0], 0), runs(factor.ln(), others[1], 20_000_000_000));
        let timing = apart(&before, &after, &Noise::default()).unwrap();
        (timing.missing, timing.p_value() < 0.01)
    };
    assert_eq!(judged([Some(0.02), Some(0.02)], 2.0), (None, true));
    assert_eq!(judged([Some(0.9), Some(0.02)], 2.0), (Some(Missing::Occasions(1)), false));
    assert_eq!(judged([Some(0.9), None], 2.0), (None, true), "what is not known of all runs is not used");
    assert_eq!(judged([Some(0.9), Some(0.02)], 200.0), (None, true));
}
