//! Traces whose rows lie in several sources (groups, batches in memory), merged once instead of at each question.
//!
//! ```text
//!  groups, among themselves          ─► SplitTraces: cached until the groups change, then brought up to date
//!  batches in memory, and groups too ─► SplitTraces: cached until rows arrive, then brought up to date
//!                                          └─► both together: SplitView, what a question sees
//! ```
//!
//! A change merges again what it touches and carries the rest over, so that the work is in proportion to what is split.

use std::hash::BuildHasher;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Weak};

use arrow_array::RecordBatch;
use foldhash::fast::FixedState;
use foldhash::{HashMap, HashSet};
use kino_model::TraceId;
use tokio::sync::Mutex;

use super::Snapshot;
use crate::error::ScanError;
use crate::hot::{Groups, HotBatch, is_same};
use kino_lake::group::{Group, GroupId, may_be_in_any};
use kino_lake::rollup::{OperationKey, Rollups};

mod merge;
mod merged;
mod pieces;

use merged::Merged;
pub(super) use pieces::GroupLists;

/// What the fingerprint of a trace that is being forgotten differs by.
const HIDDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// What the sums over all sources count too often.
#[derive(Clone, Debug, Default)]
pub(super) struct Correction {
    /// Spans that are repeats, superseded, or of hidden traces.
    pub(super) removed: Rollups,
    pub(super) spans: u64,
    /// Spans counted as sharing their id with another; negative where the sources count too few.
    pub(super) duplicates: i64,
    pub(super) traces: u64,
}

impl Correction {
    fn add(&mut self, other: &Self) {
        self.removed.merge(&other.removed);
        self.spans += other.spans;
        self.duplicates += other.duplicates;
        self.traces += other.traces;
    }

    fn subtract(&mut self, other: &Self) {
        self.removed.subtract(&other.removed);
        self.spans -= other.spans;
        self.duplicates -= other.duplicates;
        self.traces -= other.traces;
    }

    fn add_entry(&mut self, entry: &SplitTrace) {
        self.traces += u64::from(entry.counted_again);
        let Some(wrong) = &entry.wrong else { return };
        self.spans += wrong.removed.len() as u64;
        self.duplicates += wrong.duplicates;
        for span in &wrong.removed {
            self.removed.add_span(&span.operation, span.duration, span.is_error, span.is_root);
        }
    }
}

/// What is known of one trace in several sources.
#[derive(Clone, Debug)]
pub(super) struct SplitTrace {
    /// The piece that has its row; [`NO_PIECE`] where it has no visible span.
    piece: u32,
    /// How often it is counted beyond once; for a hidden trace, beyond never.
    counted_again: u32,
    /// Whether some of its sources may have spans that another replaces by a higher revision.
    pub(super) is_superseded: bool,
    /// Of the sources that it was merged from; zero between groups, where each change says what it touches.
    fingerprint: u64,
    wrong: Option<Arc<Wrong>>,
}

const NO_PIECE: u32 = u32::MAX;

/// Spans of one trace that its sources count and that do not count.
#[derive(Debug, Default)]
struct Wrong {
    removed: Vec<RemovedSpan>,
    duplicates: i64,
}

#[derive(Debug)]
struct RemovedSpan {
    operation: Arc<OperationKey>,
    duration: Option<i64>,
    is_error: bool,
    is_root: bool,
}

/// Merged rows, sorted by start as in a file of `traces`; some may belong to traces that were merged again since.
#[derive(Debug)]
pub(super) struct Piece {
    /// The columns of `traces`, and the groups of `pieces`.
    pub(super) rows: RecordBatch,
    /// The operations, by the numbers under which `operations` names them.
    pub(super) keys: Vec<OperationKey>,
}

/// Split traces with their merged rows.
#[derive(Clone, Debug, Default)]
pub(super) struct SplitTraces {
    pub(super) pieces: Vec<Arc<Piece>>,
    entries: HashMap<TraceId, SplitTrace>,
    correction: Correction,
}

impl SplitTraces {
    pub(super) fn contains(&self, id: &TraceId) -> bool {
        self.entries.contains_key(id)
    }

    fn ids(&self) -> impl Iterator<Item = &TraceId> {
        self.entries.keys()
    }

