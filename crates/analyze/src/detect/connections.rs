//! `connection_churn`: connections are opened again and again to one other side, though one was free.
//!
//! Opening a connection takes one to several round trips, more with TLS and a login, and a process on the other side. What
//! records it, by instrumentation:
//!
//! | instrumentation | span |
//! |---|---|
//! | Node: `pg`, `redis`, `ioredis`, `net` | `pg.connect`, `redis-connect`, `connect`, `tcp.connect` and `tls.connect` |
//! | Go: otelsql, otelpgx, redisotel, otelhttptrace | `sql.connector.connect`, `connect`, `redis.dial`, `http.connect` |
//! | Ruby: `Net::HTTP` | `connect`; `CONNECT` through a proxy |
//! | .NET: Npgsql | `CONNECT` and the database |
//! | `kino run` | `connect` |
//!
//! A connection is used by the request that it is opened for, where it is opened within one; else by the calls to the same
//! other side that follow below the same span, until the next one is opened there. Then it is free. Evidence: in more than
//! half of the executions at least [`MIN_REOPENED`] connections that were opened while another one of the same process to
//! the same other side had been free for less than [`IDLE_NANOS_MAX`]. The saving is the time on the critical path that
//! opening these took.
//!
//! Silent about one connection an execution; connections that were in use at the same time; a pool that is being filled,
//! whose connections nothing used yet; what replaces a connection that idled for long, as pools and servers close, or whose
//! last call failed; failed attempts; other hosts, databases and processes; waiting for a pool (`pg-pool.connect`,
//! `pool.acquire`, SQLAlchemy's `connect`, which all give a connection that may have been open for long); and what a test
//! that passed opens itself.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use kino_model::{Span, SpanKind};

use super::Draft;
use super::call::peer;
use super::detection::Detection;
use super::facts::{ANCESTORS_MAX, Facts, Group, follows, median, shown, top};
use super::held_by::is_named_wait;
use crate::execution::process;
use crate::finding::{Code, Number, Unit};

/// Connections of one execution that need not have been opened: fewer may be chance, or two parts of a program that know
/// nothing of each other.
const MIN_REOPENED: usize = 4;
const MIN_PRESENCE: f64 = 0.5;
/// A connection that was free for longer may have been closed for that: the shortest limits of servers and pools that are
/// in use are two seconds.
const IDLE_NANOS_MAX: i64 = 1_000_000_000;
/// Calls after an opening among which those are sought that use it. Behind more, the connection counts as in use.
const CALLS_MAX: usize = 1_000;
/// The most levels between a connection's opening and the request that it is opened for.
const WITHIN_CALL_MAX: usize = 4;

/// What a connection leads to, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct OtherSide<'a> {
    system: Option<&'a str>,
    host: Option<&'a str>,
    port: Option<i64>,
    namespace: Option<&'a str>,
}

impl<'a> OtherSide<'a> {
    fn of(span: &'a Span) -> Option<Self> {
        let (host, port) = match peer(span) {
            Some((host, port, _)) => (Some(host), port),
            None => (span.text("http.remote"), None),
        };
        let system = ["db.system.name", "db.system"].iter().find_map(|key| span.text(key));
        let found = Self { system, host, port, namespace: span.text("db.namespace") };
        (host.is_some() || system.is_some()).then_some(found)
    }

    /// Whether a call to `other` may use a connection to this: nothing that is known of both differs.
    fn may_be(&self, other: &Self) -> bool {
        fn agree<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
            one.zip(other).is_none_or(|(one, other)| one == other)
        }
        let is_known = |one: Option<&str>, other: Option<&str>| one.is_some() && other.is_some();
        (is_known(self.host, other.host) || is_known(self.system, other.system))
            && agree(self.system, other.system)
            && agree(self.host, other.host)
            && agree(self.port, other.port)
            && agree(self.namespace, other.namespace)
    }

    /// `postgresql shop on db`.
    fn shown(&self) -> String {
        let what: Vec<&str> = [self.system, self.namespace].into_iter().flatten().collect();
        match (what.join(" "), self.host) {
            (what, None) => what,
            (what, Some(host)) if what.is_empty() => host.to_owned(),
            (what, Some(host)) => format!("{what} on {host}"),
        }
    }
}

/// A connection that was opened.
struct Opening<'a> {
    index: usize,
    start: i64,
    other: OtherSide<'a>,
    /// The span below which it is used.
    scope: usize,
    /// When its last use ends, and whether that failed; `None` where nothing used it.
    used: Option<(i64, bool)>,
}

/// A call that needs a connection.
struct Use<'a> {
    index: usize,
    start: i64,
    end: i64,
    other: OtherSide<'a>,
    has_failed: bool,
}

/// What one execution opened to one other side.
struct Churn {
    number: usize,
    /// Connections that something used.
    opened: usize,
    /// The openings among them that a free connection would have saved.
    reopened: Vec<usize>,
}

