//! Critical paths by example, against a naive reference, and by their invariants.

use std::fmt::Write as _;

use insta::assert_snapshot;
use kino_model::{Attributes, Span, Status, StatusCode, Trace, UnixNanos, Value};
use proptest::prelude::*;

use super::{CriticalPath, Segment, critical_path};
use crate::testing::{MILLI, span_id, trace};
use crate::tree::Tree;

fn check(text: &str) -> String {
    let trace = trace(text, 1);
    let tree = Tree::new(&trace);
    let path = critical_path(&tree);
    assert_covers(&tree, &path);
    let mut shown = String::new();
    for Segment { span, start, end } in path.segments {
        let (start, end) = (start as f64 / MILLI as f64, end as f64 / MILLI as f64);
        writeln!(shown, "{} {start}..{end}", tree.span(span).name).unwrap();
    }
    if path.spans_outside_parent > 0 {
        writeln!(shown, "outside: {}", path.spans_outside_parent).unwrap();
    }
    shown
}

fn assert_covers(tree: &Tree<'_>, path: &CriticalPath) {
    let Some(root) = tree.root() else { return };
    let mut reached = tree.start(root);
    for segment in &path.segments {
        assert_eq!(segment.start, reached, "no gap and no overlap");
        assert!(segment.end > segment.start, "no segment of length zero");
        reached = segment.end;
    }
    assert_eq!(reached, tree.end(root), "up to the root's end");
}

