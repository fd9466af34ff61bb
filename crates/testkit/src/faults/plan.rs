//! Plans of traces: a tree of steps with the times they take, laid out into spans.
//!
//! ```text
//!  step  |lead|child|gap|child|gap|…|own time|      one after another, or all children from the lead on
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use kino_model::{
    Attributes, Event, Link, Resource, Span, SpanId, SpanKind, StatusCode, Text, Trace, TraceId, UnixNanos, Value,
    thin_vec,
};

use super::Ranges;
use crate::random::Random;

/// How the trace ids of a case's own traces begin.
const TRACE_ID_MARK: [u8; 4] = *b"case";

/// Whether a trace is one of a case's own, rather than noise among them.
pub fn is_own(id: TraceId) -> bool {
    id.0.starts_with(&TRACE_ID_MARK)
}

const NANOS_PER_MILLI: f64 = 1e6;

/// A planned span with its children. Times are medians in milliseconds.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) name: Text,
    pub(super) service: &'static str,
    pub(super) kind: SpanKind,
    pub(super) attributes: Attributes,
    /// Own time after the children.
    pub(super) millis: f64,
    /// Before this step starts, after its elder sibling ended.
    pub(super) pause: f64,
    pub(super) children: Vec<Step>,
    /// Whether the children start together.
    pub(super) together: bool,
    /// Whether `millis` is taken without noise.
    pub(super) exact: bool,
    /// Milliseconds from its start to its end, whatever its children do; `None`: it ends after them.
    pub(super) ends_after: Option<f64>,
    /// Never ends.
    pub(super) open: bool,
    pub(super) failed: bool,
    pub(super) events: Vec<(&'static str, Attributes)>,
    /// A link to the elder sibling this many places before.
    pub(super) link_back: Option<usize>,
    /// By how many milliseconds its clock and its children's are off.
    pub(super) skew: f64,
}

impl Step {
    pub(super) fn new(name: &str, kind: SpanKind, millis: f64) -> Self {
        Self {
            name: name.into(),
            service: "app",
            kind,
            attributes: Attributes::new(),
            millis,
            pause: 0.0,
            children: Vec::new(),
            together: false,
            exact: false,
            ends_after: None,
            open: false,
            failed: false,
            events: Vec::new(),
            link_back: None,
            skew: 0.0,
        }
    }

    pub(super) fn work(name: &str, millis: f64) -> Self {
        Self::new(name, SpanKind::Internal, millis)
    }

    pub(super) fn client(name: &str, millis: f64) -> Self {
        Self::new(name, SpanKind::Client, millis)
    }

    pub(super) fn sql(name: &str, statement: &str, millis: f64) -> Self {
        Self::client(name, millis).with("db.system.name", "postgresql").with("db.query.text", statement)
    }

    pub(super) fn http(method: &str, url: &str, millis: f64) -> Self {
        Self::client(method, millis)
            .with("http.request.method", method)
            .with("url.full", url)
            .with("http.response.status_code", 200i64)
    }

    pub(super) fn rpc(service: &str, method: &str, millis: f64) -> Self {
        Self::client(&format!("{service}/{method}"), millis)
            .with("rpc.system", "grpc")
            .with("rpc.service", service)
            .with("rpc.method", method)
            .with("rpc.grpc.status_code", 0i64)
    }

    pub(super) fn chat(input: i64, output: i64, millis: f64) -> Self {
        Self::client("chat gpt-5-mini", millis)
            .with("gen_ai.operation.name", "chat")
            .with("gen_ai.request.model", "gpt-5-mini")
            .with("gen_ai.usage.input_tokens", input)
            .with("gen_ai.usage.output_tokens", output)
    }

