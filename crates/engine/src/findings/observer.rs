//! The observer: one thread that evaluates operations with new executions when no other work needs the core.
//!
//! It has a runtime of its own, so that all its work, reading files included, is done by threads of low priority: what
//! arrives and what is asked come first, and an idle core is used.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use futures::future::try_join_all;
use kino_analyze::DetectorConfig;
use kino_model::{Trace, TraceId, UnixNanos};
use kino_store::snapshot::{OperationFilter, Snapshot, TraceFiles, TraceFilter};
use kino_wire::Problem;

use super::evaluation::{Evaluation, EvaluationOutcome, TraceOperations, operations_in};
use super::feed::Arrival;
use super::operations::{OperationKey, WINDOW, WatchedOperations};
use super::trace_assembler::{Drained, Due, NewRows, TraceAssembler};
use super::{EvaluationRequest, Findings, Incoming};
use crate::error::OrProblem;
use crate::load;
use crate::offload::offload;

/// The niceness of its threads: beside two threads that never rest, they get about a tenth of a core.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;
/// Threads that read and evaluate for it at a time.
const WORKERS_MAX: usize = 2;
/// The pause between rounds while traces wait to become complete.
const STEP: Duration = Duration::from_millis(500);
/// The same, while more traces are due than one round loads.
const STEP_BEHIND: Duration = Duration::from_millis(5);
/// The same, after a round that failed: its cause seldom goes away at once.
const STEP_FAILED: Duration = Duration::from_secs(10);
/// The same, while nothing waits: findings decay meanwhile.
const IDLE: Duration = Duration::from_mins(10);
/// Traces that one round loads, and the spans in them: some fifty megabytes while they are evaluated.
const ROUND_TRACES_MAX: usize = 2_000;
const ROUND_SPANS_MAX: usize = 50_000;
/// A round with this many traces is busy: another follows soon, so that an evaluation can wait for more executions.
const BUSY_TRACES: usize = 200;
/// Spans of earlier executions that one evaluation loads.
const EVALUATION_SPANS_MAX: usize = 100_000;
/// Traces that are evaluated again after a start: the last engine may have ended before it evaluated them.
const RESUMED_MAX: usize = 2_000;
/// How far before the last engine's last round these begin.
const RESUMED_SLACK_NANOS: i64 = 60_000_000_000;
/// The name of its threads.
const THREAD: &str = "kino-observer";
/// The record with the time of the last round: its kind and id.
const OBSERVER: (&str, &str) = ("observer", "state");

/// The observer's state, which no other thread sees.
struct Observer {
    incoming: Incoming,
    traces: TraceAssembler,
    operations: WatchedOperations,
    /// The files when the feed was last drained, before its arrivals could be in files; `None` while nothing waits, when
    /// they need not be pinned.
    files: Option<TraceFiles>,
    /// Whether `traces` has what the last engine did not evaluate.
    resumed: bool,
    /// When findings last decayed, Unix nanoseconds.
    decayed: i64,
}

/// What the observer works with.
pub(crate) struct Observation {
    pub(crate) findings: Arc<Findings>,
    pub(crate) detectors: Arc<DetectorConfig>,
    /// The folder of temporary worktrees.
    pub(crate) scratch: PathBuf,
    /// A finding that was not seen for this long decays.
    pub(crate) decay_nanos: i64,
}

/// Starts the observer, which ends when the engine stops or `observation` is gone.
pub(crate) fn start(observation: &Arc<Observation>, incoming: Incoming) {
    let observer = Observer {
        incoming,
        traces: TraceAssembler::default(),
        operations: WatchedOperations::default(),
        files: None,
        resumed: false,
        decayed: i64::MIN,
    };
    let (observed, stopping) = (Arc::downgrade(observation), observation.findings.stopping.clone());
    let run = move || {
        lower_priority();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .thread_name(THREAD)
            .max_blocking_threads(WORKERS_MAX)
            .build();
        match runtime {
            Ok(runtime) => runtime.block_on(observer.run(observed, stopping)),
            Err(error) => tracing::warn!(%error, "no findings are evaluated: failed to start the observer's runtime"),
        }
    };
    match std::thread::Builder::new().name(THREAD.to_owned()).spawn(run) {
        Ok(thread) => *observation.findings.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread),
        Err(error) => tracing::warn!(%error, "no findings are evaluated: failed to start the observer's thread"),
    }
}

