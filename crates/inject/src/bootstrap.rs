//! The bootstrap's files: part of this binary, written to a folder that is named after their content.
//!
//! ```text
//!  HOME/bootstrap/HASH/python/site/sitecustomize.py     found by Python through PYTHONPATH
//!  HOME/bootstrap/HASH/node/boot.cjs                    required by Node through NODE_OPTIONS
//! ```
//!
//! A folder that is there with each file as it should be is used; anything else is written once more, beside it, and renamed,
//! so that two commands that begin at once do not disturb each other.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// The path of each file below the bootstrap's folder, and its content.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/files.rs"));
/// The folder of a home that has one folder for each version of the bootstrap.
const FOLDER: &str = "bootstrap";
/// What Python looks through for modules before its own folders.
const PYTHONPATH: &str = "PYTHONPATH";
/// Options of Node besides those of its command line.
const NODE_OPTIONS: &str = "NODE_OPTIONS";
/// Where processes find the channel.
const CHANNEL: &str = "KINO_CHANNEL";
/// Where spans go once the channel is closed.
const OTLP: &str = "KINO_OTLP";
/// The folder of the program's own code.
const PROJECT_DIR: &str = "KINO_PROJECT_DIR";

/// The bootstrap's files in a folder.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    folder: PathBuf,
}

/// What a process needs to know.
#[derive(Clone, Copy, Debug)]
pub struct Reports<'a> {
    /// The file that takes spans: see [`crate::channel::Channel::path`].
    pub channel: &'a Path,
    /// The `HOST:PORT` where the engine takes OTLP over HTTP, where that is known.
    pub otlp_http: Option<&'a str>,
    /// The folder of the program's own code.
    pub project: &'a Path,
}

impl Bootstrap {
    /// Writes the files below `home`, where they are not there yet.
    ///
    /// # Errors
    /// Where they can be neither read nor written, or the folder belongs to another user.
    pub fn install(home: &Path) -> io::Result<Self> {
        let versions = home.join(FOLDER);
        let folder = versions.join(version());
        if !is_complete(&folder)? {
            private_folder(&versions)?;
            let unfinished = versions.join(format!(".{}.{}", version(), std::process::id()));
            remove(&unfinished)?;
            write(&unfinished)?;
            if let Err(error) = fs::rename(&unfinished, &folder) {
                // Another command may have been first; else what is there is damaged, and goes.
                if is_complete(&folder)? {
                    remove(&unfinished)?;
                } else {
                    remove(&folder)?;
                    fs::rename(&unfinished, &folder).map_err(|_| error)?;
                }
            }
        }
        Ok(Self { folder })
    }

    /// Returns the bootstrap of `home`, whose files [`Bootstrap::install`] writes.
    pub fn place(home: &Path) -> Self {
        Self { folder: home.join(FOLDER).join(version()) }
    }

    /// Returns the variables that make Python processes report to the engine at this `HOST:PORT`, wherever they are started and
    /// for as long as the files are there; where these are gone, they change nothing. Node's would: it ends where a file
    /// that it is to load is missing.
    pub fn lasting_variables(&self, channel: &Path, otlp_http: &str) -> Vec<(&'static str, OsString)> {
        vec![
            (PYTHONPATH, self.python_path(None)),
            (CHANNEL, channel.as_os_str().to_owned()),
            (OTLP, format!("http://{otlp_http}").into()),
        ]
    }

    fn python_path(&self, present: Option<OsString>) -> OsString {
        let own = self.folder.join("python/site").into_os_string();
        let is_there = |present: &OsString| {
            present.as_encoded_bytes().split(|byte| *byte == b':').any(|entry| entry == own.as_encoded_bytes())
        };
        match present {
            // Inherited from a process that had it set already.
            Some(present) if is_there(&present) => present,
            present => joined(own, ":", present),
        }
    }

    /// Returns the variables that make Python and Node processes load the bootstrap and report; `variable` reads the
    /// present environment, whose values stay.
    pub fn variables(
        &self,
        reports: Reports<'_>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Vec<(&'static str, OsString)> {
        let present = |name: &str| variable(name).filter(|value| !value.is_empty());
        let mut set = vec![
            (PYTHONPATH, self.python_path(present(PYTHONPATH))),
            (CHANNEL, reports.channel.as_os_str().to_owned()),
            (PROJECT_DIR, reports.project.as_os_str().to_owned()),
        ];
        if let Some(required) = node_option(&self.folder.join("node/boot.cjs")) {
            let options = present(NODE_OPTIONS);
            set.push((
                NODE_OPTIONS,
                match options {
                    // Inherited from a process that had it set already.
                    Some(options) if has(&options, &required) => options,
                    Some(options) => joined(options, " ", Some(required)),
                    None => required,
                },
            ));
        }
        if let Some(address) = reports.otlp_http {
            set.push((OTLP, format!("http://{address}").into()));
        }
        set
    }
}

