//! The catalog in a SQLite file, with the write-ahead journal and full sync: a commit that returned is durable.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kino_model::{BlobHash, TraceId};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params};

use super::entries::{self, add_group, add_pack, load_places, load_refs};
use super::schema::{CHECKED, CREATE, IDENTIFY, STEPS, VERSION};
use super::{Catalog, CatalogContents, Commit, DocumentStore, EntryState, PackUsage};
use crate::disk::Identity;
use crate::error::CatalogError;
use kino_lake::blobs;
use kino_lake::describe::Inventory;
use kino_lake::group::{FileEntry, GroupId};
use kino_lake::paths::number_in;

/// How long a statement waits for another connection, such as a person's `sqlite3`.
const BUSY: Duration = Duration::from_secs(5);

/// The key of `meta` that says whether the log may hold what no file has.
pub(super) const LOG_IN_USE: &str = "log_in_use";

/// The catalog's connection.
#[derive(Debug)]
pub(crate) struct SqliteCatalog {
    connection: Mutex<Connection>,
    path: PathBuf,
    /// Which file was opened.
    identity: Identity,
}

impl SqliteCatalog {
    /// Opens or makes the database. Where it is of a newer version, or `writable` is false, it is only read; the
    /// second value says why.
    pub(crate) fn open(path: &Path, writable: bool) -> Result<(Self, Option<String>), CatalogError> {
        let mut connection = if writable { Connection::open(path)? } else { open_read_only(path)? };
        connection.busy_timeout(BUSY)?;
        let mut found = version(&connection);
        if writable && found.as_ref().is_err_and(lacks_room) {
            // On a full disk there is no room for the journal's index, which processes share; a connection that has
            // the database to itself keeps it in memory.
            connection = Connection::open(path)?;
            connection.busy_timeout(BUSY)?;
            connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
            found = version(&connection);
        }
        let found = found?;
        if found > VERSION {
            let catalog = Self::of(open_read_only(path)?, path)?;
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
        let catalog = Self::of(connection, path)?;
        if writable && found < VERSION {
            catalog.transact(|transaction| upgrade(transaction, found))?;
        }
        if writable {
            catalog.lock().execute_batch(IDENTIFY)?;
        }
        Ok((catalog, None))
    }

    fn of(connection: Connection, path: &Path) -> Result<Self, CatalogError> {
        let identity = Identity::of(&std::fs::metadata(path)?);
        Ok(Self { connection: Mutex::new(connection), path: path.to_path_buf(), identity })
    }

    /// Where the database is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn transact<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, CatalogError>,
    ) -> Result<T, CatalogError> {
        self.check()?;
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }
}

impl From<rusqlite::Error> for CatalogError {
    fn from(error: rusqlite::Error) -> Self {
        if lacks_room(&error) { Self::Full(Box::new(error)) } else { Self::Database(Box::new(error)) }
    }
}

fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Whether the disk is full, also where SQLite only says that the shared index cannot be made.
fn lacks_room(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{SQLITE_IOERR_SHMMAP, SQLITE_IOERR_SHMOPEN, SQLITE_IOERR_SHMSIZE};
    let rusqlite::Error::SqliteFailure(failure, _) = error else { return false };
    let code = failure.extended_code;
    failure.code == rusqlite::ErrorCode::DiskFull
        || [SQLITE_IOERR_SHMMAP, SQLITE_IOERR_SHMOPEN, SQLITE_IOERR_SHMSIZE].contains(&code)
}

/// Makes the tables, or brings those of an older version up to date.
fn upgrade(transaction: &Transaction<'_>, found: u32) -> Result<(), CatalogError> {
    match found.checked_sub(1) {
        None => transaction.execute_batch(CREATE)?,
        Some(done) => STEPS.iter().skip(done as usize).try_for_each(|step| transaction.execute_batch(step))?,
    }
    if (1..CHECKED).contains(&found) {
        entries::check_all(transaction)?;
    }
    Ok(transaction.pragma_update(None, "user_version", VERSION)?)
}

