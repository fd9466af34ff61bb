//! A finding as a record in the store, and as answers show it.

use std::collections::BTreeSet;
use std::fmt::Display;

use kino_analyze::finding::{self, Code, family};
use kino_analyze::life::{KnownFinding, Life, Repair, State};
use kino_model::TraceId;
use kino_wire::finding::Finding;
use kino_wire::insights::{AlsoIn, Delivered, FindingState, Fix, Insight, Operation, WorkedHere};
use serde::{Deserialize, Serialize};

use super::operations::OperationKey;
use crate::to_wire;

/// Dead time that differs by no more than this factor may have one cause.
const SHARED_FACTOR: f64 = 2.0;
/// Operations that are named as sharing a finding.
const SHARED_MAX: usize = 8;
const DAY_NANOS: f64 = 86_400e9;

/// The document under the kind `finding`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FindingRecord {
    pub(super) project: Option<String>,
    pub(super) entry: Operation,
    pub(super) finding: Finding,
    /// Relative to the worktree.
    pub(super) file: Option<String>,
    /// The starts of the traces in the evidence, Unix nanoseconds.
    pub(super) evidence_starts: Vec<i64>,
    pub(super) life: Life,
    /// The number of its newest change.
    pub(super) sequence: u64,
    /// Executions of the operation in a day, at the rate of the newest.
    pub(super) executions_per_day: f64,
    /// Other operations that share it, at most [`SHARED_MAX`].
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) shared_by: BTreeSet<String>,
    /// To whom it was delivered unasked, the newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) delivered: Vec<Delivered>,
}

/// What findings that one repair would take along have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RepairKey<'f> {
    project: Option<&'f str>,
    service: &'f str,
    code: Code,
    family: [u8; 4],
    /// The span that makes the calls, where it is not the entry.
    caller: Option<&'f str>,
    /// File and function.
    place: Option<(&'f str, Option<&'f str>)>,
    state: FindingState,
}

/// One sighting of a finding.
#[derive(Clone, Debug)]
pub(super) struct Sighting {
    pub(super) finding: finding::Finding,
    /// The starts of the traces in its evidence, Unix nanoseconds; the largest number where unknown.
    pub(super) evidence_starts: Vec<i64>,
    pub(super) worktree: String,
    pub(super) executions_per_day: f64,
}

impl FindingRecord {
    pub(super) fn new(key: &OperationKey, sighting: Sighting, life: Life) -> Self {
        let mut record = Self {
            project: key.project.clone(),
            entry: Operation { service: key.service.clone(), name: key.name.clone() },
            finding: to_wire::finding(sighting.finding.clone()),
            file: None,
            evidence_starts: Vec::new(),
            life,
            sequence: 0,
            executions_per_day: 0.0,
            shared_by: BTreeSet::new(),
            delivered: Vec::new(),
        };
        record.update(sighting);
        record
    }

