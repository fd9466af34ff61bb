//! `explain`: of one trace, of an operation over its last executions, of the whole system.

mod trace;
mod window;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use futures::try_join;
use kino_analyze::critical_path::Segment;
use kino_analyze::detect::{self, Beside, DetectorConfig};
use kino_analyze::execution::{EntrySpans, Execution, executions};
use kino_analyze::explain as analyze;
use kino_analyze::tree::{Tree, trees};
use kino_model::{Span, SpanId, Trace, TraceId, names};
use kino_store::snapshot::TraceFilter;
use kino_text::{figures, suggest};
use kino_wire::Problem;
use kino_wire::explain::{
    DEFAULT_LAST, DEFAULT_PAGE, EntryPoint, ExplainList, ExplainOperation, ExplainOperationQuestion, ExplainSystem,
    ExplainSystemQuestion, ExplainTrace, ExplainTraceQuestion, LeftOut, MAX_LAST, MAX_PAGE, PATH_SEGMENTS_MAX,
    PathTotal, WaitedFor,
};
use tokio::sync::oneshot;

use crate::error::{EngineError, OrProblem};
use crate::evidence::span_of;
use crate::limit::limit;
use crate::load;
use crate::offload::offload;
use crate::related_traces::{ConcurrentTraces, EarlierTraces};
use crate::resolve::{repeated, too_short};
use crate::temporary_worktrees::{leave_out_temporary, path_in_project};
use crate::{Engine, scope, searched, to_wire};
use trace::Subject;

/// Roots besides the first in one answer; the rest is counted.
const OTHER_ROOTS_MAX: usize = 20;
/// Entry points in one answer; the rest is counted.
const ENTRY_POINTS_MAX: usize = 50;
/// Over how many executions of each entry point the system is explained when nothing is said.
const DEFAULT_SYSTEM_LAST: usize = 20;
impl Engine {
    pub(crate) async fn explain_trace(&self, question: ExplainTraceQuestion) -> Result<ExplainTrace, Problem> {
        let id = question.trace_id;
        let worktree = question.worktree.clone();
        let snapshot = self.snapshot();
        let trace = snapshot.trace(id).await.or_problem()?;
        let trace = trace.ok_or_else(|| self.no_trace(id))?;
        let trace = match &question.span {
            Some(digits) => Arc::new(below(&trace, span_of(&trace, digits)?)),
            None => trace,
        };
        let detectors = Arc::clone(&self.inner.detectors);
        let traces = [trace];
        let beside = match question.list {
            None => self.concurrent_traces(&snapshot, None, &traces, |span| span.parent_span_id.is_none()).await?,
            Some(_) => ConcurrentTraces::default(),
        };
        let [trace] = traces;
        let scratch = self.scratch();
        let is_overview = question.list.is_none();
        let looked_at = Arc::clone(&trace);
        let (send_subject, subject) = oneshot::channel();
        let explain = offload(move || {
            let tree = Tree::new(&looked_at);
            // Its likes are looked for while the trace itself is explained; no receiver waits where that has failed already.
            drop(send_subject.send(Subject::of(&tree).filter(|_| is_overview)));
            let mut answer = trace_answer(&tree, &beside, &question, &detectors)?;
            show_paths_in_project(&mut answer, &looked_at, &scratch);
            Ok::<_, Problem>(answer)
        });
        let explain = async { explain.await.or_problem()? };
        let (mut answer, unusual) = try_join!(explain, self.unusual(&snapshot, trace, subject))?;
        unusual.add_to(&mut answer);
        self.search_places(worktree.as_deref(), &snapshot, searched::of_trace(&mut answer)).await?;
        Ok(answer)
    }

    pub(crate) async fn explain_operation(
        &self,
        mut question: ExplainOperationQuestion,
    ) -> Result<ExplainOperation, Problem> {
        question.last = limit(question.last, DEFAULT_LAST, MAX_LAST)?;
        let asked = question.operation.clone();
        let worktree = question.worktree.take();
        let newest = self.latest_executions_of(&mut question).await?;
        let asked = (asked != question.operation).then_some(asked);
        let snapshot = self.snapshot();
        let is_entry = |span: &Span| newest.contains(span);
        let beside =
            self.concurrent_traces(&snapshot, scope::project(&question.scope), newest.traces(), is_entry).await?;
        let earlier = self.earlier_traces(&snapshot, &question, newest.traces()).await?;
        let detectors = Arc::clone(&self.inner.detectors);
        let answer = move || {
            let trees = trees(&beside.traces);
            let beside = Beside { trees: &trees, since: beside.since };
            let answer = |found: &[Execution<'_, '_>], left| ExplainOperation {
                calls_changed: earlier
                    .as_ref()
                    .map_or_else(Vec::new, |earlier| calls_changed(&question, earlier, found)),
                ..operation_answer(question.operation.clone(), found, beside, left, &detectors)
            };
            let mut answer = newest.read(answer);
            answer.code_state = newest.state().map(str::to_owned);
            answer.asked = asked;
            answer.left_out.other_states = newest.other_states();
            answer.left_out.of_verifications = newest.of_verifications();
            answer
        };
        let mut answer = offload(answer).await.or_problem()?;
        self.search_places(worktree.as_deref(), &snapshot, searched::of_operation(&mut answer)).await?;
        Ok(answer)
    }

