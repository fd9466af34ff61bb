//! What executions say of findings that are kept, and which ones they open.

use std::collections::BTreeMap;

use kino_model::names;

use super::Life;
use crate::detect::{self, DetectorConfig};
use crate::execution::{Execution, cold};
use crate::explain::quantiles;
use crate::finding::{Code, Finding};

/// Nothing is gone because fewer executions than this do not show it: a program is often run twice.
const NEEDED_MIN: usize = 3;

/// Executions that were judged together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Set {
    /// The line of code they ran in; empty where it is unknown.
    pub line: String,
    /// The state of the code, where all share one.
    pub code: Option<String>,
    /// That of the first.
    pub first_code: Option<String>,
    /// That of the last.
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

/// A finding that is kept about the operation.
#[derive(Clone, Copy, Debug)]
pub struct Kept<'k> {
    /// Its fingerprint.
    pub fingerprint: &'k str,
    /// What is remembered of it.
    pub life: &'k Life,
}

/// What follows for one finding.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was not kept, and is there.
    Opened {
        /// The finding.
        finding: Box<Finding>,
        /// The executions.
        set: Set,
        /// How many executions it would take to show it gone.
        needed: u64,
    },
    /// It is there, in executions that were not judged before.
    Seen {
        /// As it is now.
        finding: Box<Finding>,
        /// The executions.
        set: Set,
    },
    /// Enough executions do not show it.
    Gone {
        /// Which.
        fingerprint: String,
        /// The executions.
        set: Set,
    },
}

/// The line of code that an execution ran in: its worktree, empty where that is unknown.
pub fn line_of<'a>(execution: &Execution<'_, 'a>) -> &'a str {
    execution.tree.span(execution.entry).resource.text(names::WORKTREE).unwrap_or_default()
}

/// Judges executions of one operation and one line, by start, against the findings kept about the operation. Unless
/// `settled`, spans of them may still be on their way, so that nothing counts as gone.
pub fn look(
    executions: &[Execution<'_, '_>],
    kept: &[Kept<'_>],
    config: &DetectorConfig,
    settled: bool,
) -> Vec<Outcome> {
    let mut judge = Judge::new(executions, config);
    if judge.executions.is_empty() {
        return Vec::new();
    }
    let all: Vec<usize> = (0..judge.executions.len()).collect();
    let newest_code = judge.newest_code(&all);
    let mut outcomes: Vec<Outcome> =
        kept.iter().filter_map(|kept| judge.kept(kept, &all, &newest_code, settled)).collect();
    let unknown: Vec<Finding> = judge
        .findings(&all)
        .iter()
        .filter(|finding| !kept.iter().any(|kept| kept.fingerprint == finding.fingerprint))
        .cloned()
        .collect();
    for finding in unknown {
        let needed = judge.needed(&finding, &all);
        // What the newest code has done away with is not opened for the sake of the older executions.
        let gone = newest_code.len() < all.len()
            && newest_code.len() >= needed
            && !judge.shows(&finding.fingerprint, &newest_code);
        if !gone {
            outcomes.push(Outcome::Opened { finding: Box::new(finding), set: judge.set(&all), needed: needed as u64 });
        }
    }
    outcomes
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
        let mut ended: Vec<Execution<'t, 'a>> = executions.iter().filter(|it| !it.is_open()).copied().collect();
        ended.sort_by_key(|execution| (execution.start(), execution.trace_id(), execution.entry));
        Self { is_cold: cold(&ended), executions: ended, config, said: BTreeMap::new() }
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
            let executions: Vec<Execution<'t, 'a>> = part.iter().map(|index| self.executions[*index]).collect();
            self.said.insert(part.to_vec(), detect::findings(&executions, self.config));
        }
        self.said.get(part).map_or(&[], Vec::as_slice)
    }

    fn shows(&mut self, fingerprint: &str, part: &[usize]) -> bool {
        self.findings(part).iter().any(|finding| finding.fingerprint == fingerprint)
    }

    fn kept(&mut self, kept: &Kept<'_>, all: &[usize], newest_code: &[usize], settled: bool) -> Option<Outcome> {
        let line = line_of(self.executions.first()?);
        let judged = kept.life.judged_until(line);
        let fresh = |part: &[usize]| -> Vec<usize> {
            part.iter().copied().filter(|index| self.executions[*index].start() > judged).collect()
        };
        let new_code = self.code(*newest_code.last()?).is_some_and(|code| !kept.life.is_known_in(code));
        // Where nothing ran since the last judgement, nothing new is to be learned.
        let since = fresh(all);
        if since.is_empty() {
            return None;
        }
        let mut parts = vec![since];
        if new_code && kept.life.state != super::State::Fixed {
            parts.insert(0, newest_code.to_vec());
        }
        parts.dedup();
        for part in parts {
            if let Some(finding) = self.findings(&part).iter().find(|it| it.fingerprint == kept.fingerprint) {
                let finding = Box::new(finding.clone());
                return Some(Outcome::Seen { finding, set: self.set(&part) });
            }
            if settled && part.len() as u64 >= kept.life.needed {
                return Some(Outcome::Gone { fingerprint: kept.fingerprint.to_owned(), set: self.set(&part) });
            }
        }
        None
    }

    /// How many executions must show it gone: as many as its detector needed to fire on the newest, found by halving;
    /// twice that for what does not happen in every execution, since so few may miss it by chance.
    fn needed(&mut self, finding: &Finding, all: &[usize]) -> usize {
        let mut fired = all.len();
        while fired > NEEDED_MIN {
            let half = fired.div_ceil(2).max(NEEDED_MIN);
            if !self.shows(&finding.fingerprint, &all[all.len() - half..]) {
                break;
            }
            fired = half;
        }
        if happens_now_and_then(finding.code) { 2 * fired.max(NEEDED_MIN) } else { fired.max(NEEDED_MIN) }
    }

    fn set(&self, part: &[usize]) -> Set {
        let code = |index: &usize| self.code(*index).map(str::to_owned);
        let (Some(first), Some(last)) = (part.first(), part.last()) else { return Set::default() };
        let warm = part.iter().filter(|index| !self.is_cold[**index]);
        let mut durations: Vec<i64> = warm.filter_map(|index| self.executions[*index].duration()).collect();
        Set {
            line: line_of(&self.executions[*first]).to_owned(),
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

/// Whether a fault of this kind is missing from many executions even while it is there.
fn happens_now_and_then(code: Code) -> bool {
    matches!(
        code,
        Code::RetryStorm
            | Code::TimeoutCluster
            | Code::TimeoutBudgetExceeded
            | Code::RateLimited
            | Code::ErrorCluster
            | Code::WhatDiffers
            | Code::CacheKeyCollision
            | Code::Deadlock
            | Code::LockContention
            | Code::BrokenTrace
    )
}
