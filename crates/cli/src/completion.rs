//! What a shell asks while a command line is typed: commands and options, and what was recorded while an engine runs.
//!
//! Recorded names reach a command line here, so that each is escaped for the shell that asks, and one with a harmful
//! character is not offered.

use std::ffi::{OsStr, OsString};
use std::sync::mpsc;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use clap::CommandFactory;
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use kino_text::untrusted::is_harmful;
use kino_wire::Question;
use kino_wire::errors::ErrorsQuestion;
use kino_wire::find::FindQuestion;
use kino_wire::insights::InsightsQuestion;
use kino_wire::live::{OperationsQuestion, ServicesQuestion};
use kino_wire::run::{RunItem, RunsQuestion};

use crate::app::App;
use crate::args::{Arguments, ScopeArguments};
use crate::clock::SystemClock;
use crate::config::{Settings, variable};
use crate::output::Output;
use crate::start;

/// The variable by which a shell asks; its value names the shell.
pub(crate) const VARIABLE: &str = "_KINO_COMPLETE";
/// How long the engine may take: a person has pressed a key.
const WAIT_MAX: Duration = Duration::from_millis(500);
/// Names that are offered of each kind.
const NAMES_MAX: usize = 200;

/// The shell that asks; the variable is gone when values are completed.
static SHELL: OnceLock<OsString> = OnceLock::new();

/// Answers a shell that asks, and ends this process; returns where none does.
pub(crate) fn answer_shell() {
    if let Some(shell) = variable(VARIABLE) {
        SHELL.get_or_init(|| shell);
    }
    CompleteEnv::with_factory(Arguments::command).var(VARIABLE).complete();
}

/// Names of operations, and ids of traces.
pub(crate) fn operations_and_traces() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| matching(typed, |asker| [asker.operations(), asker.traces()].concat()))
}

/// Names of operations.
pub(crate) fn operations() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| matching(typed, Asker::operations))
}

/// Names of services.
pub(crate) fn services() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| matching(typed, Asker::services))
}

/// What `open` takes: ids of traces, fingerprints of findings, and each kind of id after its name and a colon.
pub(crate) fn openable() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        matching(typed, |asker| {
            let kind = |kind: &str, ids: &[String]| ids.iter().map(|id| format!("{kind}:{id}")).collect::<Vec<_>>();
            let (runs, findings) = (asker.listed_runs(), asker.findings());
            let ids: Vec<String> = runs.iter().map(|run| run.run_id.to_string()).collect();
            let of = runs.iter().filter_map(|run| run.verification.as_ref());
            let verifications: Vec<String> = of.map(|verification| verification.id.to_string()).collect();
            let (runs, named) = (kind("run", &ids), kind("finding", &findings));
            [asker.traces(), findings, runs, named, kind("verification", &verifications)].concat()
        })
    })
}

/// Ids of traces.
pub(crate) fn traces() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| matching(typed, Asker::traces))
}

/// Fingerprints of groups of errors.
pub(crate) fn errors() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| matching(typed, Asker::errors))
}

/// Ids of runs.
pub(crate) fn runs() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| matching(typed, Asker::runs))
}

/// Labels of runs.
pub(crate) fn labels() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| matching(typed, Asker::labels))
}

/// Runs and labels as `compare` takes them.
pub(crate) fn selectors() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| matching(typed, Asker::selectors))
}

/// Ids of assistants.
pub(crate) fn agents() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let typed = typed.to_string_lossy();
        let ids = kino_agents::Agent::ALL.into_iter().filter(|agent| agent.id().starts_with(&*typed));
        ids.map(|agent| CompletionCandidate::new(agent.id()).help(Some(agent.name().into()))).collect()
    })
}

/// Fingerprints of findings.
pub(crate) fn findings() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| matching(typed, Asker::findings))
}

/// Asks a running engine, and starts none.
#[derive(Clone)]
struct Asker(App);

impl Asker {
    fn new() -> Option<Self> {
        let settings = Settings::read().ok()?;
        Some(Self(App { settings, output: Output::plain(false), clock: Arc::new(SystemClock::new()) }))
    }

    fn ask<Q: Question>(&self, question: &Q) -> Option<Q::Answer> {
        start::running(&self.0.settings).ok()?.ask(question).ok()
    }

    fn operations(&self) -> Vec<String> {
        let scope = self.0.scope(&ScopeArguments::default());
        let question = OperationsQuestion { limit: NAMES_MAX, scope, ..OperationsQuestion::default() };
        let found = self.ask(&question).map(|operations| operations.items).unwrap_or_default();
        found.into_iter().map(|operation| operation.name).collect()
    }

