//! How the findings of one group relate: which of several about the same calls is listed, and whose time another
//! finding explains.
//!
//! A detector says of a finding which spans it is *about*: repairing it changes their time. A detector whose finding
//! is itself the reason why time passes (failed attempts, refusals, waits) also says which stretches of the critical
//! path it *explains*. Here, after all detectors ran:
//!
//! - What a finding proposes must save enough to be worth it ([`super::worth`]).
//! - Of findings that propose another way of making the same calls, the one with the largest effect is listed; the
//!   others become its remarks.
//! - A bottleneck follows from a proposal about the same calls, which says what to do about it.
//! - Time that another finding explains is taken off a saving. Where that is most of it, the finding follows from the
//!   other one and is listed after it.

use super::detection::{Detection, SpanRef, Stretch};
use super::facts::Group;
use crate::critical_path::Segment;
use crate::finding::{Code, Finding, MAX_REMARKS, UNSURE};
use crate::tree::Tree;

/// Two findings are about the same calls if more than this part of one's calls are the other's as well.
const SAME_PART: f64 = 0.5;
/// A finding follows from another one that explains more than this part of its time.
const FOLLOWS_PART: f64 = 0.5;
/// Stretches that hold a moment of the critical path at once, at most; further ones explain nothing.
const STRETCHES_AT_ONCE_MAX: usize = 64;

/// A finding with what its place in a list depends on.
pub(super) struct Ranked {
    pub(super) finding: Finding,
    /// What would be saved in an execution if this were repaired, what follows from it included, in nanoseconds.
    pub(super) worth: f64,
}

impl Ranked {
    /// Of a finding that several groups' executions make: what it saves, else the waiting that it speaks of.
    pub(super) fn of_waiting(finding: Finding) -> Self {
        let number = |name: &str| finding.numbers.iter().find(|number| number.name == name).map(|number| number.value);
        let waiting = number("wait").zip(number("covered")).map_or(0.0, |(wait, covered)| wait * covered);
        let worth = finding.saving_nanos.map_or(waiting, |nanos| nanos as f64);
        Self { finding, worth }
    }
}

/// Relates the findings of one group, in the order of their detectors.
pub(super) fn relate(group: &Group<'_, '_>, mut found: Vec<Detection>) -> Vec<Ranked> {
    let merged_into = merge(group, &found);
    let causes = causes(group, &found);
    let worths = discount(group, &mut found, &causes);
    explain_bottlenecks(group, &mut found, &merged_into);
    list(found, &worths, &merged_into)
}

/// How much of a finding's time another one explains.
#[derive(Clone, Copy, Debug)]
struct ExplainedShare {
    finding: usize,
    /// Nanoseconds of the critical paths of all executions.
    explained: f64,
    /// Of all that the finding is about.
    part: f64,
}

/// For each finding the one that explains most of its time, if any does. What explains time follows from nothing, but for
/// retries of what was refused for too many: these say why the attempts failed.
fn causes(group: &Group<'_, '_>, found: &[Detection]) -> Vec<Option<ExplainedShare>> {
    let mut causes: Vec<Option<ExplainedShare>> = vec![None; found.len()];
    for (number, cause) in found.iter().enumerate().filter(|(_, cause)| !cause.explains.is_empty()) {
        let explained = Explained::by(group, cause);
        for (other, effect) in found.iter().enumerate().filter(|(_, effect)| may_follow(effect, cause)) {
            let (explained, total) = explained.of(group, effect);
            if explained > causes[other].map_or(0.0, |known| known.explained) {
                causes[other] = Some(ExplainedShare { finding: number, explained, part: explained / total });
            }
        }
    }
    causes
}

fn may_follow(effect: &Detection, cause: &Detection) -> bool {
    effect.explains.is_empty() || (effect.finding.code, cause.finding.code) == (Code::RetryStorm, Code::RateLimited)
}

/// The time that a finding explains, by execution and by segment of its critical path.
struct Explained {
    /// The execution's number and, for each segment of its path, the nanoseconds explained.
    executions: Vec<(usize, Vec<i64>)>,
}

impl Explained {
    fn by(group: &Group<'_, '_>, cause: &Detection) -> Self {
        let of_execution = |stretches: &[Stretch]| {
            let number = stretches[0].place.execution;
            let facts = &group.facts[number];
            (number, explained_segments(facts.tree, facts.path(), stretches))
        };
        let by_execution = cause.explains.chunk_by(|one, other| one.place.execution == other.place.execution);
        Self { executions: by_execution.map(of_execution).collect() }
    }

