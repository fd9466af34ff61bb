//! The OS lock on a home: the engine owns it until its process ends, in whatever way.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use crate::disk::Identity;

/// The lock's file within the home.
const LOCK_FILE: &str = "lock";

/// A lock that this process owns.
#[derive(Debug)]
pub(crate) struct HomeLock {
    file: File,
}

/// Where the lock was taken, and which file it was.
///
/// A home that is removed, renamed, replaced or unmounted while its engine runs takes the lock's file along: this
/// engine must not write to what is at the path afterwards.
#[derive(Clone, Debug)]
pub(crate) struct HomeMark {
    lock: PathBuf,
    identity: Identity,
}

impl HomeMark {
    /// Passes while the path still names the home whose lock was taken.
    ///
    /// # Errors
    /// `NotFound`, with a sentence, where it does not; otherwise those of the file system.
    pub(crate) fn check(&self) -> io::Result<()> {
        if self.identity.is_at(&self.lock)? { Ok(()) } else { Err(gone(self.lock.parent().unwrap_or(&self.lock))) }
    }
}

/// What is said of a file or folder that vanished under the engine.
pub(crate) fn gone(path: &Path) -> io::Error {
    let what = format!("{} was removed, renamed or replaced while the engine ran", path.display());
    io::Error::new(io::ErrorKind::NotFound, what)
}

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    /// Another process owns it.
    #[error("owned by process {0}")]
    Owned(String),
    /// The file cannot be opened or locked.
    #[error("the lock file cannot be used")]
    Io(#[from] io::Error),
}

/// Writes over what is there, which needs no new block on a full disk.
fn write_id(file: &mut File) -> io::Result<()> {
    let text = format!("{}\n", std::process::id());
    file.seek(SeekFrom::Start(0))?;
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)
}

impl HomeLock {
    /// Takes the lock and writes this process's id into its file. `writable` is false on a read-only disk.
    pub(crate) fn take(home: &Path, writable: bool) -> Result<Self, LockError> {
        let path = home.join(LOCK_FILE);
        let mut options = OpenOptions::new();
        options.read(true);
        if writable {
            options.write(true).create(true).truncate(false);
        }
        let mut file = options.open(path)?;
        let operation =
            if writable { FlockOperation::NonBlockingLockExclusive } else { FlockOperation::NonBlockingLockShared };
        if let Err(error) = rustix::fs::flock(&file, operation) {
            if error != rustix::io::Errno::WOULDBLOCK {
                return Err(LockError::Io(error.into()));
            }
            let mut pid = String::new();
            file.read_to_string(&mut pid)?;
            let pid = pid.trim();
            return Err(LockError::Owned(if pid.is_empty() { "unknown".to_owned() } else { pid.to_owned() }));
        }
        if writable && let Err(error) = write_id(&mut file) {
            // The lock counts, not what the file says; a full disk must not keep an engine from starting.
            tracing::debug!(%error, "the lock does not say who holds it");
        }
        Ok(Self { file })
    }

    /// Identifies the lock's file, to check later whether the home is still where the lock was taken.
    pub(crate) fn mark(&self, home: &Path) -> io::Result<HomeMark> {
        Ok(HomeMark { lock: home.join(LOCK_FILE), identity: Identity::of(&self.file.metadata()?) })
    }
}
