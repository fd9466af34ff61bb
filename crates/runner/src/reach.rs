//! Whether what is executed in a worktree could have written the configuration that allows it.
//!
//! ```text
//!  the worktree, the repository's other worktrees, its git directory ─┐
//!                                                                      ├─ by the way of the path and its links
//!  the home, and its config.toml ──────────────────────────────────────┘  by device and inode of the folders above
//!                                                                         by the mounts (Linux): where on its file
//!                                                                         system each of them is
//! ```
//!
//! Hard links are the caller's matter: the file says how many names it has, not where they are.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What the system has mounted where, as this process sees it.
const MOUNTS: &str = "/proc/self/mountinfo";
/// Linked worktrees of a repository that are looked at. Over it, nothing is allowed.
const WORKTREES_MAX: usize = 1_000;

/// Returns whether a configuration, or the folder that it is in, is part of the worktree in which something would be
/// executed, or of another of its repository: what can write one could write the permission too.
pub fn is_within(config: &Path, directory: &Path) -> bool {
    let Some(roots) = roots(directory) else { return true };
    let mounts = fs::read_to_string(MOUNTS).unwrap_or_default();
    let mounts = Mounts::of(&mounts);
    let paths = [Some(config), config.parent()];
    roots.iter().any(|root| {
        paths.iter().flatten().any(|path| {
            passes_through(path, root) || has_above(path, root) || mounts.show_within(&real(path), &real(root))
        })
    })
}

/// Returns whether a folder, and the worktree that it is in, belong to this user. A client names it, and over HTTP any
/// user of this machine may be the client.
pub fn is_own(directory: &Path) -> bool {
    let user = rustix::process::geteuid().as_raw();
    let root = kino_repo::project::of(directory).map_or_else(|| directory.to_owned(), |project| project.worktree);
    [directory, root.as_path()]
        .iter()
        .all(|folder| fs::metadata(folder).is_ok_and(|folder| folder.is_dir() && folder.uid() == user))
}

/// The worktree around a directory, all others of its repository, and the git directory that they share. `None` where
/// they cannot be determined.
fn roots(directory: &Path) -> Option<Vec<PathBuf>> {
    let Some(project) = kino_repo::project::of(directory) else { return Some(vec![real(directory)]) };
    let common = PathBuf::from(&project.name);
    let mut roots = vec![project.worktree];
    if common.file_name().is_some_and(|name| name == ".git") {
        roots.extend(common.parent().map(Path::to_owned));
    }
    let linked: Vec<_> = fs::read_dir(common.join("worktrees")).into_iter().flatten().flatten().collect();
    if linked.len() > WORKTREES_MAX {
        return None;
    }
    for entry in linked {
        let pointer = entry.path().join("gitdir");
        // Opening a pipe would wait for its writer.
        if !fs::metadata(&pointer).is_ok_and(|pointer| pointer.is_file()) {
            continue;
        }
        let Ok(git) = fs::read_to_string(&pointer) else { continue };
        // Relative to its own folder, where git writes it so.
        roots.extend(entry.path().join(git.trim_end_matches('\n')).parent().map(real));
    }
    roots.push(common);
    Some(roots)
}

/// The path without links, as far as it exists.
fn real(path: &Path) -> PathBuf {
    let mut missing = Vec::new();
    for existing in path.ancestors() {
        if let Ok(real) = existing.canonicalize() {
            return missing.iter().rev().fold(real, |path, name| path.join(name));
        }
        missing.extend(existing.file_name().map(OsString::from));
    }
    path.to_owned()
}

