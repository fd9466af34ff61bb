//! The turns of a verification: which side comes first, how long they take, and when they are enough.

use std::time::Duration;

use kino_model::UnixNanos;
use kino_text::figures;
use kino_wire::verify::looks;

use crate::RunnerError;

/// A look that takes longer than this part of a turn is too dear to be repeated after every turn.
const LOOK_SHARE_MAX: u32 = 4;

/// The order of two sides, turn by turn: random in blocks of two turns, in which each side comes first once, so that
/// neither a trend nor a rhythm of the machine falls on one of them.
#[derive(Clone, Copy, Debug)]
pub struct Order(u64);

impl Order {
    /// A new one.
    ///
    /// # Errors
    /// Where the system has no randomness.
    pub fn random() -> Result<Self, RunnerError> {
        Ok(Self(u64::from_ne_bytes(crate::random()?)))
    }

    /// Both sides in the order of this turn.
    pub fn of<T>(self, turn: u32, [first, second]: [T; 2]) -> [T; 2] {
        let is_swapped_block = self.0 >> (turn / 2 % u64::BITS) & 1 == 1;
        if turn.is_multiple_of(2) == is_swapped_block { [second, first] } else { [first, second] }
    }
}

/// How far the turns are, and whether another one is worth it.
pub(super) struct Pace {
    planned: u32,
    budget: Option<Duration>,
    begun: UnixNanos,
    /// Each turn's duration; the warm-up is the first.
    turns: Vec<Duration>,
    looks: Vec<u64>,
    look: Duration,
}

impl Pace {
    /// Begins with the warm-up.
    pub(super) fn new(planned: u32, budget: Option<i64>, begun: UnixNanos) -> Self {
        let budget = budget.map(|nanos| Duration::from_nanos(nanos.unsigned_abs()));
        let looks = looks(u64::from(planned));
        Self { planned, budget, begun, turns: Vec::new(), looks, look: Duration::ZERO }
    }

    /// A turn took so long.
    pub(super) fn took(&mut self, turn: Duration) {
        self.turns.push(turn);
    }

    /// A look took so long.
    pub(super) fn looked(&mut self, look: Duration) {
        self.look = look;
    }

    /// What the user can expect after the warm-up.
    pub(super) fn forecast(&self, sides: u64, now: UnixNanos) -> String {
        let turn = self.turn();
        let most = turn * self.planned;
        let most = self.budget.map_or(most, |budget| most.min(budget.saturating_sub(since(self.begun, now))));
        let shown =
            |duration: Duration| figures::duration(Some(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)));
        let runs = figures::counted(u64::from(self.planned) * sides, "execution");
        format!("up to {runs} in {}, fewer where the verdict is sure before", shown(most))
    }

    /// The typical turn.
    fn turn(&self) -> Duration {
        let mut turns = self.turns.clone();
        turns.sort_unstable();
        // The warm-up may have built something; it counts only while it is all there is.
        let counted = if self.turns.len() > 1 { &turns[..turns.len().div_ceil(2)] } else { &turns[..] };
        counted.last().copied().unwrap_or_default()
    }

    /// Whether another turn would take longer than there is time.
    pub(super) fn is_over(&self, now: UnixNanos) -> bool {
        self.budget.is_some_and(|budget| since(self.begun, now) + self.turn() > budget)
    }

    /// Whether it is looked after this turn whether the verdict is sure: not where that takes long beside a turn.
    pub(super) fn is_look(&self, turn: u32) -> bool {
        let is_cheap = self.look <= self.turn() / LOOK_SHARE_MAX || turn.is_multiple_of(LOOK_SHARE_MAX);
        self.looks.contains(&u64::from(turn)) && is_cheap
    }
}

/// The time between; none where the clock went back.
pub(super) fn since(before: UnixNanos, now: UnixNanos) -> Duration {
    Duration::from_nanos(u64::try_from(now.0.saturating_sub(before.0)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_comes_first_once_in_every_block() {
        let order = Order(0b0110);
        let firsts: Vec<u8> = (0..8).map(|turn| order.of(turn, [0, 1])[0]).collect();
        assert_eq!(firsts, [0, 1, 1, 0, 1, 0, 0, 1]);
    }

    #[test]
    fn a_budget_ends_it_before_a_turn_would_go_beyond() {
        let now = UnixNanos(8_000_000_000);
        let mut pace = Pace::new(10, Some(10_000_000_000), UnixNanos(0));
        assert!(!pace.is_over(now));
        pace.took(Duration::from_secs(1));
        assert!(!pace.is_over(now));
        pace.took(Duration::from_secs(3));
        pace.took(Duration::from_secs(3));
        assert!(pace.is_over(now));
    }

    #[test]
    fn it_is_looked_after_the_fourth_turn_and_not_after_the_last() {
        let mut pace = Pace::new(6, None, UnixNanos(0));
        pace.took(Duration::from_secs(1));
        let looked: Vec<u32> = (0..=6).filter(|turn| pace.is_look(*turn)).collect();
        assert_eq!(looked, [4, 5]);
        pace.looked(Duration::from_secs(9));
        assert!(!pace.is_look(5) && pace.is_look(4));
    }
}
