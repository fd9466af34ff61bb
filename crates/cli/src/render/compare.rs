//! `compare`: the verdict first, then what it rests on.

use kino_wire::compare::{CallsChanged, Compare, CountVerdict, NoiseSource, OperationComparison, Verdict};

use super::table::Table;
use super::{Style, Tone, clean, counted, duration, percent, suite, wrap};

/// How many operations and counts are shown; the rest is counted.
const ROWS_MAX: usize = 25;
/// How many calls whose number changed by an order of magnitude are shown.
const CALLS_CHANGED_MAX: usize = 3;
/// How many suspects are shown.
const SUSPECTS_MAX: usize = 5;

/// The comparison.
pub(crate) fn text(answer: &Compare, style: Style) -> String {
    let mut text = format!("{}: {}\n", style.paint(tone(answer.verdict), word(answer.verdict)), basis(answer));
    text.push_str(&calls_changed(&answer.calls_changed, style));
    for root in answer.operations.iter().filter(|operation| operation.root).take(ROWS_MAX) {
        text.push_str(&wrap(&sentence(root), style, "  "));
    }
    text.push_str(&runs(answer, style));
    text.push_str(&answer.tests.as_ref().map(|tests| suite::compared(tests, style)).unwrap_or_default());
    text.push_str(&operations(&answer.operations, style));
    text.push_str(&counts(answer, style));
    if !answer.suspects.is_empty() {
        text.push_str(&suspects_heading(answer.suspects.iter().all(|suspect| suspect.shown), style));
        for suspect in answer.suspects.iter().take(SUSPECTS_MAX) {
            let name = format!("{} ({})", clean(&suspect.name), clean(&suspect.service));
            text.push_str(&format!("  {:>5}  {name}\n", percent(suspect.score)));
            text.push_str(&wrap(&clean(&suspect.reason), style, "         "));
        }
    }
    let hidden = answer.left_out
        + over(answer.operations.len(), ROWS_MAX)
        + over(answer.suspects.len(), SUSPECTS_MAX)
        + over(changed(answer).count(), ROWS_MAX);
    let sides = answer.traces_left_out;
    if sides.before + sides.after > 0 {
        text.push_str(&format!(
            "\nOnly the newest traces count: {} before and {} after are older\n",
            counted(sides.before, "trace"),
            counted(sides.after, "trace")
        ));
    }
    if answer.open_executions > 0 {
        text.push_str(&format!("\n{} not counted\n", counted(answer.open_executions, "unfinished execution")));
    }
    if hidden > 0 {
        text.push_str(&format!("\n{} not shown; --json has more\n", counted(hidden, "row")));
    }
    text
}

/// What is above suspects, which are `shown` by a test of their own or not.
pub(crate) fn suspects_heading(shown: bool, style: Style) -> String {
    let heading = style.heading("Suspects");
    if shown {
        return format!("\n{heading} (most likely cause first)\n");
    }
    let why =
        "executions changed as a whole, and no operation is shown to by itself; chance explains the first one least";
    format!("\n{heading} (not shown, most likely first)\n{}", style.paint(Tone::Faint, &wrap(why, style, "  ")))
}

/// Calls whose number changed by an order of magnitude.
pub(crate) fn calls_changed(changed: &[CallsChanged], style: Style) -> String {
    let line = |changed: &CallsChanged| wrap(&clean(&changed.text), style, "  ");
    let mut text: String = changed.iter().take(CALLS_CHANGED_MAX).map(line).collect();
    let more = over(changed.len(), CALLS_CHANGED_MAX);
    if more > 0 {
        text.push_str(&format!("  and {}; --json has them\n", counted(more, "further call")));
    }
    text
}

fn over(length: usize, shown: usize) -> u64 {
    length.saturating_sub(shown) as u64
}

/// What the answer rests on.
fn basis(answer: &Compare) -> String {
    let side = |executions: u64, runs: u64, occasions: u64| {
        let runs = match (runs, occasions) {
            (0, _) => String::new(),
            (runs, 0 | 1) => format!(" in {}", counted(runs, "run")),
            (runs, occasions) => format!(" in {} on {occasions} occasions", counted(runs, "run")),
        };
        format!("{}{runs}", counted(executions, "execution"))
    };
    let (executions, runs, occasions) = (answer.executions, answer.runs, answer.occasions);
    format!(
        "{} before, {} after",
        side(executions.before, runs.before, occasions.before),
        side(executions.after, runs.after, occasions.after)
    )
}

