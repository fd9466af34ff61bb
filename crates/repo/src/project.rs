//! Which project a directory belongs to, and its worktree, found without starting git.
//!
//! What is recorded from a directory and what is asked from there go by the same name of a project.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A `.git` file or `commondir` is one short line; anything longer is neither.
const POINTER_BYTES_MAX: u64 = 8 * 1024;
/// How far up a `.git` is looked for.
const PARENTS_MAX: usize = 128;

/// A worktree and the repository it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// The common git directory, absolute and with links resolved; all worktrees of a repository share it.
    pub name: String,
    /// The worktree's root, absolute and with links resolved.
    pub worktree: PathBuf,
}

/// The project that `directory` belongs to; `None` outside of repositories.
pub fn of(directory: &Path) -> Option<Project> {
    let worktree = worktree_of(directory)?;
    let git = worktree.join(".git");
    let git_directory = if git.is_dir() { git } else { pointed_to(&git, "gitdir:")? };
    let common = pointed_to(&git_directory.join("commondir"), "").unwrap_or(git_directory);
    let name = common.canonicalize().ok()?.to_str()?.to_owned();
    Some(Project { name, worktree })
}

/// The name of the project that `directory` belongs to.
pub fn name_of(directory: &Path) -> Option<String> {
    of(directory).map(|project| project.name)
}

/// The nearest folder at or above `directory` that has a `.git`, whatever that is; links are resolved.
pub fn worktree_of(directory: &Path) -> Option<PathBuf> {
    let start = directory.canonicalize().ok()?;
    start.ancestors().take(PARENTS_MAX).find(|folder| folder.join(".git").exists()).map(Path::to_owned)
}

/// Reads a file that names a directory, absolute or relative to the file's own.
fn pointed_to(file: &Path, prefix: &str) -> Option<PathBuf> {
    // Opening a pipe would wait for its writer.
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    fs::File::open(file).ok()?.take(POINTER_BYTES_MAX).read_to_string(&mut text).ok()?;
    let path = text.strip_prefix(prefix)?.trim();
    (!path.is_empty()).then(|| file.parent().unwrap_or(Path::new("/")).join(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worktrees_share_their_repository() {
        let home = tempfile::tempdir().unwrap();
        let main = home.path().join("main");
        let linked = home.path().join("linked/deep");
        fs::create_dir_all(main.join(".git/worktrees/linked")).unwrap();
        fs::create_dir_all(&linked).unwrap();
        let private = main.join(".git/worktrees/linked");
        fs::write(private.join("commondir"), "../..\n").unwrap();
        fs::write(home.path().join("linked/.git"), format!("gitdir: {}\n", private.display())).unwrap();
        let project = name_of(&main).unwrap();
        assert!(project.ends_with("main/.git"), "{project}");
        assert_eq!(name_of(&linked), Some(project));
        assert_eq!(of(&linked).unwrap().worktree, home.path().join("linked").canonicalize().unwrap());
    }

    #[test]
    fn a_directory_outside_of_repositories_has_no_project() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join(".git"), "not a pointer").unwrap();
        assert_eq!(name_of(home.path()), None);
    }
}
