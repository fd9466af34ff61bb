//! `errors`: exceptions by group, the most recent first.

use kino_model::UnixNanos;
use kino_text::time;
use kino_wire::errors::{ErrorGroup, Errors, PrintedErrors, PrintedStream};

use super::{Style, Tone, clean, counted, wrap};

/// How many digits of a run's id or a blob's hash are shown: enough to be unique, and taken by every command.
const ID_DIGITS: usize = 12;
/// How many frames of a stack are shown; the rest is counted.
const FRAMES_MAX: usize = 6;
/// The height of a day in the row of days.
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The groups.
pub(crate) fn text(answer: &Errors, style: Style, now: UnixNanos) -> String {
    let left_out = match answer.left_out_temporary {
        0 => String::new(),
        count => format!(
            "\n{} of other code left out, recorded in worktrees of verifications: --run RUN shows those of one.\n",
            counted(count, "exception")
        ),
    };
    let outputs = match answer.outputs_left_out {
        0 => String::new(),
        count => format!("\nThe output of {} was not searched: --run RUN searches one.\n", counted(count, "older run")),
    };
    let left_out = left_out + &outputs;
    if let Some(unknown) = &answer.unknown_service {
        return super::unknown_service(unknown);
    }
    if answer.items.is_empty() {
        return format!("No exception is recorded here. --all looks beyond this project.\n{left_out}");
    }
    let mut text = answer.items.iter().map(|group| block(group, style, now)).collect::<Vec<_>>().join("\n");
    if !answer.counts_are_complete {
        text.push_str("\nNot all is counted: of too many exceptions the newest are, and of a long output its end.\n");
    }
    if answer.more {
        text.push_str("\nThere are more groups: a larger --limit shows them.\n");
    }
    text.push_str(&left_out);
    text
}

fn block(group: &ErrorGroup, style: Style, now: UnixNanos) -> String {
    let title = style.paint(Tone::Bad, &clean(&group.exception_type));
    let mut text = format!("{title}: {}\n", clean(&group.message));
    let last = time::ago(group.last_seen_unix_nanos, now);
    let first = time::ago(group.first_seen_unix_nanos, now);
    let days = days(group);
    text.push_str(&format!("  {}, last {last}, first {first}{days}\n", counted(group.count, "time")));
    if let Some(printed) = &group.printed {
        text.push_str(&style.paint(Tone::Warn, &wrap(&printed_line(group, printed), style, "  ")));
    }
    for frame in group.frames.iter().take(FRAMES_MAX) {
        let line = frame.line.map(|line| format!(":{line}")).unwrap_or_default();
        let place = format!("at {}{line} in {}", frame.path, frame.function);
        let tone = if frame.in_project { Tone::Plain } else { Tone::Faint };
        text.push_str(&style.paint(tone, &wrap(&clean(&place), style, "  ")));
    }
    if let Some(more @ 1..) = group.frames.len().checked_sub(FRAMES_MAX) {
        text.push_str(&format!("  and {}\n", counted(more as u64, "frame")));
    }
    let output = group.printed.as_ref().and_then(|printed| printed.outputs.first());
    let next = match (group.examples.first(), output) {
        (Some(example), _) => format!("kino explain {}   ", example.trace_id),
        (None, Some(output)) => {
            format!("kino open blob:{:.ID_DIGITS$}   ", output.blob)
        }
        (None, None) => String::new(),
    };
    text.push_str(&style.paint(Tone::Faint, &format!("  {next}fingerprint {}\n", group.fingerprint)));
    text
}

/// Says that errors were read in what a run printed.
fn printed_line(group: &ErrorGroup, printed: &PrintedErrors) -> String {
    let part = match printed.count {
        count if count == group.count => String::new(),
        count => format!("{} of them ", super::count(count)),
    };
    let output = |output: &kino_wire::errors::PrintedIn| {
        let stream = match output.stream {
            PrintedStream::Stderr => "standard error",
            PrintedStream::Terminal => "terminal",
        };
        format!("the {stream} of run {:.ID_DIGITS$}", output.run_id)
    };
    let shown: Vec<String> = printed.outputs.iter().map(output).collect();
    format!("{part}read from {}: no span recorded it", shown.join(", "))
}

/// The days as a row of bars, where there is more than one.
fn days(group: &ErrorGroup) -> String {
    let max = group.per_day.iter().map(|day| day.count).max().unwrap_or(0);
    if group.per_day.len() < 2 || max == 0 {
        return String::new();
    }
    let level = |count: u64| LEVELS[((count * 7).div_ceil(max)) as usize % 8];
    format!("  {}", group.per_day.iter().map(|day| level(day.count)).collect::<String>())
}

#[cfg(test)]
mod tests {
    use kino_model::TraceId;
    use kino_wire::errors::{DayCount, Frame, PrintedIn};
    use kino_wire::finding::Evidence;

    use super::super::tests::EIGHTY;
    use super::*;

    #[test]
    fn a_group_shows_when_where_and_what_next() {
        let frame = |path: &str, in_project| Frame {
            path: path.to_owned(),
            line: Some(7),
            function: "load".to_owned(),
            in_project,
        };
        let day = |day: &str, count| DayCount { day: day.to_owned(), count };
        let group = ErrorGroup {
            exception_type: "KeyError".to_owned(),
            message: "'customer'\u{7}".to_owned(),
            fingerprint: "9f0c9f0c9f0c9f0c".parse().unwrap(),
            count: 1_500,
            first_seen_unix_nanos: 0,
            last_seen_unix_nanos: 172_000_000_000_000,
            per_day: vec![day("1970-01-01", 1), day("1970-01-02", 0), day("1970-01-03", 8)],
            frames: vec![frame("app/cart.py", true), frame("site-packages/flask/app.py", false)],
            examples: vec![Evidence { trace_id: TraceId([1; 16]), span_id: None }],
            printed: None,
        };
        let output = |digits: &str, stream| PrintedIn {
            run_id: digits.repeat(4).parse().unwrap(),
            blob: digits.repeat(8).parse().unwrap(),
            stream,
        };
        let outputs = vec![output("4f2a91c0", PrintedStream::Stderr), output("0a1b2c3d", PrintedStream::Terminal)];
        let printed = ErrorGroup {
            message: "oh\u{1b}[2J".to_owned(),
            count: 2,
            per_day: Vec::new(),
            frames: Vec::new(),
            examples: Vec::new(),
            printed: Some(PrintedErrors { count: 2, outputs }),
            ..group.clone()
        };
        let partly = ErrorGroup { count: 3, examples: group.examples.clone(), ..printed.clone() };
        let answer = Errors {
            schema: Errors::SCHEMA.to_owned(),
            items: vec![group, printed, partly],
            more: true,
            counts_are_complete: false,
            left_out_temporary: 0,
            outputs_left_out: 2,
            unknown_service: None,
        };
        insta::assert_snapshot!(text(&answer, EIGHTY, UnixNanos(172_800_000_000_000)));
    }
}
