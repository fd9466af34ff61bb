//! The evaluation of one operation: its executions in some traces, judged by the detectors for each worktree.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kino_analyze::DetectorConfig;
use kino_analyze::Finding;
use kino_analyze::detect::{Neighbours, opens};
use kino_analyze::execution::{EntrySpans, Execution, command_of, executions, is_run, programs};
use kino_analyze::life::{self, KnownFinding, worktree_of};
use kino_analyze::tree::{Tree, trees};
use kino_model::{Trace, TraceId, names};

use super::ledger::{EvaluationStats, FindingEvent};
use super::operations::{Durations, OperationKey};
use super::record::{FindingRecord, Sighting, executions_per_day};
use crate::temporary_worktrees;

/// The operations that have executions in a trace.
pub(super) struct TraceOperations {
    /// Whether no parent is missing and every root has ended: as far as a trace shows that it is complete.
    pub(super) is_whole: bool,
    /// The durations of their executions; the project of a key is `None` where the resource names none.
    pub(super) durations: BTreeMap<OperationKey, Durations>,
}

/// Whether an execution ran in a worktree that was made for one verification: the verification reports what it shows
/// of other code, and it says nothing of the code that people work on.
fn is_temporary(execution: &Execution<'_, '_>, scratch: &Path) -> bool {
    temporary_worktrees::is_temporary(worktree_of(execution), scratch)
}

/// Finds the operations that a trace has executions of, without executions in worktrees below `scratch`.
pub(super) fn operations_in(trace: &Trace, scratch: &Path) -> TraceOperations {
    let tree = Tree::new(trace);
    let has_open_root = tree.roots().iter().any(|root| tree.span(*root as usize).end.is_none());
    let is_whole = tree.missing_parents() == 0 && !has_open_root;
    let found = executions(std::slice::from_ref(&tree), EntrySpans::Outermost);
    let whole = programs(std::slice::from_ref(&tree));
    let own = found.iter().filter(|execution| !is_run(execution.tree, execution.entry)).chain(&whole);
    let mut durations: BTreeMap<OperationKey, Durations> = BTreeMap::new();
    for execution in own.filter(|execution| !is_temporary(execution, scratch)) {
        let of_operation = durations.entry(key_of(execution)).or_default();
        of_operation.kind = execution.tree.span(execution.entry).kind;
        of_operation.nanos.extend(execution.duration());
    }
    TraceOperations { is_whole, durations }
}

fn key_of(execution: &Execution<'_, '_>) -> OperationKey {
    let span = execution.tree.span(execution.entry);
    OperationKey {
        project: span.resource.text(names::PROJECT).map(str::to_owned),
        service: span.service().to_owned(),
        // A run is named by its program alone, which may be any script's.
        name: command_of(span).unwrap_or_else(|| span.name.to_string()),
    }
}

/// All that the evaluation of an operation needs.
pub(super) struct Evaluation {
    pub(super) key: OperationKey,
    pub(super) traces: Vec<Arc<Trace>>,
    /// Traces that no earlier evaluation had.
    pub(super) fresh: BTreeSet<TraceId>,
    /// Traces of which more rows may arrive.
    pub(super) incomplete: BTreeSet<TraceId>,
    /// The operation's findings so far.
    pub(super) records: Vec<FindingRecord>,
    /// Executions of the operation that the store knows of.
    pub(super) known: u64,
    pub(super) config: Arc<DetectorConfig>,
    pub(super) neighbours: Neighbours,
    /// The folder of temporary worktrees.
    pub(super) scratch: PathBuf,
    /// Unix nanoseconds.
    pub(super) now: i64,
}

/// What an evaluation found.
pub(super) struct EvaluationOutcome {
    pub(super) key: OperationKey,
    pub(super) events: Vec<FindingEvent>,
    pub(super) stats: EvaluationStats,
}

impl Evaluation {
    /// Runs the detectors. Long work, for a thread that may block.
    pub(super) fn run(self) -> EvaluationOutcome {
        let trees = trees(&self.traces);
        let starts: HashMap<TraceId, i64> =
            self.traces.iter().filter_map(|trace| Some((trace.trace_id, trace.spans.first()?.start.0))).collect();
        let known: Vec<KnownFinding<'_>> = self.records.iter().map(FindingRecord::known).collect();
        let mut stats = EvaluationStats { at: self.now, ..EvaluationStats::default() };
        let mut events = Vec::new();
        let opens = |finding: &Finding, executions: &[Execution<'_, '_>]| opens(finding, executions, &self.neighbours);
        for (worktree, executions) in self.by_worktree(&trees) {
            stats.executions += executions.len() as u64;
            stats.spans += executions.iter().map(|execution| execution.spans().len() as u64).sum::<u64>();
            if !executions.iter().any(|execution| self.fresh.contains(&execution.trace_id())) {
                continue;
            }
            let settled = !executions.iter().any(|execution| self.incomplete.contains(&execution.trace_id()));
            let began: Vec<i64> = executions.iter().map(Execution::start).collect();
            let per_day = executions_per_day(&began, self.known.max(began.len() as u64));
            let sighting = |finding: Box<Finding>| Sighting {
                evidence_starts: finding
                    .evidence
                    .iter()
                    .map(|evidence| starts.get(&evidence.trace_id).copied().unwrap_or(i64::MAX))
                    .collect(),
                finding: *finding,
                worktree: worktree.to_owned(),
                executions_per_day: per_day,
            };
            let of_programs = executions.iter().all(|execution| is_run(execution.tree, execution.entry));
            let config = if of_programs { &self.config.for_programs() } else { &*self.config };
            let outcomes = life::look(&executions, &known, config, &opens, settled);
            events.extend(outcomes.into_iter().map(|outcome| match outcome {
                life::FindingOutcome::Opened { finding, set, criteria } => {
                    FindingEvent::Opened(sighting(finding), set, criteria)
                }
                life::FindingOutcome::Seen { finding, set, prevalence } => {
                    FindingEvent::Seen(sighting(finding), set, prevalence)
                }
                life::FindingOutcome::Clean { fingerprint, set } => FindingEvent::Clean(fingerprint, set),
                life::FindingOutcome::Gone { fingerprint, set } => FindingEvent::Gone(fingerprint, set),
            }));
        }
        EvaluationOutcome { key: self.key.clone(), events, stats }
    }

    /// Returns the operation's executions in the project, without temporary worktrees, by worktree.
    fn by_worktree<'t, 'a>(&self, trees: &'t [Tree<'a>]) -> BTreeMap<&'a str, Vec<Execution<'t, 'a>>> {
        let mut worktrees: BTreeMap<&str, Vec<Execution<'_, '_>>> = BTreeMap::new();
        let outermost = executions(trees, EntrySpans::Outermost);
        let own = outermost.into_iter().filter(|execution| !is_run(execution.tree, execution.entry));
        for execution in own.chain(programs(trees)) {
            let span = execution.tree.span(execution.entry);
            let is_elsewhere =
                span.resource.text(names::PROJECT).is_some_and(|it| self.key.project.as_deref() != Some(it));
            let counts = !is_elsewhere && !is_temporary(&execution, &self.scratch);
            let name = command_of(span);
            let is_it = name.as_deref().unwrap_or(span.name.as_str()) == self.key.name;
            if is_it && span.service() == self.key.service && counts {
                worktrees.entry(worktree_of(&execution)).or_default().push(execution);
            }
        }
        worktrees
    }
}
