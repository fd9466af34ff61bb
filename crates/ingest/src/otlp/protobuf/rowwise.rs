//! The same decoding by way of rows, which tests compare the columnar walk with.

use std::sync::Arc;

use kino_model::exact::any_value::{self, Faults};
use kino_model::exact::protobuf::{Reader, WireError};
use kino_model::{Attributes, Event, Link, LogRecord, Resource, Scope, Span, Status, Text};

use super::undecodable;
use crate::judge::{Judge, RawId};
use crate::{Decoded, Harvest, Limits, Undecodable};

type Walked<T = ()> = Result<T, WireError>;

/// Decodes an `ExportTraceServiceRequest`.
pub(super) fn traces(body: &[u8], limits: &Limits) -> Result<Decoded, Undecodable> {
    walk(body, limits, Walker::resource_spans)
}

/// Decodes an `ExportLogsServiceRequest`.
pub(super) fn logs(body: &[u8], limits: &Limits) -> Result<Decoded, Undecodable> {
    walk(body, limits, Walker::resource_logs)
}

fn walk<'l>(
    body: &[u8],
    limits: &'l Limits,
    each: impl Fn(&mut Walker<'l>, Reader<'_>) -> Walked,
) -> Result<Decoded, Undecodable> {
    let mut walker = Walker { judge: Judge::new(limits), faults: Faults::default(), harvest: Harvest::default() };
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
    walker.judge.faults(walker.faults);
    walker.harvest.issues = walker.judge.issues;
    Ok(walker.harvest.finish())
}

struct Walker<'l> {
    judge: Judge<'l>,
    faults: Faults,
    harvest: Harvest,
}

