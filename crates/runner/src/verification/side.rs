//! One side of a verification: where its command is executed, and what became of its executions.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};
use std::sync::Arc;

use kino_repo::{Worktree, project};
use kino_text::untrusted;
use kino_wire::run::Run;
use kino_wire::verify::VerifyRuns;

use super::VerificationPlan;
use crate::child::{ChildExit, Command, Streams};
use crate::recording::execute_quietly;
use crate::{Host, RunnerError};

/// How much of what a failed command wrote last is shown.
const LAST_WORDS_LINES: usize = 12;
/// Bytes of such a line that are shown.
const LAST_WORDS_LINE_BYTES: usize = 500;
/// Variables that lead a program to code by path.
const CODE_PATHS: [&str; 6] = ["PYTHONPATH", "NODE_PATH", "RUBYLIB", "PERL5LIB", "CLASSPATH", "GOPATH"];

/// One side that is executed.
pub(super) struct Side {
    directory: PathBuf,
    command: Vec<OsString>,
    pub(super) runs: VerifyRuns,
    /// How the latest execution that failed ended, and its last words.
    pub(super) failure: Option<String>,
    /// Spans it sent.
    pub(super) spans: u64,
}

impl Side {
    /// The code as it is.
    pub(super) fn here(plan: &VerificationPlan<'_>) -> Self {
        Self::new(plan.directory.to_owned(), plan.command.to_vec())
    }

    /// The same command at the same place of the other worktree. Adds to `notes` what differs.
    ///
    /// # Errors
    /// Where that place is not there.
    pub(super) fn at_base<H: Host>(
        host: &H,
        plan: &VerificationPlan<'_>,
        tree: &Worktree,
        notes: &mut Vec<String>,
    ) -> Result<Self, RunnerError> {
        let here = plan.directory.canonicalize().unwrap_or_else(|_| plan.directory.to_owned());
        let root = project::of(&here).ok_or(RunnerError::NoRepository)?.worktree;
        let inner = here.strip_prefix(&root).unwrap_or(Path::new(""));
        let there = tree.root.join(inner);
        if !there.is_dir() {
            return Err(RunnerError::NoFolder(inner.to_owned()));
        }
        let places = SidePaths { here: &here, root: &root, there: &there, tree: &tree.root };
        let mut moved = Vec::with_capacity(plan.command.len());
        for (index, word) in plan.command.iter().enumerate() {
            let at_base = places.word(word, index == 0);
            if at_base != *word {
                notes.push(format!("before the change {} is used for {}", at_base.display(), word.display()));
            }
            moved.push(at_base);
        }
        let root_text = root.to_string_lossy().into_owned();
        for name in CODE_PATHS {
            let value = host.variable(name).unwrap_or_default();
            if value.to_string_lossy().contains(&root_text) {
                notes.push(format!("{name} names this directory on both sides: the code may be the same"));
            }
        }
        Ok(Self::new(there, moved))
    }

    fn new(directory: PathBuf, command: Vec<OsString>) -> Self {
        Self { directory, command, runs: VerifyRuns::default(), failure: None, spans: 0 }
    }

    /// Executes the command once.
    ///
    /// # Errors
    /// Where it cannot be recorded.
    pub(super) fn execute<H: Host>(&self, host: &H) -> Result<(Run, ChildExit), H::Failure> {
        let command = Command { words: &self.command, directory: &self.directory, streams: Streams::Captured };
        execute_quietly(host, command)
    }

    /// Adds an execution, which may be one that warms up and does not count.
    ///
    /// # Errors
    /// Where the command did not start.
    pub(super) fn take(&mut self, (run, ended): (Run, ChildExit), counts: bool) -> Result<(), RunnerError> {
        let failed = run.signal.is_some() || run.exit_code != Some(0);
        ended.status?;
        self.spans += run.spans;
        if failed {
            let how = match (run.exit_code, run.signal) {
                (_, Some(signal)) => format!("signal {signal}"),
                (code, _) => format!("exit {}", code.unwrap_or_default()),
            };
            let said = if ended.stderr.bytes.is_empty() { &ended.stdout.bytes } else { &ended.stderr.bytes };
            self.failure = Some(format!("{how}{}", last_words(said)));
        }
        if counts {
            self.runs.runs.push(run.run_id);
            self.runs.failed_runs += u64::from(failed);
        } else {
            self.runs.warm_up_runs.push(run.run_id);
        }
        Ok(())
    }
}

