//! The home as a folder: private to its user, and refused where another user could have written into it.
//!
//! A folder is changed only where it holds nothing but Kinescope's own files, and some of them are open to others, as an
//! earlier version made them. One that others made, empty or with other files, may have been named by mistake,
//! such as the user's own home or `/tmp`: it keeps its mode, and Kinescope's files alone are private, or nothing is
//! started.

use std::fs::{self, DirBuilder, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::failure::{Failure, unwritable};

/// The file of the home that holds settings.
pub(crate) const CONFIG_FILE: &str = "config.toml";
/// How the names of the files begin that Kinescope makes in a home.
const OWN_NAMES: &[&str] = &[
    "assistants",
    "bootstrap",
    "config.toml",
    "engine.json",
    "engine.log",
    "engine.sock",
    "keys.json",
    "lake",
    "lock",
    "meta.copy.sqlite",
    "meta.sqlite",
    "packs",
    "pulls",
    "redaction.key",
    "scratch",
    "spool",
    "wal",
    ".doctor",
];
/// What lets other users read, write or enter.
pub(crate) const OTHERS: u32 = 0o077;
/// What lets other users write.
const OTHERS_WRITE: u32 = 0o022;
/// Set-user, set-group and sticky bits: of a folder that has a purpose of its own.
const SPECIAL: u32 = 0o7000;

/// Makes the home where there is none, and makes private what others may read in it. Returns what was changed, and what
/// stays open, in sentences for its user.
///
/// # Errors
/// Where it cannot be made, or other users could have put something into it.
pub(crate) fn prepare(home: &Path) -> Result<Vec<String>, Failure> {
    let found = match fs::metadata(home) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(home).map_err(|error| unwritable(format!("making {}", home.display()), &error))?;
            fs::metadata(home)
        }
        found => found,
    };
    let found = found.map_err(|error| unwritable(home.display().to_string(), &error))?;
    if !found.is_dir() {
        return Err(Failure::no_engine(format!("{} is not a folder; set KINO_HOME to one", home.display())));
    }
    refuse_foreign(home, &found)?;
    let entries = entries(home).map_err(|error| unwritable(home.display().to_string(), &error))?;
    let own: Vec<_> = entries.iter().filter(|(path, _)| is_own_name(path)).collect();
    for (path, entry) in &own {
        refuse_foreign(path, entry)?;
    }
    let mode = found.mode();
    if mode & OTHERS == 0 {
        return Ok(Vec::new());
    }
    let is_open = |(_, entry): &&&(PathBuf, Metadata)| !entry.is_symlink() && entry.mode() & OTHERS != 0;
    // People write the configuration, and other programs have one of that name.
    let is_made = |(path, _): &&&(PathBuf, Metadata)| path.file_name().is_some_and(|name| name != CONFIG_FILE);
    let is_of_an_earlier_version =
        own.len() == entries.len() && own.iter().filter(is_made).any(|entry| is_open(&entry));
    if is_of_an_earlier_version && is_dedicated(home, &found) {
        return Ok(vec![make_private(home, mode, 0o700)]);
    }
    if mode & OTHERS_WRITE != 0 {
        return Err(Failure::no_engine(format!(
            "other users may write into {} (mode {:04o}), and so could decide what is recorded and executed; set \
             KINO_HOME to a folder of yours, or `chmod 700` this one if it is for Kinescope alone",
            home.display(),
            mode & 0o7777
        )));
    }
    if entries.is_empty() {
        return Ok(vec![format!(
            "{} stays open to other users (mode {:04o}), and what Kinescope writes in it is private; `chmod 700` it to \
             hide the names of its files too",
            home.display(),
            mode & 0o7777
        )]);
    }
    Ok(own.iter().filter(is_open).map(|(path, entry)| make_private(path, entry.mode(), entry.mode() & 0o700)).collect())
}

/// The name of a user, or their number.
pub(crate) fn user_name(user: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(user)).then(|| name.to_owned())
    });
    named.map_or_else(|| format!("user {user}"), |name| format!("{name} (user {user})"))
}

/// Whether a file is this user's or the administrator's.
pub(crate) fn is_trusted(file: &Metadata) -> bool {
    file.uid() == rustix::process::geteuid().as_raw() || file.uid() == 0
}

