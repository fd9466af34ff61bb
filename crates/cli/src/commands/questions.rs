//! Commands that ask one question and show its answer.

use std::collections::BTreeSet;
use std::process::ExitCode;

use kino_model::{SpanId, TraceId};
use kino_text::time::{self, Against, When};
use kino_wire::admin::{LakeFilesQuestion, StatusQuestion};
use kino_wire::ask::Scope;
use kino_wire::ask::{Target, TargetKind};
use kino_wire::change::ChangeQuestion;
use kino_wire::compare::CompareQuestion;
use kino_wire::diagnose::DiagnoseQuestion;
use kino_wire::errors::ErrorsQuestion;
use kino_wire::evidence::{Open, OpenQuestion, OpenSpan};
use kino_wire::explain::{ExplainOperationQuestion, ExplainSystemQuestion, ExplainTraceQuestion};
use kino_wire::find::FindQuestion;
use kino_wire::predict::PredictQuestion;
use kino_wire::resolve::{PREFIX_DIGITS_MIN, ResolveQuestion};
use kino_wire::run::Run;
use kino_wire::search::SearchQuestion;
use kino_wire::suite::{TestList, TestsQuestion};
use kino_wire::window::{ExplainWindowQuestion, Window};

use super::follow;
use crate::app::{App, Outcome};
use crate::args::{self, Compare, Diagnose, Errors, Explain, Filters, Find, Predict, Search};
use crate::failure::{Failure, code};
use crate::render::timeline::Timeline;
use crate::{render, spool, start};

/// Spans that one question asks for.
const SPANS_AT_ONCE: u64 = 1_000;
/// Spans of a trace that are drawn; how many there are beyond is said.
const SPANS_DRAWN_MAX: usize = 5_000;
/// Spans of a trace among which those of a part of it are looked for.
const SPANS_SEARCHED_MAX: usize = 50_000;

/// Filters as the wire has them.
pub(super) fn filter(app: &App, filters: Filters) -> FindQuestion {
    let scope = app.scope(&filters.scope);
    FindQuestion {
        service: filters.service,
        name: filters.name,
        min_duration_nanos: filters.min_duration,
        since_unix_nanos: filters.since.map(|when| when.unix_nanos(app.now())),
        until_unix_nanos: filters.until.map(|when| when.unix_nanos(app.now())),
        error: filters.error,
        attributes: filters.attributes,
        run_id: filters.run,
        limit: 0,
        cursor: None,
        scope,
    }
}

