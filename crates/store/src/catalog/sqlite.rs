//! The catalog in a SQLite file, with the write-ahead journal and full sync: a commit that returned is durable.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use kino_model::{TraceId, UnixNanos};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, Transaction, TransactionBehavior, params};

use super::schema::{CREATE, FROM_1, VERSION};
use super::{Catalog, Commit, GroupRow, Leftover, Loaded, PackRow, PackUsage};
use crate::blobs::{BlobHash, Place};
use crate::error::CatalogError;
use crate::file::{FileEntry, FileMeta, GroupId, GroupMeta, LakeTable};

/// How long a statement waits for another connection, such as a person's `sqlite3`.
const BUSY: Duration = Duration::from_secs(5);

/// The catalog's connection.
#[derive(Debug)]
pub(crate) struct SqliteCatalog {
    connection: Mutex<Connection>,
}

impl SqliteCatalog {
    /// Opens or makes the database. Where it is of a newer version, or `writable` is false, it is only read; the
    /// second value says why.
    pub(crate) fn open(path: &Path, writable: bool) -> Result<(Self, Option<String>), CatalogError> {
        let connection = if writable { Connection::open(path)? } else { open_read_only(path)? };
        connection.busy_timeout(BUSY)?;
        let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found > VERSION {
            let catalog = Self { connection: Mutex::new(open_read_only(path)?) };
            let reason = CatalogError::Newer { found, known: VERSION }.to_string();
            return Ok((catalog, Some(reason)));
        }
        if writable {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "foreign_keys", "ON")?;
            // What is forgotten must not stay readable in the file.
            connection.pragma_update(None, "secure_delete", "ON")?;
        }
        let missing = match found {
            0 => Some(CREATE),
            1 => Some(FROM_1),
            _ => None,
        };
        if let Some(missing) = missing.filter(|_| writable) {
            connection
                .execute_batch(&format!("BEGIN IMMEDIATE; {missing} PRAGMA user_version = {VERSION}; COMMIT;"))?;
        }
        Ok((Self { connection: Mutex::new(connection) }, None))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn transact<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, CatalogError>) -> Result<T, CatalogError> {
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }
}

/// A store that was not closed leaves a journal beside the database, which a read-only disk cannot replay; the
/// database is then read as of its last checkpoint.
fn open_read_only(path: &Path) -> Result<Connection, CatalogError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let plain = Connection::open_with_flags(path, flags)?;
    if plain.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).is_ok() {
        return Ok(plain);
    }
    let escaped = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    Ok(Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags)?)
}

