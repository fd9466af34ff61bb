//! What Linux says of processes in `/proc`. Elsewhere, or where it is not mounted, there are none.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use kino_model::{SpanId, TraceId};

use crate::environment::parse_traceparent;

/// Nanoseconds of a tick, in which `/proc` counts: Linux shows a hundred in a second, whatever it counts in.
pub(super) const TICK_NANOS: i64 = 10_000_000;
/// Arguments that are read of a command, and their characters in sum: what the bootstrap records of one.
const ARGUMENTS_MAX: usize = 256;
const ARGUMENTS_CHARACTERS_MAX: usize = 4 * 1024;
/// Bytes of a command line that are read; more than what is recorded of it.
const COMMAND_LINE_BYTES_MAX: u64 = 64 << 10;
/// Bytes of an environment that are searched for the trace.
const ENVIRONMENT_BYTES_MAX: u64 = 256 << 10;
/// The bit of a process that has forked and not executed a program since.
const FORKED_ONLY: u64 = 0x40;

/// The file system that shows processes.
#[derive(Clone, Debug)]
pub(super) struct Proc {
    root: PathBuf,
}

/// A process at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    /// The name that it gave itself, or the first characters of its program's.
    pub(super) name: String,
    pub(super) parent: i32,
    /// Whether it has ended, and only its parent has not asked yet.
    pub(super) has_ended: bool,
    /// Whether it has executed a program, and is not just a copy of its parent.
    pub(super) has_executed: bool,
    /// Its own processor time, user and system, in nanoseconds.
    pub(super) cpu_nanos: i64,
    /// When it started, in ticks since the machine did: with its id, what distinguishes it from all others.
    pub(super) start: u64,
}

impl Proc {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// `None` where there is no such process any more.
    pub(super) fn stat(&self, pid: i32) -> Option<Stat> {
        stat(&String::from_utf8_lossy(&fs::read(self.of(pid, "stat")).ok()?))
    }

    /// Adds the children of a process to `found`, up to `count_max` in all; returns whether the system lists them.
    pub(super) fn children(&self, pid: i32, found: &mut Vec<i32>, count_max: usize) -> bool {
        let mut is_listed = false;
        for thread in fs::read_dir(self.of(pid, "task")).into_iter().flatten().flatten() {
            if let Ok(children) = fs::read_to_string(thread.path().join("children")) {
                is_listed = true;
                let room = count_max.saturating_sub(found.len());
                found.extend(children.split_ascii_whitespace().filter_map(|pid| pid.parse::<i32>().ok()).take(room));
            }
        }
        is_listed
    }

    /// Each process with its parent: for systems that list no children.
    pub(super) fn parents(&self) -> Vec<(i32, i32)> {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        pids.filter_map(|pid| Some((pid, self.stat(pid)?.parent))).collect()
    }

    /// The most memory that it had resident, in bytes.
    pub(super) fn peak_bytes(&self, pid: i32) -> Option<u64> {
        let status = fs::read_to_string(self.of(pid, "status")).ok()?;
        let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(kibibytes.split_ascii_whitespace().next()?.parse::<u64>().ok()? * 1024)
    }

    /// The file name of the program that it executes; `None` where this user may not know.
    pub(super) fn executable(&self, pid: i32) -> Option<String> {
        let path = fs::read_link(self.of(pid, "exe")).ok()?;
        let name = path.file_name()?.to_string_lossy().into_owned();
        // The file was replaced meanwhile, or removed.
        Some(name.strip_suffix(" (deleted)").map_or(name.clone(), str::to_owned))
    }

    /// Whether it executes the program of this process.
    pub(super) fn is_own(&self, pid: i32) -> bool {
        let program = |path: PathBuf| fs::read_link(path).ok();
        program(self.of(pid, "exe")).is_some_and(|path| program(self.root.join("self/exe")) == Some(path))
    }

    /// Its words, within what is recorded of a command, and a mark where some are missing.
    pub(super) fn arguments(&self, pid: i32) -> Vec<String> {
        let bytes = self.read(pid, "cmdline", COMMAND_LINE_BYTES_MAX);
        let mut words: Vec<&[u8]> = bytes.split(|byte| *byte == 0).collect();
        if words.last().is_some_and(|last| last.is_empty()) {
            words.pop();
        }
        let (mut found, mut room) = (Vec::new(), ARGUMENTS_CHARACTERS_MAX);
        for (index, word) in words.into_iter().enumerate() {
            let word = String::from_utf8_lossy(word);
            let length = word.chars().count();
            if index == ARGUMENTS_MAX || length > room {
                found.push("…".to_owned());
                break;
            }
            room -= length;
            found.push(word.into_owned());
        }
        found
    }

