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
fn an_open_span_ends_with_the_last_event_below_it() {
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

/// Shows the tree below the root, and how many spans were nested by time.
fn nested(text: &str) -> String {
    let trace = trace(text, 1);
    let tree = Tree::new(&trace);
    let mut shown = String::new();
    for &index in tree.subtree(tree.root().unwrap()) {
        let index = index as usize;
        let depth = std::iter::successors(Some(index), |&above| tree.parent(above)).count() - 1;
        writeln!(shown, "{}{}", "  ".repeat(depth), tree.span(index).name).unwrap();
    }
    assert_eq!((0..tree.len()).filter(|&index| tree.is_nested_by_time(index)).count() as u64, tree.nested_by_time());
    writeln!(shown, "nested {}", tree.nested_by_time()).unwrap();
    shown
}

/// What Express and `pg` record where the handler's span is not made the current one.
const EXPRESS: &str = "
    GET /books 0..100 kind=server http.route=/books
      middleware-query 0.1..0.2 kind=internal express.type=middleware
      middleware-session 1..99 kind=internal express.type=middleware
      request-handler-/books 2..98 kind=internal express.type=request_handler http.route=/books
      pg.connect 3..5 kind=client db.system.name=postgresql
      pg.query:SELECT 6..40 kind=client db.system.name=postgresql db.query.text='SELECT * FROM books'
      pg.query:SELECT 41..90 kind=client db.system.name=postgresql db.query.text='SELECT * FROM authors'
      render 91..97 kind=internal
";

#[test]
fn what_ran_in_a_leaf_beside_it_is_its_child() {
    assert_snapshot!(nested(EXPRESS), @r"
    GET /books
      middleware-query
      middleware-session
        request-handler-/books
          pg.connect
          pg.query:SELECT
          pg.query:SELECT
          render
    nested 5
    ");
}

#[test]
fn the_critical_path_goes_through_what_is_nested_by_time() {
    let trace = trace(EXPRESS, 1);
    let tree = Tree::new(&trace);
    let path = crate::critical_path(&tree);
    let queries: i64 = path
        .segments
        .iter()
        .filter(|segment| tree.span(segment.span).name.starts_with("pg."))
        .map(crate::Segment::duration)
        .sum();
    assert_eq!(queries, 85 * MILLI);
}

/// What an ORM and the database's driver record of a list, side by side: two statements, four spans.
fn recorded_twice(edit: impl Fn(&mut kino_model::Trace)) -> u64 {
    let select = |from: i64| {
        let call = |name: &str, from: i64, to: i64| {
            format!("  {name} {from}..{to} kind=client db.system=sqlite db.statement='SELECT * FROM a WHERE id = ?'\n")
        };
        call("SELECT app.db", from, from + 9) + &call("SELECT", from + 2, from + 8)
    };
    let mut trace = trace(&format!("GET /books 0..100 kind=server\n{}{}", select(10), select(30)), 1);
    for span in trace.spans.iter_mut().filter(|span| span.name.starts_with("SELECT")) {
        let name = if span.name == "SELECT" { "driver" } else { "orm" };
        span.scope = std::sync::Arc::new(kino_model::Scope { name: name.into(), ..kino_model::Scope::default() });
    }
    edit(&mut trace);
    Tree::new(&trace).nested_by_time()
}

#[test]
fn a_call_that_two_libraries_record_side_by_side_is_one() {
    assert_eq!(recorded_twice(|_| ()), 2);
    let one_library = |trace: &mut kino_model::Trace| {
        trace.spans.iter_mut().for_each(|span| span.scope = std::sync::Arc::default());
    };
    assert_eq!(recorded_twice(one_library), 0, "calls of one library at the same time are several");
    let another_statement = |trace: &mut kino_model::Trace| {
        let inner = trace.spans.iter_mut().filter(|span| span.name == "SELECT");
        inner.for_each(|span| span.attributes.retain(|(key, _)| key != "db.statement"));
    };
    assert_eq!(recorded_twice(another_statement), 0);
    let ends_later = |trace: &mut kino_model::Trace| {
        let inner = trace.spans.iter_mut().filter(|span| span.name == "SELECT");
        inner.for_each(|span| span.end = span.end.map(|end| kino_model::UnixNanos(end.0 + 5 * MILLI)));
    };
    assert_eq!(recorded_twice(ends_later), 0);
}

#[test]
fn what_runs_beside_a_leaf_by_intention_stays_its_sibling() {
    let stays = |text: &str| assert!(nested(text).ends_with("nested 0\n"), "{text}");
    // Tasks that were started together.
    stays("r 0..100\n  compute 0..90 kind=internal\n  GET 0..40 kind=client\n  GET 0.1..60 kind=client");
    // Calls at the same time.
    stays("r 0..100\n  compute 0..90 kind=internal\n  GET 1..40 kind=client\n  GET 2..60 kind=client");
    // One that goes on when the leaf has ended.
    stays(
        "r 0..100\n  compute 0..50 kind=internal\n  GET 1..20 kind=client\n  GET 21..40 kind=client\n  GET 41..60 kind=client",
    );
    // Workers of one kind.
    stays(
        "r 0..100\n  worker 0..90 kind=internal\n  worker 1..80 kind=internal\n  GET 2..20 kind=client\n  GET 21..40 kind=client",
    );
    // A call that waits for another side is no parent of what happens here.
    stays("r 0..100\n  POST 0..90 kind=client\n  GET 1..20 kind=client\n  GET 21..40 kind=client");
    // One call alone.
    stays("r 0..100\n  compute 0..90 kind=internal\n  GET 1..20 kind=client\n  note 21..22 kind=internal");
    // A leaf that has not ended, and one that has children.
    stays("r 0..100\n  compute 0.. kind=internal\n  GET 1..20 kind=client\n  GET 21..40 kind=client");
    stays("r 0..100\n  handler 0..90 kind=internal\n    own 1..2\n  GET 3..20 kind=client\n  GET 21..40 kind=client");
    // The parent does not wait for a span that only follows from it.
    stays("r 0..100 id=1\n  compute 0..90 kind=internal\n  GET 1..20 kind=client follows=1\n  GET 21..40 kind=client");
}
