//! Both sides of a comparison, reduced to what is compared: per operation and execution.

use foldhash::HashSet;
use kino_model::Span;

use crate::critical_path::critical_path_of;
use crate::execution::{Execution, cold, is_inner_entry};
use crate::operation::Operations;
use crate::tree::Tree;

/// Durations are compared as ratios, so that none may be zero.
const SHORTEST_NANOS: f64 = 1.0;

/// Everything that is compared. Both sides number operations alike; side 0 is before, 1 after.
pub(super) struct Sides<'a> {
    pub(super) operations: Operations<'a>,
    pub(super) is_root: Vec<bool>,
    /// By side and operation.
    pub(super) samples: [Vec<OperationSamples>; 2],
    /// By side: the ended executions.
    pub(super) executions: [Vec<ExecutionSums>; 2],
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
    pub(super) executions: u64,
    pub(super) calls: u64,
    pub(super) errors: u64,
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
    pub(super) exceptions: u64,
    pub(super) statements: u64,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    duration: f64,
    /// Time on the critical path; the gap between a client span and the server span under it counts for the server.
    pub(super) critical: f64,
}

impl ExecutionSums {
    pub(super) fn of(&self, operation: usize) -> Sums {
        self.operations
            .binary_search_by_key(&operation, |(number, _)| *number)
            .map_or_else(|_| Sums::default(), |at| self.operations[at].1)
    }
}

impl<'a> Sides<'a> {
    pub(super) fn new(before: &[Execution<'_, 'a>], after: &[Execution<'_, 'a>]) -> Self {
        let mut sides = Self {
            operations: Operations::default(),
            is_root: Vec::new(),
            samples: [Vec::new(), Vec::new()],
            executions: [Vec::new(), Vec::new()],
            ended: [0, 0],
            open: 0,
            places: Vec::new(),
        };
        // Roots first, so that it is known of every operation whether executions start there.
        for execution in before.iter().chain(after) {
            let root = sides.operations.of(execution.tree.span(execution.entry));
            sides.is_root.resize(sides.operations.len(), true);
            sides.is_root[root] = true;
        }
        for (side, executions) in [before, after].into_iter().enumerate() {
            let ended: Vec<Execution<'_, 'a>> = executions.iter().filter(|it| !it.is_open()).copied().collect();
            sides.open += (executions.len() - ended.len()) as u64;
            for (execution, is_cold) in ended.iter().zip(cold(&ended)) {
                sides.add(side, execution, is_cold);
            }
        }
        let count = sides.operations.len();
        sides.is_root.resize(count, false);
        sides.samples.iter_mut().for_each(|samples| samples.resize(count, OperationSamples::default()));
        sides
    }

    /// The timing of a cold execution is left out, its counts are not.
    fn add(&mut self, side: usize, execution: &Execution<'_, 'a>, is_cold: bool) {
        let tree = execution.tree;
        let root = self.operations.of(tree.span(execution.entry));
        let mut scratch: Vec<(usize, Sums)> = Vec::new();
        let mut own_samples: Vec<(usize, f64)> = vec![(root, tree.duration(execution.entry) as f64)];
        for &index in execution.spans() {
            let index = index as usize;
            let span = tree.span(index);
            let operation = self.operations.of(span);
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
        for segment in critical_path_of(tree, execution.entry).segments {
            let charged = charged_to(tree, segment.span);
            let operation = self.operations.of(tree.span(charged));
            scratch[self.places[operation]].1.critical += segment.duration() as f64;
        }
        self.samples[side].resize(self.operations.len(), OperationSamples::default());
        let sampled: HashSet<usize> = own_samples.iter().map(|(operation, _)| *operation).collect();
        for (operation, nanos) in own_samples.iter().filter(|_| !is_cold) {
            self.samples[side][*operation].durations.push(nanos.max(SHORTEST_NANOS));
        }
        for (operation, sums) in &scratch {
            let samples = &mut self.samples[side][*operation];
            samples.executions += 1;
            samples.calls += sums.calls;
            samples.errors += sums.errors;
            self.places[*operation] = NO_PLACE;
            if !is_cold && !self.is_root[*operation] && !sampled.contains(operation) {
                samples.durations.push((sums.duration / sums.calls as f64).max(SHORTEST_NANOS));
            }
        }
        scratch.sort_unstable_by_key(|(operation, _)| *operation);
        self.ended[side] += 1;
        self.executions[side].push(ExecutionSums { root, operations: scratch });
    }
}

impl Sums {
    fn add(&mut self, span: &Span, nanos: f64) {
        let tokens = |key| span.int(key).and_then(|count| u64::try_from(count).ok()).unwrap_or(0);
        self.calls += 1;
        self.errors += u64::from(span.is_error());
        self.exceptions += span.events.iter().filter(|event| event.name == "exception").count() as u64;
        self.statements += u64::from(span.attribute("db.query.text").is_some());
        self.input_tokens += tokens("gen_ai.usage.input_tokens");
        self.output_tokens += tokens("gen_ai.usage.output_tokens");
        self.duration += nanos;
    }
}

/// A client that waits while its server works waits for the server: what lies between the two is the network or the
/// server's queue, and a fault there shows nowhere else.
fn charged_to(tree: &Tree<'_>, index: usize) -> usize {
    use kino_model::SpanKind::{Client, Server};
    if tree.span(index).kind != Client {
        return index;
    }
    let mut servers = tree.children(index).iter().filter(|&&child| tree.span(child as usize).kind == Server);
    servers.next().map_or(index, |&server| server as usize)
}
