//! Merging small groups into larger ones.
//!
//! Size-tiered: groups of about the same size are merged once there are enough of them, so each row is rewritten once
//! a tier, a handful of times in its life. Small groups are merged soon, since each costs every reader something and
//! their rows are few. Rewriting the large ones that a heavy load leaves costs as much as taking their rows in: it waits
//! until nothing arrives, or until there are too many for readers.

use std::collections::BTreeSet;
use std::sync::Arc;

use kino_model::{BlobHash, TraceId};

use crate::commit::Change;
use crate::error::StoreError;
use crate::inner::{Inner, blocking};
use crate::kill_points::KillPoint;
use kino_lake::group::{FlushSet, Group, GroupId};

/// Groups of one tier that make a merge worth its while. With it the write amplification is the logarithm, to this
/// base, of the largest group over the smallest.
const FAN_IN: usize = 8;
/// The same in the lowest tier, where rows are few and many groups cost more than rewriting them.
const FAN_IN_LOWEST: usize = 4;
/// Groups merged at once, at most.
const FAN_IN_MAX: usize = 16;
/// The largest group of the lowest tier, in rows of all tables; each tier above holds [`FAN_IN`] times as many.
const TIER_ROWS: u64 = 16_384;
/// Split traces of a group that are asked of the others.
const SPLIT_SAMPLE: usize = 256;
/// Two groups are merged where they share at least one of this many traces.
const SPLIT_PART: u64 = 100;
/// Rows of a merged group, at most: a merge holds its files, encoded, in memory.
const MERGED_ROWS_MAX: u64 = 4_000_000;
/// Groups of more rows are large.
const LARGE_ROWS: u64 = TIER_ROWS * FAN_IN as u64;
/// Live groups from which on large ones are merged under load, too.
const GROUPS_UNDER_LOAD: usize = 96;
/// Memory of one slice of a merge with its copies, beside the encoded files: rows read, gathered and sorted.
const SLICE_BYTES: u64 = 64 << 20;
/// Rows of such a slice.
const SLICE_ROWS: u64 = 65_536;
/// The part of the memory for rows that the slice of a merge may take, and the part that its files may.
const MERGE_PART: u64 = 4;

/// Whether groups are merged while rows arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CompactionMode {
    /// All that is worth merging is merged.
    Full,
    /// Large groups stay as they are until there are too many.
    Throttled,
}

impl Inner {
    /// Merges one set of groups, if one is worth it. Returns whether it did.
    pub(crate) async fn compact_once(self: &Arc<Self>, mode: CompactionMode) -> Result<bool, StoreError> {
        self.writable()?;
        let _turn = self.rewriting.lock().await;
        let groups = Arc::clone(&self.shared.view().groups);
        let Some(inputs) = choose(&groups, mode, self.config.hot_bytes_max / MERGE_PART) else { return Ok(false) };
        let Some(_working) = self.shared.try_reserve_scratch(self.merge_bytes(&inputs)) else {
            // A flush releases memory; the next round tries again.
            self.shared.ask_for_flush();
            return Ok(false);
        };
        let Some(set) = self.merge_counted(&inputs, true, |_| true).await? else { return Ok(false) };
        let named = self.named_by(&inputs);
        self.replace(&inputs, Some((set, named)), Vec::new(), KillPoint::InCompaction).await?;
        Ok(true)
    }

    /// Merges the rows of `inputs` whose trace `keep` selects, and with `loose` the logs outside any trace, into one group.
    /// Returns `None` where an input could not be read: it is quarantined, and the others stay as they are.
    pub(crate) async fn merge(
        self: &Arc<Self>,
        inputs: &[Arc<Group>],
        loose: bool,
        keep: impl Fn(TraceId) -> bool + Send + Sync + 'static,
    ) -> Result<Option<FlushSet>, StoreError> {
        let _working = self.shared.reserve_scratch(self.merge_bytes(inputs));
        self.merge_counted(inputs, loose, keep).await
    }

