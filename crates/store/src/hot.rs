//! What is visible right now: hot generations in memory and the live groups of the lake, under one lock.
//!
//! A flush replaces its generation by its group under that lock, so a snapshot sees each row exactly once. Small batches
//! are coalesced in the background, so that thousands of small requests do not slow a scan.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow_schema::{ArrowError, Fields, Schema};
use bytes::Bytes;
use kino_model::columns::Table;
use kino_model::{Batch, BlobHash, TraceId};
use tokio::sync::{Notify, watch};

use kino_lake::group::{Group, GroupId};

use crate::log_position::{LogPosition, RetainedLog};

mod batch;

pub(crate) use batch::{Groups, HotBatch, is_same};

/// Batches of fewer rows are joined with their neighbours.
const SMALL_ROWS: usize = 16_384;
/// Batches of at least this many rows are indexed in advance; a smaller one is indexed quickly when it is first read.
const INDEXED_ROWS: usize = 4_096;
/// Neighbouring small batches that are worth joining.
const JOIN_MIN: usize = 16;
/// The age from which on a generation is joined, in nanoseconds. A younger one may be flushed before it is read: at full
/// speed each of its rows would be copied once more for nothing. While a flush is under way nothing is joined: the next
/// one may follow at once.
const JOIN_AGE_NANOS: u64 = 2_000_000_000;
/// From this many batches on they are joined at any age, since each one slows down every question.
const JOIN_MANY: usize = 1_024;
/// Warnings of the status, at most; the oldest are dropped first.
const WARNINGS_MAX: usize = 50;

/// A record of the log that becomes visible.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) content: Content,
    /// When it arrived, in Unix nanoseconds.
    pub(crate) arrival: i64,
    /// The bytes of memory that are reserved for it.
    pub(crate) reserved: u64,
}

/// Rows or a large value.
#[derive(Debug)]
pub(crate) enum Content {
    Batch(Batch),
    Blob(BlobHash, Bytes),
}

/// Rows that arrived between two freezes and will be flushed together.
#[derive(Debug, Default)]
pub(crate) struct Generation {
    pub(crate) batches: Vec<Arc<HotBatch>>,
    pub(crate) blobs: BTreeMap<BlobHash, Bytes>,
    pub(crate) rows: u64,
    pub(crate) reserved: u64,
    pub(crate) arrival_min: i64,
    pub(crate) arrival_max: i64,
    /// Monotonic times of the first and the last arrival.
    first_nanos: u64,
    last_nanos: u64,
    /// Number of `batches`, from the start, that need no joining any more.
    joined: usize,
}

/// What a snapshot copies.
#[derive(Debug, Default)]
pub(crate) struct View {
    pub(crate) active: Generation,
    pub(crate) frozen: Vec<Arc<Generation>>,
    pub(crate) groups: Arc<Vec<Arc<Group>>>,
    /// Traces that are being forgotten.
    pub(crate) hidden: Arc<HashSet<TraceId>>,
    /// Groups and packs that cannot be read: left out of every answer until a restart finds them whole.
    pub(crate) quarantined: BTreeMap<GroupId, Quarantined>,
    /// The places of blobs in packs of the lake.
    pub(crate) packed: BTreeMap<BlobHash, kino_lake::blobs::BlobLocation>,
    /// The sizes of packs, in bytes.
    pub(crate) pack_sizes: BTreeMap<GroupId, u64>,
    /// Blobs that the live groups' spans name.
    pub(crate) blob_refs: BTreeMap<GroupId, BTreeSet<BlobHash>>,
    /// The last arrival, by the monotonic clock in nanoseconds.
    pub(crate) last_nanos: u64,
}

/// A group or pack that cannot be read.
#[derive(Debug)]
pub(crate) struct Quarantined {
    /// Its spans, by the catalog.
    pub(crate) spans: u64,
    /// `None` where the catalog's own entry is damaged.
    pub(crate) group: Option<Arc<Group>>,
}

impl View {
    /// Whether a group that cannot be read may have rows of this trace.
    pub(crate) fn is_stuck(&self, trace: TraceId) -> bool {
        self.quarantined
            .values()
            .any(|quarantined| quarantined.group.as_ref().is_none_or(|group| group.may_hold(trace)))
    }

