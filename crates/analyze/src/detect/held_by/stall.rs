//! A process that does nothing else while one execution computes: an event loop that is blocked, most often.
//!
//! Such a stretch begins and ends with something that one execution records, lasts [`STALL_NANOS_MIN`] or longer, is no
//! call to the outside, and no other execution of the process records anything within it although some are under way.
//! It happens by chance where little is recorded, so the stretches of one operation are moved in time, around the
//! time in which others were under way: hardly ever may as many of them be free of other executions' records. The
//! executions that wait are those that record something right after, or while the process catches up: while it goes on
//! without a pause, for no longer than it was blocked.
//!
//! A caller whose own child computes waits for no other execution: executions that such stretches are part of do not count as
//! waiting, nor as silent.
//!
//! A process that stops as a whole (a collection of garbage, a suspended machine) looks the same to all of its
//! executions, so an operation must have such stretches in several executions. Those during which no others are under
//! way count for that too, and for who blocks, since requests that arrive meanwhile are recorded from its end on.

use std::collections::BTreeMap;

use foldhash::HashSet;

use super::groups::{Groups, LEVEL, REPEATS};
use super::holders::Holders;
use super::intervals::{Density, union};
use super::scene::Scene;
use super::waits::Wait;
use crate::detect::call::waits;
use crate::random::Random;

/// A shorter pause is not felt.
const STALL_NANOS_MIN: i64 = 10_000_000;
/// JavaScript's SDK cuts starts off to whole milliseconds.
const COARSE_NANOS: i64 = 1_000_000;
/// Of the stretches of one operation, the part without anything else.
const SILENT: f64 = 0.9;
/// Who waited goes on within this part of the stretch after it.
const RESUMED_WITHIN: f64 = 0.1;
/// The most stretches of one operation in one process that are examined; of more, the first.
const STRETCHES_MAX: usize = 2_000;

/// A process that one operation blocks.
pub(super) struct Stall<'a> {
    pub(super) service: &'a str,
    /// The span in which it computes.
    pub(super) name: &'a str,
    pub(super) waits: Vec<Wait>,
    /// Stretches: part, span, start, end.
    pub(super) stretches: Vec<Stretch>,
    /// The chance of as many silent ones.
    pub(super) p_value: f64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) part: usize,
    pub(super) span: usize,
    pub(super) start: i64,
    pub(super) end: i64,
}

/// What each part of a process recorded when.
#[derive(Default)]
struct ProcessActivity {
    /// Parts with the times of their spans' starts and ends.
    parts: Vec<(usize, Vec<i64>)>,
    stretches: Vec<Stretch>,
}

/// Every operation that blocks its process, in `cases` of its executions and more, while judged ones are under way in
/// it. `is_worth` says of waits whether they are enough to matter.
pub(super) fn of<'a>(scene: &Scene<'_, 'a>, cases: usize, is_worth: impl Fn(&[Wait]) -> bool) -> Vec<Stall<'a>> {
    let mut stalls: BTreeMap<(&str, &str), Stall<'a>> = BTreeMap::new();
    let mut tried = 0usize;
    for record in records(scene) {
        let mut by_operation: BTreeMap<(&str, &str), Vec<Stretch>> = BTreeMap::new();
        for stretch in &record.stretches {
            let span = scene.span(scene.parts[stretch.part].tree, stretch.span);
            by_operation.entry((span.service(), &span.name)).or_default().push(*stretch);
        }
        for ((service, name), mut stretches) in by_operation {
            stretches.sort_by_key(|stretch| (stretch.start, stretch.end, stretch.part));
            let mut own: Vec<usize> = stretches.iter().map(|stretch| stretch.part).collect();
            own.sort_unstable();
            own.dedup();
            if own.len() < cases {
                continue;
            }
            stretches.truncate(STRETCHES_MAX);
            // Who waits for its own child is silent meanwhile, and waits for no other execution.
            let callers: HashSet<usize> = own.iter().flat_map(|&part| scene.callers(part)).collect();
            let is_other = |part: usize| own.binary_search(&part).is_err() && !callers.contains(&part);
            let others = record.parts.iter().filter(|(part, _)| is_other(*part));
            let waits = waiting(scene, &record, others.clone(), &stretches);
            if !is_worth(&waits) {
                continue;
            }
            tried += 1;
            let Some(p_value) = silence(scene, others, &stretches) else { continue };
            let stall = stalls.entry((service, name)).or_insert_with(|| Stall {
                service,
                name,
                waits: Vec::new(),
                stretches: Vec::new(),
                p_value,
            });
            stall.waits.extend(waits);
            stall.stretches.extend(stretches);
            stall.p_value = stall.p_value.min(p_value);
        }
    }
    let all = stalls.into_values().map(|stall| Stall { p_value: (stall.p_value * tried as f64).min(1.0), ..stall });
    all.filter(|stall| stall.p_value <= LEVEL).collect()
}

