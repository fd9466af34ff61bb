//! The log lines of an execution that are worth reading first: warnings and errors, then what was written near a
//! moment, lines that say the same once.

use std::collections::BTreeMap;

use foldhash::HashSet;
use kino_model::{LogRecord, SpanId, UnixNanos};

use crate::execution::Execution;
use crate::finding::Evidence;
use crate::fingerprint::shape;

/// At most this many characters of a line are shown.
pub const LINE_CHARS_MAX: usize = 500;
/// From this severity on a line says that something is wrong (OTLP's WARN).
const WARN: i32 = 13;
/// Characters by which lines are taken for alike.
const SHAPE_CHARS_MAX: usize = 200;

/// A log line.
#[derive(Clone, Debug, PartialEq)]
pub struct LogLine {
    /// When it was written; of several the one nearest to the moment.
    pub time: UnixNanos,
    /// The sender's word for the severity, else OTLP's; empty where neither is known.
    pub severity: String,
    /// The service.
    pub service: String,
    /// The message, at most [`LINE_CHARS_MAX`] characters. Recorded text: untrusted.
    pub body: String,
    /// Its characters beyond these.
    pub characters_left_out: u64,
    /// How often the execution wrote a line that differs in numbers and quoted words alone.
    pub times: u64,
    /// Where.
    pub evidence: Evidence,
}

/// At most `lines_max` log lines of an execution, by time, and how many records there are beyond those that they
/// represent. `moment` is what they are to be near to.
pub fn log_lines(execution: &Execution<'_, '_>, moment: i64, lines_max: usize) -> (Vec<LogLine>, u64) {
    let tree = execution.tree;
    let named: HashSet<SpanId> = tree.trace().logs.iter().filter_map(|log| log.span_id).collect();
    let ids = execution.spans().iter().map(|&index| tree.span(index as usize).span_id);
    let spans: HashSet<SpanId> = ids.filter(|id| named.contains(id)).collect();
    let is_whole = execution.spans().len() == tree.trace().spans.len();
    let belongs = |log: &&LogRecord| log.span_id.map_or(is_whole, |id| spans.contains(&id));
    // By severity and what they say: the nearest to the moment, and how many.
    let mut kinds: BTreeMap<(i32, String), (&LogRecord, u64)> = BTreeMap::new();
    let distance = |log: &LogRecord| time(log).abs_diff(moment);
    for log in tree.trace().logs.iter().filter(belongs) {
        let said: String = log.body.to_text().chars().take(SHAPE_CHARS_MAX).collect();
        let kind = kinds.entry((log.severity_number, shape(&said))).or_insert((log, 0));
        kind.1 += 1;
        if distance(log) < distance(kind.0) {
            kind.0 = log;
        }
    }
    let mut chosen: Vec<(&LogRecord, u64)> = kinds.into_values().collect();
    let all: u64 = chosen.iter().map(|(_, times)| times).sum();
    chosen.sort_by_key(|(log, _)| (log.severity_number < WARN, distance(log)));
    chosen.truncate(lines_max);
    chosen.sort_by_key(|(log, _)| time(log));
    let left_out = all - chosen.iter().map(|(_, times)| times).sum::<u64>();
    (chosen.into_iter().map(|(log, times)| line(execution, log, times)).collect(), left_out)
}

fn time(log: &LogRecord) -> i64 {
    log.event.time.0
}

/// OTLP's name for a severity number.
fn name(severity_number: i32) -> &'static str {
    match severity_number {
        1..=4 => "TRACE",
        5..=8 => "DEBUG",
        9..=12 => "INFO",
        13..=16 => "WARN",
        17..=20 => "ERROR",
        21..=24 => "FATAL",
        _ => "",
    }
}

fn line(execution: &Execution<'_, '_>, log: &LogRecord, times: u64) -> LogLine {
    let text = log.body.to_text();
    let sent = log.severity_text.as_str();
    let severity = if sent.is_empty() { name(log.severity_number) } else { sent }.to_owned();
    LogLine {
        time: log.event.time,
        severity,
        service: log.resource.service().to_owned(),
        body: text.chars().take(LINE_CHARS_MAX).collect(),
        characters_left_out: text.chars().skip(LINE_CHARS_MAX).count() as u64,
        times,
        evidence: Evidence { trace_id: execution.trace_id(), span_id: log.span_id },
    }
}

#[cfg(test)]
mod tests {
    use kino_model::{Event, Value};

    use super::*;
    use crate::testing::{span_id, trace};
    use crate::{Entry, Tree, executions};

    fn log(at: i64, severity: i32, span: Option<u64>, body: &str) -> LogRecord {
        LogRecord {
            span_id: span.map(span_id),
            event: Event { time: UnixNanos(at), ..Event::default() },
            severity_number: severity,
            body: Value::from(body),
            ..LogRecord::default()
        }
    }

    fn check(logs: Vec<LogRecord>, lines_max: usize) -> (Vec<(String, u64)>, u64) {
        let mut trace = trace("checkout 0..100\n  pay 10..90", 1);
        trace.logs = logs;
        let trees = [Tree::new(&trace)];
        let found = executions(&trees, Entry::Outermost);
        let (lines, left_out) = log_lines(&found[0], 50, lines_max);
        (lines.into_iter().map(|line| (line.body, line.times)).collect(), left_out)
    }

    #[test]
    fn warnings_come_first_then_what_is_near_and_all_stand_by_time() {
        let logs = vec![
            log(1, 17, Some(2), "boom"),
            log(40, 9, Some(1), "near"),
            log(2, 9, Some(1), "far"),
            log(3, 9, None, "farther"),
        ];
        let (lines, left_out) = check(logs, 2);
        assert_eq!(lines, [("boom".to_owned(), 1), ("near".to_owned(), 1)]);
        assert_eq!(left_out, 2);
    }

    #[test]
    fn lines_that_say_the_same_are_one_and_others_spans_are_not_read() {
        let mut logs: Vec<LogRecord> = (0..500).map(|at| log(at, 13, Some(1), &format!("retry {at}"))).collect();
        logs.push(log(1, 17, Some(99), "not ours"));
        assert_eq!(check(logs, 8), (vec![("retry 50".to_owned(), 500)], 0));
    }

    #[test]
    fn a_long_line_is_cut_and_counted() {
        let mut trace = trace("checkout 0..100", 1);
        trace.logs = vec![log(1, 9, Some(1), &"é".repeat(LINE_CHARS_MAX + 7))];
        let trees = [Tree::new(&trace)];
        let found = executions(&trees, Entry::Outermost);
        let (lines, _) = log_lines(&found[0], 0, 8);
        assert_eq!((lines[0].body.chars().count(), lines[0].characters_left_out), (LINE_CHARS_MAX, 7));
    }
}
