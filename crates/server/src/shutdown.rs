//! What ends the engine: a question, a signal, or the loss of its home.

use std::path::Path;
use std::time::Duration;

use kino_engine::Engine;

/// How often the home is checked. An engine without a home can store nothing, and no command finds it.
const HOME_EVERY: Duration = Duration::from_secs(2);

/// Returns when the engine is to end.
pub(crate) async fn requested(engine: &Engine, home: &Path, signals: bool) {
    tokio::select! {
        () = engine.stop_requested() => tracing::info!("stopping, as asked"),
        () = home_gone(home) => tracing::warn!(home = %home.display(), "the home is gone; ending"),
        signal = signal(), if signals => tracing::info!(signal, "stopping, as signalled"),
    }
}

/// Returns when the folder at `home` is gone or was replaced; at once where there is none.
async fn home_gone(home: &Path) {
    let first = identity(home).await;
    while first.is_some() && identity(home).await == first {
        tokio::time::sleep(HOME_EVERY).await;
    }
}

#[cfg(unix)]
async fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    tokio::fs::metadata(path).await.ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
async fn identity(path: &Path) -> Option<()> {
    tokio::fs::metadata(path).await.ok().map(|_| ())
}

#[cfg(unix)]
async fn signal() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::warn!("signals cannot be caught; stop with `kino stop`");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

#[cfg(not(unix))]
async fn signal() -> &'static str {
    match tokio::signal::ctrl_c().await {
        Ok(()) => "interrupt",
        Err(_) => std::future::pending().await,
    }
}
