//! Which repeated calls one loop makes: those that are made in turn below the same span.
//!
//! ```text
//!  A B C A B C A B C    one loop
//!  A A A B B B C C C    three
//! ```
//!
//! A loop is known by its most frequent call; the others are compared with that one.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::Repeats;
use crate::detect::facts::{Facts, Group};
use crate::statistics::lower_median;

/// Of the pauses between a call's repeats, the part in which the other one is made.
const IN_TURN: f64 = 0.75;
/// The executions that are examined to compare two calls.
const COMPARED_EXECUTIONS_MAX: usize = 16;
/// The loops of one operation that a call is compared with; it is a loop of its own beyond them.
const COMPARED_LOOPS_MAX: usize = 32;

/// A call that is repeated, with its repeats by execution in ascending order.
pub(super) struct Repeated {
    pub(super) key: Rc<str>,
    pub(super) found: Vec<Repeats>,
    /// How many executions make it at all.
    pub(super) makers: usize,
}

impl Repeated {
    /// How often an execution that repeats it usually makes it.
    pub(super) fn usual_count(&self) -> usize {
        lower_median(self.found.iter().map(|repeats| repeats.count() as f64).collect()) as usize
    }
}

/// The calls of one loop, the most frequent first.
pub(super) struct Loop {
    pub(super) calls: Vec<Repeated>,
}

impl Loop {
    /// Returns the repeats of all its calls together, by execution.
    pub(super) fn found(&self) -> Vec<Repeats> {
        let mut together: BTreeMap<usize, Repeats> = BTreeMap::new();
        for repeats in self.calls.iter().flat_map(|call| &call.found) {
            let known = together.entry(repeats.number);
            known.and_modify(|known| known.add(repeats)).or_insert_with(|| repeats.clone());
        }
        together.into_values().collect()
    }
}

/// Divides repeated calls among the loops that make them.
pub(super) fn loops(group: &Group<'_, '_>, mut calls: Vec<Repeated>) -> Vec<Loop> {
    calls.sort_by(|a, b| b.usual_count().cmp(&a.usual_count()).then_with(|| a.key.cmp(&b.key)));
    let mut loops: Vec<Loop> = Vec::new();
    for call in calls {
        let near = &mut loops.iter_mut().take(COMPARED_LOOPS_MAX);
        match near.find(|near| is_one_loop(group, &near.calls[0], &call)) {
            Some(near) => near.calls.push(call),
            None => loops.push(Loop { calls: vec![call] }),
        }
    }
    loops
}

/// Whether two calls are made in turn in most of the executions that repeat the second one.
fn is_one_loop(group: &Group<'_, '_>, one: &Repeated, other: &Repeated) -> bool {
    let same_execution = |repeats: &Repeats| {
        let at = one.found.binary_search_by_key(&repeats.number, |it| it.number).ok();
        at.map(|at| &one.found[at])
    };
    let compared = other.found.len().min(COMPARED_EXECUTIONS_MAX);
    let in_turn = other.found.iter().take(compared).filter(|repeats| {
        let facts = &group.facts[repeats.number];
        same_execution(repeats).is_some_and(|known| are_in_turn(facts, known, repeats))
    });
    2 * in_turn.count() > compared
}

/// Whether both are repeated below one span, and between the repeats of the one made less often mostly the other one is
/// made. A call that the other one makes is a part of it.
fn are_in_turn(facts: &Facts<'_, '_>, one: &Repeats, other: &Repeats) -> bool {
    let (fewer, more) = if one.count() <= other.count() { (one, other) } else { (other, one) };
    let made = |repeats: &Repeats, is_fewer: bool| {
        let call = |&index: &u32| (facts.tree.start(index as usize), is_fewer, index as usize);
        repeats.indices.iter().map(call).collect::<Vec<_>>()
    };
    let mut calls = [made(fewer, true), made(more, false)].concat();
    calls.sort_unstable();
    let is_part = |pair: &[(i64, bool, usize)]| {
        let (before, after) = (pair[0].2, pair[1].2);
        facts.tree.is_at_or_below(before, after) || facts.tree.is_at_or_below(after, before)
    };
    let turns = calls.chunk_by(|before, after| before.1 == after.1).filter(|same| same[0].1).count();
    one.ancestor == other.ancestor
        && (turns - 1) as f64 >= IN_TURN * (fewer.count() - 1) as f64
        && !calls.windows(2).any(is_part)
}
