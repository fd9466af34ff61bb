//! A made-up web shop of twelve services, and the traces it would send.
//!
//! Shapes, attribute keys and value sizes follow what OpenTelemetry's SDKs and instrumentations send for HTTP, SQL,
//! RPC, messaging and GenAI calls. A trace has 5 to 40 spans; durations are log-normal; one request in fifty fails.

use std::sync::Arc;

use kino_model::{
    Attributes, Event, Link, Resource, Scope, Span, SpanId, SpanKind, Status, StatusCode, Text, TraceId, UnixNanos,
    Value, thin_vec,
};

use crate::random::{Random, mix};

/// Makes traces, one after another.
#[derive(Debug)]
pub struct Shop {
    random: Random,
    now: UnixNanos,
    seed: u64,
    traces: u64,
    resources: Vec<Arc<Resource>>,
    scopes: [Arc<Scope>; 5],
}

/// What kind of call a span is; decides its kind, name and attributes.
#[derive(Clone, Copy, Debug)]
enum Call {
    Serve(&'static str, &'static str),
    Http(&'static str),
    Query(usize),
    Rpc(&'static str, &'static str),
    Publish(&'static str),
    Chat(&'static str),
    Work(&'static str),
}

const SERVICES: [&str; 12] = [
    "frontend",
    "cart",
    "checkout",
    "catalog",
    "pricing",
    "shipping",
    "payment",
    "email",
    "recommend",
    "search",
    "ads",
    "accounting",
];

const ROUTES: [(&str, &str); 8] = [
    ("GET", "/"),
    ("GET", "/product/{id}"),
    ("GET", "/cart"),
    ("POST", "/cart"),
    ("POST", "/checkout"),
    ("GET", "/search"),
    ("GET", "/recommendations"),
    ("POST", "/assistant"),
];

const STATEMENTS: [(&str, &str, &str); 10] = [
    (
        "SELECT",
        "products",
        "SELECT id, name, description, picture, price_units, price_nanos FROM products WHERE id = $1",
    ),
    ("SELECT", "cart_items", "SELECT product_id, quantity FROM cart_items WHERE user_id = $1 ORDER BY added_at"),
    ("INSERT", "cart_items", "INSERT INTO cart_items (user_id, product_id, quantity) VALUES ($1, $2, $3)"),
    ("DELETE", "cart_items", "DELETE FROM cart_items WHERE user_id = $1"),
    ("SELECT", "users", "SELECT id, email, locale, currency FROM users WHERE session_id = $1"),
    (
        "INSERT",
        "orders",
        "INSERT INTO orders (id, user_id, total_units, total_nanos, currency) VALUES ($1, $2, $3, $4, $5)",
    ),
    ("UPDATE", "stock", "UPDATE stock SET quantity = quantity - $1 WHERE product_id = $2 AND quantity >= $1"),
    ("SELECT", "rates", "SELECT rate FROM rates WHERE currency = $1"),
    (
        "SELECT",
        "products",
        "SELECT id, name, rank FROM products WHERE to_tsvector(name) @@ plainto_tsquery($1) LIMIT 20",
    ),
    ("SELECT", "campaigns", "SELECT id, text, url FROM campaigns WHERE category = ANY($1)"),
];

const STACK: &str = "Traceback (most recent call last):\n  File \"/srv/shop/payment/app.py\", line 84, in charge\n    \
    return gateway.charge(card, amount)\n  File \"/srv/shop/payment/gateway.py\", line 31, in charge\n    raise \
    CardDeclined(card.brand)\npayment.errors.CardDeclined: card declined by issuer";

impl Shop {
    /// A shop that opens at `now`.
    pub fn new(seed: u64, now: UnixNanos) -> Self {
        let scope = |name: &str, version: &str| {
            Arc::new(Scope { name: name.into(), version: version.into(), ..Scope::default() })
        };
        Self {
            random: Random::new(seed),
            now,
            seed,
            traces: 0,
            resources: SERVICES.iter().enumerate().map(|(index, name)| Arc::new(resource(index, name))).collect(),
            scopes: [
                scope("@opentelemetry/instrumentation-http", "0.57.2"),
                scope("opentelemetry.instrumentation.psycopg", "0.51b0"),
                scope("go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc", "0.59.0"),
                scope("opentelemetry.instrumentation.openai_v2", "2.1b0"),
                scope("shop", "1.4.0"),
            ],
        }
    }

    /// The next trace's spans, parents before children. The shop's time moves on by about a millisecond.
    pub fn next_trace(&mut self) -> Vec<Span> {
        self.traces += 1;
        let high = mix(self.seed ^ mix(self.traces));
        let low = mix(high ^ self.traces);
        let mut id = [0; 16];
        id[..8].copy_from_slice(&high.to_be_bytes());
        id[8..].copy_from_slice(&low.to_be_bytes());
        let mut trace =
            TraceInMaking { id: TraceId(id), spans: Vec::with_capacity(24), failed: self.random.chance(0.02) };
        self.now = UnixNanos(self.now.0 + 200_000 + self.random.below(1_600_000) as i64);
        let (method, route) = ROUTES[self.random.below(ROUTES.len() as u64) as usize];
        self.call(&mut trace, 0, None, Call::Serve(method, route), self.now);
        trace.spans
    }

    /// Adds a span for `call` made by the service at `service`, with everything under it. Returns when it ended.
    fn call(
        &mut self,
        trace: &mut TraceInMaking,
        service: usize,
        parent: Option<usize>,
        call: Call,
        at: UnixNanos,
    ) -> UnixNanos {
        let index = trace.spans.len();
        let parent_span_id = parent.map(|parent| trace.spans[parent].span_id);
        let span_id = SpanId((self.random.bits() | 1).to_be_bytes());
        trace.spans.push(Span {
            trace_id: trace.id,
            span_id,
            parent_span_id,
            start: at,
            flags: 0x101,
            resource: Arc::clone(&self.resources[service]),
            ..Span::default()
        });
        let mut clock = UnixNanos(at.0 + self.work_nanos(40_000.0));
        for (service, child) in self.children(service, call) {
            clock = self.call(trace, service, Some(index), child, clock);
            clock = UnixNanos(clock.0 + self.work_nanos(15_000.0));
        }
        let end = UnixNanos(clock.0 + self.work_nanos(own_time_nanos(call)));
        let fails = trace.failed && matches!(call, Call::Rpc(_, "Charge") | Call::Serve(_, "/search") | Call::Chat(_));
        let span = &mut trace.spans[index];
        span.end = Some(end);
        self.describe(trace, index, call, fails);
        end
    }

    fn work_nanos(&mut self, median: f64) -> i64 {
        self.random.log_normal(median, 0.5) as i64
    }

    /// What `call` calls in its turn: the callee's service and call.
    fn children(&mut self, service: usize, call: Call) -> Vec<(usize, Call)> {
        let many = |count: u64, child: (usize, Call)| std::iter::repeat_n(child, count as usize);
        match call {
            Call::Serve(_, "/cart") => {
                let items = 1 + self.random.below(4);
                let mut calls = vec![(service, Call::Rpc("CartService", "GetCart"))];
                calls.extend(many(items, (service, Call::Rpc("CatalogService", "GetProduct"))));
                calls.push((service, Call::Rpc("ShippingService", "GetQuote")));
                calls
            }
            Call::Serve(_, "/checkout") => vec![(service, Call::Rpc("CheckoutService", "PlaceOrder"))],
            Call::Serve(_, "/search") => vec![(service, Call::Http("http://search:8080/v1/search"))],
            Call::Serve(_, "/assistant") => {
                let turns = 1 + self.random.below(3);
                let mut calls = vec![(service, Call::Rpc("CartService", "GetCart"))];
                calls.extend(many(turns, (8, Call::Chat("gpt-5-mini"))));
                calls
            }
            Call::Serve(..) => vec![
                (service, Call::Rpc("CatalogService", "ListProducts")),
                (service, Call::Rpc("AdService", "GetAds")),
                (service, Call::Http("http://recommend:8080/v1/recommend")),
            ],
            Call::Http(url) if url.contains("search") => vec![(9, Call::Query(8))],
            Call::Http(_) => vec![(8, Call::Work("rank")), (8, Call::Query(0))],
            Call::Rpc(_, "GetCart") => vec![(1, Call::Query(4)), (1, Call::Query(1))],
            Call::Rpc(_, "GetProduct" | "ListProducts") => vec![(3, Call::Query(0))],
            Call::Rpc(_, "GetAds") => vec![(10, Call::Query(9))],
            Call::Rpc(_, "GetQuote") => vec![(4, Call::Query(7))],
            Call::Rpc(_, "PlaceOrder") => {
                let items = 1 + self.random.below(5);
                let mut calls = vec![(2, Call::Rpc("CartService", "GetCart"))];
                calls.extend(many(items, (2, Call::Query(6))));
                calls.extend([
                    (2, Call::Rpc("ShippingService", "GetQuote")),
                    (6, Call::Rpc("PaymentService", "Charge")),
                    (2, Call::Query(5)),
                    (1, Call::Query(3)),
                    (2, Call::Publish("orders")),
                    (7, Call::Http("http://email:8080/v1/confirmations")),
                ]);
                calls
            }
            _ => Vec::new(),
        }
    }

    fn describe(&mut self, trace: &mut TraceInMaking, index: usize, call: Call, fails: bool) {
        let request = self.random.bits();
        let (name, kind, scope, mut attributes) = match call {
            Call::Serve(method, route) => serve(&mut self.random, method, route, fails),
            Call::Http(url) => http(&mut self.random, url),
            Call::Query(statement) => query(statement),
            Call::Rpc(service, method) => rpc(service, method, fails),
            Call::Publish(topic) => publish(topic, request),
            Call::Chat(model) => chat(&mut self.random, model),
            Call::Work(name) => (
                name.into(),
                SpanKind::Internal,
                4,
                thin_vec![("shop.candidates".into(), Value::Int(self.random.below(200) as i64))],
            ),
        };
        attributes.push(("thread.id".into(), Value::Int(1 + self.random.below(16) as i64)));
        let span = &mut trace.spans[index];
        (span.name, span.kind, span.attributes) = (name, kind, attributes);
        span.scope = Arc::clone(&self.scopes[scope]);
        if let Call::Publish(_) = call {
            span.links.push(Link {
                trace_id: span.trace_id,
                span_id: SpanId(request.to_be_bytes()),
                ..Link::default()
            });
        }
        if fails {
            let message = "card declined by issuer";
            span.status = Status { code: StatusCode::Error, message: message.into() };
            span.events.push(Event {
                time: span.end.unwrap_or(span.start),
                name: "exception".into(),
                attributes: thin_vec![
                    ("exception.type".into(), Value::from("payment.errors.CardDeclined")),
                    ("exception.message".into(), Value::from(message)),
                    ("exception.stacktrace".into(), Value::from(STACK)),
                ],
                ..Event::default()
            });
        }
    }
}

#[derive(Debug)]
struct TraceInMaking {
    id: TraceId,
    spans: Vec<Span>,
    failed: bool,
}

type Description = (Text, SpanKind, usize, Attributes);

fn own_time_nanos(call: Call) -> f64 {
    match call {
        Call::Query(8) => 6_000_000.0,
        Call::Query(_) => 700_000.0,
        Call::Chat(_) => 900_000_000.0,
        Call::Rpc(_, "Charge") => 45_000_000.0,
        Call::Http(_) => 3_000_000.0,
        _ => 250_000.0,
    }
}

fn serve(random: &mut Random, method: &str, route: &str, fails: bool) -> Description {
    let path = route.replace("{id}", &format!("{:08X}", random.below(10_000)));
    let attributes = thin_vec![
        text("http.request.method", method),
        text("url.path", &path),
        text("url.scheme", "http"),
        text("server.address", "shop.example"),
        ("server.port".into(), Value::Int(8080)),
        text("http.route", route),
        text("client.address", &format!("10.8.{}.{}", random.below(256), random.below(256))),
        text("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0"),
        text("session.id", &format!("{:016x}", random.below(50_000).wrapping_mul(0x9e37_79b9_7f4a_7c15))),
        ("http.response.status_code".into(), Value::Int(if fails { 500 } else { 200 })),
    ];
    (format!("{method} {route}").into(), SpanKind::Server, 0, attributes)
}

fn http(random: &mut Random, url: &str) -> Description {
    let host = url.split('/').nth(2).unwrap_or_default().split(':').next().unwrap_or_default();
    let attributes = thin_vec![
        text("http.request.method", "POST"),
        text("url.full", url),
        text("server.address", host),
        ("server.port".into(), Value::Int(8080)),
        ("http.request.body.size".into(), Value::Int(random.below(4_000) as i64)),
        ("http.response.status_code".into(), Value::Int(200)),
    ];
    ("POST".into(), SpanKind::Client, 0, attributes)
}

fn query(statement: usize) -> Description {
    let (operation, table, statement) = STATEMENTS[statement];
    let attributes = thin_vec![
        text("db.system", "postgresql"),
        text("db.name", "shop"),
        text("db.statement", statement),
        text("db.user", "shop"),
        text("net.peer.name", "postgres"),
        ("net.peer.port".into(), Value::Int(5432)),
    ];
    (format!("{operation} {table}").into(), SpanKind::Client, 1, attributes)
}

fn rpc(service: &str, method: &str, fails: bool) -> Description {
    let attributes = thin_vec![
        text("rpc.system", "grpc"),
        text("rpc.service", &format!("shop.v1.{service}")),
        text("rpc.method", method),
        text("server.address", &service.to_lowercase()),
        ("server.port".into(), Value::Int(50_051)),
        ("rpc.grpc.status_code".into(), Value::Int(if fails { 9 } else { 0 })),
    ];
    (format!("shop.v1.{service}/{method}").into(), SpanKind::Client, 2, attributes)
}

fn publish(topic: &str, request: u64) -> Description {
    let attributes = thin_vec![
        text("messaging.system", "kafka"),
        text("messaging.destination.name", topic),
        text("messaging.operation.type", "send"),
        text("messaging.message.id", &format!("{request:016x}")),
    ];
    (format!("send {topic}").into(), SpanKind::Producer, 4, attributes)
}

fn chat(random: &mut Random, model: &str) -> Description {
    let attributes = thin_vec![
        text("gen_ai.operation.name", "chat"),
        text("gen_ai.provider.name", "openai"),
        text("gen_ai.request.model", model),
        ("gen_ai.request.temperature".into(), Value::Double(0.2)),
        ("gen_ai.usage.input_tokens".into(), Value::Int(400 + random.below(6_000) as i64)),
        ("gen_ai.usage.output_tokens".into(), Value::Int(20 + random.below(800) as i64)),
        ("gen_ai.response.finish_reasons".into(), Value::Array(thin_vec![Value::from("stop")])),
    ];
    (format!("chat {model}").into(), SpanKind::Client, 3, attributes)
}

fn resource(index: usize, name: &str) -> Resource {
    let language = ["nodejs", "python", "go", "java"][index % 4];
    Resource {
        attributes: thin_vec![
            text("service.name", name),
            text("service.version", "1.4.0"),
            text("service.instance.id", &format!("{:08x}-0000-4000-8000-{:012x}", mix(index as u64) as u32, index)),
            text("deployment.environment.name", "staging"),
            text("host.name", &format!("node-{}", index % 3)),
            ("process.pid".into(), Value::Int(100 + index as i64)),
            text("telemetry.sdk.language", language),
            text("telemetry.sdk.name", "opentelemetry"),
            text("telemetry.sdk.version", "1.38.0"),
        ],
        ..Resource::default()
    }
}

fn text(key: &str, value: &str) -> (Text, Value) {
    (key.into(), Value::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_are_whole_and_repeat_from_the_seed() {
        let traces = |seed| {
            let mut shop = Shop::new(seed, UnixNanos(1_000_000_000));
            (0..500).map(|_| shop.next_trace()).collect::<Vec<_>>()
        };
        assert_eq!(traces(7), traces(7));
        assert_ne!(traces(7), traces(8));
        let mut errors = 0;
        for spans in traces(7) {
            assert!((3..=60).contains(&spans.len()), "{}", spans.len());
            assert_eq!(spans.iter().filter(|span| span.parent_span_id.is_none()).count(), 1);
            for span in &spans {
                assert!(span.end.unwrap() >= span.start);
                assert!(span.parent_span_id.is_none_or(|parent| spans.iter().any(|other| other.span_id == parent)));
                errors += u32::from(span.is_error());
            }
        }
        assert!(errors > 0, "some requests fail");
    }
}