/// Whether the path to a file passes through `root`, even if only by a link inside it that leads out again.
fn passes_through(path: &Path, root: &Path) -> bool {
    const LINKS_MAX: usize = 40;
    let Ok(path) = std::path::absolute(path) else { return true };
    let components = |path: &Path| path.components().map(|part| part.as_os_str().to_owned()).collect::<Vec<_>>();
    let mut ahead: Vec<OsString> = components(&path);
    ahead.reverse();
    let (mut here, mut links) = (PathBuf::from("/"), 0);
    while let Some(part) = ahead.pop() {
        let next = if part == ".." { here.parent().unwrap_or(&here).to_owned() } else { here.join(&part) };
        if next.starts_with(root) {
            return true;
        }
        match fs::read_link(&next) {
            Ok(_) if links == LINKS_MAX => return true,
            Ok(target) => {
                links += 1;
                ahead.extend(components(&target).into_iter().rev());
            }
            Err(_) => here = next,
        }
    }
    false
}

/// Whether one of the folders above a file is `root` under another name.
fn has_above(path: &Path, root: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    let Some(root) = identity(root) else { return false };
    real(path).ancestors().any(|above| identity(above) == Some(root))
}

/// What is mounted, in the order in which it was.
struct Mounts(Vec<Mount>);

/// A folder of a file system that is shown at a point of the tree.
struct Mount {
    device: String,
    /// Within the file system.
    root: PathBuf,
    point: PathBuf,
}

impl Mounts {
    /// Reads `36 35 98:0 /root /point rw,noatime …`; a line that is none is left out.
    fn of(text: &str) -> Self {
        let mount = |line: &str| {
            let mut fields = line.split(' ').skip(2);
            let device = fields.next()?.to_owned();
            Some(Mount { device, root: unescaped(fields.next()?), point: unescaped(fields.next()?) })
        };
        Self(text.lines().filter_map(mount).collect())
    }

    /// Returns the file system of a path without links, and its path within it.
    fn place(&self, path: &Path) -> Option<(&str, PathBuf)> {
        // What was mounted last over a point is what is seen there.
        let shown = self.0.iter().filter(|mount| path.starts_with(&mount.point));
        let mount = shown.max_by_key(|mount| mount.point.components().count())?;
        Some((&mount.device, within(&mount.root, path.strip_prefix(&mount.point).ok()?)))
    }

    /// Whether a file is shown within `root`, at whatever path, both without links.
    fn show_within(&self, path: &Path, root: &Path) -> bool {
        let Some((device, place)) = self.place(path) else { return false };
        let holds = |(on, above): (&str, &Path)| on == device && place.starts_with(above);
        let below = self.0.iter().filter(|mount| mount.point.starts_with(root));
        self.place(root).is_some_and(|(on, above)| holds((on, &above)))
            || below.map(|mount| (mount.device.as_str(), mount.root.as_path())).any(holds)
    }
}

fn within(root: &Path, rest: &Path) -> PathBuf {
    if rest.as_os_str().is_empty() { root.to_owned() } else { root.join(rest) }
}