    pub(crate) async fn explain_system(&self, question: ExplainSystemQuestion) -> Result<ExplainSystem, Problem> {
        let last = limit(question.last, DEFAULT_SYSTEM_LAST, MAX_LAST)?;
        let project = scope::project(&question.scope);
        let snapshot = self.snapshot();
        let known = snapshot.operations(project.as_deref()).await.or_problem()?;
        let mut operations = known.operations;
        operations.retain(|operation| operation.rollup.roots > 0);
        operations.sort_by_key(|operation| std::cmp::Reverse(operation.rollup.total_nanos));
        let mut left_out = operations.len().saturating_sub(ENTRY_POINTS_MAX) as u64;
        operations.truncate(ENTRY_POINTS_MAX);
        let mut ids = Vec::new();
        for operation in operations {
            let filter = TraceFilter {
                service: Some(operation.service),
                name: Some(operation.name),
                roots_only: true,
                project: project.clone(),
                ..TraceFilter::default()
            };
            let newest = snapshot.find(&filter, last, None).await.or_problem()?;
            ids.extend(newest.rows.into_iter().map(|row| row.trace_id));
        }
        let (mut traces, beyond) = load::traces(&snapshot, ids.into_iter()).await?;
        let temporary = leave_out_temporary(&mut traces, &self.scratch());
        let traces_left_out = (beyond.len() + temporary.len()) as u64;
        let detectors = Arc::clone(&self.inner.detectors);
        let explain = move || {
            let trees = trees(&traces);
            let mut points = analyze::explain_system(&trees, last, &detectors);
            left_out += points.len().saturating_sub(ENTRY_POINTS_MAX) as u64;
            points.truncate(ENTRY_POINTS_MAX);
            let entry_points = points.into_iter().filter_map(entry_point).collect();
            ExplainSystem { schema: ExplainSystem::SCHEMA.to_owned(), entry_points, left_out, traces_left_out }
        };
        let mut answer = offload(explain).await.or_problem()?;
        let worktree = question.worktree.as_deref();
        self.search_places(worktree, &snapshot, searched::of_system(&mut answer)).await?;
        Ok(answer)
    }

    /// Says that no operation has that name, and which ones are near.
    pub(crate) async fn no_operation(&self, question: &ExplainOperationQuestion, project: Option<&str>) -> Problem {
        let operations = match self.snapshot().operations(project).await {
            Ok(known) => known.operations,
            Err(error) => return EngineError::from(error).into(),
        };
        let mut services_by_name: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for operation in &operations {
            services_by_name.entry(&operation.name).or_default().insert(&operation.service);
        }
        let name = question.operation.as_str();
        let shown = repeated(name);
        match (&question.service, services_by_name.get(name)) {
            (Some(service), Some(services)) => {
                let message = format!("{shown:?} was not recorded in the service {service:?}, but in others");
                Problem::not_found(message, suggest::or_all(service, services.iter().copied()))
            }
            _ if operations.is_empty() => {
                Problem::not_found(format!("nothing is recorded yet, so there is no operation {shown:?}"), Vec::new())
            }
            _ => Problem::not_found(
                match too_short(name) {
                    Some(hint) => format!("no operation is called {shown:?}, and {hint}"),
                    None => format!("no operation is called {shown:?}"),
                },
                suggest::nearest(name, services_by_name.into_keys()),
            ),
        }
    }
}

impl Engine {
    pub(crate) fn no_trace(&self, id: TraceId) -> Problem {
        let instead = self.damage().map_or_else(
            || "`find` lists what there is".to_owned(),
            |damage| format!("what is damaged may hold it: {}", damage.sentence()),
        );
        Problem::not_found(format!("there is no trace {id}; {instead}"), Vec::new())
    }
}

