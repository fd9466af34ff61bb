//! One function for each tool: it turns arguments into a question, and the answer into facts and tables.

mod apart;
mod changes;
mod comparison;
mod diagnosis;
pub(crate) mod evidence;
mod find;
pub(crate) mod insights;
pub(crate) mod list;
mod prediction;
pub(crate) mod shapes;
pub(crate) mod sql;
mod suite;
pub(crate) mod verify;

use kino_model::{TraceId, UnixNanos};
use kino_wire::ask::{Scope, TargetKind, UnknownName, ask};
use kino_wire::compare::CallsChanged;
use kino_wire::errors::{ErrorGroup, ErrorsQuestion, Frame};
use kino_wire::explain::{
    BreakdownRow, EntryPoint, ExplainOperation, ExplainOperationQuestion, ExplainSystemQuestion, ExplainTrace,
    ExplainTraceQuestion, LeftOut, Quantiles,
};
use kino_wire::finding::{Evidence, Finding, Location, Searched};
use kino_wire::predict::PredictQuestion;
use kino_wire::resolve::{PREFIX_DIGITS_MIN, ResolveQuestion};
use kino_wire::{Backend, Problem};

use self::sql::SqlRunner;
use crate::answer::{Answer, Page, Rendered, Table};
use crate::arguments;
use crate::untrusted::{CELL_BYTES_MAX, MESSAGE_BYTES_MAX, clean};
use crate::value::Value;

/// How many groups of errors are asked for, so that pages can be made of them.
const ERROR_GROUPS_MAX: usize = 500;
/// Segments of a critical path on a first page: the breakdown has their sums.
const PATH_ROWS_MAX: usize = 12;

/// What a cursor of another question is answered with.
const WRONG_CURSOR: &str = "wrong cursor: use the one that the same question answered with";

/// Why a tool has no answer.
pub(crate) enum Refusal {
    /// The arguments are wrong; the words are ours.
    Arguments(String),
    /// The backend's problem.
    Problem(Problem),
    /// What is wrong with a statement, in words that may quote what was recorded.
    Quoting(String),
}

impl From<String> for Refusal {
    fn from(message: String) -> Self {
        Self::Arguments(message)
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// What a tool's call knows besides its arguments: the backend, the scope, the time and the budget.
pub(crate) struct ToolContext<'a> {
    pub(crate) backend: &'a dyn Backend,
    pub(crate) sql: Option<&'a dyn SqlRunner>,
    pub(crate) scope: Scope,
    /// What the backend may search for places in the code.
    pub(crate) worktree: Option<String>,
    pub(crate) now: UnixNanos,
    pub(crate) budget_tokens: usize,
}

impl ToolContext<'_> {
    /// What the scope is, as a fact of the answer.
    pub(crate) fn scope_fact(&self) -> (&'static str, Value) {
        let scope = if self.scope.all || self.scope.project.is_none() { "all projects" } else { "this project" };
        ("scope", Value::Plain(scope.to_owned()))
    }

    pub(crate) fn finish(&self, answer: &Answer, cursor: Option<&String>) -> Result<Rendered, Refusal> {
        let page = cursor.map(|cursor| page(answer, cursor)).transpose()?;
        Ok(answer.render(self.budget_tokens, page.as_ref()))
    }

