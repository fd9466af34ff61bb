//! A baseline: what executions measured once, small enough to be committed, and whether later ones keep to it.
//!
//! Times are compared as two sets of traces are, by the runs that the baseline holds; counts only where the executions
//! of each side agree among themselves; errors by type; findings by fingerprint, where the baseline rests on as many
//! executions as the finding.

use std::collections::{BTreeMap, BTreeSet};

use kino_model::{DurationNanos, Fingerprint};

use crate::compare::timing::Missing;
use crate::compare::{LEVEL, Samples, TimeVerdict, Verdict, judge_samples, located};
use crate::detect::{self, DetectorConfig};
use crate::execution::{Execution, own_work};
use crate::expect::{ExpectationOutcome, ExpectationResult, error_groups, no_new_errors};
use crate::finding::{Finding, MAX_EXAMPLES};
use crate::noise::{Located, Timed};
use crate::statistics::quantile;
use crate::verify::{TOLERATED, is_compared};

/// Durations of an operation that a baseline holds; of more, evenly spaced quantiles. As many runs, the newest.
pub const DURATIONS_MAX: usize = 100;

/// What executions measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Baseline {
    /// How many they were.
    pub executions: u64,
    /// By service and name.
    pub operations: BTreeMap<(String, String), BaselineOperation>,
    /// Known errors: type and fingerprint.
    pub errors: BTreeSet<(String, Fingerprint)>,
    /// Known findings: code, subject and fingerprint.
    pub findings: BTreeSet<(String, String, Fingerprint)>,
}

/// A root operation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BaselineOperation {
    /// How often it was executed.
    pub executions: u64,
    /// Ascending.
    pub durations_nanos: Vec<i64>,
    /// One location for each run; none where executions have no run.
    pub runs: Vec<Located>,
    /// Per execution, by name; only those on which all executions agree.
    pub counts: BTreeMap<&'static str, u64>,
}

/// One line of a check against a baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct BaselineLine {
    /// What is expected. Holds recorded names.
    pub text: String,
    /// Whether it holds.
    pub result: ExpectationResult,
}

/// The names of the counts that a baseline may hold.
pub const COUNTS: [&str; 4] = ["errors", "statements", "input_tokens", "output_tokens"];

/// What these executions measured.
pub fn measure(executions: &[Execution<'_, '_>], config: &DetectorConfig) -> Baseline {
    let ended = ended(executions);
    let findings = findings(&ended, config).into_iter();
    Baseline {
        executions: ended.len() as u64,
        operations: operations(&ended),
        errors: error_groups(&ended).into_iter().map(|group| (group.exception_type, group.fingerprint)).collect(),
        findings: findings.map(|it| (it.code.name().to_owned(), it.subject.name, it.fingerprint)).collect(),
    }
}

/// Whether these executions keep to the baseline: a line for the time and one for the counts of each of its
/// operations, one for errors, one for findings.
pub fn check(baseline: &Baseline, executions: &[Execution<'_, '_>], config: &DetectorConfig) -> Vec<BaselineLine> {
    let ended = ended(executions);
    let now = operations(&ended);
    let mut lines = Vec::new();
    let empty = BaselineOperation::default();
    let pairs: Vec<Samples> =
        baseline.operations.iter().map(|(key, before)| samples(before, now.get(key).unwrap_or(&empty))).collect();
    for ((key, before), judged) in baseline.operations.iter().zip(judge_samples(&pairs, LEVEL)) {
        let after = now.get(key).unwrap_or(&empty);
        let named = if key.0.is_empty() { key.1.clone() } else { format!("{} ({})", key.1, key.0) };
        let result = times(before, after, &judged);
        lines.push(BaselineLine { text: format!("{named} is not slower than the baseline"), result });
        if after.executions > 0 && !before.counts.is_empty() {
            lines.push(BaselineLine {
                text: format!("{named} does no more than in the baseline"),
                result: counts(before, after),
            });
        }
    }
    let known: BTreeSet<String> = baseline.errors.iter().map(|(kind, _)| kind.clone()).collect();
    let result = no_new_errors(&ended, Some(&known));
    lines.push(BaselineLine { text: "no error types beyond the baseline's".to_owned(), result });
    lines.push(BaselineLine {
        text: "no findings beyond the baseline's".to_owned(),
        result: new_findings(baseline, &ended, config),
    });
    lines
}

