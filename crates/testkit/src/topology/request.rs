//! One request on its way through a drawn system.

use std::sync::Arc;

use kino_model::{
    Event, LogRecord, Resource, Span, SpanId, SpanKind, StatusCode, Trace, TraceId, UnixNanos, Value, thin_vec,
};

use super::{Call, Callee, Fault, FaultKind, SPANS_MAX, Topology};
use crate::Random;

/// OTLP's severity numbers of INFO and ERROR.
const INFO: i32 = 9;
const ERROR: i32 = 17;

/// The share of a call's time that is left where it is answered before anything is done.
const QUICK: f64 = 0.02;

/// When a request arrives.
pub(super) struct Moment {
    /// Unix nanoseconds.
    pub(super) start: i64,
    /// Which part of the window is over.
    pub(super) part: f64,
    /// How many times as long everything takes.
    pub(super) pace: f64,
}

/// The request's trace.
pub(super) fn trace(
    topology: &Topology,
    random: &mut Random,
    entry: usize,
    moment: &Moment,
    fault: Option<&Fault>,
) -> Trace {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&random.bits().to_be_bytes());
    id[8..].copy_from_slice(&(random.bits() | 1).to_be_bytes());
    let trace = Trace { trace_id: TraceId(id), ..Trace::default() };
    let mut request = Request { topology, random, moment, fault, trace, is_empty: false };
    request.serve(entry, moment.start, None);
    request.trace.spans.sort_by_key(|span| span.start);
    request.trace
}

struct Request<'r> {
    topology: &'r Topology,
    random: &'r mut Random,
    moment: &'r Moment,
    fault: Option<&'r Fault>,
    trace: Trace,
    /// Whether the last answer was one of which its caller makes nothing.
    is_empty: bool,
}

