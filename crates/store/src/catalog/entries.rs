//! The entries of groups and packs as rows of SQLite: written with their checksums, verified when they are loaded.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use kino_model::{BlobHash, UnixNanos};
use rusqlite::{Connection, OptionalExtension, Params, Row, Transaction, params};

use super::{CatalogContents, DamagedEntry, EntryState, Leftover, check};
use crate::error::CatalogError;
use kino_lake::blobs::BlobLocation;
use kino_lake::entry::{GroupRow, PackRow};
use kino_lake::group::{BLOCK_BYTES, BlockSums, FileEntry, FileMeta, GroupId, GroupMeta, LakeTable};

/// The database's rows of one group or pack, not yet verified.
struct UnverifiedEntry {
    id: GroupId,
    files: Vec<StoredFile>,
    blobs: BTreeSet<BlobHash>,
    places: BTreeMap<BlobHash, BlobLocation>,
}

/// A live entry.
enum CatalogEntry {
    Group(GroupRow),
    Pack(PackRow),
}

impl CatalogEntry {
    fn sum(&self) -> u32 {
        match self {
            Self::Group(row) => check::of_group(row),
            Self::Pack(row) => check::of_pack(row),
        }
    }
}

/// Loads every entry. A live one that is not what was written is among the damaged.
pub(super) fn load(connection: &Connection, loaded: &mut CatalogContents) -> Result<(), CatalogError> {
    let mut files = load_files(connection, "1", [])?;
    let mut refs = load_refs(connection)?;
    let mut places = load_places(connection)?;
    let mut statement = connection.prepare("SELECT * FROM groups ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id = GroupId(row.get::<_, i64>("id")? as u64);
        let found = UnverifiedEntry {
            id,
            files: files.remove(&id).unwrap_or_default(),
            blobs: refs.remove(&id).unwrap_or_default(),
            places: places.remove(&id).unwrap_or_default(),
        };
        match row.get_ref("state")?.as_bytes().ok().and_then(EntryState::from_name) {
            Some(state @ (EntryState::Pending | EntryState::Retired)) => {
                let paths = found.files.into_iter().map(|file| file.path).collect();
                loaded.leftovers.push(Leftover { id, state, since: row.get("since").unwrap_or_default(), paths });
            }
            Some(EntryState::Live) => match verified(row, found) {
                Ok(CatalogEntry::Group(row)) => loaded.groups.push(row),
                Ok(CatalogEntry::Pack(row)) => {
                    loaded.pack_sizes.insert(id, row.bytes);
                    loaded.packed.extend(row.blobs);
                }
                Err(why) => loaded.damaged.push(damaged(row, id, why.to_string())),
            },
            None => loaded.damaged.push(damaged(row, id, "its state is unknown".to_owned())),
        }
    }
    for id in files.into_keys() {
        let why = "it is missing, its files are there".to_owned();
        loaded.damaged.push(DamagedEntry { id, is_pack: false, spans: 0, why });
    }
    Ok(())
}

fn damaged(row: &Row<'_>, id: GroupId, why: String) -> DamagedEntry {
    let spans = row.get::<_, i64>("spans").map_or(0, |spans| spans as u64);
    DamagedEntry { id, is_pack: row.get("pack").unwrap_or(false), spans, why }
}

/// Verifies a live entry by its checksum. An older build's read-only database has no checksums: its entries are taken as
/// they are.
fn verified(row: &Row<'_>, found: UnverifiedEntry) -> Result<CatalogEntry, CatalogError> {
    let id = found.id;
    let entry = entry(row, found)?;
    match row.get::<_, Option<i64>>("checksum") {
        Err(rusqlite::Error::InvalidColumnName(_)) => Ok(entry),
        Ok(Some(sum)) if sum == i64::from(entry.sum()) => Ok(entry),
        Ok(_) => Err(CatalogError::Damaged(format!("the checksum of entry {} does not fit it", id.0))),
        Err(error) => Err(error.into()),
    }
}

