//! What is worth a finding: the least that a repair must save, the same for all detectors that claim a saving.
//!
//! A saving of time counts if it is a part of the execution that is beyond noise and long enough for a person to gain by
//! it, or long by itself. Calls that would not be made any more count as a load on the other side where they are many
//! and no rarity: what a server asks now and then while it runs for hours, under a span for its whole life, is none; or
//! fewer, where they are made one after another and take a part of the execution that is beyond noise: data grow. Tokens
//! are money. What is asked of a database within the process is no load on anything else, and must save more time. What only says where time is must speak of more, since none of it may be saved in the end. A finding that
//! does neither (errors, traces that are not whole) is not measured by it. Detectors may ask for more where they need it
//! as evidence.

use super::detection::{Detection, SpanRef};
use super::facts::{Group, median};

/// Less than this part of an execution is within what timing varies by from one execution to the next.
const PART_MIN: f64 = 0.05;
/// A shorter time is not worth changing code for; recording a few spans takes as long.
const NANOS_MIN: f64 = 1e6;
/// The same of calls of a database within the process (SQLite): there is no way to another side that one call for all would
/// save, nor another side that has less to do, so that many small ones are no fault by themselves.
const NANOS_MIN_WITHIN_PROCESS: f64 = 2e6;
/// What only says where time is, and not how to save it, is looked into for no less than this: a tenth of the shortest
/// wait that a person notices.
const CONCERNED_NANOS_MIN: f64 = 1e7;
/// A time that a person notices, whatever part of the execution it is.
pub(super) const NANOS_LONG: f64 = 1e9;
/// Calls in one execution that are a load on the other side.
pub(super) const CALLS_MIN: f64 = 20.0;
/// The part of the executions' time that such calls fill at least, wherever it passes.
const CALLS_PART_MIN: f64 = 0.01;
/// Calls in one execution that are a load if they are made one after another and fill [`PART_MIN`] of its time.
const FEW_CALLS_MIN: f64 = 10.0;
/// Calls that hold less than this part of their time of the critical path overlap each other or other work.
pub(super) const OVERLAPPING: f64 = 0.5;
/// Tokens of a language model in one execution: fewer cost less than a hundredth of a cent with most models.
pub(super) const TOKENS_MIN: f64 = 200.0;

/// Whether a finding saves enough of time or calls if it claims to save any, or speaks of enough time.
pub(super) fn is_worth_it(group: &Group<'_, '_>, found: &Detection) -> bool {
    let nanos = found.finding.saving_nanos.map(|nanos| nanos as f64);
    if !found.claims_saving() {
        return found.concerned_nanos.is_none_or(|nanos| nanos >= CONCERNED_NANOS_MIN);
    }
    let is_time = nanos.is_some_and(|nanos| is_time(nanos, usual_duration(group, found)));
    if is_within_process(group, found) {
        return is_time && nanos.is_some_and(|nanos| nanos >= NANOS_MIN_WITHIN_PROCESS);
    }
    is_time || found.calls_saved.is_some_and(|calls| is_load(group, found, calls))
}

/// The rule of [`is_worth_it`] for what claims a saving.
pub(crate) fn in_words() -> String {
    let (part, calls_part, millis) = (100.0 * PART_MIN, 100.0 * CALLS_PART_MIN, NANOS_MIN / 1e6);
    format!(
        "{part} % of an execution and {millis} ms, or {CALLS_MIN} calls that fill {calls_part} % of it, or \
         {FEW_CALLS_MIN} one after another that fill {part} %"
    )
}

/// Whether all that it is about are calls of a database that is in the process itself.
fn is_within_process(group: &Group<'_, '_>, found: &Detection) -> bool {
    const SYSTEMS: [&str; 3] = ["sqlite", "duckdb", "sql.js"];
    let is_one = |place: &SpanRef| {
        let span = group.facts[place.execution].span(place.span);
        let system = span.text("db.system.name").or_else(|| span.text("db.system"));
        system.is_some_and(|system| SYSTEMS.contains(&system)) && span.attribute("server.address").is_none()
    };
    !found.places().is_empty() && found.places().iter().all(is_one)
}

/// Whether it is enough time of an execution that takes `duration` nanoseconds.
pub(super) fn is_time(nanos: f64, duration: f64) -> bool {
    nanos >= NANOS_LONG || (nanos >= NANOS_MIN && nanos >= PART_MIN * duration)
}

/// Returns the median duration of an execution, in nanoseconds; where a finding is about fewer than half of them, of those.
fn usual_duration(group: &Group<'_, '_>, found: &Detection) -> f64 {
    let concerned = executions(found);
    if concerned.is_empty() || 2 * concerned.len() >= group.facts.len() {
        return group.median_duration();
    }
    median(concerned.into_iter().map(|number| group.facts[number].duration()).collect())
}

/// Returns the numbers of the executions that a finding is about.
fn executions(found: &Detection) -> Vec<usize> {
    let mut numbers: Vec<usize> = found.places().iter().map(|place| place.execution).collect();
    numbers.dedup();
    numbers
}

/// Whether its calls are many enough, and fill enough of the executions that make them.
fn is_load(group: &Group<'_, '_>, found: &Detection, calls_saved: f64) -> bool {
    let places = || found.places().iter().map(|place| (&group.facts[place.execution], place.span));
    let calls: f64 = places().map(|(facts, span)| facts.tree.duration(span) as f64).sum();
    let critical = || places().map(|(facts, span)| facts.critical(span) as f64).sum::<f64>();
    let part = match calls_saved {
        CALLS_MIN.. => CALLS_PART_MIN,
        FEW_CALLS_MIN.. if critical() >= OVERLAPPING * calls => PART_MIN,
        _ => return false,
    };
    let whole: f64 = executions(found).into_iter().map(|number| group.facts[number].duration()).sum();
    calls >= part * whole
}