/// Lowers the priority of this thread and of those that it starts. On other systems than Linux this would lower the whole
/// process.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!(%error, "the observer runs at the priority of the other threads");
    }
}

impl Observer {
    async fn run(mut self, observation: Weak<Observation>, mut stopping: tokio::sync::watch::Receiver<bool>) {
        let mut pause = Duration::ZERO;
        loop {
            let mut requests = Vec::new();
            tokio::select! {
                stopped = stopping.wait_for(|stop| *stop) => { drop(stopped); return; }
                request = self.incoming.requests.recv() => match request {
                    Some(request) => requests.push(request),
                    None => return,
                },
                arrival = self.incoming.arrivals.recv(), if !self.is_waiting() && self.resumed => match arrival {
                    Some(arrival) => {
                        let Some(observation) = observation.upgrade() else { return };
                        self.drain_feed(&observation.findings, Some(arrival));
                        pause = STEP;
                        continue;
                    }
                    None => return,
                },
                () = tokio::time::sleep(pause) => {}
            }
            while let Ok(request) = self.incoming.requests.try_recv() {
                requests.push(request);
            }
            let Some(observation) = observation.upgrade() else { return };
            let outcome = self.run_round(&observation, &requests, &stopping).await;
            if let Err(problem) = &outcome {
                tracing::warn!(%problem, "failed to evaluate what arrived; the next round tries again");
            }
            for request in requests {
                if request.done.send(()).is_err() {
                    tracing::debug!("the question that requested a round has given up");
                }
            }
            let is_behind = self.traces.any_due(observation.findings.clock.monotonic_nanos());
            pause = match (is_behind, self.is_waiting()) {
                _ if outcome.is_err() => STEP_FAILED,
                (true, _) => STEP_BEHIND,
                (false, true) => STEP,
                (false, false) => IDLE,
            };
        }
    }

    fn is_waiting(&self) -> bool {
        self.traces.len() > 0 || self.operations.is_waiting()
    }

    /// Takes all arrivals out of the feed.
    fn drain_feed(&mut self, findings: &Findings, first: Option<Arrival>) {
        let oldest_in_memory = findings.store.oldest_in_memory();
        let files = findings.store.snapshot().trace_files();
        let before = self.files.replace(files.clone()).unwrap_or(files);
        let dropped = findings.feed.take_dropped();
        let now = findings.clock.monotonic_nanos();
        let mut arrivals: Vec<Arrival> = first.into_iter().collect();
        arrivals.extend(std::iter::from_fn(|| self.incoming.arrivals.try_recv().ok()));
        let drained = Drained { arrivals, dropped, oldest_in_memory, now };
        let dropped = self.traces.add_drained(drained, |ids| before.select_possible(ids));
        findings.metrics.traces_dropped.fetch_add(dropped, Ordering::Relaxed);
        findings.waiting.store(self.traces.len() as u64, Ordering::Relaxed);
    }

    /// Loads the traces that are due, and evaluates the operations that have enough new executions.
    async fn run_round(
        &mut self,
        observation: &Observation,
        requests: &[EvaluationRequest],
        stopping: &tokio::sync::watch::Receiver<bool>,
    ) -> Result<(), Problem> {
        let findings = &*observation.findings;
        self.drain_feed(findings, None);
        let snapshot = findings.store.snapshot();
        if !self.resumed {
            self.resume(findings, &snapshot).await?;
            self.resumed = true;
        }
        if findings.forgotten.swap(false, Ordering::AcqRel) {
            // The operations name traces that may be gone.
            self.operations.clear();
            self.traces.evict_cached();
        }
        for request in requests {
            self.traces.settle(&request.settled);
        }
        let at_once = !requests.is_empty();
        let began = findings.clock.monotonic_nanos();
        let loaded = self.load_due(observation, &snapshot, began, at_once).await?;
        let spans = self.evaluate_due(observation, &snapshot, &loaded, began, at_once, stopping).await?;
        findings.waiting.store(self.traces.len() as u64, Ordering::Relaxed);
        let took = findings.clock.monotonic_nanos().saturating_sub(began);
        findings.metrics.spans_evaluated.fetch_add(spans, Ordering::Relaxed);
        findings.metrics.evaluation_nanos.fetch_add(took, Ordering::Relaxed);
        if !self.is_waiting() {
            self.files = None;
            if snapshot.is_all_in_files() {
                self.traces.rest();
            }
        }
        self.decay(observation).await?;
        if !loaded.is_empty() && findings.store.read_only().is_none() {
            let state = serde_json::json!({ "looked_unix_nanos": findings.clock.now().0 });
            findings.store.put_record(OBSERVER.0, OBSERVER.1, &state).await.or_problem()?;
        }
        Ok(())
    }

