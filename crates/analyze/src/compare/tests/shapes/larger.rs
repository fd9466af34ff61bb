//! A shop of fourteen services with spans of both sides of each call, in windows of minutes without a run, and one
//! incident at a time at each service it can happen to.
//!
//! ```text
//!  gateway ─┬─► catalog ─┬─► pricing ─► currency            GET /home, half of the requests
//!           │            └─► stock
//!           ├─► ads                                         in one of ten of them
//!           ├─► users ───┬─► sessions                       GET /account, a fifth
//!           │            └─► mail                           in one of four of them
//!           ├─► cart ─────── pricing ─► currency            POST /checkout, the rest
//!           └─► orders ──┬─► payment ─► fraud
//!                        ├─► shipping ─► currency
//!                        └─► stock, mail
//! ```

use std::sync::Arc;

use kino_model::{
    Event, LogRecord, Resource, Span, SpanId, SpanKind, StatusCode, Trace, TraceId, UnixNanos, Value, thin_vec,
};

use super::compare_windows;
use crate::testing::{MILLI, Random};

/// All services; no other one calls the first.
const SERVICES: [&str; 14] = [
    "gateway", "catalog", "pricing", "currency", "stock", "ads", "users", "sessions", "mail", "cart", "orders",
    "payment", "fraud", "shipping",
];
/// Those that call others.
const CALLERS: [&str; 8] = ["gateway", "catalog", "pricing", "users", "cart", "orders", "payment", "shipping"];

/// What happens to a service.
#[derive(Clone, Copy, Debug)]
enum Incident {
    Nothing,
    /// It seldom gets a core: its own time is three times as long, and whatever it waits for it notices up to this many
    /// milliseconds later.
    Starved(f64),
    /// The network delays all that it sends, by this many milliseconds.
    Late(f64),
    /// It has less and less memory: its own time grows up to this many times as long.
    Leak(f64),
    /// It raises in this share of its calls; its callers catch that, log it, and answer 200.
    Caught(f64),
    /// It answers at once in this share of its calls, and makes no calls.
    Returns(f64),
}

struct Request<'r> {
    at: &'static str,
    incident: Incident,
    random: &'r mut Random,
    /// Which part of the window is over.
    part: f64,
    logs: bool,
    trace: Trace,
}

/// Whom an operation calls, and in which share of its calls.
fn callees(service: &str, operation: &str) -> &'static [(&'static str, f64)] {
    match (service, operation) {
        ("gateway", "GET /home") => &[("catalog", 1.0), ("ads", 0.1)],
        ("gateway", "GET /account") => &[("users", 1.0)],
        ("gateway", _) => &[("cart", 1.0), ("orders", 1.0)],
        ("catalog", _) => &[("pricing", 1.0), ("stock", 1.0)],
        ("pricing" | "shipping", _) => &[("currency", 1.0)],
        ("users", _) => &[("sessions", 1.0), ("mail", 0.25)],
        ("cart", _) => &[("pricing", 1.0)],
        ("orders", _) => &[("payment", 1.0), ("shipping", 1.0), ("stock", 1.0), ("mail", 1.0)],
        ("payment", _) => &[("fraud", 1.0)],
        _ => &[],
    }
}

impl Request<'_> {
    fn is_at(&self, service: &str) -> bool {
        self.at == service
    }

    /// One call from its arrival on; its end, and whether it failed. Times are milliseconds.
    fn serve(&mut self, service: &'static str, operation: &str, start: f64, parent: Option<SpanId>) -> (f64, bool) {
        let name = if service == "gateway" { operation.to_owned() } else { format!("{service}.Handle") };
        let (at, id) = self.open(service, &name, SpanKind::Server, start, parent);
        let mut own = 3.0 * (0.3 * self.random.normal()).exp();
        let mut called = callees(service, operation);
        let mut raises = false;
        match self.incident {
            Incident::Starved(_) if self.is_at(service) => own *= 3.0,
            Incident::Leak(most) if self.is_at(service) => own *= 1.0 + (most - 1.0) * self.part,
            Incident::Caught(share) if self.is_at(service) => raises = self.random.uniform() < share,
            Incident::Returns(share) if self.is_at(service) && self.random.uniform() < share => {
                own = 0.1;
                called = &[];
            }
            _ => {}
        }
        let mut now = start + own / 2.0;
        if raises {
            self.fail(at);
            self.log(at, now, 17, "cannot read the state");
            self.end(at, now);
            return (now, true);
        }
        for (callee, share) in called {
            if self.random.uniform() < *share {
                now = self.call(service, callee, now, id, at);
            }
        }
        now += own / 2.0;
        if own > 0.1 {
            self.log(at, now, 9, "handled");
        }
        self.end(at, now);
        (now, false)
    }

    fn call(&mut self, service: &'static str, callee: &'static str, now: f64, parent: SpanId, caller: usize) -> f64 {
        let (at, id) = self.open(service, &format!("{callee}.Handle"), SpanKind::Client, now, Some(parent));
        let gap = 1.0 * (0.3 * self.random.normal()).exp();
        let late = match self.incident {
            Incident::Starved(most) if self.is_at(service) || self.is_at(callee) => most * self.random.uniform(),
            Incident::Late(more) if self.is_at(service) || self.is_at(callee) => more,
            _ => 0.0,
        };
        let way = f64::midpoint(gap, late);
        let (end, failed) = self.serve(callee, "", now + way, Some(id));
        let end = end + way;
        if failed {
            self.fail(at);
            self.log(caller, end, 13, "went on without an answer");
        }
        self.end(at, end);
        end
    }

    fn open(
        &mut self,
        service: &str,
        name: &str,
        kind: SpanKind,
        start: f64,
        parent_span_id: Option<SpanId>,
    ) -> (usize, SpanId) {
        let span_id = SpanId((self.trace.spans.len() as u64 + 1).to_be_bytes());
        let attributes = thin_vec![("service.name".into(), Value::from(service))];
        self.trace.spans.push(Span {
            trace_id: self.trace.trace_id,
            span_id,
            parent_span_id,
            name: name.into(),
            kind,
            start: nanos(start),
            resource: Arc::new(Resource { attributes, ..Resource::default() }),
            ..Span::default()
        });
        (self.trace.spans.len() - 1, span_id)
    }

    fn end(&mut self, at: usize, end: f64) {
        self.trace.spans[at].end = Some(nanos(end));
    }

    fn fail(&mut self, at: usize) {
        self.trace.spans[at].status.code = StatusCode::Error;
    }

    fn log(&mut self, at: usize, time: f64, severity_number: i32, words: &str) {
        let span = &self.trace.spans[at];
        let record = LogRecord {
            trace_id: Some(span.trace_id),
            span_id: Some(span.span_id),
            event: Event { time: nanos(time), ..Event::default() },
            severity_number,
            body: Value::from(format!("{}: {words}", span.service())),
            resource: Arc::clone(&span.resource),
            ..LogRecord::default()
        };
        self.trace.logs.extend(self.logs.then_some(record));
    }
}

