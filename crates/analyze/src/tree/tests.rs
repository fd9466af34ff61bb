//! Trees of whole and of broken traces.

use std::fmt::Write as _;

use insta::assert_snapshot;

use super::Tree;
use crate::testing::{MILLI, trace};

/// Shows the forest with self times in milliseconds, and the counts.
fn check(text: &str) -> String {
    let trace = trace(text, 1);
    let tree = Tree::new(&trace);
    let mut shown = String::new();
    let mut seen = 0;
    for &root in tree.roots() {
        for &index in tree.subtree(root as usize) {
            let index = index as usize;
            let mut depth = 0;
            let mut above = index;
            while let Some(parent) = tree.parent(above) {
                depth += 1;
                above = parent;
            }
            let self_time = tree.self_time(index) as f64 / MILLI as f64;
            writeln!(shown, "{}{} self {self_time}", "  ".repeat(depth), tree.span(index).name).unwrap();
            seen += 1;
        }
    }
    assert_eq!(seen, trace.spans.len(), "every span is in the forest once");
    writeln!(shown, "missing {}, cycles {}, open {}", tree.missing_parents(), tree.cycles(), tree.open_spans())
        .unwrap();
    shown
}

#[test]
fn self_time_is_what_no_child_covers() {
    assert_snapshot!(check("
        root 0..100
          a 10..40
          b 30..60
          outlives 90..120
          early -10..5
    "), @"
    root self 35
      early self 15
      a self 30
      b self 30
      outlives self 30
    missing 0, cycles 0, open 0
    ");
}

#[test]
fn the_root_is_the_earliest_span_without_a_parent_then_orphans() {
    assert_snapshot!(check("
        orphan 0..5 parent=99
          below 1..2
        second 20..30
        first 10..15
    "), @"
    first self 5
    second self 10
    orphan self 4
      below self 1
    missing 1, cycles 0, open 0
    ");
}

#[test]
fn cycles_are_cut_at_their_earliest_span() {
    assert_snapshot!(check("
        self-made 50..60 parent=1
        a 10..20 parent=3
        b 5..30 parent=2
          below 6..7
    "), @"
    b self 14
      below self 1
      a self 10
    self-made self 10
    missing 0, cycles 2, open 0
    ");
}

#[test]
fn of_two_spans_with_one_id_the_first_has_the_children() {
    assert_snapshot!(check("
        root 0..100
          twice 10..20
            child 12..14
          again 30..40 id=2
    "), @"
    root self 80
      twice self 8
        child self 2
      again self 10
    missing 0, cycles 0, open 0
    ");
}

#[test]
fn an_open_span_ends_with_what_was_last_seen_beneath_it() {
    assert_snapshot!(check("
        root 0..
          done 10..40
          hangs 50..
    "), @"
    root self 20
      done self 30
      hangs self 0
    missing 0, cycles 0, open 2
    ");
}

#[test]
fn a_trace_without_spans_has_no_root() {
    let empty = kino_model::Trace::default();
    assert_eq!(Tree::new(&empty).root(), None);
}
