//! The spans of unprepared programs: collected beside the command, and passed on to the engine.
//!
//! ```text
//!  processes of the run ─ append ─► channel ─► collector (a thread) ─► engine, or the spool
//!                                      ▲
//!                 the command has ended: wait for living processes, a little; seal; read the rest
//! ```
//!
//! A span is passed on once the engine knows of the run, or it is sure that none can be reached; until then it waits in the
//! channel, whose size processes bound. Where the engine goes in the middle of a run, the rest waits in the spool. The
//! collector looks at the run's commands in `/proc`, too.

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
use kino_model::names;
use kino_wire::admin::EngineFile;
use serde_json::Value as Json;
use serde_json::value::RawValue;

use crate::child::screen::Screen;
use crate::commands::{Above, ClockPair, Commands, Sampled};
use crate::news::News;
use crate::spool::{Rescue, Spool, is_passing};
use crate::{Client, Host, RunnerError};

/// How often an idle channel is read.
const IDLE_PAUSE: Duration = Duration::from_millis(40);
/// How often one is read in which spans arrive.
const BUSY_PAUSE: Duration = Duration::from_millis(5);
/// How long, after the command has ended, its processes that made spans may take to end.
const STRAGGLERS_PATIENCE: Duration = Duration::from_secs(1);
/// How often that is examined.
const STRAGGLERS_STEP: Duration = Duration::from_millis(5);

/// How old the state of the code may be for a process that begins, in nanoseconds: no reload takes less.
const CODE_AGE_NANOS: u64 = 100_000_000;
/// How much longer than git takes the state stays in use: many processes that begin cost a tenth of a core at most.
const CODE_AGE_FACTOR: u64 = 10;

/// What came of injecting the bootstrap into a run.
#[derive(Clone, Debug, Default)]
pub struct Injected {
    /// What the processes sent, and what they lost.
    pub counts: Counts,
    /// Spans that the engine did not take, and why.
    pub refused: Option<(u64, String)>,
    /// Processes that made spans and live on; theirs go to the engine directly from now on.
    pub left: usize,
    /// Commands that were seen in `/proc`.
    pub sampled: Sampled,
}

/// Where spans go.
#[derive(Clone)]
pub(crate) enum Sink<C> {
    /// An engine, which knows of the run, and where spans go once it is gone; `None` where they are lost then.
    Engine(C, Option<Rescue>),
    /// Files, until an engine can be reached.
    Spool(Spool),
}

/// The bootstrap in a command that is about to start or runs.
pub(crate) struct Injection<C> {
    bootstrap: Bootstrap,
    path: PathBuf,
    sinks: SyncSender<Sink<C>>,
    watched: SyncSender<Above>,
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
    /// The state of the code at this moment.
    code: CodeNow,
    /// What is said of a server while it runs; `None` where there is no terminal for it.
    news: Option<News>,
    /// The commands in `/proc`, once the run's own is known; `None` where it is not.
    commands: Option<Commands>,
    now: Now,
}

type Now = Box<dyn Fn() -> ClockPair + Send>;

/// The state of the code now and then: a server that reloads begins a process with another one.
struct CodeNow {
    /// Returns the state and what asking took, in nanoseconds.
    ask: Box<dyn FnMut() -> (Option<String>, u64) + Send>,
    /// The last answer.
    known: Option<KnownCode>,
}

struct KnownCode {
    /// When it was asked.
    asked: u64,
    /// What that took, in nanoseconds.
    took: u64,
    state: Option<String>,
}

impl CodeNow {
    /// Returns the resource of a process that begins `now`, with the state of the code; `None` where that is as it says.
    fn of(&mut self, resource: &RawValue, now: u64) -> Option<Box<RawValue>> {
        let age_max = |known: &KnownCode| known.took.saturating_mul(CODE_AGE_FACTOR).max(CODE_AGE_NANOS);
        if self.known.as_ref().is_none_or(|known| now.saturating_sub(known.asked) > age_max(known)) {
            let (state, took) = (self.ask)();
            self.known = Some(KnownCode { asked: now, took, state });
        }
        let code = self.known.as_ref()?.state.as_deref()?;
        with_code(resource, code)
    }
}