fn nanos(millis: f64) -> UnixNanos {
    UnixNanos((millis * MILLI as f64).round() as i64)
}

/// As many requests, a tenth of a second apart, to a tenth of a second.
fn window(count: usize, logs: bool, seed: u64, at: &'static str, incident: Incident) -> Vec<Trace> {
    let mut random = Random(seed);
    (0..count)
        .map(|number| {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&(seed * 1_000_000 + number as u64 + 1).to_be_bytes());
            let trace = Trace { trace_id: TraceId(id), ..Trace::default() };
            let part = number as f64 / count as f64;
            let start = number as f64 * 100.0 + random.uniform() * 100.0;
            let operation = match random.uniform() {
                at if at < 0.5 => "GET /home",
                at if at < 0.7 => "GET /account",
                _ => "POST /checkout",
            };
            let mut request = Request { at, incident, random: &mut random, part, logs, trace };
            request.serve("gateway", operation, start, None);
            request.trace.spans.sort_by_key(|span| span.start);
            request.trace
        })
        .collect()
}

/// Says of which services the first suspect is another's, or none. Windows have 300 requests, or a thousand for each fourth
/// service.
fn missed(incident: Incident, services: &[&'static str], logs: bool) -> Vec<String> {
    let mut missed = Vec::new();
    let usual = [300, 1_000].map(|count| window(count, logs, 1, "", Incident::Nothing));
    for (at, service) in services.iter().enumerate() {
        let before = &usual[usize::from(at % 4 == 0)];
        let after = window(before.len(), logs, 10 + at as u64, service, incident);
        let suspects = compare_windows(before, &after).suspects;
        let first = suspects.first().map(|suspect| (suspect.service.as_str(), suspect.shown));
        if first != Some((service, true)) {
            missed.push(format!("{service} of {}: {:?}", before.len(), &suspects[..suspects.len().min(3)]));
        }
    }
    missed
}

#[test]
fn a_service_that_seldom_gets_a_core_is_found() {
    assert_eq!(missed(Incident::Starved(40.0), &SERVICES, false), [""; 0]);
}

#[test]
fn a_service_that_the_network_delays_is_found() {
    assert_eq!(missed(Incident::Late(80.0), &SERVICES, false), [""; 0]);
}

#[test]
fn a_service_that_slows_down_over_minutes_is_found() {
    assert_eq!(missed(Incident::Leak(6.0), &SERVICES, false), [""; 0]);
}

#[test]
fn a_service_whose_exceptions_callers_catch_is_found() {
    assert_eq!(missed(Incident::Caught(0.3), &SERVICES[1..], false), [""; 0]);
    assert_eq!(missed(Incident::Caught(0.3), &SERVICES[1..], true), [""; 0]);
}

#[test]
fn a_service_that_answers_before_it_has_asked_anybody_is_found() {
    assert_eq!(missed(Incident::Returns(0.6), &CALLERS, false), [""; 0]);
    assert_eq!(missed(Incident::Returns(0.6), &SERVICES, true), [""; 0]);
}

#[test]
fn three_thousand_requests_show_small_incidents_and_nothing_where_there_is_none() {
    let before = window(3_000, true, 1, "", Incident::Nothing);
    let first = |seed: u64, at: &'static str, incident: Incident| {
        let suspects = compare_windows(&before, &window(3_000, true, seed, at, incident)).suspects;
        suspects.first().map(|suspect| suspect.service.clone()).unwrap_or_default()
    };
    assert_eq!(first(2, "", Incident::Nothing), "");
    assert_eq!(first(3, "shipping", Incident::Late(3.0)), "shipping");
    assert_eq!(first(4, "mail", Incident::Leak(1.5)), "mail");
    assert_eq!(first(5, "fraud", Incident::Caught(0.02)), "fraud");
}
