//! The assembler and its cache against a plain model of the store, which reads everything.

use std::collections::BTreeMap;

use kino_model::{Batch, Span, SpanId, Trace};
use proptest::prelude::*;
use tokio::sync::mpsc::Receiver;

use super::*;
use crate::findings::feed::Feed;

const SECOND: u64 = 1_000_000_000;
/// When everything begins, monotonic nanoseconds.
const START: u64 = 1_000 * SECOND;
/// Batches in the model's channel.
const CHANNEL_MAX: usize = 4;
/// Batches of one span that the model's cache has room for.
const CACHED_MAX: usize = 12;

/// What happens to the assembler and to the store around it.
#[derive(Clone, Debug)]
enum Step {
    /// Spans of these traces are stored as one batch, and published: as a whole, or as a piece of one.
    Arrive {
        traces: Vec<u8>,
        whole: bool,
    },
    /// As `Arrive`, published with the next step only.
    ArriveLate {
        traces: Vec<u8>,
    },
    /// The last span of this trace arrives once more.
    Repeat {
        trace: u8,
    },
    Pass {
        nanos: u64,
    },
    Freeze,
    FlushOldest,
    Drain,
    Evaluate {
        at_once: bool,
    },
    /// The rows of a trace are removed from the store.
    Forget {
        trace: u8,
    },
}

/// The store's memory between two freezes.
#[derive(Default)]
struct Generation {
    first_nanos: Option<u64>,
    traces: HashSet<TraceId>,
}

struct Model {
    feed: Feed,
    incoming: Receiver<Arrival>,
    assembler: TraceAssembler,
    /// The spans in the store that were published, or dropped on their way, by trace.
    stored: BTreeMap<TraceId, Vec<SpanId>>,
    /// The same when the feed was last drained.
    drained: BTreeMap<TraceId, Vec<SpanId>>,
    late: Option<Vec<Span>>,
    frozen: Vec<Generation>,
    active: Generation,
    files: HashSet<TraceId>,
    /// The files when the feed was last drained.
    files_before: Option<HashSet<TraceId>>,
    /// Whether traces were forgotten since the last evaluation.
    forgotten: bool,
    now: u64,
    next_span: u64,
    /// Traces that were put together from the cache.
    cached: usize,
}

impl Model {
    /// A store with these traces in files and in memory, from before the start.
    fn new(in_files: &[u8], in_memory: &[u8]) -> Self {
        let one_span = Batch::from_rows(&[Span { trace_id: trace_id(0), ..Span::default() }], &[]).memory_size();
        let (feed, incoming) = Feed::with_bounds(CHANNEL_MAX, CACHED_MAX * one_span);
        let mut model = Self {
            feed,
            incoming,
            assembler: TraceAssembler::default(),
            stored: BTreeMap::new(),
            drained: BTreeMap::new(),
            late: None,
            frozen: Vec::new(),
            active: Generation::default(),
            files: HashSet::new(),
            files_before: None,
            forgotten: false,
            now: START,
            next_span: 1,
            cached: 0,
        };
        let spans = model.store(in_files);
        model.publish_to_model(&spans);
        model.freeze();
        model.flush_oldest();
        let spans = model.store(in_memory);
        model.publish_to_model(&spans);
        if !in_memory.is_empty() {
            model.assembler.mark_incomplete(model.now);
        }
        model
    }

    fn apply(&mut self, step: Step) {
        self.now += 1;
        let late = self.late.take();
        match step {
            Step::Arrive { traces, whole } => {
                let spans = self.store(&traces);
                self.publish(&spans, whole);
            }
            Step::ArriveLate { traces } => self.late = Some(self.store(&traces)),
            Step::Repeat { trace } => {
                let last = self.stored.get(&trace_id(trace)).and_then(|spans| spans.last()).copied();
                if let Some(span_id) = last {
                    self.put_in_memory(trace_id(trace));
                    self.publish(&[Span { trace_id: trace_id(trace), span_id, ..Span::default() }], true);
                }
            }
            Step::Pass { nanos } => self.now += nanos,
            Step::Freeze => self.freeze(),
            Step::FlushOldest => self.flush_oldest(),
            Step::Drain => self.drain(),
            Step::Evaluate { at_once } => self.evaluate(at_once),
            Step::Forget { trace } => {
                self.stored.remove(&trace_id(trace));
                self.forgotten = true;
            }
        }
        if let Some(spans) = late {
            self.publish(&spans, true);
        }
    }

