//! Traces that have arrived and wait to be evaluated: which are due, and where their rows are read from.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use kino_model::TraceId;

use super::batch_cache::{BatchCache, BatchNumber, Gathered};
use super::feed::Arrival;

/// Traces that wait at most; beyond it those that arrived first are dropped, and counted. Operations are evaluated by
/// their newest executions, so that what waits longest matters least, and the engine is idle soon after a burst.
const TRACES_MAX: usize = 50_000;
/// A trace with more spans than this is dropped, and counted: evaluating it would take more memory than the rest of the
/// engine.
const TRACE_SPANS_MAX: u32 = 100_000;
/// Traces of that size whose later rows are ignored.
const OVERSIZED_MAX: usize = 1_000;
/// A trace without missing parents is complete once none of its rows has arrived for this long.
const QUIET: Duration = Duration::from_secs(1);
/// One whose root or parents are missing may still get them: exporters send every five seconds.
const QUIET_IN_PARTS: Duration = Duration::from_secs(10);

/// Traces that wait.
#[derive(Default)]
pub(super) struct TraceAssembler {
    waiting: HashMap<TraceId, WaitingTrace>,
    oversized: BTreeSet<TraceId>,
    cache: BatchCache,
}

/// One trace that waits. Times are monotonic nanoseconds.
#[derive(Clone, Debug)]
struct WaitingTrace {
    rows: u32,
    last: u64,
    due: u64,
    project: Option<Arc<str>>,
    /// No more rows are expected.
    settled: bool,
}

/// Rows of one trace that arrived together.
#[derive(Clone, Copy)]
pub(super) struct NewRows<'a> {
    pub(super) id: TraceId,
    pub(super) rows: u32,
    pub(super) project: Option<&'a str>,
    /// Monotonic nanoseconds.
    pub(super) at: u64,
    /// Their batch, if it is cached.
    pub(super) batch: Option<BatchNumber>,
}

/// What was drained from the feed at one moment.
pub(super) struct Drained {
    pub(super) arrivals: Vec<Arrival>,
    /// Traces, or parts of them, in arrivals that the feed dropped.
    pub(super) dropped: u64,
    /// When the oldest row that was in the store's memory before the feed was drained arrived.
    pub(super) oldest_in_memory: Option<u64>,
    /// Monotonic nanoseconds.
    pub(super) now: u64,
}

/// Traces to evaluate now.
pub(super) struct Due {
    /// Traces to put together from cached batches.
    pub(super) cached: Gathered,
    /// Traces to read from the store.
    pub(super) stored: Vec<TraceId>,
}

impl WaitingTrace {
    fn is_due(&self, now: u64) -> bool {
        self.settled || self.due <= now
    }
}

impl TraceAssembler {
    /// Adds what was drained from the feed; returns how many traces were dropped. `in_files` says which of some traces
    /// may have rows in the files that there were when the feed was last drained: newer files may have the very rows
    /// that arrive now.
    pub(super) fn add_drained(
        &mut self,
        drained: Drained,
        in_files: impl FnOnce(&[TraceId]) -> HashSet<TraceId>,
    ) -> u64 {
        let Drained { arrivals, dropped, oldest_in_memory, now } = drained;
        if dropped > 0 {
            self.cache.mark_incomplete(now);
        }
        let whole = arrivals.iter().filter(|arrival| arrival.batch.is_some());
        let ids: BTreeSet<TraceId> = whole.flat_map(|arrival| arrival.traces().map(|(id, ..)| id)).collect();
        let in_files = in_files(&ids.into_iter().collect::<Vec<_>>());
        let mut all_dropped = dropped;
        for mut arrival in arrivals {
            let at = arrival.at;
            let batch = arrival.batch.take().and_then(|batch| self.cache.insert(batch, at));
            for (id, rows, project) in arrival.traces() {
                all_dropped += self.add(NewRows { id, rows, project, at, batch }, in_files.contains(&id));
            }
            if let Some(batch) = batch {
                self.cache.seal(batch, now);
            }
        }
        if dropped == 0 {
            // Last, since the files of before may lack the rows that it says are in files.
            self.cache.advance_watermark(oldest_in_memory);
        }
        all_dropped
    }

