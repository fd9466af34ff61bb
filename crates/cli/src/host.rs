//! What `kino-runner` needs of this program: its engine, its environment, its user.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use kino_engine::OfflineRedaction;
use kino_model::Clock;
use kino_repo::Git;
use kino_runner::spool::Redact;
use kino_runner::{Bootstrap, EngineNews, Host, JavaAgent, JavaAgentError, RunnerError};
use kino_wire::admin::EngineFile;
use kino_wire::{Problem, Question};

use crate::app::App;
use crate::client::{self, Client, EngineLookup};
use crate::failure::{Failure, code};
use crate::progress::{self, ProgressLine};
use crate::{config, output, start};

impl Host for App {
    type Failure = Failure;
    type Client = Client;
    type Progress = ProgressLine;
    type Redact = Offline;

    fn engine(&self, report: &dyn Fn(EngineNews<'_>)) -> Result<Client, Failure> {
        let found = client::find(&self.settings);
        let is_to_start = match &found {
            // One that lives and cannot be reached from here has the home: none can be started.
            EngineLookup::Stale(address) => !client::lives(address),
            found => matches!(found, EngineLookup::Starting(_) | EngineLookup::None),
        };
        if is_to_start && start::obstacle(&self.settings).is_none() {
            report(EngineNews::Starting);
        }
        start::engine_after(found, &self.settings, &*self.clock, &|sentence| report(EngineNews::Said(sentence)))
    }

    fn announced(&self) -> Option<EngineFile> {
        client::announced(&self.settings.home)
    }

    fn bootstrap(&self) -> Option<io::Result<Bootstrap>> {
        let install = || {
            Bootstrap::install(&self.settings.home).or_else(|error| match self.settings.elsewhere() {
                Some(folder) => Bootstrap::install(&folder),
                None => Err(error),
            })
        };
        self.settings.engine.run.inject.then(install)
    }

    fn java_agent(&self) -> Option<JavaAgent> {
        let jar = self.settings.engine.run.java_agent.as_ref()?;
        let not_loaded = |error: &JavaAgentError| output::note(&format!("kino │ no Java agent is loaded: {error}"));
        if !jar.is_absolute() {
            // In each directory it would be another file, and a repository brings files.
            output::note("kino │ no Java agent is loaded: [run] java_agent must be an absolute path");
            return None;
        }
        JavaAgent::new(jar).inspect_err(not_loaded).ok()
    }

    fn redact(&self) -> Result<Offline, String> {
        let redaction = OfflineRedaction::new(&self.settings.engine).map_err(|problem| problem.message)?;
        Ok(Offline { redaction, clock: self.clock.clone() })
    }

    fn junit(&self) -> Option<String> {
        self.settings.engine.run.junit.clone()
    }

    fn records_lines(&self) -> bool {
        self.settings.engine.run.lines
    }

    fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    fn say(&self, sentence: &str) {
        output::note(sentence);
    }

    fn progress(&self, what: &str, steps: Option<u64>) -> ProgressLine {
        ProgressLine(match steps {
            Some(steps) => progress::bar(steps, what.to_owned()),
            None => progress::spinner(what.to_owned()),
        })
    }

    fn variable(&self, name: &str) -> Option<OsString> {
        config::variable(name)
    }

    fn git(&self) -> Git {
        config::git()
    }

    fn scratch(&self) -> Result<PathBuf, Failure> {
        self.settings.scratch()
    }

    fn terminal_helper(&self) -> PathBuf {
        self.settings.program.clone()
    }
}

/// Redaction as the engine of this home does it.
pub(crate) struct Offline {
    redaction: OfflineRedaction,
    clock: Arc<dyn Clock>,
}

impl Redact for Offline {
    fn spans(&self, requests: &[u8]) -> Result<(Vec<u8>, u64), String> {
        let spans = self.redaction.spans(requests, self.clock.now()).map_err(|problem| problem.message)?;
        Ok((spans.request, spans.rejected))
    }

    fn text(&self, text: &str) -> String {
        self.redaction.text(text)
    }

    fn bytes(&self, bytes: &[u8]) -> Vec<u8> {
        self.redaction.bytes(bytes)
    }
}

impl kino_runner::Client for Client {
    fn ask<Q: Question>(&self, question: &Q) -> Result<Q::Answer, Problem> {
        self.ask(question)
    }

    fn import(&self, requests: Vec<u8>) -> Result<(), Problem> {
        self.import(&Arc::new(requests)).map(drop)
    }

    fn address(&self) -> &EngineFile {
        &self.address
    }
}

impl From<RunnerError> for Failure {
    fn from(error: RunnerError) -> Self {
        let code = match &error {
            RunnerError::Base { .. } | RunnerError::Pin(_) | RunnerError::NoRepository => code::WRONG,
            RunnerError::CommandNotFound(_) => code::COMMAND_NOT_FOUND,
            RunnerError::NotExecutable { .. } => code::NOT_EXECUTABLE,
            _ => code::RUN_FAILED,
        };
        Self { code, ..Self::from_error(&error) }
    }
}
