//! Counts per execution: exact, so that one execution a side is enough, and withheld where a side disagrees with
//! itself.

use std::fmt;

use super::sides::{ExecutionSums, Sides, Sums};
use crate::statistics::median;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Count {
    /// Spans.
    Calls,
    /// Failed spans.
    Errors,
    /// Database statements.
    Statements,
    /// Tokens sent to language models.
    InputTokens,
    /// Tokens they answered with.
    OutputTokens,
}

/// Which way a count went from one set to the other, and whether that says anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountVerdict {
    /// After has fewer.
    Fewer,
    /// After has more.
    More,
    /// Both have the same; where it varies from one execution to the next, it does so alike on both sides.
    Same,
    /// It varies from one execution to the next, and not alike on both sides.
    Unstable,
}

/// One count on both sides, per execution of a root operation.
#[derive(Clone, Debug, PartialEq)]
pub struct CountComparison {
    /// What is counted.
    pub count: Count,
    /// The root operation: service and name.
    pub root: (String, String),
    /// The operation that is counted; `None` means all of the execution.
    pub operation: Option<(String, String)>,
    /// Per execution before; the median where executions disagree.
    pub before: f64,
    /// Per execution after.
    pub after: f64,
    /// The fewest and the most in one execution before.
    pub range_before: (u64, u64),
    /// The fewest and the most in one execution after.
    pub range_after: (u64, u64),
    pub verdict: CountVerdict,
}

/// What the executions of both sides say of one count.
#[derive(Clone, Copy, Debug, PartialEq)]
struct CountTest {
    medians: (f64, f64),
    ranges: [(u64, u64); 2],
    verdict: CountVerdict,
}

impl CountTest {
    /// Whether nothing was counted on either side.
    fn is_nothing(&self) -> bool {
        self.ranges == [(0, 0); 2]
    }
}

impl Count {
    const ALL: [Self; 5] = [Self::Calls, Self::Errors, Self::Statements, Self::InputTokens, Self::OutputTokens];

    /// The name in snake case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Errors => "errors",
            Self::Statements => "statements",
            Self::InputTokens => "input_tokens",
            Self::OutputTokens => "output_tokens",
        }
    }

    fn of(self, sums: &Sums) -> u64 {
        match self {
            Self::Calls => sums.calls,
            Self::Errors => sums.errors,
            Self::Statements => sums.statements,
            Self::InputTokens => sums.input_tokens,
            Self::OutputTokens => sums.output_tokens,
        }
    }
}

/// `calls of llm.call in journal.generate`, or `calls in journal.generate` for all of an execution.
impl fmt::Display for CountComparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.count.name();
        match &self.operation {
            Some((_, name)) => write!(f, "{count} of {name} in {}", self.root.1),
            None => write!(f, "{count} in {}", self.root.1),
        }
    }
}

pub(super) fn compare(sides: &Sides<'_>) -> Vec<CountComparison> {
    let mut comparisons = Vec::new();
    let roots = (0..sides.operations.len()).filter(|&operation| sides.is_root[operation]);
    for root in roots {
        let of_root = |side: usize| -> Vec<&ExecutionSums> {
            sides.executions[side].iter().filter(|execution| execution.root == root).collect()
        };
        let [before, after] = [of_root(0), of_root(1)];
        if before.is_empty() || after.is_empty() {
            continue;
        }
        let mut called: Vec<usize> =
            before.iter().chain(&after).flat_map(|it| it.operations.iter().map(|(operation, _)| *operation)).collect();
        called.sort_unstable();
        called.dedup();
        let owned = |operation: usize| {
            let (service, name) = sides.operations.name(operation);
            (service.to_owned(), name.to_owned())
        };
        for count in Count::ALL {
            let total = |execution: &&ExecutionSums| -> u64 {
                execution.operations.iter().map(|(_, sums)| count.of(sums)).sum()
            };
            let all = judge(before.iter().map(total).collect(), after.iter().map(total).collect());
            let mut push = |operation: Option<usize>, judged: CountTest| {
                let ((before, after), verdict) = (judged.medians, judged.verdict);
                let ([range_before, range_after], operation) = (judged.ranges, operation.map(owned));
                let root = owned(root);
                comparisons.push(CountComparison {
                    count,
                    root,
                    operation,
                    before,
                    after,
                    range_before,
                    range_after,
                    verdict,
                });
            };
            if count != Count::Calls && all.is_nothing() {
                continue;
            }
            push(None, all);
            for &operation in called.iter().filter(|&&operation| operation != root || count != Count::Calls) {
                let of = |execution: &&ExecutionSums| count.of(&execution.of(operation));
                let judged = judge(before.iter().map(of).collect(), after.iter().map(of).collect());
                if !judged.is_nothing() {
                    push(Some(operation), judged);
                }
            }
        }
    }
    comparisons.sort_by(|a, b| rank(a).0.cmp(&rank(b).0).then(rank(b).1.total_cmp(&rank(a).1)));
    comparisons
}

/// Differences first, the larger change first; the stable sort leaves the whole before its parts.
fn rank(comparison: &CountComparison) -> (u8, f64) {
    let (before, after) = (comparison.before, comparison.after);
    let change = (after - before).abs() / before.max(after).max(1.0);
    match comparison.verdict {
        CountVerdict::Fewer | CountVerdict::More => (0, change),
        CountVerdict::Unstable => (1, change),
        CountVerdict::Same => (2, 0.0),
    }
}

fn judge(mut before: Vec<u64>, mut after: Vec<u64>) -> CountTest {
    before.sort_unstable();
    after.sort_unstable();
    let ends = |counts: &[u64]| (counts[0], counts[counts.len() - 1]);
    let ranges = [ends(&before), ends(&after)];
    let is_stable = ranges.iter().all(|(fewest, most)| fewest == most);
    let verdict = match (is_stable, ranges[0].0.cmp(&ranges[1].0)) {
        (false, _) if before == after => CountVerdict::Same,
        (false, _) => CountVerdict::Unstable,
        (true, std::cmp::Ordering::Greater) => CountVerdict::Fewer,
        (true, std::cmp::Ordering::Less) => CountVerdict::More,
        (true, std::cmp::Ordering::Equal) => CountVerdict::Same,
    };
    let middle = |counts: Vec<u64>| median(counts.into_iter().map(|count| count as f64).collect());
    CountTest { medians: (middle(before), middle(after)), ranges, verdict }
}
