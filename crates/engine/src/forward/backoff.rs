//! How long to wait before a request is sent again.

use std::time::Duration;

use kino_model::UnixNanos;
use kino_text::time::parse_retry_after;

/// The first wait; each further one doubles.
const FIRST: Duration = Duration::from_millis(500);
/// No wait by itself is longer.
const OWN_MAX: Duration = Duration::from_mins(1);
/// No wait that a peer asks for is longer: it could ask for years.
const ASKED_MAX: Duration = Duration::from_mins(15);

/// The waits since the last answer that was one.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    tries: u32,
}

impl Backoff {
    /// Whether the wait that was given last is the first.
    pub(super) fn is_first(&self) -> bool {
        self.tries == 1
    }

    /// The next wait: what the peer asks for, else twice the one before, less up to half of it by chance, so that many
    /// engines do not come back together.
    pub(super) fn next(&mut self, retry_after: Option<&str>, now: UnixNanos) -> Duration {
        let own = FIRST.saturating_mul(1 << self.tries.min(10)).min(OWN_MAX);
        self.tries = self.tries.saturating_add(1);
        match retry_after.and_then(|asked| parse_retry_after(asked, now)) {
            Some(asked) => asked.clamp(FIRST, ASKED_MAX),
            // Without randomness of the system's the wait is whole.
            None => own.mul_f64(crate::secret::random().map_or(1.0, |[byte]| 1.0 - f64::from(byte) / 512.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixNanos = UnixNanos(784_111_777_000_000_000);

    #[test]
    fn waits_double_up_to_a_minute() {
        let mut backoff = Backoff::default();
        let mut least = Duration::from_millis(250);
        for _ in 0..12 {
            let wait = backoff.next(None, NOW);
            assert!(wait >= least && wait <= least * 2, "{wait:?} after at least {least:?}");
            least = (least * 2).min(Duration::from_secs(30));
        }
    }

    #[test]
    fn what_the_peer_asks_for_is_obeyed_within_bounds() {
        let next = |asked: &str| Backoff::default().next(Some(asked), NOW);
        assert_eq!(next(" 7 "), Duration::from_secs(7));
        assert_eq!(next("Sun, 06 Nov 1994 08:49:47 GMT"), Duration::from_secs(10));
        assert_eq!(next("Sun, 06 Nov 1994 08:40:00 GMT"), FIRST);
        assert_eq!(next("0"), FIRST);
        assert_eq!(next("99999999999999999"), ASKED_MAX);
        for nonsense in ["", "-1", "soon", "99999999999999999999999999", "\u{1b}[2J"] {
            assert!(next(nonsense) <= FIRST, "{nonsense:?}");
        }
    }
}
