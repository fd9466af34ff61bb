//! `find_traces`: traces by their properties, and the names that other questions need.

use kino_wire::ask::ask;
use kino_wire::find::{FindItem, FindQuestion};
use kino_wire::live::{MAX_OPERATIONS, OperationSummary, OperationsQuestion, ServiceSummary, ServicesQuestion};
use kino_wire::run::{RunItem, RunsQuestion};
use serde_json::Value as Json;

use crate::answer::{Answer, Rendered, Table};
use crate::arguments::{self, Names};
use crate::tools::{Refusal, ToolContext, shapes, unknown_name, unknown_service};
use crate::value::Value;

impl ToolContext<'_> {
    pub(crate) async fn find_traces(&self, arguments: arguments::Find) -> Result<Rendered, Refusal> {
        if let Some(names) = arguments.list {
            return self.list_names(names, arguments).await;
        }
        let mut question = FindQuestion {
            service: arguments.service,
            name: arguments.name,
            min_duration_nanos: arguments.min_duration.as_deref().map(arguments::duration).transpose()?,
            since_unix_nanos: arguments::optional_time(arguments.since.as_ref(), self.now)?,
            until_unix_nanos: arguments::optional_time(arguments.until.as_ref(), self.now)?,
            error: arguments.error,
            attributes: arguments.attributes.into_iter().map(|(key, value)| (key, plain(&value))).collect(),
            run_id: arguments.run,
            limit: arguments.limit.min(kino_wire::find::MAX_LIMIT),
            cursor: arguments.cursor,
            scope: self.scope.clone(),
        };
        loop {
            let found = ask(self.backend, &question).await?;
            let mut table = Table::with_rows(&shapes::TRACES, found.items.iter().map(find_row));
            table.paged_by_backend = true;
            let more = Value::Plain(if found.more { "yes" } else { "no" }.into());
            let mut facts = vec![self.scope_fact(), ("more", more)];
            facts.extend(found.unknown_service.as_ref().map(unknown_service));
            facts.extend(found.unknown_name.as_ref().map(unknown_name));
            let answer =
                Answer { tool: "find_traces", facts, notes: Vec::new(), tables: vec![table], next: found.cursor };
            let rendered = answer.render(self.budget_tokens, None);
            // The backend's cursor goes on after its last item, so that all items must fit. At least one always does.
            let fits = rendered.shown[0].max(1);
            if fits >= found.items.len() {
                return Ok(rendered);
            }
            question.limit = fits;
        }
    }
}

impl ToolContext<'_> {
    /// Lists what the other tools are asked by, and of a list of tests what there is to say of each.
    async fn list_names(&self, names: Names, arguments: arguments::Find) -> Result<Rendered, Refusal> {
        arguments.fits(names)?;
        let (limit, scope) = (arguments.limit.min(MAX_OPERATIONS), self.scope.clone());
        let since_unix_nanos = arguments::optional_time(arguments.since.as_ref(), self.now)?;
        let until_unix_nanos = arguments::optional_time(arguments.until.as_ref(), self.now)?;
        let mut facts = vec![self.scope_fact()];
        let (table, left_out, not_looked_at) = match names {
            Names::Services => {
                let question = ServicesQuestion { since_unix_nanos, until_unix_nanos, limit, scope };
                let services = ask(self.backend, &question).await?;
                let table = Table::with_rows(&shapes::SERVICES, services.items.iter().map(service_row));
                (table, services.left_out, services.not_looked_at)
            }
            Names::Operations => {
                let service = arguments.service;
                let question =
                    OperationsQuestion { service, roots: false, since_unix_nanos, until_unix_nanos, limit, scope };
                let operations = ask(self.backend, &question).await?;
                facts.extend(operations.unknown_service.as_ref().map(unknown_service));
                let table = Table::with_rows(&shapes::OPERATIONS, operations.items.iter().map(operation_row));
                (table, operations.left_out, operations.not_looked_at)
            }
            Names::Runs => {
                let question =
                    RunsQuestion { since_unix_nanos, until_unix_nanos, limit, scope, ..RunsQuestion::default() };
                let runs = ask(self.backend, &question).await?;
                (Table::with_rows(&shapes::RUNS_LISTED, runs.items.iter().map(run_row)), runs.left_out, 0)
            }
            Names::Tests => return self.list_tests(arguments).await,
        };
        facts.extend((left_out > 0).then_some(("beyond_limit", Value::Count(left_out))));
        facts.extend((not_looked_at > 0).then_some(("spans_not_looked_at", Value::Count(not_looked_at))));
        let answer = Answer { tool: "find_traces", facts, notes: Vec::new(), tables: vec![table], next: None };
        self.finish(&answer, arguments.cursor.as_ref())
    }
}

fn service_row(service: &ServiceSummary) -> Vec<Value> {
    vec![
        Value::recorded(&service.service),
        Value::Count(service.operations),
        Value::Count(service.spans),
        Value::Count(service.roots),
        Value::Count(service.errors),
    ]
}

fn operation_row(operation: &OperationSummary) -> Vec<Value> {
    vec![
        Value::recorded(&operation.service),
        Value::recorded(&operation.name),
        Value::Count(operation.spans),
        Value::Count(operation.roots),
        Value::Count(operation.errors),
        Value::Nanos(operation.total_nanos),
        Value::nanos(operation.duration.map(|duration| duration.p50_nanos)),
        Value::nanos(operation.duration.map(|duration| duration.p95_nanos)),
    ]
}

fn run_row(run: &RunItem) -> Vec<Value> {
    let ended = match (run.exit_code, run.signal) {
        (_, Some(signal)) => Value::Plain(format!("signal {signal}")),
        (Some(code), None) => Value::Plain(format!("exit {code}")),
        (None, None) if run.lost => Value::Plain("lost".to_owned()),
        (None, None) => Value::Empty,
    };
    vec![
        Value::Plain(run.run_id.to_string()),
        Value::recorded(run.label.as_deref().unwrap_or_default()),
        Value::recorded(&run.command.join(" ")),
        Value::Time(run.start_unix_nanos),
        Value::nanos(run.duration_nanos),
        ended,
        Value::Plain(run.trace_id.to_string()),
    ]
}

/// An attribute's value as the text that traces are filtered by.
fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), String::from)
}

fn find_row(item: &FindItem) -> Vec<Value> {
    // Any program may say that a run of some name produced it. Only `kino run` makes ids of its own.
    let run = item.run_id.as_deref();
    let (recorded_run, claimed_run) = if item.run_recorded { (run, None) } else { (None, run) };
    vec![
        Value::Plain(item.trace_id.to_string()),
        Value::recorded(&item.root_service),
        Value::recorded(&item.root_name),
        Value::Time(item.start_unix_nanos),
        Value::nanos(item.duration_nanos),
        Value::Count(item.span_count),
        Value::Count(item.error_count),
        recorded_run.map_or(Value::Empty, Value::word),
        claimed_run.map_or(Value::Empty, Value::recorded),
    ]
}
