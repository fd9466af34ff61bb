//! The store's handle: append, ask, flush, forget, close.

mod background;
mod flush;

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use kino_model::{Batch, Clock, TraceId};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::blobs::{self, BlobHash};
use crate::catalog::Catalog;
use crate::claim::Claim;
use crate::commit::storage::Storage;
use crate::compaction::CompactionMode;
use crate::config::StoreConfig;
use crate::describe::Written;
use crate::disk::{Disk, SystemDisk};
use crate::documents::Copied;
use crate::error::{AppendError, OpenError, StoreError};
use crate::file::{Group, GroupId};
use crate::hot::{Accepted, Content, Shared};
use crate::lock::{self, HomeLock, HomeMark};
use crate::recover::{self, OpenReport};
use crate::retention::{Exempt, RetentionState, Retired};
use crate::scan::LakeReader;
use crate::snapshot::{HotBatch, Snapshot};
use crate::wal::payload;
use crate::wal::segment::{Kind, PAYLOAD_MAX, check_of};
use crate::wal::writer::{Append, Frozen, RETRY_AFTER, Writer};

/// Batches above this size are encoded on a blocking thread, so that other tasks go on: fewer bytes take less than a
/// tenth of a millisecond.
const ENCODE_INLINE_MAX: u64 = 64 << 10;

/// What a record of the log holds, and its checksum.
struct Payload {
    bytes: Vec<u8>,
    check: u32,
}

impl Payload {
    fn of(bytes: Vec<u8>) -> Self {
        Self { check: check_of(&bytes), bytes }
    }
}

/// The one owner of a home. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

/// What the handle shares with the background.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) config: StoreConfig,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) storage: Storage,
    pub(crate) reader: Arc<LakeReader>,
    pub(crate) catalog: Box<dyn Catalog>,
    pub(crate) shared: Arc<Shared>,
    /// None on a store that only reads.
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
    /// Groups of which nothing may go under these exemptions.
    pub(crate) kept_whole: Mutex<(Exempt, BTreeSet<GroupId>)>,
    pub(crate) counts: Mutex<BTreeMap<String, u64>>,
    pub(crate) disk_low: AtomicBool,
    /// Becomes true once, and wakes the background wherever it waits.
    pub(crate) closing: watch::Sender<bool>,
    pub(crate) tasks: Mutex<Vec<JoinHandle<()>>>,
    pub(crate) lock: Mutex<Option<HomeLock>>,
    /// Whether the home is still there; `None` where no lock could be taken.
    pub(crate) home: Option<HomeMark>,
    /// Whose lake it is, as its inventories say.
    pub(crate) lake: u64,
    pub(crate) written: tokio::sync::Mutex<Written>,
    pub(crate) copied: Mutex<Copied>,
}

impl Store {
    /// Opens a home: takes its lock, replays the log, and starts the background work on the current Tokio runtime.
    ///
    /// # Errors
    /// [`OpenError`], which says what to do.
    pub async fn open(config: StoreConfig, clock: Arc<dyn Clock>) -> Result<(Self, OpenReport), OpenError> {
        Self::open_on(config, clock, Arc::new(SystemDisk)).await
    }

