//! Traces that have arrived and wait to be looked at, and what is known of operations that executions were seen of.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use kino_model::TraceId;

/// Traces that wait at most; beyond it those that arrived first are let go, and counted. Operations are judged by their
/// newest executions, so that what waits longest says least, and after a burst the engine is soon at rest.
const TRACES_MAX: usize = 50_000;
/// A trace with more spans than this is not looked at, and counted: looking at it would take more memory than the
/// rest of the engine.
const TRACE_SPANS_MAX: u32 = 100_000;
/// Traces so large that are remembered as such.
const HUGE_MAX: usize = 1_000;
/// A whole trace is complete once nothing of it has arrived for so long.
pub(super) const QUIET: Duration = Duration::from_secs(2);
/// One whose root or parents are missing may still get them: exporters send every five seconds.
const QUIET_IN_PARTS: Duration = Duration::from_secs(10);
/// Operations that are watched at a time; beyond it the one looked at longest ago is primed anew when it is next seen.
const OPERATIONS_MAX: usize = 1_000;
/// Executions an operation is judged by, where so many ran: enough for every detector, cheap enough to load again.
pub(super) const WINDOW: usize = 100;
/// Executions that it is judged by at most, where so many are new.
pub(super) const WINDOW_MAX: usize = 2_000;
/// So many new executions are worth a look at once, or a whole window where many come: those before them need not be
/// loaded and judged again then …
const WORTH_A_LOOK: usize = 10;
const WORTH_A_LOOK_BUSY: usize = WINDOW;
/// … and fewer, once they have waited so long: a rare operation is not loaded again for each of its executions.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// Traces that wait.
#[derive(Default)]
pub(super) struct Pending {
    traces: HashMap<TraceId, Waiting>,
    huge: BTreeSet<TraceId>,
}

/// One that waits. Times are monotonic nanoseconds.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    rows: u32,
    last: u64,
    due: u64,
    pub(super) project: Option<Arc<str>>,
    /// Nothing more is to come.
    settled: bool,
}

impl Waiting {
    fn is_due(&self, now: u64) -> bool {
        self.settled || self.due <= now
    }
}

impl Pending {
    /// Takes in rows that arrived; says how many traces had to be let go for it.
    pub(super) fn add(&mut self, id: TraceId, rows: u32, project: Option<&str>, at: u64) -> u64 {
        if self.huge.contains(&id) {
            return 0;
        }
        let due = at.saturating_add(QUIET.as_nanos() as u64);
        let waiting =
            self.traces.entry(id).or_insert(Waiting { rows: 0, last: at, due, project: None, settled: false });
        waiting.rows = waiting.rows.saturating_add(rows);
        (waiting.last, waiting.due, waiting.settled) = (at, due, false);
        if waiting.project.is_none() {
            waiting.project = project.map(Arc::from);
        }
        if waiting.rows > TRACE_SPANS_MAX {
            self.traces.remove(&id);
            if self.huge.len() < HUGE_MAX {
                self.huge.insert(id);
            }
            return 1;
        }
        if self.traces.len() <= TRACES_MAX {
            return 0;
        }
        // A tenth at a time, so that the search for the oldest is not done for each.
        let mut oldest: Vec<(u64, TraceId)> = self.traces.iter().map(|(id, waiting)| (waiting.last, *id)).collect();
        oldest.sort_unstable();
        oldest.truncate(TRACES_MAX / 10);
        for (_, id) in &oldest {
            self.traces.remove(id);
        }
        oldest.len() as u64
    }

    /// Says that nothing more is to come of these.
    pub(super) fn settle(&mut self, ids: &[TraceId]) {
        for id in ids {
            if let Some(waiting) = self.traces.get_mut(id) {
                waiting.settled = true;
            }
        }
    }

    /// Whether any may be looked at.
    pub(super) fn any_due(&self, now: u64) -> bool {
        self.traces.values().any(|waiting| waiting.is_due(now))
    }

    /// The newest that may be looked at, within bounds of traces and spans; all that wait, with `at_once`.
    pub(super) fn due(&self, now: u64, at_once: bool, traces_max: usize, spans_max: usize) -> Vec<TraceId> {
        let due = self.traces.iter().filter(|(_, waiting)| at_once || waiting.is_due(now));
        let mut due: Vec<(u64, TraceId, u32)> = due.map(|(id, waiting)| (waiting.last, *id, waiting.rows)).collect();
        due.sort_unstable_by(|one, other| other.cmp(one));
        let mut spans = 0;
        let within = due.into_iter().take(traces_max).take_while(|(_, _, rows)| {
            let first = spans == 0;
            spans += *rows as usize;
            first || spans <= spans_max
        });
        within.map(|(_, id, _)| id).collect()
    }

    /// Of a trace that was loaded: its project, and whether it is complete. `None`: it is to be looked at later. What
    /// is complete does not wait any longer.
    pub(super) fn taken(&mut self, id: TraceId, whole: bool, now: u64) -> Option<(Option<Arc<str>>, bool)> {
        let waiting = self.traces.get_mut(&id)?;
        let quiet = now.saturating_sub(waiting.last);
        let complete = if whole {
            waiting.settled || quiet >= QUIET.as_nanos() as u64
        } else {
            quiet >= QUIET_IN_PARTS.as_nanos() as u64
        };
        if complete {
            return self.traces.remove(&id).map(|waiting| (waiting.project, true));
        }
        if whole {
            return Some((waiting.project.clone(), false));
        }
        waiting.due = waiting.last.saturating_add(QUIET_IN_PARTS.as_nanos() as u64);
        waiting.settled = false;
        None
    }

    /// It is not there any more.
    pub(super) fn gone(&mut self, id: TraceId) {
        self.traces.remove(&id);
    }

    pub(super) fn len(&self) -> usize {
        self.traces.len()
    }
}

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
}

/// Operations that are watched.
#[derive(Default)]
pub(super) struct Operations {
    watched: BTreeMap<OperationKey, Watched>,
}

impl Operations {
    /// An execution of the operation was seen in the trace.
    pub(super) fn saw(&mut self, key: &OperationKey, trace: TraceId, complete: bool, now: u64) {
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
        if complete {
            watched.incomplete.remove(&trace);
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