/// A resource with another state of the code; `None` where it has none, or this one.
fn with_code(resource: &RawValue, code: &str) -> Option<Box<RawValue>> {
    let mut resource: Json = serde_json::from_str(resource.get()).ok()?;
    let attributes = resource.get_mut("attributes")?.as_array_mut()?;
    let value = attributes.iter_mut().find(|attribute| attribute["key"] == names::CODE_STATE)?.get_mut("value")?;
    if value["stringValue"] == code {
        return None;
    }
    *value = serde_json::json!({ "stringValue": code });
    serde_json::value::to_raw_value(&resource).ok()
}

impl<C: Client> Injection<C> {
    /// Makes the channel for a command of `directory` and begins to read it; `None` where the host injects nothing. What
    /// servers do is said on `screen`.
    ///
    /// # Errors
    /// Where the bootstrap cannot be written, or the system has no channel.
    pub(crate) fn begin<H: Host<Client = C>>(
        host: &H,
        directory: &Path,
        screen: Option<Screen>,
    ) -> Option<Result<Self, RunnerError>> {
        let bootstrap = host.bootstrap()?;
        Some(bootstrap.map_err(|error| RunnerError::system("writing the bootstrap", error)).and_then(|bootstrap| {
            let channel = Channel::open().map_err(|error| RunnerError::system("making a channel for spans", error))?;
            let path = channel.path();
            let (sinks, from) = sync_channel(1);
            let (watched, watch) = sync_channel(1);
            let stop = Arc::new(AtomicBool::new(false));
            let (asking, folder, clock) = (host.clone(), directory.to_owned(), host.clone());
            let ask = move || {
                let begun = asking.clock().monotonic_nanos();
                let code = asking.scratch().ok().map(|scratch| asking.git().code(&folder, &scratch));
                let took = asking.clock().monotonic_nanos().saturating_sub(begun);
                (code.and_then(|code| code.state.code_state), took)
            };
            let collector = Collector {
                channel,
                records: Records::default(),
                sink: None,
                refused: None,
                code: CodeNow { ask: Box::new(ask), known: None },
                news: screen.map(|screen| News::new(screen, kino_repo::project::name_of(directory))),
                commands: None,
                now: Box::new(move || ClockPair {
                    monotonic: clock.clock().monotonic_nanos(),
                    unix: clock.clock().now().0,
                }),
            };
            let stopped = Arc::clone(&stop);
            let run = move || collector.run(&from, &watch, &stopped);
            let spawned = thread::Builder::new().name("spans".to_owned()).spawn(run);
            let collector = spawned.map_err(|error| RunnerError::system("starting a thread", error))?;
            Ok(Self { bootstrap, path, sinks, watched, stop, collector })
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

    /// Begins to look for commands below the run's own process.
    pub(crate) fn watch(&self, above: Above) {
        // It has room for one, and there is no other. A collector that idles looks at once.
        if self.watched.try_send(above).is_ok() {
            self.collector.thread().unpark();
        }
    }

    /// Stops without reading more: nothing is recorded. Processes that live on notice it by the seal.
    pub(crate) fn abandon(self) {
        // A seal that fails changes nothing: what processes write is lost either way.
        self.stop().channel.seal().ok();
    }

    /// Reads the rest, once the command has ended, and passes it on.
    pub(crate) fn finish(self, sink: Sink<C>) -> Injected {
        let mut collector = self.stop();
        // One that has found its engine gone stays with the spool.
        if !matches!(collector.sink, Some(Sink::Spool(_))) {
            collector.sink = Some(sink);
        }
        collector.finish()
    }

    fn stop(self) -> Collector<C> {
        self.stop.store(true, Ordering::Release);
        self.collector.thread().unpark();
        self.collector.join().expect("reading a channel does not panic")
    }
}

impl<C: Client> Collector<C> {
    fn run(mut self, sinks: &Receiver<Sink<C>>, watch: &Receiver<Above>, stop: &AtomicBool) -> Self {
        while !stop.load(Ordering::Acquire) {
            self.sink = self.sink.or_else(|| sinks.try_recv().ok());
            let is_busy = self.sink.is_some() && self.pass_on();
            if let Some(news) = &mut self.news {
                let client = match &self.sink {
                    Some(Sink::Engine(client, _)) => Some(client),
                    Some(Sink::Spool(_)) | None => None,
                };
                news.say((self.now)().monotonic, client);
            }
            self.commands = self.commands.or_else(|| watch.try_recv().ok().map(Commands::new));
            let pause = if is_busy { BUSY_PAUSE } else { IDLE_PAUSE };
            thread::park_timeout(self.look_at_commands().map_or(pause, |until| until.min(pause)));
        }
        self
    }

    /// Looks at the commands where that is due, and passes those on that have ended; returns the time until the next look.
    fn look_at_commands(&mut self) -> Option<Duration> {
        let until = self.commands.as_mut()?.sample_if_due(&self.now);
        if self.sink.is_some() {
            let (now, reporters) = ((self.now)(), self.records.pids().collect());
            if let Some((request, spans)) = self.commands.as_mut()?.ended(now, &reporters) {
                self.deliver(request, spans);
            }
        }
        Some(until)
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
        let sampled = self.last_commands();
        Injected { counts: self.records.finish(), refused: self.refused, left, sampled }
    }

    /// Passes the commands on that were not yet, once nothing more comes through the channel.
    fn last_commands(&mut self) -> Sampled {
        let Some(commands) = self.commands.take() else { return Sampled::default() };
        let (request, sampled) = commands.finish((self.now)(), &self.records.pids().collect());
        if let Some((request, spans)) = request {
            self.deliver(request, spans);
        }
        sampled
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
        let now = (self.now)().monotonic;
        let requests = self.records.feed(&bytes, &mut |resource| self.code.of(resource, now));
        if let (Some(news), Some(served)) = (&mut self.news, self.records.served()) {
            news.add(served, now);
        }
        let spans = self.records.spans() - before;
        if spans > 0 {
            self.deliver(requests, spans);
        }
        true
    }

    /// Hands spans over. Once an engine is gone, what it did not take and all that follows goes to the spool.
    fn deliver(&mut self, requests: Vec<u8>, spans: u64) {
        let (client, rescue) = match &self.sink {
            Some(Sink::Engine(client, rescue)) => (client, rescue),
            Some(Sink::Spool(spool)) => return spool.spans(&requests, spans),
            None => return,
        };
        let again = rescue.as_ref().map(|_| requests.clone());
        let Err(problem) = client.import(requests) else { return };
        let spool = rescue.as_ref().filter(|_| is_passing(&problem)).map(Rescue::spool);
        match (spool, again) {
            (Some(Ok(spool)), Some(again)) => {
                spool.spans(&again, spans);
                self.sink = Some(Sink::Spool(spool));
            }
            (Some(Err(error)), _) => self.refuse(spans, &format!("{}; {error}", problem.message)),
            _ => self.refuse(spans, &problem.message),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_begins_with_other_code_says_so() {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let resource = raw(r#"{"attributes":[{"key":"kino.code_state","value":{"stringValue":"a+1"}},{"key":"b"}]}"#);
        assert!(with_code(&resource, "a+1").is_none());
        let changed = with_code(&resource, "a+2").unwrap();
        assert_eq!(changed.get(), resource.get().replace("a+1", "a+2"));
        assert!(with_code(&raw("{}"), "a+2").is_none() && with_code(&raw("7"), "a+2").is_none());
        let mut asked = 0;
        let mut code = CodeNow {
            ask: Box::new(move || {
                asked += 1;
                (Some(format!("a+{asked}")), CODE_AGE_NANOS / 5)
            }),
            known: None,
        };
        let states = [0, CODE_AGE_NANOS + 1, 2 * CODE_AGE_NANOS + 1]
            .map(|now| code.of(&resource, now).map(|of| of.get().contains("a+2")));
        assert_eq!(states, [None, None, Some(true)], "git is not asked for each of many processes");
    }
}
