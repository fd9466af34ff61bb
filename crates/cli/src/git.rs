//! The state of the code when a run begins: commit, branch, and everything uncommitted, asked of the git command.
//!
//! The diff is taken against a copy of the index to which untracked files are added by name only, so that one
//! `git diff` tells about everything and the user's own index stays as it is.

mod worktree;

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use kino_wire::run::CodeState;

pub(crate) use self::worktree::Worktree;
use crate::project;

/// How much of a diff is kept. The hash is over all of it.
pub(crate) const DIFF_BYTES_MAX: usize = 4 << 20;
/// How long one git command may take before the run goes on without its answer.
const GIT_TIMEOUT: Duration = Duration::from_secs(10);
/// How many hex digits of the diff's hash name a state of the code.
const HASH_DIGITS: usize = 16;
/// Files longer than this are told apart by hash alone, so that a large untracked file does not hold up the start.
const TEXT_FILE_MAX: &str = "core.bigFileThreshold=1m";
/// How much is read from git at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// What is known of the code, and the diff that belongs to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Code {
    /// The state.
    pub(crate) state: CodeState,
    /// The uncommitted diff; empty where there is none.
    pub(crate) diff: Vec<u8>,
    /// Bytes of it beyond [`DIFF_BYTES_MAX`].
    pub(crate) diff_cut_bytes: u64,
    /// Why something is not known, for a person.
    pub(crate) notes: Vec<String>,
}

/// Looks at the code around `directory`. `scratch` is a folder for the copy of the index.
pub(crate) fn look(directory: &Path, scratch: &Path) -> Code {
    let mut code = Code::default();
    let Some(project) = project::of(directory) else { return code };
    code.state.project = Some(project.name.clone());
    code.state.worktree = Some(project.worktree.to_string_lossy().into_owned());
    let line = |arguments: &[&str]| line(&project.worktree, arguments);
    code.state.branch = line(&["symbolic-ref", "--quiet", "--short", "HEAD"]);
    code.state.commit = line(&["rev-parse", "--verify", "--quiet", "HEAD"]);
    let Some(commit) = code.state.commit.clone() else {
        code.notes.push("git names no commit here, so runs of this code cannot be told apart by its state".to_owned());
        return code;
    };
    let index = Index::copy(&project.worktree, scratch);
    match diff(&project.worktree, index.as_ref()) {
        Some(diff) => {
            code.state.uncommitted = diff.hash.is_some();
            code.state.code_state = Some(match &diff.hash {
                Some(hash) => format!("{commit}+{}", &hash[..hash.len().min(HASH_DIGITS)]),
                None => commit,
            });
            code.diff = diff.kept;
            code.diff_cut_bytes = diff.cut_bytes;
        }
        None => code.notes.push(format!(
            "git diff failed or took longer than {} s, so uncommitted changes are not recorded",
            GIT_TIMEOUT.as_secs()
        )),
    }
    code
}

/// The commit that a revision names in the repository around `directory`; `None` where it names none.
pub(crate) fn commit_of(directory: &Path, revision: &str) -> Option<String> {
    line(directory, &["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{revision}^{{commit}}")])
}

struct Diff {
    kept: Vec<u8>,
    cut_bytes: u64,
    /// Git's own hash of the whole text; `None` where there is no text.
    hash: Option<String>,
}

