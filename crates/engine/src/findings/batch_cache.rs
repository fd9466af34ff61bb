//! Batches that arrived lately, cached until their traces are evaluated: a trace whose rows all arrived while the
//! observer ran is put together from them, and not read back from the store.
//!
//! A trace that waits for its evaluation is in one of two states, and every trace that is cached can be put together
//! exactly, with all its rows in the store:
//!
//! ```text
//!           first rows, in a cached batch;                       any other first rows
//!           not finished before, not in files                             │
//!                         ▼                                               ▼
//!                 Cached(its batches) ── rows in a batch that ──────► InStore
//!                         │              is not cached; rows in         │
//!                         │              too many batches; one of       │
//!                         │              its batches evicted            │
//!                         └───────────────── finish ──────────────────┘
//!                                              ▼
//!               Finished: rows are in the store. First rows from now on lead to InStore,
//!               until all rows that were in memory then are in files, which can be asked
//! ```
//!
//! "Not finished and not in files" says that the store has no other rows only as long as the observer is fed all rows
//! that are in the store's memory. That is the state of the whole cache:
//!
//! ```text
//!   Complete ── rows were dropped on their way, or are from before the start ──► Incomplete(since)
//!      ▲           all batches are evicted                                         │  nothing is cached
//!      └────────────────── the oldest row in the store's memory is younger ◄───────┘
//! ```

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use kino_model::batch::rows;
use kino_model::{Batch, Trace, TraceId};

use super::feed::CachedBatch;

/// The age from which batches are evicted, the oldest first, where the cache is nearly full. Where more arrives than can
/// be evaluated, batches wait this long for their turn: evaluating their traces then still costs half of what reading
/// them from the store would.
const EVICTION_AGE: Duration = Duration::from_secs(10);
/// Batches that one trace is put together from; a trace in more is read from the store.
const BATCHES_PER_TRACE_MAX: usize = 64;
/// Finished traces in each of two sets: at least as many as one generation in the store's memory has. The rows of those
/// that neither has any more are in files, unless flushes are late by generations.
const FINISHED_MAX: usize = 250_000;

/// The number of a batch: batches are numbered as they come.
pub(super) type BatchNumber = u64;

/// The batches, and the state of each trace that waits.
#[derive(Default)]
pub(super) struct BatchCache {
    batches: VecDeque<Slot>,
    /// The number of the first.
    first: BatchNumber,
    waiting: HashMap<TraceId, Rows>,
    finished: Finished,
    coverage: Coverage,
}

/// Where the rows of a trace that waits are. The batches of a cached one are in the cache, each once, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Rows {
    Cached(Vec<BatchNumber>),
    InStore,
}

/// Whether the observer was fed all rows that are in the store's memory. Times are monotonic nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Coverage {
    #[default]
    Complete,
    /// Rows that arrived by then were not fed.
    Incomplete { since: u64 },
}

/// One batch.
struct Slot {
    /// `None` once evicted.
    batch: Option<CachedBatch>,
    /// Traces with rows in it when they arrived.
    traces: Vec<TraceId>,
    /// How many of these are cached still.
    users: usize,
    at: u64,
}

/// Batches that have all rows of some traces.
pub(super) struct Gathered {
    batches: Vec<Batch>,
    ids: HashSet<TraceId>,
}

impl Gathered {
    /// Puts the traces together, without logs, which no detector reads. The others are to be read from the store, which
    /// decides what counts where a span arrived more than once. Long work, for a thread that may block.
    pub(super) fn into_traces(mut self) -> (Vec<Trace>, impl Iterator<Item = TraceId>) {
        let mut traces = rows::traces(&self.batches, |id| self.ids.contains(&id));
        traces.retain(|trace| trace.duplicate_span_ids == 0 && self.ids.remove(&trace.trace_id));
        (traces, self.ids.into_iter())
    }
}

impl BatchCache {
    /// Inserts a batch that arrived at `at`; returns its number, or `None` where nothing is cached now.
    pub(super) fn insert(&mut self, batch: CachedBatch, at: u64) -> Option<BatchNumber> {
        if self.coverage != Coverage::Complete {
            return None;
        }
        self.batches.push_back(Slot { batch: Some(batch), traces: Vec::new(), users: 0, at });
        Some(self.first + self.batches.len() as u64 - 1)
    }

