//! The life of a group or pack, as the catalog records it.
//!
//! ```text
//!  begin ─► Pending ──commit──► Live ──commit──► Retired ──grace, unpinned──► removed
//!              └───────────────── swept at the next open ─────────────────────────┘
//! ```

use rusqlite::types::{ToSql, ToSqlOutput};
use rusqlite::{Transaction, params};

use crate::error::CatalogError;
use kino_lake::group::GroupId;

/// What an entry's files are at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryState {
    /// They have their names; some of them may have been written.
    Pending,
    /// They are whole, and snapshots read them.
    Live,
    /// No later snapshot reads them. They are removed after the grace period, once no snapshot pins them.
    Retired,
}

impl EntryState {
    const ALL: [Self; 3] = [Self::Pending, Self::Live, Self::Retired];

    /// The name in the database.
    fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Live => "live",
            Self::Retired => "retired",
        }
    }

    /// The state with this name in the database; `None` where there is none.
    pub(super) fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name().as_bytes() == name)
    }

    /// Changes the state of an entry from this to `to`. Fails where it is in another state.
    pub(super) fn change(
        self,
        to: Self,
        id: GroupId,
        transaction: &Transaction<'_>,
        now: i64,
    ) -> Result<(), CatalogError> {
        let sql = "UPDATE groups SET state = ?3, since = ?4 WHERE id = ?1 AND state = ?2";
        match transaction.execute(sql, params![id.0 as i64, self, to, now])? {
            1 => Ok(()),
            _ => Err(CatalogError::Conflict(format!("{} is not {}", id.0, self.name()))),
        }
    }
}

impl ToSql for EntryState {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.name().into())
    }
}