    fn store(&mut self, traces: &[u8]) -> Vec<Span> {
        let mut spans = Vec::new();
        for trace in traces {
            self.put_in_memory(trace_id(*trace));
            let span_id = SpanId(self.next_span.to_be_bytes());
            self.next_span += 1;
            spans.push(Span { trace_id: trace_id(*trace), span_id, ..Span::default() });
        }
        spans
    }

    fn put_in_memory(&mut self, id: TraceId) {
        self.active.first_nanos.get_or_insert(self.now);
        self.active.traces.insert(id);
    }

    fn publish(&mut self, spans: &[Span], whole: bool) {
        self.publish_to_model(spans);
        self.feed.publish(&Batch::from_rows(spans, &[]), whole, self.now);
    }

    fn publish_to_model(&mut self, spans: &[Span]) {
        for span in spans {
            self.stored.entry(span.trace_id).or_default().push(span.span_id);
        }
    }

    fn freeze(&mut self) {
        self.frozen.push(std::mem::take(&mut self.active));
    }

    fn flush_oldest(&mut self) {
        if !self.frozen.is_empty() {
            self.files.extend(self.frozen.remove(0).traces);
        }
    }

    fn is_all_in_files(&self) -> bool {
        self.frozen.iter().chain([&self.active]).all(|generation| generation.first_nanos.is_none())
    }

    /// As the observer does.
    fn drain(&mut self) {
        let generations = self.frozen.iter().chain([&self.active]);
        let oldest_in_memory = generations.filter_map(|generation| generation.first_nanos).min();
        let files = self.files.clone();
        let before = self.files_before.replace(files.clone()).unwrap_or(files);
        let dropped = self.feed.take_dropped();
        let arrivals = std::iter::from_fn(|| self.incoming.try_recv().ok()).collect();
        let drained = Drained { arrivals, dropped, oldest_in_memory, now: self.now };
        self.assembler.add_drained(drained, |ids| ids.iter().filter(|id| before.contains(id)).copied().collect());
        self.drained.clone_from(&self.stored);
    }

    /// Evaluates what is due, as the observer does; each trace that is put together from the cache has exactly the rows
    /// that the store had when the feed was drained.
    fn evaluate(&mut self, at_once: bool) {
        self.drain();
        if std::mem::take(&mut self.forgotten) {
            self.assembler.evict_cached();
        }
        let Due { cached, mut stored } = self.assembler.due(self.now, at_once, 100, 100_000);
        let (traces, others) = cached.into_traces();
        stored.extend(others);
        for Trace { trace_id, spans, .. } in traces {
            let mut spans: Vec<SpanId> = spans.iter().map(|span| span.span_id).collect();
            spans.sort_unstable();
            let mut expected = self.drained.get(&trace_id).cloned().unwrap_or_default();
            expected.sort_unstable();
            assert_eq!(spans, expected, "{trace_id}");
            self.cached += 1;
            self.assembler.loaded(trace_id, true, self.now);
        }
        for id in stored {
            if self.stored.contains_key(&id) {
                self.assembler.loaded(id, true, self.now);
            } else {
                self.assembler.remove_missing(id);
            }
        }
        if self.assembler.len() == 0 {
            self.files_before = None;
            if self.is_all_in_files() {
                self.assembler.rest();
            }
        }
    }
}

fn trace_id(trace: u8) -> TraceId {
    TraceId([trace + 1; 16])
}

