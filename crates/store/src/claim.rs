//! A home that one process has: made where it is missing, found writable or not, and locked.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};

use crate::disk::{Disk, SystemDisk};
use crate::error::OpenError;
use crate::lock::{HomeLock, LockError};

/// A home that no other process can open until this is dropped. Claiming takes milliseconds; opening reads the log.
#[derive(Debug)]
pub struct Claim {
    pub(crate) home: PathBuf,
    /// `None` on a read-only disk that has no lock's file.
    pub(crate) lock: Option<HomeLock>,
    /// Why nothing can be written, if so.
    pub(crate) read_only: Option<String>,
}

impl Claim {
    /// Claims the home. Blocks.
    ///
    /// # Errors
    /// [`OpenError::Locked`] where another process has it, and [`OpenError::Home`] where it cannot be made.
    pub fn of(home: &Path) -> Result<Self, OpenError> {
        Self::on(home, &SystemDisk)
    }

    pub(crate) fn on(home: &Path, disk: &dyn Disk) -> Result<Self, OpenError> {
        let read_only = why_read_only(home, disk)?;
        let lock = lock(home, read_only.is_none())?;
        Ok(Self { home: home.to_path_buf(), lock, read_only })
    }
}

fn why_read_only(home: &Path, disk: &dyn Disk) -> Result<Option<String>, OpenError> {
    let read_only =
        |error: &io::Error| matches!(error.kind(), io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied);
    let refuse = |source| OpenError::Home { path: home.to_path_buf(), source };
    make_home(home, disk).map_err(refuse)?;
    match OpenOptions::new().write(true).create(true).truncate(false).open(home.join("lock")) {
        Ok(_) => Ok(None),
        Err(error) if read_only(&error) => Ok(Some(format!("{} cannot be written: {error}", home.display()))),
        Err(error) => Err(refuse(error)),
    }
}

/// Makes the home, and what is missing above it, durable as far as the folders above can be synced.
fn make_home(home: &Path, disk: &dyn Disk) -> io::Result<()> {
    let missing: Vec<&Path> = home.ancestors().take_while(|folder| !folder.exists()).collect();
    disk.create_dir_all(home)?;
    for parent in missing.into_iter().filter_map(Path::parent).filter(|parent| parent.is_dir()) {
        if let Err(error) = disk.sync_dir(parent) {
            tracing::debug!(%error, "a folder above the home could not be synced");
        }
    }
    Ok(())
}

pub(crate) fn lock(home: &Path, writable: bool) -> Result<Option<HomeLock>, OpenError> {
    match HomeLock::take(home, writable) {
        Ok(lock) => Ok(Some(lock)),
        Err(LockError::Owned(pid)) => Err(OpenError::Locked { home: home.to_path_buf(), pid }),
        // On a read-only disk that never was a home there is nothing to lock.
        Err(LockError::Io(error)) if !writable => {
            tracing::info!(%error, "no lock is taken on a read-only home");
            Ok(None)
        }
        Err(LockError::Io(source)) => Err(OpenError::Home { path: home.join("lock"), source }),
    }
}
