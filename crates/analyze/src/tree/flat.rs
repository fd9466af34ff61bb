//! Parents that were recorded flat: a span without children that its siblings evidently ran in.
//!
//! Some instrumentations start the span of a controller or handler without making it the current one, so that the
//! queries made in it become its siblings. It then covers them in time, and a critical path would go through it alone.
//! A leaf is taken for the parent of siblings where
//!
//! - it is internal work, that is neither a call nor a request of its own, and has ended;
//! - each sibling whose time meets its own is strictly within it, or strictly around it;
//! - two or more calls to the outside are within it, one after another: what runs beside a leaf by intention, in another
//!   task or thread, is started together or crosses its end;
//! - no sibling of the same name meets it, as tasks of one kind that run at the same time do.
//!
//! Others record one call twice: an ORM's instrumentation and the database driver's, of which the first does not make
//! its span the current one either. A call with a statement is taken for the parent of the next sibling where that one is
//! of another instrumentation, has the same statement, and ran within it.

use std::collections::BTreeMap;

use kino_model::SpanKind;

use super::Tree;

/// The most leaves of one parent that are examined, the first by start; each is compared with all of its siblings.
const LEAVES_MAX: usize = 64;

/// Spans and the siblings that become their parents.
pub(super) fn nested(tree: &Tree<'_>) -> Vec<(u32, u32)> {
    let mut parents: BTreeMap<u32, u32> = BTreeMap::new();
    for &parent in &tree.preorder {
        let children = tree.children(parent as usize);
        let next_to_each_other = children.windows(2).filter(|pair| is_recorded_again(tree, pair[0], pair[1]));
        parents.extend(next_to_each_other.map(|pair| (pair[1], pair[0])));
        // A leaf and two calls in it.
        if children.len() < 3 {
            continue;
        }
        let leaves = (0..children.len() - 2).filter(|&at| may_be_around(tree, children, at)).take(LEAVES_MAX);
        // By start, so that of several the innermost has the last word.
        for at in leaves {
            if let Some(inside) = inside(tree, children, at) {
                parents.extend(inside.into_iter().map(|child| (child, children[at])));
            }
        }
    }
    parents.into_iter().collect()
}

/// Whether `inner`, the next sibling by start, is the call of `outer` as another instrumentation recorded it.
fn is_recorded_again(tree: &Tree<'_>, outer: u32, inner: u32) -> bool {
    let (outer, inner) = (outer as usize, inner as usize);
    let (span, again) = (tree.span(outer), tree.span(inner));
    span.kind == SpanKind::Client
        && again.kind == SpanKind::Client
        && span.end.is_some()
        && tree.end(inner) <= tree.end(outer)
        && span.scope.name != again.scope.name
        && tree.children(outer).is_empty()
        && span.text("db.query.text").is_some_and(|statement| again.text("db.query.text") == Some(statement))
}

/// Whether the child is a leaf of internal work that goes on while the next two siblings start.
fn may_be_around(tree: &Tree<'_>, children: &[u32], at: usize) -> bool {
    let leaf = children[at] as usize;
    let span = tree.span(leaf);
    tree.start(children[at + 2] as usize) < tree.end(leaf)
        && span.kind == SpanKind::Internal
        && span.end.is_some()
        && tree.children(leaf).is_empty()
        && tree.is_awaited(leaf)
}

/// The siblings that ran in the leaf; `None` where it is not evident that they did.
fn inside(tree: &Tree<'_>, children: &[u32], at: usize) -> Option<Vec<u32>> {
    let leaf = children[at] as usize;
    let (start, end) = (tree.start(leaf), tree.end(leaf));
    let mut inside = Vec::new();
    let mut calls_in_sequence = 0;
    let mut reached = i64::MIN;
    for &child in children.iter().filter(|&&child| child as usize != leaf) {
        let sibling = child as usize;
        let (from, to) = (tree.start(sibling), tree.end(sibling));
        if to <= start || from >= end {
            continue;
        }
        if tree.span(sibling).name == tree.span(leaf).name {
            return None;
        }
        match (from > start && to < end, from < start && to > end) {
            (true, _) if tree.is_awaited(sibling) => inside.push(child),
            (true, _) | (_, true) => continue,
            _ => return None,
        }
        if tree.span(sibling).kind == SpanKind::Client && from >= reached {
            calls_in_sequence += 1;
            reached = to;
        }
    }
    (calls_in_sequence >= 2).then_some(inside)
}
