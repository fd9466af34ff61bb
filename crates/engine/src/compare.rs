//! `compare`: two sets of executions, with a statistical verdict.

use kino_analyze::compare as analyze;
use kino_analyze::compare::timing::{Missing, NoiseSource};
use kino_analyze::execution::{EntrySpans, Execution, executions};
use kino_analyze::noise::History;
use kino_analyze::tree::trees;
use kino_wire::Problem;
use kino_wire::compare::{
    self as wire, Compare, CompareQuestion, CountComparison, CountVerdict, ExecutionsChanged, OperationComparison,
    OperationSide, Sides, Suspect, TotalComparison, Verdict,
};

use crate::Engine;
use crate::error::OrProblem;
use crate::execution_set::ExecutionSet;
use crate::offload::offload;
use crate::suite;

/// Operations in one answer.
const OPERATIONS_MAX: usize = 200;
/// Counts in one answer.
const COUNTS_MAX: usize = 100;
/// Suspects in one answer.
const SUSPECTS_MAX: usize = 20;

impl Engine {
    pub(crate) async fn compare(&self, question: CompareQuestion) -> Result<Compare, Problem> {
        let before = self.execution_set(&question.before, &question.scope).await?;
        let after = self.execution_set(&question.after, &question.scope).await?;
        let traces_left_out = Sides { before: before.left_out, after: after.left_out };
        let history = self.inner.runs.history_of(before.traces.iter().chain(&after.traces)).await?;
        let compare = move || {
            compared([&before, &after], &history, |comparison, executions| Compare {
                tests: suite::compared(executions),
                ..answer(comparison, traces_left_out)
            })
        };
        offload(compare).await.or_problem()
    }
}

/// Hands the comparison of two sets, before and after, to `read`, with the executions of each.
pub(crate) fn compared<T>(
    sets: [&ExecutionSet; 2],
    history: &History,
    read: impl FnOnce(analyze::Comparison, [&[Execution<'_, '_>]; 2]) -> T,
) -> T {
    let trees = sets.map(|set| trees(&set.traces));
    let [before, after] = [&trees[0], &trees[1]].map(|trees| executions(trees, EntrySpans::Outermost));
    let design = analyze::Design { history, lines: sets.map(|set| &set.lines), ..analyze::Design::default() };
    read(analyze::compare_with(&before, &after, &design), [&before, &after])
}

pub(crate) fn answer(mut comparison: analyze::Comparison, traces_left_out: Sides<u64>) -> Compare {
    let left_out = comparison.operations.len().saturating_sub(OPERATIONS_MAX)
        + comparison.counts.len().saturating_sub(COUNTS_MAX)
        + comparison.suspects.len().saturating_sub(SUSPECTS_MAX);
    comparison.operations.truncate(OPERATIONS_MAX);
    comparison.counts.truncate(COUNTS_MAX);
    comparison.suspects.truncate(SUSPECTS_MAX);
    let suspect = |suspect: analyze::Suspect| Suspect {
        service: suspect.service,
        name: suspect.name,
        score: suspect.score,
        reason: suspect.reason,
        shown: suspect.shown,
    };
    Compare {
        schema: Compare::SCHEMA.to_owned(),
        verdict: verdict(comparison.verdict),
        executions: Sides { before: comparison.executions_before, after: comparison.executions_after },
        runs: Sides { before: comparison.runs_before, after: comparison.runs_after },
        occasions: Sides { before: comparison.occasions_before, after: comparison.occasions_after },
        open_executions: comparison.open_executions,
        traces_left_out,
        operations: comparison.operations.into_iter().map(operation).collect(),
        totals: comparison.totals.iter().map(total).collect(),
        executions_changed: comparison.executions_changed.into_iter().map(changed).collect(),
        drift: comparison.drift,
        others_cpu: comparison.others_cpu.map(|[before, after]| Sides { before, after }),
        calls_changed: comparison.calls_changed.into_iter().map(|it| calls_changed(it, "before")).collect(),
        counts: comparison.counts.into_iter().map(|comparison| count(&comparison)).collect(),
        suspects: comparison.suspects.into_iter().map(suspect).collect(),
        left_out: left_out as u64,
        tests: None,
    }
}

