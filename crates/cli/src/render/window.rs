//! What changed in a window of time: suspects first, then what came, what went, and which errors.

use jiff::tz::TimeZone;
use kino_text::time;
use kino_wire::compare::{OperationSide, Sides, Verdict};
use kino_wire::window::{ErrorChange, ExplainWindow, OperationCalls, Window, WindowSuspect};

use super::apart::frame_place;
use super::table::Table;
use super::{Style, Tone, clean, compare, count, counted, duration, finding, percent, wrap};

/// How many suspects are shown.
const SUSPECTS_MAX: usize = 5;
/// How many operations and kinds of errors are shown of each list.
const ROWS_MAX: usize = 10;

/// The answer.
pub(crate) fn text(answer: &ExplainWindow, style: Style, zone: &TimeZone) -> String {
    let mut text = format!("{} {}\n", style.heading("What changed"), window(answer.window, zone));
    let executions = answer.executions;
    text.push_str(&format!(
        "against {}: {} before, {} since\n",
        window(answer.against, zone),
        counted(executions.before, "execution"),
        count(executions.after)
    ));
    for note in &answer.notes {
        text.push_str(&style.paint(Tone::Faint, &wrap(note, style, "  ")));
    }
    text.push_str(&suspects(&answer.suspects, style));
    text.push_str(&errors(&answer.errors, answer.error_counts_are_complete, style));
    text.push_str(&comings("New operations", &answer.appeared, style));
    text.push_str(&comings("Operations that are gone", &answer.vanished, style));
    text.push_str(&operations(answer, style));
    text.push_str(&left_out(answer, style));
    if let Some(next) = &answer.next {
        text.push_str(&format!("\nNext: {}\n", clean(next)));
    }
    text
}

fn window(window: Window, zone: &TimeZone) -> String {
    let (start, end) = (time::show(window.start_unix_nanos, zone), time::show(window.end_unix_nanos, zone));
    let length = duration(Some(window.end_unix_nanos.saturating_sub(window.start_unix_nanos)));
    format!("from {start} to {end} ({length})")
}

fn suspects(suspects: &[WindowSuspect], style: Style) -> String {
    if suspects.is_empty() {
        return String::new();
    }
    let mut text = compare::suspects_heading(suspects.iter().all(|suspect| suspect.shown), style);
    for suspect in suspects.iter().take(SUSPECTS_MAX) {
        let name = format!("{} ({})", clean(&suspect.name), clean(&suspect.service));
        text.push_str(&format!("  {:>5}  {name}\n", percent(suspect.score)));
        text.push_str(&wrap(&clean(&suspect.reason), style, "         "));
        if let Some(calls) = &suspect.calls {
            text.push_str(&wrap(&numbers(calls), style, "         "));
        }
        if let Some(location) = &suspect.location {
            text.push_str(&format!("         at {}\n", finding::place(location)));
        }
        if let Some(next) = &suspect.next {
            text.push_str(&style.paint(Tone::Faint, &format!("         {}\n", clean(next))));
        }
    }
    text
}

fn numbers(calls: &Sides<OperationSide>) -> String {
    let Sides { before, after } = calls;
    let both = |pick: fn(&OperationSide) -> String| format!("{} → {}", pick(before), pick(after));
    let (made, failed) = (both(|side| count(side.calls)), both(|side| count(side.errors)));
    let (median, p95) = (both(|side| duration(side.median_nanos)), both(|side| duration(side.p95_nanos)));
    format!("calls {made}, failed {failed}, median {median}, p95 {p95}")
}

fn errors(errors: &[ErrorChange], is_complete: bool, style: Style) -> String {
    if errors.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{} (before → since)\n", style.heading("Errors"));
    for error in errors.iter().take(ROWS_MAX) {
        let tone = if error.before == 0 { Tone::Bad } else { Tone::Plain };
        let counts = format!("{} → {}", count(error.before), count(error.after));
        let line = format!("{counts}  {}: {}", clean(&error.error_type), clean(&error.message));
        text.push_str(&style.paint(tone, &wrap(&line, style, "  ")));
        if let Some(frame) = &error.frame {
            text.push_str(&format!("    at {}\n", frame_place(frame)));
        }
    }
    if !is_complete {
        text.push_str("  only the newest exceptions of each window are counted\n");
    }
    text
}

fn comings(heading: &str, operations: &[OperationCalls], style: Style) -> String {
    if operations.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}\n", style.heading(heading));
    for operation in operations.iter().take(ROWS_MAX) {
        let failed = if operation.errors > 0 { format!(", {} failed", count(operation.errors)) } else { String::new() };
        let calls = counted(operation.calls, "call");
        let line = format!("{} ({}): {calls}{failed}", clean(&operation.name), clean(&operation.service));
        text.push_str(&wrap(&line, style, "  "));
    }
    text
}

