//! Traces that have arrived and wait to be looked at.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use kino_model::batch::rows;
use kino_model::{Batch, Trace, TraceId};

use super::arrivals::Rows;
use super::held::Held;

/// Traces that wait at most; beyond it those that arrived first are let go, and counted. Operations are judged by their
/// newest executions, so that what waits longest says least, and after a burst the engine is soon at rest.
const TRACES_MAX: usize = 50_000;
/// A trace with more spans than this is not looked at, and counted: looking at it would take more memory than the
/// rest of the engine.
const TRACE_SPANS_MAX: u32 = 100_000;
/// Traces so large that are remembered as such.
const HUGE_MAX: usize = 1_000;
/// A whole trace is complete once nothing of it has arrived for so long.
const QUIET: Duration = Duration::from_secs(1);
/// One whose root or parents are missing may still get them: exporters send every five seconds.
const QUIET_IN_PARTS: Duration = Duration::from_secs(10);
/// Batches that the rows of one trace are gathered from; a trace in more is read from the store.
const PARTS_MAX: usize = 64;

/// Traces that wait.
#[derive(Default)]
pub(super) struct Pending {
    traces: HashMap<TraceId, Waiting>,
    huge: BTreeSet<TraceId>,
    held: Held,
}

/// One that waits. Times are monotonic nanoseconds.
#[derive(Clone, Debug)]
struct Waiting {
    rows: u32,
    last: u64,
    due: u64,
    project: Option<Arc<str>>,
    /// Nothing more is to come.
    settled: bool,
    /// The numbers of the batches that hold all its rows; `None` where some lie elsewhere.
    parts: Option<Vec<u64>>,
}

/// Rows of one trace that arrived together.
#[derive(Clone, Copy)]
pub(super) struct Arrival<'a> {
    pub(super) id: TraceId,
    pub(super) rows: u32,
    pub(super) project: Option<&'a str>,
    /// Monotonic nanoseconds.
    pub(super) at: u64,
    /// The number of the batch, if it is held.
    pub(super) part: Option<u64>,
}

/// What may be looked at now.
pub(super) struct Due {
    /// Traces whose rows are held.
    pub(super) held: Gathered,
    /// Traces that the store has to be asked for.
    pub(super) stored: Vec<TraceId>,
}

/// Batches that hold all rows of some traces.
pub(super) struct Gathered {
    batches: Vec<Batch>,
    ids: HashSet<TraceId>,
}

impl Gathered {
    /// Puts the traces together, without logs, which no detector looks at; the others are to be asked of the store,
    /// which says what counts where a span came more than once. Long work for a thread that may take its time.
    pub(super) fn traces(mut self) -> (Vec<Trace>, impl Iterator<Item = TraceId>) {
        let mut traces = rows::traces(&self.batches, |id| self.ids.contains(&id));
        traces.retain(|trace| trace.duplicate_span_ids == 0 && self.ids.remove(&trace.trace_id));
        (traces, self.ids.into_iter())
    }
}

impl Waiting {
    fn is_due(&self, now: u64) -> bool {
        self.settled || self.due <= now
    }

    fn is_held(&self, held: &Held) -> bool {
        self.parts.as_ref().is_some_and(|parts| parts.iter().all(|part| held.get(*part).is_some()))
    }
}

impl Pending {
    /// Takes a batch to gather traces from; gives its number.
    pub(super) fn hold(&mut self, rows: Rows, at: u64) -> Option<u64> {
        self.held.hold(rows, at)
    }

    /// Says that all of the batch was added.
    pub(super) fn all_added(&mut self, part: u64, now: u64) {
        self.held.drop_unneeded(part);
        self.held.make_room(now);
    }

