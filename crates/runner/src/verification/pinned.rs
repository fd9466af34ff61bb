//! Keeping a command to some processor cores.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::RunnerError;

/// Keeps this thread, and what it starts, to some cores until it is dropped.
pub(super) struct Pinned {
    before: CpuSet,
}

impl Pinned {
    /// Begins.
    ///
    /// # Errors
    /// Where the system has none of these cores for this process.
    pub(super) fn to(cores: &[usize]) -> Result<Self, RunnerError> {
        let before = sched_getaffinity(None).map_err(RunnerError::Pin)?;
        let mut wanted = CpuSet::new();
        for core in cores {
            wanted.set(*core);
        }
        sched_setaffinity(None, &wanted).map_err(RunnerError::Pin)?;
        Ok(Self { before })
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // It had these cores before.
        sched_setaffinity(None, &self.before).ok();
    }
}