fn diff(worktree: &Path, index: Option<&Index>) -> Option<Diff> {
    let mut command = git(worktree, &["-c", TEXT_FILE_MAX, "diff", "--no-color", "--no-ext-diff", "--no-textconv"]);
    command.args(["--no-renames", "--full-index", "--src-prefix=a/", "--dst-prefix=b/", "--submodule=short", "HEAD"]);
    if let Some(index) = index {
        command.env("GIT_INDEX_FILE", &index.path);
    }
    let mut hasher = git(worktree, &["hash-object", "--stdin"]).stdin(Stdio::piped()).spawn().ok()?;
    let mut feed = hasher.stdin.take()?;
    let (mut kept, mut cut_bytes) = (Vec::new(), 0);
    let whole = read(command, |chunk| {
        let take = chunk.len().min(DIFF_BYTES_MAX - kept.len());
        kept.extend_from_slice(&chunk[..take]);
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
    let hash = (!kept.is_empty()).then(|| hash.trim().to_owned());
    Some(Diff { kept, cut_bytes, hash })
}

/// A copy of the index that knows of untracked files; removed when dropped.
struct Index {
    path: PathBuf,
}

impl Index {
    /// `None` where it cannot be made: the diff is then without untracked files.
    fn copy(worktree: &Path, scratch: &Path) -> Option<Self> {
        let original = PathBuf::from(line(worktree, &["rev-parse", "--path-format=absolute", "--git-path", "index"])?);
        let path = scratch.join(format!("index.{}", std::process::id()));
        let index = Self { path };
        // A repository without an index yet is fine: git makes one at the new place.
        if original.exists() {
            fs::copy(&original, &index.path).ok()?;
            // As old as the original: by that git tells which files may have changed since within the clock's grain.
            let modified = fs::metadata(&original).ok()?.modified().ok()?;
            fs::File::options().write(true).open(&index.path).ok()?.set_modified(modified).ok()?;
        }
        let mut add = git(worktree, &["add", "--intent-to-add", "--all", "--ignore-errors", "--", "."]);
        add.env("GIT_INDEX_FILE", &index.path);
        // Unreadable files make it fail after it added the others, which is as good as can be.
        read(add, |_| true);
        Some(index)
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        // Left behind, it would be a stray file in the home's temporary folder and nothing worse.
        drop(fs::remove_file(&self.path));
    }
}

fn git(worktree: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(worktree).args(arguments).env("GIT_OPTIONAL_LOCKS", "0").env("LC_ALL", "C");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// The first line of git's answer; `None` where it fails or says nothing.
fn line(worktree: &Path, arguments: &[&str]) -> Option<String> {
    let mut text = Vec::new();
    let whole = read(git(worktree, arguments), |chunk| {
        text.extend_from_slice(chunk);
        text.len() < CHUNK_BYTES
    });
    let text = String::from_utf8_lossy(&text).lines().next().unwrap_or_default().trim().to_owned();
    (whole && !text.is_empty()).then_some(text)
}

/// Hands a command's output to `each` as it comes, until `each` declines. Whether all of it came in time and the
/// command succeeded.
fn read(mut command: Command, mut each: impl FnMut(&[u8]) -> bool) -> bool {
    let Ok(mut child) = command.spawn() else { return false };
    let Some(chunks) = pump(&mut child) else { return false };
    let whole = loop {
        match chunks.recv_timeout(GIT_TIMEOUT) {
            Ok(chunk) if each(&chunk) => {}
            Ok(_) | Err(RecvTimeoutError::Timeout) => break false,
            Err(RecvTimeoutError::Disconnected) => break true,
        }
    };
    if !whole {
        // It may have ended by itself just now.
        drop(child.kill());
    }
    child.wait().is_ok_and(|status| status.success()) && whole
}

/// Reads on a thread of its own, so that a command that hangs does not hang the reader.
fn pump(child: &mut Child) -> Option<Receiver<Vec<u8>>> {
    let mut out = child.stdout.take()?;
    let (send, receive) = sync_channel(4);
    thread::spawn(move || {
        let mut buffer = vec![0; CHUNK_BYTES];
        while let Ok(length @ 1..) = out.read(&mut buffer) {
            if send.send(buffer[..length].to_vec()).is_err() {
                return;
            }
        }
    });
    Some(receive)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn repository() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), &["init", "-q", "-b", "main"]);
        fs::write(folder.path().join("kept.txt"), "one\n").unwrap();
        fs::write(folder.path().join(".gitignore"), "ignored.txt\n").unwrap();
        run(folder.path(), &["add", "."]);
        run(folder.path(), &["-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "first"]);
        folder
    }

    pub(super) fn run(folder: &Path, arguments: &[&str]) {
        let done = git(folder, arguments).env("GIT_CONFIG_GLOBAL", "/dev/null").status().unwrap();
        assert!(done.success(), "git {arguments:?}");
    }

    #[test]
    fn a_clean_worktree_is_its_commit() {
        let (folder, scratch) = (repository(), tempfile::tempdir().unwrap());
        fs::write(folder.path().join("ignored.txt"), "not code\n").unwrap();
        let code = look(folder.path(), scratch.path());
        assert_eq!(code.state.branch.as_deref(), Some("main"));
        assert_eq!(code.state.code_state, code.state.commit);
        assert!(code.state.commit.is_some_and(|commit| commit.len() == 40));
        assert!(!code.state.uncommitted && code.diff.is_empty());
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0, "the copy of the index is gone");
    }

    #[test]
    fn changes_and_untracked_files_are_in_the_diff_and_the_users_index_is_not_touched() {
        let (folder, scratch) = (repository(), tempfile::tempdir().unwrap());
        fs::write(folder.path().join("kept.txt"), "two\n").unwrap();
        fs::write(folder.path().join("new.txt"), "fresh\n").unwrap();
        let index = fs::read(folder.path().join(".git/index")).unwrap();
        let code = look(folder.path(), scratch.path());
        let diff = String::from_utf8(code.diff.clone()).unwrap();
        assert!(diff.contains("-one\n+two\n") && diff.contains("new.txt") && diff.contains("+fresh\n"), "{diff}");
        assert_eq!(fs::read(folder.path().join(".git/index")).unwrap(), index);
        assert_eq!(look(folder.path(), scratch.path()).state, code.state, "the same code has the same state");
        fs::write(folder.path().join("new.txt"), "fresher\n").unwrap();
        assert_ne!(look(folder.path(), scratch.path()).state.code_state, code.state.code_state);
    }

    #[test]
    fn a_long_diff_is_cut_and_counted_but_hashed_whole() {
        let (folder, scratch) = (repository(), tempfile::tempdir().unwrap());
        for file in 0..6 {
            fs::write(folder.path().join(format!("{file}.txt")), "0123456789abcde\n".repeat(60_000)).unwrap();
        }
        let code = look(folder.path(), scratch.path());
        assert_eq!(code.diff.len(), DIFF_BYTES_MAX);
        assert!(code.diff_cut_bytes > 1_000_000);
        fs::write(folder.path().join("5.txt"), "0123456789abcdX\n".repeat(60_000)).unwrap();
        let other = look(folder.path(), scratch.path());
        assert_eq!(other.diff, code.diff);
        assert_ne!(other.state.code_state, code.state.code_state);
    }
}