    /// What these traces, as far as they are here, add to the correction.
    fn correction_of<'a>(&self, ids: impl Iterator<Item = &'a TraceId>) -> Correction {
        let mut correction = Correction::default();
        ids.filter_map(|id| self.entries.get(id)).for_each(|entry| correction.add_entry(entry));
        correction
    }

    /// These without those that `stays` does not want, and with what was merged again.
    fn updated(&self, stays: impl Fn(&TraceId) -> bool, merged: Merged) -> Result<Self, ScanError> {
        let gone: Vec<TraceId> = self.ids().filter(|id| !stays(id)).copied().collect();
        let mut traces = self.clone();
        traces.correction.subtract(&self.correction_of(gone.iter()));
        for id in &gone {
            traces.entries.remove(id);
        }
        traces.add(merged)?;
        Ok(traces)
    }
}

/// All split traces of a snapshot.
#[derive(Debug)]
pub(crate) struct SplitView {
    /// Those that several groups may hold. Of what is in `hot` too, this counts for nothing.
    pub(super) lake: Arc<SplitTraces>,
    /// Those that are in memory and elsewhere too, and those that are hidden.
    pub(super) hot: Arc<SplitTraces>,
    /// What the sums over all sources count too often.
    pub(super) correction: Correction,
}

impl SplitView {
    pub(super) fn contains(&self, id: &TraceId) -> bool {
        self.lake.contains(id) || self.hot.contains(id)
    }

    /// All of them, some perhaps twice.
    pub(super) fn ids(&self) -> impl Iterator<Item = &TraceId> {
        self.lake.ids().chain(self.hot.ids())
    }
}

/// What was merged last. It pins no group.
#[derive(Debug, Default)]
pub(super) struct SplitCache {
    lake: Mutex<LakeState>,
    view: Mutex<Option<ViewState>>,
    /// Traces merged since the start.
    merged: AtomicU64,
}

