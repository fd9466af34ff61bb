//! Lines of changed files that processes of a run execute: what they are asked, and what they answer.
//!
//! ```text
//!  KINO_LINES   SIZE MTIME_NANOS FIRST-LAST,… PATH      one changed file a line, the path relative to the project
//!  record       {"p": KEY, "lines": {"watching": true}}      once, from a process that looks at lines
//!               {"p": KEY, "lines": {"path": PATH, "executed": [[FIRST, LAST], …]}}      or "executable", "unmapped"
//! ```
//!
//! Nothing in a record is believed: what it says of lines that were not asked for is left out by who asked.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// The variable that names the files.
pub const VARIABLE: &str = "KINO_LINES";
/// Files of one run; more are no change that a person made by hand.
const FILES_MAX: usize = 1_000;
/// Lines of all files of one run together.
const LINES_MAX: usize = 200_000;

/// What processes say of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenFile {
    /// Lines that were executed.
    pub executed: BTreeSet<u32>,
    /// Lines that can execute; `None` where no process said so.
    pub executable: Option<BTreeSet<u32>>,
    /// Whether something was executed that was made of the file, by a way that leads not back to its lines.
    pub unmapped: bool,
}

/// What processes say of all files, by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenLines {
    /// By their path, relative to the project.
    pub files: BTreeMap<String, SeenFile>,
    /// Whether a process looked at lines at all.
    pub is_watched: bool,
    lines: usize,
}

/// What one process says of one file, as ranges of both ends.
#[derive(Deserialize)]
pub(crate) struct LinesRecord {
    path: Option<String>,
    #[serde(default)]
    watching: bool,
    #[serde(default)]
    executed: Vec<(u32, u32)>,
    executable: Option<Vec<(u32, u32)>>,
    #[serde(default)]
    unmapped: bool,
}

impl SeenLines {
    pub(crate) fn take(&mut self, record: LinesRecord) {
        self.is_watched |= record.watching;
        let Some(path) = record.path else { return };
        if self.files.len() >= FILES_MAX && !self.files.contains_key(&path) {
            return;
        }
        let file = self.files.entry(path).or_default();
        file.unmapped |= record.unmapped;
        self.lines += extend(&mut file.executed, &record.executed, LINES_MAX - self.lines);
        if let Some(executable) = record.executable {
            let known = file.executable.get_or_insert_default();
            self.lines += extend(known, &executable, LINES_MAX - self.lines);
        }
    }
}

/// Adds at most `lines_max` lines; returns how many were new.
fn extend(lines: &mut BTreeSet<u32>, ranges: &[(u32, u32)], lines_max: usize) -> usize {
    let before = lines.len();
    let all = ranges.iter().flat_map(|(first, last)| *first..=*last);
    lines.extend(all.take(lines_max));
    lines.len() - before
}