    /// Returns what an evaluation needs to know of it.
    pub(super) fn known(&self) -> KnownFinding<'_> {
        let Finding { code, fingerprint, saving_nanos, .. } = &self.finding;
        KnownFinding { fingerprint: *fingerprint, code: *code, saving_nanos: *saving_nanos, life: &self.life }
    }

    /// Replaces the finding by its newest sighting.
    pub(super) fn update(&mut self, sighting: Sighting) {
        self.finding = to_wire::finding(sighting.finding);
        self.file = self.finding.location.as_ref().and_then(|at| relative(&at.path, &sighting.worktree));
        self.evidence_starts = sighting.evidence_starts;
        self.executions_per_day = sighting.executions_per_day;
    }

    /// Returns whether dead time that was found in the operation has this finding's cause: about as much of it, in a
    /// request to the same part of the service, such as a check of each caller of an interface.
    pub(super) fn is_shared_with(&self, key: &OperationKey, finding: &finding::Finding) -> bool {
        let here = self.finding.numbers.iter().find(|number| number.name == "own").map_or(0.0, |number| number.value);
        let there = finding.numbers.iter().find(|number| number.name == "own").map_or(0.0, |number| number.value);
        let is_dead_time = [finding.code, self.finding.code] == [Code::DeadTime; 2];
        let is_about_entry = finding.subject.name == key.name && self.finding.subject.name == self.entry.name;
        is_dead_time
            && is_about_entry
            && self.project == key.project
            && self.entry.service == key.service
            && self.entry.name != key.name
            && part_of_service(&self.entry.name) == part_of_service(&key.name)
            && here.max(there) <= SHARED_FACTOR * here.min(there)
    }

    /// Adds an operation that shares it.
    pub(super) fn share_with(&mut self, key: &OperationKey) {
        if self.shared_by.len() < SHARED_MAX {
            self.shared_by.insert(key.name.clone());
        }
    }

    /// Returns the finding with a remark on the operations that share it.
    fn with_remarks(&self) -> Finding {
        let mut finding = self.finding.clone();
        if !self.shared_by.is_empty() {
            let names: Vec<&str> = self.shared_by.iter().map(String::as_str).collect();
            let more = if names.len() == SHARED_MAX { ", and perhaps in others" } else { "" };
            finding.remarks.push(format!("about as much passes so in {}{more}", names.join(", ")));
        }
        finding
    }

    /// Returns the record's id; one finding may be in several projects.
    pub(super) fn id(&self) -> String {
        id(self.project.as_deref(), self.finding.fingerprint)
    }

    /// Returns the id of the finding whose repair would take this one along.
    pub(super) fn follows_from_id(&self) -> Option<String> {
        self.finding.follows_from.map(|fingerprint| id(self.project.as_deref(), fingerprint))
    }

    pub(super) fn state(&self) -> FindingState {
        match self.life.state {
            State::Open => FindingState::Open,
            State::Acknowledged => FindingState::Acknowledged,
            State::Fixed => FindingState::Fixed,
            State::Recurring => FindingState::Recurring,
            State::Decayed => FindingState::Decayed,
        }
    }

    pub(super) fn is_in(&self, project: Option<&str>) -> bool {
        project.is_none() || self.project.is_none() || self.project.as_deref() == project
    }

    pub(super) fn is_of(&self, key: &OperationKey) -> bool {
        self.entry.name == key.name && self.entry.service == key.service && self.project == key.project
    }

    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.finding.code == other.finding.code
            && self.project == other.project
            && family(self.finding.fingerprint) == family(other.finding.fingerprint)
    }

    pub(super) fn traces(&self) -> impl Iterator<Item = TraceId> + '_ {
        self.finding.evidence.iter().map(|evidence| evidence.trace_id)
    }

    /// Returns the nanoseconds that a repair would save in a day. A finding without a known saving is worth the median
    /// duration of the executions that fail by it, and nothing where none does.
    pub(super) fn worth(&self) -> f64 {
        let number = |name: &str| self.finding.numbers.iter().find(|number| number.name == name);
        let saving = self.finding.saving_nanos.map_or_else(
            || {
                let median = self.life.median.unwrap_or(0) as f64;
                let failing = match self.finding.code {
                    Code::ErrorCluster => number("share").map_or(0.0, |share| share.value),
                    Code::TimeoutCluster => self.part(number("timeouts").map(|count| count.value)),
                    Code::TimeoutBudgetExceeded => self.part(number("cases").map(|count| count.value)),
                    Code::RateLimited => self.part(number("refusals").map(|count| count.value)),
                    Code::CacheKeyCollision | Code::Deadlock => self.part(Some(1.0)),
                    _ => 0.0,
                };
                median * failing
            },
            |nanos| nanos as f64,
        );
        // What is saved only in some executions is so in no more of a day's.
        let share = number("share").filter(|_| self.finding.code == Code::NPlusOne).map_or(1.0, |share| share.value);
        saving.max(0.0) * share * self.finding.confidence * self.executions_per_day
    }

    fn part(&self, count: Option<f64>) -> f64 {
        (count.unwrap_or(0.0) / self.finding.executions.max(1) as f64).min(1.0)
    }

    /// Returns what it has in common with findings in other operations that one repair would take along: the same repeated
    /// calls, made at the same place as far as that is known, or the same exception. `None` for other kinds of findings.
    pub(super) fn cause(&self) -> Option<RepairKey<'_>> {
        let Finding { code, fingerprint, subject, location, .. } = &self.finding;
        let repeats = matches!(code, Code::NPlusOne | Code::RepeatedIdenticalCall);
        // The fingerprint of an exception names its place; what raised it on the way matters to none.
        let is_exception = *code == Code::ErrorCluster;
        (repeats || is_exception).then(|| RepairKey {
            project: self.project.as_deref(),
            service: &self.entry.service,
            code: *code,
            family: family(*fingerprint),
            // A caller other than the entry repeats them by itself.
            caller: Some(subject.name.as_str()).filter(|name| repeats && *name != self.entry.name),
            place: location.as_ref().filter(|_| repeats).map(|it| (it.path.as_str(), it.function.as_deref())),
            state: self.state(),
        })
    }

    /// Returns how another finding of the same cause names this one.
    pub(super) fn also_in(&self) -> AlsoIn {
        AlsoIn { fingerprint: self.finding.fingerprint, entry: self.entry.clone() }
    }

    /// Returns it in the wire's shape, with the other findings of its cause.
    pub(super) fn insight(&self, worked_here: Option<WorkedHere>, also_in: Vec<AlsoIn>) -> Insight {
        let life = &self.life;
        let fixed = life.state == State::Fixed;
        Insight {
            finding: self.with_remarks(),
            state: self.state(),
            entry: self.entry.clone(),
            also_in,
            project: self.project.clone(),
            file: self.file.clone(),
            first_seen_unix_nanos: life.first_seen,
            last_seen_unix_nanos: life.last_seen,
            changed_unix_nanos: life.changed,
            sequence: self.sequence,
            opened_at_code: life.opened_at_code.clone(),
            last_seen_at_code: life.last_seen_at_code.clone(),
            fixed_at_code: life.repair.as_ref().filter(|_| fixed).and_then(|repair| repair.after_code.clone()),
            fix: life.repair.as_ref().map(fix),
            recurrences: life.recurrences,
            delivered: self.delivered.clone(),
            worked_here,
            worth_nanos_per_day: self.worth().min(i64::MAX as f64) as i64,
        }
    }

    /// Returns its repair, as a suggestion for findings like it; `None` unless it is fixed.
    pub(super) fn worked(&self) -> Option<WorkedHere> {
        let repair = self.life.repair.as_ref().filter(|_| self.life.state == State::Fixed)?;
        let next =
            repair.before_code.as_ref().zip(repair.after_code.as_ref()).filter(|(before, after)| before != after);
        Some(WorkedHere {
            fingerprint: self.finding.fingerprint,
            fix: fix(repair),
            next: next.map(|(before, after)| format!("kino compare --before code:{before} --after code:{after}")),
        })
    }
}

