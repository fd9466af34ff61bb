//! Tests: a section for each reason why one is worth a look, each test with the command that explains it.

use kino_wire::compare::Sides;
use kino_wire::finding::Location;
use kino_wire::suite::{Outcome, TestChange, TestItem, TestList, TestSide, Tests, TestsCompared};

use super::{Style, Tone, bytes, clean, code_state, count, counted, duration, finding, wrap};

/// Tests of each kind that a comparison shows; the rest is counted.
const CHANGES_MAX: usize = 10;

/// The answer.
pub(crate) fn text(answer: &Tests, style: Style) -> String {
    if answer.tests == 0 {
        return "No test is recorded here. `kino run -- pytest` (or another runner, docs/any-program.md) records tests; \
                --all looks beyond this project.\n"
            .to_owned();
    }
    let mut text = format!("{}: {}\n", style.heading(&counted(answer.tests, "test")), basis(answer));
    for note in &answer.notes {
        text.push_str(&style.paint(Tone::Faint, &wrap(note, style, "  ")));
    }
    for list in TestList::ALL {
        text.push_str(&section(list, answer, style));
    }
    if answer.traces_left_out > 0 {
        text.push_str(&format!("\n{} with tests not looked at\n", counted(answer.traces_left_out, "older trace")));
    }
    if answer.executions_left_out > 0 {
        let executions = counted(answer.executions_left_out, "older execution");
        text.push_str(&format!("\n{executions} of tests that were executed very often do not count\n"));
    }
    text
}

/// How often tests were executed, and how that ended.
fn basis(answer: &Tests) -> String {
    let runs = if answer.runs > 0 { format!(" in {}", counted(answer.runs, "run")) } else { String::new() };
    let outcomes = answer.outcomes.iter().map(|(outcome, number)| format!("{} {}", count(*number), word(*outcome)));
    format!("{}{runs}: {}", counted(answer.executions, "execution"), outcomes.collect::<Vec<_>>().join(", "))
}

fn heading(list: TestList) -> (&'static str, &'static str) {
    match list {
        TestList::Failing => ("Failing", ""),
        TestList::Flaky => ("Flaky", " (both outcomes at one state of the code, or in one run)"),
        TestList::Slower => ("Slower than before", " (seen, no verdict)"),
        TestList::Slowest => ("Slowest", " (medians of what passed)"),
        TestList::Statements => ("Most database calls", " (in one execution)"),
    }
}

fn section(list: TestList, answer: &Tests, style: Style) -> String {
    let mut items: Vec<&TestItem> = answer.items.iter().filter(|item| item.lists.contains(&list)).collect();
    // A test that is on several lists has its place in the answer by the first of them.
    items.sort_by_key(|item| match list {
        TestList::Failing | TestList::Flaky => 0,
        TestList::Slower => item.before_nanos.unwrap_or(0) - item.median_nanos.unwrap_or(0),
        TestList::Slowest => -item.median_nanos.unwrap_or(0),
        TestList::Statements => -i64::try_from(item.statements).unwrap_or(i64::MAX),
    });
    if items.is_empty() {
        return String::new();
    }
    let (heading, more) = heading(list);
    let mut text = format!("\n{}{more}\n", style.heading(heading));
    for item in &items {
        text.push_str(&row(list, item, style));
    }
    let all = answer.on_list.get(list.name()).copied().unwrap_or(0);
    let hidden = all.saturating_sub(items.len() as u64);
    if hidden > 0 {
        text.push_str(&format!("  and {} (--top N shows more)\n", counted(hidden, "other")));
    }
    text
}

