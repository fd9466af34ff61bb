//! Forgetting: hidden at once, then gone from files, rollups, packs and log.
//!
//! ```text
//!  tombstones in the catalog ─► hidden in every snapshot ─► hot rows flushed without them, which empties the log
//!      ─► groups that hold them rewritten ─► tombstones removed ─► replaced files and unneeded blobs removed
//! ```

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::ArrowError;
use kino_model::columns::Table;
use kino_model::{Batch, BlobHash, TraceId, UnixNanos};

use crate::commit::Change;
use crate::error::ScanError;
use crate::error::StoreError;
use crate::inner::{Inner, blocking, run_to_end};
use crate::kill_points::KillPoint;
use crate::retained::Retired;
use crate::snapshot::Snapshot;
use crate::store::Store;
use kino_lake::blobs;
use kino_lake::columns;
use kino_lake::group::{FlushSet, Group, LakeTable};
use kino_lake::read::{Pick, Read};

/// What is to be forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forget {
    Traces(Vec<TraceId>),
    /// Traces whose earliest span started before this.
    Before(UnixNanos),
    /// All that was recorded; documents and counters stay.
    Everything,
}

/// What was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Traces that the store had rows of.
    pub traces: u64,
    /// Their spans.
    pub spans: u64,
}

impl Store {
    /// Hides what is named at once, and returns when it is gone from the disk, but for files that a snapshot pins,
    /// which go with it. What arrives of a named trace before that is forgotten too; what arrives afterwards is new. A
    /// crash in between is made good after the next open. Copies of damaged stretches of the log go as well.
    ///
    /// # Errors
    /// [`StoreError`]; what was hidden stays hidden, and the background goes on with it.
    pub async fn forget(&self, forget: Forget) -> Result<Forgotten, StoreError> {
        let store = self.clone();
        run_to_end(async move { store.forget_now(forget).await }).await
    }

    async fn forget_now(&self, forget: Forget) -> Result<Forgotten, StoreError> {
        let inner = &self.inner;
        inner.writable()?;
        let mut snapshot = self.snapshot();
        match forget {
            Forget::Everything => {
                let known = known(&mut snapshot, None).await?;
                drop(snapshot);
                inner.forget_everything().await?;
                Ok(total(known.values()))
            }
            Forget::Traces(mut ids) => {
                ids.sort_unstable();
                ids.dedup();
                let known = known(&mut snapshot, Some(&ids)).await?;
                drop(snapshot);
                // Rows of a trace without spans, its logs, go too: all that was named is hidden.
                inner.forget_traces(ids).await?;
                Ok(total(known.values()))
            }
            Forget::Before(time) => {
                let mut known = known(&mut snapshot, None).await?;
                drop(snapshot);
                known.retain(|_, trace| trace.start < time);
                inner.forget_traces(known.keys().copied().collect()).await?;
                Ok(total(known.values()))
            }
        }
    }
}

/// What is known of a trace before it is forgotten.
struct TraceExtent {
    start: UnixNanos,
    spans: u64,
}

fn total<'a>(known: impl Iterator<Item = &'a TraceExtent>) -> Forgotten {
    known.fold(Forgotten::default(), |sum, trace| Forgotten { traces: sum.traces + 1, spans: sum.spans + trace.spans })
}

/// The traces that the store has spans of: these, or all. Repeats that no merge has met yet count each time.
async fn known(snapshot: &mut Snapshot, ids: Option<&[TraceId]>) -> Result<BTreeMap<TraceId, TraceExtent>, StoreError> {
    loop {
        match known_once(snapshot, ids).await {
            Err(error) if snapshot.leave_out_damaged(&error) => {}
            known => return known.map_err(|error| StoreError::Rows(error.into())),
        }
    }
}

async fn known_once(snapshot: &Snapshot, ids: Option<&[TraceId]>) -> Result<BTreeMap<TraceId, TraceExtent>, ScanError> {
    let mut known = BTreeMap::new();
    let mut add = |batch: &RecordBatch| {
        let (Some(traces), Some(starts)) = (columns::ids(batch, "trace_id"), columns::int64(batch, "start_unix_nanos"))
        else {
            return;
        };
        for row in 0..batch.num_rows() {
            let Some(id) = columns::trace_id_at(traces, row) else { continue };
            if ids.is_some_and(|ids| ids.binary_search(&id).is_err()) || snapshot.hidden.contains(&id) {
                continue;
            }
            let start = UnixNanos(starts.value(row));
            let trace = known.entry(id).or_insert(TraceExtent { start, spans: 0 });
            trace.start = trace.start.min(start);
            trace.spans += 1;
        }
    };
    snapshot.hot.iter().for_each(|batch| add(&batch.spans));
    for group in snapshot.groups.iter() {
        let wanted = ids.is_none_or(|ids| ids.iter().any(|id| group.may_hold(*id)));
        let Some(file) = group.file(LakeTable::Spans).filter(|_| wanted) else { continue };
        let pick = ids.map_or(Pick::All, Pick::Traces);
        let read = Read { columns: Some(&["trace_id", "start_unix_nanos"]), pick, ..Read::default() };
        let batches = snapshot.reader.read(file, read).await?;
        batches.iter().for_each(&mut add);
    }
    Ok(known)
}