    pub(super) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        match self.attributes.iter_mut().find(|(known, _)| known == key) {
            Some((_, slot)) => *slot = value,
            None => self.attributes.push((key.into(), value)),
        }
        self
    }

    pub(super) fn of(mut self, children: Vec<Step>) -> Self {
        self.children = children;
        self
    }

    pub(super) fn after(mut self, pause: f64) -> Self {
        self.pause = pause;
        self
    }

    pub(super) fn together(mut self) -> Self {
        self.together = true;
        self
    }

    pub(super) fn failed(mut self) -> Self {
        self.failed = true;
        self
    }

    pub(super) fn raising(mut self, kind: &str, message: &str, stack: &str) -> Self {
        let text = |key: &str, value: &str| (key.into(), Value::from(value));
        let attributes = thin_vec![
            text("exception.type", kind),
            text("exception.message", message),
            text("exception.stacktrace", stack)
        ];
        self.failed = true;
        self.events.push(("exception", attributes));
        self
    }
}

/// Where cases are made: their randomness, their noise, their time.
pub(super) struct Scene {
    pub(super) random: Random,
    /// The log-normal spread of durations.
    pub(super) sigma: f64,
    /// All times are multiplied by this.
    scale: f64,
    begin: i64,
    now: i64,
    between_millis: f64,
    traces: u64,
    resources: BTreeMap<(&'static str, u64), Arc<Resource>>,
    /// The process that the next traces come from; none is recorded at 0.
    pub(super) process: u64,
    extras: u64,
}

impl Scene {
    pub(super) fn new(seed: u64, begin: UnixNanos, ranges: Ranges) -> Self {
        let mut random = Random::new(seed);
        let (sigma, scale) = match ranges {
            Ranges::Tuning => (0.05 + 0.25 * random.unit(), 1.0),
            Ranges::Evaluation => (0.03 + 0.37 * random.unit(), (3.0 * random.unit() - 1.2).exp()),
        };
        let extras = random.bits();
        Self {
            random,
            sigma,
            scale,
            begin: begin.0,
            now: begin.0,
            between_millis: 2_000.0,
            traces: 0,
            resources: BTreeMap::new(),
            process: 0,
            extras,
        }
    }

    /// A whole number from `low` to `high`.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.random.below(high - low + 1)
    }

    /// `least`, or several times as much.
    pub(super) fn count(&mut self, is_least: bool, least: u64) -> u64 {
        if is_least { least } else { self.between(2 * least, 6 * least) }
    }