/// Whether the span records that a connection is opened, and not that one is taken out of a pool.
fn opens(span: &Span) -> bool {
    const NAMES: [&str; 7] = [
        "pg.connect",
        "redis-connect",
        "redis.dial",
        "sql.connector.connect",
        "http.connect",
        "tcp.connect",
        "tls.connect",
    ];
    let name = span.name.as_str();
    if NAMES.contains(&name) {
        return true;
    }
    let is_connect = name.eq_ignore_ascii_case("connect") || name.starts_with("CONNECT ");
    is_connect && !span.scope.name.contains("sqlalchemy") && span.text("http.request.method").is_none()
}

/// Whether the span waits for a connection that may have been open for long.
fn takes_from_pool(span: &Span) -> bool {
    let is_call = || ["db.query.text", "http.request.method"].iter().any(|key| span.text(key).is_some());
    is_named_wait(&span.name) && !is_call()
}

/// The request that a connection is opened for, where it is opened within one.
fn enclosing<'a>(facts: &Facts<'_, 'a>, index: usize) -> Option<(usize, OtherSide<'a>)> {
    let mut at = index;
    for _ in 0..WITHIN_CALL_MAX {
        at = facts.tree.parent(at).filter(|_| at != facts.execution.entry)?;
        let span = facts.span(at);
        if span.service() != facts.span(index).service() || matches!(span.kind, SpanKind::Server | SpanKind::Consumer) {
            return None;
        }
        if span.kind == SpanKind::Client && !takes_from_pool(span) {
            return OtherSide::of(span).map(|other| (at, other));
        }
    }
    None
}

/// Whether a span above records the same opening: a login is around a handshake, which is around a socket.
fn is_part_of_opening(facts: &Facts<'_, '_>, index: usize) -> bool {
    let parent = facts.tree.parent(index).filter(|_| index != facts.execution.entry);
    parent.is_some_and(|parent| opens(facts.span(parent)))
}

/// The span below which a connection is used: what opened it, or took it from the pool that opened it.
fn scope(facts: &Facts<'_, '_>, index: usize) -> usize {
    let mut at = index;
    for _ in 0..ANCESTORS_MAX {
        let Some(parent) = facts.tree.parent(at).filter(|_| at != facts.execution.entry) else { break };
        at = parent;
        if !takes_from_pool(facts.span(at)) {
            break;
        }
    }
    at
}

