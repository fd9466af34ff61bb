//! Snapshots whose files programs outside this process read: each is pinned until it is released, or for
//! [`PIN_SECONDS`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kino_store::Snapshot;
use kino_wire::Problem;
use kino_wire::sql::PIN_SECONDS;
use tokio::sync::watch;

/// Snapshots pinned at one time. Each holds retired files on the disk.
const PINS_MAX: usize = 16;

/// The pinned snapshots. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Pins {
    snapshots: Arc<Mutex<BTreeMap<String, Snapshot>>>,
    /// Whether the engine is to stop.
    stopping: watch::Receiver<bool>,
}

impl Pins {
    pub(crate) fn new(stopping: watch::Receiver<bool>) -> Self {
        Self { snapshots: Arc::default(), stopping }
    }

    /// Holds a snapshot under this name. Runs within tokio.
    ///
    /// # Errors
    /// [`kino_wire::ProblemKind::Busy`] where no more snapshots may be pinned.
    pub(crate) fn pin(&self, name: &str, snapshot: Snapshot) -> Result<(), Problem> {
        let mut snapshots = self.lock();
        if snapshots.len() >= PINS_MAX {
            return Err(Problem::busy(format!("{PINS_MAX} queries run already; ask again when one has ended")));
        }
        snapshots.insert(name.to_owned(), snapshot);
        drop(snapshots);
        let (pins, name) = (self.clone(), name.to_owned());
        tokio::spawn(async move {
            let mut stopping = pins.stopping.clone();
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(PIN_SECONDS)) => {}
                stopped = stopping.wait_for(|stop| *stop) => drop(stopped),
            }
            pins.release(&name);
        });
        Ok(())
    }

    /// Releases a snapshot; returns whether it was pinned.
    pub(crate) fn release(&self, name: &str) -> bool {
        self.lock().remove(name).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Snapshot>> {
        self.snapshots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
