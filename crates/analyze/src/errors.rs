//! Exceptions, grouped by a fingerprint that outlives line numbers, ids and numbers.
//!
//! The fingerprint rests on the type and on the functions of the user's own frames; without frames, on the message
//! with everything taken out that differs from one time to the next. What several spans recorded of one exception
//! counts once: see [`occurrences`]. What a program only printed is read by [`printed()`].

mod frames;
mod passing;
mod printed;

use std::collections::BTreeMap;

use kino_model::{Event, Fingerprint, RunId, UnixNanos, attribute, names};

pub use frames::{Frame, frames};
pub use passing::{Parents, occurrences, recorded_alike};
pub use printed::{Printed, printed};

use crate::finding::{Evidence, MAX_EXAMPLES};
use crate::fingerprint::{fingerprint, shape};

/// At most this many characters of a message are shown.
pub const MAX_MESSAGE_CHARS: usize = 500;
/// At most this many frames are shown; recursion makes stacks of thousands.
pub const MAX_FRAMES: usize = 50;
/// The user's innermost frames that make the fingerprint.
const FINGERPRINT_FRAMES: usize = 3;
const NANOS_PER_DAY: i64 = 86_400 * 1_000_000_000;

/// One exception as recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exception<'a> {
    /// `exception.type`, or empty.
    pub exception_type: &'a str,
    /// `exception.message`, or empty.
    pub message: &'a str,
    /// `exception.stacktrace`, or empty.
    pub stacktrace: &'a str,
    /// When.
    pub time: UnixNanos,
    /// The span it was recorded on.
    pub evidence: Evidence,
    /// Whether a log recorded it rather than an event of the span.
    pub in_log: bool,
    /// The user's own root folder where it ran, if known: absolute paths outside it are then a library's.
    pub root: Option<&'a str>,
    /// The run in whose output it was read, where no span and no log recorded it.
    pub printed_by: Option<RunId>,
}

/// Exceptions of one fingerprint.
#[derive(Clone, Debug, PartialEq)]
pub struct ErrorGroup {
    pub exception_type: String,
    /// The message of the latest, at most [`MAX_MESSAGE_CHARS`]. Recorded text: untrusted.
    pub message: String,
    /// Stable across line numbers, ids and numbers.
    pub fingerprint: Fingerprint,
    /// How often.
    pub count: u64,
    /// How many of these were read in the output of a run.
    pub printed: u64,
    /// The runs in whose output they were read, at most [`MAX_EXAMPLES`], newest first.
    pub printed_by: Vec<RunId>,
    /// The first time.
    pub first_seen: UnixNanos,
    /// The last time.
    pub last_seen: UnixNanos,
    /// (`YYYY-MM-DD`, how often) by UTC day, oldest first.
    pub per_day: Vec<(String, u64)>,
    /// The latest one's stack, innermost first, at most [`MAX_FRAMES`].
    pub frames: Vec<Frame>,
    /// At most [`MAX_EXAMPLES`], newest first.
    pub examples: Vec<Evidence>,
}

/// The exception that an event records, if it does.
pub fn exception(event: &Event, evidence: Evidence) -> Option<Exception<'_>> {
    let text = |key| attribute::find(&event.attributes, key).and_then(|value| value.as_str()).unwrap_or_default();
    let exception_type = text(names::EXCEPTION_TYPE);
    let message = text(names::EXCEPTION_MESSAGE);
    let is_one = event.name == "exception" || !exception_type.is_empty();
    let stacktrace = text(names::EXCEPTION_STACKTRACE);
    let time = event.time;
    let (in_log, root, printed_by) = (false, None, None);
    is_one.then_some(Exception { exception_type, message, stacktrace, time, evidence, in_log, root, printed_by })
}

