//! `runs`, `services` and `operations`: what there is.

use std::process::ExitCode;

use kino_wire::live::{OperationsQuestion, ServicesQuestion};
use kino_wire::run::RunsQuestion;

use crate::app::{App, Outcome};
use crate::args::{Operations, Runs, Services};
use crate::render;

/// A limit as the wire has it; the parser has bounded it.
fn count(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

pub(super) fn runs(app: &App, arguments: Runs) -> Outcome {
    let question = RunsQuestion {
        label: arguments.label,
        call: arguments.call,
        failed: arguments.failed,
        since_unix_nanos: arguments.since.map(|when| when.unix_nanos(app.now())),
        until_unix_nanos: arguments.until.map(|when| when.unix_nanos(app.now())),
        limit: count(arguments.limit),
        cursor: arguments.cursor,
        scope: app.scope(&arguments.scope),
    };
    let answer = app.ask(&question)?;
    let more = answer.cursor.as_ref().map(|cursor| format!("there are more: --cursor {cursor}"));
    app.output.list(&answer, arguments.format, |style| render::lists::runs(&answer, style, app.now()), more)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn services(app: &App, arguments: &Services) -> Outcome {
    let (since_unix_nanos, until_unix_nanos) = arguments.window.unix_nanos(app.now());
    let (limit, scope) = (count(arguments.limit), app.scope(&arguments.scope));
    let question = ServicesQuestion { since_unix_nanos, until_unix_nanos, limit, scope };
    let answer = app.ask(&question)?;
    let more = beyond(answer.left_out, answer.not_looked_at);
    app.output.list(&answer, arguments.format, |style| render::lists::services(&answer, style), more)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn operations(app: &App, arguments: Operations) -> Outcome {
    let (since_unix_nanos, until_unix_nanos) = arguments.window.unix_nanos(app.now());
    let question = OperationsQuestion {
        service: arguments.service,
        roots: arguments.roots,
        since_unix_nanos,
        until_unix_nanos,
        limit: count(arguments.limit),
        scope: app.scope(&arguments.scope),
    };
    let answer = app.ask(&question)?;
    let more = beyond(answer.left_out, answer.not_looked_at);
    app.output.list(&answer, arguments.format, |style| render::lists::operations(&answer, style), more)?;
    Ok(ExitCode::SUCCESS)
}

/// How to have what a list leaves out.
fn beyond(left_out: u64, not_looked_at: u64) -> Option<String> {
    let more = (left_out > 0).then(|| format!("{left_out} more: a higher --limit has them"));
    let not_read = (not_looked_at > 0).then(|| render::lists::not_looked_at(not_looked_at));
    let said: Vec<String> = more.into_iter().chain(not_read).collect();
    (!said.is_empty()).then(|| said.join("; "))
}
