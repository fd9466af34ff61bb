//! Both sides of a comparison, reduced to what is compared: per operation and execution.

use foldhash::{HashMap, HashSet};
use kino_model::Span;

use super::kinds;
use crate::execution::{Execution, cold, is_inner_entry};
use crate::noise::Located;
use crate::operation::OperationIds;
use crate::statistics::quantile_f64;
use crate::units::Units;

/// Durations are compared as ratios, so that none may be zero.
const SHORTEST_NANOS: f64 = 1.0;
/// A median of as many executions is moved by no single one.
const STEADY_MIN: usize = 3;

/// Everything that is compared. Both sides number operations alike; side 0 is before, 1 after.
pub(super) struct Sides<'a> {
    pub(super) operations: OperationIds<'a>,
    pub(super) is_root: Vec<bool>,
    /// Operations that represent one kind of a root operation's executions: the root and the kind's name.
    pub(super) kinds: HashMap<usize, (usize, String)>,
    /// By side and operation.
    pub(super) samples: [Vec<OperationSamples>; 2],
    /// By side: the ended executions.
    pub(super) executions: [Vec<ExecutionSums>; 2],
    /// By side.
    pub(super) units: [Units; 2],
    /// By side: of each execution in a run the run, the root operation and the duration.
    pub(super) entries: [Vec<(String, usize, i64)>; 2],
    pub(super) ended: [u64; 2],
    pub(super) open: u64,
    /// By operation: its place in the sums of the execution at hand; none between two executions.
    places: Vec<usize>,
}

/// The place of an operation that the execution at hand has not called yet.
const NO_PLACE: usize = usize::MAX;

/// One operation on one side.
#[derive(Clone, Default)]
pub(super) struct OperationSamples {
    pub(super) durations: Vec<f64>,
    /// Of each duration the unit.
    units: Vec<Option<u32>>,
    pub(super) executions: u64,
    pub(super) calls: u64,
    pub(super) errors: u64,
}

impl OperationSamples {
    fn push(&mut self, nanos: f64, unit: Option<u32>) {
        self.durations.push(nanos.max(SHORTEST_NANOS));
        self.units.push(unit);
    }

    fn count(&mut self, sums: &Sums) {
        self.executions += 1;
        self.calls += sums.calls;
        self.errors += sums.errors;
    }

    /// One location for each unit, with the unit's number, in the order of their numbers; `None` where executions
    /// stand for themselves.
    pub(super) fn located(&self, units: &Units) -> Option<Vec<(u32, Located)>> {
        let mut sorted: Vec<(u32, f64)> = Vec::with_capacity(self.durations.len());
        for (nanos, unit) in self.durations.iter().zip(&self.units) {
            sorted.push(((*unit)?, nanos.ln()));
        }
        sorted.sort_by(|left, right| left.0.cmp(&right.0).then(left.1.total_cmp(&right.1)));
        let of_unit = |logs: &[(u32, f64)]| {
            let (unit, values) = (logs[0].0, logs.iter().map(|log| log.1).collect::<Vec<_>>());
            let (start, location) = (units.all[unit as usize].start, quantile_f64(&values, 0.5));
            let is_steady = values.len() >= STEADY_MIN;
            let located = if is_steady { Located::new(start, location) } else { Located::once(start, location) };
            (unit, located.beside(units.all[unit as usize].others_cpu))
        };
        Some(sorted.chunk_by(|left, right| left.0 == right.0).map(of_unit).collect())
    }
}

/// What one execution did, by operation.
pub(super) struct ExecutionSums {
    pub(super) root: usize,
    /// By operation number, ascending.
    pub(super) operations: Vec<(usize, Sums)>,
}

/// What one operation did in one execution.
#[derive(Clone, Copy, Default)]
pub(super) struct Sums {
    pub(super) calls: u64,
    pub(super) errors: u64,
    pub(super) statements: u64,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    duration: f64,
}

impl ExecutionSums {
    pub(super) fn of(&self, operation: usize) -> Sums {
        self.operations
            .binary_search_by_key(&operation, |(number, _)| *number)
            .map_or_else(|_| Sums::default(), |at| self.operations[at].1)
    }
}

/// What is known of an execution before its spans are read.
struct Placed {
    side: usize,
    /// The operation that its counts belong to.
    root: usize,
    /// The operation that its time belongs to: the root, or one kind of it.
    timed: usize,
    unit: Option<u32>,
    /// The first of several in its process: it is counted, and not timed.
    is_cold: bool,
}

