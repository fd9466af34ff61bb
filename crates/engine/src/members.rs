//! Which spans of a trace belong to a run, or to a state of the code.
//!
//! One trace may contain several runs (a test suite, an agent's session). Of each trace, those belong that name the run or
//! the code state, and their descendants that name none.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use kino_model::{Span, SpanId, Trace, names};

/// Which spans of a trace belong to a set.
#[derive(Clone, Debug)]
pub(crate) enum Members {
    /// All of them.
    All,
    Runs(BTreeSet<String>),
    /// Those of this code state.
    Code(String),
}

impl Members {
    /// Returns the trace with only the spans that belong, and their logs.
    pub(crate) fn restrict(&self, trace: Arc<Trace>) -> Arc<Trace> {
        let says = |span: &Span| match self {
            Self::All => Some(true),
            Self::Runs(ids) => span.resource.text(names::RUN_ID).map(|id| ids.contains(id)),
            Self::Code(state) => span.resource.text(names::CODE_STATE).map(|own| own == state),
        };
        let by_id: HashMap<SpanId, usize> =
            trace.spans.iter().enumerate().map(|(index, span)| (span.span_id, index)).collect();
        let mut belongs: Vec<Option<bool>> = trace.spans.iter().map(says).collect();
        for start in 0..trace.spans.len() {
            // Walks up to the nearest span that says something; a missing parent or a cycle says nothing.
            let mut path = Vec::new();
            let mut at = Some(start);
            let verdict = loop {
                let Some(index) = at else { break false };
                if let Some(known) = belongs[index] {
                    break known;
                }
                if path.len() > trace.spans.len() {
                    break false;
                }
                path.push(index);
                at = trace.spans[index].parent_span_id.and_then(|parent| by_id.get(&parent).copied());
            };
            for index in path {
                belongs[index] = Some(verdict);
            }
        }
        if belongs.iter().all(|belongs| *belongs == Some(true)) {
            return trace;
        }
        let mut trace = Arc::unwrap_or_clone(trace);
        let mut verdicts = belongs.into_iter();
        trace.spans.retain(|_| verdicts.next().flatten().unwrap_or_default());
        let ids: BTreeSet<SpanId> = trace.spans.iter().map(|span| span.span_id).collect();
        trace.logs.retain(|log| log.span_id.is_none_or(|id| ids.contains(&id)));
        Arc::new(trace)
    }
}

#[cfg(test)]
mod tests {
    use kino_model::{Resource, Value};

    use super::*;

    fn span(id: u8, parent: u8, run: Option<&str>) -> Span {
        let attributes = run.map(|run| (names::RUN_ID.into(), Value::from(run))).into_iter().collect();
        Span {
            span_id: SpanId([id; 8]),
            parent_span_id: (parent > 0).then_some(SpanId([parent; 8])),
            resource: Arc::new(Resource { attributes, ..Resource::default() }),
            ..Span::default()
        }
    }

    fn check(spans: Vec<Span>, expected: &[u8]) {
        let members = Members::Runs(BTreeSet::from(["a".to_owned()]));
        let members = members.restrict(Arc::new(Trace { spans, ..Trace::default() }));
        let ids: Vec<u8> = members.spans.iter().map(|span| span.span_id.0[0]).collect();
        assert_eq!(ids, expected);
    }

    #[test]
    fn a_session_with_two_runs_gives_each_its_own() {
        check(vec![span(1, 0, None), span(2, 1, Some("a")), span(3, 2, None), span(4, 1, Some("b"))], &[2, 3]);
    }

    #[test]
    fn a_run_below_another_is_not_part_of_it() {
        check(vec![span(1, 0, Some("a")), span(2, 1, Some("b")), span(3, 2, None), span(4, 1, None)], &[1, 4]);
    }

    #[test]
    fn cycles_end() {
        check(vec![span(1, 2, None), span(2, 1, None), span(3, 0, Some("a"))], &[3]);
    }
}
