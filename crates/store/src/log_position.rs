//! A place in the log, and what of the log stays for its reader, in figures. It removes and reads nothing: `log` does.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

/// A place in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LogPosition {
    /// The number of the segment.
    pub segment: u64,
    /// Bytes of it before the place.
    pub offset: u64,
}

/// What stays for the reader.
#[derive(Debug, Default)]
pub(crate) struct RetainedLog {
    state: Mutex<ReleasedLog>,
    /// One removal at a time.
    pub(crate) removing: Mutex<()>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReleasedLog {
    /// Up to where the reader needs nothing any more; `None` until it says so.
    pub(crate) released: Option<LogPosition>,
    /// Segments before this were removed: released, or unread and counted.
    pub(crate) dropped_before: u64,
    /// Bytes of the segments that stay.
    pub(crate) bytes: u64,
}

impl ReleasedLog {
    /// Notes that segments before this are gone.
    pub(crate) fn gone_before(&mut self, segment: u64) {
        self.dropped_before = self.dropped_before.max(segment);
    }
}

impl RetainedLog {
    pub(crate) fn state(&self) -> MutexGuard<'_, ReleasedLog> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes of segments that stay although their rows are in the lake.
    pub(crate) fn bytes(&self) -> u64 {
        self.state().bytes
    }
}
