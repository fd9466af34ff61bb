//! The files of a worktree: those that git tracks or does not ignore, read without following any link.
//!
//! What a worktree holds is hostile: a link may lead anywhere, a pipe has no end, a folder may become a link between two
//! looks. Each folder on the way is opened for itself, below the one before, and only a regular file is read.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FileType, Mode, OFlags, fstat, open, openat};

use crate::command::{self, Git};

/// How long git may be silent while it lists files.
const LIST_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest path that is read.
const PATH_BYTES_MAX: usize = 1_000;

/// Paths of a worktree's files, relative to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// In order.
    pub paths: BTreeSet<String>,
    /// Wanted ones beyond the bound.
    pub left_out: u64,
}

impl Git {
    /// The files of `worktree` that git tracks or does not ignore and that are `wanted`, at most `files_max`. `None`
    /// where git fails, or `goes_on` says that there is no more time.
    pub fn files(
        &self,
        worktree: &Path,
        files_max: usize,
        wanted: impl Fn(&str) -> bool,
        goes_on: impl Fn() -> bool,
    ) -> Option<Files> {
        let list = self.command(worktree, &["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let (mut files, mut name) = (Files::default(), Vec::new());
        let whole = command::read_within(list, LIST_TIMEOUT, |chunk| {
            for &byte in chunk {
                if byte != 0 {
                    name.push(byte);
                    continue;
                }
                if let Ok(path) = str::from_utf8(&name)
                    && path.len() <= PATH_BYTES_MAX
                    && wanted(path)
                {
                    if files.paths.len() < files_max {
                        files.paths.insert(path.to_owned());
                    } else {
                        files.left_out += 1;
                    }
                }
                name.clear();
            }
            goes_on()
        });
        whole.then_some(files)
    }
}

/// A folder whose files are read without leaving it.
#[derive(Debug)]
pub struct Folder(OwnedFd);

impl Folder {
    /// Opens a folder.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(open(path, flags, Mode::empty())?))
    }

    /// A file's content; `None` where the path leaves the folder or passes a link, where it names no regular file, or one
    /// of more than `bytes_max`.
    ///
    /// # Errors
    /// Where it cannot be opened or read.
    pub fn read(&self, path: &str, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
        let mut parts: Vec<&str> = path.split('/').collect();
        let Some(name) = parts.pop() else { return Ok(None) };
        if parts.iter().chain([&name]).any(|part| matches!(*part, "" | "." | "..")) {
            return Ok(None);
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let mut folder = None;
        for part in parts {
            let within = folder.as_ref().unwrap_or(&self.0);
            folder = Some(openat(within, part, flags | OFlags::DIRECTORY, Mode::empty())?);
        }
        let file = openat(folder.as_ref().unwrap_or(&self.0), name, flags, Mode::empty())?;
        let status = fstat(&file)?;
        let size = u64::try_from(status.st_size).unwrap_or(u64::MAX);
        if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile || size > bytes_max {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        File::from(file).take(bytes_max).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::code::tests::{git, repository, run};

    #[test]
    fn files_that_git_ignores_are_not_listed_and_those_beyond_the_bound_are_counted() {
        let folder = repository();
        fs::create_dir(folder.path().join("own")).unwrap();
        for (path, text) in [("own/new.txt", "n"), ("ignored.txt", "i"), ("other.bin", "b")] {
            fs::write(folder.path().join(path), text).unwrap();
        }
        let files = |max| git().files(folder.path(), max, |path| path.contains(".txt"), || true).unwrap();
        assert_eq!(files(10).paths.iter().map(String::as_str).collect::<Vec<_>>(), ["own/new.txt", "tracked.txt"]);
        assert_eq!((files(1).paths.len(), files(1).left_out), (1, 1));
        assert_eq!(git().files(folder.path(), 10, |_| true, || false), None);
    }

    #[test]
    fn no_configuration_of_the_repository_executes_anything_while_files_are_listed() {
        let folder = repository();
        let script = folder.path().join("evil.sh");
        fs::write(&script, format!("#!/bin/sh\ntouch {}/ran\n", folder.path().display())).unwrap();
        fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let program = script.to_str().unwrap();
        for key in ["core.fsmonitor", "filter.evil.clean", "filter.evil.process", "core.pager", "alias.ls-files"] {
            run(folder.path(), &["config", key, program]);
        }
        fs::write(folder.path().join(".gitattributes"), "* filter=evil\n").unwrap();
        fs::write(folder.path().join("tracked.txt"), "changed\n").unwrap();
        assert!(git().files(folder.path(), 10, |_| true, || true).is_some());
        assert!(!folder.path().join("ran").exists());
    }

    #[test]
    fn only_regular_files_within_the_folder_are_read() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let at = |path: &str| folder.path().join(path);
        fs::write(outside.path().join("secret.py"), "secret").unwrap();
        fs::create_dir(at("a")).unwrap();
        fs::write(at("a/b.py"), "text").unwrap();
        symlink(outside.path(), at("out")).unwrap();
        symlink(outside.path().join("secret.py"), at("link.py")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe.py"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let open = Folder::open(folder.path()).unwrap();
        let read = |path: &str| open.read(path, 4).ok().flatten();
        assert_eq!(read("a/b.py").as_deref(), Some(&b"text"[..]));
        let up = format!("../{}/secret.py", outside.path().file_name().unwrap().to_str().unwrap());
        let absolute = outside.path().join("secret.py");
        for path in
            ["link.py", "out/secret.py", &up, "a", "pipe.py", "a/../a/b.py", absolute.to_str().unwrap(), "", "."]
        {
            assert_eq!(open.read(path, 100).ok().flatten(), None, "{path}");
        }
        assert_eq!(open.read("a/b.py", 3).ok().flatten(), None);
    }
}
