//! Waits after which the execution has what it waited for: who had it meanwhile is known.
//!
//! A holder has it from the end of its own wait on. Its release is seldom recorded; of four places where it can be (the
//! end of the waiting span itself, of its parent, of the execution's last call, or of the execution) that one counts
//! under which the waits fall most often while as many hold it as ever do: waiting for a pool of two is waiting while
//! two are out. Where no place makes that true of [`FULL`] of the waiting, and waits are no longer the more hold it when
//! they begin, no holder is shown to be in the way: a slow network, say. Nor is a group that does not make them longer.

use std::collections::BTreeMap;

use super::groups::{Groups, LEVEL};
use super::intervals::{Density, union};
use super::scene::Scene;
use super::waits::{Resource, Wait};
use crate::statistics::{normal_upper, rank_correlation};

/// The part of the waiting that must fall while nothing is free.
const FULL: f64 = 0.5;
/// As many as ever hold it are those of at least this part of the time: executions end a little after their release.
const USUAL: f64 = 0.05;
/// A single execution is named where it has this part of the holding.
const ALONE: f64 = 0.5;

/// Who was in the way.
pub(super) struct Holders {
    /// Parts, the one that was in the way for longest first, with the waiting meanwhile in nanoseconds.
    pub(super) parts: Vec<(usize, f64)>,
    /// What sets them apart; `None` for a single execution.
    pub(super) with: Option<String>,
    /// The key of that attribute.
    pub(super) key: String,
    /// The part of the waiting that fell while one of them, at least, was in the way.
    pub(super) covered: f64,
    /// Of all executions that could have been in the way, the part that they are.
    pub(super) of_executions: f64,
    /// Of all being in the way during waits, the part that was theirs.
    pub(super) of_holding: f64,
    /// What there would be if the attribute had nothing to do with it: of `of_holding` where that is known, of `covered`
    /// where it is not.
    pub(super) expected: f64,
    /// By how much more it is.
    pub(super) beyond: f64,
    /// Of those in the way at once, the mean.
    pub(super) at_once: f64,
    /// The chance of so clear a case without a cause; 0 where the one execution is seen.
    pub(super) p_value: f64,
    /// When they were in the way: part, start, end.
    pub(super) intervals: Vec<(usize, i64, i64)>,
    /// Whether it is known that they had it, rather than that they ran.
    pub(super) is_known: bool,
}

/// One stretch in which a part had the resource.
#[derive(Clone, Copy)]
struct Hold {
    part: usize,
    start: i64,
    end: i64,
}

/// Where a release is taken to be.
#[derive(Clone, Copy)]
enum Release {
    Span,
    Parent,
    LastCall,
    Execution,
}

/// The parts that had `resource` while judged executions waited for it, with the waiting meanwhile in nanoseconds, the
/// longest first. Empty where no part is shown to have been in the way.
pub(super) fn meanwhile(
    scene: &Scene<'_, '_>,
    resource: &Resource<'_>,
    releases: &[(usize, i64)],
) -> Vec<(usize, f64)> {
    let waits = |judged: bool| {
        let waits = resource.waits.iter().filter(|wait| !judged || wait.judged.is_some());
        by_process(scene, waits, |wait| (wait.part, wait.start, wait.end))
    };
    let holds = likely_holds(scene, resource, releases, &waits(false)).unwrap_or_default();
    let waiting = waits(true);
    let mut parts: BTreeMap<usize, f64> = BTreeMap::new();
    for hold in holds {
        let process = scene.parts[hold.part].process;
        *parts.entry(hold.part).or_default() += waiting[process].between(hold.start, hold.end);
    }
    let mut parts: Vec<(usize, f64)> = parts.into_iter().filter(|(_, nanos)| *nanos > 0.0).collect();
    parts.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    parts
}