/// A path with spaces, tabs, line ends and backslashes written as octal numbers.
fn unescaped(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut left = text.as_bytes();
    while let Some((&first, rest)) = left.split_first() {
        let octal = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok();
        left = if let Some(byte) = rest.get(..3).filter(|_| first == b'\\').and_then(octal) {
            bytes.push(byte);
            &rest[3..]
        } else {
            bytes.push(first);
            rest
        };
    }
    PathBuf::from(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const CONFIG_FILE: &str = "config.toml";

    fn config(home: &Path) -> PathBuf {
        home.join(CONFIG_FILE)
    }

    #[test]
    fn a_folder_is_own_where_it_is_a_folder_of_this_user() {
        let folder = tempfile::tempdir().unwrap();
        assert!(is_own(folder.path()));
        assert!(!is_own(&folder.path().join("absent")));
        fs::write(folder.path().join("file"), "").unwrap();
        assert!(!is_own(&folder.path().join("file")));
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        // Only a privileged user can give a folder away; for others there is nothing more to try.
        if std::os::unix::fs::chown(&inner, Some(12_345), None).is_ok() {
            assert!(!is_own(&inner));
        }
    }

    #[test]
    fn a_worktree_cannot_bring_the_permission_along() {
        let folder = tempfile::tempdir().unwrap();
        let worktree = folder.path().join("worktree");
        fs::create_dir_all(worktree.join(".git")).unwrap();
        fs::create_dir_all(worktree.join("inner/home")).unwrap();
        fs::create_dir_all(folder.path().join("home")).unwrap();
        assert!(is_within(&config(&worktree.join("inner/home")), &worktree));
        assert!(is_within(&config(&worktree), &worktree));
        assert!(!is_within(&config(&folder.path().join("home")), &worktree));
        // A writer of the worktree can point a link inside it elsewhere.
        std::os::unix::fs::symlink(folder.path().join("home"), worktree.join("out")).unwrap();
        assert!(is_within(&config(&worktree.join("out")), &worktree));
        std::os::unix::fs::symlink(worktree.join("out"), folder.path().join("in-and-out")).unwrap();
        assert!(is_within(&config(&folder.path().join("in-and-out")), &worktree));
        std::os::unix::fs::symlink("home/..", folder.path().join("around")).unwrap();
        assert!(!is_within(&config(&folder.path().join("around/home")), &worktree));
        fs::write(worktree.join("kino.toml"), "").unwrap();
        let link = folder.path().join("home").join(CONFIG_FILE);
        std::os::unix::fs::symlink(worktree.join("kino.toml"), link).unwrap();
        assert!(is_within(&config(&folder.path().join("home")), &worktree));
    }

    #[test]
    fn no_other_worktree_of_the_repository_can_bring_it_along_either() {
        let folder = tempfile::tempdir().unwrap();
        let [main, linked, third, home] = ["main", "linked", "third", "home"].map(|name| folder.path().join(name));
        fs::create_dir_all(&main).unwrap();
        let git = |arguments: &[&str]| {
            let names = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
            assert!(Command::new("git").arg("-C").arg(&main).args(names).args(arguments).status().unwrap().success());
        };
        git(&["init", "-q"]);
        git(&["commit", "-q", "--allow-empty", "-m", "first"]);
        git(&["worktree", "add", "-q", "--detach", linked.to_str().unwrap()]);
        git(&["worktree", "add", "-q", "--detach", third.to_str().unwrap()]);
        for within in [&main, &linked, &third, &main.join(".git/hooks")] {
            let home = within.join("home");
            fs::create_dir_all(&home).unwrap();
            for directory in [&main, &linked, &third] {
                assert!(is_within(&config(&home), directory), "{} {}", home.display(), directory.display());
            }
        }
        fs::create_dir_all(&home).unwrap();
        assert!(![&main, &linked, &third].iter().any(|directory| is_within(&config(&home), directory)));
    }

    #[test]
    fn a_mount_does_not_hide_where_the_home_is() {
        let mounts = Mounts::of(
            "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
             30 21 8:2 / /home rw shared:2 - ext4 /dev/sda2 rw\n\
             31 21 8:2 /me/work\\040tree/inner/home /mnt/home rw - ext4 /dev/sda2 rw\n\
             32 21 8:2 /me/work\\040tree/kino.toml /etc/kino/config.toml rw - ext4 /dev/sda2 rw\n\
             33 30 8:1 /srv/data /home/me/work\\040tree/data rw - ext4 /dev/sda1 rw\n\
             34 21 0:40 / /tmp rw - tmpfs tmpfs rw\n",
        );
        let root = Path::new("/home/me/work tree");
        for shown in ["/mnt/home", "/mnt/home/config.toml", "/etc/kino/config.toml", "/srv/data/home/config.toml"] {
            assert!(mounts.show_within(Path::new(shown), root), "{shown}");
        }
        for elsewhere in ["/home/me/.kino", "/etc/kino", "/srv/database", "/tmp/me/work tree/home", "/mnt"] {
            assert!(!mounts.show_within(Path::new(elsewhere), root), "{elsewhere}");
        }
        assert!(
            !Mounts::of("").show_within(Path::new("/a"), Path::new("/a")),
            "without mounts only the paths are compared"
        );
    }
}
