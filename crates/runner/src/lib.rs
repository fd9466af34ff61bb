//! Executing programs: a recorded run of a command, and the runs of a verification.
//!
//! ```text
//!  recording     ids, code state ─► run_start ─► child (environment, streams, signals) ─► run_finish
//!  verification  base ─► verify_start ─► worktree, set-up ─► runs of both sides in turn ─► verify_finish
//!  spool         runs that no engine took, in files of the working directory until one does
//!  injection     spans of unprepared programs: collected beside the command, passed on to the engine
//!  commands      what programs start into which nothing can be put: seen in /proc
//!  news          what is new while a server runs, on the user's terminal
//!  nextest       a test of nextest as a process of its own, with its span
//!  suites        tests that a report or the output of a run names
//!  ambient       variables for programs that report without a run
//!  child         a process with its streams: passed through a pseudo-terminal or pipes, and captured
//!  detached      a verification in a process of its own
//!  reach         whether what is executed in a folder could write the permission for it
//! ```
//!
//! The engine is asked through [`Host`], which the program that executes implements: this crate neither starts engines
//! nor prints.

pub mod ambient;
pub mod child;
mod commands;
pub mod detached;
mod environment;
mod error;
mod host;
mod injection;
mod java;
mod lines;
mod news;
pub mod nextest;
pub mod reach;
pub mod recording;
mod service_name;
mod silence;
pub mod spool;
mod stragglers;
mod suites;
pub mod verification;

pub use commands::Sampled;
pub use error::RunnerError;
pub use host::{Client, EngineNews, Host, Progress};
pub use injection::Injected;
pub use java::{JavaAgent, JavaAgentError};
pub use kino_inject::bootstrap::Bootstrap;
pub use silence::{Silence, why_no_spans};
pub use verification::Order;

use kino_model::VerificationId;

/// Returns a new, random id for a verification.
///
/// # Errors
/// Where the system has no randomness.
pub fn new_verification_id() -> Result<VerificationId, RunnerError> {
    Ok(VerificationId(random()?))
}

fn random<const BYTES: usize>() -> Result<[u8; BYTES], RunnerError> {
    let mut random = [0; BYTES];
    getrandom::fill(&mut random).map_err(RunnerError::NoRandomness)?;
    Ok(random)
}
