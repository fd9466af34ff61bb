//! The memory that all questions may take together.
//!
//! A question reserves memory before it reads and while it grows, and releases all of it when it ends. Where there is
//! no room it waits a while for others to end; then it is refused, and may be asked again. Reservations are estimates:
//! of rows before they are decoded, of what is in memory afterwards.
//!
//! ```text
//!  Budget ── bytes_max
//!    ├── Reservation (a question)     grows, releases all on drop
//!    │     └── PartialReservation     released earlier: rows that are decoded, examined and dropped
//!    └── Reservation (another)
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

/// How long a question waits for room: about as long as a few large ones take, and less than clients wait.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// The bound of what all questions may take together, and what they have reserved.
#[derive(Debug)]
pub struct Budget {
    bytes_max: u64,
    wait_max: Duration,
    used: AtomicU64,
    /// Notified when something was released.
    freed: Notify,
}

/// What one question has reserved. Released on drop.
#[derive(Debug)]
pub struct Reservation {
    budget: Arc<Budget>,
    bytes: AtomicU64,
}

/// A part of a [`Reservation`] that is released before the question ends, on drop.
#[derive(Debug)]
pub struct PartialReservation {
    reservation: Arc<Reservation>,
    bytes: u64,
}

/// Why a question gets no more memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    /// Other questions have reserved it.
    #[error(
        "questions take all the memory that they may together ({} MB, limits.question_bytes_max): ask again when one has ended",
        bytes_max >> 20
    )]
    Busy {
        /// The bound.
        bytes_max: u64,
    },
    /// More than the bound: whatever others release would not be enough.
    #[error(
        "this question takes about {} MB of memory, more than all questions may together ({} MB): ask about less, or raise limits.question_bytes_max",
        wanted >> 20, bytes_max >> 20
    )]
    TooLarge {
        /// What the question would take.
        wanted: u64,
        /// The bound.
        bytes_max: u64,
    },
}

impl Budget {
    /// A budget of `bytes_max` for all questions together.
    pub fn new(bytes_max: u64) -> Arc<Self> {
        Arc::new(Self { bytes_max, wait_max: WAIT_MAX, used: AtomicU64::new(0), freed: Notify::new() })
    }

    /// A reservation of nothing yet, for a new question.
    pub fn reservation(self: &Arc<Self>) -> Arc<Reservation> {
        Arc::new(Reservation { budget: Arc::clone(self), bytes: AtomicU64::new(0) })
    }

    /// Bytes that are reserved now.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Acquire)
    }

    fn take(&self, bytes: u64) -> bool {
        let grown = |used: u64| used.checked_add(bytes).filter(|used| *used <= self.bytes_max);
        self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, grown).is_ok()
    }

    fn release(&self, bytes: u64) {
        if bytes > 0 {
            self.used.fetch_sub(bytes, Ordering::AcqRel);
            self.freed.notify_waiters();
        }
    }
}

impl Reservation {
    /// An unbounded one, for work that has bounds of its own.
    pub fn unbounded() -> Arc<Self> {
        Budget::new(u64::MAX).reservation()
    }

    /// Another of the same budget, of nothing yet.
    pub fn another(&self) -> Arc<Self> {
        self.budget.reservation()
    }

    /// Reserves `bytes` more until the question ends. Waits a while where others have them.
    ///
    /// # Errors
    /// [`BudgetError::Busy`] where not enough was released meanwhile; [`BudgetError::TooLarge`] beyond the bound.
    pub async fn grow(&self, bytes: u64) -> Result<(), BudgetError> {
        let bytes_max = self.budget.bytes_max;
        let wanted = self.bytes.load(Ordering::Acquire).saturating_add(bytes);
        if wanted > bytes_max {
            return Err(BudgetError::TooLarge { wanted, bytes_max });
        }
        if self.budget.take(bytes) {
            self.bytes.fetch_add(bytes, Ordering::AcqRel);
            return Ok(());
        }
        let taken = async {
            loop {
                let freed = self.budget.freed.notified();
                tokio::pin!(freed);
                // Listens before it tries, so that a release between the two is not missed.
                freed.as_mut().enable();
                if self.budget.take(bytes) {
                    return;
                }
                freed.await;
            }
        };
        match tokio::time::timeout(self.budget.wait_max, taken).await {
            Ok(()) => {
                self.bytes.fetch_add(bytes, Ordering::AcqRel);
                Ok(())
            }
            Err(_) => Err(BudgetError::Busy { bytes_max }),
        }
    }

    /// Reserves `bytes` until the returned part is dropped. Waits as [`Self::grow`] does.
    ///
    /// # Errors
    /// As [`Self::grow`].
    pub async fn reserve_part(self: &Arc<Self>, bytes: u64) -> Result<PartialReservation, BudgetError> {
        self.grow(bytes).await?;
        Ok(PartialReservation { reservation: Arc::clone(self), bytes })
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.release(*self.bytes.get_mut());
    }
}

impl PartialReservation {
    /// Releases all but `bytes`, which stay reserved until the question ends; reserves more where it has less.
    ///
    /// # Errors
    /// As [`Reservation::grow`].
    pub async fn keep(mut self, bytes: u64) -> Result<(), BudgetError> {
        if bytes > self.bytes {
            self.reservation.grow(bytes - self.bytes).await?;
        }
        self.bytes = self.bytes.saturating_sub(bytes);
        Ok(())
    }
}

impl Drop for PartialReservation {
    fn drop(&mut self) {
        self.reservation.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
        self.reservation.budget.release(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_bytes_are_released_whatever_part_was_retained() {
        let budget = Budget::new(100);
        let question = budget.reservation();
        question.grow(10).await.unwrap();
        let part = question.reserve_part(60).await.unwrap();
        assert_eq!(budget.used(), 70);
        part.keep(25).await.unwrap();
        assert_eq!(budget.used(), 35);
        question.reserve_part(5).await.unwrap().keep(40).await.unwrap();
        assert_eq!(budget.used(), 75);
        drop(question);
        assert_eq!(budget.used(), 0);
    }

    #[tokio::test]
    async fn a_question_is_refused_where_no_other_ends_while_it_waits() {
        let wait_max = Duration::from_millis(1);
        let budget = Arc::new(Budget { bytes_max: 100, wait_max, used: AtomicU64::new(0), freed: Notify::new() });
        let (first, second) = (budget.reservation(), budget.reservation());
        first.grow(80).await.unwrap();
        assert_eq!(second.grow(30).await, Err(BudgetError::Busy { bytes_max: 100 }));
        assert_eq!(budget.used(), 80, "what is refused takes nothing");
        drop(first);
        second.grow(30).await.unwrap();
        assert_eq!(budget.used(), 30);
    }

    #[tokio::test]
    async fn a_question_that_waits_goes_on_when_another_ends() {
        let budget = Budget::new(100);
        let (first, second) = (budget.reservation(), budget.reservation());
        first.grow(80).await.unwrap();
        let ends = async {
            tokio::task::yield_now().await;
            assert_eq!(budget.used(), 80, "the other waits");
            drop(first);
        };
        let (waited, ()) = tokio::join!(second.grow(30), ends);
        waited.unwrap();
        assert_eq!(budget.used(), 30);
    }

    #[tokio::test]
    async fn what_would_never_fit_is_refused_and_says_so() {
        let budget = Budget::new(100);
        let question = budget.reservation();
        question.grow(60).await.unwrap();
        assert_eq!(question.grow(50).await, Err(BudgetError::TooLarge { wanted: 110, bytes_max: 100 }));
        Reservation::unbounded().grow(u64::MAX / 2).await.unwrap();
    }
}
