//! Work on what clients send, away from the threads that answer: those must never be busy for a millisecond.
//!
//! ```text
//!  bytes ─► at most INLINE_BYTES_MAX ─► done where they arrived
//!        └► more, or of unknown size ─► waits for its turn ─► a thread that may take its time
//! ```

use std::num::NonZero;
use std::sync::LazyLock;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::IngestError;

/// Bytes that are decoded and searched for secrets where they arrived. The slowest that a sender can make of these many
/// takes some hundred microseconds; ordinary ones take ten.
pub(crate) const INLINE_BYTES_MAX: usize = 4 * 1024;
/// The most bodies worked on at one time, however many cores there are: each takes several times its size in memory.
const WORKED_ON_AT_ONCE_MAX: usize = 4;
/// More than there are cores for would only take turns with each other, and with questions.
static TURNS: LazyLock<Semaphore> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    Semaphore::new(cores.min(WORKED_ON_AT_ONCE_MAX))
});
/// Files imported at one time: their limit is a gigabyte, and they must not keep programs from reporting.
static IMPORTS: Semaphore = Semaphore::const_new(1);

/// Runs work on this many bytes, which a client sent.
///
/// # Errors
/// [`IngestError::Fault`] where the work panicked.
pub async fn on_bytes<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, IngestError> {
    if bytes <= INLINE_BYTES_MAX { Ok(work()) } else { in_turn(work).await }
}

/// Runs work on bytes of which a client decides how many they become, as of a compressed body.
///
/// # Errors
/// As [`on_bytes`].
pub async fn in_turn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, IngestError> {
    turn_of(&TURNS, work).await
}

/// Runs an import's work.
pub(crate) async fn importing<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, IngestError> {
    turn_of(&IMPORTS, work).await
}

async fn turn_of<T: Send + 'static>(
    turns: &'static Semaphore,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, IngestError> {
    let turn = turns.acquire().await.map_err(|error| IngestError::Fault(error.to_string()))?;
    blocking(move || done(turn, work)).await
}

/// The turn ends with the work, not with the interest in it: a client that hangs up makes no room for another.
fn done<T>(turn: SemaphorePermit<'static>, work: impl FnOnce() -> T) -> T {
    let done = work();
    drop(turn);
    done
}

/// Runs long work where it may block.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, IngestError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| IngestError::Fault(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;
    use std::thread::{ThreadId, current};

    use super::*;

    #[tokio::test]
    async fn few_bytes_are_worked_on_where_they_arrived_and_more_are_not() {
        let here = current().id();
        let place = async |bytes| -> ThreadId { on_bytes(bytes, || current().id()).await.unwrap() };
        assert_eq!(place(INLINE_BYTES_MAX).await, here);
        assert_ne!(place(INLINE_BYTES_MAX + 1).await, here);
        assert_ne!(in_turn(|| current().id()).await.unwrap(), here);
    }

    #[tokio::test]
    async fn a_client_that_hangs_up_does_not_give_its_turn_away_before_its_work_is_done() {
        static ONE: Semaphore = Semaphore::const_new(1);
        let (started, has_started) = sync_channel(0);
        let (finish, may_finish) = sync_channel::<()>(0);
        let work = turn_of(&ONE, move || {
            started.send(()).unwrap();
            may_finish.recv().unwrap();
        });
        let client = tokio::spawn(work);
        blocking(move || has_started.recv().unwrap()).await.unwrap();
        client.abort();
        assert!(client.await.unwrap_err().is_cancelled());
        assert!(ONE.try_acquire().is_err(), "the work is still being done");
        finish.send(()).unwrap();
        assert!(ONE.acquire().await.is_ok());
    }
}
