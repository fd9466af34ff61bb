//! The log lines of an execution that are worth reading first: warnings, errors and what sets it apart from its good
//! likes, then what was written near a moment, lines that say the same once.

mod apart;

use std::collections::BTreeMap;

use foldhash::HashSet;
use kino_model::{LogRecord, SpanId, UnixNanos};

use crate::execution::Execution;
use crate::finding::Evidence;
use crate::fingerprint::shape;

pub use apart::LineApart;

/// At most this many characters of a line are shown.
pub const LINE_CHARS_MAX: usize = 500;
/// From this severity on a line says that something is wrong (OTLP's WARN).
const WARN: i32 = 13;
/// Characters by which lines are taken for alike.
const SHAPE_CHARS_MAX: usize = 200;

/// Log records of one text within a trace, shown as one.
#[derive(Clone, Debug, PartialEq)]
pub struct LogLine {
    /// When it was written; of several the one nearest to the moment.
    pub time: UnixNanos,
    /// The sender's word for the severity, else OTLP's; empty where neither is known.
    pub severity: String,
    pub service: String,
    /// The message, at most [`LINE_CHARS_MAX`] characters. Recorded text: untrusted.
    pub body: String,
    /// Its characters beyond these.
    pub characters_left_out: u64,
    /// How often the execution wrote a line that differs in numbers and quoted words alone.
    pub times: u64,
    /// How it differs from what good likes wrote; `None` where it does not, or where too little is known.
    pub apart: Option<LineApart>,
    /// Where.
    pub evidence: Evidence,
}

/// Severity and shape; of what is apart also its text.
type LineKind = (i32, String, Option<(u64, String)>);

/// At most `lines_max` log lines of an execution, by time, and how many records there are beyond those that they
/// represent. `moment` is what they are to be near to, `good` are likes that went well.
pub fn log_lines(
    execution: &Execution<'_, '_>,
    good: &[Execution<'_, '_>],
    moment: i64,
    lines_max: usize,
) -> (Vec<LogLine>, u64) {
    let own = logs_of(execution);
    let likes: Vec<Vec<&LogRecord>> = good.iter().map(|like| logs_of(like)).collect();
    let mut apart = apart::apart(&own, &likes);
    // By severity and what they say, those that are apart on their own: the nearest to the moment, and how many.
    let mut kinds: BTreeMap<LineKind, (&LogRecord, u64, Option<LineApart>)> = BTreeMap::new();
    let distance = |log: &LogRecord| time(log).abs_diff(moment);
    for (place, &log) in own.iter().enumerate() {
        let said: String = log.body.to_text().chars().take(SHAPE_CHARS_MAX).collect();
        let apart = apart.remove(&place);
        let key = (log.severity_number, shape(&said), apart.as_ref().map(|it| (it.others, said)));
        let kind = kinds.entry(key).or_insert((log, 0, apart));
        kind.1 += 1;
        if distance(log) < distance(kind.0) {
            kind.0 = log;
        }
    }
    let mut chosen: Vec<(&LogRecord, u64, Option<LineApart>)> = kinds.into_values().collect();
    let all: u64 = chosen.iter().map(|(_, times, _)| times).sum();
    chosen.sort_by_key(|(log, _, apart)| (log.severity_number < WARN && apart.is_none(), distance(log)));
    chosen.truncate(lines_max);
    chosen.sort_by_key(|(log, _, _)| time(log));
    let left_out = all - chosen.iter().map(|(_, times, _)| times).sum::<u64>();
    (chosen.into_iter().map(|(log, times, apart)| line(execution, log, times, apart)).collect(), left_out)
}

/// What the spans of an execution wrote, by time; what names no span, where the execution is the whole trace.
fn logs_of<'a>(execution: &Execution<'_, 'a>) -> Vec<&'a LogRecord> {
    let tree = execution.tree;
    let named: HashSet<SpanId> = tree.trace().logs.iter().filter_map(|log| log.span_id).collect();
    let ids = execution.spans().iter().map(|&index| tree.span(index as usize).span_id);
    let spans: HashSet<SpanId> = ids.filter(|id| named.contains(id)).collect();
    let is_whole = execution.spans().len() == tree.trace().spans.len();
    let belongs = |log: &&LogRecord| log.span_id.map_or(is_whole, |id| spans.contains(&id));
    tree.trace().logs.iter().filter(belongs).collect()
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

fn line(execution: &Execution<'_, '_>, log: &LogRecord, times: u64, apart: Option<LineApart>) -> LogLine {
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
        apart,
        evidence: Evidence { trace_id: execution.trace_id(), span_id: log.span_id },
    }
}

