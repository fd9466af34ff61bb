//! `repeated_identical_call`: the same call with the same data again, which a cache or a variable would answer.
//!
//! Evidence: in more than half of the executions a reading call whose data was recorded in full is made
//! [`MIN_REPEATS`] times or more of one other side with the same status. What distinguishes requests may not be recorded
//! (headers, cookies): of an HTTP request it is [`UNSURE`] unless the size of its answer was recorded and is the same, or
//! [`MIN_EXECUTIONS_BARE`] executions repeat it. The saving is their time on the critical path less the longest.
//! Silent about writes, about statements whose bound values were not recorded, about functions whose answer changes each
//! time, about what a test that passed calls itself, about polling (long silent pauses), and where something was written in between (a statement or an HTTP
//! request that is no reading one), since the answer may then differ.

use std::collections::BTreeMap;
use std::rc::Rc;

use foldhash::HashMap;
use kino_model::Span;

use super::Draft;
use super::call::{Call, CallKind, Calls, SILENCE_NANOS_MIN, peer};
use super::detection::Detection;
use super::facts::{Facts, Group, median, shown, top};
use crate::finding::{Code, Number, UNSURE, Unit};

const MIN_REPEATS: usize = 3;
const MIN_PRESENCE: f64 = 0.5;
/// Executions that repeat requests of which no more than the address is known, for it to be sure.
const MIN_EXECUTIONS_BARE: usize = 3;
/// Pauses this many times a call's own time are waits on purpose, from [`SILENCE_NANOS_MIN`] on.
const POLLING_PAUSE: f64 = 5.0;

struct Repeats {
    number: usize,
    indices: Vec<usize>,
    saving: f64,
    /// Whether nothing was recorded of what distinguishes requests to one address, nor of the answers.
    is_bare: bool,
}

impl Repeats {
    fn last(&self) -> usize {
        self.indices[self.indices.len() - 1]
    }
}

/// What identical calls have in common: kind, other side, data, status and the size of the answer.
type Identity<'a> = (CallKind, Option<(&'a str, Option<i64>, Option<&'a str>)>, &'a str, [Option<i64>; 2]);

/// The size of a request's answer in bytes, where it was recorded.
fn answer_size(span: &Span) -> Option<i64> {
    const KEYS: [&str; 4] = [
        "http.response.body.size",
        "http.response.size",
        "http.response_content_length",
        "http.response_content_length_uncompressed",
    ];
    KEYS.iter().find_map(|key| span.int(key))
}

/// Whether a call may change what others answer: a statement or an HTTP request that is no reading one.
fn is_change(call: &Call<'_>) -> bool {
    matches!(call.kind, CallKind::Database | CallKind::Http) && !call.reads
}

/// By parent: for each of its children the latest end among it and those before it.
type Reached = HashMap<usize, Vec<i64>>;

/// Whether the program asks again on purpose: nothing recorded happens between the calls, and the pauses are long.
fn is_polling(facts: &Facts<'_, '_>, indices: &[usize], reached: &mut Reached) -> bool {
    let tree = facts.tree;
    let mut is_pause = |pair: &[usize]| {
        let (from, to) = (tree.end(pair[0]), tree.start(pair[1]));
        let parent = tree.parent(pair[0]).filter(|parent| tree.parent(pair[1]) == Some(*parent));
        let pause = SILENCE_NANOS_MIN.max(POLLING_PAUSE * tree.duration(pair[0]) as f64);
        let Some(parent) = parent.filter(|_| (to - from) as f64 > pause) else {
            return false;
        };
        let children = tree.children(parent);
        let reached = reached.entry(parent).or_insert_with(|| {
            let ends = children.iter().map(|&child| tree.end(child as usize));
            ends.scan(i64::MIN, |latest, end| {
                *latest = end.max(*latest);
                Some(*latest)
            })
            .collect()
        });
        let begun = children.partition_point(|&child| tree.start(child as usize) < to);
        begun.checked_sub(1).is_none_or(|last| reached[last] <= from)
    };
    let pauses = indices.windows(2).filter(|pair| is_pause(pair)).count();
    2 * pauses > indices.len() - 1
}

/// The calls of an execution that may repeat or change what a repeat would answer, by start; of a program those that it
/// makes itself. Others do neither, as far as is known.
fn made<'a>(calls: &mut Calls<'a>, facts: &Facts<'_, 'a>) -> Vec<(usize, Call<'a>)> {
    let counted = facts.process_of_program();
    let mut made = calls.outermost(facts);
    made.retain(|(index, call)| {
        let is_own = !facts.is_program() || facts.is_call_of_program(*index, counted.as_deref());
        is_own && (call.whole.is_some() || is_change(call))
    });
    made.sort_by_key(|(index, _)| facts.tree.start(*index));
    made
}