fn make(home: &Path) -> io::Result<()> {
    if let Some(above) = home.parent() {
        fs::create_dir_all(above)?;
    }
    match DirBuilder::new().mode(0o700).create(home) {
        // Another command was quicker.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

fn entries(home: &Path) -> io::Result<Vec<(PathBuf, Metadata)>> {
    let paths = fs::read_dir(home)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    // What goes away meanwhile is a temporary file of another process.
    Ok(paths
        .into_iter()
        .filter_map(|path| Some((fs::symlink_metadata(&path).ok()?, path)))
        .map(|(a, b)| (b, a))
        .collect())
}

fn is_own_name(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // A suffix marks a temporary, an old or an attached file: `engine.json.4711`, `meta.sqlite-wal`.
    let is_of = |own| name.strip_prefix(own).is_some_and(|rest: &str| rest.is_empty() || rest.starts_with(['.', '-']));
    OWN_NAMES.iter().copied().any(is_of)
}

/// Whether a folder can be there for Kinescope alone: it is this user's, has no purpose of its own, and is none of
/// the system's.
fn is_dedicated(home: &Path, found: &Metadata) -> bool {
    let in_the_root = home.parent().is_none_or(|above| above == Path::new("/"));
    found.uid() == rustix::process::geteuid().as_raw() && found.mode() & SPECIAL == 0 && !in_the_root
}

fn refuse_foreign(path: &Path, found: &Metadata) -> Result<(), Failure> {
    if is_trusted(found) {
        return Ok(());
    }
    Err(Failure::no_engine(format!(
        "{} belongs to {}: set KINO_HOME to a folder of yours, or remove it if you do not know it",
        path.display(),
        user_name(found.uid())
    )))
}

fn make_private(path: &Path, before: u32, after: u32) -> String {
    let (path, before) = (path, before & 0o7777);
    match fs::set_permissions(path, Permissions::from_mode(after)) {
        Ok(()) => {
            format!("{} was open to other users (mode {before:04o}) and is private now ({after:04o})", path.display())
        }
        Err(error) => {
            format!("{} is open to other users (mode {before:04o}), which cannot be changed: {error}", path.display())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    fn folder(mode: u32, files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            fs::write(folder.path().join(file), "").unwrap();
            fs::set_permissions(folder.path().join(file), Permissions::from_mode(0o644)).unwrap();
        }
        fs::set_permissions(folder.path(), Permissions::from_mode(mode)).unwrap();
        folder
    }

    #[test]
    fn a_new_home_is_private_and_the_folders_above_are_ordinary() {
        let folder = folder(0o755, &[]);
        let home = folder.path().join("above/home");
        assert!(prepare(&home).unwrap().is_empty());
        assert_eq!(mode(&home), 0o700);
        assert_ne!(mode(home.parent().unwrap()), 0o700);
    }

    #[test]
    fn a_home_of_an_earlier_version_is_made_private_once_and_said() {
        for before in [0o755, 0o775, 0o777] {
            let home = folder(before, &["meta.sqlite", "lock", "engine.json", "config.toml"]);
            fs::set_permissions(home.path().join("engine.json"), Permissions::from_mode(0o600)).unwrap();
            let said = prepare(home.path()).unwrap();
            assert!(said.len() == 1 && said[0].contains(&format!("{before:04o}")), "{said:?}");
            assert_eq!(mode(home.path()), 0o700);
            assert!(prepare(home.path()).unwrap().is_empty());
        }
    }

    #[test]
    fn an_empty_folder_made_beforehand_keeps_its_mode_which_is_reported_once() {
        let home = folder(0o755, &[]);
        let said = prepare(home.path()).unwrap();
        assert!(said.len() == 1 && said[0].contains("0755") && said[0].contains("chmod 700"), "{said:?}");
        assert_eq!(mode(home.path()), 0o755);
        // As an engine writes it.
        fs::write(home.path().join("lock"), "").unwrap();
        fs::set_permissions(home.path().join("lock"), Permissions::from_mode(0o600)).unwrap();
        assert!(prepare(home.path()).unwrap().is_empty());
        assert_eq!(mode(home.path()), 0o755);
        let other = folder(0o755, &["config.toml"]);
        assert!(prepare(other.path()).unwrap().iter().all(|said| said.contains("config.toml")));
        assert_eq!(mode(other.path()), 0o755);
        for before in [0o775, 0o777] {
            let home = folder(before, &[]);
            let refused = prepare(home.path()).unwrap_err().message;
            assert!(refused.contains("chmod 700") && refused.contains(&format!("{before:04o}")), "{refused}");
            assert_eq!(mode(home.path()), before);
        }
    }

    #[test]
    fn a_folder_with_other_files_keeps_its_mode_and_kinescopes_files_become_private() {
        let home = folder(0o755, &["meta.sqlite", ".bashrc"]);
        let said = prepare(home.path()).unwrap();
        assert!(said.len() == 1 && said[0].contains("meta.sqlite"), "{said:?}");
        let modes = ["", "meta.sqlite", ".bashrc"].map(|file| mode(&home.path().join(file)));
        assert_eq!(modes, [0o755, 0o600, 0o644]);
    }

    #[test]
    fn files_whose_names_begin_like_kinescopes_are_not_kinescopes() {
        let home = folder(0o755, &["engine.py", "keys.md", "lakes", "meta.yaml"]);
        assert!(prepare(home.path()).unwrap().is_empty());
        assert_eq!(["", "engine.py", "keys.md"].map(|file| mode(&home.path().join(file))), [0o755, 0o644, 0o644]);
        for name in ["engine.json.4711", "engine.log.old", "meta.sqlite-wal", "wal.extents", "lock", "keys.json"] {
            assert!(is_own_name(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn a_folder_into_which_others_may_write_is_refused_as_it_is() {
        for (before, files) in [(0o777, [".bashrc"].as_slice()), (0o1777, &[]), (0o775, &["meta.sqlite", ".bashrc"])] {
            let home = folder(before, files);
            let refused = prepare(home.path()).unwrap_err().message;
            assert!(refused.contains("KINO_HOME") && refused.contains(&format!("{before:04o}")), "{refused}");
            assert_eq!(mode(home.path()), before);
        }
    }

    #[test]
    fn what_belongs_to_another_user_is_refused_by_name() {
        let home = folder(0o700, &["lock"]);
        // Only a privileged user can give a file away; for others there is nothing to try.
        if std::os::unix::fs::chown(home.path().join("lock"), Some(12_345), None).is_err() {
            eprintln!("not tried: this needs root");
            return;
        }
        let refused = prepare(home.path()).unwrap_err().message;
        assert!(refused.contains("lock") && refused.contains("user 12345"), "{refused}");
        fs::remove_file(home.path().join("lock")).unwrap();
        std::os::unix::fs::chown(home.path(), Some(12_345), None).unwrap();
        assert!(prepare(home.path()).unwrap_err().message.contains("user 12345"));
    }
}
