//! One trace of a million spans, explained for the first time: how long it takes and by how much the engine grows.

use std::fs;
use std::time::Duration;

use kino_model::{Span, SpanId, SpanKind, TraceId, UnixNanos};
use kino_testkit::otlp::traces_request;
use kino_wire::explain::ExplainTraceQuestion;

use crate::engine::{RunningEngine, settle};
use crate::figures::{Figure, Samples, millis};

const SPANS: u64 = 1_000_000;
const SPANS_AT_ONCE: u64 = 20_000;
const SECONDS_MAX: u64 = 3;
const GROWTH_MAX: u64 = 600_000_000;

/// Where a span is: its parent, its start and its end, by its number.
type SpanShape = fn(u64) -> (Option<u64>, u64, u64);

/// Both extremes of depth.
pub(crate) fn traces(running: &RunningEngine) -> anyhow::Result<Vec<Figure>> {
    let chain: SpanShape = |number| (number.checked_sub(1), number * 10, (4 * SPANS - number) * 10);
    let flat: SpanShape = |number| match number {
        0 => (None, 0, SPANS * 1_000),
        _ => (Some(0), number * 1_000 - 1_000, number * 1_000 - 100),
    };
    let mut figures = Vec::new();
    for (kind, what, shape) in [(1, "each the child of the last", chain), (2, "all children of one", flat)] {
        let trace_id = TraceId([kind; 16]);
        send(running, trace_id, shape)?;
        settle(running)?;
        // Resets the kernel's record of the process's peak memory.
        fs::write(format!("/proc/{}/clear_refs", running.pid()), "5")?;
        let before = running.memory("VmRSS")?;
        let mut samples = Samples::default();
        samples.time(|| running.ask(&ExplainTraceQuestion::overview(trace_id)))?;
        let grown = running.memory("VmHWM")?.saturating_sub(before);
        let took = samples.quantile(1.0);
        figures.push(Figure::with_goal(
            format!("a trace of 1 M spans, {what}, explained for the first time"),
            "≤ 3 s, ≤ 600 MB",
            format!("{}, {} MB", millis(took), grown / 1_000_000),
            took <= Duration::from_secs(SECONDS_MAX) && grown <= GROWTH_MAX,
        ));
    }
    Ok(figures)
}

fn send(running: &RunningEngine, trace_id: TraceId, shape: SpanShape) -> anyhow::Result<()> {
    let id = |number: u64| SpanId((number + 1).to_be_bytes());
    let begin = running.file.started_unix_nanos;
    let span = |number: u64| {
        let (parent, start, end) = shape(number);
        Span {
            trace_id,
            span_id: id(number),
            parent_span_id: parent.map(id),
            name: format!("call {}", number % 7).into(),
            kind: SpanKind::Client,
            start: UnixNanos(begin + start as i64),
            end: Some(UnixNanos(begin + end as i64)),
            ..Span::default()
        }
    };
    let url = format!("http://{}/v1/traces", running.file.otlp_http);
    for from in (0..SPANS).step_by(SPANS_AT_ONCE as usize) {
        let spans: Vec<Span> = (from..from + SPANS_AT_ONCE).map(span).collect();
        let body = traces_request(&spans);
        ureq::post(&url).header("Content-Type", "application/x-protobuf").send(&body[..])?;
    }
    Ok(())
}