/// Whether the text of one contains the other.
fn has(text: &OsString, part: &OsString) -> bool {
    let (text, part) = (text.as_encoded_bytes(), part.as_encoded_bytes());
    text.windows(part.len()).any(|window| window == part)
}

fn joined(mut first: OsString, between: &str, second: Option<OsString>) -> OsString {
    if let Some(second) = second {
        first.push(between);
        first.push(second);
    }
    first
}

/// Node's option that loads a file, quoted as Node reads it; `None` where the path is not text, which Node does not take.
fn node_option(file: &Path) -> Option<OsString> {
    let path = file.to_str()?;
    let quoted = path.replace('\\', "\\\\").replace('"', "\\\"");
    Some(format!("--require \"{quoted}\"").into())
}

/// The name of this version of the bootstrap.
fn version() -> String {
    let mut hash = Sha256::new();
    for (name, content) in FILES {
        for part in [name.as_bytes(), content] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    let hash = hash.finalize();
    let first = hash.first_chunk().expect("the hash has 32 bytes");
    format!("{:016x}", u64::from_be_bytes(*first))
}

/// Whether each file is there with its content.
///
/// # Errors
/// Where the folder belongs to another user.
fn is_complete(folder: &Path) -> io::Result<bool> {
    let Ok(found) = folder.symlink_metadata() else { return Ok(false) };
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() || found.mode() & 0o022 != 0 {
        let message = format!("{} is not a folder of this user alone; remove it", folder.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    Ok(FILES.iter().all(|(name, content)| fs::read(folder.join(name)).is_ok_and(|there| there == *content)))
}

fn write(folder: &Path) -> io::Result<()> {
    private_folder(folder)?;
    for (name, content) in FILES {
        let path = folder.join(name);
        if let Some(above) = path.parent() {
            private_folder(above)?;
        }
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?.write_all(content)?;
    }
    Ok(())
}

fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(bootstrap: &Bootstrap, present: &[(&str, &str)]) -> Vec<(&'static str, String)> {
        let reports =
            Reports { channel: Path::new("/proc/1/fd/3"), otlp_http: Some("127.0.0.1:4318"), project: Path::new("/p") };
        let variable = |name: &str| present.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        let set = bootstrap.variables(reports, variable);
        set.into_iter().map(|(name, value)| (name, value.into_string().unwrap())).collect()
    }

    #[test]
    fn the_files_are_written_once_for_the_owner_alone_and_mended() {
        let home = tempfile::tempdir().unwrap();
        let bootstrap = Bootstrap::install(home.path()).unwrap();
        let python = bootstrap.folder.join("python/site/sitecustomize.py");
        assert_eq!(python.metadata().unwrap().mode() & 0o777, 0o600);
        assert_eq!(bootstrap.folder.metadata().unwrap().mode() & 0o777, 0o700);
        let inode = python.metadata().unwrap().ino();
        Bootstrap::install(home.path()).unwrap();
        assert_eq!(python.metadata().unwrap().ino(), inode, "nothing is written twice");
        fs::write(&python, "import harm").unwrap();
        Bootstrap::install(home.path()).unwrap();
        assert_ne!(fs::read(&python).unwrap(), b"import harm");
        assert_eq!(fs::read_dir(home.path().join(FOLDER)).unwrap().count(), 1, "no folder is left over");
    }

    #[test]
    fn a_folder_that_others_may_write_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let bootstrap = Bootstrap::install(home.path()).unwrap();
        fs::set_permissions(&bootstrap.folder, fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(Bootstrap::install(home.path()).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn what_the_user_set_stays() {
        let bootstrap = Bootstrap { folder: PathBuf::from("/a \"b\\") };
        assert_eq!(
            variables(&bootstrap, &[("PYTHONPATH", "mine"), ("NODE_OPTIONS", "--trace-warnings")]),
            [
                ("PYTHONPATH", "/a \"b\\/python/site:mine".to_owned()),
                ("KINO_CHANNEL", "/proc/1/fd/3".to_owned()),
                ("KINO_PROJECT_DIR", "/p".to_owned()),
                ("NODE_OPTIONS", r#"--trace-warnings --require "/a \"b\\/node/boot.cjs""#.to_owned()),
                ("KINO_OTLP", "http://127.0.0.1:4318".to_owned()),
            ]
        );
        assert_eq!(variables(&bootstrap, &[("PYTHONPATH", "")])[0].1, "/a \"b\\/python/site");
    }
}