#[cfg(test)]
impl SplitCache {
    pub(crate) fn merged(&self) -> u64 {
        self.merged.load(std::sync::atomic::Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
struct LakeState {
    groups: Weak<Groups>,
    each: HashMap<GroupId, Weak<Group>>,
    traces: Arc<SplitTraces>,
}

#[derive(Debug)]
struct ViewState {
    groups: Weak<Groups>,
    hot: Vec<u64>,
    hidden: Arc<std::collections::HashSet<TraceId>>,
    view: Arc<SplitView>,
}

impl Snapshot {
    /// The traces that several sources hold, merged.
    pub(super) async fn split(&self) -> Result<&Arc<SplitView>, ScanError> {
        self.split.get_or_try_init(|| self.split_now()).await
    }

    async fn split_now(&self) -> Result<Arc<SplitView>, ScanError> {
        let lake = self.split_in_lake().await?;
        let mut state = self.caches.split.view.lock().await;
        let hot: Vec<u64> = self.hot.iter().map(|batch| batch.serial()).collect();
        let is_same = |state: &&ViewState| {
            is_same(&state.groups, &self.groups) && state.hot == hot && Arc::ptr_eq(&state.hidden, &self.hidden)
        };
        if let Some(known) = state.as_ref().filter(is_same) {
            return Ok(Arc::clone(&known.view));
        }
        let before = state.as_ref().map(|state| Arc::clone(&state.view.hot)).unwrap_or_default();
        let wanted = self.fingerprints();
        let is_known = |id: &TraceId| {
            before.entries.get(id).is_some_and(|entry| wanted.get(id).is_some_and(|now| entry.fingerprint == *now))
        };
        let mut fresh: Vec<TraceId> = wanted.keys().filter(|id| !is_known(id)).copied().collect();
        let gone = before.ids().any(|id| !is_known(id));
        let traces = if fresh.is_empty() && !gone {
            before
        } else {
            fresh.sort_unstable();
            let mut merged = self.merge_traces(&fresh).await?;
            merged.set_fingerprints(&wanted);
            Arc::new(before.updated(is_known, merged)?)
        };
        let mut correction = lake.correction.clone();
        correction.subtract(&lake.correction_of(traces.ids()));
        correction.add(&traces.correction);
        let view = Arc::new(SplitView { lake, hot: traces, correction });
        let (groups, hidden) = (Arc::downgrade(&self.groups), Arc::clone(&self.hidden));
        *state = Some(ViewState { groups, hot, hidden, view: Arc::clone(&view) });
        Ok(view)
    }

    /// Merges what changes of the groups have split, so that no question has to wait for it.
    pub(crate) async fn settle_split(mut self) -> Result<(), ScanError> {
        loop {
            match self.split_in_lake().await {
                Err(error) if self.leave_out_damaged(&error) => {}
                // A group that was replaced meanwhile: the next round has the one in its place.
                Err(error) if error.is_damage() => return Ok(()),
                settled => return settled.map(drop),
            }
        }
    }

    /// Brings what is known of the groups among themselves up to date.
    async fn split_in_lake(&self) -> Result<Arc<SplitTraces>, ScanError> {
        let mut state = self.caches.split.lake.lock().await;
        if is_same(&state.groups, &self.groups) {
            return Ok(Arc::clone(&state.traces));
        }
        let split: HashSet<TraceId> = self.groups.iter().flat_map(|group| group.split()).collect();
        let now: HashSet<GroupId> = self.groups.iter().map(|group| group.id).collect();
        let gone: Option<Vec<Arc<Group>>> =
            state.each.iter().filter(|(id, _)| !now.contains(id)).map(|(_, group)| group.upgrade()).collect();
        // The traces of a group that is gone from memory too are unknown: all is merged again.
        let (before, gone) = gone.map(|gone| (Arc::clone(&state.traces), gone)).unwrap_or_default();
        let added = self.groups.iter().filter(|group| !state.each.contains_key(&group.id));
        let changed: Vec<&Arc<Group>> = added.chain(&gone).collect();
        let is_known = |id: &TraceId| {
            split.contains(id) && before.contains(id) && !changed.iter().any(|group| group.may_hold(*id))
        };
        let mut fresh: Vec<TraceId> = split.iter().filter(|id| !is_known(id)).copied().collect();
        fresh.sort_unstable();
        let lake = Self { hot: Vec::new(), hidden: Arc::default(), ..self.clone() };
        let merged = lake.merge_traces(&fresh).await?;
        let traces = Arc::new(before.updated(is_known, merged)?);
        let each = self.groups.iter().map(|group| (group.id, Arc::downgrade(group))).collect();
        *state = LakeState { groups: Arc::downgrade(&self.groups), each, traces: Arc::clone(&traces) };
        Ok(traces)
    }

    /// The traces that are in memory and elsewhere too, or hidden, each with the fingerprint of its sources.
    fn fingerprints(&self) -> HashMap<TraceId, u64> {
        let mut in_memory: Vec<(TraceId, u64)> = Vec::new();
        for batch in &self.hot {
            in_memory.extend(batch.ids().iter().map(|id| (*id, batch.serial())));
        }
        in_memory.sort_unstable();
        let elsewhere: HashSet<TraceId> =
            self.hot.iter().flat_map(|batch| self.in_groups(batch).iter().copied().collect::<Vec<_>>()).collect();
        let mut fingerprints: HashMap<TraceId, u64> = self.hidden.iter().map(|id| (*id, HIDDEN)).collect();
        for same in in_memory.chunk_by(|left, right| left.0 == right.0) {
            let id = same[0].0;
            if same.len() > 1 || elsewhere.contains(&id) || self.hidden.contains(&id) {
                let fingerprint = fingerprints.entry(id).or_default();
                for (_, serial) in same {
                    *fingerprint ^= mark(0, *serial);
                }
            }
        }
        for group in self.groups.iter() {
            let of_group = mark(1, group.id.0);
            for (_, fingerprint) in fingerprints.iter_mut().filter(|(id, _)| group.may_hold(**id)) {
                *fingerprint ^= of_group;
            }
        }
        fingerprints
    }

    /// The traces of a batch that some group may hold.
    fn in_groups(&self, batch: &HotBatch) -> Arc<Vec<TraceId>> {
        batch.elsewhere(&self.groups, |ids| {
            let found = may_be_in_any(&self.groups, ids);
            ids.iter().zip(found).filter_map(|(id, may_be_here)| may_be_here.then_some(*id)).collect()
        })
    }
}

fn mark(kind: u64, number: u64) -> u64 {
    FixedState::with_seed(kind).hash_one(number)
}
