//! Why something could not be executed.

use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;

use kino_repo::CheckOutError;

/// Why something could not be executed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RunnerError {
    /// Nothing of that name can be executed.
    #[error("{0}: command not found")]
    CommandNotFound(String),
    /// It is there and cannot be executed.
    #[error("{program} cannot be executed: {error}")]
    NotExecutable {
        /// As it was given.
        program: String,
        /// What the system says.
        error: Arc<io::Error>,
    },
    /// The system refused something that an execution needs.
    #[error("{attempted}: {error}")]
    System {
        /// What was attempted, as in "opening a terminal for the command".
        attempted: &'static str,
        /// What the system says.
        error: Arc<io::Error>,
    },
    /// The system has no randomness.
    #[error("no randomness: {0}")]
    NoRandomness(getrandom::Error),
    /// The thread that registers a run ended without a result.
    #[error("the thread that registers the run ended early")]
    Unregistered,
    /// The engine is silent.
    #[error("the engine has not answered {0} s after the command's end; `kino doctor` finds out why")]
    NoAnswer(u64),
    /// BASE is nothing to compare with.
    #[error(
        "{revision:?} is not a revision of the repository around {}, nor another base: write a git revision (HEAD, \
         main, 4f2a91c), `previous`, or run:ID, label:NAME, code:HASH, time:START..END",
        directory.display()
    )]
    Base {
        /// As it was given.
        revision: String,
        /// Where it was looked for.
        directory: PathBuf,
    },
    /// The command cannot be pinned to the cores that were asked for.
    #[error("--pin: the command cannot be pinned to these cores: {0}")]
    Pin(rustix::io::Errno),
    /// Other revisions are asked for where there is no repository.
    #[error("this directory is in no git repository, so it has no revisions")]
    NoRepository,
    /// The other revision could not be checked out.
    #[error(transparent)]
    CheckOut(Arc<CheckOutError>),
    /// What sets the other revision up failed.
    #[error("--setup ended with {status}:{last_words}")]
    SetUp {
        /// How it ended.
        status: ExitStatus,
        /// The last lines of what it wrote, each on a line of its own.
        last_words: String,
    },
    /// The other revision has no such folder.
    #[error("there is no folder {} at the revision to compare with", .0.display())]
    NoFolder(PathBuf),
}

impl RunnerError {
    pub(crate) fn system(attempted: &'static str, error: io::Error) -> Self {
        Self::System { attempted, error: Arc::new(error) }
    }

    /// Why a command did not start.
    pub(crate) fn not_started(program: &OsStr, error: io::Error) -> Self {
        let program = program.to_string_lossy().into_owned();
        match error.kind() {
            io::ErrorKind::NotFound => Self::CommandNotFound(program),
            _ => Self::NotExecutable { program, error: Arc::new(error) },
        }
    }

    /// Returns the exit code that shells give in this case: 127 where there is no such command, 126 where it cannot be
    /// executed, otherwise 125.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::CommandNotFound(_) => 127,
            Self::NotExecutable { .. } => 126,
            _ => 125,
        }
    }
}
