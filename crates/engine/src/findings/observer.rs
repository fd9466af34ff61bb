//! The observer: one thread that looks at operations with new executions when nobody else needs the core.
//!
//! It has a runtime of its own, so that all its work, the reading of files too, is done by threads which the system lets
//! go last: what arrives and what is asked come first, and an idle core is used.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use futures::future::try_join_all;
use kino_analyze::DetectorConfig;
use kino_model::{Clock, Trace, TraceId, UnixNanos};
use kino_store::Store;
use kino_store::snapshot::{OperationFilter, Snapshot, TraceFiles, TraceFilter};
use kino_wire::Problem;

use super::arrivals::Arrived;
use super::look::{Entries, Look, entries};
use super::operations::{OperationKey, Operations, WINDOW};
use super::pending::{Arrival, Due, Pending};
use super::{Findings, Incoming, LookNow};
use crate::error::OrProblem;
use crate::figures::Figures;
use crate::housekeeping::Housekeeping;
use crate::ingest::blocking;
use crate::load;

/// How far its threads stand behind others: beside two that never rest, they get about a tenth of a core.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;
/// Threads that read and judge for it at a time.
const WORKERS_MAX: usize = 2;
/// Between looks, where something waits to settle.
const STEP: Duration = Duration::from_millis(500);
/// Between looks, where more has settled than one takes in.
const STEP_BEHIND: Duration = Duration::from_millis(5);
/// After a look that failed: what failed it seldom goes away at once.
const STEP_FAILED: Duration = Duration::from_secs(10);
/// Between wakings where nothing waits: findings decay meanwhile.
const IDLE: Duration = Duration::from_mins(10);
/// Traces that one round takes in, and the spans in them: some fifty megabytes while they are looked at.
const ROUND_TRACES_MAX: usize = 2_000;
const ROUND_SPANS_MAX: usize = 50_000;
/// A round that takes in so many is soon followed by another: what is looked at can wait for more of its kind.
const BUSY_TRACES: usize = 200;
/// Spans that one look at an operation loads besides.
const LOOK_SPANS_MAX: usize = 100_000;
/// Traces that are looked at again after a start: what arrived before it may not have been looked at.
const RESUMED_MAX: usize = 2_000;
/// How far back from the last round before the end they are searched for.
const RESUMED_SLACK_NANOS: i64 = 60_000_000_000;
/// What its threads are called.
const THREAD: &str = "kino-observer";
/// The record of how far the observer came.
const OBSERVER: (&str, &str) = ("observer", "state");

/// What the observer knows; nobody else sees it.
struct Observer {
    incoming: Incoming,
    pending: Pending,
    operations: Operations,
    /// The files at the last look, before what has been told of since arrived; `None` at rest, when they need not stay.
    files: Option<TraceFiles>,
    /// Whether what was there before the start is in `pending`.
    resumed: bool,
    /// When findings were last looked through for decay, Unix nanoseconds.
    decayed: i64,
}

/// What the observer works with.
pub(crate) struct Watch {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) figures: Arc<Figures>,
    pub(crate) findings: Arc<Findings>,
    pub(crate) housekeeping: Housekeeping,
    pub(crate) detectors: Arc<DetectorConfig>,
    /// Where temporary worktrees are.
    pub(crate) scratch: PathBuf,
    /// After this long without being seen a finding decays.
    pub(crate) decay_nanos: i64,
}

/// Starts the observer, which ends when the engine stops or `watch` is gone.
pub(crate) fn start(watch: &Arc<Watch>, incoming: Incoming) {
    let observer = Observer {
        incoming,
        pending: Pending::default(),
        operations: Operations::default(),
        files: None,
        resumed: false,
        decayed: i64::MIN,
    };
    let (watched, stopping) = (Arc::downgrade(watch), watch.findings.stopping.clone());
    let run = move || {
        lower_priority();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .thread_name(THREAD)
            .max_blocking_threads(WORKERS_MAX)
            .build();
        match runtime {
            Ok(runtime) => runtime.block_on(observer.run(watched, stopping)),
            Err(error) => tracing::warn!(%error, "nothing looks for findings: failed to start the observer's runtime"),
        }
    };
    match std::thread::Builder::new().name(THREAD.to_owned()).spawn(run) {
        Ok(thread) => *watch.findings.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread),
        Err(error) => tracing::warn!(%error, "nothing looks for findings: failed to start the observer's thread"),
    }
}

/// Makes this thread, and those that it starts, yield to others. Elsewhere than on Linux that would mean the process.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!(%error, "the observer works at the priority of the others");
    }
}

