//! Durations and points in time, as people write and read them; and the system's clock.

use std::fmt::Write as _;
use std::time::Instant;

use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use kino_model::{Clock, UnixNanos};

/// Unix nanoseconds below this are surely seconds or milliseconds by mistake: they would lie in January 1970.
const NANOS_PLAUSIBLE_MIN: i64 = 1_000_000_000_000_000;

/// A point in time as written: fixed, or so long ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Unix nanoseconds.
    At(i64),
    /// Nanoseconds before now.
    Ago(i64),
}

impl When {
    /// Unix nanoseconds, `now` being the present.
    pub(crate) fn unix_nanos(self, now: UnixNanos) -> i64 {
        match self {
            Self::At(nanos) => nanos,
            Self::Ago(nanos) => now.0.saturating_sub(nanos),
        }
    }
}

/// Reads `250ms`, `1.5s`, `2h` as nanoseconds.
pub(crate) fn parse_duration(text: &str) -> Result<i64, String> {
    let expected = || "a number with its unit is expected: ns, us, ms, s, m, h or d, as in 250ms or 1.5s".to_owned();
    let text = text.trim();
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).ok_or_else(expected)?;
    let number: f64 = text[..digits].parse().map_err(|_| expected())?;
    let unit = match text[digits..].trim_start() {
        "ns" => 1.0,
        "us" | "µs" | "μs" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        "m" | "min" => 60e9,
        "h" => 3_600e9,
        "d" => 86_400e9,
        _ => return Err(expected()),
    };
    let nanos = (number * unit).round();
    if nanos > i64::MAX as f64 { Err("that is longer than 292 years".to_owned()) } else { Ok(nanos as i64) }
}

/// Reads RFC 3339, a date (UTC), Unix nanoseconds, or how long ago.
pub(crate) fn parse_when(text: &str) -> Result<When, String> {
    let text = text.trim();
    if text == "now" {
        return Ok(When::Ago(0));
    }
    if let Ok(nanos) = text.parse::<i64>() {
        return if nanos >= NANOS_PLAUSIBLE_MIN {
            Ok(When::At(nanos))
        } else {
            Err("a bare number is read as Unix nanoseconds, and this one lies in January 1970".to_owned())
        };
    }
    if let Ok(nanos) = parse_duration(text) {
        return Ok(When::Ago(nanos));
    }
    let at = text.parse::<Timestamp>().or_else(|_| {
        let date: civil::Date = text.parse()?;
        Ok::<_, jiff::Error>(date.to_zoned(TimeZone::UTC)?.timestamp())
    });
    match at.ok().and_then(|at| i64::try_from(at.as_nanosecond()).ok()) {
        Some(nanos) => Ok(When::At(nanos)),
        None => Err("a point in time is expected: 2026-05-01T12:00:00Z, 2026-05-01, Unix nanoseconds, or how long \
                     ago (15m, 2h, 3d)"
            .to_owned()),
    }
}

/// The caller's time zone.
pub(crate) fn zone() -> TimeZone {
    TimeZone::system()
}

/// Writes a point in time for a person: the local date and time to the second.
pub(crate) fn show(nanos: i64, zone: &TimeZone) -> String {
    let at = Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or_default();
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Writes how long ago something was, in the largest fitting unit.
pub(crate) fn ago(nanos: i64, now: UnixNanos) -> String {
    let seconds = now.0.saturating_sub(nanos) / 1_000_000_000;
    let mut text = String::new();
    let written = match seconds {
        i64::MIN..0 => write!(text, "in the future"),
        0..100 => write!(text, "{seconds} s ago"),
        100..6_000 => write!(text, "{} min ago", seconds / 60),
        6_000..172_800 => write!(text, "{} h ago", seconds / 3_600),
        _ => write!(text, "{} days ago", seconds / 86_400),
    };
    written.expect("writing to a string succeeds");
    text
}

/// The clock of the machine.
#[derive(Debug)]
pub(crate) struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// Starts its monotonic part at zero.
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is handed")]
    pub(crate) fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is handed")]
    fn now(&self) -> UnixNanos {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        UnixNanos(since.map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)))
    }

    fn monotonic_nanos(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_unit() {
        assert_eq!(parse_duration("250ms"), Ok(250_000_000));
        assert_eq!(parse_duration("1.5s"), Ok(1_500_000_000));
        assert_eq!(parse_duration("10 µs"), Ok(10_000));
        assert_eq!(parse_duration("2h"), Ok(7_200_000_000_000));
        for wrong in ["", "250", "ms", "1.5.2s", "-3s", "3 weeks", "1e400d"] {
            assert!(parse_duration(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn points_in_time_are_read_in_every_documented_form() {
        assert_eq!(parse_when("15m"), Ok(When::Ago(900_000_000_000)));
        assert_eq!(parse_when("1970-02-01T00:00:00Z"), Ok(When::At(2_678_400_000_000_000)));
        assert_eq!(parse_when("2026-05-01"), Ok(When::At(1_777_593_600_000_000_000)));
        assert_eq!(parse_when("1777593600000000000"), Ok(When::At(1_777_593_600_000_000_000)));
        assert!(parse_when("1777593600").unwrap_err().contains("nanoseconds"));
        assert!(parse_when("yesterday-ish").unwrap_err().contains("15m"));
    }
}