impl Inner {
    async fn forget_traces(self: &Arc<Self>, ids: Vec<TraceId>) -> Result<(), StoreError> {
        let now = self.clock.now().0;
        let (inner, hidden) = (Arc::clone(self), ids.clone());
        blocking(move || inner.catalog.hide(&hidden, now)).await??;
        self.take_inventory().await?;
        {
            let mut view = self.shared.view();
            let mut hidden = view.hidden.as_ref().clone();
            hidden.extend(ids);
            view.hidden = Arc::new(hidden);
        }
        self.caches.traces.clear();
        self.carry_out_forgetting().await
    }

    /// Carries out what the tombstones say, also those of an earlier process. Those of traces that a group may hold
    /// which cannot be read stay: the group may come back from a backup.
    pub(crate) async fn finish_forgetting(self: &Arc<Self>) -> Result<(), StoreError> {
        let is_due = {
            let view = self.shared.view();
            view.hidden.iter().any(|trace| !view.is_stuck(*trace))
        };
        if is_due { self.carry_out_forgetting().await } else { Ok(()) }
    }

    async fn carry_out_forgetting(self: &Arc<Self>) -> Result<(), StoreError> {
        let hidden = Arc::clone(&self.shared.view().hidden);
        if hidden.is_empty() {
            return Ok(());
        }
        // Rows that are hot now go without the hidden ones; rows of these traces that arrive later are new.
        self.flush().await?;
        self.forget_log().await?;
        let turn = self.rewriting.lock().await;
        let groups = Arc::clone(&self.shared.view().groups);
        for group in groups.iter().filter(|group| hidden.iter().any(|trace| group.may_hold(*trace))) {
            let hidden = Arc::clone(&hidden);
            let inputs = std::slice::from_ref(group);
            let Some(set) = self.merge(inputs, true, move |trace| !hidden.contains(&trace)).await? else { continue };
            let named = self.still_named(inputs, &set)?;
            self.replace(inputs, Some((set, named)), Vec::new(), KillPoint::InCompaction).await?;
        }
        drop(groups);
        let mut forgotten: Vec<_> = {
            let view = self.shared.view();
            hidden.iter().copied().filter(|trace| !view.is_stuck(*trace)).collect()
        };
        forgotten.sort_unstable();
        self.apply(Change { forgotten, ..Change::default() }).await?;
        self.drop_packs(0, true).await?;
        drop(turn);
        self.drop_aside()?;
        self.remove_retired(0).await
    }

    /// Removes what of the log stays for a reader: it holds what is forgotten.
    async fn forget_log(self: &Arc<Self>) -> Result<(), StoreError> {
        if self.config.retained_log_bytes == 0 {
            return Ok(());
        }
        let inner = Arc::clone(self);
        blocking(move || inner.drop_retained_log()).await?
    }

    /// The blobs that a rewritten group still names. Only groups that named any are looked into.
    fn still_named(&self, inputs: &[Arc<Group>], set: &FlushSet) -> Result<BTreeSet<BlobHash>, StoreError> {
        let named = self.named_by(inputs);
        if named.is_empty() {
            return Ok(named);
        }
        let mut still = BTreeSet::new();
        for file in set.files.iter().filter(|file| file.meta.table == LakeTable::Spans) {
            still.extend(blobs::named_in(file).map_err(|error| StoreError::Rows(error.into()))?);
        }
        Ok(still)
    }

    async fn forget_everything(self: &Arc<Self>) -> Result<(), StoreError> {
        let flush_turn = self.flushing.lock().await;
        let turn = self.rewriting.lock().await;
        self.freeze().await?;
        let quarantined: Vec<_> = self.shared.view().quarantined.keys().copied().collect();
        let retire: Vec<_> = self.shared.view().groups.iter().map(|group| group.id).collect();
        let discard = quarantined.clone();
        let mut change = Change { retire, discard, after_upload: Some(KillPoint::InCompaction), ..Change::default() };
        // The generations go one by one: the first takes the groups along.
        loop {
            let next = self.oldest_frozen();
            change.flushed.clone_from(&next);
            let applied = self.apply(std::mem::take(&mut change)).await;
            if let Some((generation, _)) = &next {
                self.dequeue_if_flushed(generation);
            }
            applied?;
            if next.is_none() {
                break;
            }
        }
        self.forget_log().await?;
        self.drop_packs(0, true).await?;
        drop(turn);
        drop(flush_turn);
        self.retired().extend(quarantined.into_iter().map(Retired::quarantined));
        self.drop_aside()?;
        self.remove_retired(0).await
    }
}

/// The rows of `batch` that belong to no trace of `hidden`.
pub(crate) fn without(batch: &Batch, hidden: &HashSet<TraceId>) -> Result<Batch, ArrowError> {
    if hidden.is_empty() {
        return Ok(batch.clone());
    }
    let keep = |rows: &RecordBatch| -> Result<RecordBatch, ArrowError> {
        let Some(ids) = columns::ids(rows, "trace_id") else { return Ok(rows.clone()) };
        let shown = |row| columns::trace_id_at(ids, row).is_none_or(|id| !hidden.contains(&id));
        let mask: BooleanArray = (0..rows.num_rows()).map(|row| Some(shown(row))).collect();
        arrow_select::filter::filter_record_batch(rows, &mask)
    };
    let [spans, events, links] = Table::ALL.map(|table| keep(batch.table(table)));
    Ok(Batch { spans: spans?, events: events?, links: links? })
}
