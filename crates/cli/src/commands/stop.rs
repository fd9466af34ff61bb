//! `stop`: asks the engine to write everything out and end, and waits until it did.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use kino_wire::admin::StopQuestion;
use rustix::process::{Pid, WaitOptions, test_kill_process, waitpid};
use serde::Serialize;

use crate::app::{App, Outcome};
use crate::client::{self, EngineLookup};
use crate::config::Settings;
use crate::failure::{Failure, code};
use crate::start;

/// How long an engine may take to write everything out.
const STOP_MAX: Duration = Duration::from_mins(1);
/// How often it is looked for.
const POLL: Duration = Duration::from_millis(10);

#[derive(Serialize)]
struct Stopped {
    schema: &'static str,
    /// The process that ended; `null` where none ran.
    pid: Option<u32>,
}

/// Stops the engine.
pub(super) fn run(app: &App) -> Outcome {
    let pid = stop(&app.settings)?;
    let stopped = Stopped { schema: "kino.stop.v1", pid };
    app.output.answer(&stopped, |_| match pid {
        Some(pid) => format!("The engine (process {pid}) has stopped."),
        None => "No engine was running.".to_owned(),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Stops the engine of these settings' home, of whatever version. Its process id, where one ran.
pub(super) fn stop(settings: &Settings) -> Result<Option<u32>, Failure> {
    let client = match start::settled(settings) {
        EngineLookup::Engine(client) | EngineLookup::OtherVersion(client) => client,
        EngineLookup::Silent(address) => return Err(Failure::no_engine(client::silent(&address))),
        EngineLookup::Starting(address) => return Err(start::still_starting(&address)),
        EngineLookup::Stale(_) | EngineLookup::None => return Ok(None),
    };
    let pid = client.address.pid;
    client.ask(&StopQuestion {})?;
    for _ in 0..STOP_MAX.as_millis() / POLL.as_millis() {
        if !alive(pid) {
            return Ok(Some(pid));
        }
        thread::sleep(POLL);
    }
    let message =
        format!("the engine (process {pid}) did not end within {} s; `kino logs` says why", STOP_MAX.as_secs());
    Err(Failure::new(code::FAILED, message))
}

fn alive(pid: u32) -> bool {
    let Some(pid) = Pid::from_raw(pid.cast_signed()) else { return false };
    // An engine that this very process started has ended only once its parent has taken note of it.
    if let Ok(Some(_)) = waitpid(Some(pid), WaitOptions::NOHANG) {
        return false;
    }
    test_kill_process(pid).is_ok() && !awaits_its_parent(pid)
}

/// Whether a process has ended and only waits for its parent to reap it, which the program that started the
/// engine may do late.
fn awaits_its_parent(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, state)| state.trim_start().starts_with('Z'))
}
