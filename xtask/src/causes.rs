//! Whether the first suspect of `kino compare` is the true cause, measured on faults in a real system.
//!
//! ```text
//!  causes/programs ── record: a normal window, a fault, a second window ──► target/causes/cases/*.jsonl
//!  target/causes/cases ── report: import, `kino compare`, rank services ──► a table
//! ```
//!
//! Owns the system, the faults and the count of right answers; never ranks a suspect itself. A third of all pairs of a
//! service and a fault is sealed: a ranking is tuned on the others, and judged by these once.

mod bank;
mod cases;
pub(crate) mod engine;
mod faults;
mod load;
mod proxy;
mod record;
mod report;
mod running;
mod services;
mod tables;

use std::path::PathBuf;

use crate::exec;

/// What to do about causes.
#[derive(Clone, Copy, Debug, PartialEq, clap::ValueEnum)]
pub(crate) enum Action {
    /// Starts the system of causes/ and records each case that is not recorded yet
    Record,
    /// Asks `kino compare` about each open case, and counts how often the first suspect is right
    Report,
}

/// Arguments of `cargo xtask accuracy --causes`.
#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Args {
    /// Measures the suspects of `kino compare` instead of findings
    #[arg(long, value_name = "ACTION", conflicts_with_all = ["seeds", "detector", "tuning"])]
    causes: Option<Action>,
    /// The binary to record or to ask; without it `kino` among the release builds
    #[arg(long, requires = "causes", value_name = "PATH")]
    kino: Option<PathBuf>,
    /// The folder for cases; without it `causes/` in the folder of build products
    #[arg(long, requires = "causes", value_name = "PATH")]
    cache: Option<PathBuf>,
    /// Only cases whose name begins like this; may be repeated
    #[arg(long = "case", requires = "causes", value_name = "NAME")]
    cases: Vec<String>,
    /// record: seconds of a window
    #[arg(long, requires = "causes", default_value_t = 12, value_name = "N")]
    seconds: u64,
    /// record: how many cases have no fault
    #[arg(long, requires = "causes", default_value_t = 12, value_name = "N")]
    unchanged: usize,
    /// record: what faults, their parameters and requests follow from; another seed makes other cases
    #[arg(long, requires = "causes", default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Only the sealed cases; record: with those that have no fault. They are the third of all pairs of service and fault
    /// that a report leaves out otherwise, so that no ranking is tuned on them
    #[arg(long, requires = "causes")]
    sealed: bool,
    /// report: prints what was suspected in each case, too
    #[arg(long, requires = "causes")]
    detail: bool,
    /// report: writes the tables to this file, too
    #[arg(long, requires = "causes", value_name = "FILE")]
    write: Option<PathBuf>,
}

impl Args {
    /// Returns whether this is about causes at all.
    pub(crate) fn is_wanted(&self) -> bool {
        self.causes.is_some()
    }

    fn cache(&self) -> anyhow::Result<PathBuf> {
        match &self.cache {
            Some(path) => Ok(path.clone()),
            None => Ok(exec::target_dir(&exec::workspace_root()?)?.join("causes")),
        }
    }

    fn kino(&self) -> anyhow::Result<PathBuf> {
        exec::kino(self.kino.as_deref())
    }

    fn is_chosen(&self, name: &str) -> bool {
        self.cases.is_empty() || self.cases.iter().any(|start| name.starts_with(start))
    }
}

/// Records or reports; false when it did not reach its end.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    match args.causes {
        Some(Action::Record) => record::run(args),
        Some(Action::Report) | None => report::run(args),
    }
}
