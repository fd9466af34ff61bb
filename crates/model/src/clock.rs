//! The clock, as an input: whoever needs the time is handed one.

use std::fmt::Debug;

use crate::UnixNanos;

/// Tells the time. The binary passes the system's clock, tests pass one they move by hand.
pub trait Clock: Debug + Send + Sync {
    /// Wall-clock time.
    fn now(&self) -> UnixNanos;
    /// Nanoseconds since an arbitrary point, never going back.
    fn monotonic_nanos(&self) -> u64;
}