impl Catalog for SqliteCatalog {
    fn load(&self) -> Result<Loaded, CatalogError> {
        let connection = self.lock();
        let mut loaded = Loaded {
            wal_position: connection
                .query_row("SELECT value FROM meta WHERE key = 'wal_position'", [], |row| row.get::<_, i64>(0))?
                as u64,
            ..Loaded::default()
        };
        let mut files = load_files(&connection)?;
        let mut refs = load_refs(&connection)?;
        let mut statement = connection.prepare("SELECT * FROM groups ORDER BY id")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let id = GroupId(row.get::<_, i64>("id")? as u64);
            let files = files.remove(&id).unwrap_or_default();
            let leftover = |files: Vec<StoredFile>| -> Result<Leftover, CatalogError> {
                let paths = files.into_iter().map(|file| file.path).collect();
                Ok(Leftover { id, since: row.get("since")?, paths })
            };
            match row.get::<_, String>("state")?.as_str() {
                "pending" => loaded.pending.push(leftover(files)?),
                "retired" => loaded.retired.push(leftover(files)?),
                _ if row.get::<_, bool>("pack")? => {
                    loaded.pack_sizes.insert(id, files.iter().map(|file| file.bytes).sum());
                }
                _ => {
                    let files = files.into_iter().filter_map(|file| file.entry(id)).collect();
                    let blobs = refs.remove(&id).unwrap_or_default();
                    loaded.groups.push(GroupRow { id, meta: group_meta(row)?, files, blobs });
                }
            }
        }
        loaded.packed = load_places(&connection)?;
        let mut statement = connection.prepare("SELECT trace_id FROM tombstones")?;
        let ids = statement.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
        for id in ids {
            loaded.tombstones.extend(TraceId::from_slice(&id?));
        }
        Ok(loaded)
    }

    fn begin(&self, paths: &dyn Fn(GroupId) -> Vec<String>, now: i64) -> Result<GroupId, CatalogError> {
        self.transact(|transaction| {
            transaction.execute("INSERT INTO groups (state, since) VALUES ('pending', ?1)", [now])?;
            let id = GroupId(transaction.last_insert_rowid() as u64);
            let mut insert = transaction.prepare("INSERT INTO files (path, group_id) VALUES (?1, ?2)")?;
            for path in paths(id) {
                insert.execute(params![path, id.0 as i64])?;
            }
            Ok(id)
        })
    }

    fn commit(&self, commit: &Commit) -> Result<(), CatalogError> {
        self.transact(|transaction| {
            for group in &commit.add {
                add_group(transaction, group, commit.now)?;
            }
            for id in &commit.retire {
                let sql = "UPDATE groups SET state = 'retired', since = ?2 WHERE id = ?1 AND state = 'live'";
                if transaction.execute(sql, params![id.0 as i64, commit.now])? != 1 {
                    return Err(CatalogError::Conflict(format!("{} is not live", id.0)));
                }
                // The places are free for the pack that takes the blobs over.
                transaction.execute("DELETE FROM blobs WHERE group_id = ?1", [id.0 as i64])?;
                transaction.execute("DELETE FROM blob_refs WHERE group_id = ?1", [id.0 as i64])?;
            }
            if let Some(pack) = &commit.pack {
                add_pack(transaction, pack, commit.now)?;
            }
            if let Some(position) = commit.wal_position {
                let sql = "UPDATE meta SET value = max(value, ?1) WHERE key = 'wal_position'";
                transaction.execute(sql, [position as i64])?;
            }
            for trace in &commit.forgotten {
                transaction.execute("DELETE FROM tombstones WHERE trace_id = ?1", [trace.0.as_slice()])?;
            }
            Ok(())
        })
    }

    fn remove(&self, ids: &[GroupId]) -> Result<(), CatalogError> {
        self.transact(|transaction| {
            for id in ids {
                transaction.execute("DELETE FROM groups WHERE id = ?1 AND state != 'live'", [id.0 as i64])?;
            }
            Ok(())
        })
    }

    fn hide(&self, traces: &[TraceId], now: i64) -> Result<(), CatalogError> {
        self.transact(|transaction| {
            let mut insert = transaction.prepare("INSERT OR IGNORE INTO tombstones VALUES (?1, ?2)")?;
            for trace in traces {
                insert.execute(params![trace.0.as_slice(), now])?;
            }
            Ok(())
        })
    }

    fn pack_usage(&self) -> Result<Vec<PackUsage>, CatalogError> {
        let connection = self.lock();
        let mut needed: BTreeSet<BlobHash> = load_refs(&connection)?.into_values().flatten().collect();
        let mut statement = connection.prepare("SELECT json FROM records")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            needed.extend(BlobHash::all_in(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?));
        }
        let places = load_places(&connection)?;
        let mut statement = connection.prepare("SELECT id, since FROM groups WHERE pack = 1 AND state = 'live'")?;
        let packs = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))?;
        packs
            .map(|pack| {
                let (id, since) = pack?;
                let id = GroupId(id as u64);
                let blobs: BTreeMap<_, _> =
                    places.iter().filter(|(_, place)| place.pack == id).map(|(hash, place)| (*hash, *place)).collect();
                let needed = blobs.keys().filter(|hash| needed.contains(hash)).copied().collect();
                Ok(PackUsage { id, since, blobs, needed })
            })
            .collect()
    }

    fn touch_pack(&self, id: GroupId, now: i64) -> Result<bool, CatalogError> {
        let sql = "UPDATE groups SET since = ?2 WHERE id = ?1 AND pack = 1 AND state = 'live'";
        Ok(self.lock().execute(sql, params![id.0 as i64, now])? == 1)
    }

    fn put_record(&self, kind: &str, id: &str, json: &serde_json::Value, now: i64) -> Result<(), CatalogError> {
        let sql = "INSERT INTO records (kind, id, json, updated) VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT (kind, id) DO UPDATE SET json = excluded.json, updated = excluded.updated";
        self.lock().execute(sql, params![kind, id, serde_json::to_string(json)?, now])?;
        Ok(())
    }

    fn record(&self, kind: &str, id: &str) -> Result<Option<serde_json::Value>, CatalogError> {
        let sql = "SELECT json FROM records WHERE kind = ?1 AND id = ?2";
        let json: Option<String> = self.lock().query_row(sql, [kind, id], |row| row.get(0)).optional()?;
        Ok(json.as_deref().map(serde_json::from_str).transpose()?)
    }

    fn records(&self, kind: &str, limit: usize) -> Result<Vec<(String, serde_json::Value)>, CatalogError> {
        let connection = self.lock();
        let sql = "SELECT id, json FROM records WHERE kind = ?1 ORDER BY updated DESC, rowid DESC LIMIT ?2";
        let mut statement = connection.prepare(sql)?;
        let rows = statement.query_map(params![kind, i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })?;
        rows.map(|row| {
            let (id, json) = row?;
            Ok((id, serde_json::from_str(&json)?))
        })
        .collect()
    }

    fn remove_record(&self, kind: &str, id: &str) -> Result<bool, CatalogError> {
        Ok(self.lock().execute("DELETE FROM records WHERE kind = ?1 AND id = ?2", [kind, id])? == 1)
    }

    fn remove_records(&self, kind: &str) -> Result<(), CatalogError> {
        self.lock().execute("DELETE FROM records WHERE kind = ?1", [kind])?;
        Ok(())
    }

    fn add_counts(&self, counts: &BTreeMap<String, u64>) -> Result<(), CatalogError> {
        self.transact(|transaction| {
            let sql =
                "INSERT INTO counters VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET count = count + excluded.count";
            let mut add = transaction.prepare(sql)?;
            for (name, count) in counts {
                add.execute(params![name, *count as i64])?;
            }
            Ok(())
        })
    }

    fn counts(&self) -> Result<BTreeMap<String, u64>, CatalogError> {
        let connection = self.lock();
        let mut statement = connection.prepare("SELECT name, count FROM counters")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// A row of `files`; the figures are there once its group is live.
struct StoredFile {
    path: String,
    table: Option<LakeTable>,
    rows: u64,
    bytes: u64,
    start_min: i64,
    start_max: i64,
    schema_version: u32,
    checksum: Option<u32>,
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
        };
        Some(FileEntry { group, path: self.path, meta })
    }
}

