//! `n_plus_one`: the same call, or the same few calls in turn, again for each item of a list.
//!
//! Evidence: in more than half of the executions a call, with its data taken out, is made [`MIN_REPEATS`] times or more,
//! of as many different data where these were recorded. Fewer executions are enough ([`MIN_EXECUTIONS_LOADED`],
//! [`MIN_PRESENCE_LOADED`]) where each makes as many calls as are a load: one operation often serves several kinds of
//! requests, and an address of GraphQL any number of kinds. Repeats that more other calls lie between, each made once, than
//! there are repeats are made at different places of the program ([`at_one_place`]). Calls that are made in turn are one finding, whose savings are judged together ([`loops()`]).
//!
//! The subject is the nearest span that has all the repeats below it, so that spread over several parents they are still
//! found. The saving is their time on the critical path less that of one of each kind. Calls that overlap each other, or
//! other work, are a load rather than a loss of time: they are worded so, and nothing is claimed to be saved but what they
//! hold of the critical path.
//!
//! Unsure ([`UNSURE`]) where making these calls may be what the program is for:
//!
//! - writes in an operation that ran but once, as scripts do that fill a database, unless it is long;
//! - usually fewer than [`MIN_WRITES`] writes: few things are changed one by one at different places of a program, or in an
//!   order that matters;
//! - writes that each have a savepoint of their own, so that one that fails leaves the others;
//! - requests to other programs in fewer than [`MIN_EXECUTIONS_REQUESTS`] executions that serve no request;
//! - calls that usually take longer than [`worth::NANOS_LONG`]: their time is what they ask for, not the asking;
//! - commands of a key-value store that are under way together: its clients send them without waiting for answers, and one
//!   command for all would ask as much of the store;
//! - in a program that is one execution under `kino run` ([`crate::execution::programs`]): calls of anything but a database,
//!   as load generators and downloads make, and writes, unless they are [`worth::CALLS_MIN`] and more and cost as long as a
//!   person notices ([`NOTICED_NANOS`]). Of such a program only its own calls count, those of one process, and of rounds that
//!   a timer makes ([`rounds`]) those of one round.
//!
//! Silent about statements that define tables or ask which there are, batches, pages (by number, offset, cursor or last
//! key), one call to each of several other sides, failed calls (retries), calls of the same few data
//! (`repeated_identical_call`), what a test repeats (calls that only the test itself has all below it), polling (long
//! pauses between), waits for work, what a loader collects into batches, language models and the
//! requests that ask them, health checks, transaction brackets and `SELECT 1`.

mod loops;
mod rounds;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use kino_model::SpanKind;

use self::loops::{Loop, Repeated, loops};
use self::rounds::{in_one_round, silences};
use super::call::{Call, CallKind, Calls, SILENCE_NANOS_MIN, is_model, is_model_request, peer, waits_for_work};
use super::detection::Detection;
use super::facts::{ANCESTORS_MAX, Facts, Group, median, shown, top};
use super::worth::OVERLAPPING;
use super::{Draft, graphql, worth};
use crate::execution::is_part_of_test;
use crate::finding::{Code, Number, UNSURE, Unit};
use crate::statistics::lower_median;

const MIN_REPEATS: usize = 5;
const MIN_PRESENCE: f64 = 0.5;
/// Executions, and the part of all, that are enough where each makes [`worth::CALLS_MIN`] calls.
const MIN_EXECUTIONS_LOADED: usize = 3;
const MIN_PRESENCE_LOADED: f64 = 0.1;
const MIN_EXECUTIONS_REQUESTS: usize = 3;
const MIN_WRITES: f64 = 10.0;
/// The shortest wait that a person notices, in nanoseconds.
const NOTICED_NANOS: f64 = 1e8;
/// The most levels between the call of a language model and the request that it makes.
const MAX_WITHIN_MODEL: usize = 4;
/// Pauses this many times the calls' own time are waits on purpose, from [`SILENCE_NANOS_MIN`] on.
const POLLING_PAUSE: f64 = 10.0;
/// The shortest time from one call to the next that a timer makes, in nanoseconds.
const TIMER_MIN: f64 = 1e8;
/// The middle half of the times from one call to the next is within this part of their median where a timer makes them.
const TIMER_SPREAD: f64 = 0.2;
/// A call that takes longer than this many times the usual one's time has stalled, which is no reason to make fewer.
const STALLED: f64 = 4.0;

