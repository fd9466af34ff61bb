//! Suspects: which operation most likely makes the difference, and why.
//!
//! Each kind of evidence has a test of its own, per call, and needs no verdict of the whole:
//!
//! | evidence | charged to |
//! |---|---|
//! | own time (what no child covers) | the operation |
//! | calls whose own time is several times as long as is usual | the operation |
//! | own times of all operations of a service together | the operation with most of it |
//! | calls that run at the same time, or no longer do | the operation that makes them |
//! | gap between client and server | shared between the caller's service and the callee's |
//! | failures that no failure below explains | the operation; the server that did not answer, where it is a client |
//! | log lines that came or vanished | the operation whose span they were written in, else their service |
//! | calls lost or gained, per call of the parent | the parent; the last one called, where calls now end after it and its service changed itself |
//!
//! Own times, gaps and stalls count by what is left of them without what most operations and edges have in common, where
//! there are enough of these: a whole system is somewhat slower in one window than in another.
//!
//! Where none of it is clear though executions as wholes differ ([`whole`]), what chance explains least is listed all
//! the same, as not shown.
//!
//! All of it is on one scale: the logarithm of how many times as much there is, less two standard errors. Of two that
//! have overlapping intervals, or that come and go together, the deeper one comes first, since callers wait for what they
//! call and go by what it answers.

mod edges;
mod lines;
mod names;
mod profile;
mod shift;
mod stalls;
mod whole;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use kino_model::DurationNanos;

use super::Verdict;
use super::sides::Sides;
use crate::execution::Execution;
use crate::operation::OperationIds;
pub use lines::LooseLines;
use names::Names;
use profile::{OperationProfile, PairProfile, Profile, floor};
use shift::{Clusters, Common, Happened, Shift};
use stalls::Stalls;
use whole::Whole;

/// The chance that anything is suspected when nothing changed. Each kind of evidence has an equal part of it, and so has
/// the test of executions as wholes.
const LEVEL: f64 = 0.05;
/// The chance at which something alone would be taken for a change: what is not shown is listed from here on, where
/// executions as wholes differ.
const LISTED: f64 = 0.05;
/// Suspects that are listed though none is shown.
pub(super) const LISTED_MAX: usize = 5;
/// Rounds in which gaps are shared between callers and callees; they settle in a few.
const ROUNDS: usize = 20;
/// The weight of no growth in the mean of a service's edges: one edge alone counts for four fifths.
const EDGE_PRIOR: f64 = 0.25;
/// The chance at which two changes are taken to come and go together.
const ALONG: f64 = 0.01;
/// What changed by less than this (a logarithm: some 5 %) is not worth a line.
const SMALLEST: f64 = 0.05;
/// Suspects among which the deeper ones come first; weaker ones follow as strong as they are.
const ORDERED_MAX: usize = 60;
/// The most operations that are examined below a suspect; recorded programs have a few hundred.
const REACHED_MAX: usize = 20_000;
/// Reasons listed with one suspect; the rest is counted.
const REASONS_MAX: usize = 3;
/// The part of shortened calls that must stop at the same place to name it.
const STOPS_MIN: f64 = 0.5;

/// A likely cause.
#[derive(Clone, Debug, PartialEq)]
pub struct Suspect {
    pub service: String,
    /// The span name.
    pub name: String,
    /// 0 to 1: grows with how many times as much there is of what changed.
    pub score: f64,
    /// Why, in numbers. Holds recorded names and words of log lines.
    pub reason: String,
    /// Whether a test of its own shows that it changed. Where none does though executions as wholes differ, the most
    /// likely ones are listed all the same.
    pub shown: bool,
}

/// Something that changed, and whose it is.
struct Evidence {
    operation: usize,
    /// Another one whose it is, where that one itself changed.
    rather: Option<usize>,
    shift: Shift,
    reason: String,
    /// By side, how much of it there is in each cluster; none where it is of several operations.
    courses: [Vec<(u32, f64)>; 2],
}

