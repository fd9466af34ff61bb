//! What executions are compared as: the name of their operation, and the kind of work where one name covers
//! several.
//!
//! A client span that is called `GET` goes by its route; executions of one operation that call different operations
//! below (a cache that answers, and one that does not) are compared apart, where both sides have the same kinds and
//! these take different times. What is called how often is no kind: that may be what changed.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use kino_model::SpanKind;

use crate::execution::Execution;
use crate::operation::OperationIds;
use crate::statement::url_template;
use crate::statistics::quantile_f64;
use crate::tree::Tree;

/// Names that say nothing but the method.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"];
/// Attributes that say where a request went, the most general first.
const PLACES: [&str; 2] = ["http.route", "url.template"];
/// Attributes that hold its address.
const ADDRESSES: [&str; 4] = ["url.path", "url.full", "http.target", "http.url"];
/// A kind has at least this part of each side's executions.
const KIND_SHARE_MIN: f64 = 0.1;
/// All kinds together have at least this part of each side's executions.
const KINDS_SHARE_MIN: f64 = 0.9;
/// Kinds are compared apart where the slowest takes at least this many times as long as the fastest.
const KINDS_RATIO_MIN: f64 = 1.3;
/// Operations that a kind names.
const NAMED_MAX: usize = 2;

/// The name that an execution goes by: its span's, or the method with the route where the span names a method alone.
pub(super) fn name<'a>(execution: &Execution<'_, 'a>) -> Cow<'a, str> {
    let tree = execution.tree;
    let span = tree.span(execution.entry);
    let method = span.name.strip_prefix("HTTP ").unwrap_or(&span.name);
    if span.kind != SpanKind::Client || !METHODS.contains(&method) {
        return Cow::Borrowed(&span.name);
    }
    match place(tree, execution.entry) {
        Some(place) => Cow::Owned(format!("{} {place}", span.name)),
        None => Cow::Borrowed(&span.name),
    }
}

fn place(tree: &Tree<'_>, client: usize) -> Option<String> {
    let children = tree.children(client).iter().map(|&child| tree.span(child as usize));
    let servers = children.filter(|span| span.kind == SpanKind::Server);
    let own = std::iter::once(tree.span(client));
    let mut named = servers.chain(own).flat_map(|span| PLACES.iter().filter_map(|key| span.text(key)));
    named.next().map(str::to_owned).or_else(|| {
        let address = ADDRESSES.iter().find_map(|key| tree.span(client).text(key))?;
        url_template(address).split('?').next().map(str::to_owned)
    })
}

/// The operations below an execution's entry, each once.
type OperationSet = BTreeSet<usize>;
/// An execution's place on its side, its shape's number, and its duration in nanoseconds.
type Shaped = (usize, usize, f64);

/// The kinds by side and execution: the kind's name; `None` where its operation is of one kind.
pub(super) fn kinds<'a>(
    sides: [&[Execution<'_, 'a>]; 2],
    roots: [&[usize]; 2],
    operations: &mut OperationIds<'a>,
) -> [Vec<Option<String>>; 2] {
    let mut shapes: Vec<OperationSet> = Vec::new();
    let mut numbers: BTreeMap<OperationSet, usize> = BTreeMap::new();
    // By root, of each side.
    let mut by_root: BTreeMap<usize, [Vec<Shaped>; 2]> = BTreeMap::new();
    for side in 0..2 {
        for (at, (execution, root)) in sides[side].iter().zip(roots[side]).enumerate() {
            let below = execution.spans().iter().skip(1).map(|&index| execution.tree.span(index as usize));
            let shape: OperationSet = below.map(|span| operations.of(span)).collect();
            let number = *numbers.entry(shape).or_insert_with_key(|shape| {
                shapes.push(shape.clone());
                shapes.len() - 1
            });
            let duration = execution.duration().unwrap_or_default() as f64;
            by_root.entry(*root).or_default()[side].push((at, number, duration));
        }
    }
    let mut kinds = [vec![None; sides[0].len()], vec![None; sides[1].len()]];
    for executions in by_root.values() {
        let Some(main) = main_shapes(executions) else { continue };
        let names: BTreeMap<usize, String> =
            main.iter().map(|shape| (*shape, distinct(&shapes, &main, *shape, operations))).collect();
        for (side, executions) in executions.iter().enumerate() {
            for (at, shape, _) in executions {
                kinds[side][*at] = Some(names.get(shape).cloned().unwrap_or_else(|| "otherwise".to_owned()));
            }
        }
    }
    kinds
}

