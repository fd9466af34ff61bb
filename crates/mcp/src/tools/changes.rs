//! `explain_system` with `since`: what changed in a window of time, as tables.

use kino_wire::ask::ask;
use kino_wire::window::{ErrorChange, ExplainWindow, ExplainWindowQuestion, OperationCalls, Window, WindowSuspect};

use crate::answer::{Answer, Rendered, Table, TableShape};
use crate::arguments;
use crate::tools::{Refusal, ToolContext, at, evidence, location, shapes, verdict};
use crate::untrusted::MESSAGE_BYTES_MAX;
use crate::value::Value;

impl ToolContext<'_> {
    pub(crate) async fn explain_window(&self, since: &str, arguments: &arguments::System) -> Result<Rendered, Refusal> {
        let since_unix_nanos = arguments::time(since, self.now)?;
        let against = match &arguments.against {
            Some(text) => Some(self.against(text, since_unix_nanos)?),
            None => None,
        };
        let question =
            ExplainWindowQuestion { since_unix_nanos, until_unix_nanos: None, against, scope: self.scope.clone() };
        let answer = window_answer(&ask(self.backend, &question).await?, self.scope_fact());
        self.finish(&answer, arguments.cursor.as_ref())
    }

    /// `START..END`, or a length up to `since`, or a start.
    fn against(&self, text: &str, since: i64) -> Result<Window, String> {
        let (start, end) = match text.split_once("..") {
            Some((start, end)) => (arguments::time(start, self.now)?, arguments::time(end, self.now)?),
            None => match arguments::duration(text) {
                Ok(length) => (since.saturating_sub(length), since),
                Err(_) => (arguments::time(text, self.now)?, since),
            },
        };
        Ok(Window { start_unix_nanos: start, end_unix_nanos: end })
    }
}

fn window_answer(explained: &ExplainWindow, scope: (&'static str, Value)) -> Answer {
    let mut facts = vec![
        ("since", Value::Time(explained.window.start_unix_nanos)),
        ("until", Value::Time(explained.window.end_unix_nanos)),
        ("against", Value::Time(explained.against.start_unix_nanos)),
        ("against_until", Value::Time(explained.against.end_unix_nanos)),
        ("executions_before", Value::Count(explained.executions.before)),
        ("executions_since", Value::Count(explained.executions.after)),
        scope,
    ];
    let beyond = explained.left_out;
    let counts = [
        ("traces_before_left_out", explained.traces_left_out.before),
        ("traces_since_left_out", explained.traces_left_out.after),
        ("suspects_beyond", beyond.suspects),
        ("errors_beyond", beyond.errors),
        ("new_beyond", beyond.appeared),
        ("gone_beyond", beyond.vanished),
        ("entry_points_beyond", beyond.operations),
    ];
    facts.extend(counts.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name, Value::Count(count))));
    let suspects = Table::with_rows(&shapes::WINDOW_SUSPECTS, explained.suspects.iter().map(suspect_row));
    let errors = Table::with_rows(&shapes::WINDOW_ERRORS, explained.errors.iter().map(error_row));
    let new = comings(&shapes::NEW_OPERATIONS, &explained.appeared);
    let gone = comings(&shapes::GONE_OPERATIONS, &explained.vanished);
    let mut entries = Table::new(&shapes::WINDOW_ENTRY_POINTS);
    for row in &explained.operations {
        entries.rows.push(vec![
            Value::recorded(&row.service),
            Value::recorded(&row.name),
            verdict(row.verdict),
            Value::nanos(row.before.median_nanos),
            Value::nanos(row.after.median_nanos),
            Value::Count(row.before.calls),
            Value::Count(row.after.calls),
            Value::Count(row.before.errors),
            Value::Count(row.after.errors),
        ]);
    }
    let mut tables = vec![suspects, errors, new, gone, entries];
    tables.retain(|table| !table.rows.is_empty());
    Answer { tool: "explain_system", facts, notes: explained.notes.clone(), tables, next: None }
}

fn suspect_row(suspect: &WindowSuspect) -> Vec<Value> {
    let calls = suspect.calls;
    vec![
        Value::Number(suspect.score),
        Value::recorded(&suspect.service),
        Value::recorded(&suspect.name),
        Value::recorded_up_to(&suspect.reason, MESSAGE_BYTES_MAX),
        Value::nanos(calls.and_then(|calls| calls.before.median_nanos)),
        Value::nanos(calls.and_then(|calls| calls.after.median_nanos)),
        calls.map_or(Value::Empty, |calls| Value::Count(calls.before.errors)),
        calls.map_or(Value::Empty, |calls| Value::Count(calls.after.errors)),
        location(suspect.location.as_ref()),
        evidence(&suspect.evidence),
    ]
}

fn error_row(error: &ErrorChange) -> Vec<Value> {
    vec![
        Value::Count(error.before),
        Value::Count(error.after),
        Value::recorded(&error.error_type),
        Value::recorded_up_to(&error.message, MESSAGE_BYTES_MAX),
        error.frame.as_ref().map_or(Value::Empty, |frame| at(&frame.path, frame.line)),
        evidence(&error.examples),
    ]
}

fn comings(shape: &TableShape, operations: &[OperationCalls]) -> Table {
    let mut table = Table::new(shape);
    for operation in operations {
        table.rows.push(vec![
            Value::recorded(&operation.service),
            Value::recorded(&operation.name),
            Value::Count(operation.calls),
            Value::Count(operation.errors),
            operation.evidence.as_ref().map_or(Value::Empty, |place| evidence(std::slice::from_ref(place))),
        ]);
    }
    table
}