fn entry(row: &Row<'_>, found: UnverifiedEntry) -> Result<CatalogEntry, CatalogError> {
    let UnverifiedEntry { id, files, blobs, places } = found;
    let is_pack = match row.get::<_, i64>("pack")? {
        0 => false,
        1 => true,
        _ => return Err(CatalogError::Damaged("it is marked neither as a group nor as a pack".to_owned())),
    };
    if is_pack {
        let file = files.into_iter().next();
        let (path, bytes) = file.map(|file| (file.path, file.bytes)).unwrap_or_default();
        return Ok(CatalogEntry::Pack(PackRow { id, path, bytes, blobs: places }));
    }
    let files = files.into_iter().filter_map(|file| file.entry(id)).collect();
    Ok(CatalogEntry::Group(GroupRow { id, meta: group_meta(row)?, files, blobs }))
}

/// Writes the checksum of every live entry as it is now.
pub(super) fn check_all(transaction: &Transaction<'_>) -> Result<(), CatalogError> {
    let mut statement = transaction.prepare("SELECT id FROM groups WHERE state = 'live'")?;
    let ids = statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
    for id in ids {
        let id = GroupId(id as u64);
        if let Some(sum) = one(transaction, id, |row, found| Ok(entry(row, found)?.sum()))? {
            set_sum(transaction, id, sum)?;
        }
    }
    Ok(())
}

/// Records a file's block sums, if its group is still live and its entry is what was written.
pub(super) fn learn_blocks(transaction: &Transaction<'_>, file: &FileEntry) -> Result<(), CatalogError> {
    let Some(blocks) = file.meta.blocks.bytes() else { return Ok(()) };
    let sums = file.meta.bytes.div_ceil(BLOCK_BYTES) * size_of::<u32>() as u64;
    assert_eq!(blocks.len() as u64, sums, "{}: a sum for each block", file.path);
    if one(transaction, file.group, verified)?.is_none() {
        return Ok(());
    }
    let sql = "UPDATE files SET blocks = ?3 WHERE path = ?1 AND group_id = ?2";
    transaction.execute(sql, params![file.path, file.group.0 as i64, blocks.as_ref()])?;
    if let Some(sum) = one(transaction, file.group, |row, found| Ok(entry(row, found)?.sum()))? {
        set_sum(transaction, file.group, sum)?;
    }
    Ok(())
}