/// The calls of a loop that are listed, and the characters of each.
const LISTED_MAX: usize = 6;
const LISTED_CHARS_MAX: usize = 120;

/// The spans that made one call in one execution.
#[derive(Default)]
struct LoopCalls<'a> {
    indices: Vec<u32>,
    /// The different data that they were made with, as far as [`MIN_REPEATS`].
    data: BTreeSet<&'a str>,
    /// Whether some data was not recorded.
    is_data_unknown: bool,
    /// Whether they change a database.
    is_write: bool,
}

impl<'a> LoopCalls<'a> {
    fn add(&mut self, index: usize, call: &Call<'a>) {
        self.indices.push(index as u32);
        self.is_write = call.kind == CallKind::Database && !call.reads;
        match call.whole {
            Some(data) if self.data.len() < MIN_REPEATS => {
                self.data.insert(data);
            }
            Some(_) => {}
            None => self.is_data_unknown = true,
        }
    }

    /// Whether they are calls for [`MIN_REPEATS`] items or more, as far as is known.
    fn is_of_many(&self) -> bool {
        self.indices.len() >= MIN_REPEATS && (self.is_data_unknown || self.data.len() >= MIN_REPEATS)
    }
}

/// The repeats of one call, or of the calls of one loop, in one execution.
#[derive(Clone)]
struct Repeats {
    number: usize,
    ancestor: usize,
    indices: Vec<u32>,
    /// The calls' time together, wherever it passes.
    time: f64,
    critical: f64,
    /// How much of it is what calls took beyond [`STALLED`] times the usual one.
    stalled: f64,
    /// What one call of each kind for all of them is taken to need.
    one: f64,
    /// What they usually take.
    usual: f64,
    slowest: usize,
    is_write: bool,
    /// Whether each has a savepoint of its own.
    is_isolated: bool,
}

impl Repeats {
    fn count(&self) -> usize {
        self.indices.len()
    }

    /// Nanoseconds on the critical path that one call for all would save; what single calls stalled is not counted.
    fn saving(&self) -> f64 {
        (self.critical - self.stalled - self.one).max(0.0)
    }

    /// Adds those of another call of the same loop.
    fn add(&mut self, other: &Self) {
        self.indices.extend(&other.indices);
        self.time += other.time;
        self.critical += other.critical;
        self.stalled += other.stalled;
        self.one += other.one;
    }

    /// Whether they fill a database once, within a second.
    fn is_filling_once(&self, executions: usize) -> bool {
        executions == 1 && self.is_write && self.saving() < worth::NANOS_LONG
    }
}

pub(super) fn detect(group: &Group<'_, '_>, findings: &mut Vec<Detection>) {
    let mut calls = Calls::default();
    let mut by_call: BTreeMap<(CallKind, Rc<str>), Vec<Repeats>> = BTreeMap::new();
    let mut makers: BTreeMap<(CallKind, Rc<str>), usize> = BTreeMap::new();
    for (number, facts) in group.facts.iter().enumerate() {
        let mut here: BTreeMap<(CallKind, Rc<str>), LoopCalls<'_>> = BTreeMap::new();
        let counted = facts.process_of_program();
        for (index, call) in calls.outermost(facts) {
            if facts.is_program() && !facts.is_call_of_program(index, counted.as_deref()) {
                continue;
            }
            let may_be_one = call.kind != CallKind::Model && !call.batch && !call.page && !facts.span(index).is_error();
            let is_models = || call.kind == CallKind::Http && is_within_model(facts, index);
            if may_be_one && !is_models() && !waits_for_work(facts.span(index)) {
                here.entry((call.kind, Rc::clone(&call.key))).or_default().add(index, &call);
            }
        }
        let once = made_once(facts, &here);
        let silences = if facts.is_program() { silences(facts) } else { Vec::new() };
        for (key, mut made) in here {
            *makers.entry((key.0, Rc::clone(&key.1))).or_default() += 1;
            at_one_place(facts, &mut made.indices, &once);
            in_one_round(facts, &mut made.indices, &silences);
            if let Some(repeats) = repeats(facts, number, made) {
                by_call.entry(key).or_default().push(repeats);
            }
        }
    }
    let (mut meant, mut sure) = (Vec::new(), Vec::new());
    for ((kind, key), found) in by_call {
        let may_be_meant = may_be_meant(group, kind, &key, &found);
        let makers = makers.get(&(kind, Rc::clone(&key))).copied().unwrap_or_default();
        (if may_be_meant { &mut meant } else { &mut sure }).push(Repeated { key, found, makers });
    }
    let meant = meant.into_iter().map(|call| (Loop { calls: vec![call] }, true));
    let sure = loops(group, sure).into_iter().map(|it| (it, false));
    for (made, may_be_meant) in meant.chain(sure) {
        let found = made.found();
        if is_usual(group, &found) || is_loaded(group, &found) {
            findings.push(finding(group, &made, &found, may_be_meant));
        }
    }
}

