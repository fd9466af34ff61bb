//! Commands that ask one question and show its answer.

use std::process::ExitCode;

use kino_model::TraceId;
use kino_text::time::{self, Against, When};
use kino_wire::admin::{LakeFilesQuestion, StatusQuestion};
use kino_wire::ask::Scope;
use kino_wire::compare::CompareQuestion;
use kino_wire::diagnose::DiagnoseQuestion;
use kino_wire::errors::ErrorsQuestion;
use kino_wire::evidence::{Open, OpenQuestion, OpenSpan};
use kino_wire::explain::{ExplainOperationQuestion, ExplainSystemQuestion};
use kino_wire::find::FindQuestion;
use kino_wire::predict::PredictQuestion;
use kino_wire::verify::VerifyQuestion;
use kino_wire::window::{ExplainWindowQuestion, Window};

use super::follow;
use crate::app::{App, Outcome};
use crate::args::{self, Compare, Diagnose, Errors, Explain, Filters, Find, Predict};
use crate::failure::{Failure, code};
use crate::render::timeline::Timeline;
use crate::{render, start};

/// Spans that one question asks for.
const SPANS_AT_ONCE: u64 = 1_000;
/// Spans of a trace that are drawn; how many there are beyond is said.
const SPANS_DRAWN_MAX: usize = 5_000;
/// The prefix of a verification's id, as `blob:` is of a blob's.
const VERIFICATION: &str = "verification:";

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
    };
    let answer = app.ask(&question)?;
    app.output.answer(&answer, |style| render::diagnose::text(&answer, style, app.now()))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn explain(app: &App, arguments: Explain) -> Outcome {
    let scope = app.scope(&arguments.scope);
    if let Some(since) = arguments.since {
        return explain_window(app, since, arguments.until, arguments.against, scope);
    }
    let what = match arguments.what {
        Some(what) if !arguments.system => what,
        _ => {
            let answer = app.ask(&ExplainSystemQuestion { last: arguments.last, scope })?;
            app.output.answer(&answer, |style| render::explain::system(&answer, style))?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    // 32 hex digits are a trace id, anything else an operation's name.
    if let Ok(trace_id) = what.parse::<TraceId>() {
        let answer = app.ask(&arguments.page.question(trace_id))?;
        if arguments.page.list.is_some() {
            app.output.answer(&answer, |style| render::explain::page(&answer, style))?;
        } else if app.output.json {
            app.output.json(&answer)?;
        } else {
            let (spans, total) = spans_of(app, trace_id)?;
            let timeline = Timeline::new(&spans, total, &answer.critical_path);
            let draw = |style| match (arguments.flame, arguments.tree) {
                (true, _) => timeline.flame(style),
                (_, true) => timeline.tree(style),
                _ => render::explain::trace(&answer, &timeline, style),
            };
            app.output.answer(&answer, draw)?;
        }
    } else if arguments.flame || arguments.tree {
        return Err(Failure::new(
            code::WRONG,
            "--flame and --tree draw one trace: give its id (`kino find` lists them)",
        ));
    } else if arguments.page.list.is_some() {
        return Err(Failure::new(code::WRONG, "--list pages through what is known of one trace: give its id"));
    } else {
        let question = ExplainOperationQuestion {
            operation: what,
            service: arguments.service,
            last: arguments.last,
            all_states: arguments.all_states,
            scope,
        };
        let answer = app.ask(&question)?;
        app.output.answer(&answer, |style| render::explain::operation(&answer, style))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The first spans of a trace, and how many it has.
fn spans_of(app: &App, trace_id: TraceId) -> Result<(Vec<OpenSpan>, u64), Failure> {
    let engine = app.engine()?;
    let mut spans = Vec::new();
    loop {
        let offset = spans.len() as u64;
        let page = engine.ask(&OpenQuestion { id: trace_id.to_string(), offset, limit: SPANS_AT_ONCE })?;
        let is_last = page.next_offset.is_none() || page.spans.is_empty();
        spans.extend(page.spans);
        if is_last || spans.len() >= SPANS_DRAWN_MAX {
            return Ok((spans, page.total));
        }
    }
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

pub(super) fn errors(app: &App, arguments: Errors) -> Outcome {
    let question = ErrorsQuestion {
        scope: app.scope(&arguments.scope),
        service: arguments.service,
        since_unix_nanos: arguments.since.map(|when| when.unix_nanos(app.now())),
        until_unix_nanos: arguments.until.map(|when| when.unix_nanos(app.now())),
        run_id: arguments.run,
        limit: arguments.limit,
    };
    let answer = app.ask(&question)?;
    let more = answer.more.then(|| "there are more: a higher --limit has them".to_owned());
    app.output.list(&answer, arguments.format, |style| render::errors::text(&answer, style, app.now()), more)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn open(app: &App, arguments: args::Open) -> Outcome {
    if let Some(id) = arguments.id.strip_prefix(VERIFICATION) {
        return open_verification(app, id.to_owned());
    }
    let question = OpenQuestion { id: arguments.id, offset: arguments.offset, limit: arguments.limit };
    match app.ask(&question) {
        Ok(answer) => {
            let begin = if app.output.json { 0 } else { beginning(app, &answer, &question)? };
            app.output.answer(&answer, |style| render::open::text(&answer, begin, style, &time::zone()))?;
            Ok(ExitCode::SUCCESS)
        }
        // A verification's id, and its beginning as `run --against` prints it, look as a trace's does.
        Err(failure) if is_hexadecimal(&question.id) && matches!(failure.code, code::WRONG | code::NOT_FOUND) => {
            open_verification(app, question.id).map_err(|other| match (failure.code, other.code) {
                (code::WRONG, code::NOT_FOUND) => Failure::new(code::WRONG, format!("{failure}; and {other}")),
                (_, code::NOT_FOUND) => failure,
                _ => other,
            })
        }
        Err(failure) => Err(failure),
    }
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

fn open_verification(app: &App, id: String) -> Outcome {
    let verify = app.ask(&VerifyQuestion { id, wait_millis: 0 })?;
    app.output.answer(&verify, |style| render::verify::text(&verify, style))?;
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
    let answer = start::running(&app.settings)?.ask(&StatusQuestion {})?;
    app.output.answer(&answer, |style| render::engine::status(&answer, style, app.now()))?;
    Ok(ExitCode::SUCCESS)
}
