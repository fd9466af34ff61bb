//! `compare_runs`: two sets of runs that are recorded already, and what differs.

use kino_wire::ask::ask;
use kino_wire::compare::{Compare, CompareQuestion, OperationComparison, TotalComparison};

use crate::answer::{Answer, Rendered, Table};
use crate::arguments;
use crate::tools::{Refusal, ToolContext, calls_changed_table, shapes, suite, verdict};
use crate::untrusted::MESSAGE_BYTES_MAX;
use crate::value::Value;

/// What is said where no suspect has passed a test of its own.
pub(super) const NOT_SHOWN: &str = "executions as a whole changed, though no operation by itself is shown to have: the \
                                    suspects are those that chance explains least";

impl ToolContext<'_> {
    pub(crate) async fn compare_runs(&self, arguments: arguments::Compare) -> Result<Rendered, Refusal> {
        let question = CompareQuestion { before: arguments.before, after: arguments.after, scope: self.scope.clone() };
        let compared = ask(self.backend, &question).await?;
        self.finish(&compare_answer(&compared), arguments.cursor.as_ref())
    }
}

fn compare_answer(compared: &Compare) -> Answer {
    let mut operations = Table::new(&shapes::COMPARED_OPERATIONS);
    operations.rows = compared.operations.iter().map(operation_row).collect();
    let mut counts = Table::new(&shapes::COUNTS);
    for count in &compared.counts {
        counts.rows.push(vec![
            Value::recorded(&count.what),
            Value::Number(count.before),
            Value::Number(count.after),
            Value::Plain(format!("{:?}", count.verdict).to_lowercase()),
        ]);
    }
    let mut suspects = Table::new(&shapes::SUSPECTS);
    for suspect in &compared.suspects {
        suspects.rows.push(vec![
            Value::Number(suspect.score),
            Value::recorded(&suspect.service),
            Value::recorded(&suspect.name),
            Value::recorded_up_to(&suspect.reason, MESSAGE_BYTES_MAX),
        ]);
    }
    let runs = Table::with_rows(&shapes::RUNS, compared.totals.iter().map(total_row));
    let executions = compared.executions_changed.iter().map(|changed| {
        let (service, name) = (Value::recorded(&changed.service), Value::recorded(&changed.name));
        vec![service, name, Value::Number(changed.before), Value::Number(changed.after)]
    });
    let executions = Table::with_rows(&shapes::EXECUTIONS_CHANGED, executions);
    let mut facts = vec![
        ("verdict", verdict(compared.verdict)),
        ("executions_before", Value::Count(compared.executions.before)),
        ("executions_after", Value::Count(compared.executions.after)),
        ("runs_before", Value::Count(compared.runs.before)),
        ("runs_after", Value::Count(compared.runs.after)),
    ];
    facts.extend(compared.drift.map(|drift| ("drift_of_both_sides", Value::Number(drift))));
    let mut notes = vec![String::from(
        "effect is the ratio, after over before, in the interval low..high; runs are the unit of time",
    )];
    if let Some(others) = compared.others_cpu {
        facts.push(("others_cpu_before", Value::Number(others.before)));
        facts.push(("others_cpu_after", Value::Number(others.after)));
        notes.push(String::from(
            "other programs used these shares of the cores, which changes times by itself: compare runs made while the \
             machine does the same",
        ));
    }
    if compared.suspects.iter().any(|suspect| !suspect.shown) {
        notes.push(String::from(NOT_SHOWN));
    }
    if compared.left_out > 0 {
        facts.push(("beyond", Value::Count(compared.left_out)));
    }
    let mut tables = vec![suspects, operations, counts, runs];
    if !executions.rows.is_empty() {
        tables.insert(0, executions);
    }
    if !compared.calls_changed.is_empty() {
        tables.insert(0, calls_changed_table(&compared.calls_changed));
    }
    if let Some(tests) = &compared.tests {
        let (of_tests, table) = suite::compared(tests);
        facts.extend(of_tests);
        if !table.rows.is_empty() {
            tables.insert(0, table);
        }
    }
    Answer { tool: "compare_runs", facts, notes, tables, next: None }
}

/// A total of whole runs.
fn total_row(total: &TotalComparison) -> Vec<Value> {
    vec![
        Value::Plain(format!("{} time", total.what)),
        verdict(total.verdict),
        Value::nanos(Some(total.before_nanos)),
        Value::nanos(Some(total.after_nanos)),
        Value::number(Some(total.effect)),
        Value::number(total.interval.map(|[low, _]| low)),
        Value::number(total.interval.map(|[_, high]| high)),
    ]
}

fn operation_row(operation: &OperationComparison) -> Vec<Value> {
    let root = if operation.root { Value::Plain("yes".into()) } else { Value::Empty };
    let missing = operation.runs_missing.or(operation.occasions_missing).or(operation.executions_missing);
    let kind = operation.kind.as_ref().map(|kind| format!(" [{kind}]")).unwrap_or_default();
    vec![
        Value::recorded(&operation.service),
        Value::recorded(&format!("{}{kind}", operation.name)),
        root,
        verdict(operation.verdict),
        Value::nanos(operation.before.median_nanos),
        Value::nanos(operation.after.median_nanos),
        Value::number(operation.effect),
        Value::number(operation.interval.map(|[low, _]| low)),
        Value::number(operation.interval.map(|[_, high]| high)),
        Value::Count(operation.before.calls),
        Value::Count(operation.after.calls),
        Value::Count(operation.before.errors),
        Value::Count(operation.after.errors),
        missing.map_or(Value::Empty, Value::Count),
    ]
}
