//! The channel: one file in memory for a run, which its processes append to and the recorder of the run reads. An engine has
//! one, too, for programs that no run records.
//!
//! ```text
//!            released │ read, not yet released │ appended, not yet read
//!  ───────────────────┼────────────────────────┼───────────────────────► processes append, each record in one write
//!                                              read
//! ```
//!
//! What a process has appended survives its end, however it ends. Memory behind the reader goes back to the system, so
//! that the file takes as much as is unread; processes stop appending beyond a bound, and count. Its end is a seal: what
//! is appended before is read, and every later write fails, by which a process knows that it is read no more. The file
//! has no name and needs no clearing: it goes with the last process that has it open. Other users cannot open it.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// Bytes read at a time.
pub const READ_BYTES: usize = 1 << 20;
/// Bytes behind the reader from which on memory is released.
const RELEASE_BYTES: u64 = 1 << 20;
/// Memory is released in whole pages.
const PAGE_BYTES: u64 = 4096;

/// The reader's end.
#[derive(Debug)]
pub struct Channel {
    file: File,
    /// Where the next read begins.
    read: u64,
    /// Up to where memory was released.
    released: u64,
}

impl Channel {
    /// Opens a new channel.
    ///
    /// # Errors
    /// Where the system has no such files, or no descriptors left.
    pub fn open() -> io::Result<Self> {
        Ok(Self { file: memory::create()?, read: 0, released: 0 })
    }

    /// Returns the path at which a process of the same user opens the file, as long as this process lives.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd()))
    }

    /// Returns whether anything was appended that was not read.
    ///
    /// # Errors
    /// Where the system does not say.
    pub fn has_unread(&self) -> io::Result<bool> {
        Ok(self.file.metadata()?.len() > self.read)
    }

    /// Reads what was appended since, at most [`READ_BYTES`]; empty where nothing was.
    ///
    /// # Errors
    /// Where the system fails to read.
    pub fn read(&mut self) -> io::Result<Vec<u8>> {
        let unread = self.file.metadata()?.len().saturating_sub(self.read);
        let mut bytes = vec![0; usize::try_from(unread).unwrap_or(READ_BYTES).min(READ_BYTES)];
        let read = self.file.read_at(&mut bytes, self.read)?;
        bytes.truncate(read);
        self.read += read as u64;
        let behind = self.read / PAGE_BYTES * PAGE_BYTES;
        if behind - self.released >= RELEASE_BYTES {
            // A sealed file refuses: what is left of it is read to its end, and its memory goes with it.
            if memory::release(&self.file, self.released, behind - self.released).is_ok() {
                self.released = behind;
            }
        }
        Ok(bytes)
    }

    /// Makes every later write fail. What was written before can still be read.
    ///
    /// # Errors
    /// Where a process has the file mapped for writing.
    pub fn seal(&self) -> io::Result<()> {
        memory::seal(&self.file)
    }
}

/// Files in memory, as Linux has them.
#[cfg(target_os = "linux")]
mod memory {
    use std::fs::File;
    use std::io;

    use rustix::fs::{FallocateFlags, MemfdFlags, Mode, SealFlags, fallocate, fchmod, fcntl_add_seals, memfd_create};

    pub(super) fn create() -> io::Result<File> {
        let file = memfd_create("kino-spans", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        fchmod(&file, Mode::RUSR | Mode::WUSR)?;
        Ok(File::from(file))
    }

    pub(super) fn release(file: &File, from: u64, bytes: u64) -> io::Result<()> {
        Ok(fallocate(file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, from, bytes)?)
    }

    pub(super) fn seal(file: &File) -> io::Result<()> {
        Ok(fcntl_add_seals(file, SealFlags::WRITE | SealFlags::GROW)?)
    }
}

/// Other systems have no such files.
#[cfg(not(target_os = "linux"))]
mod memory {
    use std::fs::File;
    use std::io;

    pub(super) fn create() -> io::Result<File> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn release(_: &File, _: u64, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn seal(_: &File) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn writer(channel: &Channel) -> File {
        OpenOptions::new().append(true).open(channel.path()).unwrap()
    }

    #[test]
    fn what_was_appended_is_read_once_and_nothing_after_the_seal() {
        let mut channel = Channel::open().unwrap();
        let mut writer = writer(&channel);
        writer.write_all(b"first").unwrap();
        assert!(channel.has_unread().unwrap());
        assert_eq!(channel.read().unwrap(), b"first");
        assert!(!channel.has_unread().unwrap());
        assert_eq!(channel.read().unwrap(), b"");
        writer.write_all(b"second").unwrap();
        channel.seal().unwrap();
        assert_eq!(writer.write(b"third").unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(channel.read().unwrap(), b"second");
    }

    #[test]
    fn writers_at_the_same_time_do_not_mix_their_records() {
        const RECORDS: usize = 2000;
        let mut channel = Channel::open().unwrap();
        let writers: Vec<_> = (0..4u8)
            .map(|number| {
                let mut writer = writer(&channel);
                std::thread::spawn(move || {
                    let record = [vec![b'a' + number; 5000], vec![b'\n']].concat();
                    (0..RECORDS).for_each(|_| assert_eq!(writer.write(&record).unwrap(), record.len()));
                })
            })
            .collect();
        let mut read = Vec::new();
        while read.len() < 4 * RECORDS * 5001 {
            read.extend(channel.read().unwrap());
        }
        for writer in writers {
            writer.join().unwrap();
        }
        for record in read.split_inclusive(|byte| *byte == b'\n') {
            assert!(record.len() == 5001 && record[..5000].iter().all(|byte| *byte == record[0]));
        }
    }

    #[test]
    fn memory_behind_the_reader_is_released() {
        let mut channel = Channel::open().unwrap();
        let mut writer = writer(&channel);
        for _ in 0..64 {
            writer.write_all(&vec![b'x'; 1 << 20]).unwrap();
            while !channel.read().unwrap().is_empty() {}
        }
        let used = channel.file.metadata().unwrap().blocks() * 512;
        assert!(used <= RELEASE_BYTES + PAGE_BYTES, "{used}");
    }

    #[test]
    fn what_is_unread_at_the_seal_is_read_to_its_end() {
        let mut channel = Channel::open().unwrap();
        let appended = vec![b'x'; usize::try_from(RELEASE_BYTES).unwrap() * 2 + 5];
        writer(&channel).write_all(&appended).unwrap();
        channel.seal().unwrap();
        let mut read = 0;
        while let Some(bytes) = Some(channel.read().unwrap()).filter(|bytes| !bytes.is_empty()) {
            read += bytes.len();
        }
        assert_eq!(read, appended.len());
    }
}