/// Returns what `work` makes of one live entry; `None` where there is none with this id.
fn one<T>(
    transaction: &Transaction<'_>,
    id: GroupId,
    work: impl FnOnce(&Row<'_>, UnverifiedEntry) -> Result<T, CatalogError>,
) -> Result<Option<T>, CatalogError> {
    let key = id.0 as i64;
    let mut files = load_files(transaction, "group_id = ?1", [key])?;
    let mut statement = transaction.prepare("SELECT hash FROM blob_refs WHERE group_id = ?1")?;
    let hashes = statement.query_map([key], |row| row.get::<_, Vec<u8>>(0))?.collect::<Result<Vec<_>, _>>()?;
    let blobs = hashes.iter().filter_map(|hash| BlobHash::from_slice(hash)).collect();
    let places = places_where(transaction, "group_id = ?1", [key])?.remove(&id).unwrap_or_default();
    let found = UnverifiedEntry { id, files: files.remove(&id).unwrap_or_default(), blobs, places };
    let mut statement = transaction.prepare("SELECT * FROM groups WHERE id = ?1 AND state = 'live'")?;
    let made = statement.query_row([key], |row| Ok(work(row, found))).optional()?;
    made.transpose()
}

fn set_sum(transaction: &Transaction<'_>, id: GroupId, sum: u32) -> Result<(), CatalogError> {
    transaction.execute("UPDATE groups SET checksum = ?2 WHERE id = ?1", params![id.0 as i64, sum])?;
    Ok(())
}

/// Retires an entry in whatever state it is, with all that it says of files and blobs.
pub(super) fn discard(transaction: &Transaction<'_>, id: GroupId, now: i64) -> Result<(), CatalogError> {
    let key = id.0 as i64;
    let sql = "UPDATE groups SET state = ?2, since = ?3 WHERE id = ?1";
    transaction.execute(sql, params![key, EntryState::Retired, now])?;
    for table in ["files", "blobs", "blob_refs"] {
        transaction.execute(&format!("DELETE FROM {table} WHERE group_id = ?1"), [key])?;
    }
    Ok(())
}

/// A row of `files`; its figures are zero until its group is live.
struct StoredFile {
    path: String,
    table: Option<LakeTable>,
    rows: u64,
    bytes: u64,
    start_min: i64,
    start_max: i64,
    schema_version: u32,
    checksum: Option<u32>,
    blocks: BlockSums,
}

impl StoredFile {
    fn entry(self, group: GroupId) -> Option<FileEntry> {
        let meta = FileMeta {
            table: self.table?,
            rows: self.rows,
            bytes: self.bytes,
            start_min: UnixNanos(self.start_min),
            start_max: UnixNanos(self.start_max),
            schema_version: self.schema_version,
            checksum: self.checksum,
            blocks: self.blocks,
        };
        Some(FileEntry { group, path: self.path, meta })
    }
}

/// Returns the rows of `files` by their group. A value that cannot be read is noticed by the group's checksum.
fn load_files(
    connection: &Connection,
    which: &str,
    params: impl Params,
) -> Result<BTreeMap<GroupId, Vec<StoredFile>>, CatalogError> {
    let mut files: BTreeMap<GroupId, Vec<StoredFile>> = BTreeMap::new();
    let mut statement = connection.prepare(&format!("SELECT * FROM files WHERE {which} ORDER BY path"))?;
    let mut rows = statement.query(params)?;
    while let Some(row) = rows.next()? {
        let number = |name| row.get::<_, Option<i64>>(name).ok().flatten().unwrap_or_default();
        let (group, path) = (GroupId(number("group_id") as u64), row.get::<_, String>("path").unwrap_or_default());
        if kino_lake::paths::number_in(&path) != Some(group.0) {
            // Damage of this row must not spoil the group to which it points by mistake.
            continue;
        }
        files.entry(group).or_default().push(StoredFile {
            path,
            table: row.get::<_, Option<String>>("tab").ok().flatten().and_then(|name| LakeTable::from_name(&name)),
            rows: number("rows") as u64,
            bytes: number("bytes") as u64,
            start_min: number("start_min"),
            start_max: number("start_max"),
            schema_version: u32::try_from(number("schema_version")).unwrap_or_default(),
            checksum: row.get::<_, Option<i64>>("checksum").ok().flatten().and_then(|sum| u32::try_from(sum).ok()),
            blocks: row
                .get::<_, Option<Vec<u8>>>("blocks")
                .ok()
                .flatten()
                .map_or_else(BlockSums::default, |sums| BlockSums::from_bytes(sums.into())),
        });
    }
    Ok(files)
}

/// Returns a number of a column that version 2 added: a store of version 1 on a read-only disk does not have it.
fn since_2(row: &Row<'_>, name: &str) -> Result<Option<i64>, CatalogError> {
    match row.get(name) {
        Err(rusqlite::Error::InvalidColumnName(_)) => Ok(None),
        number => Ok(number?),
    }
}

pub(super) fn load_refs(connection: &Connection) -> Result<BTreeMap<GroupId, BTreeSet<BlobHash>>, CatalogError> {
    let mut refs: BTreeMap<GroupId, BTreeSet<BlobHash>> = BTreeMap::new();
    let mut statement = connection.prepare("SELECT group_id, hash FROM blob_refs")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let hash = row.get_ref(1)?.as_bytes().ok().and_then(BlobHash::from_slice);
        refs.entry(GroupId(row.get::<_, i64>(0).unwrap_or_default() as u64)).or_default().extend(hash);
    }
    Ok(refs)
}

/// Where blobs are, by pack.
pub(super) fn load_places(
    connection: &Connection,
) -> Result<BTreeMap<GroupId, BTreeMap<BlobHash, BlobLocation>>, CatalogError> {
    places_where(connection, "1", [])
}

fn places_where(
    connection: &Connection,
    which: &str,
    params: impl Params,
) -> Result<BTreeMap<GroupId, BTreeMap<BlobHash, BlobLocation>>, CatalogError> {
    let sql = format!("SELECT hash, group_id, offset, length, raw_length FROM blobs WHERE {which}");
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query(params)?;
    let mut places: BTreeMap<GroupId, BTreeMap<_, _>> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let number = |index| row.get::<_, i64>(index).map_or(0, |number| number as u64);
        let place =
            BlobLocation { pack: GroupId(number(1)), offset: number(2), length: number(3), raw_length: number(4) };
        let hash = row.get_ref(0)?.as_bytes().ok().and_then(BlobHash::from_slice);
        places.entry(place.pack).or_default().extend(hash.map(|hash| (hash, place)));
    }
    Ok(places)
}

