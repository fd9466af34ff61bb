//! Long work moves off the threads that answer requests: those must never be busy for a millisecond.
//!
//! ```text
//!  bytes ─► at most INLINE_BYTES_MAX ─► done where they arrived
//!        └► more, or of unknown size ─► waits for a permit ─► a thread that may block
//! ```

use std::num::NonZero;
use std::sync::LazyLock;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinError;

use crate::IngestError;

/// Bytes that are decoded and searched for secrets where they arrived. The slowest that a sender can make of these many
/// takes some hundred microseconds; ordinary ones take ten.
pub(crate) const INLINE_BYTES_MAX: usize = 4 * 1024;
/// The most bodies worked on at one time, however many cores there are: each takes several times its size in memory.
const CONCURRENT_BODIES_MAX: usize = 4;
/// More than there are cores for would only compete with each other, and with questions.
static BODIES: LazyLock<Semaphore> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    Semaphore::new(cores.min(CONCURRENT_BODIES_MAX))
});
/// Files imported at one time: their limit is a gigabyte, and they must not hold up programs that report.
static IMPORTS: Semaphore = Semaphore::const_new(1);

/// Runs work on this many bytes from a client: on this thread where they are few, otherwise as [`offload_with_permit`].
///
/// # Errors
/// [`IngestError::Task`] where the work panicked.
pub async fn offload_bytes<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, IngestError> {
    if bytes <= INLINE_BYTES_MAX { Ok(work()) } else { offload_with_permit(work).await }
}

/// Runs work on bytes from a client that may become many more, as a compressed body does, once few others are worked on.
///
/// # Errors
/// As [`offload_bytes`].
pub async fn offload_with_permit<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, IngestError> {
    with_permit(&BODIES, work).await
}

/// Runs the work of an import, one at a time.
pub(crate) async fn offload_import<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, IngestError> {
    with_permit(&IMPORTS, work).await
}

async fn with_permit<T: Send + 'static>(
    permits: &'static Semaphore,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, IngestError> {
    let permit = permits.acquire().await?;
    Ok(offload(move || run_and_release(permit, work)).await?)
}

/// Releases the permit once the work is done, also where the client has hung up meanwhile.
fn run_and_release<T>(permit: SemaphorePermit<'static>, work: impl FnOnce() -> T) -> T {
    let result = work();
    drop(permit);
    result
}

/// Runs long work on a thread that may block.
pub(crate) async fn offload<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, JoinError> {
    tokio::task::spawn_blocking(work).await
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;
    use std::thread::{ThreadId, current};

    use super::*;

    #[tokio::test]
    async fn few_bytes_are_worked_on_where_they_arrived_and_more_elsewhere() {
        let here = current().id();
        let place = async |bytes| -> ThreadId { offload_bytes(bytes, || current().id()).await.unwrap() };
        assert_eq!(place(INLINE_BYTES_MAX).await, here);
        assert_ne!(place(INLINE_BYTES_MAX + 1).await, here);
        assert_ne!(offload_with_permit(|| current().id()).await.unwrap(), here);
    }

    #[tokio::test]
    async fn a_permit_is_released_when_the_work_ends_not_when_the_client_hangs_up() {
        static ONE: Semaphore = Semaphore::const_new(1);
        let (started, has_started) = sync_channel(0);
        let (finish, may_finish) = sync_channel::<()>(0);
        let work = with_permit(&ONE, move || {
            started.send(()).unwrap();
            may_finish.recv().unwrap();
        });
        let client = tokio::spawn(work);
        offload(move || has_started.recv().unwrap()).await.unwrap();
        client.abort();
        assert!(client.await.unwrap_err().is_cancelled());
        assert!(ONE.try_acquire().is_err(), "the work is still being done");
        finish.send(()).unwrap();
        assert!(ONE.acquire().await.is_ok());
    }
}
