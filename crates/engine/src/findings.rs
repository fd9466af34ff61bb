//! Findings that are kept: watched for in the background, stored, told, forgotten.
//!
//! ```text
//!  ingest ─► arrivals ─► observer: which operations have new executions ─► analyze::life ─► ledger ─► store's records
//!                                                                            questions ◄──┘   └─► who waits for changes
//! ```
//!
//! The observer is one thread that yields to all others. It never holds up what arrives: arrivals are told by handing
//! over columns that are there anyway, and traces are put together from these. What arrived while it did not watch is
//! read from the store; where more comes than can be looked at, the oldest are counted and let go.

mod answers;
mod arrivals;
mod clients;
mod held;
mod ledger;
mod look;
mod observer;
mod operations;
mod pending;
mod stored;

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use kino_model::{Clock, TraceId};
use kino_store::Store;
use kino_wire::Problem;
use tokio::sync::{mpsc, oneshot, watch};

use arrivals::Arrivals;
use clients::Told;
pub(crate) use ledger::Ledger;
pub(crate) use observer::{Watch, start};
use stored::Stored;

use crate::documents::Documents;
use crate::figures::Figures;
use crate::housekeeping::Housekeeping;
use crate::ingest::blocking;

/// Looks that may be asked for at once; each is answered by the next.
const REQUESTS_MAX: usize = 256;

/// What the engine keeps about findings, and the questions about them.
pub(crate) struct Findings {
    documents: Documents<Stored>,
    clients: Documents<Told>,
    housekeeping: Housekeeping,
    clock: Arc<dyn Clock>,
    figures: Arc<Figures>,
    /// Whether the engine is to stop.
    stopping: watch::Receiver<bool>,
    ledger: Mutex<Ledger>,
    pub(crate) arrivals: Arrivals,
    requests: mpsc::Sender<LookNow>,
    /// The number of the newest change.
    changed: watch::Sender<u64>,
    /// Traces that have arrived and not been looked at.
    waiting: AtomicU64,
    /// Traces were forgotten since the last round.
    forgotten: AtomicBool,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Asks the observer to look at once.
struct LookNow {
    /// Traces of which nothing more is to come.
    settled: Vec<TraceId>,
    done: oneshot::Sender<()>,
}

/// The observer's ends of the channels.
pub(crate) struct Incoming {
    arrivals: mpsc::Receiver<arrivals::Arrived>,
    requests: mpsc::Receiver<LookNow>,
}

/// What findings are made over.
pub(crate) struct Basis {
    pub(crate) store: Store,
    pub(crate) housekeeping: Housekeeping,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) figures: Arc<Figures>,
    pub(crate) stopping: watch::Receiver<bool>,
}

impl Findings {
    pub(crate) fn new(ledger: Ledger, basis: Basis) -> (Self, Incoming) {
        let Basis { store, housekeeping, clock, figures, stopping } = basis;
        let (arrivals, arrived) = Arrivals::new();
        let (requests, asked) = mpsc::channel(REQUESTS_MAX);
        let changed = watch::Sender::new(ledger.sequence());
        let findings = Self {
            documents: Documents::new(&store, ledger::KIND),
            clients: Documents::new(&store, clients::KIND),
            housekeeping,
            clock,
            figures,
            stopping,
            ledger: Mutex::new(ledger),
            arrivals,
            requests,
            changed,
            waiting: AtomicU64::new(0),
            forgotten: AtomicBool::new(false),
            thread: Mutex::new(None),
        };
        (findings, Incoming { arrivals: arrived, requests: asked })
    }

    /// Asks the observer to look at all that has arrived, and waits for it, at most so long. `settled` are traces of
    /// which nothing more is to come.
    async fn look_now(&self, settled: Vec<TraceId>, wait: Duration) {
        let (done, looked) = oneshot::channel();
        if self.requests.try_send(LookNow { settled, done }).is_err() {
            // As many others wait for a look; theirs will do.
            return;
        }
        if let Ok(Err(error)) = tokio::time::timeout(wait, looked).await {
            tracing::debug!(%error, "the observer ended while a client waited for it");
        }
    }

    /// Writes what changed in the ledger down, and tells those who wait for it.
    async fn keep(
        &self,
        written: impl IntoIterator<Item = String>,
        removed: impl IntoIterator<Item = String>,
    ) -> Result<(), Problem> {
        let mut any = false;
        if !self.documents.is_read_only() {
            for id in removed {
                any = true;
                self.documents.remove(&id).await?;
            }
            for id in written {
                any = true;
                let Some(stored) = self.ledger().get(&id).cloned() else { continue };
                self.documents.put(&id, &stored).await?;
            }
        }
        if any {
            self.exempt_from_retention().await;
        }
        let sequence = self.ledger().sequence();
        self.changed.send_if_modified(|known| std::mem::replace(known, sequence) != sequence);
        Ok(())
    }

    /// Keeps the evidence of findings that are there, and the traces of labelled runs, from retention.
    pub(crate) async fn exempt_from_retention(&self) {
        let evidence = self.ledger().evidence().collect();
        self.housekeeping.exempt_from_retention(evidence).await;
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the observer to end; it does once the engine stops.
    pub(crate) async fn ended(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return };
        if !matches!(blocking(move || thread.join()).await, Ok(Ok(()))) {
            tracing::warn!("the observer of findings ended abnormally");
        }
    }
}
