//! `forget`: asks, then removes for good.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use kino_wire::admin::ForgetQuestion;

use crate::app::{App, Outcome};
use crate::args::Forget;
use crate::failure::{Failure, code};
use crate::render;

/// Removes traces.
pub(super) fn run(app: &App, arguments: Forget) -> Outcome {
    let question = ForgetQuestion {
        scope: app.scope(&arguments.scope),
        trace_ids: arguments.trace_ids,
        run_id: arguments.run,
        before_unix_nanos: arguments.before.map(|when| when.unix_nanos(app.now())),
        everything: arguments.everything,
    };
    if !arguments.yes && !confirmed(&question)? {
        return Err(Failure::new(code::FAILED, "nothing was forgotten"));
    }
    let answer = app.ask(&question)?;
    app.output.answer(&answer, |_| {
        format!("{} forgotten, {}", render::counted(answer.traces, "trace"), render::counted(answer.spans, "span"))
    })?;
    Ok(ExitCode::SUCCESS)
}

fn confirmed(question: &ForgetQuestion) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::new(code::WRONG, "there is no terminal to ask on: --yes confirms"));
    }
    let mut err = io::stderr().lock();
    let asked = write!(err, "Forget {} for good? [y/N] ", what(question)).and_then(|()| err.flush());
    asked.map_err(|error| Failure::because("asking", &error))?;
    let mut line = String::new();
    io::stdin().read_line(&mut line).map_err(|error| Failure::because("reading the answer", &error))?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

fn what(question: &ForgetQuestion) -> String {
    if question.everything {
        return "everything that was ever recorded, of every project,".to_owned();
    }
    let mut parts = Vec::new();
    if !question.trace_ids.is_empty() {
        parts.push(render::counted(question.trace_ids.len() as u64, "trace"));
    }
    if let Some(run) = &question.run_id {
        parts.push(format!("the traces of run {run}"));
    }
    if let Some(before) = question.before_unix_nanos {
        let whose = if question.scope.all || question.scope.project.is_none() { "all" } else { "this project's" };
        parts.push(format!("{whose} traces from before {}", kino_text::time::show(before, &kino_text::time::zone())));
    }
    parts.join(" and ")
}
