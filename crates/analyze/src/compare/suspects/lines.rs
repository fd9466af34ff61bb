//! Log lines: what kind one is, which span wrote it, and lines of which no span is known.
//!
//! A line's kind is its message without what differs each time. The message is what a person would read of it: of a
//! structured line, be it a map or JSON in a text, the member that carries it, as deep as it is wrapped.
//!
//! | the line names | it belongs to |
//! |---|---|
//! | a span of the trace | that span |
//! | the trace alone | the innermost span of its service that ran at its time, else the nearest |
//! | neither | its service, by time |

use std::borrow::Cow;
use std::collections::BTreeMap;

use foldhash::HashMap;
use kino_model::{LogRecord, Value};

use crate::execution::Execution;
use crate::fingerprint::shape;

/// Kinds of log lines of one operation that are counted apart; all further ones are one kind.
pub(super) const SHAPES_MAX: usize = 200;
/// The kind of the lines beyond these.
pub(super) const OTHER_LINES: &str = "(lines of further kinds)";
/// Bytes of a message that decide its kind.
const SHAPE_BYTES: usize = 200;
/// From this severity on a line says that something is wrong (OTLP's WARN).
const WARN: i32 = 13;
/// Members that carry the message of a structured line, in the order in which they are tried.
const MESSAGES: [&str; 8] = ["message", "msg", "Message", "body", "log", "event", "text", "error"];
/// Members that carry its severity.
const LEVELS: [&str; 6] = ["severity", "level", "severity_text", "levelname", "log.level", "lvl"];
/// Words for a severity from WARN on.
const WARNINGS: [&str; 10] =
    ["WARN", "WARNING", "ERR", "ERROR", "SEVERE", "FATAL", "CRITICAL", "CRIT", "PANIC", "EMERGENCY"];
/// Words at the beginning of a text in which its severity is looked for: a date, a time, a thread, a logger.
const LEVEL_WORDS: usize = 8;
/// How deep a message is wrapped in JSON at most: a program's JSON in a container's.
const WRAPPED_MAX: usize = 3;
/// How exactly the time of a line outside any trace counts, in nanoseconds: batches of executions are longer.
const MOMENT_NANOS: i64 = 100_000_000;
/// The longest text that is read as JSON.
const JSON_BYTES_MAX: usize = 64 * 1024;

/// A log line, reduced to what is counted.
#[derive(Debug, PartialEq)]
pub(super) struct Line {
    /// Its kind.
    pub(super) shape: String,
    /// Whether it says that something is wrong.
    pub(super) warns: bool,
}

impl Line {
    /// `None` where it says nothing.
    pub(super) fn of(log: &LogRecord) -> Option<Self> {
        let (message, inner_warns) = match &log.body {
            Value::String(text) => unwrapped(text, WRAPPED_MAX),
            Value::Empty => return None,
            Value::Map(members) => {
                let text = |keys: &[&str]| {
                    let of =
                        |key: &&str| members.iter().find(|(name, _)| name == key).map(|(_, value)| value.to_text());
                    keys.iter().find_map(of)
                };
                let warns = text(&LEVELS).is_some_and(|level| is_warning(&level));
                match text(&MESSAGES) {
                    Some(message) => {
                        let (message, inner) = unwrapped(&message, WRAPPED_MAX);
                        (Cow::Owned(message.into_owned()), warns || inner)
                    }
                    None => (Cow::Owned(bare(&log.body.to_text())), warns),
                }
            }
            other => (Cow::Owned(other.to_text()), false),
        };
        let message = message.trim_start();
        let warns = match log.severity_number {
            0 => is_warning(&log.severity_text) || inner_warns || names_warning(message),
            number => number >= WARN || inner_warns,
        };
        // One line of a stack is as good as all of it.
        let first = message.lines().next()?;
        let shape = shape(&first[..first.floor_char_boundary(SHAPE_BYTES)]);
        (!shape.is_empty()).then_some(Self { shape, warns })
    }
}

/// The message in a text that is JSON, and whether its severity is a warning; any other text is its own message.
fn unwrapped(text: &str, wrapped_max: usize) -> (Cow<'_, str>, bool) {
    let is_json = text.trim_start().starts_with('{') && text.len() <= JSON_BYTES_MAX && wrapped_max > 0;
    let parsed = is_json.then(|| serde_json::from_str::<serde_json::Value>(text).ok()).flatten();
    let Some(serde_json::Value::Object(members)) = parsed else { return (Cow::Borrowed(text), false) };
    let level = LEVELS.iter().find_map(|key| members.get(*key)?.as_str());
    let warns = level.is_some_and(is_warning);
    match MESSAGES.iter().find_map(|key| members.get(*key)?.as_str()) {
        Some(message) => {
            let (message, inner) = unwrapped(message, wrapped_max - 1);
            (Cow::Owned(message.into_owned()), warns || inner)
        }
        None => (Cow::Owned(bare(text)), warns),
    }
}

/// Structure without quotes, which would hide all that it says.
fn bare(text: &str) -> String {
    text.replace(['"', '\''], "")
}

fn is_warning(level: &str) -> bool {
    WARNINGS.iter().any(|word| level.eq_ignore_ascii_case(word))
}

