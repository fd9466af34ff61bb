//! Passing on what was recorded: the log, from a position of its own, to another OTLP endpoint.
//!
//! ```text
//!  log ─► read_log ─► rows ─► requests of at most 2 MiB ─► peer: taken │ later: the same again │ refused: counted
//!                                        position: a document, at most half a second old ◄──┘
//! ```
//!
//! What is in the log was redacted before. A request whose answer is lost, and what followed the last position that was
//! written, are sent again: at least once. It never holds up what arrives: the log is let go beyond its bound, counted. How
//! a request travels is the peer's matter: this opens no socket.

mod backoff;
mod doctor;
mod requests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use kino_model::Clock;
use kino_store::log::{MISSED_LOG_RECORDS, MISSED_SEGMENTS, MISSED_SPANS};
use kino_store::{LogPiece, LogPosition, Store, StoreError};
use kino_wire::admin::Check;
use kino_wire::forward::{ForwardState, Forwarding};
use serde::{Deserialize, Serialize};

use self::backoff::Backoff;
use self::requests::{Requests, Unsent};
use crate::Engine;
use crate::config::Forward as Settings;
use crate::ingest::Signal;
use crate::offload::offload;

/// The kind of the documents that record positions, and where this engine's own id is.
const DOCUMENTS: &str = "forward";
const OWN_ID: &str = "id";
/// Hexadecimal digits of an engine's id.
const ID_DIGITS: usize = 32;
/// Engines from which this one receives, as far as they are remembered: more than in any sensible chain.
const UPSTREAM_MAX: usize = 64;
/// How long rows may gather after the first: small requests of many programs then travel together.
const GATHER: Duration = Duration::from_millis(200);
/// How old the position that a restart begins from may be while requests are under way.
const SAVE_AGE_NANOS: u64 = 500_000_000;
/// How long to wait after the log could not be read, or a position not be written.
const FAULT_PAUSE: Duration = Duration::from_secs(5);
/// Counters since the store was made. What is missed is the store's to count.
const PASSED: [&str; 2] = ["forward/passed_spans", "forward/passed_log_records"];
const REFUSED: [&str; 2] = ["forward/refused_spans", "forward/refused_log_records"];
const UNFINISHED: &str = "forward/unfinished_spans";
const UNREADABLE: &str = "forward/unreadable_records";

/// The other end.
pub trait ForwardPeer: Send + Sync {
    /// Sends one request, an `ExportTraceServiceRequest` or `ExportLogsServiceRequest` in protobuf, and reads its answer.
    /// It blocks, for a bounded time. `forwarders` are the ids of the engines that the rows may have come through.
    fn send(&self, signal: Signal, body: &[u8], forwarders: &str) -> Reply;

    /// Connects, and sends nothing; blocks for a few seconds at most.
    ///
    /// # Errors
    /// Why it is not reached, in words of this program.
    fn reach(&self) -> Result<(), String>;
}

/// What became of a request. Reasons are words of this program, never the peer's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It was taken, but for some of its records.
    Taken {
        /// Spans or log records that the peer refused.
        rejected: u64,
    },
    /// It may be taken later: OTLP's retryable answers, and no answer.
    Later {
        /// What happened.
        why: String,
        /// The answer's `Retry-After`.
        retry_after: Option<String>,
    },
    /// It will never be taken.
    Refused {
        /// What happened.
        why: String,
    },
    /// The rows would come back to this engine.
    Loop,
}

/// How far a restart knows that the log was passed on.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Saved {
    position: LogPosition,
    /// Whether that was the log's end: its segment may be gone since, with nothing in it that was missed.
    was_end: bool,
}

/// Passing on, as it goes.
pub(crate) struct Forward {
    url: String,
    log_bytes_max: u64,
    /// This engine's, for as long as its home exists.
    id: String,
    /// The id of the document with the position.
    document: String,
    /// Ids of engines whose requests came here, last heard of last.
    upstream: Mutex<VecDeque<String>>,
    progress: Mutex<Progress>,
    /// Once passing on has begun.
    peer: OnceLock<Arc<dyn ForwardPeer>>,
}

#[derive(Clone, Debug, Default)]
struct Progress {
    state: ForwardState,
    why: Option<String>,
    position: LogPosition,
    /// The position that the document has.
    saved: LogPosition,
    saved_nanos: u64,
}

