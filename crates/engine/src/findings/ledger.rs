//! All findings that are kept, in memory; what changes is written to the store's records by whoever changes it.

use std::collections::{BTreeMap, BTreeSet};

use kino_analyze::life::{FixCriteria, Life, Set, State};
use kino_analyze::prevalence::Prevalence;
use kino_model::{Fingerprint, TraceId};
use kino_store::{Store, StoreError};
use kino_wire::insights::{AlsoIn, FindingChange, Insight, WorkedHere};

use super::operations::OperationKey;
use super::stored::{Sighting, Stored, id};

/// The kind of the records.
pub(super) const KIND: &str = "finding";
/// Findings that are kept. The evidence of those that are there is kept from retention: three traces each.
const FINDINGS_MAX: usize = 1_000;
/// Operations whose last look is remembered.
const LOOKS_MAX: usize = 1_000;

/// The findings, and what the last looks rested on.
#[derive(Default)]
pub(crate) struct Ledger {
    by_id: BTreeMap<String, Stored>,
    sequence: u64,
    looks: BTreeMap<OperationKey, LookedAt>,
    /// Findings that there was no room for.
    pub(super) not_kept: u64,
    /// The change at which findings were removed last.
    removed_at: u64,
}

/// What the last look at an operation rested on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LookedAt {
    pub(super) executions: u64,
    pub(super) spans: u64,
    pub(super) at: i64,
}

/// What became of a finding.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Opened(Sighting, Set, FixCriteria),
    Seen(Sighting, Set, Option<Prevalence>),
    Clean(Fingerprint, Set),
    Gone(Fingerprint, Set),
}

impl Ledger {
    /// Reads what the store holds. Records that cannot be read, those of a newer version, are left alone.
    pub(crate) async fn load(store: &Store) -> Result<Self, StoreError> {
        let mut ledger = Self::default();
        for (id, json) in store.records(KIND, FINDINGS_MAX).await? {
            match serde_json::from_value::<Stored>(json) {
                Ok(stored) => {
                    ledger.sequence = ledger.sequence.max(stored.sequence);
                    ledger.by_id.insert(id, stored);
                }
                Err(error) => store.warn(format!("the finding {id} cannot be read and is left out: {error}")),
            }
        }
        Ok(ledger)
    }

    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Stored> {
        self.by_id.values()
    }

    pub(super) fn looks(&self) -> impl Iterator<Item = (&OperationKey, &LookedAt)> {
        self.looks.iter()
    }

    /// What is kept about an operation.
    pub(super) fn of(&self, key: &OperationKey) -> Vec<Stored> {
        self.by_id.values().filter(|stored| stored.is_of(key)).cloned().collect()
    }

    /// Takes in what a look showed; gives the ids of what is to be written, and of what has to make room.
    pub(super) fn apply(
        &mut self,
        key: &OperationKey,
        steps: Vec<Step>,
        looked: LookedAt,
        now: i64,
    ) -> (BTreeSet<String>, BTreeSet<String>) {
        let (mut written, mut removed) = (BTreeSet::new(), BTreeSet::new());
        for step in steps {
            let (id, changed) = match step {
                Step::Opened(sighting, set, criteria) => {
                    let id = id(key.project.as_deref(), sighting.finding.fingerprint);
                    if let Some(stored) = self.by_id.get_mut(&id) {
                        // Another worktree opened it just before.
                        let changed = stored.life.seen(&set, criteria.prevalence, now);
                        (id, changed)
                    } else if let Some(stored) = self.shared(key, &sighting.finding) {
                        let id = stored.id();
                        stored.share_with(key);
                        (id, false)
                    } else if self.make_room(&mut removed) {
                        let stored = Stored::new(key, sighting, Life::open(&set, criteria, now));
                        self.by_id.insert(id.clone(), stored);
                        (id, true)
                    } else {
                        self.not_kept += 1;
                        continue;
                    }
                }
                Step::Seen(sighting, set, prevalence) => {
                    let id = id(key.project.as_deref(), sighting.finding.fingerprint);
                    let Some(stored) = self.by_id.get_mut(&id) else { continue };
                    let changed = stored.life.seen(&set, prevalence, now);
                    if stored.life.state.is_present() {
                        stored.update(sighting);
                    }
                    (id, changed)
                }
                Step::Clean(fingerprint, set) => {
                    let id = id(key.project.as_deref(), fingerprint);
                    let Some(stored) = self.by_id.get_mut(&id) else { continue };
                    stored.life.clean(&set, now);
                    (id, false)
                }
                Step::Gone(fingerprint, set) => {
                    let id = id(key.project.as_deref(), fingerprint);
                    let Some(stored) = self.by_id.get_mut(&id) else { continue };
                    let changed = stored.life.gone(&set, now);
                    (id, changed)
                }
            };
            if changed {
                self.changed(&id);
            }
            removed.remove(&id);
            written.insert(id);
        }
        for stored in self.by_id.values_mut().filter(|stored| stored.is_of(key)) {
            stored.life.looked(now);
        }
        self.looks.insert(key.clone(), looked);
        while self.looks.len() > LOOKS_MAX {
            let oldest = self.looks.iter().min_by_key(|(_, looked)| looked.at).map(|(key, _)| key.clone());
            oldest.and_then(|key| self.looks.remove(&key));
        }
        (written, removed)
    }

