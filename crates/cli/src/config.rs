//! Settings: the environment and `$KINO_HOME/config.toml`, read once, here and nowhere else.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use kino_engine::EngineConfig;
use kino_engine::config::SyncKind;
use kino_text::suggest;
use rustix::fs::OFlags;

use crate::failure::{Failure, code};
use crate::home::{self, CONFIG_FILE};

/// The file of the home that a detached engine writes its log to.
pub(crate) const LOG_FILE: &str = "engine.log";

/// Everything that the environment and the configuration decide.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The folder of everything that is stored; absolute.
    pub(crate) home: PathBuf,
    /// The working directory.
    pub(crate) directory: PathBuf,
    pub(crate) program: PathBuf,
    /// `XDG_RUNTIME_DIR`.
    pub(crate) runtime: Option<PathBuf>,
    /// `KINO_PULL_HEADERS`: headers for the server that traces are pulled from.
    pub(crate) pull_headers: Option<OsString>,
    /// `KINO_FORWARD_HEADERS`: headers for the endpoint that recordings are passed on to.
    pub(crate) forward_headers: Option<OsString>,
    /// What `config.toml` says of the engine.
    pub(crate) engine: EngineConfig,
    /// Whether `NO_COLOR` is set.
    pub(crate) no_color: bool,
    /// `COLUMNS`, where it is a number.
    pub(crate) columns: Option<u16>,
}

/// When what is acknowledged survives a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Sync {
    /// Up to a tenth of a second later.
    Interval,
    /// At any instant.
    Always,
}

impl From<Sync> for SyncKind {
    fn from(sync: Sync) -> Self {
        match sync {
            Sync::Interval => Self::Interval,
            Sync::Always => Self::Always,
        }
    }
}

impl Settings {
    /// Reads the environment and the configuration.
    ///
    /// # Errors
    /// Where there is no home, or `config.toml` cannot be understood.
    pub(crate) fn read() -> Result<Self, Failure> {
        let home = folder()?;
        let directory = env::current_dir()
            .map_err(|error| Failure::because("the working directory cannot be found; change to another", &error))?;
        let program = env::current_exe().map_err(|error| Failure::because("finding this program", &error))?;
        let columns = variable("COLUMNS").and_then(|columns| columns.to_str()?.parse().ok());
        let no_color = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
        let runtime = variable("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty()).map(PathBuf::from);
        let pull_headers = variable("KINO_PULL_HEADERS").filter(|headers| !headers.is_empty());
        let forward_headers = variable("KINO_FORWARD_HEADERS").filter(|headers| !headers.is_empty());
        let kill_point = variable("KINO_KILL_POINT").and_then(|point| point.into_string().ok());
        let engine =
            EngineConfig { home: home.clone(), kill_point, git: Some(git()), ..read_file(&home.join(CONFIG_FILE))? };
        Ok(Self { home, directory, program, runtime, pull_headers, forward_headers, engine, no_color, columns })
    }

    /// Settings of no place in particular.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        Self {
            home: PathBuf::new(),
            directory: PathBuf::new(),
            program: PathBuf::new(),
            runtime: None,
            pull_headers: None,
            forward_headers: None,
            engine: EngineConfig::default(),
            no_color: true,
            columns: None,
        }
    }

    /// The same settings with another home, whose own configuration is not read.
    pub(crate) fn with_home(&self, home: PathBuf) -> Self {
        Self { engine: EngineConfig { git: self.engine.git.clone(), ..EngineConfig::new(&home) }, home, ..self.clone() }
    }

    /// A folder for files that live as long as one command: in the home, or, where that cannot be written, in another
    /// place of this user's alone.
    ///
    /// # Errors
    /// Where there is none.
    pub(crate) fn scratch(&self) -> Result<PathBuf, Failure> {
        let folder = self.home.join("scratch");
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).and_then(|()| writable(&folder));
        match made {
            Ok(()) => Ok(folder),
            Err(error) => {
                self.elsewhere().ok_or_else(|| Failure::because(format!("making {}", folder.display()), &error))
            }
        }
    }

    /// A folder of this user's alone besides the home, for what the home does not take; `None` where there is none. It is
    /// never in the working directory, into which a repository brings files.
    pub(crate) fn elsewhere(&self) -> Option<PathBuf> {
        let user = rustix::process::geteuid().as_raw();
        let places =
            [self.runtime.as_ref().map(|runtime| runtime.join("kino")), Some(format!("/tmp/kino-{user}").into())];
        places.into_iter().flatten().find(|folder: &PathBuf| {
            // It may be there already, as this user's or as another's.
            fs::DirBuilder::new().mode(0o700).create(folder).ok();
            let is_private =
                |found: Metadata| found.is_dir() && found.uid() == user && found.mode() & home::OTHERS == 0;
            fs::symlink_metadata(folder).is_ok_and(is_private) && writable(folder).is_ok()
        })
    }
}