/// The shapes that are compared apart; `None` where all executions are compared together.
fn main_shapes(executions: &[Vec<Shaped>; 2]) -> Option<Vec<usize>> {
    let counted = executions.each_ref().map(|executions| {
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        for (_, shape, _) in executions {
            *counts.entry(*shape).or_default() += 1;
        }
        counts
    });
    let share = |side: usize, shape: usize| {
        counted[side].get(&shape).map_or(0.0, |count| *count as f64 / executions[side].len() as f64)
    };
    let is_main = |shape: &usize| share(0, *shape) >= KIND_SHARE_MIN && share(1, *shape) >= KIND_SHARE_MIN;
    let main: Vec<usize> = counted[0].keys().copied().filter(is_main).collect();
    let covers = |side: usize| main.iter().map(|shape| share(side, *shape)).sum::<f64>() >= KINDS_SHARE_MIN;
    if main.len() < 2 || !covers(0) || !covers(1) {
        return None;
    }
    let median = |shape: usize| {
        let of_shape = executions.iter().flatten().filter(|(_, number, _)| *number == shape);
        let mut durations: Vec<f64> = of_shape.map(|(.., duration)| duration.max(1.0)).collect();
        durations.sort_by(f64::total_cmp);
        quantile_f64(&durations, 0.5)
    };
    let medians = || main.iter().map(|shape| median(*shape));
    let (fastest, slowest) = (medians().fold(f64::INFINITY, f64::min), medians().fold(0.0, f64::max));
    (slowest >= KINDS_RATIO_MIN * fastest).then_some(main)
}

/// What a shape calls and not every other does, else what it does not call.
fn distinct(shapes: &[OperationSet], main: &[usize], shape: usize, operations: &OperationIds<'_>) -> String {
    let in_all = |operation: &usize| main.iter().all(|shape| shapes[*shape].contains(operation));
    let named = |found: Vec<usize>, word: &str| {
        let more = found.len().saturating_sub(NAMED_MAX);
        let names: Vec<&str> = found.iter().take(NAMED_MAX).map(|operation| operations.name(*operation).1).collect();
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{word} {}{rest}", names.join(", "))
    };
    let own: Vec<usize> = shapes[shape].iter().copied().filter(|operation| !in_all(operation)).collect();
    if !own.is_empty() {
        return named(own, "with");
    }
    let others: BTreeSet<usize> = main.iter().flat_map(|other| &shapes[*other]).copied().collect();
    named(others.difference(&shapes[shape]).copied().collect(), "without")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execution::{EntrySpans, executions};
    use crate::testing::{traces, trees};

    fn kinds_of(before: &str, after: &str) -> Vec<Vec<Option<String>>> {
        let traces = [before, after].map(traces);
        let trees = [trees(&traces[0]), trees(&traces[1])];
        let found = [executions(&trees[0], EntrySpans::Outermost), executions(&trees[1], EntrySpans::Outermost)];
        let mut operations = OperationIds::default();
        let roots = [vec![0; found[0].len()], vec![0; found[1].len()]];
        kinds([&found[0], &found[1]], [&roots[0], &roots[1]], &mut operations).into()
    }

    const HIT: &str = "load 0..10\n  cache 1..2";
    const MISS: &str = "load 0..90\n  cache 1..2\n  query 3..80";

    #[test]
    fn hits_and_misses_of_a_cache_are_two_kinds() {
        let mixed = [HIT, MISS, HIT].join("\n---\n");
        let [hit, miss] = ["without query", "with query"].map(|kind| Some(kind.to_owned()));
        assert_eq!(kinds_of(&mixed, &mixed)[0], [hit.clone(), miss.clone(), hit.clone()]);
    }

    #[test]
    fn what_only_one_side_does_or_what_takes_as_long_is_one_kind() {
        assert_eq!(kinds_of(HIT, MISS), [[None], [None]]);
        let alike = [HIT, "load 0..11\n  other 1..2"].join("\n---\n");
        assert_eq!(kinds_of(&alike, &alike), [[None, None], [None, None]]);
    }

    #[test]
    fn a_method_alone_goes_by_its_route_or_its_address() {
        let name_of = |text: &str| {
            let traces = traces(text);
            let trees = trees(&traces);
            name(&executions(&trees, EntrySpans::Outermost)[0]).into_owned()
        };
        assert_eq!(name_of("GET 0..9 kind=client\n  GET /a 1..8 kind=server http.route=/a/{id}"), "GET /a/{id}");
        assert_eq!(name_of("GET 0..9 kind=client url.full=http://host:80/users/17?x=1"), "GET /users/{id}");
        assert_eq!(name_of("GET 0..9 kind=client"), "GET");
        assert_eq!(name_of("fetch 0..9 kind=client url.path=/a"), "fetch");
    }
}