/// Whether making this call again and again may be what the program is for.
fn may_be_meant(group: &Group<'_, '_>, kind: CallKind, key: &str, found: &[Repeats]) -> bool {
    let ended = group.facts.len();
    let is_filling = found.iter().all(|repeats| repeats.is_filling_once(ended));
    let is_request = matches!(kind, CallKind::Http | CallKind::Rpc);
    let is_fetching = is_request && ended < MIN_EXECUTIONS_REQUESTS && !serves(group);
    let is_isolated = found.iter().all(|repeats| repeats.is_isolated);
    let usual_count = lower_median(found.iter().map(|repeats| repeats.count() as f64).collect());
    let is_few = kind == CallKind::Database && changes(key) && usual_count < MIN_WRITES;
    let is_long = lower_median(found.iter().map(|repeats| repeats.usual).collect()) > worth::NANOS_LONG;
    let is_pipelined = found.iter().all(|repeats| is_pipelined(group, repeats));
    let is_of_program = group.facts.iter().all(Facts::is_program);
    let is_programs_purpose = is_of_program
        && match kind {
            CallKind::Database if found.iter().any(|repeats| repeats.is_write) => {
                let saving = lower_median(found.iter().map(Repeats::saving).collect());
                usual_count < worth::CALLS_MIN || saving < NOTICED_NANOS
            }
            CallKind::Database => false,
            _ => true,
        };
    (is_filling && !is_of_program)
        || is_fetching
        || is_isolated
        || is_few
        || is_long
        || is_pipelined
        || is_programs_purpose
}

/// Whether they are commands of a key-value store that are under way together.
fn is_pipelined(group: &Group<'_, '_>, repeats: &Repeats) -> bool {
    const SYSTEMS: [&str; 3] = ["memcached", "redis", "valkey"];
    let span = group.facts[repeats.number].span(repeats.slowest);
    let system = span.text("db.system.name").or_else(|| span.text("db.system"));
    system.is_some_and(|system| SYSTEMS.contains(&system)) && repeats.critical < OVERLAPPING * repeats.time
}

/// Whether most executions repeat their calls so.
fn is_usual(group: &Group<'_, '_>, found: &[Repeats]) -> bool {
    found.len() as f64 > group.part(MIN_PRESENCE) * group.facts.len() as f64
}

/// Whether several executions make as many calls as are a load.
fn is_loaded(group: &Group<'_, '_>, found: &[Repeats]) -> bool {
    let is_part = || found.len() as f64 >= group.part(MIN_PRESENCE_LOADED) * group.facts.len() as f64;
    found.len() >= group.cases(MIN_EXECUTIONS_LOADED)
        && (is_part() || group.all.iter().all(graphql::is_served))
        && lower_median(found.iter().map(|repeats| repeats.count() as f64).collect()) >= worth::CALLS_MIN
}

