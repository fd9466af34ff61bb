//! Judges what executions show of known findings, and which new ones they open.

use std::collections::BTreeMap;

use kino_model::{Fingerprint, names};

use super::Life;
use crate::detect::{self, DetectorConfig};
use crate::execution::{Execution, cold};
use crate::explain::quantiles;
use crate::finding::{Code, Finding};
use crate::prevalence::{CHANCE, Prevalence, is_occasional};

/// The significance level ([`CHANCE`] otherwise) where the code is unchanged: only chance or the environment can have made
/// a fault rarer.
const CHANCE_UNCHANGED: f64 = 0.001;
/// Where more than this part of its cost is left, it is not gone, though it is too little to open a finding.
const LEFT_MAX: f64 = 0.5;
/// The same of the executions that show what happens now and then.
const PREVALENCE_LEFT_MAX: f64 = 0.1;
/// As many executions are enough for every detector.
const ENOUGH_TO_OPEN: usize = 50;
/// Nothing is gone because fewer executions than this do not show it: a program is often run twice.
const NEEDED_MIN: usize = 3;

/// Executions that were judged together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Set {
    /// The worktree they ran in; empty where it is unknown.
    pub worktree: String,
    /// The state of the code, where all share one.
    pub code: Option<String>,
    pub first_code: Option<String>,
    pub last_code: Option<String>,
    /// The start of the first, Unix nanoseconds.
    pub oldest: i64,
    /// The start of the last.
    pub newest: i64,
    /// How many.
    pub executions: u64,
    /// Their median duration in nanoseconds, a process's first left out where it has several.
    pub median: Option<i64>,
}

/// A stored finding of the operation.
#[derive(Clone, Copy, Debug)]
pub struct KnownFinding<'k> {
    pub fingerprint: Fingerprint,
    /// What it is.
    pub code: Code,
    /// The saving at its last sighting; `None` where none is claimed.
    pub saving_nanos: Option<i64>,
    /// Its state and history.
    pub life: &'k Life,
}

/// What executions must show before a finding counts as gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FixCriteria {
    /// Executions of changed code; twice as many where the code is unchanged.
    pub needed: u64,
    /// How often the fault shows among the executions; `None` where it shows in each, or only in several together.
    pub prevalence: Option<Prevalence>,
}

/// What new executions make of one finding.
#[derive(Clone, Debug, PartialEq)]
pub enum FindingOutcome {
    /// It was unknown, and is there.
    Opened {
        finding: Box<Finding>,
        /// The executions.
        set: Set,
        /// What executions must show before it counts as gone.
        criteria: FixCriteria,
    },
    /// It is there, in executions that were not judged before.
    Seen {
        /// As it is now.
        finding: Box<Finding>,
        /// The executions.
        set: Set,
        /// Among those that were not judged before, where it happens now and then.
        prevalence: Option<Prevalence>,
    },
    /// Executions that were not judged before do not show it; they are too few to say that it is gone, or too much is left
    /// of it.
    Clean {
        /// Which.
        fingerprint: Fingerprint,
        /// The executions.
        set: Set,
    },
    /// Enough executions do not show it.
    Gone {
        /// Which.
        fingerprint: Fingerprint,
        /// The executions.
        set: Set,
    },
}

/// Returns the worktree that an execution ran in; empty where that is unknown.
pub fn worktree_of<'a>(execution: &Execution<'_, 'a>) -> &'a str {
    execution.tree.span(execution.entry).resource.text(names::WORKTREE).unwrap_or_default()
}

/// Judges executions of one operation and one worktree, by start, against the known findings of the operation. Unless
/// `settled`, spans of them may still be on their way, so that nothing counts as gone. An unknown finding
/// opens if `opens` returns true for it and the executions that show it ([`detect::opens`]).
pub fn look(
    executions: &[Execution<'_, '_>],
    known: &[KnownFinding<'_>],
    config: &DetectorConfig,
    opens: &dyn Fn(&Finding, &[Execution<'_, '_>]) -> bool,
    settled: bool,
) -> Vec<FindingOutcome> {
    let mut judge = Judge::new(executions, config);
    if judge.executions.is_empty() {
        return Vec::new();
    }
    let all: Vec<usize> = (0..judge.executions.len()).collect();
    let newest_code = judge.newest_code(&all);
    let mut outcomes: Vec<FindingOutcome> =
        known.iter().filter_map(|known| judge.known(known, &all, &newest_code, settled)).collect();
    let enough = judge.enough_to_open(known, &all);
    let among = judge.executions_of(&enough);
    let unknown: Vec<Finding> = judge
        .findings(&enough)
        .iter()
        .filter(|finding| !known.iter().any(|known| known.fingerprint == finding.fingerprint))
        .filter(|finding| opens(finding, &among))
        .cloned()
        .collect();
    for finding in unknown {
        let criteria = judge.fix_criteria(&finding, &all);
        // What the newest code has done away with is not opened for the sake of the older executions.
        if newest_code.len() == all.len() || !judge.is_gone_from(&finding, criteria, &newest_code) {
            outcomes.push(FindingOutcome::Opened { finding: Box::new(finding), set: judge.set(&enough), criteria });
        }
    }
    outcomes
}

/// Whether what happens now and then became so rare as hardly by luck, and little of it is left.
fn is_gone(before: Prevalence, later: Prevalence, chance: f64) -> bool {
    let is_little = later.part() <= PREVALENCE_LEFT_MAX * before.part();
    later.executions >= NEEDED_MIN as u64 && is_little && before.fell_to(later, chance)
}

/// Executions, and what the detectors said of parts of them.
struct Judge<'e, 't, 'a> {
    executions: Vec<Execution<'t, 'a>>,
    is_cold: Vec<bool>,
    config: &'e DetectorConfig,
    said: BTreeMap<Vec<usize>, Vec<Finding>>,
}

