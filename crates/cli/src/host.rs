//! What `kino-runner` needs of this program: its engine, its environment, its user.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use kino_model::Clock;
use kino_repo::Git;
use kino_runner::{Bootstrap, EngineNews, Host, RunnerError};
use kino_wire::admin::EngineFile;
use kino_wire::{Problem, Question};

use crate::app::App;
use crate::client::{self, Client, Found};
use crate::failure::{Failure, code};
use crate::progress::{self, Shown};
use crate::{config, output, start};

impl Host for App {
    type Failure = Failure;
    type Client = Client;
    type Progress = Shown;

    fn engine(&self, report: &dyn Fn(EngineNews<'_>)) -> Result<Client, Failure> {
        let found = client::find(&self.settings);
        if matches!(found, Found::Starting(_) | Found::Stale(_) | Found::None) {
            report(EngineNews::Starting);
        }
        start::engine_after(found, &self.settings, &*self.clock, &|sentence| report(EngineNews::Said(sentence)))
    }

    fn announced(&self) -> Option<EngineFile> {
        client::announced(&self.settings.home)
    }

    fn bootstrap(&self) -> Option<io::Result<Bootstrap>> {
        self.settings.engine.run.inject.then(|| Bootstrap::install(&self.settings.home))
    }

    fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    fn say(&self, sentence: &str) {
        output::note(sentence);
    }

    fn progress(&self, what: &str, steps: Option<u64>) -> Shown {
        Shown(match steps {
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
