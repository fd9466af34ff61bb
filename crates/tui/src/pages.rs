//! Answers as lines to read.

use jiff::tz::TimeZone;
use kino_model::{SpanId, StatusCode, TraceId};
use kino_text::figures::{count, counted, duration, percent};
use kino_text::{Tone, layout};
use kino_wire::evidence::{Open, OpenEvent, OpenSpan};
use kino_wire::finding::{Finding, Location, Unit};
use kino_wire::insights::{Fix, Insight};
use kino_wire::run::Run;
use kino_wire::search::{Search, SearchSource};
use serde_json::{Map, Value as Json};

use crate::document::{Goal, Line, Target};
use crate::filter::Filter;
use crate::time;

/// Columns that what belongs to something is set in by.
const STEP: usize = 2;

/// A span with everything recorded on it, and its logs.
pub(crate) fn span(answer: &Open, zone: &TimeZone) -> Vec<Line> {
    let mut lines = Vec::new();
    for span in &answer.spans {
        one_span(span, zone, &mut lines);
    }
    if !answer.logs.is_empty() {
        heading("Logs", &mut lines);
    }
    for log in &answer.logs {
        one_log(log, zone, &mut lines);
    }
    if answer.logs_left_out > 0 {
        let left = format!("and {} that are not shown", counted(answer.logs_left_out, "further log"));
        lines.push(Line::new(&left).tone(Tone::Faint));
    }
    lines
}

fn one_span(span: &OpenSpan, zone: &TimeZone, lines: &mut Vec<Line>) {
    let tone = if span.status == StatusCode::Error { Tone::Bad } else { Tone::Strong };
    lines.push(Line::new(&span.name).tone(tone));
    let took = duration(span.duration_nanos);
    pair("service", &span.service, lines);
    pair("kind", span.kind.name(), lines);
    pair("started", &time::exactly(span.start_unix_nanos, zone), lines);
    pair("duration", if span.duration_nanos.is_some() { &took } else { "has not ended" }, lines);
    pair("status", format!("{} {}", span.status, span.status_message).trim_end(), lines);
    pair("span", &format!("{}/{}", span.trace_id, span.span_id), lines);
    if let Some(parent) = span.parent_span_id {
        lines.push(Line::new(&format!("parent {parent}")).indent(STEP).to(Target::Span(span.trace_id, parent)));
    }
    attributes("Attributes", &span.attributes, lines);
    if !span.events.is_empty() {
        heading("Events", lines);
    }
    for event in &span.events {
        let after = duration(Some(event.time_unix_nanos.saturating_sub(span.start_unix_nanos)));
        lines.push(Line::new(&format!("{} after {after}", event.name)).indent(STEP).tone(Tone::Warn));
        values(&event.attributes, 2 * STEP, lines);
    }
    if span.events_left_out > 0 {
        lines.push(Line::new(&counted(span.events_left_out, "further event")).indent(STEP).tone(Tone::Faint));
    }
    if !span.links.is_empty() {
        heading("Links", lines);
    }
    for link in &span.links {
        let (text, target) = place(link.trace_id, link.span_id);
        lines.push(Line::new(&text).indent(STEP).to(target));
    }
    attributes("Resource", &span.resource, lines);
    lines.push(Line::default());
}

fn one_log(log: &OpenEvent, zone: &TimeZone, lines: &mut Vec<Line>) {
    let head = format!("{} {} {}", time::exactly(log.time_unix_nanos, zone), log.severity, log.name);
    lines.push(Line::new(head.trim_end()).indent(STEP).tone(severity(&log.severity)));
    if let Some(body) = &log.body {
        value(&plain(body), 2 * STEP, lines);
    }
    values(&log.attributes, 2 * STEP, lines);
}

/// How a log record of this severity looks.
pub(crate) fn severity(severity: &str) -> Tone {
    let word = severity.to_ascii_uppercase();
    if word.starts_with("ERR") || word.starts_with("FATAL") || word.starts_with("CRIT") {
        Tone::Bad
    } else if word.starts_with("WARN") {
        Tone::Warn
    } else {
        Tone::Plain
    }
}

/// A log record, and the span that it was written in.
pub(crate) fn log(log: &OpenEvent, trace_id: TraceId, zone: &TimeZone) -> Vec<Line> {
    let mut lines = Vec::new();
    one_log(log, zone, &mut lines);
    if let Some(span_id) = log.span_id {
        lines.push(Line::default());
        lines.push(Line::new(&format!("span {span_id}")).to(Target::Span(trace_id, span_id)));
    }
    lines
}

