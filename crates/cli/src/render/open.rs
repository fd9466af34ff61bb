//! `open`: everything recorded of a trace or a span, or a blob's text.

use std::collections::{HashMap, HashSet};

use jiff::tz::TimeZone;
use kino_model::{SpanId, StatusCode};
use kino_text::time;
use kino_wire::evidence::{Open, OpenEvent, OpenSpan};
use serde_json::{Map, Value as Json};

use super::{Style, Tone, clean, clean_lines, clean_whole, count, counted, duration};

/// Deeper spans are shown at this depth: indentation has to end somewhere.
const DEPTH_MAX: usize = 16;

/// What was opened.
///
/// Each span shows how long after `begin` it began, which is when the trace does.
pub(crate) fn text(answer: &Open, begin: i64, style: Style, zone: &TimeZone) -> String {
    let mut text = match &answer.text {
        Some(text) => clean_lines(text),
        None => spans(answer, begin, style, zone),
    };
    if answer.logs_left_out > 0 {
        text.push_str(&format!("and {} of these spans\n", counted(answer.logs_left_out, "further log")));
    }
    if let Some(next) = answer.next_offset {
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&format!("\nThis is not all of {}: --offset {next} goes on\n", count(answer.total)));
    }
    text
}

fn spans(answer: &Open, begin: i64, style: Style, zone: &TimeZone) -> String {
    let known: HashMap<SpanId, Option<SpanId>> =
        answer.spans.iter().map(|span| (span.span_id, span.parent_span_id)).collect();
    let mut text = String::new();
    if !answer.spans.is_empty() {
        text.push_str(&style.paint(Tone::Faint, &format!("began {}\n", time::show_exactly(begin, zone))));
    }
    let mut resource: Option<&Map<String, Json>> = None;
    for span in &answer.spans {
        if resource != Some(&span.resource) {
            text.push_str(&style.paint(Tone::Faint, "resource\n"));
            text.push_str(&attributes(&span.resource, "    "));
            resource = Some(&span.resource);
        }
        text.push_str(&one(span, depth(span, &known), begin, style));
    }
    for log in &answer.logs {
        let time = offset(log.time_unix_nanos, begin);
        let body = log.body.as_ref().map(plain).unwrap_or_default();
        text.push_str(&format!(
            "{} {} {}\n",
            style.paint(Tone::Faint, &time),
            clean(&log.severity),
            clean_whole(&body)
        ));
        text.push_str(&attributes(&log.attributes, "    "));
    }
    text
}

/// How many parents of a span are known; a cycle ends where it closes.
fn depth(span: &OpenSpan, known: &HashMap<SpanId, Option<SpanId>>) -> usize {
    let mut seen = HashSet::from([span.span_id]);
    let mut parent = span.parent_span_id;
    let mut depth = 0;
    while let Some(id) = parent.filter(|id| depth < DEPTH_MAX && known.contains_key(id) && seen.insert(*id)) {
        depth += 1;
        parent = known.get(&id).copied().flatten();
    }
    depth
}

/// How long after the beginning, in the unit that fits.
fn offset(time: i64, begin: i64) -> String {
    match time.saturating_sub(begin) {
        after @ 0.. => format!("+{}", duration(Some(after))),
        before => format!("-{}", duration(Some(before.saturating_neg()))),
    }
}

fn one(span: &OpenSpan, depth: usize, begin: i64, style: Style) -> String {
    let margin = "  ".repeat(depth);
    let tone = if span.status == StatusCode::Error { Tone::Bad } else { Tone::Strong };
    let name = style.paint(tone, &clean(&span.name));
    let faint = format!("{} {} {}", offset(span.start_unix_nanos, begin), span.kind, span.span_id);
    let mut text = format!(
        "{margin}{name} ({}) {} {}\n",
        clean(&span.service),
        duration(span.duration_nanos),
        style.paint(Tone::Faint, &faint)
    );
    let inner = format!("{margin}    ");
    if !span.status_message.is_empty() {
        text.push_str(&format!("{inner}{}: {}\n", span.status, clean(&span.status_message)));
    }
    text.push_str(&attributes(&span.attributes, &inner));
    for event in &span.events {
        text.push_str(&self::event(event, &inner, span.start_unix_nanos, style));
    }
    for link in &span.links {
        let span_id = link.span_id.map(|id| format!("/{id}")).unwrap_or_default();
        text.push_str(&format!("{inner}→ {}{span_id}\n", link.trace_id));
    }
    for (beyond, thing) in [(span.events_left_out, "further event"), (span.links_left_out, "further link")] {
        if beyond > 0 {
            text.push_str(&format!("{inner}and {}: `kino export` has them\n", counted(beyond, thing)));
        }
    }
    text
}

fn event(event: &OpenEvent, margin: &str, begin: i64, style: Style) -> String {
    let after = duration(Some(event.time_unix_nanos.saturating_sub(begin)));
    let mut text = format!(
        "{margin}{} {}\n",
        style.paint(Tone::Warn, &clean(&event.name)),
        style.paint(Tone::Faint, &format!("after {after}"))
    );
    text.push_str(&attributes(&event.attributes, &format!("{margin}  ")));
    text
}

fn attributes(attributes: &Map<String, Json>, margin: &str) -> String {
    let mut text = String::new();
    for (key, value) in attributes {
        let value = clean_lines(&plain(value));
        let value = value.trim_end().replace('\n', &format!("\n{margin}    "));
        text.push_str(&format!("{margin}{} = {value}\n", clean(key)));
    }
    text
}

/// A string as it is, anything else as JSON.
fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use kino_model::{SpanKind, TraceId};
    use serde_json::json;

    use super::super::tests::EIGHTY;
    use super::*;

    fn map(value: &Json) -> Map<String, Json> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_trace_is_a_tree_with_everything_on_it() {
        let span = |id: u8, parent: Option<u8>, name: &str| OpenSpan {
            trace_id: TraceId([9; 16]),
            span_id: SpanId([id; 8]),
            parent_span_id: parent.map(|id| SpanId([id; 8])),
            service: "shop".to_owned(),
            name: name.to_owned(),
            kind: SpanKind::Server,
            start_unix_nanos: 1_777_593_600_000_000_000,
            duration_nanos: Some(1_500_000),
            status: StatusCode::Unset,
            status_message: String::new(),
            attributes: Map::new(),
            resource: map(&json!({"service.name": "shop"})),
            events: Vec::new(),
            events_left_out: 0,
            links: Vec::new(),
            links_left_out: 0,
        };
        let mut child = span(2, Some(1), "SELECT");
        child.status = StatusCode::Error;
        child.status_message = "deadlock".to_owned();
        child.attributes = map(&json!({"db.query.text": "SELECT 1\nFROM t\u{1b}[2J", "rows": 3}));
        child.events = vec![OpenEvent {
            time_unix_nanos: 1_777_593_600_000_500_000,
            name: "exception".to_owned(),
            span_id: None,
            severity: String::new(),
            body: None,
            attributes: map(&json!({"exception.type": "Deadlock"})),
        }];
        let answer = Open {
            schema: Open::SCHEMA.to_owned(),
            id: "x".to_owned(),
            spans: vec![span(1, None, "GET /cart"), child],
            logs: Vec::new(),
            logs_left_out: 0,
            text: None,
            total: 5,
            next_offset: Some(2),
            run: None,
            verification: None,
            finding: None,
        };
        insta::assert_snapshot!(text(&answer, 1_777_593_599_999_000_000, EIGHTY, &TimeZone::UTC));
    }
}