/// The connections that an execution opened, by start, with what used them.
fn openings<'a>(facts: &Facts<'_, 'a>) -> Vec<Opening<'a>> {
    if !facts.indices().skip(1).any(|index| opens(facts.span(index))) {
        return Vec::new();
    }
    let (mut openings, mut uses) = (Vec::new(), Vec::new());
    for index in facts.indices().skip(1) {
        let span = facts.span(index);
        let (start, end) = (facts.tree.start(index), facts.tree.end(index));
        if opens(span) {
            if span.end.is_none() || span.is_error() || is_part_of_opening(facts, index) {
                continue;
            }
            let enclosing = enclosing(facts, index);
            let Some(other) = enclosing.map(|(_, other)| other).or_else(|| OtherSide::of(span)) else { continue };
            let used = enclosing.map(|(call, _)| (facts.tree.end(call), facts.span(call).is_error()));
            openings.push(Opening { index, start, other, scope: scope(facts, index), used });
        } else if span.kind == SpanKind::Client
            && !takes_from_pool(span)
            && let Some(other) = OtherSide::of(span)
        {
            uses.push(Use { index, start, end, other, has_failed: span.is_error() });
        }
    }
    openings.sort_by_key(|opening| opening.start);
    uses.sort_by_key(|call| call.start);
    let mut next: BTreeMap<(usize, OtherSide<'_>), (i64, i64)> = BTreeMap::new();
    for opening in openings.iter_mut().rev() {
        let times = (opening.start, facts.tree.end(opening.index));
        let next = next.insert((opening.scope, opening.other), times);
        if opening.used.is_none() {
            opening.used = last_use(facts, opening, next, &uses);
        }
    }
    openings
}

/// When the last of the calls ends that use a connection, and whether it failed: those below the same span that end after
/// it was opened, up to the next opening there, from and to `next`. Where starts are whole milliseconds a call may seem to
/// begin before its connection is there, and a connection to be opened while the call before is under way.
fn last_use(
    facts: &Facts<'_, '_>,
    opening: &Opening<'_>,
    next: Option<(i64, i64)>,
    uses: &[Use<'_>],
) -> Option<(i64, bool)> {
    let (opened, end) = (facts.tree.end(opening.index), facts.tree.end(opening.scope));
    let until = next.map_or(end, |(start, _)| start.min(end));
    let begun = uses.partition_point(|call| call.start < opening.start);
    let after = uses[begun..].iter().take_while(|call| call.start <= until);
    let mut last = None;
    for (number, call) in after.enumerate() {
        if number == CALLS_MAX {
            return last.map(|_| (end, false));
        }
        let is_before_next = next.is_none_or(|(start, end)| call.start < start || call.end <= end);
        let is_one = call.end > opened
            && is_before_next
            && facts.tree.is_at_or_below(call.index, opening.scope)
            && opening.other.may_be(&call.other);
        if is_one && last.is_none_or(|(latest, _)| latest <= call.end) {
            last = Some((call.end, call.has_failed));
        }
    }
    last
}

/// Of connections to one other side, by start, those that need not have been opened: each takes one that is free, as a
/// pool would give it.
fn reopened(openings: &[&Opening<'_>]) -> Vec<usize> {
    let mut in_use: BinaryHeap<Reverse<(i64, bool)>> = BinaryHeap::new();
    let mut free: Vec<i64> = Vec::new();
    let mut reopened = Vec::new();
    for opening in openings {
        let Some(used) = opening.used else { continue };
        while let Some(Reverse((end, has_failed))) = in_use.peek().copied().filter(|it| follows(it.0.0, opening.start))
        {
            in_use.pop();
            if !has_failed {
                free.push(end);
            }
        }
        match free.pop() {
            Some(since) if opening.start.saturating_sub(since) < IDLE_NANOS_MAX => reopened.push(opening.index),
            // The others have been free for longer.
            _ => free.clear(),
        }
        in_use.push(Reverse(used));
    }
    reopened
}

pub(super) fn detect(group: &Group<'_, '_>, findings: &mut Vec<Detection>) {
    // The port may differ from one process to the next, as that of a database for tests does.
    let mut by_side: BTreeMap<(&str, OtherSide<'_>), Vec<Churn>> = BTreeMap::new();
    for (number, facts) in group.facts.iter().enumerate() {
        let all = openings(facts);
        let mut by_process: BTreeMap<(String, OtherSide<'_>), Vec<&Opening<'_>>> = BTreeMap::new();
        for opening in &all {
            let span = facts.span(opening.index);
            let process = process(&span.resource).unwrap_or_else(|| span.service().to_owned());
            by_process.entry((process, opening.other)).or_default().push(opening);
        }
        for ((_, other), openings) in by_process {
            let reopened = reopened(&openings);
            if reopened.len() < group.cases(MIN_REOPENED) || facts.is_of_test_itself(&reopened) {
                continue;
            }
            let opened = openings.iter().filter(|opening| opening.used.is_some()).count();
            let key = (facts.span(reopened[0]).service(), OtherSide { port: None, ..other });
            by_side.entry(key).or_default().push(Churn { number, opened, reopened });
        }
    }
    for ((_, other), churns) in by_side {
        findings.extend(found(group, &other, &churns));
    }
}

fn found(group: &Group<'_, '_>, other: &OtherSide<'_>, churns: &[Churn]) -> Option<Detection> {
    // By execution: opened, reopened, and the time that these took on the critical path.
    let mut by_execution: BTreeMap<usize, [f64; 3]> = BTreeMap::new();
    for churn in churns {
        let facts = &group.facts[churn.number];
        let nanos: i64 = churn.reopened.iter().map(|&index| facts.critical(index)).sum();
        let sums = by_execution.entry(churn.number).or_default();
        for (sum, more) in sums.iter_mut().zip([churn.opened as f64, churn.reopened.len() as f64, nanos as f64]) {
            *sum += more;
        }
    }
    if by_execution.len() as f64 <= group.part(MIN_PRESENCE) * group.facts.len() as f64 {
        return None;
    }
    let of = |which: usize| median(by_execution.values().map(|sums| sums[which]).collect());
    let (opened, reopened, saving) = (of(0), of(1), of(2));
    let worst = churns.iter().max_by_key(|churn| churn.reopened.len())?;
    let (facts, index) = (&group.facts[worst.number], worst.reopened[worst.reopened.len() - 1]);
    let span = facts.span(index);
    let places = || churns.iter().flat_map(|churn| churn.reopened.iter().map(|&index| (churn.number, index)));
    let example = |(number, index): (usize, usize)| {
        let facts = &group.facts[number];
        (facts.critical(index) as f64, facts.evidence(index))
    };
    let enough = (opened - reopened).max(1.0);
    let shown_side = other.shown();
    let draft = Draft {
        code: Code::ConnectionChurn,
        service: span.service(),
        name: &span.name,
        detail: &shown_side,
        numbers: vec![
            Number::new("opened", opened, Unit::Count),
            Number::new("enough", enough, Unit::Count),
            Number::new("opening", saving, Unit::Nanos),
        ],
        saving_nanos: Some(saving),
        confidence: 0.85,
        executions: group.facts.len(),
        location: facts.location(index),
        evidence: top(places().map(example).collect()),
        text: format!(
            "{} opens {opened} connections to {shown_side} in an execution, where {enough} would do: opening the others \
             takes {} of its critical path.",
            group.title,
            shown(saving)
        ),
        next: Some("open one and use it for all of these calls, or take them from a pool".to_owned()),
    };
    let stretches = places().map(|(number, index)| group.stretch(number, index));
    let found = draft.finding(group).about(places()).saving_calls(reopened);
    Some(found.explaining(stretches))
}
