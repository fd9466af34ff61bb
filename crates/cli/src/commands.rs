//! One module a command, and the way to them.

mod check;
pub(crate) mod demo;
pub(crate) mod doctor;
mod export;
mod forget;
mod import;
mod insights;
pub(crate) mod key;
mod logs;
mod mcp;
mod questions;
pub(crate) mod run;
mod serve;
mod sql;
mod stop;
mod verifier;
mod watch;

use std::process::ExitCode;

use clap::CommandFactory;
use kino_engine::Engine;
use serde::Serialize;

use crate::app::{App, Outcome};
use crate::args::{Arguments, Command, Completions, Lake};
use crate::client;

/// Carries a command out.
pub(crate) fn carry_out(app: &App, command: Command) -> Outcome {
    match command {
        Command::Run(arguments) => run::run(app, &arguments),
        Command::Diagnose(arguments) => questions::diagnose(app, &arguments),
        Command::Find(arguments) => questions::find(app, arguments),
        Command::Explain(arguments) => questions::explain(app, arguments),
        Command::Predict(arguments) => questions::predict(app, arguments),
        Command::Compare(arguments) => questions::compare(app, arguments),
        Command::Check(arguments) => check::run(app, &arguments),
        Command::Errors(arguments) => questions::errors(app, arguments),
        Command::Insights(arguments) => insights::run(app, arguments),
        Command::Open(arguments) => questions::open(app, arguments),
        Command::Watch(arguments) => watch::run(app, arguments),
        Command::Sql(arguments) => sql::run(app, &arguments),
        Command::Import(arguments) => import::run(app, &arguments),
        Command::Export(arguments) => export::run(app, arguments),
        Command::Forget(arguments) => forget::run(app, arguments),
        Command::Lake(Lake::Files { flush }) => questions::lake_files(app, flush),
        Command::Key(command) => key::run(app, &command),
        Command::Mcp => mcp::run(app),
        Command::Demo(arguments) => demo::run(app, &arguments),
        Command::Serve(arguments) => serve::run(app, arguments),
        Command::Stop => stop::run(app),
        Command::Status => questions::status(app),
        Command::Schema => schema(app),
        Command::Logs(arguments) => logs::run(app, &arguments),
        Command::Completions(arguments) => completions(app, &arguments),
        Command::Doctor(_) | Command::Terminal(_) => unreachable!("carried out before there is an app"),
    }
}

#[derive(Serialize)]
struct Version {
    schema: &'static str,
    version: &'static str,
}

/// Prints the version.
pub(crate) fn version(app: &App) -> Outcome {
    let version = Version { schema: "kino.version.v1", version: client::VERSION };
    app.output.answer(&version, |_| format!("kino {}", version.version))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the contracts of all questions. No engine is asked: they are those of this very program.
fn schema(app: &App) -> Outcome {
    app.output.answer(&Engine::schema(), |_| format!("{:#}", Engine::schema()))?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct Completion {
    schema: &'static str,
    shell: String,
    script: String,
}

fn completions(app: &App, arguments: &Completions) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "kino", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    let script = Completion { schema: "kino.completions.v1", shell: arguments.shell.to_string(), script };
    app.output.answer(&script, |_| script.script.clone())?;
    Ok(ExitCode::SUCCESS)
}
