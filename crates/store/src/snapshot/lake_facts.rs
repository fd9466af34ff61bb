//! What depends on the live groups alone, worked out once for as long as they stay the same.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use kino_model::TraceId;
use tokio::sync::OnceCell;

use super::count::Correction;
use crate::file::Group;

/// Groups as snapshots share them.
pub(crate) type Groups = Vec<Arc<Group>>;

/// Facts about one set of groups.
#[derive(Debug)]
pub(crate) struct LakeFacts {
    /// Traces that more than one of the groups may hold.
    pub(super) split: HashSet<TraceId>,
    /// What the groups' figures count that is not so.
    pub(super) correction: OnceCell<Correction>,
}

/// Keeps the facts about the groups that were asked about last, without keeping the groups.
#[derive(Debug, Default)]
pub(crate) struct LatestFacts(Mutex<Option<(Weak<Groups>, Arc<LakeFacts>)>>);

impl LatestFacts {
    /// The facts about `groups`.
    pub(super) fn of(&self, groups: &Arc<Groups>) -> Arc<LakeFacts> {
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, facts)) = latest.as_ref()
            && std::ptr::eq(known.as_ptr(), Arc::as_ptr(groups))
        {
            return Arc::clone(facts);
        }
        let split = groups.iter().flat_map(|group| group.split()).collect();
        let facts = Arc::new(LakeFacts { split, correction: OnceCell::new() });
        *latest = Some((Arc::downgrade(groups), Arc::clone(&facts)));
        facts
    }
}

/// Traces that more than one source holds, as far as the filters tell; one too many costs time, not truth.
#[derive(Debug)]
pub(super) struct Several {
    pub(super) lake: Arc<LakeFacts>,
    /// Those that are in memory and elsewhere too.
    hot: HashSet<TraceId>,
    /// One bit for each beginning of an id: most traces are told apart without hashing.
    beginnings: Vec<u64>,
}

impl Several {
    pub(super) fn new(lake: Arc<LakeFacts>, hot: HashSet<TraceId>) -> Self {
        let mut beginnings = vec![0; (usize::from(u16::MAX) + 1) / 64];
        for id in lake.split.iter().chain(&hot) {
            let beginning = beginning(id);
            beginnings[beginning / 64] |= 1 << (beginning % 64);
        }
        Self { lake, hot, beginnings }
    }

    pub(super) fn contains(&self, id: &TraceId) -> bool {
        let beginning = beginning(id);
        self.beginnings[beginning / 64] & (1 << (beginning % 64)) != 0
            && (self.lake.split.contains(id) || self.hot.contains(id))
    }

    /// Those that are in memory and elsewhere too.
    pub(super) fn hot(&self) -> impl Iterator<Item = &TraceId> {
        self.hot.iter()
    }

    /// All of them, some perhaps twice.
    pub(super) fn iter(&self) -> impl Iterator<Item = &TraceId> {
        self.lake.split.iter().chain(&self.hot)
    }
}

fn beginning(id: &TraceId) -> usize {
    usize::from(u16::from_be_bytes([id.0[0], id.0[1]]))
}
