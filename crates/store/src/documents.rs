//! The copy of what only the database knows: records of runs, findings, acknowledgements and verifications, and
//! counters. The lake's files say the rest.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::error::StoreError;
use crate::inner::{Copied, Inner, blocking};

/// The copy, within the home.
pub(crate) const COPY: &str = "meta.copy.sqlite";
/// How old the copy may be while documents change. A copy writes all of them; they are a few megabytes.
pub(crate) const COPY_AGE: Duration = Duration::from_mins(1);

impl Inner {
    /// Copies the documents if they have changed and the copy is older than `age`.
    pub(crate) async fn copy_documents(self: &Arc<Self>, age: Duration) -> Result<(), StoreError> {
        let inner = Arc::clone(self);
        blocking(move || -> Result<(), StoreError> {
            let mut copied = inner.copied.lock().unwrap_or_else(PoisonError::into_inner);
            let now = inner.clock.monotonic_nanos();
            let is_young = copied.changes.is_some() && now.saturating_sub(copied.nanos) < age.as_nanos() as u64;
            if is_young || copied.changes == Some(inner.documents.changes()?) {
                return Ok(());
            }
            let changes = inner.documents.copy_documents(&inner.config.home.join(COPY))?;
            *copied = Copied { changes: Some(changes), nanos: now };
            Ok(())
        })
        .await?
    }
}
