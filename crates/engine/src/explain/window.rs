//! A window of time against one before it: the comparison of two sets of traces, with what it takes to look further.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kino_analyze::compare::{self as analyze, Examples, examples};
use kino_analyze::errors::{ErrorGroup, Frame};
use kino_analyze::execution::Execution;
use kino_model::{Fingerprint, UnixNanos};
use kino_store::snapshot::{EventFilter, TraceFilter};
use kino_wire::compare::{Sides, Verdict};
use kino_wire::window::{
    ErrorChange, ExplainWindow, ExplainWindowQuestion, OperationCalls, Window, WindowLeftOut, WindowSuspect,
};
use kino_wire::{Problem, ProblemKind};

use crate::compare::{compared, operation, side, verdict};
use crate::error::EngineError;
use crate::error::OrProblem;
use crate::errors::InOutputs;
use crate::execution_set::ExecutionSet;
use crate::offload::offload;
use crate::temporary_worktrees::leave_out_temporary;
use crate::{Engine, scope, to_wire};

/// Suspects in one answer.
const SUSPECTS_MAX: usize = 20;
/// Root operations in one answer.
const OPERATIONS_MAX: usize = 20;
/// Operations that appeared, and that vanished, in one answer.
const COMINGS_MAX: usize = 20;
/// Kinds of exceptions in one answer.
const ERRORS_MAX: usize = 20;
/// With fewer executions a side than this the answer says that they are few.
const FEW_EXECUTIONS: u64 = 10;

/// What is said where no suspect has passed a test of its own.
const NOT_SHOWN: &str = "executions as a whole changed, though no operation by itself is shown to have: the suspects are \
                         those that chance explains least";

impl Engine {
    pub(crate) async fn explain_window(&self, question: ExplainWindowQuestion) -> Result<ExplainWindow, Problem> {
        let now = self.inner.clock.now().0;
        let (window, against) = windows(&question, now)?;
        let (before, after) = (self.window_set(against, &question).await, self.window_set(window, &question).await);
        let (mut before, mut after) = match (before, after) {
            (Ok(before), Ok(after)) => (before, after),
            (before, after) => return Err(self.empty_window(&question, [against, window], [before, after]).await),
        };
        for set in [&mut before, &mut after] {
            set.left_out += leave_out_temporary(&mut set.traces, &self.scratch()).len() as u64;
        }
        let traces_left_out = Sides { before: before.left_out, after: after.left_out };
        let history = self.inner.runs.history_of(before.traces.iter().chain(&after.traces)).await?;
        let compare = move || {
            compared([&before, &after], &history, |comparison, executions| {
                answer(comparison, executions, [against, window])
            })
        };
        let mut answer = offload(compare).await.or_problem()?;
        answer.traces_left_out = traces_left_out;
        self.add_errors(&question, &mut answer).await?;
        answer.notes = notes(&answer);
        let of_errors = || answer.errors.iter().find(|error| error.after > error.before)?.examples.first().map(explain);
        answer.next = answer.suspects.first().and_then(|suspect| suspect.next.clone()).or_else(of_errors);
        Ok(answer)
    }

    async fn window_set(&self, window: Window, question: &ExplainWindowQuestion) -> Result<ExecutionSet, Problem> {
        self.execution_set(&format!("time:{}..{}", window.start_unix_nanos, window.end_unix_nanos), &question.scope)
            .await
    }

