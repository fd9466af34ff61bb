//! What ran in worktrees that were made for one verification: other code than people work on, in a folder that is gone.
//!
//! Such executions are left out unless a question names them by id, and paths in them are shown as the project's.

use std::path::Path;
use std::sync::Arc;

use kino_model::{Trace, TraceId, names};

/// Whether a worktree is one that was made for a verification: it is below `scratch`.
pub(crate) fn is_temporary(worktree: &str, scratch: &Path) -> bool {
    Path::new(worktree).starts_with(scratch)
}

/// Leaves out the traces of temporary worktrees, which ran other code in turn with this one; unless there are no others.
/// Returns which.
pub(crate) fn leave_out_temporary(traces: &mut Vec<Arc<Trace>>, scratch: &Path) -> Vec<TraceId> {
    let is_temporary = |trace: &Arc<Trace>| {
        let worktree = trace.spans.iter().find_map(|span| span.resource.text(names::WORKTREE));
        worktree.is_some_and(|worktree| is_temporary(worktree, scratch))
    };
    if traces.iter().all(is_temporary) {
        return Vec::new();
    }
    traces.extract_if(.., |trace| is_temporary(trace)).map(|trace| trace.trace_id).collect()
}

/// The path of the same file in the project, for a path in a temporary worktree; `None` for any other path, and where
/// the project has no main worktree. The project is the common git directory, which is inside that worktree.
pub(crate) fn path_in_project(path: &str, worktree: &str, project: &str, scratch: &Path) -> Option<String> {
    if !is_temporary(worktree, scratch) {
        return None;
    }
    let file = Path::new(path).strip_prefix(worktree).ok()?;
    let main = Path::new(project.strip_suffix("/.git")?);
    main.join(file).to_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_in_a_temporary_worktree_are_the_projects() {
        let scratch = Path::new("/home/me/.kinescope/scratch");
        let worktree = "/home/me/.kinescope/scratch/worktree-17";
        let mapped = |path: &str, worktree: &str| path_in_project(path, worktree, "/src/shop/.git", scratch);
        let inside = format!("{worktree}/shop/db.py");
        assert_eq!(mapped(&inside, worktree).as_deref(), Some("/src/shop/shop/db.py"));
        assert_eq!(mapped("/usr/lib/python3/json.py", worktree), None);
        assert_eq!(mapped("/src/shop/shop/db.py", "/src/shop"), None);
        assert_eq!(mapped(&format!("{worktree}7/db.py"), worktree), None, "another folder's name begins alike");
    }
}
