//! A terminal of its own for the child: a pseudo-terminal of the user's size, with the user's settings, and the
//! user's real one in raw mode meanwhile, so that every key reaches the child.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::process::{getpgrp, ioctl_tiocsctty, setsid};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{self, OptionalActions, Termios};

use crate::RunnerError;

/// What is taken of a line typed before the command started: less than a terminal holds.
const TYPED_AHEAD_MAX: usize = 2_048;
/// What ends the input of a terminal with the usual settings.
const END_OF_INPUT: u8 = 4;

/// Both ends of a pseudo-terminal.
pub(super) struct Pair {
    /// Ours.
    pub(super) master: OwnedFd,
    /// The child's.
    pub(super) slave: OwnedFd,
}

/// Opens a pseudo-terminal like the one that standard output is.
pub(super) fn open() -> io::Result<Pair> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let name = ptsname(&master, Vec::new())?;
    let slave = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    if let Ok(settings) = termios::tcgetattr(io::stdout()) {
        termios::tcsetattr(&slave, OptionalActions::Now, &settings)?;
    }
    resize(&master);
    Ok(Pair { master, slave })
}

/// Gives the pseudo-terminal the size that standard output has now. A terminal without a size is left alone.
pub(super) fn resize(master: &OwnedFd) {
    if let Ok(size) = termios::tcgetwinsize(io::stdout()) {
        // Fails only where the pseudo-terminal is gone, and with it the program that would need the size.
        termios::tcsetwinsize(master, size).ok();
    }
}

/// Whether this process may read from, and change, the terminal behind `descriptor`.
pub(super) fn in_foreground(descriptor: impl AsFd) -> bool {
    termios::tcgetpgrp(descriptor).is_ok_and(|group| group == getpgrp())
}

/// Lines, and an end of input, that were typed before the terminal is in raw mode: afterwards an end of input would
/// read as a zero byte. Takes no more than one read, which the child's terminal holds without waiting.
pub(super) fn typed_ahead() -> Vec<u8> {
    let stdin = io::stdin();
    let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    if !poll(&mut ready, Some(&now)).is_ok_and(|count| count > 0) || !ready[0].revents().contains(PollFlags::IN) {
        return Vec::new();
    }
    let mut typed = vec![0; TYPED_AHEAD_MAX];
    match rustix::io::read(&stdin, &mut typed) {
        Ok(0) => vec![END_OF_INPUT],
        Ok(count) => {
            typed.truncate(count);
            typed
        }
        Err(_) => Vec::new(),
    }
}

/// The user's terminal in raw mode; dropping it brings back what was.
pub(super) struct Raw {
    before: Termios,
}

impl Raw {
    /// Switches standard input, a terminal, to raw mode.
    pub(super) fn enter() -> io::Result<Self> {
        let before = termios::tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        termios::tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        Ok(Self { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // Fails only where the terminal is gone.
        termios::tcsetattr(io::stdin(), OptionalActions::Now, &self.before).ok();
    }
}

/// Makes standard output this process' controlling terminal, then becomes the command. Returns only where that fails.
pub fn become_command(command: &[OsString]) -> RunnerError {
    let Some((program, arguments)) = command.split_first() else {
        return RunnerError::CommandNotFound(String::new());
    };
    if let Err(error) = setsid().and_then(|_| ioctl_tiocsctty(io::stdout())) {
        return RunnerError::system("taking the terminal", error.into());
    }
    RunnerError::not_started(program, Command::new(program).args(arguments).exec())
}