    /// Takes in rows that arrived; says how many traces had to be let go for it. Of traces `in_files` there were rows
    /// before.
    pub(super) fn add(&mut self, arrival: Arrival<'_>, in_files: &HashSet<TraceId>) -> u64 {
        let Arrival { id, rows, project, at, part } = arrival;
        if self.huge.contains(&id) {
            return 0;
        }
        let due = at.saturating_add(QUIET.as_nanos() as u64);
        let held = &mut self.held;
        let waiting = self.traces.entry(id).or_insert_with(|| {
            let is_new = part.is_some() && !held.has_left(id) && !in_files.contains(&id);
            Waiting { rows: 0, last: at, due, project: None, settled: false, parts: is_new.then(Vec::new) }
        });
        waiting.rows = waiting.rows.saturating_add(rows);
        (waiting.last, waiting.due, waiting.settled) = (at, due, false);
        if waiting.project.is_none() {
            waiting.project = project.map(Arc::from);
        }
        if let Some(parts) = &mut waiting.parts {
            match part {
                Some(part) if parts.last() == Some(&part) => {}
                Some(part) if parts.len() < PARTS_MAX => {
                    held.need(part);
                    parts.push(part);
                }
                _ => {
                    held.release(parts);
                    waiting.parts = None;
                }
            }
        }
        if waiting.rows > TRACE_SPANS_MAX {
            self.remove(id);
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
            self.remove(*id);
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

    /// Rows are in memory that nobody told of, of traces that wait or do not.
    pub(super) fn invalidate(&mut self, now: u64) {
        self.held.invalidate(now);
    }

    /// No row in memory alone is older than this, if any is, monotonic nanoseconds.
    pub(super) fn advance_watermark(&mut self, oldest: Option<u64>) {
        self.held.advance_watermark(oldest);
    }

    /// Whatever waits is to be read from the store: rows of it may have been forgotten.
    pub(super) fn let_go_of_rows(&mut self) {
        self.held.clear();
    }

    /// Forgets which traces were looked at, once all rows there were are in files.
    pub(super) fn rest(&mut self) {
        self.held.forget_left();
        self.traces.shrink_to_fit();
    }

    /// Whether any may be looked at.
    pub(super) fn any_due(&self, now: u64) -> bool {
        self.traces.values().any(|waiting| waiting.is_due(now))
    }

    /// The newest that may be looked at, within bounds of traces and spans; of all that wait, with `at_once`. Otherwise
    /// those that the store has to be asked for come only when no other is due.
    pub(super) fn due(&self, now: u64, at_once: bool, traces_max: usize, spans_max: usize) -> Due {
        let due = self.traces.iter().filter(|(_, waiting)| at_once || waiting.is_due(now));
        let mut due: Vec<(bool, u64, TraceId, u32)> =
            due.map(|(id, waiting)| (waiting.is_held(&self.held), waiting.last, *id, waiting.rows)).collect();
        due.sort_unstable_by(|one, other| other.cmp(one));
        let any_held = due.first().is_some_and(|(is_held, ..)| *is_held);
        let mut spans = 0;
        let alike = due.into_iter().filter(|(is_held, ..)| at_once || *is_held == any_held);
        let within = alike.take(traces_max).take_while(|(.., rows)| {
            let first = spans == 0;
            spans += *rows as usize;
            first || spans <= spans_max
        });
        let (held, stored): (Vec<_>, Vec<_>) = within.partition(|(is_held, ..)| *is_held);
        let ids = |due: Vec<(bool, u64, TraceId, u32)>| due.into_iter().map(|(_, _, id, _)| id);
        Due { held: self.gather(ids(held).collect()), stored: ids(stored).collect() }
    }

    fn gather(&self, ids: HashSet<TraceId>) -> Gathered {
        let waiting = ids.iter().filter_map(|id| self.traces.get(id));
        let numbers: BTreeSet<u64> = waiting.flat_map(|waiting| waiting.parts.iter().flatten()).copied().collect();
        Gathered { batches: numbers.into_iter().filter_map(|number| self.held.get(number)).cloned().collect(), ids }
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
            return self.remove(id).map(|waiting| (waiting.project, true));
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
        self.remove(id);
    }

    pub(super) fn len(&self) -> usize {
        self.traces.len()
    }

    fn remove(&mut self, id: TraceId) -> Option<Waiting> {
        let waiting = self.traces.remove(&id)?;
        self.held.mark_evaluated(id);
        self.held.release(waiting.parts.as_deref().unwrap_or_default());
        Some(waiting)
    }
}

#[cfg(test)]
mod tests {
    use kino_model::{Span, UnixNanos};
    use kino_testkit::Shop;

    use super::*;
    use crate::findings::arrivals::Arrivals;

    const AT: u64 = 1_000;

    /// Batches that arrive one after the other, and what waits after it.
    struct Told {
        arrivals: Arrivals,
        incoming: tokio::sync::mpsc::Receiver<crate::findings::arrivals::Arrived>,
        pending: Pending,
        in_files: HashSet<TraceId>,
    }

    impl Told {
        fn new() -> Self {
            let (arrivals, incoming) = Arrivals::new();
            Self { arrivals, incoming, pending: Pending::default(), in_files: HashSet::new() }
        }

        fn arrive(&mut self, spans: &[Span], whole: bool) {
            self.arrivals.tell(&Batch::from_rows(spans, &[]), whole, AT);
            let mut arrived = self.incoming.try_recv().expect("it was told");
            let part = arrived.rows.take().and_then(|rows| self.pending.hold(rows, AT));
            for (id, rows, project) in arrived.traces() {
                let arrival = Arrival { id, rows, project, at: AT, part };
                assert_eq!(self.pending.add(arrival, &self.in_files), 0);
            }
            if let Some(part) = part {
                self.pending.all_added(part, AT);
            }
        }

        /// What is due in an hour: the traces put together, and those that the store is asked for.
        fn due(&self) -> (Vec<Trace>, Vec<TraceId>) {
            let Due { held, mut stored } = self.pending.due(AT + 3_600_000_000_000, true, 100, 100_000);
            let (traces, others) = held.traces();
            stored.extend(others);
            (traces, stored)
        }
    }

    fn trace() -> (TraceId, Vec<Span>) {
        let mut shop = Shop::new(7, UnixNanos(1_760_000_000_000_000_000));
        let mut spans = std::iter::repeat_with(|| shop.next_trace()).find(|spans| spans.len() > 3).expect("some");
        spans.sort_by_key(|span| (span.start, span.span_id));
        for span in &mut spans {
            span.attributes.sort_by(|one, other| one.0.cmp(&other.0));
        }
        (spans[0].trace_id, spans)
    }

    #[test]
    fn a_trace_is_put_together_from_the_batches_that_it_came_in() {
        let (trace_id, spans) = trace();
        let mut told = Told::new();
        told.arrive(&spans[2..], true);
        told.arrive(&spans[..2], true);
        assert!(told.arrivals.held_bytes() > 0);
        let whole = Trace { trace_id, spans, ..Trace::default() };
        assert_eq!(told.due(), (vec![whole], vec![]));
        assert!(told.pending.taken(trace_id, true, u64::MAX).is_some());
        assert_eq!(told.arrivals.held_bytes(), 0, "what nobody waits for is let go");
        assert_eq!(told.due(), (vec![], vec![]));
    }

    #[test]
    fn rows_that_lie_elsewhere_are_asked_of_the_store() {
        let (trace_id, spans) = trace();
        let mut told = Told::new();
        told.arrive(&spans[2..], true);
        told.arrive(&spans[..2], false);
        assert_eq!(told.due(), (vec![], vec![trace_id]), "a piece of a batch");

        let mut told = Told::new();
        told.arrive(&spans[2..], true);
        assert!(told.pending.taken(trace_id, true, u64::MAX).is_some());
        told.arrive(&spans[..2], true);
        assert_eq!(told.due(), (vec![], vec![trace_id]), "a part was looked at before");

        let mut told = Told::new();
        told.in_files.insert(trace_id);
        told.arrive(&spans, true);
        assert_eq!(told.due(), (vec![], vec![trace_id]), "rows of it are in files");

        let mut told = Told::new();
        told.arrive(&spans, true);
        told.arrive(&spans[..1], true);
        assert_eq!(told.due(), (vec![], vec![trace_id]), "a span came twice");

        let mut told = Told::new();
        told.arrive(&spans, true);
        told.pending.let_go_of_rows();
        assert_eq!(told.due(), (vec![], vec![trace_id]), "rows were let go");
        assert_eq!(told.arrivals.held_bytes(), 0);

        let mut told = Told::new();
        told.pending.invalidate(AT);
        told.arrive(&spans, true);
        assert_eq!(told.due(), (vec![], vec![trace_id]), "rows went untold");

        for (oldest, is_held) in [(Some(AT), false), (Some(AT + 1), true), (None, true)] {
            let mut told = Told::new();
            told.pending.invalidate(AT);
            told.pending.advance_watermark(oldest);
            told.arrive(&spans, true);
            assert_eq!(told.due().1.is_empty(), is_held, "untold rows are in files once nothing as old is in memory");
        }
    }
}