/// The last lines of what a command wrote, indented and harmless to a terminal.
fn last_words(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().collect();
    let shown = &lines[lines.len().saturating_sub(LAST_WORDS_LINES)..];
    let harmless = |line: &&str| ["\nkino │   ".to_owned(), untrusted::clean_within(line, LAST_WORDS_LINE_BYTES)];
    shown.iter().flat_map(harmless).collect()
}

/// The base, checked out and set up.
///
/// # Errors
/// Where either fails.
pub(super) fn base_tree<H: Host>(host: &H, plan: &VerificationPlan<'_>, commit: &str) -> Result<Worktree, H::Failure> {
    let project = project::of(plan.directory).ok_or(RunnerError::NoRepository)?;
    let tree = Worktree::add(&host.git(), &project.worktree, commit, &host.scratch()?)
        .map_err(|error| RunnerError::CheckOut(Arc::new(error)))?;
    if let Some(line) = plan.setup {
        let progress = host.progress(&format!("setting {commit:.12} up"), None);
        let mut shell = Process::new("sh");
        shell.arg("-c").arg(line).current_dir(&tree.root).env("KINO_ORIGIN", &project.worktree).stdin(Stdio::null());
        let ran = shell.output().map_err(|error| RunnerError::system("starting sh for --setup", error))?;
        drop(progress);
        if !ran.status.success() {
            let said = if ran.stderr.is_empty() { &ran.stdout } else { &ran.stderr };
            return Err(RunnerError::SetUp { status: ran.status, last_words: last_words(said) }.into());
        }
    }
    Ok(tree)
}

/// Where things are on both sides.
struct SidePaths<'a> {
    here: &'a Path,
    root: &'a Path,
    there: &'a Path,
    tree: &'a Path,
}

impl SidePaths<'_> {
    /// A word of the command as the base needs it: an absolute path into this worktree leads to the same file of the
    /// other, where it has it; a program that git does not keep (an environment, a build) stays the one here.
    fn word(&self, word: &OsStr, is_program: bool) -> OsString {
        let path = Path::new(word);
        if path.is_absolute() {
            let counterpart = path.strip_prefix(self.root).ok().map(|inner| self.tree.join(inner));
            return counterpart.filter(|path| path.exists()).map_or_else(|| word.to_owned(), PathBuf::into_os_string);
        }
        let names_a_file = is_program && path.components().count() > 1;
        if names_a_file && !self.there.join(path).exists() && self.here.join(path).exists() {
            return self.here.join(path).into_os_string();
        }
        word.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn paths_lead_to_the_other_worktree_where_it_has_them() {
        let (mine, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (folder, file) in [(&mine, "app.py"), (&other, "app.py"), (&mine, "tool"), (&mine, "venv")] {
            fs::write(folder.path().join(file), "").unwrap();
        }
        let places = SidePaths { here: mine.path(), root: mine.path(), there: other.path(), tree: other.path() };
        let word = |word: &str, program| places.word(OsStr::new(word), program);
        let absolute = |folder: &tempfile::TempDir, file: &str| folder.path().join(file).into_os_string();
        assert_eq!(word(absolute(&mine, "app.py").to_str().unwrap(), false), absolute(&other, "app.py"));
        assert_eq!(word(absolute(&mine, "venv").to_str().unwrap(), true), absolute(&mine, "venv"));
        assert_eq!(word("./tool", true), mine.path().join("./tool").into_os_string());
        assert_eq!(word("./app.py", true), "./app.py");
        assert_eq!(word("./tool", false), "./tool");
        assert_eq!(word("python", true), "python");
    }

    #[test]
    fn last_words_are_few_and_harmless() {
        let lines: Vec<String> = (0..40).map(|line| format!("line {line} \u{1b}[31m")).collect();
        let words = last_words(lines.join("\n").as_bytes());
        assert_eq!(words.lines().count(), LAST_WORDS_LINES + 1);
        assert!(words.contains("line 39") && !words.contains('\u{1b}'), "{words}");
    }
}
