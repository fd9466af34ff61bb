//! `check` and `baseline`: whether executions meet expectations, and what they measured, for later runs to meet.

use std::collections::BTreeSet;
use std::sync::Arc;

use kino_analyze::baseline as base;
use kino_analyze::compare::LooseLines;
use kino_analyze::detect::DetectorConfig;
use kino_analyze::execution::{EntrySpans, executions};
use kino_analyze::expect as analyze;
use kino_analyze::noise::Located;
use kino_analyze::tree::{Tree, trees};
use kino_model::{Trace, UnixNanos, names};
use kino_store::snapshot::{EventFilter, TraceFilter};
use kino_text::suggest;
use kino_wire::Problem;
use kino_wire::ask::Scope;
use kino_wire::check::{
    Baseline, BaselineError, BaselineFinding, BaselineOperation, BaselineQuestion, BaselineRun, Check, CheckLine,
    CheckOutcome, CheckQuestion, CheckSet, Counted, DEFAULT_LAST, Expected, MAX_LAST, Measure,
};

use crate::error::OrProblem;
use crate::execution_set::ExecutionSet;
use crate::limit::limit;
use crate::load;
use crate::offload::offload;
use crate::{Engine, scope, to_wire};

/// Expectations in one question.
const EXPECTATIONS_MAX: usize = 500;
/// Earlier exceptions that are looked at for their types.
const EARLIER_EXCEPTIONS_MAX: usize = 20_000;

/// The executions of a check.
struct Chosen {
    set: ExecutionSet,
    what: String,
}

impl Engine {
    pub(crate) async fn check(&self, question: CheckQuestion) -> Result<Check, Problem> {
        if question.expectations.len() > EXPECTATIONS_MAX {
            return Err(Problem::invalid(format!("more than {EXPECTATIONS_MAX} expectations at once")));
        }
        let baseline = question.baseline.map(read_baseline).transpose()?;
        let chosen = self.chosen(&question.set).await?;
        let wants_earlier = question.expectations.iter().any(|it| it.expected == Expected::NoNewErrors);
        let known = match &baseline {
            Some(baseline) => Some(baseline.errors.iter().map(|(kind, _)| kind.clone()).collect()),
            None if wants_earlier => self.earlier_errors(&question.set.scope, &chosen.set.traces).await?,
            None => None,
        };
        let (traces, traces_left_out) = (chosen.set.traces.len() as u64, chosen.set.left_out);
        let config = Arc::clone(&self.inner.detectors);
        let check = move || {
            let trees = trees(&chosen.set.traces);
            let mut lines: Vec<CheckLine> = Vec::new();
            for expectation in question.expectations {
                let result = hold(&trees, &expectation.expected, known.as_ref(), &config);
                lines.push(line(expectation.text, false, result));
            }
            if let Some(baseline) = &baseline {
                let found = executions(&trees, EntrySpans::Outermost);
                let result = base::check(baseline, &found, &config);
                lines.extend(result.into_iter().map(|one| line(one.text, true, one.result)));
            }
            lines
        };
        let what = chosen.what.clone();
        let lines = offload(check).await.or_problem()?;
        Ok(Check { schema: Check::SCHEMA.to_owned(), set: what, traces, traces_left_out, lines })
    }

    pub(crate) async fn baseline(&self, question: BaselineQuestion) -> Result<Baseline, Problem> {
        let chosen = self.chosen(&question.set).await?;
        let states: BTreeSet<String> = chosen
            .set
            .traces
            .iter()
            .flat_map(|trace| &trace.spans)
            .filter_map(|span| span.resource.text(names::CODE_STATE).map(str::to_owned))
            .collect();
        let code_state = (states.len() == 1).then(|| states.into_iter().next()).flatten();
        let config = Arc::clone(&self.inner.detectors);
        let measure = move || {
            let trees = trees(&chosen.set.traces);
            write_baseline(base::measure(&executions(&trees, EntrySpans::Outermost), &config), code_state)
        };
        offload(measure).await.or_problem()
    }

