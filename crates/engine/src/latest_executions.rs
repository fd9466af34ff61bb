//! The latest executions of an operation, with the traces that contain them.
//!
//! The store lists the traces in which it ran last. They are loaded from the latest on, until no other trace can contain
//! a later execution than those found.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use kino_analyze::execution::{EntrySpans, Execution, executions};
use kino_analyze::tree::trees;
use kino_model::{Span, SpanId, Trace, TraceId, UnixNanos, names};
use kino_store::ScanError;
use kino_store::snapshot::{OperationFilter, Snapshot};
use kino_wire::explain::ExplainOperationQuestion;
use kino_wire::{Problem, ProblemKind};

use crate::error::OrProblem;
use crate::load::SPANS_LOADED_MAX;
use crate::temporary_worktrees::leave_out_temporary;
use crate::{Engine, scope};

/// Traces loaded beyond those that seem to be enough: a trace that began earlier may contain a later execution.
const SPARE_TRACES: usize = 16;
/// The same, as a part of those that seem to be enough.
const SPARE_PART: usize = 8;
/// Traces asked of the store at once: the more they are, the more pages and dictionaries are read once for all.
const AT_ONCE_MAX: usize = 2_048;

/// Executions of one state of the code that an answer can rest on: as many as any detector wants before it compares
/// them with each other.
const STATE_EXECUTIONS_MIN: usize = 5;

/// The latest executions of an operation, with the traces that contain them.
pub(crate) struct LatestExecutions {
    service: Option<String>,
    name: String,
    traces: Vec<Arc<Trace>>,
    chosen: BTreeSet<(TraceId, SpanId)>,
    left_out: u64,
    of_verifications: u64,
    state: Option<String>,
    other_states: u64,
}

impl LatestExecutions {
    /// The traces that contain the executions.
    pub(crate) fn traces(&self) -> &[Arc<Trace>] {
        &self.traces
    }

    /// Whether this span is the entry span of one of them.
    pub(crate) fn contains(&self, span: &Span) -> bool {
        self.chosen.contains(&(span.trace_id, span.span_id))
    }

    /// Calls `reader` with the executions and the number of those beyond them.
    pub(crate) fn read<T>(&self, reader: impl FnOnce(&[Execution<'_, '_>], u64) -> T) -> T {
        let trees = trees(&self.traces);
        let mut found =
            executions(&trees, EntrySpans::Operation { service: self.service.as_deref(), name: &self.name });
        found.retain(|execution| self.chosen.contains(&(execution.trace_id(), execution.span_id())));
        reader(&found, self.left_out)
    }

    /// The state of the code that all of them ran; `None` where it is unknown, or several are.
    pub(crate) fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// How many of those beyond them a verification ran of other code, in a worktree of its own.
    pub(crate) fn of_verifications(&self) -> u64 {
        self.of_verifications
    }

    /// How many executions were left out because they ran other states of the code.
    pub(crate) fn other_states(&self) -> u64 {
        self.other_states
    }

    /// Drops the executions of other states of the code than the newest that has [`STATE_EXECUTIONS_MIN`]; none where no
    /// state has as many, or with `all_states`.
    fn retain_newest_state(&mut self, all_states: bool, last: usize) {
        let chosen = &self.chosen;
        let executions = self.traces.iter().flat_map(|trace| &trace.spans);
        let mut executions: Vec<_> = executions
            .filter(|span| chosen.contains(&(span.trace_id, span.span_id)))
            .map(|span| (Reverse(span.start), (span.trace_id, span.span_id), span.resource.text(names::CODE_STATE)))
            .collect();
        executions.sort_unstable();
        let Some((.., first)) = executions.first() else { return };
        if executions.iter().all(|(.., state)| state == first) {
            self.state = first.map(str::to_owned);
            return;
        }
        let mut counts: BTreeMap<Option<&str>, usize> = BTreeMap::new();
        for (.., state) in &executions {
            *counts.entry(*state).or_default() += 1;
        }
        let enough = STATE_EXECUTIONS_MIN.min(last);
        let newest = executions.iter().map(|(.., state)| *state).find(|state| counts[state] >= enough);
        let Some(newest) = newest.filter(|_| !all_states) else { return };
        let others: Vec<_> = executions.iter().filter(|(.., state)| *state != newest).map(|(_, id, _)| *id).collect();
        self.state = newest.map(str::to_owned);
        self.other_states = others.len() as u64;
        for id in others {
            self.chosen.remove(&id);
        }
    }
}

impl Engine {
    /// Loads executions as [`Self::latest_executions`] does; where no operation is called so, those of the only one whose
    /// name contains what was asked. The question names that one then.
    ///
    /// # Errors
    /// Where there is none: with the nearest names. Where there are several: with a list of them.
    pub(crate) async fn latest_executions_of(
        &self,
        question: &mut ExplainOperationQuestion,
    ) -> Result<LatestExecutions, Problem> {
        match self.latest_executions(question).await {
            Err(problem) if problem.kind == ProblemKind::NotFound => {
                question.operation = self.operation_containing(question).await?;
                self.latest_executions(question).await
            }
            found => found,
        }
    }