/// By process.
fn records(scene: &Scene<'_, '_>) -> Vec<ProcessActivity> {
    let mut records: Vec<ProcessActivity> = (0..scene.processes).map(|_| ProcessActivity::default()).collect();
    for (number, part) in scene.parts.iter().enumerate() {
        let tree = scene.trees[part.tree];
        // Ends before starts of the same time.
        let mut events: Vec<(i64, bool, u32)> = Vec::with_capacity(2 * part.spans.len());
        for &span in part.spans.iter().filter(|&&span| tree.duration(span as usize) > 0) {
            events.extend([(tree.start(span as usize), true, span), (tree.end(span as usize), false, span)]);
        }
        // Stable, so that of spans that start at once the outer one comes first.
        events.sort_by_key(|(time, is_start, _)| (*time, *is_start));
        let mut open: Vec<u32> = Vec::new();
        let mut ended: HashSet<u32> = HashSet::default();
        let mut last = part.start;
        for &(time, is_start, span) in &events {
            if let Some(&inner) = open.last()
                && time.saturating_sub(last) >= STALL_NANOS_MIN
                && !waits(tree.span(inner as usize))
            {
                let stretch = Stretch { part: number, span: inner as usize, start: last, end: time };
                records[part.process].stretches.push(stretch);
            }
            last = time;
            if is_start {
                open.push(span);
            } else {
                ended.insert(span);
            }
            // The innermost one that is still open comes last.
            while open.pop_if(|inner| ended.remove(inner)).is_some() {}
        }
        records[part.process].parts.push((number, events.into_iter().map(|event| event.0).collect()));
    }
    records
}

/// The waits of judged executions: from when a stretch begins, or their own last word, until its end.
fn waiting<'r>(
    scene: &Scene<'_, '_>,
    record: &ProcessActivity,
    others: impl Iterator<Item = &'r (usize, Vec<i64>)>,
    stretches: &[Stretch],
) -> Vec<Wait> {
    let mut words: Vec<i64> = record.parts.iter().flat_map(|(_, times)| times).copied().collect();
    words.sort_unstable();
    let goes_on_until = |stretch: &Stretch| {
        let length = stretch.end - stretch.start;
        let from = words.partition_point(|&word| word <= stretch.end);
        let mut last = stretch.end;
        for &word in words[from..].iter().take_while(|&&word| word - stretch.end <= length) {
            if word - last >= STALL_NANOS_MIN {
                break;
            }
            last = word;
        }
        last.max(stretch.end + (RESUMED_WITHIN * length as f64) as i64)
    };
    let mut ends: Vec<(i64, i64, i64)> =
        stretches.iter().map(|stretch| (stretch.end, stretch.start, goes_on_until(stretch))).collect();
    ends.sort_unstable();
    let mut found = Vec::new();
    for (part, times) in others {
        let (tree, entry) = (scene.parts[*part].tree, scene.parts[*part].entry);
        let Some(judged) = scene.judged(tree, entry) else { continue };
        for pair in times.windows(2) {
            let before = ends.partition_point(|end| end.0 <= pair[1]);
            let Some(&(end, start, until)) = before.checked_sub(1).map(|at| &ends[at]) else { continue };
            if end > pair[0] && pair[1] <= until {
                let start = start.max(pair[0]);
                found.push(Wait { part: *part, span: entry, start, end, judged: Some(judged) });
            }
        }
    }
    found
}

