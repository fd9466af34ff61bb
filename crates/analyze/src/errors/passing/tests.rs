//! What is one exception, and what only looks like it.

use kino_model::UnixNanos;

use super::*;
use crate::errors::group;
use crate::finding::Evidence;

fn span(number: u64) -> SpanId {
    SpanId(number.to_be_bytes())
}

const TRACE: TraceId = TraceId([7; 16]);

/// `E: it broke`, recorded on a span at a second.
fn on(number: u64, second: i64, stacktrace: &str) -> Exception<'_> {
    Exception {
        exception_type: "E",
        message: "it broke",
        stacktrace,
        time: UnixNanos(second * 1_000_000_000),
        evidence: Evidence { trace_id: TRACE, span_id: Some(span(number)) },
        in_log: false,
        root: None,
        printed_by: None,
    }
}

fn in_log(exception: Exception<'_>) -> Exception<'_> {
    Exception { in_log: true, ..exception }
}

/// The spans at which the exceptions were recorded: 1 above 2 above 3, and 4 under 1 too.
fn counted(recorded: &[Exception<'_>]) -> Vec<u64> {
    let parents: Parents =
        [(2, 1), (3, 2), (4, 1)].into_iter().map(|(child, parent)| ((TRACE, span(child)), span(parent))).collect();
    let found = occurrences(recorded.to_vec(), &parents);
    let number = |id: Option<SpanId>| id.map_or(0, |id| u64::from_be_bytes(id.0));
    found.iter().map(|it| number(it.evidence.span_id)).collect()
}

/// A Python stack, the innermost function last.
fn python(functions: &[&str]) -> String {
    let frame = |name: &&str| format!("  File \"/app/{name}.py\", line 3, in {name}\n    call()\n");
    format!("Traceback (most recent call last):\n{}E: it broke", functions.iter().map(frame).collect::<String>())
}

#[test]
fn one_stack_on_a_span_and_on_those_above_is_one_at_the_innermost() {
    let stack = python(&["raise_it"]);
    assert_eq!(counted(&[on(1, 5, &stack), on(2, 4, &stack), on(3, 3, &stack)]), [3]);
    // Whatever the clocks of the spans say, and in whatever order they come.
    assert_eq!(counted(&[on(3, 5, &stack), on(1, 3, &stack)]), [3]);
}

#[test]
fn a_stack_that_grows_on_the_way_up_is_one() {
    let (inner, outer) = (python(&["load", "connect"]), python(&["handle", "load", "connect"]));
    assert_eq!(counted(&[on(1, 5, &outer), on(3, 3, &inner)]), [3]);
    // The library that makes a span is at the outer end while the exception passes through it.
    let tracing = "  File \"/v/site-packages/opentelemetry/trace/__init__.py\", line 9, in use_span\n    yield span\n";
    let inner = inner.replace("(most recent call last):\n", &format!("(most recent call last):\n{tracing}"));
    assert_eq!(counted(&[on(1, 5, &outer), on(3, 3, &inner)]), [3]);
}

#[test]
fn a_stack_of_where_it_was_recorded_shrinks_on_the_way_up() {
    let go = |functions: &[&str]| {
        let frame = |name: &&str| format!("main.{name}(0x1)\n\t/app/main.go:{} +0x1d\n", name.len());
        format!("goroutine 1 [running]:\n{}", functions.iter().map(frame).collect::<String>())
    };
    let (inner, outer) = (go(&["load", "handle", "main"]), go(&["handle", "main"]));
    assert_eq!(counted(&[on(1, 5, &outer), on(3, 3, &inner)]), [3]);
    assert_eq!(counted(&[on(1, 5, &go(&["other", "main"])), on(3, 3, &inner)]), [1, 3]);
}

#[test]
fn failures_beside_each_other_stay_apart() {
    let stack = python(&["raise_it"]);
    assert_eq!(counted(&[on(2, 3, &stack), on(4, 4, &stack)]), [2, 4]);
    // The caller passes one of them on.
    assert_eq!(counted(&[on(1, 5, &stack), on(2, 3, &stack), on(4, 4, &stack)]), [2, 4]);
    // And where it recorded both, they are two and not three.
    assert_eq!(counted(&[on(1, 4, &stack), on(1, 6, &stack), on(2, 3, &stack), on(4, 5, &stack)]), [2, 4]);
}

#[test]
fn another_failure_of_the_caller_stays_its_own() {
    let (inner, own) = (python(&["load", "connect"]), python(&["handle", "connect"]));
    assert_eq!(counted(&[on(1, 5, &own), on(3, 3, &inner)]), [1, 3]);
    let elsewhere = python(&["handle", "check"]);
    assert_eq!(counted(&[on(1, 5, &elsewhere), on(3, 3, &inner)]), [1, 3]);
    let other = Exception { message: "it broke again", ..on(1, 5, &inner) };
    assert_eq!(counted(&[other, on(3, 3, &inner)]), [1, 3]);
}

#[test]
fn two_on_one_span_are_two() {
    let stack = python(&["raise_it"]);
    assert_eq!(counted(&[on(3, 3, &stack), on(3, 4, &stack)]), [3, 3]);
    assert_eq!(counted(&[on(1, 5, &stack), on(3, 3, &stack), on(3, 4, &stack)]), [3, 3]);
}

#[test]
fn other_traces_count_apart() {
    let stack = python(&["raise_it"]);
    let mut elsewhere = on(3, 3, &stack);
    elsewhere.evidence.trace_id = TraceId([8; 16]);
    assert_eq!(counted(&[elsewhere, on(1, 5, &stack), on(3, 3, &stack)]), [3, 3]);
}

#[test]
fn a_log_and_its_span_record_one_exception() {
    let stack = python(&["raise_it"]);
    assert_eq!(counted(&[on(1, 5, &stack), on(3, 4, &stack), in_log(on(3, 3, &stack))]), [3]);
    assert_eq!(counted(&[in_log(on(3, 3, &stack)), in_log(on(3, 4, &stack))]), [3, 3]);
    let outside = Exception { evidence: Evidence { trace_id: TraceId([0; 16]), span_id: None }, ..on(0, 1, &stack) };
    assert_eq!(counted(&[in_log(outside), in_log(outside)]), [0, 0]);
}

#[test]
fn without_a_stack_the_outer_one_must_come_later() {
    assert_eq!(counted(&[on(1, 5, ""), on(3, 3, "")]), [3]);
    assert_eq!(counted(&[on(1, 3, ""), on(3, 5, "")]), [1, 3]);
    let stack = python(&["raise_it"]);
    let recorded = vec![on(1, 5, &stack), on(3, 3, "")];
    let parents = Parents::from([((TRACE, span(3)), span(1))]);
    let found = occurrences(recorded, &parents);
    assert_eq!((found.len(), found[0].stacktrace), (1, stack.as_str()), "the stack that there is");
}

#[test]
fn what_passed_up_is_grouped_once_with_the_innermost_frames() {
    let (inner, outer) = (python(&["load", "connect"]), python(&["handle", "load", "connect"]));
    let parents = Parents::from([((TRACE, span(3)), span(1))]);
    let groups = group(occurrences(vec![on(1, 5, &outer), on(3, 3, &inner)], &parents));
    assert_eq!(groups.len(), 1);
    assert_eq!((groups[0].count, groups[0].frames[0].function.as_str()), (1, "connect"));
    assert_eq!(groups[0].examples, [Evidence { trace_id: TRACE, span_id: Some(span(3)) }]);
    assert_eq!(groups[0].per_day, [("1970-01-01".to_owned(), 1)]);
}

#[test]
fn spans_that_are_their_own_ancestors_end_the_walk() {
    let parents: Parents =
        [(1, 2), (2, 1), (3, 4), (4, 5), (5, 4)].map(|(a, b)| ((TRACE, span(a)), span(b))).into_iter().collect();
    let stack = python(&["raise_it"]);
    let found = occurrences(vec![on(1, 1, &stack), on(2, 2, &stack), on(3, 3, &stack)], &parents);
    assert_eq!(found.len(), 3);
}

#[test]
fn only_traces_with_repeats_are_asked_for() {
    let stack = python(&["raise_it"]);
    let mut alone = on(9, 1, &stack);
    alone.evidence.trace_id = TraceId([8; 16]);
    let recorded = [on(1, 5, &stack), on(3, 3, &stack), alone];
    assert_eq!(recorded_alike(&recorded), BTreeSet::from([(TRACE, span(1)), (TRACE, span(3))]));
    assert!(recorded_alike(&[on(3, 3, &stack), on(3, 4, &stack)]).is_empty());
}