/// All log records of a trace; each leads to the span that it was written in.
pub(crate) fn logs(logs: &[OpenEvent], trace_id: TraceId, left_out: u64, zone: &TimeZone) -> Vec<Line> {
    let mut lines = Vec::new();
    for log in logs {
        let head = lines.len();
        one_log(log, zone, &mut lines);
        if let Some(span_id) = log.span_id
            && let Some(line) = lines.get_mut(head)
        {
            *line = std::mem::take(line).to(Target::Span(trace_id, span_id));
        }
    }
    if left_out > 0 {
        lines
            .push(Line::new(&format!("and {} that are not shown", counted(left_out, "further log"))).tone(Tone::Faint));
    }
    lines
}

/// What a finding says, what it measured, and what it rests on.
pub(crate) fn finding(finding: &Finding) -> Vec<Line> {
    let mut lines = vec![Line::new(finding.code.name()).tone(Tone::Warn), Line::new(&finding.text)];
    lines.extend(finding.remarks.iter().map(|remark| Line::new(&format!("· {remark}")).indent(STEP)));
    lines.push(Line::default());
    let subject = &finding.subject;
    let about = format!("{} {} {}", subject.kind, subject.name, in_parentheses(&subject.service));
    pair("about", about.trim_end(), &mut lines);
    if finding.saving_nanos.is_some() {
        pair("would save", &format!("{} of an execution", duration(finding.saving_nanos)), &mut lines);
    }
    pair("confidence", &percent(finding.confidence), &mut lines);
    pair("rests on", &counted(finding.executions, "execution"), &mut lines);
    if let Some(location) = &finding.location {
        pair("at", &format!("{} (by {})", self::location(location), location.known_by), &mut lines);
    }
    if !finding.numbers.is_empty() {
        heading("Measured", &mut lines);
    }
    for number in &finding.numbers {
        pair(&number.name, &measured(number.value, number.unit), &mut lines);
    }
    if !finding.evidence.is_empty() {
        heading("Evidence", &mut lines);
    }
    for evidence in &finding.evidence {
        let (text, target) = place(evidence.trace_id, evidence.span_id);
        lines.push(Line::new(&text).indent(STEP).to(target));
        if evidence.span_id.is_some() {
            let whole = Line::new("the whole trace").indent(2 * STEP).tone(Tone::Faint);
            lines.push(whole.to(Target::Trace(evidence.trace_id)));
        }
    }
    if let Some(next) = &finding.next {
        heading("Next", &mut lines);
        value(next, STEP, &mut lines);
    }
    lines
}

/// A stored finding: what it says, and its life so far.
pub(crate) fn insight(insight: &Insight, zone: &TimeZone) -> Vec<Line> {
    let mut lines = finding(&insight.finding);
    heading("Its life", &mut lines);
    let when = |nanos| time::exactly(nanos, zone);
    let at_code = |code: &Option<String>| code.as_ref().map(|code| format!(" at {code}")).unwrap_or_default();
    pair("is", &format!("{} since {}", insight.state, when(insight.changed_unix_nanos)), &mut lines);
    let first = format!("{}{}", when(insight.first_seen_unix_nanos), at_code(&insight.opened_at_code));
    pair("first seen", &first, &mut lines);
    let last = format!("{}{}", when(insight.last_seen_unix_nanos), at_code(&insight.last_seen_at_code));
    pair("last seen", &last, &mut lines);
    if insight.worth_nanos_per_day > 0 {
        pair("worth", &format!("{} a day", duration(Some(insight.worth_nanos_per_day))), &mut lines);
    }
    if insight.recurrences > 0 {
        pair("came back", &counted(insight.recurrences, "time"), &mut lines);
    }
    let also_in: Vec<&str> = insight.also_in.iter().map(|also| also.entry.name.as_str()).collect();
    if !also_in.is_empty() {
        pair("also in", &also_in.join(", "), &mut lines);
    }
    if let Some(fix) = &insight.fix {
        pair("fixed", &fixed(fix, zone), &mut lines);
    }
    if let Some(worked) = &insight.worked_here {
        heading("What worked on one like it in this project", &mut lines);
        value(&fixed(&worked.fix, zone), STEP, &mut lines);
        if let Some(next) = &worked.next {
            value(next, STEP, &mut lines);
        }
    }
    lines
}

fn fixed(fix: &Fix, zone: &TimeZone) -> String {
    let code = fix.after_code.as_ref().map(|code| format!(" by {code}")).unwrap_or_default();
    let medians = match (fix.median_nanos_before, fix.median_nanos_after) {
        (Some(before), Some(after)) => format!(", median {} → {}", duration(Some(before)), duration(Some(after))),
        _ => String::new(),
    };
    let rests = counted(fix.executions_after, "execution");
    format!("{}{code}{medians}, shown by {rests}", time::exactly(fix.at_unix_nanos, zone))
}

