//! Which findings are reported without a question. Some findings only say where time is, or what it goes with, and leave
//! the reader to find out why.
//!
//! Asked about an operation (`explain`), each of them is an answer. Unasked, one is opened only where it gives the reader
//! something to act on:
//!
//! - `dead_time` of requests of several operations that take about as long, *apart* from most others of their service
//!   ([`Neighbours`]): they share a cause. Where one page computes longer than the others, that is how it works, and
//!   nothing says what to change. Of a process started for one execution each time: what passes before its first call,
//!   if that is most of it. Of a span of the author's own, which names what computes. Never of background work,
//!   connections that stay open, and logging in, where hashing a password is slow on purpose.
//! - `bottleneck` of a call that usually takes as long as a person notices, unless it is what the operation is for: the
//!   only request of a proxy, a model's answer, or a write to disk. Of a database only where one statement takes that
//!   long and most of the time. Not where another finding says what to do about the same calls. Within the process the
//!   same as `dead_time`.
//! - `what_differs` of failures, and of slow executions by an attribute that the program's author set: what a library
//!   records of a request says which kind of work it is. Not which of several operations it is (what is named by its HTTP
//!   method alone is several, which its address and its headers distinguish). What differs is what the execution was
//!   given: which calls it then makes, and what a protocol reports at its end, comes of the difference.
//! - `latency_grows_with_input` where it crosses a limit or grows worse than the input, to what a person notices.
//! - `timeout_budget_exceeded` of calls that go on for as long as a person notices: a call has a limit of its own, while a
//!   server seldom learns that its caller is gone.
//! - Errors, growth, and what proposes another way of making calls, with more than even confidence: not where nothing was
//!   recorded that would have shown the calls to be different, or to need each other, where making them may be what a
//!   program is for, or where it asks whether something is there.
//! - `broken_trace` of missing parents in several traces: a program that is killed leaves some.
//! - `llm_token_waste` from a thousand tokens on that are sent again; that answers are short is often what is wanted.
//!
//! What says where time is, never inside a test: it computes and waits as it pleases. A code that is not listed here opens
//! nothing unasked.

use std::collections::BTreeSet;

use kino_model::{Span, SpanKind};

use super::broken::MISSING;
use super::call::{is_for_disk, is_model, is_model_request, waits, waits_for_work};
use super::failures::is_refused_input;
use super::routes::is_method;
use crate::execution::{Execution, RunEnd, is_of_test, process, run_end};
use crate::finding::{Code, Finding};
use crate::statistics::median;

/// Codes whose findings say what to act on, whatever they are about. A new one joins them when software of others has shown
/// how often it is right.
const ALWAYS: [Code; 13] = [
    Code::RetryStorm,
    Code::TimeoutCluster,
    Code::RateLimited,
    Code::CacheIneffective,
    Code::CacheKeyCollision,
    Code::LockContention,
    Code::Deadlock,
    Code::HeldBy,
    Code::MemoryGrowth,
    Code::ClockSkew,
    Code::Regression,
    Code::Improvement,
    Code::StructureChanged,
];

/// The shortest wait that a person notices, in nanoseconds.
const NOTICED_NANOS: f64 = 1e8;
/// An operation is apart from those that take less than its time over this, with none between.
const GAP: f64 = 3.0;
/// The fewest operations beyond the gap: fewer do not show what is usual in the service.
const LOWER_MIN: usize = 4;
/// As many operations on the near side of the gap, up to half of all, share a cause …
const SHARING_MIN: usize = 3;
/// … if the slowest takes at most this many times the fastest's time.
const SHARED_SPREAD: f64 = 2.0;
/// Most of an execution, or of something else.
const MOST: f64 = 0.5;
/// As many processes must show it.
const PROCESSES_MIN: usize = 3;
/// An execution that spends this part in a single call, or in a single span, does nothing else.
const NOTHING_ELSE: f64 = 0.9;
/// A duration that grows faster than this power of the input grows worse than the input.
const POWER_MIN: f64 = 1.5;

/// Tokens of a language model in one execution: about a tenth of a cent.
const TOKENS_MIN: f64 = 1_000.0;

/// Traces that lack parents: a program that is killed leaves those that were under way.
const BROKEN_TRACES_MIN: f64 = 3.0;
/// What proposes another way of making calls rests on what was recorded, not on what was not.
const CONFIDENT: f64 = 0.6;

/// The other operations of a service at which executions start, of the same span kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Neighbours {
    /// Their median durations in nanoseconds, in any order; those with too few executions for one left out.
    pub medians: Vec<i64>,
}