/// A store that was not closed leaves a journal beside the database, which a read-only disk cannot replay; the
/// database is then read as of its last checkpoint.
pub(super) fn open_read_only(path: &Path) -> Result<Connection, CatalogError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let plain = Connection::open_with_flags(path, flags)?;
    if plain.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).is_ok() {
        return Ok(plain);
    }
    Ok(Connection::open_with_flags(uri(path, "immutable=1"), flags)?)
}

/// A database's path with an option, as SQLite takes it.
pub(super) fn uri(path: &Path, option: &str) -> String {
    let escaped = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    format!("file:{escaped}?{option}")
}

impl Catalog for SqliteCatalog {
    fn load(&self) -> Result<CatalogContents, CatalogError> {
        let connection = self.lock();
        let mut loaded =
            CatalogContents { wal_position: meta(&connection, "wal_position")?, ..CatalogContents::default() };
        entries::load(&connection, &mut loaded)?;
        loaded.tombstones = load_tombstones(&connection)?;
        loaded.log_in_use = number(&connection, LOG_IN_USE)?.map(|in_use| in_use != 0);
        Ok(loaded)
    }

    fn check(&self) -> std::io::Result<()> {
        if self.identity.is_at(&self.path)? { Ok(()) } else { Err(crate::lock::gone(&self.path)) }
    }

    fn state(&self) -> Result<Inventory, CatalogError> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        let ids = |pack: bool| -> Result<Vec<GroupId>, CatalogError> {
            let sql = "SELECT id FROM groups WHERE state = 'live' AND pack = ?1 ORDER BY id";
            let mut statement = transaction.prepare(sql)?;
            let ids = statement.query_map([pack], |row| Ok(GroupId(row.get::<_, i64>(0)? as u64)))?;
            Ok(ids.collect::<Result<_, _>>()?)
        };
        Ok(Inventory {
            home: meta(&transaction, "home")?,
            sequence: meta(&transaction, "sequence")?,
            next_id: next_id(&transaction)?,
            wal_position: meta(&transaction, "wal_position")?,
            groups: ids(false)?,
            packs: ids(true)?,
            hidden: load_tombstones(&transaction)?,
        })
    }

    fn touch(&self) -> Result<(), CatalogError> {
        self.transact(count_state)
    }

    fn set_log_in_use(&self, in_use: bool) -> Result<(), CatalogError> {
        self.transact(|transaction| {
            let sql = "INSERT OR REPLACE INTO meta VALUES (?1, ?2)";
            transaction.execute(sql, params![LOG_IN_USE, in_use])?;
            Ok(())
        })
    }

    fn begin(&self, paths: &dyn Fn(GroupId) -> Vec<String>, now: i64) -> Result<GroupId, CatalogError> {
        self.transact(|transaction| {
            let sql = "INSERT INTO groups (state, since) VALUES (?1, ?2)";
            transaction.execute(sql, params![EntryState::Pending, now])?;
            let id = GroupId(transaction.last_insert_rowid() as u64);
            let mut insert = transaction.prepare("INSERT INTO files (path, group_id) VALUES (?1, ?2)")?;
            for path in paths(id) {
                assert!(number_in(&path) == Some(id.0), "{path}: not a file of {id:?}");
                insert.execute(params![path, id.0 as i64])?;
            }
            Ok(id)
        })
    }

    fn commit(&self, commit: &Commit) -> Result<(), CatalogError> {
        assert_commit_sound(commit);
        self.transact(|transaction| {
            // What becomes live comes last: an entry that this commit retires as well is then no longer pending.
            for id in &commit.discard {
                entries::discard(transaction, *id, commit.now)?;
            }
            for id in &commit.retire {
                EntryState::Live.change(EntryState::Retired, *id, transaction, commit.now)?;
                // The places are free for the pack that takes the blobs over.
                transaction.execute("DELETE FROM blobs WHERE group_id = ?1", [id.0 as i64])?;
                transaction.execute("DELETE FROM blob_refs WHERE group_id = ?1", [id.0 as i64])?;
            }
            for group in &commit.add {
                add_group(transaction, group, commit.now)?;
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
            count_state(transaction)
        })
    }

    fn learn_blocks(&self, files: &[FileEntry]) -> Result<(), CatalogError> {
        self.transact(|transaction| files.iter().try_for_each(|file| entries::learn_blocks(transaction, file)))
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
            count_state(transaction)
        })
    }

    fn pack_usage(&self) -> Result<Vec<PackUsage>, CatalogError> {
        let connection = self.lock();
        let mut needed: BTreeSet<BlobHash> = load_refs(&connection)?.into_values().flatten().collect();
        let mut statement = connection.prepare("SELECT json FROM records")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            needed.extend(blobs::hashes_in(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?));
        }
        let mut places = load_places(&connection)?;
        let mut statement = connection.prepare("SELECT id, since FROM groups WHERE pack = 1 AND state = 'live'")?;
        let packs = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))?;
        packs
            .map(|pack| {
                let (id, since) = pack?;
                let id = GroupId(id as u64);
                let blobs = places.remove(&id).unwrap_or_default();
                let needed = blobs.keys().filter(|hash| needed.contains(hash)).copied().collect();
                Ok(PackUsage { id, since, blobs, needed })
            })
            .collect()
    }

    fn touch_pack(&self, id: GroupId, now: i64) -> Result<bool, CatalogError> {
        let sql = "UPDATE groups SET since = ?2 WHERE id = ?1 AND pack = 1 AND state = 'live'";
        self.transact(|transaction| Ok(transaction.execute(sql, params![id.0 as i64, now])? == 1))
    }
}

