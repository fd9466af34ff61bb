//! The process that had a verification started: when it is gone, or gives the verification up, everything ends.
//!
//! It holds the other end of standard input, so that its own end, even a kill, is seen at once.

use std::io::{self, Read};
use std::thread;

use rustix::process::{Signal, getpid, kill_process};

use crate::child::descendants;

/// Ends this verification, and every process that it started, when standard input ends.
pub(super) fn watch() {
    thread::spawn(|| {
        let mut byte = [0];
        loop {
            match io::stdin().read(&mut byte) {
                Ok(1..) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => break,
            }
        }
        // As a user would end it: the signal is passed on, and the record says that it was interrupted.
        kill_process(getpid(), Signal::TERM).ok();
        descendants::end_all();
    });
}