impl Neighbours {
    /// Whether `nanos` sets an operation apart from most others together with some that take about as long, as where all
    /// of them do one slow thing.
    fn are_faster_than(&self, nanos: f64) -> bool {
        let mut medians: Vec<f64> = self.medians.iter().map(|&median| median as f64).collect();
        medians.sort_by(|a, b| b.total_cmp(a));
        // Down from one to the next, as long as none is several times the next.
        let (mut floor, mut near) = (nanos, 1);
        for median in &medians {
            if median * GAP <= floor {
                break;
            }
            floor = floor.min(*median);
            near += 1;
        }
        let lower = medians.len() + 1 - near;
        let highest = medians.first().map_or(nanos, |highest| highest.max(nanos));
        near >= SHARING_MIN && lower >= LOWER_MIN.max(near) && highest <= SHARED_SPREAD * floor
    }
}

/// Whether a finding about these executions of one operation is opened unasked.
pub fn opens(finding: &Finding, executions: &[Execution<'_, '_>], neighbours: &Neighbours) -> bool {
    let is_seen_outside_tests = || !executions.iter().all(is_of_test);
    match finding.code {
        Code::NPlusOne | Code::SequentialCouldBeParallel | Code::RepeatedIdenticalCall | Code::ErrorCluster => {
            finding.confidence >= CONFIDENT
        }
        Code::BrokenTrace => breaks_several(finding),
        Code::DeadTime => is_seen_outside_tests() && dead_time(finding, executions, neighbours),
        Code::Bottleneck => is_seen_outside_tests() && bottleneck(finding, executions, neighbours),
        Code::WhatDiffers => is_seen_outside_tests() && what_differs(finding, executions),
        Code::LatencyGrowsWithInput => {
            let is_other = key(finding, " grows with ").is_some_and(|key| distinguishes_operations(key, executions));
            is_seen_outside_tests() && !is_other && finding.confidence >= CONFIDENT && grows_too_fast(finding)
        }
        Code::TimeoutBudgetExceeded => outlives_its_caller(finding, executions),
        Code::LlmTokenWaste => is_seen_outside_tests() && wastes_many(finding),
        code => ALWAYS.contains(&code),
    }
}

fn number(finding: &Finding, name: &str) -> Option<f64> {
    finding.numbers.iter().find(|number| number.name == name).map(|number| number.value)
}

/// A span that the finding shows, and the execution that has it.
fn shown<'e, 't, 'a>(finding: &Finding, executions: &'e [Execution<'t, 'a>]) -> Option<(&'e Execution<'t, 'a>, usize)> {
    finding.evidence.iter().find_map(|evidence| {
        let here = executions.iter().filter(|execution| execution.trace_id() == evidence.trace_id);
        here.into_iter().find_map(|execution| {
            let is_it = |index: &u32| Some(execution.tree.span(*index as usize).span_id) == evidence.span_id;
            let index = execution.spans().iter().copied().find(is_it)?;
            Some((execution, index as usize))
        })
    })
}

fn dead_time(finding: &Finding, executions: &[Execution<'_, '_>], neighbours: &Neighbours) -> bool {
    let Some((execution, index)) = shown(finding, executions) else { return false };
    let Some(own) = number(finding, "own") else { return false };
    if index != execution.entry && is_authors_own(execution.tree.span(index)) {
        return number(finding, "share").is_some_and(|share| share >= MOST);
    }
    is_apart(execution, neighbours, own) || (index == execution.entry && is_slow_start(executions, own))
}

/// Whether so much time within the process sets the execution's operation apart.
fn is_apart(execution: &Execution<'_, '_>, neighbours: &Neighbours, nanos: f64) -> bool {
    let entry = execution.tree.span(execution.entry);
    let is_request = entry.kind == SpanKind::Server && !is_connection(execution) && !is_authentication(&entry.name);
    is_request && neighbours.are_faster_than(nanos)
}

/// Whether the program's author made the span, and so named a part of the program: what instruments frameworks and
/// libraries makes the same spans in each program.
fn is_authors_own(span: &Span) -> bool {
    let scope = span.scope.name.to_ascii_lowercase();
    matches!(span.kind, SpanKind::Internal | SpanKind::Unspecified)
        && !["instrumentation", "opentelemetry"].iter().any(|part| scope.contains(part))
}

/// Whether a request is a connection that stays open, or an answer that is sent bit by bit: time in it is mostly
/// waiting for the other side.
fn is_connection(execution: &Execution<'_, '_>) -> bool {
    const SWITCHED: i64 = 101;
    let tree = execution.tree;
    let events = || tree.children(execution.entry).iter().filter_map(|&child| event(tree.span(child as usize)));
    tree.span(execution.entry).int("http.response.status_code") == Some(SWITCHED)
        || events().any(|event| event.starts_with("websocket"))
        || events().filter(|event| *event == "http.response.body").count() > 1
}