/// When each part had `resource`, if that explains when others waited for it.
fn likely_holds(
    scene: &Scene<'_, '_>,
    resource: &Resource<'_>,
    releases: &[(usize, i64)],
    waiting: &[Density],
) -> Option<Vec<Hold>> {
    let places: &[Release] = if resource.is_queue {
        &[Release::Span]
    } else {
        &[Release::Execution, Release::LastCall, Release::Parent, Release::Span]
    };
    let mut best: Option<(f64, Vec<Hold>)> = None;
    for &place in places {
        let holds = holds(scene, resource, releases, place);
        let full = full(scene, &holds, waiting);
        if best.as_ref().is_none_or(|best| full > best.0 + f64::EPSILON) {
            best = Some((full, holds));
        }
    }
    let (full, holds) = best?;
    (full >= FULL || waits_longer(scene, resource, &holds)).then_some(holds)
}

/// The executions that had `resource` while judged ones waited for it, and what sets them apart.
pub(super) fn holders(scene: &Scene<'_, '_>, resource: &Resource<'_>, releases: &[(usize, i64)]) -> Option<Holders> {
    let judged = || resource.waits.iter().filter(|wait| wait.judged.is_some());
    let waiting = by_process(scene, judged(), |wait| (wait.part, wait.start, wait.end));
    let total: f64 = judged().map(|wait| wait.nanos() as f64).sum();
    let holds = likely_holds(scene, resource, releases, &waiting)?;
    let mut units: Vec<usize> = holds.iter().map(|hold| hold.part).collect();
    units.sort_unstable();
    units.dedup();
    let unit = |part: usize| units.binary_search(&part).expect("a part that holds is a unit");
    let mut measure = vec![0.0; units.len()];
    for hold in &holds {
        let process = scene.parts[hold.part].process;
        measure[unit(hold.part)] += waiting[process].between(hold.start, hold.end);
    }
    let groups = Groups::new(scene, &units, false);
    let (members, with, key, p_value): (Vec<usize>, _, _, _) = if let Some(best) = groups.best_dealt(&measure) {
        let label = &groups.labels[best.group];
        (groups.members(best.group).collect(), Some(label.with()), label.key.clone(), best.p_value)
    } else {
        let (first, most) = measure.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0)))?;
        if *most < ALONE * measure.iter().sum::<f64>() {
            return None;
        }
        (vec![first], None, String::new(), 0.0)
    };
    let mut is_member = vec![false; units.len()];
    for &member in &members {
        is_member[member] = true;
    }
    let theirs: Vec<Hold> = holds.iter().filter(|hold| is_member[unit(hold.part)]).copied().collect();
    if !waits_longer(scene, resource, &theirs) {
        return None;
    }
    let mut parts: Vec<(usize, f64)> = members.iter().map(|&member| (units[member], measure[member])).collect();
    parts.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let own: f64 = parts.iter().map(|part| part.1).sum();
    let covered = covered(scene, &theirs, &waiting);
    let of_executions = members.len() as f64 / units.len() as f64;
    let of_holding = own / measure.iter().sum::<f64>().max(1.0);
    Some(Holders {
        parts,
        with,
        key,
        covered: covered / total.max(1.0),
        of_executions,
        of_holding,
        expected: of_executions,
        beyond: of_holding - of_executions,
        at_once: own / covered.max(1.0),
        p_value,
        intervals: theirs.iter().map(|hold| (hold.part, hold.start, hold.end)).collect(),
        is_known: true,
    })
}

/// Intervals as densities, one for each process.
fn by_process<T>(
    scene: &Scene<'_, '_>,
    all: impl Iterator<Item = T>,
    interval: impl Fn(T) -> (usize, i64, i64),
) -> Vec<Density> {
    let mut intervals: Vec<Vec<(i64, i64)>> = vec![Vec::new(); scene.processes];
    for item in all {
        let (part, start, end) = interval(item);
        intervals[scene.parts[part].process].push((start, end));
    }
    intervals.into_iter().map(|intervals| Density::new(intervals.into_iter())).collect()
}

