//! `regression`, `improvement` and `structure_changed`: what a comparison found, as findings about its root operations.
//!
//! Evidence: the verdicts of the comparison itself, so that noise earns none of the first two; for the third an
//! operation that every execution calls on one side and none on the other. Nothing is claimed to be saved, except that
//! undoing a regression would give back what it took.

use std::collections::BTreeMap;

use kino_model::DurationNanos;

use super::{Comparison, Count, CountVerdict, OperationComparison, Verdict};
use crate::detect::DetectorConfig;
use crate::execution::Execution;
use crate::finding::{Code, Evidence, Finding, MAX_EXAMPLES, Number, Subject, SubjectKind, Unit, evidence, location};
use crate::fingerprint::hierarchical;

/// The findings of `comparison`; the examples come from `after`, the executions after the change.
pub fn findings(comparison: &Comparison, after: &[Execution<'_, '_>], config: &DetectorConfig) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        comparison.operations.iter().filter(|it| it.root).filter_map(|it| timing(it, after)).collect();
    let mut changed: BTreeMap<&(String, String), [Vec<&str>; 2]> = BTreeMap::new();
    for count in comparison.counts.iter().filter(|it| it.count == Count::Calls) {
        if let Some((_, name)) = &count.operation {
            match count.verdict {
                CountVerdict::More if count.before < 0.5 => changed.entry(&count.root).or_default()[0].push(name),
                CountVerdict::Fewer if count.after < 0.5 => changed.entry(&count.root).or_default()[1].push(name),
                _ => {}
            }
        }
    }
    findings
        .extend(changed.into_iter().map(|(root, [appeared, vanished])| structure(root, &appeared, &vanished, after)));
    findings.retain(|finding| config.is_on(finding.code));
    findings
}

fn timing(operation: &OperationComparison, after: &[Execution<'_, '_>]) -> Option<Finding> {
    let code = match operation.verdict {
        Verdict::Slower => Code::Regression,
        Verdict::Faster => Code::Improvement,
        _ => return None,
    };
    let (effect, [low, high]) = (operation.effect?, operation.interval?);
    let (before, now) = (operation.before.median_nanos?, operation.after.median_nanos?);
    let root = (operation.service.clone(), operation.name.clone());
    let numbers = vec![
        Number::new("effect", effect, Unit::Ratio),
        Number::new("effect_low", low, Unit::Ratio),
        Number::new("effect_high", high, Unit::Ratio),
        Number::new("median_before", before as f64, Unit::Nanos),
        Number::new("median_after", now as f64, Unit::Nanos),
    ];
    let text = format!(
        "{} is {}: {} before, {} after, {:.2} times as long (between {low:.2} and {high:.2}).",
        operation.name,
        if code == Code::Regression { "slower" } else { "faster" },
        DurationNanos(before),
        DurationNanos(now),
        effect
    );
    let executions = operation.before.executions + operation.after.executions;
    let saving = (code == Code::Regression).then_some(now - before);
    Some(finding(code, root, numbers, executions, after, text, saving))
}

fn structure(root: &(String, String), appeared: &[&str], vanished: &[&str], after: &[Execution<'_, '_>]) -> Finding {
    let numbers = vec![
        Number::new("appeared", appeared.len() as f64, Unit::Count),
        Number::new("vanished", vanished.len() as f64, Unit::Count),
    ];
    let shown = |what: &str, names: &[&str]| {
        let some: Vec<&str> = names.iter().copied().take(MAX_EXAMPLES).collect();
        let more = names.len() - some.len();
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        if names.is_empty() { String::new() } else { format!(" {what}: {}{rest}.", some.join(", ")) }
    };
    let text = format!(
        "{} calls other operations than before.{}{}",
        root.1,
        shown("Appeared", appeared),
        shown("Vanished", vanished)
    );
    let executions = of_root(root, after).count() as u64;
    finding(Code::StructureChanged, root.clone(), numbers, executions, after, text, None)
}

fn of_root<'s, 't, 'a>(
    root: &'s (String, String),
    executions: &'s [Execution<'t, 'a>],
) -> impl Iterator<Item = &'s Execution<'t, 'a>> {
    executions.iter().filter(move |execution| {
        let span = execution.tree.span(execution.entry);
        span.name == root.1 && span.service() == root.0
    })
}

fn finding(
    code: Code,
    root: (String, String),
    numbers: Vec<Number>,
    executions: u64,
    after: &[Execution<'_, '_>],
    text: String,
    saving_nanos: Option<i64>,
) -> Finding {
    let mut slowest: Vec<&Execution<'_, '_>> = of_root(&root, after).collect();
    slowest.sort_by_key(|execution| std::cmp::Reverse((execution.duration(), execution.trace_id())));
    let examples: Vec<Evidence> =
        slowest.iter().take(MAX_EXAMPLES).map(|it| evidence(it.trace_id(), it.tree.span(it.entry))).collect();
    Finding {
        code,
        numbers,
        saving_nanos,
        confidence: if code == Code::StructureChanged { 0.95 } else { 1.0 - super::LEVEL },
        executions,
        location: slowest.first().and_then(|it| location(it.tree.span(it.entry))),
        evidence: examples,
        fingerprint: hierarchical(&[code.name(), &root.1], &[code.name(), &root.0, &root.1]),
        text,
        next: Some("the suspects of the comparison say where".to_owned()),
        remarks: Vec::new(),
        follows_from: None,
        subject: Subject { kind: SubjectKind::Operation, service: root.0, name: root.1 },
    }
}