    /// Says which of the windows has nothing, how much the other has, and where something was recorded.
    async fn empty_window(
        &self,
        question: &ExplainWindowQuestion,
        windows: [Window; 2],
        sets: [Result<ExecutionSet, Problem>; 2],
    ) -> Problem {
        let of_another_kind = |problem: &&Problem| problem.kind != ProblemKind::NotFound;
        if let Some(problem) = sets.iter().filter_map(|set| set.as_ref().err()).find(of_another_kind) {
            return problem.clone();
        }
        let [before, after] = sets;
        let project = scope::project(&question.scope);
        let widen = if project.is_some() { "; --all looks beyond this project" } else { "" };
        let count =
            |set: &Result<ExecutionSet, Problem>| set.as_ref().map_or(0, |set| set.traces.len() as u64 + set.left_out);
        let [against, window] = windows;
        let message = match (count(&before), count(&after)) {
            (0, 0) => {
                let filter = TraceFilter { project, ..TraceFilter::default() };
                let newest = self.snapshot().find(&filter, 1, None).await.map(|found| found.rows.into_iter().next());
                let there_is = match newest {
                    Err(error) => return EngineError::from(error).into(),
                    Ok(None) => "nothing is recorded yet".to_owned(),
                    Ok(Some(row)) => format!("the newest trace started at {}", shown(row.start.0)),
                };
                format!("nothing was recorded {}, nor {}: {there_is}{widen}", stretch(window), stretch(against))
            }
            (before, 0) => {
                let recorded = traces(before);
                format!("nothing was recorded {}, and {recorded} {}{widen}", stretch(window), stretch(against))
            }
            (_, after) => {
                let until = Some(UnixNanos(against.start_unix_nanos));
                let filter = TraceFilter { project, until, ..TraceFilter::default() };
                let earlier = self.snapshot().find(&filter, 1, None).await.map(|found| found.rows.into_iter().next());
                let there_is = match earlier {
                    Err(error) => return EngineError::from(error).into(),
                    Ok(None) => "nothing earlier is recorded, so that there is nothing to compare with".to_owned(),
                    Ok(Some(row)) => format!(
                        "the last trace before that started at {}; --against START..END compares with another window",
                        shown(row.start.0)
                    ),
                };
                let (without, with) = (stretch(against), stretch(window));
                format!("nothing was recorded {without}, and {} {with}: {there_is}{widen}", traces(after))
            }
        };
        Problem::not_found(message, Vec::new())
    }

    async fn add_errors(&self, question: &ExplainWindowQuestion, answer: &mut ExplainWindow) -> Result<(), Problem> {
        let snapshot = self.snapshot();
        let mut changes: BTreeMap<Fingerprint, ErrorChange> = BTreeMap::new();
        let mut is_complete = true;
        for (window, is_after) in [(answer.against, false), (answer.window, true)] {
            let filter = EventFilter {
                since: Some(UnixNanos(window.start_unix_nanos)),
                until: Some(UnixNanos(window.end_unix_nanos)),
                project: scope::project(&question.scope),
                ..EventFilter::default()
            };
            let found = self.error_groups(&snapshot, &filter, InOutputs::default()).await?;
            is_complete &= !found.is_cut;
            for group in found.groups {
                let count = group.count;
                let fingerprint = group.fingerprint;
                let earlier = changes.get(&fingerprint).map_or(0, |change| change.before);
                let sides = if is_after { (earlier, count) } else { (count, 0) };
                changes.insert(fingerprint, error_change(group, sides));
            }
        }
        let mut changes: Vec<ErrorChange> = changes.into_values().collect();
        let grew = |change: &ErrorChange| i128::from(change.after) - i128::from(change.before);
        changes.sort_by_key(|change| (std::cmp::Reverse(grew(change)), change.fingerprint));
        answer.left_out.errors = changes.len().saturating_sub(ERRORS_MAX) as u64;
        changes.truncate(ERRORS_MAX);
        answer.errors = changes;
        answer.error_counts_are_complete = is_complete;
        Ok(())
    }
}

/// The window, and what it is compared with.
fn windows(question: &ExplainWindowQuestion, now: i64) -> Result<(Window, Window), Problem> {
    let start = question.since_unix_nanos;
    if start >= now {
        let message = format!("the window begins at {}, in the future: now it is {}", shown(start), shown(now));
        return Err(Problem::invalid(message));
    }
    let end = question.until_unix_nanos.unwrap_or(now);
    if end <= start {
        let message =
            format!("the window ends at {}, before it begins at {}: exchange the two", shown(end), shown(start));
        return Err(Problem::invalid(message));
    }
    let window = Window { start_unix_nanos: start, end_unix_nanos: end.min(now) };
    let length = window.end_unix_nanos.saturating_sub(start);
    let before = Window { start_unix_nanos: start.saturating_sub(length), end_unix_nanos: start };
    let against = question.against.unwrap_or(before);
    if against.start_unix_nanos >= against.end_unix_nanos {
        let (start, end) = (shown(against.start_unix_nanos), shown(against.end_unix_nanos));
        return Err(Problem::invalid(format!(
            "the window to compare with ends at {end}, before it begins at {start}: exchange the two"
        )));
    }
    let overlap = against.end_unix_nanos.min(window.end_unix_nanos).saturating_sub(against.start_unix_nanos.max(start));
    if overlap > 0 {
        let from = against.start_unix_nanos.max(start);
        let message = format!(
            "the two windows share the time from {} to {}, which would be compared with itself: end the one before the \
             other begins",
            shown(from),
            shown(from.saturating_add(overlap))
        );
        return Err(Problem::invalid(message));
    }
    Ok((window, against))
}