/// How passing on a piece of the log ended.
enum Passed {
    All,
    /// The log was let go meanwhile: what is left of it is counted as missed, or forgotten.
    Dropped,
    Loop,
}

impl Forward {
    /// As [`Self::load`]; `None` also where that fails, which is said.
    pub(crate) async fn open(settings: &Settings, store: &Store) -> Option<Arc<Self>> {
        Self::load(settings, store).await.unwrap_or_else(|error| {
            let why = kino_wire::error_chain(&error);
            store.warn(format!(
                "it is not known how far the log was passed on ({why}): nothing is until the next start"
            ));
            None
        })
    }

    /// Reads where passing on to this URL was; a new one begins at the log's end. `None` where nothing is passed on.
    async fn load(settings: &Settings, store: &Store) -> Result<Option<Arc<Self>>, StoreError> {
        let Some(url) = settings.url.clone().filter(|_| store.read_only().is_none()) else { return Ok(None) };
        let document = kino_store::document_id(url.as_bytes());
        let known = store.record(DOCUMENTS, &document).await?;
        let position = match known.and_then(|json| serde_json::from_value(json).ok()) {
            Some(Saved { position, was_end: true }) => store.log_position_after(position),
            Some(Saved { position, .. }) => position,
            None => store.log_end(),
        };
        let id = own_id(store).await?;
        let progress = Progress { position, ..Progress::default() };
        let forward = Self {
            url,
            log_bytes_max: settings.log_bytes_max,
            id,
            document,
            upstream: Mutex::default(),
            progress: Mutex::new(progress),
            peer: OnceLock::new(),
        };
        forward.save(store, 0).await?;
        Ok(Some(Arc::new(forward)))
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: ForwardState, why: Option<String>) {
        let mut progress = self.progress();
        (progress.state, progress.why) = (state, why);
    }

    /// Writes the position, if it is another, and lets go of the log before it.
    async fn save(&self, store: &Store, now: u64) -> Result<(), StoreError> {
        let (position, saved) = {
            let progress = self.progress();
            (progress.position, progress.saved)
        };
        if position == saved {
            return Ok(());
        }
        let json = serde_json::to_value(Saved { position, was_end: position == store.log_end() })?;
        store.put_record(DOCUMENTS, &self.document, &json).await?;
        {
            let mut progress = self.progress();
            (progress.saved, progress.saved_nanos) = (position, now);
        }
        store.release_log(position).await
    }

    /// Whether a request that came through these engines has been here before. Remembers the others.
    fn is_loop(&self, forwarders: &str) -> bool {
        let mut upstream = self.upstream.lock().unwrap_or_else(PoisonError::into_inner);
        let is_id = |id: &&str| id.len() == ID_DIGITS && id.bytes().all(|digit| digit.is_ascii_hexdigit());
        for id in forwarders.split(',').map(str::trim).filter(is_id).take(UPSTREAM_MAX) {
            if id == self.id {
                return true;
            }
            upstream.retain(|known| known != id);
            upstream.push_back(id.to_owned());
            if upstream.len() > UPSTREAM_MAX {
                upstream.pop_front();
            }
        }
        false
    }

    /// The ids of the engines that rows may have come through, this one first.
    fn forwarders(&self) -> String {
        let upstream = self.upstream.lock().unwrap_or_else(PoisonError::into_inner);
        let ids: Vec<&str> = [self.id.as_str()].into_iter().chain(upstream.iter().map(String::as_str)).collect();
        ids.join(",")
    }

    /// What `doctor` says of it: whether the endpoint is reached at this moment, what waits, and what it will never get.
    pub(crate) async fn check(&self, store: &Store) -> Result<Check, StoreError> {
        let status = self.status(store, &store.counts().await?);
        let reached = match self.peer.get().cloned() {
            Some(peer) => offload(move || peer.reach()).await.map_err(|_| StoreError::Worker)?,
            None => Ok(()),
        };
        Ok(doctor::check(&status, reached.err()))
    }

    /// What `status` says of it, from the store's counters.
    pub(crate) fn status(&self, store: &Store, counts: &BTreeMap<String, u64>) -> Forwarding {
        let progress = self.progress().clone();
        let count = |name: &str| counts.get(name).copied().unwrap_or_default();
        Forwarding {
            url: self.url.clone(),
            state: progress.state,
            why: progress.why,
            passed_spans: count(PASSED[0]),
            passed_log_records: count(PASSED[1]),
            refused_spans: count(REFUSED[0]),
            refused_log_records: count(REFUSED[1]),
            missed_spans: count(MISSED_SPANS),
            missed_log_records: count(MISSED_LOG_RECORDS),
            missed_segments: count(MISSED_SEGMENTS),
            unfinished_spans: count(UNFINISHED),
            unreadable_records: count(UNREADABLE),
            behind_bytes: store.log_bytes_after(progress.position).unwrap_or_default(),
            log_bytes: store.retained_log_bytes(),
            log_bytes_max: self.log_bytes_max,
        }
    }
}

