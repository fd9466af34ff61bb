//! Calls whose number changed by an order of magnitude: per execution, per call of what makes them, and per item.
//!
//! A count of one execution says little where inputs differ: three thousand calls for a thousand items are what thirty
//! were for ten. So calls are set against the calls of the operation that makes them, and against a number that this
//! recorded (`batch.size`, `items`), where the count is in proportion to it. What only passes on that its caller is called
//! more often is not listed again.

use std::collections::BTreeMap;
use std::fmt;

use super::kinds;
use crate::detect::call::Calls;
use crate::detect::features::{Feature, Features};
use crate::execution::Execution;
use crate::operation::OperationIds;
use crate::statistics::quantile_f64;
use crate::tree::Tree;

/// An order of magnitude.
const FACTOR_MIN: f64 = 10.0;
/// Fewer calls than this on the larger side are few, whatever they were.
const CALLS_MIN: f64 = 10.0;
/// A count is in proportion to a number if it is never further from it than this part.
const PROPORTION_SLACK: f64 = 0.1;
/// A single count is in proportion to a number of at least this, of which it is a multiple.
const ITEMS_MIN: f64 = 10.0;
/// Changes in one answer; of more, the largest.
const CALLS_CHANGED_MAX: usize = 20;

/// One kind of call, made by one operation, of which there are far more or fewer than before.
#[derive(Clone, Debug, PartialEq)]
pub struct CallsChanged {
    /// The operation at which the executions start: service and name.
    pub root: (String, String),
    /// The operation that makes the calls: service and name.
    pub parent: (String, String),
    /// The operation that is called: service and name.
    pub operation: (String, String),
    /// The statement or request, without its data, where there is one.
    pub call: Option<String>,
    /// The numeric attribute that the count is in proportion to, where there is one.
    pub item: Option<String>,
    pub before: CallRate,
    pub after: CallRate,
}

/// How often a call is made on one side; medians.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CallRate {
    /// Executions this rests on.
    pub executions: u64,
    /// Calls in an execution.
    pub per_execution: f64,
    /// Calls for each call of the parent; `None` where that was not called.
    pub per_parent: Option<f64>,
    /// Calls for each item.
    pub per_item: Option<f64>,
}

impl CallsChanged {
    /// By how much: after over before, of the figures that can be compared best.
    pub fn factor(&self) -> f64 {
        let (before, after) = match (self.before, self.after) {
            (CallRate { per_item: Some(before), .. }, CallRate { per_item: Some(after), .. })
            | (CallRate { per_parent: Some(before), .. }, CallRate { per_parent: Some(after), .. }) => (before, after),
            (before, after) => (before.per_execution, after.per_execution),
        };
        after / before
    }

    /// `POST /import calls SELECT … 1731 times an execution, 4.8 for each import.rows; BEFORE: 1 time, 0.01 for each`.
    /// `before` says when that was.
    pub fn sentence(&self, before: &str) -> String {
        let each = |rate: &CallRate| match (&self.item, rate.per_item) {
            (Some(item), Some(per_item)) => format!(", {} for each {item}", DisplayedCount(per_item)),
            _ => match rate.per_parent.filter(|it| (it - rate.per_execution).abs() > f64::EPSILON) {
                Some(per_parent) => format!(", {} for each {}", DisplayedCount(per_parent), self.parent.1),
                None => String::new(),
            },
        };
        let times = |rate: &CallRate| {
            let count = DisplayedCount(rate.per_execution).to_string();
            format!("{count} time{}", if count == "1" { "" } else { "s" })
        };
        format!(
            "{} calls {} {} an execution{}; {} {before}{}",
            self.root.1,
            self.what(),
            times(&self.after),
            each(&self.after),
            times(&self.before),
            each(&self.before),
        )
    }

    /// What is called: the statement or request, else the operation.
    pub fn what(&self) -> &str {
        self.call.as_ref().unwrap_or(&self.operation.1)
    }
}

/// A count as it is read.
struct DisplayedCount(f64);

impl fmt::Display for DisplayedCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0;
        if value.fract() == 0.0 || value >= 100.0 {
            write!(f, "{value:.0}")
        } else if value >= 1.0 {
            write!(f, "{value:.1}")
        } else {
            write!(f, "{value:.3}")
        }
    }
}

/// What is called: the operation, and the call without its data; an empty one means all calls of the operation.
type Callee = (usize, String);

/// The calls of one kind in the executions of one root operation, on one side.
#[derive(Default)]
struct CalleeCalls<'t, 'a> {
    by_execution: BTreeMap<usize, f64>,
    /// By the operation that makes them: how many, in each of its calls that makes any.
    by_parent: BTreeMap<usize, Vec<(f64, &'t Tree<'a>, usize)>>,
}

#[derive(Default)]
struct SideCalls<'t, 'a> {
    /// By root operation.
    executions: BTreeMap<usize, usize>,
    /// By root operation and operation.
    calls: BTreeMap<(usize, usize), usize>,
    made: BTreeMap<(usize, Callee), CalleeCalls<'t, 'a>>,
}

