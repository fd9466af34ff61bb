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
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use kino_model::TraceId;
use tokio::sync::{mpsc, oneshot, watch};

use arrivals::Arrivals;
pub(crate) use ledger::Ledger;
pub(crate) use observer::start;

use crate::ingest::blocking;

/// Looks that may be asked for at once; each is answered by the next.
const REQUESTS_MAX: usize = 256;

/// What the engine keeps about findings.
pub(crate) struct Findings {
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

impl Findings {
    pub(crate) fn new(ledger: Ledger) -> (Self, Incoming) {
        let (arrivals, arrived) = Arrivals::new();
        let (requests, asked) = mpsc::channel(REQUESTS_MAX);
        let changed = watch::Sender::new(ledger.sequence());
        let findings = Self {
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
