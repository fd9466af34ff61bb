//! Which project a directory belongs to: the common git directory, found without starting git.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A `.git` file or `commondir` is one short line; anything longer is neither.
const POINTER_BYTES_MAX: u64 = 8 * 1024;
/// How far up a `.git` is looked for.
const PARENTS_MAX: usize = 128;

/// The common git directory of the repository that `directory` lies in, absolute and with links resolved; all
/// worktrees of a repository share it. `None` outside of repositories.
pub fn project_of(directory: &Path) -> Option<String> {
    let start = directory.canonicalize().ok()?;
    let git = start.ancestors().take(PARENTS_MAX).map(|at| at.join(".git")).find(|path| path.exists())?;
    let git_directory = if git.is_dir() { git } else { pointed_to(&git, "gitdir:")? };
    let common = pointed_to(&git_directory.join("commondir"), "").unwrap_or(git_directory);
    Some(common.canonicalize().ok()?.to_str()?.to_owned())
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

/// The path of a `file://` URI on this machine.
pub(crate) fn path_of_uri(uri: &str) -> Option<PathBuf> {
    let rest = uri.strip_prefix("file://")?;
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') {
        return None;
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut left = path.as_bytes();
    while let Some((&first, rest)) = left.split_first() {
        left = rest;
        if first == b'%' {
            let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            left = &rest[2..];
        } else {
            bytes.push(first);
        }
    }
    String::from_utf8(bytes).ok().map(PathBuf::from)
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
        let project = project_of(&main).unwrap();
        assert!(project.ends_with("main/.git"), "{project}");
        assert_eq!(project_of(&linked), Some(project));
    }

    #[test]
    fn a_directory_outside_of_repositories_has_no_project() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join(".git"), "not a pointer").unwrap();
        assert_eq!(project_of(home.path()), None);
    }

    #[test]
    fn uris_become_paths() {
        assert_eq!(path_of_uri("file:///a%20b/c"), Some(PathBuf::from("/a b/c")));
        assert_eq!(path_of_uri("file://localhost/a"), Some(PathBuf::from("/a")));
        for refused in ["https://example.org/a", "file://elsewhere/a", "file:///a%2", "file:///%zz"] {
            assert_eq!(path_of_uri(refused), None, "{refused}");
        }
    }
}
