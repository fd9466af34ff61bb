//! A verification in a process of its own, for a server that must not execute anything within itself.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::Duration;

use kino_model::VerificationId;
use kino_wire::verify::VerifyQuestion;
use kino_wire::{Problem, ProblemKind};
use rustix::fs::Mode;

use crate::Client;

/// How long a verification may take to say that it runs: it looks at the code and at its base before.
const START_MAX: Duration = Duration::from_secs(20);
/// How often that is looked for.
const START_STEP: Duration = Duration::from_millis(50);
/// How much of what it said is shown where it did not start.
const WORDS_MAX: usize = 600;
/// The exit code of a process that may be started again later, as `sysexits.h` has it.
const TRY_AGAIN: i32 = 75;

/// A process that carries a verification out.
#[derive(Clone, Copy, Debug)]
pub struct Detached<'a> {
    /// The program, whose arguments say what is verified.
    pub program: &'a Path,
    pub arguments: &'a [String],
    /// Where it is started.
    pub directory: &'a Path,
    /// Its `KINO_HOME`.
    pub home: &'a Path,
    /// The mode bits that it takes from new files, where they are not this process's own.
    pub umask: Option<Mode>,
    /// The verification's id, by which the engine knows it.
    pub id: VerificationId,
    /// Where its standard error goes until it runs.
    pub log: &'a Path,
}

/// What keeps a verification going: when it is dropped, the verification ends, with every process that it started.
#[derive(Debug)]
pub struct Lease {
    /// The other end is the process's standard input.
    _open: ChildStdin,
}

/// Starts the process and waits until the engine knows of its verification.
///
/// # Errors
/// Where it does not start, with what it said.
pub fn start(client: &impl Client, detached: &Detached<'_>) -> Result<Lease, Problem> {
    let mut child = spawn(detached).map_err(|error| Problem::io(&error))?;
    let stdin = child.stdin.take().ok_or_else(|| Problem::io(&io::ErrorKind::BrokenPipe.into()))?;
    let lease = Lease { _open: stdin };
    wait_until_it_runs(client, child, detached)?;
    Ok(lease)
}

fn spawn(detached: &Detached<'_>) -> io::Result<Child> {
    let mut command = match detached.umask {
        None => Command::new(detached.program),
        Some(umask) => {
            // A shell can set it between two programs, which is all that it does here: it reads none of the words.
            let mut command = Command::new("/bin/sh");
            command.args(["-c", r#"umask "$0" && exec "$@""#]).arg(format!("{:04o}", umask.bits()));
            command.arg(detached.program);
            command
        }
    };
    command.args(detached.arguments).current_dir(detached.directory).env("KINO_HOME", detached.home);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(File::create(detached.log)?);
    // A client that goes away, or is interrupted, takes its own process group with it, and not this.
    command.process_group(0).spawn()
}

/// Waits until the engine knows of it, then leaves the process to a thread that waits for its end.
fn wait_until_it_runs(client: &impl Client, mut child: Child, detached: &Detached<'_>) -> Result<(), Problem> {
    let Detached { id, log, .. } = *detached;
    let question = VerifyQuestion { id: id.to_string(), wait_millis: 0 };
    let mut waited = Duration::ZERO;
    let outcome = loop {
        match client.ask(&question) {
            Ok(_) => break Ok(()),
            Err(Problem { kind: ProblemKind::NotFound, .. }) => {}
            Err(problem) => break Err(problem),
        }
        match child.try_wait() {
            Ok(Some(status)) => {
                let said = fs::read_to_string(log).unwrap_or_default();
                let said: String = said.trim().chars().take(WORDS_MAX).collect();
                let is_busy = status.code() == Some(TRY_AGAIN);
                break Err(if is_busy { Problem::busy(said) } else { Problem::invalid(said) });
            }
            Ok(None) => {}
            Err(error) => break Err(Problem::io(&error)),
        }
        if waited > START_MAX {
            break Err(Problem::busy(format!("the verification {id} has not begun yet: ask for it by its id")));
        }
        thread::sleep(START_STEP);
        waited += START_STEP;
    };
    // From here on the record says everything; what the process still writes to its log is not read.
    fs::remove_file(log).ok();
    thread::spawn(move || {
        // The record says how it ended.
        child.wait().ok();
    });
    outcome
}
