//! When a session begins: the variables by which its programs report without `kino run`, where the assistant has a file for
//! them.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use kino_agents::Agent;
use kino_agents::hook::Called;
use kino_agents::wrap::quoted;
use kino_runner::{Bootstrap, ambient};
use kino_wire::hook::CallMoment;
use rustix::fs::OFlags;
use serde_json::Value as Json;

use super::{Place, after, ask};
use crate::{client, config};

/// The file whose lines Claude Code executes before each command of a session.
const ENV_FILE: &str = "CLAUDE_ENV_FILE";
/// A file of variables that is larger is not read, and not written to.
const ENV_FILE_BYTES_MAX: u64 = 1 << 20;
/// The line before ours.
const MARK: &str = "# kino: programs report to the engine of this home";

/// Notes that a session begins and writes its variables. Nothing is answered.
pub(super) fn begins(agent: Agent, called: &Called, place: &Place) -> Option<Json> {
    let question = after::question(agent, called, place, CallMoment::Begins)?;
    // Without an engine there is nothing to report to.
    ask::ask(&place.home, &question)?;
    let file = config::variable(ENV_FILE).filter(|file| !file.is_empty())?;
    if place.hooks.environment && agent == Agent::ClaudeCode {
        let lines = lines(&place.home, &place.directory)?;
        append(Path::new(&file), &lines);
    }
    None
}

/// The variables for programs that are started in `directory` and report to the engine of `home`; the values of the present
/// environment stay in force. `None` where no engine runs, or the bootstrap cannot be written.
pub(crate) fn variables(home: &Path, directory: &Path) -> Option<Vec<(&'static str, OsString)>> {
    let engine = client::announced(home).filter(|engine| !engine.otlp_http.is_empty())?;
    let bootstrap = Bootstrap::install(home).ok()?;
    Some(ambient::variables(&bootstrap, &engine, directory, config::variable))
}

/// The variables as lines of a shell, below a line that marks them.
fn lines(home: &Path, directory: &Path) -> Option<String> {
    let mut lines = format!("{MARK}\n");
    for (name, value) in variables(home, directory)? {
        let value = value.into_string().ok().filter(|value| !value.contains(['\n', '\0']))?;
        writeln!(lines, "export {name}={}", quoted(&value)).ok()?;
    }
    Some(lines)
}

/// Appends lines to a file of this user's that does not have them yet, in one write; anything else stays as it is.
fn append(path: &Path, lines: &str) -> Option<()> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let mut file =
        OpenOptions::new().read(true).append(true).create(true).mode(0o600).custom_flags(flags).open(path).ok()?;
    let found = file.metadata().ok()?;
    let is_own = found.is_file() && found.uid() == rustix::process::geteuid().as_raw() && found.nlink() == 1;
    if !is_own || found.len() > ENV_FILE_BYTES_MAX {
        return None;
    }
    let mut present = Vec::new();
    Read::by_ref(&mut file).take(ENV_FILE_BYTES_MAX).read_to_end(&mut present).ok()?;
    if present.windows(lines.len()).any(|window| window == lines.as_bytes()) {
        return None;
    }
    let begins_a_line = present.last().is_none_or(|last| *last == b'\n');
    let text = if begins_a_line { lines.to_owned() } else { format!("\n{lines}") };
    file.write_all(text.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn lines_are_appended_once_and_never_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("env");
        fs::write(&file, "export A=1").unwrap();
        for _ in 0..2 {
            append(&file, "# mark\nexport B=2\n");
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), "export A=1\n# mark\nexport B=2\n");
        let link = folder.path().join("link");
        symlink(&file, &link).unwrap();
        assert_eq!(append(&link, "export C=3\n"), None);
        assert!(!fs::read_to_string(&file).unwrap().contains("C=3"));
        let twice = folder.path().join("twice");
        fs::hard_link(&file, &twice).unwrap();
        assert_eq!(append(&twice, "export C=3\n"), None);
    }
}
