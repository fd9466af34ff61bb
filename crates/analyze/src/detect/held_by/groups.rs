//! What sets some executions apart: of all attributes and values, the one whose executions have the most of a measure,
//! beyond what chance gives to the best of that many.
//!
//! The measure is set against the same one dealt out to the executions at random, or moved in time. In each of these
//! repeats the best group counts, so that the number of groups tried is accounted for, whatever it is.

use std::collections::BTreeMap;

use crate::detect::features::{Feature, Features};
use crate::random::Random;

use super::scene::Scene;
use crate::detect::facts::ANCESTORS_MAX;

/// Repeats: a chance of one in five hundred is the smallest that can be shown.
pub(super) const REPEATS: usize = 499;
/// The chance taken that a group is named which luck made.
pub(super) const LEVEL: f64 = 0.01;
/// The key of the group of all executions of one operation.
pub(super) const OPERATION: &str = "operation";
/// Groups that are tried; of more, the largest.
const GROUPS_MAX: usize = 2_000;
/// A value seldom needs more characters to be recognised.
const VALUE_CHARS_MAX: usize = 60;

/// What the members of a group share.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Label {
    pub(super) key: String,
    /// ` = halden`, ` > 500`, or the operation's name.
    pub(super) condition: String,
}

impl Label {
    /// As it follows after the number of executions.
    pub(super) fn with(&self) -> String {
        match self.key.as_str() {
            OPERATION => format!("of {}", self.condition),
            key => format!("with {key}{}", self.condition),
        }
    }
}

/// Groups of units.
pub(super) struct Groups {
    pub(super) labels: Vec<Label>,
    pub(super) sizes: Vec<usize>,
    pub(super) of_unit: Vec<Vec<u32>>,
}

/// The group that has the most.
pub(super) struct Best {
    pub(super) group: usize,
    pub(super) p_value: f64,
}

impl Groups {
    /// Groups of at least two of `units`, which are parts, and not all of them. Attributes of `wide` units are those of
    /// all their traces below them.
    pub(super) fn new(scene: &Scene<'_, '_>, units: &[usize], wide: bool) -> Self {
        let mut features = Features::default();
        let mut texts: BTreeMap<(usize, &str, String), Vec<u32>> = BTreeMap::new();
        let mut numbers: BTreeMap<(usize, &str), Vec<(f64, u32)>> = BTreeMap::new();
        let mut order: BTreeMap<&str, usize> = BTreeMap::new();
        for (unit, &part) in units.iter().enumerate() {
            let unit = unit as u32;
            let part = &scene.parts[part];
            let tree = scene.trees[part.tree];
            let name = tree.span(part.entry).name.as_str();
            texts.entry((0, OPERATION, name.to_owned())).or_default().push(unit);
            let own = if wide { tree.subtree(part.entry) } else { part.spans.as_slice() };
            let above = std::iter::successors(tree.parent(part.entry), |&at| tree.parent(at)).take(ANCESTORS_MAX);
            let spans = own.iter().map(|&index| index as usize).chain(above).map(|index| tree.span(index));
            for (key, feature) in features.of_spans(spans) {
                let next = order.len() + 1;
                let place = *order.entry(key).or_insert(next);
                match feature {
                    Feature::Number(value) => numbers.entry((place, key)).or_default().push((value, unit)),
                    Feature::Text(value) => texts.entry((place, key, value.to_owned())).or_default().push(unit),
                }
            }
        }
        let mut groups: Vec<(usize, Label, Vec<u32>)> = Vec::new();
        for ((place, key, value), members) in texts {
            let shown: String = value.chars().take(VALUE_CHARS_MAX).collect();
            let condition = if key == OPERATION { shown } else { format!("={shown}") };
            groups.push((place, Label { key: key.to_owned(), condition }, members));
        }
        for ((place, key), values) in numbers {
            groups.extend(
                largest(values)
                    .into_iter()
                    .map(|(condition, members)| (place, Label { key: key.to_owned(), condition }, members)),
            );
        }
        groups.retain(|(_, _, members)| members.len() > 1 && members.len() < units.len());
        groups.sort_by(|a, b| b.2.len().cmp(&a.2.len()).then(a.0.cmp(&b.0)).then(a.1.cmp(&b.1)));
        groups.truncate(GROUPS_MAX);
        // Of groups with the same members, that which is said first of an execution comes first.
        groups.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        let mut of_unit = vec![Vec::new(); units.len()];
        for (number, (_, _, members)) in groups.iter().enumerate() {
            for &member in members {
                of_unit[member as usize].push(number as u32);
            }
        }
        let sizes = groups.iter().map(|group| group.2.len()).collect();
        Self { labels: groups.into_iter().map(|group| group.1).collect(), sizes, of_unit }
    }

