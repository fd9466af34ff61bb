//! Comparisons by example, of sets against themselves, and of simulated sets with and without a difference.

use std::fmt::Write as _;

use insta::assert_snapshot;
use kino_model::Trace;
use proptest::prelude::*;

use super::{Comparison, Verdict, compare, findings};
use crate::detect::DetectorConfig;
use crate::execution::{EntrySpans, executions};
use crate::testing::{Random, traces, trees};

/// Two different slices get different trace ids; one slice against itself keeps them.
fn compared(before: &[Trace], after: &[Trace]) -> Comparison {
    let mut apart = after.to_vec();
    if !std::ptr::eq(before, after) {
        for trace in &mut apart {
            trace.trace_id.0[0] ^= 0x80;
        }
    }
    let (before, after) = (trees(before), trees(&apart));
    compare(&executions(&before, EntrySpans::Outermost), &executions(&after, EntrySpans::Outermost))
}

#[test]
fn a_run_beside_its_traces_is_no_execution() {
    let run = "python 0..900 kino.run.command=app.py";
    let work = ["load 0..10"; 6].join("\n---\n");
    let names = |comparison: &Comparison| comparison.operations.iter().map(|it| it.name.clone()).collect::<Vec<_>>();
    let with = traces(&format!("{run}\n---\n{work}"));
    let comparison = compared(&with, &with.clone());
    assert_eq!((names(&comparison), comparison.executions_before), (vec!["load".to_owned()], 6));
    let alone = traces(run);
    assert_eq!(names(&compared(&alone, &alone.clone())), ["python"]);
    assert_eq!(names(&compared(&with, &alone)).len(), 2, "one side has nothing else");
}

mod calls;
mod shapes;

fn check(before: &str, after: &str) -> String {
    let comparison = compared(&traces(before), &traces(after));
    let mut shown = format!("{:?}\n", comparison.verdict);
    for it in &comparison.operations {
        let effect = it.effect.map_or("-".to_owned(), |effect| format!("{effect:.2}"));
        write!(shown, "{} {} {:?} effect {effect}", it.service, it.name, it.verdict).unwrap();
        writeln!(shown, "{}", it.executions_missing.map_or(String::new(), |missing| format!(", {missing} more")))
            .unwrap();
    }
    for count in &comparison.counts {
        writeln!(shown, "{count}: {} → {} {:?}", count.before, count.after, count.verdict).unwrap();
    }
    for suspect in &comparison.suspects {
        writeln!(shown, "suspect {} {:.2}: {}", suspect.name, suspect.score, suspect.reason).unwrap();
    }
    shown
}

