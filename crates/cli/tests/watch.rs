//! What a panic inside `kino watch` leaves behind, in a real terminal: the terminal as it was, and words to read.
//!
//! The view runs as it does in the command, in a process of its own on a pseudo-terminal. That process is this test's
//! binary again; what panics is what it hands to the view from outside, a clock or an engine, so that the view needs
//! nothing for the sake of the test.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use kino_model::{Clock, UnixNanos};
use kino_tui::{Options, WatchError};
use kino_wire::Backend;
use kino_wire::ask::{Asked, Scope};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use serde_json::Value as Json;

const ENTERED: &str = "\u{1b}[?1049h";
const LEFT: &str = "\u{1b}[?1049l";
const SHOWN: &str = "\u{1b}[?25h";
/// The file that says that it is time to panic.
const NOW: &str = "now";
/// Looks of a tenth of a second at the terminal, before it counts as silent for ever. A slow machine is no failure.
const LOOKS_MAX: usize = 600;
/// What the panics say.
const WORDS: &str = "the test wants it so";

/// Panics where `now` is asked for once it is time.
#[derive(Debug)]
struct Late;

impl Clock for Late {
    fn now(&self) -> UnixNanos {
        assert!(!Path::new(NOW).exists(), "{WORDS}");
        UnixNanos(1_790_000_000_000_000_000)
    }

    fn monotonic_nanos(&self) -> u64 {
        0
    }
}

/// A clock that never advances.
#[derive(Debug)]
struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> UnixNanos {
        UnixNanos(1_790_000_000_000_000_000)
    }

    fn monotonic_nanos(&self) -> u64 {
        0
    }
}

/// Answers nothing, and panics once it is time.
struct Silent;

impl fmt::Debug for Silent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Silent")
    }
}

impl Backend for Silent {
    fn ask_json(&self, _: &str, _: Json) -> Asked<'_> {
        Box::pin(async {
            loop {
                tokio::time::sleep(Duration::from_millis(20)).await;
                assert!(!Path::new(NOW).exists(), "{WORDS}");
            }
        })
    }
}

/// Never answers.
#[derive(Debug)]
struct Mute;

impl Backend for Mute {
    fn ask_json(&self, _: &str, _: Json) -> Asked<'_> {
        Box::pin(std::future::pending())
    }
}

fn watch(backend: impl Backend + 'static, clock: impl Clock + 'static) -> Result<kino_tui::ExitReason, WatchError> {
    let options = Options { scope: Scope::default(), service: None, colour: true, zone: jiff::tz::TimeZone::UTC };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let ended = runtime.block_on(kino_tui::watch(Arc::new(backend), Arc::new(clock), options));
    runtime.shutdown_background();
    ended
}

#[test]
#[ignore = "runs in the terminal that the test of a panic in the loop makes"]
fn a_view_whose_loop_panics() {
    watch(Mute, Late).unwrap();
}

#[test]
#[ignore = "runs in the terminal that the test of a panic beside the loop makes"]
fn a_view_whose_question_panics() {
    let ended = watch(Silent, FixedClock);
    assert!(matches!(ended, Err(WatchError::Panicked)), "{ended:?}");
    println!("the view has ended");
}

/// A terminal's settings, as text to compare.
fn settings(terminal: &OwnedFd) -> String {
    format!("{:?}", tcgetattr(terminal).unwrap())
}

/// A test of this binary in a terminal of its own, and what it wrote.
struct Terminal {
    ours: OwnedFd,
    theirs: OwnedFd,
    child: Child,
    written: String,
    /// The settings before anything ran in it.
    before: String,
    folder: tempfile::TempDir,
}

impl Terminal {
    fn open(test: &str) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let theirs = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        tcsetwinsize(&theirs, Winsize { ws_row: 30, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let before = settings(&theirs);
        let folder = tempfile::tempdir().unwrap();
        let end = || theirs.try_clone().unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"]).current_dir(folder.path());
        command.env("TERM", "xterm-256color").env("RUST_BACKTRACE", "0");
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        Self { ours, theirs, child, written: String::new(), before, folder }
    }

    fn is_raw(&self) -> bool {
        !tcgetattr(&self.theirs).unwrap().local_modes.intersects(LocalModes::ICANON | LocalModes::ECHO)
    }

    /// Takes in what comes within a tenth of a second; whether anything did.
    fn read(&mut self) -> bool {
        let mut ready = [PollFd::new(&self.ours, PollFlags::IN)];
        let tenth = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
        if poll(&mut ready, Some(&tenth)).unwrap() == 0 || !ready[0].revents().contains(PollFlags::IN) {
            return false;
        }
        let mut bytes = [0; 4096];
        let count = rustix::io::read(&self.ours, &mut bytes).unwrap();
        self.written.push_str(&String::from_utf8_lossy(&bytes[..count]));
        count > 0
    }

    fn wait_for(&mut self, what: &str, came: impl Fn(&mut Self) -> bool) {
        for _ in 0..LOOKS_MAX {
            self.read();
            if came(self) {
                return;
            }
        }
        panic!("{what} did not come: {:?}", self.written);
    }

    fn press(&self, keys: &str) {
        assert_eq!(rustix::io::write(&self.ours, keys.as_bytes()).map_err(io::Error::from).unwrap(), keys.len());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It has ended, unless the test failed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Lets a view panic while it shows something, and looks at what it leaves.
fn gives_back_its_terminal(test: &str, keys: &str) -> String {
    let mut terminal = Terminal::open(test);
    terminal.wait_for("the view", |terminal| {
        terminal.written.split_once(ENTERED).is_some_and(|(_, drawn)| drawn.contains("kino watch"))
    });
    assert!(terminal.is_raw() && settings(&terminal.theirs) != terminal.before, "it has taken the terminal over");
    assert!(!terminal.written.contains(LEFT));
    std::fs::write(terminal.folder.path().join(NOW), "").unwrap();
    terminal.press(keys);
    terminal.wait_for("the end", |terminal| terminal.child.try_wait().unwrap().is_some());
    while terminal.read() {}
    assert_eq!(settings(&terminal.theirs), terminal.before, "raw mode is off, and everything else as it was");
    let (_, after) = terminal.written.rsplit_once(LEFT).expect("the alternate screen is left");
    assert!(!after.contains(ENTERED) && after.contains(SHOWN), "the cursor is shown: {after:?}");
    assert!(after.contains(WORDS), "the panic's words stand on the screen that stays: {after:?}");
    after.to_owned()
}

#[test]
fn a_panic_in_the_loop_gives_the_terminal_back() {
    // A key, so that the loop goes round.
    gives_back_its_terminal("a_view_whose_loop_panics", "x");
}

#[test]
fn a_panic_beside_the_loop_gives_the_terminal_back_and_ends_the_view() {
    let after = gives_back_its_terminal("a_view_whose_question_panics", "");
    assert!(after.contains("the view has ended"), "{after:?}");
    // Nothing moves the cursor any more, as what was drawn would; that it is shown may be said again.
    let drawn = after.split_once(WORDS).unwrap().1.replace(SHOWN, "");
    assert!(!drawn.contains("\u{1b}["), "{drawn:?}");
}