/// Which way times moved as a whole, so that times that moved the other way are no cause of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Longer,
    Shorter,
    /// Neither shows, or both do.
    Either,
}

impl Direction {
    fn is_wanted(self, difference: f64) -> bool {
        match self {
            Self::Longer => difference > 0.0,
            Self::Shorter => difference < 0.0,
            Self::Either => difference != 0.0,
        }
    }
}

/// The evidence of one kind.
struct Kind {
    evidence: Vec<Evidence>,
    /// How many tests there are on each piece.
    tests: usize,
}

/// Ranks what changed from the first of these to the second. `lines`: those that no span is known of.
pub(super) fn rank<'a>(
    executions: [&[Execution<'_, 'a>]; 2],
    sides: &mut Sides<'a>,
    verdict: Verdict,
    lines: [&'a LooseLines; 2],
) -> Vec<Suspect> {
    let ended = executions.map(|side| side.iter().filter(|it| !it.is_open()).copied().collect::<Vec<_>>());
    let floor = floor([&ended[0], &ended[1]]);
    let names = Names::new([&ended[0], &ended[1]], &mut sides.operations);
    let mut profiles = [0, 1].map(|side| {
        let lines = [lines[side], lines[1 - side]];
        Profile::new(&ended[side], &sides.units[side], (&mut sides.operations, &names), floor, lines)
    });
    if sides.units[0].share_a_process(&sides.units[1]) {
        for profile in &mut profiles {
            profile.few_runs = None;
        }
    }
    let [before, after] = &profiles;
    let comparison = Profiles { before, after, operations: &sides.operations, names: &names };
    let both = |operation: usize| {
        let (before, after) = (before.of(operation)?, after.of(operation)?);
        Some(Both { operation, before, after })
    };
    let both: Vec<Both<'_>> = (0..sides.operations.len()).filter_map(both).collect();
    let common = comparison.common(&both);
    let whole = Whole::new(before, after, comparison.few_runs(), &common);
    let each = |evidence: &dyn Fn(&Both<'_>) -> Vec<Evidence>| both.iter().flat_map(evidence).collect::<Vec<_>>();
    // Each kind of evidence below, and the wholes.
    let of_kind = LEVEL / 9.0;
    // The verdict is about the whole, whatever its operations have in common.
    let direction = match verdict {
        Verdict::Slower if !common.is_known() => Direction::Longer,
        Verdict::Faster if !common.is_known() => Direction::Shorter,
        _ => whole.direction(of_kind),
    };
    let (own, services) = comparison.own_times(&both, &common, direction);
    // There are two tests on what happens in calls: how often it does, and in how many calls it does not.
    let mut kinds = [
        Kind { evidence: own, tests: 1 },
        Kind { evidence: services, tests: 1 },
        Kind { evidence: comparison.stalls(&both, floor, direction), tests: 1 },
        Kind { evidence: comparison.gaps(direction), tests: 1 },
        Kind { evidence: each(&|of| comparison.overlap(of, direction).into_iter().collect()), tests: 1 },
        Kind { evidence: each(&|of| Profiles::failures(of).into_iter().collect()), tests: 1 },
        Kind { evidence: each(&|of| comparison.calls(of)), tests: 2 },
        Kind { evidence: each(&Profiles::lines), tests: 2 },
    ];
    let times = [&before.starts[..], &after.starts[..]];
    let [own, services, others @ ..] = kinds.each_mut().map(|kind| kind.shown(of_kind, times));
    // A service as a whole says more only where none of its operations shows it alone.
    let service = |evidence: &Evidence| comparison.operations.name(evidence.operation).0;
    let alone: BTreeSet<&str> = own.iter().map(service).collect();
    let services = services.into_iter().filter(|whole| !alone.contains(service(whole)));
    let found: Vec<Evidence> = services.chain(others.into_iter().flatten()).collect();
    let found: Vec<Evidence> = own.into_iter().chain(found).collect();
    let found = comparison.charged(found);
    if found.is_empty() && whole.differs(of_kind) {
        return comparison.listed(kinds);
    }
    comparison.ordered(found)
}

impl Evidence {
    /// The chance that it goes along with other evidence as it does, though it has nothing to do with it.
    fn along(&self, other: &Self) -> f64 {
        let moved = |evidence: &Self| {
            let sign = evidence.shift.difference.signum();
            evidence.courses[1].iter().map(|(cluster, value)| (*cluster, sign * value)).collect::<Vec<_>>()
        };
        shift::go_along(&moved(self), &moved(other))
    }

    /// Whether it has a trend that was there before and only went on. A window long after the other one cannot say so.
    fn goes_on(&self, starts: [&[i64]; 2]) -> bool {
        let [Some([before_first, before_last]), Some([after_first, after_last])] =
            starts.map(|side| Some([*side.iter().min()?, *side.iter().max()?]))
        else {
            return false;
        };
        let longest = (before_last - before_first).max(after_last - after_first);
        let apart = after_first - before_last;
        let points = |side: usize| {
            let at = |cluster: u32| starts[side].get(cluster as usize).map(|start| (start - before_first) as f64);
            self.courses[side].iter().filter_map(|(cluster, value)| Some((at(*cluster)?, *value))).collect::<Vec<_>>()
        };
        (0..=longest).contains(&apart) && shift::goes_on(&points(0), &points(1))
    }

    fn new(operation: usize, shift: Shift, reason: String) -> Self {
        Self { operation, rather: None, shift, reason, courses: [Vec::new(), Vec::new()] }
    }
}

impl Kind {
    /// Takes the evidence that is clear at this level of the whole kind, and large enough to be worth a line. `starts`: when
    /// each cluster of each side began. What only went on as it did before is left out.
    fn shown(&mut self, level: f64, starts: [&[i64]; 2]) -> Vec<Evidence> {
        let level = level / self.count(level) as f64;
        self.evidence.retain(|evidence| evidence.shift.p_value > LISTED || !evidence.goes_on(starts));
        let is_shown = |it: &mut Evidence| it.shift.p_value <= level && it.shift.at_least() >= SMALLEST;
        self.evidence.extract_if(.., is_shown).collect()
    }

    /// How many tests share the level: of those that could be clear at all (Tarone).
    fn count(&self, level: f64) -> usize {
        let least = self.evidence.iter().map(|evidence| evidence.shift.least_p_value).collect();
        testable(least, level / self.tests as f64) * self.tests
    }
}

/// The smallest number of tests among which a level can be shared so that no more could reach their part of it
/// (Tarone, Biometrics 1990); at least 1. `least`: the smallest chance that each test can give.
fn testable(mut least: Vec<f64>, level: f64) -> usize {
    least.sort_by(f64::total_cmp);
    let reach = |count: usize| least.partition_point(|least| *least <= level / count as f64);
    (1..=least.len()).find(|count| reach(*count) <= *count).unwrap_or(1)
}

/// Both sides.
struct Profiles<'p, 'a> {
    before: &'p Profile,
    after: &'p Profile,
    operations: &'p OperationIds<'a>,
    names: &'p Names<'a>,
}

/// One operation on both sides.
struct Both<'p> {
    operation: usize,
    before: &'p OperationProfile,
    after: &'p OperationProfile,
}

