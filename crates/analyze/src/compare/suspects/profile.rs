//! What one side shows of each operation, per call: its own time, its own failures, its calls, its log lines; and of
//! each pair of services the gap between client and server.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::{HashMap, HashSet};
use kino_model::{SpanId, SpanKind};

use super::edges;
use super::lines::{Line, LooseLines, OTHER_LINES, Places, SHAPES_MAX};
use super::names::Names;
use super::shift::{Clusters, Happened};
use crate::execution::Execution;
use crate::operation::OperationIds;
use crate::statistics::quantile_f64;
use crate::tree::Tree;
use crate::units::Units;

/// Runs from which on they are the clusters; with fewer, batches of executions are.
const RUNS_MIN: usize = 3;
/// Batches of executions that follow each other, since neighbours are alike; fewer than twice as many executions are
/// taken one by one.
const BATCHES: usize = 20;
/// Differences of less time than this, in nanoseconds, or than this part of a typical execution hardly count.
const NOTICED_NANOS: f64 = 1e6;
const NOTICED_PART: f64 = 0.01;

/// One side.
#[derive(Debug, Default)]
pub(super) struct Profile {
    pub(super) operations: Vec<OperationProfile>,
    /// By caller's and callee's service.
    pub(super) pairs: BTreeMap<(String, String), PairProfile>,
    /// Runs or processes, where they are too few to be the clusters.
    pub(super) few_runs: Option<usize>,
    /// By cluster, its first execution's start in Unix nanoseconds.
    pub(super) starts: Vec<i64>,
    /// By entry operation: its executions as wholes.
    pub(super) wholes: BTreeMap<usize, WholeProfile>,
}

/// The executions of one entry operation as wholes.
#[derive(Clone, Debug, Default)]
pub(super) struct WholeProfile {
    /// Executions.
    pub(super) calls: Clusters,
    /// The logarithms of their durations.
    pub(super) time: Clusters,
    /// The logarithms of how many spans they have.
    pub(super) spans: Clusters,
    /// Executions in which something failed.
    pub(super) failing: Clusters,
    /// The logarithms of how many log lines they have, and one.
    pub(super) lines: Clusters,
    /// Executions that warned of something.
    pub(super) warning: Clusters,
}

#[derive(Clone, Debug, Default)]
pub(super) struct OperationProfile {
    pub(super) calls: Clusters,
    /// The logarithms of their own times.
    pub(super) own: Clusters,
    /// Their own times, in nanoseconds.
    pub(super) own_nanos: f64,
    /// By call that has a time of its own: its cluster, and that time in nanoseconds.
    pub(super) each: Vec<(u32, f64)>,
    /// The logarithm of how many of its calls ran at the same time, on average; of calls that made several.
    pub(super) overlap: Clusters,
    /// Failures that no failure below explains.
    pub(super) failures: Clusters,
    /// Failures among them of a client without a server span below: no answer came.
    pub(super) unanswered: Clusters,
    /// Log lines by their shape. What a caller says of a failure below is left out.
    pub(super) lines: BTreeMap<String, Happened>,
    /// Calls made, by the operation called.
    pub(super) children: BTreeMap<usize, Happened>,
    /// Which operation was called last, by calls that made any.
    pub(super) last: BTreeMap<usize, u64>,
    /// The server operation that answers it, where it is a client.
    pub(super) answered_by: Option<usize>,
}

/// A caller's and a callee's service.
#[derive(Clone, Debug, Default)]
pub(super) struct PairProfile {
    /// The logarithms of the times between client and server.
    pub(super) gaps: Clusters,
    pub(super) nanos: f64,
    /// How often each server operation answered.
    pub(super) answers: BTreeMap<usize, u64>,
}

impl OperationProfile {
    /// The mean own time of a call in nanoseconds.
    pub(super) fn own_mean(&self) -> f64 {
        self.own_nanos / self.own.calls().max(1.0)
    }
}