fn load_files(connection: &Connection) -> Result<BTreeMap<GroupId, Vec<StoredFile>>, CatalogError> {
    let mut files: BTreeMap<GroupId, Vec<StoredFile>> = BTreeMap::new();
    let mut statement = connection.prepare("SELECT * FROM files ORDER BY path")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let number = |name| row.get::<_, Option<i64>>(name).map(Option::unwrap_or_default);
        files.entry(GroupId(number("group_id")? as u64)).or_default().push(StoredFile {
            path: row.get("path")?,
            table: row.get::<_, Option<String>>("tab")?.and_then(|name| LakeTable::from_name(&name)),
            rows: number("rows")? as u64,
            bytes: number("bytes")? as u64,
            start_min: number("start_min")?,
            start_max: number("start_max")?,
            schema_version: number("schema_version")? as u32,
            checksum: since_2(row, "checksum")?.and_then(|sum| u32::try_from(sum).ok()),
        });
    }
    Ok(files)
}

/// A number in a column that came with version 2: a store of version 1 on a read-only disk does not have it.
fn since_2(row: &Row<'_>, name: &str) -> Result<Option<i64>, CatalogError> {
    match row.get(name) {
        Err(rusqlite::Error::InvalidColumnName(_)) => Ok(None),
        number => Ok(number?),
    }
}

fn load_refs(connection: &Connection) -> Result<BTreeMap<GroupId, BTreeSet<BlobHash>>, CatalogError> {
    let mut refs: BTreeMap<GroupId, BTreeSet<BlobHash>> = BTreeMap::new();
    let mut statement = connection.prepare("SELECT group_id, hash FROM blob_refs")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
    for row in rows {
        let (group, hash) = row?;
        refs.entry(GroupId(group as u64)).or_default().extend(BlobHash::from_slice(&hash));
    }
    Ok(refs)
}

fn load_places(connection: &Connection) -> Result<BTreeMap<BlobHash, Place>, CatalogError> {
    let sql = "SELECT hash, group_id, offset, length, raw_length FROM blobs";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut places = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let number = |index| row.get::<_, i64>(index).map(|number| number as u64);
        let place = Place { pack: GroupId(number(1)?), offset: number(2)?, length: number(3)?, raw_length: number(4)? };
        places.extend(BlobHash::from_slice(&row.get::<_, Vec<u8>>(0)?).map(|hash| (hash, place)));
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

fn add_group(transaction: &Transaction<'_>, group: &GroupRow, now: i64) -> Result<(), CatalogError> {
    let GroupRow { id, meta, files, blobs } = group;
    let sql = "UPDATE groups SET state = 'live', since = ?2, arrival_min = ?3, arrival_max = ?4, start_min = ?5,
               start_max = ?6, spans = ?7, traces = ?8, filter = ?9, split = ?10, runs = ?11, duplicate_span_ids = ?12
               WHERE id = ?1 AND state = 'pending'";
    let runs = meta.runs.as_ref().map(serde_json::to_string).transpose()?;
    let changed = transaction.execute(
        sql,
        params![
            id.0 as i64,
            now,
            meta.arrival_min.0,
            meta.arrival_max.0,
            meta.start_min.0,
            meta.start_max.0,
            meta.spans as i64,
            meta.traces as i64,
            meta.filter.as_ref(),
            meta.split.as_ref(),
            runs,
            meta.duplicate_span_ids as i64
        ],
    )?;
    if changed != 1 {
        return Err(CatalogError::Conflict(format!("{} is not pending", id.0)));
    }
    let sql = "UPDATE files SET tab = ?2, rows = ?3, bytes = ?4, start_min = ?5, start_max = ?6, schema_version = ?7,
               checksum = ?9 WHERE path = ?1 AND group_id = ?8";
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
            meta.checksum
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

fn add_pack(transaction: &Transaction<'_>, pack: &PackRow, now: i64) -> Result<(), CatalogError> {
    let sql = "UPDATE groups SET state = 'live', since = ?2, pack = 1 WHERE id = ?1 AND state = 'pending'";
    if transaction.execute(sql, params![pack.id.0 as i64, now])? != 1 {
        return Err(CatalogError::Conflict(format!("pack {} is not pending", pack.id.0)));
    }
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