    /// The finding that is there and says of another operation what this one says.
    fn shared(&mut self, key: &OperationKey, finding: &kino_analyze::Finding) -> Option<&mut Stored> {
        let mut present = self.by_id.values_mut().filter(|stored| stored.life.state.is_present());
        present.find(|stored| stored.is_shared_with(key, finding))
    }

    /// Makes room for one more; what is over goes first, the longest over before the others.
    fn make_room(&mut self, removed: &mut BTreeSet<String>) -> bool {
        if self.by_id.len() < FINDINGS_MAX {
            return true;
        }
        let over = |state| match state {
            State::Decayed => Some(0),
            State::Fixed => Some(1),
            State::Open | State::Acknowledged | State::Recurring => None,
        };
        let candidates = self
            .by_id
            .iter()
            .filter_map(|(id, stored)| over(stored.life.state).map(|rank| ((rank, stored.life.changed), id.clone())));
        let Some((_, id)) = candidates.min() else { return false };
        self.by_id.remove(&id);
        removed.insert(id);
        true
    }

    fn changed(&mut self, id: &str) {
        if let Some(stored) = self.by_id.get_mut(id) {
            self.sequence += 1;
            stored.sequence = self.sequence;
        }
    }

    /// Lets decay what was not looked at since `before`; gives the ids.
    pub(super) fn decay(&mut self, before: i64, now: i64) -> Vec<String> {
        let decayed =
            self.by_id.iter_mut().filter_map(|(id, stored)| stored.life.decay(before, now).then(|| id.clone()));
        let decayed: Vec<String> = decayed.collect();
        for id in &decayed {
            self.changed(id);
        }
        decayed
    }

    /// The user's word about these; gives the ids of those that it changed.
    pub(super) fn acknowledge(&mut self, ids: &[String], undo: bool, now: i64) -> Vec<String> {
        let mut changed = Vec::new();
        for id in ids {
            if self.by_id.get_mut(id).is_some_and(|stored| stored.life.acknowledge(undo, now)) {
                self.changed(id);
                changed.push(id.clone());
            }
        }
        changed
    }

    /// Removes those that are picked: nothing shows any more that they were there. Gives their ids.
    pub(super) fn remove(&mut self, pick: impl Fn(&Stored) -> bool) -> Vec<String> {
        let picked = self.by_id.iter().filter(|(_, stored)| pick(stored)).map(|(id, _)| id.clone());
        let picked: Vec<String> = picked.collect();
        for id in &picked {
            self.by_id.remove(id);
        }
        if !picked.is_empty() {
            self.sequence += 1;
            self.removed_at = self.sequence;
        }
        picked
    }

    pub(super) fn forget_looks(&mut self) {
        self.looks.clear();
    }

    pub(super) fn get(&self, id: &str) -> Option<&Stored> {
        self.by_id.get(id)
    }

    /// Traces that retention must leave: the evidence of what is there.
    pub(super) fn evidence(&self) -> impl Iterator<Item = TraceId> + '_ {
        self.by_id.values().filter(|stored| stored.life.state.is_present()).flat_map(Stored::traces)
    }

    /// A finding with the others of its cause, by the names of their operations, and with what repaired one like it.
    pub(super) fn insight(&self, stored: &Stored) -> Insight {
        let cause = stored.cause();
        let is_other = |other: &&Stored| {
            cause.is_some() && other.cause() == cause && other.finding.fingerprint != stored.finding.fingerprint
        };
        let mut also_in: Vec<AlsoIn> = self.by_id.values().filter(is_other).map(Stored::also_in).collect();
        also_in.sort_by(|a, b| (&a.entry.name, &a.fingerprint).cmp(&(&b.entry.name, &b.fingerprint)));
        stored.insight(self.worked_here(stored), also_in)
    }

    /// The newest repair of a finding like this one, but another.
    fn worked_here(&self, asked: &Stored) -> Option<WorkedHere> {
        if !asked.life.state.is_present() {
            return None;
        }
        let others = self.by_id.values().filter(|other| {
            other.finding.fingerprint != asked.finding.fingerprint
                && other.life.state == State::Fixed
                && other.is_like(asked)
        });
        others.max_by_key(|other| other.life.changed)?.worked()
    }

    /// What changed after `after`, in its order, and whether findings were removed since.
    pub(super) fn changes(&self, after: u64, project: Option<&str>) -> (Vec<FindingChange>, bool) {
        let changes = self.changes_of(|stored| stored.sequence > after && stored.is_in(project));
        (changes, self.removed_at > after)
    }

    /// What changed at `since` or later in exactly this project, in its order.
    pub(super) fn changes_since(&self, since: i64, project: Option<&str>) -> Vec<FindingChange> {
        self.changes_of(|stored| stored.life.changed >= since && stored.project.as_deref() == project)
    }

    fn changes_of(&self, pick: impl Fn(&Stored) -> bool) -> Vec<FindingChange> {
        let picked = self.by_id.values().filter(|stored| pick(stored));
        let mut changes: Vec<FindingChange> = picked
            .map(|stored| FindingChange {
                fingerprint: stored.finding.fingerprint,
                code: stored.finding.code,
                state: stored.state(),
                sequence: stored.sequence,
                changed_unix_nanos: stored.life.changed,
            })
            .collect();
        changes.sort_by_key(|change| change.sequence);
        changes
    }
}