impl Profile {
    /// Of ended executions, and of the log lines that no span is known of: its own first, then the other side's, of which
    /// only the services matter. `floor` is what is added to times before
    /// their logarithm, see [`floor`].
    pub(super) fn new<'a>(
        executions: &[Execution<'_, 'a>],
        units: &Units,
        (operations, names): (&mut OperationIds<'a>, &Names<'a>),
        floor: f64,
        lines: [&'a LooseLines; 2],
    ) -> Self {
        let by_run = units.all.len() >= RUNS_MIN
            && units.of.iter().all(Option::is_some)
            && units.all.iter().all(|unit| !unit.is_block);
        let few_runs = Some(units.sources()).filter(|sources| !by_run && *sources > 0);
        let mut profile = Self { few_runs, ..Self::default() };
        let count = executions.len();
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by_key(|at| executions[*at].start());
        let mut batches = vec![0; count];
        let mut begins: Vec<i64> = Vec::new();
        for (place, at) in order.iter().enumerate() {
            batches[*at] = if count < 2 * BATCHES { place } else { place * BATCHES / count } as u32;
            if begins.len() == batches[*at] as usize {
                begins.push(executions[*at].start());
            }
        }
        let cluster = |at: usize| units.of[at].filter(|_| by_run).unwrap_or(batches[at]);
        order.sort_by_key(|at| cluster(*at));
        for at in order {
            profile.add(&executions[at], cluster(at), (&mut *operations, names), floor);
        }
        if by_run {
            profile.starts = units.all.iter().map(|unit| unit.start).collect();
        } else {
            profile.add_loose(lines, &begins, operations);
            profile.starts = begins;
        }
        profile
    }

