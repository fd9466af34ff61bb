//! The one place that starts git, so that what every call of it may not do is said once.
//!
//! Commands made here see the repository's own configuration. They name things (`rev-parse`, `symbolic-ref`, `config`,
//! `worktree add --no-checkout`, `ls-files`) and read no file of the worktree but patterns of what is ignored; what reads or writes its files goes through
//! [`IsolatedGitDir`](crate::isolated::IsolatedGitDir).

use std::ffi::OsString;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

/// How long one git command may be silent before the run goes on without its answer.
pub(crate) const GIT_TIMEOUT: Duration = Duration::from_secs(10);
/// How much is read from git at a time.
const CHUNK_BYTES: usize = 64 << 10;
/// What even commands that name things could execute, switched off: hooks, the file system monitor, submodules, and a
/// folder of the worktree that looks like a bare repository and brings a configuration along.
const OFF: [&str; 4] =
    ["core.hooksPath=/dev/null", "core.fsmonitor=false", "submodule.recurse=false", "safe.bareRepository=explicit"];
/// What is left of git's variables: where the user's own configuration is, and how far up a repository is looked for.
/// All others lead git to another repository, or name programs.
const VARIABLES: [&str; 7] = [
    "GIT_EXEC_PATH",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_COUNT",
    "GIT_CEILING_DIRECTORIES",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM",
];
/// Of these families all variables are left: the user's own settings by environment, and git-lfs'.
const VARIABLE_FAMILIES: [&str; 3] = ["GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_", "GIT_LFS_"];

/// The git command, as it is started here: without the variables of its environment that lead it elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Git {
    /// Variables that it does not get.
    removed: Vec<OsString>,
}

impl Git {
    /// For a process whose environment has variables of these names.
    pub fn new(variables: impl IntoIterator<Item = OsString>) -> Self {
        let is_removed = |name: &OsString| {
            let is_gits = name.as_encoded_bytes().starts_with(b"GIT_");
            let stays = name.to_str().is_some_and(|name| {
                VARIABLES.contains(&name) || VARIABLE_FAMILIES.iter().any(|family| name.starts_with(family))
            });
            is_gits && !stays
        };
        Self { removed: variables.into_iter().filter(is_removed).collect() }
    }

    /// A command in `directory` that reads nothing, whose output is piped, and that neither executes a hook nor fetches.
    pub(crate) fn command(&self, directory: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.arg("--no-pager").arg("-C").arg(directory);
        for off in OFF {
            command.args(["-c", off]);
        }
        for name in &self.removed {
            command.env_remove(name);
        }
        // A partial clone fetches what it lacks by programs that its configuration names. Git before 2.44 knows only the
        // second: no protocol is allowed.
        command.env("GIT_NO_LAZY_FETCH", "1").env("GIT_ALLOW_PROTOCOL", "").env("GIT_TERMINAL_PROMPT", "0");
        command.env("GIT_OPTIONAL_LOCKS", "0").env("LC_ALL", "C").args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        command
    }

    /// The first line of git's answer; `None` where it fails or says nothing.
    pub(crate) fn line(&self, directory: &Path, arguments: &[&str]) -> Option<String> {
        let text = text(self.command(directory, arguments), CHUNK_BYTES)?;
        let line = text.lines().next().unwrap_or_default().trim().to_owned();
        (!line.is_empty()).then_some(line)
    }

    /// Whether git tracks anything at or below `path`, which is relative to `directory`; false outside of repositories, and
    /// `None` where git does not say.
    pub fn tracks(&self, directory: &Path, path: &str) -> Option<bool> {
        if crate::project::worktree_of(directory).is_none() {
            return Some(false);
        }
        let mut tracked = false;
        let whole = read(self.command(directory, &["--literal-pathspecs", "ls-files", "-z", "--", path]), |chunk| {
            tracked |= !chunk.is_empty();
            !tracked
        });
        // Once it has named something, the rest is not awaited.
        if tracked { Some(true) } else { whole.then_some(false) }
    }

    /// The commit that a revision names in the repository around `directory`; `None` where it names none.
    pub fn commit_of(&self, directory: &Path, revision: &str) -> Option<String> {
        let revision = format!("{revision}^{{commit}}");
        self.line(directory, &["rev-parse", "--verify", "--quiet", "--end-of-options", &revision])
    }
}

/// A command's whole output; `None` where it fails or writes more than `bytes_max`.
pub(crate) fn text(command: Command, bytes_max: usize) -> Option<String> {
    let mut bytes = Vec::new();
    let whole = read(command, |chunk| {
        bytes.extend_from_slice(chunk);
        bytes.len() <= bytes_max
    });
    whole.then(|| String::from_utf8_lossy(&bytes).into_owned())
}

/// Hands a command's output to `each` as it comes, until `each` declines. Whether all of it came in time and the
/// command succeeded.
pub(crate) fn read(command: Command, each: impl FnMut(&[u8]) -> bool) -> bool {
    read_within(command, GIT_TIMEOUT, each)
}

/// As [`read`], of a command that may be silent for `timeout`.
pub(crate) fn read_within(mut command: Command, timeout: Duration, mut each: impl FnMut(&[u8]) -> bool) -> bool {
    let Ok(mut child) = command.spawn() else { return false };
    let Some(chunks) = pump(&mut child) else { return false };
    let whole = loop {
        match chunks.recv_timeout(timeout) {
            Ok(chunk) if each(&chunk) => {}
            Ok(_) | Err(RecvTimeoutError::Timeout) => break false,
            Err(RecvTimeoutError::Disconnected) => break true,
        }
    };
    if !whole {
        // It may have ended by itself just now.
        drop(child.kill());
    }
    child.wait().is_ok_and(|status| status.success()) && whole
}

/// Reads on a thread of its own, so that a command that hangs does not hang the reader.
fn pump(child: &mut Child) -> Option<Receiver<Vec<u8>>> {
    let mut out = child.stdout.take()?;
    let (send, receive) = sync_channel(4);
    thread::spawn(move || {
        let mut buffer = vec![0; CHUNK_BYTES];
        while let Ok(length @ 1..) = out.read(&mut buffer) {
            if send.send(buffer[..length].to_vec()).is_err() {
                return;
            }
        }
    });
    Some(receive)
}