fn shown(nanos: i64) -> String {
    Timestamp::from_nanosecond(i128::from(nanos)).map_or_else(|_| nanos.to_string(), |time| format!("{time:.3}"))
}

fn traces(number: u64) -> String {
    if number == 1 { "one trace".to_owned() } else { format!("{number} traces") }
}

fn stretch(window: Window) -> String {
    format!("from {} to {}", shown(window.start_unix_nanos), shown(window.end_unix_nanos))
}

fn answer(
    mut comparison: analyze::Comparison,
    executions: [&[Execution<'_, '_>]; 2],
    [against, window]: [Window; 2],
) -> ExplainWindow {
    let (mut appeared, mut vanished) = (Vec::new(), Vec::new());
    for operation in comparison.operations.iter().filter(|operation| operation.kind.is_none()) {
        match (operation.before.calls, operation.after.calls) {
            (0, 1..) => appeared.push(calls(operation, operation.after)),
            (1.., 0) => vanished.push(calls(operation, operation.before)),
            _ => {}
        }
    }
    let mut left_out = WindowLeftOut::default();
    let cut = |found: &mut Vec<OperationCalls>, left_out: &mut u64| {
        found.sort_by(|a, b| b.calls.cmp(&a.calls).then_with(|| (&a.service, &a.name).cmp(&(&b.service, &b.name))));
        *left_out = found.len().saturating_sub(COMINGS_MAX) as u64;
        found.truncate(COMINGS_MAX);
    };
    cut(&mut appeared, &mut left_out.appeared);
    cut(&mut vanished, &mut left_out.vanished);
    for (found, executions) in [(&mut appeared, executions[1]), (&mut vanished, executions[0])] {
        let names: Vec<(&str, &str)> = found.iter().map(|it| (it.service.as_str(), it.name.as_str())).collect();
        let examples = examples(executions, &names);
        for (found, examples) in found.iter_mut().zip(examples) {
            found.evidence = examples.evidence.first().map(to_wire::evidence);
        }
    }
    left_out.suspects = comparison.suspects.len().saturating_sub(SUSPECTS_MAX) as u64;
    comparison.suspects.truncate(SUSPECTS_MAX);
    let suspects = suspects(&comparison, executions);
    let mut roots: Vec<_> = comparison.operations.into_iter().filter(|operation| operation.root).collect();
    left_out.operations = roots.len().saturating_sub(OPERATIONS_MAX) as u64;
    roots.truncate(OPERATIONS_MAX);
    ExplainWindow {
        schema: ExplainWindow::SCHEMA.to_owned(),
        window,
        against,
        verdict: verdict(comparison.verdict),
        executions: Sides { before: comparison.executions_before, after: comparison.executions_after },
        open_executions: comparison.open_executions,
        traces_left_out: Sides::default(),
        notes: Vec::new(),
        suspects,
        operations: roots.into_iter().map(operation).collect(),
        appeared,
        vanished,
        errors: Vec::new(),
        error_counts_are_complete: true,
        left_out,
        next: None,
    }
}

fn calls(operation: &analyze::OperationComparison, side: analyze::OperationSide) -> OperationCalls {
    OperationCalls {
        service: operation.service.clone(),
        name: operation.name.clone(),
        root: operation.root,
        calls: side.calls,
        executions: side.executions,
        errors: side.errors,
        evidence: None,
    }
}

fn suspects(comparison: &analyze::Comparison, executions: [&[Execution<'_, '_>]; 2]) -> Vec<WindowSuspect> {
    let names: Vec<(&str, &str)> =
        comparison.suspects.iter().map(|suspect| (suspect.service.as_str(), suspect.name.as_str())).collect();
    let [before, after] = executions.map(|executions| examples(executions, &names));
    let numbers = |suspect: &analyze::Suspect| {
        let is_it = |it: &&analyze::OperationComparison| {
            it.kind.is_none() && it.service == suspect.service && it.name == suspect.name
        };
        let found = comparison.operations.iter().find(is_it)?;
        Some(Sides { before: side(found.before), after: side(found.after) })
    };
    let suspect = |(suspect, (before, after)): (&analyze::Suspect, (Examples, Examples))| {
        let shown = if after.evidence.is_empty() { before } else { after };
        let evidence: Vec<_> = shown.evidence.iter().map(to_wire::evidence).collect();
        WindowSuspect {
            service: suspect.service.clone(),
            name: suspect.name.clone(),
            score: suspect.score,
            reason: suspect.reason.clone(),
            shown: suspect.shown,
            calls: numbers(suspect),
            location: shown.location.map(to_wire::location),
            next: evidence.first().map(explain),
            evidence,
        }
    };
    comparison.suspects.iter().zip(before.into_iter().zip(after)).map(suspect).collect()
}

