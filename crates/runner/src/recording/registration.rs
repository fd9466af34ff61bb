//! Makes a run known to the engine beside its command, which waits for that for a bounded time only.
//!
//! ```text
//!  thread:   find or start the engine ─► run_start ─────────────► registered
//!  command:  waits 100 ms, or 2 s where one must start ─► runs ─► ends ─► run_finish, once registered
//! ```
//!
//! What the command needs is known before the engine has answered: its addresses are in its home as soon as its
//! listeners are open, and these queue what comes until the engine answers.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use kino_repo::Code;
use kino_wire::admin::EngineFile;
use kino_wire::run::{Recorder, RunStart};

use super::{Recording, metric_points, output};
use crate::child::Command;
use crate::environment::Ids;
use crate::{Client, EngineNews, Host, RunnerError};

/// How long a command waits for an engine that runs.
const ANSWER_PATIENCE: Duration = Duration::from_millis(100);
/// How long it waits for one that must start.
const START_PATIENCE: Duration = Duration::from_secs(2);
/// Events that wait to be looked at; more than one registration has.
const EVENTS_MAX: usize = 32;

/// A run on its way to the engine.
pub(super) struct Registration<H: Host> {
    pub(super) ids: Ids,
    pub(super) code: Code,
    start: RunStart,
    /// Where spans go: the engine, or one that is about to answer.
    pub(super) engine: Option<EngineFile>,
    events: Receiver<Event<H>>,
    outcome: Option<Outcome<H>>,
}

/// What is known of a run that the engine knows of.
pub(super) struct Registered<C> {
    pub(super) client: C,
    /// Metric points refused before the run, to see afterwards whether it sent any.
    pub(super) metric_points: u64,
}

type Outcome<H> = Result<Registered<<H as Host>::Client>, <H as Host>::Failure>;

enum Event<H: Host> {
    /// No engine runs: one is started.
    Starting,
    /// A sentence for the user.
    Said(String),
    /// The engine answers.
    Engine(EngineFile),
    Ended(Outcome<H>),
}

impl<H: Host> Registration<H> {
    /// Looks at the code and begins to register the run. Once the engine knows of it, `clients` gets a client too.
    ///
    /// # Errors
    /// Where the system has no randomness or no threads.
    pub(super) fn begin(
        host: &H,
        command: Command<'_>,
        label: Option<&str>,
        clients: Option<SyncSender<H::Client>>,
    ) -> Result<Self, H::Failure> {
        let ids = Ids::new(crate::random()?, host.variable("TRACEPARENT").as_deref());
        let code = host.git().code(command.directory, &host.scratch()?);
        let diff = (!code.diff.is_empty()).then(|| output(&code.diff, code.diff_cut_bytes));
        let start = RunStart {
            run_id: ids.run,
            trace_id: ids.trace,
            span_id: ids.span,
            parent_span_id: ids.parent_span,
            label: label.map(str::to_owned),
            command: command.words.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
            directory: command.directory.to_string_lossy().into_owned(),
            code: code.state.clone(),
            diff,
            start_unix_nanos: host.clock().now().0,
            recorder: Some(recorder()),
        };
        let (sender, events) = sync_channel(EVENTS_MAX);
        let (asking, question) = (host.clone(), start.clone());
        let run = move || {
            let ended = register(&asking, &question, &sender);
            if let (Ok(registered), Some(clients)) = (&ended, clients) {
                // It has room for one. Where the command has ended already, it is not awaited.
                clients.try_send(registered.client.clone()).ok();
            }
            send(&sender, Event::Ended(ended));
        };
        let spawned = thread::Builder::new().name("registration".to_owned()).spawn(run);
        spawned.map_err(|error| RunnerError::system("starting a thread", error))?;
        Ok(Self { ids, code, start, engine: None, events, outcome: None })
    }

    /// Waits until the engine knows of the run, but not for long.
    ///
    /// # Errors
    /// Where it has turned out by then that it cannot be recorded.
    pub(super) fn wait_a_little(&mut self, host: &H) -> Result<(), H::Failure> {
        let begun = host.clock().monotonic_nanos();
        let mut patience = ANSWER_PATIENCE;
        while self.outcome.is_none() {
            let waited = Duration::from_nanos(host.clock().monotonic_nanos().saturating_sub(begun));
            match self.events.recv_timeout(patience.saturating_sub(waited)) {
                Ok(Event::Starting) => patience = START_PATIENCE,
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
        self.failure()
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

    /// Waits until the engine knows of the run, whose command has ended, and tries once more where it did not answer.
    ///
    /// # Errors
    /// Where the run cannot be recorded.
    pub(super) fn registered(mut self, host: &H) -> Result<Recording<H::Client>, H::Failure> {
        let sent_to = self.engine.clone();
        while let Ok(event) = self.events.try_recv() {
            self.take(host, event);
        }
        if self.outcome.is_none() {
            host.say("kino │ waiting for the engine, to record this run");
            self.wait(host)?;
        }
        let registered = if let Some(Ok(registered)) = self.outcome {
            registered
        } else {
            // It failed a while ago, while the command ran.
            let (sender, _events) = sync_channel(EVENTS_MAX);
            register(host, &self.start, &sender)?
        };
        let is_at = &registered.client.address().otlp_http;
        match sent_to {
            None => {
                host.say("kino │ the engine's address was not known when this command began: its spans are not here");
            }
            Some(sent_to) if sent_to.otlp_http != *is_at => host.say(&format!(
                "kino │ this command sent its spans to {}, and the engine is at {is_at} by now: they are not here",
                sent_to.otlp_http
            )),
            Some(_) => {}
        }
        let Registered { client, metric_points } = registered;
        Ok(Recording { client, ids: self.ids, code: self.code, metric_points })
    }

    fn failure(&self) -> Result<(), H::Failure> {
        match &self.outcome {
            Some(Err(failure)) => Err(failure.clone()),
            Some(Ok(_)) | None => Ok(()),
        }
    }

    fn take(&mut self, host: &H, event: Event<H>) {
        match event {
            Event::Starting => {}
            Event::Said(text) => host.say(&text),
            Event::Engine(engine) => {
                // What the command was given stays what is reported.
                self.engine.get_or_insert(engine);
            }
            Event::Ended(outcome) => self.outcome = Some(outcome),
        }
    }
}

fn register<H: Host>(host: &H, question: &RunStart, events: &SyncSender<Event<H>>) -> Outcome<H> {
    let report = |news: EngineNews<'_>| match news {
        EngineNews::Starting => send(events, Event::Starting),
        EngineNews::Said(text) => send(events, Event::Said(text.to_owned())),
    };
    let client = host.engine(&report)?;
    send(events, Event::Engine(client.address().clone()));
    client.ask(question)?;
    Ok(Registered { metric_points: metric_points(&client), client })
}

/// This process, which reports the run's end.
fn recorder() -> Recorder {
    let namespace = std::fs::read_link("/proc/self/ns/pid").ok();
    Recorder { pid: std::process::id(), namespace: namespace.map(|link| link.to_string_lossy().into_owned()) }
}

/// The command may be running, and nothing reads the notes yet: what exceeds the bound is not waited for.
fn send<H: Host>(events: &SyncSender<Event<H>>, event: Event<H>) {
    events.try_send(event).ok();
}