/// Whether one of the first words of a text is a severity in capitals.
fn names_warning(text: &str) -> bool {
    let words = text.split(|character: char| !character.is_ascii_alphabetic()).filter(|word| !word.is_empty());
    words.take(LEVEL_WORDS).any(|word| WARNINGS.contains(&word))
}

/// The spans of an execution by service, for lines that name no span.
pub(super) struct Places<'e, 't, 'a> {
    execution: &'e Execution<'t, 'a>,
    by_service: Option<HashMap<&'a str, Vec<usize>>>,
}

impl<'e, 't, 'a> Places<'e, 't, 'a> {
    pub(super) fn new(execution: &'e Execution<'t, 'a>) -> Self {
        Self { execution, by_service: None }
    }

    /// The span that wrote a line of the trace: the innermost of its service at its time. Where the execution is all of
    /// the trace, else the nearest. `None` for a line that names a span, which is of another execution.
    pub(super) fn of(&mut self, log: &LogRecord) -> Option<usize> {
        let tree = self.execution.tree;
        let is_whole = self.execution.spans().len() == tree.len();
        if log.span_id.is_some_and(|id| !id.is_zero()) && !is_whole {
            return None;
        }
        let by_service = self.by_service.get_or_insert_with(|| {
            let mut by_service: HashMap<&'a str, Vec<usize>> = HashMap::default();
            for &index in self.execution.spans() {
                let index = index as usize;
                if tree.span(index).end.is_some() {
                    by_service.entry(tree.span(index).service()).or_default().push(index);
                }
            }
            by_service
        });
        let spans = by_service.get(log.resource.service())?;
        let time = log.event.time.0;
        let distance =
            |index: usize| (tree.start(index).saturating_sub(time)).max(time.saturating_sub(tree.end(index))).max(0);
        let nearest = *spans.iter().min_by_key(|&&index| (distance(index), std::cmp::Reverse(tree.start(index))))?;
        (is_whole || distance(nearest) == 0).then_some(nearest)
    }
}

/// Log lines outside any trace: how many of each kind were written when, by service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LooseLines {
    by_service: BTreeMap<String, BTreeMap<String, BTreeMap<i64, f64>>>,
}

impl LooseLines {
    /// What represents them among the operations of a service.
    pub(super) const NAME: &'static str = "log lines";

    /// None.
    pub const fn new() -> Self {
        Self { by_service: BTreeMap::new() }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_service.is_empty()
    }

    /// Adds a line that names no trace; one that names one belongs there, and is left out.
    pub fn add(&mut self, log: &LogRecord) {
        if log.trace_id.is_some_and(|id| !id.is_zero()) {
            return;
        }
        let Some(Line { shape, .. }) = Line::of(log) else { return };
        let service = log.resource.service();
        if !self.by_service.contains_key(service) {
            self.by_service.insert(service.to_owned(), BTreeMap::new());
        }
        let Some(kinds) = self.by_service.get_mut(service) else { return };
        let shape =
            if kinds.len() >= SHAPES_MAX && !kinds.contains_key(&shape) { OTHER_LINES.to_owned() } else { shape };
        let moment = log.event.time.0.div_euclid(MOMENT_NANOS) * MOMENT_NANOS;
        *kinds.entry(shape).or_default().entry(moment).or_default() += 1.0;
    }

    /// Services that wrote some.
    pub(super) fn services(&self) -> impl Iterator<Item = &str> {
        self.by_service.keys().map(String::as_str)
    }

    /// The kinds of lines of a service, and how many of each were written from each moment on.
    pub(super) fn of(&self, service: &str) -> impl Iterator<Item = (&str, &BTreeMap<i64, f64>)> {
        self.by_service.get(service).into_iter().flatten().map(|(kind, moments)| (kind.as_str(), moments))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(body: Value, severity_number: i32) -> (String, bool) {
        let log = LogRecord { body, severity_number, ..LogRecord::default() };
        let line = Line::of(&log).unwrap();
        (line.shape, line.warns)
    }

    #[test]
    fn a_kind_is_what_a_person_would_read_of_a_line() {
        let text = |text: &str| line(Value::from(text), 0);
        let kind = |shape: &str, warns: bool| (shape.to_owned(), warns);
        assert_eq!(text("order 17 placed for 'ann'"), kind("order ? placed for ?", false));
        assert_eq!(text(r#"{"severity":"error","message":"order 17 lost","t":1}"#), kind("order ? lost", true));
        let wrapped = r#"{"log":"{\"msg\":\"stock 3 read\",\"level\":\"info\"}","stream":"stdout"}"#;
        assert_eq!(text(wrapped), kind("stock ? read", false));
        assert_eq!(text(r#"{"sold":"socks"}"#), kind("{sold:socks}", false), "quotes hide nothing");
        let java = "2026-01-02 03:04:05.678 ERROR 1 --- [exec-7] o.Orders : no such row\n\tat o.Orders.read(O.java:7)";
        assert!(text(java).1 && !text(java).0.contains("java"), "{:?}", text(java));
        assert!(line(Value::from("lost"), 17).1);
        assert!(!line(Value::from("lost ERROR"), 9).1, "the sender's severity counts");
    }
}