fn step() -> impl Strategy<Value = Step> {
    let traces = || prop::collection::vec(0..5_u8, 1..4);
    prop_oneof![
        8 => (traces(), prop::bool::weighted(0.9)).prop_map(|(traces, whole)| Step::Arrive { traces, whole }),
        1 => traces().prop_map(|traces| Step::ArriveLate { traces }),
        1 => (0..5_u8).prop_map(|trace| Step::Repeat { trace }),
        2 => (0..15 * SECOND).prop_map(|nanos| Step::Pass { nanos }),
        1 => Just(Step::Freeze),
        1 => Just(Step::FlushOldest),
        4 => Just(Step::Drain),
        3 => any::<bool>().prop_map(|at_once| Step::Evaluate { at_once }),
        1 => (0..5_u8).prop_map(|trace| Step::Forget { trace }),
    ]
}

fn few() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(0..5_u8, 0..3)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn each_trace_is_put_together_with_all_its_rows_or_read_from_the_store(
        in_files in few(),
        in_memory in few(),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut model = Model::new(&in_files, &in_memory);
        for step in steps {
            model.apply(step);
        }
        // Once nothing arrives any more, nothing waits and nothing stays cached.
        for step in [Step::Drain, Step::Pass { nanos: 20 * SECOND }, Step::Drain] {
            model.apply(step);
        }
        while model.assembler.len() > 0 {
            model.evaluate(false);
        }
        prop_assert_eq!(model.feed.cached_bytes(), 0);
    }
}

#[test]
fn batches_are_cached_again_once_dropped_rows_are_in_files() {
    let mut model = Model::new(&[], &[]);
    let arrive = |trace: u8| Step::Arrive { traces: vec![trace; 2], whole: true };
    let next_is_cached = |model: &mut Model, trace: u8| {
        let before = model.cached;
        for step in [arrive(trace), Step::Drain, Step::Pass { nanos: SECOND }, Step::Evaluate { at_once: false }] {
            model.apply(step);
        }
        model.cached > before
    };
    assert!(next_is_cached(&mut model, 0));
    for trace in 1..=CHANNEL_MAX as u8 + 1 {
        model.apply(arrive(trace));
    }
    assert!(!next_is_cached(&mut model, 10), "rows were dropped");
    assert!(!next_is_cached(&mut model, 11), "they are in memory alone");
    model.apply(Step::Freeze);
    model.apply(Step::FlushOldest);
    // The files of before this drain lack them.
    model.apply(Step::Drain);
    assert!(next_is_cached(&mut model, 12));
    assert!(!next_is_cached(&mut model, 10), "rows of it are in files");
}

#[test]
fn old_batches_are_evicted_where_the_cache_is_nearly_full() {
    let mut model = Model::new(&[], &[]);
    let arrive = |model: &mut Model, traces: std::ops::Range<u8>| {
        for trace in traces {
            model.apply(Step::Arrive { traces: vec![trace], whole: true });
            model.apply(Step::Drain);
        }
    };
    let cached = |model: &Model| -> Vec<u8> {
        (0..25).filter(|trace| model.assembler.cache.is_cached(trace_id(*trace))).collect()
    };
    arrive(&mut model, 0..10);
    assert_eq!(cached(&model), (0..10).collect::<Vec<_>>(), "none is old");
    model.apply(Step::Pass { nanos: 11 * SECOND });
    arrive(&mut model, 10..11);
    assert_eq!(cached(&model), (2..11).collect::<Vec<_>>(), "the oldest are evicted, as many as are too many");
    arrive(&mut model, 11..20);
    assert_eq!(cached(&model), (10..20).collect::<Vec<_>>());
    arrive(&mut model, 20..25);
    assert_eq!(cached(&model), (10..22).collect::<Vec<_>>(), "beyond the bound batches are not cached");
}

#[test]
fn oversized_traces_are_dropped_and_counted_once() {
    let mut assembler = TraceAssembler::default();
    let rows = |rows| NewRows { id: trace_id(0), rows, project: None, at: START, batch: None };
    assert_eq!(assembler.add(rows(TRACE_SPANS_MAX), false), 0);
    assert_eq!((assembler.add(rows(1), false), assembler.len()), (1, 0));
    assert_eq!((assembler.add(rows(1), false), assembler.len()), (0, 0));
}
