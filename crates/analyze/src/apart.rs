//! What sets one execution apart from its like: other executions of the same entry operation.
//!
//! Likes that did as badly (failed too, or were as slow) are counted and are no measure: the rest, the *good* likes,
//! say what is usual. What is compared:
//!
//! | what | rule |
//! |---|---|
//! | duration | [`slow_limit`] |
//! | calls of an operation | only here, missing here, or outside of all good likes and by `COUNT_RATIO` |
//! | time of an operation on the critical path | as the duration, and at least `SHARE_MIN` of the execution |
//! | attributes | a value that at most `RARE` of the good likes have, or a number beyond theirs |
//! | the wait | the operation in which most of the additional time passed |
//!
//! With fewer good likes than [`LIKES_MIN`] only what none of them shows counts; with fewer than [`FEW_LIKES_MIN`]
//! nothing does.

mod attributes;
mod operations;
mod wait;

pub use attributes::AttributeApart;
pub use operations::{Difference, OperationApart};
pub use wait::Wait;

use std::collections::BTreeMap;

use crate::execution::{Execution, executions, has_failed, process};
use crate::explain::{Quantiles, quantiles};
use crate::finding::{KnownBy, Location};
use crate::statistics::quantile;
use crate::tree::Tree;
use crate::{EntrySpans, finding};

/// Likes that an execution is compared with: the newest before it, and those at its time.
pub const LIKES_MAX: usize = 100;
/// Good likes from which on a quantile of theirs is a measure.
pub const LIKES_MIN: usize = 20;
/// Good likes from which on it says something that none of them is like this.
pub const FEW_LIKES_MIN: usize = 5;
/// An execution beyond [`SLOW_PART`] of its likes is slow from this many medians on.
pub const SLOW_RATIO: f64 = 1.5;
/// The quantile of durations beyond which an execution may be slow.
pub const SLOW_PART: f64 = 0.95;
/// An execution is slow from this many medians on, even where many of its likes are.
pub const VERY_SLOW_RATIO: f64 = 3.0;
/// With few likes an execution is slow if it lasts this many times as long as the longest of them.
pub const FEW_SLOW_RATIO: f64 = 2.0;
/// A count differs if it is this many times the usual one, or one of this many parts of it.
const COUNT_RATIO: f64 = 2.0;
/// Time of less than this part of the execution is not reported.
const SHARE_MIN: f64 = 0.05;
/// A value that no larger part of the good likes has is rare.
pub(crate) const RARE: f64 = 0.05;
/// Calls of one operation in one process, from which on its first one is special.
const SEVERAL: usize = 3;
/// How far up a place in the code is looked for.
const ANCESTORS_MAX: usize = 256;

/// How an execution differs from its like.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Apart {
    /// The service of the entry operation.
    pub service: String,
    /// The entry operation.
    pub name: String,
    /// Nanoseconds; of an open one as far as it is known.
    pub duration_nanos: i64,
    /// Whether it has not ended.
    pub is_open: bool,
    /// Whether it failed.
    pub is_failed: bool,
    /// Whether it took longer than [`slow_limit`] of its likes.
    pub is_slow: bool,
    /// What it is compared with.
    pub likes: Likes,
    /// Whether it is the first execution of its process, where others of its like are not: it loads code, opens
    /// connections and fills caches.
    pub is_first_of_process: bool,
    /// Operations, the most additional time on the critical path first; at most eight.
    pub operations: Vec<OperationApart>,
    /// Differing operations beyond them.
    pub operations_left_out: u64,
    /// Attributes, the most telling first; at most five.
    pub attributes: Vec<AttributeApart>,
    /// Differing attributes beyond them.
    pub attributes_left_out: u64,
    /// Where most of the additional time passed.
    pub wait: Option<Wait>,
}

/// What an execution is compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Likes {
    /// Likes that have ended.
    pub executions: u64,
    /// Failed ones among them.
    pub failed: u64,
    /// Those among the others that were slow by the same limit.
    pub slow: u64,
    /// Durations of those that did not fail.
    pub duration: Option<Quantiles>,
    /// Likes that ran at the same time for a while.
    pub meanwhile: u64,
    /// Those among them that failed, if this one did, or were slow, if this one was.
    pub meanwhile_alike: u64,
}

impl Apart {
    /// Whether there is anything unusual.
    pub fn is_unusual(&self) -> bool {
        self.is_failed || self.is_slow
    }
}

/// The duration beyond which an execution is slow, by those of its likes that did not fail; `None` with too few. The
/// durations get sorted.
pub fn slow_limit(durations: &mut [i64]) -> Option<i64> {
    durations.sort_unstable();
    let &longest = durations.last()?;
    if durations.len() < FEW_LIKES_MIN {
        return None;
    }
    if durations.len() < LIKES_MIN {
        return Some((longest as f64 * FEW_SLOW_RATIO) as i64);
    }
    let median = quantile(durations, 0.5);
    let beyond_most = quantile(durations, SLOW_PART).min(median * VERY_SLOW_RATIO);
    Some(beyond_most.max(median * SLOW_RATIO) as i64)
}

