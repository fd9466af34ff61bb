//! One module a command, and the way to them.

mod check;
mod completions;
pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod doctor;
mod export;
mod follow;
mod forget;
mod import;
pub(crate) mod init;
mod insights;
mod instrument;
pub(crate) mod key;
mod lists;
mod logs;
mod manual;
mod mcp;
mod questions;
pub(crate) mod run;
mod serve;
mod sql;
mod stop;
mod verifier;
mod watch;

pub(crate) use self::import::Pulled;

use std::process::ExitCode;

use kino_engine::Engine;
use serde::Serialize;

use crate::app::{App, Outcome};
use crate::args::{Command, Lake};
use crate::{client, hook};

/// Carries a command out.
pub(crate) fn carry_out(app: &App, command: Command) -> Outcome {
    match command {
        Command::Run(arguments) => run::run(app, &arguments),
        Command::Diagnose(arguments) => questions::diagnose(app, &arguments),
        Command::Find(arguments) => questions::find(app, arguments),
        Command::Runs(arguments) => lists::runs(app, arguments),
        Command::Services(arguments) => lists::services(app, &arguments),
        Command::Operations(arguments) => lists::operations(app, arguments),
        Command::Explain(arguments) => questions::explain(app, arguments),
        Command::Predict(arguments) => questions::predict(app, arguments),
        Command::Compare(arguments) => questions::compare(app, arguments),
        Command::Check(arguments) => check::run(app, &arguments),
        Command::Errors(arguments) => questions::errors(app, arguments),
        Command::Search(arguments) => questions::search(app, arguments),
        Command::Insights(arguments) => insights::run(app, arguments),
        Command::Open(arguments) => questions::open(app, arguments),
        Command::Watch(arguments) => watch::run(app, arguments),
        Command::Instrument(arguments) => instrument::run(app, &arguments),
        Command::Sql(arguments) => sql::run(app, &arguments),
        Command::Import(arguments) => import::run(app, &arguments),
        Command::Export(arguments) => export::run(app, arguments),
        Command::Forget(arguments) => forget::run(app, arguments),
        Command::Lake(Lake::Files { flush }) => questions::lake_files(app, flush),
        Command::Key(command) => key::run(app, &command),
        Command::Init(arguments) => init::run(app, &arguments),
        Command::Hook(arguments) => Ok(hook::run(&arguments.agent, &arguments.event)),
        Command::Mcp => mcp::run(app),
        Command::Demo(arguments) => demo::run(app, &arguments),
        Command::Serve(arguments) => serve::run(app, arguments),
        Command::Stop => stop::run(app),
        Command::Status => questions::status(app),
        Command::Schema => schema(app),
        Command::Logs(arguments) => logs::run(app, &arguments),
        Command::Config(command) => config::run(app, command),
        Command::Completions(arguments) => completions::run(app, &arguments),
        Command::Man(arguments) => manual::run(app, &arguments),
        Command::Doctor(_) | Command::Terminal(_) => unreachable!("carried out before there is an app"),
    }
}

#[derive(Serialize)]
struct Build {
    schema: &'static str,
    version: &'static str,
    /// The first digits of the commit, with `-dirty` behind them where files differed from it; absent in a build for
    /// development.
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<&'static str>,
    /// The day of the commit in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<&'static str>,
    /// The platform, as Rust calls it.
    target: &'static str,
}

/// Prints the version, and which commit was built for which platform.
pub(crate) fn version(app: &App) -> Outcome {
    let version = Build {
        schema: "kino.version.v1",
        version: client::VERSION,
        commit: option_env!("KINO_BUILD_COMMIT"),
        date: option_env!("KINO_BUILD_DATE"),
        target: env!("KINO_BUILD_TARGET"),
    };
    app.output.answer(&version, |_| version_line(&version))?;
    Ok(ExitCode::SUCCESS)
}

fn version_line(version: &Build) -> String {
    let build = [version.commit, version.date, Some(version.target)];
    let build: Vec<&str> = build.into_iter().flatten().collect();
    format!("kino {} ({})", version.version, build.join(" "))
}

/// Prints the contracts of all questions. No engine is asked: they are those of this very program.
fn schema(app: &App) -> Outcome {
    app.output.answer(&Engine::schema(), |_| format!("{:#}", Engine::schema()))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(commit: Option<&'static str>, date: Option<&'static str>, expected: &str) {
        let version = Build { schema: "", version: "0.1.0", commit, date, target: "x86_64-unknown-linux-gnu" };
        assert_eq!(version_line(&version), expected);
    }

    #[test]
    fn the_version_names_the_commit_where_it_is_known() {
        let whole = "kino 0.1.0 (abcdef123456 2026-11-22 x86_64-unknown-linux-gnu)";
        check(Some("abcdef123456"), Some("2026-11-22"), whole);
        check(None, None, "kino 0.1.0 (x86_64-unknown-linux-gnu)");
    }
}