/// Returns the first part of a route, without its method, or of a procedure's name.
fn part_of_service(name: &str) -> &str {
    let is_method = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase());
    let route = name.split_once(' ').filter(|(method, _)| is_method(method)).map_or(name, |(_, route)| route);
    let route = route.trim_start_matches(['/', '^']);
    route.split('/').next().unwrap_or(route)
}

/// Returns a record's id: `name` and the FNV-1a hash of the project, so that ids are short and contain no path.
pub(super) fn id(project: Option<&str>, name: impl Display) -> String {
    let hash = project
        .unwrap_or_default()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("{name}-{hash:016x}")
}

/// Returns the executions in a day at the rate of these starts, but no more than are known: a burst may be all of a
/// day's.
pub(super) fn executions_per_day(starts: &[i64], known: u64) -> f64 {
    let (Some(first), Some(last)) = (starts.iter().min(), starts.iter().max()) else { return 0.0 };
    let span = (last - first) as f64;
    let count = starts.len() as f64;
    if span <= 0.0 { count } else { ((count - 1.0) / span * DAY_NANOS).clamp(1.0, known.max(1) as f64) }
}

fn fix(repair: &Repair) -> Fix {
    Fix {
        before_code: repair.before_code.clone(),
        after_code: repair.after_code.clone(),
        executions_before: repair.executions_before,
        executions_after: repair.executions_after,
        median_nanos_before: repair.median_before,
        median_nanos_after: repair.median_after,
        effect: repair.effect(),
        at_unix_nanos: repair.at,
    }
}

/// Returns a path relative to the worktree; `None` for one outside.
fn relative(path: &str, worktree: &str) -> Option<String> {
    let path = path.strip_prefix("file://").unwrap_or(path);
    let inside = if path.starts_with('/') {
        if worktree.is_empty() {
            return None;
        }
        path.strip_prefix(worktree.trim_end_matches('/'))?.strip_prefix('/')?
    } else {
        path.strip_prefix("./").unwrap_or(path)
    };
    (!inside.is_empty()).then(|| inside.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_their_worktree() {
        assert_eq!(relative("/w/app/a.py", "/w/app").as_deref(), Some("a.py"));
        assert_eq!(relative("./a.py", "").as_deref(), Some("a.py"));
        assert_eq!(relative("/usr/lib/a.py", "/w/app"), None);
        assert_eq!(relative("/w/apple/a.py", "/w/app"), None);
        assert_eq!(relative("/a.py", ""), None);
    }

    #[test]
    fn a_burst_is_not_extrapolated_to_a_day() {
        assert!((executions_per_day(&[0, 1, 2, 3], 4) - 4.0).abs() < 1e-9);
        let hourly: Vec<i64> = (0..5).map(|hour| hour * 3_600_000_000_000).collect();
        assert!((executions_per_day(&hourly, 1_000) - 24.0).abs() < 1e-6);
    }
}
