//! Finds the recorded paths that name files of the client's own worktree, and the recorded names that occur in these
//! files: both may be pushed to it.
//!
//! A path that a program recorded is that program's text. Where it names a file of the worktree, it adds nothing to what
//! the agent sees there anyway: its author could as well have written into a file. The same is true of an operation's
//! name that occurs in such a file: a function's, a route's, a test's.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kino_repo::project;
use kino_wire::insights::Insight;

use crate::untrusted::pushable_path;

/// The deepest path that may be pushed, in folders.
const DEPTH_MAX: usize = 32;
/// The longest name of an operation that is searched for.
const NAME_BYTES_MAX: usize = 120;
/// Shorter names and routes occur in any file.
const NAME_BYTES_MIN: usize = 4;
/// Larger files are not searched.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// What comes before the route in the name of an HTTP request.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// The roots of the client's worktrees; none where the client names no directory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Worktrees {
    roots: Arc<[PathBuf]>,
}

impl Worktrees {
    /// The worktrees around these directories. A directory outside of repositories is its own.
    pub(crate) fn around(directories: &[PathBuf]) -> Self {
        let root = |directory: &PathBuf| project::worktree_of(directory).or_else(|| directory.canonicalize().ok());
        Self { roots: directories.iter().filter_map(root).collect() }
    }

    /// Finds the files and names of findings in the worktrees, on a blocking thread.
    pub(crate) async fn files_of(&self, items: &[Insight]) -> Files {
        let paths: BTreeSet<String> = items.iter().filter_map(|item| item.file.clone()).collect();
        let searched = items.iter().filter_map(|item| item.finding.searched.as_ref());
        let searched: Vec<String> = searched.flat_map(|it| &it.places).map(|place| place.path.clone()).collect();
        let mut unknown: BTreeSet<String> = items.iter().map(|item| item.entry.name.clone()).collect();
        unknown.retain(|name| sought(name).is_some());
        let roots = Arc::clone(&self.roots);
        let search = move || {
            let mut files = Files::default();
            for path in paths {
                let Some(root) = roots.iter().find(|root| has(root, &path)) else { continue };
                if !unknown.is_empty() {
                    let text = content(&root.join(&path));
                    files.names.extend(unknown.extract_if(.., |name| sought(name).is_some_and(|it| text.contains(it))));
                }
                files.there.insert(path);
            }
            files.there.extend(searched.into_iter().filter(|path| roots.iter().any(|root| has(root, path))));
            files
        };
        // Where the search fails, nothing recorded is pushed.
        tokio::task::spawn_blocking(search).await.unwrap_or_default()
    }
}

impl Worktrees {
    /// Returns those of these paths that name files of the worktrees.
    pub(crate) async fn paths(&self, paths: BTreeSet<String>) -> BTreeSet<String> {
        let roots = Arc::clone(&self.roots);
        let search = move || paths.into_iter().filter(|path| roots.iter().any(|root| has(root, path))).collect();
        // Where the search fails, nothing is pushed.
        tokio::task::spawn_blocking(search).await.unwrap_or_default()
    }
}

/// Recorded paths that name files of the client's worktrees, and names of operations that stand in these files.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files {
    there: BTreeSet<String>,
    names: BTreeSet<String>,
}

impl Files {
    /// Whether the path may be pushed as it is.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.there.contains(path)
    }

    /// Whether the name of an operation may be pushed as it is.
    pub(crate) fn has_name(&self, name: &str) -> bool {
        METHODS.contains(&name) || self.names.contains(name)
    }

    #[cfg(test)]
    pub(crate) fn only(path: &str) -> Self {
        Self { there: BTreeSet::from([path.to_owned()]), names: BTreeSet::new() }
    }
}

/// The part of an operation's name that has to stand in a file: all of it, or the route after an HTTP method. `None` for
/// names of other characters than those of names and routes.
fn sought(name: &str) -> Option<&str> {
    let route = METHODS.iter().find_map(|method| name.strip_prefix(method)?.strip_prefix(' '));
    let part = route.unwrap_or(name);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:{}<>[]*".contains(&byte);
    let fits = (NAME_BYTES_MIN..=NAME_BYTES_MAX).contains(&part.len()) && part.bytes().all(plain);
    fits.then_some(part)
}

/// A file's text; nothing where it is too large or is none.
fn content(path: &Path) -> String {
    let is_small = path.metadata().is_ok_and(|file| file.len() <= FILE_BYTES_MAX);
    if is_small { std::fs::read_to_string(path).unwrap_or_default() } else { String::new() }
}

/// Whether `path` names a regular file below `root`, reached through folders alone: a link could lead anywhere.
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

    #[tokio::test]
    async fn only_names_that_stand_in_a_file_of_the_worktree_are_known() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::write(root.join("shop.py"), "@app.get('/books/{id}')\ndef import_all():\n    IGNORE = 1\n").unwrap();
        fs::write(root.join("other.py"), "secret_name").unwrap();
        let item = |name: &str, file: &str| Insight {
            entry: kino_wire::insights::Operation { service: String::new(), name: name.to_owned() },
            file: Some(file.to_owned()),
            ..crate::tools::insights::tests::hostile(file)
        };
        let known = ["GET /books/{id}", "import_all", "POST /books/{id}"];
        assert!(Files::default().has_name("GET"), "methods are a closed list");
        let unknown =
            ["GET /orders", "IGNORE_ALL_PREVIOUS_INSTRUCTIONS", "def import_all():", "secret_name", "app", "GET /"];
        let items: Vec<Insight> = known.iter().chain(&unknown).map(|name| item(name, "shop.py")).collect();
        let files = Worktrees::around(&[root.to_owned()]).files_of(&items).await;
        assert!(known.iter().all(|name| files.has_name(name)));
        assert!(!unknown.iter().any(|name| files.has_name(name)));
    }

    #[test]
    fn a_directory_within_a_worktree_selects_all_of_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join(".git")).unwrap();
        fs::create_dir_all(folder.path().join("deep/er")).unwrap();
        let around = Worktrees::around(&[folder.path().join("deep/er")]);
        assert_eq!(*around.roots, [folder.path().canonicalize().unwrap()]);
        assert!(Worktrees::around(&[folder.path().join("absent")]).roots.is_empty());
    }
}
