//! Calls to look at: of operations that a comparison names, the failed ones first, then those with the most own time.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::execution::{Execution, has_failed};
use crate::finding::{Evidence, KnownBy, Location, MAX_EXAMPLES, evidence, location};
use crate::tree::Tree;

/// How far up a place in the code is looked for.
const ANCESTORS_MAX: usize = 256;

/// What there is to look at of one operation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Examples {
    /// At most [`MAX_EXAMPLES`] calls, each in another trace.
    pub evidence: Vec<Evidence>,
    /// Where in the code: what a call says, else its nearest caller that says it.
    pub location: Option<Location>,
}

/// Of each of these operations (service and name), calls in the executions. Looks once at every span.
pub fn examples(executions: &[Execution<'_, '_>], operations: &[(&str, &str)]) -> Vec<Examples> {
    let wanted: BTreeMap<(&str, &str), usize> =
        operations.iter().enumerate().map(|(number, operation)| (*operation, number)).collect();
    let mut found: Vec<Vec<(bool, i64, Evidence)>> = vec![Vec::new(); operations.len()];
    let mut locations: Vec<Option<Location>> = vec![None; operations.len()];
    for execution in executions {
        let tree = execution.tree;
        for &index in execution.spans() {
            let index = index as usize;
            let span = tree.span(index);
            let Some(&number) = wanted.get(&(span.service(), span.name.as_str())) else { continue };
            if locations[number].is_none() {
                locations[number] = place(tree, index);
            }
            let call = (has_failed(span), tree.self_time(index), evidence(tree.trace().trace_id, span));
            keep(&mut found[number], call);
        }
    }
    let of = |(calls, location): (Vec<(bool, i64, Evidence)>, Option<Location>)| Examples {
        evidence: calls.into_iter().map(|(.., evidence)| evidence).collect(),
        location,
    };
    // Operations named twice share what was found under the last of their numbers.
    let found: Vec<Examples> = found.into_iter().zip(locations).map(of).collect();
    operations.iter().map(|operation| found[wanted[operation]].clone()).collect()
}

/// Keeps a call if it is among the first, and the only one of its trace.
fn keep(calls: &mut Vec<(bool, i64, Evidence)>, call: (bool, i64, Evidence)) {
    let rank = |call: &(bool, i64, Evidence)| (Reverse(call.0), Reverse(call.1));
    if let Some(known) = calls.iter_mut().find(|known| known.2.trace_id == call.2.trace_id) {
        if rank(&call) < rank(known) {
            *known = call;
        }
    } else {
        calls.push(call);
    }
    calls.sort_by_key(rank);
    calls.truncate(MAX_EXAMPLES);
}

fn place(tree: &Tree<'_>, index: usize) -> Option<Location> {
    let mut at = index;
    for _ in 0..=ANCESTORS_MAX {
        if let Some(found) = location(tree.span(at)) {
            return Some(if at == index { found } else { Location { known_by: KnownBy::Caller, ..found } });
        }
        at = tree.parent(at)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{traces, trees};
    use crate::{EntrySpans, executions};

    #[test]
    fn failed_calls_come_first_then_the_longest_one_a_trace() {
        let text = "GET / 0..100 code.function.name=get\n  db 0..90\n  db 90..95 !\n---\nGET / 0..100\n  db 0..50\n---\n\
                    GET / 0..100\n  db 0..70\n---\nGET / 0..100\n  db 0..60\n  other 60..99";
        let traces = traces(text);
        let trees = trees(&traces);
        let found = examples(&executions(&trees, EntrySpans::Outermost), &[("app", "db"), ("app", "gone")]);
        let order: Vec<u8> = found[0].evidence.iter().map(|evidence| evidence.trace_id.0[0]).collect();
        assert_eq!(order, [1, 3, 4]);
        assert_eq!(
            found[0].location.as_ref().map(|it| (it.function.as_deref(), it.known_by)),
            Some((Some("get"), KnownBy::Caller))
        );
        assert_eq!(found[1], Examples::default());
    }
}
