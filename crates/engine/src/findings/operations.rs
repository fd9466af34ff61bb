//! Which operations have new executions, and which executions each is evaluated by.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use kino_analyze::detect::Neighbours;
use kino_analyze::statistics::median;
use kino_model::{SpanKind, TraceId};

/// Operations that are watched at a time; beyond it the one evaluated longest ago is dropped, and primed again from the
/// store when it has its next execution.
const OPERATIONS_MAX: usize = 1_000;
/// Executions that an operation is evaluated by, where there are as many: enough for every detector, cheap enough to
/// load again.
pub(super) const WINDOW: usize = 100;
/// Executions that it is evaluated by at most, where as many are new.
const WINDOW_MAX: usize = 2_000;
/// Durations of an operation that are remembered, the newest, and how many a median needs.
const DURATIONS_MAX: usize = 64;
const DURATIONS_MIN: usize = 3;
/// New executions after which an operation is due at once; a whole window in a busy time, in which those before them
/// need not be loaded again …
const DUE_EXECUTIONS: usize = 10;
const DUE_EXECUTIONS_BUSY: usize = WINDOW;
/// … and the wait after which fewer are enough: a rare operation is not loaded again for each of its executions.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// The durations of an operation's executions in one trace.
#[derive(Clone, Debug, Default)]
pub(super) struct Durations {
    /// The kind of the last one's entry span.
    pub(super) kind: SpanKind,
    /// Nanoseconds, of executions that have ended.
    pub(super) nanos: Vec<i64>,
}

/// An operation at which executions start, in a project.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OperationKey {
    pub(super) project: Option<String>,
    pub(super) service: String,
    pub(super) name: String,
}

/// The window of an operation's newest executions, between its evaluations.
#[derive(Clone, Debug, Default)]
pub(super) struct WatchedOperation {
    /// Traces with its newest executions, the newest last.
    pub(super) recent: VecDeque<TraceId>,
    /// Those of them that no evaluation had yet.
    pub(super) fresh: BTreeSet<TraceId>,
    /// Those of them of which more rows may arrive.
    pub(super) incomplete: BTreeSet<TraceId>,
    /// When the first of `fresh` was added, monotonic nanoseconds.
    waiting_since: u64,
    /// Whether `recent` has the executions that the store had before.
    pub(super) primed: bool,
    /// When it was last evaluated, monotonic nanoseconds; 0 for never.
    evaluated: u64,
    /// At least how many executions the store has.
    pub(super) known: u64,
    /// The kind of its entry spans.
    kind: SpanKind,
    /// Nanoseconds of its newest executions, the newest last.
    durations: VecDeque<i64>,
    /// Their median, once it was computed for these.
    median: Option<i64>,
}

impl WatchedOperation {
    /// Returns the median of the newest durations, in nanoseconds.
    fn median(&mut self) -> i64 {
        let durations = &self.durations;
        *self.median.get_or_insert_with(|| median(durations.iter().map(|&nanos| nanos as f64).collect()) as i64)
    }
}

/// What the observer has of each operation, in memory alone.
#[derive(Default)]
pub(super) struct WatchedOperations {
    watched: BTreeMap<OperationKey, WatchedOperation>,
}

impl WatchedOperations {
    /// Adds the executions of an operation in one trace.
    pub(super) fn add(
        &mut self,
        key: &OperationKey,
        durations: &Durations,
        trace: TraceId,
        is_complete: bool,
        now: u64,
    ) {
        if !self.watched.contains_key(key) {
            while self.watched.len() >= OPERATIONS_MAX {
                let oldest =
                    self.watched.iter().min_by_key(|(_, watched)| watched.evaluated).map(|(key, _)| key.clone());
                oldest.and_then(|key| self.watched.remove(&key));
            }
            self.watched.insert(key.clone(), WatchedOperation::default());
        }
        let Some(watched) = self.watched.get_mut(key) else { return };
        if watched.fresh.is_empty() {
            watched.waiting_since = now;
        }
        if !watched.recent.contains(&trace) {
            watched.recent.push_back(trace);
        }
        watched.fresh.insert(trace);
        watched.kind = durations.kind;
        if is_complete {
            watched.incomplete.remove(&trace);
            watched.median = None;
            watched.durations.extend(&durations.nanos);
            watched.durations.drain(..watched.durations.len().saturating_sub(DURATIONS_MAX));
        } else {
            watched.incomplete.insert(trace);
        }
        let max = watched.fresh.len().clamp(WINDOW, WINDOW_MAX);
        while watched.recent.len() > max {
            watched.recent.pop_front().map(|old| watched.fresh.remove(&old) | watched.incomplete.remove(&old));
        }
    }

    /// Returns the operations to evaluate now; all with new executions, with `at_once`.
    pub(super) fn due(&self, now: u64, at_once: bool, is_busy: bool) -> Vec<OperationKey> {
        let enough = if is_busy { DUE_EXECUTIONS_BUSY } else { DUE_EXECUTIONS };
        let due = self.watched.iter().filter(|(_, watched)| {
            let waited = now.saturating_sub(watched.waiting_since) >= WAIT_MAX.as_nanos() as u64;
            let is_due = at_once || waited || watched.evaluated == 0 || watched.fresh.len() >= enough;
            !watched.fresh.is_empty() && is_due
        });
        due.map(|(key, _)| key.clone()).collect()
    }

    /// Returns whether any operation has new executions.
    pub(super) fn is_waiting(&self) -> bool {
        self.watched.values().any(|watched| !watched.fresh.is_empty())
    }

    /// Returns the medians of the service's other operations of the same kind.
    pub(super) fn neighbours(&mut self, of: &OperationKey) -> Neighbours {
        let kind = self.watched.get(of).map_or(SpanKind::Unspecified, |watched| watched.kind);
        let others = self.watched.iter_mut().filter(|(key, watched)| {
            let is_beside = key.service == of.service && key.project == of.project && key.name != of.name;
            is_beside && watched.kind == kind && watched.durations.len() >= DURATIONS_MIN
        });
        Neighbours { medians: others.map(|(_, watched)| watched.median()).collect() }
    }

    pub(super) fn get(&mut self, key: &OperationKey) -> Option<&mut WatchedOperation> {
        self.watched.get_mut(key)
    }

    /// Records that an operation was evaluated with its new executions.
    pub(super) fn mark_evaluated(&mut self, key: &OperationKey, now: u64) {
        if let Some(watched) = self.watched.get_mut(key) {
            watched.fresh.clear();
            watched.incomplete.clear();
            watched.evaluated = now.max(1);
            let beyond = watched.recent.len().saturating_sub(WINDOW);
            watched.recent.drain(..beyond);
        }
    }

    /// Drops all operations: traces that they name were forgotten.
    pub(super) fn clear(&mut self) {
        self.watched.clear();
    }
}