#[cfg(test)]
mod tests {
    use kino_model::{Event, Value};

    use super::*;
    use crate::testing::{span_id, trace};
    use crate::{EntrySpans, Tree, executions, trees};

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
        let found = executions(&trees, EntrySpans::Outermost);
        let (lines, left_out) = log_lines(&found[0], &[], 50, lines_max);
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
        let found = executions(&trees, EntrySpans::Outermost);
        let (lines, _) = log_lines(&found[0], &[], 0, 8);
        assert_eq!((lines[0].body.chars().count(), lines[0].characters_left_out), (LINE_CHARS_MAX, 7));
    }

    /// What is apart in the last of these traces, each of which has these lines.
    fn apart_in_last(traces_lines: &[&[&str]]) -> Vec<(String, u64, Option<String>)> {
        let traces: Vec<_> = traces_lines
            .iter()
            .zip(1..)
            .map(|(lines, number)| {
                let mut trace = trace("sync 0..100", number);
                trace.logs = lines.iter().zip(1..).map(|(line, at)| log(at, 9, Some(1), line)).collect();
                trace
            })
            .collect();
        let trees = trees(&traces);
        let found = executions(&trees, EntrySpans::Outermost);
        let (last, good) = found.split_last().unwrap();
        let (lines, _) = log_lines(last, good, 50, 20);
        lines.into_iter().filter_map(|it| it.apart.map(|apart| (it.body, apart.others, apart.usual))).collect()
    }

    #[test]
    fn a_line_with_other_numbers_than_all_others_of_its_family_is_apart() {
        let usual: &[&str] = &["north: 80 rows, 0 skipped", "south: 80 rows, 0 skipped", "done in 31 ms"];
        let last: &[&str] = &["north: 80 rows, 0 skipped", "south: 40 rows, 40 skipped", "done in 35 ms"];
        let found = apart_in_last(&[usual, usual, &["north: 80 rows, 0 skipped", "done in 29 ms"], last]);
        let wanted = ("south: 40 rows, 40 skipped".to_owned(), 6, Some("south: 80 rows, 0 skipped".to_owned()));
        assert_eq!(found, [wanted]);
    }

    #[test]
    fn a_line_that_no_like_wrote_is_apart_and_counters_are_not() {
        let lines: Vec<Vec<String>> = (0..7)
            .map(|number| {
                let mut lines =
                    vec![format!("batch {number} of file {}.csv", 17 * number), format!("took {} s", 3 + number % 3)];
                lines.extend((number == 6).then(|| "cache unreachable, answering from disk".to_owned()));
                lines
            })
            .collect();
        let lines: Vec<Vec<&str>> = lines.iter().map(|it| it.iter().map(String::as_str).collect()).collect();
        let lines: Vec<&[&str]> = lines.iter().map(Vec::as_slice).collect();
        assert_eq!(apart_in_last(&lines), [("cache unreachable, answering from disk".to_owned(), 0, None)]);
        assert_eq!(apart_in_last(&lines[4..]), [], "three likes say little");
    }

    #[test]
    fn a_number_far_out_is_apart_and_one_beside_the_range_is_not() {
        let of = |last: &str| {
            let usual: Vec<String> = (0..9).map(|number| format!("pool: size={} waiting=0", 10 + number)).collect();
            let mut lines: Vec<Vec<&str>> = usual.iter().map(|line| vec![line.as_str()]).collect();
            lines.push(vec![last]);
            let lines: Vec<&[&str]> = lines.iter().map(Vec::as_slice).collect();
            apart_in_last(&lines).len()
        };
        assert_eq!(of("pool: size=19 waiting=0"), 0);
        assert_eq!(of("pool: size=90 waiting=0"), 1);
        assert_eq!(of("pool: size=12 waiting=7"), 1);
        assert_eq!(of("pool: size=2 waiting=0"), 1);
    }

    #[test]
    fn hostile_lines_are_compared_in_bounds() {
        let long = "1 ".repeat(100_000);
        let lines: Vec<&str> = (0..600).map(|_| long.as_str()).collect();
        assert_eq!(apart_in_last(&[&lines, &lines, &["x"]]).len(), 0);
        assert_eq!(apart_in_last(&[&["1e999 -- -5 ٣"], &["9"]]).len(), 0);
    }
}
