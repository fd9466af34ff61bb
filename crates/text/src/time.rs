//! Durations and points in time, as people write and read them.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, civil};
use kino_model::UnixNanos;

/// Unix nanoseconds below this are surely seconds or milliseconds by mistake: they would lie in January 1970.
const NANOS_PLAUSIBLE_MIN: i64 = 1_000_000_000_000_000;

/// A point in time as written: fixed, or so long ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Unix nanoseconds.
    At(i64),
    /// Nanoseconds before now.
    Ago(i64),
    /// The last time that clocks here showed this.
    Clock(civil::Time),
}

impl When {
    /// Unix nanoseconds, `now` being the present.
    pub fn unix_nanos(self, now: UnixNanos) -> i64 {
        self.unix_nanos_in(now, &zone())
    }

    fn unix_nanos_in(self, now: UnixNanos, zone: &TimeZone) -> i64 {
        match self {
            Self::At(nanos) => nanos,
            Self::Ago(nanos) => now.0.saturating_sub(nanos),
            Self::Clock(time) => last(time, now, zone).unwrap_or(now.0),
        }
    }
}

/// The last time up to `now` that a clock in `zone` showed this.
fn last(time: civil::Time, now: UnixNanos, zone: &TimeZone) -> Option<i64> {
    let today = Timestamp::from_nanosecond(i128::from(now.0)).ok()?.to_zoned(zone.clone()).date();
    let at = |date: civil::Date| {
        let nanos = date.to_datetime(time).to_zoned(zone.clone()).ok()?.timestamp().as_nanosecond();
        i64::try_from(nanos).ok()
    };
    at(today).filter(|nanos| *nanos <= now.0).or_else(|| at(today.yesterday().ok()?))
}

/// A window to compare with, as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// From one point in time to another.
    Between(When, When),
    /// From this to the start of the other window.
    From(When),
    /// Nanoseconds up to the start of the other window.
    Length(i64),
}

impl Against {
    /// Start and end in Unix nanoseconds, where the other window starts at `since`.
    pub fn unix_nanos(self, since: i64, now: UnixNanos) -> (i64, i64) {
        match self {
            Self::Between(start, end) => (start.unix_nanos(now), end.unix_nanos(now)),
            Self::From(start) => (start.unix_nanos(now), since),
            Self::Length(nanos) => (since.saturating_sub(nanos), since),
        }
    }
}

/// Reads `START..END`, `START`, or a length.
///
/// # Errors
/// What is expected, in a sentence.
pub fn parse_against(text: &str) -> Result<Against, String> {
    if let Some((start, end)) = text.split_once("..") {
        return Ok(Against::Between(parse_when(start)?, parse_when(end)?));
    }
    if let Ok(nanos) = parse_duration(text) {
        return Ok(Against::Length(nanos));
    }
    parse_when(text).map(Against::From)
}

/// Nanoseconds of a day: 24 hours.
const DAY_NANOS: f64 = 86_400e9;

/// Reads a duration as nanoseconds: `250ms`, `1.5s`, `2h`, `1h30m`, `7d`.
///
/// # Errors
/// What is expected, in a sentence: a number without a unit, an unknown unit, or a negative duration.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    let expected = || "a number with its unit is expected: ns, us, ms, s, m, h or d, as in 250ms or 1.5s".to_owned();
    let text = text.trim();
    // `jiff` would read `14:05:09` as hours, minutes and seconds, and what is `ago` as negative.
    if !text.starts_with(|c: char| c.is_ascii_digit()) || text.contains(':') || text.ends_with("ago") {
        return Err(expected());
    }
    // `jiff` reads all but days, which have no fixed length where clocks change. Here a day has 24 hours.
    let days = text.split_once('d').and_then(|(days, rest)| Some((days.trim_end().parse::<f64>().ok()?, rest)));
    let (days, rest) = days.unwrap_or((0.0, text));
    let rest: SignedDuration = match rest.trim_start() {
        "" => SignedDuration::ZERO,
        // The micro sign and the Greek letter.
        rest => rest.replace(['\u{b5}', '\u{3bc}'], "u").parse().map_err(|_| expected())?,
    };
    if rest.is_negative() {
        return Err(expected());
    }
    let (days, rest) = ((days * DAY_NANOS).round(), rest.as_nanos());
    if days + rest as f64 > i64::MAX as f64 {
        return Err("that is longer than 292 years".to_owned());
    }
    Ok((days as i64).saturating_add(i64::try_from(rest).unwrap_or(i64::MAX)))
}