#[test]
fn children_in_sequence_are_all_on_the_path() {
    assert_snapshot!(check("
        root 0..100
          a 10..40
          b 40..60
    "), @"
    root 0..10
    a 10..40
    b 40..60
    root 60..100
    ");
}

#[test]
fn of_concurrent_children_the_last_to_finish_counts() {
    assert_snapshot!(check("
        root 0..100
          short 10..40
          long 10..90
            inner 20..80
    "), @"
    root 0..10
    long 10..20
    inner 20..80
    long 80..90
    root 90..100
    ");
}

#[test]
fn an_overlapping_earlier_child_is_passed_over() {
    assert_snapshot!(check("
        root 0..100
          first 0..30
          overlapping 20..60
          last 50..100
    "), @"
    first 0..30
    root 30..50
    last 50..100
    ");
}

#[test]
fn ties_go_to_the_earlier_start() {
    assert_snapshot!(check("
        root 0..10
          later 5..10
          earlier 2..10
    "), @"
    root 0..2
    earlier 2..10
    ");
}

#[test]
fn what_sticks_out_is_clipped_to_the_clipped_parent() {
    assert_snapshot!(check("
        root 0..50
          child 10..80
            grandchild 40..90
            beyond 60..70
          before -20..-10
            under it -15..-12
          touches 50..60
    "), @"
    root 0..10
    child 10..40
    grandchild 40..50
    outside: 4
    ");
}

#[test]
fn work_that_is_not_awaited_is_not_on_the_path() {
    assert_snapshot!(check("
        root 0..100
          send 10..90 kind=producer
            handle 20..90 kind=consumer
          tidy 90..95 follows=1
          linked 95..100 link=2
    "), @"
    root 0..10
    send 10..90
    root 90..95
    linked 95..100
    ");
}

#[test]
fn spans_of_length_zero_change_nothing() {
    assert_snapshot!(check("
        root 0..10
          instant 5..5
            inside 5..5
          work 2..5
    "), @"
    root 0..2
    work 2..5
    root 5..10
    ");
    assert_eq!(check("instant 3..3"), "");
}

#[test]
fn depth_and_width_cost_no_stack() {
    let deep: Vec<Span> = (1..=200_000u64)
        .map(|number| Span {
            span_id: span_id(number),
            parent_span_id: (number > 1).then(|| span_id(number - 1)),
            start: UnixNanos(number as i64),
            end: Some(UnixNanos(1_000_000 - number as i64)),
            ..Span::default()
        })
        .collect();
    let trace = Trace { spans: deep, ..Trace::default() };
    let tree = Tree::new(&trace);
    let path = critical_path(&tree);
    assert_covers(&tree, &path);
    assert_eq!(path.segments.len(), 399_999);
}

/// The rules, word by word, quadratic and recursive.
fn reference(tree: &Tree<'_>) -> Vec<Segment> {
    fn walk(tree: &Tree<'_>, span: usize, start: i64, end: i64, path: &mut Vec<Segment>) {
        let mut point = end;
        let mut used = Vec::new();
        loop {
            let mut best: Option<(usize, i64, i64)> = None;
            for &child in tree.children(span) {
                let child = child as usize;
                let (from, to) = (tree.start(child).max(start), tree.end(child).min(end));
                if used.contains(&child) || to <= from || to > point || !tree.is_awaited(child) {
                    continue;
                }
                let better = best.is_none_or(|(other, _, other_to)| {
                    to > other_to || (to == other_to && tree.start(child) < tree.start(other))
                });
                if better {
                    best = Some((child, from, to));
                }
            }
            let Some((child, from, to)) = best else { break };
            used.push(child);
            path.push(Segment { span, start: to, end: point });
            walk(tree, child, from, to, path);
            point = from;
        }
        path.push(Segment { span, start, end: point });
    }
    let mut path = Vec::new();
    if let Some(root) = tree.root() {
        walk(tree, root, tree.start(root), tree.end(root), &mut path);
    }
    path.retain(|segment| segment.end > segment.start);
    path.reverse();
    path
}

/// Attributes that the detectors look at, in all sorts of values.
fn attributes(id: u64, start: i64) -> Attributes {
    let all: [(&str, Value); 11] = [
        ("db.query.text", Value::from(format!("SELECT a FROM t WHERE b = {}", start % 3))),
        ("http.request.method", Value::from("GET")),
        ("url.full", Value::from(format!("http://shop/item/{}", start % 4))),
        ("http.response.status_code", Value::from(if start % 2 == 0 { 429 } else { 200 })),
        ("gen_ai.request.model", Value::from("m")),
        ("gen_ai.usage.input_tokens", Value::from(start * 100)),
        ("kino.cache.hit", Value::from(start % 2 == 0)),
        ("kino.cache.key", Value::from("k")),
        ("kino.lock.name", Value::from("l")),
        ("kino.lock.wait_nanos", Value::from(start)),
        ("size", Value::from(start as f64 / 3.0)),
    ];
    all.into_iter().skip((id % 11) as usize).step_by(2).map(|(key, value)| (key.into(), value)).collect()
}

/// Traces of every kind of brokenness: parents anywhere, itself included, times anywhere.
pub(crate) fn any_trace() -> impl Strategy<Value = Trace> {
    let span = (0u64..24, 0i64..60, proptest::option::weighted(0.9, 0i64..40), 0u64..22);
    proptest::collection::vec(span, 0..20).prop_map(|spans| {
        let spans = spans.into_iter().enumerate().map(|(index, (parent, start, length, id))| Span {
            // Now and then an id that another span has.
            span_id: span_id(if id == 0 { 1 } else { index as u64 + 1 }),
            parent_span_id: (parent > 0).then(|| span_id(parent)),
            name: format!("op{}", id % 4).into(),
            start: UnixNanos(start),
            end: length.map(|length| UnixNanos(start + length)),
            kind: kino_model::SpanKind::from_number((id % 6) as i64).unwrap(),
            status: Status {
                code: if id % 5 == 0 { StatusCode::Error } else { StatusCode::Unset },
                message: if id % 10 == 0 { "deadline exceeded".into() } else { kino_model::Text::default() },
            },
            attributes: attributes(id, start),
            ..Span::default()
        });
        let mut spans: Vec<Span> = spans.collect();
        spans.sort_by_key(|span| span.start);
        Trace { spans, ..Trace::default() }
    })
}

proptest! {
    #[test]
    fn any_path_covers_its_root_and_agrees_with_the_rules(trace in any_trace()) {
        let tree = Tree::new(&trace);
        let path = critical_path(&tree);
        assert_covers(&tree, &path);
        prop_assert_eq!(path.segments, reference(&tree));
    }

    #[test]
    fn any_forest_holds_each_span_once_and_self_time_fits(trace in any_trace()) {
        let tree = Tree::new(&trace);
        let mut seen: Vec<u32> = tree.roots().iter().flat_map(|&root| tree.subtree(root as usize)).copied().collect();
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..trace.spans.len() as u32).collect::<Vec<_>>());
        for index in 0..tree.len() {
            prop_assert!((0..=tree.duration(index)).contains(&tree.self_time(index)));
        }
    }

    #[test]
    fn critical_time_by_operation_adds_up_to_the_root(trace in any_trace()) {
        let explained = crate::explain_trace(&trace);
        let sum: i64 = explained.breakdown.iter().map(|row| row.critical_nanos).sum();
        let tree = Tree::new(&trace);
        prop_assert_eq!(sum, tree.root().map_or(0, |root| tree.duration(root)));
        prop_assert_eq!(explained.breakdown.iter().map(|row| row.count).sum::<u64>(), trace.spans.len() as u64);
    }
}
