//! The store's handle: append, ask, flush, forget, close.
//!
//! A call that changes files goes on to its end even if its caller is dropped in between.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use kino_model::{Batch, BlobHash, Clock};

use crate::background;
use crate::claim::Claim;
use crate::compaction::CompactionMode;
use crate::config::StoreConfig;
use crate::disk::{Disk, SystemDisk};
use crate::error::{AppendError, OpenError, StoreError};
use crate::hot::Content;
use crate::inner::{Inner, Payload, blocking, run_to_end};
use crate::recover::{self, OpenReport};
use crate::retained::Exempt;
use crate::snapshot::Snapshot;
use crate::wal::payload;
use crate::wal::segment::{PAYLOAD_MAX, RecordKind};
use kino_lake::blobs;

/// Batches above this size are encoded on a blocking thread, so that other tasks go on: fewer bytes take less than a
/// tenth of a millisecond.
const ENCODE_INLINE_MAX: u64 = 64 << 10;

/// The one owner of a home. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

/// Returns an id for a document about something that is longer than an id, or not to be written down: SHA-256, in hex.
pub fn document_id(about: &[u8]) -> String {
    blobs::hash_of(about).to_string()
}

impl Store {
    /// Opens a home: takes its lock, replays the log, and starts the background work on the current Tokio runtime.
    ///
    /// # Errors
    /// [`OpenError`], which says what to do.
    pub async fn open(config: StoreConfig, clock: Arc<dyn Clock>) -> Result<(Self, OpenReport), OpenError> {
        Self::open_on(config, clock, Arc::new(SystemDisk)).await
    }

    /// As [`Store::open`], for a home that was claimed before.
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

    /// As [`Store::open`], on another disk.
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

    /// Stores rows. When it returns, the sync policy's promise holds and the rows are visible.
    ///
    /// # Errors
    /// [`AppendError`]; the rows are then not in the store, unless the error is of the log's disk, in which case they
    /// may be: sending them again is safe, exact repeats collapse.
    pub async fn append(&self, batch: Batch) -> Result<(), AppendError> {
        if batch.is_empty() {
            return Ok(());
        }
        let bytes = batch.memory_size() as u64;
        let reserved = self.inner.admit(bytes)?;
        let encode = |batch: &Batch| payload::encode(batch).map(Payload::of).map_err(|error| error.to_string());
        let encoded = if bytes <= ENCODE_INLINE_MAX {
            encode(&batch)
        } else {
            let batch = batch.clone();
            blocking(move || encode(&batch)).await.unwrap_or_else(|error| Err(error.to_string()))
        };
        match encoded {
            Ok(payload) => self.inner.log(RecordKind::Batch, payload, Content::Batch(batch), reserved).await,
            Err(error) => Err(AppendError::Io(std::io::Error::new(std::io::ErrorKind::InvalidData, error))),
        }
    }

    /// Returns a view of all rows as they are now.
    pub fn snapshot(&self) -> Snapshot {
        let view = self.inner.shared.view();
        let frozen = view.frozen.iter().flat_map(|generation| &generation.batches);
        let hot = frozen.chain(&view.active.batches).cloned().collect();
        self.inner.snapshot_of(Arc::clone(&view.groups), hot, Arc::clone(&view.hidden))
    }

    /// Returns a time before which no row that is only in memory arrived, by the monotonic clock in nanoseconds; `None`
    /// where memory is empty.
    pub fn oldest_in_memory(&self) -> Option<u64> {
        self.inner.shared.view().oldest_nanos()
    }

