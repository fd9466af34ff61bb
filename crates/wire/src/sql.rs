//! `sql`: the pinned snapshot that `kino-sql` queries.
//!
//! ```text
//!  a table's rows = rows of its `files` whose trace is not in `replaced_traces`  +  its `rows`
//! ```
//!
//! Whatever needs merging (traces that lie in several files, rows still in memory, forgotten traces) the engine merges
//! before it answers, so that one place decides what a trace holds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Damage;
use crate::admin::LakeFile;

/// How long an engine pins a snapshot's files without a [`SqlReleaseQuestion`].
pub const PIN_SECONDS: u64 = 15 * 60;

/// Asks for a snapshot, and pins its files for [`PIN_SECONDS`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SqlSnapshotQuestion {}

/// `kino.sql_snapshot.v1`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SqlSnapshot {
    /// `kino.sql_snapshot.v1`.
    pub schema: String,
    /// What [`SqlReleaseQuestion`] takes.
    pub pin: String,
    /// Files of `spans`, `events`, `links` and `traces`.
    pub files: Vec<LakeFile>,
    /// Base64 of 16-byte trace ids, sorted, one after another: traces whose rows in `files` do not count.
    pub replaced_traces: String,
    /// What is left out of it because it cannot be read, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damage: Option<Damage>,
    /// Rows besides the files': base64 of one Arrow IPC stream a table, in the schema of the files.
    pub rows: Vec<SqlRows>,
}

/// Rows of one table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SqlRows {
    /// `spans`, `events`, `links` or `traces`.
    pub table: String,
    /// Base64 of an Arrow IPC stream.
    pub ipc_base64: String,
}

/// Says that a snapshot is not needed any more.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SqlReleaseQuestion {
    /// The snapshot's pin.
    pub pin: String,
    /// A file of it was damaged: what there is now is checked, so that another snapshot leaves damage out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub damaged: bool,
}

crate::question!(SqlSnapshotQuestion, "sql_snapshot", Read, Memory, SqlSnapshot);
crate::question!(SqlReleaseQuestion, "sql_release", Read, Memory, crate::ask::Done);
crate::schema!(SqlSnapshot, "kino.sql_snapshot.v1");
