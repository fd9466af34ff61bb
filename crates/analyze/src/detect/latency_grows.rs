//! `latency_grows_with_input`: the duration follows a numeric attribute.
//!
//! Evidence: at least [`crate::growth::MIN_POINTS`] executions that went well, over inputs that span a factor of
//! [`crate::growth::MIN_RANGE`]; a growing shape must halve the cross-validation error. Of several attributes the one with the
//! smallest error is reported; a process's first execution is left out where it has several. Where executions timed out at
//! a limit, the input that crosses it is reported too.

use super::Draft;
use super::command::word;
use super::detection::Detection;
use super::facts::{Group, shown, top};
use crate::finding::{Code, Number, Unit};
use crate::growth::Growth;
use crate::predict::{Input, counted, inputs, timeout_limit};

pub(super) fn detect(group: &Group<'_, '_>, findings: &mut Vec<Detection>) {
    let inputs = inputs(&counted(&group.all).0);
    let rising = inputs.iter().filter_map(|input| Some((input, input.rising()?)));
    if let Some((input, grown)) = rising.min_by(|a, b| a.1.error.total_cmp(&b.1.error)) {
        findings.push(finding(group, input, grown));
    }
}

fn finding(group: &Group<'_, '_>, input: &Input, grown: &Growth) -> Detection {
    let key = input.attribute.as_str();
    let limit = timeout_limit(&group.all);
    let crossing = limit.and_then(|limit| Some((limit, grown.crossing(limit)?)));
    let at = |input: f64| grown.predict(input).map_or(0.0, |prediction| prediction.nanos);
    let mut numbers = vec![
        Number::new("at_smallest", at(grown.smallest), Unit::Nanos),
        Number::new("at_largest", at(grown.largest), Unit::Nanos),
        Number::new("largest_input", grown.largest, Unit::Count),
        Number::new("held_out_error", grown.error, Unit::Ratio),
    ];
    // 1 where it grows in proportion, 2 with the square: by the inputs that were seen, whatever the shape.
    let power = (at(grown.largest) / at(grown.smallest)).ln() / (grown.largest / grown.smallest).ln();
    numbers.extend(power.is_finite().then(|| Number::new("power", power, Unit::Ratio)));
    let mut text = format!(
        "{} grows with {key} ({}): {} at {}, {} at {}, typically {:.0} % off.",
        group.title,
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
        next: Some(format!("kino predict {} --attr {} --at VALUE", word(group.name), word(key))),
    };
    draft.finding(group).concerning(at(grown.largest))
}