/// Reads HTTP's `Retry-After`, in seconds or as a date: how long from `now`, which is nothing for a date that is past. `None`
/// where it is neither.
pub fn parse_retry_after(text: &str, now: UnixNanos) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let then: Timestamp = DateTimeParser::new().parse_timestamp(text).ok()?;
    let nanos = then.as_nanosecond().saturating_sub(i128::from(now.0)).max(0);
    Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
}

/// Reads RFC 3339, a date (UTC), a local time of day, Unix nanoseconds, or how long ago.
///
/// # Errors
/// What is expected, in a sentence.
pub fn parse_when(text: &str) -> Result<When, String> {
    let text = text.trim();
    if text == "now" {
        return Ok(When::Ago(0));
    }
    if let Ok(nanos) = text.parse::<i64>() {
        return if nanos >= NANOS_PLAUSIBLE_MIN {
            Ok(When::At(nanos))
        } else {
            Err("a bare number is read as Unix nanoseconds, and this one is in January 1970".to_owned())
        };
    }
    if let Ok(nanos) = parse_duration(text.strip_suffix("ago").unwrap_or(text)) {
        return Ok(When::Ago(nanos));
    }
    if let Ok(time) = civil::Time::strptime("%H:%M", text).or_else(|_| civil::Time::strptime("%H:%M:%S", text)) {
        return Ok(When::Clock(time));
    }
    let expected = "a point in time is expected: 2026-05-01T12:00:00Z, 2026-05-01, 14:05, Unix nanoseconds, or how long \
                    ago (15m, 2h, 3d)";
    fixed_point(text).map(When::At).ok_or_else(|| expected.to_owned())
}

/// Reads a point in time that is the same whenever it is read, as Unix nanoseconds: RFC 3339, a date (UTC), or Unix
/// nanoseconds.
///
/// # Errors
/// What is expected, in a sentence.
pub fn parse_fixed(text: &str) -> Result<i64, String> {
    let text = text.trim();
    let point = text.parse().ok().or_else(|| fixed_point(text));
    point.ok_or_else(|| "2026-05-01T12:00:00Z, 2026-05-01 or Unix nanoseconds are expected".to_owned())
}

/// RFC 3339, or a date (UTC); `None` for anything else, and for years that nanoseconds do not reach.
fn fixed_point(text: &str) -> Option<i64> {
    let at = text.parse::<Timestamp>().or_else(|_| {
        let date: civil::Date = text.parse()?;
        Ok::<_, jiff::Error>(date.to_zoned(TimeZone::UTC)?.timestamp())
    });
    i64::try_from(at.ok()?.as_nanosecond()).ok()
}

/// The caller's time zone.
pub fn zone() -> TimeZone {
    TimeZone::system()
}

