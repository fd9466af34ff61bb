//! The attribute that best separates bad executions from good ones.
//!
//! For numbers the best threshold on either side, for texts the best value; the chance of so good a separation (Fisher's
//! exact test) is multiplied by everything that was tried, thresholds included, and must stay below [`LEVEL`]; the rule
//! must hold for [`MIN_SUPPORT`] of the bad, with a lift of [`MIN_LIFT`]. Addresses count by their templates, without the
//! data in them. Ids count where a value is shared by at least
//! [`MIN_SIDE`] executions. Of rules that separate about as well, one about what executions are given at their start comes
//! before one about another name, and this before a threshold, which may be a consequence.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::features::{Feature, Features, is_given, is_id};
use crate::execution::Execution;
use crate::statement::url_template;
use crate::statistics::{fisher, ln_factorials};

/// Executions of each side from which on a rule is looked for.
pub(crate) const MIN_SIDE: usize = 5;
const LEVEL: f64 = 0.01;
const MIN_SUPPORT: f64 = 0.8;
const MIN_LIFT: f64 = 1.5;
/// Rules separate about as well if they misplace at most this part of the executions more.
const ABOUT: f64 = 0.02;
/// Attributes that hold the address of a request.
const ADDRESSES: [&str; 4] = ["http.target", "http.url", "url.full", "url.path"];
/// The part of an address behind its path.
const QUERY: &str = "url.query";
/// Characters of a value that are shown.
const VALUE_CHARS_MAX: usize = 60;

/// A rule that separates, and how well.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    /// The attribute's key, as recorded.
    pub(crate) key: String,
    /// ` = value`, ` > 3`, ` < 3`.
    pub(crate) condition: String,
    /// What a number is above or below.
    pub(crate) threshold: Option<f64>,
    /// Bad executions for which it holds.
    pub(crate) bad: usize,
    /// Good ones.
    pub(crate) good: usize,
    /// The chance of so good a separation, corrected for all that was tried.
    pub(crate) p_value: f64,
}

impl Rule {
    /// How near it is to what the executions are given.
    fn remoteness(&self) -> u8 {
        match self.threshold {
            None if is_given(&self.key) => 0,
            None => 1,
            Some(_) => 2,
        }
    }
}

/// The rule that separates the executions of which `true` is said best, if it is good enough.
pub(crate) fn separating<'t, 'a: 't>(executions: impl Iterator<Item = (Execution<'t, 'a>, bool)>) -> Option<Rule> {
    let mut known = Features::with_ids();
    let features = executions.map(|(execution, bad)| (known.of(&execution), bad));
    let features: Vec<(Vec<(&'a str, Feature<'a>)>, bool)> = features.collect();
    let bad_total = features.iter().filter(|(_, bad)| *bad).count();
    let good_total = features.len() - bad_total;
    if bad_total < MIN_SIDE || good_total < MIN_SIDE {
        return None;
    }
    let (rules, tried) = rules(&features, bad_total, good_total);
    let is_good_enough = |rule: &Rule| {
        let precision = rule.bad as f64 / (rule.bad + rule.good) as f64;
        let lift = precision / (bad_total as f64 / features.len() as f64);
        rule.p_value <= LEVEL && rule.bad as f64 >= MIN_SUPPORT * bad_total as f64 && lift >= MIN_LIFT
    };
    let corrected = rules.into_iter().map(|rule| Rule { p_value: (rule.p_value * tried as f64).min(1.0), ..rule });
    let rules: Vec<Rule> = corrected.filter(is_good_enough).collect();
    let misplaced = |rule: &Rule| bad_total - rule.bad + rule.good;
    let least = rules.iter().map(misplaced).min()?;
    let about = least as f64 + ABOUT * features.len() as f64;
    let as_good = rules.into_iter().filter(|rule| misplaced(rule) as f64 <= about);
    as_good.min_by(|a, b| {
        let place = |rule: &Rule| (rule.remoteness(), misplaced(rule));
        place(a).cmp(&place(b)).then(a.p_value.total_cmp(&b.p_value))
    })
}