    /// As [`Store::open`], of the home that was claimed.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_claimed(
        claim: Claim,
        config: StoreConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, OpenReport), OpenError> {
        Self::opened(move || recover::open(claim, config, clock, Arc::new(SystemDisk))).await
    }

    /// As [`Store::open`], on a disk of the caller's.
    ///
    /// # Errors
    /// [`OpenError`], which says what to do.
    pub async fn open_on(
        config: StoreConfig,
        clock: Arc<dyn Clock>,
        disk: Arc<dyn Disk>,
    ) -> Result<(Self, OpenReport), OpenError> {
        let open = move || recover::open(Claim::on(&config.home, disk.as_ref())?, config, clock, disk);
        Self::opened(open).await
    }

    async fn opened(
        open: impl FnOnce() -> Result<(Inner, OpenReport), OpenError> + Send + 'static,
    ) -> Result<(Self, OpenReport), OpenError> {
        let opened = tokio::task::spawn_blocking(open).await;
        let (inner, report) = opened.expect("opening does not panic, and the runtime is running")?;
        let inner = Arc::new(inner);
        if inner.read_only.is_none() {
            inner.settle().await;
            background::start(&inner);
        }
        Ok((Self { inner }, report))
    }

    /// Takes rows in. When it returns, the sync policy's promise holds and the rows are visible.
    ///
    /// # Errors
    /// [`AppendError`]; the rows are then not in the store, unless the error is of the log's disk, in which case they
    /// may be: sending them again is safe, exact repeats collapse.
    pub async fn append(&self, batch: Batch) -> Result<(), AppendError> {
        if batch.is_empty() {
            return Ok(());
        }
        let bytes = batch.memory_size() as u64;
        self.inner.admit(bytes)?;
        let encode = |batch: &Batch| payload::encode(batch).map(Payload::of).map_err(|error| error.to_string());
        let encoded = if bytes <= ENCODE_INLINE_MAX {
            encode(&batch)
        } else {
            let batch = batch.clone();
            blocking(move || encode(&batch)).await.unwrap_or_else(|error| Err(error.to_string()))
        };
        match encoded {
            Ok(payload) => self.inner.log(Kind::Batch, payload, Content::Batch(batch), bytes).await,
            Err(error) => {
                self.inner.shared.release(bytes);
                Err(AppendError::Io(std::io::Error::new(std::io::ErrorKind::InvalidData, error)))
            }
        }
    }

    /// What can be asked, as of now.
    pub fn snapshot(&self) -> Snapshot {
        let view = self.inner.shared.view();
        let frozen = view.frozen.iter().flat_map(|generation| &generation.batches);
        let hot = frozen.chain(&view.active.batches).cloned().collect();
        self.inner.snapshot_of(Arc::clone(&view.groups), hot, Arc::clone(&view.hidden))
    }

    /// No row that is in memory alone arrived before this, by the monotonic clock in nanoseconds; `None` where there is
    /// none.
    pub fn oldest_in_memory(&self) -> Option<u64> {
        self.inner.shared.view().oldest_nanos()
    }

    /// Writes every hot row to the lake.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is lost, and the background tries again.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.inner.flush().await
    }

    /// Merges small files until nothing is worth merging.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is lost.
    pub async fn compact(&self) -> Result<(), StoreError> {
        while self.inner.compact_once(CompactionMode::Full).await? {}
        Ok(())
    }

    /// Drops what is older than the retention or more than the lake's limit, and removes files that nobody needs.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn retain(&self) -> Result<(), StoreError> {
        self.inner.retain(true).await
    }

    /// Says what retention must keep whatever its age.
    pub fn set_exempt(&self, exempt: Exempt) {
        *self.inner.exempt.lock().unwrap_or_else(PoisonError::into_inner) = exempt;
    }

    /// Keeps a large value and gives its name. The same content is kept once.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub async fn put_blob(&self, content: &[u8]) -> Result<BlobHash, StoreError> {
        let limit = self.inner.config.blob_bytes_max.min(PAYLOAD_MAX);
        if content.len() > limit {
            return Err(AppendError::TooLarge { bytes: content.len(), limit }.into());
        }
        let hash = BlobHash::of(content);
        let packed = {
            let view = self.inner.shared.view();
            if view.hot_blob(hash).is_some() {
                return Ok(hash);
            }
            view.packed.get(&hash).copied()
        };
        if let Some(place) = packed {
            let now = self.inner.clock.now().0;
            let inner = Arc::clone(&self.inner);
            // A sweep may have taken the pack since the look; then the content is kept anew.
            if blocking(move || inner.catalog.touch_pack(place.pack, now)).await?? {
                return Ok(hash);
            }
        }
        let bytes = content.len() as u64;
        self.inner.admit(bytes)?;
        let kept = Content::Blob(hash, Bytes::copy_from_slice(content));
        self.inner.log(Kind::Blob, Payload::of(content.to_vec()), kept, bytes).await?;
        Ok(hash)
    }

    /// The large value called `hash`, 64 hex digits. `None` where there is none.
    ///
    /// # Errors
    /// Where the lake cannot be read or the value is damaged.
    pub async fn blob(&self, hash: &str) -> Result<Option<Bytes>, StoreError> {
        let Ok(hash) = hash.parse::<BlobHash>() else { return Ok(None) };
        let place = {
            let view = self.inner.shared.view();
            if let Some(bytes) = view.hot_blob(hash) {
                return Ok(Some(bytes));
            }
            match view.packed.get(&hash) {
                Some(place) => *place,
                None if view.has_damaged_entry() => return Err(StoreError::LostBlob(hash.to_string())),
                None => return Ok(None),
            }
        };
        let range = place.offset..place.offset + place.length;
        let frame = self.inner.storage.read(&crate::commit::pack_path(place.pack), range).await?;
        Ok(Some(blobs::unpack(hash, place, &frame)?))
    }

    /// Keeps a small document under a kind and an id, replacing the one before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put_record(&self, kind: &str, id: &str, json: &serde_json::Value) -> Result<(), StoreError> {
        self.inner.writable()?;
        let (inner, kind, id, json) = (Arc::clone(&self.inner), kind.to_owned(), id.to_owned(), json.clone());
        let now = self.inner.clock.now().0;
        Ok(blocking(move || inner.catalog.put_record(&kind, &id, &json, now)).await??)
    }

    /// The document under a kind and an id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn record(&self, kind: &str, id: &str) -> Result<Option<serde_json::Value>, StoreError> {
        let (inner, kind, id) = (Arc::clone(&self.inner), kind.to_owned(), id.to_owned());
        Ok(blocking(move || inner.catalog.record(&kind, &id)).await??)
    }

    /// Says something in [`Self::status`] from now on, once.
    pub fn warn(&self, warning: String) {
        self.inner.shared.warn(warning);
    }

    /// Documents of a kind with their ids, last changed first. One that is no JSON any more is null.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn records(&self, kind: &str, limit: usize) -> Result<Vec<(String, serde_json::Value)>, StoreError> {
        let (inner, kind) = (Arc::clone(&self.inner), kind.to_owned());
        Ok(blocking(move || inner.catalog.records(&kind, limit)).await??)
    }

    /// Removes a document; says whether there was one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove_record(&self, kind: &str, id: &str) -> Result<bool, StoreError> {
        self.inner.writable()?;
        let (inner, kind, id) = (Arc::clone(&self.inner), kind.to_owned(), id.to_owned());
        Ok(blocking(move || inner.catalog.remove_record(&kind, &id)).await??)
    }

    /// Removes all documents of a kind.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove_records(&self, kind: &str) -> Result<(), StoreError> {
        self.inner.writable()?;
        let (inner, kind) = (Arc::clone(&self.inner), kind.to_owned());
        Ok(blocking(move || inner.catalog.remove_records(&kind)).await??)
    }

    /// Adds to the named counters. They are written down within a tick: a crash may lose the last of them.
    pub fn add_counts(&self, counts: &BTreeMap<String, u64>) {
        let mut pending = self.inner.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, count) in counts {
            *pending.entry(name.clone()).or_default() += count;
        }
    }

    /// The named counters since the store was made.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn counts(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        let inner = Arc::clone(&self.inner);
        blocking(move || {
            let written = inner.persist_counts();
            let mut counts = inner.catalog.counts()?;
            if written.is_err() {
                for (name, count) in inner.counts.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                    *counts.entry(name.clone()).or_default() += count;
                }
            }
            Ok(counts)
        })
        .await?
    }

    /// Why the store only reads, if it does.
    pub fn read_only(&self) -> Option<&str> {
        self.inner.read_only.as_deref()
    }

    /// What vanished under the running engine, in a sentence: the home, the log's folder, the lake or the database.
    /// Nothing more is acknowledged where the log has no place. Costs a few looks at the file system.
    pub fn vanished(&self) -> Option<String> {
        self.inner.vanished().err().map(|error| error.to_string())
    }

    /// The lake's URL.
    pub fn lake_url(&self) -> &str {
        &self.inner.storage.url
    }

    /// Writes everything out, ends the background work and gives the lock back.
    ///
    /// # Errors
    /// Where the last flush failed: what was acknowledged is then still in the log and comes back at the next open.
    pub async fn close(&self) -> Result<(), StoreError> {
        let inner = &self.inner;
        inner.closing.send_replace(true);
        let tasks = std::mem::take(&mut *inner.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            // A panic of the background was logged where it happened.
            drop(task.await);
        }
        let flushed = if inner.read_only.is_none() { inner.flush().await } else { Ok(()) };
        // The end is reported also where nothing was left to write.
        let flushed = flushed.and_then(|()| inner.vanished().map_err(StoreError::Gone));
        let closing = Arc::clone(inner);
        let counted = blocking(move || {
            if let Some(writer) = &closing.writer {
                writer.close();
                if closing.shared.is_empty() {
                    recover::note_log_in_use(closing.catalog.as_ref(), false);
                }
            }
            closing.persist_counts()
        })
        .await?;
        let copied = if inner.read_only.is_none() { inner.copy_documents(Duration::ZERO).await } else { Ok(()) };
        drop(inner.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
        flushed.and(counted).and(copied)
    }
}