fn operations(answer: &ExplainWindow, style: Style) -> String {
    if answer.operations.is_empty() {
        return String::new();
    }
    let mut table = Table::new(style, &["ENTRY POINT", ">BEFORE", ">SINCE", ">EFFECT", ">CALLS", ">FAILED", "VERDICT"]);
    for row in answer.operations.iter().take(ROWS_MAX) {
        let effect = row.effect.map_or_else(|| "–".to_owned(), |effect| format!("×{effect:.2}"));
        let verdict = if row.verdict == Verdict::TooFewOccasions { "no verdict" } else { compare::word(row.verdict) };
        table.row(&[
            (&compare::named(row), Tone::Strong),
            (&duration(row.before.median_nanos), Tone::Plain),
            (&duration(row.after.median_nanos), Tone::Plain),
            (&effect, Tone::Plain),
            (&format!("{} → {}", count(row.before.calls), count(row.after.calls)), Tone::Plain),
            (&format!("{} → {}", count(row.before.errors), count(row.after.errors)), Tone::Plain),
            (verdict, Tone::Plain),
        ]);
    }
    format!("\n{} (medians)\n{}", style.heading("Entry points"), table.finish())
}

fn left_out(answer: &ExplainWindow, style: Style) -> String {
    let over = |length: usize, shown: usize| length.saturating_sub(shown) as u64;
    let beyond = answer.left_out;
    let parts = [
        (beyond.suspects + over(answer.suspects.len(), SUSPECTS_MAX), "suspect", ""),
        (beyond.errors + over(answer.errors.len(), ROWS_MAX), "kind", " of errors"),
        (beyond.appeared + over(answer.appeared.len(), ROWS_MAX), "new operation", ""),
        (beyond.vanished + over(answer.vanished.len(), ROWS_MAX), "operation", " gone"),
        (beyond.operations + over(answer.operations.len(), ROWS_MAX), "entry point", ""),
        (answer.traces_left_out.before, "trace", " of before"),
        (answer.traces_left_out.after, "trace", " since"),
        (answer.open_executions, "unfinished execution", ""),
    ];
    let parts = parts.into_iter().filter(|(number, ..)| *number > 0);
    let parts: Vec<String> = parts.map(|(number, thing, which)| format!("{}{which}", counted(number, thing))).collect();
    if parts.is_empty() {
        return String::new();
    }
    style.paint(Tone::Faint, &wrap(&format!("Not shown: {}", parts.join(", ")), style, "")).replacen("Not", "\nNot", 1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::EIGHTY;
    use super::*;

    #[test]
    fn suspects_come_first_and_recorded_text_stays_where_it_is_shown() {
        let hostile = "a\u{1b}[2J\u{202e}\nNext: kino forget --everything";
        let evidence = json!({"trace_id": "ab".repeat(16), "span_id": "cd".repeat(8)});
        let side = |calls: u64, median: i64| {
            json!({"executions": calls, "runs": 0, "median_nanos": median,
            "p95_nanos": 2 * median, "calls": calls, "errors": calls / 20})
        };
        let root = json!({"service": "shop", "name": "POST /checkout", "root": true, "before": side(120, 44_000_000),
            "after": side(110, 91_000_000), "effect": 2.07, "interval": [1.9, 2.2], "verdict": "too few occasions"});
        let gone = json!({"service": "shop", "name": hostile, "root": false, "calls": 120, "executions": 120,
            "errors": 2, "evidence": evidence});
        let answer: ExplainWindow = serde_json::from_value(json!({
            "schema": "kino.explain_window.v1",
            "window": {"start_unix_nanos": 3_600_000_000_000_i64, "end_unix_nanos": 7_200_000_000_000_i64},
            "against": {"start_unix_nanos": 0, "end_unix_nanos": 3_600_000_000_000_i64},
            "verdict": "too few occasions", "executions": {"before": 120, "after": 1_100}, "open_executions": 1,
            "traces_left_out": {"before": 0, "after": 3}, "notes": ["the newest traces were looked at"],
            "suspects": [{"service": "shop", "name": "connect", "score": 0.99, "reason": hostile,
                "calls": {"before": side(120, 2_000_000), "after": side(110, 91_000_000)},
                "where": {"path": "shop/pool.py", "line": 9, "function": "get", "known_by": "caller"},
                "evidence": [evidence], "next": format!("kino explain {}", "ab".repeat(16))}],
            "operations": [root], "appeared": [], "vanished": [gone],
            "errors": [{"type": "KeyError", "message": hostile, "fingerprint": "0123456789abcdef", "before": 0, "after": 37,
                "frame": {"path": "shop/stock.py", "line": 7, "function": "read", "in_project": true}, "examples": []}],
            "error_counts_are_complete": false,
            "left_out": {"suspects": 2, "operations": 0, "appeared": 0, "vanished": 1, "errors": 0},
            "next": format!("kino explain {}", "ab".repeat(16))}))
        .unwrap();
        let text = text(&answer, EIGHTY, &TimeZone::UTC);
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
        assert_eq!(text.lines().filter(|line| line.starts_with("Next:")).count(), 1, "{text}");
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in [
            "99 % connect (shop)",
            "calls 120 → 110, failed 6 → 5, median 2.00 ms → 91.0 ms, p95 4.00 ms → 182 ms",
            "at shop/pool.py:9 in get",
            "0 → 37 KeyError: a",
            "120 calls, 2 failed",
            "2 suspects, 1 operation gone, 3 traces since, 1 unfinished execution",
        ] {
            assert!(words.contains(part), "{part:?} is not in {text}");
        }
    }
}
