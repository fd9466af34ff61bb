//! The spans of unprepared programs: collected beside the command, and passed on to the engine.
//!
//! ```text
//!  processes of the run ─ append ─► channel ─► collector (a thread) ─► engine, or the spool
//!                                      ▲
//!                 the command has ended: wait for living processes, a little; seal; read the rest
//! ```
//!
//! A span is passed on once the engine knows of the run, or it is sure that none can be reached; until then it waits in the
//! channel, whose size processes bound.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use kino_inject::bootstrap::{Bootstrap, Reports};
use kino_inject::channel::Channel;
use kino_inject::records::{Counts, Records};
use kino_wire::admin::EngineFile;

use crate::spool::Spool;
use crate::{Client, Host, RunnerError};

/// How often an idle channel is read.
const IDLE_PAUSE: Duration = Duration::from_millis(40);
/// How often one is read in which spans arrive.
const BUSY_PAUSE: Duration = Duration::from_millis(5);
/// How long, after the command has ended, its processes that made spans may take to end.
const STRAGGLERS_PATIENCE: Duration = Duration::from_secs(1);
/// How often that is examined.
const STRAGGLERS_STEP: Duration = Duration::from_millis(5);

/// What came of injecting the bootstrap into a run.
#[derive(Clone, Debug, Default)]
pub struct Injected {
    /// What the processes sent, and what they lost.
    pub counts: Counts,
    /// Spans that the engine did not take, and why.
    pub refused: Option<(u64, String)>,
    /// Processes that made spans and live on; theirs go to the engine directly from now on.
    pub left: usize,
}

/// Where spans go.
#[derive(Clone)]
pub(crate) enum Sink<C> {
    /// An engine, which knows of the run.
    Engine(C),
    /// Files, until an engine can be reached.
    Spool(Spool),
}

/// The bootstrap in a command that is about to start or runs.
pub(crate) struct Injection<C> {
    bootstrap: Bootstrap,
    path: PathBuf,
    sinks: SyncSender<Sink<C>>,
    stop: Arc<AtomicBool>,
    collector: JoinHandle<Collector<C>>,
}

/// The reader of a channel.
struct Collector<C> {
    channel: Channel,
    records: Records,
    /// Where spans go, once that is known.
    sink: Option<Sink<C>>,
    /// Spans that the engine did not take, and the first reason.
    refused: Option<(u64, String)>,
}

impl<C: Client> Injection<C> {
    /// Makes the channel and begins to read it; `None` where the host injects nothing.
    ///
    /// # Errors
    /// Where the bootstrap cannot be written, or the system has no channel.
    pub(crate) fn begin<H: Host<Client = C>>(host: &H) -> Option<Result<Self, RunnerError>> {
        let bootstrap = host.bootstrap()?;
        Some(bootstrap.map_err(|error| RunnerError::system("writing the bootstrap", error)).and_then(|bootstrap| {
            let channel = Channel::open().map_err(|error| RunnerError::system("making a channel for spans", error))?;
            let path = channel.path();
            let (sinks, from) = sync_channel(1);
            let stop = Arc::new(AtomicBool::new(false));
            let collector = Collector { channel, records: Records::default(), sink: None, refused: None };
            let stopped = Arc::clone(&stop);
            let run = move || collector.run(&from, &stopped);
            let spawned = thread::Builder::new().name("spans".to_owned()).spawn(run);
            let collector = spawned.map_err(|error| RunnerError::system("starting a thread", error))?;
            Ok(Self { bootstrap, path, sinks, stop, collector })
        }))
    }

    /// Returns the variables for the command; processes that outlive it send their spans to `engine`, where that is known.
    pub(crate) fn variables(
        &self,
        engine: Option<&EngineFile>,
        project: &Path,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Vec<(&'static str, OsString)> {
        let reports =
            Reports { channel: &self.path, otlp_http: engine.map(|engine| engine.otlp_http.as_str()), project };
        self.bootstrap.variables(reports, variable)
    }

    /// Returns where the collector takes its sink from: the first is enough.
    pub(crate) fn sinks(&self) -> SyncSender<Sink<C>> {
        self.sinks.clone()
    }

    /// Stops without reading more: nothing is recorded. Processes that live on notice it by the seal.
    pub(crate) fn abandon(self) {
        // A seal that fails changes nothing: what processes write is lost either way.
        self.stop().channel.seal().ok();
    }

    /// Reads the rest, once the command has ended, and passes it on.
    pub(crate) fn finish(self, sink: Sink<C>) -> Injected {
        let mut collector = self.stop();
        collector.sink = Some(sink);
        collector.finish()
    }

    fn stop(self) -> Collector<C> {
        self.stop.store(true, Ordering::Release);
        self.collector.thread().unpark();
        self.collector.join().expect("reading a channel does not panic")
    }
}

impl<C: Client> Collector<C> {
    fn run(mut self, sinks: &Receiver<Sink<C>>, stop: &AtomicBool) -> Self {
        while !stop.load(Ordering::Acquire) {
            self.sink = self.sink.or_else(|| sinks.try_recv().ok());
            let is_busy = self.sink.is_some() && self.pass_on();
            thread::park_timeout(if is_busy { BUSY_PAUSE } else { IDLE_PAUSE });
        }
        self
    }

    /// Waits a little for processes that live, closes the channel and passes on what is left.
    fn finish(mut self) -> Injected {
        let mut waited = Duration::ZERO;
        while waited < STRAGGLERS_PATIENCE && !self.living().is_empty() {
            self.pass_on();
            thread::sleep(STRAGGLERS_STEP);
            waited += STRAGGLERS_STEP;
        }
        if let Err(error) = self.channel.seal() {
            self.refuse(0, &error.to_string());
        }
        while self.pass_on() {}
        let left = self.living().len();
        Injected { counts: self.records.finish(), refused: self.refused, left }
    }

    /// Passes on what the next read gives; returns whether it gave anything.
    fn pass_on(&mut self) -> bool {
        let bytes = match self.channel.read() {
            Ok(bytes) if bytes.is_empty() => return false,
            Ok(bytes) => bytes,
            Err(error) => {
                self.refuse(0, &error.to_string());
                return false;
            }
        };
        let before = self.records.spans();
        let requests = self.records.feed(&bytes);
        let spans = self.records.spans() - before;
        match self.sink.as_ref().filter(|_| spans > 0) {
            Some(Sink::Engine(client)) => {
                if let Err(problem) = client.import(requests) {
                    self.refuse(spans, &problem.message);
                }
            }
            Some(Sink::Spool(spool)) => spool.spans(&requests, spans),
            None => {}
        }
        true
    }

    fn refuse(&mut self, spans: u64, why: &str) {
        self.refused.get_or_insert_with(|| (0, why.to_owned())).0 += spans;
    }

    /// Processes that made spans and have not ended.
    fn living(&self) -> BTreeSet<u32> {
        self.records.pids().filter(|pid| lives(*pid)).collect()
    }
}

/// Whether a process has not ended.
fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name, in parentheses, may hold anything.
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    state.is_some_and(|state| !matches!(state, 'Z' | 'X'))
}
