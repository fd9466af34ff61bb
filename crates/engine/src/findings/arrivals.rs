//! What arrives, told to the observer without holding anything up: a batch's columns are shared, never copied.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef};
use kino_model::{Batch, TraceId};
use tokio::sync::mpsc;

/// Batches that wait for the observer: the small ones of a heavy load reach the other bounds first.
const BATCHES_MAX: usize = 16_384;
/// Rows in them: of each at least its trace id is there, so that this many hold 16 MiB.
const ROWS_MAX: usize = 1 << 20;
/// Bytes of batches that are held with all their columns, by the channel and by the observer: two seconds' worth of
/// 100,000 spans/s. For about as long they are in memory anyway.
const HELD_BYTES_MAX: usize = 128 << 20;

/// Where batches are told.
pub(crate) struct Arrivals {
    sender: mpsc::Sender<Arrived>,
    rows: Arc<AtomicUsize>,
    held_bytes: Arc<AtomicUsize>,
    /// Traces, or parts of them, that were not told because the observer was too far behind.
    missed: AtomicU64,
}

/// A batch that arrived.
pub(super) struct Arrived {
    ids: ArrayRef,
    projects: Option<ArrayRef>,
    /// All of it, where there was room.
    pub(super) rows: Option<Rows>,
    /// Monotonic nanoseconds.
    pub(super) at: u64,
    waiting: Arc<AtomicUsize>,
}

/// All rows of a batch that arrived, within the bytes that are held.
pub(super) struct Rows {
    batch: Batch,
    bytes: usize,
    held_bytes: Arc<AtomicUsize>,
}

impl Rows {
    fn hold(batch: &Batch, held_bytes: &Arc<AtomicUsize>) -> Option<Self> {
        let bytes = batch.memory_size();
        let held = Self { batch: batch.clone(), bytes, held_bytes: Arc::clone(held_bytes) };
        // Where there is no room, what is dropped here gives it back.
        let before = held_bytes.fetch_add(bytes, Ordering::Relaxed);
        (before + bytes <= HELD_BYTES_MAX).then_some(held)
    }

    /// The rows.
    pub(super) fn batch(&self) -> &Batch {
        &self.batch
    }

    /// Whether less than a quarter of the room is left.
    pub(super) fn is_room_short(&self) -> bool {
        self.held_bytes.load(Ordering::Relaxed) > HELD_BYTES_MAX / 4 * 3
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        self.held_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Arrivals {
    pub(super) fn new() -> (Self, mpsc::Receiver<Arrived>) {
        let (sender, receiver) = mpsc::channel(BATCHES_MAX);
        (Self { sender, rows: Arc::default(), held_bytes: Arc::default(), missed: AtomicU64::new(0) }, receiver)
    }

    /// Tells that this batch was stored. Without `whole` it is a piece of one, and events may lie in another piece.
    pub(crate) fn tell(&self, batch: &Batch, whole: bool, at: u64) {
        let Some(ids) = batch.spans.column_by_name("trace_id").filter(|ids| !ids.is_empty()) else { return };
        let before = self.rows.fetch_add(ids.len(), Ordering::Relaxed);
        let projects = batch.spans.column_by_name("kino_project").cloned();
        let rows = if whole { Rows::hold(batch, &self.held_bytes) } else { None };
        let arrived = Arrived { ids: Arc::clone(ids), projects, rows, at, waiting: Arc::clone(&self.rows) };
        // What is dropped here gives its rows back.
        if before > ROWS_MAX {
            self.missed.fetch_add(arrived.traces().count() as u64, Ordering::Relaxed);
        } else if let Err(error) = self.sender.try_send(arrived) {
            self.missed.fetch_add(error.into_inner().traces().count() as u64, Ordering::Relaxed);
        }
    }

    /// Bytes of batches that are held.
    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.held_bytes.load(Ordering::Relaxed)
    }

    /// How many were missed since this was asked last.
    pub(super) fn take_missed(&self) -> u64 {
        self.missed.swap(0, Ordering::Relaxed)
    }
}

impl Arrived {
    /// Runs of rows of one trace: the trace, how many rows, its project.
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

impl Drop for Arrived {
    fn drop(&mut self) {
        self.waiting.fetch_sub(self.ids.len(), Ordering::Relaxed);
    }
}