/// What changed by an order of magnitude between two sets of executions, the largest change first.
pub fn calls_changed<'a>(before: &[Execution<'_, 'a>], after: &[Execution<'_, 'a>]) -> Vec<CallsChanged> {
    let mut names = CallNames::default();
    let sides = [SideCalls::new(before, &mut names), SideCalls::new(after, &mut names)];
    let mut keys: Vec<&(usize, Callee)> = sides[0].made.keys().chain(sides[1].made.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let found: Vec<(&(usize, Callee), CallsChanged)> =
        keys.into_iter().filter_map(|key| Some((key, change(&sides, key, &names)?))).collect();
    // Another statement for the same thing has no number before; the operation has.
    let whole: Vec<(usize, usize)> =
        found.iter().filter(|it| it.0.1.1.is_empty()).map(|it| (it.0.0, it.0.1.0)).collect();
    let stays = |key: &(usize, Callee)| key.1.1.is_empty() || !whole.contains(&(key.0, key.1.0));
    let mut changed: Vec<CallsChanged> = found.into_iter().filter(|it| stays(it.0)).map(|it| it.1).collect();
    changed.sort_by(|a, b| {
        let size = |it: &CallsChanged| it.factor().ln().abs();
        let most = |it: &CallsChanged| it.before.per_execution.max(it.after.per_execution);
        size(b)
            .total_cmp(&size(a))
            .then(most(b).total_cmp(&most(a)))
            .then_with(|| (&a.root, a.what()).cmp(&(&b.root, b.what())))
    });
    changed.truncate(CALLS_CHANGED_MAX);
    changed
}

/// Names of operations and calls.
#[derive(Default)]
struct CallNames<'a> {
    operations: OperationIds<'a>,
    calls: Calls<'a>,
}

impl<'t, 'a> SideCalls<'t, 'a> {
    fn new(executions: &[Execution<'t, 'a>], names: &mut CallNames<'a>) -> Self {
        let mut side = Self::default();
        for (number, execution) in executions.iter().enumerate().filter(|(_, execution)| !execution.is_open()) {
            let tree = execution.tree;
            let root = names.operations.named(tree.span(execution.entry), kinds::name(execution));
            *side.executions.entry(root).or_default() += 1;
            for &parent in execution.spans() {
                let parent = parent as usize;
                let operation = if parent == execution.entry { root } else { names.operations.of(tree.span(parent)) };
                *side.calls.entry((root, operation)).or_default() += 1;
                let mut counts: BTreeMap<Callee, f64> = BTreeMap::new();
                for &child in tree.children(parent) {
                    let span = tree.span(child as usize);
                    let operation = names.operations.of(span);
                    if let Some(call) = names.calls.of(span) {
                        *counts.entry((operation, call.key.to_string())).or_default() += 1.0;
                    }
                    *counts.entry((operation, String::new())).or_default() += 1.0;
                }
                for (callee, count) in counts {
                    let made = side.made.entry((root, callee)).or_default();
                    *made.by_execution.entry(number).or_default() += count;
                    made.by_parent.entry(operation).or_default().push((count, tree, parent));
                }
            }
        }
        side
    }
}