/// Whether a normalised statement, or a command of a key-value store, changes data.
fn changes(statement: &str) -> bool {
    const WORDS: [&str; 36] = [
        "insert",
        "update",
        "delete",
        "replace",
        "merge",
        "upsert",
        "findandmodify",
        "set",
        "setex",
        "setnx",
        "psetex",
        "getset",
        "mset",
        "append",
        "incr",
        "incrby",
        "incrbyfloat",
        "decr",
        "decrby",
        "del",
        "unlink",
        "expire",
        "pexpire",
        "hset",
        "hsetnx",
        "hmset",
        "hincrby",
        "hdel",
        "lpush",
        "rpush",
        "lrem",
        "sadd",
        "srem",
        "zadd",
        "zrem",
        "xadd",
    ];
    statement.split(' ').next().is_some_and(|word| WORDS.iter().any(|change| word.eq_ignore_ascii_case(change)))
}

/// Whether the executions serve requests or messages, rather than being what a program does by itself.
fn serves(group: &Group<'_, '_>) -> bool {
    let entry = |facts: &Facts<'_, '_>| facts.span(facts.execution.entry).kind;
    group.facts.iter().any(|facts| matches!(entry(facts), SpanKind::Server | SpanKind::Consumer))
}

/// Whether it is how a language model is asked: the request below the call, or a request to a model's address.
fn is_within_model(facts: &Facts<'_, '_>, index: usize) -> bool {
    if is_model_request(facts.span(index)) {
        return true;
    }
    let mut above = (0..MAX_WITHIN_MODEL).scan(index, |at, _| {
        *at = facts.tree.parent(*at).filter(|_| *at != facts.execution.entry)?;
        Some(*at)
    });
    above.any(|index| is_model(facts.span(index)))
}

/// When the calls of an execution begin that it makes once, in order.
fn made_once(facts: &Facts<'_, '_>, made: &BTreeMap<(CallKind, Rc<str>), LoopCalls<'_>>) -> Vec<i64> {
    let single = made.values().filter(|made| made.indices.len() == 1);
    let mut starts: Vec<i64> = single.map(|made| facts.tree.start(made.indices[0] as usize)).collect();
    starts.sort_unstable();
    starts
}

/// Leaves the most repeats of one place: between those of different places the execution makes more calls of other kinds,
/// each of them only `once`, than there are repeats, while a loop makes the same few each time.
fn at_one_place(facts: &Facts<'_, '_>, indices: &mut Vec<u32>, once: &[i64]) {
    let count = indices.len();
    if once.len() <= count {
        return;
    }
    let passed = |index: u32| once.partition_point(|&start| start < facts.tree.start(index as usize));
    indices.sort_by_key(|&index| facts.tree.start(index as usize));
    let places = indices.chunk_by(|&before, &after| passed(after) - passed(before) <= count);
    *indices = places.rev().max_by_key(|place| place.len()).map(<[u32]>::to_vec).unwrap_or_default();
}

fn repeats(facts: &Facts<'_, '_>, number: usize, made: LoopCalls<'_>) -> Option<Repeats> {
    if !made.is_of_many() {
        return None;
    }
    let indices = || made.indices.iter().map(|&index| index as usize);
    let durations: Vec<f64> = indices().map(|index| facts.tree.duration(index) as f64).collect();
    let time: f64 = durations.iter().sum();
    let longest = durations.iter().copied().fold(0.0, f64::max);
    let usual = median(durations);
    let criticals = || indices().map(|index| facts.critical(index) as f64);
    let critical: f64 = criticals().sum();
    let stalled: f64 = criticals().map(|critical| (critical - STALLED * usual).max(0.0)).sum();
    let called: Vec<usize> = indices().collect();
    if is_polling(facts, &made.indices, time) || is_scattered(facts, &made.indices) || facts.is_of_test_itself(&called)
    {
        return None;
    }
    // What is asked at once ends with its slowest; a call for all would hardly be faster.
    let one = if critical < OVERLAPPING * time { longest } else { usual };
    let slowest = indices().max_by_key(|&index| facts.tree.duration(index))?;
    let ancestor = common_ancestor(facts, &made.indices);
    if is_part_of_test(facts.span(ancestor)) {
        return None;
    }
    let is_isolated = made.is_write && have_savepoints(facts, &made.indices);
    let (indices, is_write) = (made.indices, made.is_write);
    Some(Repeats { number, ancestor, indices, time, critical, stalled, one, usual, slowest, is_write, is_isolated })
}

