//! Suspects in whatever way a system was recorded: a small shop of five services, and one fault of one of them.
//!
//! ```text
//!  front ─► shop ─┬─► stock
//!                 ├─► price
//!                 └─► gifts    in one request of twenty
//! ```

use std::sync::Arc;

use kino_model::{Attributes, Event, LogRecord, Resource, Trace, UnixNanos, Value, thin_vec};

use super::{compare, executions};
use crate::compare::{Comparison, Design, LooseLines, compare_with};
use crate::execution::EntrySpans;
use crate::testing::{MILLI, Random, traces, trees};

mod larger;
mod unproven;

/// How the system is recorded.
#[derive(Clone, Copy)]
struct Shape {
    /// Whether callers have spans of their calls, and callees of being called.
    clients: bool,
    servers: bool,
    /// Whether spans say what kind they are.
    kinds: bool,
    /// By how many milliseconds the clock of `stock` is ahead.
    skew: f64,
    /// Requests.
    count: usize,
    /// Milliseconds between two requests.
    apart: f64,
}

const PAIRS: Shape = Shape { clients: true, servers: true, kinds: true, skew: 0.0, count: 120, apart: 100.0 };

/// What is wrong.
#[derive(Clone, Copy)]
enum Fault {
    Nothing,
    /// The service does this much more, in milliseconds.
    Slow(&'static str, f64),
    /// Calls of it arrive this much later.
    Late(&'static str, f64),
    /// It takes longer for its own work and to be called, and what it calls itself answers later to it.
    Starved(&'static str, f64),
    /// It answers at once in this share of its calls.
    Returns(&'static str, f64),
    /// Its calls have this attribute in half of them, and no status.
    Marked(&'static str, &'static str),
}

struct Request<'r> {
    shape: Shape,
    fault: Fault,
    random: &'r mut Random,
}

impl Request<'_> {
    /// The spans of one call from its arrival on, and its end.
    fn serve(&mut self, service: &str, at: f64, depth: usize) -> (f64, Vec<String>) {
        let callees: &[&str] = match service {
            "front" => &["shop"],
            "shop" if self.random.below(20) == 0 => &["stock", "price", "gifts"],
            "shop" => &["stock", "price"],
            _ => &[],
        };
        let mut own = 8.0 * (0.2 * self.random.normal()).exp();
        let mut callees = callees;
        match self.fault {
            Fault::Slow(its, more) | Fault::Starved(its, more) if its == service => own += more,
            Fault::Returns(its, share) if its == service && self.random.uniform() < share => {
                own = 0.5;
                callees = &[];
            }
            _ => {}
        }
        let marked = match self.fault {
            Fault::Marked(its, mark) if its == service && self.random.below(2) == 0 => format!(" {mark}"),
            _ => String::new(),
        };
        let mut now = at + own / 2.0;
        let mut below = Vec::new();
        let inner = depth + usize::from(self.shape.servers || depth == 0);
        for callee in callees {
            let (end, lines) = self.call(service, callee, now, inner);
            below.extend(lines);
            now = end;
        }
        let end = now + own / 2.0;
        if !self.shape.servers && depth > 0 {
            return (end, below);
        }
        let skew = if service == "stock" { self.shape.skew } else { 0.0 };
        let kind = if self.shape.kinds { " kind=server" } else { "" };
        let pad = " ".repeat(depth);
        let mut lines = vec![format!("{pad}/{service} {}..{} @{service}{kind}{marked}", at + skew, end + skew)];
        lines.extend(below);
        (end, lines)
    }

    fn call(&mut self, service: &str, callee: &str, now: f64, depth: usize) -> (f64, Vec<String>) {
        let mut gap = 1.0 * (0.3 * self.random.normal()).exp();
        match self.fault {
            Fault::Late(its, more) if its == callee => gap += more,
            Fault::Starved(its, more) if its == callee || its == service => gap += more,
            _ => {}
        }
        let inner = depth + usize::from(self.shape.clients);
        let (end, below) = self.serve(callee, now + gap / 2.0, inner);
        let end = end + gap / 2.0;
        if !self.shape.clients {
            return (end, below);
        }
        let kind = if self.shape.kinds { " kind=client" } else { "" };
        let mut lines = vec![format!("{}call {callee} {now}..{end} @{service}{kind}", " ".repeat(depth))];
        lines.extend(below);
        (end, lines)
    }
}

fn window(shape: Shape, seed: u64, fault: Fault) -> Vec<Trace> {
    let mut random = Random(seed);
    let text: Vec<String> = (0..shape.count)
        .map(|at| {
            let mut request = Request { shape, fault, random: &mut random };
            request.serve("front", at as f64 * shape.apart + 1_000.0, 0).1.join("\n")
        })
        .collect();
    let mut window = traces(&text.join("\n---\n"));
    for (trace, number) in window.iter_mut().zip(seed * 10_000..) {
        trace.trace_id.0[..8].copy_from_slice(&number.to_be_bytes());
    }
    window
}

fn compared(before: &[Trace], after: &[Trace], lines: [&LooseLines; 2]) -> Comparison {
    let (before, after) = (trees(before), trees(after));
    let design = Design { lines, ..Design::default() };
    compare_with(&executions(&before, EntrySpans::Outermost), &executions(&after, EntrySpans::Outermost), &design)
}

/// The service of the first suspect.
fn first(shape: Shape, fault: Fault) -> String {
    let (before, after) = (window(shape, 1, Fault::Nothing), window(shape, 2, fault));
    let comparison = compare_windows(&before, &after);
    comparison.suspects.first().map(|suspect| suspect.service.clone()).unwrap_or_default()
}

fn compare_windows(before: &[Trace], after: &[Trace]) -> Comparison {
    let (before, after) = (trees(before), trees(after));
    compare(&executions(&before, EntrySpans::Outermost), &executions(&after, EntrySpans::Outermost))
}

#[test]
fn the_service_is_found_whichever_spans_there_are() {
    let servers = Shape { clients: false, ..PAIRS };
    let no_kinds = Shape { kinds: false, ..PAIRS };
    let neither = Shape { clients: false, kinds: false, ..PAIRS };
    for (name, shape) in [("pairs", PAIRS), ("servers", servers), ("no kinds", no_kinds), ("neither", neither)] {
        for service in ["front", "shop", "stock", "price"] {
            assert_eq!(first(shape, Fault::Slow(service, 20.0)), service, "{name}, slow");
        }
        assert_eq!(first(shape, Fault::Returns("shop", 0.5)), "shop", "{name}, returns early");
    }
    for (name, shape) in [("pairs", PAIRS), ("no kinds", no_kinds)] {
        for service in ["shop", "stock", "price"] {
            assert_eq!(first(shape, Fault::Late(service, 30.0)), service, "{name}, late");
        }
        for service in ["front", "shop", "stock"] {
            assert_eq!(first(shape, Fault::Starved(service, 20.0)), service, "{name}, starved");
        }
    }
}

#[test]
fn a_caller_whose_callees_have_no_spans_is_suspected_for_their_call() {
    let clients = Shape { servers: false, ..PAIRS };
    let (before, after) = (window(clients, 1, Fault::Nothing), window(clients, 2, Fault::Slow("stock", 30.0)));
    let suspects = compare_windows(&before, &after).suspects;
    assert_eq!(suspects.first().map(|it| it.name.as_str()), Some("call stock"), "{suspects:?}");
}

#[test]
fn clocks_that_differ_change_nothing() {
    for skew in [-500.0, -12.0, 12.0, 500.0] {
        for clients in [true, false] {
            let shape = Shape { clients, skew, ..PAIRS };
            for service in ["shop", "stock", "price"] {
                assert_eq!(first(shape, Fault::Slow(service, 20.0)), service, "{skew} {clients}");
            }
            let same = compare_windows(&window(shape, 3, Fault::Nothing), &window(shape, 4, Fault::Nothing));
            assert!(same.suspects.is_empty(), "{skew} {clients}: {:?}", same.suspects);
        }
    }
}

#[test]
fn windows_of_minutes_show_as_much_as_windows_of_seconds() {
    for minutes in [2.5, 4.0, 30.0] {
        let shape = Shape { apart: minutes * 60_000.0 / 120.0, ..PAIRS };
        assert_eq!(first(shape, Fault::Slow("price", 6.0)), "price", "{minutes}");
        assert_eq!(first(shape, Fault::Nothing), "", "{minutes}");
    }
}

#[test]
fn an_answer_that_comes_too_early_from_a_leaf_is_suspected() {
    assert_eq!(first(PAIRS, Fault::Returns("stock", 0.6)), "stock");
    let minutes = Shape { apart: 2_000.0, ..PAIRS };
    assert_eq!(first(minutes, Fault::Returns("stock", 0.6)), "stock");
}

#[test]
fn failures_count_whether_or_not_they_have_a_status() {
    let marks = ["!", "error=true", "rpc.grpc.status_code=13", "http.status_code=503", "http.response.status_code=500"];
    for mark in marks {
        assert_eq!(first(PAIRS, Fault::Marked("stock", mark)), "stock", "{mark}");
    }
    assert_eq!(first(PAIRS, Fault::Marked("stock", "rpc.grpc.status_code=5")), "", "not found is an answer");
}

#[test]
fn few_requests_and_a_service_in_one_of_twenty_are_enough_for_a_large_fault() {
    assert_eq!(first(Shape { count: 25, ..PAIRS }, Fault::Slow("stock", 60.0)), "stock");
    assert_eq!(first(Shape { count: 240, ..PAIRS }, Fault::Slow("gifts", 200.0)), "gifts");
}

/// Adds a line of each service to each trace, by `log` or to `loose`.
fn log(
    window: &mut [Trace],
    random: &mut Random,
    names_trace: bool,
    what: impl Fn(&str, u64) -> Option<String>,
) -> LooseLines {
    let mut loose = LooseLines::new();
    for trace in window.iter_mut() {
        let spans: Vec<_> = trace.spans.iter().map(|span| (span.service().to_owned(), span.start)).collect();
        let mut seen: Vec<String> = Vec::new();
        for (service, start) in spans {
            if seen.contains(&service) {
                continue;
            }
            let number = random.below(1_000_000);
            if let Some(text) = what(&service, number) {
                let attributes: Attributes = thin_vec![("service.name".into(), Value::from(service.as_str()))];
                let record = LogRecord {
                    trace_id: names_trace.then_some(trace.trace_id),
                    event: Event { time: UnixNanos(start.0 + MILLI), ..Event::default() },
                    body: Value::from(text.as_str()),
                    resource: Arc::new(Resource { attributes, ..Resource::default() }),
                    ..LogRecord::default()
                };
                if names_trace { trace.logs.push(record) } else { loose.add(&record) }
            }
            seen.push(service);
        }
    }
    loose
}

#[test]
fn a_line_that_no_longer_comes_is_found_whatever_it_names() {
    for json in [false, true] {
        for names_trace in [true, false] {
            let text = |service: &str, number: u64, what: &str| {
                let message = format!("{service} {what} order {number} of user-{number:x}");
                if json { format!(r#"{{"level":"info","message":"{message}","at":{number}}}"#) } else { message }
            };
            let usual = |service: &str, number: u64| Some(text(service, number, "handled"));
            let faulty = |service: &str, number: u64| match (service, number % 2) {
                ("price", 0) => Some(text(service, number, "refused")),
                _ => usual(service, number),
            };
            let mut windows = [1, 2, 3].map(|seed| window(PAIRS, seed, Fault::Nothing));
            let mut random = Random(9);
            let [before, same, after] = windows.each_mut();
            let lines = [
                log(before, &mut random, names_trace, usual),
                log(same, &mut random, names_trace, usual),
                log(after, &mut random, names_trace, faulty),
            ];
            let unchanged = compared(&windows[0], &windows[1], [&lines[0], &lines[1]]);
            assert!(unchanged.suspects.is_empty(), "{:?}", unchanged.suspects);
            let changed = compared(&windows[0], &windows[2], [&lines[0], &lines[2]]);
            let first = changed.suspects.first().map(|suspect| (suspect.service.as_str(), suspect.shown));
            assert_eq!(first, Some(("price", true)), "json {json}, trace {names_trace}: {:?}", changed.suspects);
        }
    }
}

#[test]
fn lines_that_name_no_trace_are_as_deep_as_their_service() {
    let usual = |service: &str, number: u64| Some(format!("{service} handled order {number}"));
    // Its callers, too, say less of what they did.
    let faulty = |service: &str, number: u64| match (service, number % 3) {
        ("price" | "shop" | "front", 1..) => None,
        _ => usual(service, number),
    };
    let mut windows = [1, 2].map(|seed| window(PAIRS, seed, Fault::Nothing));
    let mut random = Random(9);
    let [before, after] = windows.each_mut();
    let lines = [log(before, &mut random, false, usual), log(after, &mut random, false, faulty)];
    let suspects = compared(&windows[0], &windows[1], [&lines[0], &lines[1]]).suspects;
    assert_eq!(suspects.first().map(|it| it.service.as_str()), Some("price"), "{suspects:?}");
    assert!(suspects.len() >= 3, "{suspects:?}");
}

#[test]
fn calls_under_one_name_differ_by_who_answers_and_names_with_ids_are_one() {
    // Each client span is called `GET`, and each server span has an id of its own.
    let renamed = |mut window: Vec<Trace>| {
        for (number, trace) in window.iter_mut().enumerate() {
            for span in &mut trace.spans {
                let is_call = span.name.starts_with("call ");
                span.name = if is_call { "GET".into() } else { format!("{}/{number}f", span.name).into() };
            }
        }
        window
    };
    let usual = renamed(window(PAIRS, 1, Fault::Nothing));
    for service in ["front", "shop", "stock", "price"] {
        let suspects = compare_windows(&usual, &renamed(window(PAIRS, 2, Fault::Slow(service, 20.0)))).suspects;
        let first = suspects.first().map(|it| (it.service.as_str(), it.name.starts_with('/'), it.shown));
        assert_eq!(first, Some((service, true, true)), "{suspects:?}");
    }
    assert!(compare_windows(&usual, &renamed(window(PAIRS, 3, Fault::Nothing))).suspects.is_empty());
    // A call without an answer is the fault of who used to answer it, also where the other one answered last.
    let silent = |callee: &'static str| {
        let mut window = renamed(window(PAIRS, 2, Fault::Nothing));
        for trace in &mut window {
            let server = trace.spans.iter().position(|span| span.service() == callee);
            let Some(client) = server.map(|at| trace.spans.remove(at).parent_span_id) else { continue };
            let client = trace.spans.iter_mut().find(|span| Some(span.span_id) == client).unwrap();
            client.status.code = kino_model::StatusCode::Error;
        }
        addressed(window)
    };
    for callee in ["stock", "price"] {
        let suspects = compare_windows(&addressed(usual.clone()), &silent(callee)).suspects;
        assert_eq!(suspects.first().map(|it| it.service.as_str()), Some(callee), "{suspects:?}");
    }
}

/// Gives each call the address that it goes to: the first of a parent to `stock`, the second to `price`.
fn addressed(mut window: Vec<Trace>) -> Vec<Trace> {
    for trace in &mut window {
        let mut hosts = ["stock", "price", "gifts"].into_iter();
        for span in trace.spans.iter_mut().filter(|span| &*span.name == "GET" && span.service() == "shop") {
            let url = format!("http://{}:8080/of/7", hosts.next().unwrap_or_default());
            span.attributes.push(("url.full".into(), Value::from(url.as_str())));
        }
    }
    window
}