fn row(list: TestList, item: &TestItem, style: Style) -> String {
    let figure = match list {
        TestList::Failing => word(item.outcome).to_owned(),
        TestList::Flaky => format!("{} of {}", count(item.failed), count(item.executions)),
        TestList::Slower => format!("{} → {}", duration(item.before_nanos), duration(item.median_nanos)),
        TestList::Slowest => duration(item.median_nanos),
        TestList::Statements => count(item.statements),
    };
    let tone = if matches!(list, TestList::Failing | TestList::Flaky) { Tone::Bad } else { Tone::Strong };
    let figure = style.paint(tone, &format!("{figure:>FIGURE_COLUMNS$}"));
    let named = wrap(&name(&item.suite, &item.name), style, MARGIN);
    let mut text = format!("  {figure}  {}", named.trim_start());
    let mut facts = Vec::new();
    if list == TestList::Flaky {
        facts.extend(item.flaky_at.as_deref().map(|at| format!("at {}", clean(&code_state(at)))));
    }
    if list == TestList::Slowest {
        facts.extend(
            item.max_nanos.filter(|_| item.executions > 1).map(|max| format!("at most {}", duration(Some(max)))),
        );
        facts.extend((item.statements > 0).then(|| counted(item.statements, "database call")));
        let peak = item.peak_memory_bytes.and_then(|peak| u64::try_from(peak).ok());
        facts.extend(peak.map(|peak| format!("{} of memory at most", bytes(peak))));
    }
    if !facts.is_empty() {
        text.push_str(&wrap(&facts.join(", "), style, MARGIN));
    }
    if matches!(list, TestList::Failing | TestList::Flaky) {
        text.push_str(&reason(item.message.as_deref(), item.location.as_ref(), style));
    }
    text + &next(&item.next, style)
}

/// The columns of the figure for which a test is on a list.
const FIGURE_COLUMNS: usize = 9;
/// The margin before what belongs to a test: the figure, and two spaces on each side of it.
const MARGIN: &str = "             ";

fn reason(message: Option<&str>, location: Option<&Location>, style: Style) -> String {
    let mut text = message.map(|message| wrap(&first_line(message), style, MARGIN)).unwrap_or_default();
    if let Some(location) = location.filter(|location| !location.path.is_empty()) {
        text.push_str(&format!("{MARGIN}at {}\n", finding::place(location)));
    }
    text
}

fn first_line(message: &str) -> String {
    clean(message.lines().find(|line| !line.trim().is_empty()).unwrap_or_default()).into_owned()
}

fn next(command: &str, style: Style) -> String {
    style.paint(Tone::Faint, &format!("{MARGIN}{}\n", clean(command)))
}

fn name(suite: &str, name: &str) -> String {
    let suite = if suite.is_empty() { String::new() } else { format!("{} › ", clean(suite)) };
    format!("{suite}{}", clean(name))
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::Error => "error",
        Outcome::Skipped => "skipped",
        Outcome::ExpectedFailure => "expected to fail",
        Outcome::UnexpectedSuccess => "passed unexpectedly",
        Outcome::TimedOut => "timed out",
    }
}

/// What two sets of tests differ in, for `compare`.
pub(crate) fn compared(answer: &TestsCompared, style: Style) -> String {
    let Sides { before, after } = answer.tests;
    let mut text = format!("\n{}: {} before, {} after", style.heading("Tests"), count(before), count(after));
    let mut facts = Vec::new();
    for (number, what) in
        [(answer.appeared, "new"), (answer.vanished, "gone"), (answer.still_failing, "failing on both sides")]
    {
        if number > 0 {
            facts.push(format!("{} {what}", count(number)));
        }
    }
    if !facts.is_empty() {
        text.push_str(&format!(" ({})", facts.join(", ")));
    }
    text.push('\n');
    let kinds = [
        ("New failures", &answer.new_failures, Tone::Bad),
        ("Flaky", &answer.flaky, Tone::Bad),
        ("Repaired", &answer.repaired, Tone::Good),
        ("Slower (seen, no verdict)", &answer.slower, Tone::Warn),
    ];
    if kinds.iter().all(|(_, changes, _)| changes.is_empty()) {
        text.push_str("  no test failed newly, was repaired, is flaky or became slower\n");
    }
    for (heading, changes, tone) in kinds.into_iter().filter(|(_, changes, _)| !changes.is_empty()) {
        text.push_str(&format!("  {}\n", style.paint(tone, heading)));
        for change in changes.iter().take(CHANGES_MAX) {
            text.push_str(&changed(change, heading.starts_with("Slower"), style));
        }
        let hidden = changes.len().saturating_sub(CHANGES_MAX) as u64;
        if hidden > 0 {
            text.push_str(&format!("    and {}; --json has them\n", counted(hidden, "other")));
        }
    }
    if answer.left_out > 0 {
        text.push_str(&format!("  {} beyond what one answer holds\n", counted(answer.left_out, "further change")));
    }
    text
}

