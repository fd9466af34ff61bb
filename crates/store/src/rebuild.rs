//! Restoring a catalog from the lake.
//!
//! ```text
//!  last inventory ─► manifests of what was live ─► each file compared with its checksum ─► a new database
//!      ─► documents and counters from their copy or the old database ─► the old one aside, the new one in its place
//! ```
//!
//! Only what the last inventory calls live comes back, so nothing that was merged comes twice and nothing that was
//! forgotten comes back. What is not live but older than the inventory goes the way of retired files; what is younger was
//! never part of the lake, and its rows are in the log. The log itself is not touched: the next open replays it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kino_model::{BlobHash, Clock};

use crate::catalog::sqlite::SqliteCatalog;
use crate::catalog::{EntryState, Leftover, Restored};
use crate::claim;
use crate::config::StoreConfig;
use crate::disk::{Disk, SystemDisk};
use crate::documents::COPY;
use crate::error::OpenError;
use crate::recognise::NumberedFiles;
use crate::recover::DATABASE;
use crate::storage::{ASIDE, Storage};
use crate::wal;
use crate::wal::replay::replay;
use crate::written::INVENTORY_COPY;
use kino_lake::blobs::{self, BlobLocation};
use kino_lake::describe::{Described, Inventory, read_manifest};
use kino_lake::entry::{GroupRow, PackRow};
use kino_lake::group::GroupId;
use kino_lake::paths::{INVENTORIES, inventory_path, manifest_path};
use kino_lake::read::verify_local;

/// The new database while it is made.
const FRESH: &str = "meta.sqlite.new";
/// What SQLite puts beside a database; the database itself comes last.
const DATABASE_FILES: [&str; 3] = ["-wal", "-shm", ""];

/// What a rebuild brought back, and what not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Groups of files that are live again and whole.
    pub groups: u64,
    /// Their spans.
    pub spans: u64,
    /// Packs of large values that are live again.
    pub packs: u64,
    /// Their values that are whole.
    pub blobs: u64,
    /// Traces whose forgetting was under way; the next engine finishes it.
    pub hidden_traces: u64,
    /// Files of live groups and packs that are damaged or gone, in sentences, with the spans of their groups: those are
    /// left out of every answer until the files are put back.
    pub damaged: Vec<(String, u64)>,
    /// Manifests that cannot be read, in sentences: what they describe is lost, and its files are put aside.
    pub lost: Vec<String>,
    /// Files without a checksum, of an early version, which were taken as they are.
    pub unverified_files: u64,
    /// Files that do not come back and were put aside.
    pub aside: Vec<PathBuf>,
    /// What only a database knows, and where it came from. `None` where it is lost.
    pub documents: Option<Documents>,
    /// Where the database is that was there before.
    pub old_database: Option<PathBuf>,
    /// The last inventory could not be read, and the one before was used: what came in between is not known.
    pub is_last_inventory_lost: bool,
    /// The last inventory was missing or could not be read, and its copy in the home was used.
    pub is_inventory_of_copy: bool,
}

/// Records of runs, findings, acknowledgements, verifications, and counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Documents {
    /// The database that they were read from.
    pub from: PathBuf,
    pub records: u64,
    pub counters: u64,
}

/// Restores the catalog of a home from its lake. No engine may run. Reads every live file; blocks.
///
/// # Errors
/// Where an engine runs, the lake has no inventory that can be read, or the disk fails. Until the last step, which
/// renames the new database into its place, a failure leaves the old one as it was.
pub fn rebuild(config: &StoreConfig, clock: &dyn Clock) -> Result<Rebuilt, OpenError> {
    rebuild_on(config, clock, &(Arc::new(SystemDisk) as Arc<dyn Disk>))
}