    /// Records that rows of a trace arrived in a batch; `None` for one that is not cached. `is_in_files` says whether
    /// files may have had rows of it before.
    pub(super) fn add(&mut self, id: TraceId, batch: Option<BatchNumber>, is_in_files: bool) {
        let rows = match self.waiting.entry(id) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let is_new = batch.is_some() && !self.finished.contains(id) && !is_in_files;
                entry.insert(if is_new { Rows::Cached(Vec::new()) } else { Rows::InStore })
            }
        };
        let Rows::Cached(batches) = rows else { return };
        match batch {
            Some(batch) if batches.last() == Some(&batch) => {}
            Some(batch) if batches.len() < BATCHES_PER_TRACE_MAX => {
                batches.push(batch);
                if let Some(slot) = self.slot(batch) {
                    slot.traces.push(id);
                    slot.users += 1;
                }
            }
            _ => self.leave_to_store(id),
        }
    }

    /// Says that all traces of a batch were added: evicts it where none is cached, and old ones where the cache is nearly
    /// full.
    pub(super) fn seal(&mut self, number: BatchNumber, now: u64) {
        self.evict_unused(number);
        let oldest = now.saturating_sub(EVICTION_AGE.as_nanos() as u64);
        let is_old =
            |slot: &Slot| slot.batch.as_ref().is_none_or(|batch| slot.at < oldest && batch.is_cache_nearly_full());
        while self.batches.front().is_some_and(is_old) {
            self.evict_first();
        }
    }

    /// Returns whether a trace can be put together from cached batches.
    pub(super) fn is_cached(&self, id: TraceId) -> bool {
        matches!(self.waiting.get(&id), Some(Rows::Cached(_)))
    }

    /// Returns the batches that traces are put together from; those that are not cached are left out.
    pub(super) fn gather(&self, ids: HashSet<TraceId>) -> Gathered {
        let numbers = ids.iter().filter_map(|id| match self.waiting.get(id) {
            Some(Rows::Cached(batches)) => Some(batches),
            Some(Rows::InStore) | None => None,
        });
        let numbers: BTreeSet<BatchNumber> = numbers.flatten().copied().collect();
        Gathered { batches: numbers.into_iter().filter_map(|number| self.get(number)).cloned().collect(), ids }
    }

    /// Records that a trace waits no longer: it was evaluated, or dropped.
    pub(super) fn finish(&mut self, id: TraceId) {
        if let Some(rows) = self.waiting.remove(&id) {
            self.finished.insert(id);
            self.release(rows);
        }
    }

    /// Forgets which traces are finished. Correct only while all rows of the store are in files.
    pub(super) fn forget_finished(&mut self) {
        self.finished = Finished::default();
        self.waiting.shrink_to_fit();
    }

    /// Evicts all batches: what waits is to be read from the store.
    pub(super) fn evict_all(&mut self) {
        while !self.batches.is_empty() {
            self.evict_first();
        }
    }

    /// Records that the store's memory has rows by now that were not fed, of any traces: evicts all batches, and caches
    /// none until those rows are in files.
    pub(super) fn mark_incomplete(&mut self, now: u64) {
        self.evict_all();
        self.coverage = Coverage::Incomplete { since: now };
    }

    /// Takes note of when the oldest row that is in the store's memory alone arrived; `None` where there is none.
    pub(super) fn advance_watermark(&mut self, oldest: Option<u64>) {
        if let Coverage::Incomplete { since } = self.coverage
            && oldest.is_none_or(|oldest| oldest > since)
        {
            self.coverage = Coverage::Complete;
        }
    }

    fn leave_to_store(&mut self, id: TraceId) {
        if let Some(rows) = self.waiting.insert(id, Rows::InStore) {
            self.release(rows);
        }
    }

    /// Evicts the batches that only this trace used.
    fn release(&mut self, rows: Rows) {
        let Rows::Cached(batches) = rows else { return };
        for number in batches {
            if let Some(slot) = self.slot(number) {
                slot.users -= 1;
                self.evict_unused(number);
            }
        }
    }

    fn evict_unused(&mut self, number: BatchNumber) {
        if let Some(slot) = self.slot(number).filter(|slot| slot.users == 0) {
            slot.batch = None;
        }
        while self.batches.front().is_some_and(|slot| slot.batch.is_none()) {
            self.evict_first();
        }
    }

    fn evict_first(&mut self) {
        let Some(slot) = self.batches.pop_front() else { return };
        let number = self.first;
        self.first += 1;
        for id in slot.traces {
            let is_user = |rows: &Rows| matches!(rows, Rows::Cached(batches) if batches.contains(&number));
            if self.waiting.get(&id).is_some_and(is_user) {
                self.leave_to_store(id);
            }
        }
    }

    fn get(&self, number: BatchNumber) -> Option<&Batch> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.batches.get(index)?.batch.as_ref().map(CachedBatch::batch)
    }

    fn slot(&mut self, number: BatchNumber) -> Option<&mut Slot> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.batches.get_mut(index)
    }
}

/// The traces that finished last, in two sets: when the younger is full, the elder is forgotten.
#[derive(Default)]
struct Finished {
    younger: HashSet<TraceId>,
    elder: HashSet<TraceId>,
}

impl Finished {
    fn insert(&mut self, id: TraceId) {
        if self.younger.len() == FINISHED_MAX {
            self.elder = std::mem::take(&mut self.younger);
        }
        self.younger.insert(id);
    }

    fn contains(&self, id: TraceId) -> bool {
        self.younger.contains(&id) || self.elder.contains(&id)
    }
}
