//! Notices that the wall clock has jumped: to a clock that is a year ahead the whole store looks old. Retention by age
//! then waits for a day, in which the clock may be corrected.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// More than the clock may be off without having jumped. A machine that slept over night is off by less.
const JUMP: Duration = Duration::from_hours(24);
/// The same between two runs of an engine: it may not have been used for a while.
const JUMP_WHILE_STOPPED: Duration = Duration::from_hours(7 * 24);
/// How long retention waits after a jump.
const WAIT: Duration = Duration::from_hours(24);
/// How often the time is written down.
const WRITTEN_EVERY: Duration = Duration::from_hours(1);

/// What the next run must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClockReading {
    /// The wall clock when it was read last, in Unix nanoseconds.
    wall: i64,
    /// Until when retention waits.
    wait_until: Option<i64>,
}

/// The clocks as they were read last.
#[derive(Debug, Default)]
pub(crate) struct ClockWatch {
    seen: Option<(ClockReading, u64)>,
    written: Option<ClockReading>,
}

impl ClockWatch {
    /// Whether nothing has been read yet.
    pub(crate) fn is_new(&self) -> bool {
        self.seen.is_none()
    }

    /// Reads the clocks; says whether retention must wait. `before` is what an earlier run wrote down, or in its place
    /// the latest arrival; the first reading alone looks at it.
    pub(crate) fn must_wait(&mut self, wall: i64, monotonic: u64, before: Option<ClockReading>) -> bool {
        let (last, passed, jump) = match self.seen {
            Some((last, then)) => (Some(last), monotonic.saturating_sub(then), JUMP),
            None => (before, 0, JUMP_WHILE_STOPPED),
        };
        let wait_until = last.and_then(|last| {
            let expected = last.wall.saturating_add_unsigned(passed);
            let has_jumped = wall.abs_diff(expected) > jump.as_nanos() as u64;
            if has_jumped { Some(wall.saturating_add(WAIT.as_nanos() as i64)) } else { last.wait_until }
        });
        let seen = ClockReading { wall, wait_until: wait_until.filter(|until| wall < *until) };
        self.seen = Some((seen, monotonic));
        seen.wait_until.is_some()
    }

    /// What is to be written down now, if anything is.
    pub(crate) fn take_unwritten(&mut self) -> Option<ClockReading> {
        let (seen, _) = self.seen?;
        let is_known = self.written.is_some_and(|written| {
            written.wait_until == seen.wait_until && seen.wall.abs_diff(written.wall) < WRITTEN_EVERY.as_nanos() as u64
        });
        if is_known {
            return None;
        }
        self.written = Some(seen);
        self.written
    }
}

impl ClockReading {
    /// What is known where nothing was written down: when rows arrived last.
    pub(crate) fn at(arrival: i64) -> Self {
        Self { wall: arrival, wait_until: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000_000;
    const YEAR: i64 = 365 * 24 * HOUR;

    #[test]
    fn a_jump_makes_retention_wait_a_day_and_a_night_asleep_does_not() {
        let mut watch = ClockWatch::default();
        assert!(!watch.must_wait(0, 0, None));
        // An hour passes on both clocks, then fourteen on one: the machine slept.
        assert!(!watch.must_wait(HOUR, HOUR as u64, None));
        assert!(!watch.must_wait(15 * HOUR, HOUR as u64, None));
        let mut at = YEAR;
        assert!(watch.must_wait(at, HOUR as u64, None));
        at += 23 * HOUR;
        assert!(watch.must_wait(at, 24 * HOUR as u64, None));
        assert!(!watch.must_wait(at + 2 * HOUR, 26 * HOUR as u64, None));
    }

    #[test]
    fn a_clock_set_right_again_waits_from_then_on() {
        let mut watch = ClockWatch::default();
        watch.must_wait(0, 0, None);
        assert!(watch.must_wait(YEAR, 0, None));
        assert!(watch.must_wait(HOUR, 0, None), "back is a jump too");
        assert!(!watch.must_wait(26 * HOUR, 25 * HOUR as u64, None));
    }

    #[test]
    fn the_next_run_goes_on_waiting_and_notices_a_jump_while_nothing_ran() {
        let mut watch = ClockWatch::default();
        watch.must_wait(0, 0, None);
        assert!(watch.must_wait(YEAR, 0, None));
        let written = watch.take_unwritten();
        assert_eq!(watch.take_unwritten(), None, "it is written once");
        let mut next = ClockWatch::default();
        assert!(next.must_wait(YEAR + HOUR, 5, written));
        assert!(!ClockWatch::default().must_wait(YEAR + 25 * HOUR, 5, written));
        let arrival = Some(ClockReading::at(0));
        assert!(ClockWatch::default().must_wait(YEAR, 5, arrival));
        assert!(!ClockWatch::default().must_wait(5 * 24 * HOUR, 5, arrival));
    }
}
