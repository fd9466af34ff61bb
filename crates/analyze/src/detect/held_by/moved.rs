//! Waits of which nothing says who has what is waited for: which executions run meanwhile, more than they would anyway.
//!
//! Long executions run during everything. So the share that a group has of all that runs during the waits is set
//! against its share when the same waits are moved in time, around the stretch in which anything ran at all. Moving them
//! together, by more than any of them lasts, keeps how they cluster; shares keep a busy hour, in which more of everything runs, from accusing anybody.

use std::collections::BTreeMap;

use super::groups::{Groups, REPEATS};
use super::holders::Holders;
use super::intervals::{Density, union};
use super::scene::{ProcessPart, Scene};
use super::waits::Resource;
use crate::random::Random;

/// Into how many pieces the recorded stretch is cut where waits are added up; within a piece they count as spread.
const PIECES: usize = 1 << 16;

/// When a unit ran without waiting itself: unit, start, end.
type RunningTimes = Vec<(usize, i64, i64)>;

/// Who ran while judged executions waited for `resource`.
pub(super) fn holders(scene: &Scene<'_, '_>, resource: &Resource<'_>) -> Option<Holders> {
    let judged = || resource.waits.iter().filter(|wait| wait.judged.is_some()).map(|wait| (wait.start, wait.end));
    let total: f64 = judged().map(|(start, end)| (end - start) as f64).sum();
    let (units, running) = running(scene, resource);
    let active = Active::new(union(running.iter().map(|(_, start, end)| (*start, *end)).chain(judged()).collect()));
    let groups = Groups::new(scene, &units, true);
    let mass = Mass::new(&active, judged());
    let moved = |by: f64| -> Vec<f64> {
        let mut measure = vec![0.0; units.len()];
        for &(unit, start, end) in &running {
            measure[unit] += mass.between(active.at(start) - by, active.at(end) - by);
        }
        let all: f64 = measure.iter().sum();
        groups.sums(&measure).into_iter().map(|sum| if all > 0.0 { sum / all } else { 0.0 }).collect()
    };
    // Waits that are moved by less than they last are still where they were.
    let least = judged().map(|(start, end)| (end - start) as f64).fold(0.0, f64::max);
    let room = active.length - 2.0 * least;
    if room < active.length / 2.0 {
        return None;
    }
    let mut random = Random(units.len() as u64);
    let repeats: Vec<f64> = (0..REPEATS).map(|_| least + random.uniform() * room).collect();
    let shares: Vec<Vec<f64>> = std::iter::once(0.0).chain(repeats.iter().copied()).map(moved).collect();
    let best = Groups::best_moved(&shares)?;
    let members: Vec<usize> = groups.members(best.group).collect();
    let mut is_member = vec![false; units.len()];
    for &member in &members {
        is_member[member] = true;
    }
    let waiting = Density::new(judged());
    let mut measure = vec![0.0; units.len()];
    let theirs: RunningTimes = running.into_iter().filter(|it| is_member[it.0]).collect();
    for &(unit, start, end) in &theirs {
        measure[unit] += waiting.between(start, end);
    }
    let own: f64 = measure.iter().sum();
    let stretches = union(theirs.iter().map(|(_, start, end)| (*start, *end)).collect());
    let covered: f64 = stretches.iter().map(|&(start, end)| waiting.between(start, end)).sum();
    let moved = |by: &f64| -> f64 {
        stretches.iter().map(|&(start, end)| mass.between(active.at(start) - by, active.at(end) - by)).sum()
    };
    let expected = repeats.iter().map(moved).sum::<f64>() / REPEATS as f64 / mass.total().max(f64::MIN_POSITIVE);
    let mut parts: Vec<(usize, f64)> = members.iter().map(|&member| (units[member], measure[member])).collect();
    parts.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let label = &groups.labels[best.group];
    Some(Holders {
        parts,
        with: Some(label.with()),
        key: label.key.clone(),
        covered: covered / total.max(1.0),
        of_executions: members.len() as f64 / units.len() as f64,
        of_holding: shares[0][best.group],
        expected,
        beyond: covered / total.max(1.0) - expected,
        at_once: own / covered.max(1.0),
        p_value: best.p_value,
        intervals: theirs.into_iter().map(|(unit, start, end)| (units[unit], start, end)).collect(),
        is_known: false,
    })
}

