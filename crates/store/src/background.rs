//! The background work of a store: one task flushes rows to the lake, another maintains its files.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use crate::compaction::CompactionMode;
use crate::documents::{COPY, COPY_AGE};
use crate::error::StoreError;
use crate::inner::{Inner, blocking};

/// After a failed step, the wait before the next try doubles up to this.
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// Ticks between two rounds of compaction and retention, which examine every group.
const MAINTENANCE_TICKS: u32 = 8;
/// Rounds between two checks of the packs, which read every document.
const PACK_ROUNDS: u32 = 32;
/// Large groups are merged once nothing has arrived for this long.
const MERGE_QUIET: Duration = Duration::from_secs(1);
/// Live groups from which on merging does not wait for flushes any more: each costs every reader something.
const GROUPS_BEFORE_FLUSHES: usize = 48;
/// The beginnings of warnings of the status, by which they are removed again.
const DISK_WARNING: &str = "the disk is nearly full";
const FLUSH_WARNING: &str = "rows could not be written to the lake";
const MAINTENANCE_WARNING: &str = "files could not be merged or removed";

pub(crate) fn start(inner: &Arc<Inner>) {
    let flusher = tokio::spawn(flush_loop(Arc::downgrade(inner), inner.config.tick));
    let maintainer = tokio::spawn(maintenance_loop(Arc::downgrade(inner), inner.config.tick));
    inner.tasks.lock().unwrap_or_else(PoisonError::into_inner).extend([flusher, maintainer]);
}

async fn flush_loop(inner: Weak<Inner>, tick: Duration) {
    let mut wait = tick;
    let Some(mut closing) = inner.upgrade().map(|inner| inner.closing.subscribe()) else { return };
    loop {
        let Some(shared) = inner.upgrade().map(|inner| Arc::clone(&inner.shared)) else { return };
        let is_empty = shared.is_empty();
        let sleep = if is_empty { wait * MAINTENANCE_TICKS } else { wait };
        tokio::select! {
            () = tokio::time::sleep(sleep) => {}
            () = shared.wake.notified() => {}
            // Only a long sleep ends here: constant arrivals must not postpone the next turn.
            () = shared.arrived.notified(), if is_empty => continue,
            // Without a sender the store is dropped.
            _ = closing.wait_for(|closing| *closing) => return,
        }
        drop(shared);
        let Some(inner) = inner.upgrade() else { return };
        if !inner.flush_is_due() {
            continue;
        }
        match inner.flush().await {
            Ok(()) => {
                wait = tick;
                inner.shared.clear_warnings(|warning| warning.starts_with(FLUSH_WARNING));
            }
            Err(error) => {
                wait = (wait * 2).min(BACKOFF_MAX);
                let and = match error {
                    StoreError::Gone(_) => "",
                    _ => "; they are safe in the log, and it will be tried again",
                };
                inner.note(FLUSH_WARNING, and, &error);
            }
        }
    }
}

async fn maintenance_loop(inner: Weak<Inner>, tick: Duration) {
    let mut round = 0u32;
    let Some(mut closing) = inner.upgrade().map(|inner| inner.closing.subscribe()) else { return };
    loop {
        let Some(shared) = inner.upgrade().map(|inner| Arc::clone(&inner.shared)) else { return };
        // With nothing in memory there is nothing to do between two rounds of maintenance.
        let is_empty = shared.is_empty();
        let ticks = if is_empty { MAINTENANCE_TICKS - round % MAINTENANCE_TICKS } else { 1 };
        tokio::select! {
            () = tokio::time::sleep(tick * ticks) => round = round.wrapping_add(ticks),
            () = shared.arrived.notified(), if is_empty => continue,
            _ = closing.wait_for(|closing| *closing) => return,
        }
        drop(shared);
        let Some(inner) = inner.upgrade() else { return };
        inner.check_free_space();
        inner.make_room().await;
        let mut outcome = if inner.has_small_work() {
            let small = Arc::clone(&inner);
            let tidied = blocking(move || -> Result<(), StoreError> {
                let now = small.clock.monotonic_nanos();
                while small.shared.coalesce_small(now).map_err(|error| StoreError::Rows(error.into()))? {}
                while small.shared.index_joined().map_err(|error| StoreError::Rows(error.into()))? {}
                small.persist_counts()
            });
            tidied.await.and_then(|tidied| tidied)
        } else {
            Ok(())
        };
        if outcome.is_ok() && round.is_multiple_of(MAINTENANCE_TICKS) {
            outcome = inner.run_maintenance((round / MAINTENANCE_TICKS).is_multiple_of(PACK_ROUNDS)).await;
        }
        if outcome.is_ok() {
            outcome = tokio::select! {
                settled = inner.settle_split() => settled,
                // A merge that has begun is dropped: closing does not wait for it.
                _ = closing.wait_for(|closing| *closing) => return,
            };
        }
        match outcome {
            Ok(()) => inner.shared.clear_warnings(|warning| warning.starts_with(MAINTENANCE_WARNING)),
            // The flush reports it.
            Err(StoreError::Gone(error)) => tracing::debug!(%error, "files were neither merged nor removed"),
            Err(error) => inner.note(MAINTENANCE_WARNING, "; nothing is lost, and it will be tried again", &error),
        }
    }
}