pub(crate) fn verdict(verdict: analyze::Verdict) -> Verdict {
    match verdict {
        analyze::Verdict::Faster => Verdict::Faster,
        analyze::Verdict::Slower => Verdict::Slower,
        analyze::Verdict::NoDifferenceShown => Verdict::NoDifferenceShown,
        analyze::Verdict::TooFewExecutions => Verdict::TooFewExecutions,
        analyze::Verdict::TooFewRuns => Verdict::TooFewRuns,
        analyze::Verdict::TooFewOccasions => Verdict::TooFewOccasions,
        analyze::Verdict::Mixed => Verdict::Mixed,
    }
}

pub(crate) fn side(side: analyze::OperationSide) -> OperationSide {
    OperationSide {
        executions: side.executions,
        runs: side.runs,
        median_nanos: side.median_nanos,
        p95_nanos: side.p95_nanos,
        calls: side.calls,
        errors: side.errors,
    }
}

pub(crate) fn operation(operation: analyze::OperationComparison) -> OperationComparison {
    OperationComparison {
        service: operation.service,
        name: operation.name,
        kind: operation.kind,
        root: operation.root,
        before: side(operation.before),
        after: side(operation.after),
        effect: operation.effect,
        interval: operation.interval,
        verdict: verdict(operation.verdict),
        smallest_shown: operation.smallest_shown,
        run_noise: operation.run_noise.map(|(noise, _)| noise),
        noise_source: operation.run_noise.map(|(_, source)| match source {
            NoiseSource::TheseRuns => wire::NoiseSource::TheseRuns,
            NoiseSource::History => wire::NoiseSource::History,
            NoiseSource::Default => wire::NoiseSource::Default,
        }),
        runs_missing: match operation.missing {
            Some(Missing::Runs(missing)) => Some(missing),
            _ => None,
        },
        occasions_missing: match operation.missing {
            Some(Missing::Occasions(missing)) => Some(missing),
            _ => None,
        },
        executions_missing: operation.executions_missing,
    }
}

fn total(total: &analyze::TotalComparison) -> TotalComparison {
    TotalComparison {
        what: total.total.name().to_owned(),
        before_nanos: total.before_nanos,
        after_nanos: total.after_nanos,
        effect: total.effect,
        interval: total.interval,
        verdict: verdict(total.verdict),
    }
}

fn changed(changed: analyze::ExecutionsChanged) -> ExecutionsChanged {
    let (service, name) = changed.operation;
    ExecutionsChanged { service, name, before: changed.before, after: changed.after }
}

/// Far more or fewer calls than `before`, which says when that was.
pub(crate) fn calls_changed(changed: analyze::CallsChanged, before: &str) -> wire::CallsChanged {
    let rate = |rate: analyze::CallRate| wire::CallRate {
        executions: rate.executions,
        per_execution: rate.per_execution,
        per_parent: rate.per_parent,
        per_item: rate.per_item,
    };
    let text = changed.sentence(before);
    let (service, name) = changed.operation;
    wire::CallsChanged {
        text,
        root: changed.root.1,
        parent: changed.parent.1,
        service,
        name,
        call: changed.call,
        item: changed.item,
        before: rate(changed.before),
        after: rate(changed.after),
    }
}

/// What is counted, in words: `calls of SERVICE NAME in SERVICE NAME`.
fn count(count: &analyze::CountComparison) -> CountComparison {
    let named = |(service, name): &(String, String)| match service.as_str() {
        "" => name.clone(),
        service => format!("{service} {name}"),
    };
    let of = count.operation.as_ref().map(|operation| format!(" of {}", named(operation))).unwrap_or_default();
    let range = |(fewest, most): (u64, u64)| (fewest < most).then_some([fewest, most]);
    CountComparison {
        range_before: range(count.range_before),
        range_after: range(count.range_after),
        what: format!("{}{of} in {}", count.count.name(), named(&count.root)),
        before: count.before,
        after: count.after,
        verdict: match count.verdict {
            analyze::CountVerdict::Fewer => CountVerdict::Fewer,
            analyze::CountVerdict::More => CountVerdict::More,
            analyze::CountVerdict::Same => CountVerdict::Same,
            analyze::CountVerdict::Unstable => CountVerdict::Unstable,
        },
    }
}