    /// How much of the time is explained that a finding is about, and how much time that is.
    fn of(&self, group: &Group<'_, '_>, effect: &Detection) -> (f64, f64) {
        let (mut explained, mut total) = (0, 0);
        for places in effect.about.chunk_by(|one, other| one.execution == other.execution) {
            let number = places[0].execution;
            let facts = &group.facts[number];
            let here = self.executions.binary_search_by_key(&number, |(number, _)| *number).ok();
            let spans = Spans::new(group, places, effect.is_own);
            for (at, segment) in facts.path().iter().enumerate() {
                if spans.has(group, number, segment.span) {
                    total += segment.duration();
                    explained += here.map_or(0, |here| self.executions[here].1[at]);
                }
            }
        }
        (explained as f64, total as f64)
    }
}

/// For each segment of a path the nanoseconds that the stretches hold, which are in the order of their starts.
fn explained_segments(tree: &Tree<'_>, path: &[Segment], stretches: &[Stretch]) -> Vec<i64> {
    let mut rest = stretches.iter().peekable();
    let mut active: Vec<&Stretch> = Vec::new();
    let explained = path.iter().map(|segment| {
        active.retain(|stretch| stretch.end > segment.start);
        while let Some(next) = rest.next_if(|next| next.start < segment.end) {
            if next.end > segment.start && active.len() < STRETCHES_AT_ONCE_MAX {
                active.push(next);
            }
        }
        let mut reached = segment.start;
        let mut explained = 0;
        for stretch in active.iter().filter(|it| tree.is_at_or_below(segment.span, it.place.span)) {
            let (from, to) = (stretch.start.max(reached), stretch.end.min(segment.end));
            explained += (to - from).max(0);
            reached = reached.max(to);
        }
        explained
    });
    explained.collect()
}

/// Takes off each saving what another finding explains, and says which one it follows from. Returns what each finding
/// is worth in an execution, with what follows from it.
fn discount(group: &Group<'_, '_>, found: &mut [Detection], causes: &[Option<ExplainedShare>]) -> Vec<f64> {
    let executions = group.facts.len().max(1) as f64;
    for number in 0..found.len() {
        let Some(cause) = causes[number] else { continue };
        let reason = &found[cause.finding].finding;
        let (fingerprint, reason) = (reason.fingerprint, format!("{} of {}", reason.code, reason.subject.name));
        let finding = &mut found[number].finding;
        finding.saving_nanos = finding.saving_nanos.map(|nanos| (nanos as f64 * (1.0 - cause.part)).round() as i64);
        if cause.part > FOLLOWS_PART {
            finding.follows_from = Some(fingerprint);
            finding
                .remarks
                .push(format!("follows from {reason}, which explains {:.0} % of its time", cause.part * 100.0));
        }
    }
    let mut worths: Vec<f64> = found.iter().map(|it| it.finding.saving_nanos.unwrap_or(0) as f64).collect();
    for (number, cause) in causes.iter().enumerate() {
        if let Some(cause) = cause.filter(|_| found[number].finding.follows_from.is_some()) {
            // So that it comes first, whatever is left of what follows from it.
            worths[cause.finding] = worths[cause.finding].max(cause.explained / executions).max(worths[number]);
        }
    }
    worths
}

/// The place of a code among those that propose another way of making the same calls: the first has the largest
/// effect. `None` for all others.
fn precedence(code: Code) -> Option<u8> {
    match code {
        Code::NPlusOne => Some(0),
        Code::SequentialCouldBeParallel => Some(1),
        Code::RepeatedIdenticalCall => Some(2),
        _ => None,
    }
}

/// For each finding the one that it becomes a remark of, because that one is about the same calls and comes before it.
fn merge(group: &Group<'_, '_>, found: &[Detection]) -> Vec<Option<usize>> {
    let saving = |at: usize| found[at].finding.saving_nanos;
    let mut order: Vec<usize> = (0..found.len()).filter(|&at| precedence(found[at].finding.code).is_some()).collect();
    order.sort_by_key(|&at| (precedence(found[at].finding.code), std::cmp::Reverse(saving(at)), at));
    let mut listed: Vec<usize> = Vec::new();
    let mut merged_into = vec![None; found.len()];
    for at in order {
        merged_into[at] = listed.iter().copied().find(|&before| is_about_same(group, &found[at], &found[before]));
        if merged_into[at].is_none() {
            listed.push(at);
        }
    }
    merged_into
}

