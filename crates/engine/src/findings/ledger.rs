//! The ledger: all findings, in memory. Each change returns the ids of the records to write and to remove.

use std::collections::{BTreeMap, BTreeSet};

use kino_analyze::life::{FixCriteria, Life, Set, State};
use kino_analyze::prevalence::Prevalence;
use kino_model::{Fingerprint, TraceId};
use kino_store::{Store, StoreError};
use kino_wire::insights::{AlsoIn, FindingChange, Insight, WorkedHere};

use super::operations::OperationKey;
use super::record::{FindingRecord, Sighting, id};

/// The kind of the records.
pub(super) const KIND: &str = "finding";
/// Findings at most. Retention leaves the evidence of those that are present: three traces each.
const FINDINGS_MAX: usize = 1_000;
/// Operations of which the last evaluation is remembered.
const EVALUATIONS_MAX: usize = 1_000;

/// The findings, and the extent of each operation's last evaluation.
#[derive(Default)]
pub(crate) struct Ledger {
    by_id: BTreeMap<String, FindingRecord>,
    sequence: u64,
    evaluations: BTreeMap<OperationKey, EvaluationStats>,
    /// Findings that opened while no other could make room.
    pub(super) rejected: u64,
    /// The change at which findings were removed last.
    removed_at: u64,
}

/// The extent of one evaluation.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct EvaluationStats {
    pub(super) executions: u64,
    /// Spans of these executions.
    pub(super) spans: u64,
    /// Unix nanoseconds.
    pub(super) at: i64,
}

/// What an evaluation says of one finding, and the executions that it rests on.
#[derive(Clone, Debug)]
pub(super) enum FindingEvent {
    /// It was not known.
    Opened(Sighting, Set, FixCriteria),
    /// It was seen again.
    Seen(Sighting, Set, Option<Prevalence>),
    /// The executions with this set do not show it, but are too few to say that it is gone.
    Clean(Fingerprint, Set),
    Gone(Fingerprint, Set),
}

impl Ledger {
    /// Reads the store's records. Those that cannot be read, of a newer version, are left as they are.
    pub(crate) async fn load(store: &Store) -> Result<Self, StoreError> {
        let mut ledger = Self::default();
        for (id, json) in store.records(KIND, FINDINGS_MAX).await? {
            match serde_json::from_value::<FindingRecord>(json) {
                Ok(record) => {
                    ledger.sequence = ledger.sequence.max(record.sequence);
                    ledger.by_id.insert(id, record);
                }
                Err(error) => store.warn(format!("the finding {id} cannot be read and is left out: {error}")),
            }
        }
        Ok(ledger)
    }

    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &FindingRecord> {
        self.by_id.values()
    }

    pub(super) fn evaluations(&self) -> impl Iterator<Item = (&OperationKey, &EvaluationStats)> {
        self.evaluations.iter()
    }

    /// Returns the findings of an operation.
    pub(super) fn of(&self, key: &OperationKey) -> Vec<FindingRecord> {
        self.by_id.values().filter(|record| record.is_of(key)).cloned().collect()
    }

    /// Applies the outcome of an evaluation; returns the ids of the findings that changed, and of those that were removed
    /// to make room.
    pub(super) fn apply(
        &mut self,
        key: &OperationKey,
        events: Vec<FindingEvent>,
        stats: EvaluationStats,
    ) -> (BTreeSet<String>, BTreeSet<String>) {
        let now = stats.at;
        let (mut written, mut removed) = (BTreeSet::new(), BTreeSet::new());
        for event in events {
            let (id, changed) = match event {
                FindingEvent::Opened(sighting, set, criteria) => {
                    let id = id(key.project.as_deref(), sighting.finding.fingerprint);
                    if let Some(record) = self.by_id.get_mut(&id) {
                        // Another worktree opened it just before.
                        let changed = record.life.seen(&set, criteria.prevalence, now);
                        (id, changed)
                    } else if let Some(record) = self.shared_with(key, &sighting.finding) {
                        let id = record.id();
                        record.share_with(key);
                        (id, false)
                    } else if self.make_room(&mut removed) {
                        let record = FindingRecord::new(key, sighting, Life::open(&set, criteria, now));
                        self.by_id.insert(id.clone(), record);
                        (id, true)
                    } else {
                        self.rejected += 1;
                        continue;
                    }
                }
                FindingEvent::Seen(sighting, set, prevalence) => {
                    let id = id(key.project.as_deref(), sighting.finding.fingerprint);
                    let Some(record) = self.by_id.get_mut(&id) else { continue };
                    let changed = record.life.seen(&set, prevalence, now);
                    if record.life.state.is_present() {
                        record.update(sighting);
                    }
                    (id, changed)
                }
                FindingEvent::Clean(fingerprint, set) => {
                    let id = id(key.project.as_deref(), fingerprint);
                    let Some(record) = self.by_id.get_mut(&id) else { continue };
                    record.life.clean(&set, now);
                    (id, false)
                }
                FindingEvent::Gone(fingerprint, set) => {
                    let id = id(key.project.as_deref(), fingerprint);
                    let Some(record) = self.by_id.get_mut(&id) else { continue };
                    let changed = record.life.gone(&set, now);
                    (id, changed)
                }
            };
            if changed {
                self.number_change(&id);
            }
            removed.remove(&id);
            written.insert(id);
        }
        for record in self.by_id.values_mut().filter(|record| record.is_of(key)) {
            record.life.looked(now);
        }
        self.evaluations.insert(key.clone(), stats);
        while self.evaluations.len() > EVALUATIONS_MAX {
            let oldest = self.evaluations.iter().min_by_key(|(_, stats)| stats.at).map(|(key, _)| key.clone());
            oldest.and_then(|key| self.evaluations.remove(&key));
        }
        (written, removed)
    }