    /// The span of this trace that its environment names.
    pub(super) fn span_above(&self, pid: i32, trace: TraceId) -> Option<SpanId> {
        let environment = self.read(pid, "environ", ENVIRONMENT_BYTES_MAX);
        let mut variables = environment.split(|byte| *byte == 0);
        let value = variables.find_map(|variable| variable.strip_prefix(b"TRACEPARENT="))?;
        let (of, span) = parse_traceparent(std::str::from_utf8(value).ok()?)?;
        (of == trace).then_some(span)
    }

    /// Ticks since the machine started.
    pub(super) fn uptime(&self) -> Option<u64> {
        let text = fs::read_to_string(self.root.join("uptime")).ok()?;
        let (seconds, hundredths) = text.split_ascii_whitespace().next()?.split_once('.')?;
        Some(seconds.parse::<u64>().ok()? * 100 + hundredths.parse::<u64>().ok()?)
    }

    fn of(&self, pid: i32, what: &str) -> PathBuf {
        self.root.join(pid.to_string()).join(what)
    }

    fn read(&self, pid: i32, what: &str, bytes_max: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        if let Ok(file) = File::open(self.of(pid, what)) {
            // What was read before an error is all that is known.
            file.take(bytes_max).read_to_end(&mut bytes).ok();
        }
        bytes
    }
}

fn stat(text: &str) -> Option<Stat> {
    // The name, in parentheses, may hold anything.
    let (before, after) = text.rsplit_once(')')?;
    let name = before.split_once('(')?.1.to_owned();
    let fields: Vec<&str> = after.split_ascii_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    let ticks = i64::try_from(number(11)?.checked_add(number(12)?)?).ok()?;
    Some(Stat {
        name,
        parent: fields.get(1)?.parse().ok()?,
        has_ended: matches!(fields.first(), Some(&"Z" | &"X")),
        has_executed: number(6)? & FORKED_ONLY == 0,
        cpu_nanos: ticks.checked_mul(TICK_NANOS)?,
        start: number(19)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_name_is() {
        let line =
            "42 (a) R 1 (b) S 7 42 42 0 -1 4194304 100 0 0 0 3 4 50 60 20 0 1 0 12345 1000 200 18446744073709551615";
        let expected = Stat {
            name: "a) R 1 (b".to_owned(),
            parent: 7,
            has_ended: false,
            has_executed: true,
            cpu_nanos: 70_000_000,
            start: 12_345,
        };
        assert_eq!(stat(line), Some(expected.clone()));
        let forked = line.replace("4194304", "4194368").replace(") S 7", ") Z 7");
        assert_eq!(stat(&forked), Some(Stat { has_executed: false, has_ended: true, ..expected }));
        for cut in 0..line.find(" 12345").unwrap() {
            assert_eq!(stat(&line[..cut]), None, "{cut}");
        }
    }

    #[test]
    fn words_are_bounded_and_what_is_missing_is_marked() {
        let folder = tempfile::tempdir().unwrap();
        let proc = Proc::new(folder.path());
        fs::create_dir(folder.path().join("7")).unwrap();
        let check = |line: &[u8]| {
            fs::write(folder.path().join("7/cmdline"), line).unwrap();
            proc.arguments(7)
        };
        assert_eq!(check(b"git\0log\0\0-1\0"), ["git", "log", "", "-1"]);
        assert!(check(b"").is_empty());
        assert_eq!(check(b"a\xff\0"), ["a\u{fffd}"]);
        assert_eq!(check(&[b"a\0".as_slice(), &[b'x'; 5000], b"\0"].concat()), ["a", "…"]);
        assert_eq!(check(&b"x\0".repeat(300)).len(), ARGUMENTS_MAX + 1);
        assert!(proc.arguments(8).is_empty(), "a process that is gone has none");
    }

    #[test]
    fn only_a_span_of_the_runs_own_trace_is_above() {
        let folder = tempfile::tempdir().unwrap();
        let proc = Proc::new(folder.path());
        fs::create_dir(folder.path().join("7")).unwrap();
        let trace: TraceId = "5b8efff798038103d269b633813fc60c".parse().unwrap();
        let check = |value: &str| {
            fs::write(folder.path().join("7/environ"), format!("A=b\0TRACEPARENT={value}\0")).unwrap();
            proc.span_above(7, trace).map(|span| span.to_string())
        };
        let span = "eee19b7ec3c1b174";
        assert_eq!(check(&format!("00-{trace}-{span}-01")).as_deref(), Some(span));
        assert_eq!(check(&format!("00-{}-{span}-01", "1".repeat(32))), None);
        assert_eq!(check("nonsense"), None);
    }
}