    /// The traces that a check rests on.
    async fn chosen(&self, wanted: &CheckSet) -> Result<Chosen, Problem> {
        let last = limit(wanted.last, DEFAULT_LAST, MAX_LAST)?;
        let selector = match &wanted.selector {
            Some(selector) => Some(selector.clone()),
            None => self.newest_state(wanted).await?.map(|state| format!("code:{state}")),
        };
        if let Some(selector) = selector {
            let mut set = self.execution_set(&selector, &wanted.scope).await?;
            set.traces.sort_by_key(|trace| std::cmp::Reverse(start(trace)));
            set.left_out += set.traces.len().saturating_sub(last) as u64;
            set.traces.truncate(last);
            return Ok(Chosen { set, what: selector });
        }
        let filter = TraceFilter { project: scope::project(&wanted.scope), ..TraceFilter::default() };
        let snapshot = self.snapshot();
        let found = snapshot.find(&filter, last, None).await.or_problem()?;
        let older = u64::from(found.next.is_some());
        let (traces, skipped) = load::traces(&snapshot, found.rows.into_iter().map(|row| row.trace_id)).await?;
        let what = if older > 0 { format!("the newest {last} traces") } else { "everything recorded".to_owned() };
        Ok(Chosen { set: ExecutionSet { traces, left_out: skipped.len() as u64, lines: LooseLines::new() }, what })
    }

    /// The state of the caller's code if it was run, else the newest state that was run in this worktree.
    async fn newest_state(&self, wanted: &CheckSet) -> Result<Option<String>, Problem> {
        let Some(project) = scope::project(&wanted.scope) else { return Ok(None) };
        let mut runs = self.inner.runs.all().await?;
        runs.retain(|run| run.has_ended() && run.code.project.as_ref() == Some(&project));
        runs.retain(|run| run.code.code_state.is_some());
        let now = runs.iter().find(|run| run.code.code_state == wanted.code.code_state);
        let here = || runs.iter().find(|run| run.code.worktree == wanted.code.worktree);
        Ok(now.or_else(here).and_then(|run| run.code.code_state.clone()))
    }

    /// Types of exceptions before these traces; `None` where nothing at all was recorded before.
    async fn earlier_errors(&self, scope: &Scope, traces: &[Arc<Trace>]) -> Result<Option<BTreeSet<String>>, Problem> {
        let Some(first) = traces.iter().map(|trace| start(trace)).min() else { return Ok(None) };
        let until = Some(UnixNanos(first));
        let project = scope::project(scope);
        let snapshot = self.snapshot();
        let filter = TraceFilter { project: project.clone(), until, ..TraceFilter::default() };
        let earlier = snapshot.find(&filter, 1, None).await.or_problem()?;
        if earlier.rows.is_empty() {
            return Ok(None);
        }
        let filter = EventFilter { project, until, ..EventFilter::default() };
        let found = snapshot.exceptions(&filter, EARLIER_EXCEPTIONS_MAX).await.or_problem()?;
        Ok(Some(found.0.into_iter().map(|row| row.exception_type.unwrap_or_default()).collect()))
    }
}

fn start(trace: &Trace) -> i64 {
    trace.spans.iter().map(|span| span.start.0).min().unwrap_or(0)
}

fn hold(
    trees: &[Tree<'_>],
    expected: &Expected,
    known: Option<&BTreeSet<String>>,
    config: &DetectorConfig,
) -> analyze::ExpectationResult {
    let of = |operation: &str| analyze::of(trees, Some(operation));
    let (result, operation) = match expected {
        Expected::Time { operation, measure, limit_nanos, or_equal } => {
            (analyze::time(&of(operation), figure(*measure), *limit_nanos, *or_equal), Some(operation))
        }
        Expected::ErrorRate { operation, limit, or_equal } => {
            (analyze::error_rate(&of(operation), *limit, *or_equal), Some(operation))
        }
        Expected::AtMost { limit, count, operation } => {
            (analyze::at_most(&of(operation), *limit, counted(count)), Some(operation))
        }
        Expected::NoFinding { code, operation } => {
            let found = analyze::of(trees, operation.as_deref());
            (analyze::no_finding(&found, code.as_deref(), config), operation.as_ref())
        }
        Expected::NoErrors { operation } => {
            (analyze::no_errors(&analyze::of(trees, operation.as_deref())), operation.as_ref())
        }
        Expected::NoNewErrors => (analyze::no_new_errors(&analyze::of(trees, None), known), None),
    };
    match operation {
        Some(operation) if result.executions == 0 => never_executed(trees, operation, result),
        _ => result,
    }
}

/// Says which operations there are that the one that never ran may have meant.
fn never_executed(
    trees: &[Tree<'_>],
    operation: &str,
    result: analyze::ExpectationResult,
) -> analyze::ExpectationResult {
    let names: BTreeSet<&str> =
        trees.iter().flat_map(|tree| tree.trace().spans.iter().map(|span| span.name.as_str())).collect();
    let near = suggest::nearest(operation, names);
    let hint = if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) };
    analyze::ExpectationResult { measured: format!("{}{hint}", result.measured), ..result }
}

