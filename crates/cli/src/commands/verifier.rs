//! Starts verifications for MCP's `verify_change`: this very program, as `kino run --against`, in a process of its own.
//!
//! Only what the user's own configuration allows is executed, never through a shell, in the client's root, with this
//! process' environment. The configuration is read anew each time, so that a permission counts at once and a
//! withdrawn one no longer.

mod reach;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use kino_mcp::{Starting, VerifyRequest, Verifying};
use kino_wire::verify::VerifyQuestion;
use kino_wire::{Problem, ProblemKind};
use rustix::fs::Mode;

use crate::args::REPEAT;
use crate::config::{self, CONFIG_FILE, Settings};
use crate::failure::{Failure, code};
use crate::{shell, start};

/// How long a verification may take to say that it runs: it looks at the code and at its base before.
const START_MAX: Duration = Duration::from_secs(20);
/// How often that is looked for.
const START_STEP: Duration = Duration::from_millis(50);
/// How much of what it said is shown where it did not start.
const WORDS_MAX: usize = 600;

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
    fn start(&self, wanted: VerifyRequest) -> Starting<'_> {
        let (settings, umask) = (self.settings.clone(), self.umask);
        Box::pin(async move {
            let started = tokio::task::spawn_blocking(move || begin(&settings, umask, &wanted)).await;
            started.map_err(|error| Problem::internal(&error))?
        })
    }

    fn wait(&self) -> Duration {
        // A file that cannot be read is said when something is to be started.
        let config = config::reread(&self.settings.home).unwrap_or_default();
        Duration::from_secs(config.verify.wait_seconds)
    }
}

fn begin(settings: &Settings, umask: Option<Mode>, wanted: &VerifyRequest) -> Result<Verifying, Problem> {
    let (config, links) = config::reread_with_links(&settings.home).map_err(problem)?;
    let Some(directory) = &wanted.directory else {
        let why = "the client names no single root, so that it is not known where the command belongs".to_owned();
        return Ok(Verifying::Denied { line: line(wanted, None), why });
    };
    if !config.verify.allow.iter().any(|allowed| allowed.allows(&wanted.command)) {
        return Ok(Verifying::Denied { line: line(wanted, Some(directory)), why: not_allowed(settings, wanted) });
    }
    if links > 1 {
        let file = settings.home.join(CONFIG_FILE);
        let why = format!(
            "{} has {links} names (hard links), so that it can be written elsewhere too: copy it, and put the copy in \
             its place",
            file.display()
        );
        return Ok(Verifying::Denied { line: line(wanted, Some(directory)), why });
    }
    if reach::lies_within(settings, directory) {
        let why = "the configuration that allows it lies in this very worktree, or in another one of its repository, \
                   which is no place for permissions: move KINO_HOME out of it"
            .to_owned();
        return Ok(Verifying::Denied { line: line(wanted, Some(directory)), why });
    }
    if !is_own(directory) {
        let why = "the root is no folder of this user's: an allowed command could run somebody else's files".to_owned();
        return Ok(Verifying::Denied { line: line(wanted, Some(directory)), why });
    }
    let id = super::run::fresh_id().map_err(problem)?;
    let log = settings.scratch().map_err(problem)?.join(format!("verify.{id}.log"));
    let child = spawn(settings, umask, wanted, directory, &id, &log).map_err(|error| Problem::internal(&error))?;
    wait_until_it_runs(settings, child, &id, &log)?;
    Ok(Verifying::Started(id))
}

/// Whether a folder, and the worktree it is in, belong to the user whose configuration allows commands. The client
/// names it, and over HTTP any user of this machine may be the client.
fn is_own(directory: &Path) -> bool {
    let user = rustix::process::geteuid().as_raw();
    let root = kino_repo::project::of(directory).map_or_else(|| directory.to_owned(), |project| project.worktree);
    [directory, root.as_path()]
        .iter()
        .all(|folder| fs::metadata(folder).is_ok_and(|folder| folder.is_dir() && folder.uid() == user))
}

