//! The state of an open store, which its handle shares with the background work, and the way into its log.
//!
//! Where several locks are needed they are taken in this order: `flushing`, `rewriting`, `written`; and `exempt`,
//! `exempt_groups`. The others are locked for a few statements, which take no further lock.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kino_model::{Clock, TraceId};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::catalog::{Catalog, DocumentStore};
use crate::config::StoreConfig;
use crate::disk::Disk;
use crate::error::{AppendError, StoreError};
use crate::hot::{Accepted, Content, HotBatch, HotState, Scratch};
use crate::lock::{self, HomeLock, HomeMark};
use crate::retained::{Exempt, RetentionState, Retired};
use crate::snapshot::{Caches, Snapshot};
use crate::storage::Storage;
use crate::wal::segment::{PAYLOAD_MAX, RecordKind, check_of};
use crate::wal::writer::{Append, Frozen, RETRY_AFTER, Writer};
use crate::written::Written;
use kino_lake::group::{Group, GroupId};
use kino_lake::read::LakeReader;

/// The content of a record of the log, and its checksum.
pub(crate) struct Payload {
    bytes: Vec<u8>,
    check: u32,
}

impl Payload {
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        Self { check: check_of(&bytes), bytes }
    }
}

/// The last copy of the documents.
#[derive(Debug, Default)]
pub(crate) struct Copied {
    /// The number of changes that it includes; `None` before this process wrote one.
    pub(crate) changes: Option<u64>,
    /// When it was written, by the monotonic clock in nanoseconds.
    pub(crate) nanos: u64,
}

/// The state of an open store.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) config: StoreConfig,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) storage: Storage,
    pub(crate) reader: Arc<LakeReader>,
    pub(crate) caches: Arc<Caches>,
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) documents: Arc<dyn DocumentStore>,
    pub(crate) shared: Arc<HotState>,
    /// `None` on a read-only store.
    pub(crate) writer: Option<Writer>,
    pub(crate) read_only: Option<String>,
    /// Frozen generations that wait for the lake, oldest first.
    pub(crate) waiting: Mutex<VecDeque<Frozen>>,
    /// One flush at a time.
    pub(crate) flushing: tokio::sync::Mutex<()>,
    /// One compaction, retention or forgetting at a time.
    pub(crate) rewriting: tokio::sync::Mutex<()>,
    pub(crate) retired: Mutex<Vec<Retired>>,
    pub(crate) exempt: Mutex<Exempt>,
    pub(crate) retention: Mutex<RetentionState>,
    /// Groups that are exempt as a whole, under these exemptions.
    pub(crate) exempt_groups: Mutex<(Exempt, BTreeSet<GroupId>)>,
    pub(crate) counts: Mutex<BTreeMap<String, u64>>,
    pub(crate) disk_low: AtomicBool,
    /// Becomes true once, and wakes the background wherever it waits.
    pub(crate) closing: watch::Sender<bool>,
    pub(crate) tasks: Mutex<Vec<JoinHandle<()>>>,
    pub(crate) lock: Mutex<Option<HomeLock>>,
    /// Identifies the home, to notice when it is gone; `None` where no lock could be taken.
    pub(crate) home: Option<HomeMark>,
    /// The lake's number, which its inventories name.
    pub(crate) lake: u64,
    pub(crate) written: tokio::sync::Mutex<Written>,
    pub(crate) copied: Mutex<Copied>,
}

impl Inner {
    /// A view of these groups and batches without the hidden traces.
    pub(crate) fn snapshot_of(
        &self,
        groups: Arc<Vec<Arc<Group>>>,
        hot: Vec<Arc<HotBatch>>,
        hidden: Arc<HashSet<TraceId>>,
    ) -> Snapshot {
        let (reader, caches) = (Arc::clone(&self.reader), Arc::clone(&self.caches));
        let shared = Arc::clone(&self.shared);
        let memory = crate::Reservation::unbounded();
        Snapshot { reader, caches, groups, hot, hidden, shared, split: Arc::default(), memory }
    }

    /// Reserves memory for rows or a blob of `bytes`, unless the store has no room for them.
    pub(crate) fn admit(&self, bytes: u64) -> Result<Scratch, AppendError> {
        if let Some(reason) = &self.read_only {
            return Err(AppendError::ReadOnly(reason.clone()));
        }
        if *self.closing.borrow() {
            return Err(AppendError::Closed);
        }
        if self.disk_low.load(Ordering::Acquire) {
            return Err(AppendError::DiskFull { retry_after: Duration::from_secs(1) });
        }
        self.shared.reserve(bytes).ok_or(AppendError::Full { retry_after: RETRY_AFTER })
    }

    /// Queues a record for the log's writer and waits until the sync policy's promise holds. The writer takes over what
    /// was reserved for the record.
    pub(crate) async fn log(
        &self,
        kind: RecordKind,
        payload: Payload,
        content: Content,
        reserved: Scratch,
    ) -> Result<(), AppendError> {
        let Payload { bytes: payload, check } = payload;
        if payload.len() > PAYLOAD_MAX {
            return Err(AppendError::TooLarge { bytes: payload.len(), limit: PAYLOAD_MAX });
        }
        let Some(writer) = &self.writer else { return Err(AppendError::Closed) };
        let arrival = self.clock.now().0;
        let (reply, answer) = oneshot::channel();
        let accepted = Accepted { content, arrival, reserved: reserved.bytes() };
        writer.append(Append { kind, check, payload, accepted, reply })?;
        reserved.hand_over();
        answer.await.unwrap_or(Err(AppendError::Closed))
    }

    /// Fails where the home, the log's folder, the lake or the database was removed.
    pub(crate) fn vanished(&self) -> std::io::Result<()> {
        let Some(home) = self.home.as_ref().filter(|_| self.writer.is_some()) else { return Ok(()) };
        home.check()?;
        let folders = [Some(crate::wal::folder(&self.config.home)), self.storage.folder()];
        match folders.into_iter().flatten().find(|folder| !folder.is_dir()) {
            Some(folder) => Err(lock::gone(&folder)),
            None => Ok(self.catalog.check()?),
        }
    }

    pub(crate) fn writable(&self) -> Result<(), StoreError> {
        self.read_only.as_ref().map_or(Ok(()), |reason| Err(StoreError::ReadOnly(reason.clone())))
    }

    pub(crate) fn retired(&self) -> MutexGuard<'_, Vec<Retired>> {
        self.retired.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the counters in memory to the documents. Where that fails they stay in memory.
    pub(crate) fn persist_counts(&self) -> Result<(), StoreError> {
        if self.read_only.is_some() {
            return Ok(());
        }
        let pending = std::mem::take(&mut *self.counts.lock().unwrap_or_else(PoisonError::into_inner));
        if pending.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.documents.add_counts(&pending) {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            for (name, count) in pending {
                *counts.entry(name).or_default() += count;
            }
            return Err(error.into());
        }
        Ok(())
    }
}

/// Runs a step in a task of its own, so that it ends even if its caller is dropped: a step that has changed the
/// catalog must change the view too.
pub(crate) async fn run_to_end<T: Send + 'static>(
    step: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::spawn(step).await.map_err(|_| StoreError::Worker)?
}

/// Runs blocking work off the runtime's own threads.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::Worker)
}
