//! Where a call leaves its service, how much of a span is its own, and whether it failed, in whatever way it was
//! recorded: with client and server spans or with one of them, without kinds, by clocks that differ.

use kino_model::{Span, SpanKind, Value};

use crate::tree::Tree;

/// gRPC's status codes that are the server's fault: UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE,
/// DATA_LOSS.
const GRPC_FAILURES: [i64; 6] = [2, 4, 12, 13, 14, 15];

/// The span that answered a call: the server below a client. Where kinds are missing, a call is a span within a service
/// that does nothing but wait for one span of another service.
pub(super) fn server_of(tree: &Tree<'_>, index: usize) -> Option<usize> {
    let span = tree.span(index);
    let children = tree.children(index);
    let ended = |child: &usize| tree.span(*child).end.is_some();
    let mut below = children.iter().map(|child| *child as usize).filter(ended);
    let is_elsewhere = |child: &usize| tree.span(*child).service() != span.service();
    match span.kind {
        SpanKind::Client => {
            let server = below.clone().find(|child| tree.span(*child).kind == SpanKind::Server);
            server.or_else(|| below.find(is_elsewhere))
        }
        SpanKind::Internal | SpanKind::Unspecified => {
            let is_within = tree.parent(index).is_some_and(|parent| tree.span(parent).service() == span.service());
            let only = below.next().filter(|_| children.len() == 1 && is_within)?;
            (is_elsewhere(&only) && tree.is_awaited(only) && tree.span(only).kind != SpanKind::Consumer).then_some(only)
        }
        _ => None,
    }
}

/// The time in a span that no child covers, in nanoseconds. A child that another service's clock places where it cannot
/// have run, before its parent or after it, is taken to have run in its middle.
pub(super) fn own_time(tree: &Tree<'_>, index: usize) -> i64 {
    let (start, end) = (tree.start(index), tree.end(index));
    let is_misplaced = |child: usize| {
        (tree.start(child) < start || tree.start(child) > end)
            && tree.span(child).service() != tree.span(index).service()
            && tree.is_awaited(child)
            && tree.duration(child) <= end - start
    };
    let children = || tree.children(index).iter().map(|child| *child as usize);
    if !children().any(is_misplaced) {
        return tree.self_time(index);
    }
    let placed = |child: usize| {
        let length = tree.duration(child);
        let from = if is_misplaced(child) { start + (end - start - length) / 2 } else { tree.start(child) };
        (from, from.saturating_add(length))
    };
    let mut intervals: Vec<(i64, i64)> = children().map(placed).collect();
    intervals.sort_unstable();
    let (mut covered, mut reached) = (0, start);
    for (from, to) in intervals {
        let (from, to) = (from.max(reached), to.min(end));
        if to > from {
            covered += to - from;
            reached = to;
        }
    }
    end - start - covered
}

/// Whether a span failed: by its status, an exception, or what instrumentations write that set no status.
pub(super) fn has_failed(span: &Span) -> bool {
    span.is_error()
        || number(span, "http.response.status_code").is_some_and(|code| code >= 500)
        || number(span, "rpc.grpc.status_code").is_some_and(|code| GRPC_FAILURES.contains(&code))
        || is_true(span.attribute("error"))
        || span.events.iter().any(|event| event.name == "exception")
}

/// A whole number, also where it was written as text.
fn number(span: &Span, key: &str) -> Option<i64> {
    span.int(key).or_else(|| span.text(key)?.parse().ok())
}

fn is_true(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(truth)) => *truth,
        Some(Value::Int(number)) => *number == 1,
        Some(Value::String(text)) => ["true", "True", "1"].contains(&text.as_str()),
        _ => false,
    }
}
