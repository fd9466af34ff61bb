//! The spool of a run that may need none: opened when its engine goes, and once.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Spool, SpoolError};

/// What opens a spool.
type OpenSpool = dyn Fn() -> Result<Spool, SpoolError> + Send + Sync;

/// A spool that is opened where it is needed. Clones share it.
#[derive(Clone)]
pub(crate) struct Rescue {
    open: Arc<OpenSpool>,
    opened: Arc<Mutex<Option<Result<Spool, SpoolError>>>>,
}

impl Rescue {
    pub(crate) fn new(open: impl Fn() -> Result<Spool, SpoolError> + Send + Sync + 'static) -> Self {
        Self { open: Arc::new(open), opened: Arc::new(Mutex::new(None)) }
    }

    /// Returns the spool, which is opened where it was not.
    pub(crate) fn spool(&self) -> Result<Spool, SpoolError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.get_or_insert_with(|| (self.open)()).clone()
    }

    /// Returns the spool where something is in it; `None` where it was not needed.
    pub(crate) fn opened(&self) -> Option<Spool> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?.as_ref().ok().cloned()
    }
}
