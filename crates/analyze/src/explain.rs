//! `explain`: where the time of a trace, of an operation, or of the whole system goes.
//!
//! A breakdown has one row per operation with its calls, self time and time on the critical path; over many
//! executions times are means per execution. Shares of one breakdown never exceed 1 in sum.

use std::collections::BTreeMap;

use kino_model::{DurationNanos, SpanId, Trace, TraceId};

use crate::critical_path::{Segment, critical_path_of};
use crate::detect::{self, Beside, DetectorConfig};
use crate::execution::{EntrySpans, Execution, executions, is_run, programs};
use crate::finding::{Evidence, Finding, Location, MAX_EXAMPLES, evidence, location};
use crate::operation::OperationIds;
use crate::statement;
use crate::statistics::quantile;
use crate::tree::Tree;

/// What is to be said of one trace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TraceExplanation {
    pub trace_id: TraceId,
    pub spans: u64,
    /// Spans whose parent is not in the trace.
    pub missing_parents: u64,
    /// Circles of parents that were cut.
    pub cycles: u64,
    /// Spans that are taken for children of a sibling around them: [`Tree::nested_by_time`].
    pub nested_by_time: u64,
    /// The root that the path is about: [`Tree::root`].
    pub root: Option<Root>,
    /// Segments in time order that cover the root; spans by their index in the trace.
    pub critical_path: Vec<Segment>,
    /// Time by operation over all spans of the trace, largest critical share first.
    pub breakdown: Vec<Row>,
    /// What is wrong with it, the largest saving first.
    pub findings: Vec<Finding>,
    /// What was left out.
    pub left_out: LeftOut,
}

/// A root span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Its index in the trace.
    pub index: usize,
    pub span_id: SpanId,
    pub service: String,
    pub name: String,
    /// Unix nanoseconds.
    pub start_nanos: i64,
    /// `None` while open.
    pub duration_nanos: Option<i64>,
}

/// The time of one operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub service: String,
    /// The span name.
    pub name: String,
    /// Calls, in all executions together.
    pub count: u64,
    /// Failed calls among them.
    pub errors: u64,
    /// Time in it and in none of its children; the mean of one execution.
    pub self_nanos: i64,
    /// Time on the critical path; the mean of one execution.
    pub critical_nanos: i64,
    /// Critical time over the executions' time, 0 to 1.
    pub share: f64,
    /// Where in the code, if a call recorded it.
    pub code: Option<Location>,
    /// The statement without its literals; of several the one with the most time.
    pub statement: Option<String>,
    /// The slowest calls.
    pub examples: Vec<Evidence>,
    /// Quantiles of a call's duration.
    pub duration: Quantiles,
}

/// Quantiles of durations in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quantiles {
    /// The median.
    pub p50: i64,
    /// The 95th percentile.
    pub p95: i64,
    /// The 99th percentile.
    pub p99: i64,
    /// The largest.
    pub max: i64,
}

/// What an answer does not rest on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Executions that have not ended.
    pub open_executions: u64,
    /// Spans wholly outside their parent's time, with all below them.
    pub spans_outside_parent: u64,
    pub open_spans: u64,
}

/// What is to be said of an operation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OperationExplanation {
    /// The services it ran in, sorted.
    pub services: Vec<String>,
    /// Executions this rests on: those that have ended.
    pub executions: u64,
    /// Their spans.
    pub spans: u64,
    /// Spans among them that are taken for children of a sibling around them: [`Tree::nested_by_time`].
    pub nested_by_time: u64,
    /// Failed ones among them.
    pub errors: u64,
    /// The executions' duration; `None` without any.
    pub duration: Option<Quantiles>,
    /// Time by operation, largest critical share first.
    pub breakdown: Vec<Row>,
    /// What runs at the same time, the longest together first; at most [`MAX_CONCURRENT`].
    pub concurrent: Vec<Concurrent>,
    /// What is wrong with it, the largest saving first.
    pub findings: Vec<Finding>,
    /// What was left out.
    pub left_out: LeftOut,
}