    /// Loads the last `question.last` executions of an operation.
    ///
    /// # Errors
    /// Where there are none: with the nearest names.
    pub(crate) async fn latest_executions(
        &self,
        question: &ExplainOperationQuestion,
    ) -> Result<LatestExecutions, Problem> {
        let project = scope::project(&question.scope);
        let filter = OperationFilter {
            service: question.service.clone(),
            name: Some(question.operation.clone()),
            project: project.clone(),
            ..OperationFilter::default()
        };
        let snapshot = self.snapshot();
        let mut search = ExecutionSearch::new(snapshot, filter, question.last);
        let known = search.run().await.or_problem()?;
        if search.found.is_empty() {
            return Err(self.no_operation(question, project.as_deref()).await);
        }
        let mut latest = search.finish(question, known);
        let temporary = leave_out_temporary(&mut latest.traces, &self.scratch());
        let executions = latest.chosen.len();
        latest.chosen.retain(|(trace, _)| !temporary.contains(trace));
        latest.of_verifications = (executions - latest.chosen.len()) as u64;
        latest.left_out += latest.of_verifications;
        latest.retain_newest_state(question.all_states, question.last);
        Ok(latest)
    }
}

/// A search in progress.
struct ExecutionSearch {
    snapshot: Snapshot,
    filter: OperationFilter,
    last: usize,
    /// The loaded traces that contain an execution.
    traces: Vec<Arc<Trace>>,
    seen: HashSet<TraceId>,
    spans: usize,
    /// The executions in them.
    found: Vec<(Reverse<UnixNanos>, TraceId, SpanId)>,
    /// Whether the bound on what is loaded ended the search.
    stopped: bool,
}

impl ExecutionSearch {
    fn new(snapshot: Snapshot, filter: OperationFilter, last: usize) -> Self {
        let (traces, seen, found) = (Vec::new(), HashSet::new(), Vec::new());
        Self { snapshot, filter, last, traces, seen, spans: 0, found, stopped: false }
    }

    /// Loads traces until no other can contain a later execution than the last wanted. Returns how many executions
    /// there are in all.
    async fn run(&mut self) -> Result<u64, ScanError> {
        let mut least = self.last + self.last / SPARE_PART + SPARE_TRACES;
        loop {
            let latest = self.snapshot.latest_traces(&self.filter, least).await?;
            let each = (latest.counted / latest.traces.len().max(1) as u64).max(1);
            let mut enough = self.last.div_ceil(usize::try_from(each).unwrap_or(usize::MAX));
            enough += enough / SPARE_PART + SPARE_TRACES;
            let mut rest = latest.traces.as_slice();
            while let Some((start, _)) = rest.first() {
                if self.is_settled(*start) {
                    return Ok(latest.known);
                }
                let (now, later) = rest.split_at(enough.clamp(SPARE_TRACES, AT_ONCE_MAX).min(rest.len()));
                rest = later;
                self.load(now).await?;
            }
            match latest.rest {
                Some(rest) if !self.is_settled(rest) => least = least.saturating_mul(2),
                _ => return Ok(latest.known),
            }
        }
    }

    /// Whether nothing that starts at or before `start` is needed, or the bound on spans is reached.
    fn is_settled(&mut self, start: UnixNanos) -> bool {
        self.stopped = self.spans >= SPANS_LOADED_MAX;
        // One more than asked, to know whether there are more.
        let beyond = self.found.get(self.last).is_some_and(|(found, ..)| found.0 > start);
        beyond || self.stopped
    }

    async fn load(&mut self, latest: &[(UnixNanos, TraceId)]) -> Result<(), ScanError> {
        let fresh = latest.iter().map(|(_, id)| *id).filter(|id| self.seen.insert(*id));
        let fresh: Vec<TraceId> = fresh.collect();
        for trace in self.snapshot.traces(&fresh).await? {
            self.spans += trace.spans.len();
            let before = self.found.len();
            let executions = trace.spans.iter().filter(|span| is_of(span, &self.filter));
            self.found.extend(executions.map(|span| (Reverse(span.start), span.trace_id, span.span_id)));
            if self.found.len() > before {
                self.traces.push(trace);
            }
        }
        self.found.sort_unstable();
        Ok(())
    }

    fn finish(mut self, question: &ExplainOperationQuestion, known: u64) -> LatestExecutions {
        let more = self.stopped || self.found.len() > self.last;
        self.found.truncate(self.last);
        let left_out = if more { known.saturating_sub(self.found.len() as u64).max(1) } else { 0 };
        let chosen: BTreeSet<(TraceId, SpanId)> = self.found.iter().map(|(_, trace, span)| (*trace, *span)).collect();
        let traces: HashSet<TraceId> = chosen.iter().map(|(trace, _)| *trace).collect();
        self.traces.retain(|trace| traces.contains(&trace.trace_id));
        LatestExecutions {
            service: question.service.clone(),
            name: question.operation.clone(),
            traces: self.traces,
            chosen,
            left_out,
            of_verifications: 0,
            state: None,
            other_states: 0,
        }
    }
}

/// Whether a span is one of the operation.
fn is_of(span: &Span, filter: &OperationFilter) -> bool {
    filter.name.as_ref().is_none_or(|name| *name == span.name)
        && filter.service.as_ref().is_none_or(|service| service == span.service())
        && filter
            .project
            .as_deref()
            .is_none_or(|project| span.resource.text(names::PROJECT).is_none_or(|own| own == project))
}
