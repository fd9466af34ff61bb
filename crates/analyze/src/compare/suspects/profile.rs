//! What one side shows of each operation, per call: its own time, its own failures, its calls, its log lines; and of
//! each pair of services the gap between client and server.

use std::collections::BTreeMap;

use foldhash::{HashMap, HashSet};
use kino_model::{Span, SpanId, SpanKind, Value};

use super::shift::{Clusters, Happened};
use crate::execution::Execution;
use crate::fingerprint::shape;
use crate::operation::Operations;
use crate::statistics::quantile_f64;
use crate::tree::Tree;
use crate::units::Units;

/// Runs from which on they are the clusters; with fewer, batches of executions are.
const RUNS_MIN: usize = 3;
/// Batches of executions that follow each other, since neighbours are alike; fewer than twice as many executions are
/// taken one by one.
const BATCHES: usize = 20;
/// Kinds of log lines of one operation that are counted apart; all further ones are one kind.
const SHAPES_MAX: usize = 200;
/// The kind of the lines beyond these.
const OTHER_LINES: &str = "(lines of further kinds)";
/// Bytes of a log line that decide its kind.
const SHAPE_BYTES: usize = 200;
/// From this severity on a line says that something is wrong (OTLP's WARN).
const WARN: i32 = 13;
/// Differences of less time than this, in nanoseconds, or than this part of a typical execution hardly count.
const NOTICED_NANOS: f64 = 1e6;
const NOTICED_PART: f64 = 0.01;

/// One side.
#[derive(Debug, Default)]
pub(super) struct Profile {
    pub(super) operations: Vec<OperationProfile>,
    /// By caller's and callee's service.
    pub(super) pairs: BTreeMap<(String, String), PairProfile>,
    /// Runs, where they are too few to be the clusters.
    pub(super) few_runs: Option<usize>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct OperationProfile {
    pub(super) calls: Clusters,
    /// The logarithms of their own times.
    pub(super) own: Clusters,
    /// Their own times, in nanoseconds.
    pub(super) own_nanos: f64,
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
    /// Of ended executions. `floor` is what is added to times before their logarithm, see [`floor`].
    pub(super) fn new<'a>(
        executions: &[Execution<'_, 'a>],
        units: &Units,
        operations: &mut Operations<'a>,
        floor: f64,
    ) -> Self {
        let by_run = units.all.len() >= RUNS_MIN && units.of.iter().all(Option::is_some);
        let mut profile =
            Self { few_runs: (!by_run && !units.all.is_empty()).then_some(units.all.len()), ..Self::default() };
        let count = executions.len();
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by_key(|at| executions[*at].start());
        let mut batches = vec![0; count];
        for (place, at) in order.iter().enumerate() {
            batches[*at] = if count < 2 * BATCHES { place } else { place * BATCHES / count } as u32;
        }
        let cluster = |at: usize| units.of[at].filter(|_| by_run).unwrap_or(batches[at]);
        order.sort_by_key(|at| cluster(*at));
        for at in order {
            profile.add(&executions[at], cluster(at), operations, floor);
        }
        profile
    }

    fn add<'a>(&mut self, execution: &Execution<'_, 'a>, cluster: u32, operations: &mut Operations<'a>, floor: f64) {
        let tree = execution.tree;
        let is_failing = |index: usize| has_failed(tree.span(index));
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
            let number = operations.of(span);
            let mut called: Vec<usize> =
                tree.children(index).iter().map(|child| operations.of(tree.span(*child as usize))).collect();
            self.operations.resize_with(operations.len(), OperationProfile::default);
            let operation = &mut self.operations[number];
            operation.calls.add(cluster, 1.0, 1.0);
            let server = server_of(tree, index);
            if let Some(server) = server {
                operation.answered_by = Some(operations.of(tree.span(server)));
            } else {
                let own = tree.self_time(index) as f64;
                operation.own.add(cluster, 1.0, (own + floor).ln());
                operation.own_nanos += own;
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
                let last = operations.of(tree.span(*last as usize));
                *operation.last.entry(last).or_default() += 1;
            }
            if let Some(server) = server {
                let gap = (tree.duration(index) - tree.duration(server)).max(0) as f64;
                let key = (span.service().to_owned(), tree.span(server).service().to_owned());
                let pair = self.pairs.entry(key).or_default();
                pair.gaps.add(cluster, 1.0, (gap + floor).ln());
                pair.nanos += gap;
                *pair.answers.entry(operations.of(tree.span(server))).or_default() += 1;
            }
        }
        let mut said: HashSet<(usize, String)> = HashSet::default();
        for log in &tree.trace().logs {
            let Some(&index) = log.span_id.and_then(|id| by_span.get(&id)) else { continue };
            if log.severity_number >= WARN && passing_on.contains(&index) {
                continue;
            }
            let Some(mut line) = line(&log.body, log.severity_number) else { continue };
            let lines = &mut self.operations[operations.of(tree.span(index))].lines;
            if lines.len() >= SHAPES_MAX && !lines.contains_key(&line) {
                OTHER_LINES.clone_into(&mut line);
            }
            let happened = lines.entry(line.clone()).or_default();
            happened.times.add(cluster, 0.0, 1.0);
            if said.insert((index, line)) {
                happened.calls.add(cluster, 0.0, 1.0);
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
    let covered = tree.duration(index) - tree.self_time(index);
    (children.len() > 1 && covered > 0 && all > 0).then(|| all as f64 / covered as f64)
}

fn has_failed(span: &Span) -> bool {
    span.is_error()
        || span.int("http.response.status_code").is_some_and(|code| code >= 500)
        || span.events.iter().any(|event| event.name == "exception")
}

/// The server that answered a client's call.
fn server_of(tree: &Tree<'_>, index: usize) -> Option<usize> {
    if tree.span(index).kind != SpanKind::Client {
        return None;
    }
    let mut servers = tree.children(index).iter().map(|child| *child as usize);
    servers.find(|child| tree.span(*child).kind == SpanKind::Server && tree.span(*child).end.is_some())
}

/// A log line without what differs each time.
fn line(body: &Value, severity: i32) -> Option<String> {
    let text = body.as_str()?;
    let level = if severity >= WARN { "!" } else { "" };
    Some(format!("{level}{}", shape(&text[..text.floor_char_boundary(SHAPE_BYTES)])))
}