/// Writes a point in time for a person: the local date and time to the second.
pub fn show(nanos: i64, zone: &TimeZone) -> String {
    let at = Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or_default();
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// As [`show`], to the millisecond and with the time zone.
pub fn show_exactly(nanos: i64, zone: &TimeZone) -> String {
    let at = Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or_default();
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S%.3f %Z").to_string()
}

/// Writes how long ago something was, in the largest fitting unit.
pub fn ago(nanos: i64, now: UnixNanos) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_unit() {
        assert_eq!(parse_duration("250ms"), Ok(250_000_000));
        assert_eq!(parse_duration("1.5s"), Ok(1_500_000_000));
        assert_eq!(parse_duration("10 µs"), Ok(10_000));
        assert_eq!(parse_duration("10 μs"), Ok(10_000));
        assert_eq!(parse_duration("2h"), Ok(7_200_000_000_000));
        assert_eq!(parse_duration("1h30m"), Ok(5_400_000_000_000));
        assert_eq!(parse_duration("1.5d"), Ok(129_600_000_000_000));
        assert_eq!(parse_duration("1d 2h"), Ok(93_600_000_000_000));
        for wrong in ["", "250", "ms", "1.5.2s", "-3s", "3 weeks", "3s ago", "1s -2s", "1d -2s", "PT5M"] {
            assert!(parse_duration(wrong).unwrap_err().contains("as in 250ms"), "{wrong:?}");
        }
        for long in ["1e400d", "200000d", "99999999999h"] {
            assert!(parse_duration(long).is_err(), "{long:?}");
        }
    }

    #[test]
    fn points_in_time_are_read_in_every_documented_form() {
        assert_eq!(parse_when("15m"), Ok(When::Ago(900_000_000_000)));
        assert_eq!(parse_when("15m ago"), Ok(When::Ago(900_000_000_000)));
        assert_eq!(parse_when("1970-02-01T00:00:00Z"), Ok(When::At(2_678_400_000_000_000)));
        assert_eq!(parse_when("2026-05-01"), Ok(When::At(1_777_593_600_000_000_000)));
        assert_eq!(parse_when("1777593600000000000"), Ok(When::At(1_777_593_600_000_000_000)));
        assert_eq!(parse_when("14:05"), Ok(When::Clock(civil::time(14, 5, 0, 0))));
        assert_eq!(parse_when("14:05:09"), Ok(When::Clock(civil::time(14, 5, 9, 0))));
        assert!(parse_when("25:00").is_err());
        assert!(parse_when("1777593600").unwrap_err().contains("nanoseconds"));
        assert!(parse_when("yesterday-ish").unwrap_err().contains("15m"));
    }

    #[test]
    fn a_fixed_point_says_nothing_of_now() {
        assert_eq!(parse_fixed("2026-05-01"), Ok(1_777_593_600_000_000_000));
        assert_eq!(parse_fixed("2026-05-01T02:00:00+02:00"), Ok(1_777_593_600_000_000_000));
        assert_eq!(parse_fixed("7"), Ok(7));
        for wrong in ["", "15m", "14:05", "now", "99999999999999999999", "9999-12-31"] {
            assert!(parse_fixed(wrong).unwrap_err().contains("2026-05-01"), "{wrong:?}");
        }
    }

    #[test]
    fn a_time_of_day_is_the_last_one() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        // 2026-05-01T12:00 there.
        let now = UnixNanos(1_777_629_600_000_000_000);
        let at = |hour, minute| When::Clock(civil::time(hour, minute, 0, 0)).unix_nanos_in(now, &zone) - now.0;
        let hour = 3_600_000_000_000;
        assert_eq!((at(11, 0), at(12, 0), at(13, 0)), (-hour, 0, -23 * hour));
    }

    #[test]
    fn a_window_to_compare_with_is_read_in_every_documented_form() {
        let hour = 3_600_000_000_000;
        let (since, now) = (10 * hour, UnixNanos(12 * hour));
        let read = |text: &str| parse_against(text).unwrap().unix_nanos(since, now);
        assert_eq!(read("2h"), (8 * hour, since));
        assert_eq!(read("1970-01-01T05:00:00Z"), (5 * hour, since));
        assert_eq!(read("9h..4h"), (3 * hour, 8 * hour));
        for wrong in ["", "..", "1h..", "yesterday"] {
            assert!(parse_against(wrong).is_err(), "{wrong:?}");
        }
    }
}
