//! Why an engine does not open, and why a question has no answer. Only this file turns failures of the layers below the
//! engine into problems for the client.
//!
//! What passes (a full store or disk, a lack of memory) is busy; what the asker can mend is said to be wrong or
//! unavailable; the rest is a fault of ours or of the machine's. So is an engine that stops: clients then look for its
//! successor.

use std::io;
use std::path::PathBuf;

use kino_ingest::Undecodable;
use kino_store::{AppendError, BudgetError, CatalogError, ScanError, StoreError};
use kino_wire::{Problem, error_chain, passes};

use crate::config::ConfigError;

/// Why an engine did not open. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store did not.
    #[error(transparent)]
    Store(#[from] kino_store::OpenError),
    /// The redaction key is not readable.
    #[error("failed to read or make the redaction key in {}: check that its owner may read and write it", home.display())]
    Key {
        home: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A value of the configuration cannot be used.
    #[error("failed to read the configuration")]
    Config(#[from] ConfigError),
}

impl OpenError {
    /// Whether another engine owns the home, so that trying again, or using that one, makes sense.
    pub fn is_locked(&self) -> bool {
        matches!(self, Self::Store(kino_store::OpenError::Locked { .. }))
    }
}

/// A failure in a layer below the engine.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    /// A step on files or metadata.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Reading rows.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// Adding to the log.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// Decoding what a client sent.
    #[error(transparent)]
    Undecodable(#[from] Undecodable),
    /// The memory of questions.
    #[error(transparent)]
    Memory(#[from] BudgetError),
    /// A document that is not of its shape.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// Rows that cannot be encoded.
    #[error(transparent)]
    Rows(#[from] arrow_schema::ArrowError),
    /// The local disk.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The operating system has no randomness.
    #[error(transparent)]
    Random(#[from] getrandom::Error),
    /// A task that panicked or was stopped.
    #[error(transparent)]
    Task(#[from] tokio::task::JoinError),
    /// The engine stops.
    #[error(transparent)]
    Stopping(#[from] tokio::sync::AcquireError),
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        match &error {
            EngineError::Append(append) | EngineError::Store(StoreError::Append(append)) => appending(append),
            EngineError::Store(StoreError::ReadOnly(_) | StoreError::Gone(_)) => Self::unavailable(error_chain(&error)),
            EngineError::Undecodable(_) | EngineError::Scan(ScanError::Cursor(_)) => Self::invalid(error.to_string()),
            EngineError::Memory(budget) | EngineError::Scan(ScanError::Memory(budget)) => match budget {
                BudgetError::Busy { .. } => Self::busy(error.to_string()),
                BudgetError::TooLarge { .. } => Self::unavailable(error.to_string()),
            },
            EngineError::Io(failed) => Self::io(failed),
            EngineError::Store(StoreError::Catalog(CatalogError::Full(_))) => Self::busy(error_chain(&error)),
            _ if is_passing(&error) => Self::busy(error_chain(&error)),
            _ => Self::internal(&error),
        }
    }
}

/// Whether something that passes is at the root of a failure: a full disk below a file of the lake, say.
fn is_passing(error: &dyn std::error::Error) -> bool {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.filter_map(|cause| cause.downcast_ref::<io::Error>()).any(|cause| passes(cause.kind()))
}

fn appending(error: &AppendError) -> Problem {
    match error {
        AppendError::Full { .. } | AppendError::DiskFull { .. } => Problem::busy(error_chain(error)),
        AppendError::ReadOnly(_) => Problem::unavailable(error_chain(error)),
        AppendError::TooLarge { .. } => Problem::invalid(error_chain(error)),
        AppendError::Io(failed) if passes(failed.kind()) => Problem::busy(error_chain(error)),
        AppendError::Io(_) | AppendError::Closed => Problem::internal(error),
    }
}

/// Turns failures of the layers below the engine into problems.
pub(crate) trait OrProblem<T> {
    /// The value, or the problem that the failure is to the asker.
    fn or_problem(self) -> Result<T, Problem>;
}

impl<T, E: Into<EngineError>> OrProblem<T> for Result<T, E> {
    fn or_problem(self) -> Result<T, Problem> {
        self.map_err(|error| error.into().into())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kino_wire::ProblemKind;

    use super::*;

    fn kind(error: impl Into<EngineError>) -> ProblemKind {
        Problem::from(error.into()).kind
    }

    #[test]
    fn what_passes_is_busy() {
        let full = || AppendError::Full { retry_after: Duration::from_millis(5) };
        assert_eq!(kind(full()), ProblemKind::Busy);
        assert_eq!(kind(StoreError::Append(full())), ProblemKind::Busy);
        assert_eq!(kind(StoreError::Closed), ProblemKind::Internal, "another engine may answer");
        assert_eq!(kind(StoreError::ReadOnly("the catalog is newer".to_owned())), ProblemKind::Unavailable);
        assert_eq!(kind(AppendError::TooLarge { bytes: 9, limit: 3 }), ProblemKind::Invalid);
        assert_eq!(kind(ScanError::Cursor("x".to_owned())), ProblemKind::Invalid);
        assert_eq!(kind(StoreError::Worker), ProblemKind::Internal);
        let no_room = || io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(kind(no_room()), ProblemKind::Busy);
        assert_eq!(kind(StoreError::Io(no_room())), ProblemKind::Busy);
        assert_eq!(kind(AppendError::Io(no_room())), ProblemKind::Busy);
        assert_eq!(kind(StoreError::Catalog(CatalogError::Full("no room".into()))), ProblemKind::Busy);
        assert_eq!(kind(StoreError::Catalog(CatalogError::Database("locked".into()))), ProblemKind::Internal);
        assert_eq!(kind(StoreError::Io(io::ErrorKind::PermissionDenied.into())), ProblemKind::Internal);
    }
}
