//! Failures as recorded, and where they are said to begin.

use kino_model::{Event, UnixNanos, Value, thin_vec};

use super::*;
use crate::testing::{MILLI, trace};
use crate::{EntrySpans, executions};

/// Records an exception with a stack on the span of that name, at a time in milliseconds.
fn raise(trace: &mut Trace, name: &str, at: i64, kind: &str, message: &str, stack: &str) {
    let span = trace.spans.iter_mut().find(|span| span.name == name).unwrap();
    let attributes = thin_vec![
        ("exception.type".into(), Value::from(kind)),
        ("exception.message".into(), Value::from(message)),
        ("exception.stacktrace".into(), Value::from(stack)),
    ];
    let time = UnixNanos(at * MILLI);
    span.events.push(Event { name: "exception".into(), time, attributes, ..Event::default() });
}

fn read(trace: &Trace) -> Option<Failure> {
    let tree = Tree::new(trace);
    let trees = [tree];
    failure(&executions(&trees, EntrySpans::Outermost)[0])
}

fn check(text: &str, cause: &str, kind: &str, message: &str) -> Failure {
    let found = read(&trace(text, 1)).unwrap();
    let it = &found.cause;
    assert_eq!((it.name.as_str(), it.error_type.as_str(), it.message.as_str()), (cause, kind, message), "{found:?}");
    found
}

#[test]
fn an_exception_that_passed_up_is_reported_at_the_innermost_span() {
    let found = check(
        "GET /cart 0..100 ! exception='KeyError:a'\n  load 10..90 ! exception='KeyError:a'\n    read 20..80 ! exception='KeyError:a'",
        "read",
        "KeyError",
        "a",
    );
    assert_eq!(found.passed, ["read", "GET /cart"]);
    assert_eq!((found.reported, found.is_handled, found.others), (None, false, 0));
}

#[test]
fn a_span_without_an_exception_hands_over_to_the_last_failed_span_below() {
    let found = check(
        "GET / 0..100 ! http.response.status_code=500\n  cache 5..10 !\n  db 20..90 ! exception='Timeout:db'",
        "db",
        "Timeout",
        "db",
    );
    assert_eq!(found.others, 1, "the cache failed by itself");
}

#[test]
fn of_attempts_that_failed_alike_the_first_is_the_cause() {
    let text = "job 0..100 !\n  call 5..10 ! exception='E:no 1'\n  call 20..30 ! exception='E:no 2'\n  call 40..50 ! exception='E:no 3'";
    check(text, "call", "E", "no 1");
}

#[test]
fn a_failure_that_was_handled_before_other_work_went_well_is_not_the_cause() {
    let mut trace = trace("GET / 0..100 !\n  cache 5..10 !\n  db 20..60", 1);
    raise(&mut trace, "GET /", 90, "ValueError", "negative", "");
    let found = read(&trace).unwrap();
    assert_eq!((found.cause.name.as_str(), found.cause.error_type.as_str()), ("GET /", "ValueError"));
    assert_eq!(found.others, 0);
}

const CHAINED: &str = r#"Traceback (most recent call last):
  File "/srv/shop/stock.py", line 7, in read
    return rows[sku]
KeyError: 'sku-7'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/srv/shop/cart.py", line 20, in checkout
    raise ShopError("no stock")
shop.ShopError: no stock
"#;

#[test]
fn a_cause_that_only_the_stack_names_is_found_with_its_frame() {
    let mut trace = trace("GET / 0..100 !\n  cache 5..10 !", 1);
    raise(&mut trace, "GET /", 90, "shop.ShopError", "no stock", CHAINED);
    let found = read(&trace).unwrap();
    let cause = found.cause;
    assert_eq!((cause.error_type.as_str(), cause.message.as_str()), ("KeyError", "'sku-7'"));
    assert!(cause.is_from_stack);
    let frame = cause.frame.unwrap();
    assert_eq!((frame.path.as_str(), frame.line, frame.function.as_str()), ("/srv/shop/stock.py", Some(7), "read"));
    assert_eq!(found.reported, Some(("shop.ShopError".to_owned(), "no stock".to_owned())));
}

#[test]
fn a_cause_that_the_stack_names_is_looked_for_among_the_spans() {
    let mut trace = trace("GET / 0..100 !\n  stock 5..10 !\n  rollback 20..30", 1);
    raise(&mut trace, "stock", 9, "KeyError", "'sku-7'", "");
    raise(&mut trace, "GET /", 90, "shop.ShopError", "no stock", CHAINED);
    let found = read(&trace).unwrap();
    assert_eq!((found.cause.name.as_str(), found.cause.is_from_stack), ("stock", false));
}

#[test]
fn a_python_exception_without_causes_is_no_echo_of_its_own_code() {
    let stack = "Traceback (most recent call last):\n  File \"/srv/a.py\", line 1, in f\n    x\nValueError: negative\n";
    let own = |kind: &str| {
        let mut trace = trace(&format!("GET / 0..100 !\n  step 5..10 ! kind={kind}"), 1);
        raise(&mut trace, "GET /", 90, "ValueError", "negative", stack);
        read(&trace).unwrap().cause.name
    };
    assert_eq!(own("internal"), "GET /");
    assert_eq!(own("client"), "step", "an answer from elsewhere is no exception");
}

