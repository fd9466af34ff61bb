//! `permanent_redirect`: requests go again and again to an address that has moved for good.
//!
//! HTTP's 301 and 308 say that later requests ought to use the new address (RFC 9110, 15.4.2 and 15.4.9). Who goes on asking
//! the old one makes two requests where one would do: `http` for `https`, a path without its last slash, an old version of an
//! interface. Instrumentations below the part of a client that follows redirects record each request (httpx, urllib3, Node's
//! `http` and undici, Go's otelhttp).
//!
//! Evidence: at least [`MIN_REDIRECTS`] requests of one kind (method, host, path without its data) with such an answer, in
//! at least [`MIN_PRESENCE`] of the executions. The saving is the time that they take on the critical path.
//!
//! Silent about redirects that are for once (302, 303, 307); a single one; what a server answers itself, whose clients are
//! judged; and what a test that passed asks itself.

use std::collections::BTreeMap;
use std::rc::Rc;

use kino_model::{Span, SpanKind};

use super::Draft;
use super::call::{CallKind, Calls};
use super::detection::Detection;
use super::facts::{Facts, Group, median, shown, top};
use crate::finding::{Code, Number, Unit};

/// Fewer may be how a program learns the address.
const MIN_REDIRECTS: usize = 3;
const MIN_PRESENCE: f64 = 0.5;

/// Requests of one kind, as (execution, span).
type Moved = Vec<(usize, usize)>;

pub(super) fn detect(group: &Group<'_, '_>, findings: &mut Vec<Detection>) {
    let mut calls = Calls::default();
    let mut by_request: BTreeMap<(&str, Rc<str>), Moved> = BTreeMap::new();
    for (number, facts) in group.facts.iter().enumerate() {
        let moved: Vec<usize> = facts.indices().skip(1).filter(|&index| is_moved(facts, index)).collect();
        if facts.is_of_test_itself(&moved) {
            continue;
        }
        for index in moved {
            let span = facts.span(index);
            if let Some(call) = calls.of(span).filter(|call| call.kind == CallKind::Http) {
                by_request.entry((span.service(), call.key)).or_default().push((number, index));
            }
        }
    }
    for ((service, request), moved) in by_request {
        findings.extend(found(group, &mut calls, service, &request, &moved));
    }
}

/// Whether a request was answered by an address that is to be used from then on, and no request within it was.
fn is_moved(facts: &Facts<'_, '_>, index: usize) -> bool {
    let answered = |span: &Span| matches!(span.int("http.response.status_code"), Some(301 | 308));
    let asks = |span: &Span| !matches!(span.kind, SpanKind::Server | SpanKind::Consumer);
    let is_one = |index: usize| answered(facts.span(index)) && asks(facts.span(index));
    is_one(index) && !facts.tree.children(index).iter().any(|&child| is_one(child as usize))
}

fn found<'a>(
    group: &Group<'_, 'a>,
    calls: &mut Calls<'a>,
    service: &str,
    request: &str,
    moved: &Moved,
) -> Option<Detection> {
    if moved.len() < group.cases(MIN_REDIRECTS) {
        return None;
    }
    // By execution: how many, and their time on the critical path.
    let mut by_execution: BTreeMap<usize, [f64; 2]> = BTreeMap::new();
    for &(number, index) in moved {
        let sums = by_execution.entry(number).or_default();
        sums[0] += 1.0;
        sums[1] += group.facts[number].critical(index) as f64;
    }
    if (by_execution.len() as f64) < group.part(MIN_PRESENCE) * group.facts.len() as f64 {
        return None;
    }
    let of = |which: usize| median(by_execution.values().map(|sums| sums[which]).collect());
    let (redirects, saving) = (of(0), of(1));
    let &(number, index) = moved.first()?;
    let facts = &group.facts[number];
    let examples = moved.iter().map(|&(number, index)| {
        let facts = &group.facts[number];
        (facts.critical(index) as f64, facts.evidence(index))
    });
    let asked_next = asked_next(facts, calls, index).filter(|next| &**next != request);
    let next = asked_next.map_or(String::new(), |next| format!(", here {next}"));
    let draft = Draft {
        code: Code::PermanentRedirect,
        service,
        name: &facts.span(index).name,
        detail: request,
        numbers: vec![
            Number::new("redirects", redirects, Unit::Count),
            Number::new("redirecting", saving, Unit::Nanos),
        ],
        saving_nanos: Some(saving),
        confidence: 0.9,
        executions: group.facts.len(),
        location: facts.location(index),
        evidence: top(examples.collect()),
        text: format!(
            "{request} has moved for good: {redirects:.0} requests of an execution are redirected before the new address is asked{next}. They take {} of its critical path.",
            shown(saving)
        ),
        next: Some(
            "ask the address that the answer names (`Location`), or configure it as the base address".to_owned(),
        ),
    };
    Some(draft.finding(group).about(moved.iter().copied()).saving_calls(redirects))
}

