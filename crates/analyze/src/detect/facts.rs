//! What detectors know of a group of executions: trees, critical paths, and the time each span holds on them.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use kino_model::{DurationNanos, Span};

use super::DetectorConfig;
use super::detection::{SpanRef, Stretch};
use super::graphql;
use crate::critical_path::{Segment, critical_path_of};
use crate::execution::{Execution, calls_of_program, cold, is_part_of_test, is_run, process};
use crate::finding::{Evidence, KnownBy, Location, MAX_EXAMPLES, evidence, location};
pub(super) use crate::statistics::median;
use crate::tree::Tree;

/// How far up a search goes that is made for each of many calls: in a chain of a million spans the way to the top is
/// half a million long on average. Traces that people make are a few dozen deep.
pub(super) const ANCESTORS_MAX: usize = 256;

/// Executions of one entry operation.
pub(super) struct Group<'t, 'a> {
    pub(super) service: &'a str,
    pub(super) name: &'a str,
    /// What a reader knows the executions by: the name, with the operation that is asked for where that is GraphQL's, or with
    /// the path where no route is known.
    pub(super) title: String,
    /// What findings are known by: as the title, without a path, which hangs on the other executions at hand.
    pub(super) identity: String,
    /// The ended executions.
    pub(super) facts: Vec<Facts<'t, 'a>>,
    /// Every execution, the open ones included.
    pub(super) all: Vec<Execution<'t, 'a>>,
    pub(super) config: &'t DetectorConfig,
    /// Whether less than the usual evidence is enough.
    is_relaxed: bool,
}

/// What is known of one execution.
pub(super) struct Facts<'t, 'a> {
    pub(super) execution: Execution<'t, 'a>,
    pub(super) tree: &'t Tree<'a>,
    /// Found when it is first asked for: some faults show without it.
    times: OnceLock<Times>,
    /// Whether it is the first of several executions in its process.
    pub(super) is_cold: bool,
    is_passed_test: bool,
}

/// Where an execution's time is.
struct Times {
    path: Vec<Segment>,
    /// By position in the subtree: time on the critical path in the span itself.
    own: Vec<i64>,
    /// The same with all that is below it.
    inclusive: Vec<i64>,
}

impl<'t, 'a> Group<'t, 'a> {
    pub(super) fn new(
        key: &graphql::FieldKey<'a>,
        executions: &[Execution<'t, 'a>],
        config: &'t DetectorConfig,
    ) -> Self {
        let ended: Vec<Execution<'t, 'a>> =
            executions.iter().filter(|execution| !execution.is_open()).copied().collect();
        let cold = cold(&ended);
        let facts = ended.iter().zip(cold).map(|(execution, is_cold)| Facts::new(execution, is_cold)).collect();
        Self {
            service: key.service,
            name: key.name,
            title: key.title(),
            identity: key.identity(),
            facts,
            all: executions.to_vec(),
            config,
            is_relaxed: false,
        }
    }

    /// Makes detectors content with a single case and with half of the shares that they want: to see whether something
    /// of a known fault is left, not to find one.
    pub(super) fn with_relaxed_thresholds(self) -> Self {
        Self { is_relaxed: true, ..self }
    }

    /// How many cases are enough: `usual`, or one with relaxed thresholds.
    pub(super) fn cases(&self, usual: usize) -> usize {
        if self.is_relaxed { 1 } else { usual }
    }

    /// Which part is enough, where it usually takes this one.
    pub(super) fn part(&self, usual: f64) -> f64 {
        if self.is_relaxed { usual / 2.0 } else { usual }
    }

    /// The median duration of an execution, in nanoseconds.
    pub(super) fn median_duration(&self) -> f64 {
        median(self.warm().map(|(_, facts)| facts.duration()).collect())
    }

    /// All of a span's time.
    pub(super) fn stretch(&self, execution: usize, span: usize) -> Stretch {
        let tree = self.facts[execution].tree;
        Stretch { place: SpanRef { execution, span }, start: tree.start(span), end: tree.end(span) }
    }

    /// The executions whose timing counts, with their numbers.
    pub(super) fn warm(&self) -> impl Iterator<Item = (usize, &Facts<'t, 'a>)> {
        self.facts.iter().enumerate().filter(|(_, facts)| !facts.is_cold)
    }
}

impl<'t, 'a> Facts<'t, 'a> {
    fn new(execution: &Execution<'t, 'a>, is_cold: bool) -> Self {
        Self {
            execution: *execution,
            tree: execution.tree,
            times: OnceLock::new(),
            is_cold,
            is_passed_test: execution.is_passed_test(),
        }
    }

    fn times(&self) -> &Times {
        self.times.get_or_init(|| {
            let path = critical_path_of(self.tree, self.execution.entry).segments;
            let subtree = self.execution.spans();
            let mut own = vec![0; subtree.len()];
            for segment in &path {
                own[self.position(segment.span)] += segment.duration();
            }
            let mut inclusive = own.clone();
            for position in (1..subtree.len()).rev() {
                let parent = self.tree.parent(subtree[position] as usize).expect("a span below another has a parent");
                inclusive[self.position(parent)] += inclusive[position];
            }
            Times { path, own, inclusive }
        })
    }

    /// The place of a span in [`Facts::indices`].
    pub(super) fn position(&self, index: usize) -> usize {
        self.tree.position_below(self.execution.entry, index)
    }

    /// Its critical path.
    pub(super) fn path(&self) -> &[Segment] {
        &self.times().path
    }

