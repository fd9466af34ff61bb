//! What executing needs of the program that does it.

use std::ffi::OsString;
use std::fmt::Display;
use std::io;
use std::path::PathBuf;

use kino_model::Clock;
use kino_repo::Git;
use kino_wire::admin::EngineFile;
use kino_wire::{Problem, Question};

use crate::spool::Redact;
use crate::{Bootstrap, JavaAgent, RunnerError};

/// A program that executes commands: it knows the engine, the environment and its user. It does not know what a run is.
pub trait Host: Clone + Send + Sync + 'static {
    /// How this program says what went wrong.
    type Failure: Clone + Display + From<RunnerError> + From<Problem> + Send;
    /// Its way to ask an engine.
    type Client: Client;
    /// A display of how far something is, until it is dropped.
    type Progress: Progress;
    /// What takes secrets out where no engine can be reached.
    type Redact: Redact + 'static;

    /// Finds the engine, or starts one, and reports what happens meanwhile.
    ///
    /// # Errors
    /// Where none can be had.
    fn engine(&self, report: &dyn Fn(EngineNews<'_>)) -> Result<Self::Client, Self::Failure>;

    /// Returns where an engine will answer that does not answer yet, once that is known.
    fn announced(&self) -> Option<EngineFile>;

    /// Returns the bootstrap that commands are to load; `None` where nothing is to be injected.
    ///
    /// # Errors
    /// Where it cannot be written.
    fn bootstrap(&self) -> Option<io::Result<Bootstrap>>;

    /// Returns the agent that JVMs of commands are to load; `None` where there is none.
    fn java_agent(&self) -> Option<JavaAgent>;

    /// Returns what takes secrets out of what is written where no engine can be reached.
    ///
    /// # Errors
    /// Where its rules are wrong, in words.
    fn redact(&self) -> Result<Self::Redact, String>;

    /// Returns which files of a project are reports of tests that a run writes, as a glob; `None` where none are to be read.
    fn junit(&self) -> Option<String>;

    /// Returns whether runs record which changed lines they execute.
    fn records_lines(&self) -> bool;

    /// Returns the clock.
    fn clock(&self) -> &dyn Clock;

    /// Says a sentence to the user. It may hold any text.
    fn say(&self, sentence: &str);

    /// Shows how far work of `steps` steps is; `None` where their number is not known.
    fn progress(&self, what: &str, steps: Option<u64>) -> Self::Progress;

    /// Reads a variable of the environment.
    fn variable(&self, name: &str) -> Option<OsString>;

    /// Returns the git command.
    fn git(&self) -> Git;

    /// Returns a folder of this user's alone, for files that live as long as one execution.
    ///
    /// # Errors
    /// Where it cannot be made.
    fn scratch(&self) -> Result<PathBuf, Self::Failure>;

    /// Returns the program that, started with `__terminal -- COMMAND`, calls [`crate::child::become_command`].
    fn terminal_helper(&self) -> PathBuf;
}

/// A connection to a running engine.
pub trait Client: Clone + Send + 'static {
    /// Asks the engine.
    ///
    /// # Errors
    /// The engine's own; [`kino_wire::ProblemKind::Internal`] where it does not answer.
    fn ask<Q: Question>(&self, question: &Q) -> Result<Q::Answer, Problem>;

    /// Hands over spans as requests of OTLP in JSON, one a line.
    ///
    /// # Errors
    /// As [`Self::ask`]; [`kino_wire::ProblemKind::Busy`] where the engine stayed full for minutes.
    fn import(&self, requests: Vec<u8>) -> Result<(), Problem>;

    /// Returns where the engine listens.
    fn address(&self) -> &EngineFile;
}

/// A display of how far something is.
pub trait Progress {
    /// One more step is done.
    fn step(&self);
}

/// What happens while an engine is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineNews<'a> {
    /// None runs; one is started.
    Starting,
    /// A sentence for the user.
    Said(&'a str),
}
