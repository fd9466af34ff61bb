//! The analyses' results and the model's rows in the wire's shapes. Dull on purpose: no decision is taken here.

use kino_analyze::explain as from;
use kino_analyze::finding as found;
use kino_analyze::tree::Tree;
use kino_model::attribute::Attributes;
use kino_model::{DurationNanos, Event, LogRecord, Span};
use kino_wire::evidence::{OpenEvent, OpenSpan};
use kino_wire::explain::{BreakdownRow, LeftOut, PathSegment, Quantiles, RootSummary};
use kino_wire::finding::{Evidence, Finding, Location, Number, Subject};
use serde_json::{Map, Value as Json};

/// Events, and links, of a span that are shown; the others are counted.
const ENTRIES_MAX: usize = 1_000;
/// Rows of a breakdown in one answer; the rest is counted.
const BREAKDOWN_ROWS_MAX: usize = 200;
/// Findings in one answer; the rest is counted.
const FINDINGS_MAX: usize = 50;

pub(crate) fn evidence(evidence: &found::Evidence) -> Evidence {
    Evidence { trace_id: evidence.trace_id, span_id: evidence.span_id }
}

pub(crate) fn location(location: found::Location) -> Location {
    Location { path: location.path, line: location.line, function: location.function, known_by: location.known_by }
}

pub(crate) fn number(number: &found::Number) -> Number {
    Number { name: number.name.to_owned(), value: number.value, unit: number.unit }
}

pub(crate) fn finding(finding: found::Finding) -> Finding {
    Finding {
        code: finding.code,
        subject: Subject { kind: finding.subject.kind, service: finding.subject.service, name: finding.subject.name },
        numbers: finding.numbers.iter().map(number).collect(),
        saving_nanos: finding.saving_nanos,
        confidence: finding.confidence,
        executions: finding.executions,
        location: finding.location.map(location),
        searched: None,
        evidence: finding.evidence.iter().map(evidence).collect(),
        fingerprint: finding.fingerprint,
        text: finding.text,
        next: finding.next,
        remarks: finding.remarks,
        follows_from: finding.follows_from,
    }
}

/// The rows of a breakdown, as many as an answer takes; the rest is counted. `many` is as in [`row`].
pub(crate) fn breakdown(mut rows: Vec<from::Row>, many: bool, left_out: &mut LeftOut) -> Vec<BreakdownRow> {
    left_out.breakdown_rows += rows.len().saturating_sub(BREAKDOWN_ROWS_MAX) as u64;
    rows.truncate(BREAKDOWN_ROWS_MAX);
    rows.into_iter().map(|one| row(one, many)).collect()
}

/// Findings, as many as an answer takes; the rest is counted.
pub(crate) fn findings(mut findings: Vec<found::Finding>, left_out: &mut LeftOut) -> Vec<Finding> {
    left_out.findings += findings.len().saturating_sub(FINDINGS_MAX) as u64;
    findings.truncate(FINDINGS_MAX);
    findings.into_iter().map(finding).collect()
}

pub(crate) fn quantiles(quantiles: from::Quantiles) -> Quantiles {
    Quantiles { p50_nanos: quantiles.p50, p95_nanos: quantiles.p95, p99_nanos: quantiles.p99, max_nanos: quantiles.max }
}

pub(crate) fn concurrent(pair: from::Concurrent) -> kino_wire::explain::Concurrent {
    kino_wire::explain::Concurrent { names: pair.names, overlap_nanos: pair.overlap_nanos, share: pair.share }
}

pub(crate) fn frame(frame: kino_analyze::errors::Frame) -> kino_wire::errors::Frame {
    kino_wire::errors::Frame {
        path: frame.path,
        line: frame.line,
        function: frame.function,
        in_project: frame.in_project,
    }
}

/// Converts a row of a breakdown; `many` says whether it sums up many executions, whose quantiles are worth showing.
pub(crate) fn row(row: from::Row, many: bool) -> BreakdownRow {
    BreakdownRow {
        service: row.service,
        name: row.name,
        count: row.count,
        self_nanos: row.self_nanos,
        critical_nanos: row.critical_nanos,
        share: row.share,
        code: row.code.map(location),
        searched: None,
        statement: row.statement,
        examples: row.examples.iter().map(evidence).collect(),
        duration: many.then(|| quantiles(row.duration)),
    }
}

pub(crate) fn root(root: from::Root) -> RootSummary {
    RootSummary {
        span_id: root.span_id,
        service: root.service,
        name: root.name,
        start_unix_nanos: root.start_nanos,
        duration_nanos: root.duration_nanos,
    }
}

pub(crate) fn segment(tree: &Tree<'_>, segment: &kino_analyze::critical_path::Segment) -> PathSegment {
    let span = tree.span(segment.span);
    PathSegment {
        span_id: span.span_id,
        service: span.service().to_owned(),
        name: span.name.to_string(),
        start_unix_nanos: segment.start,
        end_unix_nanos: segment.end,
    }
}

pub(crate) fn left_out(left_out: from::LeftOut) -> LeftOut {
    LeftOut {
        open_executions: left_out.open_executions,
        spans_outside_parent: left_out.spans_outside_parent,
        open_spans: left_out.open_spans,
        ..LeftOut::default()
    }
}

pub(crate) fn attributes(attributes: &Attributes) -> Map<String, Json> {
    attributes.iter().map(|(key, value)| (key.to_string(), value.to_json())).collect()
}

pub(crate) fn span(span: &Span) -> OpenSpan {
    let linked = |link: &kino_model::Link| Evidence { trace_id: link.trace_id, span_id: Some(link.span_id) };
    OpenSpan {
        trace_id: span.trace_id,
        span_id: span.span_id,
        parent_span_id: span.parent_span_id,
        service: span.service().to_owned(),
        name: span.name.to_string(),
        kind: span.kind,
        start_unix_nanos: span.start.0,
        duration_nanos: span.duration().map(|DurationNanos(nanos)| nanos),
        status: span.status.code,
        status_message: span.status.message.to_string(),
        attributes: attributes(&span.attributes),
        resource: attributes(&span.resource.attributes),
        events: span.events.iter().take(ENTRIES_MAX).map(event).collect(),
        events_left_out: span.events.len().saturating_sub(ENTRIES_MAX) as u64,
        links: span.links.iter().take(ENTRIES_MAX).map(linked).collect(),
        links_left_out: span.links.len().saturating_sub(ENTRIES_MAX) as u64,
    }
}

fn event(event: &Event) -> OpenEvent {
    OpenEvent {
        time_unix_nanos: event.time.0,
        name: event.name.to_string(),
        span_id: None,
        severity: String::new(),
        body: None,
        attributes: attributes(&event.attributes),
    }
}

pub(crate) fn log(log: &LogRecord) -> OpenEvent {
    let body = log.body.to_json();
    OpenEvent {
        span_id: log.span_id,
        severity: log.severity_text.to_string(),
        body: (!body.is_null()).then_some(body),
        ..event(&log.event)
    }
}