    fn services(&self) -> Vec<String> {
        let scope = self.0.scope(&ScopeArguments::default());
        let question = ServicesQuestion { limit: NAMES_MAX, scope, ..ServicesQuestion::default() };
        let found = self.ask(&question).map(|services| services.items).unwrap_or_default();
        found.into_iter().map(|service| service.service).collect()
    }

    fn traces(&self) -> Vec<String> {
        let scope = self.0.scope(&ScopeArguments::default());
        let question = FindQuestion { limit: NAMES_MAX, scope, ..FindQuestion::default() };
        let found = self.ask(&question).map(|found| found.items).unwrap_or_default();
        found.into_iter().map(|item| item.trace_id.to_string()).collect()
    }

    fn listed_runs(&self) -> Vec<RunItem> {
        let scope = self.0.scope(&ScopeArguments::default());
        let question = RunsQuestion { limit: NAMES_MAX, scope, ..RunsQuestion::default() };
        self.ask(&question).map(|runs| runs.items).unwrap_or_default()
    }

    fn runs(&self) -> Vec<String> {
        self.listed_runs().into_iter().map(|run| run.run_id.to_string()).collect()
    }

    fn labels(&self) -> Vec<String> {
        self.listed_runs().into_iter().filter_map(|run| run.label).collect()
    }

    fn selectors(&self) -> Vec<String> {
        let runs = self.listed_runs().into_iter();
        runs.flat_map(|run| [Some(format!("run:{}", run.run_id)), run.label.map(|label| format!("label:{label}"))])
            .flatten()
            .collect()
    }

    fn errors(&self) -> Vec<String> {
        let scope = self.0.scope(&ScopeArguments::default());
        let question = ErrorsQuestion { limit: NAMES_MAX, scope, ..ErrorsQuestion::default() };
        let found = self.ask(&question).map(|errors| errors.items).unwrap_or_default();
        found.into_iter().map(|group| group.fingerprint.to_string()).collect()
    }

    fn findings(&self) -> Vec<String> {
        let scope = self.0.scope(&ScopeArguments::default());
        let question = InsightsQuestion { limit: NAMES_MAX, scope, ..InsightsQuestion::default() };
        let found = self.ask(&question).map(|insights| insights.items).unwrap_or_default();
        found.into_iter().map(|item| item.finding.fingerprint.to_string()).collect()
    }
}

/// Names that begin with what was typed, as the shell needs them; none where the engine takes too long.
fn matching(typed: &OsStr, ask: impl FnOnce(&Asker) -> Vec<String> + Send + 'static) -> Vec<CompletionCandidate> {
    let (send, receive) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let names = Asker::new().map(|asker| ask(&asker)).unwrap_or_default();
        send.send(names).ok();
    });
    let names = receive.recv_timeout(WAIT_MAX).unwrap_or_default();
    let is_bash = SHELL.get().is_some_and(|shell| shell == "bash");
    offered(names, &typed.to_string_lossy(), is_bash).into_iter().map(CompletionCandidate::new).collect()
}

/// Bash puts a candidate on the command line as it is, and hands over what was typed with its quotes; the other shells
/// quote by themselves.
fn offered(mut names: Vec<String>, typed: &str, is_bash: bool) -> Vec<String> {
    let typed = if is_bash { typed.replace(['\\', '"', '\''], "") } else { typed.to_owned() };
    names.retain(|name| !name.is_empty() && name.starts_with(&typed) && !name.chars().any(is_harmful));
    names.sort();
    names.dedup();
    if is_bash { names.iter().map(|name| escaped(name)).collect() } else { names }
}

/// Every character that could mean anything to a shell behind a backslash.
fn escaped(name: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-./:@%+,".contains(c);
    name.chars().flat_map(|c| (!is_plain(c)).then_some('\\').into_iter().chain([c])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_name_is_no_command_of_the_shell() {
        let names =
            || ["$(reboot)", "`reboot`", "a; reboot", "GET /x", "bad\nreboot", "", "GET /x"].map(String::from).to_vec();
        assert_eq!(offered(names(), "", true), ["\\$\\(reboot\\)", "GET\\ /x", "\\`reboot\\`", "a\\;\\ reboot"]);
        assert_eq!(offered(names(), "'GET /", true), ["GET\\ /x"]);
        assert_eq!(offered(names(), "GET\\ /", true), ["GET\\ /x"]);
        assert_eq!(offered(names(), "GET /", false), ["GET /x"]);
    }
}