impl<'e, 't, 'a> Judge<'e, 't, 'a> {
    fn new(executions: &[Execution<'t, 'a>], config: &'e DetectorConfig) -> Self {
        let mut executions = executions.to_vec();
        executions.sort_by_key(|execution| (execution.start(), execution.trace_id(), execution.entry));
        Self { is_cold: cold(&executions), executions, config, said: BTreeMap::new() }
    }

    fn code(&self, index: usize) -> Option<&'a str> {
        let execution = &self.executions[index];
        execution.tree.span(execution.entry).resource.text(names::CODE_STATE)
    }

    /// The executions of the newest one's state of the code; all, where that is unknown.
    fn newest_code(&self, all: &[usize]) -> Vec<usize> {
        let code = all.last().and_then(|newest| self.code(*newest));
        all.iter().copied().filter(|index| code.is_none() || self.code(*index) == code).collect()
    }

    fn findings(&mut self, part: &[usize]) -> &[Finding] {
        if !self.said.contains_key(part) {
            self.said.insert(part.to_vec(), detect::findings(&self.executions_of(part), self.config));
        }
        self.said.get(part).map_or(&[], Vec::as_slice)
    }

    /// The executions that what is not known yet is searched in: all, or those since the last judgement, which are judged
    /// anyway, where they are many and most. Some start before the last judgement and arrive after it, so that the two
    /// differ though all are new.
    fn enough_to_open(&self, known: &[KnownFinding<'_>], all: &[usize]) -> Vec<usize> {
        let Some(first) = self.executions.first() else { return Vec::new() };
        let judged = known.iter().map(|known| known.life.judged_until(worktree_of(first))).max().unwrap_or(i64::MIN);
        let since = self.since(all, judged);
        if since.len() >= ENOUGH_TO_OPEN && 2 * since.len() >= all.len() { since } else { all.to_vec() }
    }

    fn shows(&mut self, fingerprint: Fingerprint, part: &[usize]) -> bool {
        self.findings(part).iter().any(|finding| finding.fingerprint == fingerprint)
    }

    fn known(
        &mut self,
        known: &KnownFinding<'_>,
        all: &[usize],
        newest_code: &[usize],
        settled: bool,
    ) -> Option<FindingOutcome> {
        let worktree = worktree_of(self.executions.first()?);
        let judged = known.life.judged_until(worktree);
        let new_code = self.code(*newest_code.last()?).is_some_and(|code| !known.life.is_known_in(code));
        // Where nothing ran since the last judgement, nothing new is to be learned.
        let since = self.since(all, judged);
        if since.is_empty() {
            return None;
        }
        let mut parts = vec![since];
        if new_code && known.life.state != super::State::Fixed {
            parts.insert(0, newest_code.to_vec());
        }
        parts.dedup();
        for part in parts {
            if let Some(finding) = self.findings(&part).iter().find(|it| it.fingerprint == known.fingerprint) {
                let finding = Box::new(finding.clone());
                let prevalence = is_occasional(known.code)
                    .then(|| self.prevalence(known.fingerprint, known.code, &self.since(&part, judged)));
                return Some(FindingOutcome::Seen { finding, set: self.set(&part), prevalence });
            }
            // What has not ended may still show it.
            let ended: Vec<usize> = part.into_iter().filter(|index| !self.executions[*index].is_open()).collect();
            let new = self.since(&ended, judged);
            if settled
                && !new.is_empty()
                && let Some(outcome) = self.missing(known, worktree, &ended, &new)
            {
                return Some(outcome);
            }
        }
        None
    }

    /// What follows from executions on which its detector does not fire, some of them not judged before.
    fn missing(
        &mut self,
        known: &KnownFinding<'_>,
        worktree: &str,
        part: &[usize],
        fresh: &[usize],
    ) -> Option<FindingOutcome> {
        let is_changed = part.iter().all(|index| self.code(*index).is_some_and(|code| !known.life.is_known_in(code)));
        let fingerprint = known.fingerprint;
        let Some((before, clean)) = known.life.since_seen(worktree) else {
            let needed = if is_changed { known.life.needed } else { 2 * known.life.needed };
            if (part.len() as u64) < needed {
                return None;
            }
            let is_left = self.is_much_left(known.fingerprint, known.code, known.saving_nanos, part);
            return Some(if is_left {
                FindingOutcome::Clean { fingerprint, set: self.set(fresh) }
            } else {
                FindingOutcome::Gone { fingerprint, set: self.set(part) }
            });
        };
        let here = self.prevalence(known.fingerprint, known.code, fresh);
        let chance = if is_changed { CHANCE } else { CHANCE_UNCHANGED };
        if known.life.state != super::State::Fixed && is_gone(before, here.and(clean), chance) {
            return Some(FindingOutcome::Gone { fingerprint, set: self.set(fresh) });
        }
        // Executions that show it wait for others like them, which together may be enough for its detector.
        (here.affected == 0).then(|| FindingOutcome::Clean { fingerprint, set: self.set(fresh) })
    }

    /// Whether executions of other code show a finding gone.
    fn is_gone_from(&mut self, finding: &Finding, criteria: FixCriteria, part: &[usize]) -> bool {
        let Finding { code, fingerprint, saving_nanos, .. } = finding;
        if self.shows(*fingerprint, part) {
            return false;
        }
        criteria.prevalence.map_or_else(
            || part.len() as u64 >= criteria.needed && !self.is_much_left(*fingerprint, *code, *saving_nanos, part),
            |before| is_gone(before, self.prevalence(*fingerprint, *code, part), CHANCE),
        )
    }

    /// Whether a good part is left of a fault of which too little is left to open a finding.
    fn is_much_left(&self, fingerprint: Fingerprint, code: Code, saving: Option<i64>, part: &[usize]) -> bool {
        let left = detect::residual_findings(&self.executions_of(part), self.config, code);
        let Some(left) = left.iter().find(|it| it.fingerprint == fingerprint) else { return false };
        match (saving, left.saving_nanos) {
            (Some(before), Some(left)) => left as f64 > LEFT_MAX * before as f64,
            _ => true,
        }
    }

    fn prevalence(&self, fingerprint: Fingerprint, code: Code, part: &[usize]) -> Prevalence {
        Prevalence::among(fingerprint, code, &self.executions_of(part), self.config)
    }

    /// How many executions must show it gone: as many as its detector needed to fire on the newest, found by halving;
    /// twice that for what does not happen in every execution nor shows in single ones, since so few may miss it.
    fn fix_criteria(&mut self, finding: &Finding, all: &[usize]) -> FixCriteria {
        if let Some(prevalence) = Prevalence::of(finding, &self.executions_of(all), self.config) {
            return FixCriteria { needed: NEEDED_MIN as u64, prevalence: Some(prevalence) };
        }
        let mut fired = all.len();
        while fired > NEEDED_MIN {
            let half = fired.div_ceil(2).max(NEEDED_MIN);
            if !self.shows(finding.fingerprint, &all[all.len() - half..]) {
                break;
            }
            fired = half;
        }
        let fired = fired.max(NEEDED_MIN) as u64;
        FixCriteria { needed: if is_occasional(finding.code) { 2 * fired } else { fired }, prevalence: None }
    }

    /// Those that started later.
    fn since(&self, part: &[usize], judged: i64) -> Vec<usize> {
        part.iter().copied().filter(|index| self.executions[*index].start() > judged).collect()
    }

    fn executions_of(&self, part: &[usize]) -> Vec<Execution<'t, 'a>> {
        part.iter().map(|index| self.executions[*index]).collect()
    }

    fn set(&self, part: &[usize]) -> Set {
        let code = |index: &usize| self.code(*index).map(str::to_owned);
        let (Some(first), Some(last)) = (part.first(), part.last()) else { return Set::default() };
        let warm = part.iter().filter(|index| !self.is_cold[**index]);
        let mut durations: Vec<i64> = warm.filter_map(|index| self.executions[*index].duration()).collect();
        Set {
            worktree: worktree_of(&self.executions[*first]).to_owned(),
            code: code(last).filter(|_| part.iter().all(|index| self.code(*index) == self.code(*last))),
            first_code: code(first),
            last_code: code(last),
            oldest: self.executions[*first].start(),
            newest: self.executions[*last].start(),
            executions: part.len() as u64,
            median: quantiles(&mut durations).map(|quantiles| quantiles.p50),
        }
    }
}
