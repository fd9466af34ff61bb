//! A clock that only moves when a test moves it; and the machine's, for what a real server or benchmark is given.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use kino_model::{Clock, UnixNanos};

/// A clock that a test moves by hand.
#[derive(Debug)]
pub struct TestClock {
    now: AtomicI64,
    /// By how much the wall clock is ahead of what has passed.
    ahead: AtomicI64,
}

impl TestClock {
    /// Returns a clock set to `now`.
    pub fn at(now: UnixNanos) -> Self {
        Self { now: AtomicI64::new(now.0), ahead: AtomicI64::new(0) }
    }

    /// Moves the clock forward.
    pub fn advance_nanos(&self, nanos: i64) {
        self.now.fetch_add(nanos, Ordering::SeqCst);
    }

    /// Sets the wall clock forward, or back, without any time passing.
    pub fn jump_nanos(&self, nanos: i64) {
        self.ahead.fetch_add(nanos, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> UnixNanos {
        UnixNanos(self.now.load(Ordering::SeqCst) + self.ahead.load(Ordering::SeqCst))
    }

    fn monotonic_nanos(&self) -> u64 {
        self.now.load(Ordering::SeqCst).max(0) as u64
    }
}

/// The clock of the machine, as the binary has one for itself: in the product only that may read it, and tests cannot use
/// what is in a binary.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
impl SystemClock {
    /// Starts its monotonic part at zero.
    #[expect(clippy::new_without_default, reason = "two clocks that are made differ")]
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
impl Clock for SystemClock {
    fn now(&self) -> UnixNanos {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixNanos(since.as_nanos() as i64)
    }

    fn monotonic_nanos(&self) -> u64 {
        self.started.elapsed().as_nanos() as u64
    }
}
