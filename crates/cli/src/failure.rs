//! What went wrong, as the user reads it, and the exit code that says it to a script.

use std::{fmt, io};

use jiff::tz::TimeZone;
use kino_text::time;
use kino_wire::ask::{Target, TargetKind};
use kino_wire::{Problem, ProblemKind};

use crate::render;

/// Exit codes, as `kino --help` lists them.
pub(crate) mod code {
    pub(crate) const FAILED: u8 = 1;
    /// The arguments, or the question, are wrong.
    pub(crate) const WRONG: u8 = 2;
    /// Nothing has that name or id.
    pub(crate) const NOT_FOUND: u8 = 3;
    /// The engine cannot be reached or started.
    pub(crate) const NO_ENGINE: u8 = 4;
    /// Something it needs is not installed or not allowed.
    pub(crate) const UNAVAILABLE: u8 = 5;
    /// At a limit right now; also: another engine has this home.
    pub(crate) const TRY_AGAIN: u8 = 75;
    /// A verification that could not be decided (`run --against`).
    pub(crate) const UNDECIDED: u8 = 3;
    /// Ended by the user, as shells say it.
    pub(crate) const INTERRUPTED: u8 = 130;
    /// `run` itself failed, not its command.
    pub(crate) const RUN_FAILED: u8 = 125;
    /// `run`'s command cannot be executed.
    pub(crate) const NOT_EXECUTABLE: u8 = 126;
    /// `run`'s command was not found.
    pub(crate) const COMMAND_NOT_FOUND: u8 = 127;
}

/// A failure: what, and what to do next.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) code: u8,
    /// Sentences for a person.
    pub(crate) message: String,
}

impl Failure {
    /// A failure with its code.
    pub(crate) fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// A plain failure, with the error's chain of causes behind what was attempted.
    pub(crate) fn because(attempted: impl fmt::Display, error: &dyn std::error::Error) -> Self {
        let failure = Self::from_error(error);
        Self { message: format!("{attempted}: {}", failure.message), ..failure }
    }

    /// A plain failure, with the error's chain of causes.
    pub(crate) fn from_error(error: &dyn std::error::Error) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        Self::new(code::FAILED, message)
    }

    /// The engine cannot be reached or started.
    pub(crate) fn no_engine(message: impl Into<String>) -> Self {
        Self::new(code::NO_ENGINE, message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let code = match problem.kind {
            ProblemKind::Invalid => code::WRONG,
            ProblemKind::NotFound => code::NOT_FOUND,
            ProblemKind::Busy => code::TRY_AGAIN,
            ProblemKind::Unavailable => code::UNAVAILABLE,
            ProblemKind::Internal => code::FAILED,
        };
        let mut message = problem.message;
        let near: Vec<_> = problem.did_you_mean.iter().map(|near| render::clean(near)).collect();
        if let Some((first, others)) = near.split_first() {
            message = format!("{message}\n  did you mean {first:?}?");
            for other in others {
                message = format!("{message}\n            or {other:?}?");
            }
        }
        let zone = time::zone();
        let digits = distinct_digits(&problem.candidates);
        for target in &problem.candidates {
            message = format!("{message}\n  {}", candidate(target, digits, &zone));
        }
        Self { code, message }
    }
}

impl From<Failure> for Problem {
    /// What a failure of this process is to the assistant that asked. Where no engine can be reached, it is a fault, which
    /// clients answer by looking for another one.
    fn from(failure: Failure) -> Self {
        let kind = match failure.code {
            code::WRONG => ProblemKind::Invalid,
            code::NOT_FOUND => ProblemKind::NotFound,
            code::UNAVAILABLE => ProblemKind::Unavailable,
            code::TRY_AGAIN => ProblemKind::Busy,
            _ => ProblemKind::Internal,
        };
        Self::new(kind, failure.message)
    }
}

/// Digits of an id that are shown where they suffice to distinguish the candidates.
const ID_DIGITS: usize = 12;

/// How many digits make the ids of the candidates differ; at least [`ID_DIGITS`].
fn distinct_digits(candidates: &[Target]) -> usize {
    let ids: Vec<&str> = candidates
        .iter()
        .filter(|target| target.kind != TargetKind::Operation)
        .map(|target| target.id.as_str())
        .collect();
    let distinct = |digits: &usize| {
        let mut begins: Vec<&str> = ids.iter().map(|id| id.get(..*digits).unwrap_or(id)).collect();
        begins.sort_unstable();
        begins.windows(2).all(|pair| pair[0] != pair[1])
    };
    (ID_DIGITS..64).find(distinct).unwrap_or(64)
}

/// One thing that fits: its kind, its id, when it was, and what it is called.
fn candidate(target: &Target, digits: usize, zone: &TimeZone) -> String {
    let (kind, name) = (target.kind.name(), render::clean(&target.name));
    if target.kind == TargetKind::Operation {
        let services = if name.is_empty() { String::new() } else { format!(" ({name})") };
        return format!("{kind} {:?}{services}", render::clean(&target.id));
    }
    let id = target.id.get(..digits).unwrap_or(&target.id);
    let when = target.time_unix_nanos.map(|nanos| format!(" {}", time::show(nanos, zone))).unwrap_or_default();
    format!("{kind} {id}{when} {name}").trim_end().to_owned()
}

/// A home that cannot be written, and what helps.
pub(crate) fn unwritable(attempted: String, error: &io::Error) -> Failure {
    let failure = Failure::because(attempted, error);
    Failure::no_engine(format!("{}; {}", failure.message, remedy(error.kind())))
}

/// What helps where the home cannot be written.
pub(crate) fn remedy(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space: the disk is full",
        io::ErrorKind::ReadOnlyFilesystem => "mount the disk for writing, or set KINO_HOME to another place",
        _ => "make it writable for you, or set KINO_HOME to another place",
    }
}