impl Profiles<'_, '_> {
    fn few_runs(&self) -> Option<usize> {
        [self.before.few_runs, self.after.few_runs].into_iter().flatten().min()
    }

    /// What own times have in common.
    fn common(&self, all: &[Both<'_>]) -> Common {
        Common::of(&own_shifts(all, self.few_runs()).into_iter().flatten().collect::<Vec<_>>())
    }

    /// Gives evidence to the operation that it rather is of, where that one's service shows something by itself: an answer
    /// that comes too early ends what its caller does, as well as its caller may end it.
    fn charged(&self, mut found: Vec<Evidence>) -> Vec<Evidence> {
        let service = |operation: usize| self.operations.name(operation).0;
        let of_itself = found.iter().filter(|evidence| evidence.rather.is_none());
        let changed: BTreeSet<&str> = of_itself.map(|evidence| service(evidence.operation)).collect();
        for evidence in &mut found {
            if let Some(last) = evidence.rather.filter(|last| changed.contains(service(*last))) {
                evidence.operation = last;
            }
        }
        found
    }

    /// Own times, beyond what all of them have in common: of each operation, and of all operations of a service together.
    fn own_times(&self, all: &[Both<'_>], common: &Common, direction: Direction) -> (Vec<Evidence>, Vec<Evidence>) {
        let is_wanted = |shift: &Shift| direction.is_wanted(shift.difference);
        let mut evidence = Vec::new();
        for (of, shift) in all.iter().zip(own_shifts(all, self.few_runs())) {
            let Some(shift) = shift.map(|shift| shift.beyond(common)).filter(is_wanted) else { continue };
            let reason = format!(
                "own time {} → {} a call, in {:.0} and {:.0} calls",
                nanos(of.before.own_mean()),
                nanos(of.after.own_mean()),
                of.before.own.calls(),
                of.after.own.calls()
            );
            let courses = [of.before, of.after].map(|side| side.own.course(&side.own));
            evidence.push(Evidence { courses, ..Evidence::new(of.operation, shift, reason) });
        }
        let mut services: BTreeMap<&str, Vec<(usize, f64, Shift)>> = BTreeMap::new();
        for (of, shift) in all.iter().zip(own_shifts(all, None)) {
            let Some(shift) = shift else { continue };
            let weight = of.before.own_nanos + of.after.own_nanos;
            services.entry(self.operations.name(of.operation).0).or_default().push((of.operation, weight, shift));
        }
        let together = services.into_iter().filter(|(_, parts)| parts.len() > 1);
        let of_service = |(service, parts): (&str, Vec<(usize, f64, Shift)>)| {
            let weighted: Vec<(f64, Shift)> = parts.iter().map(|(_, weight, shift)| (*weight, *shift)).collect();
            let shift = Shift::of_several(&weighted, self.few_runs())?.beyond(common);
            let moved = |(_, weight, shift): &&(usize, f64, Shift)| weight * shift.difference.abs();
            let (most, ..) = parts.iter().max_by(|left, right| moved(left).total_cmp(&moved(right)))?;
            let reason =
                format!("own times of {} operations of {service} together ×{:.2}", parts.len(), shift.difference.exp());
            is_wanted(&shift).then_some(Evidence::new(*most, shift, reason))
        };
        (evidence, together.filter_map(of_service).collect())
    }

    /// Calls whose own time is several times as long as is usual. Nothing where each side has few runs of its own: how often
    /// runs of the same code differ in this is not known.
    fn stalls(&self, all: &[Both<'_>], floor: f64, direction: Direction) -> Vec<Evidence> {
        if self.few_runs().is_some() {
            return Vec::new();
        }
        let stalls: Vec<Stalls> =
            all.iter().filter_map(|of| Stalls::of(of.operation, [of.before, of.after], floor)).collect();
        let of_one = |(stalls, shift): (&Stalls, Option<Shift>)| {
            let shift = shift.filter(|shift| direction.is_wanted(shift.difference))?;
            let [before, after] = [0, 1].map(|side| (stalls.stalled[side].sum(), stalls.calls[side].calls()));
            let reason = format!(
                "own time over {} in {:.0} of {:.0} calls, before in {:.0} of {:.0}",
                nanos(stalls.from_nanos),
                after.0,
                after.1,
                before.0,
                before.1
            );
            let courses = [0, 1].map(|side| stalls.stalled[side].course(&stalls.calls[side]));
            Some(Evidence { courses, ..Evidence::new(stalls.operation, shift, reason) })
        };
        stalls.iter().zip(Stalls::shifts(&stalls)).filter_map(of_one).collect()
    }

    /// How many of its calls run at the same time.
    fn overlap(&self, of: &Both<'_>, direction: Direction) -> Option<Evidence> {
        let (before, after) = (&of.before.overlap, &of.after.overlap);
        let shift = Shift::of_means(before, after, self.few_runs())?;
        let at_once = |overlap: &Clusters| (overlap.sum() / overlap.calls().max(1.0)).exp();
        let reason = format!(
            "{:.1} → {:.1} of its calls run at the same time, in {:.0} and {:.0} calls",
            at_once(before),
            at_once(after),
            before.calls(),
            after.calls()
        );
        // What runs one after another takes longer.
        direction.is_wanted(-shift.difference).then_some(Evidence::new(of.operation, shift, reason))
    }

    /// Failures of calls. A client call without an answer is charged to the server that used to answer it.
    fn failures(of: &Both<'_>) -> Option<Evidence> {
        let (before, after) = (&of.before.failures, &of.after.failures);
        let shift = Shift::of_rates((before, &of.before.calls), (after, &of.after.calls))?;
        let is_unanswered = 2.0 * of.after.unanswered.sum() > after.sum();
        let accused = of.before.answered_by.or(of.after.answered_by).filter(|_| is_unanswered);
        let whose = if accused.is_some() { "a call of it fails" } else { "fails" };
        let reason = format!(
            "{whose} in {:.0} of {:.0} calls, before in {:.0} of {:.0}",
            after.sum(),
            of.after.calls.calls(),
            before.sum(),
            of.before.calls.calls()
        );
        let operation = accused.unwrap_or(of.operation);
        let courses = [of.before, of.after].map(|side| side.failures.course(&side.calls));
        (shift.difference > 0.0).then(|| Evidence { courses, ..Evidence::new(operation, shift, reason) })
    }

    /// Calls made per call.
    fn calls(&self, of: &Both<'_>) -> Vec<Evidence> {
        let none = Happened::default();
        let called: BTreeSet<usize> = of.before.children.keys().chain(of.after.children.keys()).copied().collect();
        let rates = |child: usize| {
            let (before, after) = (&of.before.children, &of.after.children);
            [before.get(&child).unwrap_or(&none), after.get(&child).unwrap_or(&none)]
        };
        let mut evidence = Vec::new();
        for child in called {
            let [before, after] = rates(child);
            let sides = ((before, &of.before.calls), (after, &of.after.calls));
            let Some(shift) = Shift::of_happening(sides.0, sides.1) else { continue };
            let is_lost = shift.difference < 0.0 && !fails_instead(of, before, after);
            let rather = if is_lost { self.stops_at(of, child, before, after) } else { None };
            let (parent, name) = (self.operations.name(of.operation).1, self.operations.name(child).1);
            let per_call = |made: &Clusters, calls: &Clusters| short(made.sum() / calls.calls().max(1.0));
            let ends = rather.map(|last| format!(", which now end after {}", self.operations.name(last).1));
            let ends = ends.unwrap_or_default();
            let reason = format!(
                "{} → {} calls of {name} in each of {:.0} and {:.0} calls of {parent}{ends}",
                per_call(&before.times, &of.before.calls),
                per_call(&after.times, &of.after.calls),
                of.before.calls.calls(),
                of.after.calls.calls()
            );
            let courses = [(before, of.before), (after, of.after)].map(|(it, side)| it.times.course(&side.calls));
            evidence.push(Evidence { rather, courses, ..Evidence::new(of.operation, shift, reason) });
        }
        evidence
    }

    /// The operation after which calls now end that went on to `lost` before; `None` where they end by themselves.
    fn stops_at(&self, of: &Both<'_>, lost: usize, before: &Happened, after: &Happened) -> Option<usize> {
        let share = |profile: &OperationProfile, count: f64| count / profile.calls.calls().max(1.0);
        let shortened = share(of.before, before.calls.sum()) - share(of.after, after.calls.sum());
        let ended = |profile: &OperationProfile, last: usize| {
            share(profile, profile.last.get(&last).copied().unwrap_or(0) as f64)
        };
        let others = of.after.last.keys().copied().filter(|last| *last != lost);
        let moved = others.map(|last| (last, ended(of.after, last) - ended(of.before, last)));
        let (last, moved) = moved.max_by(|left, right| left.1.total_cmp(&right.1))?;
        let answered = |operation: usize| self.before.of(operation).and_then(|profile| profile.answered_by);
        (moved > 0.0 && moved >= STOPS_MIN * shortened).then(|| answered(last).unwrap_or(last))
    }

    /// Log lines per call.
    fn lines(of: &Both<'_>) -> Vec<Evidence> {
        let none = Happened::default();
        let shapes: BTreeSet<&String> = of.before.lines.keys().chain(of.after.lines.keys()).collect();
        let evidence = |shape: &String| {
            let (before, after) = (of.before.lines.get(shape), of.after.lines.get(shape));
            let (before, after) = (before.unwrap_or(&none), after.unwrap_or(&none));
            let shift = Shift::of_happening((before, &of.before.calls), (after, &of.after.calls))?;
            let reason = format!(
                "logs {:?} {:.0} times in {:.0} calls, before {:.0} times in {:.0}",
                shape.trim_start_matches('!'),
                after.times.sum(),
                of.after.calls.calls(),
                before.times.sum(),
                of.before.calls.calls()
            );
            let courses = [(before, of.before), (after, of.after)].map(|(it, side)| it.times.course(&side.calls));
            Some(Evidence { courses, ..Evidence::new(of.operation, shift, reason) })
        };
        shapes.into_iter().filter_map(evidence).collect()
    }

    /// Gaps between clients and servers, shared between the two services.
    fn gaps(&self, direction: Direction) -> Vec<Evidence> {
        let mut edges: Vec<(&(String, String), Shift, [&PairProfile; 2])> = Vec::new();
        let mut shifts = Vec::new();
        for (key, before) in &self.before.pairs {
            let Some(after) = self.after.pairs.get(key).filter(|_| key.0 != key.1) else { continue };
            if let Some(shift) = Shift::of_means(&before.gaps, &after.gaps, self.few_runs()) {
                edges.push((key, shift, [before, after]));
                shifts.push(shift);
            }
        }
        let common = Common::of(&shifts);
        for (_, shift, _) in &mut edges {
            *shift = shift.beyond(&common);
        }
        let mut callers: BTreeMap<&str, f64> = BTreeMap::new();
        let mut callees: BTreeMap<&str, f64> = BTreeMap::new();
        let of = |parts: &BTreeMap<&str, f64>, service: &str| parts.get(service).copied().unwrap_or(0.0);
        for _ in 0..ROUNDS {
            callees = shared(edges.iter().map(|((from, to), shift, _)| (&**to, shift.difference - of(&callers, from))));
            callers = shared(edges.iter().map(|((from, to), shift, _)| (&**from, shift.difference - of(&callees, to))));
        }
        let mut evidence = Vec::new();
        for ((from, to), shift, [before, after]) in &edges {
            if !direction.is_wanted(shift.difference) {
                continue;
            }
            let reason = format!(
                "the time between {from} and {to} {} → {} a call, in {:.0} and {:.0} calls",
                nanos(before.nanos / before.gaps.calls().max(1.0)),
                nanos(after.nanos / after.gaps.calls().max(1.0)),
                before.gaps.calls(),
                after.gaps.calls()
            );
            let answering = after.answers.iter().max_by_key(|(_, count)| **count).map(|(operation, _)| *operation);
            let calling = self.busiest(from);
            for (operation, part) in [(answering, of(&callees, to)), (calling, of(&callers, from))] {
                let part = (part / shift.difference).clamp(0.0, 1.0);
                if let Some(operation) = operation {
                    evidence.push(Evidence::new(operation, shift.times(part), reason.clone()));
                }
            }
        }
        evidence
    }

    /// The operation of a service with most own time after: it represents the service as a caller.
    fn busiest(&self, service: &str) -> Option<usize> {
        let of_service = (0..self.operations.len()).filter(|operation| self.operations.name(*operation).0 == service);
        of_service
            .filter_map(|operation| Some((operation, self.after.of(operation)?.own_nanos)))
            .max_by(|left, right| left.1.total_cmp(&right.1))
            .map(|(operation, _)| operation)
    }

    /// By operation, the strongest first; of two whose intervals overlap the one below comes first.
    fn ordered(&self, found: Vec<Evidence>) -> Vec<Suspect> {
        let mut by_operation: BTreeMap<usize, Vec<Evidence>> = BTreeMap::new();
        for evidence in found {
            by_operation.entry(evidence.operation).or_default().push(evidence);
        }
        let mut candidates: Vec<(usize, Vec<Evidence>)> = by_operation.into_iter().collect();
        for (_, evidence) in &mut candidates {
            evidence.sort_by(|left, right| right.shift.at_least().total_cmp(&left.shift.at_least()));
        }
        let strength = |evidence: &[Evidence]| evidence[0].shift.at_least();
        candidates.sort_by(|left, right| strength(&right.1).total_cmp(&strength(&left.1)).then(left.0.cmp(&right.0)));
        let weaker = candidates.split_off(candidates.len().min(ORDERED_MAX));
        let named: BTreeSet<usize> = candidates.iter().map(|(operation, _)| *operation).collect();
        let below: BTreeMap<usize, BTreeSet<usize>> =
            named.iter().map(|operation| (*operation, self.reached(*operation, &named))).collect();
        let is_below =
            |operation: usize, above: usize| below[&above].contains(&operation) && !below[&operation].contains(&above);
        let mut ordered: Vec<(usize, Vec<Evidence>)> = Vec::new();
        while !candidates.is_empty() {
            let mut first = 0;
            // The strongest, or one below it that may be as strong, or in which it has its cause.
            while let Some(deeper) = (0..candidates.len()).find(|&at| {
                let [deeper, above] = [at, first].map(|at| &candidates[at].1[0]);
                let might = || deeper.shift.at_most() >= above.shift.at_least() || deeper.along(above) <= ALONG;
                at != first && is_below(candidates[at].0, candidates[first].0) && might()
            }) {
                first = deeper;
            }
            ordered.push(candidates.remove(first));
        }
        ordered.extend(weaker);
        self.suspects(ordered, true)
    }

    /// What is not shown, by operation: what chance explains least comes first.
    fn listed(&self, kinds: [Kind; 8]) -> Vec<Suspect> {
        let mut found: Vec<(f64, Evidence)> = Vec::new();
        for kind in kinds {
            let tests = kind.count(LISTED) as f64;
            let listed = kind.evidence.into_iter().filter(|it| it.shift.p_value <= LISTED);
            found.extend(listed.map(|evidence| (evidence.shift.p_value * tests, evidence)));
        }
        found.sort_by(|left, right| left.0.total_cmp(&right.0).then(left.1.operation.cmp(&right.1.operation)));
        let mut candidates: Vec<(usize, Vec<Evidence>)> = Vec::new();
        for (_, evidence) in found {
            match candidates.iter_mut().find(|(operation, _)| *operation == evidence.operation) {
                Some((_, its)) => its.push(evidence),
                None => candidates.push((evidence.operation, vec![evidence])),
            }
        }
        let mut listed = self.suspects(candidates, false);
        listed.truncate(LISTED_MAX);
        listed
    }

    /// Suspects in this order, each operation once as spans name it.
    fn suspects(&self, candidates: Vec<(usize, Vec<Evidence>)>, shown: bool) -> Vec<Suspect> {
        let mut named: Vec<(usize, Vec<Evidence>)> = Vec::new();
        let mut places: BTreeMap<usize, usize> = BTreeMap::new();
        for (operation, evidence) in candidates {
            let operation = self.names.named(operation);
            let place = *places.entry(operation).or_insert(named.len());
            match named.get_mut(place) {
                Some((_, its)) => its.extend(evidence),
                None => named.push((operation, evidence)),
            }
        }
        named.into_iter().map(|(operation, evidence)| self.suspect(operation, &evidence, shown)).collect()
    }

    fn suspect(&self, operation: usize, evidence: &[Evidence], shown: bool) -> Suspect {
        let (service, name) = self.operations.name(operation);
        let mut reasons: Vec<Cow<'_, str>> =
            evidence.iter().take(REASONS_MAX).map(|evidence| Cow::from(evidence.reason.as_str())).collect();
        if let Some(further @ 1..) = evidence.len().checked_sub(REASONS_MAX) {
            reasons.push(format!("and {further} more").into());
        }
        Suspect {
            service: service.to_owned(),
            name: name.to_owned(),
            score: 1.0 - (-evidence[0].shift.at_least().max(0.0)).exp(),
            reason: reasons.join("; "),
            shown,
        }
    }

    /// Those of `named` that an operation calls, however indirectly. Log lines that no span is known of are where their
    /// service is.
    fn reached(&self, from: usize, named: &BTreeSet<usize>) -> BTreeSet<usize> {
        let is_loose = |operation: usize| self.operations.name(operation).1 == LooseLines::NAME;
        let service = |operation: usize| self.operations.name(operation).0;
        let loose: BTreeMap<&str, usize> =
            named.iter().filter(|it| is_loose(**it)).map(|operation| (service(*operation), *operation)).collect();
        let mut open = vec![from];
        if is_loose(from) {
            open.extend((0..self.operations.len()).filter(|other| service(*other) == service(from)));
        }
        let mut seen = BTreeSet::new();
        while let Some(operation) = open.pop().filter(|_| seen.len() < REACHED_MAX) {
            for side in [self.before, self.after] {
                for child in side.of(operation).into_iter().flat_map(|profile| profile.children.keys()) {
                    if seen.insert(*child) {
                        open.push(*child);
                        seen.extend(loose.get(service(*child)));
                    }
                }
            }
        }
        seen.intersection(named).copied().collect()
    }
}

/// How far the own time of each operation moved.
fn own_shifts(all: &[Both<'_>], few_runs: Option<usize>) -> Vec<Option<Shift>> {
    all.iter().map(|of| Shift::of_means(&of.before.own, &of.after.own, few_runs)).collect()
}

/// Whether most calls that lack a call which was made before fail by themselves.
fn fails_instead(of: &Both<'_>, before: &Happened, after: &Happened) -> bool {
    let (calls_before, calls_after) = (of.before.calls.calls(), of.after.calls.calls());
    let lacking = before.calls.sum() / calls_before.max(1.0) * calls_after - after.calls.sum();
    let failing = of.after.failures.sum() - of.before.failures.sum() / calls_before.max(1.0) * calls_after;
    failing >= STOPS_MIN * lacking
}

/// Each service's mean, drawn towards none the more the fewer edges it has.
fn shared<'s>(edges: impl Iterator<Item = (&'s str, f64)>) -> BTreeMap<&'s str, f64> {
    let mut sums: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for (service, part) in edges {
        let sum = sums.entry(service).or_default();
        *sum = (sum.0 + part, sum.1 + 1.0);
    }
    sums.into_iter().map(|(service, (sum, count))| (service, sum / (count + EDGE_PRIOR))).collect()
}

fn nanos(value: f64) -> DurationNanos {
    DurationNanos(value.round() as i64)
}

fn short(value: f64) -> String {
    if (value - value.round()).abs() < 0.005 { format!("{value:.0}") } else { format!("{value:.2}") }
}
