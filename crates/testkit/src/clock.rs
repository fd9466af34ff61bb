//! A clock that only moves when a test moves it.

use std::sync::atomic::{AtomicI64, Ordering};

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