pub(super) fn find(app: &App, arguments: Find) -> Outcome {
    let question = FindQuestion { limit: arguments.limit, cursor: arguments.cursor, ..filter(app, arguments.filters) };
    let answer = app.ask(&question)?;
    let text = |style| render::find::text(&answer, style, app.now());
    let more = answer.cursor.as_ref().map(|cursor| format!("there are more: --cursor {cursor}"));
    if arguments.follow {
        return follow::traces(app, &question, arguments.format, &answer);
    }
    app.output.list(&answer, arguments.format, text, more)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn diagnose(app: &App, arguments: &Diagnose) -> Outcome {
    let words = arguments.words.join(" ");
    let question = DiagnoseQuestion {
        words: (!words.is_empty()).then_some(words),
        since_unix_nanos: arguments.since.as_ref().map(|when| when.unix_nanos(app.now())),
        limit: arguments.limit,
        scope: app.scope(&arguments.scope),
        worktree: app.worktree(),
    };
    let answer = app.ask(&question)?;
    app.output.answer(&answer, |style| render::diagnose::text(&answer, style, app.now()))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn explain(app: &App, arguments: Explain) -> Outcome {
    if arguments.change {
        return explain_change(app);
    }
    let scope = app.scope(&arguments.scope);
    if arguments.suite.tests {
        // As conflicts of arguments these would waive what other arguments require.
        if arguments.what.is_some() || arguments.system {
            let message = "--tests is a question of its own: leave the trace, the operation or --system out";
            return Err(Failure::new(code::WRONG, message));
        }
        return explain_tests(app, arguments, scope);
    }
    if arguments.since.is_some() && arguments.service.is_some() {
        let message = "--service goes with an operation or with --tests: what changed is asked of all services at once";
        return Err(Failure::new(code::WRONG, message));
    }
    if let Some(since) = arguments.since {
        return explain_window(app, since, arguments.until, arguments.against, scope);
    }
    let what = match arguments.what.clone() {
        Some(what) if !arguments.system => what,
        _ => {
            let answer = app.ask(&ExplainSystemQuestion { last: arguments.last, scope, worktree: app.worktree() })?;
            app.output.answer(&answer, |style| render::explain::system(&answer, style))?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    let (what, span) = part_of_trace(what);
    let target = if span.is_some() {
        let trace_id = trace_id(app, &what)?;
        Target { kind: TargetKind::Trace, id: trace_id.to_string(), name: String::new(), time_unix_nanos: None }
    } else if may_be_id(&what) {
        let kinds = vec![TargetKind::Operation, TargetKind::Trace];
        let question = ResolveQuestion { what, kinds, service: arguments.service.clone(), scope: scope.clone() };
        app.ask(&question)?.target
    } else {
        let kind = if what.parse::<TraceId>().is_ok() { TargetKind::Trace } else { TargetKind::Operation };
        Target { kind, id: what, name: String::new(), time_unix_nanos: None }
    };
    if let Some(trace_id) = target.trace() {
        return explain_trace(app, &arguments, trace_id, span);
    }
    if arguments.flame || arguments.tree {
        return Err(Failure::new(
            code::WRONG,
            "--flame and --tree draw one trace: give its id (`kino find` lists them)",
        ));
    }
    if arguments.page.list.is_some() {
        return Err(Failure::new(code::WRONG, "--list pages through what is known of one trace: give its id"));
    }
    let question = ExplainOperationQuestion {
        operation: target.id,
        service: arguments.service,
        last: arguments.last,
        all_states: arguments.all_states,
        scope,
        worktree: app.worktree(),
    };
    let answer = app.ask(&question)?;
    app.output.answer(&answer, |style| render::explain::operation(&answer, style))?;
    Ok(ExitCode::SUCCESS)
}

/// Explains which changed lines no run has executed.
fn explain_change(app: &App) -> Outcome {
    let Some(worktree) = app.worktree() else {
        let message = "--change compares with the last commit: call it in a git worktree";
        return Err(Failure::new(code::WRONG, message));
    };
    let answer = app.ask(&ChangeQuestion { worktree, limit: 0 })?;
    app.output.answer(&answer, |style| render::change::text(&answer, style))?;
    Ok(ExitCode::SUCCESS)
}

/// Explains a trace, or the part of it below a span.
fn explain_trace(app: &App, arguments: &Explain, trace_id: TraceId, span: Option<String>) -> Outcome {
    let is_part = span.is_some();
    let question = arguments.page.question(trace_id, span);
    let answer = app.ask(&ExplainTraceQuestion { worktree: app.worktree(), ..question })?;
    if arguments.page.list.is_some() {
        app.output.answer(&answer, |style| render::explain::page(&answer, style))?;
    } else if app.output.json {
        app.output.json(&answer)?;
    } else {
        let (spans, total) = match answer.root.as_ref().filter(|_| is_part) {
            Some(root) => (spans_below(app, trace_id, root.span_id)?, answer.spans),
            None => spans_of(app, trace_id, SPANS_DRAWN_MAX)?,
        };
        let timeline = Timeline::new(&spans, total, &answer.critical_path);
        let draw = |style| match (arguments.flame, arguments.tree) {
            (true, _) => timeline.flame(style),
            (_, true) => timeline.tree(style),
            _ => render::explain::trace(&answer, &timeline, style),
        };
        app.output.answer(&answer, draw)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `TRACE_ID/SPAN_ID` as two: ids, or their beginnings. An operation's name may have such a form, but only hexadecimal
/// digits around one slash are taken for ids.
fn part_of_trace(what: String) -> (String, Option<String>) {
    let is_id = |digits: &str| is_hexadecimal(digits) && digits.len() >= PREFIX_DIGITS_MIN;
    match what.split_once('/') {
        Some((trace, span)) if is_id(trace) && is_id(span) => (trace.to_owned(), Some(span.to_owned())),
        _ => (what, None),
    }
}

fn explain_tests(app: &App, arguments: Explain, scope: Scope) -> Outcome {
    let suite = arguments.suite;
    let question = TestsQuestion {
        run: suite.run.clone(),
        label: suite.label.clone(),
        since_unix_nanos: arguments.since.map(|when| when.unix_nanos(app.now())),
        until_unix_nanos: arguments.until.map(|when| when.unix_nanos(app.now())),
        service: arguments.service,
        limit: usize::try_from(suite.top).unwrap_or(usize::MAX),
        scope,
    };
    let answer = app.ask(&question)?;
    let most = TestList::ALL.iter().filter_map(|list| answer.on_list.get(list.name())).max().copied().unwrap_or(0);
    let more = (most > suite.top).then(|| format!("at most {} of each kind: --top {most} has all", suite.top));
    app.output.list(&answer, suite.format(), |style| render::suite::text(&answer, style), more)?;
    Ok(ExitCode::SUCCESS)
}

/// The span and those below it, as far as they are among the first spans of the trace.
fn spans_below(app: &App, trace_id: TraceId, top: SpanId) -> Result<Vec<OpenSpan>, Failure> {
    let (mut spans, _) = spans_of(app, trace_id, SPANS_SEARCHED_MAX)?;
    let mut inside = BTreeSet::from([top]);
    // Children may come before their parents: until nothing is added.
    loop {
        let before = inside.len();
        let is_inside = |span: &&OpenSpan| span.parent_span_id.is_some_and(|parent| inside.contains(&parent));
        let more: Vec<SpanId> = spans.iter().filter(is_inside).map(|span| span.span_id).collect();
        inside.extend(more);
        if inside.len() == before {
            break;
        }
    }
    spans.retain(|span| inside.contains(&span.span_id));
    spans.truncate(SPANS_DRAWN_MAX);
    Ok(spans)
}

/// The first spans of a trace, at least `most` where it has as many, and how many it has.
fn spans_of(app: &App, trace_id: TraceId, most: usize) -> Result<(Vec<OpenSpan>, u64), Failure> {
    let engine = app.engine()?;
    let mut spans = Vec::new();
    loop {
        let offset = spans.len() as u64;
        let page = engine.ask(&OpenQuestion { id: trace_id.to_string(), offset, limit: SPANS_AT_ONCE })?;
        let is_last = page.next_offset.is_none() || page.spans.is_empty();
        spans.extend(page.spans);
        if is_last || spans.len() >= most {
            return Ok((spans, page.total));
        }
    }
}

/// Whether the engine must say what a text means, since it may be the beginning of a trace's id.
fn may_be_id(text: &str) -> bool {
    let digits = text.strip_prefix("trace:").unwrap_or(text);
    let is_whole = digits.len() == text.len() && text.parse::<TraceId>().is_ok();
    is_hexadecimal(digits) && digits.len() >= PREFIX_DIGITS_MIN && !is_whole
}

/// The trace that an id, or the beginning of one, means.
pub(super) fn trace_id(app: &App, text: &str) -> Result<TraceId, Failure> {
    if let Ok(whole) = text.parse() {
        return Ok(whole);
    }
    let question =
        ResolveQuestion { what: text.to_owned(), kinds: vec![TargetKind::Trace], ..ResolveQuestion::default() };
    let target = app.ask(&question)?.target;
    target.trace().ok_or_else(|| Failure::new(code::NOT_FOUND, format!("there is no trace {text:?}")))
}

fn explain_window(app: &App, since: When, until: Option<When>, against: Option<Against>, scope: Scope) -> Outcome {
    let now = app.now();
    let since_unix_nanos = since.unix_nanos(now);
    let window = |(start_unix_nanos, end_unix_nanos)| Window { start_unix_nanos, end_unix_nanos };
    let question = ExplainWindowQuestion {
        since_unix_nanos,
        until_unix_nanos: until.map(|when| when.unix_nanos(now)),
        against: against.map(|against| window(against.unix_nanos(since_unix_nanos, now))),
        scope,
    };
    let answer = app.ask(&question)?;
    app.output.answer(&answer, |style| render::window::text(&answer, style, &time::zone()))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn predict(app: &App, arguments: Predict) -> Outcome {
    let question = PredictQuestion {
        scope: app.scope(&arguments.scope),
        operation: arguments.operation,
        service: arguments.service,
        attribute: arguments.attribute,
        at: arguments.at,
        limit_nanos: arguments.limit_duration,
        last: arguments.last,
    };
    let answer = app.ask(&question)?;
    app.output.answer(&answer, |style| render::predict::text(&answer, style))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn compare(app: &App, arguments: Compare) -> Outcome {
    let scope = app.scope(&arguments.scope);
    let question = CompareQuestion { before: arguments.before, after: arguments.after, scope };
    let answer = app.ask(&question)?;
    app.output.answer(&answer, |style| render::compare::text(&answer, style))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn search(app: &App, arguments: Search) -> Outcome {
    let question = SearchQuestion {
        text: arguments.text,
        run_id: arguments.run,
        limit: usize::try_from(arguments.limit).unwrap_or(usize::MAX),
        scope: app.scope(&arguments.scope),
    };
    let answer = app.ask(&question)?;
    let text = |style| render::search::text(&answer, style, app.now());
    app.output.list(&answer, arguments.format, text, render::search::left_out(&answer))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn errors(app: &App, arguments: Errors) -> Outcome {
    let question = ErrorsQuestion {
        scope: app.scope(&arguments.scope),
        service: arguments.service,
        since_unix_nanos: arguments.since.map(|when| when.unix_nanos(app.now())),
        until_unix_nanos: arguments.until.map(|when| when.unix_nanos(app.now())),
        run_id: arguments.run,
        fingerprint: arguments.fingerprint,
        limit: arguments.limit,
    };
    let answer = app.ask(&question)?;
    let more = answer.more.then(|| "there are more: a higher --limit has them".to_owned());
    app.output.list(&answer, arguments.format, |style| render::errors::text(&answer, style, app.now()), more)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn open(app: &App, arguments: args::Open) -> Outcome {
    let question = OpenQuestion { id: arguments.id, offset: arguments.offset, limit: arguments.limit };
    let answer = app.ask(&question)?;
    if let Some(run) = &answer.run {
        return open_run(app, run);
    }
    if let Some(verify) = &answer.verification {
        app.output.answer(verify, |style| render::verify::text(verify, style))?;
    } else if let Some(finding) = &answer.finding {
        app.output.answer(&answer, |style| render::insights::one(finding, style, app.now()))?;
    } else {
        let begin = if app.output.json { 0 } else { beginning(app, &answer, &question)? };
        let text = |style| render::open::text(&answer, begin, style, &time::zone());
        match &answer.text {
            Some(_) => app.output.recorded(&answer, || text(app.output.style))?,
            None => app.output.answer(&answer, text)?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// When the trace begins of which spans are shown: with its first one, which an earlier page may have.
fn beginning(app: &App, answer: &Open, question: &OpenQuestion) -> Result<i64, Failure> {
    let trace = answer.spans.first().map(|span| span.trace_id.to_string());
    let first = match trace {
        Some(id) if question.offset > 0 || question.id != id => {
            app.ask(&OpenQuestion { id, offset: 0, limit: 1 })?.spans.into_iter().next()
        }
        _ => answer.spans.first().cloned(),
    };
    Ok(first.map_or(0, |span| span.start_unix_nanos))
}

/// Shows a run. Its traces and exceptions are asked for as well, but not for `--json`: `find --run` and `errors --run`
/// have them whole.
fn open_run(app: &App, run: &Run) -> Outcome {
    let mut beside = render::run::Beside::default();
    if !app.output.json {
        let run_id = Some(run.run_id.to_string());
        let limit = render::run::LISTED_MAX;
        let scope = Scope { all: true, ..Scope::default() };
        let find = FindQuestion { run_id: run_id.clone(), limit, scope: scope.clone(), ..FindQuestion::default() };
        beside.traces = Some(app.ask(&find)?);
        beside.errors = Some(app.ask(&ErrorsQuestion { run_id, limit, scope, ..ErrorsQuestion::default() })?);
    }
    app.output.answer(run, |style| render::run::record(run, &beside, style, app.now(), &time::zone()))?;
    Ok(ExitCode::SUCCESS)
}

fn is_hexadecimal(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

pub(super) fn lake_files(app: &App, flush: bool) -> Outcome {
    let answer = app.ask(&LakeFilesQuestion { flush })?;
    app.output.answer(&answer, |style| render::engine::lake_files(&answer, style))?;
    Ok(ExitCode::SUCCESS)
}

/// The one question that does not start an engine: whether one runs is part of the answer.
pub(super) fn status(app: &App) -> Outcome {
    let client = start::running(&app.settings)?;
    spool::take_in(app, &client);
    let answer = client.ask(&StatusQuestion {})?;
    app.output.answer(&answer, |style| render::engine::status(&answer, style, app.now()))?;
    Ok(ExitCode::SUCCESS)
}