    /// Adds rows of one trace; returns how many traces were dropped for it. `is_in_files` says whether files may have had
    /// rows of it before.
    pub(super) fn add(&mut self, new: NewRows<'_>, is_in_files: bool) -> u64 {
        let NewRows { id, rows, project, at, batch } = new;
        if self.oversized.contains(&id) {
            return 0;
        }
        self.cache.add(id, batch, is_in_files);
        let due = at.saturating_add(QUIET.as_nanos() as u64);
        let first = || WaitingTrace { rows: 0, last: at, due, project: None, settled: false };
        let waiting = self.waiting.entry(id).or_insert_with(first);
        waiting.rows = waiting.rows.saturating_add(rows);
        (waiting.last, waiting.due, waiting.settled) = (at, due, false);
        if waiting.project.is_none() {
            waiting.project = project.map(Arc::from);
        }
        if waiting.rows > TRACE_SPANS_MAX {
            self.remove(id);
            if self.oversized.len() < OVERSIZED_MAX {
                self.oversized.insert(id);
            }
            return 1;
        }
        if self.waiting.len() <= TRACES_MAX {
            return 0;
        }
        // A tenth at a time, so that the search for the oldest is not done for each.
        let mut oldest: Vec<(u64, TraceId)> = self.waiting.iter().map(|(id, waiting)| (waiting.last, *id)).collect();
        oldest.sort_unstable();
        oldest.truncate(TRACES_MAX / 10);
        for (_, id) in &oldest {
            self.remove(*id);
        }
        oldest.len() as u64
    }

    /// Says that no more rows of these are expected.
    pub(super) fn settle(&mut self, ids: &[TraceId]) {
        for id in ids {
            if let Some(waiting) = self.waiting.get_mut(id) {
                waiting.settled = true;
            }
        }
    }

    /// Says that the store has rows in memory that were not fed.
    pub(super) fn mark_incomplete(&mut self, now: u64) {
        self.cache.mark_incomplete(now);
    }

    /// Leaves what waits to be read from the store: rows of it may have been forgotten.
    pub(super) fn evict_cached(&mut self) {
        self.cache.evict_all();
    }

    /// Gives memory back while nothing waits. Correct only while all rows of the store are in files.
    pub(super) fn rest(&mut self) {
        self.cache.forget_finished();
        self.waiting.shrink_to_fit();
    }

    /// Returns whether any trace is due.
    pub(super) fn any_due(&self, now: u64) -> bool {
        self.waiting.values().any(|waiting| waiting.is_due(now))
    }

    /// Returns the newest traces that are due, of all that wait with `at_once`, within bounds of traces and spans. Unless
    /// `at_once`, traces are read from the store only when no cached one is due.
    pub(super) fn due(&self, now: u64, at_once: bool, traces_max: usize, spans_max: usize) -> Due {
        let due = self.waiting.iter().filter(|(_, waiting)| at_once || waiting.is_due(now));
        let mut due: Vec<(bool, u64, TraceId, u32)> =
            due.map(|(id, waiting)| (self.cache.is_cached(*id), waiting.last, *id, waiting.rows)).collect();
        due.sort_unstable_by(|one, other| other.cmp(one));
        let any_cached = due.first().is_some_and(|(is_cached, ..)| *is_cached);
        let mut spans = 0;
        let alike = due.into_iter().filter(|(is_cached, ..)| at_once || *is_cached == any_cached);
        let within = alike.take(traces_max).take_while(|(.., rows)| {
            let first = spans == 0;
            spans += *rows as usize;
            first || spans <= spans_max
        });
        let (cached, stored): (Vec<_>, Vec<_>) = within.partition(|(is_cached, ..)| *is_cached);
        let ids = |due: Vec<(bool, u64, TraceId, u32)>| due.into_iter().map(|(_, _, id, _)| id);
        Due { cached: self.cache.gather(ids(cached).collect()), stored: ids(stored).collect() }
    }

    /// Decides on a trace that was loaded: returns its project and whether it is complete, or `None` where it is to be
    /// loaded again later. A complete trace waits no longer.
    pub(super) fn loaded(&mut self, id: TraceId, has_parents: bool, now: u64) -> Option<(Option<Arc<str>>, bool)> {
        let waiting = self.waiting.get_mut(&id)?;
        let quiet = now.saturating_sub(waiting.last);
        let is_complete = if has_parents {
            waiting.settled || quiet >= QUIET.as_nanos() as u64
        } else {
            quiet >= QUIET_IN_PARTS.as_nanos() as u64
        };
        if is_complete {
            return self.remove(id).map(|waiting| (waiting.project, true));
        }
        if has_parents {
            return Some((waiting.project.clone(), false));
        }
        waiting.due = waiting.last.saturating_add(QUIET_IN_PARTS.as_nanos() as u64);
        waiting.settled = false;
        None
    }

    /// Removes a trace that the store does not have any more.
    pub(super) fn remove_missing(&mut self, id: TraceId) {
        self.remove(id);
    }

    /// Returns how many traces wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    fn remove(&mut self, id: TraceId) -> Option<WaitingTrace> {
        let waiting = self.waiting.remove(&id)?;
        self.cache.finish(id);
        Some(waiting)
    }
}

#[cfg(test)]
mod tests;
