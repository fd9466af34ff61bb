//! Processes of a run that live on after its command: their spans may be on their way still.
//!
//! A process belongs to a run if its environment names it. Elsewhere than on Linux none is found, and nothing waits.

use std::fs;
use std::thread;
use std::time::Duration;

use kino_model::{RunId, names};
use memchr::memmem;

/// How long a run waits for such a process to end: those that stay are servers, as a rule.
const PATIENCE: Duration = Duration::from_millis(200);
/// How often that is examined.
const STEP: Duration = Duration::from_millis(10);

/// Waits until no process of the run lives, or a little.
pub(crate) fn wait(run: RunId) {
    let mark = format!("{}={run}", names::RUN_ID);
    let own = std::process::id().to_string();
    let lives = || {
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let others = processes.filter(|entry| entry.file_name() != *own);
        // The environment of another user's process cannot be read, and that of one that has ended is empty.
        others
            .filter_map(|entry| fs::read(entry.path().join("environ")).ok())
            .any(|environment| memmem::find(&environment, mark.as_bytes()).is_some())
    };
    let mut waited = Duration::ZERO;
    while waited < PATIENCE && lives() {
        thread::sleep(STEP);
        waited += STEP;
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_of_the_run_is_waited_for_until_it_ends() {
        let run = RunId::from_slice(&[0xa7; 16]).unwrap();
        let attributes = format!("service.name=x,{}={run}", names::RUN_ID);
        // It ends when its input does.
        let mut command = Command::new("cat");
        let mut child = command.env("OTEL_RESOURCE_ATTRIBUTES", attributes).stdin(Stdio::piped()).spawn().unwrap();
        let waiting = thread::spawn(move || wait(run));
        thread::sleep(STEP * 3);
        let waited = !waiting.is_finished();
        drop(child.stdin.take());
        child.wait().unwrap();
        waiting.join().unwrap();
        assert!(waited);
    }
}
