//! What every command is handed: settings, output, clock, and the way to the engine.

use std::process::ExitCode;
use std::sync::Arc;

use kino_model::{Clock, UnixNanos};
use kino_wire::Question;
use kino_wire::ask::Scope;

use crate::args::ScopeArguments;
use crate::client::Client;
use crate::config::Settings;
use crate::failure::Failure;
use crate::output::Output;
use crate::{spool, start};

/// The outcome of a command.
pub(crate) type Outcome = Result<ExitCode, Failure>;

/// What every command is handed.
#[derive(Clone, Debug)]
pub(crate) struct App {
    /// From the environment and the configuration.
    pub(crate) settings: Settings,
    /// Where answers go.
    pub(crate) output: Output,
    /// The time.
    pub(crate) clock: Arc<dyn Clock>,
}

impl App {
    /// The engine, started if none runs.
    ///
    /// # Errors
    /// Where none can be had.
    pub(crate) fn engine(&self) -> Result<Client, Failure> {
        let client = start::engine(&self.settings, &*self.clock)?;
        spool::take_in(self, &client);
        Ok(client)
    }

    /// Asks the engine, which is started if none runs.
    ///
    /// # Errors
    /// Where none can be had, and the engine's own.
    pub(crate) fn ask<Q: Question>(&self, question: &Q) -> Result<Q::Answer, Failure> {
        Ok(self.engine()?.ask(question)?)
    }

    /// The time now.
    pub(crate) fn now(&self) -> UnixNanos {
        self.clock.now()
    }

    /// The worktree in which the command is run, to be searched for places that spans do not name; `None` outside of
    /// repositories.
    pub(crate) fn worktree(&self) -> Option<String> {
        Some(kino_repo::project::of(&self.settings.directory)?.worktree.to_str()?.to_owned())
    }

    /// Whose traces a question is about.
    pub(crate) fn scope(&self, arguments: &ScopeArguments) -> Scope {
        Scope { project: kino_repo::project::name_of(&self.settings.directory), all: arguments.all }
    }
}