fn figure(measure: Measure) -> analyze::Measure {
    match measure {
        Measure::Median => analyze::Measure::Quantile(0.5),
        Measure::P75 => analyze::Measure::Quantile(0.75),
        Measure::P90 => analyze::Measure::Quantile(0.9),
        Measure::P95 => analyze::Measure::Quantile(0.95),
        Measure::P99 => analyze::Measure::Quantile(0.99),
        Measure::Max => analyze::Measure::Quantile(1.0),
        Measure::Mean => analyze::Measure::Mean,
    }
}

fn counted(counted: &Counted) -> analyze::Counted<'_> {
    match counted {
        Counted::Calls => analyze::Counted::Calls,
        Counted::CallsOf(name) => analyze::Counted::CallsOf(name),
        Counted::Statements => analyze::Counted::Statements,
        Counted::HttpCalls => analyze::Counted::HttpCalls,
        Counted::LlmCalls => analyze::Counted::LlmCalls,
        Counted::Errors => analyze::Counted::Errors,
        Counted::Tokens => analyze::Counted::Tokens,
    }
}

fn line(text: String, from_baseline: bool, result: analyze::ExpectationResult) -> CheckLine {
    CheckLine {
        text,
        from_baseline,
        outcome: match result.outcome {
            analyze::ExpectationOutcome::Pass => CheckOutcome::Pass,
            analyze::ExpectationOutcome::Fail => CheckOutcome::Fail,
            analyze::ExpectationOutcome::NoData => CheckOutcome::NoData,
        },
        executions: result.executions,
        measured: result.measured,
        evidence: result.evidence.iter().map(to_wire::evidence).collect(),
    }
}

fn read_baseline(baseline: Baseline) -> Result<base::Baseline, Problem> {
    if baseline.schema != Baseline::SCHEMA {
        let message = format!("a baseline of the shape {:?}: this engine reads {}", baseline.schema, Baseline::SCHEMA);
        return Err(Problem::invalid(message));
    }
    let operation = |operation: BaselineOperation| {
        let mut durations_nanos = operation.durations_nanos;
        durations_nanos.sort_unstable();
        let counts = base::COUNTS.iter().filter_map(|name| Some((*name, *operation.counts.get(*name)?))).collect();
        let located = |run: BaselineRun| Located::new(run.start_unix_nanos, run.median_nanos.max(1.0).ln());
        let runs = operation.runs.into_iter().map(located).collect();
        let measured = base::BaselineOperation { executions: operation.executions, durations_nanos, runs, counts };
        ((operation.service, operation.name), measured)
    };
    Ok(base::Baseline {
        executions: baseline.executions,
        operations: baseline.operations.into_iter().map(operation).collect(),
        errors: baseline.errors.into_iter().map(|error| (error.exception_type, error.fingerprint)).collect(),
        findings: baseline.findings.into_iter().map(|it| (it.code, it.subject, it.fingerprint)).collect(),
    })
}

/// Rounded to whole nanoseconds: what is committed is short.
fn baseline_run(run: &Located) -> BaselineRun {
    BaselineRun { start_unix_nanos: run.start, median_nanos: run.location.exp().round() }
}

fn write_baseline(baseline: base::Baseline, code_state: Option<String>) -> Baseline {
    let operation = |((service, name), operation): ((String, String), base::BaselineOperation)| BaselineOperation {
        service,
        name,
        executions: operation.executions,
        durations_nanos: operation.durations_nanos,
        runs: operation.runs.iter().map(baseline_run).collect(),
        counts: operation.counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect(),
    };
    let error = |(exception_type, fingerprint)| BaselineError { exception_type, fingerprint };
    let finding = |(code, subject, fingerprint)| BaselineFinding { code, subject, fingerprint };
    Baseline {
        schema: Baseline::SCHEMA.to_owned(),
        code_state,
        executions: baseline.executions,
        operations: baseline.operations.into_iter().map(operation).collect(),
        errors: baseline.errors.into_iter().map(error).collect(),
        findings: baseline.findings.into_iter().map(finding).collect(),
    }
}
