//! The changed lines that a run is asked about, and what its processes say of them.
//!
//! A process compares size and time of a file with those at the start of the run: lines of a file that was changed since
//! have other numbers, and nothing is said of them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use kino_inject::lines::{SeenFile, SeenLines, VARIABLE};
use kino_model::lines::{is_recorded, ranges};
use kino_repo::{Code, changed_files};
use kino_wire::run::{FileLines, RunLines};

/// The bytes of the variable that names the files: a quarter of what Linux takes for one.
const VARIABLE_BYTES_MAX: usize = 32 * 1024;

/// Changed lines whose execution is asked for.
#[derive(Debug, Default)]
pub(crate) struct AskedLines {
    variable: String,
    files: BTreeMap<String, BTreeSet<u32>>,
    files_left_out: u64,
}

impl AskedLines {
    /// Returns what is changed in this state of the code; `None` outside of a worktree.
    pub(crate) fn of(code: &Code) -> Option<Self> {
        let worktree = Path::new(code.state.worktree.as_deref()?);
        let mut asked = Self::default();
        for file in changed_files(&code.diff).into_iter().filter(|file| is_recorded(&file.path)) {
            let lines: BTreeSet<u32> = file.lines.iter().map(|(number, _)| *number).collect();
            let Some(line) = line_of(worktree, &file.path, &lines) else {
                asked.files_left_out += 1;
                continue;
            };
            if asked.variable.len() + line.len() > VARIABLE_BYTES_MAX {
                asked.files_left_out += 1;
                continue;
            }
            asked.variable.push_str(&line);
            asked.files.insert(file.path, lines);
        }
        Some(asked)
    }

    /// Returns the variable by which processes know the files.
    pub(crate) fn variable(&self) -> (&'static str, OsString) {
        (VARIABLE, self.variable.clone().into())
    }

    /// Returns what processes said of these lines; what they said of others is left out. `None` where lines were asked for
    /// and no process looked: which were executed is not known.
    pub(crate) fn seen(&self, seen: &SeenLines) -> Option<RunLines> {
        if !self.files.is_empty() && !seen.is_watched {
            return None;
        }
        let files = seen.files.iter().filter_map(|(path, file)| {
            let asked = self.files.get(path)?;
            let SeenFile { executed, executable, unmapped } = file;
            let among = |lines: &BTreeSet<u32>| ranges(&lines.intersection(asked).copied().collect());
            Some(FileLines {
                path: path.clone(),
                executed: among(executed),
                executable: executable.as_ref().map(among),
                unmapped: *unmapped,
            })
        });
        Some(RunLines { files: files.collect(), files_left_out: self.files_left_out })
    }
}

/// `SIZE MTIME_NANOS FIRST-LAST,… PATH`; `None` for what is no file, and for a path that is no line.
fn line_of(worktree: &Path, path: &str, lines: &BTreeSet<u32>) -> Option<String> {
    if path.chars().any(char::is_control) {
        return None;
    }
    let about = fs::symlink_metadata(worktree.join(path)).ok().filter(fs::Metadata::is_file)?;
    let modified = i128::from(about.mtime()) * 1_000_000_000 + i128::from(about.mtime_nsec());
    let mut line = format!("{} {modified} ", about.len());
    for (index, range) in ranges(lines).iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        write!(line, "{comma}{}-{}", range.first, range.last).expect("text takes everything");
    }
    line.push(' ');
    line.push_str(path);
    line.push('\n');
    Some(line)
}

#[cfg(test)]
mod tests {
    use kino_wire::run::CodeState;

    use super::*;

    #[test]
    fn only_lines_that_were_asked_about_are_taken() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a b.py", "c.rs", "d.ts"] {
            fs::write(folder.path().join(name), "1\n2\n3\n").unwrap();
        }
        let hunk = |name: &str| format!("+++ b/{name}\n@@ -0,0 +1,3 @@\n+1\n+2\n+3\n");
        let state = CodeState { worktree: folder.path().to_str().map(str::to_owned), ..CodeState::default() };
        let quoted = hunk("line\\nend.py\"").replace("b/", "\"b/");
        let diff = [hunk("a b.py"), hunk("c.rs"), hunk("d.ts"), hunk("gone.py"), quoted].concat();
        let asked = AskedLines::of(&Code { state, diff: diff.into_bytes(), ..Code::default() }).unwrap();
        let lines: Vec<&str> = asked.variable.lines().collect();
        assert!(lines.len() == 2 && lines[0].starts_with("6 ") && lines[0].ends_with(" 1-3 a b.py"), "{lines:?}");
        assert_eq!(asked.files_left_out, 2, "one is gone, one has a line's end in its name");
        let mut seen = SeenLines::default();
        let file = |lines: &[u32]| SeenFile { executed: lines.iter().copied().collect(), ..SeenFile::default() };
        seen.files.insert("a b.py".to_owned(), file(&[2, 3, 9]));
        seen.files.insert("other.py".to_owned(), file(&[1]));
        assert_eq!(asked.seen(&seen), None, "no process looked");
        seen.is_watched = true;
        let run = asked.seen(&seen).unwrap();
        assert_eq!(run.files.len(), 1);
        assert_eq!(run.files[0].executed, ranges(&BTreeSet::from([2, 3])));
    }

    #[test]
    fn a_change_of_very_many_files_is_bounded_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let mut diff = String::new();
        for number in 0..2_000 {
            let name = format!("{number:0100}.py");
            fs::write(folder.path().join(&name), "1\n").unwrap();
            write!(diff, "+++ b/{name}\n@@ -0,0 +1 @@\n+1\n").unwrap();
        }
        let state = CodeState { worktree: folder.path().to_str().map(str::to_owned), ..CodeState::default() };
        let asked = AskedLines::of(&Code { state, diff: diff.into_bytes(), ..Code::default() }).unwrap();
        assert!(asked.variable.len() <= VARIABLE_BYTES_MAX);
        assert_eq!(asked.files.len() as u64 + asked.files_left_out, 2_000);
    }
}
