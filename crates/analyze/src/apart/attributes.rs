//! Attributes of an execution that its good likes do not share.
//!
//! Compared are the first value of each key in call order, and what the entry's sender says of itself ([`SENDER`]).
//! Keys whose values differ in most likes are names of single things and say nothing, unless most of those that did as
//! badly share the value here; numbers that only grow from one
//! execution to the next are counters or times.

use std::collections::BTreeMap;

use kino_model::names;

use super::{FEW_LIKES_MIN, FEW_SLOW_RATIO, LIKES_MIN, RARE, SLOW_PART, SLOW_RATIO};
use crate::detect::features::{Feature, Features, is_given, is_id};
use crate::execution::Execution;
use crate::statistics::quantile_f64;

/// Differing attributes that are reported; the rest is counted.
pub(super) const ROWS_MAX: usize = 5;
/// What a sender says of itself that may make a difference.
const SENDER: &[&str] =
    &["service.version", names::CODE_STATE, "host.name", "k8s.pod.name", "cloud.availability_zone", "cloud.region"];
/// A key with more values than this part of the likes names single things.
const DISTINCT: f64 = 0.5;
/// The part of those that did as badly which share an id that is more than the name of a single one.
const SHARED: f64 = 0.5;
/// Numbers of no more values than this part of the likes are names: a shard, a tenant.
const NAMES: f64 = 0.25;
/// Logarithms of chances that differ by less than this count as equally strong.
const ABOUT: f64 = 0.1;
/// Numbers that grow in this part of the steps from one execution to the next are counters or times.
const GROWING: f64 = 0.95;

/// An attribute that sets an execution apart.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributeApart {
    /// The key, as recorded.
    pub key: String,
    /// The value here, as text.
    pub value: String,
    /// What is usual: the most frequent value, or the range of numbers; `None` where no good like has the key.
    pub usual: Option<String>,
    /// Good likes with the value here, or with a number as far out.
    pub likes_with_it: u64,
    /// Good likes that have the key.
    pub likes: u64,
    /// Likes that failed, or were slow, as this one, and have it too.
    pub alike_with_it: u64,
    /// Likes that failed, or were slow, as this one.
    pub alike: u64,
}

/// By key, the value in each execution.
type FeatureTable<'a> = Vec<BTreeMap<&'a str, Feature<'a>>>;

/// Rows for what differs, and how many there are beyond them. Keys that first come up on a span for which `is_passed_over`
/// holds are not compared.
pub(super) fn rows<'a>(
    subject: &Execution<'_, 'a>,
    good: &[Execution<'_, 'a>],
    alike: &[Execution<'_, 'a>],
    is_passed_over: impl Fn(usize) -> bool,
) -> (Vec<AttributeApart>, u64) {
    let mut features = Features::with_ids();
    let mut order: Vec<&Execution<'_, 'a>> = good.iter().collect();
    order.sort_by_key(|execution| execution.start());
    let good: FeatureTable<'a> = order.into_iter().map(|like| of(like, &mut features)).collect();
    let alike: FeatureTable<'a> = alike.iter().map(|like| of(like, &mut features)).collect();
    let here = of(subject, &mut features);
    let first_on = |key: &str| {
        let mut spans = subject.spans().iter().map(|&index| index as usize);
        spans.find(|&index| subject.tree.span(index).attributes.iter().any(|(known, _)| known == key))
    };
    let judged = here.iter().filter(|(key, _)| !first_on(key).is_some_and(&is_passed_over));
    let mut rows: Vec<(f64, AttributeApart)> =
        judged.filter_map(|(&key, &value)| row(key, value, &good, &alike)).collect();
    // Of equally strong attributes, inputs come before those that may be consequences.
    let is_measured = |row: &AttributeApart| matches!(here.get(row.key.as_str()), Some(Feature::Number(_)));
    let remoteness = |row: &AttributeApart| (is_measured(row), !is_given(&row.key));
    rows.sort_by(|a, b| {
        let strength = (b.0 / ABOUT).round().total_cmp(&(a.0 / ABOUT).round());
        strength
            .then(remoteness(&a.1).cmp(&remoteness(&b.1)))
            .then(b.0.total_cmp(&a.0))
            .then_with(|| a.1.key.cmp(&b.1.key))
    });
    let left_out = rows.len().saturating_sub(ROWS_MAX) as u64;
    rows.truncate(ROWS_MAX);
    (rows.into_iter().map(|(_, row)| row).collect(), left_out)
}

fn of<'a>(execution: &Execution<'_, 'a>, features: &mut Features<'a>) -> BTreeMap<&'a str, Feature<'a>> {
    let mut found: BTreeMap<&'a str, Feature<'a>> = features.of(execution).into_iter().collect();
    let resource = &execution.tree.span(execution.entry).resource;
    for &key in SENDER {
        if let Some(text) = resource.text(key) {
            found.insert(key, Feature::Text(text));
        }
    }
    found
}

