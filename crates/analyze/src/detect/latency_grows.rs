//! `latency_grows_with_input`: the duration follows a numeric attribute.
//!
//! Evidence: at least [`crate::growth::MIN_POINTS`] executions that went well, over inputs that span a factor of
//! [`crate::growth::MIN_RANGE`]; a growing shape must halve the held-out error. Of several attributes the one with the
//! smallest error is told; a process's first execution is left out where it has several. Where executions timed out at a limit, the input that crosses it is told too.

use std::collections::BTreeMap;

use super::Draft;
use super::facts::{Group, median, shown, top};
use super::failures::is_timeout;
use super::features::{Feature, Features};
use crate::execution::Execution;
use crate::finding::{Code, Finding, Number, Unit};
use crate::growth::{Growth, Shape, growth};

/// The (attribute, nanoseconds) points of executions that went well: what [`crate::growth::growth`] takes.
pub fn points(executions: &[Execution<'_, '_>], attribute: &str) -> Vec<(f64, f64)> {
    let well = executions.iter().filter(|execution| !execution.is_error());
    let point = |execution: &Execution<'_, '_>| {
        let spans = execution.spans().iter().map(|&index| execution.tree.span(index as usize));
        let input = spans.filter_map(|span| span.attribute(attribute)).find_map(kino_model::Value::as_f64)?;
        Some((input, execution.duration()? as f64))
    };
    well.filter_map(point).collect()
}

pub(super) fn detect(group: &Group<'_, '_>, findings: &mut Vec<Finding>) {
    let mut known = Features::default();
    let mut by_key: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    for facts in group.facts.iter().filter(|facts| !facts.execution.is_error() && !facts.is_cold) {
        for (key, feature) in known.of(facts) {
            if let Feature::Number(input) = feature {
                by_key.entry(key).or_default().push((input, facts.duration()));
            }
        }
    }
    let grown = by_key.into_iter().filter_map(|(key, points)| Some((key, growth(&points).ok()?)));
    let best = grown
        .filter(|(_, grown)| grown.shape != Shape::Constant && grown.slope > 0.0)
        .min_by(|a, b| a.1.error.total_cmp(&b.1.error));
    if let Some((key, grown)) = best {
        findings.push(finding(group, key, &grown));
    }
}

fn finding(group: &Group<'_, '_>, key: &str, grown: &Growth) -> Finding {
    let timeouts: Vec<f64> = group
        .facts
        .iter()
        .filter(|facts| is_timeout(facts.span(facts.execution.entry)))
        .map(super::facts::Facts::duration)
        .collect();
    let limit = (!timeouts.is_empty()).then(|| median(timeouts));
    let crossing = limit.and_then(|limit| Some((limit, grown.crossing(limit)?)));
    let at = |input: f64| grown.predict(input).map_or(0.0, |prediction| prediction.nanos);
    let mut numbers = vec![
        Number::new("at_smallest", at(grown.smallest), Unit::Nanos),
        Number::new("at_largest", at(grown.largest), Unit::Nanos),
        Number::new("largest_input", grown.largest, Unit::Count),
        Number::new("held_out_error", grown.error, Unit::Ratio),
    ];
    let mut text = format!(
        "{} grows with {key} ({}): {} at {}, {} at {}, typically {:.0} % off.",
        group.name,
        grown.shape,
        shown(at(grown.smallest)),
        grown.smallest,
        shown(at(grown.largest)),
        grown.largest,
        grown.error * 100.0
    );
    if let Some((limit, (input, [first, last]))) = crossing {
        numbers.push(Number::new("limit", limit, Unit::Nanos));
        numbers.push(Number::new("crosses_limit_at", input, Unit::Count));
        text = format!("{text} The limit of {} is crossed at {input:.0} ({first:.0} to {last:.0}).", shown(limit));
    }
    let examples = group.facts.iter().map(|facts| (facts.duration(), facts.evidence(facts.execution.entry)));
    let draft = Draft {
        code: Code::LatencyGrowsWithInput,
        service: group.service,
        name: group.name,
        detail: key,
        numbers,
        saving_nanos: None,
        confidence: (1.0 - grown.error).clamp(0.0, 1.0),
        executions: grown.points,
        location: group.facts.first().and_then(|facts| facts.location(facts.execution.entry)),
        evidence: top(examples.collect()),
        text,
        next: Some(format!("kino predict {} --attr {key} --at VALUE", group.name)),
    };
    draft.finding(group)
}
