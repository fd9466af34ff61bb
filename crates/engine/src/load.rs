//! Loading traces within a bound on their spans, so that no question takes more memory than it may.

use std::collections::BTreeSet;
use std::sync::Arc;

use kino_model::{Trace, TraceId};
use kino_store::snapshot::Snapshot;
use kino_wire::Problem;

use crate::error::OrProblem;

/// Spans that one question loads. At about a kilobyte each this bounds its memory; traces beyond it are counted as
/// executions left out.
pub(crate) const SPANS_LOADED_MAX: usize = 1_000_000;

/// Traces that were loaded, and the ids of those beyond the bound.
pub(crate) type LoadedTraces = (Vec<Arc<Trace>>, Vec<TraceId>);

/// Loads the traces, in the order given, until [`SPANS_LOADED_MAX`] is reached.
pub(crate) async fn traces(snapshot: &Snapshot, ids: impl Iterator<Item = TraceId>) -> Result<LoadedTraces, Problem> {
    traces_within(snapshot, ids, SPANS_LOADED_MAX).await
}

/// As [`traces`], until `spans_max` is reached.
pub(crate) async fn traces_within(
    snapshot: &Snapshot,
    ids: impl Iterator<Item = TraceId>,
    spans_max: usize,
) -> Result<LoadedTraces, Problem> {
    let mut seen = BTreeSet::new();
    let ids: Vec<TraceId> = ids.filter(|id| seen.insert(*id)).collect();
    let mut within = BoundedLoad::new(&ids, spans_max);
    let mut traces: Vec<Arc<Trace>> = Vec::new();
    while let Some(next) = within.next() {
        let more = snapshot.traces(next).await.or_problem()?;
        within.loaded(more.iter().map(|trace| trace.spans.len()).sum());
        traces.extend(more);
    }
    Ok((traces, within.rest().to_vec()))
}

/// As [`traces_within`], of distinct traces that are not asked about again soon: the store does not keep them.
pub(crate) async fn traces_once_within(
    snapshot: &Snapshot,
    ids: &[TraceId],
    spans_max: usize,
) -> Result<LoadedTraces, Problem> {
    let mut within = BoundedLoad::new(ids, spans_max);
    let mut traces = Vec::new();
    while let Some(next) = within.next() {
        let more = snapshot.traces_uncached(next).await.or_problem()?;
        within.loaded(more.iter().map(|trace| trace.spans.len()).sum());
        traces.extend(more.into_iter().map(Arc::new));
    }
    Ok((traces, within.rest().to_vec()))
}

/// A list of traces that is loaded a part at a time, until a number of spans is reached.
struct BoundedLoad<'a> {
    ids: &'a [TraceId],
    spans_max: usize,
    spans: usize,
    next: usize,
}

impl<'a> BoundedLoad<'a> {
    /// Traces asked of the store at first, before anything says how large they are.
    const AT_FIRST: usize = 64;
    /// Traces asked of the store at once: the more they are, the more pages and dictionaries are read once for all.
    const AT_ONCE_MAX: usize = 1_024;

    fn new(ids: &'a [TraceId], spans_max: usize) -> Self {
        Self { ids, spans_max, spans: 0, next: 0 }
    }

    /// The traces to load next: as many as the bound still has room for, if they are like those so far.
    fn next(&mut self) -> Option<&'a [TraceId]> {
        if self.next == self.ids.len() || self.spans >= self.spans_max {
            return None;
        }
        let at_once = match self.next {
            0 => Self::AT_FIRST,
            so_far => {
                ((self.spans_max - self.spans) * so_far / self.spans.max(1)).clamp(Self::AT_FIRST, Self::AT_ONCE_MAX)
            }
        };
        let (from, end) = (self.next, (self.next + at_once).min(self.ids.len()));
        self.next = end;
        Some(&self.ids[from..end])
    }

    fn loaded(&mut self, spans: usize) {
        self.spans += spans;
    }

    /// Those that were not asked for.
    fn rest(&self) -> &'a [TraceId] {
        &self.ids[self.next..]
    }
}
