//! Which spans wait for something that another execution may have.
//!
//! Recognised are: spans named for acquiring (`connect`, `pool.acquire`, `HikariDataSource.getConnection`, `lock`),
//! whose execution has what it waited for from their end on; statements that take a lock of the database (`BEGIN
//! IMMEDIATE`, `LOCK TABLE`) and those that end a transaction; spans and events with `kino.lock.wait_nanos`; consumers of
//! a message whose producer is in the same trace, which wait for a worker; and spans named for waiting alone (`throttle`,
//! `rate_limiter.wait`), after which the execution has nothing. Whether there was anything to wait for is not decided here.

use std::collections::BTreeMap;

use foldhash::HashMap;
use kino_model::{Attributes, Span, SpanKind, attribute};

use super::scene::Scene;
use crate::detect::locks;
use crate::fingerprint::shape;
use crate::tree::Tree;

/// What is waited for.
pub(super) struct Resource<'a> {
    pub(super) service: &'a str,
    /// The waiting span's name.
    pub(super) name: &'a str,
    /// The lock, where one is named.
    pub(super) lock: &'a str,
    /// Whether an execution has it after it waited.
    pub(super) is_acquired: bool,
    /// Whether it is a worker for messages.
    pub(super) is_queue: bool,
    /// In no order.
    pub(super) waits: Vec<Wait>,
}

/// One wait, also where it took no time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wait {
    pub(super) part: usize,
    pub(super) span: usize,
    pub(super) start: i64,
    pub(super) end: i64,
    /// The number of the judged execution that waited.
    pub(super) judged: Option<usize>,
}

impl Wait {
    pub(super) fn nanos(&self) -> i64 {
        self.end - self.start
    }
}

/// What the name of a span says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sort {
    Acquires,
    Waits,
    Releases,
    Else,
}

/// All waits by what is waited for, and by part the times at which something was released.
pub(super) fn of<'a>(scene: &Scene<'_, 'a>) -> (Vec<Resource<'a>>, Vec<(usize, i64)>) {
    let mut sorts: HashMap<&str, Sort> = HashMap::default();
    let mut found: BTreeMap<(&str, String, &str, Sort), Resource<'a>> = BTreeMap::new();
    let mut releases = Vec::new();
    for (number, part) in scene.parts.iter().enumerate() {
        let tree = scene.trees[part.tree];
        for &index in &part.spans {
            let index = index as usize;
            let span = tree.span(index);
            let judged = scene.judged(part.tree, index);
            let mut add = |lock: &'a str, sort: Sort, is_queue: bool, start: i64, end: i64| {
                let key = (span.service(), shape(&span.name), lock, sort);
                let resource = found.entry(key).or_insert_with(|| Resource {
                    service: span.service(),
                    name: &span.name,
                    lock,
                    is_acquired: sort == Sort::Acquires,
                    is_queue,
                    waits: Vec::new(),
                });
                resource.waits.push(Wait { part: number, span: index, start, end: end.max(start), judged });
            };
            if let Some((lock, start, end)) = lock(tree, index) {
                add(lock, Sort::Acquires, false, start, end);
                continue;
            }
            if let Some(sent) = sent(tree, index) {
                add("", Sort::Acquires, true, sent, tree.start(index));
                continue;
            }
            if span.end.is_none() || matches!(span.kind, SpanKind::Server | SpanKind::Consumer | SpanKind::Producer) {
                continue;
            }
            match by_statement(span).unwrap_or_else(|| *sorts.entry(&span.name).or_insert_with(|| sort(&span.name))) {
                Sort::Releases => releases.push((number, tree.start(index))),
                Sort::Else => {}
                // An execution that is nothing but opening a connection waits for no other: what is sent over it waits for it.
                Sort::Acquires if index == part.entry && span.kind == SpanKind::Client && opens(&span.name) => {}
                sort => {
                    // What runs below it is no longer waiting: a new connection is opened, say.
                    let until =
                        tree.children(index).first().map_or(tree.end(index), |&child| tree.start(child as usize));
                    add("", sort, false, tree.start(index), until);
                }
            }
        }
    }
    releases.sort_unstable();
    (found.into_values().collect(), releases)
}

/// The lock that a span says it waited for, from when to when.
fn lock<'a>(tree: &Tree<'a>, index: usize) -> Option<(&'a str, i64, i64)> {
    let span: &'a Span = tree.span(index);
    let read = |attributes: &'a Attributes| {
        let lock = attribute::find(attributes, locks::NAME)?.as_str()?;
        let wait = attribute::find(attributes, locks::WAIT)?.as_f64().filter(|wait| *wait >= 0.0)?;
        Some((lock, (wait as i64).min(tree.duration(index))))
    };
    if let Some((lock, wait)) = read(&span.attributes) {
        return Some((lock, tree.start(index), tree.start(index) + wait));
    }
    let of_event = |event: &'a kino_model::Event| {
        let (lock, wait) = read(&event.attributes)?;
        let end = event.time.0.clamp(tree.start(index), tree.end(index));
        Some((lock, (end - wait).max(tree.start(index)), end))
    };
    span.events.iter().find_map(of_event)
}