    /// Returns the present finding of another operation that has the same cause.
    fn shared_with(&mut self, key: &OperationKey, finding: &kino_analyze::Finding) -> Option<&mut FindingRecord> {
        let mut present = self.by_id.values_mut().filter(|record| record.life.state.is_present());
        present.find(|record| record.is_shared_with(key, finding))
    }

    /// Makes room for one more: removes the decayed finding that changed longest ago, else such a fixed one. Returns
    /// `false` where all are present.
    fn make_room(&mut self, removed: &mut BTreeSet<String>) -> bool {
        if self.by_id.len() < FINDINGS_MAX {
            return true;
        }
        let rank = |state| match state {
            State::Decayed => Some(0),
            State::Fixed => Some(1),
            State::Open | State::Acknowledged | State::Recurring => None,
        };
        let candidates = self
            .by_id
            .iter()
            .filter_map(|(id, record)| rank(record.life.state).map(|rank| ((rank, record.life.changed), id.clone())));
        let Some((_, id)) = candidates.min() else { return false };
        self.by_id.remove(&id);
        removed.insert(id);
        true
    }

    /// Gives a finding the number of its newest change.
    fn number_change(&mut self, id: &str) {
        if let Some(record) = self.by_id.get_mut(id) {
            self.sequence += 1;
            record.sequence = self.sequence;
        }
    }

    /// Lets the findings decay whose operation was not evaluated since `before`; returns their ids.
    pub(super) fn decay(&mut self, before: i64, now: i64) -> Vec<String> {
        let decayed =
            self.by_id.iter_mut().filter_map(|(id, record)| record.life.decay(before, now).then(|| id.clone()));
        let decayed: Vec<String> = decayed.collect();
        for id in &decayed {
            self.number_change(id);
        }
        decayed
    }

    /// Acknowledges findings, or takes that back with `undo`; returns the ids of those that changed.
    pub(super) fn acknowledge(&mut self, ids: &[String], undo: bool, now: i64) -> Vec<String> {
        let mut changed = Vec::new();
        for id in ids {
            if self.by_id.get_mut(id).is_some_and(|record| record.life.acknowledge(undo, now)) {
                self.number_change(id);
                changed.push(id.clone());
            }
        }
        changed
    }

    /// Removes the findings that `pick` selects, without a trace of them; returns their ids.
    pub(super) fn remove(&mut self, pick: impl Fn(&FindingRecord) -> bool) -> Vec<String> {
        let picked = self.by_id.iter().filter(|(_, record)| pick(record)).map(|(id, _)| id.clone());
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

    /// Notes that a finding was delivered.
    pub(super) fn deliver(&mut self, id: &str, channel: &str, session: Option<&str>, now: i64) {
        if let Some(record) = self.by_id.get_mut(id) {
            record.deliver(channel, session, now);
        }
    }

    pub(super) fn forget_evaluations(&mut self) {
        self.evaluations.clear();
    }

    pub(super) fn get(&self, id: &str) -> Option<&FindingRecord> {
        self.by_id.get(id)
    }

    /// Returns the traces that retention must leave: the evidence of present findings.
    pub(super) fn evidence(&self) -> impl Iterator<Item = TraceId> + '_ {
        self.by_id.values().filter(|record| record.life.state.is_present()).flat_map(FindingRecord::traces)
    }

    /// Returns a finding in the wire's shape, with the others of its cause by the names of their operations, and with what
    /// repaired one like it.
    pub(super) fn insight(&self, record: &FindingRecord) -> Insight {
        let cause = record.cause();
        let is_other = |other: &&FindingRecord| {
            cause.is_some() && other.cause() == cause && other.finding.fingerprint != record.finding.fingerprint
        };
        let mut also_in: Vec<AlsoIn> = self.by_id.values().filter(is_other).map(FindingRecord::also_in).collect();
        also_in.sort_by(|a, b| (&a.entry.name, &a.fingerprint).cmp(&(&b.entry.name, &b.fingerprint)));
        record.insight(self.worked_here(record), also_in)
    }

    /// Returns the newest repair of another finding of the same family in the same project.
    fn worked_here(&self, asked: &FindingRecord) -> Option<WorkedHere> {
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

    /// Returns the changes after the one with the number `after`, oldest first, and whether findings were removed since.
    pub(super) fn changes(&self, after: u64, project: Option<&str>) -> (Vec<FindingChange>, bool) {
        let changes = self.changes_of(|record| record.sequence > after && record.is_in(project));
        (changes, self.removed_at > after)
    }

    /// Returns the changes at `since` or later in exactly this project, oldest first.
    pub(super) fn changes_since(&self, since: i64, project: Option<&str>) -> Vec<FindingChange> {
        self.changes_of(|record| record.life.changed >= since && record.project.as_deref() == project)
    }

    fn changes_of(&self, pick: impl Fn(&FindingRecord) -> bool) -> Vec<FindingChange> {
        let picked = self.by_id.values().filter(|record| pick(record));
        let mut changes: Vec<FindingChange> = picked
            .map(|record| FindingChange {
                fingerprint: record.finding.fingerprint,
                code: record.finding.code,
                state: record.state(),
                sequence: record.sequence,
                changed_unix_nanos: record.life.changed,
            })
            .collect();
        changes.sort_by_key(|change| change.sequence);
        changes
    }
}
