//! `check`: which traces are checked, against what, and how the answer is written.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::ScopeArguments;
use crate::completion;

/// Arguments of `check`.
#[derive(Debug, Args)]
#[command(after_help = "\
Executes nothing: it reads what was recorded, by default of the newest state of this worktree's code that was run. \
Expectations stand in kino.toml at the repository's root:

  expect = [
    \"journal.generate p95 < 10 s\",
    \"no n_plus_one in /checkout\",
    \"at most 3 SQL calls in load_cart\",
    \"no new error types\",
  ]

An expectation that no execution says anything about is no pass (--allow-no-data makes it one). docs/check.md has \
the whole grammar. Exit codes: 0 everything holds, 1 something does not, 2 an expectation cannot be read.

Examples:
  kino check
  kino check --run 4f2a91c0 --expect 'load_cart p95 < 1 s'
  kino check --write-baseline kino-baseline.json
  kino check --baseline kino-baseline.json --format junit > report.xml")]
pub(crate) struct Check {
    /// Traces of this run (id, or a unique prefix).
    #[arg(long, value_name = "RUN_ID", conflicts_with = "label", add = completion::runs())]
    pub(crate) run: Option<String>,
    /// Traces of runs with this label.
    #[arg(long, value_name = "NAME", add = completion::labels())]
    pub(crate) label: Option<String>,
    /// At most this many traces, the newest.
    #[arg(long, value_name = "N", default_value_t = kino_wire::check::DEFAULT_LAST,
          value_parser = parse_last)]
    pub(crate) last: usize,
    /// An expectation besides those of kino.toml; may be repeated.
    #[arg(long = "expect", value_name = "EXPECTATION")]
    pub(crate) expect: Vec<String>,
    /// Also compare with this file, which --write-baseline wrote.
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// Write what was measured to this file, to be committed, and check nothing.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["baseline", "expect"])]
    pub(crate) write_baseline: Option<PathBuf>,
    /// How the answer is written.
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub(crate) format: CheckFormat,
    /// Expectations without any execution do not fail.
    #[arg(long)]
    pub(crate) allow_no_data: bool,
    /// Whose traces.
    #[command(flatten)]
    pub(crate) scope: ScopeArguments,
}

/// How `check` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// For people.
    Text,
    /// `kino.check.v1`, as with --json.
    Json,
    /// JUnit's XML.
    Junit,
    /// Annotations of GitHub Actions.
    Github,
}

fn parse_last(text: &str) -> Result<usize, String> {
    let max = kino_wire::check::MAX_LAST;
    let number = text.parse().ok().filter(|last| (1..=max).contains(last));
    number.ok_or_else(|| format!("a number from 1 to {max} is expected"))
}