/// Both sides by run, or, where neither has runs, by execution.
fn samples(before: &BaselineOperation, after: &BaselineOperation) -> Samples {
    if before.runs.is_empty() && after.runs.is_empty() {
        let each = |operation: &BaselineOperation| -> Vec<Located> {
            let location = |nanos: &i64| Located::once(0, (*nanos as f64).max(1.0).ln());
            operation.durations_nanos.iter().map(location).collect()
        };
        return Samples { before: each(before), after: each(after), ..Samples::default() };
    }
    let runs = |operation: &BaselineOperation| match &operation.runs[..] {
        // Written before runs counted, or of executions without one: together they are as good as one run.
        [] => median(&operation.durations_nanos).map(|nanos| Located::new(0, nanos.max(1.0).ln())),
        _ => None,
    };
    let all = |operation: &BaselineOperation| runs(operation).map_or_else(|| operation.runs.clone(), |one| vec![one]);
    Samples { before: all(before), after: all(after), are_runs: true, ..Samples::default() }
}

/// Whether an operation is not slower than it was.
fn times(before: &BaselineOperation, after: &BaselineOperation, judged: &TimeVerdict) -> ExpectationResult {
    let result =
        |outcome, measured| ExpectationResult { outcome, executions: after.executions, measured, evidence: Vec::new() };
    let shown =
        |operation: &BaselineOperation| DurationNanos(median(&operation.durations_nanos).unwrap_or(0.0).round() as i64);
    if after.durations_nanos.is_empty() {
        return result(ExpectationOutcome::NoData, "never executed".to_owned());
    }
    let medians = format!("median {} then, {} now", shown(before), shown(after));
    let bounds = match (judged.effect, judged.interval) {
        (Some(effect), Some([low, high])) => format!(", ×{effect:.2}, between ×{low:.2} and ×{high:.2}"),
        (Some(effect), None) => format!(", ×{effect:.2} observed"),
        _ => String::new(),
    };
    match (judged.verdict, judged.missing) {
        (Verdict::Slower, _) => result(ExpectationOutcome::Fail, format!("slower: {medians}{bounds}")),
        (Verdict::Faster, _) => result(ExpectationOutcome::Pass, format!("faster: {medians}{bounds}")),
        (Verdict::TooFewOccasions, Some(Missing::Occasions(missing))) => {
            let is_near = judged.effect.is_some_and(|effect| effect <= 1.0 + TOLERATED);
            let outcome = if is_near { ExpectationOutcome::Pass } else { ExpectationOutcome::NoData };
            let rest = format!("{missing} more occasions would separate it from the machine's own changes");
            result(outcome, format!("not shown to be slower: {medians}{bounds}; {rest}"))
        }
        (
            Verdict::TooFewRuns | Verdict::TooFewOccasions,
            Some(Missing::Runs(missing) | Missing::Occasions(missing)),
        ) => {
            result(ExpectationOutcome::NoData, format!("{missing} more runs and there is a verdict: {medians}{bounds}"))
        }
        (Verdict::TooFewExecutions | Verdict::TooFewRuns | Verdict::TooFewOccasions, _) => {
            let missing = judged.executions_missing.unwrap_or(1);
            result(ExpectationOutcome::NoData, format!("{missing} more executions and there is a verdict: {medians}"))
        }
        (Verdict::NoDifferenceShown | Verdict::Mixed, _) => {
            result(ExpectationOutcome::Pass, format!("no difference shown: {medians}{bounds}"))
        }
    }
}

fn ended<'t, 'a>(executions: &[Execution<'t, 'a>]) -> Vec<Execution<'t, 'a>> {
    own_work(executions).into_iter().filter(|execution| !execution.is_open()).collect()
}

