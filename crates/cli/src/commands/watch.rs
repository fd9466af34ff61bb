//! `watch`: the live view, over a client that finds the engine again when it has gone and come back.

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use kino_text::time;
use kino_tui::{ExitReason, Options};
use kino_wire::ask::Asked;
use kino_wire::{Backend, Problem, ProblemKind};
use serde_json::Value as Json;

use crate::app::{App, Outcome};
use crate::args::Watch;
use crate::client::{self, Client, EngineLookup, VERSION};
use crate::config::Settings;
use crate::failure::{Failure, code};
use crate::{config, start};

/// Shows what is recorded until the reader leaves.
pub(super) fn run(app: &App, arguments: Watch) -> Outcome {
    needs_a_terminal(app)?;
    let options = Options {
        scope: app.scope(&arguments.scope),
        service: arguments.service,
        colour: app.output.style.colour,
        zone: time::zone(),
    };
    let backend = Following { settings: app.settings.clone(), client: Mutex::new(app.engine()?) };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Failure::because("starting a runtime", &error))?;
    let ended = runtime.block_on(kino_tui::watch(Arc::new(backend), Arc::clone(&app.clock), options));
    // A question may still wait for its answer, which no view needs any more.
    runtime.shutdown_background();
    match ended.map_err(|error| Failure::because("watching", &error))? {
        ExitReason::Left => Ok(ExitCode::SUCCESS),
        ExitReason::Signal(number) => Ok(ExitCode::from(u8::try_from(128 + number).unwrap_or(code::FAILED))),
    }
}

fn needs_a_terminal(app: &App) -> Result<(), Failure> {
    let wrong = |what: &str| {
        let message = format!("`kino watch` is drawn on a terminal, and {what}; `kino find` lists traces anywhere");
        Err(Failure::new(code::WRONG, message))
    };
    if app.output.json {
        wrong("has no JSON")
    } else if !io::stdout().is_terminal() {
        wrong("standard output is none")
    } else if !io::stdin().is_terminal() {
        wrong("its keys come from standard input, which is none")
    } else if config::variable("TERM").is_some_and(|term| term == "dumb") {
        wrong("this one cannot move its cursor (TERM=dumb)")
    } else {
        Ok(())
    }
}

/// Asks the engine of a home, wherever it is by now.
struct Following {
    settings: Settings,
    client: Mutex<Client>,
}

impl Following {
    fn client(&self) -> Client {
        self.client.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The engine that took the place of `gone`, or why there is none.
    fn successor(settings: &Settings, gone: &Client) -> Result<Option<Client>, Problem> {
        let message = match start::settled(settings) {
            EngineLookup::Engine(found) if found.address == gone.address => return Ok(None),
            EngineLookup::Engine(found) => return Ok(Some(found)),
            EngineLookup::OtherVersion(other) => {
                let version = &other.address.version;
                format!("the engine is version {version} by now, this command is {VERSION}: start it again")
            }
            EngineLookup::Silent(address) => client::silent(&address),
            EngineLookup::Starting(address) => start::still_starting(&address).message,
            EngineLookup::Stale(_) | EngineLookup::None => {
                format!("no engine runs on {} any more: any other `kino` command starts one", settings.home.display())
            }
        };
        Err(Problem::new(ProblemKind::Internal, message))
    }
}

impl Backend for Following {
    fn ask_json(&self, name: &str, question: Json) -> Asked<'_> {
        let name = name.to_owned();
        Box::pin(async move {
            let client = self.client();
            let answer = client.ask_json(&name, question.clone()).await;
            // Only a fault can mean that it has gone; whatever else it says, it said itself.
            let fault = match answer {
                Err(problem) if problem.kind == ProblemKind::Internal => problem,
                answer => return answer,
            };
            let settings = self.settings.clone();
            let found = tokio::task::spawn_blocking(move || Self::successor(&settings, &client));
            let Some(successor) = found.await.map_err(|error| Problem::internal(&error))?? else { return Err(fault) };
            *self.client.lock().unwrap_or_else(PoisonError::into_inner) = successor.clone();
            successor.ask_json(&name, question).await
        })
    }
}
