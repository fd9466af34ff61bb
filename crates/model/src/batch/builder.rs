//! Builds batches row by row, column by column.
//!
//! ```text
//!  mark ─► push_span_row, push_event_row, push_link_row … ─► describe_spans(mark, resource, scope) ─► … ─► finish
//! ```

use std::sync::Arc;

use super::Batch;
use super::origin::{ResourceText, ScopeText};
use super::row::{Attribute, EventRow, LinkRow, SpanRow};
use super::table::TableBuilder;
use crate::attribute::Value;
use crate::columns::{Column, EVENTS, LINKS, SPANS, Table};
use crate::exact::any_value;
use crate::span::{Event, LogRecord, Resource, Scope, Span};

/// A span event's `source`.
pub(crate) const SPAN_EVENT: i8 = 0;
/// A log record's `source`.
pub(crate) const LOG_RECORD: i8 = 1;

/// Takes rows one by one and turns them into columns.
pub struct BatchBuilder {
    spans: TableBuilder,
    events: TableBuilder,
    links: TableBuilder,
    resource: Option<(Arc<Resource>, ResourceText)>,
    scope: Option<(Arc<Scope>, ScopeText)>,
}

/// A place between rows.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    spans: usize,
    events: usize,
}

impl std::fmt::Debug for BatchBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rows = [&self.spans, &self.events, &self.links].map(|table| table.rows);
        f.debug_struct("BatchBuilder").field("rows", &rows).finish_non_exhaustive()
    }
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl BatchBuilder {
    /// An empty builder.
    pub fn new() -> Self {
        Self {
            spans: TableBuilder::new(Table::Spans),
            events: TableBuilder::new(Table::Events),
            links: TableBuilder::new(Table::Links),
            resource: None,
            scope: None,
        }
    }

    /// Adds a span with its events and links.
    pub fn push_span(&mut self, span: &Span) {
        let mark = self.mark();
        let row = SpanRow {
            trace_id: span.trace_id,
            span_id: span.span_id,
            parent_span_id: span.parent_span_id,
            start: span.start,
            duration: span.duration(),
            name: span.name.as_bytes(),
            kind: span.kind,
            status_code: span.status.code,
            status_message: span.status.message.as_bytes(),
            trace_state: span.trace_state.as_bytes(),
            flags: span.flags,
            revision: span.revision,
            dropped_attributes_count: span.dropped_attributes_count,
            dropped_events_count: span.dropped_events_count,
            dropped_links_count: span.dropped_links_count,
        };
        self.push_span_row(&row, &span.attributes);
        for (ordinal, event) in span.events.iter().enumerate() {
            let row = EventRow {
                trace_id: span.trace_id,
                span_id: span.span_id,
                ordinal,
                time: event.time,
                name: event.name.as_bytes(),
                dropped_attributes_count: event.dropped_attributes_count,
            };
            self.push_event_row(&row, &event.attributes);
        }
        for (ordinal, link) in span.links.iter().enumerate() {
            let row = LinkRow {
                trace_id: span.trace_id,
                span_id: span.span_id,
                ordinal,
                linked_trace_id: link.trace_id,
                linked_span_id: link.span_id,
                trace_state: link.trace_state.as_bytes(),
                flags: link.flags,
                dropped_attributes_count: link.dropped_attributes_count,
            };
            self.push_link_row(&row, &link.attributes);
        }
        self.with_origin(&span.resource, &span.scope, |this, resource, scope| {
            this.describe_spans(mark, resource, scope);
        });
    }

    /// Adds a span. Its events and links come next, each in their order.
    pub fn push_span_row<A: Attribute>(&mut self, span: &SpanRow<'_>, attributes: &[A]) {
        let row = &mut self.spans;
        row.id(const { place(SPANS, "trace_id") }, &span.trace_id.0);
        row.id(const { place(SPANS, "span_id") }, &span.span_id.0);
        if let Some(parent) = span.parent_span_id {
            row.id(const { place(SPANS, "parent_span_id") }, &parent.0);
        }
        row.int(const { place(SPANS, "start_unix_nanos") }, span.start.0);
        if let Some(duration) = span.duration {
            row.int(const { place(SPANS, "duration_nanos") }, duration.0);
        }
        row.text(const { place(SPANS, "name") }, span.name);
        row.int8(const { place(SPANS, "kind") }, span.kind as i8);
        row.int8(const { place(SPANS, "status_code") }, span.status_code as i8);
        row.text_unless_empty(const { place(SPANS, "status_message") }, span.status_message);
        row.text_unless_empty(const { place(SPANS, "trace_state") }, span.trace_state);
        row.flags(span.flags);
        row.count(const { place(SPANS, "revision") }, span.revision);
        row.attributes(attributes, span.dropped_attributes_count);
        row.count(const { place(SPANS, "dropped_events_count") }, span.dropped_events_count);
        row.count(const { place(SPANS, "dropped_links_count") }, span.dropped_links_count);
        row.end_row();
    }

    /// Adds an event of a span.
    pub fn push_event_row<A: Attribute>(&mut self, event: &EventRow<'_>, attributes: &[A]) {
        let row = &mut self.events;
        row.id(const { place(EVENTS, "trace_id") }, &event.trace_id.0);
        row.id(const { place(EVENTS, "span_id") }, &event.span_id.0);
        row.int8(const { place(EVENTS, "source") }, SPAN_EVENT);
        row.int32(const { place(EVENTS, "ordinal") }, event.ordinal as i32);
        row.int(const { place(EVENTS, "time_unix_nanos") }, event.time.0);
        row.text(const { place(EVENTS, "name") }, event.name);
        row.attributes(attributes, event.dropped_attributes_count);
        row.end_row();
    }

    /// Adds a link of a span.
    pub fn push_link_row<A: Attribute>(&mut self, link: &LinkRow<'_>, attributes: &[A]) {
        let row = &mut self.links;
        row.id(const { place(LINKS, "trace_id") }, &link.trace_id.0);
        row.id(const { place(LINKS, "span_id") }, &link.span_id.0);
        row.int32(const { place(LINKS, "ordinal") }, link.ordinal as i32);
        row.id(const { place(LINKS, "linked_trace_id") }, &link.linked_trace_id.0);
        row.id(const { place(LINKS, "linked_span_id") }, &link.linked_span_id.0);
        row.text_unless_empty(const { place(LINKS, "trace_state") }, link.trace_state);
        row.flags(link.flags);
        row.attributes(attributes, link.dropped_attributes_count);
        row.end_row();
    }

    /// The place behind the rows added so far.
    pub fn mark(&self) -> Mark {
        Mark { spans: self.spans.rows, events: self.events.rows }
    }

    /// Says where the spans since `mark`, and their events, came from.
    pub fn describe_spans(&mut self, mark: Mark, resource: &ResourceText, scope: &ScopeText) {
        self.spans.origin(mark.spans..self.spans.rows, resource, scope);
        self.events.promoted_resource(mark.events..self.events.rows, resource);
    }

    /// Says where the log records since `mark` came from.
    pub fn describe_logs(&mut self, mark: Mark, resource: &ResourceText, scope: &ScopeText) {
        self.events.origin(mark.events..self.events.rows, resource, scope);
    }

    /// Adds a log record.
    pub fn push_log(&mut self, log: &LogRecord) {
        let mark = self.mark();
        self.push_log_row(log, &log.event.attributes);
        self.with_origin(&log.resource, &log.scope, |this, resource, scope| {
            this.describe_logs(mark, resource, scope);
        });
    }

    /// Adds a log record with these attributes; its own, its resource and its scope are not looked at.
    pub fn push_log_row<A: Attribute>(&mut self, log: &LogRecord, attributes: &[A]) {
        let row = &mut self.events;
        if let Some(trace_id) = log.trace_id {
            row.id(const { place(EVENTS, "trace_id") }, &trace_id.0);
        }
        if let Some(span_id) = log.span_id {
            row.id(const { place(EVENTS, "span_id") }, &span_id.0);
        }
        row.int8(const { place(EVENTS, "source") }, LOG_RECORD);
        let Event { time, name, dropped_attributes_count, .. } = &log.event;
        row.int(const { place(EVENTS, "time_unix_nanos") }, time.0);
        row.text(const { place(EVENTS, "name") }, name.as_bytes());
        row.attributes(attributes, *dropped_attributes_count);
        if let Some(observed) = log.observed {
            row.int(const { place(EVENTS, "observed_unix_nanos") }, observed.0);
        }
        if log.severity_number != 0 {
            row.int32(const { place(EVENTS, "severity_number") }, log.severity_number);
        }
        row.text_unless_empty(const { place(EVENTS, "severity_text") }, log.severity_text.as_bytes());
        match &log.body {
            Value::Empty => {}
            Value::String(text) => row.text(const { place(EVENTS, "body") }, text.as_bytes()),
            other => {
                row.text(const { place(EVENTS, "body") }, other.to_text().as_bytes());
                let mut message = Vec::new();
                any_value::encode(other, &mut message);
                row.text(const { place(EVENTS, "body_exact") }, &message);
            }
        }
        row.flags(log.flags);
        row.end_row();
    }

    /// Hands over what rows hold of a resource and a scope: worked out once for rows that follow each other.
    fn with_origin(
        &mut self,
        resource: &Arc<Resource>,
        scope: &Arc<Scope>,
        describe: impl FnOnce(&mut Self, &ResourceText, &ScopeText),
    ) {
        let known = self.resource.take().filter(|(known, _)| Arc::ptr_eq(known, resource) || known == resource);
        let (resource, text) = known.unwrap_or_else(|| (Arc::clone(resource), (&**resource).into()));
        let known = self.scope.take().filter(|(known, _)| Arc::ptr_eq(known, scope) || known == scope);
        let (scope, scope_text) = known.unwrap_or_else(|| (Arc::clone(scope), (&**scope).into()));
        describe(self, &text, &scope_text);
        (self.resource, self.scope) = (Some((resource, text)), Some((scope, scope_text)));
    }

    /// The batch of everything pushed.
    pub fn finish(self) -> Batch {
        Batch { spans: self.spans.finish(), events: self.events.finish(), links: self.links.finish() }
    }
}

/// The place of the column called `name`, found when the program is compiled.
const fn place(columns: &[Column], name: &str) -> usize {
    let mut index = 0;
    while index < columns.len() {
        if same(columns[index].name.as_bytes(), name.as_bytes()) {
            return index;
        }
        index += 1;
    }
    panic!("a column of this table")
}

const fn same(left: &[u8], right: &[u8]) -> bool {
    let mut index = 0;
    while index < left.len() && index < right.len() && left[index] == right[index] {
        index += 1;
    }
    left.len() == right.len() && index == left.len()
}
