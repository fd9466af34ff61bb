//! Whether executions as wholes differ, whatever is suspected below them: how long they take, how many spans and log lines
//! they have, how many fail or warn. A system has few entry operations, so that a change that no operation of hundreds
//! shows by itself may show here.

use super::Direction;
use super::profile::{Profile, WholeProfile};
use super::shift::{Common, Shift};

/// What was tested of all entry operations together.
pub(super) struct Whole {
    times: Vec<Shift>,
    others: Vec<Shift>,
}

impl Whole {
    /// `common`: what own times have in common, which is no difference of durations either.
    pub(super) fn new(before: &Profile, after: &Profile, few_runs: Option<usize>, common: &Common) -> Self {
        let mut whole = Self { times: Vec::new(), others: Vec::new() };
        for (operation, before) in &before.wholes {
            let Some(after) = after.wholes.get(operation) else { continue };
            let time = Shift::of_means(&before.time, &after.time, few_runs);
            whole.times.extend(time.map(|shift| shift.beyond(common)));
            let rate = |of: fn(&WholeProfile) -> &super::Clusters| {
                Shift::of_rates((of(before), &before.calls), (of(after), &after.calls))
            };
            let others = [
                Shift::of_means(&before.spans, &after.spans, None),
                Shift::of_means(&before.lines, &after.lines, None),
                rate(|whole| &whole.failing),
                rate(|whole| &whole.warning),
            ];
            whole.others.extend(others.into_iter().flatten());
        }
        whole
    }

    /// Whether any of it differs, at this level of all together.
    pub(super) fn differs(&self, level: f64) -> bool {
        let part = self.part(level);
        self.times.iter().chain(&self.others).any(|shift| shift.p_value <= part)
    }

    /// Which way durations moved.
    pub(super) fn direction(&self, level: f64) -> Direction {
        let part = self.part(level);
        let moved = |sign: f64| self.times.iter().any(|it| it.p_value <= part && it.difference * sign > 0.0);
        match (moved(1.0), moved(-1.0)) {
            (true, false) => Direction::Longer,
            (false, true) => Direction::Shorter,
            _ => Direction::Either,
        }
    }

    fn part(&self, level: f64) -> f64 {
        level / (self.times.len() + self.others.len()).max(1) as f64
    }
}
