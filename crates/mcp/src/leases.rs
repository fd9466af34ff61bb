//! The verifications that a client had started: each goes on while its lease is here.
//!
//! ```text
//!  started ─► waited for ─► unattended ─► waited for again …
//!                 │              └─ over HTTP, no call for a while: dropped
//!                 ├─ its call is cancelled, or the client is gone: dropped
//!                 └─ it ended: dropped
//! ```

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use kino_model::VerificationId;

/// What keeps one verification going: dropping it ends the verification with all its processes.
pub type Lease = Box<dyn Any + Send + Sync>;

/// How long a verification over HTTP goes on without a call that waits for it: no connection shows there that the
/// client is gone.
const UNATTENDED_MAX: Duration = Duration::from_mins(2);
/// How often that is looked at in this time.
const LOOKS: u32 = 12;

/// The leases of one client, or of all clients over HTTP.
#[derive(Clone, Default)]
pub(crate) struct Leases {
    running: Arc<Mutex<HashMap<VerificationId, LeaseEntry>>>,
    /// How long a verification goes on that no call waits for; `None`: until its client is gone.
    unattended_max: Option<Duration>,
}

struct LeaseEntry {
    _lease: Lease,
    /// Calls that wait for it.
    waiting: usize,
    /// For how many looks no call has waited.
    unattended: u32,
}

impl Leases {
    /// Leases of clients whose end is not seen.
    pub(crate) fn that_end_unattended() -> Self {
        Self { unattended_max: Some(UNATTENDED_MAX), ..Self::default() }
    }

    /// Keeps a verification going.
    pub(crate) fn add(&self, id: VerificationId, lease: Lease) {
        self.with(|running| running.insert(id, LeaseEntry { _lease: lease, waiting: 0, unattended: 0 }));
        if let Some(max) = self.unattended_max {
            tokio::spawn(end_unattended(Arc::downgrade(&self.running), id, max));
        }
    }

    /// Notes a call that waits for the verification, if it is one of these. A call that is dropped ends it.
    pub(crate) fn wait_for(&self, id: VerificationId) -> VerificationWait {
        self.with(|running| {
            if let Some(entry) = running.get_mut(&id) {
                entry.waiting += 1;
                entry.unattended = 0;
            }
        });
        VerificationWait { leases: self.clone(), id, is_over: false }
    }

    fn with<T>(&self, change: impl FnOnce(&mut HashMap<VerificationId, LeaseEntry>) -> T) -> T {
        change(&mut self.running.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Ends a verification once no call has waited for it for `max`.
async fn end_unattended(running: Weak<Mutex<HashMap<VerificationId, LeaseEntry>>>, id: VerificationId, max: Duration) {
    loop {
        tokio::time::sleep(max / LOOKS).await;
        let Some(running) = running.upgrade() else { return };
        let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = running.get_mut(&id) else { return };
        entry.unattended = if entry.waiting > 0 { 0 } else { entry.unattended + 1 };
        if entry.unattended >= LOOKS {
            running.remove(&id);
            return;
        }
    }
}

/// A call that waits for a verification. Dropped before it has its answer, it ends the verification.
pub(crate) struct VerificationWait {
    leases: Leases,
    id: VerificationId,
    is_over: bool,
}

impl VerificationWait {
    /// The call has its answer, and the verification goes on unless it has ended.
    pub(crate) fn answered(mut self, has_ended: bool) {
        self.is_over = true;
        self.leases.with(|running| {
            if has_ended {
                running.remove(&self.id);
            } else if let Some(entry) = running.get_mut(&self.id) {
                entry.waiting -= 1;
            }
        });
    }
}

impl Drop for VerificationWait {
    fn drop(&mut self) {
        if !self.is_over {
            self.leases.with(|running| running.remove(&self.id));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    const ID: VerificationId = VerificationId([7; 16]);

    /// Says when it is dropped.
    struct Watched(Arc<AtomicBool>);

    impl Drop for Watched {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    fn started(leases: &Leases) -> Arc<AtomicBool> {
        let ended = Arc::new(AtomicBool::new(false));
        leases.add(ID, Box::new(Watched(Arc::clone(&ended))));
        ended
    }

    #[test]
    fn a_call_that_is_dropped_ends_the_verification() {
        let leases = Leases::default();
        let ended = started(&leases);
        leases.wait_for(ID).answered(false);
        assert!(!ended.load(Ordering::Relaxed), "it is answered that it still runs");
        drop(leases.wait_for(ID));
        assert!(ended.load(Ordering::Relaxed));
    }

    #[test]
    fn a_verification_ends_with_its_client_and_its_lease_with_the_verification() {
        let leases = Leases::default();
        let ended = started(&leases);
        drop(leases);
        assert!(ended.load(Ordering::Relaxed));
        let leases = Leases::default();
        let ended = started(&leases);
        leases.wait_for(ID).answered(true);
        assert!(ended.load(Ordering::Relaxed));
    }

    #[test]
    fn a_call_for_the_verification_of_another_client_ends_nothing() {
        let [leases, others] = [Leases::default(), Leases::default()];
        let ended = started(&leases);
        drop(others.wait_for(ID));
        assert!(!ended.load(Ordering::Relaxed));
    }

    #[tokio::test]
    async fn over_http_a_verification_ends_that_no_call_waits_for() {
        let max = Duration::from_millis(24);
        let leases = Leases { unattended_max: Some(max), ..Leases::default() };
        let ended = started(&leases);
        let waiting = leases.wait_for(ID);
        tokio::time::sleep(3 * max).await;
        assert!(!ended.load(Ordering::Relaxed), "a call waits for it");
        waiting.answered(false);
        while !ended.load(Ordering::Relaxed) {
            tokio::time::sleep(max).await;
        }
    }
}
