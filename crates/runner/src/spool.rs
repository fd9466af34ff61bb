//! The spool: runs that no engine took, on their way to one that will.
//!
//! ```text
//!  WORKING DIRECTORY/.kino/spool/      0700, this user's own, not tracked by git
//!      .gitignore                      `*`: nothing of it is committed
//!      .lock                           for as long as a record is appended
//!      RUN.spool                       0600, one for each run; locked by its writer, later by its reader
//!      RUN.damaged                     what could not be taken in
//!
//!  kino run ─ redact ─► append ─► RUN.spool ─► the next kino command there ─► engine ─► unlink
//! ```
//!
//! What is written holds no secret any more. A writer that was killed leaves a file that is taken in as far as it goes. A
//! reader that was killed leaves one that is taken in again, which changes nothing: runs and spans have ids. Nothing is
//! written to or read from a place that a repository or another user could have brought.

mod line;
mod place;
mod rescue;
mod take;
mod write;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) use self::rescue::Rescue;
pub(crate) use self::take::is_passing;
pub use self::take::{Taken, take};
pub(crate) use self::write::Spool;
pub use self::write::Spooled;

/// The folder of a working directory that holds what is Kinescope's.
const OUTER: &str = ".kino";
/// The spool within it.
const INNER: &str = "spool";
/// Bytes of all files of a spool together. Beyond, spans are dropped and counted.
pub const SPOOL_BYTES_MAX: u64 = 64 << 20;

/// Takes secrets out of what is written where no engine does it.
pub trait Redact: Send {
    /// Returns spans without secrets as one request of OTLP in JSON, on one line, and how many spans could not be read.
    /// `requests` are of the same form, one a line.
    ///
    /// # Errors
    /// Where they are no such requests.
    fn spans(&self, requests: &[u8]) -> Result<(Vec<u8>, u64), String>;

    /// Returns a text without secrets.
    fn text(&self, text: &str) -> String;

    /// Returns bytes without secrets.
    fn bytes(&self, bytes: &[u8]) -> Vec<u8>;
}

/// Why a spool is neither written nor read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SpoolError {
    /// It could be another's.
    #[error("{} {why}: what waits there is neither read nor written; remove it if you do not know it", path.display())]
    Untrusted {
        /// What is not used.
        path: PathBuf,
        why: String,
    },
    /// Git tracks something in it.
    #[error(
        "git tracks files below {}, so that a repository could have brought them: what waits there is neither read nor \
         written; `git rm -r --cached .kino` makes the folder yours",
        .0.display()
    )]
    Tracked(PathBuf),
    /// It is not known whether git does.
    #[error(
        "git does not say whether it tracks files below {}, so what waits there is neither read nor written; is git \
         installed, and is the repository yours?",
        .0.display()
    )]
    Unknown(PathBuf),
    /// Secrets cannot be taken out.
    #[error("secrets cannot be taken out: {0}")]
    Redaction(String),
    /// There is no room.
    #[error(
        "the spool is full ({SPOOL_BYTES_MAX} bytes): `kino status` here takes it in, once an engine can be reached"
    )]
    Full,
    /// The system refused.
    #[error("{attempted}: {error}")]
    System {
        /// What was attempted.
        attempted: String,
        /// What the system says.
        error: Arc<io::Error>,
    },
}

impl SpoolError {
    fn system(attempted: impl Into<String>, error: impl Into<io::Error>) -> Self {
        Self::System { attempted: attempted.into(), error: Arc::new(error.into()) }
    }
}

#[cfg(test)]
mod tests;
