//! OTLP as protobuf: one walk over the bytes, straight into columns.
//!
//! ```text
//!  request ─► resource, scope (worked out once per distinct bytes: `origins`)
//!          └► span ─► fields borrowed from the body ─► judged ─► copied into the columns' buffers
//!               └► events, links: walked when the span's ids are known
//! ```
//!
//! A body holds far less than the 2 GiB of text that a column can: the servers' limit on bodies sees to it, and the
//! columns assert it.

mod attributes;
mod origins;
#[cfg(test)]
mod rowwise;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use kino_model::batch::row::{EventRow, LinkRow, SpanRow};
use kino_model::batch::{BatchBuilder, ResourceText, ScopeText};
use kino_model::exact::any_value::{self, Faults};
use kino_model::exact::protobuf::{Reader, WireError};
use kino_model::{LogRecord, StatusCode, Text};

use crate::judge::{Judge, RawId};
use crate::{Decoded, Limits, Undecodable};
use attributes::{Scratch, text};

type Walked<T = ()> = Result<T, WireError>;

/// Decodes an `ExportTraceServiceRequest`.
pub(super) fn traces(body: &[u8], limits: &Limits) -> Result<Decoded, Undecodable> {
    walk(body, limits, Walker::resource_spans)
}

/// Decodes an `ExportLogsServiceRequest`.
pub(super) fn logs(body: &[u8], limits: &Limits) -> Result<Decoded, Undecodable> {
    walk(body, limits, Walker::resource_logs)
}

/// Counts the data points of an `ExportMetricsServiceRequest`.
pub(super) fn metric_points(body: &[u8]) -> Result<u64, Undecodable> {
    // request → resource_metrics → scope_metrics → metrics → gauge … summary → data points
    nested(Reader::new(body), &[&[1], &[2], &[2], &[5, 7, 9, 10, 11], &[1]]).map_err(|error| undecodable(&error))
}

fn nested(mut reader: Reader<'_>, path: &[&[u32]]) -> Walked<u64> {
    let Some((fields, rest)) = path.split_first() else { return Ok(1) };
    let mut count = 0;
    while let Some((field, payload)) = reader.field()? {
        if fields.contains(&field) {
            count += nested(payload.delimited(&reader)?, rest)?;
        }
    }
    Ok(count)
}

