//! The reasons of a verification, each from one kind of evidence, with the sentence that reports it.

mod time;

use super::{NewErrors, Reason, Side, StructureChange, Verdict};
use crate::compare::{Comparison, Count, CountComparison, CountVerdict};
use crate::execution::Execution;
use crate::finding::{Finding, MAX_EXAMPLES, Number, Unit};

/// The chance of calling a command flakier when it is not.
const FAILURE_LEVEL: f64 = 0.01;

pub(super) use time::{of_drift, of_executions, of_others, of_time, of_totals};

type Named<'a> = (&'a str, &'a str);

fn reason(code: &'static str, decides: impl Into<Option<Verdict>>, numbers: Vec<Number>, text: String) -> Reason {
    Reason { code, decides: decides.into(), operation: None, numbers, text }
}

fn about((service, name): Named<'_>, reason: Reason) -> Reason {
    Reason { operation: Some((service.to_owned(), name.to_owned())), ..reason }
}

fn counts(before: u64, after: u64) -> Vec<Number> {
    vec![
        Number::new("executions_before", before as f64, Unit::Count),
        Number::new("executions_after", after as f64, Unit::Count),
    ]
}

/// One side has nothing.
pub(super) fn nothing_to_compare(before: &[Execution<'_, '_>], after: &[Execution<'_, '_>]) -> Reason {
    let numbers = counts(before.len() as u64, after.len() as u64);
    let text = format!("nothing to compare: {} executions before, {} after.", before.len(), after.len());
    reason("no_executions", Verdict::Undecided, numbers, text)
}

/// How often the command itself failed.
pub(super) fn of_runs(before: Side<'_, '_, '_>, after: Side<'_, '_, '_>) -> Option<Reason> {
    let numbers = vec![
        Number::new("failed_before", before.failed_runs as f64, Unit::Count),
        Number::new("runs_before", before.runs as f64, Unit::Count),
        Number::new("failed_after", after.failed_runs as f64, Unit::Count),
        Number::new("runs_after", after.runs as f64, Unit::Count),
    ];
    let was = match before.runs {
        0 => "before is not known".to_owned(),
        runs => format!("{} of {runs} before", before.failed_runs),
    };
    let share = |side: Side<'_, '_, '_>| side.failed_runs as f64 / side.runs.max(1) as f64;
    let say = |code, decides: Option<Verdict>, rest: &str| {
        let text = format!("the command failed in {} of {} runs, {was}{rest}.", after.failed_runs, after.runs);
        Some(reason(code, decides, numbers.clone(), text))
    };
    if after.failed_runs == 0 {
        let mended = before.failed_runs > 0 && after.runs > 0;
        return if mended { say("command_mended", Some(Verdict::Pass), "") } else { None };
    }
    let more_often = before.runs > 0 && share(after) > share(before);
    let never_before = before.failed_runs == 0 && after.failed_runs == after.runs;
    if more_often && (never_before || chance_of_failures(before, after) <= FAILURE_LEVEL) {
        return say("command_failed", Some(Verdict::Fail), "");
    }
    if after.failed_runs == after.runs {
        return say("command_failed", Some(Verdict::Undecided), ": what it measures cannot be trusted");
    }
    let rest = ": more runs would show whether that is chance";
    say("command_failed", more_often.then_some(Verdict::Undecided), if more_often { rest } else { "" })
}

/// Fisher's exact test, one-sided: the chance of at least as many failures after, were both sides alike.
fn chance_of_failures(before: Side<'_, '_, '_>, after: Side<'_, '_, '_>) -> f64 {
    let choose =
        |n: u64, k: u64| -> f64 { if k > n { 0.0 } else { (1..=k).map(|i| (n - k + i) as f64 / i as f64).product() } };
    let failures = before.failed_runs + after.failed_runs;
    let all = choose(before.runs + after.runs, failures);
    let at_least = after.failed_runs..=failures.min(after.runs);
    at_least.map(|failed| choose(after.runs, failed) * choose(before.runs, failures - failed) / all).sum()
}

/// What an execution did altogether.
pub(super) fn of_counts(comparison: &Comparison) -> Vec<Reason> {
    let totals = || comparison.counts.iter().filter(|count| count.operation.is_none());
    let mut reasons: Vec<Reason> = totals().filter_map(|total| of_count(total, &comparison.counts)).collect();
    let unsteady: Vec<&CountComparison> = totals().filter(|total| is_unsteady(total)).collect();
    reasons.extend((!unsteady.is_empty()).then(|| of_unsteady(&unsteady)));
    reasons
}

/// Whether a count varies from one execution to the next, and otherwise before than after: an error now and then on both
/// sides says nothing about a change.
fn is_unsteady(total: &CountComparison) -> bool {
    let differs = total.before.total_cmp(&total.after).is_ne() || total.range_before != total.range_after;
    total.verdict == CountVerdict::Unstable && differs
}

/// All counts that vary, in one sentence: they decide nothing.
fn of_unsteady(totals: &[&CountComparison]) -> Reason {
    let side = |median: f64, (fewest, most): (u64, u64)| {
        let range = format!("{fewest} to {most}, half of them up to {}", short(median));
        if fewest == most { fewest.to_string() } else { range }
    };
    let one = |total: &&CountComparison| {
        let (before, after) = (side(total.before, total.range_before), side(total.after, total.range_after));
        format!("{} in {} ({before} before; {after} after)", counted(total.count), total.root.1)
    };
    let shown: Vec<String> = totals.iter().map(one).collect();
    let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
    let text = format!("decides nothing, because it varies from one execution to the next: {}.", named(&shown, "", ""));
    reason("unsteady_count", None, vec![Number::new("counts", totals.len() as f64, Unit::Count)], text)
}

