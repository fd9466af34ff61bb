//! What goes: old arrivals, what is over the size limit, and files that nobody needs any more.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use kino_model::TraceId;

use crate::blobs::{self, BlobHash};
use crate::catalog::{Leftover, PackUsage};
use crate::commit::Change;
use crate::describe::manifest_path;
use crate::error::StoreError;
use crate::file::{Group, GroupId, LakeTable};
use crate::kill_points::KillPoint;
use crate::store::{Inner, blocking};

/// What retention keeps whatever its age: the evidence of open findings and of labelled runs. The bound is the
/// caller's: it knows its findings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exempt {
    /// These traces.
    pub trace_ids: HashSet<TraceId>,
    /// The traces of these runs.
    pub run_ids: BTreeSet<String>,
}

/// A group or pack whose files wait for their removal.
#[derive(Debug)]
pub(crate) struct Retired {
    id: GroupId,
    since: i64,
    paths: Vec<String>,
    /// Held while snapshots may hold it too: as long as they do, the files stay.
    group: Option<Arc<Group>>,
}

impl Retired {
    pub(crate) fn group(group: Arc<Group>, since: i64) -> Self {
        let paths = group.files.iter().map(|file| file.path.clone()).collect();
        Self { id: group.id, since, paths, group: Some(group) }
    }

    pub(crate) fn leftover(leftover: &Leftover, since: i64) -> Self {
        Self { id: leftover.id, since, paths: leftover.paths.clone(), group: None }
    }

    pub(crate) fn pack(id: GroupId, since: i64) -> Self {
        Self { id, since, paths: vec![crate::commit::pack_path(id)], group: None }
    }

    /// A group or pack that cannot be read: what files it has is not known, so every possible one is tried.
    pub(crate) fn quarantined(id: GroupId) -> Self {
        let of_table = LakeTable::ALL.map(|table| crate::commit::file_path(table, id));
        let paths = of_table.into_iter().chain([crate::commit::pack_path(id)]).collect();
        Self { id, since: i64::MIN, paths, group: None }
    }

    fn is_pinned(&self) -> bool {
        self.group.as_ref().is_some_and(|group| Arc::strong_count(group) > 1)
    }
}

impl Inner {
    /// `packs` says whether to look at the blobs too.
    pub(crate) async fn retain(self: &Arc<Self>, packs: bool) -> Result<(), StoreError> {
        self.writable()?;
        self.enter_learned().await?;
        let turn = self.rewriting.lock().await;
        let over = self.over_the_limits();
        for group in over {
            self.let_go(&group).await?;
        }
        if packs {
            self.drop_packs(self.config.grace.as_nanos() as i64, false).await?;
        }
        drop(turn);
        self.remove_retired(self.config.grace.as_nanos() as i64).await
    }

    /// Groups that are too old, and the oldest of those that are too many.
    fn over_the_limits(&self) -> Vec<Arc<Group>> {
        let groups = Arc::clone(&self.shared.view().groups);
        let kept_whole = self.kept_whole();
        let mut groups: Vec<_> = groups.iter().filter(|group| !kept_whole.contains(&group.id)).cloned().collect();
        groups.sort_by_key(|group| (group.meta.arrival_max, group.id));
        let now = self.clock.now().0;
        let horizon = self.config.retention.map(|age| now.saturating_sub(age.as_nanos() as i64));
        let mut bytes: u64 = groups.iter().map(|group| size(group)).sum();
        groups
            .into_iter()
            .take_while(|group| {
                let old = horizon.is_some_and(|horizon| group.meta.arrival_max.0 < horizon);
                let many = self.config.lake_bytes_max.is_some_and(|limit| bytes > limit);
                bytes -= size(group);
                old || many
            })
            .collect()
    }

    /// Retires a group, but for what is exempt.
    async fn let_go(self: &Arc<Self>, group: &Arc<Group>) -> Result<(), StoreError> {
        let exempt = self.exempt.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut kept: HashSet<TraceId> =
            exempt.trace_ids.iter().copied().filter(|trace| group.may_hold(*trace)).collect();
        let names_run = |runs: &Vec<String>| runs.iter().any(|run| exempt.run_ids.contains(run));
        if !exempt.run_ids.is_empty() && group.meta.runs.as_ref().is_none_or(names_run) {
            match crate::lake::traces_of_runs(&self.reader, group, &exempt.run_ids).await {
                Ok(named) => kept.extend(named),
                Err(error) if error.damaged_group().is_some() => {
                    self.shared.quarantine(group, &error);
                    return Ok(());
                }
                Err(error) => return Err(StoreError::Rows(error.into())),
            }
        }
        let inputs = std::slice::from_ref(group);
        if kept.is_empty() {
            return self.replace(inputs, None, Vec::new(), KillPoint::InRetention).await;
        }
        let Some(set) = self.merge(inputs, false, move |trace| kept.contains(&trace)).await? else { return Ok(()) };
        if set.group.spans == group.meta.spans {
            let mut whole = self.kept_whole.lock().unwrap_or_else(PoisonError::into_inner);
            whole.1.insert(group.id);
            return Ok(());
        }
        let named = self.named_by(inputs);
        self.replace(inputs, Some((set, named)), Vec::new(), KillPoint::InRetention).await
    }

