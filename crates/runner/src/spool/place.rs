//! Where a spool is, and whether it is this user's alone.
//!
//! Folders are opened one below the other without following links, and everything in them is reached from their
//! descriptors, so that what was judged is what is used.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use kino_repo::Git;
use rustix::fs::{AtFlags, CWD, Dir, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::{INNER, OUTER, SpoolError};

/// The file that makes git ignore the spool.
const IGNORE: &str = ".gitignore";
/// The file that is locked while a record is appended.
const LOCK: &str = ".lock";
/// Names that are looked at; a spool of [`super::SPOOL_BYTES_MAX`] has far fewer.
const NAMES_MAX: usize = 100_000;
/// What lets other users write.
const OTHERS_WRITE: u32 = 0o022;

/// A spool that is this user's alone.
#[derive(Debug)]
pub(super) struct Folder {
    descriptor: OwnedFd,
    pub(super) path: PathBuf,
}

impl Folder {
    /// The spool of a directory; `None` where there is none, or nothing waits in it.
    pub(super) fn existing(directory: &Path, git: &Git, ending: &str) -> Result<Option<Self>, SpoolError> {
        let Some(folder) = Self::open(directory)? else { return Ok(None) };
        if !folder.names()?.iter().any(|name| name.ends_with(ending)) {
            return Ok(None);
        }
        untracked(directory, git)?;
        Ok(Some(folder))
    }

    /// The same, made where it is missing.
    pub(super) fn make(directory: &Path, git: &Git) -> Result<Self, SpoolError> {
        untracked(directory, git)?;
        let path = directory.join(OUTER);
        let outer = made(CWD, path.as_os_str(), &path)?;
        let path = path.join(INNER);
        let descriptor = made(outer.as_fd(), INNER.as_ref(), &path)?;
        let folder = Self { descriptor, path };
        let only_own = Mode::RUSR | Mode::WUSR | Mode::XUSR;
        rustix::fs::fchmod(&folder.descriptor, only_own).map_err(|error| folder.failed("", error))?;
        match folder.create(IGNORE) {
            Ok(file) => rustix::io::write(&file, b"*\n").map(drop).map_err(|error| folder.failed(IGNORE, error))?,
            // It may be another command's of this very moment, or an old one: a link is refused when it is read.
            Err(Errno::EXIST) => {}
            Err(error) => return Err(folder.failed(IGNORE, error)),
        }
        Ok(folder)
    }

    fn open(directory: &Path) -> Result<Option<Self>, SpoolError> {
        let path = directory.join(OUTER);
        let Some(outer) = opened(CWD, path.as_os_str(), &path)? else { return Ok(None) };
        let path = path.join(INNER);
        let inner = opened(outer.as_fd(), INNER.as_ref(), &path)?;
        Ok(inner.map(|descriptor| Self { descriptor, path }))
    }

    /// The names in it, in order, without those of its own.
    pub(super) fn names(&self) -> Result<Vec<String>, SpoolError> {
        let entries = Dir::read_from(&self.descriptor).map_err(|error| self.failed("", error))?;
        let names = entries.flatten().map(|entry| OsString::from_vec(entry.file_name().to_bytes().to_vec()));
        // What was written here has names in ASCII.
        let names = names.filter_map(|name| name.into_string().ok());
        let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).take(NAMES_MAX).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Bytes of all files in it.
    pub(super) fn bytes(&self) -> Result<u64, SpoolError> {
        let size = |name: &String| self.stat(name).map_or(0, |stat| stat.st_size.unsigned_abs());
        Ok(self.names()?.iter().map(size).sum())
    }

    /// Makes a file that was not there.
    pub(super) fn create(&self, name: &str) -> Result<File, Errno> {
        let flags =
            OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(&self.descriptor, name, flags, Mode::RUSR | Mode::WUSR).map(File::from)
    }

    /// Opens a file that is this user's alone; `None` where it is gone.
    pub(super) fn read(&self, name: &str) -> Result<Option<File>, SpoolError> {
        // Opening a pipe would wait for its writer.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&self.descriptor, name, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => return Err(self.untrusted(name, "is a symbolic link")),
            Err(error) => return Err(self.failed(name, error)),
        };
        let stat = rustix::fs::fstat(&file).map_err(|error| self.failed(name, error))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(self.untrusted(name, "is not a regular file"));
        }
        own(&stat, &self.path.join(name))?;
        if stat.st_nlink > 1 {
            return Err(self.untrusted(name, "has other names elsewhere"));
        }
        Ok(Some(File::from(file)))
    }

    /// Takes the lock of a file that was opened here, at once; false where another process has it, or where the file has
    /// lost its name by now.
    pub(super) fn claim(&self, file: &File, name: &str) -> Result<bool, SpoolError> {
        let _locked = self.lock()?;
        match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Ok(false),
            Err(error) => return Err(self.failed(name, error)),
        }
        let stat = rustix::fs::fstat(file).map_err(|error| self.failed(name, error))?;
        Ok(self.stat(name).is_some_and(|named| (named.st_dev, named.st_ino) == (stat.st_dev, stat.st_ino)))
    }

    /// Locks the spool for as long as the file lives.
    pub(super) fn lock(&self) -> Result<File, SpoolError> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let lock = rustix::fs::openat(&self.descriptor, LOCK, flags, Mode::RUSR | Mode::WUSR);
        let lock = lock.map_err(|error| self.failed(LOCK, error))?;
        rustix::fs::flock(&lock, FlockOperation::LockExclusive).map_err(|error| self.failed(LOCK, error))?;
        Ok(File::from(lock))
    }

    pub(super) fn remove(&self, name: &str) -> Result<(), SpoolError> {
        rustix::fs::unlinkat(&self.descriptor, name, AtFlags::empty()).map_err(|error| self.failed(name, error))
    }

    pub(super) fn rename(&self, from: &str, to: &str) -> Result<(), SpoolError> {
        let (here, name) = (&self.descriptor, self.path.join(from));
        let failed = |error| SpoolError::system(format!("renaming {}", name.display()), error);
        rustix::fs::renameat(here, from, here, to).map_err(failed)
    }

    pub(super) fn failed(&self, name: &str, error: Errno) -> SpoolError {
        let path = if name.is_empty() { self.path.clone() } else { self.path.join(name) };
        SpoolError::system(path.display().to_string(), error)
    }

    fn stat(&self, name: &str) -> Option<Stat> {
        rustix::fs::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW).ok()
    }

    fn untrusted(&self, name: &str, why: &str) -> SpoolError {
        SpoolError::Untrusted { path: self.path.join(name), why: why.to_owned() }
    }
}