/// Hits of a search through outputs and logs.
pub(crate) fn search(search: &Search, needle: &str, zone: &TimeZone) -> Vec<Line> {
    let searched = &search.searched;
    let through = format!(
        "{} in the output of {} ({}) and in {}",
        counted(search.hits.len() as u64, "hit"),
        counted(searched.runs, "run"),
        counted(searched.output_bytes, "byte"),
        counted(searched.logs, "log record"),
    );
    let mut lines = vec![Line::new(&through).tone(Tone::Strong)];
    let left = &search.left_out;
    let left = [(left.hits, "further hit"), (left.runs, "older run"), (left.log_sources, "older log file")];
    let left = left.iter().filter(|(count, _)| *count > 0).map(|(count, what)| counted(*count, what));
    let left: Vec<String> = left.collect();
    if !left.is_empty() {
        lines.push(Line::new(&format!("not shown or not looked through: {}", left.join(", "))).tone(Tone::Warn));
    }
    lines.push(Line::default());
    for hit in &search.hits {
        let goal = Goal { needle: needle.to_owned(), offset: hit.offset.unwrap_or_default() };
        let title = match hit.source {
            SearchSource::Stdout => "standard output",
            SearchSource::Stderr => "standard error",
            SearchSource::Log => "log",
        };
        let target = match (hit.blob, hit.trace_id, hit.span_id) {
            (Some(blob), ..) => Some(Target::Text { blob, title: title.to_owned(), goal: Some(goal) }),
            (None, Some(trace_id), Some(span_id)) => Some(Target::Within(trace_id, span_id, goal)),
            (None, Some(trace_id), None) => Some(Target::Trace(trace_id)),
            (None, None, _) => None,
        };
        let run: String = hit.run_id.iter().flat_map(|run| run.chars().take(8)).collect();
        let when = time::exactly(hit.time_unix_nanos, zone);
        let words = [when.as_str(), title, &hit.service, &run, &hit.severity];
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        let line = Line::new(&words.join(" ")).indent(STEP).tone(Tone::Faint);
        lines.push(match target {
            Some(target) => line.to(target),
            None => line,
        });
        let (text, _) = layout::without_sequences(&hit.text);
        lines.push(Line::new(text.trim_end()).indent(2 * STEP).tone(severity(&hit.severity)));
    }
    lines
}

/// The line of a page of recorded text that its byte `offset` is on.
pub(crate) fn line_at(text: &str, offset: u64) -> usize {
    let offset = text.floor_char_boundary(usize::try_from(offset).unwrap_or(usize::MAX));
    let (before, _) = layout::without_sequences(&text[..offset]);
    // One more character, so that an empty last line counts.
    layout::lines(&format!("{before}x")).len() - 1
}

/// A run: how it went, what it wrote, what was learned.
pub(crate) fn run(run: &Run, zone: &TimeZone) -> Vec<Line> {
    let ended = ending(run.duration_nanos, run.lost, run.exit_code, run.signal);
    let tone = if ended.1 == Tone::Plain { Tone::Strong } else { ended.1 };
    let mut lines = vec![Line::new(&run.command.join(" ")).tone(Tone::Strong), Line::new(&ended.0).tone(tone)];
    lines.push(Line::default());
    if let Some(label) = &run.label {
        pair("label", label, &mut lines);
    }
    pair("run", &run.run_id.to_string(), &mut lines);
    pair("started", &time::exactly(run.start_unix_nanos, zone), &mut lines);
    pair("duration", &duration(run.duration_nanos), &mut lines);
    let commit = run.code.code_state.as_deref().or(run.code.commit.as_deref());
    if let Some(commit) = commit {
        pair(
            "code",
            &format!("{commit} {}", in_parentheses(run.code.branch.as_deref().unwrap_or_default())),
            &mut lines,
        );
    }
    let seen = [counted(run.spans, "span"), counted(run.traces, "trace"), counted(run.errors, "failed span")];
    pair("recorded", &seen.join(", "), &mut lines);
    pair("services", &run.services.join(", "), &mut lines);
    heading("Look at", &mut lines);
    let blobs = [("standard output", run.stdout_blob), ("standard error", run.stderr_blob), ("diff", run.diff_blob)];
    for (title, blob) in blobs {
        if let Some(blob) = blob {
            let target = Target::Text { blob, title: title.to_owned(), goal: None };
            lines.push(Line::new(title).indent(STEP).to(target));
        }
    }
    if run.cut_bytes > 0 {
        let cut = format!("{} of output and diff were beyond the limit", counted(run.cut_bytes, "byte"));
        lines.push(Line::new(&cut).indent(STEP).tone(Tone::Faint));
    }
    let of_run = Filter { run_id: Some(run.run_id.to_string()), ..Filter::default() };
    lines.push(Line::new("its traces").indent(STEP).to(Target::Traces(of_run)));
    lines.push(Line::new("its own span").indent(STEP).to(Target::Trace(run.trace_id)));
    if !run.breakdown.is_empty() {
        heading("Where the time goes", &mut lines);
    }
    for row in &run.breakdown {
        let share = percent(row.share);
        let line = format!("{share:>5}  {:>9}  {:>6} × {}", duration(Some(row.critical_nanos)), row.count, row.name);
        let line = Line::new(&line).indent(STEP);
        lines.push(match row.examples.first() {
            Some(example) => line.to(place(example.trace_id, example.span_id).1),
            None => line,
        });
    }
    if !run.findings.is_empty() {
        heading("Findings", &mut lines);
    }
    for finding in &run.findings {
        lines.push(Line::new(&finding_line(finding)).indent(STEP).to(Target::Finding(Box::new(finding.clone()))));
    }
    if run.left_out_traces > 0 {
        let left = format!("{} were not looked at for this", counted(run.left_out_traces, "further trace"));
        lines.push(Line::new(&left).tone(Tone::Faint));
    }
    lines
}

