//! The metadata database's tables.

/// The version of these tables, stored in SQLite's `user_version`.
pub(crate) const VERSION: u32 = 3;

/// Makes them. `AUTOINCREMENT` is the promise that a number, and with it a path, is never given twice.
pub(crate) const CREATE: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE groups (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    state TEXT NOT NULL CHECK (state IN ('pending', 'live', 'retired')),
    since INTEGER NOT NULL,
    pack INTEGER NOT NULL DEFAULT 0,
    arrival_min INTEGER, arrival_max INTEGER, start_min INTEGER, start_max INTEGER,
    spans INTEGER, traces INTEGER, duplicate_span_ids INTEGER, filter BLOB, split BLOB, runs TEXT,
    checksum INTEGER
);
CREATE INDEX groups_by_state ON groups (state);
CREATE TABLE files (
    path TEXT PRIMARY KEY,
    group_id INTEGER NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    tab TEXT, rows INTEGER, bytes INTEGER, start_min INTEGER, start_max INTEGER, schema_version INTEGER,
    checksum INTEGER, blocks BLOB
) WITHOUT ROWID;
CREATE INDEX files_by_group ON files (group_id);
CREATE TABLE blobs (
    hash BLOB PRIMARY KEY,
    group_id INTEGER NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    offset INTEGER NOT NULL, length INTEGER NOT NULL, raw_length INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX blobs_by_group ON blobs (group_id);
CREATE TABLE blob_refs (
    group_id INTEGER NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    hash BLOB NOT NULL,
    PRIMARY KEY (group_id, hash)
) WITHOUT ROWID;
CREATE TABLE tombstones (trace_id BLOB PRIMARY KEY, since INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE records (
    kind TEXT NOT NULL, id TEXT NOT NULL, json TEXT NOT NULL, updated INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE INDEX records_by_time ON records (kind, updated);
CREATE TABLE counters (name TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('wal_position', 1);
";

/// Names the lake, and begins to count its states and the changes of documents.
pub(crate) const IDENTIFY: &str = "
INSERT OR IGNORE INTO meta VALUES ('home', random() & 0x7fffffffffffffff), ('sequence', 0), ('changes', 0);
";

/// Each brings the tables from one version to the next, from version 1 on.
pub(crate) const STEPS: [&str; VERSION as usize - 1] = [
    "ALTER TABLE groups ADD COLUMN duplicate_span_ids INTEGER;
     ALTER TABLE files ADD COLUMN checksum INTEGER;",
    // The checksums of what is live then are computed besides.
    "ALTER TABLE groups ADD COLUMN checksum INTEGER;
     ALTER TABLE files ADD COLUMN blocks BLOB;",
];

/// The version from which on every live entry has its checksum.
pub(crate) const CHECKED: u32 = 3;