#[test]
fn java_names_causes_at_the_end() {
    let stack = "a.ShopError: no\n\tat a.B.c(B.java:1)\nCaused by: a.DbError: down\n\tat a.D.e(D.java:9)\nCaused by: java.net.ConnectException: refused\n\tat a.N.f(N.java:3)\n\t... 2 more\n";
    let links = chain::links(stack);
    let names: Vec<_> = links.iter().map(|link| (link.exception_type, link.message)).collect();
    assert_eq!(names, [("java.net.ConnectException", "refused"), ("a.DbError", "down")]);
}

#[test]
fn a_caught_failure_is_reported_as_handled_and_a_good_execution_reports_none() {
    let found = check("GET / 0..100\n  db 20..90 ! exception='Timeout:db'", "db", "Timeout", "db");
    assert!(found.is_handled);
    assert_eq!(read(&trace("GET / 0..100\n  db 20..90", 1)), None);
    assert_eq!(read(&trace("test 0..100 test.case.name=a\n  db 20..90 !", 1)), None, "a test that passed wanted it");
    assert_eq!(read(&trace("GET / 0..100\n  db 20..90 exception='Timeout:db'", 1)), None, "the span went well");
}

#[test]
fn without_an_exception_the_status_says_why() {
    check("GET / 0..100 kind=server http.response.status_code=503", "GET /", "HTTP 503", "");
    check("GET / 0..100 ! error.type=timeout http.response.status_code=504", "GET /", "timeout", "");
}

#[test]
fn what_a_consumer_does_later_is_no_cause() {
    let found = read(&trace("send 0..10 ! kind=producer\n  receive 20..90 ! kind=consumer", 1)).unwrap();
    assert_eq!(found.cause.name, "send");
}

#[test]
fn hostile_stacks_are_read_in_bounds() {
    for sentence in ["\nCaused by: ", "\nDuring handling of the above exception, another exception occurred:\n"] {
        let stack = format!("Traceback (most recent call last)\n  File \"x\"\nE: m{}", sentence.repeat(50_000));
        assert!(chain::links(&stack).len() <= 16);
    }
    let deep: Vec<String> = (0..2_000).map(|depth| format!("{}s 0..100 !", " ".repeat(depth))).collect();
    assert!(read(&trace(&deep.join("\n"), 1)).is_some());
}

#[test]
fn what_failed_in_a_called_service_comes_before_what_a_stack_names() {
    let mut trace = trace(
        "POST /orders 0..100 @shop !\n  GET 10..60 @shop kind=client !\n    GET /stock 20..50 @stock kind=server !\n      read 25..40 @stock ! exception='DiskError:gone'",
        1,
    );
    raise(&mut trace, "POST /orders", 90, "shop.ShopError", "no stock", CHAINED);
    let found = read(&trace).unwrap();
    assert_eq!((found.cause.service.as_str(), found.cause.error_type.as_str()), ("stock", "DiskError"));
    assert_eq!(found.passed, ["read", "GET /stock", "GET", "POST /orders"]);
    assert_eq!(found.reported, Some(("shop.ShopError".to_owned(), "no stock".to_owned())));
    assert!(!found.cause.is_from_stack && found.others == 0);
}

#[test]
fn a_call_that_failed_without_a_word_from_the_other_side_leaves_the_cause_with_the_stack() {
    let mut trace = trace("GET / 0..100 @shop !\n  GET 5..10 @shop kind=client !\n  GET 95..98 @shop kind=client !", 1);
    raise(&mut trace, "GET /", 90, "shop.ShopError", "no stock", CHAINED);
    let found = read(&trace).unwrap();
    assert!(found.cause.is_from_stack);
    assert_eq!((found.cause.name.as_str(), found.cause.error_type.as_str()), ("GET /", "KeyError"));
}

#[test]
fn the_frame_is_the_projects_even_where_a_library_recorded_the_cause() {
    let stack = |frames: &str| format!("Traceback (most recent call last):\n{frames}db.Full: no room\n");
    let library = "  File \"/venv/lib/python3.11/site-packages/db/cursor.py\", line 9, in execute\n    x\n";
    let own = format!("  File \"/srv/a.py\", line 41, in save\n    x\n{library}");
    let mut trace = trace("job 0..100 !\n  INSERT 10..20 kind=client !", 1);
    raise(&mut trace, "INSERT", 19, "db.Full", "no room", &stack(library));
    raise(&mut trace, "job", 90, "db.Full", "no room", &stack(&own));
    let cause = read(&trace).unwrap().cause;
    let frame = cause.frame.unwrap();
    assert_eq!((cause.name.as_str(), frame.path.as_str(), frame.line), ("INSERT", "/srv/a.py", Some(41)));
}