    pub(crate) async fn explain_system(&self, arguments: arguments::System) -> Result<Rendered, Refusal> {
        match (&arguments.question, &arguments.since, &arguments.against) {
            (Some(_), _, None) => return self.diagnose(arguments).await,
            (Some(_), _, Some(_)) => {
                return Err(Refusal::Arguments(String::from("against goes with since alone: leave question out")));
            }
            (None, Some(since), _) => return self.explain_window(since, &arguments).await,
            (None, None, Some(_)) => {
                return Err(Refusal::Arguments(String::from("against needs since: what changed since when?")));
            }
            (None, None, None) => {}
        }
        let question =
            ExplainSystemQuestion { last: arguments.last, scope: self.scope.clone(), worktree: self.worktree.clone() };
        let system = ask(self.backend, &question).await?;
        let mut entries = Table::new(&shapes::ENTRY_POINTS);
        let mut calls = Table::new(&shapes::CALLS);
        calls.grouped = true;
        for (index, entry) in system.entry_points.iter().enumerate() {
            entries.rows.push(entry_row(index, entry));
        }
        // The heaviest call of each entry point first, then the second of each: a cut then hurts all alike.
        let deepest = system.entry_points.iter().map(|entry| entry.breakdown.len()).max().unwrap_or(0);
        for rank in 0..deepest {
            for (index, entry) in system.entry_points.iter().enumerate() {
                if let Some(row) = entry.breakdown.get(rank) {
                    calls.rows.push(call_row(index, entry, row));
                }
            }
        }
        let mut tables = vec![entries, calls];
        tables.extend(concurrent_table(&system.entry_points));
        let mut notes = Vec::new();
        if system.entry_points.is_empty() {
            notes.push(String::from("nothing recorded in this scope yet: trace a program with `kino run -- CMD`"));
        }
        if system.left_out > 0 {
            notes.push(format!("{} more entry points with less total time are not shown", system.left_out));
        }
        if system.traces_left_out > 0 {
            let traces = system.traces_left_out;
            notes.push(format!("{traces} traces left out: beyond the bound on spans, or of temporary worktrees"));
        }
        let answer = Answer { tool: "explain_system", facts: vec![self.scope_fact()], notes, tables, next: None };
        self.finish(&answer, arguments.cursor.as_ref())
    }

    pub(crate) async fn explain(&self, arguments: arguments::Explain) -> Result<Rendered, Refusal> {
        let predicts = arguments.attribute.is_some() || arguments.at.is_some();
        let answer = if predicts {
            let question = PredictQuestion {
                operation: arguments.target,
                service: arguments.service,
                attribute: arguments.attribute,
                at: arguments.at,
                limit_nanos: None,
                last: arguments.last,
                scope: self.scope.clone(),
            };
            let mut answer = prediction::answer(&ask(self.backend, &question).await?);
            answer.facts.push(self.scope_fact());
            answer
        } else if let Some((trace_id, span)) = self.trace_of(&arguments).await? {
            let worktree = self.worktree.clone();
            let question = ExplainTraceQuestion { span, worktree, ..ExplainTraceQuestion::overview(trace_id) };
            trace_answer(&ask(self.backend, &question).await?)
        } else {
            let question = ExplainOperationQuestion {
                operation: arguments.target,
                service: arguments.service,
                last: arguments.last,
                all_states: false,
                scope: self.scope.clone(),
                worktree: self.worktree.clone(),
            };
            let mut answer = operation_answer(&ask(self.backend, &question).await?);
            answer.facts.push(self.scope_fact());
            answer
        };
        self.finish(&answer, arguments.cursor.as_ref())
    }

    /// The trace that a target means, and the span in it for a part of one; `None` where it is an operation.
    async fn trace_of(&self, arguments: &arguments::Explain) -> Result<Option<(TraceId, Option<String>)>, Refusal> {
        let target = arguments.target.trim();
        let is_id =
            |digits: &str| digits.len() >= PREFIX_DIGITS_MIN && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let (target, span) = match target.split_once('/') {
            Some((trace, span)) if is_id(trace) && is_id(span) => (trace, Some(span.to_owned())),
            _ => (target, None),
        };
        if let Ok(whole) = target.parse() {
            return Ok(Some((whole, span)));
        }
        if !is_id(target) || target.len() >= 2 * TraceId::LEN {
            return Ok(None);
        }
        let mut kinds = vec![TargetKind::Trace];
        kinds.extend(span.is_none().then_some(TargetKind::Operation));
        let question = ResolveQuestion {
            what: target.to_owned(),
            kinds,
            service: arguments.service.clone(),
            scope: self.scope.clone(),
        };
        Ok(ask(self.backend, &question).await?.target.trace().map(|trace| (trace, span)))
    }

