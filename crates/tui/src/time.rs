//! Points in time as a reader in their own time zone writes them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

fn at(nanos: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or_default()
}

/// To the second in eight columns, where it is of the same day as `now`; else its month, day, hour and minute.
pub(crate) fn briefly(nanos: i64, now: i64, zone: &TimeZone) -> String {
    let (then, today) = (at(nanos).to_zoned(zone.clone()), at(now).to_zoned(zone.clone()));
    let format = if then.date() == today.date() { "%H:%M:%S" } else { "%m-%d %H:%M" };
    then.strftime(format).to_string()
}

/// To the microsecond, with its date.
pub(crate) fn exactly(nanos: i64, zone: &TimeZone) -> String {
    at(nanos).to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S%.6f").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_day_shows_its_date() {
        let noon = 1_777_593_600_000_000_000;
        assert_eq!(briefly(noon, noon + 1_000_000_000, &TimeZone::UTC), "00:00:00");
        assert_eq!(briefly(noon - 1, noon, &TimeZone::UTC), "04-30 23:59");
        assert_eq!(exactly(noon + 1_234_000, &TimeZone::UTC), "2026-05-01 00:00:00.001234");
    }
}
