//! An open engine: what it holds, how it opens, and how it ends.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use kino_analyze::DetectorConfig;
use kino_model::{Clock, UnixNanos};
use kino_store::{Budget, Claim, OpenReport, Reservation, Snapshot, Store, StoreError};
use kino_wire::admin::Listeners;
use tokio::sync::{Semaphore, watch};

use crate::after_call::Calls;
use crate::config::EngineConfig;
use crate::dispatch::CONCURRENT_READS_MAX;
use crate::error::OpenError;
use crate::findings::{self, Findings, Handles, Ledger, Observation};
use crate::forward::Forward;
use crate::housekeeping::Housekeeping;
use crate::ingest::Intake;
use crate::metrics::Metrics;
use crate::pins::Pins;
use crate::redaction::Redaction;
use crate::runs::RunRecords;
use crate::verify::VerificationRecords;

/// The engine. Clones share it.
#[derive(Clone)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
    /// What the question at hand takes of the memory that questions may take; unbounded outside of questions.
    pub(crate) memory: Arc<Reservation>,
}

pub(crate) struct Inner {
    pub(crate) config: EngineConfig,
    pub(crate) version: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Store,
    pub(crate) redaction: Redaction,
    pub(crate) intake: Arc<Intake>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) pins: Pins,
    /// Passing on; `None` where nothing is.
    pub(crate) forward: Option<Arc<Forward>>,
    pub(crate) detectors: Arc<DetectorConfig>,
    pub(crate) runs: RunRecords,
    pub(crate) verifications: VerificationRecords,
    /// Calls of assistants, and what they started.
    pub(crate) calls: Calls,
    pub(crate) findings: Arc<Findings>,
    /// What the observer of findings works with; it ends with this.
    _observation: Arc<Observation>,
    /// Turns for questions that read rows.
    pub(crate) asking: Arc<Semaphore>,
    /// What questions may take of memory, all of them together.
    pub(crate) question_memory: Arc<Budget>,
    pub(crate) started: UnixNanos,
    listeners: RwLock<Listeners>,
    stopping: watch::Sender<bool>,
    /// How often something changed: see [`Engine::changed`].
    pub(crate) changes: watch::Sender<u64>,
}

impl Engine {
    /// Opens the home's store, replays what its log holds, and is ready for questions. Runs within tokio.
    ///
    /// # Errors
    /// As [`OpenError`] says.
    pub async fn open(
        config: EngineConfig,
        version: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, OpenReport), OpenError> {
        // Nothing runs yet that this could hold up.
        let claim = Claim::of(&config.home)?;
        Self::open_claimed(claim, config, version, clock).await
    }

    /// As [`Engine::open`], of the configuration's home, which was claimed.
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub async fn open_claimed(
        claim: Claim,
        config: EngineConfig,
        version: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, OpenReport), OpenError> {
        let detectors = Arc::new(config.findings.detectors()?);
        config.limits.check()?;
        let store = config.store()?;
        let (store, report) = Store::open_claimed(claim, store, Arc::clone(&clock)).await?;
        let redaction = match Redaction::new(&config, &store) {
            Ok(redaction) => redaction,
            Err(error) => {
                if let Err(close) = store.close().await {
                    tracing::warn!(error = %close, "failed to close the store after a failed start");
                }
                return Err(error);
            }
        };
        let forward = Forward::open(&config.forward, &store).await;
        let ledger = match Ledger::load(&store).await {
            Ok(ledger) => ledger,
            Err(error) => {
                tracing::warn!(%error, "failed to read the stored findings; the engine continues without them");
                Ledger::default()
            }
        };
        let stopping = watch::Sender::new(false);
        let metrics = Arc::new(Metrics::default());
        let (runs, verifications) = (RunRecords::new(&store), VerificationRecords::new(&store, &clock));
        let housekeeping = Housekeeping::new(&store, &runs, &verifications);
        let handles = Handles {
            store: store.clone(),
            housekeeping,
            clock: Arc::clone(&clock),
            metrics: Arc::clone(&metrics),
            stopping: stopping.subscribe(),
        };
        let (findings, incoming) = Findings::new(ledger, handles);
        let findings = Arc::new(findings);
        findings.exempt_from_retention().await;
        verifications.prune().await;
        let observation = Arc::new(Observation {
            findings: Arc::clone(&findings),
            detectors: Arc::clone(&detectors),
            scratch: scratch(&config.home),
            decay_nanos: config.findings.decay_nanos(),
        });
        findings::start(&observation, incoming);
        let changes = watch::Sender::new(0);
        let intake = Arc::new(Intake {
            store: store.clone(),
            redaction: redaction.clone(),
            metrics: Arc::clone(&metrics),
            findings: Arc::clone(&findings),
            clock: Arc::clone(&clock),
            changes: changes.clone(),
            attributes_max: usize::try_from(config.limits.attributes_max).unwrap_or(usize::MAX),
        });
        let inner = Inner {
            version: version.to_owned(),
            started: clock.now(),
            clock,
            store,
            redaction,
            intake,
            runs,
            verifications,
            calls: Calls::default(),
            metrics,
            pins: Pins::new(stopping.subscribe()),
            forward,
            detectors,
            findings,
            _observation: observation,
            asking: Arc::new(Semaphore::new(CONCURRENT_READS_MAX)),
            question_memory: Budget::new(config.limits.question_bytes_max),
            listeners: RwLock::default(),
            stopping,
            changes,
            config,
        };
        Ok((Self { inner: Arc::new(inner), memory: Reservation::unbounded() }, report))
    }

    /// The engine for one question: what that reads counts against the memory that questions may take, until the last
    /// clone of this is gone.
    pub(crate) fn for_question(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), memory: self.inner.question_memory.reservation() }
    }

    /// What the store holds now, for the question at hand.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.inner.store.snapshot().within(&self.memory)
    }

    /// Counters since the start.
    pub fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    /// What it was opened with.
    pub fn config(&self) -> &EngineConfig {
        &self.inner.config
    }

    /// Returns the version that the program gave when it opened the engine.
    pub fn version(&self) -> &str {
        &self.inner.version
    }

    /// The folder in which commands put what lives as long as they do, other revisions' worktrees too; links resolved.
    pub(crate) fn scratch(&self) -> PathBuf {
        scratch(&self.inner.config.home)
    }

    /// When it was opened.
    pub fn started(&self) -> UnixNanos {
        self.inner.started
    }

    /// Sets the addresses on which the front ends listen, for `status`.
    pub fn set_listeners(&self, listeners: Listeners) {
        *self.inner.listeners.write().unwrap_or_else(PoisonError::into_inner) = listeners;
    }

    /// Where the front ends listen.
    pub fn listeners(&self) -> Listeners {
        self.inner.listeners.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks the process that serves the engine to stop.
    pub fn request_stop(&self) {
        self.inner.stopping.send_replace(true);
    }

    /// Returns once [`Self::request_stop`] was called.
    pub async fn stop_requested(&self) {
        let mut stopping = self.inner.stopping.subscribe();
        if stopping.wait_for(|stop| *stop).await.is_err() {
            tracing::debug!("the engine ended before its stop was requested");
        }
    }

    /// Writes out what is in memory and gives the home free.
    ///
    /// # Errors
    /// Where not everything could be written; the log still holds it.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.request_stop();
        self.inner.findings.ended().await;
        self.inner.store.close().await
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("home", &self.inner.config.home).finish_non_exhaustive()
    }
}

fn scratch(home: &Path) -> PathBuf {
    home.canonicalize().unwrap_or_else(|_| home.to_owned()).join("scratch")
}