/// A row for each execution: its features, and whether it is bad.
type Rows<'a> = [(Vec<(&'a str, Feature<'a>)>, bool)];

/// The best rule of each key, and how many were tried.
fn rules(rows: &Rows<'_>, bad_total: usize, good_total: usize) -> (Vec<Rule>, usize) {
    let mut numbers: BTreeMap<&str, Vec<(f64, bool)>> = BTreeMap::new();
    let mut texts: BTreeMap<&str, BTreeMap<Cow<'_, str>, [usize; 2]>> = BTreeMap::new();
    let mut count = |key, value, bad: bool| {
        texts.entry(key).or_default().entry(value).or_default()[usize::from(!bad)] += 1;
    };
    for (features, bad) in rows {
        for &(key, feature) in features {
            match feature {
                Feature::Number(value) if !is_id(key) => numbers.entry(key).or_default().push((value, *bad)),
                Feature::Number(id) => count(key, Cow::Owned(id.to_string()), *bad),
                Feature::Text(value) if ADDRESSES.contains(&key) => count(key, Cow::Owned(url_template(value)), *bad),
                Feature::Text(value) if key == QUERY => {
                    count(key, Cow::Owned(url_template(&format!("?{value}"))), *bad);
                }
                Feature::Text(value) => count(key, Cow::Borrowed(value), *bad),
            }
        }
    }
    let ln_factorials = ln_factorials(rows.len());
    let p_value = |bad: usize, good: usize| fisher(bad, good, bad_total, good_total, &ln_factorials);
    let (mut best, mut tried) = (Vec::new(), 0);
    for (key, values) in texts {
        let values = values.into_iter().filter(|(_, [bad, good])| !is_id(key) || bad + good >= MIN_SIDE);
        let of_key = values.map(|(value, [bad, good])| {
            tried += 1;
            let shown: String = value.chars().take(VALUE_CHARS_MAX).collect();
            let condition = format!("= {shown}");
            Rule { key: key.to_owned(), condition, threshold: None, bad, good, p_value: p_value(bad, good) }
        });
        best.extend(first_best(of_key));
    }
    for (key, values) in numbers {
        let of_key = thresholds(key, values, p_value);
        tried += 2 * of_key.len();
        best.extend(first_best(of_key.into_iter()));
    }
    (best, tried)
}

fn first_best(rules: impl Iterator<Item = Rule>) -> Option<Rule> {
    rules.min_by(|a, b| a.p_value.total_cmp(&b.p_value))
}

/// For each threshold between two numbers the better side.
fn thresholds(key: &str, mut values: Vec<(f64, bool)>, p_value: impl Fn(usize, usize) -> f64) -> Vec<Rule> {
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let bad_known = values.iter().filter(|(_, bad)| *bad).count();
    let good_known = values.len() - bad_known;
    let (mut bad_below, mut good_below) = (0, 0);
    let mut rules = Vec::new();
    for pair in values.windows(2) {
        *(if pair[0].1 { &mut bad_below } else { &mut good_below }) += 1;
        if pair[0].0 >= pair[1].0 {
            continue;
        }
        let threshold = f64::midpoint(pair[0].0, pair[1].0);
        let (bad_above, good_above) = (bad_known - bad_below, good_known - good_below);
        let sides = [('>', bad_above, good_above), ('<', bad_below, good_below)];
        let [above, below] = sides.map(|(side, bad, good)| Rule {
            key: key.to_owned(),
            condition: format!("{side} {}", number(pair, threshold)),
            threshold: Some(threshold),
            bad,
            good,
            p_value: p_value(bad, good),
        });
        rules.push(if above.p_value <= below.p_value { above } else { below });
    }
    rules
}

/// The threshold with as few digits as still separate the two values.
fn number(pair: &[(f64, bool)], threshold: f64) -> f64 {
    let (low, high) = (pair[0].0, pair[1].0);
    let mut step = 10f64.powf((high - low).log10().floor());
    for _ in 0..3 {
        let rounded = (threshold / step).round() * step;
        if rounded >= low && rounded < high {
            return rounded;
        }
        step /= 10.0;
    }
    threshold
}