    pub(super) fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.random.unit()
    }

    /// Makes `count` requests with `body`.
    pub(super) fn requests(&mut self, count: u64, mut body: impl FnMut(&mut Self, u64) -> Step) -> Vec<Trace> {
        let traces = (0..count).map(|number| {
            let root = body(self, number);
            self.trace(&root)
        });
        traces.collect()
    }

    /// A request that does `steps` among what any service does besides.
    pub(super) fn request(&mut self, name: &str, steps: Vec<Step>) -> Step {
        let has = |bit: u64| self.extras >> bit & 1 == 1;
        let mut children = Vec::new();
        if has(0) {
            children.push(Step::sql("SELECT", "SELECT 1", 0.2));
            children.push(Step::sql("BEGIN", "BEGIN", 0.1));
        }
        if has(1) {
            children.push(Step::rpc("auth.v1.Auth", "Check", 0.6));
        }
        if has(2) {
            children.push(
                Step::work("session cache", 0.1)
                    .with("kino.cache.hit", true)
                    .with("kino.cache.key", self.traces.to_string()),
            );
        }
        children.extend(steps);
        if has(3) {
            children.push(Step::http("GET", "http://flags:8080/healthz", 0.3));
        }
        if has(0) {
            children.push(Step::sql("COMMIT", "COMMIT", 0.3));
        }
        Step::new(name, SpanKind::Server, 1.0)
            .with("http.request.method", "POST")
            .with("http.route", "/work")
            .with("url.path", "/work")
            .of(children)
    }

    /// Lays a plan out.
    pub(super) fn trace(&mut self, root: &Step) -> Trace {
        self.trace_of(std::slice::from_ref(root))
    }

    /// Lays out a plan that starts this many milliseconds after the scene begins, whatever runs meanwhile.
    pub(super) fn trace_at(&mut self, millis: f64, root: &Step) -> Trace {
        self.now = self.begin + (millis * NANOS_PER_MILLI) as i64;
        self.trace(root)
    }

    /// Lays out several roots under one trace id, one after another.
    pub(super) fn trace_of(&mut self, roots: &[Step]) -> Trace {
        self.traces += 1;
        let mut id = self.random.bits().to_be_bytes().repeat(2);
        id[..4].copy_from_slice(&TRACE_ID_MARK);
        id[8..].copy_from_slice(&self.traces.to_be_bytes());
        let trace_id = TraceId::from_slice(&id).expect("sixteen bytes");
        let mut spans = Vec::new();
        let mut at = self.now;
        for root in roots {
            at = self.lay_out(root, None, at, trace_id, &mut spans);
        }
        self.now = at + self.nanos(self.between_millis, false);
        spans.sort_by_key(|span: &Span| span.start);
        Trace { trace_id, spans, ..Trace::default() }
    }

    /// How long after one trace's end the next begins.
    pub(super) fn every(&mut self, millis: f64) {
        self.between_millis = millis;
    }

    /// Takes times as they are given from here on.
    pub(super) fn unscaled(&mut self) {
        self.scale = 1.0;
    }

    fn nanos(&mut self, millis: f64, exact: bool) -> i64 {
        let median = millis * self.scale * NANOS_PER_MILLI;
        if exact || median <= 0.0 { median as i64 } else { self.random.log_normal(median, self.sigma) as i64 }
    }

    fn lay_out(&mut self, step: &Step, parent: Option<SpanId>, at: i64, id: TraceId, spans: &mut Vec<Span>) -> i64 {
        let span_id = SpanId((self.random.bits() | 1).to_be_bytes());
        let index = spans.len();
        let skew = (step.skew * NANOS_PER_MILLI) as i64;
        spans.push(Span { trace_id: id, span_id, parent_span_id: parent, ..Span::default() });
        let lead = if step.children.is_empty() { 0 } else { self.nanos(0.05, false) };
        let mut clock = at + lead;
        let (from, mut latest) = (clock, clock);
        let mut elder: Vec<SpanId> = Vec::new();
        for child in &step.children {
            let begin = if step.together { from } else { clock } + self.nanos(child.pause, false);
            let child_index = spans.len();
            let end = self.lay_out(child, Some(span_id), begin, id, spans);
            if let Some(&linked) = child.link_back.and_then(|back| elder.get(elder.len().checked_sub(back)?)) {
                spans[child_index].links.push(Link { trace_id: id, span_id: linked, ..Link::default() });
            }
            elder.push(spans[child_index].span_id);
            clock = end + self.nanos(0.03, false);
            latest = latest.max(clock);
        }
        let mut end = latest + self.nanos(step.millis, step.exact);
        if let Some(limit) = step.ends_after {
            end = at + (limit * self.scale * NANOS_PER_MILLI) as i64;
        }
        if skew != 0 {
            for span in &mut spans[index + 1..] {
                span.start.0 += skew;
                span.end = span.end.map(|end| UnixNanos(end.0 + skew));
            }
        }
        let resource = self.resource(step.service);
        let span = &mut spans[index];
        span.name.clone_from(&step.name);
        span.kind = step.kind;
        span.start = UnixNanos(at + skew);
        span.end = (!step.open).then_some(UnixNanos(end + skew));
        span.attributes.clone_from(&step.attributes);
        span.resource = resource;
        if step.failed {
            span.status.code = StatusCode::Error;
        }
        let made = |(name, attributes): &(&'static str, Attributes)| Event {
            name: (*name).into(),
            time: UnixNanos(end + skew),
            attributes: attributes.clone(),
            ..Event::default()
        };
        span.events = step.events.iter().map(made).collect();
        end
    }

    fn resource(&mut self, service: &'static str) -> Arc<Resource> {
        let process = self.process;
        let make = || {
            let mut attributes = thin_vec![("service.name".into(), Value::from(service))];
            if process > 0 {
                attributes.push(("service.instance.id".into(), Value::from(format!("{service}-{process}"))));
                attributes.push(("process.pid".into(), Value::Int(process as i64)));
            }
            Arc::new(Resource { attributes, ..Resource::default() })
        };
        Arc::clone(self.resources.entry((service, process)).or_insert_with(make))
    }
}