    /// Estimates the memory that a merge takes, in bytes.
    fn merge_bytes(&self, inputs: &[Arc<Group>]) -> u64 {
        inputs.iter().map(|group| bytes(group)).sum::<u64>().saturating_add(self.slice_bytes())
    }

    fn slice_bytes(&self) -> u64 {
        SLICE_BYTES.min(self.config.hot_bytes_max / MERGE_PART)
    }

    /// As [`Self::merge`], with memory that was reserved before.
    async fn merge_counted(
        self: &Arc<Self>,
        inputs: &[Arc<Group>],
        loose: bool,
        keep: impl Fn(TraceId) -> bool + Send + Sync + 'static,
    ) -> Result<Option<FlushSet>, StoreError> {
        let live = Arc::clone(&self.shared.view().groups);
        let (reader, merged) = (Arc::clone(&self.reader), inputs.to_vec());
        let slice_rows = (SLICE_ROWS * self.slice_bytes() / SLICE_BYTES).max(1);
        let runtime = tokio::runtime::Handle::current();
        // Decoding and encoding would block the runtime's own threads.
        let set = blocking(move || {
            let keep = move |trace: TraceId| if trace.is_zero() { loose } else { keep(trace) };
            runtime.block_on(kino_lake::write::merge(&reader, &merged, &live, slice_rows, keep))
        })
        .await?;
        match set {
            Ok(set) => Ok(Some(set)),
            Err(error) => match error.damaged_group() {
                Some(id) => {
                    if let Some(group) = inputs.iter().find(|group| group.id == id) {
                        self.shared.quarantine(group, &error);
                    }
                    Ok(None)
                }
                None => Err(StoreError::Rows(error.into())),
            },
        }
    }

    /// Returns the blobs that any of `groups` names.
    pub(crate) fn named_by(&self, groups: &[Arc<Group>]) -> BTreeSet<BlobHash> {
        let view = self.shared.view();
        groups.iter().filter_map(|group| view.blob_refs.get(&group.id)).flatten().copied().collect()
    }

    /// Replaces groups by a new one, or by nothing.
    pub(crate) async fn replace(
        self: &Arc<Self>,
        inputs: &[Arc<Group>],
        add: Option<(FlushSet, BTreeSet<BlobHash>)>,
        forgotten: Vec<TraceId>,
        after_upload: KillPoint,
    ) -> Result<(), StoreError> {
        let retire: Vec<GroupId> = inputs.iter().map(|group| group.id).collect();
        let change = Change { add, retire, forgotten, after_upload: Some(after_upload), ..Change::default() };
        self.apply(change).await
    }
}

/// Chooses the groups to merge, oldest arrivals first, whose files have at most `bytes_max` together.
fn choose(groups: &[Arc<Group>], mode: CompactionMode, bytes_max: u64) -> Option<Vec<Arc<Group>>> {
    let large_too = mode == CompactionMode::Full || groups.len() > GROUPS_UNDER_LOAD;
    let mut tier_rows = TIER_ROWS;
    while tier_rows < MERGED_ROWS_MAX && (large_too || tier_rows <= LARGE_ROWS) {
        let mut small: Vec<_> = groups.iter().filter(|group| rows(group) <= tier_rows).collect();
        small.sort_by_key(|group| (group.meta.arrival_min, group.id));
        let (mut total, mut total_bytes, mut is_full) = (0, 0, false);
        let fitting: Vec<_> = small
            .into_iter()
            // A larger one would leave no room for others: it stays as it is.
            .filter(|group| bytes(group) <= bytes_max / 2)
            .take(FAN_IN_MAX)
            .take_while(|group| {
                total += rows(group);
                total_bytes += bytes(group);
                is_full = total_bytes > bytes_max;
                total <= MERGED_ROWS_MAX && total_bytes <= bytes_max
            })
            .cloned()
            .collect();
        let enough = match tier_rows {
            // More would not fit at once, however many there are.
            _ if is_full => 2,
            TIER_ROWS => FAN_IN_LOWEST,
            _ => FAN_IN,
        };
        if fitting.len() >= enough {
            return Some(fitting);
        }
        tier_rows *= FAN_IN as u64;
    }
    if mode == CompactionMode::Full { choose_split(groups, bytes_max) } else { None }
}