    /// Evaluates the operations that are due; returns how many spans their executions have.
    async fn evaluate_due(
        &mut self,
        observation: &Observation,
        snapshot: &Snapshot,
        loaded: &BTreeMap<TraceId, Arc<Trace>>,
        now: u64,
        at_once: bool,
        stopping: &tokio::sync::watch::Receiver<bool>,
    ) -> Result<u64, Problem> {
        let findings = &*observation.findings;
        let mut spans = 0;
        let is_busy = loaded.len() >= BUSY_TRACES;
        for keys in self.operations.due(now, at_once, is_busy).chunks(WORKERS_MAX) {
            if *stopping.borrow() {
                break;
            }
            // A round may take seconds, in which the channel would fill.
            self.drain_feed(findings, None);
            let mut evaluations = Vec::with_capacity(keys.len());
            for key in keys {
                evaluations.extend(self.prepare(observation, snapshot, key, loaded).await?);
            }
            let evaluated = evaluations.into_iter().map(|evaluation| offload(move || evaluation.run()));
            for outcome in try_join_all(evaluated).await.or_problem()? {
                let EvaluationOutcome { key, events, stats } = outcome;
                spans += stats.spans;
                let (written, removed) = findings.ledger().apply(&key, events, stats);
                findings.commit(written, removed).await?;
                self.operations.mark_evaluated(&key, now);
            }
        }
        Ok(spans)
    }

