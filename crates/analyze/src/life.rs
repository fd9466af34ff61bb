//! The life of a finding: a state machine over what executions show.
//!
//! ```text
//!            seen                  gone                      seen
//!  (nothing) ────► open ───────────────────────► fixed ───────────► recurring ─┐ gone
//!                   │ ▲ undo                       ▲ ▲                         │
//!       acknowledge ▼ │                  gone      │ └─────────────────────────┘
//!               acknowledged ──────────────────────┘     decay: any that is present ──► decayed ──seen──► open
//! ```
//!
//! [`look`] judges executions of one operation that ran in one worktree; [`Life`] applies its outcomes. A finding is
//! *seen* where its detector fires on executions that were not judged before. It is *gone* where enough of them do not
//! show it, and little of it is left: of what every execution shows, as many as the detector needs to fire, and twice
//! as many where the code is unchanged; of what happens now and then, as many as say that it became rarer
//! ([`Prevalence`]). Executions of a state of the code in which it was never seen are judged by themselves, so that a
//! repair counts from its first execution; those of a state in which it was seen count only if they are newer than the
//! last judgement. Nothing here reads a clock.

mod look;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use look::{FindingOutcome, FixCriteria, KnownFinding, Set, look, worktree_of};

use crate::prevalence::Prevalence;

/// States of the code in which a finding was seen that are remembered, the newest: enough to know old code again.
const BAD_CODES_MAX: usize = 16;
/// Worktrees whose last judgement is remembered, the newest.
const WORKTREES_MAX: usize = 16;

/// Where in its life a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Seen.
    Open,
    /// Seen, and the user knows.
    Acknowledged,
    /// Later executions show it gone.
    Fixed,
    /// Fixed, and seen again.
    Recurring,
    /// Its operation was not seen for long.
    Decayed,
}

impl State {
    /// Whether the fault is there, as far as is known.
    pub fn is_present(self) -> bool {
        matches!(self, Self::Open | Self::Acknowledged | Self::Recurring)
    }
}

/// What a repair did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Repair {
    /// The last state of the code with the finding.
    pub before_code: Option<String>,
    /// The first without it.
    pub after_code: Option<String>,
    /// Executions in which or among which it was last seen.
    pub executions_before: u64,
    /// Executions that show it gone.
    pub executions_after: u64,
    /// The operation's median duration, nanoseconds.
    pub median_before: Option<i64>,
    /// And without the finding.
    pub median_after: Option<i64>,
    /// Unix nanoseconds.
    pub at: i64,
}

impl Repair {
    /// The ratio of medians, after over before.
    pub fn effect(&self) -> Option<f64> {
        let (before, after) = (self.median_before.filter(|before| *before > 0)?, self.median_after?);
        Some(after as f64 / before as f64)
    }
}

/// What is remembered of a finding besides the finding itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Life {
    /// Where it is.
    pub state: State,
    /// When it came there, Unix nanoseconds.
    pub changed: i64,
    /// When it was first seen, Unix nanoseconds.
    pub first_seen: i64,
    /// The start of the newest execution in which or among which it was seen, Unix nanoseconds.
    pub last_seen: i64,
    /// When its operation was last judged, in Unix nanoseconds.
    pub looked: i64,
    /// The state of the code in which it was first seen.
    pub opened_at_code: Option<String>,
    /// The one in which it was last seen.
    pub last_seen_at_code: Option<String>,
    /// How many executions of other code must show it gone; twice as many of the same.
    pub needed: u64,
    /// How often it showed until its last sighting, where it happens now and then.
    #[serde(default)]
    prevalence: Option<Prevalence>,
    /// Executions of its last sighting.
    pub executions: u64,
    /// Their median duration, nanoseconds.
    pub median: Option<i64>,
    /// Its last repair.
    pub repair: Option<Repair>,
    /// How often it came back.
    pub recurrences: u64,
    /// The worktree in which it was fixed.
    fixed_in: Option<String>,
    /// States of the code in which it was seen, the newest last.
    bad_codes: Vec<String>,
    /// By worktree, the start of the newest execution that was judged.
    judged: BTreeMap<String, i64>,
    /// By worktree, executions judged since it was last seen that do not show it, where they were too few to say so.
    #[serde(default)]
    clean: BTreeMap<String, Clean>,
}

/// Executions without the finding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Clean {
    executions: u64,
    /// The first state of the code among them in which it was never seen, or else the first.
    code: Option<String>,
}

impl Life {
    /// It is seen for the first time, among the executions of `set`.
    pub fn open(set: &Set, criteria: FixCriteria, now: i64) -> Self {
        let mut life = Self {
            state: State::Open,
            changed: now,
            first_seen: set.oldest,
            last_seen: set.newest,
            looked: now,
            opened_at_code: set.last_code.clone(),
            last_seen_at_code: None,
            needed: criteria.needed,
            prevalence: None,
            executions: 0,
            median: None,
            repair: None,
            recurrences: 0,
            fixed_in: None,
            bad_codes: Vec::new(),
            judged: BTreeMap::new(),
            clean: BTreeMap::new(),
        };
        life.sighted(set, criteria.prevalence);
        life
    }

