//! A run: the few lines with which `run` ends, and everything about one.

use jiff::tz::TimeZone;
use kino_model::{DurationNanos, TraceId, UnixNanos};
use kino_text::time;
use kino_wire::errors::{ErrorGroup, Errors, Frame};
use kino_wire::find::Find;
use kino_wire::run::Run;

use super::explain::code;
use super::{Style, Tone, bytes, clean, counted, finding, insights, percent};

/// How many operations are named.
const OPERATIONS_MAX: usize = 3;
/// How many findings are shown.
const FINDINGS_MAX: usize = 3;
/// How many errors of a run that failed are named.
pub(crate) const ERRORS_MAX: usize = 2;
/// How many services are named.
const SERVICES_MAX: usize = 4;
/// Columns of the mark before each line of a report.
const MARK_COLUMNS: u16 = 7;
/// How many digits of a run's id are shown: enough to be unique, and taken by every command.
const ID_DIGITS: usize = 12;

/// What the recorder itself knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecorderNotes {
    /// Why no spans came, where none came but of commands that were seen in `/proc`: the likeliest first.
    pub(crate) silence: Vec<String>,
    /// Its exceptions and the errors that it printed, where it failed.
    pub(crate) errors: Option<Errors>,
    /// What else should be said.
    pub(crate) notes: Vec<String>,
}

/// The lines.
pub(crate) fn report(run: &Run, known: &RecorderNotes, style: Style) -> String {
    let mut lines = vec![summary(run, style)];
    if run.spans == 0 {
        lines.push("no spans came".to_owned());
        lines.extend(known.silence.iter().map(|reason| format!("  {reason}")));
    } else {
        lines.push(seen(run, style));
        if !known.silence.is_empty() {
            lines.push("the program itself sent none of them".to_owned());
            lines.extend(known.silence.iter().map(|reason| format!("  {reason}")));
        }
    }
    lines.extend(known.errors.iter().flat_map(|errors| raised(run, errors, style)));
    let heavy = run.breakdown.iter().filter(|row| row.share >= 0.01).take(OPERATIONS_MAX);
    for row in heavy {
        let critical = DurationNanos(row.critical_nanos).to_string();
        lines.push(format!("{:>6} {critical:>8}  {} ({})", percent(row.share), clean(&row.name), clean(&row.service)));
    }
    let shown = &run.findings[..run.findings.len().min(FINDINGS_MAX)];
    lines.extend(finding::list(shown, style).lines().map(str::to_owned));
    if let Some(more @ 1..) = run.findings.len().checked_sub(FINDINGS_MAX) {
        lines.push(format!("and {}", counted(more as u64, "further finding")));
    }
    if run.left_out_traces > 0 {
        lines.push(format!("{} not looked at here", counted(run.left_out_traces, "further trace")));
    }
    lines.extend(insights::changes(&run.findings_changed));
    lines.extend(known.notes.iter().cloned());
    lines.push(style.paint(Tone::Faint, &next(run)));
    let mark = style.paint(Tone::Faint, "kino │");
    let room = Style { width: style.width.map(|width| width.saturating_sub(MARK_COLUMNS)), ..style };
    let lines = lines.join("\n");
    room.fit(&lines).lines().flat_map(|line| [mark.as_str(), " ", line, "\n"]).collect()
}

/// What a run that failed raised, and where; and how to see all of it.
fn raised(run: &Run, errors: &Errors, style: Style) -> Vec<String> {
    let line = |group: &ErrorGroup| {
        let frame = group.frames.iter().find(|frame| frame.in_project).or_else(|| group.frames.first());
        let place = frame.map(|Frame { path, line, function, .. }| {
            let line = line.map(|line| format!(":{line}")).unwrap_or_default();
            format!(" at {} in {}", clean(&format!("{path}{line}")), clean(function))
        });
        let name = style.paint(Tone::Bad, &clean(&group.exception_type));
        format!("{name}: {}{}", clean(&group.message), place.unwrap_or_default())
    };
    let mut lines: Vec<String> = errors.items.iter().take(ERRORS_MAX).map(line).collect();
    if !lines.is_empty() {
        lines.push(style.paint(Tone::Faint, &format!("kino errors --run {:.ID_DIGITS$}", run.run_id)));
    }
    lines
}

/// How many traces and groups of exceptions [`record`] lists.
pub(crate) const LISTED_MAX: usize = 10;

/// What is asked besides a run's record.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// Its newest traces.
    pub(crate) traces: Option<Find>,
    /// Its exceptions.
    pub(crate) errors: Option<Errors>,
}

