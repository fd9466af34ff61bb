//! The process that records a run: noticed when the run begins, and looked for as long as its end is missing.
//!
//! A recorder that was killed reports no end, so that only the system can say that none will come. A process id is used
//! again, which is why the start of the process and of the system are compared too, where they are known.

use std::fs;
use std::io::ErrorKind;

use kino_wire::run::Recorder;
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};

/// A process, distinct from later ones of the same id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    pid: u32,
    /// When it began, in ticks since the system did; `None` where the system does not say.
    started: Option<u64>,
    /// Which start of the system that was.
    boot: Option<String>,
}

/// What the system knows of a process id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ProcessState {
    /// A process, with its start.
    Running(Option<u64>),
    /// None, or one that has ended and was not waited for.
    Gone,
}

impl Process {
    /// The recorder as this engine sees it; `None` where it cannot: in another namespace of process ids.
    pub(super) fn of(recorder: &Recorder) -> Option<Self> {
        if recorder.namespace != namespace() {
            return None;
        }
        match seen(recorder.pid) {
            ProcessState::Running(started) => Some(Self { pid: recorder.pid, started, boot: boot() }),
            // As of a run that waited in files: what is known is that it is gone.
            ProcessState::Gone => Some(Self { pid: recorder.pid, started: None, boot: None }),
        }
    }

    /// Whether it has ended.
    pub(super) fn is_gone(&self) -> bool {
        boot() != self.boot || seen(self.pid) != ProcessState::Running(self.started)
    }
}

/// Linux names the namespace of process ids; elsewhere there is one.
fn namespace() -> Option<String> {
    fs::read_link("/proc/self/ns/pid").ok().map(|link| link.to_string_lossy().into_owned())
}

fn boot() -> Option<String> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|id| id.trim().to_owned())
}

fn seen(pid: u32) -> ProcessState {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => of_stat(&stat),
        Err(error) if error.kind() == ErrorKind::NotFound && fs::exists("/proc/self/stat").unwrap_or(false) => {
            ProcessState::Gone
        }
        Err(_) => {
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
            let is_gone = pid.is_none_or(|pid| test_kill_process(pid) == Err(Errno::SRCH));
            if is_gone { ProcessState::Gone } else { ProcessState::Running(None) }
        }
    }
}

/// Reads `/proc/PID/stat` (proc(5)): the program's name is in parentheses and may hold any character.
fn of_stat(stat: &str) -> ProcessState {
    /// The start, of the fields behind the name.
    const START: usize = 19;
    let fields: Vec<&str> = stat.rsplit_once(')').map_or(stat, |(_, rest)| rest).split_whitespace().collect();
    match fields.first() {
        None | Some(&("Z" | "X" | "x")) => ProcessState::Gone,
        Some(_) => ProcessState::Running(fields.get(START).and_then(|start| start.parse().ok())),
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_is_gone_once_it_ended_even_if_nothing_waited_for_it() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let recorder = Recorder { pid: child.id(), namespace: namespace() };
        let process = Process::of(&recorder).unwrap();
        assert!(!process.is_gone());
        let later = Process { started: process.started.map(|start| start + 1), ..process.clone() };
        assert_eq!(later.is_gone(), later.started.is_some(), "another process of the same id");
        let rebooted = Process { boot: Some("another".to_owned()), ..process.clone() };
        assert!(rebooted.is_gone());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(process.is_gone());
        assert!(Process::of(&recorder).unwrap().is_gone());
        let elsewhere = Recorder { pid: std::process::id(), namespace: Some("pid:[1]".to_owned()) };
        assert_eq!(Process::of(&elsewhere), None);
    }

    #[test]
    fn a_programs_name_may_hold_anything() {
        let stat = |name: &str, state: &str| {
            format!("7 ({name}) {state} {}", (4..=22).map(|n| n.to_string()).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(of_stat(&stat("kino", "S")), ProcessState::Running(Some(22)));
        assert_eq!(of_stat(&stat("a) Z 9 (b", "R")), ProcessState::Running(Some(22)));
        assert_eq!(of_stat(&stat("kino", "Z")), ProcessState::Gone);
        assert_eq!(of_stat(""), ProcessState::Gone);
    }
}
