//! Removes old arrivals, rows above the size limit, and files that are no longer needed.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use kino_model::{BlobHash, TraceId};

use crate::catalog::PackUsage;
use crate::commit::Change;
use crate::error::ScanError;
use crate::error::StoreError;
use crate::inner::{Inner, blocking};
use crate::kill_points::KillPoint;
use crate::retained::{ClockReading, Retired};
use kino_lake::blobs;
use kino_lake::columns::{ids, int64, trace_id_at};
use kino_lake::group::{Group, GroupId, LakeTable};
use kino_lake::paths::manifest_path;
use kino_lake::read::Read;

/// A lake above the limit is reduced to one part in this many below it.
const CUT_PART: u64 = 16;
/// A group is removed whole if less than one part in this many would be left.
const PART_MIN: u64 = 8;
/// The document that records the clock.
const RECORD_KIND: &str = "retention";
const RECORD_CLOCK: &str = "clock";
/// Warnings of the status, named so that they can be removed again.
const CLOCK_WARNING: &str =
    "the clock has jumped, so nothing is removed for its age until it has gone on for a day: is it right?";
const SIZE_WARNING: &str = "the lake has reached its limit";

/// A group that is removed, or cut.
struct Expired {
    group: Arc<Group>,
    /// The bytes of it that are to remain, about.
    bytes_left: u64,
    is_old: bool,
}

impl Inner {
    /// Applies the retention, and with `packs` removes blobs that nothing names.
    pub(crate) async fn retain(self: &Arc<Self>, packs: bool) -> Result<(), StoreError> {
        self.writable()?;
        self.enter_learned().await?;
        let turn = self.rewriting.lock().await;
        let too_old = self.horizon().await?;
        if let Some(horizon) = too_old.filter(|_| self.config.retained_log_bytes > 0) {
            let inner = Arc::clone(self);
            blocking(move || inner.expire_retained_log(horizon)).await??;
        }
        for Expired { group, bytes_left, is_old } in self.expired_groups(too_old) {
            let before = group.meta.spans;
            let left = if bytes_left == 0 { self.retire(&group).await? } else { self.cut(&group, bytes_left).await? };
            if !is_old {
                self.say_removed(before.saturating_sub(left));
            }
        }
        if packs {
            self.drop_packs(self.config.grace.as_nanos() as i64, false).await?;
        }
        drop(turn);
        self.remove_retired(self.config.grace.as_nanos() as i64).await
    }

    /// Returns the time before which arrivals are too old; `None` without a retention, or where the clock has jumped
    /// lately.
    async fn horizon(self: &Arc<Self>) -> Result<Option<i64>, StoreError> {
        let Some(age) = self.config.retention else { return Ok(None) };
        let (wall, monotonic) = (self.clock.now().0, self.clock.monotonic_nanos());
        let lock = || self.retention.lock().unwrap_or_else(PoisonError::into_inner);
        let before = if lock().clock.is_new() { self.seen_before().await? } else { None };
        let (must_wait, to_write) = {
            let mut state = lock();
            (state.clock.must_wait(wall, monotonic, before), state.clock.take_unwritten())
        };
        if let Some(seen) = to_write {
            let inner = Arc::clone(self);
            let json = serde_json::to_value(seen).map_err(|error| StoreError::Rows(error.into()))?;
            blocking(move || inner.documents.put_record(RECORD_KIND, RECORD_CLOCK, &json, wall)).await??;
        }
        self.shared.clear_warnings(|warning| !must_wait && warning == CLOCK_WARNING);
        if must_wait {
            self.shared.warn(CLOCK_WARNING.to_owned());
            return Ok(None);
        }
        Ok(Some(wall.saturating_sub(age.as_nanos() as i64)))
    }

    /// Returns the clock as an earlier process recorded it last; else the last arrival in the lake.
    async fn seen_before(self: &Arc<Self>) -> Result<Option<ClockReading>, StoreError> {
        let inner = Arc::clone(self);
        let record = blocking(move || inner.documents.record(RECORD_KIND, RECORD_CLOCK)).await??;
        let arrivals =
            || self.shared.view().groups.iter().map(|group| group.meta.arrival_max.0).max().map(ClockReading::at);
        Ok(record.and_then(|json| serde_json::from_value(json).ok()).or_else(arrivals))
    }