async fn own_id(store: &Store) -> Result<String, StoreError> {
    let known = store.record(DOCUMENTS, OWN_ID).await?;
    if let Some(id) = known.as_ref().and_then(serde_json::Value::as_str).filter(|id| id.len() == ID_DIGITS) {
        return Ok(id.to_owned());
    }
    let mut id = crate::random_hex()?;
    id.truncate(ID_DIGITS);
    store.put_record(DOCUMENTS, OWN_ID, &serde_json::Value::String(id.clone())).await?;
    Ok(id)
}

impl Engine {
    /// Whether an OTLP request that came through these engines has been here before: it is to be refused, for good.
    pub fn is_forward_loop(&self, forwarders: &str) -> bool {
        self.inner.forward.as_ref().is_some_and(|forward| forward.is_loop(forwarders))
    }

    /// Passes on what the log has and gets, until [`Self::request_stop`]. Returns at once where nothing is to be passed on.
    pub async fn forward(&self, peer: Arc<dyn ForwardPeer>) {
        let Some(forward) = self.inner.forward.clone() else { return };
        // There is one peer for as long as the engine lives.
        forward.peer.get_or_init(|| Arc::clone(&peer));
        let (store, clock) = (self.inner.store.clone(), Arc::clone(&self.inner.clock));
        let run = ForwardLoop {
            backoff: Backoff::default(),
            retention_nanos: self.inner.config.retention.days.map(|days| days.saturating_mul(86_400_000_000_000)),
            forward: Arc::clone(&forward),
            store: store.clone(),
            clock: Arc::clone(&clock),
            peer,
        };
        tokio::select! {
            () = run.until_looped() => {}
            () = self.stop_requested() => {}
        }
        if let Err(error) = forward.save(&store, clock.monotonic_nanos()).await {
            tracing::warn!(%error, "the position of what was passed on was not written: some of it is sent again");
        }
    }
}

struct ForwardLoop {
    forward: Arc<Forward>,
    store: Store,
    clock: Arc<dyn Clock>,
    peer: Arc<dyn ForwardPeer>,
    backoff: Backoff,
    /// The age from which on rows are not passed on any more; `None` without a retention.
    retention_nanos: Option<u64>,
}

impl ForwardLoop {
    /// Returns where rows would come back.
    async fn until_looped(mut self) {
        loop {
            match self.step().await {
                Ok(true) => {}
                Ok(false) => return self.give_up().await,
                Err(error) => {
                    let why = kino_wire::error_chain(&error);
                    tracing::warn!("what was recorded cannot be passed on: {why}");
                    self.forward.set(ForwardState::Waiting, Some(why));
                    tokio::time::sleep(FAULT_PAUSE).await;
                }
            }
        }
    }

    /// Passes one piece of the log on, or waits for one; returns whether to go on.
    async fn step(&mut self) -> Result<bool, StoreError> {
        let position = self.forward.progress().position;
        let piece = self.store.read_log(position).await?;
        self.count([(MISSED_SEGMENTS, piece.missing_segments), (UNREADABLE, piece.unreadable)]);
        let (next, segment, is_empty) = (piece.next, piece.segment, piece.batches.is_empty());
        if !is_empty {
            match self.pass_on(piece).await? {
                Passed::All => {}
                Passed::Loop => return Ok(false),
                Passed::Dropped => {
                    self.forward.progress().position = LogPosition { segment: segment + 1, offset: 0 }.min(next);
                    return Ok(true);
                }
            }
        }
        self.forward.progress().position = next;
        let now = self.clock.monotonic_nanos();
        let (saved, saved_nanos) = {
            let progress = self.forward.progress();
            (progress.saved, progress.saved_nanos)
        };
        if is_empty || next.segment != saved.segment || now.saturating_sub(saved_nanos) >= SAVE_AGE_NANOS {
            self.forward.save(&self.store, now).await?;
        }
        if is_empty {
            self.store.log_grown(next).await;
            tokio::time::sleep(GATHER).await;
        }
        Ok(true)
    }

