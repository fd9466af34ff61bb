//! A temporary worktree of another revision, outside the user's own tree, removed when dropped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::{Pid, test_kill_process};

use super::git;
use crate::failure::{Failure, code};

/// What the folders of temporary worktrees begin with; the process that made one follows.
const PREFIX: &str = "tree.";
/// How much of what git said is shown where it fails.
const WORDS_MAX: usize = 2_000;

/// A checked out revision.
#[derive(Debug)]
pub(crate) struct Worktree {
    /// The folder that holds nothing but the worktree.
    folder: PathBuf,
    /// Its root.
    pub(crate) root: PathBuf,
    /// The worktree it was made from.
    origin: PathBuf,
}

impl Worktree {
    /// Checks `commit` of the repository around `origin` out into a folder of its own beneath `scratch`.
    ///
    /// # Errors
    /// Where git cannot, with what it said.
    pub(crate) fn add(origin: &Path, commit: &str, scratch: &Path) -> Result<Self, Failure> {
        sweep(scratch);
        let folder = scratch.join(format!("{PREFIX}{}", std::process::id()));
        fs::create_dir_all(&folder)
            .map_err(|error| Failure::because(format!("making {}", folder.display()), &error))?;
        // The same name, for programs that look at it.
        let root = folder.join(origin.file_name().unwrap_or("tree".as_ref()));
        let tree = Self { folder, root, origin: origin.to_owned() };
        // Hooks are for the user's own worktrees.
        let mut add =
            tree.git(&["-c", "core.hooksPath=/dev/null", "worktree", "add", "--quiet", "--detach", "--force"]);
        let added = add.arg(&tree.root).arg(commit).stderr(Stdio::piped()).output();
        let added = added.map_err(|error| Failure::because("starting git", &error))?;
        if added.status.success() {
            return Ok(tree);
        }
        let said: String = String::from_utf8_lossy(&added.stderr).trim().chars().take(WORDS_MAX).collect();
        Err(Failure::new(code::RUN_FAILED, format!("git could not check {commit} out: {said}")))
    }

    fn git(&self, arguments: &[&str]) -> Command {
        let mut command = git(&self.origin, arguments);
        // Set where git itself started us; they would lead it to the user's own tree.
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
            command.env_remove(name);
        }
        command
    }
}

impl Drop for Worktree {
    fn drop(&mut self) {
        // What is left where this fails is swept by the next one.
        drop(fs::remove_dir_all(&self.folder));
        drop(self.git(&["worktree", "prune"]).status());
    }
}

/// Removes what processes left that were killed.
fn sweep(scratch: &Path) {
    let Ok(entries) = fs::read_dir(scratch) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.parse().ok()).and_then(Pid::from_raw);
        if pid.is_some_and(|pid| !lives(pid)) {
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

fn lives(pid: Pid) -> bool {
    // Whoever may not be signalled lives.
    !matches!(test_kill_process(pid), Err(rustix::io::Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{repository, run};
    use super::*;

    #[test]
    fn a_revision_is_checked_out_elsewhere_and_goes_away() {
        let (folder, scratch) = (repository(), tempfile::tempdir().unwrap());
        fs::write(folder.path().join("kept.txt"), "two\n").unwrap();
        run(folder.path(), &["-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qam", "second"]);
        let commit = super::super::commit_of(folder.path(), "HEAD~1").unwrap();
        let tree = Worktree::add(folder.path(), &commit, scratch.path()).unwrap();
        assert_eq!(fs::read_to_string(tree.root.join("kept.txt")).unwrap(), "one\n");
        assert_eq!(crate::project::of(&tree.root).unwrap().name, crate::project::of(folder.path()).unwrap().name);
        let state = super::super::look(&tree.root, scratch.path()).state;
        assert_eq!((state.code_state.as_deref(), state.uncommitted), (Some(commit.as_str()), false));
        drop(tree);
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
        assert_eq!(fs::read_dir(folder.path().join(".git/worktrees")).map_or(0, Iterator::count), 0);
    }

    #[test]
    fn what_a_killed_process_left_is_swept_and_what_lives_is_not() {
        let scratch = tempfile::tempdir().unwrap();
        let mut ended = Command::new("true").spawn().unwrap();
        ended.wait().unwrap();
        for pid in [ended.id(), std::process::id()] {
            fs::create_dir(scratch.path().join(format!("{PREFIX}{pid}"))).unwrap();
        }
        sweep(scratch.path());
        let left: Vec<_> = fs::read_dir(scratch.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(left, [format!("{PREFIX}{}", std::process::id()).as_str()]);
    }

    #[test]
    fn a_revision_is_no_option() {
        let folder = repository();
        assert_eq!(super::super::commit_of(folder.path(), "--all"), None);
        assert_eq!(super::super::commit_of(folder.path(), "nowhere"), None);
    }
}