/// Groups exceptions, the most recently seen group first.
pub fn group<'a>(exceptions: impl IntoIterator<Item = Exception<'a>>) -> Vec<ErrorGroup> {
    // Parsing a stack is the cost here, and the same texts come again and again.
    let mut known: BTreeMap<(&str, &str, &str, Option<&str>), Fingerprint> = BTreeMap::new();
    let mut groups: BTreeMap<Fingerprint, Group<'a>> = BTreeMap::new();
    for exception in exceptions {
        let key = (exception.exception_type, exception.stacktrace, exception.message, exception.root);
        let fingerprint = known.entry(key).or_insert_with(|| fingerprint_of(&exception));
        groups.entry(*fingerprint).or_insert_with(|| Group::new(exception)).add(exception);
    }
    let mut groups: Vec<ErrorGroup> =
        groups.into_iter().map(|(fingerprint, group)| group.finish(fingerprint)).collect();
    groups.sort_by(|a, b| b.last_seen.cmp(&a.last_seen).then_with(|| a.fingerprint.cmp(&b.fingerprint)));
    groups
}

/// The fingerprint under which an exception is grouped.
pub fn fingerprint_of(exception: &Exception<'_>) -> Fingerprint {
    let frames = frames(exception.stacktrace, exception.root);
    let own: Vec<&Frame> = frames.iter().filter(|frame| frame.in_project).take(FINGERPRINT_FRAMES).collect();
    let chosen = if own.is_empty() { frames.iter().take(FINGERPRINT_FRAMES).collect() } else { own };
    let message = shape(exception.message);
    let mut parts = vec![exception.exception_type];
    if chosen.is_empty() {
        parts.push(&message);
    }
    for frame in chosen {
        parts.push(frame.path.rsplit(['/', '\\']).next().unwrap_or_default());
        parts.push(&frame.function);
    }
    fingerprint(&parts)
}

struct Group<'a> {
    latest: Exception<'a>,
    first_seen: UnixNanos,
    count: u64,
    per_day: BTreeMap<i64, u64>,
    newest: Vec<(UnixNanos, Evidence)>,
    printed: u64,
    newest_printed: Vec<(UnixNanos, RunId)>,
}

impl<'a> Group<'a> {
    fn new(exception: Exception<'a>) -> Self {
        Self {
            latest: exception,
            first_seen: exception.time,
            count: 0,
            per_day: BTreeMap::new(),
            newest: Vec::new(),
            printed: 0,
            newest_printed: Vec::new(),
        }
    }

    fn add(&mut self, exception: Exception<'a>) {
        self.count += 1;
        self.first_seen = self.first_seen.min(exception.time);
        if exception.time > self.latest.time {
            self.latest = exception;
        }
        *self.per_day.entry(exception.time.0.div_euclid(NANOS_PER_DAY)).or_default() += 1;
        match exception.printed_by {
            Some(run_id) => {
                self.printed += 1;
                keep_newest(&mut self.newest_printed, exception.time, run_id);
            }
            None => keep_newest(&mut self.newest, exception.time, exception.evidence),
        }
    }

    fn finish(self, fingerprint: Fingerprint) -> ErrorGroup {
        let mut frames = frames(self.latest.stacktrace, self.latest.root);
        frames.truncate(MAX_FRAMES);
        ErrorGroup {
            exception_type: self.latest.exception_type.to_owned(),
            message: self.latest.message.chars().take(MAX_MESSAGE_CHARS).collect(),
            fingerprint,
            count: self.count,
            printed: self.printed,
            printed_by: self.newest_printed.into_iter().map(|(_, run_id)| run_id).collect(),
            first_seen: self.first_seen,
            last_seen: self.latest.time,
            per_day: self.per_day.into_iter().map(|(day, count)| (date(day), count)).collect(),
            frames,
            examples: self.newest.into_iter().map(|(_, evidence)| evidence).collect(),
        }
    }
}

/// Adds an example, unless it is there already; at most [`MAX_EXAMPLES`] stay, the newest first.
fn keep_newest<T: PartialEq>(newest: &mut Vec<(UnixNanos, T)>, time: UnixNanos, example: T) {
    let at = newest.partition_point(|(other, _)| *other >= time);
    if at < MAX_EXAMPLES && newest.iter().all(|(_, known)| *known != example) {
        newest.insert(at, (time, example));
        newest.truncate(MAX_EXAMPLES);
    }
}

/// `YYYY-MM-DD` of a day since the Unix epoch (H. Hinnant's `civil_from_days`).
fn date(day: i64) -> String {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day_of_month:02}")
}

#[cfg(test)]
mod tests;
