//! `rate_limited`: the other side refuses for too many requests (429 and its like).
//!
//! Evidence: at least [`MIN_REFUSALS`] refusals of one operation. Told are the requests in the second before a refusal
//! and, where a busy second without any was seen, the pause between requests that would have avoided them. Silent
//! inside tests that passed, and about requests that the service itself refuses: whoever made them is told.

use std::collections::BTreeMap;

use kino_model::{Span, SpanKind};

use super::Draft;
use super::facts::{Facts, Group, median, shown, top};
use super::failures::is_rate_limited;
use super::relate::{Found, Stretch};
use crate::finding::{Code, Number, Unit};

const MIN_REFUSALS: usize = 3;
const WINDOW_NANOS: i64 = 1_000_000_000;

#[derive(Clone, Copy)]
struct Request {
    start: i64,
    refused: bool,
    number: usize,
    index: usize,
}

pub(super) fn detect(group: &Group<'_, '_>, findings: &mut Vec<Found>) {
    let is_refusal = |span: &Span| is_rate_limited(span) && span.kind != SpanKind::Server;
    let is_refused = |facts: &Facts<'_, '_>, index| {
        let below = || facts.tree.children(index).iter().any(|&child| is_refusal(facts.span(child as usize)));
        is_refusal(facts.span(index)) && !below()
    };
    let counted = || group.facts.iter().enumerate().filter(|(_, facts)| !facts.is_passed_test());
    // Requests are listed of operations that were refused alone: mostly there are none.
    let mut by_operation: BTreeMap<(&str, &str), Vec<Request>> = BTreeMap::new();
    for (_, facts) in counted() {
        for span in facts.indices().filter(|&index| is_refused(facts, index)).map(|index| facts.span(index)) {
            by_operation.entry((span.service(), &span.name)).or_default();
        }
    }
    if by_operation.is_empty() {
        return;
    }
    for (number, facts) in counted() {
        for index in facts.indices() {
            let span = facts.span(index);
            if let Some(requests) = by_operation.get_mut(&(span.service(), span.name.as_str())) {
                requests.push(Request { start: span.start.0, refused: is_refused(facts, index), number, index });
            }
        }
    }
    for ((service, name), mut requests) in by_operation {
        let refusals = requests.iter().filter(|request| request.refused).count();
        if refusals < group.cases(MIN_REFUSALS) {
            continue;
        }
        requests.sort_by_key(|request| request.start);
        let mut rates = Vec::new();
        let mut safe = 0;
        let (mut from, mut refused_within) = (0, 0);
        for (at, request) in requests.iter().enumerate() {
            refused_within += usize::from(request.refused);
            while requests[from].start <= request.start - WINDOW_NANOS {
                refused_within -= usize::from(requests[from].refused);
                from += 1;
            }
            let within = at + 1 - from;
            if request.refused {
                rates.push(within as f64);
            } else if refused_within == 0 {
                safe = safe.max(within);
            }
        }
        let rate = median(rates);
        let pause = (safe > 0 && (safe as f64) < rate).then(|| WINDOW_NANOS as f64 / safe as f64);
        let mut numbers = vec![
            Number::new("refusals", refusals as f64, Unit::Count),
            Number::new("requests", requests.len() as f64, Unit::Count),
            Number::new("requests_in_second_before", rate, Unit::Count),
        ];
        numbers.extend(pause.map(|pause| Number::new("pause", pause, Unit::Nanos)));
        let refused: Vec<&Request> = requests.iter().filter(|request| request.refused).collect();
        let examples = refused.iter().map(|it| (it.start as f64, group.facts[it.number].evidence(it.index)));
        let advice =
            pause.map_or(String::new(), |pause| format!(" A request every {} stayed below the limit.", shown(pause)));
        let draft = Draft {
            code: Code::RateLimited,
            service,
            name,
            detail: "",
            numbers,
            saving_nanos: None,
            confidence: 0.95,
            executions: group.facts.len(),
            location: group.facts[refused[0].number].location(refused[0].index),
            evidence: top(examples.collect()),
            text: format!(
                "{refusals} of {} requests of {name} are refused for too many; {rate:.0} were made in the second before.{advice}",
                requests.len()
            ),
            next: Some("space the requests out, or bound how many are under way".to_owned()),
        };
        let places = || refused.iter().map(|request| (request.number, request.index));
        let stretches: Vec<Stretch> = places().map(|(number, index)| group.stretch(number, index)).collect();
        findings.push(draft.finding(group).about(places()).explaining(stretches));
    }
}