    pub(crate) async fn find_errors(&self, arguments: arguments::Errors) -> Result<Rendered, Refusal> {
        let question = ErrorsQuestion {
            service: arguments.service,
            since_unix_nanos: arguments::optional_time(arguments.since.as_ref(), self.now)?,
            until_unix_nanos: arguments::optional_time(arguments.until.as_ref(), self.now)?,
            run_id: arguments.run,
            fingerprint: arguments.fingerprint,
            limit: ERROR_GROUPS_MAX,
            scope: self.scope.clone(),
        };
        let errors = ask(self.backend, &question).await?;
        let mut table = Table::new(&shapes::ERRORS);
        table.rows = errors.items.iter().map(error_row).collect();
        let mut notes = Vec::new();
        if errors.left_out_temporary > 0 {
            let count = errors.left_out_temporary;
            notes.push(format!(
                "{count} exceptions of code that a verification ran are left out: name its run for them"
            ));
        }
        if errors.outputs_left_out > 0 {
            let count = errors.outputs_left_out;
            notes.push(format!(
                "the output of {count} older runs was not searched: name a run to have its output searched"
            ));
        }
        if errors.items.iter().any(|group| group.printed.is_some()) {
            notes.push(String::from("printed: how many were read in the output of a run, where no span recorded them"));
        }
        if errors.more {
            notes.push(format!("more than {ERROR_GROUPS_MAX} kinds of errors: narrow by service or since"));
        }
        let mut facts = vec![self.scope_fact()];
        facts.extend(errors.unknown_service.as_ref().map(unknown_service));
        let answer = Answer { tool: "find_errors", facts, notes, tables: vec![table], next: None };
        self.finish(&answer, arguments.cursor.as_ref())
    }
}

/// Returns the page that a cursor names.
///
/// # Errors
/// Where the answer has no such table.
fn page(answer: &Answer, cursor: &str) -> Result<Page, String> {
    let page = Page::parse(cursor).filter(|page| answer.tables.iter().any(|table| page.offset(table.name).is_some()));
    page.ok_or_else(|| WRONG_CURSOR.to_owned())
}

fn trace_answer(explained: &ExplainTrace) -> Answer {
    let mut facts = vec![("trace_id", Value::Plain(explained.trace_id.to_string()))];
    let mut notes = Vec::new();
    if let Some(root) = &explained.root {
        facts.push(("service", Value::recorded(&root.service)));
        facts.push(("root", Value::recorded(&root.name)));
        facts.push(("duration", Value::nanos(root.duration_nanos)));
    } else {
        notes.push(String::from("the root span has not arrived"));
    }
    facts.push(("spans", Value::Count(explained.spans)));
    facts.push(("missing_parents", Value::Count(explained.missing_parents)));
    facts.extend(nested_fact(explained.nested_by_time));
    let other_roots = explained.other_roots.len() as u64 + explained.left_out.other_roots;
    if other_roots > 0 {
        facts.push(("other_roots", Value::Count(other_roots)));
    }
    for waited in &explained.waited_for {
        facts.push(("waited", Value::recorded_up_to(&waited.text, MESSAGE_BYTES_MAX)));
    }
    facts.extend(left_out_facts(&explained.left_out));
    let mut path = Table::new(&shapes::CRITICAL_PATH);
    path.most = Some(PATH_ROWS_MAX);
    let start = explained.path.start_unix_nanos;
    for segment in &explained.critical_path {
        path.rows.push(vec![
            Value::Nanos(segment.start_unix_nanos - start),
            Value::Nanos(segment.end_unix_nanos - segment.start_unix_nanos),
            Value::recorded(&segment.service),
            Value::recorded(&segment.name),
            Value::Plain(segment.span_id.to_string()),
        ]);
    }
    facts.extend(apart::facts(explained));
    let mut tables = apart::tables(explained);
    tables.extend([findings_table(&explained.findings), breakdown_table(&explained.breakdown), path]);
    Answer { tool: "explain", facts, notes, tables, next: None }
}

fn operation_answer(explained: &ExplainOperation) -> Answer {
    let mut facts = vec![
        ("operation", Value::recorded(&explained.operation)),
        ("services", Value::recorded(&explained.services.join(", "))),
        ("executions", Value::Count(explained.executions)),
        ("spans", Value::Count(explained.spans)),
        ("errors", Value::Count(explained.errors)),
    ];
    facts.extend(explained.code_state.as_deref().map(|state| ("code_state", Value::recorded(state))));
    facts.extend(nested_fact(explained.nested_by_time));
    if let Some(Quantiles { p50_nanos, p95_nanos, max_nanos, .. }) = explained.duration {
        facts.extend([
            ("p50", Value::Nanos(p50_nanos)),
            ("p95", Value::Nanos(p95_nanos)),
            ("max", Value::Nanos(max_nanos)),
        ]);
    }
    facts.extend(left_out_facts(&explained.left_out));
    let notes = vec![String::from("count is over all executions; self and critical are means of one")];
    let mut tables = vec![findings_table(&explained.findings), breakdown_table(&explained.breakdown)];
    if !explained.calls_changed.is_empty() {
        tables.insert(0, calls_changed_table(&explained.calls_changed));
    }
    Answer { tool: "explain", facts, notes, tables, next: None }
}