/// As [`rebuild`], on another disk.
///
/// # Errors
/// As [`rebuild`].
pub fn rebuild_on(config: &StoreConfig, clock: &dyn Clock, disk: &Arc<dyn Disk>) -> Result<Rebuilt, OpenError> {
    let home = config.home.as_path();
    let _lock = claim::lock(home, true)?;
    let storage = Storage::open(config.lake_url.as_deref(), home, disk, true)?;
    let disk = disk.as_ref();
    let lake = storage.folder().unwrap_or_default();
    let refuse = |source| OpenError::Home { path: lake.clone(), source };
    let names = storage.names().map_err(refuse)?;
    let mut rebuilt = Rebuilt::default();
    let inventory = match (last_inventory(disk, &lake, &names, &mut rebuilt), copied_inventory(disk, home, &lake)) {
        (Ok(last), Some(copied)) if copied.home == last.home && copied.sequence > last.sequence => {
            use_copy(copied, &names, &mut rebuilt)
        }
        (Err(OpenError::NoInventory { .. }), Some(copied)) => use_copy(copied, &names, &mut rebuilt),
        (last, _) => last?,
    };
    // The log lets go of a segment only after an inventory that needs it no more.
    let log = replay(disk, &wal::folder(home), inventory.wal_position, false);
    rebuilt.is_last_inventory_lost |= log.is_ok_and(|log| log.report.missing_segments > 0);
    let mut restored = Restored { inventory, ..Restored::default() };
    for id in restored.inventory.groups.iter().chain(&restored.inventory.packs) {
        let path = manifest_path(*id);
        let bytes = disk.read(&lake.join(&path)).map_err(|error| error.to_string());
        let home = restored.inventory.home;
        match bytes.and_then(|bytes| read_manifest(&bytes, home, *id).map_err(|error| error.to_string())) {
            Ok(Described::Group(row)) => {
                verify_group(&lake, &row, &mut rebuilt);
                restored.groups.push(row);
            }
            Ok(Described::Pack(row)) => {
                verify_pack(disk, &lake, &row, &mut rebuilt);
                restored.packs.push(row);
            }
            Err(why) => rebuilt.lost.push(format!("{path} cannot be used: {why}")),
        }
    }
    rebuilt.hidden_traces = restored.inventory.hidden.len() as u64;
    clear_up(disk, &lake, &names, &mut restored, &mut rebuilt).map_err(refuse)?;

    if rebuilt.is_inventory_of_copy {
        put_back(disk, &lake, &restored.inventory).map_err(refuse)?;
    }
    let fresh = home.join(FRESH);
    remove_database(disk, &fresh).map_err(refuse)?;
    {
        let (catalog, _) = SqliteCatalog::open(&fresh, true)?;
        catalog.restore(&restored, clock.now().0)?;
        rebuilt.documents = take_documents(disk, &catalog, home, restored.inventory.home);
    }
    rebuilt.old_database = put_in_place(disk, home, &fresh).map_err(refuse)?;
    Ok(rebuilt)
}

/// The last inventory that can be read.
fn last_inventory(
    disk: &dyn Disk,
    lake: &Path,
    names: &NumberedFiles,
    rebuilt: &mut Rebuilt,
) -> Result<Inventory, OpenError> {
    let mut why = "there is none: no engine of this version has opened it".to_owned();
    let mut last = 0;
    for (number, path) in names.get(INVENTORIES).into_iter().flatten().rev() {
        last = last.max(*number);
        let bytes = disk.read(path).map_err(|source| OpenError::Home { path: path.clone(), source })?;
        match Inventory::from_bytes(&bytes) {
            Ok(mut inventory) => {
                // The next one must come after all that lie there.
                inventory.sequence = inventory.sequence.max(last);
                return Ok(inventory);
            }
            Err(error) => {
                rebuilt.is_last_inventory_lost = true;
                why = error.to_string();
            }
        }
    }
    Err(OpenError::NoInventory { lake: lake.to_path_buf(), why })
}

/// The copy of the last inventory in the home, if the lake has a manifest of all that it names: a lake that was put back
/// from a backup is older than the copy, and has its own inventory.
fn copied_inventory(disk: &dyn Disk, home: &Path, lake: &Path) -> Option<Inventory> {
    let copied = Inventory::from_bytes(&disk.read(&home.join(INVENTORY_COPY)).ok()?).ok()?;
    let is_described = |id: &GroupId| {
        disk.read(&lake.join(manifest_path(*id))).is_ok_and(|bytes| read_manifest(&bytes, copied.home, *id).is_ok())
    };
    copied.groups.iter().chain(&copied.packs).all(is_described).then_some(copied)
}

fn use_copy(mut copied: Inventory, names: &NumberedFiles, rebuilt: &mut Rebuilt) -> Inventory {
    (rebuilt.is_last_inventory_lost, rebuilt.is_inventory_of_copy) = (false, true);
    let numbers = names.get(INVENTORIES).into_iter().flatten().map(|(number, _)| *number);
    copied.sequence = numbers.fold(copied.sequence, u64::max);
    copied
}

/// Puts a copied inventory where the lake lacks it.
fn put_back(disk: &dyn Disk, lake: &Path, inventory: &Inventory) -> io::Result<()> {
    let path = lake.join(inventory_path(inventory.sequence));
    if is_there(disk, &path) {
        return Ok(());
    }
    let bytes = inventory.to_bytes().map_err(io::Error::other)?;
    let mut file = disk.create(&path)?;
    file.append(&bytes)?;
    file.sync()?;
    disk.sync_dir(&lake.join(INVENTORIES))
}

/// Holds a group's files against their checksums. A file that is whole has the sums of its blocks from then on; one
/// that is not keeps its group: readers leave it out and say so, and it is whole again once the file is put back.
fn verify_group(lake: &Path, row: &GroupRow, rebuilt: &mut Rebuilt) {
    let mut is_whole = true;
    for file in &row.files {
        match verify_local(lake, file) {
            Ok(()) if file.meta.checksum.is_none() => rebuilt.unverified_files += 1,
            Ok(()) => {}
            Err(why) => {
                is_whole = false;
                rebuilt.damaged.push((why, row.meta.spans));
            }
        }
    }
    if is_whole {
        rebuilt.groups += 1;
        rebuilt.spans += row.meta.spans;
    }
}