/// The most pairs of concurrent operations that are listed.
pub const MAX_CONCURRENT: usize = 5;
/// A pair that overlaps for less than this part of the executions' time is not listed.
const MIN_CONCURRENT_SHARE: f64 = 0.01;

/// Two operations that one caller has under way at the same time.
#[derive(Clone, Debug, PartialEq)]
pub struct Concurrent {
    /// Their span names; twice the same where calls of one operation run together.
    pub names: [String; 2],
    /// Time together; the mean of one execution.
    pub overlap_nanos: i64,
    /// That over the executions' time.
    pub share: f64,
}

/// An operation at which executions start.
#[derive(Clone, Debug, PartialEq)]
pub struct EntryPoint {
    pub service: String,
    /// The span name.
    pub name: String,
    /// What is to be said of it.
    pub explanation: OperationExplanation,
}

/// Explains one trace, with the detectors as configured by default.
pub fn explain_trace(trace: &Trace) -> TraceExplanation {
    explain_trace_with(&Tree::new(trace), &DetectorConfig::default())
}

/// Returns a trace's critical path, where its time went, and its findings by these thresholds.
pub fn explain_trace_with(tree: &Tree<'_>, config: &DetectorConfig) -> TraceExplanation {
    let trace = tree.trace();
    let mut explanation = TraceExplanation {
        trace_id: trace.trace_id,
        spans: trace.spans.len() as u64,
        missing_parents: tree.missing_parents(),
        cycles: tree.cycles(),
        nested_by_time: tree.nested_by_time(),
        ..TraceExplanation::default()
    };
    explanation.left_out.open_spans = tree.open_spans();
    let Some(root) = tree.root() else { return explanation };
    explanation.root = Some(Root::of(tree, root));
    // Detectors work out the path for themselves, and let go of theirs before this one is there.
    let found = executions(std::slice::from_ref(tree), EntrySpans::Outermost);
    explanation.findings = detect::findings(&programs(std::slice::from_ref(tree)), &config.for_programs());
    explanation.findings.extend(detect::findings(&found, config));
    let path = critical_path_of(tree, root);
    let mut breakdown = Breakdown::default();
    for &root in tree.roots() {
        breakdown.add_spans(&Execution { tree, entry: root as usize });
    }
    breakdown.add_path(tree, &path.segments);
    explanation.breakdown = breakdown.rows(1, tree.duration(root));
    explanation.left_out.spans_outside_parent = path.spans_outside_parent;
    explanation.critical_path = path.segments;
    explanation
}

/// Explains the operation that `executions` are executions of, with the detectors as configured by default.
pub fn explain_operation(executions: &[Execution<'_, '_>]) -> OperationExplanation {
    explain_operation_with(executions, &DetectorConfig::default())
}

/// Explains the operation that `executions` are executions of.
pub fn explain_operation_with(executions: &[Execution<'_, '_>], config: &DetectorConfig) -> OperationExplanation {
    explain_operation_beside(executions, Beside::default(), config)
}

/// The same; who holds what they wait for is also searched among what ran `beside` them.
pub fn explain_operation_beside<'t, 'a>(
    executions: &[Execution<'t, 'a>],
    beside: Beside<'t, 'a>,
    config: &DetectorConfig,
) -> OperationExplanation {
    let mut explanation = OperationExplanation::default();
    let mut breakdown = Breakdown::default();
    let mut ended = Vec::with_capacity(executions.len());
    let mut durations = Vec::with_capacity(executions.len());
    for execution in executions {
        let tree = execution.tree;
        explanation.left_out.open_spans +=
            execution.spans().iter().filter(|&&index| tree.span(index as usize).end.is_none()).count() as u64;
        let Some(duration) = execution.duration() else {
            explanation.left_out.open_executions += 1;
            continue;
        };
        let path = critical_path_of(tree, execution.entry);
        explanation.left_out.spans_outside_parent += path.spans_outside_parent;
        explanation.spans += execution.spans().len() as u64;
        let nested = execution.spans().iter().filter(|&&index| tree.is_nested_by_time(index as usize));
        explanation.nested_by_time += nested.count() as u64;
        explanation.errors += u64::from(execution.is_error());
        breakdown.add_spans(execution);
        breakdown.add_overlaps(execution);
        breakdown.add_path(tree, &path.segments);
        durations.push(duration);
        ended.push(*execution);
    }
    explanation.executions = ended.len() as u64;
    let mut services: Vec<&str> =
        ended.iter().map(|execution| execution.tree.span(execution.entry).service()).collect();
    services.sort_unstable();
    services.dedup();
    explanation.services = services.into_iter().map(str::to_owned).collect();
    explanation.concurrent = breakdown.concurrent(ended.len() as u64, durations.iter().sum());
    explanation.breakdown = breakdown.rows(ended.len() as u64, durations.iter().sum());
    explanation.duration = quantiles(&mut durations);
    explanation.findings = detect::findings_beside(&ended, beside, config);
    explanation
}

