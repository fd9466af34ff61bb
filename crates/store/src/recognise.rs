//! Whether the catalog knows the lake that it finds.
//!
//! A catalog that was deleted, emptied, or replaced by an older one or another home's knows less than is there:
//! files with numbers that it has not given yet, or an inventory of a later state. Going on would overlook rows, and
//! bring back what was forgotten; so the store does not open. What a crash leaves is never taken for that, since the
//! catalog announces each number, and makes each change, before the lake sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::catalog::CatalogContents;
use crate::disk::Disk;
use crate::error::{OpenError, StoreError};
use crate::written::{Lacking, Written};
use kino_lake::blobs::BlobLocation;
use kino_lake::describe::{Inventory, describe_group, describe_pack};
use kino_lake::entry::PackRow;
use kino_lake::group::GroupId;
use kino_lake::paths::pack_path;
use kino_lake::paths::{INVENTORIES, MANIFESTS, manifest_path};

/// Numbered files of the lake by folder, as [`crate::storage::Storage::names`] finds them.
pub(crate) type NumberedFiles = BTreeMap<&'static str, Vec<(u64, PathBuf)>>;

/// Fails where there is a lake and no database: opening would make an empty one.
pub(crate) fn expect_database(database: &Path, names: &NumberedFiles, disk: &dyn Disk) -> Result<(), OpenError> {
    let is_empty = match disk.length(database) {
        Ok(length) => length == 0,
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(source) => return Err(OpenError::Home { path: database.to_path_buf(), source }),
    };
    let found: usize = names.values().map(Vec::len).sum();
    if is_empty && found > 0 {
        return Err(unknown(database, format!("it is missing or empty, and {found} files lie in the lake")));
    }
    Ok(())
}

/// Compares the catalog's state with the lake's files, and returns which of the lake's descriptions are to be written.
pub(crate) fn recognise(
    database: &Path,
    names: &NumberedFiles,
    state: &Inventory,
    loaded: &CatalogContents,
    disk: &dyn Disk,
) -> Result<Written, OpenError> {
    let of = |folder: &str| names.get(folder).map(Vec::as_slice).unwrap_or_default();
    let mut written =
        Written { inventories: of(INVENTORIES).iter().map(|(number, _)| *number).collect(), ..Written::default() };
    if let Some((number, path)) = of(INVENTORIES).last() {
        if *number > state.sequence {
            let what = format!("the lake's last inventory is number {number}, the catalog is at {}", state.sequence);
            return Err(unknown(database, what));
        }
        let bytes = disk.read(path).map_err(|source| OpenError::Home { path: path.clone(), source })?;
        match Inventory::from_bytes(&bytes) {
            Ok(last) if last.home != state.home => {
                return Err(unknown(database, "the lake was written under another catalog".to_owned()));
            }
            Ok(last) if last == *state => written.current = Some(state.sequence),
            // It is written again, under the next number.
            Ok(_) | Err(_) => {}
        }
    }
    let rows = names.iter().filter(|(folder, _)| **folder != INVENTORIES).flat_map(|(_, files)| files);
    if let Some((number, path)) = rows.max().filter(|(number, _)| *number >= state.next_id) {
        let what =
            format!("{} has number {number}, the catalog has given none above {}", path.display(), state.next_id - 1);
        return Err(unknown(database, what));
    }
    // Without any inventory the manifests may be what a first opening left when it was cut short.
    let is_described = !written.inventories.is_empty();
    let described = of(MANIFESTS).iter().map(|(number, _)| *number).filter(|_| is_described).collect();
    written.missing = missing(state, loaded, &described).map_err(|error| unknown(database, error.to_string()))?;
    if !written.missing.is_empty() {
        written.current = None;
    }
    // A state that was counted had an inventory, and each of its groups a manifest.
    let inventory = !is_described && state.sequence > 0;
    if is_described || inventory {
        let there: BTreeSet<u64> = of(MANIFESTS).iter().map(|(number, _)| *number).collect();
        let live = state.groups.iter().chain(&state.packs);
        written.lacking = Lacking { manifests: live.filter(|id| !there.contains(&id.0)).count(), inventory };
    }
    Ok(written)
}

/// The manifests of live groups and packs that are not among `described`.
pub(crate) fn missing(
    state: &Inventory,
    loaded: &CatalogContents,
    described: &BTreeSet<u64>,
) -> Result<Vec<(String, Bytes)>, StoreError> {
    let mut missing = Vec::new();
    for row in loaded.groups.iter().filter(|row| !described.contains(&row.id.0)) {
        missing.push((manifest_path(row.id), describe_group(state.home, row)?));
    }
    let mut places: BTreeMap<GroupId, BTreeMap<_, BlobLocation>> = BTreeMap::new();
    for (hash, place) in &loaded.packed {
        places.entry(place.pack).or_default().insert(*hash, *place);
    }
    for (id, bytes) in loaded.pack_sizes.iter().filter(|(id, _)| !described.contains(&id.0)) {
        let blobs = places.remove(id).unwrap_or_default();
        let row = PackRow { id: *id, path: pack_path(*id), bytes: *bytes, blobs };
        missing.push((manifest_path(*id), describe_pack(state.home, &row)?));
    }
    Ok(missing)
}

fn unknown(database: &Path, what: String) -> OpenError {
    OpenError::UnknownLake { database: database.to_path_buf(), what }
}