/// What whole runs say, and what the machine did meanwhile.
fn runs(answer: &Compare, style: Style) -> String {
    let mut lines = Vec::new();
    for total in answer.totals.iter().filter(|total| matches!(total.verdict, Verdict::Faster | Verdict::Slower)) {
        let what = match total.what.as_str() {
            "roots" => "all root operations of a run",
            "wall" => "a whole run",
            _ => "processor time of a run",
        };
        let medians = [total.before_nanos, total.after_nanos].map(|nanos| duration(Some(nanos)));
        let word = word(total.verdict);
        lines.push(format!("{what}: {word}, median {} → {}, ×{:.2}", medians[0], medians[1], total.effect));
    }
    for changed in &answer.executions_changed {
        let counts = format!("{} → {}", number(changed.before), number(changed.after));
        lines.push(format!("{} ({}): {counts} executions a run", clean(&changed.name), clean(&changed.service)));
    }
    if let Some(drift) = answer.drift {
        lines.push(format!("the machine's own trend from the first run to the last: ×{drift:.2}, on both sides"));
    }
    if let Some(others) = answer.others_cpu {
        let [before, after] = [others.before, others.after].map(percent);
        lines.push(format!(
            "other programs used {before} of the cores during the runs before and {after} during those after, which \
             changes times by itself: compare runs made while the machine does the same"
        ));
    }
    lines.iter().map(|line| wrap(line, style, "  ")).collect()
}

/// The operation's name, the kind of its executions, and its service.
pub(crate) fn named(operation: &OperationComparison) -> String {
    let kind = operation.kind.as_ref().map(|kind| format!(" [{}]", clean(kind))).unwrap_or_default();
    format!("{}{kind} ({})", clean(&operation.name), clean(&operation.service))
}

/// One operation's verdict in words: what was seen, and how sure that is.
pub(crate) fn sentence(operation: &OperationComparison) -> String {
    let name = named(operation);
    let medians =
        format!("median {} → {}", duration(operation.before.median_nanos), duration(operation.after.median_nanos));
    let rest = match (operation.verdict, operation.effect, operation.interval) {
        (Verdict::TooFewExecutions, ..) => match operation.executions_missing {
            Some(missing) => format!("{} more a side and there is a verdict", counted(missing, "execution")),
            None => "too few executions for a verdict".to_owned(),
        },
        (Verdict::TooFewRuns | Verdict::TooFewOccasions, effect, _) => {
            let observed = effect.map(|effect| format!("×{effect:.2} observed; ")).unwrap_or_default();
            let missing = match (operation.runs_missing, operation.occasions_missing) {
                (Some(missing), _) => counted(missing, "run"),
                (None, Some(missing)) => counted(missing, "occasion"),
                (None, None) => "some".to_owned(),
            };
            format!("{observed}{missing} more a side and there is a verdict")
        }
        (_, Some(effect), Some([low, high])) => {
            format!("×{effect:.2}, between ×{low:.2} and ×{high:.2}{}", noise(operation))
        }
        _ => word(operation.verdict).to_owned(),
    };
    format!("{name}: {medians}, {rest}")
}

/// How much runs vary, and who says so.
fn noise(operation: &OperationComparison) -> String {
    let Some(noise) = operation.run_noise else { return String::new() };
    let source = match operation.noise_source {
        Some(NoiseSource::History) => " by earlier runs",
        Some(NoiseSource::Default) => " assumed",
        Some(NoiseSource::TheseRuns) | None => "",
    };
    format!("; runs vary by {:.1} %{source}", noise * 100.0)
}

fn operations(operations: &[OperationComparison], style: Style) -> String {
    if operations.is_empty() {
        return String::new();
    }
    let mut table = Table::new(style, &["OPERATION", ">BEFORE", ">AFTER", ">EFFECT", "VERDICT"]);
    for operation in operations.iter().take(ROWS_MAX) {
        let name = named(operation);
        let effect = operation.effect.map_or_else(|| "–".to_owned(), |effect| format!("×{effect:.2}"));
        table.row(&[
            (&name, if operation.root { Tone::Strong } else { Tone::Plain }),
            (&duration(operation.before.median_nanos), Tone::Plain),
            (&duration(operation.after.median_nanos), Tone::Plain),
            (&effect, Tone::Plain),
            (word(operation.verdict), tone(operation.verdict)),
        ]);
    }
    format!("\n{} (medians)\n{}", style.heading("Time"), table.finish())
}

fn changed(answer: &Compare) -> impl Iterator<Item = &kino_wire::compare::CountComparison> {
    answer.counts.iter().filter(|count| count.verdict != CountVerdict::Same)
}