/// Explains every entry point of `trees`: the operations at which executions start, the most total time first, each
/// over its newest `last` executions.
pub fn explain_system(trees: &[Tree<'_>], last: usize, config: &DetectorConfig) -> Vec<EntryPoint> {
    let found = executions(trees, EntrySpans::Outermost);
    let mut by_operation: BTreeMap<(&str, &str), Vec<Execution<'_, '_>>> = BTreeMap::new();
    for execution in &found {
        if is_run(execution.tree, execution.entry) {
            continue;
        }
        let span = execution.tree.span(execution.entry);
        by_operation.entry((span.service(), &span.name)).or_default().push(*execution);
    }
    let mut entry_points: Vec<(i64, EntryPoint)> = Vec::new();
    for ((service, name), executions) in by_operation {
        let newest = &executions[executions.len().saturating_sub(last)..];
        let total: i64 = executions.iter().filter_map(Execution::duration).sum();
        let explanation = explain_operation_with(newest, config);
        entry_points.push((total, EntryPoint { service: service.to_owned(), name: name.to_owned(), explanation }));
    }
    entry_points.sort_by_key(|(total, _)| std::cmp::Reverse(*total));
    entry_points.into_iter().map(|(_, entry_point)| entry_point).collect()
}

impl Root {
    /// The span at `index` as a root.
    pub fn of(tree: &Tree<'_>, index: usize) -> Self {
        let span = tree.span(index);
        Self {
            index,
            span_id: span.span_id,
            service: span.service().to_owned(),
            name: span.name.to_string(),
            start_nanos: span.start.0,
            duration_nanos: span.duration().map(|DurationNanos(nanos)| nanos),
        }
    }
}

/// Quantiles of `durations`, which get sorted; `None` without any.
pub(crate) fn quantiles(durations: &mut [i64]) -> Option<Quantiles> {
    durations.sort_unstable();
    let &max = durations.last()?;
    let at = |part| quantile(durations, part).round() as i64;
    Some(Quantiles { p50: at(0.5), p95: at(0.95), p99: at(0.99), max })
}

/// Statements of one operation, as sent, among which the one with the most time is sought; later ones are not counted.
const STATEMENTS_MAX: usize = 10_000;

/// Sums by operation over executions.
#[derive(Default)]
struct Breakdown<'a> {
    operations: OperationIds<'a>,
    sums: Vec<Sum<'a>>,
    /// Time together, by two operations, the lower number first.
    overlaps: BTreeMap<[usize; 2], i64>,
}

#[derive(Default)]
struct Sum<'a> {
    errors: u64,
    self_nanos: i64,
    critical_nanos: i64,
    durations: Vec<i64>,
    /// The slowest calls, slowest first: at most [`MAX_EXAMPLES`].
    slowest: Vec<(i64, Evidence)>,
    code: Option<Location>,
    /// Time by statement as sent; normalised only when the row is made.
    statements: BTreeMap<&'a str, i64>,
}