    /// Whether an entry of the catalog is damaged: which blobs it names is then unknown.
    pub(crate) fn has_damaged_entry(&self) -> bool {
        self.quarantined.values().any(|quarantined| quarantined.group.is_none())
    }
}

/// The view, and counters beside it.
#[derive(Debug, Default)]
pub(crate) struct HotState {
    view: Mutex<View>,
    hot_bytes: AtomicU64,
    hot_bytes_max: u64,
    wal_bytes: AtomicU64,
    accepted: Mutex<BTreeMap<&'static str, u64>>,
    warnings: Mutex<Vec<String>>,
    flush_asked: AtomicBool,
    pub(crate) wake: Notify,
    /// Where the log ends: up to there a reader may read it.
    pub(crate) log_end: watch::Sender<LogPosition>,
    /// What of the log stays for a reader of it.
    pub(crate) retained_log: RetainedLog,
    /// Notified when rows arrive in empty memory.
    pub(crate) arrived: Notify,
}

/// Reserved memory of the bound on hot rows; released on drop.
#[derive(Debug)]
pub(crate) struct Scratch {
    shared: Arc<HotState>,
    bytes: u64,
}

impl Scratch {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Leaves the memory reserved: the owner of the rows releases it.
    pub(crate) fn hand_over(mut self) {
        self.bytes = 0;
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.shared.release(self.bytes);
    }
}

/// The active generation's figures, by which the background decides on a flush.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pressure {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) first_nanos: u64,
    pub(crate) last_nanos: u64,
    pub(crate) asked: bool,
    pub(crate) frozen: usize,
}

impl Generation {
    fn is_empty(&self) -> bool {
        self.batches.is_empty() && self.blobs.is_empty()
    }

    pub(crate) fn push(&mut self, accepted: Accepted, now: u64) {
        if self.is_empty() {
            (self.arrival_min, self.arrival_max, self.first_nanos) = (accepted.arrival, accepted.arrival, now);
        }
        self.arrival_min = self.arrival_min.min(accepted.arrival);
        self.arrival_max = self.arrival_max.max(accepted.arrival);
        self.last_nanos = now;
        self.reserved += accepted.reserved;
        match accepted.content {
            Content::Batch(batch) => {
                self.rows += Table::ALL.iter().map(|table| batch.table(*table).num_rows() as u64).sum::<u64>();
                self.batches.push(Arc::new(HotBatch::new(batch)));
            }
            Content::Blob(hash, bytes) => {
                self.blobs.insert(hash, bytes);
            }
        }
    }
}

impl View {
    /// The first arrival of the oldest generation, by the monotonic clock in nanoseconds; `None` where memory is empty.
    pub(crate) fn oldest_nanos(&self) -> Option<u64> {
        let generations = self.frozen.iter().map(AsRef::as_ref).chain([&self.active]);
        generations.filter(|generation| !generation.is_empty()).map(|generation| generation.first_nanos).min()
    }

    /// A blob that no pack has yet.
    /// Returns the hashes of blobs from `first` to `last`, both included, in order; at most `limit`.
    pub(crate) fn blobs_between(&self, first: BlobHash, last: BlobHash, limit: usize) -> Vec<BlobHash> {
        let generations = self.frozen.iter().map(AsRef::as_ref).chain([&self.active]);
        let hot =
            generations.flat_map(|generation| generation.blobs.keys()).filter(|hash| (first..=last).contains(*hash));
        let packed = self.packed.range(first..=last).map(|(hash, _)| hash).take(limit);
        let found: BTreeSet<BlobHash> = hot.chain(packed).copied().collect();
        found.into_iter().take(limit).collect()
    }

    pub(crate) fn hot_blob(&self, hash: BlobHash) -> Option<Bytes> {
        let mut generations = self.frozen.iter().map(AsRef::as_ref).chain([&self.active]);
        generations.find_map(|generation| generation.blobs.get(&hash).cloned())
    }
}

impl HotState {
    pub(crate) fn new(hot_bytes_max: u64) -> Self {
        Self { hot_bytes_max, ..Self::default() }
    }

    /// The view, locked. It is never locked across IO or a wait.
    pub(crate) fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves memory for rows that arrive; `None` where the limit leaves no room for them.
    pub(crate) fn reserve(self: &Arc<Self>, bytes: u64) -> Option<Scratch> {
        let before = self.hot_bytes.fetch_add(bytes, Ordering::AcqRel);
        // One request larger than the whole limit still gets in when nothing else is there.
        if before > 0 && before.saturating_add(bytes) > self.hot_bytes_max {
            self.hot_bytes.fetch_sub(bytes, Ordering::AcqRel);
            self.ask_for_flush();
            return None;
        }
        Some(Scratch { shared: Arc::clone(self), bytes })
    }