/// Everything about a run: command, time, end, what it sent, what is wrong, and what to ask next.
pub(crate) fn record(run: &Run, beside: &Beside, style: Style, now: UnixNanos, zone: &TimeZone) -> String {
    let mut text = format!("{}\n", style.heading(&clean(&run.command.join(" "))));
    let (ended, tone) = ended(run);
    let took = run.duration_nanos.map(|nanos| format!(" after {}", DurationNanos(nanos))).unwrap_or_default();
    let label = run.label.as_deref().map(|label| format!(" · label {}", clean(label))).unwrap_or_default();
    let call = run.call.as_deref().map(|call| format!(" · call {}", clean(call))).unwrap_or_default();
    text.push_str(&format!("{}{took} · run {}{label}{call}\n", style.paint(tone, &ended), run.run_id));
    let (at, ago) = (time::show(run.start_unix_nanos, zone), time::ago(run.start_unix_nanos, now));
    text.push_str(&format!("started {at}, {ago}\n"));
    let code = [
        run.code.branch.as_deref().map(|branch| format!("branch {}", clean(branch))),
        run.code.code_state.as_deref().map(|state| format!("code {}", code(state))),
        run.code.worktree.as_deref().map(|worktree| format!("in {}", clean(worktree))),
    ];
    let mut facts: Vec<String> = code.into_iter().flatten().collect();
    facts.extend(run.cpu_nanos.map(|nanos| format!("{} of processor time", DurationNanos(nanos))));
    facts.extend(run.peak_memory_bytes.map(|peak| format!("at most {} of memory", bytes(peak))));
    facts.extend(run.others_cpu.map(|share| format!("other programs used {} of the cores", percent(share))));
    if !facts.is_empty() {
        text.push_str(&super::wrap(&facts.join(" · "), style, ""));
    }
    if run.cut_bytes > 0 {
        text.push_str(&format!("{} of its output or diff were not recorded\n", bytes(run.cut_bytes)));
    }
    text.push('\n');
    text.push_str(&if run.spans == 0 { "no spans came".to_owned() } else { seen(run, style) });
    text.push('\n');
    for row in run.breakdown.iter().filter(|row| row.share >= 0.01).take(OPERATIONS_MAX) {
        let critical = DurationNanos(row.critical_nanos).to_string();
        text.push_str(&format!(
            "{:>6} {critical:>8}  {} ({})\n",
            percent(row.share),
            clean(&row.name),
            clean(&row.service)
        ));
    }
    if run.left_out_traces > 0 {
        text.push_str(&format!("{} not looked at here\n", counted(run.left_out_traces, "further trace")));
    }
    if let Some(traces) = beside.traces.as_ref().filter(|traces| !traces.items.is_empty()) {
        text.push_str(&format!("\n{}\n", style.heading("Traces")));
        let page = Find { cursor: None, ..traces.clone() };
        text.push_str(&super::find::text(&page, style, now));
        if traces.more {
            text.push_str(&format!("and more: kino find --run {:.ID_DIGITS$}\n", run.run_id));
        }
    }
    if let Some(errors) = beside.errors.as_ref().filter(|errors| !errors.items.is_empty()) {
        text.push_str(&format!("\n{}\n", style.heading("Errors")));
        for group in &errors.items {
            let times = counted(group.count, "time");
            text.push_str(&format!(
                "{} {} ({times})\n",
                style.paint(Tone::Bad, &clean(&group.exception_type)),
                clean(&group.message)
            ));
        }
        let more = if errors.more { "and more: " } else { "where: " };
        text.push_str(&style.paint(Tone::Faint, &format!("{more}kino errors --run {:.ID_DIGITS$}\n", run.run_id)));
    }
    if !run.findings.is_empty() {
        text.push_str(&format!("\n{}\n", style.heading("Findings")));
        text.push_str(&finding::list(&run.findings, style));
    }
    if let Some(line) = insights::changes(&run.findings_changed) {
        text.push_str(&format!("{line}\n"));
    }
    text.push_str(&format!("\n{}\n", style.heading("Next")));
    text.push_str(&format!("kino explain {:.ID_DIGITS$}\n", worth_explaining(run, beside)));
    let blobs =
        [("output", &run.stdout_blob), ("standard error", &run.stderr_blob), ("uncommitted diff", &run.diff_blob)];
    for (what, blob) in blobs {
        if let Some(blob) = blob {
            text.push_str(&format!("kino open blob:{blob:.ID_DIGITS$}   its {what}\n"));
        }
    }
    text
}

/// The trace to look into: the first that failed, else the longest; the run's own where it sent no other.
fn worth_explaining(run: &Run, beside: &Beside) -> TraceId {
    let traces = beside.traces.iter().flat_map(|traces| &traces.items).filter(|item| item.trace_id != run.trace_id);
    let chosen = traces.max_by_key(|item| (item.error_count > 0, item.duration_nanos));
    chosen.map_or(run.trace_id, |item| item.trace_id)
}

