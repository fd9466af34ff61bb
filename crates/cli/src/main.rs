//! `kino`: the command. Reads the arguments, settings and environment, and hands them to one command each.
//!
//! ```text
//!  args ─► main ─► commands/NAME ─► client ─socket─► engine (started when none runs)
//!                       └─► render ─► output
//! ```

mod allocator;
mod app;
mod args;
mod client;
mod clock;
mod commands;
mod completion;
mod config;
mod failure;
mod headers;
mod heard;
mod home;
mod hook;
mod host;
mod list_page;
mod output;
mod progress;
mod render;
mod shell;
mod spool;
mod start;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory, Parser};
use kino_runner::nextest;

use crate::app::{App, Outcome};
use crate::args::{Arguments, Command, ConfigCommand};
use crate::clock::SystemClock;
use crate::config::Settings;
use crate::failure::{Failure, code};
use crate::output::Output;

fn main() -> ExitCode {
    // Started once for each test of a suite, so that nothing comes before it.
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|word| word == nextest::SUBCOMMAND) {
        let command: Vec<OsString> = words.collect();
        return nextest::run_test(&command, &SystemClock::new(), config::variable).unwrap_or_else(|error| {
            output::note(&format!("kino: {error}"));
            ExitCode::from(error.exit_code())
        });
    }
    // An assistant waits for each of these.
    let words: Vec<OsString> = std::env::args_os().skip(1).take(hook::WORDS_MAX).collect();
    if hook::is_called(&words) {
        let word = |place: usize| words.get(place).cloned().unwrap_or_default();
        return hook::run(&word(1), &word(2));
    }
    completion::answer_shell();
    let arguments = Arguments::parse();
    match carry_out(arguments) {
        Ok(exit) => exit,
        Err(failure) => {
            output::note(&format!("kino: {failure}"));
            ExitCode::from(failure.code)
        }
    }
}

fn carry_out(arguments: Arguments) -> Outcome {
    if let Some(Command::Config(ConfigCommand::Path)) = arguments.command {
        // A file that cannot be understood is found by its path.
        return commands::config::path(arguments.json);
    }
    // These two must come before anything is opened: one becomes another program, the other closes what it inherited.
    match &arguments.command {
        Some(Command::Terminal(terminal)) => return Err(kino_runner::child::become_command(&terminal.command).into()),
        Some(Command::Serve(serve)) if serve.detached => {
            start::detach().map_err(|error| Failure::because("leaving the terminal", &error))?;
        }
        _ => {}
    }
    let settings = Settings::read();
    if let Some(Command::Doctor(doctor)) = arguments.command {
        return commands::doctor::run(settings, arguments.json, arguments.color, doctor);
    }
    let settings = settings?;
    let mut output = Output::new(arguments.json, arguments.color, &settings);
    if arguments.no_pager {
        output = output.without_pager();
    }
    let app = App { settings, output, clock: Arc::new(SystemClock::new()) };
    if arguments.version {
        return commands::version(&app);
    }
    let Some(command) = arguments.command else {
        let help = Arguments::command().render_help();
        let help = if app.output.style.colour { help.ansi().to_string() } else { help.to_string() };
        app.output.text(&help)?;
        return Ok(ExitCode::from(code::WRONG));
    };
    commands::carry_out(&app, command)
}