fn operations(executions: &[Execution<'_, '_>]) -> BTreeMap<(String, String), BaselineOperation> {
    let mut groups: BTreeMap<(String, String), Vec<&Execution<'_, '_>>> = BTreeMap::new();
    for execution in executions {
        let span = execution.tree.span(execution.entry);
        groups.entry((span.service().to_owned(), span.name.to_string())).or_default().push(execution);
    }
    let measured = |group: Vec<&Execution<'_, '_>>| {
        let mut durations: Vec<i64> = group.iter().filter_map(|execution| execution.duration()).collect();
        durations.sort_unstable();
        let sums: Vec<[u64; 4]> = group.iter().map(|execution| sums(execution)).collect();
        let agreed = COUNTS.iter().enumerate().filter(|&(at, _)| sums.iter().all(|sum| sum[at] == sums[0][at]));
        BaselineOperation {
            executions: group.len() as u64,
            counts: agreed.map(|(at, name)| (*name, sums[0][at])).collect(),
            durations_nanos: thinned(&durations),
            runs: Vec::new(),
        }
    };
    let mut operations: BTreeMap<(String, String), BaselineOperation> =
        groups.into_iter().map(|(key, group)| (key, measured(group))).collect();
    for (timed, _, located) in located(executions) {
        let Timed::Operation(service, name) = timed else { continue };
        if let Some(operation) = operations.get_mut(&(service, name)) {
            operation.runs.push(located);
        }
    }
    for operation in operations.values_mut() {
        operation.runs.sort_by_key(|run| run.start);
        let beyond = operation.runs.len().saturating_sub(DURATIONS_MAX);
        operation.runs.drain(..beyond);
    }
    operations
}

/// In the order of [`COUNTS`].
fn sums(execution: &Execution<'_, '_>) -> [u64; 4] {
    let mut sums = [0; 4];
    for &index in execution.spans() {
        let span = execution.tree.span(index as usize);
        let tokens = |key| span.int(key).and_then(|count| u64::try_from(count).ok()).unwrap_or(0);
        sums[0] += u64::from(span.is_error() && !execution.is_passed_test());
        sums[1] += u64::from(span.attribute("db.query.text").is_some());
        sums[2] += tokens("gen_ai.usage.input_tokens");
        sums[3] += tokens("gen_ai.usage.output_tokens");
    }
    sums
}

/// Evenly spaced values of many, the first and the last among them.
fn thinned(sorted: &[i64]) -> Vec<i64> {
    if sorted.len() <= DURATIONS_MAX {
        return sorted.to_vec();
    }
    let step = (sorted.len() - 1) as f64 / (DURATIONS_MAX - 1) as f64;
    (0..DURATIONS_MAX).map(|at| sorted[(at as f64 * step).round() as usize]).collect()
}

/// The median of ascending durations; `None` without any.
fn median(sorted: &[i64]) -> Option<f64> {
    (!sorted.is_empty()).then(|| quantile(sorted, 0.5))
}

fn counts(before: &BaselineOperation, after: &BaselineOperation) -> ExpectationResult {
    let grown: Vec<String> = before
        .counts
        .iter()
        .filter_map(|(name, then)| {
            let now = after.counts.get(name)?;
            (now > then).then(|| format!("{} {then} then, {now} now", name.replace('_', " ")))
        })
        .collect();
    let unsteady = before.counts.keys().filter(|name| !after.counts.contains_key(*name)).count();
    let rest =
        if unsteady > 0 { format!("; {unsteady} differ between executions and are not judged") } else { String::new() };
    let increases = if grown.is_empty() { "no more".to_owned() } else { grown.join(", ") };
    ExpectationResult {
        outcome: if grown.is_empty() { ExpectationOutcome::Pass } else { ExpectationOutcome::Fail },
        executions: after.executions,
        measured: format!("{increases} in each execution{rest}"),
        evidence: Vec::new(),
    }
}

fn findings(executions: &[Execution<'_, '_>], config: &DetectorConfig) -> Vec<Finding> {
    let mut findings = detect::findings(executions, config);
    findings.retain(|finding| is_compared(finding.code));
    findings
}

