//! The limits of decoding, each with its reason.

use kino_model::{DurationNanos, UnixNanos};

/// What decoding accepts.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The present, with which times are compared. Zero: there is no clock, and no time counts as in the future.
    pub now: UnixNanos,
    /// How far ahead of `now` a time may be before it is counted as `time_in_future`.
    pub ahead_max: DurationNanos,
    /// The longest text stored of one value, in bytes; the rest is cut and counted. Statements and prompts are far
    /// shorter; a body has 64 MiB at most.
    pub value_bytes_max: usize,
    /// The most attributes of one span, event, link, log record, resource or scope; the others are left out and counted.
    /// OpenTelemetry's SDKs send 128 unless they are set otherwise; instrumentations of language models, which write a
    /// conversation out as attributes, set up to 10,000.
    pub attributes_max: usize,
}

/// See [`Limits::attributes_max`].
const ATTRIBUTES_MAX: usize = 16 * 1024;

impl Default for Limits {
    fn default() -> Self {
        Self {
            now: UnixNanos(0),
            ahead_max: DurationNanos::from_secs(24 * 3_600),
            value_bytes_max: 4 << 20,
            attributes_max: ATTRIBUTES_MAX,
        }
    }
}
