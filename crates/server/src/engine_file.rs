//! `engine.json`: where the engine of a home is, for programs other than `kino`. Written once its listeners are
//! open, again once it answers, and removed when it ends. On a read-only or full disk there is none: commands need the socket alone.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use kino_wire::admin::EngineFile;

/// The file's name in the home.
pub const ENGINE_FILE: &str = "engine.json";

/// Writes the file, or says that it cannot be written: commands find the socket, other programs need the addresses.
pub(crate) fn announce(home: &Path, file: &EngineFile) {
    if let Err(error) = write(home, file) {
        tracing::warn!(%error, home = %home.display(), "{ENGINE_FILE} cannot be written");
    }
}

/// Writes the file at once or not at all; only its owner may read it.
fn write(home: &Path, file: &EngineFile) -> io::Result<PathBuf> {
    let path = home.join(ENGINE_FILE);
    let temporary = home.join(format!("{ENGINE_FILE}.{}", file.pid));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let text = serde_json::to_string_pretty(file)?;
    let write = || {
        let mut out = options.open(&temporary)?;
        out.write_all(text.as_bytes())?;
        out.write_all(b"\n")?;
        out.sync_all()?;
        std::fs::rename(&temporary, &path)
    };
    write().inspect_err(|_| {
        // On a full disk it was begun; where it cannot be removed it was not.
        std::fs::remove_file(&temporary).ok();
    })?;
    Ok(path)
}

/// Removes the file, if it is still this engine's.
pub(crate) fn remove(home: &Path, pid: u32) {
    let path = home.join(ENGINE_FILE);
    let ours = std::fs::read(&path)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<EngineFile>(&bytes).ok())
        .is_some_and(|file| file.pid == pid);
    if ours && let Err(error) = std::fs::remove_file(&path) {
        tracing::warn!(%error, path = %path.display(), "failed to remove the engine's file");
    }
}