impl DocumentStore for SqliteCatalog {
    fn put_record(&self, kind: &str, id: &str, json: &serde_json::Value, now: i64) -> Result<(), CatalogError> {
        let sql = "INSERT INTO records (kind, id, json, updated) VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT (kind, id) DO UPDATE SET json = excluded.json, updated = excluded.updated";
        assert!(!kind.is_empty() && !id.is_empty() && !json.is_null(), "the document {kind} {id:?} is none");
        let json = serde_json::to_string(json)?;
        self.transact(|transaction| {
            transaction.execute(sql, params![kind, id, json, now])?;
            count_change(transaction)
        })
    }

    fn record(&self, kind: &str, id: &str) -> Result<Option<serde_json::Value>, CatalogError> {
        let sql = "SELECT json FROM records WHERE kind = ?1 AND id = ?2";
        let json: Option<String> = self.lock().query_row(sql, [kind, id], |row| row.get(0)).optional()?;
        Ok(json.as_deref().map(document))
    }

    fn records(&self, kind: &str, limit: usize) -> Result<Vec<(String, serde_json::Value)>, CatalogError> {
        let connection = self.lock();
        let sql = "SELECT id, json FROM records WHERE kind = ?1 ORDER BY updated DESC, rowid DESC LIMIT ?2";
        let mut statement = connection.prepare(sql)?;
        let rows = statement.query_map(params![kind, i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })?;
        rows.map(|row| row.map(|(id, json)| (id, document(&json))).map_err(CatalogError::from)).collect()
    }

