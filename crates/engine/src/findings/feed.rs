//! The feed: what the intake stores is published to the observer without delaying the intake. A batch's columns are
//! shared, never copied.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef};
use kino_model::{Batch, TraceId};
use tokio::sync::mpsc;

/// Batches in the channel: the small ones of a heavy load reach the other bounds first.
const BATCHES_MAX: usize = 16_384;
/// Rows in them: of each at least its trace id is in memory, which makes 16 MiB of this many.
const ROWS_MAX: usize = 1 << 20;
/// Bytes of the batches that the channel and the cache own with all columns: two seconds of 100,000 spans/s. The store
/// has most of them in memory for as long.
const CACHED_BYTES_MAX: usize = 128 << 20;

/// The intake's end of the channel.
pub(crate) struct Feed {
    sender: mpsc::Sender<Arrival>,
    rows: Arc<AtomicUsize>,
    cache_bytes: Arc<CacheBytes>,
    /// Traces, or parts of them, in arrivals that were dropped because the channel was full.
    dropped: AtomicU64,
}

/// A batch that was stored.
pub(super) struct Arrival {
    ids: ArrayRef,
    projects: Option<ArrayRef>,
    /// All its columns; `None` for a piece of a batch, and beyond the cache's bytes.
    pub(super) batch: Option<CachedBatch>,
    /// When it was stored, monotonic nanoseconds.
    pub(super) at: u64,
    /// Rows in the channel, to be reduced once this has left it.
    rows: Arc<AtomicUsize>,
}

/// A batch with all its columns; its bytes count as cached for as long as it exists.
pub(super) struct CachedBatch {
    batch: Batch,
    bytes: usize,
    cache_bytes: Arc<CacheBytes>,
}

/// The bytes of all cached batches, and their bound.
struct CacheBytes {
    used: AtomicUsize,
    max: usize,
}

impl CachedBatch {
    /// `None` where its bytes would be beyond the bound.
    fn new(batch: &Batch, cache_bytes: &Arc<CacheBytes>) -> Option<Self> {
        let bytes = batch.memory_size();
        let cached = Self { batch: batch.clone(), bytes, cache_bytes: Arc::clone(cache_bytes) };
        let before = cache_bytes.used.fetch_add(bytes, Ordering::Relaxed);
        // Beyond the bound, dropping it gives its bytes back.
        (before + bytes <= cache_bytes.max).then_some(cached)
    }

    pub(super) fn batch(&self) -> &Batch {
        &self.batch
    }

    /// Returns whether less than a quarter of the cache's bytes is free.
    pub(super) fn is_cache_nearly_full(&self) -> bool {
        self.cache_bytes.used.load(Ordering::Relaxed) > self.cache_bytes.max / 4 * 3
    }
}

impl Drop for CachedBatch {
    fn drop(&mut self) {
        self.cache_bytes.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Feed {
    pub(super) fn new() -> (Self, mpsc::Receiver<Arrival>) {
        Self::with_bounds(BATCHES_MAX, CACHED_BYTES_MAX)
    }

    pub(super) fn with_bounds(batches_max: usize, bytes_max: usize) -> (Self, mpsc::Receiver<Arrival>) {
        let (sender, receiver) = mpsc::channel(batches_max);
        let cache_bytes = Arc::new(CacheBytes { used: AtomicUsize::new(0), max: bytes_max });
        (Self { sender, rows: Arc::default(), cache_bytes, dropped: AtomicU64::new(0) }, receiver)
    }

    /// Publishes a batch that was stored at `at`, or drops and counts it where the channel is full. A batch that is not
    /// `whole` is one piece of several: events of its spans may be in another piece.
    pub(crate) fn publish(&self, batch: &Batch, whole: bool, at: u64) {
        let Some(ids) = batch.spans.column_by_name("trace_id").filter(|ids| !ids.is_empty()) else { return };
        let before = self.rows.fetch_add(ids.len(), Ordering::Relaxed);
        let projects = batch.spans.column_by_name("kino_project").cloned();
        let cached = if whole { CachedBatch::new(batch, &self.cache_bytes) } else { None };
        let arrival = Arrival { ids: Arc::clone(ids), projects, batch: cached, at, rows: Arc::clone(&self.rows) };
        // Dropping an arrival gives its rows back.
        if before > ROWS_MAX {
            self.count_dropped(&arrival);
        } else if let Err(error) = self.sender.try_send(arrival) {
            self.count_dropped(&error.into_inner());
        }
    }

    fn count_dropped(&self, arrival: &Arrival) {
        self.dropped.fetch_add(arrival.traces().count() as u64, Ordering::Relaxed);
    }

    /// Returns how many traces were dropped since the last call.
    pub(super) fn take_dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }

    /// Returns the bytes of the cached batches.
    #[cfg(test)]
    pub(super) fn cached_bytes(&self) -> usize {
        self.cache_bytes.used.load(Ordering::Relaxed)
    }
}

impl Arrival {
    /// Iterates over the sequences of rows of one trace: the trace, the number of rows, its project.
    pub(super) fn traces(&self) -> impl Iterator<Item = (TraceId, u32, Option<&str>)> + '_ {
        let ids = self.ids.as_fixed_size_binary_opt();
        let projects = self.projects.as_ref().and_then(|column| column.as_dictionary_opt::<Int32Type>());
        let project = move |row: usize| {
            let projects = projects.filter(|projects| projects.is_valid(row))?;
            let texts = projects.values().as_string_opt::<i32>()?;
            Some(texts.value(projects.key(row)?))
        };
        let mut row = 0;
        std::iter::from_fn(move || {
            let ids = ids?;
            let begin = row;
            if begin == ids.len() {
                return None;
            }
            let id = ids.value(begin);
            row = (begin + 1..ids.len()).find(|next| ids.value(*next) != id).unwrap_or(ids.len());
            Some((TraceId::from_slice(id).unwrap_or_default(), (row - begin) as u32, project(begin)))
        })
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        self.rows.fetch_sub(self.ids.len(), Ordering::Relaxed);
    }
}