    /// Counts memory of rows that are there already, whatever the limit says.
    pub(crate) fn reserve_replayed(&self, bytes: u64) {
        self.hot_bytes.fetch_add(bytes, Ordering::AcqRel);
    }

    /// Counts memory that work on rows takes, such as the copies of a flush, until the guard is dropped: meanwhile fewer
    /// rows are admitted. The work itself is never refused.
    pub(crate) fn reserve_scratch(self: &Arc<Self>, bytes: u64) -> Scratch {
        self.hot_bytes.fetch_add(bytes, Ordering::AcqRel);
        Scratch { shared: Arc::clone(self), bytes }
    }

    /// As [`Self::reserve_scratch`], of work that can wait: `None` where the limit leaves no room for it now.
    pub(crate) fn try_reserve_scratch(self: &Arc<Self>, bytes: u64) -> Option<Scratch> {
        let fits = |used: u64| used.checked_add(bytes).filter(|all| *all <= self.hot_bytes_max);
        self.hot_bytes.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).ok()?;
        Some(Scratch { shared: Arc::clone(self), bytes })
    }

    pub(crate) fn release(&self, bytes: u64) {
        self.hot_bytes.fetch_sub(bytes, Ordering::AcqRel);
    }

    pub(crate) fn hot_bytes(&self) -> u64 {
        self.hot_bytes.load(Ordering::Acquire)
    }

    pub(crate) fn wal_bytes_add(&self, bytes: u64) {
        self.wal_bytes.fetch_add(bytes, Ordering::AcqRel);
    }

    pub(crate) fn wal_bytes_drop(&self, bytes: u64) {
        self.wal_bytes
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |bytes_now| Some(bytes_now.saturating_sub(bytes)))
            .expect("the update always gives a value");
    }

    pub(crate) fn wal_bytes(&self) -> u64 {
        self.wal_bytes.load(Ordering::Acquire)
    }

    /// Makes acknowledged content visible.
    pub(crate) fn push(&self, accepted: Vec<Accepted>, now: u64) {
        let mut counts = [0; 3];
        let mut view = self.view();
        view.last_nanos = now;
        let first = view.active.is_empty();
        for accepted in accepted {
            if let Content::Batch(batch) = &accepted.content {
                for (count, table) in counts.iter_mut().zip(Table::ALL) {
                    *count += batch.table(table).num_rows() as u64;
                }
            }
            view.active.push(accepted, now);
        }
        drop(view);
        if first {
            self.arrived.notify_waiters();
        }
        let mut totals = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        for (count, table) in counts.into_iter().zip(Table::ALL) {
            *totals.entry(table.name()).or_default() += count;
        }
    }

    /// Rows acknowledged since the start, by table.
    pub(crate) fn accepted(&self) -> BTreeMap<String, u64> {
        let totals = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        totals.iter().map(|(table, count)| ((*table).to_owned(), *count)).collect()
    }

    /// Ends the active generation. It stays visible until [`View::frozen`] loses it.
    pub(crate) fn freeze(&self) -> Option<Arc<Generation>> {
        let mut view = self.view();
        if view.active.is_empty() {
            return None;
        }
        let generation = Arc::new(std::mem::take(&mut view.active));
        view.frozen.push(Arc::clone(&generation));
        self.flush_asked.store(false, Ordering::Release);
        Some(generation)
    }

    /// Whether nothing is in memory.
    pub(crate) fn is_empty(&self) -> bool {
        let view = self.view();
        view.active.is_empty() && view.frozen.is_empty()
    }

    pub(crate) fn ask_for_flush(&self) {
        self.flush_asked.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    pub(crate) fn pressure(&self) -> Pressure {
        let view = self.view();
        Pressure {
            rows: view.active.rows,
            bytes: view.active.reserved,
            first_nanos: view.active.first_nanos,
            last_nanos: view.active.last_nanos,
            asked: self.flush_asked.load(Ordering::Acquire) && !view.active.is_empty(),
            frozen: view.frozen.len(),
        }
    }

    /// Adds a warning to the status, once.
    pub(crate) fn warn(&self, warning: String) {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        if !warnings.contains(&warning) {
            if warnings.len() == WARNINGS_MAX {
                warnings.remove(0);
            }
            warnings.push(warning);
        }
    }

    pub(crate) fn warnings(&self) -> Vec<String> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Removes the warnings that `over` selects.
    pub(crate) fn clear_warnings(&self, over: impl Fn(&str) -> bool) {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).retain(|warning| !over(warning));
    }

    /// Leaves a group with a file that cannot be read out of every later snapshot. Returns `false` for a group that was
    /// replaced since the reader took its snapshot: later answers lack nothing, only this one cannot be given.
    pub(crate) fn quarantine(&self, group: &Arc<Group>, why: &dyn std::error::Error) -> bool {
        let mut view = self.view();
        if view.quarantined.contains_key(&group.id) {
            return true;
        }
        if view.groups.iter().all(|live| live.id != group.id) {
            return false;
        }
        view.groups = Arc::new(view.groups.iter().filter(|live| live.id != group.id).cloned().collect());
        let quarantined = Quarantined { spans: group.meta.spans, group: Some(Arc::clone(group)) };
        view.quarantined.insert(group.id, quarantined);
        drop(view);
        let reasons = crate::error::chain(why);
        let files: Vec<_> = group.files.iter().map(|file| file.path.as_str()).collect();
        self.warn(format!(
            "a lake file is damaged ({reasons}): its group {} ({} spans, {}) is left out of every answer; restore the \
             files from a backup and restart",
            group.id.0,
            group.meta.spans,
            files.join(", ")
        ));
        true
    }

    /// Joins a run of small batches of the active generation, if one is worth it at `now`, by the monotonic clock. Returns
    /// whether it did. No lock is taken while rows are copied.
    pub(crate) fn coalesce_small(&self, now: u64) -> Result<bool, ArrowError> {
        let (start, run) = {
            let mut view = self.view();
            let is_flushing = !view.frozen.is_empty();
            let active = &mut view.active;
            let is_young = now.saturating_sub(active.first_nanos) < JOIN_AGE_NANOS;
            if (is_young || is_flushing) && active.batches.len() < JOIN_MANY {
                return Ok(false);
            }
            // Batches that are large enough already are skipped for good.
            while active.batches.get(active.joined).is_some_and(|batch| rows(batch) >= SMALL_ROWS) {
                active.joined += 1;
            }
            let start = active.joined;
            let mut total = 0;
            let run: Vec<_> = active.batches[start..]
                .iter()
                .take_while(|batch| {
                    let fits = total < SMALL_ROWS;
                    total += rows(batch);
                    fits && rows(batch) < SMALL_ROWS
                })
                .cloned()
                .collect();
            if run.len() < JOIN_MIN && total < SMALL_ROWS || run.len() < 2 {
                return Ok(false);
            }
            (start, run)
        };
        let joined = Arc::new(HotBatch::new(concat(&run)?));
        let before: usize = run.iter().map(|batch| batch.memory_size()).sum();
        let saved = before.saturating_sub(joined.memory_size()) as u64;
        let mut view = self.view();
        let active = &mut view.active;
        let batches = &mut active.batches;
        // After a freeze in between the batches are no longer here: the joined one is dropped.
        let unchanged = batches.len() >= start + run.len()
            && batches[start..].iter().zip(&run).all(|(there, here)| Arc::ptr_eq(there, here));
        if unchanged {
            batches.splice(start..start + run.len(), [joined]);
            // Joined columns have no spare room, as those of builders have.
            let saved = saved.min(active.reserved);
            active.reserved -= saved;
            drop(view);
            self.release(saved);
        }
        Ok(unchanged)
    }
}

