//! One exception that several spans recorded as it passed up through them is one occurrence, at the innermost.
//!
//! ```text
//!  handle   exception E, stack [raise load call handle]  ─┐
//!    call   exception E, stack [raise load call]         ─┼─ one, in `load`
//!      load exception E, stack [raise load]              ─┘
//!    call   exception E, stack [raise load call]            another: `handle` already has its own
//! ```
//!
//! A recording is the same exception as one below it where type and message are equal and the stacks say that the
//! one may be the other seen from further out. Each span passes an exception on once: where a span recorded two, they
//! are two. A span's log and its event may both record one. Without stacks on both, the outer one must come later.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kino_model::{SpanId, TraceId};

use super::{Exception, Frame, frames};

/// The parent of spans, by trace and span.
pub type Parents = HashMap<(TraceId, SpanId), SpanId>;

/// Some SDKs count each span's time from a start that they cut to whole milliseconds: what happened later within one
/// may seem to have happened earlier.
const CLOCK_GRAIN_NANOS: i64 = 1_000_000;

/// Exceptions of one type and message that came up to a span and that a recording there is compared with: the newest.
/// Thousands of them make each comparison cost as much as all the others.
const RAISED_MAX: usize = 256;

/// The spans whose ancestors [`occurrences`] asks for: those of traces in which one exception may have been recorded
/// more than once.
pub fn recorded_alike(recorded: &[Exception<'_>]) -> BTreeSet<(TraceId, SpanId)> {
    let groups = alike(recorded);
    let spans = groups.iter().flatten().filter_map(|&index| {
        let evidence = recorded[index].evidence;
        Some((evidence.trace_id, evidence.span_id?))
    });
    spans.collect()
}

/// The exceptions, each once, at the innermost span that recorded it; in the order of these recordings. `parents`
/// holds what is known of the spans that [`recorded_alike`] names and of those above them.
pub fn occurrences<'a>(recorded: Vec<Exception<'a>>, parents: &Parents) -> Vec<Exception<'a>> {
    let mut recorded = recorded;
    let mut gone = vec![false; recorded.len()];
    for group in alike(&recorded) {
        for (outer, inner) in Passing::new(&recorded, group, parents).passed_on() {
            gone[outer] = true;
            if recorded[inner].stacktrace.is_empty() {
                recorded[inner].stacktrace = recorded[outer].stacktrace;
            }
        }
    }
    recorded.into_iter().zip(gone).filter(|(_, gone)| !gone).map(|(exception, _)| exception).collect()
}

/// Recordings of one trace, type and message, where there is more than one place that recorded them.
fn alike(recorded: &[Exception<'_>]) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<(TraceId, &str, &str), Vec<usize>> = BTreeMap::new();
    for (index, exception) in recorded.iter().enumerate() {
        let trace_id = exception.evidence.trace_id;
        if !trace_id.is_zero() && exception.evidence.span_id.is_some() {
            groups.entry((trace_id, exception.exception_type, exception.message)).or_default().push(index);
        }
    }
    let place = |index: usize| (recorded[index].evidence.span_id, recorded[index].in_log);
    let differs = |group: &Vec<usize>| group.iter().any(|&index| place(index) != place(group[0]));
    groups.into_values().filter(differs).collect()
}

/// An exception on its way up.
#[derive(Clone, Copy)]
struct Raised {
    /// Its innermost recording.
    first: usize,
    /// Its outermost one so far.
    last: usize,
    /// Whether the span at hand has recorded it: as an event, in a log.
    recorded_in: [bool; 2],
}

/// Recordings of one trace, type and message.
struct Passing<'r, 'a> {
    recorded: &'r [Exception<'a>],
    stacks: HashMap<(&'a str, Option<&'a str>), Stack<'a>>,
    /// By span, in the order of their times.
    by_span: BTreeMap<SpanId, Vec<usize>>,
    /// The nearest span above that recorded one too.
    above: BTreeMap<SpanId, SpanId>,
}

