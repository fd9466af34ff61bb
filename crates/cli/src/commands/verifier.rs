//! Starts verifications for MCP's `verify_change`: this very program, as `kino run --against`, in a process of its own.
//!
//! Only what the user's own configuration allows is executed, never through a shell, in the client's root, with this
//! process' environment. The configuration is read again each time, so that a new permission, or its
//! withdrawal, takes effect at once.

use std::path::Path;
use std::time::Duration;

use kino_mcp::{Starting, VerifyRequest, Verifying};
use kino_runner::detached::{self, Detached};
use kino_runner::reach;
use kino_wire::Problem;
use rustix::fs::Mode;

use crate::args::REPEAT;
use crate::config::{self, Settings};
use crate::home::CONFIG_FILE;
use crate::{shell, start};

/// Starts them.
pub(super) struct Verifier {
    settings: Settings,
    /// The mode bits that what is executed takes from new files, where they are not this process's own.
    umask: Option<Mode>,
}

impl Verifier {
    /// For this home.
    pub(super) fn new(settings: &Settings) -> Self {
        Self { settings: settings.clone(), umask: None }
    }

    /// What is executed makes files as it would without this process.
    pub(super) fn with_umask(self, umask: Mode) -> Self {
        Self { umask: Some(umask), ..self }
    }
}

impl kino_mcp::Verifier for Verifier {
    fn start(&self, request: VerifyRequest) -> Starting<'_> {
        let (settings, umask) = (self.settings.clone(), self.umask);
        Box::pin(async move {
            let started = tokio::task::spawn_blocking(move || begin(&settings, umask, &request)).await;
            started.map_err(|error| Problem::internal(&error))?
        })
    }

    fn wait(&self) -> Duration {
        // A file that cannot be read is said when something is to be started.
        let config = config::reread(&self.settings.home).unwrap_or_default();
        Duration::from_secs(config.verify.wait_seconds)
    }
}

fn begin(settings: &Settings, umask: Option<Mode>, request: &VerifyRequest) -> Result<Verifying, Problem> {
    let (config, links) = config::reread_with_links(&settings.home)?;
    let Some(directory) = &request.directory else {
        let why = "the client names no single root, so that it is not known where the command belongs".to_owned();
        return Ok(Verifying::Denied { line: line(request, None), why });
    };
    if !config.verify.allow.iter().any(|allowed| allowed.allows(&request.command)) {
        return Ok(Verifying::Denied { line: line(request, Some(directory)), why: not_allowed(settings, request) });
    }
    if links > 1 {
        let file = settings.home.join(CONFIG_FILE);
        let why = format!(
            "{} has {links} names (hard links), so that it can be written elsewhere too: copy it, and put the copy in \
             its place",
            file.display()
        );
        return Ok(Verifying::Denied { line: line(request, Some(directory)), why });
    }
    if reach::is_within(&settings.home.join(CONFIG_FILE), directory) {
        let why = "the configuration that allows it is in this worktree, or in another one of its repository, where a \
                   change could grant itself permissions: move KINO_HOME out of it"
            .to_owned();
        return Ok(Verifying::Denied { line: line(request, Some(directory)), why });
    }
    if !reach::is_own(directory) {
        let why =
            "the root is not a folder of this user: an allowed command could run files of another user".to_owned();
        return Ok(Verifying::Denied { line: line(request, Some(directory)), why });
    }
    let id = kino_runner::new_verification_id().map_err(|error| Problem::internal(&error))?;
    let log = settings.scratch()?.join(format!("verify.{id}.log"));
    let mut arguments = vec!["run".to_owned()];
    arguments.extend(options(request));
    arguments.extend([format!("--verify-id={id}"), "--".to_owned()]);
    arguments.extend(request.command.iter().cloned());
    let (program, home) = (&settings.program, &settings.home);
    let detached = Detached { program, arguments: &arguments, directory, home, umask, id, log: &log };
    let lease = detached::start(&start::running(settings)?, &detached)?;
    Ok(Verifying::Started(id, Box::new(lease)))
}

fn options(request: &VerifyRequest) -> [String; 2] {
    // One word each, so that no value can be taken for an option.
    [format!("--against={}", request.against), format!("--repeat={}", request.repeat.unwrap_or(REPEAT))]
}

/// Returns the command line that a person can run instead.
fn line(request: &VerifyRequest, directory: Option<&Path>) -> String {
    let options = options(request);
    let words = ["kino", "run"].into_iter().chain(options.iter().map(String::as_str)).chain(["--"]);
    let line = shell::line(words.chain(request.command.iter().map(String::as_str)));
    match directory {
        Some(directory) => format!("cd {} && {line}", shell::quoted(&directory.to_string_lossy())),
        None => line,
    }
}

fn not_allowed(settings: &Settings, request: &VerifyRequest) -> String {
    // As JSON writes strings, which is what the configuration wants.
    let words = serde_json::to_string(&request.command).unwrap_or_default();
    let file = settings.home.join(CONFIG_FILE);
    format!(
        "the user's configuration does not allow this command; the user may add to {}: [verify] allow = [{words}]",
        file.display()
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn request(command: &[&str], against: &str) -> VerifyRequest {
        let command = command.iter().map(|word| (*word).to_owned()).collect();
        VerifyRequest { command, against: against.to_owned(), repeat: None, directory: None }
    }

    #[test]
    fn a_configuration_that_has_another_name_too_allows_nothing() {
        let [home, worktree] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let settings = Settings { home: home.path().to_owned(), ..Settings::for_tests() };
        fs::write(worktree.path().join("kino.toml"), "[verify]\nallow = [[\"true\"]]\n").unwrap();
        fs::hard_link(worktree.path().join("kino.toml"), home.path().join(CONFIG_FILE)).unwrap();
        let request = VerifyRequest { directory: Some(worktree.path().to_owned()), ..request(&["true"], "HEAD") };
        let refused = begin(&settings, None, &request);
        assert!(matches!(refused, Ok(Verifying::Denied { why, .. }) if why.contains("hard links")));
    }

    #[test]
    fn the_line_to_run_is_quoted_and_no_value_becomes_an_option() {
        let line =
            line(&request(&["python", "app.py", "--n", "a b; rm -rf /"], "--setup=evil"), Some(Path::new("/a b")));
        assert_eq!(
            line,
            "cd '/a b' && kino run --against=--setup=evil --repeat=10 -- python app.py --n 'a b; rm -rf /'"
        );
    }
}