#[test]
fn one_execution_a_side_gives_counts_but_no_verdict_on_time() {
    assert_snapshot!(check("
        load 0..100
          SELECT 10..20 db.query.text=a
          SELECT 20..30 db.query.text=b
          SELECT 30..40 db.query.text=c
    ", "
        load 0..80
          SELECT 10..20 db.query.text=d
    "), @"
    TooFewExecutions
    app load TooFewExecutions effect -, 4 more
    app SELECT TooFewExecutions effect -, 6 more
    calls of SELECT in load: 3 → 1 Fewer
    statements in load: 3 → 1 Fewer
    statements of SELECT in load: 3 → 1 Fewer
    calls in load: 4 → 2 Fewer
    ");
}

/// `count` traces of `load` with one call, the call's milliseconds jittered around `call`.
fn load(count: usize, call: f64, jitter: f64, seed: u64) -> Vec<Trace> {
    let mut random = Random(seed);
    let text: Vec<String> = (0..count)
        .map(|_| {
            let call = call * (jitter * random.normal()).exp();
            let other = 20.0 * (jitter * random.normal()).exp();
            format!(
                "load 0..{}\n  call 1..{}\n  other {}..{}",
                call + other + 3.0,
                1.0 + call,
                call + 2.0,
                call + 2.0 + other
            )
        })
        .collect();
    traces(&text.join("\n---\n"))
}

#[test]
fn time_that_moved_against_the_whole_is_no_suspect() {
    let side = |text: &str| traces(&[text; 8].join("\n---\n"));
    let before = side("\n load 0..100\n   SELECT 10..90\n");
    let after = side("\n load 0..60\n   SELECT 20..40\n");
    let suspects = compared(&before, &after).suspects;
    let names: Vec<&str> = suspects.iter().map(|suspect| suspect.name.as_str()).collect();
    assert_eq!(names, ["SELECT"], "{suspects:?}");
}

#[test]
fn a_slower_call_makes_its_callers_slower_and_is_the_suspect() {
    let comparison = compared(&load(20, 100.0, 0.05, 1), &load(20, 115.0, 0.05, 2));
    assert_eq!(comparison.verdict, Verdict::Slower);
    let call = comparison.operations.iter().find(|it| it.name == "call").unwrap();
    assert_eq!(call.verdict, Verdict::Slower);
    let [low, high] = call.interval.unwrap();
    assert!(low > 1.0 && (1.08..1.22).contains(&call.effect.unwrap()), "{:?} {low} {high}", call.effect);
    assert_eq!(comparison.operations[0].name, "load");
    assert_eq!(comparison.suspects[0].name, "call");
    let other = comparison.operations.iter().find(|it| it.name == "other").unwrap();
    assert_eq!(other.verdict, Verdict::NoDifferenceShown);
}

#[test]
fn what_a_comparison_found_becomes_findings() {
    let found = |before: &[Trace], after: &[Trace]| -> Vec<String> {
        let comparison = compared(before, after);
        let after = trees(after);
        let executions = executions(&after, EntrySpans::Outermost);
        let found = findings(&comparison, &executions, &DetectorConfig::default());
        assert!(found.iter().all(|finding| finding.evidence.len() == 3 && finding.executions >= 8));
        found.into_iter().map(|finding| format!("{}: {}", finding.code, finding.text)).collect()
    };
    let side = |text: fn(u32) -> String| traces(&(0..8).map(text).collect::<Vec<_>>().join("\n---\n"));
    let before = side(|i| format!("r 0..{}\n  old 0..5\n  same 6..9", 100 + i));
    let after = side(|i| format!("r 0..{}\n  new 0..5\n  same 6..9", 200 + i));
    assert_eq!(
        found(&before, &after),
        [
            "regression: r is slower: 104 ms before, 204 ms after, 1.97 times as long (between 1.91 and 2.02).",
            "structure_changed: r calls other operations than before. Appeared: new. Vanished: old.",
        ]
    );
    let noisy = |seed| load(8, 100.0, 0.05, seed);
    assert_eq!(found(&noisy(1), &noisy(2)), [""; 0]);
}

#[test]
fn five_executions_a_side_suffice_for_one_root() {
    let comparison = compared(&load(5, 100.0, 0.02, 1), &load(5, 50.0, 0.02, 2));
    assert_eq!(comparison.verdict, Verdict::Faster);
    let comparison = compared(&load(4, 100.0, 0.02, 1), &load(4, 50.0, 0.02, 2));
    assert_eq!(comparison.verdict, Verdict::TooFewExecutions);
    assert_eq!(comparison.operations[0].executions_missing, Some(1));
}

#[test]
fn equal_sets_almost_never_differ_and_a_tenth_at_modest_noise_always_does() {
    let (mut alarms, mut found) = (0, 0);
    for round in 0..300u64 {
        let before = load(20, 100.0, 0.05, 2 * round + 1);
        let same = compared(&before, &load(20, 100.0, 0.05, 2 * round + 10_000));
        alarms += usize::from(same.operations.iter().any(|it| it.verdict != Verdict::NoDifferenceShown));
        let slower = compared(&before, &load(20, 112.0, 0.05, 2 * round + 20_000));
        found += usize::from(slower.verdict == Verdict::Slower);
    }
    assert!(alarms <= 6, "{alarms} false alarms in 300 pairs");
    assert!(found >= 295, "{found} of 300 found");
}

#[test]
fn a_set_against_itself_shows_no_difference_even_a_single_execution() {
    for text in ["load 0..10\n  call 1..2 !", "load 0..10\n---\nload 0..20\n---\nload 0..30"] {
        let set = traces(text);
        let comparison = compared(&set, &set);
        assert_eq!(comparison.verdict, Verdict::NoDifferenceShown);
        assert!(comparison.operations.iter().all(|it| it.verdict == Verdict::NoDifferenceShown));
        assert!(comparison.suspects.is_empty(), "{:?}", comparison.suspects);
    }
}

#[test]
fn new_failures_and_early_returns_are_suspects_though_time_hardly_moves() {
    let before = "handle 0..20 kind=server\n  validate 1..2\n  save 2..18";
    let after = "handle 0..20 kind=server !\n  validate 1..19 ! exception=ValueError:no";
    let repeat = |text: &str| [text; 3].join("\n---\n");
    assert_snapshot!(check(&repeat(before), &repeat(after)), @"
    TooFewExecutions
    app handle TooFewExecutions effect -, 2 more
    app save TooFewExecutions effect -
    app validate TooFewExecutions effect -, 4 more
    calls of save in handle: 1 → 0 Fewer
    errors in handle: 0 → 2 More
    errors of handle in handle: 0 → 1 More
    errors of validate in handle: 0 → 1 More
    calls in handle: 3 → 2 Fewer
    calls of validate in handle: 1 → 1 Same
    suspect validate 0.93: own time 1.00 ms → 18.0 ms a call, in 3 and 3 calls; fails in 3 of 3 calls, before in 0 of 3; 1 → 0 calls of save in each of 3 and 3 calls of handle, which now end after validate
    suspect handle 0.31: own time 3.00 ms → 2.00 ms a call, in 3 and 3 calls
    ");
}

#[test]
fn counts_that_disagree_on_one_side_are_unstable() {
    let shown = check("r 0..9\n  a 1..2\n---\nr 0..9", "r 0..9\n  a 1..2\n---\nr 0..9\n  a 1..2");
    assert!(shown.contains("calls of a in r: 0.5 → 1 Unstable"), "{shown}");
}

#[test]
fn counts_that_vary_alike_on_both_sides_are_the_same() {
    let set = "r 0..9\n  a 1..2\n---\nr 0..9";
    let reversed = "r 0..9\n---\nr 0..9\n  a 1..2";
    let shown = check(set, reversed);
    assert!(shown.contains("calls of a in r: 0.5 → 0.5 Same") && !shown.contains("Unstable"), "{shown}");
}

#[test]
fn the_gap_between_client_and_server_is_the_servers() {
    let trace = |gap: u32| {
        format!(
            "r 0..{e}\n  GET 0..{e} kind=client\n    GET /x {gap}..{s} kind=server @shop",
            e = gap + 20,
            s = gap + 20
        )
    };
    let side = |gap: u32| (0..8).map(|i| trace(gap + i)).collect::<Vec<_>>().join("\n---\n");
    let comparison = compared(&traces(&side(10)), &traces(&side(200)));
    assert_eq!(comparison.suspects[0].service, "shop", "{:?}", comparison.suspects);
}

#[test]
fn open_executions_are_left_out_and_counted() {
    let comparison = compared(&traces("r 0..9\n---\nr 0.."), &traces("r 0..9"));
    assert_eq!((comparison.executions_before, comparison.open_executions), (1, 1));
}

proptest! {
    #[test]
    fn any_set_against_itself_shows_no_difference(
        set in proptest::collection::vec(crate::critical_path::tests::any_trace(), 0..6)
    ) {
        let comparison = compared(&set, &set);
        prop_assert_eq!(comparison.verdict, Verdict::NoDifferenceShown);
        prop_assert!(comparison.suspects.is_empty());
        for count in comparison.counts {
            prop_assert!((count.before - count.after).abs() < 1e-9);
        }
    }
}