/// A folder that was made, or that was there.
fn made(above: impl AsFd, name: &std::ffi::OsStr, path: &Path) -> Result<OwnedFd, SpoolError> {
    match rustix::fs::mkdirat(above.as_fd(), name, Mode::RUSR | Mode::WUSR | Mode::XUSR) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(SpoolError::system(format!("making {}", path.display()), error)),
    }
    opened(above, name, path)?.ok_or_else(|| SpoolError::system(path.display().to_string(), Errno::NOENT))
}

/// A folder that is this user's alone; `None` where there is none.
fn opened(above: impl AsFd, name: &std::ffi::OsStr, path: &Path) -> Result<Option<OwnedFd>, SpoolError> {
    let untrusted = |why: &str| SpoolError::Untrusted { path: path.to_owned(), why: why.to_owned() };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = match rustix::fs::openat(above, name, flags, Mode::empty()) {
        Ok(folder) => folder,
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP | Errno::NOTDIR) => return Err(untrusted("is a link, or no folder")),
        Err(error) => return Err(SpoolError::system(path.display().to_string(), error)),
    };
    let stat = rustix::fs::fstat(&folder).map_err(|error| SpoolError::system(path.display().to_string(), error))?;
    own(&stat, path)?;
    Ok(Some(folder))
}

fn own(stat: &Stat, path: &Path) -> Result<(), SpoolError> {
    let untrusted = |why: String| Err(SpoolError::Untrusted { path: path.to_owned(), why });
    if stat.st_uid != rustix::process::geteuid().as_raw() {
        untrusted(format!("belongs to another user ({})", stat.st_uid))
    } else if stat.st_mode & OTHERS_WRITE != 0 {
        untrusted(format!("may be written by other users (mode {:04o})", stat.st_mode & 0o7777))
    } else {
        Ok(())
    }
}

/// Fails unless it is sure that git tracks nothing in the spool.
fn untracked(directory: &Path, git: &Git) -> Result<(), SpoolError> {
    match git.tracks(directory, OUTER) {
        Some(false) => Ok(()),
        Some(true) => Err(SpoolError::Tracked(directory.join(OUTER))),
        None => Err(SpoolError::Unknown(directory.join(OUTER))),
    }
}