fn new_findings(baseline: &Baseline, ended: &[Execution<'_, '_>], config: &DetectorConfig) -> ExpectationResult {
    let known: BTreeSet<Fingerprint> = baseline.findings.iter().map(|(.., fingerprint)| *fingerprint).collect();
    let mut new = findings(ended, config);
    new.retain(|finding| !known.contains(&finding.fingerprint));
    let all = new.len();
    new.retain(|finding| baseline.executions >= finding.executions);
    let unjudged = all - new.len();
    let named: Vec<String> =
        new.iter().take(MAX_EXAMPLES).map(|finding| format!("{}: {}", finding.code, finding.text)).collect();
    let more = new.len().saturating_sub(MAX_EXAMPLES);
    let mut measured = vec![if new.is_empty() { "none".to_owned() } else { named.join(" ") }];
    if more > 0 {
        measured.push(format!("and {more} more"));
    }
    if unjudged > 0 {
        measured.push(format!("{unjudged} not judged: the baseline rests on too few executions"));
    }
    let measured = measured.join("; ");
    let outcome = match ended.len() {
        0 => ExpectationOutcome::NoData,
        _ if new.is_empty() => ExpectationOutcome::Pass,
        _ => ExpectationOutcome::Fail,
    };
    let evidence = new.iter().flat_map(|finding| finding.evidence.clone()).take(MAX_EXAMPLES).collect();
    ExpectationResult { outcome, executions: ended.len() as u64, measured, evidence }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execution::{EntrySpans, executions};
    use crate::testing::{traces, trees};

    fn with<T>(text: &str, ask: impl Fn(&[Execution<'_, '_>]) -> T) -> T {
        let traces = traces(text);
        let trees = trees(&traces);
        ask(&executions(&trees, EntrySpans::Outermost))
    }

    fn side(count: i64, scale: i64, rest: &str) -> String {
        (0..count).map(|at| format!("cart 0..{}{rest}", scale * (100 + at))).collect::<Vec<_>>().join("\n---\n")
    }

    fn checked(before: &str, after: &str) -> Vec<String> {
        let config = DetectorConfig::default();
        let baseline = with(before, |found| measure(found, &config));
        let lines = with(after, |found| check(&baseline, found, &config));
        lines.iter().map(|line| format!("{:?} {}: {}", line.result.outcome, line.text, line.result.measured)).collect()
    }

    #[test]
    fn the_same_again_keeps_to_it() {
        let lines = checked(&side(12, 1, ""), &side(12, 1, ""));
        assert!(lines.iter().all(|line| line.starts_with("Pass")), "{lines:?}");
        assert_eq!(lines.len(), 4);
    }

    #[test]
    fn slower_more_statements_and_new_errors_do_not() {
        let slower = checked(&side(12, 1, ""), &side(12, 2, ""));
        assert!(
            slower[0].starts_with("Fail cart (app) is not slower than the baseline: slower: median 106 ms then"),
            "{slower:?}"
        );
        let more = checked(&side(12, 1, ""), &side(12, 1, "\n  load 1..2 db.query.text='SELECT 1'"));
        assert!(more[1].ends_with("statements 0 then, 1 now in each execution"), "{more:?}");
        let error = checked(&side(12, 1, " exception=KeyError:a"), &side(12, 1, " exception=ValueError:a"));
        assert!(error.contains(&"Fail no error types beyond the baseline's: ValueError".to_owned()), "{error:?}");
    }

    #[test]
    fn what_did_not_run_or_not_often_enough_is_no_pass() {
        assert!(checked(&side(12, 1, ""), "other 0..5")[0].starts_with("NoData"));
        let few = checked(&side(12, 1, ""), &side(2, 1, ""));
        assert!(few[0].starts_with("NoData") && few[0].contains("more executions"), "{few:?}");
    }

    #[test]
    fn many_durations_are_thinned_to_their_quantiles() {
        let all: Vec<i64> = (0..1_000).collect();
        let thin = thinned(&all);
        assert_eq!((thin.len(), thin[0], thin[DURATIONS_MAX - 1]), (DURATIONS_MAX, 0, 999));
        assert!((thin[50] - 505).abs() < 10, "{}", thin[50]);
        assert_eq!(thinned(&all[..5]), all[..5]);
    }
}
