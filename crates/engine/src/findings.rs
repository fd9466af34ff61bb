//! Findings over their life: evaluated in the background, stored, shown, forgotten.
//!
//! ```text
//!  intake ─► feed ─► observer ─► trace_assembler ─► operations ─► evaluation ─► ledger ─► records in the store
//!                      (its state)  (batch_cache)    (due ones)   (analyze)       └────► answers, changes
//! ```
//!
//! The observer is one thread of low priority. It never delays the intake: a batch that arrives is shared with it through
//! a bounded channel, and traces are put together from these batches. Traces that arrived while it did not run are read
//! from the store; where more arrive than it can evaluate, the oldest are dropped and counted.

mod answers;
mod batch_cache;
mod clients;
mod deliver;
mod evaluation;
mod feed;
mod ledger;
mod observer;
mod operations;
mod record;
mod trace_assembler;

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use kino_model::{Clock, TraceId};
use kino_store::Store;
use kino_wire::Problem;
use tokio::sync::{mpsc, oneshot, watch};

use clients::ClientRecord;
pub(crate) use deliver::{Audience, Window};
use feed::{Arrival, Feed};
pub(crate) use ledger::Ledger;
pub(crate) use observer::{Observation, start};
use record::FindingRecord;

use crate::documents::Documents;
use crate::housekeeping::Housekeeping;
use crate::metrics::Metrics;
use crate::offload::offload;

/// Requests for an evaluation that may wait at a time; the next round answers all of them.
const REQUESTS_MAX: usize = 256;

/// The service of findings: the ledger, what the observer shares with questions, and the questions.
pub(crate) struct Findings {
    store: Store,
    records: Documents<FindingRecord>,
    clients: Documents<ClientRecord>,
    housekeeping: Housekeeping,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    /// Becomes `true` when the engine stops.
    stopping: watch::Receiver<bool>,
    ledger: Mutex<Ledger>,
    pub(crate) feed: Feed,
    requests: mpsc::Sender<EvaluationRequest>,
    /// The number of the newest change.
    changed: watch::Sender<u64>,
    /// Traces that have arrived and are not evaluated.
    waiting: AtomicU64,
    /// Whether traces were forgotten since the last round.
    forgotten: AtomicBool,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// A question's request that the observer evaluates at once.
struct EvaluationRequest {
    /// Traces of which no more rows are expected.
    settled: Vec<TraceId>,
    /// Answered once the round is over.
    done: oneshot::Sender<()>,
}

/// The observer's ends of the channels.
pub(crate) struct Incoming {
    arrivals: mpsc::Receiver<Arrival>,
    requests: mpsc::Receiver<EvaluationRequest>,
}

/// The handles that the service works with.
pub(crate) struct Handles {
    pub(crate) store: Store,
    pub(crate) housekeeping: Housekeeping,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) stopping: watch::Receiver<bool>,
}

impl Findings {
    pub(crate) fn new(ledger: Ledger, handles: Handles) -> (Self, Incoming) {
        let Handles { store, housekeeping, clock, metrics, stopping } = handles;
        let (feed, arrivals) = Feed::new();
        let (requests, requested) = mpsc::channel(REQUESTS_MAX);
        let changed = watch::Sender::new(ledger.sequence());
        let findings = Self {
            records: Documents::new(&store, ledger::KIND),
            clients: Documents::new(&store, clients::KIND),
            store,
            housekeeping,
            clock,
            metrics,
            stopping,
            ledger: Mutex::new(ledger),
            feed,
            requests,
            changed,
            waiting: AtomicU64::new(0),
            forgotten: AtomicBool::new(false),
            thread: Mutex::new(None),
        };
        (findings, Incoming { arrivals, requests: requested })
    }

    /// Has the observer evaluate all that has arrived, and waits for it, at most `wait`. `settled` are traces of which
    /// no more rows are expected.
    async fn evaluate_now(&self, settled: Vec<TraceId>, wait: Duration) {
        let (done, evaluated) = oneshot::channel();
        if self.requests.try_send(EvaluationRequest { settled, done }).is_err() {
            // The channel is full of requests for the same round.
            return;
        }
        if let Ok(Err(error)) = tokio::time::timeout(wait, evaluated).await {
            tracing::debug!(%error, "the observer ended while a question waited for it");
        }
    }

    /// Writes changes of the ledger to the store, and wakes who waits for changes.
    async fn commit(
        &self,
        written: impl IntoIterator<Item = String>,
        removed: impl IntoIterator<Item = String>,
    ) -> Result<(), Problem> {
        let mut any = false;
        if !self.records.is_read_only() {
            for id in removed {
                any = true;
                self.records.remove(&id).await?;
            }
            for id in written {
                any = true;
                let Some(record) = self.ledger().get(&id).cloned() else { continue };
                self.records.put(&id, &record).await?;
            }
        }
        if any {
            self.exempt_from_retention().await;
        }
        let sequence = self.ledger().sequence();
        self.changed.send_if_modified(|known| std::mem::replace(known, sequence) != sequence);
        Ok(())
    }

    /// Exempts the evidence of present findings, and the traces of labelled runs, from retention.
    pub(crate) async fn exempt_from_retention(&self) {
        let evidence = self.ledger().evidence().collect();
        self.housekeeping.exempt_from_retention(evidence).await;
    }

    /// Exempts a further labelled run's traces, too.
    pub(crate) async fn run_was_labelled(&self) {
        self.housekeeping.run_was_labelled().await;
        self.exempt_from_retention().await;
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the observer has ended, which it does once the engine stops.
    pub(crate) async fn ended(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return };
        if !matches!(offload(move || thread.join()).await, Ok(Ok(()))) {
            tracing::warn!("the observer of findings ended abnormally");
        }
    }
}
