//! What retention remembers between its rounds: the clock, what it must keep, and what waits for removal.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use kino_model::TraceId;

mod clock_watch;

pub(crate) use clock_watch::{ClockWatch, Seen};

use crate::catalog::Leftover;
use kino_lake::group::{Group, GroupId, LakeTable};
use kino_lake::paths::{file_path, pack_path};

/// What retention knows between its rounds.
#[derive(Debug, Default)]
pub(crate) struct RetentionState {
    pub(crate) clock: ClockWatch,
    /// Spans that the limit on the lake's size has cost since the start.
    pub(crate) removed: u64,
}

/// What retention keeps whatever its age: the evidence of open findings and of labelled runs. The bound is the
/// caller's: it knows its findings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exempt {
    /// These traces.
    pub trace_ids: HashSet<TraceId>,
    /// The traces of these runs.
    pub run_ids: BTreeSet<String>,
}

/// A group or pack whose files wait for their removal.
#[derive(Debug)]
pub(crate) struct Retired {
    pub(crate) id: GroupId,
    pub(crate) since: i64,
    pub(crate) paths: Vec<String>,
    /// Shared with the snapshots that use it: the files stay as long as there are any.
    group: Option<Arc<Group>>,
}

impl Retired {
    pub(crate) fn group(group: Arc<Group>, since: i64) -> Self {
        let paths = group.files.iter().map(|file| file.path.clone()).collect();
        Self { id: group.id, since, paths, group: Some(group) }
    }

    pub(crate) fn leftover(leftover: &Leftover, since: i64) -> Self {
        Self { id: leftover.id, since, paths: leftover.paths.clone(), group: None }
    }

    pub(crate) fn pack(id: GroupId, since: i64) -> Self {
        Self { id, since, paths: vec![pack_path(id)], group: None }
    }

    /// A group or pack that cannot be read: what files it has is not known, so every possible one is tried.
    pub(crate) fn quarantined(id: GroupId) -> Self {
        let of_table = LakeTable::ALL.map(|table| file_path(table, id));
        let paths = of_table.into_iter().chain([pack_path(id)]).collect();
        Self { id, since: i64::MIN, paths, group: None }
    }

    pub(crate) fn is_pinned(&self) -> bool {
        self.group.as_ref().is_some_and(|group| Arc::strong_count(group) > 1)
    }
}