/// Whether a savepoint is set between each call and the next.
fn have_savepoints(facts: &Facts<'_, '_>, indices: &[u32]) -> bool {
    let is_savepoint = |index: usize| {
        let statement = facts.span(index).text("db.query.text");
        let word = statement.and_then(|statement| statement.split_whitespace().next());
        word.is_some_and(|word| word.eq_ignore_ascii_case("savepoint"))
    };
    let sorted = |indices: &mut dyn Iterator<Item = usize>| {
        let mut starts: Vec<i64> = indices.map(|index| facts.tree.start(index)).collect();
        starts.sort_unstable();
        starts
    };
    let savepoints = sorted(&mut facts.indices().filter(|&index| is_savepoint(index)));
    let calls = sorted(&mut indices.iter().map(|&index| index as usize));
    calls.windows(2).all(|pair| {
        let next = savepoints.partition_point(|&start| start < pair[0]);
        savepoints.get(next).is_some_and(|&start| start <= pair[1])
    })
}

/// Whether they are made again on purpose: by a timer, or the pauses are long and little else happens meanwhile.
fn is_polling(facts: &Facts<'_, '_>, indices: &[u32], time: f64) -> bool {
    let count = indices.len();
    let mut starts: Vec<i64> = indices.iter().map(|&index| facts.tree.start(index as usize)).collect();
    starts.sort_unstable();
    let spread = (starts[count - 1] - starts[0]) as f64;
    let mut gaps: Vec<f64> = starts.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
    gaps.sort_by(f64::total_cmp);
    let quartile = |part: usize| gaps[gaps.len() * part / 4];
    let pause = SILENCE_NANOS_MIN.max(POLLING_PAUSE * time / count as f64);
    let is_slow = spread > POLLING_PAUSE * time && quartile(2) > pause;
    let by_timer = quartile(2) >= TIMER_MIN && quartile(3) - quartile(1) <= TIMER_SPREAD * quartile(2);
    is_slow && (by_timer || busy_between(facts, indices) < 0.5)
}

/// Whether each of them calls another side than the others: a scatter to shards or replicas.
fn is_scattered(facts: &Facts<'_, '_>, indices: &[u32]) -> bool {
    let mut peers = BTreeSet::new();
    indices.iter().all(|&index| peer(facts.span(index as usize)).is_some_and(|peer| peers.insert(peer)))
}

/// The part of the ancestor's time, between the first and the last call, in which anything at all was recorded.
fn busy_between(facts: &Facts<'_, '_>, indices: &[u32]) -> f64 {
    let ancestor = common_ancestor(facts, indices);
    let duration = facts.tree.duration(ancestor).max(1) as f64;
    1.0 - facts.tree.self_time(ancestor) as f64 / duration
}

/// The nearest span that has all of these below it; the entry where none of the nearest [`ANCESTORS_MAX`] has.
fn common_ancestor(facts: &Facts<'_, '_>, indices: &[u32]) -> usize {
    let entry = facts.execution.entry;
    let (first, last) = indices.iter().fold((usize::MAX, 0), |(first, last), &index| {
        let position = facts.tree.position_below(entry, index as usize);
        (first.min(position), last.max(position))
    });
    let mut ancestor = facts.tree.parent(indices[0] as usize).unwrap_or(entry);
    for _ in 0..ANCESTORS_MAX {
        let from = facts.tree.position_below(entry, ancestor);
        if ancestor == entry || from <= first && last < from + facts.tree.subtree(ancestor).len() {
            return ancestor;
        }
        ancestor = facts.tree.parent(ancestor).unwrap_or(entry);
    }
    entry
}

