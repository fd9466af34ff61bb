//! Traces as text, for tests. Only compiled into them.
//!
//! ```text
//!  checkout 0..100 @shop            name, start..end in milliseconds, service
//!    SELECT 10..30 kind=client db.query.text='SELECT 1'
//!    charge 40..90 !                a failed span; `40..` is an open one
//!  late 120..130 parent=99          parent by number where indentation cannot say it: there is no span 99
//! ```
//! Spans are numbered from 1 in the order of the lines; `id=3` gives a span another's id. `link=2` adds a link,
//! `follows=2` one marked as FOLLOWS_FROM, `exception=Type:message` an event. A line `---` begins another trace.
//! Values in single quotes may hold spaces; whole numbers become integers.

use std::sync::Arc;

use kino_model::{
    Attributes, Event, Link, Resource, Span, SpanId, SpanKind, StatusCode, Trace, TraceId, UnixNanos, Value, names,
    thin_vec,
};

pub(crate) use crate::random::Random;
pub(crate) use crate::tree::trees;

/// Nanoseconds in the notation's unit.
pub(crate) const MILLI: i64 = 1_000_000;

/// Reads traces from the notation.
pub(crate) fn traces(text: &str) -> Vec<Trace> {
    text.split("---").enumerate().map(|(number, text)| trace(text, number as u8 + 1)).collect()
}

/// Reads one trace.
pub(crate) fn trace(text: &str, number: u8) -> Trace {
    let trace_id = TraceId([number; 16]);
    let mut spans: Vec<Span> = Vec::new();
    let mut open: Vec<(usize, SpanId)> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let depth = line.len() - line.trim_start().len();
        while open.last().is_some_and(|(above, _)| *above >= depth) {
            open.pop();
        }
        let words = words(line);
        let mut span = Span { trace_id, span_id: span_id(spans.len() as u64 + 1), ..Span::default() };
        span.parent_span_id = open.last().map(|(_, id)| *id);
        let range = words.iter().position(|word| word.contains("..")).expect("each line has start..end");
        span.name = words[..range].join(" ").into();
        let (start, end) = words[range].split_once("..").unwrap();
        span.start = millis(start);
        span.end = (!end.is_empty()).then(|| millis(end));
        let mut service = "app".to_owned();
        let mut run = None;
        for word in &words[range + 1..] {
            if let Some(name) = word.strip_prefix('@') {
                name.clone_into(&mut service);
            } else if let Some(id) = word.strip_prefix("run=") {
                run = Some((names::RUN_ID.into(), Value::from(id)));
            } else {
                modify(&mut span, word);
            }
        }
        let mut attributes = thin_vec![("service.name".into(), Value::from(service.as_str()))];
        attributes.extend(run);
        span.resource = Arc::new(Resource { attributes, ..Resource::default() });
        open.push((depth, span.span_id));
        spans.push(span);
    }
    spans.sort_by_key(|span| span.start);
    Trace { trace_id, spans, ..Trace::default() }
}

pub(crate) fn span_id(number: u64) -> SpanId {
    SpanId(number.to_be_bytes())
}

fn modify(span: &mut Span, word: &str) {
    if word == "!" {
        span.status.code = StatusCode::Error;
        return;
    }
    let (key, value) = word.split_once('=').expect("key=value");
    let id = || span_id(value.parse().unwrap());
    match key {
        "id" => span.span_id = id(),
        "parent" => span.parent_span_id = Some(id()),
        "kind" => span.kind = (0..=5).filter_map(SpanKind::from_number).find(|kind| kind.name() == value).unwrap(),
        "link" | "follows" => {
            let marked = || thin_vec![("opentracing.ref_type".into(), Value::from("follows_from"))];
            let attributes = if key == "follows" { marked() } else { Attributes::new() };
            span.links.push(Link { trace_id: span.trace_id, span_id: id(), attributes, ..Link::default() });
        }
        "exception" => {
            let (kind, message) = value.split_once(':').unwrap_or((value, ""));
            let attributes = thin_vec![
                ("exception.type".into(), Value::from(kind)),
                ("exception.message".into(), Value::from(message)),
            ];
            span.events.push(Event { name: "exception".into(), time: span.start, attributes, ..Event::default() });
        }
        _ => {
            let number = value.parse::<i64>().ok().map(Value::Int);
            let truth = value.parse::<bool>().ok().map(Value::Bool);
            span.attributes.push((key.into(), number.or(truth).unwrap_or_else(|| Value::from(value))));
        }
    }
}

fn millis(text: &str) -> UnixNanos {
    UnixNanos((text.parse::<f64>().unwrap() * MILLI as f64).round() as i64)
}

/// Words of a line; `'…'` is one word, without its quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for character in line.trim().chars() {
        match character {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            _ => words.last_mut().unwrap().push(character),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

impl Random {
    /// Standard normal (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }
}
