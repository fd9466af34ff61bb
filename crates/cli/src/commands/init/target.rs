//! One file of an assistant: found through links, judged, read, and replaced as a whole.
//!
//! A file is refused that another user owns or may write, or could put in place of; that is no plain text file of
//! bounded size; and, in a repository, that is outside of it.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::render;

/// The largest file that is edited: `~/.claude.json` grows to a few megabytes.
const SIZE_MAX: u64 = 16 << 20;
/// What lets other users write.
const OTHERS_WRITE: u32 = 0o022;
/// Only a file's owner may remove it from such a folder.
const STICKY: u32 = 0o1000;

/// Why a file is refused.
type Refusal = String;

/// A file, or the place of one.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// As the assistant names it.
    pub(super) path: PathBuf,
    /// Where it is, without links.
    pub(super) real: PathBuf,
    /// What is in it; `None` where there is none.
    pub(super) text: Option<String>,
    /// Folders on the way to it that are missing, outermost first.
    pub(super) folders: Vec<PathBuf>,
    mode: Option<u32>,
    group: Option<u32>,
}

impl Target {
    /// Finds, judges and reads the file. Within a repository, `root` is its folder without links.
    pub(super) fn open(path: &Path, root: Option<&Path>) -> Result<Self, Refusal> {
        let named = |what: &str| format!("{}: {what}", render::path(path));
        let (real, folders) = place(path).map_err(|what| named(&what))?;
        if let Some(root) = root
            && !real.starts_with(root)
        {
            return Err(named(&format!("a link leads out of the repository, to {}", render::path(&real))));
        }
        let existing = folders.first().unwrap_or(&real).parent().unwrap_or(Path::new("/"));
        judge_folders(existing).map_err(|what| named(&what))?;
        // A user who may replace a link decides which file is meant.
        if let Some(above) = path.parent().and_then(|above| above.canonicalize().ok()) {
            judge_folders(&above).map_err(|what| named(&what))?;
        }
        let mut target = Self { path: path.to_owned(), real, text: None, folders, mode: None, group: None };
        match fs::symlink_metadata(&target.real) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(target),
            Err(error) => return Err(named(&error.to_string())),
            Ok(found) => judge_file(&found).map_err(|what| named(&what))?,
        }
        target.read().map_err(|what| named(&what))?;
        Ok(target)
    }

    fn read(&mut self) -> Result<(), Refusal> {
        // Between the look and the opening it may have become a link or a pipe.
        let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW).bits().cast_signed();
        let opened = OpenOptions::new().read(true).custom_flags(flags).open(&self.real);
        let file = opened.map_err(|error| error.to_string())?;
        let found = file.metadata().map_err(|error| error.to_string())?;
        judge_file(&found)?;
        let mut bytes = Vec::new();
        file.take(SIZE_MAX + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
        (self.text, self.mode, self.group) = (Some(text), Some(found.mode() & 0o7777), Some(found.gid()));
        Ok(())
    }

    /// Replaces the file by `text`, if it still has the text that was read.
    pub(super) fn replace(&self, text: &str) -> Result<(), Refusal> {
        let named = |error: io::Error| format!("{}: {error}", render::path(&self.path));
        for folder in &self.folders {
            match DirBuilder::new().mode(0o755).create(folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(named(error)),
                _ => {}
            }
        }
        let name = self.real.file_name().unwrap_or_default().to_string_lossy();
        let temporary = self.real.with_file_name(format!(".{name}.kino-{}", std::process::id()));
        let written = self.write(&temporary, text).and_then(|()| {
            self.unchanged()?;
            fs::rename(&temporary, &self.real)
        });
        if written.is_err() {
            drop(fs::remove_file(&temporary));
        }
        written.map_err(named)?;
        if let Some(folder) = self.real.parent().and_then(|folder| File::open(folder).ok()) {
            // The file is in place; a folder that cannot be synced takes no promise back.
            drop(folder.sync_all());
        }
        Ok(())
    }

    fn write(&self, temporary: &Path, text: &str) -> io::Result<()> {
        // What a killed process left behind; its number may come again.
        drop(fs::remove_file(temporary));
        let mode = if self.mode.is_some() { 0o600 } else { 0o644 };
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(temporary)?;
        file.write_all(text.as_bytes())?;
        if let Some(mut mode) = self.mode {
            if std::os::unix::fs::fchown(&file, None, self.group).is_err() {
                // Another group is not to get what this one had.
                mode &= !0o070;
            }
            file.set_permissions(Permissions::from_mode(mode))?;
        }
        file.sync_all()
    }

    /// Removes the file, if it still has the text that was read, and those of `folders` that are empty then.
    pub(super) fn remove(&self, folders: &[PathBuf]) -> Result<(), Refusal> {
        let removed = self.unchanged().and_then(|()| fs::remove_file(&self.real));
        removed.map_err(|error| format!("{}: {error}", render::path(&self.path)))?;
        for folder in folders.iter().rev() {
            // One that is in use meanwhile stays.
            drop(fs::remove_dir(folder));
        }
        Ok(())
    }

    fn unchanged(&self) -> io::Result<()> {
        let now = match fs::read(&self.real) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            found => Some(found?),
        };
        if now.as_deref() == self.text.as_ref().map(String::as_bytes) {
            return Ok(());
        }
        Err(io::Error::other("it was changed meanwhile, and is left as it is; try again"))
    }
}