    /// Returns the groups that are too old, and the oldest of those above the size limit. The last of these is cut to what
    /// fits, and a little more, so that the next flush does not cut it again.
    fn expired_groups(&self, too_old: Option<i64>) -> Vec<Expired> {
        let groups = Arc::clone(&self.shared.view().groups);
        let exempt_groups = self.exempt_groups();
        let mut groups: Vec<_> = groups.iter().filter(|group| !exempt_groups.contains(&group.id)).cloned().collect();
        groups.sort_by_key(|group| (group.meta.arrival_max, group.id));
        let mut bytes: u64 = groups.iter().map(|group| size(group)).sum();
        let mut expired = Vec::new();
        for group in groups {
            let is_old = too_old.is_some_and(|horizon| group.meta.arrival_max.0 < horizon);
            let limit = self.config.lake_bytes_max.filter(|limit| bytes > *limit);
            let too_many = limit.map_or(0, |limit| bytes - (limit - limit / CUT_PART));
            if !is_old && too_many == 0 {
                break;
            }
            let own = size(&group);
            let bytes_left = if is_old { 0 } else { own.saturating_sub(too_many) };
            // A small rest of a group is not worth writing again.
            let bytes_left = if bytes_left < own / PART_MIN { 0 } else { bytes_left };
            bytes -= own - bytes_left;
            expired.push(Expired { group, bytes_left, is_old });
        }
        expired
    }

    /// Cuts a group down to the traces that started last, up to about `bytes_left`, and those that are exempt; returns how
    /// many spans are left. Starts stand for arrivals, which are not known by row.
    async fn cut(self: &Arc<Self>, group: &Arc<Group>, bytes_left: u64) -> Result<u64, StoreError> {
        let latest = match self.latest_traces(group, bytes_left as f64 / size(group) as f64).await {
            Ok(latest) => latest,
            Err(error) if error.is_damage() => {
                self.shared.quarantine(group, &error);
                return Ok(group.meta.spans);
            }
            Err(error) => return Err(StoreError::Rows(error.into())),
        };
        let Some(mut selected) = self.exempt_in(group).await? else { return Ok(group.meta.spans) };
        selected.extend(latest);
        let inputs = std::slice::from_ref(group);
        let Some(set) = self.merge(inputs, true, move |trace| selected.contains(&trace)).await? else {
            return Ok(group.meta.spans);
        };
        let written: u64 = set.files.iter().map(|file| file.meta.bytes).sum();
        if written > bytes_left.midpoint(size(group)) {
            // Most of it is logs, or exempt.
            return self.retire(group).await;
        }
        let left = set.group.spans;
        let named = self.named_by(inputs);
        self.replace(inputs, Some((set, named)), Vec::new(), KillPoint::InRetention).await?;
        Ok(left)
    }

    /// Returns the traces of a group that started last, which together have this share of its spans.
    async fn latest_traces(&self, group: &Group, share: f64) -> Result<Vec<TraceId>, ScanError> {
        let Some(file) = group.file(LakeTable::Traces) else { return Ok(Vec::new()) };
        let columns = ["trace_id", "span_count"];
        let rows = self.reader.read(file, Read { columns: Some(&columns), ..Read::default() }).await?;
        let mut traces = Vec::new();
        for batch in &rows {
            let Some((ids, spans)) = ids(batch, "trace_id").zip(int64(batch, "span_count")) else { continue };
            let row = |row: usize| Some((trace_id_at(ids, row)?, spans.value(row) as u64));
            traces.extend((0..batch.num_rows()).filter_map(row));
        }
        // The file is in the order of starts.
        let mut room = (group.meta.spans as f64 * share) as u64;
        let fits = |(_, spans): &(TraceId, u64)| {
            let fits = *spans <= room;
            room = room.saturating_sub(*spans);
            fits
        };
        Ok(traces.into_iter().rev().take_while(fits).map(|(id, _)| id).collect())
    }

    /// Reports in the status how many spans the size limit has cost.
    fn say_removed(&self, spans: u64) {
        let total = {
            let mut state = self.retention.lock().unwrap_or_else(PoisonError::into_inner);
            state.removed += spans;
            state.removed
        };
        let Some(limit) = self.config.lake_bytes_max.filter(|_| total > 0) else { return };
        self.shared.clear_warnings(|warning| warning.starts_with(SIZE_WARNING));
        let limit = limit >> 20;
        self.shared.warn(format!("{SIZE_WARNING} of {limit} MiB: {total} spans, the oldest, went since the start"));
    }

