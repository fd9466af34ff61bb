//! Named moments at which a crash test stops the process, to prove that none of them loses or doubles a row.

use std::fmt;
use std::str::FromStr;

/// A moment in the life of a flush, a compaction or a retention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KillPoint {
    /// The files are written, the catalog does not know.
    AfterUpload,
    /// Everything is ready for the catalog's transaction.
    BeforeCommit,
    /// The catalog knows, the lake's inventory does not.
    BeforeInventory,
    /// Catalog and inventory know, the log still holds the rows.
    BeforeWalDrop,
    /// A merged file is written, its inputs still stand.
    InCompaction,
    /// Files are retired, not yet removed.
    InRetention,
}

/// What happens at an armed point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KillMode {
    /// The process aborts, as under `kill -9`.
    Abort,
    /// The step fails at this point and does nothing more; for tests within one process.
    Fail,
}

/// The armed point, if any.
#[derive(Clone, Copy, Debug, Default)]
pub struct KillPoints {
    armed: Option<(KillPoint, KillMode)>,
}

/// The step was stopped at an armed point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stopped at the kill point {0}")]
pub struct Killed(pub KillPoint);

impl KillPoint {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::AfterUpload,
        Self::BeforeCommit,
        Self::BeforeInventory,
        Self::BeforeWalDrop,
        Self::InCompaction,
        Self::InRetention,
    ];

    /// Its name in `KINO_KILL_POINT`.
    pub fn name(self) -> &'static str {
        match self {
            Self::AfterUpload => "after-upload",
            Self::BeforeCommit => "before-commit",
            Self::BeforeInventory => "before-inventory",
            Self::BeforeWalDrop => "before-wal-drop",
            Self::InCompaction => "in-compaction",
            Self::InRetention => "in-retention",
        }
    }
}

impl fmt::Display for KillPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for KillPoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|point| point.name() == text)
            .ok_or_else(|| format!("no kill point {text:?}; there are {}", Self::ALL.map(Self::name).join(", ")))
    }
}

impl KillPoints {
    /// Nothing is armed.
    pub const NONE: Self = Self { armed: None };

    /// Arms one point.
    pub fn armed(point: KillPoint, mode: KillMode) -> Self {
        Self { armed: Some((point, mode)) }
    }

    /// Whether this point is the armed one.
    pub fn is_armed(self, point: KillPoint) -> bool {
        self.armed.is_some_and(|(armed, _)| armed == point)
    }

    /// Passes, unless `point` is the armed one.
    ///
    /// # Errors
    /// [`Killed`] when the point is armed to fail.
    pub fn pass(self, point: KillPoint) -> Result<(), Killed> {
        match self.armed {
            Some((armed, KillMode::Abort)) if armed == point => std::process::abort(),
            Some((armed, KillMode::Fail)) if armed == point => Err(Killed(point)),
            _ => Ok(()),
        }
    }
}