    /// It is seen among the executions of `set`. Says whether that changed its state.
    pub fn seen(&mut self, set: &Set, prevalence: Option<Prevalence>, now: i64) -> bool {
        self.looked = now;
        let old_code = set.code.as_ref().is_some_and(|code| self.bad_codes.contains(code));
        let elsewhere =
            self.fixed_in.as_ref().is_some_and(|worktree| !worktree.is_empty() && *worktree != set.worktree);
        if self.state == State::Fixed && old_code && elsewhere {
            // Old code ran in another worktree: the repair has just not come there yet.
            self.judged(set);
            return false;
        }
        self.sighted(set, prevalence);
        let next = match self.state {
            State::Open | State::Acknowledged | State::Recurring => return false,
            State::Decayed if self.recurrences == 0 => State::Open,
            State::Decayed => State::Recurring,
            State::Fixed => {
                self.recurrences += 1;
                State::Recurring
            }
        };
        self.enter(next, now)
    }

    /// Enough executions, those of `set`, do not show it any more. Says whether that changed its state.
    pub fn gone(&mut self, set: &Set, now: i64) -> bool {
        self.looked = now;
        self.judged(set);
        if self.state == State::Fixed {
            return false;
        }
        let after = self.clean_after(set);
        self.clean.clear();
        self.repair = Some(Repair {
            before_code: self.last_seen_at_code.clone(),
            after_code: after.code,
            executions_before: self.executions,
            executions_after: after.executions,
            median_before: self.median,
            median_after: set.median,
            at: now,
        });
        self.fixed_in = Some(set.worktree.clone());
        self.enter(State::Fixed, now)
    }

    /// The executions of `set` do not show it, and do not say that it is gone.
    pub fn clean(&mut self, set: &Set, now: i64) {
        self.looked = now;
        self.judged(set);
        if self.prevalence.is_none() {
            return;
        }
        let after = self.clean_after(set);
        self.clean.insert(set.worktree.clone(), after);
        while self.clean.len() > WORKTREES_MAX {
            let fewest =
                self.clean.iter().min_by_key(|(_, clean)| clean.executions).map(|(worktree, _)| worktree.clone());
            fewest.and_then(|worktree| self.clean.remove(&worktree));
        }
    }

    /// Executions without it, those of `set` among them.
    fn clean_after(&self, set: &Set) -> Clean {
        let Clean { executions, code } = self.clean.get(&set.worktree).cloned().unwrap_or_default();
        let is_new = code.as_ref().is_some_and(|code| !self.is_known_in(code));
        Clean { executions: executions + set.executions, code: code.filter(|_| is_new).or(set.first_code.clone()) }
    }

    /// Its operation was judged; nothing follows from that.
    pub fn looked(&mut self, now: i64) {
        self.looked = now;
    }

    /// The user knows, or takes that back. Says whether that changed its state; only what is there can be acknowledged.
    pub fn acknowledge(&mut self, undo: bool, now: i64) -> bool {
        match (self.state, undo) {
            (State::Open | State::Recurring, false) => self.enter(State::Acknowledged, now),
            (State::Acknowledged, true) if self.recurrences > 0 => self.enter(State::Recurring, now),
            (State::Acknowledged, true) => self.enter(State::Open, now),
            _ => false,
        }
    }

    /// Lets it decay if its operation has not been judged since `before`. Returns whether that changed its state.
    pub fn decay(&mut self, before: i64, now: i64) -> bool {
        self.state.is_present() && self.looked < before && self.enter(State::Decayed, now)
    }

    /// Whether it was ever seen in this state of the code.
    pub fn is_known_in(&self, code: &str) -> bool {
        self.bad_codes.iter().any(|bad| bad == code)
    }

    /// Executions of a worktree that started after this have not been judged.
    pub fn judged_until(&self, worktree: &str) -> i64 {
        let elsewhere = self.fixed_in.as_ref().filter(|_| self.state == State::Fixed);
        let known = self.judged.get(worktree).or_else(|| self.judged.get(elsewhere?));
        known.copied().unwrap_or(i64::MIN)
    }

    fn enter(&mut self, state: State, now: i64) -> bool {
        self.state = state;
        self.changed = now;
        true
    }

    /// How often it showed until its last sighting, and since then in the worktree, where it was too rare to be seen.
    fn since_seen(&self, worktree: &str) -> Option<(Prevalence, Prevalence)> {
        let executions = self.clean.get(worktree).map_or(0, |clean| clean.executions);
        Some((self.prevalence?, Prevalence { affected: 0, executions }))
    }

    fn sighted(&mut self, set: &Set, here: Option<Prevalence>) {
        self.judged(set);
        self.prevalence = match self.since_seen(&set.worktree).filter(|_| self.state != State::Fixed) {
            Some((before, clean)) => Some(before.and(clean).and(here.unwrap_or_default())),
            None => here.filter(|here| here.affected > 0),
        };
        self.clean.remove(&set.worktree);
        self.last_seen = self.last_seen.max(set.newest);
        self.executions = set.executions;
        self.median = set.median.or(self.median);
        if let Some(code) = &set.code {
            self.last_seen_at_code = Some(code.clone());
            self.bad_codes.retain(|bad| bad != code);
            self.bad_codes.push(code.clone());
            self.bad_codes.drain(..self.bad_codes.len().saturating_sub(BAD_CODES_MAX));
        } else if set.last_code.is_some() {
            self.last_seen_at_code.clone_from(&set.last_code);
        }
    }

    fn judged(&mut self, set: &Set) {
        let until = self.judged.entry(set.worktree.clone()).or_insert(i64::MIN);
        *until = set.newest.max(*until);
        while self.judged.len() > WORKTREES_MAX {
            let oldest = self.judged.iter().min_by_key(|(_, until)| **until).map(|(worktree, _)| worktree.clone());
            oldest.and_then(|worktree| self.judged.remove(&worktree));
        }
    }
}

#[cfg(test)]
mod tests;