/// Calls whose number changed by an order of magnitude.
fn calls_changed_table(changed: &[CallsChanged]) -> Table {
    let mut table = Table::new(&shapes::CALLS_CHANGED);
    for changed in changed {
        let text = Value::recorded_up_to(&changed.text, MESSAGE_BYTES_MAX);
        table.rows.push(vec![text, Value::recorded(&changed.parent)]);
    }
    table
}

/// How many spans are nested by time, where any are.
fn nested_fact(count: u64) -> Option<(&'static str, Value)> {
    (count > 0).then_some(("spans_nested_by_time", Value::Count(count)))
}

/// What the backend left out, where there is any.
fn left_out_facts(left_out: &LeftOut) -> Vec<(&'static str, Value)> {
    let counts = [
        ("executions_beyond", left_out.executions),
        ("executions_of_verifications", left_out.of_verifications),
        ("executions_of_other_states", left_out.other_states),
        ("open_executions_left_out", left_out.open_executions),
        ("spans_outside_parent", left_out.spans_outside_parent),
        ("open_spans", left_out.open_spans),
        ("breakdown_beyond", left_out.breakdown_rows),
        ("findings_beyond", left_out.findings),
        ("path_segments_beyond", left_out.path_segments),
        ("log_records_beyond", left_out.logs),
    ];
    counts.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name, Value::Count(count))).collect()
}

fn findings_table(findings: &[Finding]) -> Table {
    let mut table = Table::new(&shapes::FINDINGS);
    for finding in findings {
        table.rows.push(vec![
            Value::word(finding.code.name()),
            Value::nanos(finding.saving_nanos),
            Value::Number(finding.confidence),
            Value::Count(finding.executions),
            finding_text(finding),
            location(finding.location.as_ref()),
            searched(finding.searched.as_ref()),
            evidence(&finding.evidence),
        ]);
    }
    table
}

/// What a finding says, with its remarks; each bounded by itself, so that a long statement hides no remark.
pub(crate) fn finding_text(finding: &Finding) -> Value {
    let text = clean(&finding.text, MESSAGE_BYTES_MAX);
    if finding.remarks.is_empty() {
        return Value::Recorded(text);
    }
    Value::Recorded(format!("{text} · {}", clean(&finding.remarks.join(" · "), CELL_BYTES_MAX)))
}

fn breakdown_table(rows: &[BreakdownRow]) -> Table {
    let mut table = Table::new(&shapes::BREAKDOWN);
    for row in rows {
        table.rows.push(vec![
            Value::recorded(&row.service),
            Value::recorded(&row.name),
            Value::Count(row.count),
            Value::Nanos(row.self_nanos),
            Value::Nanos(row.critical_nanos),
            Value::Share(row.share),
            Value::nanos(row.duration.map(|duration| duration.p50_nanos)),
            Value::nanos(row.duration.map(|duration| duration.p95_nanos)),
            Value::recorded(row.statement.as_deref().unwrap_or_default()),
            location(row.code.as_ref()),
            searched(row.searched.as_ref()),
            evidence(&row.examples),
        ]);
    }
    table
}

/// Returns the calls below the entry points that overlap in time; `None` where none do.
fn concurrent_table(entry_points: &[EntryPoint]) -> Option<Table> {
    let mut table = Table::new(&shapes::AT_THE_SAME_TIME);
    for (index, entry) in entry_points.iter().enumerate() {
        table.rows.extend(entry.concurrent.iter().map(|pair| {
            vec![
                Value::Count(index as u64 + 1),
                Value::recorded(&pair.names[0]),
                Value::recorded(&pair.names[1]),
                Value::Nanos(pair.overlap_nanos),
                Value::Share(pair.share),
            ]
        }));
    }
    (!table.rows.is_empty()).then_some(table)
}

fn entry_row(index: usize, entry: &EntryPoint) -> Vec<Value> {
    vec![
        Value::Count(index as u64 + 1),
        Value::recorded(&entry.service),
        Value::recorded(&entry.name),
        Value::Count(entry.executions),
        Value::Count(entry.errors),
        Value::Nanos(entry.duration.p50_nanos),
        Value::Nanos(entry.duration.p95_nanos),
    ]
}