impl Inner {
    /// A view of these groups and batches without the hidden traces.
    pub(crate) fn snapshot_of(
        &self,
        groups: Arc<Vec<Arc<Group>>>,
        hot: Vec<Arc<HotBatch>>,
        hidden: Arc<HashSet<TraceId>>,
    ) -> Snapshot {
        let (reader, shared) = (Arc::clone(&self.reader), Arc::clone(&self.shared));
        let memory = crate::Reservation::unbounded();
        Snapshot { reader, groups, hot, hidden, shared, split: Arc::default(), memory }
    }

    /// Refuses what the store has no room for, and sets memory aside for what it takes.
    fn admit(&self, bytes: u64) -> Result<(), AppendError> {
        if let Some(reason) = &self.read_only {
            return Err(AppendError::ReadOnly(reason.clone()));
        }
        if *self.closing.borrow() {
            return Err(AppendError::Closed);
        }
        if self.disk_low.load(Ordering::Acquire) {
            return Err(AppendError::DiskFull { retry_after: Duration::from_secs(1) });
        }
        if self.shared.reserve(bytes) { Ok(()) } else { Err(AppendError::Full { retry_after: RETRY_AFTER }) }
    }

    /// Hands a record to the log's writer and waits for its promise. `reserved` is given back where it fails.
    async fn log(&self, kind: Kind, payload: Payload, content: Content, reserved: u64) -> Result<(), AppendError> {
        let Payload { bytes: payload, check } = payload;
        let release = |error| {
            self.shared.release(reserved);
            error
        };
        if payload.len() > PAYLOAD_MAX {
            return Err(release(AppendError::TooLarge { bytes: payload.len(), limit: PAYLOAD_MAX }));
        }
        let Some(writer) = &self.writer else { return Err(release(AppendError::Closed)) };
        let arrival = self.clock.now().0;
        let (reply, answer) = oneshot::channel();
        let accepted = Accepted { content, arrival, reserved };
        writer.append(Append { kind, check, payload, accepted, reply }).map_err(release)?;
        answer.await.unwrap_or(Err(AppendError::Closed))
    }

    /// Fails where what the store writes to is not there any more.
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

    /// Writes the counters down. Where that fails they stay in memory.
    pub(crate) fn persist_counts(&self) -> Result<(), StoreError> {
        if self.read_only.is_some() {
            return Ok(());
        }
        let pending = std::mem::take(&mut *self.counts.lock().unwrap_or_else(PoisonError::into_inner));
        if pending.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.catalog.add_counts(&pending) {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            for (name, count) in pending {
                *counts.entry(name).or_default() += count;
            }
            return Err(error.into());
        }
        Ok(())
    }
}

/// Runs blocking work off the runtime's own threads.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::Worker)
}
