//! Hands a stream on byte for byte while keeping its beginning.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::screen::{Screen, write_all};

/// How much of each stream is captured, in bytes. Test logs fit; a build's whole verbose output may not.
pub const OUTPUT_BYTES_MAX: usize = 4 << 20;
/// How much is handed on at a time.
const CHUNK_BYTES: usize = 64 << 10;
/// How long a stream must be silent, once the child has ended, to be given up although something holds it open.
const SILENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// What was captured of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    /// Its beginning.
    pub bytes: Vec<u8>,
    /// How many bytes came after that.
    pub cut_bytes: u64,
    /// Whether a process still had it open for writing when the child had ended.
    pub left_open: bool,
}

impl Captured {
    fn keep(&mut self, chunk: &[u8]) {
        let take = chunk.len().min(OUTPUT_BYTES_MAX - self.bytes.len());
        self.bytes.extend_from_slice(&chunk[..take]);
        self.cut_bytes += (chunk.len() - take) as u64;
    }
}

/// Which of our own streams something is handed on to, if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// Neither: it is only captured.
    Nowhere,
}

/// Hands `from` on until it ends, or until it falls silent after `ended`; `screen` is what our own stream is, where that is a
/// terminal. Where our own stream breaks, `from` is
/// closed, so that the child learns of it as it would have without us.
pub(super) fn tee(from: OwnedFd, to: To, screen: Option<Screen>, ended: Arc<AtomicBool>) -> JoinHandle<Captured> {
    thread::spawn(move || {
        let mut captured = Captured::default();
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            match readable(&from) {
                Ok(true) => {}
                Ok(false) if ended.load(Ordering::Acquire) => {
                    captured.left_open = true;
                    return captured;
                }
                Ok(false) => continue,
                Err(_) => return captured,
            }
            // A pseudo-terminal reports its end as an input error.
            let chunk = match rustix::io::read(&from, &mut *buffer) {
                Ok(0) | Err(Errno::IO) => return captured,
                Ok(length) => &buffer[..length],
                Err(Errno::INTR | Errno::AGAIN) => continue,
                Err(_) => return captured,
            };
            captured.keep(chunk);
            let write = |own: BorrowedFd<'_>| match &screen {
                Some(screen) => screen.write(own, chunk),
                None => write_all(own, chunk),
            };
            let written = match to {
                To::Stdout => write(io::stdout().as_fd()),
                To::Stderr => write(io::stderr().as_fd()),
                To::Nowhere => Ok(()),
            };
            if written.is_err() {
                return captured;
            }
        }
    })
}

/// Feeds our standard input, a terminal, to `to` until the child has ended.
pub(super) fn feed(to: OwnedFd, ended: Arc<AtomicBool>) {
    thread::spawn(move || {
        let mut buffer = vec![0; CHUNK_BYTES];
        while !ended.load(Ordering::Acquire) {
            match readable(io::stdin()) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(_) => return,
            }
            match rustix::io::read(io::stdin(), &mut *buffer) {
                Ok(length @ 1..) if write_all(to.as_fd(), &buffer[..length]).is_ok() => {}
                Err(Errno::INTR | Errno::AGAIN) => {}
                Ok(_) | Err(_) => return,
            }
        }
    });
}

/// Waits a moment for something to read; the end counts as something.
fn readable(descriptor: impl AsFd) -> rustix::io::Result<bool> {
    let mut descriptors = [PollFd::new(&descriptor, PollFlags::IN)];
    match poll(&mut descriptors, Some(&SILENCE)) {
        Err(Errno::INTR) => Ok(false),
        ready => ready.map(|count| count > 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_is_captured_and_the_rest_counted() {
        let mut captured = Captured::default();
        captured.keep(&vec![1; OUTPUT_BYTES_MAX - 1]);
        captured.keep(&[2, 3, 4]);
        assert_eq!((captured.bytes.len(), captured.bytes.last()), (OUTPUT_BYTES_MAX, Some(&2)));
        assert_eq!(captured.cut_bytes, 2);
    }
}