/// The request that follows a redirected one below the same span.
fn asked_next<'a>(facts: &Facts<'_, 'a>, calls: &mut Calls<'a>, index: usize) -> Option<Rc<str>> {
    let siblings = facts.tree.children(facts.tree.parent(index)?).iter().map(|&sibling| sibling as usize);
    let mut later = siblings.filter(|&sibling| sibling != index && facts.follows(index, sibling));
    later
        .find_map(|sibling| calls.of(facts.span(sibling)).filter(|call| call.kind == CallKind::Http))
        .map(|call| call.key)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use crate::detect::tests::{check, times};
    use crate::finding::Code;

    /// An execution that asks `count` items, each with this status and then, at the new address, with 200.
    fn items(count: usize, status: u16) -> String {
        let item = |number: usize| {
            let at = number * 20;
            format!(
                "  GET {at}..{} kind=client http.request.method=GET url.full=http://shop/items/{number} http.response.status_code={status}\n  GET {}..{} kind=client http.request.method=GET url.full=http://shop/v2/items/{number} http.response.status_code=200",
                at + 5,
                at + 5,
                at + 15
            )
        };
        format!("load 0..{}\n{}", count * 20, (0..count).map(item).collect::<Vec<_>>().join("\n"))
    }

    fn redirects(text: &str) -> String {
        check(Code::PermanentRedirect, text)
    }

    #[test]
    fn an_address_that_moved_is_asked_again_and_again() {
        assert_snapshot!(redirects(&times(3, &items(2, 301))), @"GET shop/items/{id} has moved for good: 2 requests of an execution are redirected before the new address is asked, here GET shop/v2/items/{id}. They take 10.0 ms of its critical path.");
        assert_eq!(redirects(&times(3, &items(2, 308))), redirects(&times(3, &items(2, 301))));
    }

    #[test]
    fn redirects_for_once_few_ones_and_a_servers_own_answers_are_left_alone() {
        for status in [200, 302, 303, 304, 307] {
            assert_eq!(redirects(&times(3, &items(2, status))), "", "{status}");
        }
        assert_eq!(redirects(&items(2, 301)), "", "two may be how it learns the address");
        let served = items(2, 301).replace("kind=client", "kind=server");
        assert_eq!(redirects(&times(3, &served)), "");
        let rare = format!("{}\n---\n{}", items(3, 301), times(3, &items(3, 200)));
        assert_eq!(redirects(&rare), "", "one of four executions");
        let test = items(3, 301).replace("load", "test_moved").replacen('\n', " test.case.name=test_moved\n", 1);
        assert_eq!(redirects(&times(3, &test)), "", "a test asks so on purpose");
    }

    #[test]
    fn a_request_that_two_libraries_record_is_one() {
        let twice = "load 0..60\n  GET 0..20 kind=client http.request.method=GET url.full=http://shop/a http.response.status_code=301\n    GET 1..19 kind=client http.request.method=GET url.full=http://shop/a http.response.status_code=301";
        assert_eq!(redirects(&times(2, twice)), "", "two, not four");
        assert_ne!(redirects(&times(3, twice)), "");
    }
}
