//! Restores a catalog from the lake's own descriptions, and copies what these do not hold.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use rusqlite::{Connection, Transaction, params};

use super::entries::{add_group, add_pack};
use super::sqlite::{LOG_IN_USE, SqliteCatalog, meta, open_read_only, uri};
use super::{Catalog, EntryState, Leftover};
use crate::error::CatalogError;
use kino_lake::describe::Inventory;
use kino_lake::entry::{GroupRow, PackRow};
use kino_lake::group::GroupId;

/// Makes the copy's tables out of the live ones.
const COPY: &str = "
BEGIN;
CREATE TABLE meta AS SELECT key, value FROM live.meta WHERE key IN ('home', 'changes');
CREATE TABLE records AS SELECT kind, id, json, updated FROM live.records ORDER BY rowid;
CREATE TABLE counters AS SELECT name, count FROM live.counters;
COMMIT;
";
/// Takes them over again.
const TAKE: &str = "
BEGIN IMMEDIATE;
INSERT INTO records (kind, id, json, updated) SELECT kind, id, json, updated FROM source.records ORDER BY rowid;
INSERT INTO counters SELECT name, count FROM source.counters;
INSERT OR REPLACE INTO meta SELECT key, value FROM source.meta WHERE key = 'changes';
COMMIT;
";

/// What a new catalog begins with.
#[derive(Debug, Default)]
pub(crate) struct Restored {
    /// The state that is restored; its `next_id` is above every number that was ever given.
    pub(crate) inventory: Inventory,
    /// Those of its groups whose files are whole.
    pub(crate) groups: Vec<GroupRow>,
    /// The same of its packs.
    pub(crate) packs: Vec<PackRow>,
    /// Files that earlier states gave up.
    pub(crate) leftovers: Vec<Leftover>,
}

impl SqliteCatalog {
    /// Fills a new database.
    pub(crate) fn restore(&self, restored: &Restored, now: i64) -> Result<(), CatalogError> {
        let next_id = restored.inventory.next_id;
        let given = restored.groups.iter().map(|row| row.id).chain(restored.packs.iter().map(|row| row.id));
        let mut given = given.chain(restored.leftovers.iter().map(|leftover| leftover.id));
        assert!(given.all(|id| id.0 < next_id), "the number of a restored entry would be given again");
        self.transact(|transaction| {
            for row in &restored.groups {
                let paths = row.files.iter().map(|file| file.path.as_str());
                announce(transaction, row.id, EntryState::Pending, now, paths)?;
                add_group(transaction, row, now)?;
            }
            for row in &restored.packs {
                announce(transaction, row.id, EntryState::Pending, now, [row.path.as_str()].into_iter())?;
                add_pack(transaction, row, now)?;
            }
            for leftover in &restored.leftovers {
                announce(transaction, leftover.id, leftover.state, now, leftover.paths.iter().map(String::as_str))?;
            }
            let mut hide = transaction.prepare("INSERT OR IGNORE INTO tombstones VALUES (?1, ?2)")?;
            for trace in &restored.inventory.hidden {
                hide.execute(params![trace.0.as_slice(), now])?;
            }
            let Inventory { home, sequence, next_id, wal_position, .. } = &restored.inventory;
            for (key, value) in [("home", *home), ("sequence", sequence + 1), ("wal_position", *wal_position)] {
                transaction.execute("UPDATE meta SET value = ?2 WHERE key = ?1", params![key, value as i64])?;
            }
            // What the lost catalog said of it is not known.
            transaction.execute("INSERT OR REPLACE INTO meta VALUES (?1, 1)", [LOG_IN_USE])?;
            // SQLite makes the row with the first group; a number that was given is never given again.
            transaction.execute("DELETE FROM sqlite_sequence WHERE name = 'groups'", [])?;
            let last = *next_id as i64 - 1;
            transaction.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('groups', ?1)", [last])?;
            Ok(())
        })
    }

    /// Takes over the documents and counters of another database, or of a copy; says how many.
    pub(crate) fn take_documents(&self, from: &Path) -> Result<(u64, u64), CatalogError> {
        let connection = self.lock();
        connection.execute("ATTACH DATABASE ?1 AS source", [uri(from, "mode=ro")])?;
        let taken = connection.execute_batch(TAKE);
        if taken.is_err() && !connection.is_autocommit() {
            connection.execute_batch("ROLLBACK")?;
        }
        connection.execute_batch("DETACH DATABASE source")?;
        taken?;
        let count = |table: &str| connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0));
        let (records, counters): (i64, i64) = (count("records")?, count("counters")?);
        Ok((records as u64, counters as u64))
    }

    /// Of another database, or of a copy: whose lake it is of, and how many changes of documents it has seen. Fails
    /// where it is damaged.
    pub(crate) fn changes_of(path: &Path) -> Result<(u64, u64), CatalogError> {
        let connection = open_read_only(path)?;
        check_integrity(&connection)?;
        Ok((meta(&connection, "home")?, meta(&connection, "changes")?))
    }

    /// Writes a copy of the documents and counters, checks it, and puts it in the place of the one before. Says how many
    /// changes it has seen. Waits for nothing and holds nothing up: it has a connection of its own.
    pub(super) fn write_copy(&self, to: &Path) -> Result<u64, CatalogError> {
        self.check()?;
        let fresh = to.with_extension("new");
        for leftover in [fresh.clone(), to.with_extension("new-journal")] {
            match fs::remove_file(leftover) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        let copy = Connection::open(&fresh)?;
        copy.execute("ATTACH DATABASE ?1 AS live", [uri(self.path(), "mode=ro")])?;
        copy.execute_batch(COPY)?;
        check_integrity(&copy)?;
        let changes = meta(&copy, "changes")?;
        copy.close().map_err(|(_, error)| error)?;
        fs::rename(&fresh, to)?;
        File::open(to.parent().unwrap_or(to))?.sync_all()?;
        Ok(changes)
    }
}

fn announce<'a>(
    transaction: &Transaction<'_>,
    id: GroupId,
    state: EntryState,
    now: i64,
    paths: impl Iterator<Item = &'a str>,
) -> Result<(), CatalogError> {
    let sql = "INSERT INTO groups (id, state, since) VALUES (?1, ?2, ?3)";
    transaction.execute(sql, params![id.0 as i64, state, now])?;
    let mut insert = transaction.prepare("INSERT INTO files (path, group_id) VALUES (?1, ?2)")?;
    for path in paths {
        insert.execute(params![path, id.0 as i64])?;
    }
    Ok(())
}

fn check_integrity(connection: &Connection) -> Result<(), CatalogError> {
    let found: String = connection.query_row("PRAGMA main.integrity_check(1)", [], |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(CatalogError::Damaged(format!("the database is damaged: {found}"))) }
}