impl Observer {
    async fn run(mut self, watch: Weak<Watch>, mut stopping: tokio::sync::watch::Receiver<bool>) {
        let mut pause = Duration::ZERO;
        loop {
            let mut asked = Vec::new();
            tokio::select! {
                stopped = stopping.wait_for(|stop| *stop) => { drop(stopped); return; }
                request = self.incoming.requests.recv() => match request {
                    Some(request) => asked.push(request),
                    None => return,
                },
                arrived = self.incoming.arrivals.recv(), if !self.is_waiting() && self.resumed => match arrived {
                    Some(arrived) => {
                        let Some(watch) = watch.upgrade() else { return };
                        self.drain_arrivals(&watch, Some(arrived));
                        pause = STEP;
                        continue;
                    }
                    None => return,
                },
                () = tokio::time::sleep(pause) => {}
            }
            while let Ok(request) = self.incoming.requests.try_recv() {
                asked.push(request);
            }
            let Some(watch) = watch.upgrade() else { return };
            let outcome = self.run_cycle(&watch, &asked, &stopping).await;
            if let Err(problem) = &outcome {
                tracing::warn!(%problem, "failed to look for findings; what arrived is looked at again");
            }
            for request in asked {
                if request.done.send(()).is_err() {
                    tracing::debug!("the client that asked for a look has given up");
                }
            }
            pause = match (self.is_behind(&watch), self.is_waiting()) {
                _ if outcome.is_err() => STEP_FAILED,
                (true, _) => STEP_BEHIND,
                (false, true) => STEP,
                (false, false) => IDLE,
            };
        }
    }

    /// Whether more has settled than the last round took in.
    fn is_behind(&self, watch: &Watch) -> bool {
        self.pending.any_due(watch.clock.monotonic_nanos())
    }

    fn is_waiting(&self) -> bool {
        self.pending.len() > 0 || self.operations.is_waiting()
    }

    /// Takes over what was told of arrivals.
    fn drain_arrivals(&mut self, watch: &Watch, first: Option<Arrived>) {
        let oldest = watch.store.oldest_in_memory();
        let files = watch.store.snapshot().trace_files();
        let before = self.files.replace(files.clone()).unwrap_or(files);
        let missed = watch.findings.arrivals.take_missed();
        let mut unseen = missed;
        let now = watch.clock.monotonic_nanos();
        if missed > 0 {
            self.pending.invalidate(now);
        }
        let mut arrived: Vec<Arrived> = first.into_iter().collect();
        arrived.extend(std::iter::from_fn(|| self.incoming.arrivals.try_recv().ok()));
        let held = arrived.iter().filter(|arrived| arrived.rows.is_some());
        let ids: BTreeSet<TraceId> = held.flat_map(|arrived| arrived.traces().map(|(id, ..)| id)).collect();
        let in_files = before.which_may_be_held(&ids.into_iter().collect::<Vec<_>>());
        for mut arrived in arrived {
            let at = arrived.at;
            let part = arrived.rows.take().and_then(|rows| self.pending.hold(rows, at));
            for (id, rows, project) in arrived.traces() {
                unseen += self.pending.add(Arrival { id, rows, project, at, part }, &in_files);
            }
            if let Some(part) = part {
                self.pending.all_added(part, now);
            }
        }
        if missed == 0 {
            // From now on, because what arrived by now was held against files of before.
            self.pending.advance_watermark(oldest);
        }
        watch.figures.unseen_traces.fetch_add(unseen, Ordering::Relaxed);
        watch.findings.waiting.store(self.pending.len() as u64, Ordering::Relaxed);
    }

    async fn run_cycle(
        &mut self,
        watch: &Watch,
        asked: &[LookNow],
        stopping: &tokio::sync::watch::Receiver<bool>,
    ) -> Result<(), Problem> {
        self.drain_arrivals(watch, None);
        let snapshot = watch.store.snapshot();
        if !self.resumed {
            self.resume(watch, &snapshot).await?;
            self.resumed = true;
        }
        if watch.findings.forgotten.swap(false, Ordering::AcqRel) {
            // What was remembered of operations names traces that may be gone.
            self.operations.clear();
            self.pending.let_go_of_rows();
        }
        for request in asked {
            self.pending.settle(&request.settled);
        }
        let at_once = !asked.is_empty();
        let now = watch.clock.monotonic_nanos();
        let loaded = self.take_traces(watch, &snapshot, now, at_once).await?;
        let mut spans = 0;
        let busy = loaded.len() >= BUSY_TRACES;
        for keys in self.operations.due(now, at_once, busy).chunks(WORKERS_MAX) {
            if *stopping.borrow() {
                break;
            }
            // A round may take seconds, and what is not taken in meanwhile goes untold at last.
            self.drain_arrivals(watch, None);
            let mut looks = Vec::with_capacity(keys.len());
            for key in keys {
                looks.extend(self.look(watch, &snapshot, key, &loaded).await?);
            }
            let judged = looks.into_iter().map(|look| blocking(move || look.judge()));
            let judged = try_join_all(judged).await.map_err(|error| error.problem())?;
            for (key, steps, looked) in judged {
                spans += looked.spans;
                let (written, removed) = watch.findings.ledger().apply(&key, steps, looked, looked.at);
                watch.findings.keep(written, removed).await?;
                self.operations.looked(&key, now);
            }
        }
        watch.findings.waiting.store(self.pending.len() as u64, Ordering::Relaxed);
        let took = watch.clock.monotonic_nanos().saturating_sub(now);
        watch.figures.looked_spans.fetch_add(spans, Ordering::Relaxed);
        watch.figures.looked_nanos.fetch_add(took, Ordering::Relaxed);
        if !self.is_waiting() {
            self.files = None;
            if snapshot.is_all_in_files() {
                self.pending.rest();
            }
        }
        self.let_decay(watch).await?;
        if !loaded.is_empty() && watch.store.read_only().is_none() {
            let state = serde_json::json!({ "looked_unix_nanos": watch.clock.now().0 });
            let put = watch.store.put_record(OBSERVER.0, OBSERVER.1, &state).await;
            put.or_problem()?;
        }
        Ok(())
    }