fn changed(change: &TestChange, is_time: bool, style: Style) -> String {
    let side = |side: &Option<TestSide>| match side {
        None => "–".to_owned(),
        Some(side) if is_time => duration(side.median_nanos),
        Some(side) if side.failed > 0 && side.failed < side.executions => {
            format!("{} of {} failed", count(side.failed), count(side.executions))
        }
        Some(side) => word(side.outcome).to_owned(),
    };
    let factor = change.factor.filter(|_| is_time).map(|factor| format!(", ×{factor:.1}")).unwrap_or_default();
    let sides = format!("{} → {}{factor}", side(&change.before), side(&change.after));
    let mut text = wrap(&format!("{}: {sides}", name(&change.suite, &change.name)), style, "    ");
    if !is_time {
        text.push_str(&reason(change.message.as_deref(), change.location.as_ref(), style));
    }
    text + &next(&change.next, style)
}

#[cfg(test)]
mod tests {
    use kino_model::{SpanId, TraceId};
    use kino_wire::finding::{Evidence, KnownBy};

    use super::super::tests::EIGHTY;
    use super::*;

    fn evidence() -> Evidence {
        Evidence { trace_id: TraceId([0xab; 16]), span_id: Some(SpanId([0xcd; 8])) }
    }

    fn item(lists: &[TestList], name: &str, outcome: Outcome) -> TestItem {
        TestItem {
            lists: lists.to_vec(),
            service: "shop".to_owned(),
            framework: Some("pytest".to_owned()),
            suite: "tests/test_cart.py".to_owned(),
            name: name.to_owned(),
            outcome,
            executions: 4,
            failed: 2,
            median_nanos: Some(1_204_000_000),
            max_nanos: Some(2_000_000_000),
            before_nanos: Some(300_000_000),
            statements: 214,
            peak_memory_bytes: Some(30 << 20),
            message: Some("AssertionError: 3 != 4\u{1b}[2J\nassert x".to_owned()),
            flaky_at: Some("c0ffee12c0ffee12c0ffee12c0ffee12c0ffee12".to_owned()),
            location: Some(Location {
                path: "tests/test_cart.py".to_owned(),
                line: Some(12),
                function: None,
                known_by: KnownBy::Attribute,
            }),
            evidence: evidence(),
            passed: Some(evidence()),
            next: format!("kino explain {}/{}", TraceId([0xab; 16]), SpanId([0xcd; 8])),
        }
    }

    #[test]
    fn each_reason_has_its_section_within_the_width() {
        let items = vec![
            item(&[TestList::Failing, TestList::Flaky], "test_total[\u{202e}eur]", Outcome::Failed),
            item(&[TestList::Slower, TestList::Slowest, TestList::Statements], "test_all", Outcome::Passed),
        ];
        let answer = Tests {
            tests: 2,
            executions: 8,
            runs: 4,
            outcomes: [(Outcome::Passed, 6), (Outcome::Failed, 2)].into(),
            on_list: TestList::ALL.iter().map(|list| (list.name().to_owned(), 3)).collect(),
            items,
            traces_left_out: 1,
            notes: vec!["3 executions have no duration of their own".to_owned()],
            ..Tests::default()
        };
        let text = text(&answer, EIGHTY);
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_comparison_names_what_changed_and_what_did_not() {
        let side = |outcome, failed| {
            Some(TestSide { outcome, executions: 2, failed, median_nanos: Some(5_000_000), evidence: evidence() })
        };
        let change = |before, after| TestChange {
            service: "shop".to_owned(),
            suite: "tests/test_cart.py".to_owned(),
            name: "test_total".to_owned(),
            before,
            after,
            factor: Some(2.5),
            message: Some("KeyError: 'price'".to_owned()),
            location: None,
            next: "kino explain ab/cd".to_owned(),
        };
        let answer = TestsCompared {
            tests: Sides { before: 10, after: 11 },
            new_failures: vec![change(side(Outcome::Passed, 0), side(Outcome::Failed, 2))],
            repaired: vec![change(side(Outcome::Failed, 2), side(Outcome::Passed, 0))],
            flaky: vec![change(side(Outcome::Passed, 0), side(Outcome::Failed, 1)); 12],
            slower: vec![change(side(Outcome::Passed, 0), side(Outcome::Passed, 0))],
            appeared: 1,
            left_out: 3,
            ..TestsCompared::default()
        };
        insta::assert_snapshot!(compared(&answer, EIGHTY));
        let same = TestsCompared { tests: Sides { before: 1, after: 1 }, ..TestsCompared::default() };
        assert!(compared(&same, EIGHTY).ends_with("no test failed newly, was repaired, is flaky or became slower\n"));
    }
}
