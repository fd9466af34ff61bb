//! Operations below an execution against those below its good likes: how often, how long, whether they fail.

use std::borrow::Cow;
use std::collections::BTreeMap;

use foldhash::HashMap;
use kino_model::Span;

use super::{COUNT_RATIO, FEW_LIKES_MIN, FEW_SLOW_RATIO, LIKES_MIN, SHARE_MIN, SLOW_PART, SLOW_RATIO, location};
use crate::critical_path::critical_path_of;
use crate::execution::{Execution, has_failed};
use crate::finding::{Evidence, Location, evidence};
use crate::fingerprint::shape;
use crate::operation::OperationIds;
use crate::statistics::quantile_f64;

/// Differing operations that are reported; the rest is counted.
pub(super) const ROWS_MAX: usize = 8;
/// The number of the entry operation, which is the first that is seen. Its failure is the execution's.
const ENTRY: usize = 0;
/// The part of many likes that must have called what is missing here.
const USUAL: f64 = 0.95;

/// How an operation differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// No good like calls it.
    OnlyHere,
    /// Good likes call it, this execution does not.
    Missing,
    /// It is called more often than in any good like.
    MoreCalls,
    /// It is called less often than in any good like.
    FewerCalls,
    /// A call of it takes longer.
    Slower,
    /// It fails here.
    Fails,
}

/// An operation that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationApart {
    pub service: String,
    /// The span name: this execution's, of what is missing a like's.
    pub name: String,
    /// How it differs.
    pub difference: Difference,
    /// Calls here.
    pub calls: u64,
    /// Calls in a good like; the median.
    pub usual_calls: f64,
    /// Good likes that call it.
    pub likes_with_it: u64,
    /// Good likes.
    pub likes: u64,
    /// Failed calls here.
    pub errors: u64,
    /// Good likes in which a call of it fails.
    pub likes_with_errors: u64,
    /// The mean duration of a call here; `None` where it is missing.
    pub call_nanos: Option<i64>,
    /// The same in a good like; the median. `None` where no good like calls it.
    pub usual_call_nanos: Option<i64>,
    /// Time in it and in none of its children on the critical path here.
    pub critical_nanos: i64,
    /// The same in a good like; the median.
    pub usual_critical_nanos: i64,
    /// Where in the code.
    pub location: Option<Location>,
    /// The call here with the most time of its own on the critical path.
    pub evidence: Option<Evidence>,
}

/// What one execution did with one operation.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    calls: u64,
    errors: u64,
    nanos: i64,
    critical: i64,
    /// The operation of the first call's parent.
    parent: Option<usize>,
    /// The call with the most time of its own on the critical path, and that time.
    most: Option<(i64, usize)>,
}

/// An execution and its good likes, by operation. Names that differ in numbers alone are one operation.
pub(super) struct LikesByOperation<'s, 't, 'a> {
    pub(super) subject: &'s Execution<'t, 'a>,
    operations: OperationNames<'a>,
    here: BTreeMap<usize, Sums>,
    likes: Vec<BTreeMap<usize, Sums>>,
}

/// Operations under the shape of their name, each with a span that has it.
#[derive(Default)]
struct OperationNames<'a> {
    operations: OperationIds<'a>,
    spans: Vec<&'a Span>,
    shapes: HashMap<&'a str, Cow<'a, str>>,
}

impl<'a> OperationNames<'a> {
    fn of(&mut self, span: &'a Span) -> usize {
        let name: &'a str = &span.name;
        let is_shape = |shape: String| if shape == name { Cow::Borrowed(name) } else { Cow::Owned(shape) };
        let shape = self.shapes.entry(name).or_insert_with(|| is_shape(shape(name))).clone();
        let number = self.operations.named(span, shape);
        if number == self.spans.len() {
            self.spans.push(span);
        }
        number
    }
}

impl<'s, 't, 'a> LikesByOperation<'s, 't, 'a> {
    pub(super) fn new(subject: &'s Execution<'t, 'a>, good: &[Execution<'_, 'a>]) -> Self {
        let mut operations = OperationNames::default();
        let here = sums(subject, &mut operations);
        let likes = good.iter().map(|like| sums(like, &mut operations)).collect();
        Self { subject, operations, here, likes }
    }

