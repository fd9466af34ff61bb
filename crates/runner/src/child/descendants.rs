//! Every process below this one, also those whose own parent has ended: found, and ended.
//!
//! Linux gives an orphan to the nearest ancestor that asked for such, here this process. Elsewhere, or where `/proc` is
//! not mounted, no descendant is found.

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, getpid, kill_process, set_child_subreaper};

/// How long processes may take to end by themselves.
const GRACE: Duration = Duration::from_secs(5);
/// How often that is looked for.
const STEP: Duration = Duration::from_millis(50);
/// How often the rest is killed: each time, what started meanwhile is found too.
const KILLS_MAX: usize = 20;
/// The first argument of an engine, which this process may have started and which outlives it.
const ENGINE: &[u8] = b"serve";

/// Makes this process the parent of the orphans among its descendants.
pub(crate) fn adopt_orphans() {
    // Without it, a process that leaves its parent is not found, and nothing else changes.
    set_child_subreaper(Some(getpid())).ok();
}

/// Asks every process below this one to end, and kills what does not.
pub(crate) fn end_all() {
    signal_all(Signal::TERM);
    let mut waited = Duration::ZERO;
    while waited < GRACE && !all().is_empty() {
        thread::sleep(STEP);
        waited += STEP;
    }
    kill_all();
}

/// Kills every process below this one.
pub(crate) fn kill_all() {
    for _ in 0..KILLS_MAX {
        if signal_all(Signal::KILL) == 0 {
            return;
        }
        thread::sleep(STEP);
    }
}

/// Sends a signal to every process below this one, and returns how many there were.
fn signal_all(signal: Signal) -> usize {
    let found = all();
    for pid in &found {
        // It may have ended by itself just now.
        kill_process(*pid, signal).ok();
    }
    found.len()
}

/// Every process below this one, but an engine.
fn all() -> Vec<Pid> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for (pid, parent) in processes() {
        children.entry(parent).or_default().push(pid);
    }
    let own = getpid().as_raw_nonzero().get();
    let mut found: Vec<i32> = children.remove(&own).unwrap_or_default();
    found.retain(|pid| !is_engine(*pid));
    let mut next = 0;
    while let Some(pid) = found.get(next) {
        found.extend(children.remove(pid).unwrap_or_default());
        next += 1;
    }
    found.into_iter().filter_map(Pid::from_raw).collect()
}

/// Every process that has not ended, with its parent.
fn processes() -> Vec<(i32, i32)> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| Some((pid, parent(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?))).collect()
}

/// The parent in `/proc/PID/stat`; `None` of a process that has ended.
fn parent(stat: &str) -> Option<i32> {
    // The name, in parentheses, may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let (state, parent) = (fields.next()?, fields.next()?);
    if matches!(state, "Z" | "X") { None } else { parent.parse().ok() }
}

/// Whether a process is this very program as an engine.
fn is_engine(pid: i32) -> bool {
    let program = |pid: &str| fs::read_link(format!("/proc/{pid}/exe")).ok();
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    words.split(|byte| *byte == 0).nth(1) == Some(ENGINE) && program(&pid.to_string()) == program("self")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_is_read_whatever_the_name_is() {
        assert_eq!(parent("42 (a) b) (c) S 7 42 42 0 -1"), Some(7));
        assert_eq!(parent("42 (gone) Z 7 42 42 0 -1"), None);
        assert_eq!(parent("nonsense"), None);
    }

    #[test]
    fn a_process_and_its_own_child_are_found() {
        let mut child = std::process::Command::new("sh").args(["-c", "sleep 60 & wait"]).spawn().unwrap();
        let pid = Pid::from_child(&child);
        let mut below = 0;
        for _ in 0..100 {
            let found = all();
            below = found.len();
            if found.contains(&pid) && below >= 2 {
                break;
            }
            thread::sleep(STEP);
        }
        let sleeping = processes().into_iter().find(|(_, parent)| *parent == pid.as_raw_nonzero().get());
        child.kill().unwrap();
        child.wait().unwrap();
        let (sleeping, _) = sleeping.expect("the shell has a child");
        kill_process(Pid::from_raw(sleeping).unwrap(), Signal::KILL).unwrap();
        assert!(below >= 2, "{below}");
    }
}
