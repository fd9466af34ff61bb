//! One look at an operation: its executions in the traces given, worktree by worktree.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kino_analyze::DetectorConfig;
use kino_analyze::Finding;
use kino_analyze::detect::{Neighbours, opens};
use kino_analyze::execution::{Entry, Execution, executions, is_run};
use kino_analyze::life::{self, KnownFinding, Outcome, worktree_of};
use kino_analyze::tree::Tree;
use kino_model::{SpanKind, Trace, TraceId, names};

use super::ledger::{LookedAt, Step};
use super::operations::OperationKey;
use super::stored::{Sighting, Stored, executions_per_day};
use crate::temporary;

/// Where executions start in a trace.
pub(super) struct Entries {
    /// Nothing of it is missing, as far as it can be told from itself.
    pub(super) whole: bool,
    /// With the project where the resource names one, and what its executions there took.
    pub(super) keys: BTreeMap<OperationKey, Timed>,
}

/// What the executions of an operation in a trace took.
#[derive(Clone, Debug, Default)]
pub(super) struct Timed {
    pub(super) kind: SpanKind,
    /// Nanoseconds, of those that have ended.
    pub(super) durations: Vec<i64>,
}

/// Whether an execution ran in a worktree that was made for one verification: what it shows of other code is told
/// there, and is no news of the code that people work on.
fn is_temporary(execution: &Execution<'_, '_>, scratch: &Path) -> bool {
    temporary::is_temporary(worktree_of(execution), scratch)
}

/// Finds the operations that a trace has executions of, those in worktrees beneath `scratch` left out.
pub(super) fn entries(trace: &Trace, scratch: &Path) -> Entries {
    let tree = Tree::new(trace);
    let open_root = tree.roots().iter().any(|root| tree.span(*root as usize).end.is_none());
    let whole = tree.missing_parents() == 0 && !open_root;
    let found = executions(std::slice::from_ref(&tree), Entry::Outermost);
    let own = found.iter().filter(|execution| !is_run(execution.tree, execution.entry));
    let mut keys: BTreeMap<OperationKey, Timed> = BTreeMap::new();
    for execution in own.filter(|execution| !is_temporary(execution, scratch)) {
        let timed = keys.entry(key_of(execution)).or_default();
        timed.kind = execution.tree.span(execution.entry).kind;
        timed.durations.extend(execution.duration());
    }
    Entries { whole, keys }
}

fn key_of(execution: &Execution<'_, '_>) -> OperationKey {
    let span = execution.tree.span(execution.entry);
    OperationKey {
        project: span.resource.text(names::PROJECT).map(str::to_owned),
        service: span.service().to_owned(),
        name: span.name.to_string(),
    }
}

/// What is looked at, and how.
pub(super) struct Look {
    pub(super) key: OperationKey,
    pub(super) traces: Vec<Arc<Trace>>,
    /// Traces that no look rested on before.
    pub(super) fresh: BTreeSet<TraceId>,
    /// Traces of which more may come.
    pub(super) incomplete: BTreeSet<TraceId>,
    /// What is kept about the operation.
    pub(super) kept: Vec<Stored>,
    /// Executions of the operation that the store knows of.
    pub(super) known: u64,
    pub(super) config: Arc<DetectorConfig>,
    pub(super) neighbours: Neighbours,
    /// Where temporary worktrees are.
    pub(super) scratch: PathBuf,
    pub(super) now: i64,
}

impl Look {
    /// Judges. Long work for a thread that may take its time.
    pub(super) fn judge(self) -> (OperationKey, Vec<Step>, LookedAt) {
        let trees: Vec<Tree<'_>> = self.traces.iter().map(|trace| Tree::new(trace)).collect();
        let mut by_worktree: BTreeMap<&str, Vec<Execution<'_, '_>>> = BTreeMap::new();
        for execution in executions(&trees, Entry::Outermost) {
            let span = execution.tree.span(execution.entry);
            let elsewhere =
                span.resource.text(names::PROJECT).is_some_and(|it| self.key.project.as_deref() != Some(it));
            let counts = !elsewhere && !is_temporary(&execution, &self.scratch);
            if span.name == self.key.name && span.service() == self.key.service && counts {
                by_worktree.entry(worktree_of(&execution)).or_default().push(execution);
            }
        }
        let starts: HashMap<TraceId, i64> =
            self.traces.iter().filter_map(|trace| Some((trace.trace_id, trace.spans.first()?.start.0))).collect();
        let known: Vec<KnownFinding<'_>> = self.kept.iter().map(Stored::known).collect();
        let mut looked = LookedAt { at: self.now, ..LookedAt::default() };
        let mut steps = Vec::new();
        let opens = |finding: &Finding, executions: &[Execution<'_, '_>]| opens(finding, executions, &self.neighbours);
        for (worktree, executions) in by_worktree {
            looked.executions += executions.len() as u64;
            looked.spans += executions.iter().map(|execution| execution.spans().len() as u64).sum::<u64>();
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
            steps.extend(life::look(&executions, &known, &self.config, &opens, settled).into_iter().map(|outcome| {
                match outcome {
                    Outcome::Opened { finding, set, criteria } => Step::Opened(sighting(finding), set, criteria),
                    Outcome::Seen { finding, set, prevalence } => Step::Seen(sighting(finding), set, prevalence),
                    Outcome::Clean { fingerprint, set } => Step::Clean(fingerprint, set),
                    Outcome::Gone { fingerprint, set } => Step::Gone(fingerprint, set),
                }
            }));
        }
        (self.key, steps, looked)
    }
}
