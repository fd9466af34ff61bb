//! One finding for one cause: time that several operations share and nothing explains, and the same calls that several
//! operations repeat, and the same exception in several.

#![expect(clippy::unwrap_used, reason = "a test fails where its helpers do")]

use std::sync::Arc;

use kino_engine::{Encoding, Engine, EngineConfig, Signal};
use kino_model::{Event, Resource, Span, SpanId, SpanKind, StatusCode, TraceId, UnixNanos, Value, thin_vec};
use kino_testkit::{TestClock, otlp};
use kino_wire::Backend;
use serde_json::{Value as Json, json};

const NOW: i64 = 1_790_000_000_000_000_000;
const MILLI: i64 = 1_000_000;

/// A request of `millis` milliseconds, the last of which is a call to its database.
fn request(number: u64, name: &str, millis: i64) -> Vec<Span> {
    let mut id = [7; 16];
    id[8..].copy_from_slice(&number.to_be_bytes());
    let start = NOW + number as i64 * 1_000 * MILLI;
    let resource =
        Resource { attributes: thin_vec![("service.name".into(), Value::from("shop"))], ..Resource::default() };
    let span = |span_id: u8, name: &str, kind: SpanKind, from: i64, until: i64| Span {
        trace_id: TraceId(id),
        span_id: SpanId([span_id; 8]),
        name: name.into(),
        kind,
        start: UnixNanos(start + from * MILLI),
        end: Some(UnixNanos(start + until * MILLI)),
        resource: Arc::new(resource.clone()),
        ..Span::default()
    };
    let select = span(2, "SELECT", SpanKind::Client, millis - 1, millis);
    vec![span(1, name, SpanKind::Server, 0, millis), Span { parent_span_id: Some(SpanId([1; 8])), ..select }]
}

/// The same request with eight reads of the rights of a menu's entries.
fn with_menu(number: u64, name: &str, millis: i64) -> Vec<Span> {
    let mut spans = request(number, name, millis);
    for entry in 0..8 {
        let mut read = spans[1].clone();
        let start = spans[0].start.0 + entry * 3 * MILLI;
        read.span_id = SpanId([10 + entry as u8; 8]);
        (read.start, read.end) = (UnixNanos(start), Some(UnixNanos(start + 2 * MILLI)));
        let statement = format!("SELECT view FROM permission WHERE menu = {entry}");
        read.attributes.push(("db.query.text".into(), Value::from(statement)));
        spans.push(read);
    }
    spans
}

/// The same request, which fails where its page is rendered.
fn failing(number: u64, name: &str, millis: i64) -> Vec<Span> {
    raising("KeyError", number, name, millis)
}

/// The same, where the page of the cart fails otherwise.
fn failing_apart(number: u64, name: &str, millis: i64) -> Vec<Span> {
    raising(if name == "GET /cart" { "ValueError" } else { "KeyError" }, number, name, millis)
}

fn raising(exception_type: &str, number: u64, name: &str, millis: i64) -> Vec<Span> {
    let mut spans = request(number, name, millis);
    let stack = "Traceback:\n  File \"/srv/shop/pages.py\", line 12, in render\n    footer()\n  File \"/srv/shop/footer.py\", line 3, in footer";
    let attributes = thin_vec![
        ("exception.type".into(), Value::from(exception_type)),
        ("exception.message".into(), Value::from("year")),
        ("exception.stacktrace".into(), Value::from(stack)),
    ];
    spans[0].status.code = StatusCode::Error;
    let time = spans[0].start;
    spans[0].events.push(Event { name: "exception".into(), time, attributes, ..Event::default() });
    spans
}

/// The findings that open after twice five executions of each of these operations, given with their milliseconds.
async fn opened(operations: &[(&str, i64)]) -> Vec<Json> {
    opened_of(operations, request).await
}