fn walk<'b, 'l>(
    body: &'b [u8],
    limits: &'l Limits,
    each: impl Fn(&mut Walker<'b, 'l>, Reader<'b>) -> Walked,
) -> Result<Decoded, Undecodable> {
    let mut walker = Walker::new(limits);
    let mut reader = Reader::new(body);
    let walked = (|| {
        while let Some((field, payload)) = reader.field()? {
            if field == 1 {
                each(&mut walker, payload.delimited(&reader)?)?;
            }
        }
        Ok(())
    })();
    walked.map_err(|error| undecodable(&error))?;
    Ok(walker.finish())
}

fn undecodable(error: &WireError) -> Undecodable {
    Undecodable { expected: "OTLP protobuf", problem: error.to_string() }
}

struct Walker<'b, 'l> {
    limits: &'l Limits,
    judge: Judge<'l>,
    faults: Faults,
    batch: BatchBuilder,
    spans: u64,
    logs: u64,
    rejected_spans: u64,
    /// Of the span, event or link at hand.
    attributes: Scratch<'b>,
    /// Of the span at hand.
    events: Vec<Reader<'b>>,
    links: Vec<Reader<'b>>,
}

impl<'b, 'l> Walker<'b, 'l> {
    fn new(limits: &'l Limits) -> Self {
        Self {
            limits,
            judge: Judge::new(limits),
            faults: Faults::default(),
            batch: BatchBuilder::new(),
            spans: 0,
            logs: 0,
            rejected_spans: 0,
            attributes: Scratch::default(),
            events: Vec::new(),
            links: Vec::new(),
        }
    }

    fn finish(mut self) -> Decoded {
        self.judge.faults(self.faults);
        Decoded {
            batch: self.batch.finish(),
            issues: self.judge.issues,
            spans: self.spans,
            logs: self.logs,
            rejected_spans: self.rejected_spans,
            rejected_logs: 0,
        }
    }

    /// The fields may come in any order, so the resource is read before the lists, and the scope before the spans.
    fn resource_spans(&mut self, reader: Reader<'b>) -> Walked {
        let resource = self.resource_text(reader)?;
        each(reader, 2, |list| {
            let scope = self.scope_text(list)?;
            let mark = self.batch.mark();
            each(list, 2, |span| self.span(span))?;
            self.batch.describe_spans(mark, &resource, &scope);
            Ok(())
        })
    }

    fn resource_logs(&mut self, reader: Reader<'b>) -> Walked {
        let resource = self.resource_text(reader)?;
        each(reader, 2, |list| {
            let scope = self.scope_text(list)?;
            let mark = self.batch.mark();
            each(list, 2, |log| self.log(log))?;
            self.batch.describe_logs(mark, &resource, &scope);
            Ok(())
        })
    }

    fn span(&mut self, mut reader: Reader<'b>) -> Walked {
        let mut row = SpanRow::default();
        let (mut trace_id, mut span_id, mut parent): (&[u8], &[u8], &[u8]) = (&[], &[], &[]);
        let (mut name, mut state, mut message) = (Cow::default(), Cow::default(), Cow::default());
        let (mut start, mut end) = (0, 0);
        self.attributes.clear();
        self.events.clear();
        self.links.clear();
        while let Some((field, payload)) = reader.field()? {
            match field {
                1 => trace_id = payload.delimited(&reader)?.bytes(),
                2 => span_id = payload.delimited(&reader)?.bytes(),
                3 => state = text(payload.delimited(&reader)?, &mut self.faults),
                4 => parent = payload.delimited(&reader)?.bytes(),
                5 => name = text(payload.delimited(&reader)?, &mut self.faults),
                6 => row.kind = self.judge.kind(enumeration(payload.varint(&reader)?)),
                7 => start = payload.fixed64(&reader)?,
                8 => end = payload.fixed64(&reader)?,
                9 => self.attribute(payload.delimited(&reader)?)?,
                10 => row.dropped_attributes_count = payload.varint(&reader)? as u32,
                11 => self.events.push(payload.delimited(&reader)?),
                12 => row.dropped_events_count = payload.varint(&reader)? as u32,
                13 => self.links.push(payload.delimited(&reader)?),
                14 => row.dropped_links_count = payload.varint(&reader)? as u32,
                15 => self.status(payload.delimited(&reader)?, &mut row.status_code, &mut message)?,
                16 => row.flags = payload.fixed32(&reader)?,
                _ => {}
            }
        }
        self.attributes.cut(&mut self.judge, &mut row.dropped_attributes_count);
        let ids = self.judge.ids(RawId::Bytes(trace_id), RawId::Bytes(span_id), &name);
        if let Some(ids) = ids {
            (row.trace_id, row.span_id) = ids;
            row.parent_span_id = self.judge.parent(RawId::Bytes(parent));
            let (start, end) = self.judge.span_times(start, end);
            (row.start, row.duration) = (start, end.map(|end| end.since(start)));
            (row.name, row.trace_state, row.status_message) = (&name, &state, &message);
            self.batch.push_span_row(&row, self.attributes.as_slice());
            self.spans += 1;
        } else {
            self.rejected_spans += 1;
        }
        // What a refused span holds is looked at all the same: its issues count.
        self.events_of(ids.map(|_| &row))?;
        self.links_of(ids.map(|_| &row))
    }

    fn events_of(&mut self, span: Option<&SpanRow<'_>>) -> Walked {
        for ordinal in 0..self.events.len() {
            let mut reader = self.events[ordinal];
            let mut row = EventRow { ordinal, ..EventRow::default() };
            let (mut name, mut time) = (Cow::default(), 0);
            self.attributes.clear();
            while let Some((field, payload)) = reader.field()? {
                match field {
                    1 => time = payload.fixed64(&reader)?,
                    2 => name = text(payload.delimited(&reader)?, &mut self.faults),
                    3 => self.attribute(payload.delimited(&reader)?)?,
                    4 => row.dropped_attributes_count = payload.varint(&reader)? as u32,
                    _ => {}
                }
            }
            self.attributes.cut(&mut self.judge, &mut row.dropped_attributes_count);
            row.time = self.judge.time_within_range(time);
            if let Some(span) = span {
                let row = EventRow { trace_id: span.trace_id, span_id: span.span_id, name: &name, ..row };
                self.batch.push_event_row(&row, self.attributes.as_slice());
            }
        }
        Ok(())
    }

    fn links_of(&mut self, span: Option<&SpanRow<'_>>) -> Walked {
        let mut ordinal = 0;
        for index in 0..self.links.len() {
            let mut reader = self.links[index];
            let mut row = LinkRow::default();
            let (mut trace_id, mut span_id): (&[u8], &[u8]) = (&[], &[]);
            let mut state = Cow::default();
            self.attributes.clear();
            while let Some((field, payload)) = reader.field()? {
                match field {
                    1 => trace_id = payload.delimited(&reader)?.bytes(),
                    2 => span_id = payload.delimited(&reader)?.bytes(),
                    3 => state = text(payload.delimited(&reader)?, &mut self.faults),
                    4 => self.attribute(payload.delimited(&reader)?)?,
                    5 => row.dropped_attributes_count = payload.varint(&reader)? as u32,
                    6 => row.flags = payload.fixed32(&reader)?,
                    _ => {}
                }
            }
            self.attributes.cut(&mut self.judge, &mut row.dropped_attributes_count);
            let ids = self.judge.link_ids(RawId::Bytes(trace_id), RawId::Bytes(span_id));
            let Some((linked_trace_id, linked_span_id)) = ids else { continue };
            let Some(SpanRow { trace_id, span_id, .. }) = span.copied() else { continue };
            let row =
                LinkRow { trace_id, span_id, ordinal, linked_trace_id, linked_span_id, trace_state: &state, ..row };
            self.batch.push_link_row(&row, self.attributes.as_slice());
            ordinal += 1;
        }
        Ok(())
    }

    fn status(&mut self, mut reader: Reader<'b>, code: &mut StatusCode, message: &mut Cow<'b, [u8]>) -> Walked {
        while let Some((field, payload)) = reader.field()? {
            match field {
                2 => *message = text(payload.delimited(&reader)?, &mut self.faults),
                3 => *code = self.judge.status(enumeration(payload.varint(&reader)?)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Logs are fewer than spans by far; they take the way over a row.
    fn log(&mut self, mut reader: Reader<'b>) -> Walked {
        let mut log = LogRecord::default();
        let (mut trace_id, mut span_id): (&[u8], &[u8]) = (&[], &[]);
        let (mut time, mut observed) = (0, 0);
        self.attributes.clear();
        while let Some((field, payload)) = reader.field()? {
            match field {
                1 => time = payload.fixed64(&reader)?,
                2 => log.severity_number = payload.varint(&reader)? as i32,
                3 => log.severity_text = self.owned_text(payload.delimited(&reader)?),
                5 => any_value::merge(&mut log.body, payload.delimited(&reader)?, 0, &mut self.faults)?,
                6 => self.attribute(payload.delimited(&reader)?)?,
                7 => log.event.dropped_attributes_count = payload.varint(&reader)? as u32,
                8 => log.flags = payload.fixed32(&reader)?,
                9 => trace_id = payload.delimited(&reader)?.bytes(),
                10 => span_id = payload.delimited(&reader)?.bytes(),
                11 => observed = payload.fixed64(&reader)?,
                12 => log.event.name = self.owned_text(payload.delimited(&reader)?),
                _ => {}
            }
        }
        self.attributes.cut(&mut self.judge, &mut log.event.dropped_attributes_count);
        self.judge.value(&mut log.body);
        (log.trace_id, log.span_id) = self.judge.log_ids(RawId::Bytes(trace_id), RawId::Bytes(span_id));
        log.observed = (observed != 0).then(|| self.judge.time_within_range(observed));
        log.event.time = match (time, log.observed) {
            (0, Some(observed)) => observed,
            (time, _) => self.judge.time(time),
        };
        self.batch.push_log_row(&log, self.attributes.as_slice());
        self.logs += 1;
        Ok(())
    }

    fn attribute(&mut self, reader: Reader<'b>) -> Walked {
        self.attributes.read(reader, &mut self.faults, &mut self.judge)
    }

    fn owned_text(&mut self, reader: Reader<'b>) -> Text {
        self.faults.text(reader.bytes()).into()
    }

    fn resource_text(&mut self, reader: Reader<'b>) -> Walked<Arc<ResourceText>> {
        origins::resource(reader, self.limits, &mut self.faults, &mut self.judge)
    }

    fn scope_text(&mut self, reader: Reader<'b>) -> Walked<Arc<ScopeText>> {
        origins::scope(reader, self.limits, &mut self.faults, &mut self.judge)
    }
}

/// Walks the nested messages of one field.
fn each<'b>(mut reader: Reader<'b>, wanted: u32, mut of: impl FnMut(Reader<'b>) -> Walked) -> Walked {
    while let Some((field, payload)) = reader.field()? {
        if field == wanted {
            of(payload.delimited(&reader)?)?;
        }
    }
    Ok(())
}

/// Enumerations are 32 bits wide; Protocol Buffers cuts what is wider.
fn enumeration(varint: u64) -> i64 {
    i64::from(varint as i32)
}