/// The chance that as many of the stretches during which others are under way are without any of their words, `None`
/// where it is too large.
fn silence<'r>(
    scene: &Scene<'_, '_>,
    others: impl Iterator<Item = &'r (usize, Vec<i64>)> + Clone,
    stretches: &[Stretch],
) -> Option<f64> {
    let ran = |(part, _): &(usize, Vec<i64>)| (scene.parts[*part].start, scene.parts[*part].end);
    let under_way = Density::new(others.clone().map(ran));
    // Stretches of the operation itself, in which others cannot say anything, are no measure of their silence.
    let all = union(others.clone().map(ran).collect());
    let mut before = Vec::with_capacity(all.len());
    let mut length = 0i64;
    for (start, end) in &all {
        before.push(length);
        length = length.saturating_add(end.saturating_sub(*start));
    }
    // No clock records such times, and they cannot be added up.
    if length > i64::MAX / 4 {
        return None;
    }
    // Up to a time, or to the end of what was under way before it.
    let place = |time: i64| {
        let Some(at) = all.partition_point(|it| it.0 <= time).checked_sub(1) else { return 0 };
        before[at] + (time.min(all[at].1) - all[at].0)
    };
    let mut words: Vec<i64> = others.flat_map(|(_, times)| times.iter().map(|&time| place(time))).collect();
    words.sort_unstable();
    let shared = stretches.iter().filter(|stretch| under_way.between(stretch.start, stretch.end) > 0.0);
    let places: Vec<(i64, i64)> =
        shared.map(|stretch| (place(stretch.start) + COARSE_NANOS, place(stretch.end) - COARSE_NANOS)).collect();
    let count = |start: i64, end: i64| {
        words.partition_point(|&word| word < end).saturating_sub(words.partition_point(|&word| word <= start))
    };
    let silent = |by: i64| {
        let is_silent = |(start, end): &&(i64, i64)| {
            let (start, end) = (start + by, end + by);
            let (start, end) = if start >= length { (start - length, end - length) } else { (start, end) };
            count(start, end) + if end > length { count(-1, end - length) } else { 0 } == 0
        };
        places.iter().filter(is_silent).count()
    };
    let actual = silent(0);
    if places.is_empty() || (actual as f64) < SILENT * places.len() as f64 {
        return None;
    }
    let mut random = Random(places.len() as u64);
    let mut as_many = 1;
    for _ in 0..REPEATS {
        as_many += usize::from(silent(random.below(length.max(1) as u64) as i64) >= actual);
    }
    let p_value = as_many as f64 / (REPEATS + 1) as f64;
    (p_value <= LEVEL).then_some(p_value)
}

/// Whose executions a stall is.
pub(super) fn holders(scene: &Scene<'_, '_>, stall: &Stall<'_>) -> Option<Holders> {
    let mut processes: Vec<usize> = stall.stretches.iter().map(|stretch| scene.parts[stretch.part].process).collect();
    processes.sort_unstable();
    processes.dedup();
    let units: Vec<usize> =
        (0..scene.parts.len()).filter(|&part| processes.binary_search(&scene.parts[part].process).is_ok()).collect();
    let mut waiting: Vec<Vec<(i64, i64)>> = vec![Vec::new(); scene.processes];
    for wait in &stall.waits {
        waiting[scene.parts[wait.part].process].push((wait.start, wait.end));
    }
    let waiting: Vec<Density> = waiting.into_iter().map(|waits| Density::new(waits.into_iter())).collect();
    // How long each has blocked the process, and how long others are seen to have waited for it.
    let (mut blocked, mut measure) = (vec![0.0; units.len()], vec![0.0; units.len()]);
    for stretch in &stall.stretches {
        let unit = units.binary_search(&stretch.part).ok()?;
        blocked[unit] += (stretch.end - stretch.start) as f64;
        measure[unit] += waiting[scene.parts[stretch.part].process].between(stretch.start, stretch.end);
    }
    let mut parts: Vec<(usize, f64)> =
        units.iter().copied().zip(measure.iter().copied()).filter(|(_, waiting)| *waiting > 0.0).collect();
    parts.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let groups = Groups::new(scene, &units, false);
    let best = groups.best_dealt(&blocked);
    let label = best.as_ref().map(|best| &groups.labels[best.group]);
    let members = best.as_ref().map_or(parts.len(), |best| groups.sizes[best.group]);
    let own =
        best.as_ref().map_or(1.0, |best| groups.sums(&measure)[best.group] / measure.iter().sum::<f64>().max(1.0));
    let all: f64 = stall.waits.iter().map(|wait| wait.nanos() as f64).sum();
    Some(Holders {
        parts,
        with: label.map(super::groups::Label::with),
        key: label.map(|label| label.key.clone()).unwrap_or_default(),
        covered: if all > 0.0 { 1.0 } else { 0.0 },
        of_executions: members as f64 / units.len().max(1) as f64,
        of_holding: own,
        expected: members as f64 / units.len().max(1) as f64,
        beyond: 1.0,
        at_once: 1.0,
        p_value: stall.p_value,
        intervals: stall.stretches.iter().map(|stretch| (stretch.part, stretch.start, stretch.end)).collect(),
        is_known: true,
    })
}