impl<'r, 'a> Passing<'r, 'a> {
    fn new(recorded: &'r [Exception<'a>], group: Vec<usize>, parents: &Parents) -> Self {
        let mut stacks = HashMap::new();
        let mut by_span: BTreeMap<SpanId, Vec<usize>> = BTreeMap::new();
        let trace_id = recorded[group[0]].evidence.trace_id;
        for index in group {
            let Exception { stacktrace, root, evidence, .. } = recorded[index];
            stacks.entry((stacktrace, root)).or_insert_with(|| Stack::read(stacktrace, root));
            by_span.entry(evidence.span_id.unwrap_or_default()).or_default().push(index);
        }
        for recordings in by_span.values_mut() {
            recordings.sort_by_key(|&index| recorded[index].time);
        }
        let above = nearest_above(trace_id, &by_span, parents);
        Self { recorded, stacks, by_span, above }
    }

    /// (outer, innermost) recordings of one exception. Takes the spans from the innermost outwards; spans that are
    /// their own ancestors are never reached and keep what they recorded.
    fn passed_on(&self) -> Vec<(usize, usize)> {
        let mut waiting_for: BTreeMap<SpanId, usize> = self.by_span.keys().map(|&span| (span, 0)).collect();
        for above in self.above.values() {
            *waiting_for.entry(*above).or_default() += 1;
        }
        let mut ready: Vec<SpanId> =
            waiting_for.iter().filter(|(_, left)| **left == 0).map(|(&span, _)| span).collect();
        let mut from_below: BTreeMap<SpanId, Vec<Raised>> = BTreeMap::new();
        let mut passed = Vec::new();
        while let Some(span) = ready.pop() {
            let mut raised = from_below.remove(&span).unwrap_or_default();
            for &index in self.by_span.get(&span).map_or(&[][..], Vec::as_slice) {
                if let Some(inner) = self.record(index, &mut raised) {
                    passed.push((index, inner));
                }
            }
            let Some(&above) = self.above.get(&span) else { continue };
            from_below
                .entry(above)
                .or_default()
                .extend(raised.iter().map(|it| Raised { recorded_in: [false; 2], ..*it }));
            if let Some(left) = waiting_for.get_mut(&above) {
                *left -= 1;
                if *left == 0 {
                    ready.push(above);
                }
            }
        }
        passed
    }

    /// Takes a recording for one of the exceptions that came up, and says which; else for a new one.
    fn record(&self, index: usize, raised: &mut Vec<Raised>) -> Option<usize> {
        let time = |index: usize| self.recorded[index].time.0;
        let place = usize::from(self.recorded[index].in_log);
        let not_after = |inner: usize| time(inner).saturating_sub(CLOCK_GRAIN_NANOS) <= time(index);
        let fits = |it: &Raised| {
            let same = self.stack(it.last).is_within(self.stack(index));
            !it.recorded_in[place] && same.unwrap_or_else(|| not_after(it.last))
        };
        // The latest of those before it, or else the one that followed soonest.
        let distance = |it: &Raised| (!not_after(it.last), time(index).abs_diff(time(it.last)));
        let newest = raised.len().saturating_sub(RAISED_MAX);
        let Some(found) = raised[newest..].iter_mut().filter(|it| fits(it)).min_by_key(|it| distance(it)) else {
            let mut recorded_in = [false; 2];
            recorded_in[place] = true;
            raised.push(Raised { first: index, last: index, recorded_in });
            return None;
        };
        found.last = index;
        found.recorded_in[place] = true;
        Some(found.first)
    }

    fn stack(&self, index: usize) -> &Stack<'a> {
        &self.stacks[&(self.recorded[index].stacktrace, self.recorded[index].root)]
    }
}

/// Of each span, the nearest one above it that is among them. What a walk has passed, no other walks again.
fn nearest_above(
    trace_id: TraceId,
    among: &BTreeMap<SpanId, Vec<usize>>,
    parents: &Parents,
) -> BTreeMap<SpanId, SpanId> {
    let mut above: BTreeMap<SpanId, SpanId> = BTreeMap::new();
    let mut known: HashMap<SpanId, Option<SpanId>> = HashMap::new();
    for &span in among.keys() {
        let mut walked = Vec::new();
        let mut at = span;
        let found = loop {
            match parents.get(&(trace_id, at)) {
                None => break None,
                Some(parent) if among.contains_key(parent) => break Some(*parent),
                Some(parent) => at = *parent,
            }
            if let Some(found) = known.get(&at) {
                break *found;
            }
            // A walk that comes by here again goes in a circle.
            known.insert(at, None);
            walked.push(at);
        };
        known.extend(walked.into_iter().map(|at| (at, found)));
        above.extend(found.map(|found| (span, found)));
    }
    above
}

/// A stack trace, read for comparison.
struct Stack<'a> {
    text: &'a str,
    frames: Vec<Frame>,
    /// Whether it is the place that recorded, as Go's SDK does it, rather than the place that raised.
    is_of_recorder: bool,
}

impl<'a> Stack<'a> {
    fn read(text: &'a str, root: Option<&str>) -> Self {
        let is_of_recorder = text.trim_start().starts_with("goroutine ");
        Self { text, frames: frames(text, root), is_of_recorder }
    }

    /// Whether an exception with this stack may be one with `outer`, seen from further in; `None` where one of them
    /// is missing.
    fn is_within(&self, outer: &Stack<'_>) -> Option<bool> {
        if self.text.is_empty() || outer.text.is_empty() {
            return None;
        }
        if self.text == outer.text {
            return Some(true);
        }
        let (inner_own, outer_own) = (self.own(), outer.own());
        let (Some(raised), Some(seen)) = (self.frames.first(), outer.frames.first()) else {
            let neither = self.frames.is_empty() && outer.frames.is_empty();
            return Some(neither && (self.text.contains(outer.text) || outer.text.contains(self.text)));
        };
        if self.is_of_recorder && outer.is_of_recorder {
            let names = |frames: &[&Frame]| frames.iter().map(|it| it.function.clone()).collect::<Vec<_>>();
            return Some(!outer_own.is_empty() && names(&inner_own).ends_with(&names(&outer_own)));
        }
        // Where it was raised stays; on the way up, frames are added at the outer end. Libraries have frames of their
        // own there, which come and go: those that made the span.
        let is_place = |a: &Frame, b: &Frame| (&a.path, a.line, &a.function) == (&b.path, b.line, &b.function);
        Some(is_place(raised, seen) && inner_own.iter().zip(&outer_own).all(|(a, b)| is_place(a, b)))
    }

    fn own(&self) -> Vec<&Frame> {
        self.frames.iter().filter(|frame| frame.in_project).collect()
    }
}

#[cfg(test)]
mod tests;