fn trace_answer(
    tree: &Tree<'_>,
    beside: &ConcurrentTraces,
    question: &ExplainTraceQuestion,
    detectors: &DetectorConfig,
) -> Result<ExplainTrace, Problem> {
    let explained = analyze::explain_trace_with(tree, detectors);
    let other_roots = tree.roots().get(1..).unwrap_or_default();
    let segments = &explained.critical_path;
    let root = |index: &u32| to_wire::root(analyze::Root::of(tree, *index as usize));
    let mut left_out = to_wire::left_out(explained.left_out);
    let mut answer = ExplainTrace {
        schema: ExplainTrace::SCHEMA.to_owned(),
        trace_id: explained.trace_id,
        spans: explained.spans,
        // Of a part of a trace the parent is left out, and not missing.
        missing_parents: if question.span.is_some() { 0 } else { explained.missing_parents },
        nested_by_time: explained.nested_by_time,
        root: explained.root.map(to_wire::root),
        path: PathTotal {
            segments: segments.len() as u64,
            start_unix_nanos: segments.first().map_or(0, |segment| segment.start),
            end_unix_nanos: segments.last().map_or(0, |segment| segment.end),
        },
        other_roots: Vec::new(),
        waited_for: Vec::new(),
        critical_path: Vec::new(),
        breakdown: Vec::new(),
        findings: Vec::new(),
        apart: None,
        failure: None,
        logs: Vec::new(),
        next: None,
        left_out: LeftOut::default(),
        next_offset: None,
    };
    let Some(list) = question.list else {
        left_out.other_roots = other_roots.len().saturating_sub(OTHER_ROOTS_MAX) as u64;
        left_out.path_segments = segments.len().saturating_sub(PATH_SEGMENTS_MAX) as u64;
        answer.other_roots = other_roots.iter().take(OTHER_ROOTS_MAX).map(root).collect();
        answer.critical_path = longest(segments).map(|segment| to_wire::segment(tree, segment)).collect();
        answer.breakdown = to_wire::breakdown(explained.breakdown, false, &mut left_out);
        answer.findings = to_wire::findings(explained.findings, &mut left_out);
        answer.waited_for = waited_for(tree, beside);
        return Ok(ExplainTrace { left_out, ..answer });
    };
    let limit = limit(usize::try_from(question.limit).unwrap_or(usize::MAX), DEFAULT_PAGE, MAX_PAGE)?;
    let offset = usize::try_from(question.offset).unwrap_or(usize::MAX);
    let entries = match list {
        ExplainList::CriticalPath => segments.len(),
        ExplainList::Breakdown => explained.breakdown.len(),
        ExplainList::Findings => explained.findings.len(),
        ExplainList::OtherRoots => other_roots.len(),
    };
    match list {
        ExplainList::CriticalPath => {
            let page = segments.iter().skip(offset).take(limit);
            answer.critical_path = page.map(|segment| to_wire::segment(tree, segment)).collect();
        }
        ExplainList::Breakdown => {
            let page = explained.breakdown.into_iter().skip(offset).take(limit);
            answer.breakdown = page.map(|row| to_wire::row(row, false)).collect();
        }
        ExplainList::Findings => {
            let page = explained.findings.into_iter().skip(offset).take(limit);
            answer.findings = page.map(to_wire::finding).collect();
        }
        ExplainList::OtherRoots => {
            answer.other_roots = other_roots.iter().skip(offset).take(limit).map(root).collect();
        }
    }
    let end = offset.saturating_add(limit);
    answer.next_offset = (end < entries).then_some(end as u64);
    Ok(ExplainTrace { left_out, ..answer })
}

/// A trace of one span and everything below it, with their logs.
fn below(trace: &Trace, span_id: SpanId) -> Trace {
    let tree = Tree::new(trace);
    let from = trace.spans.iter().position(|span| span.span_id == span_id);
    let indices: BTreeSet<u32> = from.map(|from| tree.subtree(from).iter().copied().collect()).unwrap_or_default();
    let spans: Vec<Span> = indices.iter().map(|index| trace.spans[*index as usize].clone()).collect();
    let ids: BTreeSet<SpanId> = spans.iter().map(|span| span.span_id).collect();
    let logs = trace.logs.iter().filter(|log| log.span_id.is_some_and(|id| ids.contains(&id))).cloned().collect();
    Trace { trace_id: trace.trace_id, spans, logs, ..Trace::default() }
}

/// What the trace waited for and others had meanwhile.
fn waited_for(tree: &Tree<'_>, beside: &ConcurrentTraces) -> Vec<WaitedFor> {
    let Some(entry) = tree.root().filter(|_| !beside.traces.is_empty()) else { return Vec::new() };
    let trees = trees(&beside.traces);
    let found = detect::waited_for(Execution { tree, entry }, Beside { trees: &trees, since: i64::MIN });
    let waited = |waited: detect::WaitedFor| WaitedFor {
        text: waited.text,
        wait_nanos: waited.wait_nanos,
        share: waited.share,
        holders: waited.holders.iter().map(to_wire::evidence).collect(),
    };
    found.into_iter().map(waited).collect()
}

