//! The state of retention between its rounds: the clock, what is exempt, and what waits for removal.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use kino_model::TraceId;

mod clock_watch;

pub(crate) use clock_watch::{ClockReading, ClockWatch};

use crate::catalog::Leftover;
use kino_lake::group::{Group, GroupId, LakeTable};
use kino_lake::paths::{file_path, pack_path};

/// What retention remembers of earlier rounds.
#[derive(Debug, Default)]
pub(crate) struct RetentionState {
    pub(crate) clock: ClockWatch,
    /// Spans that were removed for the limit on the lake's size since the start.
    pub(crate) removed: u64,
}

/// What retention never removes, whatever its age: the evidence of open findings and of labelled runs. The caller bounds
/// it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exempt {
    /// Traces by their ids.
    pub trace_ids: HashSet<TraceId>,
    /// All traces of these runs.
    pub run_ids: BTreeSet<String>,
}

/// A retired group or pack whose files wait for removal.
#[derive(Debug)]
pub(crate) struct Retired {
    pub(crate) id: GroupId,
    pub(crate) since: i64,
    pub(crate) paths: Vec<String>,
    /// Shared with the snapshots that read it, which pin its files.
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

    /// A group or pack that cannot be read. Its files are unknown: every possible one is removed.
    pub(crate) fn quarantined(id: GroupId) -> Self {
        let of_table = LakeTable::ALL.map(|table| file_path(table, id));
        let paths = of_table.into_iter().chain([pack_path(id)]).collect();
        Self { id, since: i64::MIN, paths, group: None }
    }

    pub(crate) fn is_pinned(&self) -> bool {
        self.group.as_ref().is_some_and(|group| Arc::strong_count(group) > 1)
    }
}
