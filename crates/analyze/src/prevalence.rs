//! In how many executions a fault shows that is missing from many even while it is there, and whether it has become
//! rarer: that a few executions go well says little about what fails one in ten.

use kino_model::Fingerprint;
use serde::{Deserialize, Serialize};

use crate::detect::{self, DetectorConfig};
use crate::execution::Execution;
use crate::finding::{Code, Finding};
use crate::statistics::{fisher, ln_factorials};

/// The chance taken that a fault is said to be gone, or to be new, and was missing on one side by luck.
pub(crate) const CHANCE: f64 = 0.05;
/// Executions that count at most; of more, what was long ago counts half.
const EXECUTIONS_MAX: u64 = 1_000;

/// Among how many executions how many show a fault by themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prevalence {
    /// Those that show it.
    pub affected: u64,
    /// All of them.
    pub executions: u64,
}

impl Prevalence {
    /// Among executions of one operation. `None` for faults that every execution shows or none, and for those that no
    /// execution shows by itself.
    pub(crate) fn of(finding: &Finding, executions: &[Execution<'_, '_>], config: &DetectorConfig) -> Option<Self> {
        if !is_occasional(finding.code) {
            return None;
        }
        let prevalence = Self::among(finding.fingerprint, finding.code, executions, config);
        (prevalence.affected > 0).then_some(prevalence)
    }

    /// The same for a fault that is known by its fingerprint alone.
    pub(crate) fn among(
        fingerprint: Fingerprint,
        code: Code,
        executions: &[Execution<'_, '_>],
        config: &DetectorConfig,
    ) -> Self {
        let shows = |execution: &Execution<'_, '_>| {
            let left = detect::residual_findings(std::slice::from_ref(execution), config, code);
            left.iter().any(|finding| finding.fingerprint == fingerprint)
        };
        let affected = executions.iter().filter(|execution| shows(execution)).count() as u64;
        Self { affected, executions: executions.len() as u64 }
    }

    /// Both together, this one before the other.
    pub(crate) fn and(self, later: Self) -> Self {
        let divisor = if self.executions > EXECUTIONS_MAX { 2 } else { 1 };
        Self {
            affected: self.affected.div_ceil(divisor) + later.affected,
            executions: self.executions / divisor + later.executions,
        }
    }

    /// Which part of them shows it, 0 to 1.
    pub(crate) fn part(self) -> f64 {
        self.affected as f64 / self.executions.max(1) as f64
    }

    /// Whether executions like these, in which nothing was done about the fault, would show it so rarely as `later` only
    /// by a chance smaller than `chance` (Fisher's exact test, one side).
    pub(crate) fn fell_to(self, later: Self, chance: f64) -> bool {
        let [bad, good, bad_later, good_later] =
            [self.affected, self.healthy(), later.affected, later.healthy()].map(|count| count as usize);
        let all = ln_factorials(bad + good + bad_later + good_later);
        fisher(bad, good, bad + bad_later, good + good_later, &all) <= chance
    }

    fn healthy(self) -> u64 {
        self.executions.saturating_sub(self.affected)
    }
}

/// Whether a fault of this kind is missing from many executions even while it is there.
pub(crate) fn is_occasional(code: Code) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn fewest(affected: u64, executions: u64, chance: f64) -> u64 {
        let before = Prevalence { affected, executions };
        (1..10_000)
            .find(|&executions| before.fell_to(Prevalence { affected: 0, executions }, chance))
            .expect("some number of executions says so")
    }

    #[test]
    fn the_rarer_it_was_the_more_executions_it_takes() {
        assert_eq!(fewest(3, 3, 0.05), 3, "1 of 20 ways to choose three of six");
        assert_eq!(fewest(2, 4, 0.04), 14, "6 of 153 ways");
        assert_eq!(fewest(20, 100, 0.05), 15);
        assert_eq!(fewest(20, 100, 0.001), 38);
        assert_eq!(fewest(3, 100, 0.05), 170);
    }

    #[test]
    fn a_single_case_may_be_left_of_many() {
        let many = Prevalence { affected: 15, executions: 45 };
        assert!(many.fell_to(Prevalence { affected: 1, executions: 45 }, 0.001));
        assert!(!many.fell_to(Prevalence { affected: 9, executions: 45 }, 0.05));
        assert!(!many.fell_to(Prevalence { affected: 45, executions: 45 }, 0.05), "more is not rarer");
    }
}