fn counts(answer: &Compare, style: Style) -> String {
    if answer.counts.is_empty() {
        return String::new();
    }
    let same = answer.counts.len() - changed(answer).count();
    let mut text = format!("\n{} (per execution)\n", style.heading("Counts"));
    if changed(answer).next().is_some() {
        let mut table = Table::new(style, &["WHAT", ">BEFORE", ">AFTER", "VERDICT"]);
        for count in changed(answer).take(ROWS_MAX) {
            let (verdict, tone) = match count.verdict {
                CountVerdict::Fewer => ("fewer", Tone::Good),
                CountVerdict::More => ("more", Tone::Warn),
                CountVerdict::Same => ("same", Tone::Faint),
                CountVerdict::Unstable => ("varies", Tone::Faint),
            };
            let row = [side(count.before, count.range_before), side(count.after, count.range_after)];
            let what = clean(&count.what);
            table.row(&[(&what, Tone::Plain), (&row[0], Tone::Plain), (&row[1], Tone::Plain), (verdict, tone)]);
        }
        text.push_str(&table.finish());
    }
    if same > 0 {
        text.push_str(&format!("{} the same on both sides\n", counted(same as u64, "count")));
    }
    text
}

/// A median, and between which numbers the executions are.
fn side(median: f64, range: Option<[u64; 2]>) -> String {
    match range {
        None => number(median),
        Some([fewest, most]) => format!("{} ({fewest}–{most})", number(median)),
    }
}

fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

/// A verdict, as the contract writes it.
pub(crate) fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Faster => "faster",
        Verdict::Slower => "slower",
        Verdict::NoDifferenceShown => "no difference shown",
        Verdict::TooFewExecutions => "too few executions",
        Verdict::TooFewRuns => "too few runs",
        Verdict::TooFewOccasions => "too few occasions",
        Verdict::Mixed => "mixed",
    }
}

fn tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Faster => Tone::Good,
        Verdict::Slower => Tone::Bad,
        Verdict::Mixed => Tone::Warn,
        Verdict::NoDifferenceShown | Verdict::TooFewExecutions | Verdict::TooFewRuns | Verdict::TooFewOccasions => {
            Tone::Faint
        }
    }
}

#[cfg(test)]
mod tests {
    use kino_wire::compare::{CountComparison, OperationSide, Sides, Suspect};

    use super::super::tests::EIGHTY;
    use super::*;

    fn side(executions: u64, median: i64) -> OperationSide {
        OperationSide {
            executions,
            runs: executions,
            median_nanos: Some(median),
            p95_nanos: Some(median),
            calls: executions,
            errors: 0,
        }
    }

    fn count(what: &str, before: f64, after: f64, verdict: CountVerdict) -> CountComparison {
        CountComparison { what: what.to_owned(), before, after, range_before: None, range_after: None, verdict }
    }

    #[test]
    fn the_verdict_comes_first() {
        let answer = Compare {
            schema: Compare::SCHEMA.to_owned(),
            verdict: Verdict::Faster,
            executions: Sides { before: 12, after: 12 },
            runs: Sides { before: 12, after: 12 },
            occasions: Sides { before: 1, after: 2 },
            totals: Vec::new(),
            executions_changed: Vec::new(),
            drift: Some(1.08),
            others_cpu: None,
            open_executions: 1,
            traces_left_out: Sides { before: 0, after: 3 },
            operations: vec![
                OperationComparison {
                    service: "journal".to_owned(),
                    name: "journal.generate".to_owned(),
                    kind: None,
                    root: true,
                    before: side(12, 391_000_000),
                    after: side(12, 181_000_000),
                    effect: Some(0.463),
                    interval: Some([0.45, 0.48]),
                    verdict: Verdict::Faster,
                    smallest_shown: Some(0.04),
                    run_noise: Some(0.021),
                    noise_source: Some(NoiseSource::TheseRuns),
                    runs_missing: None,
                    occasions_missing: None,
                    executions_missing: None,
                },
                OperationComparison {
                    service: "journal".to_owned(),
                    name: "notes.read".to_owned(),
                    kind: None,
                    root: false,
                    before: side(2, 40_000),
                    after: side(2, 41_000),
                    effect: None,
                    interval: None,
                    verdict: Verdict::TooFewExecutions,
                    smallest_shown: None,
                    run_noise: None,
                    noise_source: None,
                    runs_missing: None,
                    occasions_missing: None,
                    executions_missing: Some(4),
                },
            ],
            calls_changed: Vec::new(),
            counts: vec![
                count("calls of a", 3.0, 1.0, CountVerdict::Fewer),
                count("calls of b", 1.0, 1.0, CountVerdict::Same),
                CountComparison { range_after: Some([0, 3]), ..count("errors", 0.0, 0.5, CountVerdict::Unstable) },
            ],
            suspects: vec![Suspect {
                service: "journal".to_owned(),
                name: "dialogue.generate".to_owned(),
                score: 0.9,
                reason: "its critical time fell by 120 ms".to_owned(),
                shown: true,
            }],
            left_out: 2,
            tests: None,
        };
        let text = text(&answer, EIGHTY);
        insta::assert_snapshot!(text);
        assert!(sentence(&answer.operations[1]).ends_with("4 executions more a side and there is a verdict"));
    }
}
