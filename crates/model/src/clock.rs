//! The clock, as an input.

use std::fmt::Debug;

use crate::UnixNanos;

/// A source of time. The binary passes the system's clock; tests pass one that they move by hand.
pub trait Clock: Debug + Send + Sync {
    /// Wall-clock time.
    fn now(&self) -> UnixNanos;
    /// Nanoseconds since an arbitrary point, never going back.
    fn monotonic_nanos(&self) -> u64;
}