    /// Writes every hot row to the lake.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is lost, and the background tries again.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let inner = Arc::clone(&self.inner);
        run_to_end(async move { inner.flush().await }).await
    }

    /// Merges small files until nothing is worth merging.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is lost.
    pub async fn compact(&self) -> Result<(), StoreError> {
        let inner = Arc::clone(&self.inner);
        run_to_end(async move {
            while inner.compact_once(CompactionMode::Full).await? {}
            Ok(())
        })
        .await
    }

    /// Removes rows that are older than the retention or above the lake's size limit, and files that are no longer needed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn retain(&self) -> Result<(), StoreError> {
        let inner = Arc::clone(&self.inner);
        run_to_end(async move { inner.retain(true).await }).await
    }

    /// Sets what retention never removes, whatever its age.
    pub fn set_exempt(&self, exempt: Exempt) {
        *self.inner.exempt.lock().unwrap_or_else(PoisonError::into_inner) = exempt;
    }

    /// Stores a large value and returns its name. The same content is stored once.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub async fn put_blob(&self, content: &[u8]) -> Result<BlobHash, StoreError> {
        let limit = self.inner.config.blob_bytes_max.min(PAYLOAD_MAX);
        if content.len() > limit {
            return Err(AppendError::TooLarge { bytes: content.len(), limit }.into());
        }
        let hash = blobs::hash_of(content);
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
            // A sweep may have removed the pack since the lookup; then the content is stored again.
            if blocking(move || inner.catalog.touch_pack(place.pack, now)).await?? {
                return Ok(hash);
            }
        }
        let reserved = self.inner.admit(content.len() as u64)?;
        let blob = Content::Blob(hash, Bytes::copy_from_slice(content));
        self.inner.log(RecordKind::Blob, Payload::of(content.to_vec()), blob, reserved).await?;
        Ok(hash)
    }

    /// Returns the blob with this hash; `None` where there is none.
    ///
    /// # Errors
    /// Where the lake cannot be read or the value is damaged.
    pub async fn blob(&self, hash: BlobHash) -> Result<Option<Bytes>, StoreError> {
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
        let frame = self.inner.storage.read(&kino_lake::paths::pack_path(place.pack), range).await?;
        Ok(Some(blobs::unpack(hash, place, &frame)?))
    }

    /// Returns the hashes of blobs from `first` to `last`, both included, in order; at most `limit`.
    pub fn blobs_between(&self, first: BlobHash, last: BlobHash, limit: usize) -> Vec<BlobHash> {
        self.inner.shared.view().blobs_between(first, last, limit)
    }

    /// Stores a small document under a kind and an id, in the place of the one before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put_record(&self, kind: &str, id: &str, json: &serde_json::Value) -> Result<(), StoreError> {
        self.inner.writable()?;
        let (inner, kind, id, json) = (Arc::clone(&self.inner), kind.to_owned(), id.to_owned(), json.clone());
        let now = self.inner.clock.now().0;
        Ok(blocking(move || inner.documents.put_record(&kind, &id, &json, now)).await??)
    }

    /// Returns the document under a kind and an id; `None` where there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn record(&self, kind: &str, id: &str) -> Result<Option<serde_json::Value>, StoreError> {
        let (inner, kind, id) = (Arc::clone(&self.inner), kind.to_owned(), id.to_owned());
        Ok(blocking(move || inner.documents.record(&kind, &id)).await??)
    }

    /// Adds a warning to [`Self::status`], once.
    pub fn warn(&self, warning: String) {
        self.inner.shared.warn(warning);
    }

    /// Returns at most `limit` documents of a kind with their ids, last changed first. A damaged one is null.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn records(&self, kind: &str, limit: usize) -> Result<Vec<(String, serde_json::Value)>, StoreError> {
        let (inner, kind) = (Arc::clone(&self.inner), kind.to_owned());
        Ok(blocking(move || inner.documents.records(&kind, limit)).await??)
    }

    /// Returns documents of a kind whose id begins with these hex digits, with their ids, by id; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn records_beginning(
        &self,
        kind: &str,
        digits: &str,
        limit: usize,
    ) -> Result<Vec<(String, serde_json::Value)>, StoreError> {
        // `g` comes after every digit.
        let (first, end) = (digits.to_owned(), format!("{digits}g"));
        let (inner, kind) = (Arc::clone(&self.inner), kind.to_owned());
        Ok(blocking(move || inner.documents.records_between(&kind, [&first, &end], limit)).await??)
    }

    /// Removes a document; returns whether there was one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove_record(&self, kind: &str, id: &str) -> Result<bool, StoreError> {
        self.inner.writable()?;
        let (inner, kind, id) = (Arc::clone(&self.inner), kind.to_owned(), id.to_owned());
        Ok(blocking(move || inner.documents.remove_record(&kind, &id)).await??)
    }

    /// Removes all documents of a kind.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove_records(&self, kind: &str) -> Result<(), StoreError> {
        self.inner.writable()?;
        let (inner, kind) = (Arc::clone(&self.inner), kind.to_owned());
        Ok(blocking(move || inner.documents.remove_records(&kind)).await??)
    }

    /// Adds to the named counters. They are written within a tick: a crash may lose the last of them.
    pub fn add_counts(&self, counts: &BTreeMap<String, u64>) {
        let mut pending = self.inner.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, count) in counts {
            *pending.entry(name.clone()).or_default() += count;
        }
    }

    /// Returns the named counters since the store was made.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn counts(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        let inner = Arc::clone(&self.inner);
        blocking(move || {
            let written = inner.persist_counts();
            let mut counts = inner.documents.counts()?;
            if written.is_err() {
                for (name, count) in inner.counts.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                    *counts.entry(name.clone()).or_default() += count;
                }
            }
            Ok(counts)
        })
        .await?
    }

    /// Why the store is read-only; `None` where it is not.
    pub fn read_only(&self) -> Option<&str> {
        self.inner.read_only.as_deref()
    }

    /// Names what vanished under the running engine, in a sentence: the home, the log's folder, the lake or the database;
    /// `None` where all are there. Without the log's folder nothing more is acknowledged. Costs a few system calls.
    pub fn vanished(&self) -> Option<String> {
        self.inner.vanished().err().map(|error| error.to_string())
    }

    /// Returns where the lake is, as `object_store` writes it: `file:///…` or `s3://…`.
    pub fn lake_url(&self) -> &str {
        &self.inner.storage.url
    }

    /// Flushes all rows, ends the background work and releases the lock.
    ///
    /// # Errors
    /// Where the last flush failed: what was acknowledged is then still in the log and comes back at the next open.
    pub async fn close(&self) -> Result<(), StoreError> {
        let inner = Arc::clone(&self.inner);
        run_to_end(async move { inner.close().await }).await
    }
}

impl Inner {
    async fn close(self: Arc<Self>) -> Result<(), StoreError> {
        let inner = &self;
        inner.closing.send_replace(true);
        let tasks = std::mem::take(&mut *inner.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            // A panic of the background was logged where it happened.
            drop(task.await);
        }
        let flushed = if inner.read_only.is_none() { inner.flush().await } else { Ok(()) };
        // A vanished home is reported also where nothing was left to write.
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
