//! What a verification says of two sides written as text: each reason, and which verdict it speaks for.

use super::*;
use crate::execution::{EntrySpans, executions};
use crate::testing::{traces, trees};

/// Ten traces a side, each the pattern with its numbers: `{n}` is replaced by `factor` times 100 to 109.
fn repeated(pattern: &str, scale: f64) -> String {
    let one = |number: i64| pattern.replace("{n}", &format!("{}", (scale * (100 + number) as f64) as i64));
    (0..10).map(one).collect::<Vec<_>>().join("\n---\n")
}

fn verified(before: &str, after: &str) -> Vec<String> {
    verified_with(before, after, [10, 0, 10, 0])
}

fn verified_with(before: &str, after: &str, runs: [u64; 4]) -> Vec<String> {
    let mut sides = [before, after].map(traces);
    // Both sides are numbered alike, and a set against itself shows no difference.
    sides[1].iter_mut().for_each(|trace| trace.trace_id.0[0] ^= 0xff);
    let trees = [trees(&sides[0]), trees(&sides[1])];
    let found = [executions(&trees[0], EntrySpans::Outermost), executions(&trees[1], EntrySpans::Outermost)];
    let before = Side { executions: &found[0], runs: runs[0], failed_runs: runs[1] };
    let after = Side { executions: &found[1], runs: runs[2], failed_runs: runs[3] };
    let config = DetectorConfig::default();
    let terms = Terms { design: Design::default(), tolerate: TOLERATED, config: &config };
    let verification = verify(before, after, &terms);
    let decides = |reason: &Reason| match reason.decides {
        Some(Verdict::Fail) => "fail: ",
        Some(Verdict::Undecided) => "open: ",
        Some(Verdict::Pass) => "pass: ",
        None => "noted: ",
    };
    let lines = verification.reasons.iter().map(|reason| format!("{}{}", decides(reason), reason.text));
    std::iter::once(format!("{:?}", verification.verdict)).chain(lines).collect()
}

const PLAIN: &str = "cart 0..{n}\n  load 1..20 kind=client db.query.text='SELECT 1 FROM a'";

#[test]
fn faster_passes_with_its_bounds() {
    insta::assert_snapshot!(verified(&repeated(PLAIN, 1.0), &repeated(PLAIN, 0.5)).join("\n"));
}

#[test]
fn slower_fails_with_its_bounds() {
    insta::assert_snapshot!(verified(&repeated(PLAIN, 1.0), &repeated(PLAIN, 1.5)).join("\n"));
}

#[test]
fn a_slowdown_of_a_few_microseconds_is_noted_and_fails_nothing() {
    let verified_at = |pattern| verified(&repeated(pattern, 1.0), &repeated(pattern, 1.4));
    let slight = verified_at("parse 0..0.0{n}");
    assert_eq!(slight[0], "Pass", "{slight:?}");
    assert!(slight[1].starts_with("pass: parse is slower, by less than counts: median 10.4 µs"), "{slight:?}");
    assert_eq!(verified_at("parse 0..0.{n}")[0], "Fail");
}

#[test]
fn what_varies_is_said_once_and_only_where_the_sides_differ() {
    let failing = |fails: &str| {
        let one = |fails: char| format!("r 0..100\n  a 1..20{}", if fails == 'x' { " !" } else { "" });
        fails.chars().map(one).collect::<Vec<_>>().join("\n---\n")
    };
    let unsteady = |before: &str, after: &str| -> Vec<String> {
        let said = verified(&failing(before), &failing(after)).into_iter();
        said.filter(|line| line.contains("varies") || line.contains("errors in")).collect()
    };
    assert_eq!(unsteady("x.........", ".......x.."), Vec::<String>::new(), "an error now and then on both sides");
    assert_eq!(unsteady("..........", ".........."), Vec::<String>::new());
    assert_eq!(
        unsteady("..........", "....x....."),
        [
            "noted: decides nothing, because it varies from one execution to the next: errors in r (0 before; 0 to 1, half of \
         them up to 0 after)."
        ]
    );
}

#[test]
fn the_same_passes_and_says_what_it_cannot_exclude() {
    insta::assert_snapshot!(verified(&repeated(PLAIN, 1.0), &repeated(PLAIN, 1.0)).join("\n"));
}

#[test]
fn too_few_executions_leave_it_open_and_say_how_many_are_missing() {
    let lines = verified("cart 0..100", "cart 0..50");
    assert_eq!(lines[0], "Undecided");
    assert!(lines[1].contains("more executions a side"), "{lines:?}");
}

#[test]
fn more_statements_fail_even_where_time_does_not_show_it() {
    let after = format!("{PLAIN}\n  load 21..22 kind=client db.query.text='SELECT 1 FROM a'");
    let lines = verified(&repeated(PLAIN, 1.0), &repeated(&after, 1.0));
    assert_eq!(lines[0], "Fail");
    assert!(
        lines.contains(&"fail: statements in cart: 1 before, 2 after in each execution (load).".to_owned()),
        "{lines:?}"
    );
}

#[test]
fn new_instrumentation_fails_nothing() {
    let lines = verified(&repeated(PLAIN, 1.0), &repeated(&format!("{PLAIN}\n  render 21..22"), 1.0));
    assert_eq!(lines[0], "Pass");
    assert!(
        lines.contains(&"noted: cart calls other operations than before. Appeared: render.".to_owned()),
        "{lines:?}"
    );
}

