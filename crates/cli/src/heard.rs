//! When an assistant was last heard from: a small file in the home for each and for each way, whose time is the time.
//! Best effort: a home that cannot be written changes nothing else.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use kino_agents::Agent;

/// The folder of the home that is about assistants.
pub(crate) const FOLDER: &str = "assistants";

/// The way by which an assistant was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    /// Its MCP client.
    Mcp,
    Hook,
}

impl Channel {
    /// Its name in answers and in files.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Mcp => "mcp",
            Self::Hook => "hook",
        }
    }
}

/// Notes that an assistant spoke just now.
pub(crate) fn note(home: &Path, agent: Agent, channel: Channel) {
    let folder = home.join(FOLDER);
    fs::DirBuilder::new().mode(0o700).create(&folder).ok();
    // Truncating an empty file does not move its time, writing does.
    fs::write(file(home, agent, channel), b"\n").ok();
}

/// When an assistant last spoke, in nanoseconds since 1970, and how; `None` where it never did.
pub(crate) fn last(home: &Path, agent: Agent) -> Option<(i64, Channel)> {
    let times = [Channel::Mcp, Channel::Hook].into_iter().filter_map(|channel| {
        let modified = fs::symlink_metadata(file(home, agent, channel)).ok()?.modified().ok()?;
        let since = modified.duration_since(UNIX_EPOCH).ok()?;
        Some((i64::try_from(since.as_nanos()).ok()?, channel))
    });
    times.max_by_key(|(time, _)| *time)
}

fn file(home: &Path, agent: Agent, channel: Channel) -> PathBuf {
    home.join(FOLDER).join(format!("heard-{agent}-{}", channel.id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_way_counts_and_a_missing_home_changes_nothing() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(last(home.path(), Agent::Codex), None);
        note(home.path(), Agent::Codex, Channel::Mcp);
        std::thread::sleep(std::time::Duration::from_millis(20));
        note(home.path(), Agent::Codex, Channel::Hook);
        assert_eq!(last(home.path(), Agent::Codex).unwrap().1, Channel::Hook);
        assert_eq!(last(home.path(), Agent::Cursor), None);
        note(Path::new("/nonexistent/home"), Agent::Codex, Channel::Mcp);
    }
}