/// `may_be_meant` where making these calls may be what the program is for.
fn finding(group: &Group<'_, '_>, made: &Loop, found: &[Repeats], may_be_meant: bool) -> Detection {
    let of = |value: fn(&Repeats) -> f64| lower_median(found.iter().map(value).collect());
    let count = of(|repeats| repeats.count() as f64);
    let most = found.iter().map(Repeats::count).max().unwrap_or(0);
    let (time, critical) = (of(|repeats| repeats.time), of(|repeats| repeats.critical));
    let saving = of(Repeats::saving);
    let is_load = critical < OVERLAPPING * time;
    let worst = found.iter().max_by_key(|repeats| repeats.count()).expect("a finding rests on an execution");
    let facts = &group.facts[worst.number];
    let ancestor = facts.span(worst.ancestor);
    // A run is named by its program alone, which may be any script's.
    let is_run = facts.is_program() && worst.ancestor == facts.execution.entry;
    let name = if is_run { group.title.as_str() } else { ancestor.name.as_str() };
    let examples =
        found.iter().map(|repeats| (repeats.count() as f64, group.facts[repeats.number].evidence(repeats.ancestor)));
    let varies = found.iter().any(|repeats| repeats.count() != worst.count());
    let key = &made.calls[0].key;
    let draft = Draft {
        code: Code::NPlusOne,
        service: ancestor.service(),
        name,
        detail: key,
        numbers: vec![
            Number::new("calls", count, Unit::Count),
            Number::new("calls_max", most as f64, Unit::Count),
            Number::new("kinds", made.calls.len() as f64, Unit::Count),
            Number::new("share", found.len() as f64 / group.facts.len() as f64, Unit::Ratio),
            Number::new("time", time, Unit::Nanos),
            Number::new("critical", critical, Unit::Nanos),
            Number::new("saving", saving, Unit::Nanos),
        ],
        saving_nanos: (!is_load || saving > 0.0).then_some(saving),
        // Repeats whose number follows the data are the pattern itself.
        confidence: if may_be_meant {
            UNSURE
        } else if varies || count >= worth::CALLS_MIN {
            0.95
        } else {
            0.8
        },
        executions: group.facts.len(),
        location: facts.location(worst.slowest),
        evidence: top(examples.collect()),
        text: text(group, made, found, [count, most as f64, time, critical], name),
        next: Some("fetch all items in one call (a join, IN (…), or a bulk request) before the loop".to_owned()),
    };
    let places = found.iter().flat_map(|it| it.indices.iter().map(|&index| (it.number, index as usize)));
    draft.finding(group).about(places).saving_calls(count)
}

fn text(
    group: &Group<'_, '_>,
    made: &Loop,
    found: &[Repeats],
    [count, most, time, critical]: [f64; 4],
    ancestor: &str,
) -> String {
    let executions = if is_usual(group, found) {
        "an execution".to_owned()
    } else if group.all.iter().all(graphql::is_served) {
        // One address of any number of queries: executions of others say nothing of this one's.
        format!("each of {} of the {} executions that make them", found.len(), made.calls[0].makers)
    } else {
        format!("each of {} of {} executions", found.len(), group.facts.len())
    };
    let cost = if critical < OVERLAPPING * time {
        format!(
            "at the same time as each other or other work: {} of answering, of which {} on the critical path,",
            shown(time),
            shown(critical)
        )
    } else {
        format!("{} on the critical path,", shown(critical))
    };
    let (kinds, one, keys) = match made.calls.as_slice() {
        [call] => ("one kind".to_owned(), "one", call.key.to_string()),
        calls => (format!("{} kinds in turn", calls.len()), "one of each", listed(calls)),
    };
    format!(
        "{count} calls of {kinds} below {ancestor} in {executions} (at most {most}), {cost} where {one} would do: {keys}"
    )
}

/// The calls of a loop, shortened, each with its usual number of repeats.
fn listed(calls: &[Repeated]) -> String {
    let shown = calls.iter().take(LISTED_MAX).map(|call| format!("{} × {}", call.usual_count(), shortened(&call.key)));
    let mut shown: Vec<String> = shown.collect();
    if calls.len() > LISTED_MAX {
        shown.push(format!("and {} other kinds", calls.len() - LISTED_MAX));
    }
    shown.join("; ")
}

/// A statement without the columns that it selects, cut to [`LISTED_CHARS_MAX`].
fn shortened(key: &str) -> String {
    let from = key.find(" FROM ").filter(|_| key.starts_with("SELECT ") && key.chars().count() > LISTED_CHARS_MAX);
    let short = from.map_or_else(|| key.to_owned(), |from| format!("SELECT …{}", &key[from..]));
    if short.chars().count() <= LISTED_CHARS_MAX {
        return short;
    }
    let cut: String = short.chars().take(LISTED_CHARS_MAX).collect();
    format!("{cut}…")
}
