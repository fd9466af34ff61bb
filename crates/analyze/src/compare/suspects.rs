//! Suspects: which operation most likely makes the difference, and why.
//!
//! Each kind of evidence has a test of its own, per call, and needs no verdict of the whole:
//!
//! | evidence | charged to |
//! |---|---|
//! | own time (what no child covers) | the operation |
//! | own times of all operations of a service together | the operation with most of it |
//! | calls that run at the same time, or no longer do | the operation that makes them |
//! | gap between client and server | shared between the caller's service and the callee's |
//! | failures that no failure below explains | the operation; the server that did not answer, where it is a client |
//! | log lines that came or vanished | the operation whose span they were written in |
//! | calls lost or gained, per call of the parent | the parent; where shortened calls now stop, the last one called |
//!
//! Own times and gaps count by what is left of them without what most operations and edges have in common, where there
//! are enough of these: a whole system is somewhat slower in one window than in another.
//!
//! All of it is on one scale: the logarithm of how many times as much there is, less two standard errors. Of two that
//! have overlapping intervals the deeper one comes first, since callers wait for what they call.

mod profile;
mod shift;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use kino_model::DurationNanos;

use super::Verdict;
use super::sides::Sides;
use crate::execution::Execution;
use crate::operation::Operations;
use profile::{OperationProfile, PairProfile, Profile, floor};
use shift::{Clusters, Common, Happened, Shift};

/// The chance that anything is suspected when nothing changed. Each kind of evidence has an equal part of it.
const LEVEL: f64 = 0.05;
/// Rounds in which gaps are shared between callers and callees; they settle in a few.
const ROUNDS: usize = 20;
/// The weight of no growth in the mean of a service's edges: one edge alone counts for four fifths.
const EDGE_PRIOR: f64 = 0.25;
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
}

/// Something that changed, and whose it is.
struct Evidence {
    operation: usize,
    shift: Shift,
    reason: String,
}

