//! The state of the code when a run begins: commit, branch, and everything uncommitted, asked of the git command.
//!
//! The diff is taken against a copy of the index to which untracked files are added by name only, so that one
//! `git diff` covers everything and the user's own index stays as it is. Nothing that the repository's configuration
//! names is executed on the way ([ADR 9](../../../docs/adr/0009-nothing-a-repository-names-is-executed.md)).

use std::io::{Read, Write};
use std::path::Path;
use std::process::Stdio;

use kino_wire::run::CodeState;

use crate::command::{self, GIT_TIMEOUT, Git};
use crate::isolated::{IsolatedGitDir, is_word};
use crate::project;

/// The bytes of a diff that are recorded. The hash is over all of it.
pub const DIFF_BYTES_MAX: usize = 4 << 20;
/// How many hex digits of the diff's hash name a state of the code.
const HASH_DIGITS: usize = 16;
/// Longer files enter the diff by their hash alone, so that a large untracked file does not delay the start.
const TEXT_FILE_MAX: &str = "core.bigFileThreshold=1m";
/// The mode and the hash of no content, under which untracked files enter the copy of the index: what is in them is
/// read by the diff.
const UNTRACKED: &[u8] = b"100644 e69de29bb2d1d6434b8b29ae775ad8c2e48c5391\t";
/// The same where objects are named by SHA-256.
const UNTRACKED_SHA256: &[u8] = b"100644 473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813\t";
/// How many hex digits a name by SHA-256 has.
const SHA256_DIGITS: usize = 64;
/// How many filters a note names.
const FILTERS_NAMED_MAX: usize = 4;

/// What is known of the code, and the diff that belongs to it.
#[derive(Clone, Debug, Default)]
pub struct Code {
    pub state: CodeState,
    /// The uncommitted diff; empty where there is none.
    pub diff: Vec<u8>,
    /// Bytes of it beyond [`DIFF_BYTES_MAX`].
    pub diff_cut_bytes: u64,
    /// Why something is not known, for a person.
    pub notes: Vec<String>,
}

impl Git {
    /// The state of the code around `directory`; the default outside of repositories. `scratch` is a folder for the copy
    /// of the index.
    pub fn code(&self, directory: &Path, scratch: &Path) -> Code {
        let mut code = Code::default();
        let Some(project) = project::of(directory) else { return code };
        code.state.project = Some(project.name.clone());
        code.state.worktree = Some(project.worktree.to_string_lossy().into_owned());
        let line = |arguments: &[&str]| self.line(&project.worktree, arguments);
        code.state.branch = line(&["symbolic-ref", "--quiet", "--short", "HEAD"]);
        code.state.commit = line(&["rev-parse", "--verify", "--quiet", "HEAD"]);
        let Some(commit) = code.state.commit.clone() else {
            code.notes.push(
                "git names no commit here, so runs of different code cannot be distinguished by its state".to_owned(),
            );
            return code;
        };
        let diffed = IsolatedGitDir::open(self, &project.worktree, &commit, scratch).and_then(|isolated| {
            code.notes.extend(notes(&project.worktree, &isolated));
            diff(&isolated, &commit)
        });
        match diffed {
            Some(diff) => {
                code.state.uncommitted = diff.hash.is_some();
                code.state.code_state = Some(match &diff.hash {
                    Some(hash) => format!("{commit}+{}", &hash[..hash.len().min(HASH_DIGITS)]),
                    None => commit,
                });
                code.diff = diff.text;
                code.diff_cut_bytes = diff.cut_bytes;
            }
            None => code.notes.push(format!(
                "git failed or took longer than {} s, so uncommitted changes are not recorded (git 2.31 is needed)",
                GIT_TIMEOUT.as_secs()
            )),
        }
        code
    }
}