impl Inner {
    /// Finishes a commit that a crash interrupted after the catalog's transaction. Where that fails, the next commit does
    /// it.
    pub(crate) async fn settle(self: &Arc<Self>) {
        let settled = async {
            self.take_inventory().await?;
            let inner = Arc::clone(self);
            blocking(move || inner.drop_segments(inner.catalog.state()?.wal_position)).await??;
            if self.disk.length(&self.config.home.join(COPY)).is_ok() {
                Ok(())
            } else {
                self.copy_documents(Duration::ZERO).await
            }
        };
        if let Err(error) = settled.await {
            self.note(MAINTENANCE_WARNING, "; nothing is lost, and it will be tried again", &error);
        }
    }

    /// Whether there may be batches to join or index, or counters to write.
    fn has_small_work(&self) -> bool {
        let counts = !self.counts.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
        let view = self.shared.view();
        counts || view.active.batches.len() > 1 || view.active.batches.iter().any(|batch| !batch.is_indexed())
    }

    /// Whether no flush waits, or so large a number of groups has accumulated that a merge goes first.
    fn has_time_to_merge(&self) -> bool {
        let view = self.shared.view();
        view.frozen.is_empty() || view.groups.len() > GROUPS_BEFORE_FLUSHES
    }

    /// Whether nothing has arrived for a moment.
    fn mode(&self) -> CompactionMode {
        let view = self.shared.view();
        let since = self.clock.monotonic_nanos().saturating_sub(view.last_nanos);
        let quiet = view.frozen.is_empty() && Duration::from_nanos(since) >= MERGE_QUIET;
        if quiet { CompactionMode::Full } else { CompactionMode::Throttled }
    }

    fn flush_is_due(&self) -> bool {
        let pressure = self.shared.pressure();
        if pressure.frozen > 0 || pressure.asked {
            return true;
        }
        if pressure.bytes == 0 {
            return false;
        }
        let now = self.clock.monotonic_nanos();
        let since = |then: u64| Duration::from_nanos(now.saturating_sub(then));
        pressure.bytes >= self.config.flush_bytes
            || pressure.rows >= self.config.flush_rows
            || since(pressure.last_nanos) >= self.config.quiet
            || since(pressure.first_nanos) >= self.config.flush_age
    }

    async fn run_maintenance(self: &Arc<Self>, packs: bool) -> Result<(), StoreError> {
        self.finish_forgetting().await?;
        // One merge a round on a busy store, so that retention gets its turn.
        while self.config.compaction && self.has_time_to_merge() {
            let mode = self.mode();
            let merged = self.compact_once(mode).await?;
            if !merged || mode == CompactionMode::Throttled || *self.closing.borrow() {
                break;
            }
        }
        self.retain(packs).await?;
        self.copy_documents(COPY_AGE).await
    }

    /// Enters block sums learnt by reading files of an earlier version into the catalog, for the next engine.
    pub(crate) async fn enter_learned(self: &Arc<Self>) -> Result<(), StoreError> {
        let learned = self.reader.take_learned();
        if learned.is_empty() {
            return Ok(());
        }
        let inner = Arc::clone(self);
        Ok(blocking(move || inner.catalog.learn_blocks(&learned)).await??)
    }

    /// Merges the traces that a flush or a merge has left in several groups, before anyone asks about them.
    async fn settle_split(&self) -> Result<(), StoreError> {
        let groups = Arc::clone(&self.shared.view().groups);
        let settled = self.snapshot_of(groups, Vec::new(), Arc::default()).settle_split();
        settled.await.map_err(|error| StoreError::Rows(error.into()))
    }

    /// Refuses appends in time, while the catalog and a flush still have room.
    fn check_free_space(&self) {
        let free = match self.disk.free_bytes(&self.config.home) {
            Ok(free) => free,
            Err(error) => {
                tracing::debug!(%error, "the free space is unknown");
                return;
            }
        };
        let low = free < self.config.disk_reserve_bytes;
        let was = self.disk_low.swap(low, Ordering::AcqRel);
        if low && !was {
            let reserve = self.config.disk_reserve_bytes >> 20;
            self.shared.warn(format!(
                "{DISK_WARNING}: less than {reserve} MiB are left, so new data is refused until space is freed"
            ));
            self.shared.ask_for_flush();
        }
        if was && !low {
            self.shared.clear_warnings(|warning| warning.starts_with(DISK_WARNING));
        }
    }

    /// Gives up what of the log stays for a reader where the disk is nearly full: new rows matter more.
    async fn make_room(self: &Arc<Self>) {
        if !self.disk_low.load(Ordering::Acquire) || self.shared.retained_log.bytes() == 0 {
            return;
        }
        let inner = Arc::clone(self);
        match blocking(move || inner.drop_retained_log()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) | Err(error) => self.note(MAINTENANCE_WARNING, "; it will be tried again", &error),
        }
    }

    fn note(&self, what: &str, and: &str, error: &StoreError) {
        let reasons = crate::error::chain(error);
        tracing::warn!("{what}: {reasons}");
        self.shared.clear_warnings(|warning| warning.starts_with(what));
        self.shared.warn(format!("{what} ({reasons}){and}"));
    }
}
