//! How long an operation would take at an input: which numeric attributes there are, what follows which, and one
//! prediction.
//!
//! Rests on executions that went well and are not their process's first; what timed out says where the limit is. It
//! never predicts what the data cannot carry: [`crate::growth`] says why and what would help.

use std::collections::BTreeMap;

use kino_model::Value;

use crate::detect::failures::is_timeout;
use crate::detect::features::{Feature, Features};
use crate::execution::{Execution, cold};
use crate::growth::{Growth, NoPrediction, Prediction, Shape, growth};
use crate::statistics::quantile_f64;
use crate::units::Units;

/// A numeric attribute of the executions, and how their duration follows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// The attribute's key.
    pub attribute: String,
    /// How many executions that count carry it.
    pub executions: usize,
    /// The smallest and the largest value among them.
    pub range: [f64; 2],
    /// How many runs, processes or minutes they come from; 0 where that is not known.
    pub units: usize,
    /// The growth, or why none can be predicted.
    pub growth: Result<Growth, NoPrediction>,
}

/// What is asked of one attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// The attribute, and what is known of it.
    pub input: Input,
    /// The prediction, where one was asked for.
    pub prediction: Option<Result<Prediction, NoPrediction>>,
    /// The limit, given or seen, in nanoseconds.
    pub limit_nanos: Option<f64>,
    /// Where the limit is crossed, with the interval in which single executions do; `None` where it is not within
    /// reach.
    pub crossing: Option<(f64, [f64; 2])>,
}

/// Executions that say nothing of timing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotCounted {
    /// They have not ended.
    pub open: u64,
    /// They failed.
    pub failed: u64,
    /// The first of several in their process.
    pub cold: u64,
}

/// Of these executions, those whose timing counts, and how many do not.
pub fn counted<'t, 'a>(executions: &[Execution<'t, 'a>]) -> (Vec<Execution<'t, 'a>>, NotCounted) {
    let ended: Vec<Execution<'t, 'a>> = executions.iter().filter(|execution| !execution.is_open()).copied().collect();
    let mut not = NotCounted { open: (executions.len() - ended.len()) as u64, ..NotCounted::default() };
    let mut well = Vec::with_capacity(ended.len());
    for (execution, is_cold) in ended.iter().zip(cold(&ended)) {
        if execution.is_error() {
            not.failed += 1;
        } else if is_cold {
            not.cold += 1;
        } else {
            well.push(*execution);
        }
    }
    (well, not)
}

/// The numeric attributes of executions that count (see [`counted`]), the one that explains most of the duration
/// first. Attributes that record the outcome are not inputs.
pub fn inputs(counted: &[Execution<'_, '_>]) -> Vec<Input> {
    let mut known = Features::default();
    let units = Units::new(counted, false);
    let mut by_key: BTreeMap<&str, Points> = BTreeMap::new();
    for (execution, unit) in counted.iter().zip(&units.of) {
        let nanos = execution.duration().unwrap_or_default() as f64;
        for (key, feature) in known.of(execution) {
            if let Feature::Number(value) = feature {
                by_key.entry(key).or_default().push((value, nanos), *unit);
            }
        }
    }
    let mut inputs: Vec<Input> = by_key.into_iter().map(|(key, points)| input(key, &points)).collect();
    let explained = |input: &Input| input.growth.as_ref().map_or(-1.0, |grown| grown.explained);
    inputs.sort_by(|a, b| explained(b).total_cmp(&explained(a)).then_with(|| a.attribute.cmp(&b.attribute)));
    inputs
}

/// How the duration follows `attribute`, and what it would be `at` a value. The limit is the given one, else the one
/// at which `all` executions were seen to time out. `None` where no execution that counts carries such a number.
pub fn predict(
    all: &[Execution<'_, '_>],
    counted: &[Execution<'_, '_>],
    attribute: &str,
    at: Option<f64>,
    limit_nanos: Option<f64>,
) -> Option<Forecast> {
    let units = Units::new(counted, false);
    let mut points = Points::default();
    for (execution, unit) in counted.iter().zip(&units.of) {
        if let Some(found) = point(execution, attribute) {
            points.push(found, *unit);
        }
    }
    if points.values.is_empty() {
        return None;
    }
    let input = input(attribute, &points);
    let limit_nanos = limit_nanos.or_else(|| timeout_limit(all));
    let crossing = input.growth.as_ref().ok().zip(limit_nanos).and_then(|(grown, limit)| grown.crossing(limit));
    let prediction = at.map(|at| input.growth.as_ref().map_err(|refused| *refused).and_then(|grown| grown.predict(at)));
    Some(Forecast { input, prediction, limit_nanos, crossing })
}