impl<'a> Sides<'a> {
    /// `in_turn`: whether the runs of both sides were made in turn.
    pub(super) fn new(before: &[Execution<'_, 'a>], after: &[Execution<'_, 'a>], in_turn: bool) -> Self {
        let ended = [before, after].map(|executions| {
            executions.iter().filter(|it| !it.is_open()).copied().collect::<Vec<Execution<'_, 'a>>>()
        });
        let mut sides = Self {
            operations: OperationIds::default(),
            is_root: Vec::new(),
            kinds: HashMap::default(),
            samples: [Vec::new(), Vec::new()],
            executions: [Vec::new(), Vec::new()],
            units: ended.each_ref().map(|executions| Units::new(executions, in_turn)),
            entries: [Vec::new(), Vec::new()],
            ended: ended.each_ref().map(|executions| executions.len() as u64),
            open: (before.len() + after.len() - ended[0].len() - ended[1].len()) as u64,
            places: Vec::new(),
        };
        // Roots first, so that it is known of every operation whether executions start there.
        for execution in before.iter().chain(after) {
            let root = sides.root(execution);
            sides.set_root(root);
        }
        let roots = ended
            .each_ref()
            .map(|executions| executions.iter().map(|execution| sides.root(execution)).collect::<Vec<usize>>());
        let kinds = kinds::kinds([&ended[0], &ended[1]], [&roots[0], &roots[1]], &mut sides.operations);
        for (side, executions) in ended.iter().enumerate() {
            for (at, (execution, is_cold)) in executions.iter().zip(cold(executions)).enumerate() {
                let root = roots[side][at];
                let timed = match &kinds[side][at] {
                    Some(kind) => sides.kind(execution, root, kind),
                    None => root,
                };
                let unit = sides.units[side].of[at];
                sides.add(execution, &Placed { side, root, timed, unit, is_cold });
            }
        }
        let count = sides.operations.len();
        sides.is_root.resize(count, false);
        sides.samples.iter_mut().for_each(|samples| samples.resize(count, OperationSamples::default()));
        sides
    }

    fn root(&mut self, execution: &Execution<'_, 'a>) -> usize {
        self.operations.named(execution.tree.span(execution.entry), kinds::name(execution))
    }

    fn set_root(&mut self, operation: usize) {
        self.is_root.resize(self.operations.len().max(self.is_root.len()), false);
        self.is_root[operation] = true;
    }

    /// The operation that represents one kind of a root operation's executions.
    fn kind(&mut self, execution: &Execution<'_, 'a>, root: usize, kind: &str) -> usize {
        let name = format!("{} [{kind}]", self.operations.name(root).1);
        let operation = self.operations.named(execution.tree.span(execution.entry), name.into());
        self.kinds.insert(operation, (root, kind.to_owned()));
        self.set_root(operation);
        operation
    }

    /// Whether an operation's executions are timed by their kinds.
    pub(super) fn is_split(&self, operation: usize) -> bool {
        self.kinds.values().any(|(root, _)| *root == operation)
    }

    fn add(&mut self, execution: &Execution<'_, 'a>, placed: &Placed) {
        let Placed { side, root, timed, unit, is_cold } = *placed;
        let tree = execution.tree;
        if let Some(run) = unit.and_then(|unit| self.units[side].all[unit as usize].run_id.as_ref()) {
            self.entries[side].push((run.clone(), root, tree.duration(execution.entry)));
        }
        let mut scratch: Vec<(usize, Sums)> = Vec::new();
        let mut own_samples: Vec<(usize, f64)> = vec![(timed, tree.duration(execution.entry) as f64)];
        for &index in execution.spans() {
            let index = index as usize;
            let span = tree.span(index);
            let operation = if index == execution.entry { root } else { self.operations.of(span) };
            self.places.resize(self.operations.len(), NO_PLACE);
            self.is_root.resize(self.operations.len(), false);
            if self.places[operation] == NO_PLACE {
                self.places[operation] = scratch.len();
                scratch.push((operation, Sums::default()));
            }
            let nanos = tree.duration(index) as f64;
            scratch[self.places[operation]].1.add(span, nanos);
            if !self.is_root[operation] && is_inner_entry(tree, index) && span.end.is_some() {
                own_samples.push((operation, nanos));
            }
        }
        self.samples[side].resize(self.operations.len(), OperationSamples::default());
        let sampled: HashSet<usize> = own_samples.iter().map(|(operation, _)| *operation).collect();
        for (operation, nanos) in own_samples.iter().filter(|_| !is_cold) {
            self.samples[side][*operation].push(*nanos, unit);
        }
        for (operation, sums) in &scratch {
            self.samples[side][*operation].count(sums);
            if *operation == root && timed != root {
                self.samples[side][timed].count(sums);
            }
            self.places[*operation] = NO_PLACE;
            if !is_cold && !self.is_root[*operation] && !sampled.contains(operation) {
                self.samples[side][*operation].push(sums.duration / sums.calls as f64, unit);
            }
        }
        scratch.sort_unstable_by_key(|(operation, _)| *operation);
        self.executions[side].push(ExecutionSums { root, operations: scratch });
    }
}

impl Sums {
    fn add(&mut self, span: &Span, nanos: f64) {
        let tokens = |key| span.int(key).and_then(|count| u64::try_from(count).ok()).unwrap_or(0);
        self.calls += 1;
        self.errors += u64::from(span.is_error());
        self.statements += u64::from(span.attribute("db.query.text").is_some());
        self.input_tokens += tokens("gen_ai.usage.input_tokens");
        self.output_tokens += tokens("gen_ai.usage.output_tokens");
        self.duration += nanos;
    }
}