fn writable(folder: &Path) -> io::Result<()> {
    Ok(rustix::fs::access(folder, rustix::fs::Access::WRITE_OK)?)
}

/// The folder of everything that is stored; absolute.
///
/// # Errors
/// Where neither `KINO_HOME` nor `HOME` is set.
pub(crate) fn folder() -> Result<PathBuf, Failure> {
    let home = match variable("KINO_HOME").filter(|home| !home.is_empty()) {
        Some(home) => PathBuf::from(home),
        None => match variable("HOME").filter(|home| !home.is_empty()) {
            Some(user) => Path::new(&user).join(".kino"),
            None => return Err(Failure::new(code::WRONG, "the home is unknown: set KINO_HOME to a folder")),
        },
    };
    std::path::absolute(&home).map_err(|error| Failure::because(home.display(), &error))
}

/// The settings that `config.toml` of this home has, by name; empty where there is no file.
///
/// # Errors
/// As [`Settings::read`].
pub(crate) fn names_in_file(home: &Path) -> Result<toml::Table, Failure> {
    let path = home.join(CONFIG_FILE);
    match fs::read_to_string(&path) {
        Ok(text) => text.parse().map_err(|error| Failure::because(path.display(), &error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(toml::Table::new()),
        Err(error) => Err(Failure::because(path.display(), &error)),
    }
}

/// One environment variable.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(crate) fn variable(name: &str) -> Option<OsString> {
    env::var_os(name)
}

/// The git command, without the environment's variables that lead it elsewhere.
#[expect(clippy::disallowed_methods, reason = "names alone, which git is not to see")]
pub(crate) fn git() -> kino_repo::Git {
    kino_repo::Git::new(env::vars_os().map(|(name, _)| name))
}

/// What `config.toml` of this home says now.
///
/// # Errors
/// As [`Settings::read`].
pub(crate) fn reread(home: &Path) -> Result<EngineConfig, Failure> {
    read_file(&home.join(CONFIG_FILE))
}

/// As [`reread`], with the number of the file's hard links: write access through one of them changes all.
///
/// # Errors
/// As [`Settings::read`].
pub(crate) fn reread_with_links(home: &Path) -> Result<(EngineConfig, u64), Failure> {
    read_with_links(&home.join(CONFIG_FILE))
}

fn read_file(path: &Path) -> Result<EngineConfig, Failure> {
    Ok(read_with_links(path)?.0)
}

fn read_with_links(path: &Path) -> Result<(EngineConfig, u64), Failure> {
    // Opening a pipe would wait for its writer.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = match File::options().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        // The code that uses the home reports one that is not a folder.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok((EngineConfig::default(), 0));
        }
        Err(error) => return Err(Failure::because(format!("reading {}", path.display()), &error)),
    };
    let reading = |error| Failure::because(format!("reading {}", path.display()), &error);
    let found = file.metadata().map_err(reading)?;
    refuse_untrusted(path, &found)?;
    let text = io::read_to_string(file).map_err(reading)?;
    let wrong = |error| Failure::new(code::WRONG, format!("{} is wrong: {error}", path.display()));
    Ok((parse(&text).map_err(wrong)?, found.nlink()))
}