/// The execution that a trace is about: the first that failed, else the longest; of a `kino run` without spans, itself.
pub fn subject<'t, 'a>(tree: &'t Tree<'a>) -> Option<Execution<'t, 'a>> {
    let all = executions(std::slice::from_ref(tree), EntrySpans::Outermost);
    let failed = all.iter().find(|execution| has_failed(tree.span(execution.entry)));
    failed.or_else(|| all.iter().max_by_key(|execution| tree.duration(execution.entry))).copied()
}

/// Compares an execution with others of its entry operation, before it and at its time, in any order. They may hold
/// the execution itself, which does not count. The answer holds recorded text as it is: untrusted.
pub fn apart<'a>(subject: &Execution<'_, 'a>, likes: &[Execution<'_, 'a>]) -> Apart {
    let own = (subject.trace_id(), subject.span_id());
    let ended = likes.iter().filter(|it| !it.is_open() && (it.trace_id(), it.span_id()) != own);
    let ended: Vec<Execution<'_, 'a>> = ended.copied().collect();
    let entry = subject.tree.span(subject.entry);
    let mut apart = Apart {
        service: entry.service().to_owned(),
        name: entry.name.to_string(),
        duration_nanos: subject.tree.duration(subject.entry),
        is_open: subject.is_open(),
        is_failed: failed(subject),
        is_first_of_process: is_first_of_process(subject, &ended),
        ..Apart::default()
    };
    let went_well = ended.iter().filter(|like| !failed(like));
    let mut durations: Vec<i64> = went_well.filter_map(Execution::duration).collect();
    apart.likes.executions = ended.len() as u64;
    apart.likes.failed = (ended.len() - durations.len()) as u64;
    let limit = slow_limit(&mut durations);
    apart.likes.duration = quantiles(&mut durations);
    apart.is_slow = limit.is_some_and(|limit| apart.duration_nanos > limit);
    let is_slow = |like: &Execution<'_, 'a>| like.duration().zip(limit).is_some_and(|(nanos, limit)| nanos > limit);
    apart.likes.slow = ended.iter().filter(|like| !failed(like) && is_slow(like)).count() as u64;
    let is_alike = |like: &Execution<'_, 'a>| (apart.is_failed && failed(like)) || (apart.is_slow && is_slow(like));
    let (alike, good): (Vec<_>, Vec<_>) = ended.iter().copied().partition(|like| failed(like) || is_slow(like));
    let alike: Vec<_> = alike.into_iter().filter(|like| is_alike(like)).collect();
    let meanwhile = |likes: &[Execution<'_, 'a>]| likes.iter().filter(|like| overlaps(subject, like)).count() as u64;
    (apart.likes.meanwhile, apart.likes.meanwhile_alike) = (meanwhile(&ended), meanwhile(&alike));
    if !apart.is_unusual() {
        return apart;
    }
    let known = operations::LikesByOperation::new(subject, &good);
    let (rows, left_out) = known.rows();
    apart.wait = wait::wait(&known, &apart);
    (apart.operations, apart.operations_left_out) = (rows, left_out);
    let only_here = |index: usize| known.is_only_here(index);
    (apart.attributes, apart.attributes_left_out) = attributes::rows(subject, &good, &alike, only_here);
    apart
}

/// Whether an execution failed.
fn failed(execution: &Execution<'_, '_>) -> bool {
    has_failed(execution.tree.span(execution.entry))
}

fn overlaps(one: &Execution<'_, '_>, other: &Execution<'_, '_>) -> bool {
    let end = |it: &Execution<'_, '_>| it.tree.end(it.entry);
    one.start() < end(other) && other.start() < end(one)
}

fn is_first_of_process(subject: &Execution<'_, '_>, likes: &[Execution<'_, '_>]) -> bool {
    let process_of = |it: &Execution<'_, '_>| process(&it.tree.span(it.entry).resource);
    let Some(own) = process_of(subject) else { return false };
    let mut processes: BTreeMap<String, usize> = BTreeMap::new();
    for like in likes {
        if let Some(process) = process_of(like) {
            *processes.entry(process).or_default() += 1;
        }
    }
    !processes.contains_key(&own) && processes.values().any(|&count| count >= SEVERAL)
}

/// Where in the code: the span's own word, or the nearest ancestor's within the execution.
fn location(execution: &Execution<'_, '_>, index: usize) -> Option<Location> {
    let mut at = index;
    for _ in 0..=ANCESTORS_MAX {
        if let Some(found) = finding::location(execution.tree.span(at)) {
            return Some(if at == index { found } else { Location { known_by: KnownBy::Caller, ..found } });
        }
        at = execution.tree.parent(at).filter(|_| at != execution.entry)?;
    }
    None
}

#[cfg(test)]
mod tests;
