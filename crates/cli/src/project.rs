//! Which project a directory belongs to, and its worktree.
//!
//! `kino run` records the same name of a project that questions are scoped by, so that a question asked from a
//! directory finds what ran there.

use std::path::{Path, PathBuf};

/// How many folders up a `.git` is looked for; no real path is deeper.
const DEPTH_MAX: usize = 128;

/// A worktree and the repository it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Project {
    /// The common git directory, which all worktrees of a repository share.
    pub(crate) name: String,
    /// The worktree's root.
    pub(crate) worktree: PathBuf,
}

/// The project that `directory` belongs to, if it belongs to one.
pub(crate) fn of(directory: &Path) -> Option<Project> {
    let name = kino_mcp::project_of(directory)?;
    let directory = directory.canonicalize().ok()?;
    let worktree = directory.ancestors().take(DEPTH_MAX).find(|folder| folder.join(".git").exists())?;
    Some(Project { name, worktree: worktree.to_owned() })
}