    /// The units of a group.
    pub(super) fn members(&self, group: usize) -> impl Iterator<Item = usize> + '_ {
        let is_member = move |groups: &&Vec<u32>| groups.binary_search(&(group as u32)).is_ok();
        self.of_unit.iter().enumerate().filter(move |(_, groups)| is_member(groups)).map(|(unit, _)| unit)
    }

    /// Of each group the sum of a measure.
    pub(super) fn sums(&self, measure: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.labels.len()];
        for (groups, value) in self.of_unit.iter().zip(measure).filter(|(_, value)| **value != 0.0) {
            for &group in groups {
                sums[group as usize] += value;
            }
        }
        sums
    }

    /// The group whose members have the most of `measure`, if it is more than the best group has when the measure is
    /// dealt out at random.
    pub(super) fn best_dealt(&self, measure: &[f64]) -> Option<Best> {
        let count = measure.len() as f64;
        let mean = measure.iter().sum::<f64>() / count;
        let variance = measure.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        if variance <= 0.0 || self.labels.is_empty() {
            return None;
        }
        // The variance of a sum of that many, drawn without replacement.
        let deviations: Vec<f64> = self
            .sizes
            .iter()
            .map(|&size| {
                let size = size as f64;
                (variance * size * (count - size) / (count - 1.0)).sqrt()
            })
            .collect();
        let best = |sums: &[f64]| -> (usize, f64) {
            let scores = sums
                .iter()
                .enumerate()
                .map(|(group, sum)| (group, (sum - mean * self.sizes[group] as f64) / deviations[group]));
            first_largest(scores)
        };
        let (group, score) = best(&self.sums(measure));
        let mut random = Random(measure.len() as u64);
        let mut dealt = measure.to_vec();
        let as_good = |random: &mut Random| {
            for last in (1..dealt.len()).rev() {
                dealt.swap(last, random.below(last as u64 + 1) as usize);
            }
            best(&self.sums(&dealt)).1 >= score
        };
        chance(&mut random, as_good).map(|p_value| Best { group, p_value })
    }

    /// The group whose share is furthest beyond its usual one, if it is further than the best group's when moved in
    /// time. `shares` are those of every group: as they are, then in each repeat.
    pub(super) fn best_moved(shares: &[Vec<f64>]) -> Option<Best> {
        let (actual, moved) = shares.split_first()?;
        let count = moved.len() as f64;
        let mean: Vec<f64> =
            (0..actual.len()).map(|group| moved.iter().map(|it| it[group]).sum::<f64>() / count).collect();
        let deviation = |group: usize| {
            let square = |it: &Vec<f64>| (it[group] - mean[group]).powi(2);
            (moved.iter().map(square).sum::<f64>() / count).sqrt().max(1e-9)
        };
        let deviations: Vec<f64> = (0..actual.len()).map(deviation).collect();
        let best = |shares: &[f64]| {
            first_largest(
                shares.iter().enumerate().map(|(group, share)| (group, (share - mean[group]) / deviations[group])),
            )
        };
        if actual.is_empty() {
            return None;
        }
        let (group, score) = best(actual);
        let as_good = moved.iter().filter(|shares| best(shares).1 >= score).count();
        let p_value = (as_good + 1) as f64 / (moved.len() + 1) as f64;
        (p_value <= LEVEL).then_some(Best { group, p_value })
    }
}

/// The chance of a repeat as good, or `None` once it is known to be above [`LEVEL`].
fn chance(random: &mut Random, mut as_good: impl FnMut(&mut Random) -> bool) -> Option<f64> {
    let total = (REPEATS + 1) as f64;
    let mut good = 1.0;
    for _ in 0..REPEATS {
        good += f64::from(u8::from(as_good(random)));
        if good / total > LEVEL {
            return None;
        }
    }
    Some(good / total)
}

/// The first of those with the largest score; scores that differ by rounding alone are the same.
fn first_largest(scores: impl Iterator<Item = (usize, f64)>) -> (usize, f64) {
    scores.fold((0, f64::NEG_INFINITY), |best, next| if next.1 > best.1 + 1e-9 { next } else { best })
}

/// The half of the units with the largest numbers, the quarter, and so on, as far as numbers differ there.
fn largest(mut values: Vec<(f64, u32)>) -> Vec<(String, Vec<u32>)> {
    values.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut groups: Vec<(String, Vec<u32>)> = Vec::new();
    let mut size = values.len().div_ceil(2);
    while size > 1 {
        let limit = values[values.len() - size].0;
        let from = values.partition_point(|value| value.0 < limit);
        let condition = format!(" >= {limit}");
        if from > 0 && groups.iter().all(|group| group.0 != condition) {
            groups.push((condition, values[from..].iter().map(|value| value.1).collect()));
        }
        size /= 2;
    }
    // A number may be a name: each value that has several.
    let mut from = 0;
    while from < values.len() {
        let tied = values[from..].iter().take_while(|value| value.0 <= values[from].0).count();
        groups.push((format!("={}", values[from].0), values[from..from + tied].iter().map(|value| value.1).collect()));
        from += tied;
    }
    groups
}