    /// Whether no good like calls the operation of this span, and there are enough to say so.
    pub(super) fn is_only_here(&self, index: usize) -> bool {
        let span = self.subject.tree.span(index);
        let Some(shape) = self.operations.shapes.get(span.name.as_str()) else { return false };
        let operation = self.here.keys().find(|&&operation| {
            let (service, name) = self.operations.operations.name(operation);
            service == span.service() && name == shape
        });
        operation.is_some_and(|&operation| self.difference(operation) == Some(Difference::OnlyHere))
    }

    /// By operation, the span that holds most of its time on the critical path, that time, and the usual one; the most
    /// additional time first.
    pub(super) fn times(&self) -> Vec<(usize, i64, Option<i64>)> {
        let mut times: Vec<_> = self
            .here
            .iter()
            .filter_map(|(&operation, sums)| Some((sums.most?.1, sums.critical, self.usual_critical(operation))))
            .collect();
        times.sort_by_key(|(_, here, usual)| std::cmp::Reverse(here - usual.unwrap_or(0)));
        times
    }

    fn usual_critical(&self, operation: usize) -> Option<i64> {
        let enough = self.likes.len() >= FEW_LIKES_MIN;
        enough.then(|| median(self.of(operation).map(|sums| sums.map_or(0, |sums| sums.critical) as f64)) as i64)
    }

    /// An operation in each good like.
    fn of(&self, operation: usize) -> impl Iterator<Item = Option<&Sums>> {
        self.likes.iter().map(move |like| like.get(&operation))
    }

    /// Rows for what differs, and how many there are beyond them.
    pub(super) fn rows(&self) -> (Vec<OperationApart>, u64) {
        let all = (0..self.operations.spans.len())
            .filter_map(|operation| Some((operation, self.difference(operation)?)))
            .collect::<BTreeMap<usize, Difference>>();
        // What is below an operation that comes or goes as a whole comes or goes with it.
        let goes_along = |operation: usize, difference: Difference| {
            let likes = self.of(operation).flatten().next();
            let parent = self.here.get(&operation).or(likes).and_then(|sums| sums.parent);
            let whole = matches!(difference, Difference::OnlyHere | Difference::Missing);
            whole && parent.is_some_and(|parent| parent != operation && all.get(&parent) == Some(&difference))
        };
        let topmost = all.iter().filter(|(operation, difference)| !goes_along(**operation, **difference));
        let mut rows: Vec<OperationApart> =
            topmost.map(|(&operation, &difference)| self.row(operation, difference)).collect();
        rows.sort_by_key(|row| std::cmp::Reverse((row.critical_nanos - row.usual_critical_nanos).abs()));
        let left_out = rows.len().saturating_sub(ROWS_MAX) as u64;
        rows.truncate(ROWS_MAX);
        (rows, left_out)
    }

    fn difference(&self, operation: usize) -> Option<Difference> {
        let likes = self.likes.len();
        if likes < FEW_LIKES_MIN {
            return None;
        }
        let with_it = self.of(operation).flatten().count();
        let Some(here) = self.here.get(&operation) else {
            let wanted = if likes < LIKES_MIN { likes } else { (likes as f64 * USUAL).ceil() as usize };
            return (with_it >= wanted).then_some(Difference::Missing);
        };
        if with_it == 0 {
            return Some(Difference::OnlyHere);
        }
        let counts: Vec<u64> = self.of(operation).map(|sums| sums.map_or(0, |sums| sums.calls)).collect();
        let usual = median(counts.iter().map(|&count| count as f64));
        let (least, most) = (counts.iter().min().copied()?, counts.iter().max().copied()?);
        if here.calls > most && here.calls as f64 >= COUNT_RATIO * usual {
            return Some(Difference::MoreCalls);
        }
        if here.calls < least && here.calls as f64 * COUNT_RATIO <= usual {
            return Some(Difference::FewerCalls);
        }
        if operation != ENTRY && self.is_failing(operation, here) {
            return Some(Difference::Fails);
        }
        self.is_slower(operation, here).then_some(Difference::Slower)
    }