/// Ranks what changed from the first of these to the second.
pub(super) fn rank<'a>(executions: [&[Execution<'_, 'a>]; 2], sides: &mut Sides<'a>, verdict: Verdict) -> Vec<Suspect> {
    let ended = executions.map(|side| side.iter().filter(|it| !it.is_open()).copied().collect::<Vec<_>>());
    let floor = floor([&ended[0], &ended[1]]);
    let profile = |side: usize| Profile::new(&ended[side], &sides.units[side], &mut sides.operations, floor);
    let mut profiles = [0, 1].map(profile);
    if sides.units[0].share_a_process(&sides.units[1]) {
        for profile in &mut profiles {
            profile.few_runs = None;
        }
    }
    let [before, after] = &profiles;
    let comparison = Profiles { before, after, operations: &sides.operations, faster: verdict == Verdict::Faster };
    let both = |operation: usize| {
        let (before, after) = (before.of(operation)?, after.of(operation)?);
        Some(Both { operation, before, after })
    };
    let both: Vec<Both<'_>> = (0..sides.operations.len()).filter_map(both).collect();
    let each = |evidence: &dyn Fn(&Both<'_>) -> Vec<Evidence>| both.iter().flat_map(evidence).collect::<Vec<_>>();
    let (own, services) = comparison.own_times(&both);
    // With how many tests there are on each piece. There are two on what happens in calls: how often it does, and in how
    // many calls it does not.
    let kinds = [
        (own, 1),
        (services, 1),
        (comparison.gaps(), 1),
        (each(&|of| comparison.overlap(of).into_iter().collect()), 1),
        (each(&|of| Profiles::failures(of).into_iter().collect()), 1),
        (each(&|of| comparison.calls(of)), 2),
        (each(&Profiles::lines), 2),
    ];
    let of_kind = LEVEL / kinds.len() as f64;
    let [own, mut services, others @ ..] = kinds.map(|(evidence, tests)| {
        let level = of_kind / (tests * evidence.len()).max(1) as f64;
        shown(evidence, level)
    });
    // A service as a whole says more only where none of its operations shows it alone.
    let service = |evidence: &Evidence| comparison.operations.name(evidence.operation).0;
    services.retain(|whole| own.iter().all(|own| service(own) != service(whole)));
    comparison.ordered(own.into_iter().chain(services).chain(others.into_iter().flatten()).collect())
}

/// The evidence that is clear at this level and large enough to be worth a line.
fn shown(mut evidence: Vec<Evidence>, level: f64) -> Vec<Evidence> {
    evidence.retain(|evidence| evidence.shift.p_value <= level && evidence.shift.at_least() >= SMALLEST);
    evidence
}

/// Both sides.
struct Profiles<'p, 'a> {
    before: &'p Profile,
    after: &'p Profile,
    operations: &'p Operations<'a>,
    /// Whether the whole became faster, so that it is time saved which is looked for.
    faster: bool,
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

    /// Own times, beyond what all of them have in common: of each operation, and of all operations of a service together.
    fn own_times(&self, all: &[Both<'_>]) -> (Vec<Evidence>, Vec<Evidence>) {
        let shifts = |few_runs| -> Vec<Option<Shift>> {
            let shift = |of: &Both<'_>| Shift::of_means(&of.before.own, &of.after.own, few_runs);
            all.iter().map(shift).collect()
        };
        let each = shifts(self.few_runs());
        let common = Common::of(&each.iter().copied().flatten().collect::<Vec<_>>());
        let is_wanted = |shift: &Shift| if self.faster { shift.difference < 0.0 } else { shift.difference > 0.0 };
        let mut evidence = Vec::new();
        for (of, shift) in all.iter().zip(each) {
            let Some(shift) = shift.map(|shift| shift.beyond(&common)).filter(is_wanted) else { continue };
            let reason = format!(
                "own time {} → {} a call, in {:.0} and {:.0} calls",
                nanos(of.before.own_mean()),
                nanos(of.after.own_mean()),
                of.before.own.calls(),
                of.after.own.calls()
            );
            evidence.push(Evidence { operation: of.operation, shift, reason });
        }
        let mut services: BTreeMap<&str, Vec<(usize, f64, Shift)>> = BTreeMap::new();
        for (of, shift) in all.iter().zip(shifts(None)) {
            let Some(shift) = shift else { continue };
            let weight = of.before.own_nanos + of.after.own_nanos;
            services.entry(self.operations.name(of.operation).0).or_default().push((of.operation, weight, shift));
        }
        let together = services.into_iter().filter(|(_, parts)| parts.len() > 1);
        let of_service = |(service, parts): (&str, Vec<(usize, f64, Shift)>)| {
            let weighted: Vec<(f64, Shift)> = parts.iter().map(|(_, weight, shift)| (*weight, *shift)).collect();
            let shift = Shift::of_several(&weighted, self.few_runs())?.beyond(&common);
            let moved = |(_, weight, shift): &&(usize, f64, Shift)| weight * shift.difference.abs();
            let (most, ..) = parts.iter().max_by(|left, right| moved(left).total_cmp(&moved(right)))?;
            let reason =
                format!("own times of {} operations of {service} together ×{:.2}", parts.len(), shift.difference.exp());
            is_wanted(&shift).then_some(Evidence { operation: *most, shift, reason })
        };
        (evidence, together.filter_map(of_service).collect())
    }

    /// How many of its calls run at the same time.
    fn overlap(&self, of: &Both<'_>) -> Option<Evidence> {
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
        let wanted = if self.faster { shift.difference > 0.0 } else { shift.difference < 0.0 };
        wanted.then_some(Evidence { operation: of.operation, shift, reason })
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
        (shift.difference > 0.0).then_some(Evidence { operation, shift, reason })
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
            let stops_at = if is_lost { self.stops_at(of, child) } else { None };
            let operation = stops_at.unwrap_or(of.operation);
            let (parent, name) = (self.operations.name(of.operation).1, self.operations.name(child).1);
            let per_call = |made: &Clusters, calls: &Clusters| short(made.sum() / calls.calls().max(1.0));
            let stops = if stops_at.is_some() { ", and calls now end after this" } else { "" };
            let reason = format!(
                "{} → {} calls of {name} in each of {:.0} and {:.0} calls of {parent}{stops}",
                per_call(&before.times, &of.before.calls),
                per_call(&after.times, &of.after.calls),
                of.before.calls.calls(),
                of.after.calls.calls()
            );
            evidence.push(Evidence { operation, shift, reason });
        }
        evidence
    }

    /// The operation after which calls now end that went on to `lost` before; `None` where they end by themselves.
    fn stops_at(&self, of: &Both<'_>, lost: usize) -> Option<usize> {
        let share = |profile: &OperationProfile, operation: usize| {
            let calls: u64 = profile.last.values().sum();
            profile.last.get(&operation).copied().unwrap_or(0) as f64 / calls.max(1) as f64
        };
        let (last, _) = of.after.last.iter().max_by_key(|(_, count)| **count)?;
        let moved = share(of.after, *last) - share(of.before, *last);
        let answered = |operation: usize| self.before.of(operation).and_then(|profile| profile.answered_by);
        (*last != lost && moved >= STOPS_MIN).then(|| answered(*last).unwrap_or(*last))
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
            Some(Evidence { operation: of.operation, shift, reason })
        };
        shapes.into_iter().filter_map(evidence).collect()
    }

    /// Gaps between clients and servers, shared between the two services.
    fn gaps(&self) -> Vec<Evidence> {
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
            let wanted = if self.faster { shift.difference < 0.0 } else { shift.difference > 0.0 };
            if !wanted || shift.difference == 0.0 {
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
                    evidence.push(Evidence { operation, shift: shift.times(part), reason: reason.clone() });
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
        let mut ordered = Vec::new();
        while !candidates.is_empty() {
            let mut first = 0;
            // The strongest, or one below it that may be as strong.
            while let Some(deeper) = (0..candidates.len()).find(|&at| {
                let might = candidates[at].1[0].shift.at_most() >= strength(&candidates[first].1);
                at != first && might && is_below(candidates[at].0, candidates[first].0)
            }) {
                first = deeper;
            }
            ordered.push(candidates.remove(first));
        }
        ordered.extend(weaker);
        let suspect = |(operation, evidence): (usize, Vec<Evidence>)| {
            let (service, name) = self.operations.name(operation);
            let mut reasons: Vec<Cow<'_, str>> =
                evidence.iter().take(REASONS_MAX).map(|evidence| Cow::from(evidence.reason.as_str())).collect();
            if let Some(further @ 1..) = evidence.len().checked_sub(REASONS_MAX) {
                reasons.push(format!("and {further} more").into());
            }
            Suspect {
                service: service.to_owned(),
                name: name.to_owned(),
                score: 1.0 - (-strength(&evidence)).exp(),
                reason: reasons.join("; "),
            }
        };
        ordered.into_iter().map(suspect).collect()
    }

    /// Those of `named` that an operation calls, however indirectly.
    fn reached(&self, from: usize, named: &BTreeSet<usize>) -> BTreeSet<usize> {
        let mut seen = BTreeSet::new();
        let mut open = vec![from];
        while let Some(operation) = open.pop().filter(|_| seen.len() < REACHED_MAX) {
            for side in [self.before, self.after] {
                for child in side.of(operation).into_iter().flat_map(|profile| profile.children.keys()) {
                    if seen.insert(*child) {
                        open.push(*child);
                    }
                }
            }
        }
        seen.intersection(named).copied().collect()
    }
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