    /// Groups of which nothing may go, as found by earlier rounds under the same exemptions.
    fn kept_whole(&self) -> BTreeSet<GroupId> {
        let exempt = self.exempt.lock().unwrap_or_else(PoisonError::into_inner);
        let mut whole = self.kept_whole.lock().unwrap_or_else(PoisonError::into_inner);
        if whole.0 != *exempt {
            *whole = (exempt.clone(), BTreeSet::new());
        }
        whole.1.clone()
    }

    /// Retires packs of which nothing is needed. With `exactly`, what is still needed of a pack moves to a new one, so
    /// that what was forgotten goes. Packs younger than `age` stay: a blob is kept before the row that names it.
    pub(crate) async fn drop_packs(self: &Arc<Self>, age: i64, exactly: bool) -> Result<(), StoreError> {
        {
            // A damaged entry may name any blob.
            let view = self.shared.view();
            if view.packed.is_empty() || view.has_damaged_entry() {
                return Ok(());
            }
        }
        let inner = Arc::clone(self);
        let usage = blocking(move || inner.catalog.pack_usage()).await??;
        let hot = self.hot_names();
        let now = self.clock.now().0;
        for PackUsage { id, since, blobs, needed } in usage {
            let needed: BTreeSet<_> =
                needed.into_iter().chain(blobs.keys().filter(|hash| hot.contains(hash)).copied()).collect();
            let idle = now.saturating_sub(since) >= age;
            if !idle || needed.len() == blobs.len() || !(needed.is_empty() || exactly) {
                continue;
            }
            let moved = match self.read_blobs(id, &needed, &blobs).await {
                Ok(moved) => moved,
                Err(error) if error.is_damage() => {
                    self.shared.warn(format!("pack {} of large values is damaged ({error}) and stays as it is", id.0));
                    continue;
                }
                Err(error) => return Err(error),
            };
            let gone = blobs.keys().filter(|hash| !needed.contains(hash)).copied().collect();
            let change = Change { pack: moved, retire: vec![id], gone_blobs: gone, ..Change::default() };
            self.carry_through(change).await?;
            self.retired().push(Retired::pack(id, now));
        }
        Ok(())
    }

    async fn read_blobs(
        &self,
        pack: GroupId,
        wanted: &BTreeSet<BlobHash>,
        places: &BTreeMap<BlobHash, blobs::Place>,
    ) -> Result<BTreeMap<BlobHash, Bytes>, StoreError> {
        let mut read = BTreeMap::new();
        for hash in wanted {
            let place = places[hash];
            let range = place.offset..place.offset + place.length;
            let frame = self.storage.read(&crate::commit::pack_path(pack), range).await?;
            read.insert(*hash, blobs::unpack(*hash, place, &frame)?);
        }
        Ok(read)
    }

    /// The blobs that hot rows name.
    fn hot_names(&self) -> BTreeSet<BlobHash> {
        let batches: Vec<_> = {
            let view = self.shared.view();
            view.frozen.iter().flat_map(|frozen| &frozen.batches).chain(&view.active.batches).cloned().collect()
        };
        batches.iter().flat_map(|batch| blobs::named_by(&batch.spans)).collect()
    }

    /// Removes the files of what has been retired for `grace` nanoseconds and is not pinned.
    pub(crate) async fn remove_retired(self: &Arc<Self>, grace: i64) -> Result<(), StoreError> {
        let now = self.clock.now().0;
        let due: Vec<Retired> = {
            let mut retired = self.retired();
            let (due, kept) = std::mem::take(&mut *retired)
                .into_iter()
                .partition(|retired| now.saturating_sub(retired.since) >= grace && !retired.is_pinned());
            *retired = kept;
            due
        };
        if due.is_empty() {
            return Ok(());
        }
        let removed = self.remove_files(&due).await;
        if removed.is_err() {
            self.retired().extend(due);
        }
        removed
    }

    async fn remove_files(self: &Arc<Self>, due: &[Retired]) -> Result<(), StoreError> {
        // The last inventory must not name what goes.
        self.take_inventory().await?;
        self.config.kill_points.pass(KillPoint::InRetention)?;
        for retired in due {
            for path in &retired.paths {
                self.storage.remove(path).await?;
            }
            self.storage.remove(&manifest_path(retired.id)).await?;
        }
        let ids: Vec<_> = due.iter().map(|retired| retired.id).collect();
        let inner = Arc::clone(self);
        Ok(blocking(move || inner.catalog.remove(&ids)).await??)
    }
}

fn size(group: &Group) -> u64 {
    group.files.iter().map(|file| file.meta.bytes).sum()
}
