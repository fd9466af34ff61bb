//! A temporary worktree of another revision, outside the user's own tree, removed when dropped.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::{Pid, test_kill_process};

use crate::command::Git;
use crate::isolated::{self, IsolatedGitDir};

/// What the folders of temporary worktrees begin with; the process that made one follows.
const PREFIX: &str = "tree.";
/// How much of what git said is shown where it fails.
const WORDS_MAX: usize = 2_000;

/// Why a revision could not be checked out.
#[derive(Debug, thiserror::Error)]
pub enum CheckOutError {
    /// The repository's configuration defines hooks that git would execute.
    #[error(
        "the repository's configuration defines hooks (hook.NAME.command), and Kinescope executes nothing that a \
         repository names: take them out, or compare with recorded runs"
    )]
    Hooks,
    /// Git does not know what is asked of it.
    #[error("git could not check {commit} out: git 2.31 or newer is needed")]
    TooOld { commit: String },
    /// The folder cannot be made.
    #[error("making {}", folder.display())]
    Folder {
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Git cannot be started.
    #[error("starting git")]
    Start(#[source] io::Error),
    /// Git refused, with what it said.
    #[error("git could not check {commit} out: {said}{}", hint(*is_partial))]
    Refused {
        commit: String,
        /// What git wrote to standard error.
        said: String,
        /// Whether objects may be missing that git would fetch.
        is_partial: bool,
    },
}

fn hint(is_partial: bool) -> &'static str {
    if is_partial {
        "; this is a partial clone, and Kinescope fetches nothing: check the revision out once by git itself"
    } else {
        ""
    }
}

/// A checked out revision.
#[derive(Debug)]
pub struct Worktree {
    git: Git,
    /// The folder that holds nothing but the worktree.
    folder: PathBuf,
    pub root: PathBuf,
    /// The worktree it was made from.
    origin: PathBuf,
}

impl Worktree {
    /// Checks `commit` of the repository around `origin` out into a folder of its own below `scratch`.
    ///
    /// # Errors
    /// Where git cannot, with what it said.
    pub fn add(git: &Git, origin: &Path, commit: &str, scratch: &Path) -> Result<Self, CheckOutError> {
        isolated::sweep(scratch, &[PREFIX, isolated::PREFIX], lives);
        let too_old = || CheckOutError::TooOld { commit: commit.to_owned() };
        let refused = isolated::configuration(git, origin).map(|(_, refused)| refused);
        if refused.ok_or_else(too_old)?.hooks {
            return Err(CheckOutError::Hooks);
        }
        let folder = scratch.join(format!("{PREFIX}{}", std::process::id()));
        if let Err(source) = fs::create_dir_all(&folder) {
            return Err(CheckOutError::Folder { folder, source });
        }
        // The same name, for programs that look at it.
        let root = folder.join(origin.file_name().unwrap_or("tree".as_ref()));
        let tree = Self { git: git.clone(), folder, root, origin: origin.to_owned() };
        // Its files are written by a git that does not see the repository's configuration.
        let mut add = git.command(origin, &["worktree", "add", "--no-checkout", "--quiet", "--detach", "--force"]);
        add.arg(&tree.root).arg(commit);
        succeed(add, commit, false)?;
        let isolated = IsolatedGitDir::open(git, &tree.root, commit, scratch).ok_or_else(too_old)?;
        succeed(isolated.check_out(), commit, isolated.refused.is_partial)?;
        Ok(tree)
    }
}

fn succeed(mut command: Command, commit: &str, is_partial: bool) -> Result<(), CheckOutError> {
    let ended = command.stderr(Stdio::piped()).output().map_err(CheckOutError::Start)?;
    if ended.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ended.stderr).trim().chars().take(WORDS_MAX).collect();
    Err(CheckOutError::Refused { commit: commit.to_owned(), said, is_partial })
}

impl Drop for Worktree {
    fn drop(&mut self) {
        // What is left where this fails is swept by the next one.
        drop(fs::remove_dir_all(&self.folder));
        drop(self.git.command(&self.origin, &["worktree", "prune"]).status());
    }
}

fn lives(pid: i32) -> bool {
    // A process that may not be signalled lives.
    Pid::from_raw(pid).is_some_and(|pid| !matches!(test_kill_process(pid), Err(rustix::io::Errno::SRCH)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::tests::{git, repository, run};

    #[test]
    fn a_revision_is_checked_out_elsewhere_and_goes_away() {
        let (folder, scratch) = (repository(), tempfile::tempdir().unwrap());
        fs::write(folder.path().join("tracked.txt"), "two\n").unwrap();
        run(folder.path(), &["-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qam", "second"]);
        let commit = git().commit_of(folder.path(), "HEAD~1").unwrap();
        let tree = Worktree::add(&git(), folder.path(), &commit, scratch.path()).unwrap();
        assert_eq!(fs::read_to_string(tree.root.join("tracked.txt")).unwrap(), "one\n");
        assert_eq!(crate::project::of(&tree.root).unwrap().name, crate::project::of(folder.path()).unwrap().name);
        let state = git().code(&tree.root, scratch.path()).state;
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
        isolated::sweep(scratch.path(), &[PREFIX], lives);
        let left: Vec<_> = fs::read_dir(scratch.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(left, [format!("{PREFIX}{}", std::process::id()).as_str()]);
    }

    #[test]
    fn a_revision_is_no_option() {
        let folder = repository();
        assert_eq!(git().commit_of(folder.path(), "--all"), None);
        assert_eq!(git().commit_of(folder.path(), "nowhere"), None);
    }
}
