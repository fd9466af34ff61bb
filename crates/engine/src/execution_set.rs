//! The set of executions that a selector names: its traces, reduced to the spans that belong to it.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use kino_analyze::compare::LooseLines;
use kino_model::{RunId, Trace, UnixNanos};
use kino_store::snapshot::{EventFilter, TraceFilter};
use kino_text::suggest;
use kino_wire::Problem;
use kino_wire::ask::Scope;
use kino_wire::resolve::PREFIX_DIGITS_MIN;

use crate::error::{EngineError, OrProblem};
use crate::load;
use crate::members::Members;
use crate::offload::offload;
use crate::runs::RunRecords;
use crate::selector::Selector;
use crate::{Engine, scope};

/// Traces of one set that are loaded, the newest. The rest is counted.
const TRACES_MAX: usize = 5_000;
/// Rows that are searched for the commits, or states of the code, that a prefix may mean.
const COMMIT_ROWS_MAX: usize = 10_000;
/// States that are listed where a prefix fits several.
const STATES_LISTED_MAX: usize = 5;

/// The traces of a set, reduced to the spans that belong.
#[derive(Debug)]
pub(crate) struct ExecutionSet {
    pub(crate) traces: Vec<Arc<Trace>>,
    /// Traces beyond [`TRACES_MAX`] and the bound on spans.
    pub(crate) left_out: u64,
    /// Log lines of the same time that name no trace; of a stretch of time alone, since no other set has a time.
    pub(crate) lines: LooseLines,
}

impl Engine {
    /// Loads the set that the selector `text` names.
    ///
    /// # Errors
    /// Where it is not a selector, or the set is empty: with what there is.
    pub(crate) async fn execution_set(&self, text: &str, scope: &Scope) -> Result<ExecutionSet, Problem> {
        let project = scope::project(scope);
        let scoped = TraceFilter { project: project.clone(), ..TraceFilter::default() };
        let selector = Selector::parse(text)?;
        let (filter, members) = match &selector {
            Selector::Run(id) => {
                let id = self.inner.runs.id_of(id).await?;
                (
                    TraceFilter { run_ids: Some(vec![id.clone()]), ..TraceFilter::default() },
                    Members::Runs(BTreeSet::from([id])),
                )
            }
            Selector::Label(label) => {
                let ids = self.labelled(label, project.as_deref()).await?;
                (TraceFilter { run_ids: Some(ids.iter().cloned().collect()), ..scoped }, Members::Runs(ids))
            }
            Selector::Commit(prefix) => {
                let commit = self.commit(prefix, &scoped).await?;
                (TraceFilter { code_state: Some(commit.clone()), ..scoped }, Members::Code(commit))
            }
            Selector::Code(beginning) => {
                let state = self.code_state(beginning, &scoped).await?;
                (TraceFilter { code_state: Some(state.clone()), ..scoped }, Members::Code(state))
            }
            Selector::Time(start, end) => {
                (TraceFilter { since: Some(*start), until: Some(*end), ..scoped }, Members::All)
            }
        };
        let mut set = self.members_of(&filter, &members).await?;
        if set.traces.is_empty() {
            return Err(self.empty_set(text, &selector).await);
        }
        if let Selector::Time(start, end) = &selector {
            set.lines = self.loose_lines(*start, *end, project).await?;
        }
        Ok(set)
    }

    /// Loads the set of these runs; an empty one where there are none, or they sent nothing.
    pub(crate) async fn set_of_runs(&self, runs: &[RunId]) -> Result<ExecutionSet, Problem> {
        if runs.is_empty() {
            return Ok(ExecutionSet { traces: Vec::new(), left_out: 0, lines: LooseLines::new() });
        }
        let ids = || runs.iter().map(RunId::to_string);
        let filter = TraceFilter { run_ids: Some(ids().collect()), ..TraceFilter::default() };
        self.members_of(&filter, &Members::Runs(ids().collect())).await
    }

    /// Loads the newest traces that pass the filter, with only the spans that belong.
    async fn members_of(&self, filter: &TraceFilter, members: &Members) -> Result<ExecutionSet, Problem> {
        let snapshot = self.snapshot();
        let ids = snapshot.trace_ids_of(filter).await.or_problem()?;
        let beyond = ids.len().saturating_sub(TRACES_MAX) as u64;
        let (traces, skipped) = load::traces(&snapshot, ids.into_iter().take(TRACES_MAX)).await?;
        let traces = traces.into_iter().map(|trace| members.restrict(trace)).filter(|trace| !trace.spans.is_empty());
        let left_out = beyond + skipped.len() as u64;
        Ok(ExecutionSet { traces: traces.collect(), left_out, lines: LooseLines::new() })
    }

    /// Counts the log lines of a stretch of time that name no trace, a part of the lake at a time.
    async fn loose_lines(
        &self,
        start: UnixNanos,
        end: UnixNanos,
        project: Option<String>,
    ) -> Result<LooseLines, Problem> {
        let filter = EventFilter { since: Some(start), until: Some(end), project, ..EventFilter::default() };
        let snapshot = self.snapshot();
        let mut lines = LooseLines::new();
        for source in 0..snapshot.log_sources() {
            let logs = snapshot.logs(source, &filter).await.or_problem()?;
            lines = offload(move || {
                for log in &logs {
                    lines.add(log);
                }
                lines
            })
            .await
            .or_problem()?;
        }
        Ok(lines)
    }

