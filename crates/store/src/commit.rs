//! The commit protocol: how rows go from the log to the lake so that a crash neither loses nor doubles one.
//!
//! ```text
//!  announce files as pending ─► write and sync them ─► one catalog transaction: new live, old retired, log's position
//!                                     ─► the view changes ─► the lake's inventory is written ─► log segments go
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use kino_model::{BlobHash, TraceId};

use crate::catalog::Commit;
use crate::error::StoreError;
use crate::hot::Generation;
use crate::inner::{Inner, blocking};
use crate::kill_points::KillPoint;
use kino_lake::blobs;
use kino_lake::describe::{describe_group, describe_pack, read_manifest};
use kino_lake::entry::{GroupRow, PackRow};
use kino_lake::group::{FileEntry, FileMeta, FlushSet, Group, GroupId, NewFile};
use kino_lake::paths::{file_path, manifest_path, number_in, pack_path};

/// A change of the lake, applied by one commit.
#[derive(Debug, Default)]
pub(crate) struct Change {
    /// The new group's rows, with the blobs that they name.
    pub(crate) add: Option<(FlushSet, BTreeSet<BlobHash>)>,
    /// Blobs for a new pack.
    pub(crate) pack: BTreeMap<BlobHash, Bytes>,
    /// Groups and packs that the new files replace.
    pub(crate) retire: Vec<GroupId>,
    /// Groups and packs that cannot be read and are removed all the same.
    pub(crate) discard: Vec<GroupId>,
    /// A generation that the new group replaces, and the log's position after it.
    pub(crate) flushed: Option<(Arc<Generation>, u64)>,
    /// Traces whose forgetting is then complete.
    pub(crate) forgotten: Vec<TraceId>,
    /// Blobs that are removed with a retired pack.
    pub(crate) gone_blobs: BTreeSet<BlobHash>,
    /// The kill point of crash tests after the files are written.
    pub(crate) after_upload: Option<KillPoint>,
}

impl Inner {
    /// Applies a change. Where it fails before the catalog's transaction, nothing has changed, and the files that it wrote
    /// are swept later.
    pub(crate) async fn apply(self: &Arc<Self>, change: Change) -> Result<(), StoreError> {
        let Change { add, pack, retire, discard, flushed, forgotten, gone_blobs, after_upload } = change;
        self.vanished().map_err(StoreError::Gone)?;
        let now = self.clock.now().0;
        let mut commit = Commit {
            retire,
            discard,
            wal_position: flushed.as_ref().map(|(_, position)| *position),
            forgotten: forgotten.clone(),
            now,
            ..Commit::default()
        };
        let mut uploads = Vec::new();
        let mut group = None;
        if let Some((set, named)) = add
            && !set.files.is_empty()
        {
            let row = self.stage_group(set, named, now, &mut uploads).await?;
            group = Some(Arc::new(
                Group::new(row.id, row.meta.clone(), row.files.clone())
                    .map_err(|error| StoreError::Rows(error.into()))?,
            ));
            commit.add.push(row);
        }
        if !pack.is_empty() {
            commit.pack = Some(self.stage_pack(pack, now, &mut uploads).await?);
        }
        self.storage.put_all(uploads).await?;
        if let Some(point) = after_upload {
            self.config.kill_points.pass(point)?;
        }
        self.config.kill_points.pass(KillPoint::BeforeCommit)?;
        if let Some(id) = self.first_quarantined(&commit.retire) {
            return Err(StoreError::SetAside(id.0));
        }
        if let Some((generation, _)) = &flushed {
            // The commit moves the log's position past the segments of every older generation.
            let view = self.shared.view();
            let is_oldest = view.frozen.first().is_some_and(|oldest| Arc::ptr_eq(oldest, generation));
            assert!(is_oldest, "a generation is flushed before an older one, whose rows would leave the log");
        }
        let commit = Arc::new(commit);
        let (inner, committing) = (Arc::clone(self), Arc::clone(&commit));
        blocking(move || inner.catalog.commit(&committing)).await??;
        self.change_view(group, &commit, flushed.as_ref().map(|(generation, _)| generation), &gone_blobs);
        self.config.kill_points.pass(KillPoint::BeforeInventory)?;
        self.take_inventory().await?;
        if !forgotten.is_empty() {
            // Only now, since a rebuild hides what the last inventory hides.
            let mut view = self.shared.view();
            let mut hidden = view.hidden.as_ref().clone();
            for trace in &forgotten {
                hidden.remove(trace);
            }
            view.hidden = Arc::new(hidden);
        }
        if let Some((_, position)) = flushed {
            self.config.kill_points.pass(KillPoint::BeforeWalDrop)?;
            let inner = Arc::clone(self);
            blocking(move || inner.drop_segments(position)).await??;
        }
        Ok(())
    }

    /// Returns one of these groups that was found damaged since the step began: what cannot be read is not replaced.
    fn first_quarantined(&self, ids: &[GroupId]) -> Option<GroupId> {
        let view = self.shared.view();
        ids.iter().copied().find(|id| view.quarantined.contains_key(id))
    }

