//! Which operations have new executions, and which executions they are judged by.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use kino_analyze::detect::Neighbours;
use kino_analyze::statistics::median;
use kino_model::{SpanKind, TraceId};

use super::look::Timed;

/// Operations that are watched at a time; beyond it the one looked at longest ago is primed anew when it is next seen.
const OPERATIONS_MAX: usize = 1_000;
/// Executions an operation is judged by, where so many ran: enough for every detector, cheap enough to load again.
pub(super) const WINDOW: usize = 100;
/// Executions that it is judged by at most, where so many are new.
const WINDOW_MAX: usize = 2_000;
/// Executions whose durations are remembered of an operation, the newest, and how few make no median.
const DURATIONS_MAX: usize = 64;
const DURATIONS_MIN: usize = 3;
/// So many new executions are worth a look at once, or a whole window where many come: those before them need not be
/// loaded and judged again then …
const WORTH_A_LOOK: usize = 10;
const WORTH_A_LOOK_BUSY: usize = WINDOW;
/// … and fewer, once they have waited so long: a rare operation is not loaded again for each of its executions.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// An operation at which executions start, in a project.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OperationKey {
    pub(super) project: Option<String>,
    pub(super) service: String,
    pub(super) name: String,
}

/// What is remembered of it between looks.
#[derive(Clone, Debug, Default)]
pub(super) struct Watched {
    /// Traces with its newest executions, the newest last.
    pub(super) recent: VecDeque<TraceId>,
    /// Those that no look rests on yet.
    pub(super) fresh: BTreeSet<TraceId>,
    /// Those among them of which more may come.
    pub(super) incomplete: BTreeSet<TraceId>,
    /// When the first of them came, monotonic nanoseconds.
    waiting_since: u64,
    /// Whether `recent` holds what the store had before.
    pub(super) primed: bool,
    looked: u64,
    /// Executions that there are, as far as it is known.
    pub(super) known: u64,
    /// What kind of span its executions start at.
    kind: SpanKind,
    /// What the newest took, nanoseconds, the newest last.
    durations: VecDeque<i64>,
    /// Their median, once it was asked for since the last of them came.
    usual: Option<i64>,
}

impl Watched {
    /// The median of what the newest executions took, in nanoseconds.
    fn usual(&mut self) -> i64 {
        let durations = &self.durations;
        *self.usual.get_or_insert_with(|| median(durations.iter().map(|&nanos| nanos as f64).collect()) as i64)
    }
}

/// Operations that are watched.
#[derive(Default)]
pub(super) struct Operations {
    watched: BTreeMap<OperationKey, Watched>,
}

impl Operations {
    /// An execution of the operation was seen in the trace.
    pub(super) fn saw(&mut self, key: &OperationKey, timed: &Timed, trace: TraceId, complete: bool, now: u64) {
        if !self.watched.contains_key(key) {
            while self.watched.len() >= OPERATIONS_MAX {
                let oldest = self.watched.iter().min_by_key(|(_, watched)| watched.looked).map(|(key, _)| key.clone());
                oldest.and_then(|key| self.watched.remove(&key));
            }
            self.watched.insert(key.clone(), Watched::default());
        }
        let Some(watched) = self.watched.get_mut(key) else { return };
        if watched.fresh.is_empty() {
            watched.waiting_since = now;
        }
        if !watched.recent.contains(&trace) {
            watched.recent.push_back(trace);
        }
        watched.fresh.insert(trace);
        watched.kind = timed.kind;
        if complete {
            watched.incomplete.remove(&trace);
            watched.usual = None;
            watched.durations.extend(&timed.durations);
            watched.durations.drain(..watched.durations.len().saturating_sub(DURATIONS_MAX));
        } else {
            watched.incomplete.insert(trace);
        }
        let room = watched.fresh.len().clamp(WINDOW, WINDOW_MAX);
        while watched.recent.len() > room {
            watched.recent.pop_front().map(|old| watched.fresh.remove(&old) | watched.incomplete.remove(&old));
        }
    }

    /// Operations that are worth a look now; all with something new, with `at_once`. Fewer in a busy time.
    pub(super) fn due(&self, now: u64, at_once: bool, busy: bool) -> Vec<OperationKey> {
        let enough = if busy { WORTH_A_LOOK_BUSY } else { WORTH_A_LOOK };
        let due = self.watched.iter().filter(|(_, watched)| {
            let waited = now.saturating_sub(watched.waiting_since) >= WAIT_MAX.as_nanos() as u64;
            let worth = at_once || waited || watched.looked == 0 || watched.fresh.len() >= enough;
            !watched.fresh.is_empty() && worth
        });
        due.map(|(key, _)| key.clone()).collect()
    }

    /// Whether any has something new.
    pub(super) fn is_waiting(&self) -> bool {
        self.watched.values().any(|watched| !watched.fresh.is_empty())
    }

    /// What the service's other operations of the same kind take.
    pub(super) fn neighbours(&mut self, of: &OperationKey) -> Neighbours {
        let kind = self.watched.get(of).map_or(SpanKind::Unspecified, |watched| watched.kind);
        let others = self.watched.iter_mut().filter(|(key, watched)| {
            let is_beside = key.service == of.service && key.project == of.project && key.name != of.name;
            is_beside && watched.kind == kind && watched.durations.len() >= DURATIONS_MIN
        });
        Neighbours { medians: others.map(|(_, watched)| watched.usual()).collect() }
    }

    pub(super) fn get(&mut self, key: &OperationKey) -> Option<&mut Watched> {
        self.watched.get_mut(key)
    }

    /// A look rests on what was new.
    pub(super) fn looked(&mut self, key: &OperationKey, now: u64) {
        if let Some(watched) = self.watched.get_mut(key) {
            watched.fresh.clear();
            watched.incomplete.clear();
            watched.looked = now.max(1);
            let beyond = watched.recent.len().saturating_sub(WINDOW);
            watched.recent.drain(..beyond);
        }
    }

    /// Nothing is remembered any more: traces were forgotten.
    pub(super) fn clear(&mut self) {
        self.watched.clear();
    }
}