    fn add<'a>(
        &mut self,
        execution: &Execution<'_, 'a>,
        cluster: u32,
        (operations, names): (&mut OperationIds<'a>, &Names<'a>),
        floor: f64,
    ) {
        let tree = execution.tree;
        let is_failing = |index: usize| edges::has_failed(tree.span(index));
        let failing = execution.spans().iter().map(|&index| index as usize).filter(|index| is_failing(*index));
        // Spans with a failure directly below.
        let passing_on: HashSet<usize> = failing.filter_map(|index| tree.parent(index)).collect();
        let mut by_span: HashMap<SpanId, usize> = HashMap::default();
        for &index in execution.spans() {
            let index = index as usize;
            let span = tree.span(index);
            if span.end.is_none() {
                continue;
            }
            by_span.insert(span.span_id, index);
            let number = names.of(operations, tree, index);
            let mut called: Vec<usize> =
                tree.children(index).iter().map(|child| names.of(operations, tree, *child as usize)).collect();
            self.operations.resize_with(operations.len(), OperationProfile::default);
            let operation = &mut self.operations[number];
            operation.calls.add(cluster, 1.0, 1.0);
            let server = edges::server_of(tree, index);
            if let Some(server) = server {
                operation.answered_by = Some(names.of(operations, tree, server));
            } else {
                let own = edges::own_time(tree, index) as f64;
                operation.own.add(cluster, 1.0, (own + floor).ln());
                operation.own_nanos += own;
                operation.each.push((cluster, own));
            }
            if let Some(overlap) = overlap(tree, index) {
                operation.overlap.add(cluster, 1.0, overlap.ln());
            }
            if is_failing(index) && !passing_on.contains(&index) && !execution.is_passed_test() {
                operation.failures.add(cluster, 0.0, 1.0);
                if span.kind == SpanKind::Client && server.is_none() {
                    operation.unanswered.add(cluster, 0.0, 1.0);
                }
            }
            called.sort_unstable();
            for same in called.chunk_by(|left, right| left == right) {
                let happened = operation.children.entry(same[0]).or_default();
                happened.times.add(cluster, 0.0, same.len() as f64);
                happened.calls.add(cluster, 0.0, 1.0);
            }
            if let Some(last) = tree.children(index).iter().max_by_key(|child| tree.end(**child as usize)) {
                let last = names.of(operations, tree, *last as usize);
                *operation.last.entry(last).or_default() += 1;
            }
            if let Some(server) = server {
                let gap = (tree.duration(index) - tree.duration(server)).max(0) as f64;
                let key = (span.service().to_owned(), tree.span(server).service().to_owned());
                let pair = self.pairs.entry(key).or_default();
                pair.gaps.add(cluster, 1.0, (gap + floor).ln());
                pair.nanos += gap;
                *pair.answers.entry(names.of(operations, tree, server)).or_default() += 1;
            }
        }
        let warnings = self.add_lines(execution, cluster, (&mut *operations, names), &by_span, &passing_on);
        let spans = execution.spans().len() as f64;
        let has_failing =
            !execution.is_passed_test() && execution.spans().iter().any(|&index| is_failing(index as usize));
        let (all_lines, warned) = warnings;
        let whole = self.wholes.entry(names.of(operations, tree, execution.entry)).or_default();
        whole.calls.add(cluster, 1.0, 1.0);
        whole.time.add(cluster, 1.0, (tree.duration(execution.entry) as f64 + floor).ln());
        whole.spans.add(cluster, 1.0, spans.ln());
        whole.failing.add(cluster, 0.0, f64::from(u8::from(has_failing)));
        whole.lines.add(cluster, 1.0, (1.0 + all_lines as f64).ln());
        whole.warning.add(cluster, 0.0, f64::from(u8::from(warned > 0)));
    }

    /// Counts the log lines of an execution; returns how many there are, and how many of them warn of something.
    fn add_lines<'a>(
        &mut self,
        execution: &Execution<'_, 'a>,
        cluster: u32,
        (operations, names): (&mut OperationIds<'a>, &Names<'a>),
        by_span: &HashMap<SpanId, usize>,
        passing_on: &HashSet<usize>,
    ) -> (u64, u64) {
        let tree = execution.tree;
        let mut places = Places::new(execution);
        let mut said: HashSet<(usize, String)> = HashSet::default();
        let (mut all, mut warned) = (0, 0);
        for log in &tree.trace().logs {
            let at = log.span_id.and_then(|id| by_span.get(&id).copied()).or_else(|| places.of(log));
            let Some(index) = at else { continue };
            let Some(Line { shape: mut line, warns }) = Line::of(log) else { continue };
            all += 1;
            if warns && passing_on.contains(&index) {
                continue;
            }
            warned += u64::from(warns);
            let lines = &mut self.operations[names.of(operations, tree, index)].lines;
            if lines.len() >= SHAPES_MAX && !lines.contains_key(&line) {
                OTHER_LINES.clone_into(&mut line);
            }
            let happened = lines.entry(line.clone()).or_default();
            happened.times.add(cluster, 0.0, 1.0);
            if said.insert((index, line)) {
                happened.calls.add(cluster, 0.0, 1.0);
            }
        }
        (all, warned)
    }

    /// Counts the lines that no span is known of, by service, in the batches that begin at these times. They count per
    /// execution.
    fn add_loose<'a>(
        &mut self,
        [lines, others]: [&'a LooseLines; 2],
        begins: &[i64],
        operations: &mut OperationIds<'a>,
    ) {
        if begins.is_empty() {
            return;
        }
        let mut executions = vec![0.0; begins.len()];
        for whole in self.wholes.values() {
            whole.calls.each(|cluster, calls| executions[cluster as usize] += calls);
        }
        let services: BTreeSet<&str> = lines.services().chain(others.services()).collect();
        for service in services {
            let operation = operations.of_service(service, LooseLines::NAME);
            self.operations.resize_with(operations.len().max(self.operations.len()), OperationProfile::default);
            let profile = &mut self.operations[operation];
            executions.iter().zip(0..).for_each(|(calls, cluster)| profile.calls.add(cluster, *calls, *calls));
            for (shape, moments) in lines.of(service) {
                let mut counts = vec![0.0; begins.len()];
                for (moment, count) in moments {
                    // What was written before the first execution belongs to none.
                    if let Some(batch) = begins.partition_point(|begin| begin <= moment).checked_sub(1) {
                        counts[batch] += count;
                    }
                }
                let happened = profile.lines.entry(shape.to_owned()).or_default();
                counts.iter().zip(0..).for_each(|(count, cluster)| happened.times.add(cluster, 0.0, *count));
            }
        }
    }

    /// What is known of an operation.
    pub(super) fn of(&self, operation: usize) -> Option<&OperationProfile> {
        self.operations.get(operation).filter(|profile| profile.calls.calls() > 0.0)
    }
}

/// What is added to all times before their logarithm, in nanoseconds, so that small differences hardly count.
pub(super) fn floor(sides: [&[Execution<'_, '_>]; 2]) -> f64 {
    let all = sides.iter().flat_map(|side| side.iter());
    let mut durations: Vec<f64> = all.filter_map(Execution::duration).map(|nanos| nanos as f64).collect();
    durations.sort_by(f64::total_cmp);
    (quantile_f64(&durations, 0.5) * NOTICED_PART).clamp(1.0, NOTICED_NANOS)
}

/// How many children of a span ran at the same time, on average over the time in which any did; `None` with fewer than
/// two of them.
fn overlap(tree: &Tree<'_>, index: usize) -> Option<f64> {
    let children = tree.children(index);
    let all: i64 = children.iter().map(|child| tree.duration(*child as usize)).sum();
    let covered = tree.duration(index) - edges::own_time(tree, index);
    (children.len() > 1 && covered > 0 && all > 0).then(|| all as f64 / covered as f64)
}