/// The outermost parts, and when they ran other than in waits for `resource`.
fn running(scene: &Scene<'_, '_>, resource: &Resource<'_>) -> (Vec<usize>, RunningTimes) {
    let mut waits: BTreeMap<usize, Vec<(i64, i64)>> = BTreeMap::new();
    for wait in &resource.waits {
        waits.entry(scene.parts[wait.part].top).or_default().push((wait.start, wait.end));
    }
    let units: Vec<usize> = (0..scene.parts.len()).filter(|&part| scene.parts[part].top == part).collect();
    let mut running = Vec::new();
    for (unit, part) in units.iter().enumerate() {
        let ProcessPart { start, end, .. } = &scene.parts[*part];
        let mut from = *start;
        for (wait_start, wait_end) in union(waits.remove(part).unwrap_or_default()) {
            if wait_start > from {
                running.push((unit, from, wait_start.min(*end)));
            }
            from = from.max(wait_end);
        }
        if from < *end {
            running.push((unit, from, *end));
        }
    }
    (units, running)
}

/// The time in which anything ran, put together without the pauses.
struct Active {
    stretches: Vec<(i64, i64)>,
    /// Up to the beginning of each.
    before: Vec<f64>,
    length: f64,
}

impl Active {
    fn new(stretches: Vec<(i64, i64)>) -> Self {
        let mut length = 0.0;
        let mut before = Vec::with_capacity(stretches.len());
        for (start, end) in &stretches {
            before.push(length);
            length += (i128::from(*end) - i128::from(*start)) as f64;
        }
        Self { stretches, before, length }
    }

    /// Where a time of a stretch is.
    fn at(&self, time: i64) -> f64 {
        let Some(at) = self.stretches.partition_point(|stretch| stretch.0 <= time).checked_sub(1) else { return 0.0 };
        self.before[at] + (i128::from(time.min(self.stretches[at].1)) - i128::from(self.stretches[at].0)) as f64
    }
}

/// How much is waited up to each piece of the active time, which goes on from its end at its beginning.
struct Mass {
    until: Vec<f64>,
    length: f64,
}

impl Mass {
    fn new(active: &Active, waits: impl Iterator<Item = (i64, i64)>) -> Self {
        let place = |time: i64| active.at(time) / active.length.max(1.0) * PIECES as f64;
        // Whole waits per piece by what changes at its beginning; parts of pieces by themselves.
        let mut density = vec![0.0; PIECES + 2];
        let mut change = vec![0.0; PIECES + 2];
        for (start, end) in waits {
            let (from, to) = (place(start), place(end));
            let (first, last) = (from as usize, to as usize);
            if first == last {
                density[first] += to - from;
            } else {
                density[first] += 1.0 - from.fract();
                density[last] += to.fract();
                change[first + 1] += 1.0;
                change[last] -= 1.0;
            }
        }
        let mut until = Vec::with_capacity(PIECES + 1);
        let (mut sum, mut count) = (0.0, 0.0);
        for (change, density) in change.iter().zip(&density).take(PIECES + 1) {
            until.push(sum);
            count += change;
            sum += count + density;
        }
        Self { until, length: active.length.max(1.0) }
    }

    fn until(&self, at: f64) -> f64 {
        let turns = (at / self.length).floor();
        let place = (at / self.length - turns) * PIECES as f64;
        let piece = (place as usize).min(PIECES - 1);
        let (low, high) = (self.until[piece], self.until[piece + 1]);
        turns * self.until[PIECES] + low + (high - low) * (place - piece as f64)
    }

    fn total(&self) -> f64 {
        self.until[PIECES]
    }

    fn between(&self, start: f64, end: f64) -> f64 {
        (self.until(end) - self.until(start)).max(0.0)
    }
}
