//! What `init` has written, in the home: for each file the hashes before and after, and a copy of what was there. With it
//! `--undo` knows whether a file was changed since. It is written before the file is, so that a process that is killed
//! between leaves nothing that cannot be undone.

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use kino_agents::Agent;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::failure::{Failure, code, unwritable};
use crate::heard::FOLDER;

/// The version of the record.
const SCHEMA: &str = "kino.init_record.v1";
/// The record's file.
const FILE: &str = "record.json";

/// All that was written.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Stored {
    schema: String,
    files: Vec<InstalledFile>,
}

/// One file that was written.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct InstalledFile {
    /// As the assistant names it.
    pub(super) path: PathBuf,
    /// The repository's folder; `None` for a file of the user's.
    pub(super) project: Option<PathBuf>,
    /// Ids of the assistants that it was written for.
    pub(super) agents: Vec<String>,
    /// The hash of what was there; `None` where there was nothing.
    pub(super) before: Option<String>,
    /// The hash of what was written.
    pub(super) after: String,
    /// The name of the copy of what was there.
    pub(super) backup: Option<String>,
    /// Folders that were made for it, outermost first.
    pub(super) folders: Vec<PathBuf>,
    /// Whether `before` is what was there before any change of Kinescope's.
    pub(super) is_whole: bool,
}

/// The record, locked for as long as it is open.
#[derive(Debug)]
pub(super) struct InstallRecord {
    folder: PathBuf,
    stored: Stored,
    _lock: File,
}

impl InstallRecord {
    /// Opens the record of a home, which is made where there is none.
    ///
    /// # Errors
    /// Where the home cannot be written, another process is at it, or the record cannot be read.
    pub(super) fn open(home: &Path) -> Result<Self, Failure> {
        crate::home::prepare(home)?;
        let folder = home.join(FOLDER);
        let failed = |error: io::Error| unwritable(format!("writing {}", folder.display()), &error);
        match DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
            _ => {}
        }
        let lock = OpenOptions::new().create(true).write(true).truncate(false).mode(0o600).open(folder.join("lock"));
        let lock = lock.map_err(failed)?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(Failure::new(code::TRY_AGAIN, "another `kino init` is writing: try again when it is done"));
        }
        let path = folder.join(FILE);
        let stored = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Stored::default(),
            Err(error) => return Err(failed(error)),
            Ok(bytes) => serde_json::from_slice::<Stored>(&bytes).map_err(|error| {
                let failure = Failure::because(path.display(), &error);
                Failure::new(code::FAILED, format!("{}; move it away to go on without it", failure.message))
            })?,
        };
        if !stored.schema.is_empty() && stored.schema != SCHEMA {
            let message = format!("{} was written by a newer version of kino", path.display());
            return Err(Failure::new(code::FAILED, message));
        }
        Ok(Self { folder, stored, _lock: lock })
    }

    /// Files that were written, of the user's or of one repository.
    pub(super) fn files(&self, project: Option<&Path>) -> Vec<InstalledFile> {
        self.stored.files.iter().filter(|entry| entry.project.as_deref() == project).cloned().collect()
    }

    /// The entry of a file.
    pub(super) fn get(&self, path: &Path) -> Option<&InstalledFile> {
        self.stored.files.iter().find(|entry| entry.path == path)
    }

    /// What was in a file before it was first written; `None` where nothing was, or it is unknown.
    pub(super) fn backup(&self, entry: &InstalledFile) -> Option<String> {
        // The name comes from a file: it names one in this folder, or nothing.
        let name = entry.backup.as_deref().filter(|name| !name.contains('/'))?;
        fs::read_to_string(self.folder.join(name)).ok().filter(|text| Some(hash(text)) == entry.before)
    }

    /// Notes that a file is about to be written.
    ///
    /// # Errors
    /// Where the home cannot be written.
    pub(super) fn begin(&mut self, new: InstalledFile, before: Option<&str>, after: &str) -> Result<(), Failure> {
        let after = hash(after);
        let now = before.map(hash);
        let found = self.stored.files.iter_mut().find(|entry| entry.path == new.path);
        if let Some(entry) = found {
            // Unchanged since the last time, or that was never finished: the first state is still the one to restore.
            let is_continued = now.as_ref() == Some(&entry.after);
            let was_unfinished = now == entry.before;
            entry
                .agents
                .extend(new.agents.into_iter().filter(|agent| !entry.agents.contains(agent)).collect::<Vec<_>>());
            if !is_continued && !was_unfinished {
                entry.is_whole = false;
            }
            entry.after = after;
        } else {
            let mut entry = InstalledFile { before: now, after, ..new };
            if let Some(text) = before {
                let name = format!("{}.before", &hash(&entry.path.to_string_lossy())[..16]);
                self.write(&name, text.as_bytes())?;
                entry.backup = Some(name);
            }
            self.stored.files.push(entry);
        }
        self.save()
    }

    /// Forgets a file, with the copy of what was there.
    ///
    /// # Errors
    /// Where the home cannot be written.
    pub(super) fn forget(&mut self, path: &Path) -> Result<(), Failure> {
        let Some(index) = self.stored.files.iter().position(|entry| entry.path == path) else { return Ok(()) };
        let entry = self.stored.files.remove(index);
        self.save()?;
        if let Some(name) = entry.backup.filter(|name| !name.contains('/')) {
            drop(fs::remove_file(self.folder.join(name)));
        }
        Ok(())
    }

    fn save(&mut self) -> Result<(), Failure> {
        SCHEMA.clone_into(&mut self.stored.schema);
        let bytes = serde_json::to_vec_pretty(&self.stored).map_err(|error| Failure::because("the record", &error))?;
        self.write(FILE, &bytes)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let (path, temporary) = (self.folder.join(name), self.folder.join(format!("{name}.new")));
        let write = || {
            let mut options = OpenOptions::new();
            let mut file = options.create(true).write(true).truncate(true).mode(0o600).open(&temporary)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&temporary, &path)
        };
        write().map_err(|error| unwritable(format!("writing {}", path.display()), &error))
    }
}

impl InstalledFile {
    /// An entry of a file that is about to be written for an assistant.
    pub(super) fn new(path: &Path, project: Option<&Path>, agents: &[Agent], folders: &[PathBuf]) -> Self {
        Self {
            path: path.to_owned(),
            project: project.map(Path::to_owned),
            agents: agents.iter().map(|agent| agent.id().to_owned()).collect(),
            folders: folders.to_vec(),
            is_whole: true,
            ..Self::default()
        }
    }
}

/// The SHA-256 of a text, in hexadecimal digits.
pub(super) fn hash(text: &str) -> String {
    let mut digits = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        // Writing to a text cannot fail.
        write!(digits, "{byte:02x}").ok();
    }
    digits
}