impl Walker<'_> {
    fn resource_spans(&mut self, reader: Reader<'_>) -> Walked {
        self.grouped(reader, Self::span)
    }

    fn resource_logs(&mut self, reader: Reader<'_>) -> Walked {
        self.grouped(reader, Self::log)
    }

    /// `ResourceSpans` and `ResourceLogs` have the same shape: a resource (1), scoped lists (2), a schema URL (3).
    /// The fields may come in any order, so the resource is read before the lists.
    fn grouped(
        &mut self,
        reader: Reader<'_>,
        record: impl Fn(&mut Self, Reader<'_>, &Arc<Resource>, &Arc<Scope>) -> Walked,
    ) -> Walked {
        let mut resource = Resource::default();
        let mut lists = reader;
        while let Some((field, payload)) = lists.field()? {
            match field {
                1 => self.resource(payload.delimited(&lists)?, &mut resource)?,
                3 => resource.schema_url = self.text(payload.delimited(&lists)?),
                _ => {}
            }
        }
        self.judge.attributes(&mut resource.attributes, &mut resource.dropped_attributes_count);
        let resource = Arc::new(resource);
        let mut lists = reader;
        while let Some((field, payload)) = lists.field()? {
            if field == 2 {
                self.scoped(payload.delimited(&lists)?, &resource, &record)?;
            }
        }
        Ok(())
    }

    fn scoped(
        &mut self,
        reader: Reader<'_>,
        resource: &Arc<Resource>,
        record: &impl Fn(&mut Self, Reader<'_>, &Arc<Resource>, &Arc<Scope>) -> Walked,
    ) -> Walked {
        let mut scope = Scope::default();
        let mut records = reader;
        while let Some((field, payload)) = records.field()? {
            match field {
                1 => self.scope(payload.delimited(&records)?, &mut scope)?,
                3 => scope.schema_url = self.text(payload.delimited(&records)?),
                _ => {}
            }
        }
        self.judge.attributes(&mut scope.attributes, &mut scope.dropped_attributes_count);
        let scope = Arc::new(scope);
        let mut records = reader;
        while let Some((field, payload)) = records.field()? {
            if field == 2 {
                record(self, payload.delimited(&records)?, resource, &scope)?;
            }
        }
        Ok(())
    }

    fn resource(&mut self, mut reader: Reader<'_>, resource: &mut Resource) -> Walked {
        while let Some((field, payload)) = reader.field()? {
            match field {
                1 => self.attribute(payload.delimited(&reader)?, &mut resource.attributes)?,
                2 => resource.dropped_attributes_count = payload.varint(&reader)? as u32,
                _ => {}
            }
        }
        Ok(())
    }

    fn scope(&mut self, mut reader: Reader<'_>, scope: &mut Scope) -> Walked {
        while let Some((field, payload)) = reader.field()? {
            match field {
                1 => scope.name = self.text(payload.delimited(&reader)?),
                2 => scope.version = self.text(payload.delimited(&reader)?),
                3 => self.attribute(payload.delimited(&reader)?, &mut scope.attributes)?,
                4 => scope.dropped_attributes_count = payload.varint(&reader)? as u32,
                _ => {}
            }
        }
        Ok(())
    }

    fn span(&mut self, mut reader: Reader<'_>, resource: &Arc<Resource>, scope: &Arc<Scope>) -> Walked {
        let mut span = Span { resource: Arc::clone(resource), scope: Arc::clone(scope), ..Span::default() };
        let (mut trace_id, mut span_id, mut parent): (&[u8], &[u8], &[u8]) = (&[], &[], &[]);
        let (mut start, mut end) = (0, 0);
        while let Some((field, payload)) = reader.field()? {
            match field {
                1 => trace_id = payload.delimited(&reader)?.bytes(),
                2 => span_id = payload.delimited(&reader)?.bytes(),
                3 => span.trace_state = self.text(payload.delimited(&reader)?),
                4 => parent = payload.delimited(&reader)?.bytes(),
                5 => span.name = self.text(payload.delimited(&reader)?),
                6 => span.kind = self.judge.kind(enumeration(payload.varint(&reader)?)),
                7 => start = payload.fixed64(&reader)?,
                8 => end = payload.fixed64(&reader)?,
                9 => self.attribute(payload.delimited(&reader)?, &mut span.attributes)?,
                10 => span.dropped_attributes_count = payload.varint(&reader)? as u32,
                11 => {
                    let event = self.event(payload.delimited(&reader)?)?;
                    span.events.push(event);
                }
                12 => span.dropped_events_count = payload.varint(&reader)? as u32,
                13 => {
                    let link = self.link(payload.delimited(&reader)?)?;
                    span.links.extend(link);
                }
                14 => span.dropped_links_count = payload.varint(&reader)? as u32,
                15 => self.status(payload.delimited(&reader)?, &mut span.status)?,
                16 => span.flags = payload.fixed32(&reader)?,
                _ => {}
            }
        }
        self.judge.attributes(&mut span.attributes, &mut span.dropped_attributes_count);
        let Some(ids) = self.judge.ids(RawId::Bytes(trace_id), RawId::Bytes(span_id), &span.name) else {
            self.harvest.rejected_spans += 1;
            return Ok(());
        };
        (span.trace_id, span.span_id) = ids;
        span.parent_span_id = self.judge.parent(RawId::Bytes(parent));
        (span.start, span.end) = self.judge.span_times(start, end);
        self.harvest.spans.push(span);
        Ok(())
    }

    fn event(&mut self, mut reader: Reader<'_>) -> Walked<Event> {
        let mut event = Event::default();
        let mut time = 0;
        while let Some((field, payload)) = reader.field()? {
            match field {
                1 => time = payload.fixed64(&reader)?,
                2 => event.name = self.text(payload.delimited(&reader)?),
                3 => self.attribute(payload.delimited(&reader)?, &mut event.attributes)?,
                4 => event.dropped_attributes_count = payload.varint(&reader)? as u32,
                _ => {}
            }
        }
        self.judge.attributes(&mut event.attributes, &mut event.dropped_attributes_count);
        event.time = self.judge.time_within_range(time);
        Ok(event)
    }

    fn link(&mut self, mut reader: Reader<'_>) -> Walked<Option<Link>> {
        let mut link = Link::default();
        let (mut trace_id, mut span_id): (&[u8], &[u8]) = (&[], &[]);
        while let Some((field, payload)) = reader.field()? {
            match field {
                1 => trace_id = payload.delimited(&reader)?.bytes(),
                2 => span_id = payload.delimited(&reader)?.bytes(),
                3 => link.trace_state = self.text(payload.delimited(&reader)?),
                4 => self.attribute(payload.delimited(&reader)?, &mut link.attributes)?,
                5 => link.dropped_attributes_count = payload.varint(&reader)? as u32,
                6 => link.flags = payload.fixed32(&reader)?,
                _ => {}
            }
        }
        self.judge.attributes(&mut link.attributes, &mut link.dropped_attributes_count);
        let ids = self.judge.link_ids(RawId::Bytes(trace_id), RawId::Bytes(span_id));
        Ok(ids.map(|(trace_id, span_id)| Link { trace_id, span_id, ..link }))
    }

    fn status(&mut self, mut reader: Reader<'_>, status: &mut Status) -> Walked {
        while let Some((field, payload)) = reader.field()? {
            match field {
                2 => status.message = self.text(payload.delimited(&reader)?),
                3 => status.code = self.judge.status(enumeration(payload.varint(&reader)?)),
                _ => {}
            }
        }
        Ok(())
    }

    fn log(&mut self, mut reader: Reader<'_>, resource: &Arc<Resource>, scope: &Arc<Scope>) -> Walked {
        let mut log = LogRecord { resource: Arc::clone(resource), scope: Arc::clone(scope), ..LogRecord::default() };
        let (mut trace_id, mut span_id): (&[u8], &[u8]) = (&[], &[]);
        let (mut time, mut observed) = (0, 0);
        while let Some((field, payload)) = reader.field()? {
            match field {
                1 => time = payload.fixed64(&reader)?,
                2 => log.severity_number = payload.varint(&reader)? as i32,
                3 => log.severity_text = self.text(payload.delimited(&reader)?),
                5 => any_value::merge(&mut log.body, payload.delimited(&reader)?, 0, &mut self.faults)?,
                6 => self.attribute(payload.delimited(&reader)?, &mut log.event.attributes)?,
                7 => log.event.dropped_attributes_count = payload.varint(&reader)? as u32,
                8 => log.flags = payload.fixed32(&reader)?,
                9 => trace_id = payload.delimited(&reader)?.bytes(),
                10 => span_id = payload.delimited(&reader)?.bytes(),
                11 => observed = payload.fixed64(&reader)?,
                12 => log.event.name = self.text(payload.delimited(&reader)?),
                _ => {}
            }
        }
        self.judge.attributes(&mut log.event.attributes, &mut log.event.dropped_attributes_count);
        self.judge.value(&mut log.body);
        (log.trace_id, log.span_id) = self.judge.log_ids(RawId::Bytes(trace_id), RawId::Bytes(span_id));
        log.observed = (observed != 0).then(|| self.judge.time_within_range(observed));
        log.event.time = match (time, log.observed) {
            (0, Some(observed)) => observed,
            (time, _) => self.judge.time(time),
        };
        self.harvest.logs.push(log);
        Ok(())
    }

    fn attribute(&mut self, reader: Reader<'_>, attributes: &mut Attributes) -> Walked {
        let (key, mut value) = any_value::key_value(reader, 0, &mut self.faults)?;
        self.judge.value(&mut value);
        attributes.push((key, value));
        Ok(())
    }

    fn text(&mut self, reader: Reader<'_>) -> Text {
        self.faults.text(reader.bytes()).into()
    }
}

/// Enumerations have 32 bits; what is written with more is cut, as Protocol Buffers has it.
fn enumeration(varint: u64) -> i64 {
    i64::from(varint as i32)
}