pub(super) fn detect(group: &Group<'_, '_>, findings: &mut Vec<Detection>) {
    let mut calls = Calls::default();
    let mut by_call: BTreeMap<Rc<str>, Vec<Repeats>> = BTreeMap::new();
    for (number, facts) in group.facts.iter().enumerate() {
        let made = made(&mut calls, facts);
        let writes: Vec<i64> =
            made.iter().filter(|(_, call)| is_change(call)).map(|(index, _)| facts.tree.start(*index)).collect();
        let mut same: BTreeMap<Identity<'_>, Vec<usize>> = BTreeMap::new();
        let mut keys: BTreeMap<&str, Rc<str>> = BTreeMap::new();
        for (index, call) in &made {
            let span = facts.span(*index);
            if let Some(whole) = call.whole.filter(|_| call.reads && !span.is_error()) {
                let answer = [span.int("http.response.status_code"), answer_size(span)];
                same.entry((call.kind, peer(span), whole, answer)).or_default().push(*index);
                keys.entry(whole).or_insert_with(|| Rc::clone(&call.key));
            }
        }
        let mut reached = Reached::default();
        for ((kind, _, whole, [_, size]), indices) in same {
            let (first, last) = (indices[0], indices[indices.len() - 1]);
            let next_write = writes.get(writes.partition_point(|write| *write < facts.tree.start(first)));
            if indices.len() < MIN_REPEATS || next_write.is_some_and(|write| *write < facts.tree.start(last)) {
                continue;
            }
            if is_polling(facts, &indices, &mut reached) || facts.is_of_test_itself(&indices) {
                continue;
            }
            let critical: Vec<f64> = indices.iter().map(|&index| facts.critical(index) as f64).collect();
            let saving = critical.iter().sum::<f64>() - critical.iter().copied().fold(0.0, f64::max);
            let is_bare = kind == CallKind::Http && size.is_none();
            by_call.entry(Rc::clone(&keys[whole])).or_default().push(Repeats { number, indices, saving, is_bare });
        }
    }
    for (key, found) in by_call {
        let mut present: Vec<usize> = found.iter().map(|repeats| repeats.number).collect();
        present.dedup();
        let is_bare = found.iter().all(|repeats| repeats.is_bare);
        let is_unsure = is_bare && present.len() < MIN_EXECUTIONS_BARE;
        if (present.len() as f64) <= group.part(MIN_PRESENCE) * group.facts.len() as f64 {
            continue;
        }
        let count = median(found.iter().map(|repeats| repeats.indices.len() as f64).collect());
        // Several calls of one form may each be repeated in one execution.
        let mut by_execution: BTreeMap<usize, [f64; 2]> = BTreeMap::new();
        for repeats in &found {
            let [saving, calls] = by_execution.entry(repeats.number).or_default();
            *saving += repeats.saving;
            *calls += (repeats.indices.len() - 1) as f64;
        }
        let of = |which: usize| median(by_execution.values().map(|sums| sums[which]).collect());
        let (saving, calls_saved) = (of(0), of(1));
        let Some(worst) = found.iter().max_by(|a, b| a.saving.total_cmp(&b.saving)) else { continue };
        let facts = &group.facts[worst.number];
        let span = facts.span(worst.last());
        let examples = found.iter().map(|it| (it.saving, group.facts[it.number].evidence(it.last())));
        let draft = Draft {
            code: Code::RepeatedIdenticalCall,
            service: span.service(),
            name: &span.name,
            detail: &key,
            numbers: vec![Number::new("calls", count, Unit::Count), Number::new("saving", saving, Unit::Nanos)],
            saving_nanos: Some(saving),
            confidence: if is_unsure { UNSURE } else { 0.9 },
            executions: group.facts.len(),
            location: facts.location(worst.last()),
            evidence: top(examples.collect()),
            text: format!(
                "the same call with the same data {count} times in an execution of {}; asked once it would save {}: {key}",
                group.title,
                shown(saving)
            ),
            next: Some("keep the first answer for the rest of the execution".to_owned()),
        };
        let places = found.iter().flat_map(|it| it.indices.iter().map(|&index| (it.number, index)));
        findings.push(draft.finding(group).about(places).saving_calls(calls_saved));
    }
}