    async fn labelled(&self, label: &str, project: Option<&str>) -> Result<BTreeSet<String>, Problem> {
        let runs = self.inner.runs.all().await?;
        let in_project = |run: &&crate::runs::RunRecord| {
            project.is_none() || run.code.project.is_none() || run.code.project.as_deref() == project
        };
        let ids: BTreeSet<String> = runs
            .iter()
            .filter(|run| run.label.as_deref() == Some(label))
            .filter(in_project)
            .map(|run| run.run_id.to_string())
            .collect();
        if ids.is_empty() {
            let labels = runs.iter().filter_map(|run| run.label.as_deref());
            let message = format!("no run is labelled {label:?}");
            return Err(Problem::not_found(message, suggest::or_all(label, labels)));
        }
        Ok(ids)
    }

    /// The one commit that a prefix means among the recorded code states without uncommitted changes.
    async fn commit(&self, prefix: &str, scoped: &TraceFilter) -> Result<String, Problem> {
        let filter = TraceFilter { code_state: Some(prefix.to_owned()), ..scoped.clone() };
        let found = self.snapshot().find(&filter, COMMIT_ROWS_MAX, None).await;
        let rows = found.or_problem()?.rows;
        let states: BTreeSet<&str> = rows.iter().filter_map(|row| row.code_state.as_deref()).collect();
        let clean: Vec<&str> = states.iter().copied().filter(|state| !state.contains('+')).collect();
        match clean.as_slice() {
            [one] => Ok((*one).to_owned()),
            [] if states.is_empty() => {
                let known = self.known_code_states().await?;
                let message = format!("nothing was recorded at a commit {prefix:?}");
                Err(Problem::not_found(message, known))
            }
            [] => {
                let message = format!("everything recorded at {prefix:?} had uncommitted changes: use code:HASH");
                Err(Problem::not_found(message, suggest::or_all(prefix, states.iter().copied())))
            }
            several => {
                let message = format!("{prefix:?} begins several commits: give more digits");
                Err(Problem::not_found(
                    message,
                    several.iter().take(STATES_LISTED_MAX).map(|commit| (*commit).to_owned()).collect(),
                ))
            }
        }
    }

    /// The state of the code that is called so, or else the one that begins so. What none begins with stays as it is:
    /// the set is empty then.
    async fn code_state(&self, text: &str, scoped: &TraceFilter) -> Result<String, Problem> {
        let filter = TraceFilter { code_state: Some(text.to_owned()), ..scoped.clone() };
        let rows = self.snapshot().find(&filter, COMMIT_ROWS_MAX, None).await.or_problem()?.rows;
        let states: BTreeSet<&str> = rows.iter().filter_map(|row| row.code_state.as_deref()).collect();
        match states.first() {
            Some(first) if text.len() >= PREFIX_DIGITS_MIN && !states.contains(text) => {
                if states.len() == 1 {
                    return Ok((*first).to_owned());
                }
                let some = states.iter().take(STATES_LISTED_MAX).map(|state| (*state).to_owned()).collect();
                Err(Problem::not_found(format!("{text:?} begins several states of the code: give more of it"), some))
            }
            _ => Ok(text.to_owned()),
        }
    }

    /// Some code states of recorded runs, the newest first.
    async fn known_code_states(&self) -> Result<Vec<String>, Problem> {
        let mut states = Vec::new();
        for state in self.inner.runs.all().await?.into_iter().filter_map(|run| run.code.code_state) {
            if !states.contains(&state) && states.len() < 5 {
                states.push(state);
            }
        }
        Ok(states)
    }

    /// Says that a run sent nothing, or that there is none.
    async fn no_traces_of_run(&self, id: &str) -> Problem {
        let run = match self.inner.runs.id_of(id).await {
            Ok(whole) => self.inner.runs.get(&whole).await,
            Err(problem) => Err(problem),
        };
        match run {
            Ok(Some(run)) => Problem::not_found(format!("the run {} sent no traces", run.run_id), Vec::new()),
            Ok(None) => RunRecords::none_called(id),
            Err(problem) => problem,
        }
    }

    async fn empty_set(&self, text: &str, selector: &Selector) -> Problem {
        let near = match selector {
            Selector::Run(id) => return self.no_traces_of_run(id).await,
            Selector::Code(_) | Selector::Commit(_) => self.known_code_states().await.unwrap_or_default(),
            Selector::Label(_) | Selector::Time(..) => Vec::new(),
        };
        let (newest, oldest) = match self.snapshot().find(&TraceFilter::default(), 1, None).await {
            Ok(found) => (found.rows.first().map(|row| row.start.0), found.next.is_some()),
            Err(error) => return EngineError::from(error).into(),
        };
        let there_is = match newest {
            None => "nothing is recorded yet".to_owned(),
            Some(newest) => {
                let others = if oldest { "; there are older ones" } else { ", the only one" };
                let newest = Timestamp::from_nanosecond(i128::from(newest)).unwrap_or_default();
                format!("the newest trace started at {newest:.3}{others}")
            }
        };
        Problem::not_found(format!("{text:?} names no trace: {there_is}"), near)
    }
}