/// When the message that a span consumes had been sent, where that was before.
fn sent(tree: &Tree<'_>, index: usize) -> Option<i64> {
    let parent = tree.parent(index).filter(|_| tree.span(index).kind == SpanKind::Consumer)?;
    let sent = tree.end(parent);
    (tree.span(parent).kind == SpanKind::Producer && sent <= tree.start(index)).then_some(sent)
}

/// At most how long these spans wait together, by their names and the locks that they say they waited for; infinite
/// where one consumes a message, whose wait is not its own time. `None` where none waits.
pub(super) fn nanos_named<'a>(spans: impl Iterator<Item = &'a Span>) -> Option<f64> {
    let mut sorts: HashMap<&str, Sort> = HashMap::default();
    let waits = spans.filter_map(|span| {
        let sort = by_statement(span).unwrap_or_else(|| *sorts.entry(&span.name).or_insert_with(|| sort(&span.name)));
        let carriers = || std::iter::once(&span.attributes).chain(span.events.iter().map(|event| &event.attributes));
        if span.kind == SpanKind::Consumer {
            return Some(f64::INFINITY);
        }
        let waits = matches!(sort, Sort::Acquires | Sort::Waits)
            || carriers().any(|attributes| attribute::find(attributes, locks::WAIT).is_some());
        waits.then(|| span.end.map_or(f64::INFINITY, |end| end.0.saturating_sub(span.start.0) as f64))
    });
    waits.reduce(|together, nanos| together + nanos)
}

/// Statements that wait for a lock of the database until they have it.
const LOCKING: [&str; 5] =
    ["begin immediate", "begin exclusive", "lock table", "select pg_advisory_lock", "select get_lock"];
/// Statements that end a transaction, and so its locks.
const ENDING: [&str; 3] = ["commit", "rollback", "select pg_advisory_unlock"];

/// What the statement of a call to a database says; `None` without one that says anything of locks.
fn by_statement(span: &Span) -> Option<Sort> {
    if span.kind != SpanKind::Client {
        return None;
    }
    let text = span.text("db.query.text")?.trim_start();
    let begins = |with: &&str| text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    if LOCKING.iter().any(&begins) { Some(Sort::Acquires) } else { ENDING.iter().any(begins).then_some(Sort::Releases) }
}

fn sort(name: &str) -> Sort {
    let words = words(name);
    let has = |any: &[&str]| words.iter().any(|word| any.iter().any(|one| word.eq_ignore_ascii_case(one)));
    let limits = has(&["throttle", "throttled", "throttling", "ratelimit", "ratelimiter"])
        || (has(&["rate"]) && has(&["limit", "limiter", "limited"]));
    if has(&["release", "unlock", "checkin"]) {
        Sort::Releases
    } else if limits || has(&["wait", "waiting"]) {
        Sort::Waits
    } else if has(&["tcp", "tls", "ipc", "dns", "socket"]) {
        Sort::Else
    } else if has(&["acquire", "lock", "mutex", "semaphore", "connect"])
        || (has(&["connection", "client"]) && has(&["get", "checkout", "borrow", "obtain"]))
    {
        Sort::Acquires
    } else {
        Sort::Else
    }
}

/// Whether a name says that a connection is opened, or taken from a pool.
fn opens(name: &str) -> bool {
    words(name).iter().any(|word| ["connect", "connection"].iter().any(|opens| word.eq_ignore_ascii_case(opens)))
}

/// Whether a span is named for acquiring something that others may have, or for waiting.
pub(in crate::detect) fn is_named_wait(name: &str) -> bool {
    matches!(sort(name), Sort::Acquires | Sort::Waits)
}

/// The words of a name: `HikariDataSource.getConnection` has `get` and `Connection`.
fn words(name: &str) -> Vec<&str> {
    let (mut words, mut start, mut was_small) = (Vec::new(), 0, false);
    for (at, letter) in name.char_indices() {
        if !letter.is_alphanumeric() || (letter.is_uppercase() && was_small) {
            words.push(&name[start..at]);
            start = if letter.is_alphanumeric() { at } else { at + letter.len_utf8() };
        }
        was_small = letter.is_lowercase();
    }
    words.push(&name[start..]);
    words
}