/// Refuses a configuration that another user wrote, or could have: it says what is executed and where recordings go.
/// Where each user has a group of their own, the group of the same number is theirs.
fn refuse_untrusted(path: &Path, file: &Metadata) -> Result<(), Failure> {
    let refuse = |why: String| Err(Failure::new(code::WRONG, format!("{} is not used: {why}", path.display())));
    let own_group = file.gid() == file.uid() && file.gid() != 0;
    let forbidden = if own_group { 0o002 } else { 0o022 };
    if !file.is_file() {
        refuse("it is not a regular file".to_owned())
    } else if !home::is_trusted(file) {
        refuse(format!("it belongs to {}; make it yours, or move it away", home::user_name(file.uid())))
    } else if file.mode() & forbidden != 0 {
        refuse(format!(
            "other users may write it (mode {:04o}); examine it, then `chmod go-w` it",
            file.mode() & 0o7777
        ))
    } else {
        Ok(())
    }
}

fn parse(text: &str) -> Result<EngineConfig, String> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let hint = did_you_mean(error.message()).map(|name| format!("\ndid you mean `{name}`?")).unwrap_or_default();
        format!("{}{hint}", error.to_string().trim_end())
    })
}

/// The name nearest to an unknown one, of those that serde's message lists after it, each in backquotes.
fn did_you_mean(message: &str) -> Option<String> {
    let mut names = message.strip_prefix("unknown ")?.split('`').skip(1).step_by(2);
    suggest::best(names.next()?, names)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Makes a named pipe without a writer.
    pub(crate) fn pipe(path: &Path) {
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    }

    #[test]
    fn a_configuration_that_others_may_write_is_not_obeyed() {
        use std::os::unix::fs::{PermissionsExt, chown};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(CONFIG_FILE);
        fs::write(&path, "[verify]\nallow = [[\"sh\"]]\n").unwrap();
        let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        for good in [0o600, 0o644, 0o444] {
            mode(good);
            assert_eq!(read_file(&path).unwrap().verify.allow.len(), 1);
        }
        mode(0o646);
        let refused = read_file(&path).unwrap_err().message;
        assert!(refused.contains("0646") && refused.contains("go-w"), "{refused}");
        mode(0o600);
        // Only a privileged user can give a file away; for others there is nothing more to try.
        if chown(&path, Some(12_345), Some(12_345)).is_ok() {
            assert!(read_file(&path).unwrap_err().message.contains("user 12345"));
            chown(&path, Some(0), Some(0)).unwrap();
            mode(0o664);
            assert!(read_file(&path).unwrap_err().message.contains("0664"));
        }
    }

    #[test]
    fn a_pipe_is_no_configuration_and_the_names_of_a_file_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(CONFIG_FILE);
        assert_eq!(read_with_links(&path).unwrap().1, 0);
        pipe(&path);
        assert!(read_file(&path).unwrap_err().message.contains("not a regular file"));
        fs::remove_file(&path).unwrap();
        fs::write(&path, "").unwrap();
        assert_eq!(read_with_links(&path).unwrap().1, 1);
        fs::hard_link(&path, folder.path().join("other")).unwrap();
        assert_eq!(read_with_links(&path).unwrap().1, 2);
    }

    #[test]
    fn settings_are_read_and_typos_refused() {
        let config = parse("[listen]\naddr = \"127.0.0.1:9000\"\n[sync]\npolicy = \"always\"\n").unwrap();
        assert_eq!(config.listen.addr.as_deref(), Some("127.0.0.1:9000"));
        assert_eq!(config.sync.policy, SyncKind::Always);
        let wrong = parse("[listen]\nadr = \"127.0.0.1:9000\"\n").unwrap_err();
        assert!(wrong.contains("adr") && wrong.contains("otlp_grpc"), "{wrong}");
        assert!(wrong.ends_with("did you mean `addr`?"), "{wrong}");
        let policy = parse("[sync]\npolicy = \"allways\"\n").unwrap_err();
        assert!(policy.ends_with("did you mean `always`?"), "{policy}");
        let off = parse("[findings]\noff = [\"ded_time\"]\n").unwrap_err();
        assert!(off.ends_with("did you mean `dead_time`?"), "{off}");
        let far = parse("colour = 1\n").unwrap_err();
        assert!(!far.contains("did you mean"), "{far}");
    }
}
