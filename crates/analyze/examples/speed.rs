//! Prints how long explaining and comparing take: `cargo run --release -p kino-analyze --example speed`.
//!
//! 1,000 executions of 26 spans, as a service with a database and two downstream calls makes them, and one trace of a
//! million spans. A measurement for people, not a test.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use kino_analyze::finding::Code;
use kino_analyze::{DetectorConfig, EntrySpans, Tree, compare, critical_path, executions, explain, trees};
use kino_model::{Attributes, Resource, Span, SpanId, SpanKind, Trace, TraceId, UnixNanos, Value, thin_vec};

fn main() {
    let traces: Vec<Trace> = (0..1_000).map(request).collect();
    timed("trees of 1,000 executions", || trees(&traces));
    let requests = trees(&traces);
    let found = executions(&requests, EntrySpans::Outermost);
    let off = DetectorConfig { off: Code::ALL.to_vec(), ..DetectorConfig::default() };
    timed("breakdown of 1,000 executions", || explain::explain_operation_with(&found, &off));
    timed("breakdown and all detectors", || explain::explain_operation(&found));
    for &code in Code::ALL {
        let off = Code::ALL.iter().copied().filter(|&other| other != code).collect();
        let config = DetectorConfig { off, ..DetectorConfig::default() };
        timed(&format!("  {code} alone"), || kino_analyze::detect::findings(&found, &config));
    }
    timed("comparison of 500 with 500", || compare(&found[..500], &found[500..]));
    let pooled = pooled(10_000);
    let waiting = trees(&pooled);
    let found = executions(&waiting, EntrySpans::Outermost);
    for code in [Code::HeldBy, Code::Bottleneck] {
        let off = Code::ALL.iter().copied().filter(|&other| other != code).collect();
        let config = DetectorConfig { off, ..DetectorConfig::default() };
        timed(&format!("{code} over 100,000 spans of 10,000 executions that wait for a pool"), || {
            kino_analyze::detect::findings(&found, &config)
        });
    }
    timed("calls that changed between 5,000 of them and 5,000", || {
        kino_analyze::compare::calls_changed(&found[..5_000], &found[5_000..])
    });
    let large = chain(1_000_000);
    timed("tree of 1,000,000 spans, each within the last", || Tree::new(&large));
    let tree = Tree::new(&large);
    timed("its critical path", || critical_path(&tree));
}

#[expect(clippy::disallowed_methods, clippy::print_stdout, reason = "measures, and prints what it measured")]
fn timed<T>(what: &str, work: impl Fn() -> T) {
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        black_box(work());
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!("{what}: {:.1} ms", best * 1e3);
}

fn request(number: u64) -> Trace {
    let resource = |service: &str| {
        let attributes = thin_vec![("service.name".into(), Value::from(service))];
        Arc::new(Resource { attributes, ..Resource::default() })
    };
    let (shop, prices) = (resource("shop"), resource("prices"));
    let mut trace_id = TraceId::default();
    trace_id.0[8..].copy_from_slice(&(number + 1).to_be_bytes());
    let begin = number as i64 * 10_000_000;
    let mut spans = Vec::new();
    let mut add = |parent: u64, name: &str, kind, range: (i64, i64), resource: &Arc<Resource>, attributes| {
        let id = spans.len() as u64 + 1;
        spans.push(Span {
            trace_id,
            span_id: SpanId(id.to_be_bytes()),
            parent_span_id: (parent > 0).then(|| SpanId(parent.to_be_bytes())),
            name: name.into(),
            kind,
            start: UnixNanos(begin + range.0),
            end: Some(UnixNanos(begin + range.1)),
            resource: Arc::clone(resource),
            attributes,
            ..Span::default()
        });
        id
    };
    let jitter = (number * 7_919 % 1_000) as i64 * 100;
    let size = thin_vec![("items.count".into(), Value::from((number % 50) as i64 + 1))];
    let root = add(0, "POST /checkout", SpanKind::Server, (0, 3_000_000 + jitter), &shop, size);
    for i in 0..20 {
        let statement = thin_vec![
            ("db.system.name".into(), Value::from("sqlite")),
            ("db.query.text".into(), Value::from(format!("SELECT * FROM item WHERE id = {i}"))),
        ];
        add(root, "SELECT item", SpanKind::Client, (i * 100_000, i * 100_000 + 80_000), &shop, statement);
    }
    for at in [2_000_000, 2_400_000] {
        let attributes = thin_vec![
            ("http.request.method".into(), Value::from("GET")),
            ("url.full".into(), Value::from(format!("http://prices/price/{number}"))),
        ];
        let client = add(root, "GET", SpanKind::Client, (at, at + 350_000), &shop, attributes);
        let server =
            add(client, "GET /price", SpanKind::Server, (at + 20_000, at + 330_000), &prices, Attributes::new());
        if at == 2_000_000 {
            add(server, "compute", SpanKind::Internal, (at + 30_000, at + 300_000), &prices, Attributes::new());
        }
    }
    spans.sort_by_key(|span| span.start);
    Trace { trace_id, spans, ..Trace::default() }
}

/// Requests of ten spans each with two connections among them; every eighth keeps one for long.
fn pooled(count: u64) -> Vec<Trace> {
    let resource = Arc::new(Resource {
        attributes: thin_vec![("service.name".into(), Value::from("screening"))],
        ..Resource::default()
    });
    let mut free = [0i64; 2];
    let mut request = |number: u64| {
        let mut trace_id = TraceId::default();
        trace_id.0[8..].copy_from_slice(&(number + 1).to_be_bytes());
        let at = number as i64 * 2_000_000;
        let customer = if number.is_multiple_of(8) { 0 } else { number * 7_919 % 50 + 1 };
        let hold = if customer == 0 { 12_000_000 } else { 1_000_000 };
        let first = usize::from(free[1] < free[0]);
        let got = free[first].max(at + 1_000);
        free[first] = got + hold;
        let span = |id: u64, name: &str, range: (i64, i64)| Span {
            trace_id,
            span_id: SpanId(id.to_be_bytes()),
            parent_span_id: (id > 1).then(|| SpanId(1u64.to_be_bytes())),
            name: name.into(),
            kind: if id > 1 { SpanKind::Client } else { SpanKind::Server },
            start: UnixNanos(range.0),
            end: Some(UnixNanos(range.1)),
            resource: Arc::clone(&resource),
            ..Span::default()
        };
        let mut root = span(1, "POST /screen", (at, got + hold));
        root.attributes = thin_vec![
            ("customer".into(), Value::from(format!("customer {customer}"))),
            ("parcels".into(), Value::from((number * 31 % 17) as i64)),
            ("region".into(), Value::from(["north", "south", "west"][number as usize % 3])),
        ];
        let mut spans = vec![root, span(2, "connect", (at + 500, got))];
        let step = hold / 8;
        spans.extend(
            (0..8).map(|call| span(3 + call, "SELECT", (got + call as i64 * step, got + (call as i64 + 1) * step))),
        );
        Trace { trace_id, spans, ..Trace::default() }
    };
    (0..count).map(&mut request).collect()
}

fn chain(count: u64) -> Trace {
    let spans = (1..=count).map(|number| Span {
        span_id: SpanId(number.to_be_bytes()),
        parent_span_id: (number > 1).then(|| SpanId((number - 1).to_be_bytes())),
        start: UnixNanos(number as i64),
        end: Some(UnixNanos(4 * count as i64 - number as i64)),
        ..Span::default()
    });
    Trace { spans: spans.collect(), ..Trace::default() }
}