impl<'a> Breakdown<'a> {
    fn sum_of(&mut self, tree: &Tree<'a>, index: usize) -> &mut Sum<'a> {
        let operation = self.operations.of(tree.span(index));
        if operation == self.sums.len() {
            self.sums.push(Sum::default());
        }
        &mut self.sums[operation]
    }

    fn add_spans(&mut self, execution: &Execution<'_, 'a>) {
        let tree = execution.tree;
        for &index in execution.spans() {
            let index = index as usize;
            let span = tree.span(index);
            let sum = self.sum_of(tree, index);
            sum.self_nanos += tree.self_time(index);
            sum.errors += u64::from(span.is_error());
            if sum.code.is_none() {
                sum.code = location(span);
            }
            let duration = tree.duration(index);
            if let Some(statement) = span.text("db.query.text")
                && (sum.statements.len() < STATEMENTS_MAX || sum.statements.contains_key(statement))
            {
                *sum.statements.entry(statement).or_default() += duration.max(1);
            }
            sum.durations.push(duration);
            if sum.slowest.len() < MAX_EXAMPLES || sum.slowest.last().is_some_and(|(least, _)| duration > *least) {
                let at = sum.slowest.partition_point(|(slower, _)| *slower >= duration);
                sum.slowest.insert(at, (duration, evidence(tree.trace().trace_id, span)));
                sum.slowest.truncate(MAX_EXAMPLES);
            }
        }
    }

    /// Each sibling is set against that one of those before it which ends last: enough to see what runs together.
    fn add_overlaps(&mut self, execution: &Execution<'_, 'a>) {
        let tree = execution.tree;
        for &parent in execution.spans() {
            let children = tree.children(parent as usize);
            let Some((&first, rest)) = children.split_first() else { continue };
            let mut latest = first as usize;
            for &child in rest {
                let child = child as usize;
                let together = tree.end(latest).min(tree.end(child)) - tree.start(child);
                if together > 0 {
                    let mut pair = [latest, child].map(|index| self.operations.of(tree.span(index)));
                    pair.sort_unstable();
                    *self.overlaps.entry(pair).or_default() += together;
                }
                if tree.end(child) > tree.end(latest) {
                    latest = child;
                }
            }
        }
    }

    fn concurrent(&self, executions: u64, total_nanos: i64) -> Vec<Concurrent> {
        let share = |nanos: i64| nanos as f64 / total_nanos.max(1) as f64;
        let mut pairs: Vec<(&[usize; 2], i64)> = self.overlaps.iter().map(|(pair, nanos)| (pair, *nanos)).collect();
        pairs.retain(|(_, nanos)| share(*nanos) >= MIN_CONCURRENT_SHARE);
        pairs.sort_by_key(|(_, nanos)| std::cmp::Reverse(*nanos));
        let listed = pairs.into_iter().take(MAX_CONCURRENT).map(|(pair, nanos)| Concurrent {
            names: pair.map(|operation| self.operations.name(operation).1.to_owned()),
            overlap_nanos: nanos / executions.max(1) as i64,
            share: share(nanos),
        });
        listed.collect()
    }

    fn add_path(&mut self, tree: &Tree<'a>, segments: &[Segment]) {
        for segment in segments {
            self.sum_of(tree, segment.span).critical_nanos += segment.duration();
        }
    }

    fn rows(self, executions: u64, total_nanos: i64) -> Vec<Row> {
        let operations = self.operations;
        let divisor = executions.max(1) as i64;
        let row = |(operation, mut sum): (usize, Sum<'_>)| {
            let (service, name) = operations.name(operation);
            Row {
                service: service.to_owned(),
                name: name.to_owned(),
                count: sum.durations.len() as u64,
                errors: sum.errors,
                self_nanos: sum.self_nanos / divisor,
                critical_nanos: sum.critical_nanos / divisor,
                share: if total_nanos > 0 { sum.critical_nanos as f64 / total_nanos as f64 } else { 0.0 },
                statement: statement::most_time(&sum.statements),
                code: sum.code,
                examples: sum.slowest.into_iter().map(|(_, evidence)| evidence).collect(),
                duration: quantiles(&mut sum.durations).unwrap_or_default(),
            }
        };
        let mut rows: Vec<Row> = self.sums.into_iter().enumerate().map(row).collect();
        rows.sort_by(|a, b| {
            (b.critical_nanos, b.self_nanos)
                .cmp(&(a.critical_nanos, a.self_nanos))
                .then_with(|| (&a.service, &a.name).cmp(&(&b.service, &b.name)))
        });
        rows
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kino_model::{Resource, Span, SpanKind, Text, UnixNanos, Value, thin_vec};

    use super::*;
    use crate::testing::{MILLI, traces, trees};

    const LARGE: u64 = 10_000;

    /// A trace of [`LARGE`] spans with an end each: `place` gives a span's parent, start and end by its number.
    fn large(text: Option<&str>, place: impl Fn(u64) -> (Option<u64>, u64, u64)) -> Trace {
        let attributes = thin_vec![("service.name".into(), Value::from("app"))];
        let resource = Arc::new(Resource { attributes, ..Resource::default() });
        let id = |number: u64| SpanId((number + 1).to_be_bytes());
        let statement = text.map(|text| (Text::from("db.query.text"), Value::from(text)));
        let span = |number: u64| {
            let (parent, start, end) = place(number);
            Span {
                span_id: id(number),
                parent_span_id: parent.map(id),
                name: format!("call {}", number % 7).into(),
                kind: if parent.is_some() { SpanKind::Client } else { SpanKind::Server },
                start: UnixNanos(start as i64),
                end: Some(UnixNanos(end as i64)),
                attributes: statement.clone().into_iter().collect(),
                resource: Arc::clone(&resource),
                ..Span::default()
            }
        };
        let mut spans: Vec<Span> = (0..LARGE).map(span).collect();
        spans.sort_by_key(|span| span.start);
        Trace { spans, ..Trace::default() }
    }

    #[test]
    fn large_traces_of_every_shape_are_explained_whole() {
        let all = 100 * LARGE;
        let chain = large(None, |number| (number.checked_sub(1), number, all - number));
        let flat = |number: u64| (number.checked_sub(1).map(|_| 0), number * 100, number * 100 + 10);
        let flat = |number: u64| if number == 0 { (None, 0, all) } else { flat(number) };
        let at_once = |number: u64| if number == 0 { (None, 0, all) } else { (Some(0), number, all / 2 + number) };
        // A spine; each of its spans has the next one and a leaf as children.
        let spine = |number: u64| match (number, number % 2) {
            (0, _) => (None, 0, all),
            (1 | 2, 1) => (Some(0), 10, all - 10),
            (_, 1) => (Some(number - 2), 10 * number, all - 10 * number),
            (2, _) => (Some(0), 1, 9),
            _ => (Some(number - 3), 10 * number - 19, 10 * number - 11),
        };
        let shapes = [
            ("chain", chain),
            ("flat", large(None, flat)),
            ("the same call again and again, with pauses", large(Some("SELECT * FROM job"), flat)),
            ("all at the same time", large(None, at_once)),
            ("spine with leaves", large(Some("SELECT * FROM item WHERE id = 7"), spine)),
            ("no parents", large(None, |number| (None, number * 100, number * 100 + 10))),
        ];
        for (shape, trace) in shapes {
            let explained = explain_trace(&trace);
            assert_eq!(explained.breakdown.iter().map(|row| row.count).sum::<u64>(), LARGE, "{shape}");
            let path: i64 = explained.critical_path.iter().map(Segment::duration).sum();
            assert_eq!(Some(path), explained.root.and_then(|root| root.duration_nanos), "{shape}");
        }
    }

    #[test]
    fn concurrent_operations_are_listed_with_their_overlap() {
        let traces =
            traces("r 0..100\n  a 0..60\n  b 20..90\n  c 90..100\n---\nr 200..300\n  a 200..240\n  b 240..280");
        let trees = trees(&traces);
        let concurrent = explain_operation(&executions(&trees, EntrySpans::Outermost)).concurrent;
        let names = ["a", "b"].map(str::to_owned);
        assert_eq!(concurrent, [Concurrent { names, overlap_nanos: 20 * MILLI, share: 0.2 }]);
    }
}
