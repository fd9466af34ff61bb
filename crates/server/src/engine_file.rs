//! `engine.json`: the addresses of a home's engine, for programs other than `kino`. It is written once the listeners are
//! open, again once the engine answers, and removed when it ends. A read-only or full disk has none: commands need the
//! socket alone.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use kino_wire::admin::EngineFile;

/// The file's name in the home.
pub const ENGINE_FILE: &str = "engine.json";

/// Writes the file, or logs why it cannot be written: commands find the socket without it.
pub(crate) fn announce(home: &Path, file: &EngineFile) {
    if let Err(error) = write(home, file) {
        tracing::warn!(%error, home = %home.display(), "{ENGINE_FILE} cannot be written");
    }
}

/// Writes the file atomically; its owner alone may read it.
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
        // On a full disk it may be there in part; on a read-only one there is none to remove.
        std::fs::remove_file(&temporary).ok();
    })?;
    Ok(path)
}

/// Removes the file, unless it is another engine's by now.
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