/// Says of each bottleneck which listed proposal is about the same calls, of those that are sure.
fn explain_bottlenecks(group: &Group<'_, '_>, found: &mut [Detection], merged_into: &[Option<usize>]) {
    let is_listed = |at: &usize| {
        let finding = &found[*at].finding;
        precedence(finding.code).is_some() && merged_into[*at].is_none() && finding.confidence > UNSURE
    };
    let proposals: Vec<usize> = (0..found.len()).filter(is_listed).collect();
    for number in 0..found.len() {
        let finding = &found[number].finding;
        if finding.code != Code::Bottleneck || finding.follows_from.is_some() {
            continue;
        }
        let same = proposals.iter().copied().find(|&at| is_about_same(group, &found[number], &found[at]));
        let Some(proposal) = same.map(|at| found[at].finding.clone()) else { continue };
        let finding = &mut found[number].finding;
        finding.remarks.push(format!("{} of {} is about the same calls", proposal.code, proposal.subject.name));
        finding.follows_from = Some(proposal.fingerprint);
    }
}

/// The findings that are no remarks of others, with these as their remarks.
fn list(mut found: Vec<Detection>, worths: &[f64], merged_into: &[Option<usize>]) -> Vec<Ranked> {
    for (at, into) in merged_into.iter().enumerate() {
        if let Some(into) = *into {
            let finding = &found[at].finding;
            let remark = format!("{}: {}", finding.code, finding.text);
            found[into].finding.remarks.push(remark);
        }
    }
    let listed = found.into_iter().zip(worths).zip(merged_into).filter(|(_, into)| into.is_none());
    let ranked = listed.map(|((mut found, &worth), _)| {
        bound(&mut found.finding.remarks);
        Ranked { finding: found.finding, worth }
    });
    ranked.collect()
}

/// Keeps the first remarks, and counts the others in the last.
fn bound(remarks: &mut Vec<String>) {
    if remarks.len() > MAX_REMARKS {
        let more = remarks.len() - (MAX_REMARKS - 1);
        remarks.truncate(MAX_REMARKS - 1);
        remarks.push(format!("and {more} other remarks on the same calls"));
    }
}

/// Whether most of the first one's calls are the other's: the same spans, or one below the other. Two findings of one
/// code are about different calls unless each call of one has one of the other: a call that is made for each item may
/// well make a call for each of its own.
fn is_about_same(group: &Group<'_, '_>, one: &Detection, other: &Detection) -> bool {
    if one.finding.code == other.finding.code && one.about.len() != other.about.len() {
        return false;
    }
    let mut same = 0;
    for places in one.about.chunk_by(|one, other| one.execution == other.execution) {
        let number = places[0].execution;
        let from = other.about.partition_point(|place| place.execution < number);
        let to = other.about.partition_point(|place| place.execution <= number);
        let spans = Spans::new(group, &other.about[from..to], false);
        same += places.iter().filter(|place| spans.meets(group, number, place.span)).count();
    }
    same as f64 > SAME_PART * one.about.len() as f64
}

/// Spans of one execution, as disjoint ranges of positions in its subtree, in order.
struct Spans(Vec<(usize, usize)>);

impl Spans {
    /// The spans at `places`, all of one execution, and those below them unless `is_own`.
    fn new(group: &Group<'_, '_>, places: &[SpanRef], is_own: bool) -> Self {
        let Some(first) = places.first() else { return Self(Vec::new()) };
        let mut ranges: Vec<(usize, usize)> =
            places.iter().map(|place| range(group, first.execution, place.span)).collect();
        if is_own {
            ranges = ranges.into_iter().map(|(from, _)| (from, from + 1)).collect();
        }
        ranges.sort_unstable();
        // Subtrees are disjoint or one holds the other.
        let mut reached = 0;
        ranges.retain(|(from, to)| {
            let is_outer = *from >= reached;
            reached = reached.max(*to);
            is_outer
        });
        Self(ranges)
    }

    fn has(&self, group: &Group<'_, '_>, execution: usize, span: usize) -> bool {
        let (position, _) = range(group, execution, span);
        let next = self.0.partition_point(|(_, to)| *to <= position);
        self.0.get(next).is_some_and(|(from, _)| *from <= position)
    }

    /// Whether the span is one of them, or below or above one.
    fn meets(&self, group: &Group<'_, '_>, execution: usize, span: usize) -> bool {
        let (begin, end) = range(group, execution, span);
        let next = self.0.partition_point(|(_, to)| *to <= begin);
        self.0.get(next).is_some_and(|(from, _)| *from < end)
    }
}

/// The positions of a span and of all below it in the execution's subtree.
fn range(group: &Group<'_, '_>, execution: usize, span: usize) -> (usize, usize) {
    let facts = &group.facts[execution];
    let position = facts.tree.position_below(facts.execution.entry, span);
    (position, position + facts.tree.subtree(span).len())
}