fn call_row(index: usize, entry: &EntryPoint, row: &BreakdownRow) -> Vec<Value> {
    vec![
        Value::Count(index as u64 + 1),
        Value::recorded(&row.service),
        Value::recorded(&row.name),
        Value::Number(row.count as f64 / entry.executions.max(1) as f64),
        Value::Nanos(row.critical_nanos),
        Value::Share(row.share),
        location(row.code.as_ref()),
        searched(row.searched.as_ref()),
        Value::recorded(row.statement.as_deref().unwrap_or_default()),
    ]
}

fn error_row(group: &ErrorGroup) -> Vec<Value> {
    let frame = group.frames.iter().find(|frame| frame.in_project).or_else(|| group.frames.first());
    vec![
        Value::recorded(&group.exception_type),
        Value::recorded_up_to(&group.message, MESSAGE_BYTES_MAX),
        Value::Count(group.count),
        Value::Time(group.last_seen_unix_nanos),
        frame.map_or(Value::Empty, |Frame { path, line, .. }| at(path, *line)),
        frame.map_or(Value::Empty, |frame| Value::recorded(&frame.function)),
        Value::Plain(group.fingerprint.to_string()),
        example(group),
        group.printed.as_ref().map_or(Value::Empty, |printed| Value::Count(printed.count)),
    ]
}

/// The services whose names are near the one asked for, where none has that name.
pub(crate) fn unknown_service(unknown: &UnknownName) -> (&'static str, Value) {
    ("no_such_service_nearest", nearest(&unknown.did_you_mean))
}

/// The names of spans that are near the one asked for, where none has that name.
pub(crate) fn unknown_name(unknown: &UnknownName) -> (&'static str, Value) {
    ("no_such_name_nearest", nearest(&unknown.did_you_mean))
}

fn nearest(names: &[String]) -> Value {
    let near = names.join(", ");
    if near.is_empty() { Value::Plain("none is near".to_owned()) } else { Value::recorded(&near) }
}

/// A span of an error, or the output that it was read in, as `open_evidence` takes it.
fn example(group: &ErrorGroup) -> Value {
    match group.printed.as_ref().and_then(|printed| printed.outputs.first()) {
        Some(output) if group.examples.is_empty() => Value::Plain(format!("blob:{}", output.blob)),
        _ => evidence(&group.examples),
    }
}

/// A verdict in the contract's words.
pub(crate) fn verdict(verdict: kino_wire::compare::Verdict) -> Value {
    let words = serde_json::to_value(verdict).ok().and_then(|value| value.as_str().map(String::from));
    words.map_or(Value::Empty, Value::Plain)
}

/// A place in the code, as recorded.
pub(crate) fn location(location: Option<&Location>) -> Value {
    let Some(Location { path, line, function, .. }) = location else { return Value::Empty };
    match (at(path, *line), function) {
        (Value::Recorded(place), Some(function)) => Value::recorded(&format!("{place} {function}")),
        (Value::Empty, Some(function)) => Value::recorded(function),
        (place, _) => place,
    }
}

/// A place that was found by searching: how sure, what was searched for, and where; `several (5) route: a.py:1 b.py:2`.
pub(crate) fn searched(searched: Option<&Searched>) -> Value {
    let Some(searched) = searched else { return Value::Empty };
    let count = if searched.candidates > 1 { format!(" ({})", searched.candidates) } else { String::new() };
    let places = searched.places.iter().map(|place| format!(" {}:{}", place.path, place.line));
    let cut = if searched.files_left_out > 0 { ", not all files searched" } else { "" };
    let (confidence, sought) = (searched.confidence, searched.sought);
    Value::recorded(&format!("{confidence}{count} {sought}:{}{cut}", places.collect::<String>()))
}

pub(crate) fn at(path: &str, line: Option<i64>) -> Value {
    match line {
        Some(line) if !path.is_empty() => Value::recorded(&format!("{path}:{line}")),
        _ => Value::recorded(path),
    }
}

/// The first example, in the form that `open_evidence` takes.
pub(crate) fn evidence(examples: &[Evidence]) -> Value {
    match examples.first() {
        Some(Evidence { trace_id, span_id: Some(span_id) }) => Value::Plain(format!("{trace_id}/{span_id}")),
        Some(Evidence { trace_id, span_id: None }) => Value::Plain(trace_id.to_string()),
        None => Value::Empty,
    }
}