/// The message of a Python server's protocol that a span is about.
fn event(span: &Span) -> Option<&str> {
    span.text("asgi.event.type")
}

/// Whether the operation checks who the user is, by its name.
fn is_authentication(name: &str) -> bool {
    const WORDS: [&str; 14] = [
        "login", "logon", "signin", "sign-in", "sign_in", "signup", "sign-up", "sign_up", "register", "password",
        "auth", "token", "verify", "mfa",
    ];
    let name = name.to_ascii_lowercase();
    WORDS.iter().any(|word| name.contains(word))
}

/// Whether each execution is a process of its own that spends most of its time before its first call to the outside:
/// a person waits for it to start.
fn is_slow_start(executions: &[Execution<'_, '_>], own: f64) -> bool {
    let mut processes = BTreeSet::new();
    let mut before = Vec::new();
    let mut durations = Vec::new();
    for execution in executions.iter().filter(|execution| !execution.is_open()) {
        let (tree, entry) = (execution.tree, execution.entry);
        let span = tree.span(entry);
        let is_served = matches!(span.kind, SpanKind::Server | SpanKind::Consumer);
        let is_new = process(&span.resource).is_some_and(|process| processes.insert(process));
        if is_served || !is_new {
            return false;
        }
        let first = tree.children(entry).iter().map(|&child| child as usize).min_by_key(|&child| tree.start(child));
        let first = first.filter(|&first| waits(tree.span(first)));
        before.push(first.map_or(0.0, |first| (tree.start(first) - tree.start(entry)) as f64));
        durations.push(tree.duration(entry) as f64);
    }
    if processes.len() < PROCESSES_MIN {
        return false;
    }
    let (before, duration) = (median(before), median(durations));
    before >= NOTICED_NANOS && before >= MOST * own && before >= MOST * duration
}

fn bottleneck(finding: &Finding, executions: &[Execution<'_, '_>], neighbours: &Neighbours) -> bool {
    // What says what to do about these calls is opened instead.
    let Some((execution, index)) = shown(finding, executions).filter(|_| finding.follows_from.is_none()) else {
        return false;
    };
    let number = |name: &str| number(finding, name).unwrap_or(0.0);
    let (drag, share) = (number("drag"), number("critical_share"));
    let span = execution.tree.span(index);
    let is_noticed = drag.min(number("critical_median")) >= NOTICED_NANOS;
    if !is_noticed || span.is_error() || event(span).is_some() || waits_for_work(span) {
        return false;
    }
    if !waits(span) {
        // What fills all of an execution is the execution by another name.
        return (is_authors_own(span) && share < NOTHING_ELSE) || is_apart(execution, neighbours, drag);
    }
    if ["db.query.text", "db.system.name", "db.system"].iter().any(|key| span.attribute(key).is_some()) {
        let is_one = number("statement_share") >= MOST && number("statement_median") >= NOTICED_NANOS;
        return is_one && span.text("db.query.text").is_some_and(|statement| !is_for_disk(span, statement));
    }
    !is_model(span) && !is_model_request(span) && (share < NOTHING_ELSE || calls_of(execution, index) > 1)
}

/// How many calls of the same operation the execution makes.
fn calls_of(execution: &Execution<'_, '_>, index: usize) -> usize {
    let name = &execution.tree.span(index).name;
    execution.spans().iter().filter(|&&other| execution.tree.span(other as usize).name == *name).count()
}

/// The attribute that a finding's text names after these words.
fn key<'f>(finding: &'f Finding, words: &str) -> Option<&'f str> {
    finding.text.split_once(words)?.1.split(' ').next()
}

/// Whether an attribute only says which of several operations an execution is of, all of them named by their HTTP method.
fn distinguishes_operations(key: &str, executions: &[Execution<'_, '_>]) -> bool {
    const OF_REQUESTS: [&str; 4] = ["http.", "url.", "server.", "rpc."];
    let is_several = executions.first().is_some_and(|it| is_method(&it.tree.span(it.entry).name));
    is_several && OF_REQUESTS.iter().any(|part| key.starts_with(part))
}

/// Whether executions were given an attribute, or the program's author set it.
fn is_of_input(key: &str, executions: &[Execution<'_, '_>]) -> bool {
    const OF_CALLS: [&str; 6] = ["db.", "net.", "network.", "server.", "peer.", "asgi."];
    let is_there = |execution: &Execution<'_, '_>| {
        let mut spans = execution.spans().iter().map(|&index| (index as usize, execution.tree.span(index as usize)));
        spans.any(|(index, span)| (index == execution.entry || is_authors_own(span)) && span.attribute(key).is_some())
    };
    !OF_CALLS.iter().any(|part| key.starts_with(part)) && executions.iter().any(is_there)
}