    /// Nanoseconds.
    pub(super) fn duration(&self) -> f64 {
        self.tree.duration(self.execution.entry) as f64
    }

    /// The indices of its spans, the entry first.
    pub(super) fn indices(&self) -> impl Iterator<Item = usize> + '_ {
        self.execution.spans().iter().map(|&index| index as usize)
    }

    /// Time on the critical path in the span itself, in nanoseconds.
    pub(super) fn own_critical(&self, index: usize) -> i64 {
        self.times().own[self.position(index)]
    }

    /// Time on the critical path in the span and below it.
    pub(super) fn critical(&self, index: usize) -> i64 {
        self.times().inclusive[self.position(index)]
    }

    /// Time on the critical path in the span and below it, between two moments in Unix nanoseconds.
    pub(super) fn critical_within(&self, index: usize, start: i64, end: i64) -> i64 {
        let path = self.path();
        let from = path.partition_point(|segment| segment.end <= start);
        let within = path[from..].iter().take_while(|segment| segment.start < end);
        within
            .filter(|segment| self.tree.is_at_or_below(segment.span, index))
            .map(|segment| segment.end.min(end) - segment.start.max(start))
            .sum()
    }

    pub(super) fn span(&self, index: usize) -> &'a Span {
        self.tree.span(index)
    }

    pub(super) fn evidence(&self, index: usize) -> Evidence {
        evidence(self.execution.trace_id(), self.span(index))
    }

    /// Whether it is a test that passed, as far as is known: failures inside it were wanted.
    pub(super) fn is_passed_test(&self) -> bool {
        self.is_passed_test
    }

    /// Whether these are calls that a test which passed makes itself, in one of its phases or not: it repeats them on
    /// purpose.
    pub(super) fn is_of_test_itself(&self, indices: &[usize]) -> bool {
        let by_test = |&index: &usize| {
            let parent = self.recorded_parent(index);
            parent.is_some_and(|parent| parent == self.execution.entry || is_part_of_test(self.span(parent)))
        };
        self.is_passed_test() && indices.iter().all(by_test)
    }

    /// Whether it is a run whose program's own calls are judged.
    pub(super) fn is_program(&self) -> bool {
        is_run(self.tree, self.execution.entry)
    }

    /// The process of a program that makes most of its calls, where processes are known.
    pub(super) fn process_of_program(&self) -> Option<String> {
        if !self.is_program() {
            return None;
        }
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for index in calls_of_program(self.tree, self.execution.entry) {
            if let Some(process) = process(&self.span(index).resource) {
                *counts.entry(process).or_default() += 1;
            }
        }
        counts.into_iter().max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0))).map(|(process, _)| process)
    }

    /// Whether a span is a call that the program itself makes, in this process: what is below other spans is judged with
    /// those.
    pub(super) fn is_call_of_program(&self, index: usize, counted: Option<&str>) -> bool {
        self.recorded_parent(index) == Some(self.execution.entry)
            && process(&self.span(index).resource).as_deref() == counted
    }

    /// The parent that was recorded: that of the sibling, where a span is below a sibling because it is within its
    /// time. `None` where that is more than [`ANCESTORS_MAX`] above.
    fn recorded_parent(&self, index: usize) -> Option<usize> {
        let mut at = index;
        for _ in 0..ANCESTORS_MAX {
            let parent = self.tree.parent(at)?;
            if !self.tree.is_nested_by_time(at) {
                return Some(parent);
            }
            at = parent;
        }
        None
    }

    /// Where in the code: the span's own word, or the nearest ancestor's, at most [`ANCESTORS_MAX`] above.
    pub(super) fn location(&self, index: usize) -> Option<Location> {
        let mut at = index;
        for _ in 0..=ANCESTORS_MAX {
            if let Some(found) = location(self.span(at)) {
                return Some(if at == index { found } else { Location { known_by: KnownBy::Caller, ..found } });
            }
            at = self.tree.parent(at).filter(|_| at != self.execution.entry)?;
        }
        None
    }
}

/// What a whole millisecond is, in nanoseconds.
pub(super) const MILLI: i64 = 1_000_000;

impl Facts<'_, '_> {
    /// Whether `after` began when `before` had ended. JavaScript's SDK cuts starts off to whole milliseconds and
    /// measures durations finely, so that a start on a whole millisecond may be up to one later, and calls in sequence
    /// seem to overlap by that; by no more than half of the shorter one, else nothing is known.
    pub(super) fn follows(&self, before: usize, after: usize) -> bool {
        let (end, start) = (self.tree.end(before), self.tree.start(after));
        let shorter = self.tree.duration(before).min(self.tree.duration(after));
        end <= start || (follows(end, start) && 2 * (end - start) <= shorter)
    }
}

/// Whether what began at `start` may have begun when what ended at `end` had ended, as far as starts are known that may be
/// cut off to whole milliseconds.
pub(super) fn follows(end: i64, start: i64) -> bool {
    end <= start || (start % MILLI == 0 && end % MILLI != 0 && end - start < MILLI)
}

/// At most [`MAX_EXAMPLES`] of the evidence with the largest measure.
pub(super) fn top(mut examples: Vec<(f64, Evidence)>) -> Vec<Evidence> {
    examples.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    examples.dedup_by_key(|(_, evidence)| *evidence);
    examples.into_iter().take(MAX_EXAMPLES).map(|(_, evidence)| evidence).collect()
}

/// Nanoseconds for a reader.
pub(super) fn shown(nanos: f64) -> DurationNanos {
    DurationNanos(nanos.round() as i64)
}
