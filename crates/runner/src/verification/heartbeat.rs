//! Reports a verification's progress to the engine at intervals, so that a waiting client sees that it still runs.

use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use kino_wire::verify::{HEARTBEAT_SECONDS, VerifyProgress};

use crate::Host;
use crate::recording::ask;

/// A heartbeat, until it is dropped.
pub(super) struct Heartbeat {
    progress: Arc<Mutex<VerifyProgress>>,
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    /// Begins.
    pub(super) fn new<H: Host>(host: &H, progress: VerifyProgress) -> Self {
        let progress = Arc::new(Mutex::new(progress));
        let (wake, woken) = sync_channel(1);
        let (host, latest) = (host.clone(), Arc::clone(&progress));
        let thread = thread::spawn(move || {
            while woken.recv_timeout(Duration::from_secs(HEARTBEAT_SECONDS)) != Err(RecvTimeoutError::Disconnected) {
                let now = latest.lock().unwrap_or_else(PoisonError::into_inner).clone();
                // An engine that does not answer now is asked again at the next beat; the end is what counts.
                drop(ask(&host, &now));
            }
        });
        Self { progress, wake: Some(wake), thread: Some(thread) }
    }

    /// Changes the progress, and has it reported soon.
    pub(super) fn update(&self, change: impl FnOnce(&mut VerifyProgress)) {
        change(&mut self.progress.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(wake) = &self.wake {
            // Full: a report is due anyway.
            wake.try_send(()).ok();
        }
    }

    /// Returns the present progress.
    pub(super) fn progress(&self) -> VerifyProgress {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops, and gives the last word back.
    pub(super) fn stop(mut self) -> VerifyProgress {
        self.end();
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn end(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            // It never panics; if it did, there would be nothing more to report.
            drop(thread.join());
        }
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.end();
    }
}
