//! `run --against`: the verdict first, then its reasons, then what they rest on.

use kino_wire::finding::Finding;
use kino_wire::verify::{Reason, Verify, VerifyState, VerifyVerdict};

use super::{Style, Tone, clean, counted, finding, wrap};

/// How many reasons are shown.
const REASONS_MAX: usize = 15;
/// How many findings of each sort are shown.
const FINDINGS_MAX: usize = 5;
/// How many suspects are shown.
const SUSPECTS_MAX: usize = 3;

/// The answer.
pub(crate) fn text(verify: &Verify, style: Style) -> String {
    let (before, after) = (&verify.before, &verify.after);
    let sides = format!(
        "{} of {}, {} of {}",
        counted(before.executions, "execution"),
        clean(&before.what),
        after.executions,
        clean(&after.what)
    );
    let heading = match (verify.state, verify.verdict) {
        (VerifyState::Running, _) => style.paint(Tone::Faint, "running"),
        (VerifyState::Done, Some(verdict)) => style.paint(tone(verdict), verdict.name()),
        _ => style.paint(Tone::Bad, "failed"),
    };
    let mut text = format!("{heading}: {sides}\n");
    for reason in verify.reasons.iter().take(REASONS_MAX) {
        text.push_str(&one(reason, style));
    }
    if let Some(comparison) = verify.comparison.as_ref().filter(|_| verify.verdict == Some(VerifyVerdict::Fail))
        && !comparison.suspects.is_empty()
    {
        let shown = comparison.suspects.iter().all(|suspect| suspect.shown);
        text.push_str(&super::compare::suspects_heading(shown, style));
        for suspect in comparison.suspects.iter().take(SUSPECTS_MAX) {
            let line = format!("{} ({}): {}", clean(&suspect.name), clean(&suspect.service), clean(&suspect.reason));
            text.push_str(&wrap(&line, style, "  "));
        }
    }
    text.push_str(&findings("Findings fixed", &verify.findings_fixed, style));
    text.push_str(&findings("Findings opened", &verify.findings_opened, style));
    let mut notes: Vec<String> = verify.notes.iter().map(|note| clean(note).into_owned()).collect();
    notes.extend(not_counted(verify));
    if !notes.is_empty() {
        text.push('\n');
    }
    for line in notes {
        text.push_str(&style.paint(Tone::Faint, wrap(&line, style, "").trim_end()));
        text.push('\n');
    }
    text
}

fn one(reason: &Reason, style: Style) -> String {
    let (mark, tone) = match reason.decides {
        Some(VerifyVerdict::Fail) => ("✗", Tone::Bad),
        Some(VerifyVerdict::Undecided) => ("?", Tone::Warn),
        Some(VerifyVerdict::Pass) => ("✓", Tone::Good),
        None => ("·", Tone::Faint),
    };
    let lines = wrap(&clean(&reason.text), style, "    ");
    format!("  {} {}", style.paint(tone, mark), lines.trim_start())
}

fn findings(title: &str, findings: &[Finding], style: Style) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let shown = finding::list(&findings[..findings.len().min(FINDINGS_MAX)], style);
    format!("\n{}\n{shown}", style.heading(title))
}

/// What does not count, and what is not shown.
fn not_counted(verify: &Verify) -> Vec<String> {
    let left_out = &verify.left_out;
    let hidden = left_out.reasons
        + left_out.new_errors
        + left_out.findings
        + verify.reasons.len().saturating_sub(REASONS_MAX) as u64
        + verify.findings_fixed.len().saturating_sub(FINDINGS_MAX) as u64
        + verify.findings_opened.len().saturating_sub(FINDINGS_MAX) as u64;
    let counts = [
        (left_out.warm_up_runs.len() as u64, "warm-up", "not counted"),
        (left_out.executions_missing, "planned execution", "did not come about"),
        (left_out.traces.before + left_out.traces.after, "older trace", "not looked at"),
        (left_out.findings_undecided, "finding", "of one side: the other has too few executions to judge"),
        (hidden, "row", "not shown; --json has more"),
    ];
    let lines = counts.into_iter().filter(|(count, ..)| *count > 0);
    lines.map(|(count, thing, what)| format!("{} {what}", counted(count, thing))).collect()
}

fn tone(verdict: VerifyVerdict) -> Tone {
    match verdict {
        VerifyVerdict::Pass => Tone::Good,
        VerifyVerdict::Fail => Tone::Bad,
        VerifyVerdict::Undecided => Tone::Warn,
    }
}
