//! Makes a run known to the engine beside its command, which waits for that for a bounded time only.
//!
//! ```text
//!  thread:   find or start the engine ─► run_start ─────────────► registered      else: open the spool
//!  command:  waits 100 ms, or 2 s where one must start ─► runs ─► ends ─► run_finish, once registered
//! ```
//!
//! What the command needs is known before the engine has answered: its addresses are in its home as soon as its
//! listeners are open, and these queue what comes until the engine answers.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use kino_repo::Code;
use kino_wire::admin::EngineFile;
use kino_wire::run::{Recorder, RunStart};

use super::{Marks, Recording, metric_points, output};
use crate::child::Command;
use crate::environment::Ids;
use crate::injection::Sink;
use crate::spool::{Rescue, Spool, SpoolError};
use crate::{Client, EngineNews, Host, RunnerError};

/// How long a command waits for an engine that runs.
const ANSWER_PATIENCE: Duration = Duration::from_millis(100);
/// How long it waits for one that must start.
const START_PATIENCE: Duration = Duration::from_secs(2);
/// How long an engine that has not answered yet is waited for once the command has ended. Beyond, the run is spooled.
const END_PATIENCE: Duration = Duration::from_secs(10);
/// Events that wait to be looked at; more than one registration has.
const EVENTS_MAX: usize = 32;

/// A run on its way to the engine.
pub(super) struct Registration<H: Host> {
    pub(super) ids: Ids,
    pub(super) code: Code,
    start: RunStart,
    /// Where spans go: the engine, or one that is about to answer.
    pub(super) engine: Option<EngineFile>,
    events: Receiver<RegistrationEvent<H>>,
    outcome: Option<RegistrationOutcome<H>>,
    /// Where the run is written that no engine takes, or not to its end.
    rescue: Rescue,
}

/// Who takes a run whose command has ended.
pub(super) enum Reached<H: Host> {
    Engine(Box<Recording<H::Client>>),
    /// Files, as no engine could be reached.
    Spool(Box<(RunStart, Code)>, Spool, H::Failure),
    /// None at all: why no engine, and why no files.
    Nowhere(H::Failure, SpoolError),
}

/// What is known of a run that the engine knows of.
pub(super) struct Registered<C> {
    pub(super) client: C,
    /// Metric points refused before the run, to see afterwards whether it sent any.
    pub(super) metric_points: u64,
}

type RegistrationOutcome<H> = Result<Registered<<H as Host>::Client>, <H as Host>::Failure>;

enum RegistrationEvent<H: Host> {
    /// No engine runs: one is started.
    Starting,
    /// A sentence for the user.
    Said(String),
    /// The engine answers.
    Engine(EngineFile),
    Ended(RegistrationOutcome<H>),
}

impl<H: Host> Registration<H> {
    /// Looks at the code and begins to register the run. Once the engine knows of it, `sinks` gets a client; where none can
    /// be reached and the run `may_wait`, its spool.
    ///
    /// # Errors
    /// Where the system has no randomness or no threads.
    pub(super) fn begin(
        host: &H,
        command: Command<'_>,
        marks: Marks<'_>,
        sinks: Option<SyncSender<Sink<H::Client>>>,
        may_wait: bool,
    ) -> Result<Self, H::Failure> {
        let ids = Ids::new(crate::random()?, host.variable("TRACEPARENT").as_deref());
        let code = code(host, command.directory);
        let diff = (!code.diff.is_empty()).then(|| output(&code.diff, code.diff_cut_bytes));
        let start = RunStart {
            run_id: ids.run,
            trace_id: ids.trace,
            span_id: ids.span,
            parent_span_id: ids.parent_span,
            label: marks.label.map(str::to_owned),
            call: marks.call.map(str::to_owned),
            command: command.words.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
            directory: command.directory.to_string_lossy().into_owned(),
            code: code.state.clone(),
            diff,
            start_unix_nanos: host.clock().now().0,
            recorder: Some(recorder()),
        };
        let (sender, events) = sync_channel(EVENTS_MAX);
        let rescue = {
            let (host, directory, start) = (host.clone(), command.directory.to_owned(), start.clone());
            Rescue::new(move || spool(&host, &directory, &start))
        };
        let (asking, question, rescued) = (host.clone(), start.clone(), rescue.clone());
        let run = move || {
            let ended = register(&asking, &question, &sender);
            // It has room for one. Where the command has ended already, it is not awaited.
            let pass = |sink| sinks.and_then(|sinks| sinks.try_send(sink).ok());
            match ended {
                Ok(registered) => {
                    pass(Sink::Engine(registered.client.clone(), may_wait.then(|| rescued.clone())));
                    send(&sender, RegistrationEvent::Ended(Ok(registered)));
                }
                Err(failure) => {
                    // The command does not wait for the spool.
                    send(&sender, RegistrationEvent::Ended(Err(failure)));
                    if may_wait && let Ok(spool) = rescued.spool() {
                        pass(Sink::Spool(spool));
                    }
                }
            }
        };
        let spawned = thread::Builder::new().name("registration".to_owned()).spawn(run);
        spawned.map_err(|error| RunnerError::system("starting a thread", error))?;
        Ok(Self { ids, code, start, engine: None, events, outcome: None, rescue })
    }