fn group_meta(row: &Row<'_>) -> Result<GroupMeta, CatalogError> {
    let runs: Option<String> = row.get("runs")?;
    Ok(GroupMeta {
        arrival_min: UnixNanos(row.get("arrival_min")?),
        arrival_max: UnixNanos(row.get("arrival_max")?),
        start_min: UnixNanos(row.get("start_min")?),
        start_max: UnixNanos(row.get("start_max")?),
        spans: row.get::<_, i64>("spans")? as u64,
        traces: row.get::<_, i64>("traces")? as u64,
        duplicate_span_ids: since_2(row, "duplicate_span_ids")?.unwrap_or(0) as u64,
        filter: Bytes::from(row.get::<_, Vec<u8>>("filter")?),
        split: Bytes::from(row.get::<_, Vec<u8>>("split")?),
        runs: runs.as_deref().map(serde_json::from_str).transpose()?,
    })
}

/// Makes a pending group live.
pub(super) fn add_group(transaction: &Transaction<'_>, group: &GroupRow, now: i64) -> Result<(), CatalogError> {
    let GroupRow { id, meta, files, blobs } = group;
    EntryState::Pending.change(EntryState::Live, *id, transaction, now)?;
    let sql = "UPDATE groups SET arrival_min = ?2, arrival_max = ?3, start_min = ?4, start_max = ?5, spans = ?6,
               traces = ?7, filter = ?8, split = ?9, runs = ?10, duplicate_span_ids = ?11, checksum = ?12 WHERE id = ?1";
    let runs = meta.runs.as_ref().map(serde_json::to_string).transpose()?;
    transaction.execute(
        sql,
        params![
            id.0 as i64,
            meta.arrival_min.0,
            meta.arrival_max.0,
            meta.start_min.0,
            meta.start_max.0,
            meta.spans as i64,
            meta.traces as i64,
            meta.filter.as_ref(),
            meta.split.as_ref(),
            runs,
            meta.duplicate_span_ids as i64,
            check::of_group(group)
        ],
    )?;
    let sql = "UPDATE files SET tab = ?2, rows = ?3, bytes = ?4, start_min = ?5, start_max = ?6, schema_version = ?7,
               checksum = ?9, blocks = ?10 WHERE path = ?1 AND group_id = ?8";
    let mut update = transaction.prepare(sql)?;
    for FileEntry { path, meta, .. } in files {
        let changed = update.execute(params![
            path,
            meta.table.name(),
            meta.rows as i64,
            meta.bytes as i64,
            meta.start_min.0,
            meta.start_max.0,
            meta.schema_version,
            id.0 as i64,
            meta.checksum,
            meta.blocks.bytes().map(AsRef::as_ref)
        ])?;
        if changed != 1 {
            return Err(CatalogError::Conflict(format!("{path} was never announced")));
        }
    }
    let mut insert = transaction.prepare("INSERT OR IGNORE INTO blob_refs VALUES (?1, ?2)")?;
    for hash in blobs {
        insert.execute(params![id.0 as i64, hash.0.as_slice()])?;
    }
    Ok(())
}

/// Makes a pending pack live.
pub(super) fn add_pack(transaction: &Transaction<'_>, pack: &PackRow, now: i64) -> Result<(), CatalogError> {
    EntryState::Pending.change(EntryState::Live, pack.id, transaction, now)?;
    let sql = "UPDATE groups SET pack = 1, checksum = ?2 WHERE id = ?1";
    transaction.execute(sql, params![pack.id.0 as i64, check::of_pack(pack)])?;
    transaction.execute("UPDATE files SET bytes = ?2 WHERE path = ?1", params![pack.path, pack.bytes as i64])?;
    let mut insert = transaction.prepare("INSERT OR REPLACE INTO blobs VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for (hash, place) in &pack.blobs {
        insert.execute(params![
            hash.0.as_slice(),
            pack.id.0 as i64,
            place.offset as i64,
            place.length as i64,
            place.raw_length as i64
        ])?;
    }
    Ok(())
}