    /// Returns the exempt traces of a group; `None` where it cannot be read: it is quarantined.
    async fn exempt_in(&self, group: &Arc<Group>) -> Result<Option<HashSet<TraceId>>, StoreError> {
        let exempt = self.exempt.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut exempt_traces: HashSet<TraceId> =
            exempt.trace_ids.iter().copied().filter(|trace| group.may_hold(*trace)).collect();
        let names_run = |runs: &Vec<String>| runs.iter().any(|run| exempt.run_ids.contains(run));
        if !exempt.run_ids.is_empty() && group.meta.runs.as_ref().is_none_or(names_run) {
            match kino_lake::write::traces_of_runs(&self.reader, group, &exempt.run_ids).await {
                Ok(named) => exempt_traces.extend(named),
                Err(error) if error.damaged_group().is_some() => {
                    self.shared.quarantine(group, &error);
                    return Ok(None);
                }
                Err(error) => return Err(StoreError::Rows(error.into())),
            }
        }
        Ok(Some(exempt_traces))
    }

    /// Retires a group but for its exempt traces; returns how many spans are left.
    async fn retire(self: &Arc<Self>, group: &Arc<Group>) -> Result<u64, StoreError> {
        let Some(exempt_traces) = self.exempt_in(group).await? else { return Ok(group.meta.spans) };
        let inputs = std::slice::from_ref(group);
        if exempt_traces.is_empty() {
            self.replace(inputs, None, Vec::new(), KillPoint::InRetention).await?;
            return Ok(0);
        }
        let Some(set) = self.merge(inputs, false, move |trace| exempt_traces.contains(&trace)).await? else {
            return Ok(group.meta.spans);
        };
        let left = set.group.spans;
        if set.group.spans == group.meta.spans {
            let mut whole = self.exempt_groups.lock().unwrap_or_else(PoisonError::into_inner);
            whole.1.insert(group.id);
            return Ok(left);
        }
        let named = self.named_by(inputs);
        self.replace(inputs, Some((set, named)), Vec::new(), KillPoint::InRetention).await?;
        Ok(left)
    }

    /// Returns the groups that are exempt as a whole, as earlier rounds found them under the same exemptions.
    fn exempt_groups(&self) -> BTreeSet<GroupId> {
        let exempt = self.exempt.lock().unwrap_or_else(PoisonError::into_inner);
        let mut whole = self.exempt_groups.lock().unwrap_or_else(PoisonError::into_inner);
        if whole.0 != *exempt {
            *whole = (exempt.clone(), BTreeSet::new());
        }
        whole.1.clone()
    }

    /// Retires packs of which nothing is needed. With `exactly`, the blobs that are still needed move to a new pack, so
    /// that the others are removed. Packs younger than `age`, in nanoseconds, stay: a blob is stored before the row that
    /// names it.
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
            self.apply(change).await?;
            self.retired().push(Retired::pack(id, now));
        }
        Ok(())
    }

    async fn read_blobs(
        &self,
        pack: GroupId,
        wanted: &BTreeSet<BlobHash>,
        places: &BTreeMap<BlobHash, blobs::BlobLocation>,
    ) -> Result<BTreeMap<BlobHash, Bytes>, StoreError> {
        let mut read = BTreeMap::new();
        for hash in wanted {
            let place = places[hash];
            let range = place.offset..place.offset + place.length;
            let frame = self.storage.read(&kino_lake::paths::pack_path(pack), range).await?;
            read.insert(*hash, blobs::unpack(*hash, place, &frame)?);
        }
        Ok(read)
    }

    /// Returns the blobs that hot rows name.
    fn hot_names(&self) -> BTreeSet<BlobHash> {
        let batches: Vec<_> = {
            let view = self.shared.view();
            view.frozen.iter().flat_map(|frozen| &frozen.batches).chain(&view.active.batches).cloned().collect()
        };
        batches.iter().flat_map(|batch| blobs::named_by(&batch.spans)).collect()
    }

    /// Removes the files of groups and packs that were retired `grace` nanoseconds ago or earlier and are not pinned.
    pub(crate) async fn remove_retired(self: &Arc<Self>, grace: i64) -> Result<(), StoreError> {
        let now = self.clock.now().0;
        let due: Vec<Retired> = {
            let mut retired = self.retired();
            let (due, waiting) = std::mem::take(&mut *retired)
                .into_iter()
                .partition(|retired| now.saturating_sub(retired.since) >= grace && !retired.is_pinned());
            *retired = waiting;
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
        // The last inventory must not name a file that is removed.
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