/// Whether an attribute is one that libraries record of a request, a message or a process, by its name.
fn is_of_library(key: &str) -> bool {
    const RECORDED: [&str; 14] = [
        "client.",
        "code.",
        "faas.",
        "graphql.",
        "host.",
        "http.",
        "messaging.",
        "otel.",
        "process.",
        "rpc.",
        "server.",
        "thread.",
        "url.",
        "user_agent.",
    ];
    RECORDED.iter().any(|part| key.starts_with(part))
}

fn what_differs(finding: &Finding, executions: &[Execution<'_, '_>]) -> bool {
    let Some(key) = key(finding, " have ") else { return false };
    if distinguishes_operations(key, executions) || !is_of_input(key, executions) {
        return false;
    }
    if let Some(nanos) = number(finding, "slower_by") {
        return nanos >= NOTICED_NANOS && !is_of_library(key);
    }
    // Requests that were refused because of what was asked are no failures of who refused them, and calls that failed in a
    // run that ended well were handled.
    let mut failed = executions.iter().filter(|execution| execution.is_error());
    let is_handled = |execution: &Execution<'_, '_>| {
        run_end(execution).is_some_and(|(_, end)| end != RunEnd::Failed)
            || is_refused_input(execution.tree.span(execution.entry))
    };
    !failed.all(is_handled)
}

fn grows_too_fast(finding: &Finding) -> bool {
    let at_largest = number(finding, "at_largest").unwrap_or(0.0);
    let is_worse = number(finding, "power").is_some_and(|power| power >= POWER_MIN);
    number(finding, "limit").is_some() || (is_worse && at_largest >= NOTICED_NANOS)
}

fn outlives_its_caller(finding: &Finding, executions: &[Execution<'_, '_>]) -> bool {
    let is_call = shown(finding, executions).is_some_and(|(execution, index)| waits(execution.tree.span(index)));
    is_call && number(finding, "after_caller").is_some_and(|nanos| nanos >= NOTICED_NANOS)
}

fn breaks_several(finding: &Finding) -> bool {
    let is_in_several = number(finding, "traces").is_some_and(|traces| traces >= BROKEN_TRACES_MIN);
    is_in_several || !finding.text.contains(MISSING)
}

fn wastes_many(finding: &Finding) -> bool {
    number(finding, "tokens_sent_again").is_some_and(|tokens| tokens >= TOKENS_MIN)
}

#[cfg(test)]
mod tests {
    use super::Neighbours;

    const MILLI: i64 = 1_000_000;

    fn is_apart(millis: f64, others: &[i64]) -> bool {
        let medians = others.iter().map(|millis| millis * MILLI).collect();
        Neighbours { medians }.are_faster_than(millis * MILLI as f64)
    }

    #[test]
    fn one_operation_far_above_all_others_shares_no_cause() {
        assert!(!is_apart(300.0, &[60, 40, 20, 10, 5]));
        assert!(!is_apart(300.0, &[280, 60, 40, 20, 10, 5]), "two may do so by chance");
        assert!(is_apart(300.0, &[280, 250, 60, 40, 20, 10, 5]));
        assert!(!is_apart(300.0, &[280, 250, 60, 40, 20]), "three others are too few to say what is usual");
    }

    #[test]
    fn pages_of_which_each_takes_its_time_are_not_apart() {
        let pages = [328, 272, 267, 245, 213, 174, 164, 121, 112, 80, 76, 75, 65, 47, 34, 26, 18];
        assert!(pages.iter().all(|&page| !is_apart(page as f64 * 0.9, &pages)));
        assert!(!is_apart(212.0, &[87, 77, 66, 63, 56, 52, 42]), "the slowest by little");
        let pages_and_redirects = [300, 250, 200, 150, 120, 3, 2, 2, 1, 1, 1];
        assert!(!is_apart(280.0, &pages_and_redirects), "pages differ, and redirects are no measure of them");
    }

    #[test]
    fn several_that_share_a_slow_thing_are_apart_together() {
        let others = [448, 422, 366, 316, 310, 288, 250, 73, 69, 43, 25, 11, 10, 6, 4, 1];
        assert!([433.0, 403.0, 287.0, 248.0].iter().all(|&millis| is_apart(millis, &others)));
        let most = [448, 422, 366, 316, 310, 288, 250, 73, 69, 43, 25];
        assert!(!is_apart(433.0, &most), "most operations do it: that is the program");
    }
}