/// The median duration at which executions timed out; `None` where none did.
pub fn timeout_limit(executions: &[Execution<'_, '_>]) -> Option<f64> {
    let timed_out = |execution: &&Execution<'_, '_>| is_timeout(execution.tree.span(execution.entry));
    let ended = executions.iter().filter(timed_out).filter_map(Execution::duration);
    let mut durations: Vec<f64> = ended.map(|nanos| nanos as f64).collect();
    durations.sort_by(f64::total_cmp);
    (!durations.is_empty()).then(|| quantile_f64(&durations, 0.5))
}

impl Input {
    /// The growth, where the duration rises with the attribute.
    pub fn rising(&self) -> Option<&Growth> {
        self.growth.as_ref().ok().filter(|grown| grown.shape != Shape::Constant && grown.slope > 0.0)
    }
}

/// (input, nanoseconds) points, and the unit of each.
#[derive(Default)]
struct Points {
    values: Vec<(f64, f64)>,
    units: Vec<Option<u32>>,
}

impl Points {
    fn push(&mut self, value: (f64, f64), unit: Option<u32>) {
        self.values.push(value);
        self.units.push(unit);
    }
}

fn input(attribute: &str, points: &Points) -> Input {
    let ends = points
        .values
        .iter()
        .fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], (value, _)| [low.min(*value), high.max(*value)]);
    let mut growth = growth(&points.values);
    let units = match &mut growth {
        Ok(growth) => growth.widen_for_another_unit(&points.values, &points.units),
        Err(_) => 0,
    };
    Input { attribute: attribute.to_owned(), executions: points.values.len(), range: ends, units, growth }
}

/// The first value of the attribute in call order, and the duration.
fn point(execution: &Execution<'_, '_>, attribute: &str) -> Option<(f64, f64)> {
    let spans = execution.spans().iter().map(|&index| execution.tree.span(index as usize));
    let value = spans.filter_map(|span| span.attribute(attribute)).find_map(Value::as_f64)?;
    Some((value, execution.duration()? as f64)).filter(|(value, _)| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execution::{EntrySpans, executions};
    use crate::testing::{Random, traces, trees};

    /// Sixty executions whose time follows `diff_bytes` and not `files`; beyond 100 ms they time out.
    fn text() -> String {
        let mut random = Random(7);
        let mut line = || {
            let size = 1_000 + random.below(600_000);
            let millis = (20.0 + size as f64 / 5_000.0) * (0.03 * random.normal()).exp();
            let end = if millis > 100.0 { "100 ! error.type=timeout".to_owned() } else { millis.to_string() };
            format!("commit 0..{end} diff_bytes={size} files={} retry_count={}", 1 + random.below(9), random.below(3))
        };
        (0..60).map(|_| line()).collect::<Vec<_>>().join("\n---\n")
    }

    fn check(text: &str, judge: impl FnOnce(&[Execution<'_, '_>])) {
        let traces = traces(text);
        let trees = trees(&traces);
        judge(&executions(&trees, EntrySpans::Outermost));
    }

    #[test]
    fn the_attribute_that_explains_most_comes_first() {
        check(&text(), |all| {
            let (well, not) = counted(all);
            assert!(not.failed > 5 && not.open == 0, "{not:?}");
            let inputs = inputs(&well);
            let names: Vec<&str> = inputs.iter().map(|input| input.attribute.as_str()).collect();
            assert_eq!(names, ["diff_bytes", "files"], "an attribute that records the outcome is no input");
            assert!(inputs[0].rising().unwrap().explained > 0.9);
            assert!(inputs[1].rising().is_none());
        });
    }

    #[test]
    fn the_limit_that_was_seen_is_where_the_curve_crosses_it() {
        check(&text(), |all| {
            let (well, _) = counted(all);
            let forecast = predict(all, &well, "diff_bytes", Some(600_000.0), None).unwrap();
            assert_eq!(forecast.limit_nanos, Some(1e8));
            let (at, [first, last]) = forecast.crossing.unwrap();
            assert!((380_000.0..430_000.0).contains(&at) && first < at && at < last, "{first} {at} {last}");
            let nanos = forecast.prediction.unwrap().unwrap().nanos;
            assert!((1.3e8..1.5e8).contains(&nanos), "{nanos}");
        });
    }

    #[test]
    fn a_given_limit_counts_before_a_seen_one_and_a_far_question_is_refused() {
        check(&text(), |all| {
            let (well, _) = counted(all);
            let forecast = predict(all, &well, "diff_bytes", Some(5e6), Some(5e7)).unwrap();
            assert!((forecast.crossing.unwrap().0 / 150_000.0 - 1.0).abs() < 0.1);
            assert!(matches!(forecast.prediction, Some(Err(NoPrediction::OutOfReach { .. }))));
            assert_eq!(predict(all, &well, "diff_lines", None, None), None);
        });
    }
}