    fn records_between(
        &self,
        kind: &str,
        [first, end]: [&str; 2],
        limit: usize,
    ) -> Result<Vec<(String, serde_json::Value)>, CatalogError> {
        let connection = self.lock();
        let sql = "SELECT id, json FROM records WHERE kind = ?1 AND id >= ?2 AND id < ?3 ORDER BY id LIMIT ?4";
        let mut statement = connection.prepare(sql)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![kind, first, end, limit], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })?;
        rows.map(|row| row.map(|(id, json)| (id, document(&json))).map_err(CatalogError::from)).collect()
    }

    fn remove_record(&self, kind: &str, id: &str) -> Result<bool, CatalogError> {
        let sql = "DELETE FROM records WHERE kind = ?1 AND id = ?2";
        self.transact(|transaction| {
            count_change(transaction)?;
            Ok(transaction.execute(sql, [kind, id])? == 1)
        })
    }

    fn remove_records(&self, kind: &str) -> Result<(), CatalogError> {
        self.transact(|transaction| {
            transaction.execute("DELETE FROM records WHERE kind = ?1", [kind])?;
            count_change(transaction)
        })
    }

    fn add_counts(&self, counts: &BTreeMap<String, u64>) -> Result<(), CatalogError> {
        self.transact(|transaction| {
            let sql =
                "INSERT INTO counters VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET count = count + excluded.count";
            let mut add = transaction.prepare(sql)?;
            for (name, count) in counts {
                assert!(i64::try_from(*count).is_ok(), "{name} counts {count}");
                add.execute(params![name, *count as i64])?;
            }
            count_change(transaction)
        })
    }

    fn counts(&self) -> Result<BTreeMap<String, u64>, CatalogError> {
        let connection = self.lock();
        let mut statement = connection.prepare("SELECT name, count FROM counters")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn changes(&self) -> Result<u64, CatalogError> {
        meta(&self.lock(), "changes")
    }

    fn copy_documents(&self, to: &Path) -> Result<u64, CatalogError> {
        self.write_copy(to)
    }
}

/// A number of `meta`; zero where a read-only store of an earlier version does not have it.
pub(super) fn meta(connection: &Connection, key: &str) -> Result<u64, CatalogError> {
    Ok(number(connection, key)?.unwrap_or(0) as u64)
}

fn number(connection: &Connection, key: &str) -> Result<Option<i64>, CatalogError> {
    let sql = "SELECT value FROM meta WHERE key = ?1";
    Ok(connection.query_row(sql, [key], |row| row.get(0)).optional()?)
}

/// Panics where a commit would make one entry live twice, or move the log's position to where no segment is.
fn assert_commit_sound(commit: &Commit) {
    let added = || commit.add.iter().map(|group| group.id).chain(commit.pack.iter().map(|pack| pack.id));
    let distinct: BTreeSet<GroupId> = added().collect();
    assert_eq!(distinct.len(), added().count(), "each entry becomes live once");
    let is_position = |position: u64| i64::try_from(position).is_ok();
    assert!(commit.wal_position.is_none_or(is_position), "the log has a position {:?}", commit.wal_position);
}

/// The number that the next group gets.
fn next_id(connection: &Connection) -> Result<u64, CatalogError> {
    let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'groups'";
    let last: Option<i64> = connection.query_row(sql, [], |row| row.get(0)).optional()?;
    Ok(last.unwrap_or(0) as u64 + 1)
}

/// Counts a change of the lake.
fn count_state(transaction: &Transaction<'_>) -> Result<(), CatalogError> {
    transaction.execute("UPDATE meta SET value = value + 1 WHERE key = 'sequence'", [])?;
    Ok(())
}

/// Counts a change of the documents or counters.
fn count_change(transaction: &Transaction<'_>) -> Result<(), CatalogError> {
    transaction.execute("UPDATE meta SET value = value + 1 WHERE key = 'changes'", [])?;
    Ok(())
}

fn load_tombstones(connection: &Connection) -> Result<Vec<TraceId>, CatalogError> {
    let mut statement = connection.prepare("SELECT trace_id FROM tombstones ORDER BY trace_id")?;
    let ids = statement.query_map([], |row| row.get::<_, Vec<u8>>(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(ids.iter().filter_map(|id| TraceId::from_slice(id)).collect())
}

/// A document. One that is damaged reads as null, which is a document of no kind: it must not take the others along.
fn document(json: &str) -> serde_json::Value {
    serde_json::from_str(json).unwrap_or_default()
}