impl Request<'_> {
    /// One call of an operation from its arrival on; returns its end, and whether it failed.
    fn serve(&mut self, number: usize, start: i64, parent: Option<SpanId>) -> (i64, bool) {
        let topology = self.topology;
        let operation = &topology.operations[number];
        let at = self.open(operation.service, &operation.name, SpanKind::Server, start, parent);
        let span_id = self.trace.spans[at].span_id;
        let fault = self.fault.filter(|fault| fault.service == operation.service).map(|fault| fault.kind);
        let slower = match fault {
            Some(FaultKind::Slow(factor) | FaultKind::Starved(factor, _)) => factor,
            Some(FaultKind::Leak(factor)) => 1.0 + (factor - 1.0) * self.moment.part,
            _ => 1.0,
        };
        let is_empty = matches!(fault, Some(FaultKind::Empty(chance)) if self.random.chance(chance));
        let quick = is_empty || matches!(fault, Some(FaultKind::Quick(chance)) if self.random.chance(chance));
        let midway = matches!(fault, Some(FaultKind::Midway(chance)) if self.random.chance(chance));
        let slower = if quick { QUICK } else { slower };
        let own = self.random.log_normal(operation.own_nanos * slower * self.moment.pace, operation.spread);
        let calls = if quick { Vec::new() } else { self.calls(&operation.calls, fault) };
        let stretch = (own / (calls.len() + 1) as f64) as i64 + 1;
        let mut now = start + stretch;
        let fails = match fault {
            Some(FaultKind::Exception(chance) | FaultKind::Caught(chance)) => self.random.chance(chance),
            _ => self.random.chance(operation.failing),
        };
        let returns = quick || matches!(fault, Some(FaultKind::EarlyReturn(chance)) if self.random.chance(chance));
        if fails {
            self.fail(at, now, operation.service, "the state is not valid");
        }
        let mut has_failed = fails;
        let mut stops = false;
        if !fails && !returns {
            let mut last = now;
            for call in &calls {
                let (end, failed) = self.call(operation.service, call, now, span_id, fault);
                last = last.max(end);
                if !operation.is_parallel {
                    now = end + stretch;
                }
                if failed && !operation.is_tolerant && !self.is_caught(call) {
                    self.fail(at, end, operation.service, "a call failed");
                    has_failed = true;
                    break;
                }
                stops = std::mem::take(&mut self.is_empty) || midway;
                if stops {
                    break;
                }
            }
            now = now.max(last + stretch);
            if !has_failed && !stops {
                for (line, chance) in &operation.lines {
                    if self.random.chance(*chance) {
                        self.log(at, now, operation.service, line, INFO);
                    }
                }
            }
        }
        self.trace.spans[at].end = Some(UnixNanos(now));
        self.is_empty = is_empty;
        (now, has_failed)
    }

    /// Whether a failure of a call is part of the fault, and does not matter to the caller.
    fn is_caught(&self, callee: &Callee) -> bool {
        let Some(Fault { kind: FaultKind::Caught(_), service, .. }) = self.fault else { return false };
        matches!(callee, Callee::Operation { operation, .. } if self.topology.operations[*operation].service == *service)
    }

    /// How much later something between two services is, by the fault of one of them.
    fn late(&mut self, caller: usize, callee: Option<usize>) -> i64 {
        let Some(Fault { kind, service, .. }) = self.fault else { return 0 };
        let is_callee = callee == Some(*service);
        let nanos = match kind {
            FaultKind::Delay(nanos) if is_callee => *nanos,
            FaultKind::Network(nanos) if is_callee || *service == caller => *nanos,
            FaultKind::Starved(_, nanos) if is_callee || *service == caller => {
                return (self.random.unit() * self.random.unit() * nanos) as i64;
            }
            _ => return 0,
        };
        self.random.log_normal(nanos, 0.2) as i64
    }

    /// The calls that are made this time, in their order.
    fn calls(&mut self, calls: &[Call], fault: Option<FaultKind>) -> Vec<Callee> {
        let again = if let Some(FaultKind::Repeats(times)) = fault { times } else { 1 };
        let mut made = Vec::new();
        for call in calls {
            if self.random.chance(call.chance) && self.trace.spans.len() < SPANS_MAX {
                made.extend((0..call.times * again).map(|_| call.to.clone()));
            }
        }
        made
    }

    fn call(
        &mut self,
        service: usize,
        callee: &Callee,
        start: i64,
        parent: SpanId,
        fault: Option<FaultKind>,
    ) -> (i64, bool) {
        match callee {
            Callee::Database { statement, nanos } => {
                let slower = if let Some(FaultKind::SlowDatabase(factor)) = fault { factor } else { 1.0 };
                let nanos = self.random.log_normal(nanos * slower * self.moment.pace, 0.3) as i64;
                let nanos = nanos + self.late(service, None);
                let at = self.open(service, statement, SpanKind::Client, start, Some(parent));
                self.trace.spans[at].end = Some(UnixNanos(start + nanos));
                (start + nanos, false)
            }
            Callee::Operation { operation, gap_nanos } => {
                let callee = &self.topology.operations[*operation];
                let at = self.open(service, &callee.name, SpanKind::Client, start, Some(parent));
                let client = self.trace.spans[at].span_id;
                let there = self.random.log_normal(gap_nanos * self.moment.pace / 2.0, 0.4) as i64;
                let back = self.random.log_normal(gap_nanos * self.moment.pace / 2.0, 0.4) as i64;
                let late = self.late(service, Some(callee.service));
                let (end, failed) = self.serve(*operation, start + there + late, Some(client));
                let span = &mut self.trace.spans[at];
                span.end = Some(UnixNanos(end + back));
                if failed {
                    span.status.code = StatusCode::Error;
                }
                (end + back, failed)
            }
        }
    }

    fn open(&mut self, service: usize, name: &str, kind: SpanKind, start: i64, parent: Option<SpanId>) -> usize {
        let attributes = thin_vec![("service.name".into(), Value::from(self.topology.services[service].as_str()))];
        self.trace.spans.push(Span {
            trace_id: self.trace.trace_id,
            span_id: SpanId((self.trace.spans.len() as u64 + 1).to_be_bytes()),
            parent_span_id: parent,
            name: name.into(),
            kind,
            start: UnixNanos(start),
            resource: Arc::new(Resource { attributes, ..Resource::default() }),
            ..Span::default()
        });
        self.trace.spans.len() - 1
    }

    fn fail(&mut self, at: usize, now: i64, service: usize, why: &str) {
        let span = &mut self.trace.spans[at];
        span.status.code = StatusCode::Error;
        let attributes = thin_vec![
            ("exception.type".into(), Value::from("StateError")),
            ("exception.message".into(), Value::from(why)),
        ];
        let event = Event { name: "exception".into(), time: UnixNanos(now), attributes, ..Event::default() };
        span.events.push(event);
        self.log(at, now, service, why, ERROR);
    }

    fn log(&mut self, at: usize, now: i64, service: usize, words: &str, severity_number: i32) {
        let span = &self.trace.spans[at];
        self.trace.logs.push(LogRecord {
            trace_id: Some(span.trace_id),
            span_id: Some(span.span_id),
            event: Event { time: UnixNanos(now), ..Event::default() },
            severity_number,
            body: Value::from(format!("{}: {words}", self.topology.services[service])),
            resource: Arc::clone(&span.resource),
            ..LogRecord::default()
        });
    }
}
