//! Traces that executions are compared with: those that ran at the same time, and those of earlier code.

use std::sync::Arc;

use kino_analyze::detect::may_wait_for_others;
use kino_model::{Span, Trace, TraceId, UnixNanos, names};
use kino_store::snapshot::{Snapshot, TraceFilter};
use kino_wire::Problem;
use kino_wire::explain::ExplainOperationQuestion;

use crate::error::OrProblem;
use crate::load;
use crate::temporary_worktrees::leave_out_temporary;
use crate::{Engine, scope};

/// Concurrent traces that are loaded; of more, the latest.
const TRACES_MAX: usize = 2_000;
/// Their spans.
const SPANS_MAX: usize = 50_000;
/// What began this long before the first execution may still have been under way.
const LEAD_NANOS: i64 = 60_000_000_000;
/// Traces of earlier code that are loaded.
const EARLIER_MAX: usize = 20;
/// Rows among which earlier code is sought.
const EARLIER_ROWS_MAX: usize = 2_000;

/// The traces that ran at the same time as others.
#[derive(Default)]
pub(crate) struct ConcurrentTraces {
    pub(crate) traces: Vec<Arc<Trace>>,
    /// The traces are complete from here on, in Unix nanoseconds.
    pub(crate) since: i64,
}

/// Traces of an operation in the code before the newest.
pub(crate) struct EarlierTraces {
    pub(crate) code_state: String,
    pub(crate) traces: Vec<Arc<Trace>>,
}

impl Engine {
    /// Loads what ran while these traces did, where an execution in them whose entry span `is_entry` may have waited for
    /// another: at most [`TRACES_MAX`] traces of together about [`SPANS_MAX`] spans.
    pub(crate) async fn concurrent_traces(
        &self,
        snapshot: &Snapshot,
        project: Option<String>,
        traces: &[Arc<Trace>],
        is_entry: impl Fn(&Span) -> bool,
    ) -> Result<ConcurrentTraces, Problem> {
        let times = || traces.iter().flat_map(|trace| &trace.spans);
        let (Some(first), Some(last)) = (times().map(|span| span.start).min(), times().map(|span| span.start).max())
        else {
            return Ok(ConcurrentTraces::default());
        };
        if !may_wait_for_others(traces.iter().map(|trace| &**trace), is_entry) {
            return Ok(ConcurrentTraces::default());
        }
        let filter = TraceFilter {
            since: Some(UnixNanos(first.0.saturating_sub(LEAD_NANOS))),
            until: Some(UnixNanos(last.0.saturating_add(1))),
            project,
            ..TraceFilter::default()
        };
        let found = snapshot.find(&filter, TRACES_MAX, None).await.or_problem()?;
        let own: std::collections::HashSet<TraceId> = traces.iter().map(|trace| trace.trace_id).collect();
        let rows = found.rows.iter().filter(|row| !own.contains(&row.trace_id));
        let mut spans = 0;
        let within: Vec<_> = rows
            .take_while(|row| {
                spans += row.span_count as usize;
                spans <= SPANS_MAX
            })
            .collect();
        let is_all = found.next.is_none() && spans <= SPANS_MAX;
        let since = if is_all { i64::MIN } else { within.last().map_or(i64::MAX, |row| row.start.0) };
        let ids: Vec<TraceId> = within.iter().map(|row| row.trace_id).collect();
        let (mut traces, _) = load::traces_once_within(snapshot, &ids, 2 * SPANS_MAX).await?;
        leave_out_temporary(&mut traces, &self.scratch());
        Ok(ConcurrentTraces { traces, since })
    }

    /// The last executions in the code before the newest of these traces; `None` where the newest code is unknown, or none
    /// came before it.
    pub(crate) async fn earlier_traces(
        &self,
        snapshot: &Snapshot,
        question: &ExplainOperationQuestion,
        traces: &[Arc<Trace>],
    ) -> Result<Option<EarlierTraces>, Problem> {
        let Some(newest) = newest_code(traces) else { return Ok(None) };
        // Roots are known without reading spans.
        let mut entries = traces.iter().flat_map(|trace| &trace.spans).filter(|span| span.name == question.operation);
        let filter = TraceFilter {
            service: question.service.clone(),
            name: Some(question.operation.clone()),
            roots_only: entries.all(|span| span.parent_span_id.is_none()),
            project: scope::project(&question.scope),
            ..TraceFilter::default()
        };
        let found = snapshot.find(&filter, EARLIER_ROWS_MAX, None).await.or_problem()?;
        let of_earlier = |row: &&kino_store::TraceRow| row.code_state.as_deref().is_some_and(|state| state != newest);
        let Some(code_state) = found.rows.iter().find(of_earlier).and_then(|row| row.code_state.clone()) else {
            return Ok(None);
        };
        let rows = found.rows.iter().filter(|row| row.code_state.as_deref() == Some(&code_state));
        let ids: Vec<TraceId> = rows.take(EARLIER_MAX).map(|row| row.trace_id).collect();
        let (mut traces, _) = load::traces_once_within(snapshot, &ids, SPANS_MAX).await?;
        leave_out_temporary(&mut traces, &self.scratch());
        Ok(Some(EarlierTraces { code_state, traces }))
    }
}

/// The code that the latest of the traces ran in.
pub(crate) fn newest_code(traces: &[Arc<Trace>]) -> Option<&str> {
    let spans = traces.iter().flat_map(|trace| &trace.spans);
    let known = spans.filter_map(|span| Some((span.start, span.resource.text(names::CODE_STATE)?)));
    known.max_by_key(|(start, _)| *start).map(|(_, state)| state)
}