/// The row of one attribute, if it differs, and how telling it is.
fn row(
    key: &str,
    value: Feature<'_>,
    good: &FeatureTable<'_>,
    alike: &FeatureTable<'_>,
) -> Option<(f64, AttributeApart)> {
    let known: Vec<Feature<'_>> = good.iter().filter_map(|like| like.get(key).copied()).collect();
    let enough = |likes: usize, with_it: usize| {
        likes >= FEW_LIKES_MIN && (with_it == 0 || (likes >= LIKES_MIN && with_it as f64 <= RARE * likes as f64))
    };
    // One message that is delivered again and again is no single thing.
    let sharing = alike.iter().filter(|like| like.get(key) == Some(&value)).count();
    let is_shared = sharing >= FEW_LIKES_MIN && sharing as f64 >= SHARED * alike.len() as f64;
    let is_name = |distinct: usize| is_id(key) || distinct as f64 > DISTINCT * known.len() as f64;
    let numbers: Vec<f64> = known.iter().filter_map(as_number).collect();
    let distinct = distinct(&known);
    let is_range = numbers.len() == known.len() && distinct as f64 > NAMES * known.len() as f64;
    let (rule, usual) = match value {
        Feature::Number(number) if is_range && !known.is_empty() => {
            let range = numbers.iter().fold((f64::MAX, f64::MIN), |(low, high), &it| (low.min(it), high.max(it)));
            (beyond(number, &numbers)?, Some(format!("{} to {}", range.0, range.1)))
        }
        _ if is_name(distinct) && !is_shared => return None,
        _ => (Rule::Same(value), most_frequent(&known)),
    };
    let with_it = known.iter().filter(|other| rule.holds(other)).count();
    // A key that most good likes lack is judged by all of them.
    let judged = if known.len() < FEW_LIKES_MIN { good.len() } else { known.len() };
    if !enough(judged, with_it) {
        return None;
    }
    let alike_with_it = alike.iter().filter(|like| like.get(key).is_some_and(|other| rule.holds(other))).count();
    let shared = (alike_with_it as f64 + 1.0) / (alike.len() as f64 + 2.0);
    let rare = (with_it as f64 + 1.0) / (judged as f64 + 2.0);
    let row = AttributeApart {
        key: key.to_owned(),
        value: shown(value),
        usual,
        likes_with_it: with_it as u64,
        likes: judged as u64,
        alike_with_it: alike_with_it as u64,
        alike: alike.len() as u64,
    };
    Some((shared.ln() - rare.ln(), row))
}

/// What sets a value apart.
#[derive(Clone, Copy)]
enum Rule<'a> {
    /// It is this one.
    Same(Feature<'a>),
    Above(f64),
    Below(f64),
}

impl Rule<'_> {
    fn holds(&self, other: &Feature<'_>) -> bool {
        match self {
            Self::Same(value) => other == value,
            Self::Above(limit) => as_number(other).is_some_and(|number| number > *limit),
            Self::Below(limit) => as_number(other).is_some_and(|number| number < *limit),
        }
    }
}

/// The rule by which `number` is far beyond the numbers of the likes.
fn beyond(number: f64, in_order: &[f64]) -> Option<Rule<'static>> {
    let steps = in_order.windows(2);
    let growing = steps.clone().filter(|pair| pair[0] < pair[1]).count();
    if growing as f64 >= GROWING * steps.len() as f64 {
        return None;
    }
    let mut sorted = in_order.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (&low, &high) = (sorted.first()?, sorted.last()?);
    let (ratio, part) = if sorted.len() < LIKES_MIN { (FEW_SLOW_RATIO, 1.0) } else { (SLOW_RATIO, SLOW_PART) };
    let (above, below) = (quantile_f64(&sorted, part), quantile_f64(&sorted, 1.0 - part));
    if number > high && number > above * ratio {
        return Some(Rule::Above(high));
    }
    (number < low && number * ratio < below).then_some(Rule::Below(low))
}

fn as_number(feature: &Feature<'_>) -> Option<f64> {
    match feature {
        Feature::Number(number) => Some(*number),
        Feature::Text(_) => None,
    }
}

fn distinct(known: &[Feature<'_>]) -> usize {
    let mut texts: Vec<String> = known.iter().map(|feature| shown(*feature)).collect();
    texts.sort_unstable();
    texts.dedup();
    texts.len()
}

fn most_frequent(known: &[Feature<'_>]) -> Option<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for feature in known {
        *counts.entry(shown(*feature)).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(text, _)| text)
}

fn shown(feature: Feature<'_>) -> String {
    match feature {
        Feature::Number(number) => number.to_string(),
        Feature::Text(text) => text.to_owned(),
    }
}