/// A pack's values are called by the hashes of their content.
fn verify_pack(disk: &dyn Disk, lake: &Path, row: &PackRow, rebuilt: &mut Rebuilt) {
    let bytes = disk.read(&lake.join(&row.path)).unwrap_or_default();
    let is_whole = |(hash, place): (&BlobHash, &BlobLocation)| {
        let end = place.offset.checked_add(place.length)?;
        let frame = bytes.get(place.offset as usize..end as usize)?;
        blobs::unpack(*hash, *place, frame).ok()
    };
    let whole = row.blobs.iter().filter(|blob| is_whole(*blob).is_some()).count();
    rebuilt.packs += 1;
    rebuilt.blobs += whole as u64;
    if whole < row.blobs.len() {
        rebuilt.damaged.push((format!("{}: {} large values are damaged", row.path, row.blobs.len() - whole), 0));
    }
}

/// Finds files of the lake that are not live. Those that an earlier state retired are left for the engine to remove;
/// those that are unusable or were never part of the lake are moved aside.
fn clear_up(
    disk: &dyn Disk,
    lake: &Path,
    names: &NumberedFiles,
    restored: &mut Restored,
    rebuilt: &mut Rebuilt,
) -> io::Result<()> {
    let live: BTreeSet<GroupId> =
        restored.groups.iter().map(|row| row.id).chain(restored.packs.iter().map(|row| row.id)).collect();
    let listed: BTreeSet<GroupId> =
        restored.inventory.groups.iter().chain(&restored.inventory.packs).copied().collect();
    let mut leftovers: BTreeMap<GroupId, Vec<String>> = BTreeMap::new();
    let mut highest = 0;
    for (folder, files) in names.iter().filter(|(folder, _)| **folder != INVENTORIES) {
        for (number, path) in files {
            let (id, name) = (GroupId(*number), path.file_name().unwrap_or_default().to_string_lossy());
            highest = highest.max(*number);
            if live.contains(&id) {
                continue;
            }
            let is_known = *number < restored.inventory.next_id && !rebuilt.is_last_inventory_lost;
            if is_known && !listed.contains(&id) {
                leftovers.entry(id).or_default().push(format!("{folder}/{name}"));
                continue;
            }
            disk.create_dir_all(&lake.join(ASIDE))?;
            let aside = lake.join(ASIDE).join(format!("{folder}-{name}"));
            disk.rename(path, &aside)?;
            rebuilt.aside.push(aside);
        }
    }
    restored.inventory.next_id = restored.inventory.next_id.max(highest + 1);
    let leftover = |(id, paths)| Leftover { id, state: EntryState::Retired, since: 0, paths };
    restored.leftovers = leftovers.into_iter().map(leftover).collect();
    Ok(())
}

/// Takes over the newest documents of this lake that can be read: the copy's, or those of the database that was there.
fn take_documents(disk: &dyn Disk, catalog: &SqliteCatalog, home: &Path, lake: u64) -> Option<Documents> {
    let mut sources = Vec::new();
    for from in [home.join(COPY), home.join(DATABASE)] {
        if disk.length(&from).is_ok_and(|length| length > 0) {
            match SqliteCatalog::changes_of(&from) {
                // A database from before lakes had a number is better than none.
                Ok((of, changes)) if of == lake || of == 0 => sources.push((of == lake, changes, from)),
                Ok(_) => tracing::warn!("{} is of another lake", from.display()),
                Err(error) => tracing::warn!(%error, "{} cannot be read", from.display()),
            }
        }
    }
    sources.sort();
    sources.into_iter().rev().find_map(|(_, _, from)| match catalog.take_documents(&from) {
        Ok((records, counters)) => Some(Documents { from, records, counters }),
        Err(error) => {
            tracing::warn!(%error, "the documents of {} cannot be read", from.display());
            None
        }
    })
}

/// Puts the new database in the place of the old one; says where that is now. What SQLite keeps beside the old one goes
/// first: it must never be applied to the new one.
fn put_in_place(disk: &dyn Disk, home: &Path, fresh: &Path) -> io::Result<Option<PathBuf>> {
    assert!(disk.length(fresh).is_ok_and(|length| length > 0), "there is nothing to put in the database's place");
    let beside = |path: &Path, suffix: &str| PathBuf::from(format!("{}{suffix}", path.display()));
    let database = home.join(DATABASE);
    let aside = (1..).map(|number| home.join(format!("{DATABASE}.before-rebuild-{number}")));
    let mut free = aside.filter(|aside| DATABASE_FILES.iter().all(|suffix| !is_there(disk, &beside(aside, suffix))));
    let aside = free.next().unwrap_or_else(|| home.join(format!("{DATABASE}.before-rebuild")));
    let mut moved_to = None;
    for suffix in DATABASE_FILES {
        let old = beside(&database, suffix);
        if is_there(disk, &old) {
            disk.rename(&old, &beside(&aside, suffix))?;
            moved_to = Some(aside.clone());
        }
    }
    disk.rename(fresh, &database)?;
    disk.sync_dir(home)?;
    Ok(moved_to)
}

fn remove_database(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    for suffix in DATABASE_FILES {
        match disk.remove(Path::new(&format!("{}{suffix}", path.display()))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn is_there(disk: &dyn Disk, path: &Path) -> bool {
    disk.length(path).is_ok()
}