fn holds(scene: &Scene<'_, '_>, resource: &Resource<'_>, releases: &[(usize, i64)], place: Release) -> Vec<Hold> {
    let mut waits: Vec<&Wait> = resource.waits.iter().collect();
    waits.sort_by_key(|wait| (wait.part, wait.end, wait.start, wait.span));
    let mut holds = Vec::with_capacity(waits.len());
    for (at, wait) in waits.iter().enumerate() {
        let mut end = released(scene, wait, place);
        // What waits for it again has let go of it.
        if let Some(next) = waits.get(at + 1).filter(|next| next.part == wait.part) {
            end = end.min(next.start);
        }
        let from = releases.partition_point(|release| *release < (wait.part, wait.end));
        if let Some(release) = releases.get(from).filter(|release| release.0 == wait.part) {
            end = end.min(release.1);
        }
        if end > wait.end {
            holds.push(Hold { part: wait.part, start: wait.end, end });
        }
    }
    holds
}

fn released(scene: &Scene<'_, '_>, wait: &Wait, place: Release) -> i64 {
    let part = &scene.parts[wait.part];
    let tree = scene.trees[part.tree];
    match place {
        Release::Span => tree.end(wait.span),
        Release::Execution => part.end,
        Release::Parent => {
            let parent = tree.parent(wait.span).filter(|&parent| scene.part(part.tree, parent) == wait.part);
            parent.map_or(part.end, |parent| tree.end(parent))
        }
        Release::LastCall => part.last_call.min(part.end),
    }
}

/// The part of the waiting that fell while as many executions had it as usually do at most.
fn full(scene: &Scene<'_, '_>, holds: &[Hold], waiting: &[Density]) -> f64 {
    let holding = by_process(scene, holds.iter(), |hold| (hold.part, hold.start, hold.end));
    let mut times: Vec<f64> = Vec::new();
    let mut waits: Vec<f64> = Vec::new();
    let mut unexplained: f64 = 0.0;
    for (holding, waiting) in holding.iter().zip(waiting) {
        let mut during = 0.0;
        for (start, end, count) in holding.steps().filter(|step| step.2 > 0) {
            let count = count as usize;
            if times.len() <= count {
                times.resize(count + 1, 0.0);
                waits.resize(count + 1, 0.0);
            }
            times[count] += (end - start) as f64;
            let meanwhile = waiting.between(start, end);
            waits[count] += meanwhile;
            during += meanwhile;
        }
        unexplained += waiting.between(i64::MIN, i64::MAX) - during;
    }
    let usual = USUAL * times.iter().sum::<f64>();
    let mut most = times.len();
    let mut time = 0.0;
    while most > 0 && (time <= 0.0 || time < usual) {
        most -= 1;
        time += times[most];
    }
    let all = unexplained + waits.iter().sum::<f64>();
    waits.iter().skip(most).sum::<f64>() / all.max(1.0)
}

/// The waiting during which one of `holds`, at least, lasted.
fn covered(scene: &Scene<'_, '_>, holds: &[Hold], waiting: &[Density]) -> f64 {
    let mut intervals: Vec<Vec<(i64, i64)>> = vec![Vec::new(); waiting.len()];
    for hold in holds {
        intervals[scene.parts[hold.part].process].push((hold.start, hold.end));
    }
    let of_process = |(intervals, waiting): (Vec<(i64, i64)>, &Density)| -> f64 {
        union(intervals).into_iter().map(|(start, end)| waiting.between(start, end)).sum()
    };
    intervals.into_iter().zip(waiting).map(of_process).sum()
}

/// Whether waits are the longer, the more of `holds` there are when they begin.
fn waits_longer(scene: &Scene<'_, '_>, resource: &Resource<'_>, holds: &[Hold]) -> bool {
    let holding = by_process(scene, holds.iter(), |hold| (hold.part, hold.start, hold.end));
    let point = |wait: &Wait| {
        let count = holding[scene.parts[wait.part].process].at(wait.start);
        (count as f64, wait.nanos() as f64)
    };
    let points: Vec<(f64, f64)> = resource.waits.iter().map(point).collect();
    normal_upper(rank_correlation(&points) * (points.len() as f64 - 1.0).max(0.0).sqrt()) <= LEVEL
}