/// Where a path leads, and which folders are missing on the way.
fn place(path: &Path) -> Result<(PathBuf, Vec<PathBuf>), Refusal> {
    match fs::symlink_metadata(path) {
        Ok(_) => match path.canonicalize() {
            Ok(real) => Ok((real, Vec::new())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err("it is a link to a file that is not there; make that file, or remove the link".to_owned())
            }
            Err(error) => Err(format!("it is a link that cannot be followed ({error}); remove it")),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let is_there = |above: &&Path| fs::symlink_metadata(above).is_ok();
            let above = path.ancestors().skip(1).find(is_there).unwrap_or(Path::new("/"));
            let real = above.canonicalize().map_err(|error| format!("{} {error}", render::path(above)))?;
            if !real.is_dir() {
                return Err(format!("{} is not a folder", render::path(above)));
            }
            let rest = path.strip_prefix(above).unwrap_or(path);
            let folders: Vec<PathBuf> = rest.ancestors().skip(1).map(|part| real.join(part)).collect();
            let missing = folders.into_iter().filter(|folder| *folder != real).collect::<Vec<_>>();
            Ok((real.join(rest), missing.into_iter().rev().collect()))
        }
        Err(error) => Err(error.to_string()),
    }
}

/// No other user decides what is in a folder, nor in any folder above it.
fn judge_folders(folder: &Path) -> Result<(), Refusal> {
    for (depth, above) in folder.ancestors().enumerate() {
        let found = fs::metadata(above).map_err(|error| format!("{}: {error}", render::path(above)))?;
        let shown = render::path(above);
        if !crate::home::is_trusted(&found) {
            return Err(format!("its folder {shown} belongs to {}", crate::home::user_name(found.uid())));
        }
        // In a sticky folder others make files, and replace none of this user's.
        let is_sticky = depth > 0 && found.mode() & STICKY != 0;
        if found.mode() & OTHERS_WRITE != 0 && !is_sticky {
            return Err(format!("others may write into {shown}; `chmod go-w` it"));
        }
    }
    Ok(())
}

fn judge_file(found: &Metadata) -> Result<(), Refusal> {
    if found.is_dir() {
        return Err("it is a folder".to_owned());
    }
    if !found.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(format!("it belongs to {}", crate::home::user_name(found.uid())));
    }
    if found.mode() & OTHERS_WRITE != 0 {
        return Err("others may write it; `chmod go-w` it".to_owned());
    }
    if found.mode() & 0o200 == 0 {
        return Err("it is read-only; `chmod u+w` it".to_owned());
    }
    if found.nlink() > 1 {
        return Err("it has a second name (a hard link), which replacing it would part from it".to_owned());
    }
    if found.len() > SIZE_MAX {
        return Err(format!(
            "it has {}, more than the {} that are read",
            render::bytes(found.len()),
            render::bytes(SIZE_MAX)
        ));
    }
    Ok(())
}
