//! The channel of programs that no run records: a file in the engine's memory, to which they append the spans that have ended.
//!
//! ```text
//!  programs of an assistant's session ─ append ─► channel ─► this task ─► engine
//! ```
//!
//! `engine.json` says where it is. What was appended survives its program, however that ended. At the stop the channel is
//! sealed and read to its end; programs that live on notice it by the seal, and send to the listener. Where the engine takes
//! nothing in for a while, what comes waits in the file, whose size programs bound.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use kino_engine::Engine;
use kino_inject::channel::Channel;
use kino_inject::records::Records;
use kino_wire::ProblemKind;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// How often it is looked whether anything was appended, while programs append.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest pause while nothing comes: an engine at rest takes about a thousandth of a core.
const PAUSE_MAX: Duration = Duration::from_millis(200);
/// How long what is left may take at the stop.
const FINISH_MAX: Duration = Duration::from_secs(2);
/// Looks between two at which of the processes have ended: every ten to forty seconds.
const LOOKS_PER_CENSUS: u32 = 200;

/// What one read gave.
struct Read {
    /// Requests of OTLP in JSON, one a line.
    requests: Bytes,
    spans: u64,
}

/// The reader's end.
#[derive(Debug)]
pub(crate) struct ProgramChannel {
    channel: Channel,
    records: Records,
    /// What was counted as lost so far.
    lost: u64,
    /// Whether a failure to read was said.
    is_failure_said: bool,
}

impl ProgramChannel {
    /// Opens one; `None` where the system has none, or the engine takes nothing in.
    pub(crate) fn open(engine: &Engine) -> Option<Self> {
        if engine.read_only().is_some() {
            return None;
        }
        let channel = Channel::open().inspect_err(|error| tracing::info!(%error, "programs have no channel")).ok()?;
        Some(Self { channel, records: Records::default(), lost: 0, is_failure_said: false })
    }

    /// Returns where programs of this user open it.
    pub(crate) fn path(&self) -> String {
        self.channel.path().display().to_string()
    }

    /// Passes on what is appended, until `stopping` says so, then what is left.
    pub(crate) async fn pass_on(mut self, engine: Engine, mut stopping: watch::Receiver<bool>) {
        let (mut looks, mut pause) = (0, PAUSE);
        while !*stopping.borrow() {
            while let Some(read) = self.next(&engine) {
                take_in(&engine, read, Some(&stopping)).await;
                pause = PAUSE;
                // Programs may append for as long as it is read.
                if *stopping.borrow() {
                    break;
                }
            }
            looks = (looks + 1) % LOOKS_PER_CENSUS;
            if looks == 0 {
                self.forget_ended();
            }
            tokio::select! {
                changed = stopping.changed() => if changed.is_err() { break },
                () = sleep(pause) => pause = (pause * 2).min(PAUSE_MAX),
            }
        }
        if let Err(error) = self.channel.seal() {
            tracing::warn!(%error, "programs may still append spans that nothing reads");
        }
        let rest = async {
            while let Some(read) = self.next(&engine) {
                take_in(&engine, read, None).await;
            }
        };
        if timeout(FINISH_MAX, rest).await.is_err() {
            tracing::warn!("spans that programs had just appended were left behind at the stop");
        }
    }

    /// What the next read gives; `None` where nothing is unread.
    fn next(&mut self, engine: &Engine) -> Option<Read> {
        let read = match self.channel.has_unread() {
            Ok(false) => return None,
            Ok(true) => self.channel.read(),
            Err(error) => Err(error),
        };
        let bytes = match read {
            Ok(bytes) if bytes.is_empty() => return None,
            Ok(bytes) => bytes,
            Err(error) => {
                if !std::mem::replace(&mut self.is_failure_said, true) {
                    tracing::warn!(%error, "what programs append cannot be read");
                }
                return None;
            }
        };
        let before = self.records.spans();
        let requests = self.records.feed(&bytes, &mut |_| None).into();
        let counts = self.records.counts();
        let lost = counts.unreadable + counts.lost.values().sum::<u64>();
        engine.count_lost_by_programs(lost - self.lost);
        self.lost = lost;
        Some(Read { requests, spans: self.records.spans() - before })
    }

    /// Forgets processes that had ended before everything was read: nothing of them comes any more.
    fn forget_ended(&mut self) {
        let has_ended = |pid: &u32| !Path::new("/proc").join(pid.to_string()).exists();
        let ended: BTreeSet<u32> = self.records.pids().filter(has_ended).collect();
        if matches!(self.channel.has_unread(), Ok(false)) {
            self.records.forget(|pid| ended.contains(&pid));
        }
    }
}

/// Takes in what was read; asks an engine that is full again, unless it is to stop. What it never takes is counted.
async fn take_in(engine: &Engine, read: Read, stopping: Option<&watch::Receiver<bool>>) {
    if read.spans == 0 {
        return;
    }
    loop {
        let Err(problem) = engine.import(read.requests.clone()).await else { return };
        let may_wait = stopping.is_some_and(|stopping| !*stopping.borrow());
        if problem.kind != ProblemKind::Busy || !may_wait {
            engine.count_lost_by_programs(read.spans);
            tracing::warn!("spans of programs were not taken: {}", problem.message);
            return;
        }
        sleep(PAUSE).await;
    }
}