/// Replaces paths in a temporary worktree, which is gone, by those of the same files in the project.
fn show_paths_in_project(answer: &mut ExplainTrace, trace: &Trace, scratch: &Path) {
    let resource = |span: &kino_model::Span| {
        let worktree = span.resource.text(names::WORKTREE)?;
        Some((worktree.to_owned(), span.resource.text(names::PROJECT)?.to_owned()))
    };
    let Some((worktree, project)) = trace.spans.iter().find_map(resource) else { return };
    let rows = answer.breakdown.iter_mut().filter_map(|row| row.code.as_mut());
    let places = rows.chain(answer.findings.iter_mut().filter_map(|finding| finding.location.as_mut()));
    for place in places {
        if let Some(path) = path_in_project(&place.path, &worktree, &project, scratch) {
            place.path = path;
        }
    }
}

/// The longest segments, at most [`PATH_SEGMENTS_MAX`], in time order.
fn longest(segments: &[Segment]) -> impl Iterator<Item = &Segment> {
    let mut chosen: Vec<&Segment> = segments.iter().collect();
    if chosen.len() > PATH_SEGMENTS_MAX {
        chosen.select_nth_unstable_by_key(PATH_SEGMENTS_MAX, |segment| {
            (std::cmp::Reverse(segment.duration()), segment.start)
        });
        chosen.truncate(PATH_SEGMENTS_MAX);
        chosen.sort_unstable_by_key(|segment| segment.start);
    }
    chosen.into_iter()
}

/// Calls of which there are far more or fewer than in the code before. Executions of other code than the newest do not
/// count.
fn calls_changed(
    question: &ExplainOperationQuestion,
    earlier: &EarlierTraces,
    found: &[Execution<'_, '_>],
) -> Vec<kino_wire::compare::CallsChanged> {
    let code = |execution: &Execution<'_, '_>| {
        execution.tree.span(execution.entry).resource.text(names::CODE_STATE).map(str::to_owned)
    };
    let newest = found.iter().max_by_key(|execution| execution.start()).and_then(code);
    let now: Vec<Execution<'_, '_>> =
        found.iter().filter(|execution| newest.is_some() && code(execution) == newest).copied().collect();
    let trees = trees(&earlier.traces);
    let entry = EntrySpans::Operation { service: question.service.as_deref(), name: &question.operation };
    let before: Vec<Execution<'_, '_>> = executions(&trees, entry)
        .into_iter()
        .filter(|execution| code(execution).as_deref() == Some(earlier.code_state.as_str()))
        .collect();
    let short = figures::code_state(&earlier.code_state);
    let counted = before.len();
    let when = format!("at code state {short} ({counted} execution{})", if counted == 1 { "" } else { "s" });
    let changed = kino_analyze::compare::calls_changed(&before, &now);
    changed.into_iter().map(|changed| crate::compare::calls_changed(changed, &when)).collect()
}

fn operation_answer(
    operation: String,
    found: &[Execution<'_, '_>],
    beside: Beside<'_, '_>,
    executions_beyond: u64,
    detectors: &DetectorConfig,
) -> ExplainOperation {
    let explained = analyze::explain_operation_beside(found, beside, detectors);
    let mut left_out = LeftOut { executions: executions_beyond, ..to_wire::left_out(explained.left_out) };
    ExplainOperation {
        schema: ExplainOperation::SCHEMA.to_owned(),
        operation,
        asked: None,
        services: explained.services,
        code_state: None,
        executions: explained.executions,
        spans: explained.spans,
        nested_by_time: explained.nested_by_time,
        errors: explained.errors,
        duration: explained.duration.map(to_wire::quantiles),
        calls_changed: Vec::new(),
        breakdown: to_wire::breakdown(explained.breakdown, true, &mut left_out),
        findings: to_wire::findings(explained.findings, &mut left_out),
        left_out,
    }
}

fn entry_point(point: analyze::EntryPoint) -> Option<EntryPoint> {
    let mut unsaid = LeftOut::default();
    Some(EntryPoint {
        service: point.service,
        name: point.name,
        executions: point.explanation.executions,
        errors: point.explanation.errors,
        duration: to_wire::quantiles(point.explanation.duration?),
        breakdown: to_wire::breakdown(point.explanation.breakdown, true, &mut unsaid),
        concurrent: point.explanation.concurrent.into_iter().map(to_wire::concurrent).collect(),
    })
}
