//! The user's terminal, which the command and this program write to: a line of ours never lands within one of theirs.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use memchr::memmem;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

/// What switches to the screen of a program that draws the whole of it, and back.
const ALTERNATE: [(&[u8], &[u8]); 2] = [(b"\x1b[?1049h", b"\x1b[?1049l"), (b"\x1b[?47h", b"\x1b[?47l")];
/// What hides the cursor: a program draws lines again that it wrote.
const REDRAWING: &[u8] = b"\x1b[?25l";
/// What ends that.
const REDRAWN: &[u8] = b"\x1b[?25h";
/// Bytes of the end of a chunk that may begin one of these.
const TAIL_BYTES: usize = 8;

/// A terminal. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Screen(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Whether the cursor is behind something on its line.
    within_line: bool,
    /// Whether a program draws the whole screen, or draws lines again.
    is_drawn: bool,
    tail: Vec<u8>,
}

impl Screen {
    /// Hands on what the command wrote.
    pub(super) fn write(&self, to: BorrowedFd<'_>, chunk: &[u8]) -> rustix::io::Result<()> {
        let mut state = self.state();
        state.note(chunk);
        write_all(to, chunk)
    }

    /// Writes a line of this program to standard error, if the command is at the beginning of one; returns whether it did.
    pub(crate) fn line(&self, text: &str) -> bool {
        let state = self.state();
        if state.within_line || state.is_drawn {
            return false;
        }
        // The terminal may be in raw mode.
        write_all(io::stderr().as_fd(), format!("{text}\r\n").as_bytes()).is_ok()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn note(&mut self, chunk: &[u8]) {
        let mut seen = std::mem::take(&mut self.tail);
        seen.extend_from_slice(chunk);
        let switches = ALTERNATE.iter().copied().chain([(REDRAWING, REDRAWN)]);
        for (on, off) in switches {
            match (memmem::rfind(&seen, on), memmem::rfind(&seen, off)) {
                (Some(on), off) if off.is_none_or(|off| off < on) => self.is_drawn = true,
                (_, Some(_)) => self.is_drawn = false,
                _ => {}
            }
        }
        let visible = without_colours(&seen);
        if let Some(last) = visible.last() {
            self.within_line = *last != b'\n';
        }
        self.tail = seen[seen.len().saturating_sub(TAIL_BYTES)..].to_vec();
    }
}

/// The bytes without the sequences at their end that only set colours.
fn without_colours(mut bytes: &[u8]) -> &[u8] {
    while let Some(rest) = bytes.strip_suffix(b"m") {
        let Some(begin) = memmem::rfind(rest, b"\x1b[") else { break };
        if !rest[begin + 2..].iter().all(|byte| byte.is_ascii_digit() || *byte == b';') {
            break;
        }
        bytes = &bytes[..begin];
    }
    bytes
}

/// Writes all of the bytes, waiting where the stream takes none now.
pub(super) fn write_all(to: BorrowedFd<'_>, mut bytes: &[u8]) -> rustix::io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(to, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            // Another process made our stream non-blocking; wait until it takes more.
            Err(Errno::AGAIN) => {
                poll(&mut [PollFd::new(&to, PollFlags::OUT)], None)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(chunks: &[&str]) -> (bool, bool) {
        let mut state = State::default();
        for chunk in chunks {
            state.note(chunk.as_bytes());
        }
        (state.within_line, state.is_drawn)
    }

    #[test]
    fn where_the_cursor_is_is_known() {
        assert_eq!(check(&[]), (false, false));
        assert_eq!(check(&["ready\r\n"]), (false, false));
        assert_eq!(check(&["ready\r\n", "$ "]), (true, false));
        assert_eq!(check(&["\x1b[32mready\r\n\x1b[0m"]), (false, false));
        assert_eq!(check(&["ready\r\n", "\x1b[0m"]), (false, false));
        assert_eq!(check(&["ham"]), (true, false));
    }

    #[test]
    fn a_program_that_draws_is_left_alone_until_it_ends() {
        assert!(check(&["\x1b[?1049h", "drawn\r\n"]).1);
        assert!(check(&["a\x1b[?10", "49hdrawn\r\n"]).1, "cut in two");
        assert!(!check(&["\x1b[?1049hdrawn", "\x1b[?1049lover\r\n"]).1);
        assert!(check(&["\x1b[?25lspinner\r\n"]).1);
    }
}