impl HotState {
    /// Makes the index of a large batch that has none, so that the first question does not wait for it. Leaves it to
    /// the flush while one is under way: what it would be made of is about to go. Says whether it made one.
    pub(crate) fn index_joined(&self) -> Result<bool, ArrowError> {
        let batch = {
            let view = self.view();
            let waits = |batch: &&Arc<HotBatch>| !batch.is_indexed() && rows(batch) >= INDEXED_ROWS;
            let batches = Some(&view.active.batches).filter(|_| view.frozen.is_empty());
            batches.and_then(|batches| batches.iter().find(waits)).cloned()
        };
        let Some(batch) = batch else { return Ok(false) };
        let bytes = batch.index()?.memory_size() + size_of_val(batch.ids()) as u64;
        let mut view = self.view();
        // A flush that froze the batch meanwhile gives back what was set aside for it then.
        if view.active.batches.iter().any(|there| Arc::ptr_eq(there, &batch)) {
            view.active.reserved += bytes;
            drop(view);
            self.reserve_replayed(bytes);
        }
        Ok(true)
    }
}

fn rows(batch: &Batch) -> usize {
    Table::ALL.iter().map(|table| batch.table(*table).num_rows()).sum()
}

/// Joins batches in order. The result has every column that any of them has.
pub(crate) fn concat(batches: &[Arc<HotBatch>]) -> Result<Batch, ArrowError> {
    let table = |table: Table| -> Result<RecordBatch, ArrowError> {
        let parts: Vec<_> = batches.iter().map(|batch| batch.table(table)).filter(|part| part.num_rows() > 0).collect();
        if parts.is_empty() {
            return Ok(Batch::empty().table(table).clone());
        }
        let fields: Fields = table
            .schema()
            .fields()
            .iter()
            .filter(|field| parts.iter().any(|part| part.column_by_name(field.name()).is_some()))
            .cloned()
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let columns: Vec<ArrayRef> = schema
            .fields()
            .iter()
            .map(|field| {
                let pieces: Vec<ArrayRef> = parts
                    .iter()
                    .map(|part| match part.column_by_name(field.name()) {
                        Some(column) => Arc::clone(column),
                        None => new_null_array(field.data_type(), part.num_rows()),
                    })
                    .collect();
                let pieces: Vec<_> = pieces.iter().map(AsRef::as_ref).collect();
                arrow_select::concat::concat(&pieces)
            })
            .collect::<Result<_, _>>()?;
        let rows = parts.iter().map(|part| part.num_rows()).sum();
        RecordBatch::try_new_with_options(schema, columns, &RecordBatchOptions::new().with_row_count(Some(rows)))
    };
    Ok(Batch { spans: table(Table::Spans)?, events: table(Table::Events)?, links: table(Table::Links)? })
}