    /// Waits until the engine knows of the run, or cannot, but not for long.
    pub(super) fn wait_a_little(&mut self, host: &H) {
        let begun = host.clock().monotonic_nanos();
        let mut patience = ANSWER_PATIENCE;
        while self.outcome.is_none() {
            let waited = Duration::from_nanos(host.clock().monotonic_nanos().saturating_sub(begun));
            match self.events.recv_timeout(patience.saturating_sub(waited)) {
                Ok(RegistrationEvent::Starting) => patience = START_PATIENCE,
                Ok(event) => self.take(host, event),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => self.outcome = Some(Err(RunnerError::Unregistered.into())),
            }
        }
        if self.engine.is_none() && self.outcome.is_none() {
            self.engine = host.announced();
            let where_to = match &self.engine {
                Some(engine) => format!("sends its spans to {}, where they wait", engine.otlp_http),
                None => "sends its spans nowhere, because no address is known yet".to_owned(),
            };
            host.say(&format!(
                "kino │ the engine does not answer yet: the command starts and {where_to}; the run is recorded as soon \
                 as the engine answers"
            ));
        }
    }

    /// Waits until the engine knows of the run.
    ///
    /// # Errors
    /// Where it cannot be recorded.
    pub(super) fn wait(&mut self, host: &H) -> Result<(), H::Failure> {
        while self.outcome.is_none() {
            match self.events.recv() {
                Ok(event) => self.take(host, event),
                Err(_) => self.outcome = Some(Err(RunnerError::Unregistered.into())),
            }
        }
        self.failure()
    }

    /// Waits for who takes the run, whose command has ended.
    pub(super) fn reached(mut self, host: &H) -> Reached<H> {
        while let Ok(event) = self.events.try_recv() {
            self.take(host, event);
        }
        if self.outcome.is_none() {
            host.say("kino │ waiting for the engine, to record this run");
            self.wait_at_the_end(host);
        }
        let failure = match self.outcome.take() {
            Some(Ok(registered)) => return Reached::Engine(Box::new(self.recording(host, registered))),
            Some(Err(failure)) => failure,
            None => RunnerError::NoAnswer(END_PATIENCE.as_secs()).into(),
        };
        match self.rescue.spool() {
            Ok(spool) => Reached::Spool(Box::new((self.start, self.code)), spool, failure),
            Err(error) => Reached::Nowhere(failure, error),
        }
    }

    fn wait_at_the_end(&mut self, host: &H) {
        let begun = host.clock().monotonic_nanos();
        while self.outcome.is_none() {
            let waited = Duration::from_nanos(host.clock().monotonic_nanos().saturating_sub(begun));
            match self.events.recv_timeout(END_PATIENCE.saturating_sub(waited)) {
                Ok(event) => self.take(host, event),
                Err(RecvTimeoutError::Timeout) => return,
                Err(RecvTimeoutError::Disconnected) => self.outcome = Some(Err(RunnerError::Unregistered.into())),
            }
        }
    }