#[test]
fn an_operation_called_more_often_fails() {
    let before = "cart 0..{n}\n  fetch 1..5 kind=client";
    let lines = verified(&repeated(before, 1.0), &repeated(&format!("{before}\n  fetch 6..9 kind=client"), 1.0));
    assert!(
        lines.contains(&"fail: calls in cart: 2 before, 3 after in each execution (fetch).".to_owned()),
        "{lines:?}"
    );
}

#[test]
fn work_that_is_gone_altogether_is_not_called_an_improvement() {
    let lines = verified(&repeated(PLAIN, 1.0), &repeated("cart 0..{n}", 0.2));
    assert_eq!(lines[0], "Undecided");
    assert!(lines[1].starts_with("open: cart calls nothing any more, 1 calls before (load)"), "{lines:?}");
}

#[test]
fn an_error_of_a_new_type_fails_and_one_of_a_known_type_does_not() {
    let known = "cart 0..{n} exception=KeyError:a";
    let new = verified(&repeated(known, 1.0), &repeated("cart 0..{n} exception=ValueError:a", 1.0));
    assert_eq!(new[..2], ["Fail", "fail: ValueError is new: in 10 of 10 executions after, never before."]);
    let moved = verified(&repeated(known, 1.0), &repeated("cart 0..{n} exception=KeyError:something_else", 1.0));
    assert_eq!(moved[0], "Pass", "{moved:?}");
}

#[test]
fn errors_inside_a_test_that_passed_count_for_nothing() {
    let before = "test 0..{n} test.case.name=a";
    let after =
        verified(&repeated(before, 1.0), &repeated(&format!("{before}\n  call 1..2 exception=ValueError:a"), 1.0));
    assert_eq!(after[0], "Pass", "{after:?}");
}

#[test]
fn an_operation_that_does_not_run_any_more_fails_unless_it_may_have_another_name() {
    let both = format!("{}\n---\n{}", repeated(PLAIN, 1.0), repeated("pay 0..{n}", 1.0));
    assert_eq!(
        verified(&both, &repeated(PLAIN, 1.0))[..2],
        ["Fail", "fail: pay does not run any more: 10 executions before, none after."]
    );
    assert_eq!(verified(&repeated("pay 0..{n}", 1.0), &repeated("paying 0..{n}", 1.0))[0], "Undecided");
}

#[test]
fn a_command_that_now_fails_differs_from_one_that_always_did() {
    let same = repeated(PLAIN, 1.0);
    let verdict = |runs| verified_with(&same, &same, runs)[..2].join(" ");
    assert!(verdict([10, 0, 10, 10]).starts_with("Fail fail: the command failed in 10 of 10 runs, 0 of 10 before"));
    assert!(verdict([10, 10, 10, 10]).starts_with("Undecided open: the command failed in 10 of 10 runs"));
    assert!(verdict([10, 0, 10, 1]).starts_with("Undecided open: the command failed in 1 of 10 runs"));
    assert!(verdict([10, 0, 10, 6]).starts_with("Fail fail"), "{}", verdict([10, 0, 10, 6]));
    assert!(verdict([10, 10, 10, 0]).starts_with("Pass pass: the command failed in 0 of 10 runs, 10 of 10 before"));
}

#[test]
fn one_side_without_executions_is_no_pass() {
    assert_eq!(verified_with("", &repeated(PLAIN, 1.0), [0; 4])[0], "Undecided");
}

#[test]
fn more_executions_of_another_kind_hide_no_slowdown() {
    let side = |calls: &[(usize, i64)]| {
        let run = |run: i64| {
            let calls = calls.iter().flat_map(|(count, millis)| vec![*millis; *count]);
            let calls = calls.map(|millis| format!("GET 0..{millis}.{run} kind=client run=r{run}"));
            let own = format!("python 0..{} run=r{run} kino.run.command=app", 1_000 + run);
            std::iter::once(own).chain(calls).collect::<Vec<_>>().join("\n---\n")
        };
        (0..6).map(run).collect::<Vec<_>>().join("\n---\n")
    };
    let lines = verified_with(&side(&[(10, 70)]), &side(&[(10, 105), (15, 10)]), [6, 0, 6, 0]);
    assert_ne!(lines[0], "Pass", "{lines:?}");
    let changed =
        "open: a run executes GET 25 times after, 10 times before: its time alone does not say what that costs.";
    assert!(lines.contains(&changed.to_owned()), "{lines:?}");
    assert!(
        lines.iter().any(|line| line.starts_with("fail: the time of all root operations of a run takes longer")),
        "{lines:?}"
    );
}

#[test]
fn a_pass_excludes_what_is_not_tolerated() {
    let side = |noise: i64| {
        let run = |run: i64| format!("load 0..{} run=r{run}", 100 + noise * (run % 3));
        (0..6).map(run).collect::<Vec<_>>().join("\n---\n")
    };
    assert_eq!(verified_with(&side(1), &side(1), [6, 0, 6, 0])[0], "Pass");
    let noisy = verified_with(&side(20), &side(20), [6, 0, 6, 0]);
    assert_eq!(noisy[0], "Undecided", "{noisy:?}");
    assert!(noisy[1].starts_with("open: load could be slower by more than the 10 % tolerated"), "{noisy:?}");
}
