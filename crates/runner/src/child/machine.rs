//! Measures how busy other programs made the machine while a command ran.

use std::fs;
use std::time::Duration;

use kino_model::Clock;

/// The processor time of the whole machine since it started, in ticks, by what it was spent on; the first line counts.
const STAT: &str = "/proc/stat";
/// Ticks in a second. Linux shows this many to programs, whatever it counts in.
const TICKS_PER_SECOND: u64 = 100;
/// The fields of that line that are no work: idle, and waiting for a disk.
const IDLE_FIELDS: [usize; 2] = [3, 4];
/// The fields that count something: user, nice, system, idle, waiting, interrupts (2), taken by the host. What follows
/// is counted in them already.
const FIELDS: usize = 8;

/// The machine at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    monotonic_nanos: u64,
    busy: Duration,
    /// Cores that `busy` is of: all of the machine, whichever this process may use.
    cores: usize,
}

impl Moment {
    /// Returns the machine now; `None` where the system does not say.
    pub(super) fn now(clock: &dyn Clock) -> Option<Self> {
        let text = fs::read_to_string(STAT).ok()?;
        Some(Self { monotonic_nanos: clock.monotonic_nanos(), busy: busy(&text)?, cores: cores(&text) })
    }

    /// Returns the share of all cores, from 0 to 1, that was used since by others than a command that used `own`. `None`
    /// where that time is too short to measure.
    pub(super) fn others_since(self, before: Self, own: Duration) -> Option<f64> {
        let elapsed = Duration::from_nanos(self.monotonic_nanos.checked_sub(before.monotonic_nanos)?);
        let capacity = elapsed.as_secs_f64() * self.cores as f64;
        // Two ticks may be counted to the wrong side at each end.
        if capacity < 10.0 * 4.0 / TICKS_PER_SECOND as f64 {
            return None;
        }
        let busy = self.busy.checked_sub(before.busy)?;
        Some((busy.saturating_sub(own).as_secs_f64() / capacity).min(1.0))
    }
}

fn cores(stat: &str) -> usize {
    let is_core =
        |line: &&str| line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    stat.lines().filter(is_core).count()
}

fn busy(stat: &str) -> Option<Duration> {
    let fields = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace().take(FIELDS);
    let ticks: Vec<u64> = fields.map(str::parse).collect::<Result<_, _>>().ok()?;
    let work = ticks.iter().enumerate().filter(|(field, _)| !IDLE_FIELDS.contains(field));
    Some(Duration::from_millis(work.map(|(_, ticks)| ticks).sum::<u64>() * 1_000 / TICKS_PER_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_cores_and_waiting_for_a_disk_are_no_work() {
        let stat = "cpu  100 20 30 4000 500 6 7 8 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\ncpu1 0 0 0 0\nintr 5\n";
        assert_eq!(cores(stat), 2);
        assert_eq!(busy(stat), Some(Duration::from_millis((100 + 20 + 30 + 6 + 7 + 8) * 10)));
        assert_eq!(busy("intr 5"), None);
    }

    #[test]
    fn what_a_command_used_itself_is_not_of_others() {
        let at = |second: u64, busy: u64| Moment {
            monotonic_nanos: second * 1_000_000_000,
            busy: Duration::from_secs(busy * 2),
            cores: 2,
        };
        let own = Duration::from_secs(2);
        assert_eq!(at(10, 6).others_since(at(0, 0), own), Some(0.5));
        assert_eq!(at(10, 0).others_since(at(0, 0), own), Some(0.0));
        assert_eq!(at(0, 0).others_since(at(0, 0), own), None);
    }
}
