//! Commands that ask one question and show its answer.

use std::process::ExitCode;

use kino_model::TraceId;
use kino_wire::admin::{LakeFilesQuestion, StatusQuestion};
use kino_wire::compare::CompareQuestion;
use kino_wire::errors::ErrorsQuestion;
use kino_wire::evidence::OpenQuestion;
use kino_wire::explain::{ExplainOperationQuestion, ExplainSystemQuestion, ExplainTraceQuestion};
use kino_wire::find::FindQuestion;
use kino_wire::predict::PredictQuestion;

use crate::app::{App, Outcome};
use crate::args::{Compare, Errors, Explain, Filters, Find, Open, Predict};
use crate::{render, start, time};

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
    app.output.answer(&answer, |style| render::find::text(&answer, style, app.now()))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn explain(app: &App, arguments: Explain) -> Outcome {
    let scope = app.scope(&arguments.scope);
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
        let answer = app.ask(&ExplainTraceQuestion { trace_id })?;
        app.output.answer(&answer, |style| render::explain::trace(&answer, style))?;
    } else {
        let question =
            ExplainOperationQuestion { operation: what, service: arguments.service, last: arguments.last, scope };
        let answer = app.ask(&question)?;
        app.output.answer(&answer, |style| render::explain::operation(&answer, style))?;
    }
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
    app.output.answer(&answer, |style| render::errors::text(&answer, style, app.now()))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn open(app: &App, arguments: Open) -> Outcome {
    let question = OpenQuestion { id: arguments.id, offset: arguments.offset, limit: arguments.limit };
    let answer = app.ask(&question)?;
    app.output.answer(&answer, |style| render::open::text(&answer, style, &time::zone()))?;
    Ok(ExitCode::SUCCESS)
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