    async fn stage_group(
        self: &Arc<Self>,
        set: FlushSet,
        blobs: BTreeSet<BlobHash>,
        now: i64,
        uploads: &mut Vec<(String, Bytes)>,
    ) -> Result<GroupRow, StoreError> {
        let FlushSet { group: meta, files, .. } = set;
        let inner = Arc::clone(self);
        let tables: Vec<_> = files.iter().map(|file| file.meta.table).collect();
        let id = blocking(move || {
            let paths = |id: GroupId| tables.iter().map(|table| file_path(*table, id)).collect();
            inner.catalog.begin(&paths, now)
        })
        .await??;
        let entry = |NewFile { meta, bytes }: NewFile| {
            let path = file_path(meta.table, id);
            uploads.push((path.clone(), bytes));
            FileEntry { group: id, path, meta }
        };
        let row = GroupRow { id, meta, files: files.into_iter().map(entry).collect(), blobs };
        assert_group_sound(&row);
        let manifest = describe_group(self.lake, &row)?;
        assert!(read_manifest(&manifest, self.lake, id).is_ok(), "{id:?}: its manifest does not read back");
        uploads.push((manifest_path(id), manifest));
        Ok(row)
    }

    async fn stage_pack(
        self: &Arc<Self>,
        contents: BTreeMap<BlobHash, Bytes>,
        now: i64,
        uploads: &mut Vec<(String, Bytes)>,
    ) -> Result<PackRow, StoreError> {
        let inner = Arc::clone(self);
        let (id, path, bytes, blobs) = blocking(move || -> Result<_, StoreError> {
            let id = inner.catalog.begin(&|id| vec![pack_path(id)], now)?;
            let (bytes, places) = blobs::pack(id, &contents)?;
            Ok((id, pack_path(id), bytes, places))
        })
        .await??;
        let row = PackRow { id, path: path.clone(), bytes: bytes.len() as u64, blobs };
        assert_pack_sound(&row);
        uploads.push((path, bytes));
        let manifest = describe_pack(self.lake, &row)?;
        assert!(read_manifest(&manifest, self.lake, id).is_ok(), "{id:?}: its manifest does not read back");
        uploads.push((manifest_path(id), manifest));
        Ok(row)
    }

    /// Makes the commit visible, in one step under the view's lock.
    fn change_view(
        &self,
        group: Option<Arc<Group>>,
        commit: &Commit,
        flushed: Option<&Arc<Generation>>,
        gone_blobs: &BTreeSet<BlobHash>,
    ) {
        let mut retired = Vec::new();
        let mut view = self.shared.view();
        let mut groups: Vec<_> = Vec::with_capacity(view.groups.len() + 1);
        for live in view.groups.iter() {
            let is_live = !commit.retire.contains(&live.id);
            if is_live { groups.push(Arc::clone(live)) } else { retired.push(Arc::clone(live)) }
        }
        groups.extend(group);
        groups.sort_by_key(|group| group.id);
        view.groups = Arc::new(groups);
        for id in commit.retire.iter().chain(&commit.discard) {
            view.quarantined.remove(id);
            view.blob_refs.remove(id);
            view.pack_sizes.remove(id);
        }
        for row in &commit.add {
            view.blob_refs.insert(row.id, row.blobs.clone());
        }
        view.packed.retain(|hash, place| !(gone_blobs.contains(hash) && commit.retire.contains(&place.pack)));
        if let Some(pack) = &commit.pack {
            view.packed.extend(&pack.blobs);
            view.pack_sizes.insert(pack.id, pack.bytes);
        }
        if let Some(generation) = flushed {
            view.frozen.retain(|frozen| !Arc::ptr_eq(frozen, generation));
        }
        drop(view);
        if let Some(generation) = flushed {
            self.shared.release(generation.reserved);
        }
        let now = self.clock.now().0;
        self.retired().extend(retired.into_iter().map(|group| crate::retained::Retired::group(group, now)));
    }

    /// Removes the copies of damaged stretches of the log, and the files that a rebuild put aside: they may have rows that
    /// were forgotten.
    pub(crate) fn drop_aside(&self) -> Result<(), StoreError> {
        let log = crate::wal::aside_folder(&crate::wal::folder(&self.config.home));
        let lake = self.storage.folder().map(|lake| lake.join(crate::storage::ASIDE));
        for folder in [Some(log), lake].into_iter().flatten() {
            match self.disk.list(&folder) {
                Ok(copies) => copies.iter().try_for_each(|copy| self.disk.remove(copy))?,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// Panics where a blob is not within its pack.
fn assert_pack_sound(pack: &PackRow) {
    for (hash, place) in &pack.blobs {
        let end = place.offset.checked_add(place.length);
        assert!(place.pack == pack.id && end.is_some_and(|end| end <= pack.bytes), "{hash}: not within {}", pack.path);
    }
}

/// Panics where a group is not as its writer must make it: a wrong one is never written.
fn assert_group_sound(group: &GroupRow) {
    let GroupRow { id, meta, files, .. } = group;
    assert!(meta.arrival_min <= meta.arrival_max && meta.start_min <= meta.start_max, "{id:?}: its times are ordered");
    assert!(meta.split.len().is_multiple_of(size_of::<TraceId>()), "{id:?}: split traces are whole ids");
    let tables: BTreeSet<_> = files.iter().map(|file| file.meta.table.name()).collect();
    assert_eq!(tables.len(), files.len(), "{id:?}: each table has one file");
    for file in files {
        let FileMeta { rows, bytes, start_min, start_max, .. } = &file.meta;
        assert!(*rows > 0 && *bytes > 0, "{}: a file has rows", file.path);
        assert!(file.group == *id && number_in(&file.path) == Some(id.0), "{}: not a file of {id:?}", file.path);
        assert!(start_min <= start_max, "{}: its times are ordered", file.path);
    }
}
