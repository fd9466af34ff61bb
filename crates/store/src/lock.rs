//! The OS lock on a home: held for the engine's life, gone with the process however it ends.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use rustix::fs::FlockOperation;

/// The lock's file within the home.
const LOCK_FILE: &str = "lock";

/// The held lock.
#[derive(Debug)]
pub(crate) struct HomeLock {
    _file: File,
}

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    /// Another process holds it.
    #[error("held by process {0}")]
    Held(String),
    /// The file cannot be opened or locked.
    #[error("the lock file cannot be used")]
    Io(#[from] io::Error),
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
            return Err(LockError::Held(if pid.is_empty() { "unknown".to_owned() } else { pid.to_owned() }));
        }
        if writable {
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))?;
            writeln!(file, "{}", std::process::id())?;
        }
        Ok(Self { _file: file })
    }
}