pub(crate) fn finding_line(finding: &Finding) -> String {
    let saving = finding.saving_nanos.map(|nanos| format!(" (−{})", duration(Some(nanos)))).unwrap_or_default();
    format!("{}{saving}  {}", finding.code, finding.text)
}

/// How a command ended.
pub(crate) fn ending(duration: Option<i64>, lost: bool, exit_code: Option<i32>, signal: Option<i32>) -> (String, Tone) {
    match (exit_code, signal) {
        (_, Some(signal)) => (format!("signal {signal}"), Tone::Bad),
        (Some(0), None) => ("exit 0".to_owned(), Tone::Plain),
        (Some(code), None) => (format!("exit {code}"), Tone::Bad),
        (None, None) if lost => ("lost".to_owned(), Tone::Bad),
        (None, None) if duration.is_none() => ("running".to_owned(), Tone::Good),
        (None, None) => ("ended".to_owned(), Tone::Plain),
    }
}

/// A page of a recorded text, and how many escape sequences were left out of it.
pub(crate) fn recorded(text: &str) -> (Vec<Line>, u64) {
    let (text, removed) = layout::without_sequences(text);
    (layout::lines(&text).iter().map(|line| Line::new(line)).collect(), removed)
}

/// A place in the code.
pub(crate) fn location(location: &Location) -> String {
    let line = location.line.map(|line| format!(":{line}")).unwrap_or_default();
    let function = location.function.as_deref().map(|function| format!(" in {function}")).unwrap_or_default();
    format!("{}{line}{function}", location.path)
}

fn place(trace_id: TraceId, span_id: Option<SpanId>) -> (String, Target) {
    match span_id {
        Some(span_id) => (format!("{trace_id}/{span_id}"), Target::Span(trace_id, span_id)),
        None => (trace_id.to_string(), Target::Trace(trace_id)),
    }
}

fn in_parentheses(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("({text})") }
}

fn measured(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Nanos => duration(Some(value as i64)),
        Unit::Ratio => percent(value),
        Unit::Count if value.fract() == 0.0 && value >= 0.0 => count(value as u64),
        Unit::Count => format!("{value:.2}"),
        unit if value.fract() == 0.0 => format!("{value:.0} {unit}"),
        unit => format!("{value:.2} {unit}"),
    }
}

fn heading(title: &str, lines: &mut Vec<Line>) {
    lines.push(Line::default());
    lines.push(Line::new(title).tone(Tone::Strong));
}

fn pair(key: &str, text: &str, lines: &mut Vec<Line>) {
    lines.push(Line::new(&format!("{key:<11} {text}")).indent(STEP));
}

fn attributes(title: &str, attributes: &Map<String, Json>, lines: &mut Vec<Line>) {
    if !attributes.is_empty() {
        heading(title, lines);
        values(attributes, STEP, lines);
    }
}

fn values(attributes: &Map<String, Json>, indent: usize, lines: &mut Vec<Line>) {
    for (key, json) in attributes {
        let text = plain(json);
        if text.contains(['\n', '\r']) {
            lines.push(Line::new(&format!("{key} =")).indent(indent));
            value(&text, indent + STEP, lines);
        } else {
            lines.push(Line::new(&format!("{key} = {text}")).indent(indent));
        }
    }
}

fn value(text: &str, indent: usize, lines: &mut Vec<Line>) {
    lines.extend(layout::lines(text).iter().map(|line| Line::new(line).indent(indent)));
}

/// A string as it is, anything else as JSON.
pub(crate) fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
