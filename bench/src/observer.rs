//! What an engine's watching for findings has done and taken so far, as it and the system count it.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use kino_wire::admin::EngineFile;

/// Clock ticks a second in `/proc/PID/stat`: fixed at 100 on Linux.
pub(crate) const TICKS_PER_SECOND: u64 = 100;

/// The engine's counts of its evaluations so far.
pub(crate) struct Watched {
    /// Spans evaluated.
    pub spans: u64,
    /// Traces dropped unevaluated.
    pub unseen: u64,
}

impl Watched {
    pub(crate) fn of(engine: &EngineFile) -> anyhow::Result<Self> {
        let metrics = ureq::get(format!("http://{}/metrics", engine.http));
        let metrics = metrics.header("Authorization", format!("Bearer {}", engine.token));
        let text = metrics.call()?.body_mut().read_to_string()?;
        let figure = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.and_then(|value| value.parse().ok()).with_context(|| format!("/metrics says nothing of {name}"))
        };
        Ok(Self {
            spans: figure("kino_findings_spans_evaluated_total")?,
            unseen: figure("kino_findings_traces_dropped_total")?,
        })
    }
}

/// Processor time of the observer's threads; one that has ended counts as it was last seen.
#[derive(Default)]
pub(crate) struct Threads(HashMap<String, u64>);

impl Threads {
    pub(crate) fn look(&mut self, pid: u32) -> anyhow::Result<()> {
        for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
            let path = thread?.path();
            let is_observer = fs::read_to_string(path.join("comm")).is_ok_and(|name| name.trim() == "kino-observer");
            let ticks = is_observer.then(|| ticks(&path)).flatten();
            if let (Some(ticks), Some(id)) = (ticks, path.file_name()) {
                self.0.insert(id.to_string_lossy().into_owned(), ticks);
            }
        }
        Ok(())
    }

    pub(crate) fn time(&self) -> Duration {
        Duration::from_millis(self.0.values().sum::<u64>() * 1_000 / TICKS_PER_SECOND)
    }
}

/// A thread's user and system time; `None` once it has ended.
fn ticks(thread: &Path) -> Option<u64> {
    let stat = fs::read_to_string(thread.join("stat")).ok()?;
    let fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(2);
    Some(fields.filter_map(|ticks| ticks.parse::<u64>().ok()).sum())
}