/// What is compared other than git would, since it would execute what the repository names.
fn notes(worktree: &Path, isolated: &IsolatedGitDir) -> Vec<String> {
    let mut notes = Vec::new();
    let filters = &isolated.refused.filters;
    if !filters.is_empty() {
        // A name that is no word could say anything.
        let named = filters.iter().filter(|name| is_word(name)).take(FILTERS_NAMED_MAX);
        let named: Vec<&str> = named.map(String::as_str).collect();
        notes.push(format!(
            "the repository's own configuration defines {} filter{} ({}), which {} not executed: such files are taken as \
             git stores them",
            filters.len(),
            if filters.len() == 1 { "" } else { "s" },
            if named.is_empty() { "unnamed".to_owned() } else { named.join(", ") },
            if filters.len() == 1 { "is" } else { "are" },
        ));
    }
    if worktree.join(".gitmodules").exists() {
        notes.push("of submodules only the commit is looked at, not what is uncommitted in them".to_owned());
    }
    notes
}

struct Diff {
    /// At most [`DIFF_BYTES_MAX`].
    text: Vec<u8>,
    cut_bytes: u64,
    /// Git's own hash of the whole text; `None` where there is no text.
    hash: Option<String>,
}

fn diff(isolated: &IsolatedGitDir, commit: &str) -> Option<Diff> {
    // Without the index the diff lacks untracked files, and no more.
    if isolated.copy_index().is_ok() {
        add_untracked(isolated, commit);
    }
    let mut command = isolated.command(&["-c", TEXT_FILE_MAX, "diff", "--no-color", "--no-ext-diff", "--no-textconv"]);
    command.args(["--no-renames", "--full-index", "--src-prefix=a/", "--dst-prefix=b/", "--submodule=short"]);
    // Looking into a submodule is a git of its own, in a repository of its own.
    command.args(["--ignore-submodules=dirty", "HEAD"]);
    let mut hasher = isolated.command(&["hash-object", "--stdin"]).stdin(Stdio::piped()).spawn().ok()?;
    let mut feed = hasher.stdin.take()?;
    let (mut text, mut cut_bytes) = (Vec::new(), 0);
    let whole = command::read(command, |chunk| {
        let take = chunk.len().min(DIFF_BYTES_MAX - text.len());
        text.extend_from_slice(&chunk[..take]);
        cut_bytes += (chunk.len() - take) as u64;
        feed.write_all(chunk).is_ok()
    });
    drop(feed);
    let mut hash = String::new();
    let read = hasher.stdout.take().and_then(|mut out| out.read_to_string(&mut hash).ok());
    let ended = hasher.wait();
    if !whole || read.is_none() || !ended.is_ok_and(|status| status.success()) {
        return None;
    }
    let hash = (!text.is_empty()).then(|| hash.trim().to_owned());
    Some(Diff { text, cut_bytes, hash })
}