fn change(sides: &[SideCalls<'_, '_>; 2], key: &(usize, Callee), names: &CallNames<'_>) -> Option<CallsChanged> {
    let (root, (operation, call)) = key;
    let empty = CalleeCalls::default();
    let made = sides.each_ref().map(|side| side.made.get(key).unwrap_or(&empty));
    let executions = sides.each_ref().map(|side| side.executions.get(root).copied().unwrap_or(0));
    if executions.contains(&0) {
        return None;
    }
    let per_execution =
        [0, 1].map(|side| filled(made[side].by_execution.values().copied().collect(), executions[side]));
    let larger = usize::from(median(&per_execution[1]) >= median(&per_execution[0]));
    let sum = |calls: &Vec<(f64, &Tree<'_>, usize)>| calls.iter().map(|call| call.0).sum::<f64>();
    let most = made[larger].by_parent.iter().max_by(|a, b| sum(a.1).total_cmp(&sum(b.1)).then(b.0.cmp(a.0)))?;
    let parent = *most.0;
    let none = Vec::new();
    let calls = made.map(|made| made.by_parent.get(&parent).unwrap_or(&none));
    let parents = sides.each_ref().map(|side| side.calls.get(&(*root, parent)).copied().unwrap_or(0));
    let per_parent = [0, 1].map(|side| filled(calls[side].iter().map(|call| call.0).collect(), parents[side]));
    let item = item(calls[larger]);
    let per_item = item.map(|key| [0, 1].map(|side| ratios(calls[side], key)));
    let compared = match &per_item {
        Some(ratios) if ratios.iter().all(|side| !side.is_empty()) => ratios,
        _ if !parents.contains(&0) => &per_parent,
        _ => &per_execution,
    };
    let rate = |side: usize| CallRate {
        executions: executions[side] as u64,
        per_execution: median(&per_execution[side]),
        per_parent: (parents[side] > 0).then(|| median(&per_parent[side])),
        per_item: per_item.as_ref().map(|ratios| &ratios[side]).filter(|it| !it.is_empty()).map(|it| median(it)),
    };
    let owned = |operation: usize| {
        let (service, name) = names.operations.name(operation);
        (service.to_owned(), name.to_owned())
    };
    let larger_of = usize::from(median(&compared[1]) >= median(&compared[0]));
    if median(&per_execution[larger]) < CALLS_MIN || !is_apart(&compared[1 - larger_of], &compared[larger_of]) {
        return None;
    }
    let call = if call.is_empty() { most_made(&sides[larger], *root, *operation) } else { call.clone() };
    Some(CallsChanged {
        root: owned(*root),
        parent: owned(parent),
        operation: owned(*operation),
        call: Some(call).filter(|call| !call.is_empty()),
        item: item.map(str::to_owned),
        before: rate(0),
        after: rate(1),
    })
}

/// The statement or request of an operation that is made most often; empty where none is known.
fn most_made(side: &SideCalls<'_, '_>, root: usize, operation: usize) -> String {
    let from = (root, (operation, String::new()));
    let of_operation = side.made.range(from..).take_while(|(key, _)| key.0 == root && key.1.0 == operation);
    let count = |made: &CalleeCalls<'_, '_>| made.by_execution.values().sum::<f64>();
    let called = of_operation.filter(|(key, _)| !key.1.1.is_empty());
    let most = called.max_by(|a, b| count(a.1).total_cmp(&count(b.1)).then(b.0.cmp(a.0)));
    most.map(|(key, _)| key.1.1.clone()).unwrap_or_default()
}

/// Whether nearly all of `large` are [`FACTOR_MIN`] times nearly all of `small`.
fn is_apart(small: &[f64], large: &[f64]) -> bool {
    quantile_f64(large, 0.1) > quantile_f64(small, 0.9) && median(large) >= FACTOR_MIN * median(small)
}

/// Sorted, with a 0 for each of the `count` that is not among them.
fn filled(mut values: Vec<f64>, count: usize) -> Vec<f64> {
    values.resize(count.max(values.len()), 0.0);
    values.sort_by(f64::total_cmp);
    values
}

fn median(sorted: &[f64]) -> f64 {
    quantile_f64(sorted, 0.5)
}

/// Where a key is met among a span's attributes, and counts with its numbers.
type Points = (usize, Vec<(f64, f64)>);

/// The first numeric attribute of the parents that the counts are in proportion to.
fn item<'a>(calls: &[(f64, &Tree<'a>, usize)]) -> Option<&'a str> {
    let mut features = Features::default();
    let mut known: BTreeMap<&'a str, Points> = BTreeMap::new();
    for (count, tree, parent) in calls {
        for (place, (key, feature)) in features.of_spans(std::iter::once(tree.span(*parent))).into_iter().enumerate() {
            if let Feature::Number(number) = feature
                && number > 0.0
            {
                known.entry(key).or_insert_with(|| (place, Vec::new())).1.push((*count, number));
            }
        }
    }
    let fitting = known.into_iter().filter(|(_, (_, points))| points.len() == calls.len() && is_proportional(points));
    fitting.min_by_key(|(_, (place, _))| *place).map(|(key, _)| key)
}

fn is_proportional(points: &[(f64, f64)]) -> bool {
    let sum = |part: fn(&(f64, f64)) -> f64| points.iter().map(part).sum::<f64>();
    let factor = sum(|point| point.0) / sum(|point| point.1);
    let fits = |(count, number): &(f64, f64)| (count - factor * number).abs() <= PROPORTION_SLACK * count;
    let extreme = |choose: fn(f64, f64) -> f64, first: f64| points.iter().map(|point| point.1).fold(first, choose);
    let (least, most) = (extreme(f64::min, f64::INFINITY), extreme(f64::max, 0.0));
    let is_multiple = |(count, number): &(f64, f64)| *number >= ITEMS_MIN && *count >= *number && count % number == 0.0;
    points.iter().all(fits) && (most >= 2.0 * least || points.iter().all(is_multiple))
}

/// Calls for each item, sorted.
fn ratios(calls: &[(f64, &Tree<'_>, usize)], key: &str) -> Vec<f64> {
    let number = |tree: &Tree<'_>, parent: usize| tree.span(parent).attribute(key).and_then(kino_model::Value::as_f64);
    let ratio = |(count, tree, parent): &(f64, &Tree<'_>, usize)| {
        number(tree, *parent).filter(|number| *number > 0.0).map(|number| count / number)
    };
    let mut ratios: Vec<f64> = calls.iter().filter_map(ratio).collect();
    ratios.sort_by(f64::total_cmp);
    ratios
}
