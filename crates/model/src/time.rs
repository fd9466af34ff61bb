//! Points in time and durations, both in nanoseconds.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A point in time: nanoseconds since the Unix epoch. Covers the years 1677 to 2262.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixNanos(pub i64);

/// A duration in nanoseconds. Negative only where two clocks disagree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DurationNanos(pub i64);

impl UnixNanos {
    /// Converts from OTLP's `fixed64`; times past the year 2262 are clamped to it (the decoders name that issue).
    pub fn from_u64(nanos: u64) -> Self {
        Self(i64::try_from(nanos).unwrap_or(i64::MAX))
    }

    /// The duration from `earlier` to here, saturating.
    pub fn since(self, earlier: Self) -> DurationNanos {
        DurationNanos(self.0.saturating_sub(earlier.0))
    }

    /// This point moved by `duration`, saturating.
    #[must_use]
    pub fn plus(self, duration: DurationNanos) -> Self {
        Self(self.0.saturating_add(duration.0))
    }
}

impl DurationNanos {
    /// From whole seconds.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// From whole milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }
}

/// Writes three significant digits and a unit: `1.23 ms`, `45 ns`, `2.5 min`.
impl fmt::Display for DurationNanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0 as f64;
        let magnitude = nanos.abs();
        let (value, unit) = match magnitude {
            m if m < 1e3 => return write!(f, "{} ns", self.0),
            m if m < 1e6 => (nanos / 1e3, "µs"),
            m if m < 1e9 => (nanos / 1e6, "ms"),
            m if m < 120e9 => (nanos / 1e9, "s"),
            m if m < 7_200e9 => (nanos / 60e9, "min"),
            _ => (nanos / 3_600e9, "h"),
        };
        let decimals = match value.abs() {
            v if v < 9.995 => 2,
            v if v < 99.95 => 1,
            _ => 0,
        };
        write!(f, "{value:.decimals$} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_print_three_digits_and_a_unit() {
        let shown = |nanos| DurationNanos(nanos).to_string();
        assert_eq!(shown(45), "45 ns");
        assert_eq!(shown(1_234_567), "1.23 ms");
        assert_eq!(shown(346_000_000), "346 ms");
        assert_eq!(shown(-2_500), "-2.50 µs");
        assert_eq!(shown(150_000_000_000), "2.50 min");
    }
}