    /// What arrived since the last round before the start waits anew; all there is, where there was none.
    async fn resume(&mut self, watch: &Watch, snapshot: &Snapshot) -> Result<(), Problem> {
        let store = &watch.store;
        let state = store.record(OBSERVER.0, OBSERVER.1).await.or_problem()?;
        let looked = state.and_then(|state| state["looked_unix_nanos"].as_i64());
        let since = looked.map(|looked| UnixNanos(looked.saturating_sub(RESUMED_SLACK_NANOS)));
        let filter = TraceFilter { since, ..TraceFilter::default() };
        let found = snapshot.find(&filter, RESUMED_MAX, None).await.or_problem()?;
        let now = watch.clock.monotonic_nanos();
        if !snapshot.is_all_in_files() {
            self.pending.invalidate(now);
        }
        for row in found.rows {
            let rows = u32::try_from(row.span_count).unwrap_or(u32::MAX);
            let arrival = Arrival { id: row.trace_id, rows, project: row.project.as_deref(), at: now, part: None };
            let unseen = self.pending.add(arrival, &HashSet::new());
            watch.figures.unseen_traces.fetch_add(unseen, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Loads traces that are due, and notes which operations they have executions of.
    async fn take_traces(
        &mut self,
        watch: &Watch,
        snapshot: &Snapshot,
        now: u64,
        at_once: bool,
    ) -> Result<BTreeMap<TraceId, Arc<Trace>>, Problem> {
        let Due { held, mut stored } = self.pending.due(now, at_once, ROUND_TRACES_MAX, ROUND_SPANS_MAX);
        let scratch = watch.scratch.clone();
        let gather = move || {
            let (traces, others) = held.traces();
            (with_entries(traces.into_iter().map(Arc::new), &scratch), others.collect::<Vec<_>>())
        };
        let (mut found, others) = blocking(gather).await.map_err(|error| error.problem())?;
        stored.extend(others);
        let mut later = BTreeSet::new();
        if !stored.is_empty() {
            let (traces, beyond) = load::traces_once_within(snapshot, &stored, ROUND_SPANS_MAX).await?;
            later.extend(beyond);
            let scratch = watch.scratch.clone();
            let find = move || with_entries(traces.into_iter(), &scratch);
            found.extend(blocking(find).await.map_err(|error| error.problem())?);
        }
        let mut loaded = BTreeMap::new();
        for (Entries { whole, keys }, trace) in found {
            let id = trace.trace_id;
            let Some((project, complete)) = self.pending.taken(id, whole, now) else { continue };
            for (mut key, timed) in keys {
                key.project = key.project.or_else(|| project.as_deref().map(str::to_owned));
                self.operations.saw(&key, &timed, id, complete, now);
            }
            loaded.insert(id, trace);
        }
        // Forgotten since, or nothing but logs.
        for id in stored.iter().filter(|id| !loaded.contains_key(id) && !later.contains(id)) {
            self.pending.gone(*id);
        }
        Ok(loaded)
    }

    /// What a look at an operation rests on.
    async fn look(
        &mut self,
        watch: &Watch,
        snapshot: &Snapshot,
        key: &OperationKey,
        loaded: &BTreeMap<TraceId, Arc<Trace>>,
    ) -> Result<Option<Look>, Problem> {
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
                    // Newest first, so that each goes before those that are there.
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
        let (more, _) = load::traces_within(snapshot, missing.into_iter(), LOOK_SPANS_MAX).await?;
        traces.extend(more);
        Ok(Some(Look {
            key: key.clone(),
            traces,
            fresh,
            incomplete,
            known,
            kept: watch.findings.ledger().of(key),
            config: Arc::clone(&watch.detectors),
            neighbours,
            scratch: watch.scratch.clone(),
            now: watch.clock.now().0,
        }))
    }

    async fn let_decay(&mut self, watch: &Watch) -> Result<(), Problem> {
        let now = watch.clock.now().0;
        if now.saturating_sub(self.decayed) < IDLE.as_nanos() as i64 {
            return Ok(());
        }
        self.decayed = now;
        let before = now.saturating_sub(watch.decay_nanos);
        let decayed = watch.findings.ledger().decay(before, now);
        watch.housekeeping.prune().await;
        watch.findings.keep(decayed, []).await
    }
}

fn with_entries(traces: impl Iterator<Item = Arc<Trace>>, scratch: &Path) -> Vec<(Entries, Arc<Trace>)> {
    traces.map(|trace| (entries(&trace, scratch), trace)).collect()
}