    /// Adds the traces that arrived since the last engine's last round; the newest of all where it had none.
    async fn resume(&mut self, findings: &Findings, snapshot: &Snapshot) -> Result<(), Problem> {
        let state = findings.store.record(OBSERVER.0, OBSERVER.1).await.or_problem()?;
        let last_round = state.and_then(|state| state["looked_unix_nanos"].as_i64());
        let since = last_round.map(|last| UnixNanos(last.saturating_sub(RESUMED_SLACK_NANOS)));
        let filter = TraceFilter { since, ..TraceFilter::default() };
        let found = snapshot.find(&filter, RESUMED_MAX, None).await.or_problem()?;
        let now = findings.clock.monotonic_nanos();
        if !snapshot.is_all_in_files() {
            self.traces.mark_incomplete(now);
        }
        for row in found.rows {
            let rows = u32::try_from(row.span_count).unwrap_or(u32::MAX);
            let new = NewRows { id: row.trace_id, rows, project: row.project.as_deref(), at: now, batch: None };
            let dropped = self.traces.add(new, false);
            findings.metrics.traces_dropped.fetch_add(dropped, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Loads traces that are due, and records which operations they have executions of.
    async fn load_due(
        &mut self,
        observation: &Observation,
        snapshot: &Snapshot,
        now: u64,
        at_once: bool,
    ) -> Result<BTreeMap<TraceId, Arc<Trace>>, Problem> {
        let Due { cached, mut stored } = self.traces.due(now, at_once, ROUND_TRACES_MAX, ROUND_SPANS_MAX);
        let scratch = observation.scratch.clone();
        let assemble = move || {
            let (traces, others) = cached.into_traces();
            (with_operations(traces.into_iter().map(Arc::new), &scratch), others.collect::<Vec<_>>())
        };
        let (mut found, others) = offload(assemble).await.or_problem()?;
        stored.extend(others);
        let mut later = BTreeSet::new();
        if !stored.is_empty() {
            let (traces, beyond) = load::traces_once_within(snapshot, &stored, ROUND_SPANS_MAX).await?;
            later.extend(beyond);
            let scratch = observation.scratch.clone();
            let find = move || with_operations(traces.into_iter(), &scratch);
            found.extend(offload(find).await.or_problem()?);
        }
        let mut loaded = BTreeMap::new();
        for (TraceOperations { is_whole, durations }, trace) in found {
            let id = trace.trace_id;
            let Some((project, is_complete)) = self.traces.loaded(id, is_whole, now) else { continue };
            for (mut key, durations) in durations {
                key.project = key.project.or_else(|| project.as_deref().map(str::to_owned));
                self.operations.add(&key, &durations, id, is_complete, now);
            }
            loaded.insert(id, trace);
        }
        // Forgotten since they arrived, or nothing but logs.
        for id in stored.iter().filter(|id| !loaded.contains_key(id) && !later.contains(id)) {
            self.traces.remove_missing(*id);
        }
        Ok(loaded)
    }

    /// Loads what the evaluation of an operation needs; `None` where the operation is not watched any more.
    async fn prepare(
        &mut self,
        observation: &Observation,
        snapshot: &Snapshot,
        key: &OperationKey,
        loaded: &BTreeMap<TraceId, Arc<Trace>>,
    ) -> Result<Option<Evaluation>, Problem> {
        let neighbours = self.operations.neighbours(key);
        let Some(watched) = self.operations.get(key) else { return Ok(None) };
        let mut known = watched.recent.len() as u64;
        if !watched.primed {
            if watched.recent.len() < WINDOW {
                let filter = OperationFilter {
                    service: Some(key.service.clone()),
                    name: Some(key.name.clone()),
                    project: key.project.clone(),
                    ..OperationFilter::default()
                };
                let newest = snapshot.newest_spans(&filter, WINDOW).await.or_problem()?;
                known = newest.known;
                for span in newest.spans {
                    // They come newest first, so that each goes to the front.
                    if watched.recent.len() < WINDOW && !watched.recent.contains(&span.trace_id) {
                        watched.recent.push_front(span.trace_id);
                    }
                }
            }
            watched.primed = true;
        }
        watched.known = watched.known.max(known) + watched.fresh.len() as u64;
        let mut traces: Vec<Arc<Trace>> = watched.recent.iter().filter_map(|id| loaded.get(id).cloned()).collect();
        let missing: Vec<TraceId> =
            watched.recent.iter().rev().filter(|id| !loaded.contains_key(id)).copied().collect();
        let (fresh, incomplete, known) = (watched.fresh.clone(), watched.incomplete.clone(), watched.known);
        let (more, _) = load::traces_within(snapshot, missing.into_iter(), EVALUATION_SPANS_MAX).await?;
        traces.extend(more);
        let findings = &observation.findings;
        Ok(Some(Evaluation {
            key: key.clone(),
            traces,
            fresh,
            incomplete,
            known,
            records: findings.ledger().of(key),
            config: Arc::clone(&observation.detectors),
            neighbours,
            scratch: observation.scratch.clone(),
            now: findings.clock.now().0,
        }))
    }

    /// Lets findings decay and prunes old records, at most every [`IDLE`].
    async fn decay(&mut self, observation: &Observation) -> Result<(), Problem> {
        let findings = &*observation.findings;
        let now = findings.clock.now().0;
        if now.saturating_sub(self.decayed) < IDLE.as_nanos() as i64 {
            return Ok(());
        }
        self.decayed = now;
        let before = now.saturating_sub(observation.decay_nanos);
        let decayed = findings.ledger().decay(before, now);
        findings.housekeeping.prune().await;
        findings.commit(decayed, []).await
    }
}

fn with_operations(traces: impl Iterator<Item = Arc<Trace>>, scratch: &Path) -> Vec<(TraceOperations, Arc<Trace>)> {
    traces.map(|trace| (operations_in(&trace, scratch), trace)).collect()
}
