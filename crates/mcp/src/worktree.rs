//! Which recorded paths name files of the client's own worktree, so that they may be pushed to it.
//!
//! A path that a program recorded is that program's text. Where it names a file of the worktree, it adds nothing to what
//! the agent sees there anyway: its author could as well have written into a file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kino_wire::insights::Insight;

use crate::recorded::pushable_path;

/// The deepest path that is looked up.
const DEPTH_MAX: usize = 32;
/// How far up from a directory a worktree's root is looked for.
const PARENTS_MAX: usize = 128;

/// The roots of the client's worktrees; none where the client names no directory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Worktrees {
    roots: Arc<[PathBuf]>,
}

impl Worktrees {
    /// The worktrees around these directories. A directory outside of repositories stands for itself.
    pub(crate) fn around(directories: &[PathBuf]) -> Self {
        let root = |directory: &PathBuf| {
            let start = directory.canonicalize().ok()?;
            let found = start.ancestors().take(PARENTS_MAX).find(|folder| folder.join(".git").exists());
            Some(found.map_or_else(|| start.clone(), Path::to_owned))
        };
        Self { roots: directories.iter().filter_map(root).collect() }
    }

    /// Which of the findings' files are there. Looks them up on a thread where that may take its time.
    pub(crate) async fn files_of(&self, items: &[Insight]) -> Files {
        let paths: BTreeSet<String> = items.iter().filter_map(|item| item.file.clone()).collect();
        let roots = Arc::clone(&self.roots);
        let there = move || paths.into_iter().filter(|path| roots.iter().any(|root| has(root, path))).collect();
        // Where the look-up fails no path is pushed.
        Files { there: tokio::task::spawn_blocking(there).await.unwrap_or_default() }
    }
}

/// Recorded paths that name files of the client's worktrees.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files {
    there: BTreeSet<String>,
}

impl Files {
    /// Whether the path may be pushed as it is.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.there.contains(path)
    }

    #[cfg(test)]
    pub(crate) fn only(path: &str) -> Self {
        Self { there: BTreeSet::from([path.to_owned()]) }
    }
}

/// Whether `path` names a regular file beneath `root`, reached through folders alone: a link could lead anywhere.
fn has(root: &Path, path: &str) -> bool {
    let Some(path) = pushable_path(path) else { return false };
    let mut at = root.to_owned();
    let mut parts = path.split('/').peekable();
    for _ in 0..DEPTH_MAX {
        let Some(part) = parts.next() else { return false };
        if part == "." {
            return false;
        }
        at.push(part);
        let Ok(found) = at.symlink_metadata() else { return false };
        let is_last = parts.peek().is_none();
        match is_last {
            true => return found.is_file(),
            false if !found.is_dir() => return false,
            false => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_files_of_the_worktree_that_no_link_leads_to_are_there() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let root = folder.path();
        fs::create_dir_all(root.join("src/app")).unwrap();
        for file in [root.join("src/app/models.py"), elsewhere.path().join("secret.py")] {
            fs::write(file, "").unwrap();
        }
        symlink(elsewhere.path(), root.join("out")).unwrap();
        symlink(elsewhere.path().join("secret.py"), root.join("link.py")).unwrap();
        symlink(root.join("src"), root.join("inner")).unwrap();
        assert!(has(root, "src/app/models.py"));
        for other in [
            "src/app",
            "src/app/other.py",
            "src/app/models.py/x",
            "src/./app/models.py",
            "src/../src/app/models.py",
            "out/secret.py",
            "link.py",
            "inner/app/models.py",
            "",
            "/etc/passwd",
        ] {
            assert!(!has(root, other), "{other}");
        }
        assert!(!has(root, &format!("{}x", "src/".repeat(40))));
    }

    #[test]
    fn a_directory_within_a_worktree_stands_for_all_of_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join(".git")).unwrap();
        fs::create_dir_all(folder.path().join("deep/er")).unwrap();
        let around = Worktrees::around(&[folder.path().join("deep/er")]);
        assert_eq!(*around.roots, [folder.path().canonicalize().unwrap()]);
        assert!(Worktrees::around(&[folder.path().join("absent")]).roots.is_empty());
    }
}