    /// Whether it fails here and seldom does elsewhere.
    fn is_failing(&self, operation: usize, here: &Sums) -> bool {
        let likes = self.likes.len();
        let failing = self.of(operation).flatten().filter(|sums| sums.errors > 0).count();
        let seldom = failing as f64 <= (1.0 - USUAL) * likes as f64;
        here.errors > 0 && seldom && (failing == 0 || likes >= LIKES_MIN)
    }

    /// Whether a call of it holds the critical path for longer than usual, by [`super::slow_limit`]'s rule.
    fn is_slower(&self, operation: usize, here: &Sums) -> bool {
        let mut usual: Vec<f64> = self.of(operation).flatten().map(Sums::critical_of_call).collect();
        usual.sort_by(f64::total_cmp);
        let limit = match usual.len() {
            ..FEW_LIKES_MIN => return false,
            FEW_LIKES_MIN..LIKES_MIN => usual.last().copied().unwrap_or(0.0) * FEW_SLOW_RATIO,
            _ => quantile_f64(&usual, SLOW_PART).max(quantile_f64(&usual, 0.5) * SLOW_RATIO),
        };
        let additional = here.critical - self.usual_critical(operation).unwrap_or(0);
        let whole = self.subject.tree.duration(self.subject.entry);
        here.critical_of_call() > limit && additional as f64 >= SHARE_MIN * whole as f64
    }

    fn row(&self, operation: usize, difference: Difference) -> OperationApart {
        let here = self.here.get(&operation).copied().unwrap_or_default();
        let with_it: Vec<&Sums> = self.of(operation).flatten().collect();
        let call_nanos = |sums: &Sums| sums.nanos as f64 / sums.calls.max(1) as f64;
        let place = here.most.map(|(_, index)| index);
        let tree = self.subject.tree;
        let span = place.map_or(self.operations.spans[operation], |index| tree.span(index));
        OperationApart {
            service: span.service().to_owned(),
            name: span.name.to_string(),
            difference,
            calls: here.calls,
            usual_calls: median(self.of(operation).map(|sums| sums.map_or(0, |sums| sums.calls) as f64)),
            likes_with_it: with_it.len() as u64,
            likes: self.likes.len() as u64,
            errors: here.errors,
            likes_with_errors: with_it.iter().filter(|sums| sums.errors > 0).count() as u64,
            call_nanos: (here.calls > 0).then(|| call_nanos(&here) as i64),
            usual_call_nanos: (!with_it.is_empty()).then(|| median(with_it.iter().map(|it| call_nanos(it))) as i64),
            critical_nanos: here.critical,
            usual_critical_nanos: self.usual_critical(operation).unwrap_or(0),
            location: place.and_then(|index| location(self.subject, index)),
            evidence: place.map(|index| evidence(tree.trace().trace_id, tree.span(index))),
        }
    }
}

impl Sums {
    fn critical_of_call(&self) -> f64 {
        self.critical as f64 / self.calls.max(1) as f64
    }
}

fn sums<'a>(execution: &Execution<'_, 'a>, operations: &mut OperationNames<'a>) -> BTreeMap<usize, Sums> {
    let tree = execution.tree;
    let mut own: HashMap<usize, i64> = HashMap::default();
    for segment in critical_path_of(tree, execution.entry).segments {
        *own.entry(segment.span).or_default() += segment.duration();
    }
    let mut sums: BTreeMap<usize, Sums> = BTreeMap::new();
    for &index in execution.spans() {
        let index = index as usize;
        let span = tree.span(index);
        let parent = (index != execution.entry).then(|| tree.parent(index)).flatten();
        let parent = parent.map(|parent| operations.of(tree.span(parent)));
        let of = sums.entry(operations.of(span)).or_insert(Sums { parent, ..Sums::default() });
        let critical = own.get(&index).copied().unwrap_or(0);
        of.calls += 1;
        of.errors += u64::from(has_failed(span));
        of.nanos += tree.duration(index);
        of.critical += critical;
        if of.most.is_none_or(|(most, _)| critical > most) {
            of.most = Some((critical, index));
        }
    }
    sums
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    quantile_f64(&values, 0.5)
}
