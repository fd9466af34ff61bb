//! The few file operations that durability rests on, behind a trait, so that a test can lose what was not synced.
//!
//! The write-ahead log, what is written to a local lake, and what a rebuild reads and moves go through here. Three things
//! do not: the lock, which is the operating system's on a file of its own; SQLite's databases and the copy that it writes of
//! one, since it keeps its own promises; and reading the lake, which `object_store` and `kino-lake` do.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A folder tree of files that are appended to and synced.
pub trait Disk: Debug + Send + Sync {
    /// Makes `dir` and what is missing above it.
    ///
    /// # Errors
    /// Those of the file system.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;
    /// The entries of `dir`, sorted by name.
    ///
    /// # Errors
    /// Those of the file system.
    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>>;
    /// The whole content of `path`.
    ///
    /// # Errors
    /// Those of the file system.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// At most `length` bytes of `path` from `offset` on; fewer where it ends before.
    ///
    /// # Errors
    /// Those of the file system.
    fn read_at(&self, path: &Path, offset: u64, length: u64) -> io::Result<Vec<u8>>;
    /// The length of the file at `path`, in bytes.
    ///
    /// # Errors
    /// Those of the file system.
    fn length(&self, path: &Path) -> io::Result<u64>;
    /// Makes a file that must not exist yet, for appending.
    ///
    /// # Errors
    /// Those of the file system.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Replaces the content of a small file. It is not durable by that.
    ///
    /// # Errors
    /// Those of the file system.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Renames a file within the tree, replacing what was there.
    ///
    /// # Errors
    /// Those of the file system.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// Those of the file system.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the entries of `dir` durable.
    ///
    /// # Errors
    /// Those of the file system.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Bytes that may still be written under `dir`.
    ///
    /// # Errors
    /// Those of the file system.
    fn free_bytes(&self, dir: &Path) -> io::Result<u64>;
}

/// A file that is being appended to.
pub trait DiskFile: Debug + Send {
    /// Writes all of `bytes` at the end.
    ///
    /// # Errors
    /// Those of the file system; part of the bytes may have been written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes what was appended durable.
    ///
    /// # Errors
    /// Those of the file system; what was appended since the last sync is then in doubt.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file back to `length` bytes.
    ///
    /// # Errors
    /// Those of the file system.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
    /// Whether `path` still names this file: false where it was removed, renamed or replaced, or its disk unmounted.
    ///
    /// # Errors
    /// Those of the file system.
    fn is_at(&self, path: &Path) -> io::Result<bool>;
}

/// Which file this is on its machine: device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity(u64, u64);

impl Identity {
    pub(crate) fn of(metadata: &fs::Metadata) -> Self {
        Self(metadata.dev(), metadata.ino())
    }

    /// Whether `path` names this file.
    pub(crate) fn is_at(self, path: &Path) -> io::Result<bool> {
        match fs::metadata(path) {
            Ok(there) => Ok(Self::of(&there) == self),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// The operating system's file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemDisk;

impl Disk for SystemDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let mut entries =
            fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
        entries.sort();
        Ok(entries)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn read_at(&self, path: &Path, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        file.take(length).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn length(&self, path: &Path) -> io::Result<u64> {
        Ok(fs::metadata(path)?.len())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenOptions::new().append(true).create_new(true).open(path)?))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        fs::write(path, bytes)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        let figures = rustix::fs::statvfs(dir)?;
        Ok(figures.f_bavail.saturating_mul(figures.f_frsize))
    }
}

impl DiskFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        Identity::of(&self.metadata()?).is_at(path)
    }
}