fn spawn(
    settings: &Settings,
    umask: Option<Mode>,
    wanted: &VerifyRequest,
    directory: &Path,
    id: &str,
    log: &Path,
) -> io::Result<Child> {
    let mut command = match umask {
        None => Command::new(&settings.program),
        Some(umask) => {
            // A shell can set it between two programs, which is all that it does here: it reads none of the words.
            let mut command = Command::new("/bin/sh");
            command.args(["-c", r#"umask "$0" && exec "$@""#]).arg(format!("{:04o}", umask.bits()));
            command.arg(&settings.program);
            command
        }
    };
    command.arg("run").args(options(wanted)).arg(format!("--verify-id={id}")).arg("--").args(&wanted.command);
    command.current_dir(directory).env("KINO_HOME", &settings.home);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(log)?);
    // A client that goes away, or is interrupted, takes its own process group with it, and not this.
    command.process_group(0).spawn()
}

/// Waits until the engine knows of it, then leaves the process to a thread that waits for its end.
fn wait_until_it_runs(settings: &Settings, mut child: Child, id: &str, log: &Path) -> Result<(), Problem> {
    let client = start::running(settings).map_err(problem)?;
    let question = VerifyQuestion { id: id.to_owned(), wait_millis: 0 };
    let mut waited = Duration::ZERO;
    let outcome = loop {
        match client.ask(&question) {
            Ok(_) => break Ok(()),
            Err(Problem { kind: ProblemKind::NotFound, .. }) => {}
            Err(problem) => break Err(problem),
        }
        match child.try_wait() {
            Ok(Some(status)) => {
                let said = fs::read_to_string(log).unwrap_or_default();
                let said: String = said.trim().chars().take(WORDS_MAX).collect();
                let busy = status.code() == Some(i32::from(code::TRY_AGAIN));
                break Err(if busy { Problem::busy(said) } else { Problem::invalid(said) });
            }
            Ok(None) => {}
            Err(error) => break Err(Problem::internal(&error)),
        }
        if waited > START_MAX {
            break Err(Problem::busy(format!("the verification {id} has not begun yet: ask for it by its id")));
        }
        thread::sleep(START_STEP);
        waited += START_STEP;
    };
    // The log has served: from here on the record says everything. Its process goes on writing to what nobody sees.
    fs::remove_file(log).ok();
    thread::spawn(move || {
        // Nobody asks how it ended.
        child.wait().ok();
    });
    outcome
}

fn options(wanted: &VerifyRequest) -> [String; 2] {
    // One word each, so that no value can be taken for an option.
    [format!("--against={}", wanted.against), format!("--repeat={}", wanted.repeat.unwrap_or(REPEAT))]
}

/// What somebody can run instead.
fn line(wanted: &VerifyRequest, directory: Option<&Path>) -> String {
    let options = options(wanted);
    let words = ["kino", "run"].into_iter().chain(options.iter().map(String::as_str)).chain(["--"]);
    let line = shell::line(words.chain(wanted.command.iter().map(String::as_str)));
    match directory {
        Some(directory) => format!("cd {} && {line}", shell::quoted(&directory.to_string_lossy())),
        None => line,
    }
}

fn not_allowed(settings: &Settings, wanted: &VerifyRequest) -> String {
    // As JSON writes strings, which is what the configuration wants.
    let words = serde_json::to_string(&wanted.command).unwrap_or_default();
    let file = settings.home.join(CONFIG_FILE);
    format!(
        "the user's configuration does not allow this command; the user may add to {}: [verify] allow = [{words}]",
        file.display()
    )
}

fn problem(failure: Failure) -> Problem {
    let kind = match failure.code {
        code::WRONG => ProblemKind::Invalid,
        code::TRY_AGAIN => ProblemKind::Busy,
        _ => ProblemKind::Internal,
    };
    Problem { kind, message: failure.message, did_you_mean: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(command: &[&str], against: &str) -> VerifyRequest {
        let command = command.iter().map(|word| (*word).to_owned()).collect();
        VerifyRequest { command, against: against.to_owned(), repeat: None, directory: None }
    }

    #[test]
    fn only_folders_of_the_user_are_executed_in() {
        let folder = tempfile::tempdir().unwrap();
        assert!(is_own(folder.path()));
        assert!(!is_own(&folder.path().join("absent")));
        fs::write(folder.path().join("file"), "").unwrap();
        assert!(!is_own(&folder.path().join("file")));
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        // Only a privileged user can give a folder away; for others there is nothing more to try.
        if std::os::unix::fs::chown(&inner, Some(12_345), None).is_ok() {
            assert!(!is_own(&inner));
        }
    }

    #[test]
    fn a_configuration_that_has_another_name_too_allows_nothing() {
        let [home, worktree] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let settings = Settings { home: home.path().to_owned(), ..Settings::for_tests() };
        fs::write(worktree.path().join("kino.toml"), "[verify]\nallow = [[\"true\"]]\n").unwrap();
        fs::hard_link(worktree.path().join("kino.toml"), home.path().join(CONFIG_FILE)).unwrap();
        let wanted = VerifyRequest { directory: Some(worktree.path().to_owned()), ..wanted(&["true"], "HEAD") };
        let refused = begin(&settings, None, &wanted);
        assert!(matches!(&refused, Ok(Verifying::Denied { why, .. }) if why.contains("hard links")), "{refused:?}");
    }

    #[test]
    fn the_line_to_run_is_quoted_and_no_value_becomes_an_option() {
        let line =
            line(&wanted(&["python", "app.py", "--n", "a b; rm -rf /"], "--setup=evil"), Some(Path::new("/a b")));
        assert_eq!(
            line,
            "cd '/a b' && kino run --against=--setup=evil --repeat=10 -- python app.py --n 'a b; rm -rf /'"
        );
    }
}