fn counted(count: Count) -> &'static str {
    match count {
        Count::Calls => "calls",
        Count::Errors => "errors",
        Count::Statements => "statements",
        Count::InputTokens => "input tokens",
        Count::OutputTokens => "output tokens",
    }
}

fn of_count(total: &CountComparison, all: &[CountComparison]) -> Option<Reason> {
    let what = counted(total.count);
    let (more, fewer) = match total.count {
        Count::Calls => ("more_calls", "fewer_calls"),
        Count::Errors => ("more_errors", "fewer_errors"),
        Count::Statements => ("more_statements", "fewer_statements"),
        Count::InputTokens => ("more_input_tokens", "fewer_input_tokens"),
        Count::OutputTokens => ("more_output_tokens", "fewer_output_tokens"),
    };
    let grown: Vec<&str> = all
        .iter()
        .filter(|count| count.count == total.count && count.root == total.root)
        .filter(|count| count.verdict == CountVerdict::More && (total.count != Count::Calls || count.before >= 0.5))
        .filter_map(|count| count.operation.as_ref().map(|(_, name)| name.as_str()))
        .collect();
    let (code, decides) = match total.verdict {
        CountVerdict::More if total.count == Count::Calls && grown.is_empty() => return None,
        CountVerdict::More => (more, Some(Verdict::Fail)),
        CountVerdict::Fewer => (fewer, Some(Verdict::Pass)),
        CountVerdict::Unstable | CountVerdict::Same => return None,
    };
    let of = if total.verdict == CountVerdict::More { named(&grown, " (", ")") } else { String::new() };
    let text = format!(
        "{what} in {}: {} before, {} after in each execution{of}.",
        total.root.1,
        short(total.before),
        short(total.after)
    );
    let numbers =
        vec![Number::new("before", total.before, Unit::Count), Number::new("after", total.after, Unit::Count)];
    Some(about((&total.root.0, &total.root.1), reason(code, decides, numbers, text)))
}

fn short(number: f64) -> String {
    if number.fract() == 0.0 { format!("{number:.0}") } else { format!("{number:.1}") }
}

/// Up to three names, and how many more there are; nothing at all without any.
fn named(names: &[&str], begin: &str, end: &str) -> String {
    if names.is_empty() {
        return String::new();
    }
    let shown = names[..names.len().min(MAX_EXAMPLES)].join(", ");
    let more = names.len().saturating_sub(MAX_EXAMPLES);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{begin}{shown}{rest}{end}")
}

/// Calls that appeared or vanished.
pub(super) fn of_structure(comparison: &Comparison, structure: &[StructureChange]) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for change in structure {
        let (service, name) = (&change.operation.0, &change.operation.1);
        let total = comparison
            .counts
            .iter()
            .find(|count| count.operation.is_none() && count.count == Count::Calls && count.root == change.operation);
        // The execution itself is one of its calls.
        let lost = total.filter(|total| total.after < 1.5 && total.before > 1.5 && change.appeared.is_empty());
        let vanished: Vec<&str> = change.vanished.iter().map(String::as_str).collect();
        let appeared: Vec<&str> = change.appeared.iter().map(String::as_str).collect();
        let numbers = vec![
            Number::new("appeared", appeared.len() as f64, Unit::Count),
            Number::new("vanished", vanished.len() as f64, Unit::Count),
        ];
        let reason = if let Some(total) = lost {
            let text = format!(
                "{name} calls nothing any more, {} calls before{}: no figure shows whether that work is cached or lost.",
                short(total.before - 1.0),
                named(&vanished, " (", ")")
            );
            reason("lost_all_calls", Verdict::Undecided, numbers, text)
        } else {
            let text = format!(
                "{name} calls other operations than before.{}{}",
                named(&appeared, " Appeared: ", "."),
                named(&vanished, " Vanished: ", ".")
            );
            reason("structure_changed", None, numbers, text)
        };
        reasons.push(about((service, name), reason));
    }
    reasons
}

/// Exceptions that were not there before.
pub(super) fn of_errors(errors: &NewErrors, executions: usize) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for (index, (group, &seen)) in errors.groups.iter().zip(&errors.executions).enumerate() {
        let is_new_type = index < errors.of_new_types;
        let numbers = vec![
            Number::new("count", group.count as f64, Unit::Count),
            Number::new("executions_with_it", seen as f64, Unit::Count),
            Number::new("executions_after", executions as f64, Unit::Count),
        ];
        let kind = if group.exception_type.is_empty() { "an error without a type" } else { &group.exception_type };
        let what = if is_new_type { "is new" } else { "comes from another place" };
        let text = format!("{kind} {what}: in {seen} of {executions} executions after, never before.");
        let code = if is_new_type { "new_error" } else { "new_error_place" };
        reasons.push(reason(code, is_new_type.then_some(Verdict::Fail), numbers, text));
    }
    reasons
}

/// Findings that are gone or new.
pub(super) fn of_findings(fixed: &[Finding], opened: &[Finding]) -> Vec<Reason> {
    let list = |findings: &[Finding]| {
        let names: Vec<String> =
            findings.iter().map(|finding| format!("{} in {}", finding.code, finding.subject.name)).collect();
        named(&names.iter().map(String::as_str).collect::<Vec<_>>(), "", "")
    };
    let mut reasons = Vec::new();
    let number = |findings: &[Finding]| vec![Number::new("findings", findings.len() as f64, Unit::Count)];
    if !fixed.is_empty() {
        let text = format!("fixed: {}.", list(fixed));
        reasons.push(reason("findings_fixed", Verdict::Pass, number(fixed), text));
    }
    if !opened.is_empty() {
        reasons.push(reason("findings_opened", None, number(opened), format!("opened: {}.", list(opened))));
    }
    reasons
}