/// Adds untracked files to the copy of the index by name alone. `git add` would do, but looks into submodules.
fn add_untracked(isolated: &IsolatedGitDir, commit: &str) -> Option<()> {
    let prefix = if commit.len() == SHA256_DIGITS { UNTRACKED_SHA256 } else { UNTRACKED };
    let mut index = isolated.command(&["update-index", "-z", "--index-info"]).stdin(Stdio::piped()).spawn().ok()?;
    let mut feed = index.stdin.take()?;
    let mut name = Vec::new();
    command::read(isolated.command(&["ls-files", "-z", "--others", "--exclude-standard"]), |chunk| {
        let mut lines = Vec::new();
        for &byte in chunk {
            name.push(byte);
            if byte == 0 {
                // A repository within this one ends with a slash. It is another's.
                if !name.ends_with(b"/\0") {
                    lines.extend_from_slice(prefix);
                    lines.extend_from_slice(&name);
                }
                name.clear();
            }
        }
        feed.write_all(&lines).is_ok()
    });
    drop(feed);
    index.wait().ok()?.success().then_some(())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;

    use super::*;

    /// As started from an empty environment.
    pub(crate) fn git() -> Git {
        Git::new([])
    }

    pub(crate) fn repository() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), &["init", "-q", "-b", "main"]);
        fs::write(folder.path().join("tracked.txt"), "one\n").unwrap();
        fs::write(folder.path().join(".gitignore"), "ignored.txt\n").unwrap();
        run(folder.path(), &["add", "."]);
        run(folder.path(), &["-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "first"]);
        folder
    }

    pub(crate) fn run(folder: &Path, arguments: &[&str]) {
        let done = git().command(folder, arguments).env("GIT_CONFIG_GLOBAL", "/dev/null").status().unwrap();
        assert!(done.success(), "git {arguments:?}");
    }

    #[test]
    fn a_clean_worktree_is_its_commit() {
        let (folder, scratch) = (repository(), tempfile::tempdir().unwrap());
        fs::write(folder.path().join("ignored.txt"), "not code\n").unwrap();
        let code = git().code(folder.path(), scratch.path());
        assert_eq!(code.state.branch.as_deref(), Some("main"));
        assert_eq!(code.state.code_state, code.state.commit);
        assert!(code.state.commit.is_some_and(|commit| commit.len() == 40));
        assert!(!code.state.uncommitted && code.diff.is_empty());
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0, "the copy of the index is gone");
    }

    #[test]
    fn changes_and_untracked_files_are_in_the_diff_and_the_users_index_is_not_touched() {
        let (folder, scratch) = (repository(), tempfile::tempdir().unwrap());
        fs::write(folder.path().join("tracked.txt"), "two\n").unwrap();
        fs::write(folder.path().join("new.txt"), "fresh\n").unwrap();
        let index = fs::read(folder.path().join(".git/index")).unwrap();
        let code = git().code(folder.path(), scratch.path());
        let diff = String::from_utf8(code.diff.clone()).unwrap();
        assert!(diff.contains("-one\n+two\n") && diff.contains("new.txt") && diff.contains("+fresh\n"), "{diff}");
        assert_eq!(fs::read(folder.path().join(".git/index")).unwrap(), index);
        assert_eq!(git().code(folder.path(), scratch.path()).state, code.state, "the same code has the same state");
        fs::write(folder.path().join("new.txt"), "fresher\n").unwrap();
        assert_ne!(git().code(folder.path(), scratch.path()).state.code_state, code.state.code_state);
    }

    #[test]
    fn what_git_tracks_is_known_and_what_it_does_not_say_too() {
        let folder = repository();
        fs::create_dir(folder.path().join("own")).unwrap();
        fs::write(folder.path().join("own/new.txt"), "").unwrap();
        let tracks = |path: &str| git().tracks(folder.path(), path);
        assert_eq!([tracks("own"), tracks("tracked.txt"), tracks("*")], [Some(false), Some(true), Some(false)]);
        run(folder.path(), &["add", "-N", "own"]);
        assert_eq!(tracks("own"), Some(true));
        fs::write(folder.path().join(".git/index"), "no index").unwrap();
        assert_eq!(tracks("own"), None);
        assert_eq!(git().tracks(tempfile::tempdir().unwrap().path(), "own"), Some(false));
    }

    #[test]
    fn a_long_diff_is_cut_and_counted_but_hashed_whole() {
        let (folder, scratch) = (repository(), tempfile::tempdir().unwrap());
        for file in 0..6 {
            fs::write(folder.path().join(format!("{file}.txt")), "0123456789abcde\n".repeat(60_000)).unwrap();
        }
        let code = git().code(folder.path(), scratch.path());
        assert_eq!(code.diff.len(), DIFF_BYTES_MAX);
        assert!(code.diff_cut_bytes > 1_000_000);
        fs::write(folder.path().join("5.txt"), "0123456789abcdX\n".repeat(60_000)).unwrap();
        let other = git().code(folder.path(), scratch.path());
        assert_eq!(other.diff, code.diff);
        assert_ne!(other.state.code_state, code.state.code_state);
    }
}