    async fn pass_on(&mut self, piece: LogPiece) -> Result<Passed, StoreError> {
        let segment = piece.segment;
        let horizon = self.retention_nanos.map(|age| self.clock.now().0.saturating_sub(age.cast_signed()));
        let made = offload(move || Requests::of(piece, horizon)).await;
        let Requests { requests, unsent } = made.map_err(|_| StoreError::Worker)?;
        self.count_unsent(&unsent);
        for request in requests {
            let body = Arc::new(request.body);
            loop {
                if self.store.is_log_dropped(segment) {
                    return Ok(Passed::Dropped);
                }
                let (peer, sent, forwarders) = (Arc::clone(&self.peer), Arc::clone(&body), self.forward.forwarders());
                let sending = move || peer.send(request.signal, &sent, &forwarders);
                let reply = offload(sending).await.map_err(|_| StoreError::Worker)?;
                let kind = usize::from(request.signal == Signal::Logs);
                match reply {
                    Reply::Taken { rejected } => {
                        let rejected = rejected.min(request.records);
                        self.count([(PASSED[kind], request.records - rejected), (REFUSED[kind], rejected)]);
                        self.took();
                        break;
                    }
                    Reply::Refused { why } => {
                        tracing::warn!(records = request.records, "a request was not taken, for good: {why}");
                        self.count([(REFUSED[kind], request.records)]);
                        self.backoff = Backoff::default();
                        self.forward.set(ForwardState::Refused, Some(why));
                        break;
                    }
                    Reply::Later { why, retry_after } => {
                        let wait = self.backoff.next(retry_after.as_deref(), self.clock.now());
                        if self.backoff.is_first() {
                            tracing::warn!("what was recorded waits to be passed on: {why}");
                        }
                        self.forward.set(ForwardState::Waiting, Some(why));
                        tokio::time::sleep(wait).await;
                    }
                    Reply::Loop => return Ok(Passed::Loop),
                }
            }
        }
        Ok(Passed::All)
    }

    fn took(&mut self) {
        self.backoff = Backoff::default();
        self.forward.set(ForwardState::Sending, None);
    }

    fn count_unsent(&self, unsent: &Unsent) {
        self.count([
            (UNFINISHED, unsent.unfinished_spans),
            (REFUSED[0], unsent.large_spans),
            (REFUSED[1], unsent.large_log_records),
            (MISSED_SPANS, unsent.expired_spans),
            (MISSED_LOG_RECORDS, unsent.expired_log_records),
        ]);
    }

    fn count<const N: usize>(&self, counts: [(&str, u64); N]) {
        let counts = counts.into_iter().filter(|(_, count)| *count > 0);
        self.store.add_counts(&counts.map(|(name, count)| (name.to_owned(), count)).collect());
    }

    /// Ends for good: the log stays for no one.
    async fn give_up(&self) {
        let why = "the endpoint passes what it gets on to this engine: nothing more is passed on".to_owned();
        tracing::error!("{why}");
        self.forward.set(ForwardState::Stopped, Some(why));
        let end = LogPosition { segment: u64::MAX, offset: 0 };
        if let Err(error) = self.store.release_log(end).await {
            tracing::warn!(%error, "the log could not be let go");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forward(id: &str) -> Forward {
        Forward {
            url: String::new(),
            log_bytes_max: 0,
            id: id.repeat(ID_DIGITS),
            document: String::new(),
            upstream: Mutex::default(),
            progress: Mutex::default(),
            peer: OnceLock::new(),
        }
    }

    #[test]
    fn a_circle_of_engines_is_noticed_by_the_first() {
        let [first, second, third] = ["a", "b", "c"].map(forward);
        assert!(!second.is_loop(&first.forwarders()));
        assert!(!third.is_loop(&second.forwarders()));
        assert!(first.is_loop(&third.forwarders()));
        assert!(!first.is_loop("") && !first.is_loop("not an id, nor this"));
    }

    #[test]
    fn engines_that_are_remembered_are_bounded() {
        let own = forward("a");
        for number in 0..1_000 {
            assert!(!own.is_loop(&format!("{number:032x}")));
        }
        assert_eq!(own.forwarders().split(',').count(), UPSTREAM_MAX + 1);
        assert!(own.forwarders().contains(&format!("{:032x}", 999)));
    }
}