    /// Returns what is needed to report the end of a run that the engine knows of.
    ///
    /// # Errors
    /// Where the engine does not know of it.
    pub(super) fn registered(mut self, host: &H) -> Result<Recording<H::Client>, H::Failure> {
        match self.outcome.take() {
            Some(Ok(registered)) => Ok(self.recording(host, registered)),
            Some(Err(failure)) => Err(failure),
            None => Err(RunnerError::Unregistered.into()),
        }
    }

    fn recording(self, host: &H, registered: Registered<H::Client>) -> Recording<H::Client> {
        let Registered { client, metric_points } = registered;
        let is_at = &client.address().otlp_http;
        match &self.engine {
            None => {
                host.say("kino │ the engine's address was not known when this command began: what it sent by itself is not here");
            }
            Some(sent_to) if sent_to.otlp_http != *is_at => host.say(&format!(
                "kino │ this command sent its spans to {}, and the engine is at {is_at} by now: they are not here",
                sent_to.otlp_http
            )),
            Some(_) => {}
        }
        Recording { client, start: self.start, code: self.code, metric_points, rescue: self.rescue }
    }

    fn failure(&self) -> Result<(), H::Failure> {
        match &self.outcome {
            Some(Err(failure)) => Err(failure.clone()),
            Some(Ok(_)) | None => Ok(()),
        }
    }

    fn take(&mut self, host: &H, event: RegistrationEvent<H>) {
        match event {
            RegistrationEvent::Starting => {}
            RegistrationEvent::Said(text) => host.say(&text),
            RegistrationEvent::Engine(engine) => {
                // What the command was given stays what is reported.
                self.engine.get_or_insert(engine);
            }
            RegistrationEvent::Ended(outcome) => self.outcome = Some(outcome),
        }
    }
}

fn register<H: Host>(
    host: &H,
    question: &RunStart,
    events: &SyncSender<RegistrationEvent<H>>,
) -> RegistrationOutcome<H> {
    let report = |news: EngineNews<'_>| match news {
        EngineNews::Starting => send(events, RegistrationEvent::Starting),
        EngineNews::Said(text) => send(events, RegistrationEvent::Said(text.to_owned())),
    };
    let client = host.engine(&report)?;
    send(events, RegistrationEvent::Engine(client.address().clone()));
    client.ask(question)?;
    Ok(Registered { metric_points: metric_points(&client), client })
}

/// The state of the code; without its diff, where there is no place for a copy of the index.
fn code<H: Host>(host: &H, directory: &Path) -> Code {
    match host.scratch() {
        Ok(scratch) => host.git().code(directory, &scratch),
        Err(failure) => {
            let mut code = Code::default();
            if let Some(project) = kino_repo::project::of(directory) {
                code.state.project = Some(project.name);
                code.state.worktree = Some(project.worktree.to_string_lossy().into_owned());
            }
            code.notes.push(format!("the state of the code is not known: {failure}"));
            code
        }
    }
}

/// Opens the spool of a directory for a run.
fn spool<H: Host>(host: &H, directory: &Path, start: &RunStart) -> Result<Spool, SpoolError> {
    let redact = host.redact().map_err(SpoolError::Redaction)?;
    Spool::begin(directory, &host.git(), Box::new(redact), start)
}

/// This process, which reports the run's end.
pub(crate) fn recorder() -> Recorder {
    let namespace = std::fs::read_link("/proc/self/ns/pid").ok();
    Recorder { pid: std::process::id(), namespace: namespace.map(|link| link.to_string_lossy().into_owned()) }
}

/// The command may be running, and nothing reads the notes yet: what exceeds the bound is not waited for.
fn send<H: Host>(events: &SyncSender<RegistrationEvent<H>>, event: RegistrationEvent<H>) {
    events.try_send(event).ok();
}
