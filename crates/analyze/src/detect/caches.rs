//! `cache_ineffective` and `cache_key_collision`: a cache that seldom has the answer, or gives the wrong one.
//!
//! Evidence: for the first at least [`MIN_LOOKUPS`] look-ups (`kino.cache.hit`) of one operation, fewer than
//! [`MIN_HIT_RATE`] of them hits; the saving is what an execution's misses cost above hits on the critical path, halved,
//! since no cache hits always. For the second one `kino.cache.key` with two or more different `kino.cache.input`, one
//! of them answered from the cache. Silent about caches that are still cold: one look-up per key.

use std::collections::{BTreeMap, BTreeSet};

use kino_model::names;

use super::Draft;
use super::detection::Detection;
use super::facts::{Group, median, shown, top};
use crate::finding::{Code, Number, Unit};

const MIN_LOOKUPS: usize = 20;
const MIN_HIT_RATE: f64 = 0.5;
const KEY: &str = "kino.cache.key";
const INPUT: &str = "kino.cache.input";
/// What the saving counts on: that half of the misses can be avoided.
const AVOIDABLE: f64 = 0.5;

#[derive(Default)]
struct Cache<'a> {
    /// Execution, span, hit.
    lookups: Vec<(usize, usize, bool)>,
    inputs: BTreeMap<&'a str, BTreeSet<&'a str>>,
    hit_keys: BTreeSet<&'a str>,
    keys: BTreeSet<&'a str>,
}

pub(super) fn detect(group: &Group<'_, '_>, findings: &mut Vec<Detection>) {
    let mut caches: BTreeMap<(&str, &str), Cache<'_>> = BTreeMap::new();
    for (number, facts) in group.facts.iter().enumerate() {
        for index in facts.indices() {
            let span = facts.span(index);
            let Some(hit) = span.attribute(names::CACHE_HIT).and_then(kino_model::Value::as_bool) else { continue };
            let cache = caches.entry((span.service(), &span.name)).or_default();
            cache.lookups.push((number, index, hit));
            if let Some(key) = span.text(KEY).or_else(|| span.text("cache.key")) {
                cache.keys.insert(key);
                if let Some(input) = span.text(INPUT).or_else(|| span.text("cache.input")) {
                    cache.inputs.entry(key).or_default().insert(input);
                    if hit {
                        cache.hit_keys.insert(key);
                    }
                }
            }
        }
    }
    for ((service, name), cache) in caches {
        findings.extend(ineffective(group, (service, name), &cache));
        findings.extend(collision(group, (service, name), &cache));
    }
}

fn ineffective(group: &Group<'_, '_>, (service, name): (&str, &str), cache: &Cache<'_>) -> Option<Detection> {
    let lookups = cache.lookups.len();
    let hits = cache.lookups.iter().filter(|(_, _, hit)| *hit).count();
    let rate = hits as f64 / lookups as f64;
    let is_cold = !cache.keys.is_empty() && cache.keys.len() * 2 > lookups;
    // Misses are what there is too much of.
    if lookups < MIN_LOOKUPS || rate >= 1.0 - group.part(1.0 - MIN_HIT_RATE) || is_cold {
        return None;
    }
    let cost = |wanted: bool| {
        let of = cache.lookups.iter().filter(|(_, _, hit)| *hit == wanted);
        median(of.map(|&(number, index, _)| group.facts[number].critical(index) as f64).collect())
    };
    let above = (cost(false) - cost(true)).max(0.0);
    let misses = (lookups - hits) as f64 / group.facts.len() as f64;
    let examples = cache.lookups.iter().filter(|(_, _, hit)| !hit);
    let examples = examples
        .map(|&(number, index, _)| (group.facts[number].critical(index) as f64, group.facts[number].evidence(index)));
    let draft = Draft {
        code: Code::CacheIneffective,
        service,
        name,
        detail: "",
        numbers: vec![
            Number::new("hit_rate", rate, Unit::Ratio),
            Number::new("lookups", lookups as f64, Unit::Count),
            Number::new("miss_cost", above, Unit::Nanos),
        ],
        saving_nanos: Some(AVOIDABLE * misses * above),
        confidence: 0.8,
        executions: group.facts.len(),
        location: group.facts[cache.lookups[0].0].location(cache.lookups[0].1),
        evidence: top(examples.collect()),
        text: format!(
            "{name} finds {hits} of {lookups} in its cache ({:.0} %); a miss costs {} more.",
            rate * 100.0,
            shown(above)
        ),
        next: Some("see whether the key holds something that differs each time, and how long entries live".to_owned()),
    };
    let missed = cache.lookups.iter().filter(|(_, _, hit)| !hit).map(|&(number, index, _)| (number, index));
    Some(draft.finding(group).about(missed).saving_calls(AVOIDABLE * misses))
}

fn collision(group: &Group<'_, '_>, (service, name): (&str, &str), cache: &Cache<'_>) -> Option<Detection> {
    let colliding: BTreeSet<&str> = cache
        .inputs
        .iter()
        .filter(|(key, inputs)| inputs.len() > 1 && cache.hit_keys.contains(*key))
        .map(|(key, _)| *key)
        .collect();
    if colliding.is_empty() {
        return None;
    }
    let most = colliding.iter().map(|key| cache.inputs[key].len()).max().unwrap_or(0);
    let is_wrong = |index: usize, number: usize| {
        let span = group.facts[number].span(index);
        span.text(KEY).or_else(|| span.text("cache.key")).is_some_and(|key| colliding.contains(key))
    };
    let examples = cache.lookups.iter().filter(|(number, index, hit)| *hit && is_wrong(*index, *number));
    let examples = examples.map(|&(number, index, _)| (0.0, group.facts[number].evidence(index)));
    let draft = Draft {
        code: Code::CacheKeyCollision,
        service,
        name,
        detail: "",
        numbers: vec![
            Number::new("keys", colliding.len() as f64, Unit::Count),
            Number::new("inputs_max", most as f64, Unit::Count),
        ],
        saving_nanos: None,
        confidence: 0.95,
        executions: group.facts.len(),
        location: group.facts[cache.lookups[0].0].location(cache.lookups[0].1),
        evidence: top(examples.collect()),
        text: format!(
            "{} keys of {name} stand for different inputs (up to {most} for one), and answers came from the cache: they may be another input's.",
            colliding.len()
        ),
        next: Some("make the key hold everything that the answer depends on".to_owned()),
    };
    Some(draft.finding(group))
}
