//! `rate_limited`: the other side refuses for too many requests (429 and its like).
//!
//! Evidence: at least [`MIN_REFUSALS`] refusals of one operation; where only some addresses (HTTP) or methods (RPC) that it
//! asks refuse, these alone are counted. Reported are the requests in the second before a refusal and, where a busy second
//! without any was seen, the pause between requests that would have avoided them. The saving is an execution's time on the
//! critical path from a refusal until the same is asked again. Silent inside tests that passed, and about requests that
//! the service itself refuses: the finding is reported for the service that made them.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use kino_model::{Span, SpanKind};

use super::Draft;
use super::call::{CallKind, Calls};
use super::detection::{Detection, SpanRef, Stretch};
use super::facts::{Facts, Group, median, shown, top};
use super::failures::is_rate_limited;
use super::worth;
use crate::finding::{Code, Number, Unit};

const MIN_REFUSALS: usize = 3;
const WINDOW_NANOS: i64 = 1_000_000_000;

#[derive(Clone)]
struct TimedRequest {
    start: i64,
    refused: bool,
    number: usize,
    index: usize,
    /// What is asked, without its data; empty where it is neither HTTP nor RPC.
    what: Rc<str>,
}

pub(super) fn detect(group: &Group<'_, '_>, findings: &mut Vec<Detection>) {
    let is_refusal = |span: &Span| is_rate_limited(span) && span.kind != SpanKind::Server;
    let is_refused = |facts: &Facts<'_, '_>, index| {
        let below = || facts.tree.children(index).iter().any(|&child| is_refusal(facts.span(child as usize)));
        is_refusal(facts.span(index)) && !below()
    };
    let counted = || group.facts.iter().enumerate().filter(|(_, facts)| !facts.is_passed_test());
    // Requests are listed of operations that were refused alone: mostly there are none.
    let mut by_operation: BTreeMap<(&str, &str), Vec<TimedRequest>> = BTreeMap::new();
    for (_, facts) in counted() {
        for span in facts.indices().filter(|&index| is_refused(facts, index)).map(|index| facts.span(index)) {
            by_operation.entry((span.service(), &span.name)).or_default();
        }
    }
    if by_operation.is_empty() {
        return;
    }
    let mut calls = Calls::default();
    for (number, facts) in counted() {
        for index in facts.indices() {
            let span = facts.span(index);
            if let Some(requests) = by_operation.get_mut(&(span.service(), span.name.as_str())) {
                let call = calls.of(span).filter(|call| matches!(call.kind, CallKind::Http | CallKind::Rpc));
                let what = call.map_or_else(|| Rc::from(""), |call| call.key);
                let (start, refused) = (span.start.0, is_refused(facts, index));
                requests.push(TimedRequest { start, refused, number, index, what });
            }
        }
    }
    for ((service, name), mut requests) in by_operation {
        let refusals = requests.iter().filter(|request| request.refused).count();
        if refusals < group.cases(MIN_REFUSALS) {
            continue;
        }
        let refusing: BTreeSet<Rc<str>> =
            requests.iter().filter(|request| request.refused).map(|request| Rc::clone(&request.what)).collect();
        requests.retain(|request| refusing.contains(&request.what));
        let asked = match refusing.first() {
            Some(only) if refusing.len() == 1 && !only.is_empty() => only,
            _ => name,
        };
        requests.sort_by_key(|request| request.start);
        let (rate, pause) = rates(&requests);
        let mut numbers = vec![
            Number::new("refusals", refusals as f64, Unit::Count),
            Number::new("requests", requests.len() as f64, Unit::Count),
            Number::new("requests_in_second_before", rate, Unit::Count),
        ];
        numbers.extend(pause.map(|pause| Number::new("pause", pause, Unit::Nanos)));
        let refused: Vec<&TimedRequest> = requests.iter().filter(|request| request.refused).collect();
        let examples = refused.iter().map(|it| (it.start as f64, group.facts[it.number].evidence(it.index)));
        let stretches: Vec<Stretch> =
            refused.iter().map(|request| until_asked_again(group, &mut calls, request)).collect();
        let lost = lost(group, &stretches);
        let advice =
            pause.map_or(String::new(), |pause| format!(" A request every {} stayed below the limit.", shown(pause)));
        let pass = lost.map_or(String::new(), |lost| {
            format!(" {} of an execution pass in refused ones and until they are asked again.", shown(lost))
        });
        let draft = Draft {
            code: Code::RateLimited,
            service,
            name,
            detail: "",
            numbers,
            saving_nanos: lost,
            confidence: 0.95,
            executions: group.facts.len(),
            location: group.facts[refused[0].number].location(refused[0].index),
            evidence: top(examples.collect()),
            text: format!(
                "{refusals} of {} requests of {asked} are refused for too many; {rate:.0} were made in the second before.{pass}{advice}",
                requests.len()
            ),
            next: Some("space the requests out, or bound how many are under way".to_owned()),
        };
        let places = || refused.iter().map(|request| (request.number, request.index));
        findings.push(draft.finding(group).about(places()).explaining(stretches));
    }
}

/// From a refused request until the same is asked again below its parent, else until it ends.
fn until_asked_again<'a>(group: &Group<'_, 'a>, calls: &mut Calls<'a>, request: &TimedRequest) -> Stretch {
    let facts = &group.facts[request.number];
    let own = group.stretch(request.number, request.index);
    let span = facts.span(request.index);
    let parent = facts.tree.parent(request.index).filter(|_| request.index != facts.execution.entry);
    let Some(parent) = parent.filter(|_| !request.what.is_empty()) else { return own };
    let whole = |calls: &mut Calls<'a>, index| calls.of(facts.span(index)).map(|call| (call.key, call.whole));
    let asked = whole(calls, request.index);
    let siblings = facts.tree.children(parent).iter().map(|&index| index as usize);
    let mut later =
        siblings.filter(|&index| facts.follows(request.index, index) && facts.span(index).name == span.name);
    match later.find(|&index| whole(calls, index) == asked) {
        Some(again) => {
            let place = SpanRef { execution: request.number, span: parent };
            Stretch { place, start: facts.tree.start(request.index), end: facts.tree.start(again) }
        }
        None => own,
    }
}

/// What executions that were refused something lose by it, the median; `None` where it is too little to speak of.
fn lost(group: &Group<'_, '_>, stretches: &[Stretch]) -> Option<f64> {
    let mut by_execution: BTreeMap<usize, f64> = BTreeMap::new();
    for Stretch { place, start, end } in stretches {
        let lost = group.facts[place.execution].critical_within(place.span, *start, *end);
        *by_execution.entry(place.execution).or_default() += lost as f64;
    }
    Some(median(by_execution.into_values().collect())).filter(|lost| worth::is_time(*lost, group.median_duration()))
}

/// Requests in the second before a refusal, the median, and the pause between those of the busiest second without any.
fn rates(requests: &[TimedRequest]) -> (f64, Option<f64>) {
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
    (rate, pause)
}
