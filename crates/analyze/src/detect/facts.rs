//! What detectors know of a group of executions: trees, critical paths, and the time each span holds on them.

use std::collections::BTreeMap;

use kino_model::{DurationNanos, Span, attribute};

use crate::critical_path::{Segment, critical_path_of};
use crate::execution::Execution;
use crate::finding::{Evidence, Location, MAX_EXAMPLES, evidence, location};
use crate::statistics::quantile_f64;
use crate::tree::Tree;

/// Executions of one entry operation.
pub(super) struct Group<'t, 'a> {
    pub(super) service: &'a str,
    pub(super) name: &'a str,
    /// The ended executions.
    pub(super) facts: Vec<Facts<'t, 'a>>,
    /// Every execution, the open ones included.
    pub(super) all: Vec<Execution<'t, 'a>>,
}

/// What is known of one execution.
pub(super) struct Facts<'t, 'a> {
    pub(super) execution: Execution<'t, 'a>,
    pub(super) tree: &'t Tree<'a>,
    pub(super) path: Vec<Segment>,
    /// Whether it is the first of several executions in its process.
    pub(super) is_cold: bool,
    /// By position in the subtree: time on the critical path in the span itself.
    own: Vec<i64>,
    /// The same with all that is beneath it.
    inclusive: Vec<i64>,
}

impl<'t, 'a> Group<'t, 'a> {
    pub(super) fn new(service: &'a str, name: &'a str, executions: &[Execution<'t, 'a>]) -> Self {
        let mut facts: Vec<Facts<'t, 'a>> =
            executions.iter().filter(|execution| !execution.is_open()).map(Facts::new).collect();
        mark_cold(&mut facts);
        Self { service, name, facts, all: executions.to_vec() }
    }

    /// The median duration of an execution, in nanoseconds.
    pub(super) fn median_duration(&self) -> f64 {
        median(self.facts.iter().filter(|facts| !facts.is_cold).map(Facts::duration).collect())
    }
}

impl<'t, 'a> Facts<'t, 'a> {
    fn new(execution: &Execution<'t, 'a>) -> Self {
        let tree = execution.tree;
        let path = critical_path_of(tree, execution.entry).segments;
        let subtree = execution.spans();
        let mut own = vec![0; subtree.len()];
        for segment in &path {
            own[tree.position_below(execution.entry, segment.span)] += segment.duration();
        }
        let mut inclusive = own.clone();
        for position in (1..subtree.len()).rev() {
            let parent = tree.parent(subtree[position] as usize).expect("a span beneath another has a parent");
            inclusive[tree.position_below(execution.entry, parent)] += inclusive[position];
        }
        Self { execution: *execution, tree, path, is_cold: false, own, inclusive }
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
        self.own[self.tree.position_below(self.execution.entry, index)]
    }

    /// Time on the critical path in the span and beneath it.
    pub(super) fn critical(&self, index: usize) -> i64 {
        self.inclusive[self.tree.position_below(self.execution.entry, index)]
    }

    pub(super) fn span(&self, index: usize) -> &'a Span {
        self.tree.span(index)
    }

    pub(super) fn evidence(&self, index: usize) -> Evidence {
        evidence(self.execution.trace_id(), self.span(index))
    }

    /// Whether it is a test case that passed: failures inside it were wanted.
    pub(super) fn is_passed_test(&self) -> bool {
        !self.execution.is_error() && self.span(self.execution.entry).attribute("test.case.name").is_some()
    }

    /// Where in the code: the span's own word, or the nearest ancestor's.
    pub(super) fn location(&self, index: usize) -> Option<Location> {
        let mut at = index;
        loop {
            if let Some(found) = location(self.span(at)) {
                return Some(if at == index { found } else { Location { known_by: "caller", ..found } });
            }
            at = self.tree.parent(at).filter(|_| at != self.execution.entry)?;
        }
    }
}

/// Marks each process's first execution, where it has several: it loads code, opens connections and fills caches.
fn mark_cold(facts: &mut [Facts<'_, '_>]) {
    let mut by_process: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (number, facts) in facts.iter().enumerate() {
        let resource = &facts.span(facts.execution.entry).resource;
        let process =
            ["service.instance.id", "process.pid"].iter().find_map(|key| attribute::find(&resource.attributes, key));
        if let Some(process) = process {
            by_process.entry(process.to_text()).or_default().push(number);
        }
    }
    for numbers in by_process.values().filter(|numbers| numbers.len() > 1) {
        if let Some(&first) = numbers.iter().min_by_key(|&&number| facts[number].execution.start()) {
            facts[first].is_cold = true;
        }
    }
}

/// The median; 0 without values.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    quantile_f64(&values, 0.5)
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