/// The command that explains a trace; ids alone, so that it holds no recorded name.
fn explain(evidence: &kino_wire::finding::Evidence) -> String {
    format!("kino explain {}", evidence.trace_id)
}

fn error_change(group: ErrorGroup, (before, after): (u64, u64)) -> ErrorChange {
    let frame = group.frames.iter().find(|frame: &&Frame| frame.in_project).or_else(|| group.frames.first());
    ErrorChange {
        frame: frame.cloned().map(to_wire::frame),
        examples: group.examples.iter().filter(|place| !place.trace_id.is_zero()).map(to_wire::evidence).collect(),
        error_type: group.exception_type,
        message: group.message,
        fingerprint: group.fingerprint,
        before,
        after,
    }
}

/// What the answer cannot say.
fn notes(answer: &ExplainWindow) -> Vec<String> {
    let mut notes = Vec::new();
    let Sides { before, after } = answer.executions;
    if before.min(after) < FEW_EXECUTIONS {
        notes.push(format!(
            "{before} executions before and {after} in the window are few: only what differs greatly shows; a longer \
             window says more"
        ));
    }
    if answer.suspects.is_empty() && before.min(after) >= FEW_EXECUTIONS {
        notes.push("no operation changed by more than chance explains".to_owned());
    }
    if answer.suspects.iter().any(|suspect| !suspect.shown) {
        notes.push(NOT_SHOWN.to_owned());
    }
    if matches!(answer.verdict, Verdict::TooFewOccasions | Verdict::TooFewRuns) {
        notes.push(
            "how much windows differ without any change is not known from two of them, so that there is no verdict on \
             time as a whole; each suspect has a test of its own"
                .to_owned(),
        );
    }
    let length = |window: Window| window.end_unix_nanos.saturating_sub(window.start_unix_nanos);
    if length(answer.window) != length(answer.against) {
        notes.push("the windows differ in length, and with them what is counted in all of each".to_owned());
    }
    if answer.traces_left_out.before + answer.traces_left_out.after > 0 {
        notes.push("of each window the newest traces were looked at".to_owned());
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000_000_000_000;
    const HOUR: i64 = 3_600_000_000_000;

    fn check(since: i64, until: Option<i64>, against: Option<(i64, i64)>) -> Result<[(i64, i64); 2], String> {
        let against = against.map(|(start, end)| Window { start_unix_nanos: start, end_unix_nanos: end });
        let question = ExplainWindowQuestion {
            since_unix_nanos: since,
            until_unix_nanos: until,
            against,
            ..ExplainWindowQuestion::default()
        };
        let ends = |window: Window| (window.start_unix_nanos - NOW, window.end_unix_nanos - NOW);
        windows(&question, NOW)
            .map(|(window, against)| [ends(window), ends(against)])
            .map_err(|problem| problem.message)
    }

    #[test]
    fn a_window_is_compared_with_the_stretch_before_it() {
        assert_eq!(check(NOW - HOUR, None, None), Ok([(-HOUR, 0), (-2 * HOUR, -HOUR)]));
        assert_eq!(check(NOW - HOUR, Some(NOW + HOUR), None), Ok([(-HOUR, 0), (-2 * HOUR, -HOUR)]));
        let given = check(NOW - HOUR, None, Some((NOW - 9 * HOUR, NOW - HOUR)));
        assert_eq!(given, Ok([(-HOUR, 0), (-9 * HOUR, -HOUR)]));
    }

    #[test]
    fn windows_that_cannot_be_compared_are_refused_in_a_sentence() {
        assert!(check(NOW + HOUR, None, None).unwrap_err().contains("in the future"));
        assert!(check(i64::MIN, None, None).is_err(), "there is no time before the first");
        assert!(check(NOW - HOUR, Some(NOW - 2 * HOUR), None).unwrap_err().contains("before it begins"));
        assert!(check(NOW - HOUR, None, Some((NOW - HOUR, NOW - 2 * HOUR))).unwrap_err().contains("compare with ends"));
        let overlapping = check(NOW - 2 * HOUR, None, Some((NOW - 3 * HOUR, NOW - HOUR))).unwrap_err();
        assert!(
            overlapping.contains("share the time from 2023-11-14T20:13:20.000Z to 2023-11-14T21:13:20.000Z"),
            "{overlapping}"
        );
    }
}