fn ended(run: &Run) -> (String, Tone) {
    match (run.duration_nanos, run.exit_code, run.signal) {
        (None, ..) if run.lost => {
            ("lost: the `kino run` that recorded it is gone, and did not see it end".to_owned(), Tone::Bad)
        }
        (None, ..) => ("no end yet".to_owned(), Tone::Warn),
        (_, _, Some(signal)) => (format!("ended by signal {signal}"), Tone::Bad),
        (_, Some(0), _) => ("exit 0".to_owned(), Tone::Good),
        (_, Some(code), _) => (format!("exit {code}"), Tone::Bad),
        (_, None, None) => ("did not start".to_owned(), Tone::Bad),
    }
}

fn summary(run: &Run, style: Style) -> String {
    let (ended, tone) = match (run.exit_code, run.signal) {
        (_, Some(signal)) => (format!("ended by signal {signal}"), Tone::Bad),
        (Some(0), _) => ("exit 0".to_owned(), Tone::Good),
        (Some(code), _) => (format!("exit {code}"), Tone::Bad),
        (None, None) => ("did not start".to_owned(), Tone::Bad),
    };
    let took = run.duration_nanos.map(|nanos| format!(" after {}", DurationNanos(nanos))).unwrap_or_default();
    let label = run.label.as_deref().map(|label| format!(" · label {}", clean(label))).unwrap_or_default();
    format!("{}{took} · run {:.ID_DIGITS$}{label}", style.paint(tone, &ended), run.run_id)
}

fn seen(run: &Run, style: Style) -> String {
    let mut services: Vec<_> = run.services.iter().take(SERVICES_MAX).map(|name| clean(name).into_owned()).collect();
    if let Some(more @ 1..) = run.services.len().checked_sub(SERVICES_MAX) {
        services.push(format!("and {more} more"));
    }
    let failed = if run.errors > 0 { format!(", {} failed", run.errors) } else { String::new() };
    let failed = style.paint(Tone::Bad, &failed);
    let (spans, traces) = (counted(run.spans, "span"), counted(run.traces, "trace"));
    format!("{spans} in {traces} from {}{failed}", services.join(", "))
}

/// What to ask next. A trace in which the run's own span is alone explains nothing.
fn next(run: &Run) -> String {
    let first = match run.spans {
        0 => format!("kino open run:{:.ID_DIGITS$}", run.run_id),
        _ => format!("kino explain {}", run.trace_id),
    };
    match &run.stderr_blob {
        Some(blob) if run.exit_code != Some(0) => format!("{first} · kino open blob:{blob}"),
        _ => first,
    }
}

#[cfg(test)]
mod tests {
    use kino_wire::run::CodeState;

    use super::super::tests::EIGHTY;
    use super::*;

    fn run() -> Run {
        Run {
            call: None,
            schema: Run::SCHEMA.to_owned(),
            run_id: "4f2a91c0".repeat(4).parse().unwrap(),
            trace_id: TraceId([0xab; 16]),
            label: Some("before".to_owned()),
            command: vec!["journal".to_owned()],
            code: CodeState::default(),
            start_unix_nanos: 0,
            duration_nanos: Some(420_000_000),
            lost: false,
            cpu_nanos: None,
            others_cpu: None,
            peak_memory_bytes: None,
            exit_code: Some(0),
            signal: None,
            stdout_blob: None,
            stderr_blob: Some("c0ffee00".repeat(8).parse().unwrap()),
            diff_blob: None,
            cut_bytes: 0,
            spans: 11,
            traces: 1,
            errors: 0,
            left_out_traces: 0,
            services: vec!["journal".to_owned()],
            breakdown: Vec::new(),
            findings: Vec::new(),
            findings_changed: Vec::new(),
        }
    }

    #[test]
    fn a_run_ends_with_what_it_showed() {
        insta::assert_snapshot!(report(&run(), &RecorderNotes::default(), EIGHTY));
    }

    #[test]
    fn silence_is_explained() {
        let known = RecorderNotes {
            silence: vec!["the program has no OpenTelemetry SDK".to_owned()],
            errors: Some(Errors {
                schema: Errors::SCHEMA.to_owned(),
                items: vec![ErrorGroup {
                    exception_type: "KeyError".to_owned(),
                    message: "'x'\u{1b}[2J".to_owned(),
                    fingerprint: kino_model::Fingerprint::default(),
                    count: 1,
                    first_seen_unix_nanos: 0,
                    last_seen_unix_nanos: 0,
                    per_day: Vec::new(),
                    frames: vec![Frame {
                        path: "app.py".to_owned(),
                        line: Some(3),
                        function: "load".to_owned(),
                        in_project: true,
                    }],
                    examples: Vec::new(),
                    printed: None,
                }],
                more: false,
                counts_are_complete: true,
                left_out_temporary: 0,
                outputs_left_out: 0,
                unknown_service: None,
            }),
            notes: vec!["3 bytes of its output were not recorded".to_owned()],
        };
        let silent = Run { spans: 0, exit_code: None, signal: Some(9), label: None, ..run() };
        insta::assert_snapshot!(report(&silent, &known, EIGHTY));
    }
}