/// Chooses a small group and the one that shares most of its split traces, if that is not much larger: once they are one,
/// readers need not merge these traces any more.
fn choose_split(groups: &[Arc<Group>], bytes_max: u64) -> Option<Vec<Arc<Group>>> {
    let small = groups.iter().filter(|group| rows(group) <= LARGE_ROWS && !group.meta.split.is_empty());
    small.into_iter().find_map(|group| {
        let split: Vec<TraceId> = group.split().take(SPLIT_SAMPLE).collect();
        let shared = |other: &&Arc<Group>| split.iter().filter(|id| other.may_hold(**id)).count();
        let cheap = |other: &&Arc<Group>| {
            other.id != group.id
                && rows(other) <= rows(group).saturating_mul(FAN_IN as u64)
                && rows(other) + rows(group) <= MERGED_ROWS_MAX
                && bytes(other) + bytes(group) <= bytes_max
        };
        let (count, other) =
            groups.iter().filter(cheap).map(|other| (shared(&other), other)).max_by_key(|other| other.0)?;
        let is_worth_it = count > 0 && count as u64 * SPLIT_PART >= group.meta.traces.min(SPLIT_SAMPLE as u64);
        is_worth_it.then(|| vec![Arc::clone(other), Arc::clone(group)])
    })
}

fn bytes(group: &Group) -> u64 {
    group.files.iter().map(|file| file.meta.bytes).sum()
}

pub(crate) fn rows(group: &Group) -> u64 {
    group.files.iter().map(|file| file.meta.rows).sum()
}

#[cfg(test)]
mod tests {
    use kino_model::UnixNanos;

    use super::*;
    use kino_lake::group::{BlockSums, FileEntry, FileMeta, LakeTable};
    use kino_lake::write::Arrival;

    fn group(id: u64, bytes: u64, rows: u64) -> Arc<Group> {
        let arrival = Arrival { min: UnixNanos(id as i64), max: UnixNanos(id as i64) };
        let meta = kino_lake::write::build(&[], arrival, &[]).expect("there is nothing in it").group;
        let file = FileMeta {
            table: LakeTable::Spans,
            rows,
            bytes,
            start_min: UnixNanos(0),
            start_max: UnixNanos(0),
            schema_version: 1,
            checksum: None,
            blocks: BlockSums::default(),
        };
        let files = vec![FileEntry { group: GroupId(id), path: String::new(), meta: file }];
        Arc::new(Group::new(GroupId(id), meta, files).expect("the filter is ours"))
    }

    #[test]
    fn with_little_memory_groups_are_merged_on_until_each_fills_half_of_it() {
        for (bytes_each, rows_each) in [(5 << 20, 60_000), (7 << 20, 200_000), (1 << 20, 10_000)] {
            let limit = 16 << 20;
            let mut groups: Vec<_> = (0..40).map(|id| group(id, bytes_each, rows_each)).collect();
            let mut merges = 0;
            while let Some(inputs) = choose(&groups, CompactionMode::Full, limit) {
                let total: u64 = inputs.iter().map(|group| bytes(group)).sum();
                assert!(inputs.len() > 1 && total <= limit, "{} groups, {total} bytes", inputs.len());
                groups.retain(|group| inputs.iter().all(|input| input.id != group.id));
                merges += 1;
                groups.push(group(100 + merges, total, inputs.iter().map(|group| rows(group)).sum()));
            }
            assert!((groups.len() as u64) <= 40 * bytes_each / (limit / 2) + 8, "{} groups", groups.len());
        }
    }
}
