//! `memory_growth`: a process has more memory after each execution, and does not give it back.
//!
//! Reads a process's memory from the entry span, or from one directly below: the keys in [`KEYS`].
//! Evidence: at least [`MIN_EXECUTIONS`] ended executions in one process, its first left out. In each of [`BLOCKS`]
//! consecutive parts the least memory is more than in the part before; from the first part to the last it grows by
//! [`MIN_GROWTH`] or more; the last step is at least [`MIN_LAST_STEP`] of the mean one, so that a process that warms up
//! and levels off is left alone; and memory rises with time (rank correlation). The least of a part is what a garbage
//! collector cannot take away. Nothing is claimed to be saved.

use std::collections::BTreeMap;

use kino_model::Value;

use super::Draft;
use super::detection::Detection;
use super::facts::{Facts, Group, top};
use crate::execution::process;
use crate::finding::{Code, Number, Unit};
use crate::statistics::rank_correlation;

const MIN_EXECUTIONS: usize = 30;
const BLOCKS: usize = 5;
const MIN_GROWTH: f64 = 0.2;
const MIN_LAST_STEP: f64 = 0.25;
const MIN_RISE: f64 = 0.5;
const KEYS: [&str; 6] = [
    "process.memory.usage",
    "process.memory.rss",
    "process.runtime.memory",
    "process.runtime.cpython.memory",
    "jvm.memory.used",
    "go.memory.used",
];

/// What one process had after one of its executions.
struct Sample {
    start: i64,
    bytes: f64,
    number: usize,
}

pub(super) fn detect(group: &Group<'_, '_>, findings: &mut Vec<Detection>) {
    let mut by_process: BTreeMap<String, Vec<Sample>> = BTreeMap::new();
    for (number, facts) in group.warm() {
        if let Some(bytes) = memory(facts) {
            let process = process(&facts.span(facts.execution.entry).resource).unwrap_or_default();
            by_process.entry(process).or_default().push(Sample { start: facts.execution.start(), bytes, number });
        }
    }
    // Of several processes that grow, the one that grows most speaks for all: it is one program.
    let grown = by_process.into_values().filter_map(|samples| Some((growth(&samples)?, samples)));
    let Some((growth, samples)) = grown.max_by(|a, b| a.0.part.total_cmp(&b.0.part)) else { return };
    let executions = samples.len();
    let per_execution = (growth.last - growth.first) / (executions - executions / BLOCKS) as f64;
    let examples = samples.iter().map(|it| {
        let facts = &group.facts[it.number];
        (it.bytes, facts.evidence(facts.execution.entry))
    });
    let facts = &group.facts[samples[0].number];
    let draft = Draft {
        code: Code::MemoryGrowth,
        service: group.service,
        name: group.name,
        detail: "",
        numbers: vec![
            Number::new("first", growth.first, Unit::Bytes),
            Number::new("last", growth.last, Unit::Bytes),
            Number::new("per_execution", per_execution, Unit::Bytes),
        ],
        saving_nanos: None,
        confidence: growth.rise.min(0.95),
        executions,
        location: facts.location(facts.execution.entry),
        evidence: top(examples.collect()),
        text: format!(
            "the process of {} grows from {} to {} over {executions} executions, {} each, and gives nothing back.",
            group.title,
            shown(growth.first),
            shown(growth.last),
            shown(per_execution)
        ),
        next: Some(
            "compare what the heap holds early and late; bound what stays reachable between executions".to_owned(),
        ),
    };
    findings.push(draft.finding(group));
}

fn memory(facts: &Facts<'_, '_>) -> Option<f64> {
    let entry = facts.execution.entry;
    let spans = std::iter::once(entry).chain(facts.tree.children(entry).iter().map(|&child| child as usize));
    let mut attributes = spans.flat_map(|index| &facts.span(index).attributes);
    let (_, value) = attributes.find(|(key, _)| KEYS.contains(&key.as_str()))?;
    Value::as_f64(value).filter(|bytes| bytes.is_finite() && *bytes > 0.0)
}

struct Growth {
    /// The least of the first part and of the last.
    first: f64,
    last: f64,
    /// The growth as a part of the first.
    part: f64,
    rise: f64,
}

/// The growth of samples in the order of time.
fn growth(samples: &[Sample]) -> Option<Growth> {
    if samples.len() + 1 < MIN_EXECUTIONS {
        return None;
    }
    let block = |number: usize| &samples[number * samples.len() / BLOCKS..(number + 1) * samples.len() / BLOCKS];
    let least = |samples: &[Sample]| samples.iter().map(|sample| sample.bytes).fold(f64::INFINITY, f64::min);
    let levels: Vec<f64> = (0..BLOCKS).map(|number| least(block(number))).collect();
    let (first, last) = (levels[0], levels[BLOCKS - 1]);
    let steps = levels.windows(2).map(|pair| pair[1] - pair[0]);
    let mean_step = (last - first) / (BLOCKS - 1) as f64;
    let last_step = last - levels[BLOCKS - 2];
    let from = samples[0].start;
    let points: Vec<(f64, f64)> = samples.iter().map(|it| ((it.start - from) as f64, it.bytes)).collect();
    let rise = rank_correlation(&points);
    let grows = steps.min_by(f64::total_cmp)? > 0.0
        && last >= (1.0 + MIN_GROWTH) * first
        && last_step >= MIN_LAST_STEP * mean_step
        && rise >= MIN_RISE;
    grows.then_some(Growth { first, last, part: last / first, rise })
}

/// Bytes for a reader.
fn shown(bytes: f64) -> String {
    let (unit, scale) = if bytes >= 1e9 {
        ("GB", 1e9)
    } else if bytes >= 1e6 {
        ("MB", 1e6)
    } else {
        ("kB", 1e3)
    };
    format!("{:.1} {unit}", bytes / scale)
}