#[cfg(test)]
mod tests {
    use kino_model::UnixNanos;
    use kino_testkit::Shop;

    use super::*;

    fn pushed(shared: &HotState, batches: usize) -> usize {
        let mut shop = Shop::new(3, UnixNanos(1_760_000_000_000_000_000));
        let content = |_| Content::Batch(Batch::from_rows(&shop.next_trace(), &[]));
        let accepted = |content| Accepted { content, arrival: 1, reserved: 0 };
        shared.push((0..batches).map(content).map(accepted).collect(), 5);
        shared.view().active.batches.iter().map(|batch| batch.spans.num_rows()).sum()
    }

    #[test]
    fn small_batches_are_joined_once_they_are_old_or_many() {
        let shared = HotState::new(1 << 30);
        let spans = pushed(&shared, JOIN_MIN);
        assert!(!shared.coalesce_small(5 + JOIN_AGE_NANOS - 1).unwrap());
        assert!(shared.coalesce_small(5 + JOIN_AGE_NANOS).unwrap());
        let joined = shared.view().active.batches.clone();
        assert_eq!((joined.len(), joined[0].spans.num_rows()), (1, spans));
        let shared = HotState::new(1 << 30);
        pushed(&shared, JOIN_MANY);
        assert!(shared.coalesce_small(5).unwrap());
    }

    #[test]
    fn what_the_next_flush_may_take_is_joined_only_if_it_is_many() {
        let shared = HotState::new(1 << 30);
        pushed(&shared, 1);
        let flushing = shared.freeze().unwrap();
        pushed(&shared, JOIN_MIN);
        assert!(!shared.coalesce_small(5 + JOIN_AGE_NANOS).unwrap());
        pushed(&shared, JOIN_MANY - JOIN_MIN);
        assert!(shared.coalesce_small(5).unwrap());
        shared.view().frozen.retain(|frozen| !Arc::ptr_eq(frozen, &flushing));
        while shared.coalesce_small(5 + JOIN_AGE_NANOS).unwrap() {}
        pushed(&shared, JOIN_MIN);
        assert!(shared.coalesce_small(5 + JOIN_AGE_NANOS).unwrap());
    }
}