async fn opened_of(operations: &[(&str, i64)], request: fn(u64, &str, i64) -> Vec<Span>) -> Vec<Json> {
    let folder = tempfile::tempdir().unwrap();
    let mut config: EngineConfig = serde_json::from_str("{}").unwrap();
    folder.path().clone_into(&mut config.home);
    let clock = Arc::new(TestClock::at(UnixNanos(NOW)));
    let engine = Engine::open(config, "0.0.1-test", Arc::clone(&clock) as _).await.unwrap().0;
    let all = operations.iter().flat_map(|operation| [*operation; 5]).enumerate();
    let mut answer = Json::Null;
    // Twice: an operation that is judged before the others are known is judged again with its next executions.
    for round in 0..2 {
        let request =
            |(number, (name, millis)): (usize, (&str, i64))| request(round * 1_000 + number as u64, name, millis);
        let spans: Vec<Span> = all.clone().flat_map(request).collect();
        engine.ingest(Signal::Traces, otlp::traces_request(&spans).into(), Encoding::Protobuf).await.unwrap();
        clock.advance_nanos(2_000_000 * MILLI);
        answer = engine.ask_json("insights", json!({ "wait_millis": 20_000 })).await.unwrap();
    }
    engine.close().await.unwrap();
    answer["items"].as_array().unwrap().clone()
}

const PAGES: [(&str, i64); 6] =
    [("GET /", 3), ("GET /about", 5), ("GET /cart", 20), ("GET /help", 9), ("GET /items", 60), ("GET /news", 40)];

#[tokio::test(flavor = "multi_thread")]
async fn what_sets_operations_apart_is_opened_once_and_names_all() {
    let slow = [("GET /api/items", 310), ("GET /api/orders", 350), ("POST /api/orders", 290)];
    let found = opened(&[&PAGES[..], &slow[..]].concat()).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["code"], "dead_time");
    let remarks = found[0]["remarks"].to_string();
    let entry = found[0]["entry"]["name"].as_str().unwrap();
    for (name, _) in slow {
        assert!(name == entry || remarks.contains(name), "{name}: {remarks}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_all_operations_take_is_opened_of_none() {
    let slow: Vec<(&str, i64)> = PAGES.iter().map(|(name, millis)| (*name, millis + 200)).collect();
    assert_eq!(opened(&slow).await, Vec::<Json>::new());
    assert_eq!(opened(&[("GET /", 300)]).await, Vec::<Json>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_several_operations_repeat_are_listed_once_and_name_all() {
    let pages = [("GET /about", 40), ("GET /cart", 50), ("GET /help", 45)];
    let found = opened_of(&pages, with_menu).await;
    let codes: Vec<&str> = found.iter().map(|it| it["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["n_plus_one"], "{found:?}");
    let also_in = found[0]["also_in"].as_array().unwrap();
    let mut names: Vec<&str> = also_in.iter().map(|it| it["entry"]["name"].as_str().unwrap()).collect();
    names.push(found[0]["entry"]["name"].as_str().unwrap());
    names.sort_unstable();
    assert_eq!(names, pages.map(|(name, _)| name));
    assert_ne!(also_in[0]["fingerprint"], found[0]["fingerprint"], "each keeps its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_exception_of_several_operations_is_listed_once_and_names_all() {
    let pages = [("GET /about", 40), ("GET /cart", 50), ("GET /help", 45)];
    let found = opened_of(&pages, failing).await;
    let codes: Vec<&str> = found.iter().map(|it| it["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["error_cluster"], "{found:?}");
    assert_eq!(found[0]["also_in"].as_array().unwrap().len(), 2, "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn different_exceptions_are_listed_apart() {
    let found = opened_of(&[("GET /about", 40), ("GET /cart", 50), ("GET /help", 45)], failing_apart).await;
    let also_in: Vec<usize> = found.iter().map(|it| it["also_in"].as_array().map_or(0, Vec::len)).collect();
    assert_eq!(also_in.iter().sum::<usize>(), 1, "{found:?}");
    assert_eq!(found.len(), 2, "{found:?}");
}
